"""SQL models: one multi-asset per layer, read from ``dbt_like_sql/``.

What lives here: how a layer of models becomes assets. What does not: what a model says. A new model is a ``.sql`` file and an
entry in its folder's ``schema.yml``; nothing here changes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from assets.common import (
    BACKFILL,
    MONTHS,
    column_lineage,
    column_schema,
    key_of,
    partition_result,
    preview,
    up_to_the_month,
)
from expectations.checks import check_specs, run_checks
from expectations.suite import ROW_COUNT, Suite
from kenpo_pipelines.models import Model, ModelProject
from resources.installation import Installation


def layer_assets(project: ModelProject, layer: str, suites: Mapping[str, Suite]) -> dg.AssetsDefinition:
    """Return the multi-asset of all models of one layer, run in dependency order, with the checks of their schema.yml."""
    models = project.of_layer(layer)
    checks = [
        spec
        for model in models
        for spec in check_specs(key_of(model.relation), suites[model.name], partitions_def=MONTHS)
    ]

    @dg.multi_asset(
        name=f"{layer}_models",
        specs=[_spec(project, model) for model in models],
        check_specs=checks,
        backfill_policy=BACKFILL,
    )
    def run_layer(context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]) -> Iterator[Any]:
        month, engine = context.partition_key, installation.engine
        for model in models:
            rows = engine.run_model(model, month)
            key = key_of(model.relation)
            yield partition_result(
                key,
                rows=rows,
                version=engine.lake.version(model.layer, model.name, month),
                metadata={"preview": preview(engine, model.relation, month)},
            )
            with engine.connect() as connection:
                relation = engine.attach(connection, model.relation, [month])
                expected = 1 if rows or _needs_rows(suites[model.name]) else 0
                yield from run_checks(key, connection, relation, suites[model.name], submissions_received=expected)

    return run_layer


def _needs_rows(suite: Suite) -> bool:
    """True when the model's schema.yml does not say that it may rightly be empty."""
    return any(rule.expectation == ROW_COUNT for rule in suite.rules)


def _spec(project: ModelProject, model: Model) -> dg.AssetSpec:
    deps = [dg.AssetDep(key_of(relation)) for relation in model.inputs]
    deps += [dg.AssetDep(key_of(one), partition_mapping=up_to_the_month()) for one in model.history]
    return dg.AssetSpec(
        key=key_of(model.relation),
        deps=deps,
        group_name=model.layer,
        owners=[model.owner],
        kinds={"sql", "duckdb", "parquet"},
        description=f"{model.description}\n\n```sql\n{model.template}\n```",
        code_version=model.code_version,
        metadata={
            "dagster/column_schema": column_schema(model.columns),
            "dagster/column_lineage": column_lineage(project, model),
            "model": f"dbt_like_sql/{model.layer}/{model.path.name}",
        },
        partitions_def=MONTHS,
    )
