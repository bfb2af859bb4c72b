"""Column lineage as Dagster shows it: on every table that is made from others, and only between columns that exist."""

from pathlib import Path

import dagster as dg
import pytest

from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.settings import Settings

WITHOUT_UPSTREAM_COLUMNS = {"landing", "published", "reference", "scorecards"}


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[dg.AssetKey, dg.AssetSpec]:
    home: Path = tmp_path_factory.mktemp("home")
    definitions = build_definitions(Settings(home=home, database_url=None, lake_url=None))
    return {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


def columns(spec: dg.AssetSpec) -> set[str]:
    shown = spec.metadata["dagster/column_schema"]
    return {column.name for column in getattr(shown, "value", shown).columns}


def lineage(spec: dg.AssetSpec) -> dict[str, list[dg.TableColumnDep]]:
    shown = spec.metadata["dagster/column_lineage"]
    return dict(getattr(shown, "value", shown).deps_by_column)


def test_every_table_made_from_others_has_column_lineage(specs: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    without = {key.to_user_string() for key, spec in specs.items() if "dagster/column_lineage" not in spec.metadata}
    assert {name.split("/")[0] for name in without} == WITHOUT_UPSTREAM_COLUMNS


def test_lineage_names_only_columns_that_exist_and_assets_that_are_dependencies(
    specs: dict[dg.AssetKey, dg.AssetSpec],
) -> None:
    traced = [spec for spec in specs.values() if "dagster/column_lineage" in spec.metadata]
    assert len(traced) > 20
    for spec in traced:
        upstream = {dep.asset_key for dep in spec.deps}
        for column, deps in lineage(spec).items():
            assert column in columns(spec), (spec.key, column)
            for dep in deps:
                assert dep.asset_key in upstream, (spec.key, column, dep)
                assert dep.column_name in columns(specs[dep.asset_key]), (spec.key, column, dep)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (("serving/kpi_facts", "value"), ("landing/kpi_results", "実績値")),
        (("serving/kpi_facts", "outcome"), ("landing/kpi_targets", "目標値")),
        (("serving/rejected_rows", "branch_code"), ("landing/kpi_results", "支部コード")),
    ],
)
def test_a_published_column_can_be_followed_to_the_submitted_one(
    specs: dict[dg.AssetKey, dg.AssetSpec], start: tuple[str, str], end: tuple[str, str]
) -> None:
    seen, ahead = set(), [start]
    while ahead:
        key, column = ahead.pop()
        if (key, column) in seen:
            continue
        seen.add((key, column))
        spec = specs[dg.AssetKey(key.split("/"))]
        if "dagster/column_lineage" in spec.metadata:
            ahead += [(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage(spec).get(column, [])]
    assert end in seen
