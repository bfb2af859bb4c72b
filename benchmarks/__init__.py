"""Measurements, printed as tables and never asserted. ``docs/benchmarks.md`` keeps the figures with the machine."""
