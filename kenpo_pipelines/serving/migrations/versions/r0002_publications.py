"""Publications: which months are published, and from what, so that an unchanged one is not published again.

The table of rejected rows says how many of a file it holds at most."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OLD_COMMENT = "Quarantine: why a row of a submission was not loaded. Grain: one fault of one row."
_COMMENT = (
    "Quarantine: why a row of a submission was not loaded; of each file at most 1,000 faults, those of its first rows "
    "(submission_ledger.rows_rejected counts all). Grain: one fault of one row."
)


def _timestamp() -> TypeEngine[Any]:
    """A point in time; ISO 8601 text in UTC on SQLite."""
    return sa.DateTime(timezone=True).with_variant(sa.String(20), "sqlite")


def upgrade() -> None:
    """Create the table; months published before it is there are published anew, which changes none of their rows."""
    op.create_table(
        "publications",
        sa.Column("month", sa.String(length=7), nullable=False, comment="Reporting month, YYYY-MM"),
        sa.Column(
            "fingerprint",
            sa.String(length=64),
            nullable=False,
            comment="Digest of all that the publication was made from; an equal one is not published again",
        ),
        sa.Column(
            "run_id",
            sa.Text(),
            nullable=False,
            comment="Run that wrote the row as it stands; an unchanged row keeps its run",
        ),
        sa.Column("published_at", _timestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        sa.Column(
            "code_version", sa.Text(), nullable=False, comment="Release and digest of the rules that made the row"
        ),
        sa.CheckConstraint("month LIKE '____-__'", name=op.f("ck_publications_month")),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_publications")),
        comment="Publications as they stand. Grain: one reporting month. Written in the transaction that publishes it.",
    )
    if op.get_context().dialect.supports_comments:
        op.create_table_comment("rejected_rows", _COMMENT, existing_comment=_OLD_COMMENT)


def downgrade() -> None:
    """Drop the table."""
    if op.get_context().dialect.supports_comments:
        op.create_table_comment("rejected_rows", _OLD_COMMENT, existing_comment=_COMMENT)
    op.drop_table("publications")
