"""Judgement: targets resolved and figures judged, between the KPI figures and the marts.

What lives here: one asset. What does not: the rules (``kenpo_pipelines.catalogue``).
"""

from dataclasses import replace
from typing import Any

import dagster as dg

from assets.common import (
    MONTHS,
    column_schema,
    history_of,
    is_forced,
    key_of,
    partition_result,
    preview_of_table,
    remember,
    renews_targets,
)
from assets.faults import faults_told
from expectations.markdown import markdown_table
from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.models import ModelProject
from kenpo_pipelines.serving.published_targets import published_targets
from kenpo_pipelines.serving.schema import frozen_targets
from resources.installation import Installation
from resources.steps import INPUTS, JUDGEMENTS, PUBLISHED_TARGETS, judgement_code, judgement_fingerprint

_FIGURE = ("value", "numerator", "denominator", "is_done", "gap")
_RECORDS = ("note", "reported_value", "reported_numerator", "reported_denominator")
_PRIOR = ("prior_value", "prior_numerator", "prior_denominator", "prior_is_done")
_TARGET = (
    *("own_comparator", "own_target_value", "is_contradictory", "registered_as"),
    *("national_comparator", "national_target_value", "national_is_contradictory"),
    *("prior_value", "prior_numerator", "prior_denominator"),
    *("prior_june_value", "prior_june_numerator", "prior_june_denominator"),
)
_COMES_FROM = {
    **{name: (name,) for name in ("fiscal_year", "branch_code", "kpi_id")},
    **dict.fromkeys(("value", "value_text"), _FIGURE),
    **dict.fromkeys(("target", "target_text", "comparator", "target_source"), _TARGET),
    **dict.fromkeys(
        ("outcome", "reason", "reason_text", "ratio_to_target", "is_nearly_attained"), (*_FIGURE, *_TARGET)
    ),
    "notes": (*_FIGURE, *_TARGET, *_RECORDS),
    **dict.fromkeys(("prior_value", "prior_value_text"), _PRIOR),
    "prior_as_of": ("prior_as_of", *_PRIOR),
    "status": ("figure_as_of", "fiscal_year", "gap"),
    **dict.fromkeys(("target_exact", "target_is_fixed", "target_rests_on_prior_year"), _TARGET),
    "target_used_since": (*_FIGURE, *_TARGET),
}
"""Columns of ``judgement_inputs`` that decide each column. Judgement is Python, so nobody can read this from SQL."""

_KEPT_IN = {
    **{name: name for name in ("target", "target_text", "comparator", "target_source", "target_exact")},
    "target_is_fixed": "is_fixed",
    "target_rests_on_prior_year": "rests_on_prior_year",
    "target_used_since": "used_since",
}
"""Columns that a published target gives, and its columns."""


def published_targets_spec() -> dg.AssetSpec:
    """Return the asset that stands for the targets of earlier publications, which judging reads.

    It is outside of the graph, for they are what ``serving/frozen_targets`` wrote when those scorecards were published, and
    what is judged now goes there: an edge would be a circle.
    """
    return dg.AssetSpec(
        key=key_of(PUBLISHED_TARGETS),
        group_name=PUBLISHED_TARGETS.layer,
        owners=["team:planning"],
        kinds={"sqlalchemy", "table"},
        description=(
            "Targets that figures of published scorecards were held against, as earlier publications left them in the table "
            "of serving/frozen_targets. Grain: as_of × fiscal_year × branch_code × kpi_id."
        ),
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(name=one.name, type=str(one.type), description=one.comment)
                    for one in frozen_targets.columns
                ]
            )
        },
    )


def _lineage() -> dg.TableColumnLineage:
    deps = {name: [dg.TableColumnDep(key_of(INPUTS), one) for one in columns] for name, columns in _COMES_FROM.items()}
    for name, kept in _KEPT_IN.items():
        deps[name].append(dg.TableColumnDep(key_of(PUBLISHED_TARGETS), kept))
    return dg.TableColumnLineage(deps)


def judgement_asset(project: ModelProject) -> dg.AssetsDefinition:
    """Return the asset that judges every line of ``judgement_inputs``."""
    source = next(source for source in project.sources if source.relation == JUDGEMENTS)

    @dg.asset(
        key=key_of(JUDGEMENTS),
        deps=[key_of(INPUTS), history_of(PUBLISHED_TARGETS)],
        group_name="judged",
        owners=["team:planning"],
        kinds={"python", "parquet"},
        description=(
            "Targets resolved by their rule (uniform, branch-set, prior year, 80 % of generics, qualitative) and figures "
            "judged at printed precision in exact decimals: 達成, 未達成 or 判定不能 with its reason. What was published keeps "
            "its target; so do later months where a prior year gave it. "
            "Grain: fiscal_year × branch_code × kpi_id."
        ),
        metadata={
            "dagster/column_schema": column_schema(source.columns),
            "dagster/column_lineage": _lineage(),
        },
        code_version=judgement_code(),
        partitions_def=MONTHS,
    )
    @faults_told
    def kpi_judgements(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[Any]:
        month, lake = context.partition_key, installation.lake
        fingerprint = judgement_fingerprint(installation, month)
        is_renewing = renews_targets(context)
        may_keep = not is_forced(context) and not is_renewing
        if may_keep and lake.is_current(JUDGEMENTS.layer, JUDGEMENTS.name, month, fingerprint):
            return partition_result(
                key_of(JUDGEMENTS),
                rows=installation.engine.rows(JUDGEMENTS, month),
                version=lake.version(JUDGEMENTS.layer, JUDGEMENTS.name, month),
                metadata={},
                kept=True,
            )
        rows = lake.read(INPUTS.layer, INPUTS.name, month).to_pylist()
        published = published_targets(installation.database(), month)
        judged = judge_month(rows, installation.catalogue, month, replace(published, are_renewed=is_renewing))
        version = lake.write(JUDGEMENTS.layer, JUDGEMENTS.name, month, judged)
        remember(lake, JUDGEMENTS, month, fingerprint, version=version)
        contradictions = [
            [one["fiscal_year"], one["branch_code"], one["kpi_id"], one["target_text"]]
            for one in judged.to_pylist()
            if one["reason"] == "contradictory_targets"
        ]
        return partition_result(
            key_of(JUDGEMENTS),
            rows=judged.num_rows,
            version=version,
            metadata={
                "outcomes": _counts(judged.column("outcome").to_pylist()),
                "contradictory_targets": dg.MetadataValue.md(
                    markdown_table(["fiscal_year", "branch_code", "kpi_id", "registered"], contradictions)
                ),
                "preview": preview_of_table(judged),
            },
        )

    return kpi_judgements


def _counts(outcomes: list[str]) -> dict[str, int]:
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
