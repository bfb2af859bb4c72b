"""The progress reports of a month: which branches have one, their names, writing them.

What lives here: that choice. What does not: the month's other files (``scorecards.publication``, which calls this).
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sqlalchemy import Engine

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.scorecards.files import write_atomically
from kenpo_pipelines.scorecards.progress.page import progress_page
from kenpo_pipelines.scorecards.progress.report import progress_report
from kenpo_pipelines.scorecards.progress.workbook import write_progress_workbook
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.serving.progress_queries import activity_rows, initiative_rows, mark_rows
from kenpo_pipelines.serving.queries import ScorecardRow
from kenpo_pipelines.serving.series import SeriesPoint


def write_progress(
    engine: Engine,
    folder: Path,
    catalogue: Catalogue,
    month: str,
    provenance: Provenance,
    rows: Iterable[ScorecardRow],
    series: Sequence[SeriesPoint],
    branch_code: str | None = None,
    on_file: Callable[[str], None] = lambda name: None,
) -> list[Path]:
    """Write workbook and page of every branch that reports initiatives, activities, or marks of this month; return the paths.

    ``rows`` are the published lines of the month (all branches), ``series`` its figures by month. With ``branch_code`` only
    that branch's. ``on_file`` is told each name before it is written. A branch without a published line of the month's fiscal
    year has no report.
    """
    initiatives, activities, marks = (
        initiative_rows(engine, month),
        activity_rows(engine, month),
        mark_rows(engine, month),
    )
    reporting = {row.branch_code for row in initiatives} | {row.branch_code for row in activities}
    reporting |= {row.branch_code for row in marks if row.marked_as_of == month}
    by_branch: dict[str, list[ScorecardRow]] = {}
    for row in rows:
        if row.fiscal_year == fiscal.fiscal_year_of(month):
            by_branch.setdefault(row.branch_code, []).append(row)
    written = []
    for code in sorted(reporting & by_branch.keys()):
        if branch_code not in (None, code):
            continue
        own = [point for point in series if point.branch_code == code]
        report = progress_report(by_branch[code], initiatives, activities, marks, own, catalogue)
        name = progress_name(catalogue, code, month)
        on_file(f"{name}.xlsx")
        written.append(write_progress_workbook(folder / f"{name}.xlsx", report, provenance))
        on_file(f"{name}.html")
        written.append(write_atomically(folder / f"{name}.html", progress_page(report, provenance)))
    return written


def progress_name(catalogue: Catalogue, branch_code: str, month: str) -> str:
    """Return the files' name without its ending, in ASCII: progress_2025-06_13_tokyo."""
    name = "nation" if branch_code == NATION else catalogue.branch_by_code[branch_code].name_en.lower()
    return f"progress_{month}_{branch_code}_{name.replace(' ', '-')}"
