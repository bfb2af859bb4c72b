"""Every page that the project writes, made from rows without running a month; each also of rows full of hostile text."""

import datetime as dt
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import national_samples
import progress_samples
from browser import hostile
from scorecard_samples import provenance, rows_2023, rows_tokyo
from submission_files import RESULT_HEADER, catalogue, contracts, csv_text, result_row

from kenpo_pipelines.disclosure.persons import load_persons
from kenpo_pipelines.scorecards import Provenance, ScorecardRow
from kenpo_pipelines.scorecards.check_report.making import report_of_check
from kenpo_pipelines.scorecards.check_report.sheets import PAGE_ROOM
from kenpo_pipelines.scorecards.check_report.writing import provenance_of, report_bytes
from kenpo_pipelines.scorecards.insight import KpiInsight, insights
from kenpo_pipelines.scorecards.pages.branch_page import branch_page
from kenpo_pipelines.scorecards.pages.national_page import national_page
from kenpo_pipelines.scorecards.pages.target_comparison_page import target_comparison_page
from kenpo_pipelines.scorecards.progress import ProgressReport
from kenpo_pipelines.scorecards.progress.page import progress_page
from kenpo_pipelines.scorecards.public_edition import (
    FOOTNOTE,
    hidden_in_public,
    public_provenance,
    public_rows,
    public_series,
)
from kenpo_pipelines.scorecards.target_comparison import TargetComparison, compare_targets
from kenpo_pipelines.serving.restatement_queries import Restatement, RestatementFile
from kenpo_pipelines.serving.series import SeriesPoint
from kenpo_pipelines.submissions.submit import check

_MOMENT = dt.datetime(2025, 7, 10, 0, 12, tzinfo=dt.UTC)
_BRANCH = "13"

rows = cache(national_samples.rows)
previous_rows = cache(national_samples.previous_rows)
series = cache(national_samples.series)


def hostile_provenance() -> Provenance:
    """A provenance whose files have hostile names."""
    base = provenance()
    files = [replace(one, file=f"{hostile.ALL}.csv") for one in base.submissions]
    return replace(base, submissions=tuple(files), run_id=hostile.SCRIPT, code_version=hostile.IMAGE)


def restatement(text: str) -> Restatement:
    """東京's check-up rate, told anew; names, causes and the file say ``text``."""
    file = RestatementFile("kpi_results", "2025-05", text, "9b" * 32, "appeared")
    old = next(row for row in rows() if (row.branch_code, row.kpi_id) == (_BRANCH, "checkup_rate_insured"))
    assert old.value is not None
    return Restatement(
        restatement_id=1, as_of="2025-05", fiscal_year=2025, branch_code=_BRANCH, branch=text, kpi_id=old.kpi_id,
        kpi=text, kpi_order=old.kpi_order, old_value=old.value - 1, old_value_text="", old_numerator=None,
        old_denominator=None, old_figure_as_of="2025-05", old_target_text=text, old_outcome="not_attained",
        new_value=old.value, new_value_text="", new_numerator=None, new_denominator=None, new_figure_as_of="2025-05",
        new_target_text=text, new_outcome="attained", causes="files", cause_text=text, old_code_version=text,
        new_code_version=text, old_run_id=text, new_run_id=text, old_published_at=_MOMENT,
        restated_at=_MOMENT + dt.timedelta(days=3), files=(file,),
    )  # fmt: skip


def national() -> bytes:
    """The national overview."""
    return national_page(
        rows(), previous_rows(), series(), national_samples.ledger(), [restatement("訂正")], national_samples.late(),
        provenance(),
    )  # fmt: skip


def national_hostile() -> bytes:
    """The national overview of hostile rows; two branches and two KPIs keep readable names."""
    late = [
        replace(one, dataset_name=hostile.ALL, branch=hostile.ALL, reason=hostile.ALL)
        for one in national_samples.late()
    ]
    ledger = [replace(one, file=hostile.ALL, notices=hostile.ALL) for one in national_samples.ledger()]
    own = [hostile.hostile_row(row) for row in rows()]
    before = [hostile.hostile_row(row) for row in previous_rows()]
    return national_page(
        own, before, series(), ledger, [restatement(hostile.ALL)], late, hostile_provenance(),
        dataset_names={"kpi_results": hostile.ALL},
    )  # fmt: skip


def _of_branch(found: list[ScorecardRow]) -> list[ScorecardRow]:
    return [row for row in found if row.branch_code == _BRANCH]


@dataclass(frozen=True)
class BranchFacts:
    """What 東京's scorecard is made from."""

    rows: list[ScorecardRow]
    insights: list[KpiInsight]
    restatements: list[Restatement]


def branch_facts(change: Callable[[ScorecardRow], ScorecardRow] = lambda row: row, told: str = "訂正") -> BranchFacts:
    """東京 with everything on it: charts, changes, flags, a restatement, the year before; ``change`` is made to every row."""
    own = [*_of_branch(rows()), *(row for row in rows_tokyo() if row.fiscal_year == 2024)]
    found = insights([change(row) for row in rows()], [change(row) for row in previous_rows()], series(), catalogue())
    mine = [one for one in found if one.row.branch_code == _BRANCH]
    return BranchFacts([change(row) for row in own], mine, [restatement(told)])


def branch() -> bytes:
    """東京's scorecard."""
    facts = branch_facts()
    return branch_page(facts.rows, facts.insights, provenance(), facts.restatements)


def branch_hostile() -> bytes:
    """東京's scorecard of hostile rows."""
    facts = branch_facts(hostile.hostile_row, hostile.ALL)
    return branch_page(facts.rows, facts.insights, hostile_provenance(), facts.restatements)


def branch_plain() -> bytes:
    """東京 as published: no series, so no charts."""
    own = rows_tokyo()
    return branch_page(own, insights(own, [], [], catalogue()), provenance())


def _target_rows() -> list[ScorecardRow]:
    old = [replace(row, fiscal_year=2024) for row in rows_2023(provenance().as_of)]
    return [*old, *(row for row in rows_tokyo()), *(row for row in rows() if row.branch_code in ("00", "05"))]


def targets() -> bytes:
    """Targets of two fiscal years."""
    return target_comparison_page(compare_targets(catalogue(), _target_rows()), provenance())


def hostile_comparison() -> TargetComparison:
    """The same of hostile rows."""
    return compare_targets(catalogue(), [hostile.hostile_row(row) for row in _target_rows()])


def targets_hostile() -> bytes:
    """Targets of two fiscal years, of hostile rows."""
    return target_comparison_page(hostile_comparison(), hostile_provenance())


def _check_report(name: str, table: list[list[str]], suffix: str = ".html") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(csv_text(table), encoding="utf-8")
        contract = contracts()["kpi_results"]
        checked = check(path, contract, catalogue(), "2025-06")
        report = report_of_check(path, contract, checked, "2025-06", PAGE_ROOM)
        return report_bytes(suffix, report, provenance_of(report, "0.1.0", _MOMENT))


def check_report() -> bytes:
    """A branch's file with three faulty cells."""
    faulty = [result_row(実績値="1.03&"), result_row(KPI="ない指標"), result_row(時点="2025-13", KPI="recovery_rate")]
    fine = [result_row(KPI="recovery_rate", 実績値="32.07"), result_row(KPI="checkup_rate_insured", 実績値="5.1")]
    return _check_report("kpi_results_2025-06_13.csv", [RESULT_HEADER, *fine, *faulty])


def check_report_hostile(suffix: str = ".html") -> bytes:
    """A file with hostile text in its name and in every column that takes text."""
    lines = [
        result_row(**{column: text})
        for text in (*hostile.TEXTS, hostile.ALL)
        for column in ("支部", "KPI", "実績値", "単位")
    ]
    return _check_report('<img src=x onerror=alert(4)>".csv', [RESULT_HEADER, *lines], suffix)


def progress() -> bytes:
    """東京's progress report with counts of each month, budgets, and a mark that people gave."""
    initiatives = [
        progress_samples.initiative("広報誌", executed_yen=Decimal(900), status="契約済み"),
        progress_samples.initiative("LINE公式アカウント", line_order=2, executed_yen=Decimal(1100), status="契約済み"),
        progress_samples.initiative(
            "合計", line_order=3, is_sum=True, budget_yen=Decimal(2000), executed_yen=Decimal(2000)
        ),
    ]
    activities = [progress_samples.activity(month, count) for month, count in (("2025-04", 2), ("2025-05", 5))]
    report = progress_samples.report_of(
        initiatives=initiatives, activities=activities, marks=[progress_samples.mark()], series=_points_of_branch()
    )
    return progress_page(report, progress_samples.provenance())


def hostile_progress_report() -> ProgressReport:
    """A progress report whose initiatives, activities, authors and reasons are hostile."""
    return progress_samples.report_of(
        initiatives=[
            progress_samples.initiative(text, area=hostile.ALL, line_order=place, source_document=hostile.ALL)
            for place, text in enumerate((*hostile.TEXTS, hostile.ALL))
        ],
        activities=[
            progress_samples.activity(
                "2025-05", 5, item=text, area=hostile.ALL, unit=hostile.SCRIPT, printed=hostile.ALL
            )
            for text in hostile.TEXTS
        ],
        marks=[progress_samples.mark(hostile.SCRIPT, area=hostile.ALL, author=hostile.ALL, reason=hostile.ALL)],
        rows=[hostile.hostile_row(row) for row in progress_samples.tokyo_rows()],
    )


def progress_hostile() -> bytes:
    """The page of that report."""
    return progress_page(hostile_progress_report(), hostile_provenance())


def _points_of_branch() -> list[SeriesPoint]:
    return [point for point in series() if point.branch_code == _BRANCH]


def public() -> bytes:
    """The public edition of 東京's scorecard: small counts of persons are hidden."""
    persons = load_persons()
    small = [
        replace(row, numerator=Decimal(6), denominator=Decimal(918))
        if (row.branch_code, row.kpi_id) == (_BRANCH, "guidance_rate_dependants")
        else row
        for row in rows()
    ]
    hidden = hidden_in_public([*small, *previous_rows()], series(), persons)
    own = public_rows(small, hidden, persons)
    before = public_rows(previous_rows(), hidden, persons)
    found = insights(own, before, public_series(series(), hidden), catalogue())
    mine = [one for one in found if one.row.branch_code == _BRANCH]
    told = replace(public_provenance(provenance()), edition=f"公開版　{FOOTNOTE}")
    return branch_page(_of_branch(own), mine, told)


MADE_PAGES: dict[str, Callable[[], bytes]] = {
    page.__name__: page
    for page in (
        national, national_hostile, branch, branch_hostile, branch_plain, targets, targets_hostile, check_report,
        check_report_hostile, progress, progress_hostile, public,
    )
}  # fmt: skip
HOSTILE_PAGES = tuple(name for name in MADE_PAGES if name.endswith("_hostile"))
