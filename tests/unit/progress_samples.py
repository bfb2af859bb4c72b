"""Rows of the progress report made by hand, for its tests."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import scorecard_samples
from submission_files import catalogue

from kenpo_pipelines.fiscal import TOKYO
from kenpo_pipelines.scorecards import Provenance, ScorecardRow
from kenpo_pipelines.scorecards.progress import ProgressReport, progress_report
from kenpo_pipelines.serving.progress_queries import ActivityRow, InitiativeRow, MarkRow
from kenpo_pipelines.serving.series import SeriesPoint

INITIATIVE = InitiativeRow(
    as_of="2025-06", fiscal_year=2025, branch_code="13", area="広報関連予算", initiative="広報誌", line_order=1, is_sum=False,
    figure_as_of="2025-06", budget_yen=Decimal(1000), executed_yen=None, status="未着手", prior_budget_yen=Decimal(900),
    source_document="東京支部 令和7年度事業実施状況",
)  # fmt: skip
ACTIVITY = ActivityRow(
    as_of="2025-06", fiscal_year=2025, branch_code="13", area="", item="訪問", figure_as_of="2025-05", line_order=1,
    item_count=Decimal(5), unit="件", basis="cumulative", printed="", source_document="",
)  # fmt: skip
MARK = MarkRow(
    as_of="2025-06", fiscal_year=2025, branch_code="13", area="", subject="広報誌", marked_as_of="2025-06", mark="△",
    author="企画総務グループ長", reason="委託先の決定が遅れているため",
)  # fmt: skip


def initiative(name: str = "広報誌", **changes: Any) -> InitiativeRow:
    return replace(INITIATIVE, **{"initiative": name, **changes})


def activity(month: str, count: int | None, **changes: Any) -> ActivityRow:
    number = None if count is None else Decimal(count)
    return replace(ACTIVITY, **{"figure_as_of": month, "item_count": number, **changes})


def mark(subject: str = "広報誌", **changes: Any) -> MarkRow:
    return replace(MARK, **{"subject": subject, **changes})


def point(kpi_id: str, month: str, value: str, *, numerator: str | None = None, year: int = 2025) -> SeriesPoint:
    return SeriesPoint(
        fiscal_year=year, branch_code="13", kpi_id=kpi_id, figure_as_of=month, value=Decimal(value),
        numerator=None if numerator is None else Decimal(numerator), denominator=None, month_value=None, month_cases=None,
        source="reported", figure_known_month=month,
    )  # fmt: skip


def tokyo_rows(**changes: Any) -> list[ScorecardRow]:
    """東京 as of 2025-06, as printed; ``changes`` by KPI id are columns."""
    rows = [row for row in scorecard_samples.rows_tokyo() if row.fiscal_year == 2025 and row.branch_code == "13"]
    return [replace(row, **changes.get(row.kpi_id, {})) for row in rows]


def report_of(
    *,
    initiatives: list[InitiativeRow] | None = None,
    activities: list[ActivityRow] | None = None,
    marks: list[MarkRow] | None = None,
    series: list[SeriesPoint] | None = None,
    rows: list[ScorecardRow] | None = None,
) -> ProgressReport:
    """The report of 東京 from these rows."""
    return progress_report(
        tokyo_rows() if rows is None else rows,
        initiatives or [],
        activities or [],
        marks or [],
        series or [],
        catalogue(),
    )


def provenance() -> Provenance:
    return Provenance(
        as_of="2025-06",
        publish_month="2025-06",
        run_id="run-1",
        written_at=dt.datetime(2025, 7, 10, 9, 0, tzinfo=TOKYO),
        code_version="1.0",
        submissions=(),
        origins=("submission",),
    )
