"""DuckDB as the engine: the contract of every engine, and months that do not fit into memory."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from sql.engine_cases import RAW, EngineContract, Engines, row, sums
from sql.small_project import schema, visit_sums, write, write_project

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import load_project
from resources.duckdb_engine import DuckDBEngine


def duckdb_engine(folder: Path, lake: Lake) -> DuckDBEngine:
    return DuckDBEngine(lake, load_project(folder))


class TestDuckDBEngine(EngineContract):
    @pytest.fixture
    def engine_of(self) -> Engines:
        return duckdb_engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "models")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


SORTED = "select range as number, sha256(range::varchar) as text from range(1500000) order by text"


def test_what_does_not_fit_into_memory_goes_to_files_that_are_removed(folder: Path, lake: Lake) -> None:
    names = [{"name": "number", "data_type": "bigint"}, {"name": "text", "data_type": "varchar"}]
    write(folder / "kpis" / "visit_sums.sql", SORTED)
    schema(folder / "kpis" / "schema.yml", [visit_sums(columns=names)])
    engine = DuckDBEngine(lake, load_project(folder), memory="90MB")
    with (
        duckdb.connect(config={"memory_limit": "90MB", "temp_directory": "", "threads": 2}) as connection,
        pytest.raises(duckdb.OutOfMemoryException),
    ):
        connection.execute(f"create table sorted as {SORTED}")

    assert engine.run_model(engine.project.model("visit_sums"), "2025-06") == 1_500_000

    assert list((lake.root / ".scratch").iterdir()) == []
    first = lake.version("kpis", "visit_sums", "2025-06")
    engine.run_model(engine.project.model("visit_sums"), "2025-06")
    assert lake.version("kpis", "visit_sums", "2025-06") == first, "many row groups, written by two threads"


def test_the_history_of_hundreds_of_months_is_read(folder: Path, lake: Lake) -> None:
    engine = duckdb_engine(folder, lake)
    months = [f"{year}-{month:02d}" for year in range(2000, 2026) for month in range(1, 13)]
    for month in months:
        table = pa.Table.from_pylist([row("13", 1, month)], schema=RAW)
        lake.write("staging", "stg_visits", month, table)

    engine.run_model(engine.project.model("visit_sums"), "2025-12")

    assert sums(lake, "2025-12") == {"13": len(months)}
    assert len(engine.input_versions(engine.project.model("visit_sums"), "2025-12")) == len(months) == 312
