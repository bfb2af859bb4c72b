"""Flags (旗): what checks found that endangers a published figure."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = ("kpi_facts", "kpi_facts_history")
_COMMENT = "旗: what checks found that endangers the figure, in Japanese, one per line"


def upgrade() -> None:
    """Add the column; rows that are there have no flags until their month is published anew."""
    for table in _TABLES:
        op.add_column(
            table, sa.Column("flags", sa.Text(), nullable=False, server_default=sa.text("''"), comment=_COMMENT)
        )


def downgrade() -> None:
    """Drop the column."""
    for table in reversed(_TABLES):
        op.drop_column(table, "flags")
