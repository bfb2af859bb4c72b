"""Scorecards: the workbooks of a month, written from what was published.

What lives here: two assets. What does not: layout (``kenpo_pipelines.scorecards``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from assets.common import DATABASE_POOL, MONTHS, is_forced
from assets.faults import faults_told
from kenpo_pipelines.scorecards.publication import (
    COMPARISON,
    are_scorecards_current,
    remember_scorecards,
    remembered_scorecards,
    write_scorecards,
)
from resources.installation import Installation
from resources.steps import SCORECARDS, scorecards_code, scorecards_fingerprint

GROUP = SCORECARDS
_DEPS = [dg.AssetKey(["serving", "kpi_facts"]), dg.AssetKey(["serving", "submission_ledger"])]
_BRANCHES = dg.AssetKey([GROUP, "branch_workbooks"])
_COMPARISON = dg.AssetKey([GROUP, "comparison_workbook"])


def scorecard_assets() -> dg.AssetsDefinition:
    """Return the multi-asset of the month's workbooks."""
    texts = {
        _BRANCHES: "支部別KPI実績: one workbook per branch and one for 協会全体. Grain: one branch.",
        _COMPARISON: "支部比較: 協会全体 first, then the branches in code order. Grain: one month.",
    }
    specs = [
        dg.AssetSpec(
            key=key,
            deps=_DEPS,
            group_name=GROUP,
            owners=["team:planning"],
            kinds={"excel"},
            description=text,
            code_version=scorecards_code(),
            partitions_def=MONTHS,
        )
        for key, text in texts.items()
    ]

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
            paths = write_scorecards(installation.database(), outputs, installation.catalogue, as_of=month)
            remember_scorecards(outputs, month, fingerprint, paths)
        for key, of_key in ((_COMPARISON, True), (_BRANCHES, False)):
            mine = [path for path in paths if path.name.startswith(COMPARISON) is of_key]
            shown = {"kept": True} if kept else {}
            yield dg.MaterializeResult(asset_key=key, metadata={"files": len(mine), **shown, **_links(mine)})

    return scorecards


def _links(paths: list[Path]) -> dict[str, dg.MetadataValue[Any]]:
    return {path.stem.replace("-", "_"): dg.MetadataValue.path(path) for path in paths}
