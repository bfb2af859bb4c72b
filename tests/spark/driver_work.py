"""What a driver in a process of its own does for tests of a cluster: a process has one Spark, pytest's is a local one.

What lives here: functions that are sent to that process, and what they give back. What does not: what is expected of that.
"""

import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kenpo_pipelines.lake import Lake, LakeObject, open_lake
from kenpo_pipelines.lake.objects import ObjectLake
from kenpo_pipelines.models import Relation, load_project
from resources import spark_connection, spark_objects, spark_session
from resources.spark_connection import SparkMaster, disconnect
from resources.spark_engine import SparkEngine


@dataclass(frozen=True)
class Place:
    """Where models, lake and master are. ``url``: of a lake in an object store, of which ``folder`` would hold copies."""

    master: str
    models: Path
    folder: Path
    url: str | None = None

    def lake(self) -> Lake:
        return open_lake(self.folder, self.url)

    def engine(self, lake: Lake | None = None) -> SparkEngine:
        master = SparkMaster(self.master, self.folder / "spark.log")
        return SparkEngine(lake or self.lake(), load_project(self.models), master)


@dataclass(frozen=True)
class Trouble:
    """An error, and everything that is told of it and of what it came from."""

    kinds: tuple[str, ...]
    text: str
    told: str


@contextmanager
def driver() -> Iterator[ProcessPoolExecutor]:
    """A process that keeps its Spark from one call to the next, with the environment of this one."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            yield pool
        finally:
            pool.submit(disconnect).result()


def run(place: Place, month: str, names: Sequence[str] = ()) -> list[int]:
    """Run the named models, or all; return how many rows each has, as the engine says when it is asked later."""
    engine = place.engine()
    found = []
    for model in engine.project.models:
        if not names or model.name in names:
            rows = engine.run_model(model, month)
            assert rows == engine.rows(model.relation, month)
            found.append(rows)
    return found


def run_in_many_tasks(place: Place, month: str, size: int) -> list[int]:
    """Run all models with so few bytes in a task that relations are many tasks and results many files."""
    sizes = (spark_session, "_BYTES_PER_TASK"), (spark_objects, "_BYTES_PER_TASK")
    before = [getattr(*one) for one in sizes]
    coalesce = "spark.sql.adaptive.coalescePartitions.enabled"
    for module, name in sizes:
        setattr(module, name, size)
    spark_connection.RESULTS[coalesce] = "false"
    try:
        return run(place, month)
    finally:
        del spark_connection.RESULTS[coalesce]
        for (module, name), value in zip(sizes, before, strict=True):
            setattr(module, name, value)


class _ReplacedWhileRead(ObjectLake):
    """Names objects of a version that was replaced and removed, as often as it is told to."""

    times_gone = 0

    def objects(self, layer: str, name: str, month: str) -> list[LakeObject]:
        found = super().objects(layer, name, month)
        if not self.times_gone:
            return found
        self.times_gone -= 1
        folder = self.staging_url(layer, name, month)
        return [LakeObject(f"{folder}/gone.parquet", one.size, one.sha256) for one in found]


def run_while_replaced(place: Place, month: str, name: str, times: int) -> int:
    """Run a model whose inputs are replaced so often between being named and being read."""
    assert place.url is not None
    lake = _ReplacedWhileRead(place.url, place.folder, 24)
    engine = place.engine(lake)
    lake.times_gone = times
    return engine.run_model(engine.project.model(name), month)


def trouble_of(work: Any, *args: Any) -> Trouble | None:
    """Do what fails."""
    try:
        work(*args)
    except Exception as error:  # noqa: BLE001 (all that it says is looked at)
        kinds = tuple(one.__name__ for one in type(error).__mro__)
        return Trouble(kinds, str(error), "".join(traceback.format_exception(error)))
    return None


def fetched(place: Place, relation: Relation, months: Sequence[str], sql: str) -> list[tuple[Any, ...]]:
    """Attach a relation in a session and return what a select gives, as checks do."""
    with place.engine().session() as session:
        session.attach(relation, months)
        return session.fetch(sql)


def expected_bytes(place: Place, relation: Relation, month: str) -> int:
    """Return how large Spark expects a relation to be when it plans."""
    with place.engine().session() as session:
        session.attach(relation, [month])
        plan: Any = session.dataframe(relation.sql_name)
        return int(plan._jdf.queryExecution().optimizedPlan().stats().sizeInBytes())
