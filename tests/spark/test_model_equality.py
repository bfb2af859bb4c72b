"""Every SQL model on DuckDB and on Spark, over the same inputs: the same rows, to the last digit, in the promised types.

Each model reads what DuckDB made, so that a difference names the model that has it. The inputs: a month of records, reports,
findings and progress with history; the published figures; and tables of edge cases (nulls, ties, limits, month ends, no rows,
texts that sort differently elsewhere).
"""

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from spark.both_engines import differences, inputs_in
from spark.edge_inputs import EdgeInputs

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.demo import MONTHS, place_examples
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Model, load_project
from kenpo_pipelines.settings import CHECKOUT, Settings
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.ingest import ingest
from kenpo_pipelines.submissions.partitions import FINDINGS_SCHEMA
from resources.duckdb_engine import DuckDBEngine

sys.path.append(str(Path(__file__).parents[1] / "golden"))

from record_lake import RecordLake
from record_worlds import Chances, land_month
from reference_partitions import reference_tables, write_reference
from test_analytical_findings import MONTH as FIGURES_MONTH
from test_analytical_findings import random_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

PROJECT = load_project(CHECKOUT / "dbt_like_sql")
MODELS = [model for model in PROJECT.models if not model.is_view]
NAMES = [model.name for model in MODELS]
MONTH = "2025-07"
CONTRACTS = load_contracts(CHECKOUT / "expectations")
CATALOGUE = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
BRANCHES = ("01", "13", "20", "47")


@pytest.fixture(scope="module")
def small_spark(spark: "SparkSession") -> "Iterator[SparkSession]":
    """Without compiling code for each plan, which takes longer than all of these rows; the engine's own tests do compile."""
    quick = {
        **{"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"},
        **{"spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "1"},
    }
    session = spark.newSession()
    before = {name: session.conf.get(name) for name in quick}
    from resources.spark_connection import RESULTS

    for name, value in (RESULTS | quick).items():
        session.conf.set(name, value)
    yield session
    for name, value in before.items():
        if value is not None:
            session.conf.set(name, value)


# --- a month of everything


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> DuckDBEngine:
    world = RecordLake(tmp_path_factory.mktemp("records"), BRANCHES)
    dice = Random(2)
    months = list(fiscal.month_range("2025-02", MONTH))
    for month in months:
        land_month(world, month, dice, Chances(missing=0.03, held_back=0.1, replaced=0.3, national=0.2))
        for branch in BRANCHES:
            for kpi_id in ("checkup_rate_insured", "recovery_rate", "generic_share_volume"):
                world.report(
                    month, month, branch, kpi_id, numerator=dice.randint(0, 500), denominator=dice.randint(1, 900)
                )
            world.report(month, month, branch, "health_declaration_offices", value=Decimal(dice.randint(0, 9999)))
        _land_progress(world, month, dice)
    _register_and_find(world)
    for month in months:
        if month == MONTH:
            world.run(month)
        else:
            world.prepare(month, "staging", "facts", "measures")
    return world.engine


def _land_progress(world: RecordLake, month: str, dice: Random) -> None:
    base = {"fiscal_year": fiscal.fiscal_year_of(month), "as_of": month, "source_document": ""}
    for branch in BRANCHES[:2]:
        of = {**base, "branch_code": branch}
        lines = [
            {
                "area": area,
                "initiative": name,
                "budget_yen": dice.choice([None, 0, 1_000_000]),
                "executed_yen": dice.randint(0, 9),
            }
            for area in ("広報", "")
            for name in ("広報誌", "計", "合計（税込）", "業務総額", "𠮷野")
        ]
        world.land(
            month, "initiatives", *({**of, "status": None, "prior_budget_yen": 1, "unit": "円", **one} for one in lines)
        )
        counts = [
            {"item": item, "printed": printed, "basis": basis, "item_count": dice.choice([None, 0, 282, 4097])}
            for item, printed, basis in (
                *[("訪問", "282件（５月分まで）", None), ("契約機関総数", "", None), ("予約枠", "3", None)],
                *[
                    ("説明会", "（令和７年４月）", None),
                    ("勧奨", "令和７年４月１日付けで", None),
                    ("集計", "", "累計"),
                    ("他", "", None),
                ],
            )
        ]
        world.land(
            month, "activity_counts", *({**of, "kind": "activity", "area": "", "unit": "件", **one} for one in counts)
        )
        marks = [{"subject": subject, "mark": dice.choice("○△×―")} for subject in ("広報誌", "訪問")]
        world.land(
            month, "progress_marks", *({**of, "area": "", "author": "総務部", "reason": "理由", **one} for one in marks)
        )


def _register_and_find(world: RecordLake) -> None:
    for branch, kpi_id, comparator, value in (
        *[
            ("13", "checkup_rate_insured", "以上", "62.5"),
            ("13", "checkup_rate_insured", "以下", "3"),
            ("01", "recovery_rate", "以上", "55.50"),
        ],
        *[("20", "recovery_rate", "対前年度以上", None), ("47", "health_declaration_offices", "以上", "2000")],
    ):
        world.target(MONTH, branch, kpi_id, comparator, Decimal(value) if value else None)
    world.find(MONTH, "kpi_results", "b", "13", severity="critical", kpi_id="recovery_rate", tier="structural")
    world.find(MONTH, "kpi_results", "a", "13", severity="critical", protects="checkup_rate_insured,recovery_rate")
    world.find(MONTH, "claims", "a", "01", severity="critical", text_ja="𠮷の規則")
    world.find(MONTH, "claims", "a", "01", severity="critical", text_ja="﨑の規則")
    world.find(MONTH, "kpi_targets", "t", "01", severity="critical", fiscal_year=2025)
    for branch in (*BRANCHES, ""):
        world.find(MONTH, "receipt_audits", "r", branch, failed_rows=1234567)


@pytest.mark.parametrize("name", NAMES)
def test_a_month_of_everything(small_spark: "SparkSession", records: DuckDBEngine, name: str) -> None:
    model = PROJECT.model(name)
    assert not _differ(small_spark, records, model, MONTH)


def test_the_month_touches_every_model(records: DuckDBEngine) -> None:
    """No rows would agree with no rows."""
    without = {name for name in NAMES if not records.rows(PROJECT.model(name).relation, MONTH)}
    # findings of the analytical tier need longer series than this month has: see the next test
    assert without <= {"own_month_findings", "branch_findings", "cohort_measures", "fact_untreated_visits"}


def _differ(spark: "SparkSession", engine: DuckDBEngine, model: Model, month: str) -> str:
    return differences(spark, PROJECT, model, month, inputs_in(engine, model, month))[1]


# --- figures that catch the eye


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> DuckDBEngine:
    from figure_world import FigureWorld

    world = FigureWorld(tmp_path_factory.mktemp("figures"), FIGURES_MONTH)
    random_world(world, 1)
    world.run()
    world.series()
    return DuckDBEngine(Lake(world.home / "lake"), PROJECT)


@pytest.mark.parametrize(
    "name",
    [
        *("comparable_figures", "own_month_findings", "branch_findings", "total_findings", "analytical_findings"),
        "mart_kpi_series",
    ],
)
def test_figures_that_catch_the_eye(small_spark: "SparkSession", figures: DuckDBEngine, name: str) -> None:
    model = PROJECT.model(name)
    rows, found = differences(small_spark, PROJECT, model, FIGURES_MONTH, inputs_in(figures, model, FIGURES_MONTH))
    assert rows > 0 and not found


# --- the published figures


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> DuckDBEngine:
    settings = Settings(home=tmp_path_factory.mktemp("published"), database_url=None, lake_url=None)
    place_examples(settings, CONTRACTS)
    lake = Lake(settings.home / "own-lake")
    engine = DuckDBEngine(lake, PROJECT)
    for month in MONTHS:
        for contract in CONTRACTS.values():
            ingest(lake, settings.landing_dir, contract, CATALOGUE, month)
            lake.write("findings", contract.dataset.id, month, FINDINGS_SCHEMA.empty_table())
        write_reference(lake, month, reference_tables(CATALOGUE, CONTRACTS.values()))
        for model in PROJECT.models:
            if model.layer == "marts" and (month not in lake.months("judged", "kpi_judgements")):
                rows = lake.read("kpis", "judgement_inputs", month).to_pylist()
                lake.write("judged", "kpi_judgements", month, judge_month(rows, CATALOGUE, month))
            engine.run_model(model, month)
    return engine


OF_REPORTS = [
    name
    for name in NAMES
    if PROJECT.model(name).layer in ("kpis", "marts")
    or name in ("stg_kpi_results", "stg_kpi_targets", "reported_measures")
]


@pytest.mark.parametrize("name", OF_REPORTS)
def test_the_published_figures(small_spark: "SparkSession", published: DuckDBEngine, name: str) -> None:
    assert not _differ(small_spark, published, PROJECT.model(name), MONTHS[-1])


# --- edge cases


@pytest.mark.parametrize("name", NAMES)
def test_edge_cases(small_spark: "SparkSession", edges: Callable[[float], EdgeInputs], name: str) -> None:
    model = PROJECT.model(name)
    inputs = edges(sum(map(ord, name)))
    tables = {
        **{one.sql_name: inputs.table(one, share_of_nulls=0.2) for one in model.inputs},
        **{one.history_sql_name: inputs.table(one, share_of_nulls=0.2) for one in model.history},
    }
    assert not differences(small_spark, PROJECT, model, "2025-06", tables)[1]


@pytest.mark.parametrize("name", NAMES)
def test_empty_partitions(small_spark: "SparkSession", edges: Callable[[float], EdgeInputs], name: str) -> None:
    model = PROJECT.model(name)
    inputs = edges(0)
    tables = {
        **{one.sql_name: inputs.table(one, share_of_nulls=1) for one in model.inputs},
        **{one.history_sql_name: inputs.table(one, share_of_nulls=1) for one in model.history},
    }
    assert not differences(small_spark, PROJECT, model, "2025-06", tables)[1]


@pytest.fixture(scope="module")
def edges() -> Callable[[float], EdgeInputs]:
    reference = reference_tables(CATALOGUE, CONTRACTS.values(), ("01", "13", "47"))
    return lambda seed: EdgeInputs(PROJECT, reference, int(seed))
