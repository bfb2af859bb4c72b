"""Every SQL model on DuckDB and on Spark, over the same inputs: the same rows, to the last digit, in the promised types.

Each model reads what DuckDB made, so that a difference names the model that has it. The inputs: a month of records, reports,
findings and progress with history; the published figures; and tables of edge cases (nulls, ties, limits, month ends, no rows,
texts that sort differently elsewhere).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from figure_world import MODELS as OF_FIGURES
from figure_world import FigureWorld
from record_lake import RecordLake
from record_worlds import Chances, land_month
from reference_partitions import reference_tables, write_reference
from spark.both_engines import UNCOMPILED, Both, both_with, compiled_again, inputs_in
from spark.edge_inputs import EdgeInputs
from test_analytical_findings import MONTH as FIGURES_MONTH
from test_analytical_findings import random_world

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.demo import MONTHS, place_examples
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Relation, load_project
from kenpo_pipelines.settings import CHECKOUT, Settings
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.ingest import ingest
from kenpo_pipelines.submissions.partitions import FINDINGS_SCHEMA
from resources.duckdb_engine import DuckDBEngine
from resources.spark_connection import RESULTS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROJECT = load_project(CHECKOUT / "dbt_like_sql")
MODELS = [model for model in PROJECT.models if not model.is_view]
NAMES = [model.name for model in MODELS]
MONTH = "2025-07"
CONTRACTS = load_contracts(CHECKOUT / "expectations")
CATALOGUE = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
BRANCHES = ("01", "13", "20", "47")


SessionOf = Callable[[], "SparkSession"]


@pytest.fixture(scope="module")
def session_of(spark: "SparkSession") -> Iterator[SessionOf]:
    """Sessions with views of their own."""
    given = []

    def session() -> "SparkSession":
        made = spark.newSession()
        given.append(made)
        for name, value in (RESULTS | UNCOMPILED).items():
            made.conf.set(name, value)
        return made

    yield session
    compiled_again(given)


@contextmanager
def attached(session_of: SessionOf, engine: DuckDBEngine, names: Iterable[str], month: str) -> Iterator[Both]:
    """Both engines with all that the models read for the month, as DuckDB made it."""
    inputs = inputs_in(engine, map(PROJECT.model, names), month)
    with both_with(session_of(), PROJECT, month, inputs) as both:
        yield both


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


@pytest.fixture(scope="module")
def month_of_everything(session_of: SessionOf, records: DuckDBEngine) -> Iterator[Both]:
    with attached(session_of, records, NAMES, MONTH) as both:
        yield both


@pytest.mark.parametrize("name", NAMES)
def test_a_month_of_everything(month_of_everything: Both, name: str) -> None:
    assert month_of_everything.differences(name)[1] == ""


def test_the_month_touches_every_model(records: DuckDBEngine) -> None:
    """No rows would agree with no rows."""
    without = {name for name in NAMES if not records.rows(PROJECT.model(name).relation, MONTH)}
    # findings of the analytical tier need longer series than this month has: see the next test
    assert without <= {"own_month_findings", "branch_findings", "cohort_measures", "fact_untreated_visits"}


# --- figures that catch the eye


CONSPICUOUS = (*OF_FIGURES, "mart_kpi_series")


@pytest.fixture(scope="module")
def figures(session_of: SessionOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    world = FigureWorld(tmp_path_factory.mktemp("figures"), FIGURES_MONTH)
    random_world(world, 1)
    world.run()
    world.series()
    with attached(session_of, DuckDBEngine(Lake(world.home / "lake"), PROJECT), CONSPICUOUS, FIGURES_MONTH) as both:
        yield both


@pytest.mark.parametrize("name", CONSPICUOUS)
def test_figures_that_catch_the_eye(figures: Both, name: str) -> None:
    rows, found = figures.differences(name)
    assert rows > 0
    assert found == ""


# --- the published figures


OF_REPORTS = [
    name
    for name in NAMES
    if PROJECT.model(name).layer in ("kpis", "marts")
    or name in ("stg_kpi_results", "stg_kpi_targets", "reported_measures")
]


@pytest.fixture(scope="module")
def published(session_of: SessionOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
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
    with attached(session_of, engine, OF_REPORTS, MONTHS[-1]) as both:
        yield both


@pytest.mark.parametrize("name", OF_REPORTS)
def test_the_published_figures(published: Both, name: str) -> None:
    assert published.differences(name)[1] == ""


# --- edge cases


@contextmanager
def made_up(session_of: SessionOf, share_of_nulls: float) -> Iterator[Both]:
    """Both engines with tables at random for all that the models read."""
    reference = reference_tables(CATALOGUE, CONTRACTS.values(), ("01", "13", "47"))
    inputs = EdgeInputs(PROJECT, reference, seed=1)
    wanted: dict[str, Relation] = {}
    for name in NAMES:
        model = PROJECT.model(name)
        wanted |= {one.sql_name: one for one in model.inputs}
        wanted |= {one.history_sql_name: one for one in model.history}
    tables: dict[str, pa.Table] = {
        name: inputs.table(one, share_of_nulls=share_of_nulls) for name, one in sorted(wanted.items())
    }
    with both_with(session_of(), PROJECT, "2025-06", tables) as both:
        yield both


@pytest.fixture(scope="module")
def edges(session_of: SessionOf) -> Iterator[Both]:
    with made_up(session_of, share_of_nulls=0.2) as both:
        yield both


@pytest.fixture(scope="module")
def nothing(session_of: SessionOf) -> Iterator[Both]:
    with made_up(session_of, share_of_nulls=1) as both:
        yield both


@pytest.mark.parametrize("name", NAMES)
def test_edge_cases(edges: Both, name: str) -> None:
    assert edges.differences(name)[1] == ""


@pytest.mark.parametrize("name", NAMES)
def test_empty_partitions(nothing: Both, name: str) -> None:
    assert nothing.differences(name)[1] == ""
