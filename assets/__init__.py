"""Dagster assets: what is materialised, from what, in which group. Thin: the work is done in the floors below."""
