"""SQL models: one multi-asset per layer, read from ``dbt_like_sql/``.

What lives here: how a layer of models becomes assets. What does not: what a model says. A new model is a ``.sql`` file and an
entry in its folder's ``schema.yml``; nothing here changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from assets.common import (
    MONTHS,
    column_lineage,
    column_schema,
    data_docs,
    history_of,
    is_forced,
    key_of,
    partition_result,
    preview,
    remember,
)
from assets.faults import faults_told
from assets.outcome_summary import outcome_metadata, shown_names
from expectations.checks import check_specs, run_checks
from expectations.data_docs import DataDocs
from expectations.suite import ROW_COUNT, Suite
from kenpo_pipelines.models import Model, ModelProject
from kenpo_pipelines.submissions.columns import MEMBER_KEY
from resources.installation import Installation
from resources.session import Session
from resources.steps import MART, model_fingerprint


def layer_assets(
    project: ModelProject, layer: str, suites: Mapping[str, Suite], engine: str = "duckdb"
) -> dg.AssetsDefinition:
    """Return the multi-asset of all models of one layer, run in dependency order, with the checks of their schema.yml.

    A run may choose any of them. A model that is current keeps its partition; its checks are run again, for Dagster wants a
    result of every check of what it runs, and an empty one would hide what the last one found.
    """
    models = project.of_layer(layer)
    checks = {
        model.relation: check_specs(key_of(model.relation), suites[model.name], partitions_def=MONTHS)
        for model in models
    }

    @dg.multi_asset(
        name=f"{layer}_models",
        specs=[_spec(project, model, engine) for model in models],
        check_specs=[spec for specs in checks.values() for spec in specs],
        can_subset=True,
    )
    @faults_told
    def run_layer(context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]) -> Iterator[Any]:
        month = context.partition_key
        wanted_checks = context.selected_asset_check_keys
        for model in models:
            specs, suite = checks[model.relation], suites[model.name]
            if key_of(model.relation) in context.selected_asset_keys:
                yield from _run(installation, model, month, suite, specs, is_forced=is_forced(context))
            elif any(spec.key in wanted_checks for spec in specs):
                engine = installation.engine
                rows = engine.rows(model.relation, month)
                with engine.session() as session:
                    relation = session.attach(model.relation, [month])
                    results = _check(session, relation, model, suite, rows, data_docs(installation, month))
                yield from (one for one in results if _key(one) in wanted_checks)

    return run_layer


def _run(
    installation: Installation,
    model: Model,
    month: str,
    suite: Suite,
    specs: Sequence[dg.AssetCheckSpec],
    *,
    is_forced: bool,
) -> Iterator[Any]:
    lake, engine, key = installation.lake, installation.engine, key_of(model.relation)
    fingerprint = model_fingerprint(installation, model, month)
    kept = not is_forced and lake.is_current(model.layer, model.name, month, fingerprint)
    with engine.session() as session:
        rows = engine.rows(model.relation, month) if kept else engine.run_model(model, month, session)
        version = engine.version(model.relation, month)
        metadata = {} if kept or _is_about_cases(model) else {"preview": preview(engine, model.relation, month)}
        if model.relation == MART and not kept:
            metadata |= _outcomes(installation, month)
        yield partition_result(key, rows=rows, version=version, metadata=metadata, kept=kept)
        relation = session.attach(model.relation, [month])
        results = _check(session, relation, model, suite, rows, data_docs(installation, month))
    committed = None if model.is_view else version
    remember(lake, model.relation, month, fingerprint, version=committed, results=results, specs=specs)
    yield from results


def _is_about_cases(model: Model) -> bool:
    """True for rows of single applications, receipts, debts or persons: nobody needs to see some of them."""
    return any(column.name == MEMBER_KEY or column.name.endswith("_no") for column in model.columns)


def _outcomes(installation: Installation, month: str) -> dict[str, dg.MarkdownMetadataValue]:
    mart = installation.lake.read(MART.layer, MART.name, month)
    rows = mart.select(["fiscal_year", "branch_code", "kpi_id", "outcome"]).to_pylist()
    return outcome_metadata(rows, *shown_names(installation.catalogue))


def _check(
    session: Session, relation: str, model: Model, suite: Suite, rows: int, docs: DataDocs
) -> list[dg.AssetCheckResult]:
    expected = 1 if rows or _needs_rows(suite) else 0
    return run_checks(key_of(model.relation), session, relation, suite, submissions_received=expected, docs=docs)


def _key(result: dg.AssetCheckResult) -> dg.AssetCheckKey:
    assert result.asset_key is not None
    assert result.check_name is not None
    return dg.AssetCheckKey(result.asset_key, result.check_name)


def _needs_rows(suite: Suite) -> bool:
    """True when the model's schema.yml does not say that it may rightly be empty."""
    return any(rule.expectation == ROW_COUNT for rule in suite.rules)


def _spec(project: ModelProject, model: Model, engine: str) -> dg.AssetSpec:
    # a model that reads both the month and the history of another depends on its history, the month among it
    deps = [dg.AssetDep(key_of(relation)) for relation in model.inputs if relation not in model.history]
    deps += [history_of(one) for one in model.history]
    return dg.AssetSpec(
        key=key_of(model.relation),
        deps=deps,
        group_name=model.layer,
        owners=[model.owner],
        kinds={"sql", engine, "view" if model.is_view else "parquet"},
        description=f"{model.description}\n\n```sql\n{model.template}\n```",
        code_version=model.code_version,
        metadata={
            "dagster/column_schema": column_schema(model.columns),
            "dagster/column_lineage": column_lineage(project, model),
            "model": f"dbt_like_sql/{model.layer}/{model.path.name}",
        },
        partitions_def=MONTHS,
    )
