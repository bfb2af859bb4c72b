"""A Spark cluster over a lake in an object store: executors read and write the store themselves, and it may fail.

Master, workers, executors and the Spark Connect server are processes of their own, as is the driver; the store is a real server
of S3. The executors' Python has neither this project nor anything of it but what they are documented to need.
"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from s3_server import ACCESS_KEY, SECRET_KEY, Bucket, Fault, Server, new_bucket, running
from spark import driver_work
from spark.cluster import Cluster, cluster
from spark.driver_work import Place, Trouble
from sql.engine_cases import KINDS, VALUES, land
from sql.small_project import schema, stg_visits, write, write_project

from kenpo_pipelines.lake import Lake, MissingPartition, open_lake
from kenpo_pipelines.lake.objects import ObjectLake
from kenpo_pipelines.models import Relation, load_project
from resources.duckdb_engine import DuckDBEngine

MONTH, EARLIER = "2025-06", "2025-05"
TYPES = {
    "text": "varchar",
    "number": "bigint",
    "small": "integer",
    "amount": "decimal(28,10)",
    "day": "date",
    "key": "blob",
    "is_open": "boolean",
    "ratio": "double",
}
NOT_ON_EXECUTORS = ("kenpo_pipelines", "resources", "duckdb", "sqlglot", "pydantic", "tenacity", "pandas")
MEMBER = "記号1234-56"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def workers(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers with the store's credentials in their environment, and a Python that lacks what they do not need."""
    lacking = tmp_path_factory.mktemp("lacking")
    for name in NOT_ON_EXECUTORS:
        write(lacking / f"{name}.py", f"raise ImportError('executors have no {name}')\n")
    with cluster(tmp_path_factory.mktemp("cluster"), environment={"PYTHONPATH": str(lacking)}) as workers:
        with (workers.conf_dir / "spark-defaults.conf").open("a", encoding="utf-8") as settings:
            settings.write("spark.task.maxFailures 2\n")  # not 4: here what fails goes on failing
        yield workers


@pytest.fixture(scope="module")
def driver(workers: Cluster) -> Iterator[ProcessPoolExecutor]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(workers.conf_dir))
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        with driver_work.driver() as pool:
            yield pool


@dataclass
class Stage:
    """A lake of a test, empty at first, and who works on it."""

    place: Place
    lake: ObjectLake
    bucket: Bucket
    driver: ProcessPoolExecutor

    def do(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        return self.driver.submit(work, self.place, *args, **kwargs).result()

    def trouble(self, work: Any, *args: Any) -> Trouble:
        found: Trouble | None = self.driver.submit(driver_work.trouble_of, work, self.place, *args).result()
        assert found is not None
        return found

    def objects(self, layer: str, name: str, month: str = MONTH) -> list[str]:
        """Keys in the bucket of the month's current version."""
        return [one.url.removeprefix(f"s3://{self.bucket.name}/") for one in self.lake.objects(layer, name, month)]


@pytest.fixture
def stage(server: Server, workers: Cluster, driver: ProcessPoolExecutor, tmp_path: Path) -> Stage:
    bucket = new_bucket(server, "lake")
    url = f"s3://{bucket.name}/some/lake"
    place = Place(workers.url, write_project(tmp_path / "models"), tmp_path / "driver", url)
    lake = open_lake(tmp_path / "here", url)
    assert isinstance(lake, ObjectLake)
    return Stage(place, lake, bucket, driver)


def copies(stage: Stage) -> list[Path]:
    """Parquet files that the driver has of the lake."""
    return list(stage.place.folder.rglob("*.parquet"))


def add_kinds(folder: Path) -> None:
    """staging: all_kinds, of every type that models have. Its source has a moment and a list of structs besides."""
    sources = yaml.safe_load((folder / "staging" / "sources.yml").read_text(encoding="utf-8"))
    (visits,) = sources["sources"][0]["tables"]
    columns = [{"name": name, "data_type": kind, "description": name} for name, kind in TYPES.items()]
    entry = stg_visits(columns=columns) | {"name": "all_kinds"}
    listed = ", ".join(f'"{column["name"]}"' for column in columns)
    write(folder / "staging" / "all_kinds.sql", f"select {listed} from {{{{ source('raw', 'kinds') }}}} order by small")
    schema(folder / "staging" / "schema.yml", [stg_visits(), entry])
    sources["sources"][0]["tables"].append(visits | {"name": "kinds", "columns": entry["columns"]})
    write(folder / "staging" / "sources.yml", yaml.safe_dump(sources))


def land_all(lake: Lake) -> None:
    for month, more in ((EARLIER, 0), (MONTH, 7)):
        land(lake, month, *[(f"{n:05d}", n % 91 + more) for n in range(3000)], *[("00000", 1)] * 3)
    lake.write("raw", "kinds", MONTH, pa.Table.from_pylist(VALUES * 3, KINDS))


def test_executors_read_and_write_what_duckdb_would(stage: Stage, tmp_path: Path) -> None:
    add_kinds(stage.place.models)
    folder = Lake(tmp_path / "lake")
    land_all(stage.lake)
    land_all(folder)
    duckdb = DuckDBEngine(folder, load_project(stage.place.models))
    for month, names in ((EARLIER, ["stg_visits"]), (MONTH, [])):
        for model in duckdb.project.models:
            if not names or model.name in names:
                duckdb.run_model(model, month)

    assert stage.do(driver_work.run, EARLIER, ["stg_visits"]) == [3003]
    assert stage.do(driver_work.run_in_many_tasks, MONTH, 4_000) == [6, 3003, 3000]

    assert copies(stage) == [], "no row passed through the driver"
    for layer, name in (("staging", "all_kinds"), ("kpis", "visit_sums")):
        found, wanted = stage.lake.read(layer, name, MONTH), folder.read(layer, name, MONTH)
        assert found.schema.equals(wanted.schema)
        assert found.to_pylist() == wanted.to_pylist(), "and in the same order, over all files"
    assert Counter(map(str, stage.lake.read("staging", "stg_visits", MONTH).to_pylist())) == Counter(
        map(str, folder.read("staging", "stg_visits", MONTH).to_pylist())
    )
    assert len(stage.objects("kpis", "visit_sums")) > 2
    files = stage.lake.files("staging", "all_kinds", MONTH) + stage.lake.files("kpis", "visit_sums", MONTH)
    for path in files:
        with pq.ParquetFile(path) as file:
            assert file.metadata.row_group(0).column(0).compression == "ZSTD"
            assert b"ARROW:schema" not in (file.metadata.metadata or {}), "types are Parquet's own"


def test_a_result_without_rows_is_one_file_with_its_columns(stage: Stage) -> None:
    land(stage.lake, MONTH)

    assert stage.do(driver_work.run, MONTH) == [0, 0]

    table = stage.lake.read("kpis", "visit_sums", MONTH)
    assert (table.num_rows, table.schema.names) == (0, ["branch", "visits", "as_of"])
    assert [str(kind) for kind in table.schema.types] == ["string", "int64", "string"]


def test_equal_rows_are_an_equal_version_and_commit_nothing_new(stage: Stage) -> None:
    land(stage.lake, MONTH, ("13", 5), ("04", 2))
    stage.do(driver_work.run, MONTH)
    before = stage.objects("kpis", "visit_sums")

    stage.do(driver_work.run, MONTH)

    assert stage.objects("kpis", "visit_sums") == before


def test_spark_plans_with_the_true_size_of_a_relation(stage: Stage) -> None:
    """By what it is told, a relation is sent whole to every executor, or is not."""
    rows = 400_000
    table = pa.table(
        {"branch": ["13"] * rows, "visits": pa.array([1] * rows, pa.int32()), "known_month": [MONTH] * rows}
    )
    stage.lake.write("raw", "visits", MONTH, table)

    expected = stage.do(driver_work.expected_bytes, Relation("raw", "visits"), MONTH)

    assert expected == rows * 3 * 8, "eight bytes for each value"
    assert len(stage.objects("raw", "visits")) == 1, "of which its task gets one row"


def test_a_session_answers_as_checks_ask(stage: Stage) -> None:
    for month in (EARLIER, MONTH):
        land(stage.lake, month, ("13", 5), ("04", 2))
    sql = "select known_month, count(*), sum(visits) from raw.visits group by all order by 1"

    found = stage.do(driver_work.fetched, Relation("raw", "visits"), [EARLIER, MONTH], sql)

    assert found == [(EARLIER, 2, 7), (MONTH, 2, 7)]
    assert copies(stage) == []


def test_months_of_other_columns_are_named_with_what_mends_them(stage: Stage) -> None:
    stage.lake.write("staging", "stg_visits", EARLIER, pa.table({"branch": ["13"]}))
    land(stage.lake, MONTH, ("13", 5))

    trouble = stage.trouble(driver_work.run, MONTH)

    assert "LakeError" in trouble.kinds
    assert f"another version of the project in {EARLIER}: kenpo backfill --from {EARLIER}" in trouble.text
    assert copies(stage) == []


# --- faults ---


def test_a_slow_store_that_fails_now_and_then_changes_nothing(stage: Stage, server: Server) -> None:
    land(stage.lake, EARLIER, *[("13", 1)] * 10)
    land(stage.lake, MONTH, ("13", 5), ("04", 2))
    stage.do(driver_work.run, EARLIER, ["stg_visits"])
    met: Counter[tuple[str, str]] = Counter()

    def twice(method: str, path: str) -> Fault | None:
        if ".parquet" not in path or method not in ("GET", "PUT"):
            return None
        met[method, path] += 1
        return Fault(503, "SlowDown", wait_s=0.1) if met[method, path] < 3 else Fault(wait_s=0.3)

    with server.meddling(twice):
        assert stage.do(driver_work.run, MONTH) == [2, 2]

    assert {method for (method, _), count in met.items() if count > 2} == {"GET", "PUT"}
    assert stage.lake.read("kpis", "visit_sums", MONTH)["visits"].to_pylist() == [2, 15]


def hurt_byte(bucket: Bucket, key: str) -> None:
    body = bytearray(bucket.get(key))
    body[20] ^= 1
    bucket.put(key, bytes(body))


@pytest.mark.parametrize("damage", [hurt_byte, Bucket.delete])
def test_a_damaged_object_is_refused_and_its_month_is_made_anew(stage: Stage, damage: Any) -> None:
    land(stage.lake, MONTH, ("13", 5))
    stage.lake.remember("raw", "visits", MONTH, "made of this")
    damage(stage.bucket, *stage.objects("raw", "visits"))

    trouble = stage.trouble(driver_work.run, MONTH)

    assert "DamagedPartition" in trouble.kinds
    assert f"raw/visits month {MONTH} is damaged" in trouble.text
    assert "PythonException" not in trouble.told
    assert not stage.lake.is_current("raw", "visits", MONTH, "made of this")
    assert stage.lake.months("staging", "stg_visits") == []


def test_a_partition_replaced_while_it_is_read_is_read_anew(stage: Stage) -> None:
    land(stage.lake, MONTH, ("13", 5))

    assert stage.do(driver_work.run_while_replaced, MONTH, "stg_visits", 2) == 1

    trouble = stage.trouble(driver_work.run_while_replaced, MONTH, "stg_visits", 3)
    assert "LakeError" in trouble.kinds and trouble.text.startswith(f"staging.stg_visits month {MONTH}: ")
    assert "LakeUnreachable" in trouble.told or "VersionReplaced" in trouble.told, "a fault that passes"


def test_what_is_denied_to_executors_is_told_with_what_to_do_and_no_secret(
    stage: Stage, server: Server, workers: Cluster
) -> None:
    land(stage.lake, MONTH, (MEMBER, 5))
    stage.do(driver_work.run, MONTH, ["stg_visits"])  # the ends of the objects are known now

    def denied(method: str, path: str) -> Fault | None:
        return Fault(403, "AccessDenied") if method == "GET" and ".parquet" in path else None

    with server.meddling(denied):
        trouble = stage.trouble(driver_work.run, MONTH, ["stg_visits"])

    assert trouble.kinds[0] == "LakeError"
    assert (
        "cannot be used: check, here and on Spark's executors" in trouble.text and "(PermissionError)" in trouble.text
    )
    written = [path.read_text(errors="replace") for path in workers.folder.glob("work-*/app-*/*/std*")]
    assert written
    for text in (trouble.told, *written):
        assert SECRET_KEY not in text and ACCESS_KEY not in text and MEMBER not in text


def test_an_error_of_spark_leaves_the_old_partition_and_uploads_nobody_is_told_of(stage: Stage) -> None:
    land(stage.lake, MONTH, ("13", 5))
    stage.do(driver_work.run, MONTH, ["stg_visits"])
    before = stage.objects("staging", "stg_visits")
    write(
        stage.place.models / "staging" / "stg_visits.sql",
        "select branch, cast(branch || 'x' as integer) as visits, known_month from {{ source('raw', 'visits') }}",
    )

    trouble = stage.trouble(driver_work.run, MONTH, ["stg_visits"])

    assert "LakeError" not in trouble.kinds, "it is no fault of the lake"
    assert stage.objects("staging", "stg_visits") == before


# --- a machine that fails: of two workers one is left ---


def test_a_worker_killed_while_it_fetches_is_made_up_for(stage: Stage, server: Server, workers: Cluster) -> None:
    months = [f"2025-{month:02d}" for month in range(1, 7)]
    for month in months:
        land(stage.lake, month, *[("13", 1)] * 50)
        stage.lake.write("staging", "stg_visits", month, stage.lake.read("raw", "visits", month))
    stage.do(driver_work.expected_bytes, Relation("staging", "stg_visits"), MONTH)  # executors are up
    begun = threading.Semaphore(0)

    def slow(method: str, path: str) -> Fault | None:
        if method != "GET" or "stg_visits" not in path or ".parquet" not in path:
            return None
        begun.release()
        return Fault(wait_s=0.7)

    with server.meddling(slow):
        ended = stage.driver.submit(driver_work.run_in_many_tasks, stage.place, MONTH, 3_000)
        assert begun.acquire(timeout=120)
        time.sleep(0.5)
        workers.kill_worker(1)
        assert ended.result() == [50, 1]

    assert stage.lake.read("kpis", "visit_sums", MONTH)["visits"].to_pylist() == [300]
    workers.wait_for_workers(1)
    with pytest.raises(MissingPartition):
        stage.lake.version("kpis", "visit_sums", EARLIER)


# --- Spark Connect ---


def test_through_spark_connect_models_and_checks_are_the_same(
    stage: Stage, workers: Cluster, driver: ProcessPoolExecutor, tmp_path: Path
) -> None:
    driver.submit(driver_work.disconnect).result()  # its executors have every core
    shared = Place("", stage.place.models, tmp_path / "lake")
    for lake in (stage.lake, Lake(shared.folder)):
        for month in (EARLIER, MONTH):
            land(lake, month, *[(f"{n:02d}", n) for n in range(1, 48)])
            if month == EARLIER:
                lake.write("staging", "stg_visits", month, lake.read("raw", "visits", month))
    with workers.connect_server() as url:
        for place in (Place(url, shared.models, shared.folder), Place(url, *_rest(stage.place))):
            assert driver.submit(driver_work.run, place, MONTH).result() == [47, 47]
            relation, sql = (
                Relation("kpis", "visit_sums"),
                "select count(*), sum(visits), min(as_of) from kpis.visit_sums",
            )
            found = driver.submit(driver_work.fetched, place, relation, [MONTH], sql).result()
            assert found == [(47, 2 * sum(range(1, 48)), MONTH)]
        on_store = Place(url, *_rest(stage.place))
        stage.bucket.delete(stage.objects("raw", "visits")[0])
        trouble = driver.submit(driver_work.trouble_of, driver_work.run, on_store, MONTH).result()
        assert trouble is not None and "DamagedPartition" in trouble.kinds
        driver.submit(driver_work.disconnect).result()
    assert copies(stage) == []
    found, wanted = (lake.read("kpis", "visit_sums", MONTH) for lake in (stage.lake, Lake(shared.folder)))
    assert found.to_pylist() == wanted.to_pylist()


def _rest(place: Place) -> tuple[Path, Path, str | None]:
    return place.models, place.folder, place.url
