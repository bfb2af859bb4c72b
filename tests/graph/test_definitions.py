"""The code location: it loads, nothing in it dangles, and every asset tells its reader what it is."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import pytest
from asset_graph import (
    SNAPSHOT,
    check_specs,
    checks_of_undefined_assets,
    snapshot,
    specs,
    undefined_dependencies,
)

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.models import LAYERS, load_project
from kenpo_pipelines.settings import CHECKOUT, Settings
from kenpo_pipelines.submissions.contract import load_contracts
from resources.steps import SCORECARD_FILES

MONTHLY = {"raw", "quarantine", "ledger", "findings", "reference", *LAYERS, "judged", "serving"}
OUTSIDE = {"landing", "published"}
"""What comes from without: files that arrive, and targets that earlier publications used."""
PACKAGES = ("kenpo_pipelines", "assets", "resources", "expectations")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "kenpo"


@pytest.fixture(scope="module")
def defs(home: Path) -> dg.Definitions:
    return build_definitions(Settings(home=home, database_url=None, lake_url=None))


def is_materialised(spec: dg.AssetSpec) -> bool:
    return spec.key.path[0] not in OUTSIDE


def test_the_definitions_load(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_loading_writes_nothing(defs: dg.Definitions, home: Path) -> None:
    dg.Definitions.validate_loadable(defs)

    assert not home.exists()


def test_nothing_is_made_from_an_asset_that_nobody_defines(defs: dg.Definitions) -> None:
    assert undefined_dependencies(defs) == set()


def test_no_check_is_of_an_asset_that_nobody_defines(defs: dg.Definitions) -> None:
    assert checks_of_undefined_assets(defs) == set()


def test_what_dagster_accepts_and_must_not_be_is_found(defs: dg.Definitions) -> None:
    @dg.asset_check(asset=dg.AssetKey(["kpis", "judgment_inputs"]))
    def planted_check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.multi_asset(
        specs=[dg.AssetSpec(dg.AssetKey(["marts", "planted"]), deps=[dg.AssetKey(["marts", "mart_scorecards"])])]
    )
    def planted_asset() -> None: ...

    planted = dg.Definitions(
        assets=[planted_asset, dg.AssetSpec("lonely", deps=["nowhere"])], asset_checks=[planted_check]
    )
    broken = dg.Definitions.merge(defs, planted)

    dg.Definitions.validate_loadable(broken)  # the reason for the two functions: Dagster sees nothing wrong
    assert undefined_dependencies(broken) == {("marts/planted", "marts/mart_scorecards"), ("lonely", "nowhere")}
    assert checks_of_undefined_assets(broken) == {("kpis/judgment_inputs", "planted_check")}


def test_the_graph_is_the_reviewed_one(defs: dg.Definitions) -> None:
    expected = SNAPSHOT.read_text(encoding="utf-8")

    assert snapshot(defs) == expected, (
        "The asset graph is not the reviewed one. If the change is meant, write the snapshot anew with\n"
        "    .venv/bin/python tests/graph/asset_graph.py\n"
        "and commit tests/graph/asset_graph.txt with the change, so that the difference is reviewed."
    )


def test_every_kind_of_asset_is_there(defs: dg.Definitions) -> None:
    assert {spec.key.path[0] for spec in specs(defs)} == MONTHLY | OUTSIDE | {"scorecards"}


def test_keys_are_layer_and_name_and_the_group_is_the_layer(defs: dg.Definitions) -> None:
    strange = [spec.key for spec in specs(defs) if len(spec.key.path) != 2 or spec.group_name != spec.key.path[0]]

    assert strange == []


def test_every_asset_has_an_owner(defs: dg.Definitions) -> None:
    assert [spec.key for spec in specs(defs) if not spec.owners] == []
    assert {owner for spec in specs(defs) for owner in spec.owners if not owner.startswith("team:")} == set()


def test_every_asset_says_what_it_is_and_in_which_grain(defs: dg.Definitions) -> None:
    silent = [
        spec.key.to_user_string() for spec in specs(defs) if not re.search(r"Grain[:,]| × ", spec.description or "")
    ]

    assert silent == []


def test_every_asset_shows_how_it_is_made(defs: dg.Definitions) -> None:
    assert [spec.key for spec in specs(defs) if not spec.kinds] == []
    by_layer = {
        layer: {kind for spec in specs(defs) if spec.key.path[0] == layer for kind in spec.kinds} for layer in LAYERS
    }
    assert all("sql" in kinds for kinds in by_layer.values() if kinds)


def test_every_table_shows_its_columns_with_types(defs: dg.Definitions) -> None:
    tables = [spec for spec in specs(defs) if spec.key.path[0] in MONTHLY]
    bare = []
    for spec in tables:
        schema = spec.metadata.get("dagster/column_schema")
        if not isinstance(schema, dg.TableSchema) or not schema.columns or not all(one.type for one in schema.columns):
            bare.append(spec.key.to_user_string())

    assert bare == []


def test_the_only_partition_is_the_month(defs: dg.Definitions) -> None:
    partitions = {spec.partitions_def for spec in specs(defs) if is_materialised(spec)}

    assert len(partitions) == 1
    (months,) = partitions
    assert isinstance(months, dg.MonthlyPartitionsDefinition)
    keys = months.get_partition_keys()
    assert keys[0] == fiscal.FIRST_MONTH == "2023-04"
    assert keys == list(fiscal.month_range(keys[0], keys[-1]))
    assert keys[-1] == fiscal.current_month(), "reports of the running month arrive during the month"


def test_landing_is_outside_and_has_no_partitions(defs: dg.Definitions) -> None:
    outside = [spec for spec in specs(defs) if not is_materialised(spec)]

    landing = {spec.key.path[1] for spec in outside if spec.key.path[0] == "landing"}
    assert landing == set(load_contracts(CHECKOUT / "expectations"))
    assert all(spec.partitions_def is None and not list(spec.deps) for spec in outside)
    assert {spec.key for spec in outside} & set(defs.resolve_asset_graph().executable_asset_keys) == set()


def test_checks_have_the_partitions_of_their_asset(defs: dg.Definitions) -> None:
    by_key = {spec.key: spec.partitions_def for spec in specs(defs)}
    checks = list(check_specs(defs))

    assert [check.key for check in checks if check.partitions_def != by_key[check.asset_key]] == []
    assert len(checks) > 20


def test_every_table_that_sql_or_ingestion_writes_is_checked(defs: dg.Definitions) -> None:
    checked = {check.asset_key for check in check_specs(defs)}
    written = {spec.key for spec in specs(defs) if spec.key.path[0] in {"raw", "quarantine", "ledger", *LAYERS}}

    assert written - checked == set()


def test_a_backfill_is_one_run_per_month(defs: dg.Definitions) -> None:
    """Dagster's rule where no asset has a policy; a dependency on other months would split it into runs by layer."""
    policies = {asset.backfill_policy for asset in defs.assets or [] if isinstance(asset, dg.AssetsDefinition)}
    mappings = {dep.partition_mapping for spec in specs(defs) for dep in spec.deps}

    assert policies == mappings == {None}


def test_every_asset_can_be_traced_from_a_submission_to_a_scorecard(defs: dg.Definitions) -> None:
    upstream = {spec.key: {dep.asset_key for dep in spec.deps} for spec in specs(defs)}

    def ancestors(key: dg.AssetKey) -> set[dg.AssetKey]:
        return upstream[key] | {older for parent in upstream[key] for older in ancestors(parent)}

    scorecards = [key for key in upstream if key.path[0] == "scorecards"]
    assert {key.path[1] for key in scorecards} == {one.name for one in SCORECARD_FILES}
    for key in scorecards:
        found = ancestors(key)
        assert dg.AssetKey(["landing", "kpi_results"]) in found
        assert dg.AssetKey(["landing", "kpi_targets"]) in found
        assert dg.AssetKey(["judged", "kpi_judgements"]) in found


def test_sql_models_show_where_each_column_comes_from(defs: dg.Definitions) -> None:
    project = load_project(CHECKOUT / "dbt_like_sql")
    by_key = {spec.key: spec for spec in specs(defs)}
    for model in project.models:
        lineage = by_key[dg.AssetKey([model.layer, model.name])].metadata["dagster/column_lineage"]
        assert isinstance(lineage, dg.TableColumnLineage)
        assert list(lineage.deps_by_column) == [column.name for column in model.columns]
    mart = by_key[dg.AssetKey(["marts", "mart_scorecard"])].metadata["dagster/column_lineage"]
    assert mart.deps_by_column["outcome"] == [
        dg.TableColumnDep(asset_key=dg.AssetKey(["judged", "kpi_judgements"]), column_name="outcome")
    ]


def test_a_model_that_reads_history_says_so_of_its_dependency(defs: dg.Definitions) -> None:
    by_key = {spec.key: spec for spec in specs(defs)}
    for model in load_project(CHECKOUT / "dbt_like_sql").models:
        deps = by_key[dg.AssetKey([model.layer, model.name])].deps
        told = {dep.asset_key for dep in deps if dep.metadata.get("months") == "all up to the one run"}
        assert told == {dg.AssetKey([one.layer, one.name]) for one in model.history}


def test_the_monthly_job_materialises_everything_in_one_process(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def(MONTHLY_REFRESH)

    assert set(job.asset_layer.executable_asset_keys) == {spec.key for spec in specs(defs) if is_materialised(spec)}
    assert job.executor_def.name == "in_process"
    assert defs.executor is dg.in_process_executor


def test_the_marts_and_the_database_have_the_refresh_as_their_deadline(defs: dg.Definitions) -> None:
    due = {spec.key: spec.freshness_policy for spec in specs(defs) if spec.freshness_policy is not None}

    assert set(due) == {spec.key for spec in specs(defs) if spec.group_name in ("marts", "serving")}
    assert {policy.deadline_cron for policy in due.values()} == {"0 12 20 * *"}


def test_every_asset_that_is_made_has_the_version_of_its_code(defs: dg.Definitions) -> None:
    assert [spec.key for spec in specs(defs) if is_materialised(spec) and not spec.code_version] == []


def test_dagster_is_used_through_its_public_modules_only() -> None:
    private = re.compile(r"dagster\._|dagster_[a-z]+\._|from dagster import _")
    found = [
        f"{path.relative_to(CHECKOUT)}:{number}"
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if private.search(line)
    ]

    assert found == []


# --- what an import does, seen from a clean process ---


def run_python(code: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KENPO_")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=clean | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_importing_reads_nothing_and_asking_for_the_definitions_does(tmp_path: Path) -> None:
    done = run_python(
        """
        import kenpo_pipelines.cli
        from kenpo_pipelines import definitions
        from kenpo_pipelines.settings import SettingsError
        print("imported")
        try:
            definitions.defs()
        except SettingsError as error:
            print(error)
        """,
        tmp_path,
        KENPO_ENGINE="abacus",
        KENPO_HOME="/dev/null/nowhere",
        KENPO_PROJECT_DIR="/dev/null/nowhere",
    )

    assert done.returncode == 0, done.stderr
    imported, error = done.stdout.splitlines()
    assert imported == "imported"
    assert "KENPO_ENGINE='abacus'" in error
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_starts_without_anything_heavy(tmp_path: Path) -> None:
    done = run_python(
        """
        import sys
        import kenpo_pipelines.cli
        heavy = {"dagster", "great_expectations", "pyspark", "pandas", "duckdb", "sqlalchemy", "pyarrow", "openpyxl"}
        print(sorted(heavy & set(sys.modules)))
        """,
        tmp_path,
    )

    assert done.stdout.strip() == "[]", done.stderr


def test_loading_the_definitions_does_not_import_great_expectations_or_spark(tmp_path: Path) -> None:
    done = run_python(
        """
        import sys
        from kenpo_pipelines.definitions import defs
        import dagster as dg
        dg.Definitions.validate_loadable(defs())
        print(sorted({"great_expectations", "pyspark", "pandas"} & set(sys.modules)))
        """,
        tmp_path,
    )

    assert done.stdout.strip() == "[]", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_workspace_file_loads_these_definitions() -> None:
    workspace = (CHECKOUT / "workspace.yaml").read_text(encoding="utf-8")

    assert re.search(r"module_name:\s*kenpo_pipelines\.definitions\b", workspace)
