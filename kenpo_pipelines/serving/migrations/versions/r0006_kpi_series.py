"""Monthly series of KPI figures: what run charts draw. Filled when a month is published anew."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NAME = "kpi_series"


def _timestamp() -> TypeEngine[Any]:
    """A point in time; ISO 8601 text in UTC on SQLite."""
    return sa.DateTime(timezone=True).with_variant(sa.String(20), "sqlite")


def _exact() -> TypeEngine[Any]:
    """DECIMAL(28,10); canonical text on SQLite."""
    return sa.Numeric(28, 10).with_variant(sa.String(30), "sqlite")


def _text(name: str, comment: str, length: int | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=False, comment=comment)


def _number(name: str, comment: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, _exact(), nullable=nullable, comment=comment)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        _NAME,
        _text("as_of", "Month of the scorecard, YYYY-MM", 7),
        sa.Column(
            "fiscal_year",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Fiscal year, April to March; 2025 = 令和7年度",
        ),
        _text("branch_code", "Branch code; 00 = 協会全体", 2),
        _text("kpi_id", "KPI, as in the catalogue", 64),
        _text("figure_as_of", "Month the figure itself belongs to, YYYY-MM; not after as_of", 7),
        _number("value", "The figure, rounded half-up to the branch's own precision", nullable=False),
        _number("numerator", "Numerator of the figure, unrounded"),
        _number("denominator", "Denominator of the figure, unrounded"),
        _number(
            "month_value",
            "What the month itself adds, in the KPI's unit; of a figure that does not add up over the year the figure; "
            "NULL where the month before is lacking",
        ),
        _number("month_cases", "Cases that month_value stands on; NULL for counts"),
        _text("source", "computed from records, or reported", 16),
        _text("figure_known_month", "Reporting month in which the figure arrived, YYYY-MM", 7),
        _text("run_id", "Run that wrote the row as it stands; an unchanged row keeps its run"),
        sa.Column("published_at", _timestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        _text("code_version", "Release and digest of the rules that made the row"),
        sa.ForeignKeyConstraint(["branch_code"], ["branches.branch_code"], name=op.f(f"fk_{_NAME}_branches")),
        sa.ForeignKeyConstraint(
            ["kpi_id", "fiscal_year"], ["kpis.kpi_id", "kpis.fiscal_year"], name=op.f(f"fk_{_NAME}_kpis")
        ),
        sa.PrimaryKeyConstraint(
            *("as_of", "fiscal_year", "branch_code", "kpi_id", "figure_as_of"), name=op.f(f"pk_{_NAME}")
        ),
        sa.CheckConstraint("as_of LIKE '____-__'", name=op.f(f"ck_{_NAME}_as_of")),
        sa.CheckConstraint(
            "figure_as_of LIKE '____-__' AND figure_as_of <= as_of", name=op.f(f"ck_{_NAME}_figure_as_of")
        ),
        sa.CheckConstraint(
            "figure_known_month LIKE '____-__' AND figure_known_month <= as_of",
            name=op.f(f"ck_{_NAME}_figure_known_month"),
        ),
        sa.CheckConstraint("source IN ('computed', 'reported')", name=op.f(f"ck_{_NAME}_source")),
        comment="Monthly figures of the fiscal year of as_of and the two before, as known by as_of: what run charts draw. "
        "Grain: as_of x fiscal year x branch x KPI x month of the figure.",
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table(_NAME)
