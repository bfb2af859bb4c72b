"""Alembic migrations of the serving database; run by ``kenpo_pipelines.serving.migrate.upgrade``."""
