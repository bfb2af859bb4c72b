"""Bring a serving database to the newest form of its tables, from empty or from any older revision.

What lives here: running the migrations in ``migrations/``. Several processes may call :func:`upgrade` at once: each
looks without a lock, and those that find work to do take turns.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Table
from sqlalchemy.sql.schema import SchemaItem

from kenpo_pipelines.serving.database import write_transaction
from kenpo_pipelines.serving.faults import translated
from kenpo_pipelines.serving.schema import metadata

VERSION_TABLE = "kenpo_alembic_version"
"""Not Alembic's default name, which Dagster takes when its storage shares the PostgreSQL database."""

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine) -> None:
    """Create or migrate the tables, in one transaction; nothing happens when they are up to date.

    Raises :class:`PassingFault` when another process holds the database too long, :class:`PermanentFault` when the
    database comes from a newer version of the project or refuses the change.
    """
    with translated(engine, "create or migrate the tables"):
        with engine.connect() as connection:
            if revision_of(connection) == newest_revision():
                return
        with write_transaction(engine) as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def revision_of(connection: Connection) -> str | None:
    """Return the revision that the database is at; None for an empty one."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def newest_revision() -> str | None:
    """Return the newest revision in ``migrations/``."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def alembic_config() -> Config:
    """Return Alembic's configuration, without an ini file; ``attributes["connection"]`` is the caller's to set."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def is_ours(item: SchemaItem, name: str | None, kind: str, _reflected: bool, _compared_to: SchemaItem | None) -> bool:
    """Tell Alembic to leave alone the tables of others that share the database."""
    return not (isinstance(item, Table) and kind == "table") or name in metadata.tables
