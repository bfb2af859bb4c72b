"""Alerts: from failed checks and runs to messages that people get. The outbox in the serving database stands in between."""
