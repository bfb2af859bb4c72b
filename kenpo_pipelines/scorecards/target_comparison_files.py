"""新旧対照 as files beside the month's scorecards.

What lives here: the names of the files, and when there is nothing to compare. What does not: their layout.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.scorecards.files import write_atomically
from kenpo_pipelines.scorecards.pages.target_comparison_page import target_comparison_page
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.scorecards.target_comparison import compare_targets, has_year_before
from kenpo_pipelines.scorecards.target_comparison_workbook import write_target_comparison_workbook


def file_names(month: str) -> tuple[str, str]:
    """The names of workbook and page of a month: targets_2024_2025.xlsx and .html."""
    year = fiscal.fiscal_year_of(month)
    stem = f"targets_{year - 1}_{year}"
    return f"{stem}.xlsx", f"{stem}.html"


def write_target_comparison(
    rows: Iterable[ScorecardRow | Mapping[str, Any] | object],
    folder: Path,
    catalogue: Catalogue,
    month: str,
    provenance: Provenance,
) -> list[Path]:
    """Write workbook and page of the month's fiscal year against the year before into ``folder``; return their paths.

    ``rows`` are the month's published rows, of any branches and fiscal years. Nothing is written where there is nothing to
    compare: in the first fiscal year that is judged, and where neither year has a row.
    """
    if not has_year_before(catalogue, fiscal.fiscal_year_of(month)):
        return []
    comparison = compare_targets(catalogue, rows)
    if not comparison.branches:
        return []
    workbook, page = (folder / name for name in file_names(month))
    return [
        write_target_comparison_workbook(workbook, comparison, provenance),
        write_atomically(page, target_comparison_page(comparison, provenance)),
    ]
