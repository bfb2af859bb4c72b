"""Alembic's entry: migrate over the connection that ``migrate.upgrade`` hands over, inside its transaction."""

from alembic import context

from kenpo_pipelines.serving.migrate import VERSION_TABLE, is_ours
from kenpo_pipelines.serving.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_object=is_ours,
    transactional_ddl=True,  # of SQLite too: its driver is told not to commit by itself, see database.py
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
