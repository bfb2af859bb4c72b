"""Jobs, and later schedules, sensors and alerts: when the assets run."""
