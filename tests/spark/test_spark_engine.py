"""Spark as the engine: the contract of every engine, and what only many tasks and many files can get wrong."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from spark.conftest import LOCAL
from sql.engine_cases import RAW, EngineContract, Engines, land, row, run, sums
from sql.small_project import schema, visit_sums, write, write_project

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Model, Relation, load_project
from resources import spark_connection
from resources.spark_connection import SparkMaster
from resources.spark_engine import SparkEngine
from resources.spark_files import FolderPartitions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def spark_engine(folder: Path, lake: Lake) -> SparkEngine:
    return SparkEngine(lake, load_project(folder), SparkMaster(LOCAL, lake.root / "spark.log"))


@pytest.fixture(autouse=True)
def running_spark(spark: "SparkSession") -> "SparkSession":
    """The driver of the test run, which the engine finds and uses."""
    return spark


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "models")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


class TestSparkEngine(EngineContract):
    has_repeatable_bytes = False  # Spark's writer names encodings in an order that each Java process draws anew

    @pytest.fixture
    def engine_of(self) -> Engines:
        return spark_engine


def test_a_result_of_many_tasks_is_several_files_in_the_order_of_the_model(
    folder: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.spark_session._BYTES_PER_TASK", 2000)
    monkeypatch.setitem(spark_connection.RESULTS, "spark.sql.adaptive.coalescePartitions.enabled", "false")
    land(lake, "2025-06", *[(f"{number:05d}", number) for number in range(5000)])
    engine = spark_engine(folder, lake)

    assert run(engine, "2025-06") == [5000, 5000]

    files = lake.files("kpis", "visit_sums", "2025-06")
    assert len(files) > 10, "as many as there were tasks"
    width = len(str(len(files) - 1))
    assert [path.name for path in files] == [f"part-{number:0{width}d}.parquet" for number in range(len(files))]
    assert lake.read("kpis", "visit_sums", "2025-06")["visits"].to_pylist() == list(range(5000))
    assert engine.rows(engine.project.model("visit_sums").relation, "2025-06") == 5000


def test_rows_that_the_model_leaves_side_by_side_come_in_one_order(folder: Path, lake: Lake) -> None:
    write(folder / "staging" / "stg_visits.sql", "select * from {{ source('raw', 'visits') }} order by known_month")
    engine = spark_engine(folder, lake)
    found = []
    for order in (1, -1):
        land(lake, "2025-06", *[("13", visits) for visits in range(100)][::order])
        engine.run_model(engine.project.model("stg_visits"), "2025-06")
        found.append(lake.version("staging", "stg_visits", "2025-06"))

    assert found[0] == found[1]


def test_a_type_that_spark_has_otherwise_becomes_the_promised_one(folder: Path, lake: Lake) -> None:
    total = [*visit_sums()["columns"][:1], {"name": "total", "data_type": "decimal(38,4)"}]
    write(
        folder / "kpis" / "visit_sums.sql",
        "select branch, sum(cast(visits as decimal(18,4))) as total from {{ ref('stg_visits') }} group by branch",
    )
    schema(folder / "kpis" / "schema.yml", [visit_sums(columns=total)])
    land(lake, "2025-06", ("13", 5), ("13", 2))

    run(spark_engine(folder, lake), "2025-06")

    table = lake.read("kpis", "visit_sums", "2025-06")
    assert str(table.schema.field("total").type) == "decimal128(38, 4)"
    assert [str(one["total"]) for one in table.to_pylist()] == ["7.0000"]


def test_the_history_of_many_months_is_read(folder: Path, lake: Lake) -> None:
    engine = spark_engine(folder, lake)
    months = [f"{year}-{month:02d}" for year in range(2020, 2026) for month in range(1, 13)]
    for month in months:
        lake.write("staging", "stg_visits", month, pa.Table.from_pylist([row("13", 1, month)], schema=RAW))

    engine.run_model(engine.project.model("visit_sums"), "2025-12")

    assert sums(lake, "2025-12") == {"13": len(months)} == {"13": 72}


class GoneOnce(FolderPartitions):
    """Partitions of which a file is away while Spark computes the first time: another run has replaced it."""

    def __init__(self, lake: Lake, path: Path) -> None:
        super().__init__(lake)
        self.times = 0
        self._path = path

    def write(self, rows: "DataFrame", model: Model, month: str) -> int:
        self.times += 1
        if self.times > 1:
            return super().write(rows, model, month)
        away = self._path.rename(self._path.with_suffix(".away"))
        try:
            return super().write(rows, model, month)
        finally:
            away.rename(self._path)


def test_a_file_that_goes_away_while_spark_computes_has_the_model_read_anew(folder: Path, lake: Lake) -> None:
    land(lake, "2025-06", ("13", 5))
    engine = spark_engine(folder, lake)
    (path,) = lake.files("raw", "visits", "2025-06")
    engine.partitions = partitions = GoneOnce(lake, path)

    assert engine.run_model(engine.project.model("stg_visits"), "2025-06") == 1
    assert partitions.times == 2


def test_a_session_takes_back_its_views(folder: Path, lake: Lake, spark: "SparkSession") -> None:
    land(lake, "2025-06", ("13", 5))
    with spark_engine(folder, lake).session() as session:
        session.attach(Relation("raw", "visits"), ["2025-06"])
        session.name_view("checked", "raw.visits")
        assert {one.name for one in session.spark.catalog.listTables()} == {"raw__visits", "checked"}
        assert session.dataframe("checked").count() == 1
        kept = session.spark

    assert kept.catalog.listTables() == []
    assert spark.catalog.listTables() == []
