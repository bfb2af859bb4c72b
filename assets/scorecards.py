"""Scorecards: the workbooks, pages and reports of a month, written from what was published.

What lives here: one asset for each kind of file. What does not: layout (``kenpo_pipelines.scorecards``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.common import DATABASE_POOL, MONTHS, is_forced
from assets.faults import faults_told
from kenpo_pipelines.automation.late_on_scorecards import late_on_scorecards
from kenpo_pipelines.scorecards.publication import (
    PUBLIC,
    are_scorecards_current,
    remember_scorecards,
    remembered_scorecards,
    write_scorecards,
)
from kenpo_pipelines.serving.schema import PROGRESS
from kenpo_pipelines.submissions.contract import dataset_names
from resources.installation import Installation
from resources.steps import SCORECARD_FILES, SCORECARDS, scorecards_code, scorecards_fingerprint

GROUP = SCORECARDS
_MOST_LINKS = 100


@dataclass(frozen=True)
class _Kind:
    """One kind of file. ``prefix`` and ``suffix`` are those of its names."""

    text: str
    prefix: str
    suffix: str
    kinds: frozenset[str]
    reads: tuple[str, ...] = ("kpi_facts", "kpi_series", "submission_ledger")

    def has(self, path: Path) -> bool:
        return path.name.startswith(self.prefix) and path.name.endswith(self.suffix)


_EXCEL, _HTML = frozenset({"excel"}), frozenset({"html"})
_PROGRESS = ("kpi_facts", "kpi_series", *(table.name for table in PROGRESS))
_KINDS = {
    "branch_workbooks": _Kind(
        "支部別KPI実績: one workbook per branch and one for 協会全体. Grain: one branch.", "scorecard_", ".xlsx", _EXCEL
    ),
    "branch_pages": _Kind(
        "支部別KPI実績: the same as one page each, with run charts. Grain: one branch.", "scorecard_", ".html", _HTML
    ),
    "comparison_workbook": _Kind(
        "支部比較: 協会全体 first, then the branches in code order. Grain: one month.", "comparison_", ".xlsx", _EXCEL
    ),
    "national_page": _Kind(
        "全国の状況: heat table, map, ranking, funnel and control charts. Grain: one month.",
        "national_",
        ".html",
        _HTML,
    ),
    "progress_reports": _Kind(
        "事業実施状況: KPIs, activity counts and initiatives of a branch that reports them, as workbook and page. "
        "Grain: one branch.",
        "progress_",
        "",
        _EXCEL | _HTML,
        _PROGRESS,
    ),
    "target_comparison": _Kind(
        "新旧対照: KPIs and targets of this fiscal year and the one before, as workbook and page. Grain: one month.",
        "targets_",
        "",
        _EXCEL | _HTML,
        ("kpi_facts", "kpi_targets"),
    ),
}
_PUBLIC = "public_edition"
_PUBLIC_TEXT = (
    "公開版: workbooks and pages with small counts of persons hidden, in a folder of their own. Grain: one file."
)


def scorecard_assets() -> dg.AssetsDefinition:
    """Return the multi-asset of the month's scorecards."""
    specs = [_spec(name, kind.text, kind.kinds, kind.reads) for name, kind in _KINDS.items()]
    specs.append(_spec(_PUBLIC, _PUBLIC_TEXT, _EXCEL | _HTML, ("kpi_facts", "kpi_series")))
    assert {spec.key.path[-1] for spec in specs} == {one.name for one in SCORECARD_FILES}

    @dg.multi_asset(name="scorecards", specs=specs, pool=DATABASE_POOL)
    @faults_told
    def scorecards(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        month, outputs = context.partition_key, installation.outputs
        fingerprint = scorecards_fingerprint(installation, month)
        kept = not is_forced(context) and are_scorecards_current(outputs, month, fingerprint)
        if kept:
            paths = remembered_scorecards(outputs, month)
        else:
            paths = _write(installation, month)
            remember_scorecards(outputs, month, fingerprint, paths)
        public = [path for path in paths if path.parent.name == PUBLIC]
        internal = [path for path in paths if path.parent.name != PUBLIC]
        files = {name: [path for path in internal if kind.has(path)] for name, kind in _KINDS.items()}
        for name, mine in {**files, _PUBLIC: public}.items():
            shown = {"kept": True} if kept else {}
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey([GROUP, name]), metadata={"files": len(mine), **shown, **_links(mine)}
            )

    return scorecards


def _spec(name: str, text: str, kinds: frozenset[str], reads: tuple[str, ...]) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=dg.AssetKey([GROUP, name]),
        deps=[dg.AssetKey(["serving", table]) for table in reads],
        group_name=GROUP,
        owners=["team:planning"],
        kinds=set(kinds),
        description=text,
        code_version=scorecards_code(),
        partitions_def=MONTHS,
    )


def _write(installation: Installation, month: str) -> list[Path]:
    database, catalogue, contracts = installation.database(), installation.catalogue, installation.contracts
    late = late_on_scorecards(database, installation.lake, contracts, catalogue.branches, month)
    return write_scorecards(
        database, installation.outputs, catalogue, month, late=late, dataset_names=dataset_names(contracts)
    )


def _links(paths: list[Path]) -> dict[str, dg.MetadataValue[Any]]:
    return {path.name.replace("-", "_").replace(".", "_"): dg.MetadataValue.path(path) for path in paths[:_MOST_LINKS]}
