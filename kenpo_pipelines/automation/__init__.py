"""When the assets run, and what people are told: jobs, schedules, sensors, late branches, alerts."""
