"""What the progress report (事業実施状況) is made of: initiatives, counts of activities, marks given by people.

Filled when a month is published anew.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_IS_MONTH = "LIKE '____-__'"


def _timestamp() -> TypeEngine[Any]:
    """A point in time; ISO 8601 text in UTC on SQLite."""
    return sa.DateTime(timezone=True).with_variant(sa.String(20), "sqlite")


def _exact() -> TypeEngine[Any]:
    """DECIMAL(28,10); canonical text on SQLite."""
    return sa.Numeric(28, 10).with_variant(sa.String(30), "sqlite")


def _text(name: str, comment: str, length: int | None = None, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=nullable, comment=comment)


def _integer(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False, comment=comment)


def _number(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, _exact(), nullable=True, comment=comment)


def _key() -> list[sa.Column[Any]]:
    return [
        _text("as_of", "Month of the report, YYYY-MM", 7),
        _integer("fiscal_year", "Fiscal year, April to March; 2025 = 令和7年度"),
        _text("branch_code", "Branch code; 00 = 協会全体", 2),
        _text("area", "Field (分野) as the branch names it; may be empty"),
    ]


def _published() -> list[sa.Column[Any]]:
    return [
        _text("run_id", "Run that wrote the row as it stands; an unchanged row keeps its run"),
        sa.Column("published_at", _timestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        _text("code_version", "Release and digest of the rules that made the row"),
    ]


def _constraints(table: str, own_key: list[str], checks: dict[str, str]) -> list[Any]:
    return [
        sa.PrimaryKeyConstraint("as_of", "fiscal_year", "branch_code", "area", *own_key, name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(["branch_code"], ["branches.branch_code"], name=op.f(f"fk_{table}_branches")),
        sa.ForeignKeyConstraint(["fiscal_year"], ["fiscal_years.fiscal_year"], name=op.f(f"fk_{table}_fiscal_years")),
        sa.CheckConstraint(f"as_of {_IS_MONTH}", name=op.f(f"ck_{table}_as_of")),
        *(sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}")) for name, condition in checks.items()),
    ]


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "initiatives",
        *_key(),
        _text("initiative", "Initiative (取組名) as the branch names it"),
        _integer("line_order", "Place in the report of the branch"),
        sa.Column(
            "is_sum",
            sa.Boolean(),
            nullable=False,
            comment="True for a line that sums up others: no initiative, and never added up",
        ),
        _text(
            "figure_as_of",
            "Month that the branch's report describes, YYYY-MM; NULL for the plan of the year",
            7,
            nullable=True,
        ),
        _text("figure_known_month", "Reporting month in which it arrived, YYYY-MM", 7),
        _number("budget_yen", "予算額 in yen; NULL when none is told"),
        _number("executed_yen", "執行（予定）額 in yen, since April; NULL when none is told"),
        _text("status", "未着手, 調達中, 契約済み, ― (nothing to procure) or empty", 16),
        _number("prior_budget_yen", "前年度予算額 in yen; NULL when none is told"),
        _text("source_document", "Document the row was taken from"),
        *_published(),
        *_constraints(
            "initiatives",
            ["initiative"],
            {
                "figure_as_of": f"figure_as_of {_IS_MONTH} AND figure_as_of <= as_of",
                "status": "status IN ('未着手', '調達中', '契約済み', '―', '')",
            },
        ),
        comment="事業予算・執行: initiatives as known by as_of, the newest report of each branch. "
        "Grain: as_of x fiscal year x branch x field x initiative.",
    )
    op.create_table(
        "activity_counts",
        *_key(),
        _text("item", "What is counted (項目), as the branch names it"),
        _text("figure_as_of", "Month whose end the count describes, or in which it happened, YYYY-MM", 7),
        _text("figure_known_month", "Reporting month in which it arrived, YYYY-MM", 7),
        _integer("line_order", "Place in the reports of the branch"),
        _number("item_count", "The count; NULL while there is none"),
        _text("unit", "Unit of the count as printed"),
        _text("basis", "cumulative (since April), month, level (a state) or unstated (taken as since April)", 16),
        _text("printed", "Text as printed in the source document"),
        _text("source_document", "Document the count was taken from"),
        *_published(),
        *_constraints(
            "activity_counts",
            ["item", "figure_as_of"],
            {
                "figure_as_of": f"figure_as_of {_IS_MONTH} AND figure_as_of <= as_of",
                "basis": "basis IN ('cumulative', 'month', 'level', 'unstated')",
            },
        ),
        comment="取組件数: counts of activities of the fiscal year as known by as_of. "
        "Grain: as_of x fiscal year x branch x field x item x month of the count.",
    )
    op.create_table(
        "progress_marks",
        *_key(),
        _text("subject", "KPI (id or name) or initiative that is marked (対象)"),
        _text("marked_as_of", "Month of the report on which the mark stands, YYYY-MM", 7),
        _text("mark_known_month", "Reporting month in which it arrived, YYYY-MM", 7),
        _text("mark", "○ as planned, △ late or in part, × not done, ― not due yet", 1),
        _text("author", "Post or section that gives the mark"),
        _text("reason", "Why the proposed mark does not fit"),
        *_published(),
        *_constraints(
            "progress_marks",
            ["subject", "marked_as_of"],
            {
                "marked_as_of": f"marked_as_of {_IS_MONTH} AND marked_as_of <= as_of",
                "mark": "mark IN ('○', '△', '×', '―')",
            },
        ),
        comment="進捗評価: marks that people gave in place of the proposed ones, as known by as_of. "
        "Grain: as_of x fiscal year x branch x field x subject x month of the mark.",
    )


def downgrade() -> None:
    """Drop the three tables."""
    for table in ("progress_marks", "activity_counts", "initiatives"):
        op.drop_table(table)
