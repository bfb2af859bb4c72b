"""``dbt build`` over the lake gives the same rows as the pipeline, month after month, and its tests say what the checks say.

Two worlds: published figures, run by the pipeline as the demonstration does it and built by the commands of the howto; and
records of 47 branches in three consecutive months, in which much comes late, is sent again or is held back.
"""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from dbt_running import HOWTO, MODELS, Build, build, copied_models, dbt_command, howto_commands, without_tests
from published_months import Published
from record_lake import RecordLake
from record_worlds import Chances, land_month
from sqlalchemy import Engine

from expectations.adapter import validate
from expectations.dbt_tests import suite_from_dbt
from expectations.suite import Severity
from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.demo import MONTHS as PUBLISHED_MONTHS
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import LAYERS, Relation, load_project
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.serving.published_targets import published_targets
from resources.duckdb_engine import DuckDBEngine

RECORD_MONTHS = ("2025-04", "2025-05", "2025-06")
BRANCHES = tuple(f"{number:02d}" for number in range(1, 48))
REPORTED = (
    "checkup_rate_insured",
    "checkup_rate_dependants",
    "guidance_rate_insured",
    "recovery_rate",
    "single_bid_rate",
)
KEPT_TARGET = (2025, "13", "checkup_rate_insured")


# ---- comparing two lakes


def content(connection: duckdb.DuckDBPyConnection, lake: Lake, relation: Relation, month: str) -> tuple[Any, ...]:
    """Columns, types and rows of a partition, in their order."""
    files = [str(path) for path in lake.files(relation.layer, relation.name, month)]
    found = connection.execute("select * from read_parquet($1, hive_partitioning = false)", [files])
    return [(one[0], str(one[1])) for one in found.description or []], found.fetchall()


def differences(pipeline: Lake, dbt: Lake, month: str) -> list[str]:
    """Everything that models and judgement wrote, in which the two lakes do not agree."""
    written = [model.relation for model in load_project(MODELS).models if not model.is_view]
    written.append(Relation("judged", "kpi_judgements"))
    assert {one.layer for one in written} == {*LAYERS, "judged"}
    with duckdb.connect() as connection:
        return [
            one.sql_name
            for one in written
            if content(connection, pipeline, one, month) != content(connection, dbt, one, month)
        ]


# ---- published figures


def test_the_howto_builds_what_the_pipeline_published(
    published: Published, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("dbt")
    copied_models(folder)
    home = Path(str(published.database.url.database)).parent
    own = {"KENPO_HOME": home, "KENPO_DBT_LAKE": folder / "lake", "KENPO_DBT_DATABASE": folder / "dbt.duckdb"}
    for month in PUBLISHED_MONTHS:
        building, *with_pages = howto_commands(month)
        for command in with_pages if month == PUBLISHED_MONTHS[-1] else [without_tests(building)]:
            done = build(command, folder, **own)
            assert done.code == 0, done.said
        assert differences(Lake(home / "lake"), Lake(folder / "lake"), month) == []
    assert [month for month, *_ in content_of_marts(folder)] == list(PUBLISHED_MONTHS)
    catalogue = json.loads((folder / "target" / "catalog.json").read_bytes())
    assert "model.kenpo.mart_scorecard" in catalogue["nodes"]
    assert not [path for path in home.glob("dbt*")]


def content_of_marts(folder: Path) -> list[tuple[Any, ...]]:
    """What a reader of all months sees: the query of the howto."""
    (query,) = re.findall(r"^```sql\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with duckdb.connect() as connection:
        return connection.execute(query.replace(".kenpo/dbt-lake", str(folder / "lake"))).fetchall()


# ---- records


@dataclass(frozen=True)
class World:
    """Three months as the pipeline ran them and as dbt built them."""

    home: Path
    folder: Path
    pipeline: RecordLake
    database: Engine
    last: Build

    @property
    def dbt(self) -> Lake:
        return Lake(self.home / "dbt-lake")


def reported(world: RecordLake, month: str, dice: Random) -> None:
    """Figures of some KPIs for every branch; now and then of an earlier month, or only a value."""
    for branch in BRANCHES:
        for kpi in REPORTED:
            if dice.random() < 0.8:
                lower = dice.randint(50, 900)
                upper = dice.randint(0, lower)
                figure = {"value": round(100 * upper / lower, 1)} if dice.random() < 0.2 else {}
                as_of = dice.choice([month, month, RECORD_MONTHS[0]])
                world.report(month, as_of, branch, kpi, numerator=upper, denominator=lower, **figure)


def run_by_the_pipeline(world: RecordLake, database: Engine, month: str) -> None:
    world.prepare(month, *LAYERS[:-1])
    rows = world.lake.read("kpis", "judgement_inputs", month).to_pylist()
    judged = judge_month(rows, world.catalogue, month, published_targets(database, month))
    world.lake.write("judged", "kpi_judgements", month, judged)
    for model in world.engine.project.of_layer(LAYERS[-1]):
        world.engine.run_model(model, month)


def publish_a_target(home: Path, month: str) -> None:
    """The month's scorecard was published with a target that nobody has registered since."""
    year, branch, kpi = KEPT_TARGET
    row = {
        **{"as_of": month, "fiscal_year": year, "branch_code": branch, "kpi_id": kpi, "comparator": ">="},
        **{"target": "12.3", "target_exact": "123/10", "target_text": "12.3%以上", "target_source": "submitted"},
        **{"is_fixed": True, "rests_on_prior_year": False, "used_since": month},
        **{"run_id": "1", "code_version": "1", "published_at": "2025-07-10T00:00:00Z"},
    }
    with closing(sqlite3.connect(home / "kenpo.db")) as database, database:
        database.execute(
            f"insert into frozen_targets ({', '.join(row)}) values ({', '.join('?' * len(row))})", [*row.values()]
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("dbt")
    copied_models(folder)
    database = connect(f"sqlite:///{home / 'kenpo.db'}")
    upgrade(database)
    lake, dice = RecordLake(home, BRANCHES), Random(6)
    for month in RECORD_MONTHS:
        land_month(lake, month, dice, Chances(0.05, 0.05, 0.1, 0.3))
        reported(lake, month, dice)
        for branch in BRANCHES[::3]:
            lake.find(month, "checkup_counts", "shared", branch, failed_rows=1)
        if month == RECORD_MONTHS[-1]:
            publish_a_target(home, month)
        run_by_the_pipeline(lake, database, month)
    *earlier, last = map(dbt_command, RECORD_MONTHS)
    commands = [*map(without_tests, earlier), last]
    builds = [build(command, folder, KENPO_HOME=home) for command in commands]
    assert [done.code for done in builds] == [0, 0, 0], builds[-1].said
    return World(home, folder, lake, database, builds[-1])


@pytest.mark.parametrize("month", RECORD_MONTHS)
def test_every_partition_has_the_same_rows(world: World, month: str) -> None:
    assert differences(world.pipeline.lake, world.dbt, month) == []


def test_models_give_the_same_bytes(world: World) -> None:
    """dbt's partitions are written as the pipeline's: row groups, compression, order."""
    last, project = RECORD_MONTHS[-1], load_project(MODELS)
    own = {one.name: world.dbt.version(one.layer, one.name, last) for one in project.models if not one.is_view}

    assert own == world.pipeline.versions(last)


def test_the_worlds_are_worth_comparing(world: World) -> None:
    """Earlier months, computed figures, all outcomes, a published target: they are in what was compared."""
    last = RECORD_MONTHS[-1]
    figures = world.dbt.read("kpis", "kpi_figures", last).to_pylist()
    lines = world.dbt.read("marts", "mart_scorecard", last).to_pylist()

    assert {(row["source"], row["figure_known_month"]) for row in figures} >= {
        ("computed", month) for month in RECORD_MONTHS
    }
    assert {row["outcome"] for row in lines} == {"attained", "not_attained", "not_evaluable"}
    assert {row["branch_code"] for row in lines} >= {*BRANCHES}
    (kept,) = [row for row in lines if (row["fiscal_year"], row["branch_code"], row["kpi_id"]) == KEPT_TARGET]
    assert kept["target_text"] == "12.3%以上"


def test_warnings_do_not_fail_a_build_and_are_the_checks_that_warn(world: World) -> None:
    found = world.last.failing_tests()

    assert world.last.code == 0
    assert {severity for _, _, severity in found} == {Severity.WARNING}
    assert {rule for _, rule, _ in found} >= {"computed_agrees_with_reported"}
    assert found == failing_checks(DuckDBEngine(world.pipeline.lake, load_project(MODELS)), RECORD_MONTHS[-1])


def test_the_pipelines_months_are_taken_along_and_a_part_is_built_on_them(world: World, tmp_path: Path) -> None:
    """As the howto says, in a checkout with its default home: what is not selected is found in dbt's lake."""
    copied_models(tmp_path)
    home, last = tmp_path / ".kenpo", RECORD_MONTHS[-1]
    home.mkdir()
    for name in ("lake", "kenpo.db"):
        (home / name).symlink_to(world.home / name)
    (taking,) = re.findall(r"^mkdir .*$", HOWTO.read_text(encoding="utf-8"), re.MULTILINE)
    done = build(f"{taking} && {dbt_command(last, '--select path:marts kpi_judgements')}", tmp_path)

    assert done.code == 0, done.said
    assert done.models("success") == {model.name for model in load_project(MODELS).of_layer("marts")} | {
        "kpi_judgements"
    }
    for month in RECORD_MONTHS:
        assert differences(world.pipeline.lake, Lake(home / "dbt-lake"), month) == []


# ---- faults


def failing_checks(engine: DuckDBEngine, month: str) -> set[tuple[str, str, Severity]]:
    """Model, rule and severity of the pipeline's checks of models that fail, but for those on rows and columns."""
    models = engine.project.models[0].path.parent.parent
    suites = {name: suite for layer in LAYERS for name, suite in suite_from_dbt(models / layer / "schema.yml").items()}
    found = set()
    with engine.session() as session:
        for model in engine.project.models:
            relation = session.attach(model.relation, [month])
            for outcome in validate(session, relation, suites[model.name].rules, rows_expected=False):
                if not outcome.passed and outcome.rule.id not in ("has_rows", "has_columns"):
                    found.add((model.name, outcome.rule.id, outcome.rule.severity))
    return found


def change(models: Path, model: str, select: str) -> None:
    """Let a model give something else: a select in which its own SQL stands for ``$``."""
    (path,) = models.glob(f"*/{model}.sql")
    own = path.read_text(encoding="utf-8")
    path.write_text(select.replace("$", f"(\n{own}\n)"), encoding="utf-8")


@pytest.fixture
def faulty(world: World, tmp_path: Path) -> World:
    """A copy of home and models, which may be spoilt."""
    copied_models(tmp_path)
    home = shutil.copytree(world.home, tmp_path / "home", symlinks=True)
    return replace(world, home=home, folder=tmp_path)


def test_planted_faults_fail_the_same_tests_as_checks(faulty: World) -> None:
    month, models = RECORD_MONTHS[-1], faulty.folder / "dbt_like_sql"
    change(models, "stg_findings", "select * replace ('grave' as severity) from $")
    change(
        models,
        "mart_kpi_series",
        "select * replace (nullif(branch_code, '13') as branch_code) from (select * from $ union all select * from $)",
    )
    before = faulty.dbt.version("marts", "mart_scorecard", month)
    built = build(dbt_command(month), faulty.folder, KENPO_HOME=faulty.home)
    engine = DuckDBEngine(Lake(faulty.home / "lake"), load_project(models))
    for model in engine.project.models:
        engine.run_model(model, month)
    expected = failing_checks(engine, month)

    assert built.code == 1
    assert built.failing_tests() == expected
    assert expected >= {
        ("stg_findings", "accepted_values_severity", Severity.CRITICAL),
        ("mart_kpi_series", "not_null_branch_code", Severity.CRITICAL),
        ("kpi_figures", "computed_agrees_with_reported", Severity.WARNING),
    }
    assert {(rule.partition("_combination")[0], model) for model, rule, _ in expected} >= {
        ("unique", "mart_kpi_series")
    }
    # what is made from a model that fails is not built, and what stood there stays
    assert built.models("skipped") == {"kpi_flags", "mart_scorecard"}
    assert faulty.dbt.version("marts", "mart_scorecard", month) == before


def test_columns_and_rows_are_held_as_the_pipeline_holds_them(faulty: World) -> None:
    month, models = RECORD_MONTHS[-1], faulty.folder / "dbt_like_sql"
    schema = models / "marts" / "schema.yml"
    schema.write_text(schema.read_text(encoding="utf-8").replace("has_rows: none", "has_rows: warn"), encoding="utf-8")
    change(models, "mart_kpi_series", "select * from $ where false")
    change(models, "mart_scorecard", "select * from $ where false")
    change(models, "mart_initiatives", "select * replace (cast(fiscal_year as bigint) as fiscal_year) from $")
    names = "mart_kpi_series mart_scorecard mart_initiatives"
    built = build(dbt_command(month, "--select", names), faulty.folder, KENPO_HOME=faulty.home)

    assert (built.code, built.models("success")) == (1, {"mart_kpi_series"})
    assert built.models("error") == {"mart_scorecard", "mart_initiatives"}
    assert "mart_kpi_series has no rows" in built.said
    assert "mart_scorecard has no rows" in built.said
    assert re.search(r"fiscal_year\W+BIGINT\W+INTEGER", built.said)
    empty = faulty.dbt.read("marts", "mart_kpi_series", month)
    columns = [column.name for column in load_project(MODELS).model("mart_kpi_series").columns]
    assert (empty.num_rows, empty.column_names) == (0, columns)


# ---- refusals


@pytest.mark.parametrize(
    ("month", "told"),
    [
        (RECORD_MONTHS[-1], "dbt has not built 2025-04, 2025-05"),
        ("2025-07", "has no 2025-07: `kenpo run --month 2025-07` reads it"),
        ('""', "month: '' is not a month; write --vars"),
    ],
    ids=["an earlier one is missing", "not read yet", "none named"],
)
def test_a_month_is_refused_that_cannot_be_built(world: World, tmp_path: Path, month: str, told: str) -> None:
    lake = tmp_path / "lake"
    done = build(dbt_command(month), world.folder, KENPO_HOME=world.home, KENPO_DBT_LAKE=lake)

    assert done.code != 0
    assert told in done.said
    assert not lake.exists()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("KENPO_DBT_LAKE", "{home}/dbt-lake/../lake/", "KENPO_DBT_LAKE is the pipeline's lake"),
        ("KENPO_LAKE_URL", "s3://bucket/lake", "not in an object store"),
    ],
)
def test_lakes_that_dbt_must_not_use_are_refused(world: World, name: str, value: str, told: str) -> None:
    before = world.pipeline.versions(RECORD_MONTHS[-1])
    given = {"KENPO_HOME": world.home, name: value.format(home=world.home)}
    done = build(dbt_command(RECORD_MONTHS[-1]), world.folder, **given)

    assert done.code != 0
    assert told in done.said
    assert world.pipeline.versions(RECORD_MONTHS[-1]) == before
