"""Objects of a lake in an object store as Spark's executors read and write them: no row passes through this process.

What lives here: which object goes to which task, what tasks wrote committed as a version, what their faults mean. What does
not: what a task does (``spark_tasks``), manifests and commits (the lake).

An object is fetched whole, for its digest is compared before anything is read of it. What Spark has for itself to read a store
(Hadoop's drivers) reads ranges and compares nothing, and is no package of Python.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from kenpo_pipelines import object_store
from kenpo_pipelines.lake import LakeError, LakeObject, LakeUnreachable
from kenpo_pipelines.lake.base import COMPRESSION, ROW_GROUP
from kenpo_pipelines.lake.objects import ObjectLake
from kenpo_pipelines.models import Model, Relation
from resources import spark_tasks
from resources.spark_footers import footers_of_objects
from resources.spark_partitions import Piece, VersionReplaced, struct_of
from resources.spark_tasks import MARK

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_BYTES_PER_TASK = 16 << 20
_OBJECTS_PER_TASK = 16
"""Small objects share a task; a large one has one of its own."""
_FAULT = re.compile(rf"{MARK}:([a-z-]+):(\w*):([^\r\n]*)")
_WORDS = {
    spark_tasks.UNREACHABLE: "does not answer",
    spark_tasks.REFUSED: "cannot be used: check, here and on Spark's executors, that fsspec has the store's driver (s3fs), and "
    "the credentials in the environment and their rights (read, write)",
    spark_tasks.DISK: "cannot be copied: Spark's executors have no room for temporary files (spark.local.dir)",
    spark_tasks.BROKEN: "cannot be read or written by Spark's executors",
}


class StoredPartitions:
    """Partitions through their objects; ``resources.spark_partitions.Partitions`` says what each does."""

    def __init__(self, lake: ObjectLake) -> None:
        self._lake = lake

    def pieces(self, relation: Relation, months: Sequence[str]) -> list[Piece]:
        """Return the objects of the months' current versions, in order; of each only the end is read."""
        objects = [one for month in months for one in self._lake.objects(relation.layer, relation.name, month)]
        with self.told():
            found = footers_of_objects(objects)
        return [Piece(one.url, one.size, one.sha256, footer) for one, footer in zip(objects, found, strict=True)]

    def read(self, spark: "SparkSession", pieces: Sequence[Piece], schema: pa.Schema) -> "DataFrame":
        """Return the rows of objects that all have this schema; tasks fetch them when Spark computes.

        Spark plans joins by the sizes that it expects, and takes a function to give as many rows as it gets: with one for each
        task a relation of any size would seem small enough to be sent whole to every executor. So the function stands on a
        range of as many numbers as the relation has values, of which all but one for each task are dropped before they reach
        it: counting a thousand million takes a second.
        """
        tasks = _tasks(pieces)
        values = len(schema) * sum(piece.footer.rows for piece in pieces)
        step = max(1, -(-values // len(tasks)))
        numbers = spark.range(0, step * len(tasks), 1, len(tasks)).where(f"id % {step} = 0")
        struct = struct_of(schema)
        _send_by_value()
        return numbers.mapInArrow(spark_tasks.reader(tasks, step, _arrow_of(struct)), struct)

    def write(self, rows: "DataFrame", model: Model, month: str) -> int:
        """Commit what the tasks of the rows uploaded as the month's partition; return how many rows there are."""
        url = self._lake.staging_url(model.layer, model.name, month)
        schema = _arrow_of(rows.schema)
        _send_by_value()
        write = spark_tasks.writer(url, schema, COMPRESSION, ROW_GROUP)
        with self.told():
            written = sorted(
                rows.mapInArrow(write, struct_of(spark_tasks.WRITTEN)).collect(), key=lambda one: int(one["part"])
            )
        if not written:
            with self._lake.replace(model.layer, model.name, month) as folder:
                pq.write_table(
                    schema.empty_table(), folder / "part-0.parquet", compression=COMPRESSION, store_schema=False
                )
            return 0
        objects = [LakeObject(one["url"], one["size"], one["sha256"]) for one in written]
        self._lake.adopt(model.layer, model.name, month, objects)
        return sum(one["rows"] for one in written)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise what tasks met in the store as the lake's own errors; the texts of Spark that carry them are left out."""
        try:
            yield
        except Exception as error:  # of which class depends on how Spark is spoken to
            found = _FAULT.search(str(error))
            if found is None:
                raise
            raise self._explained(*found.groups()) from None

    def _explained(self, kind: str, cause: str, url: str) -> LakeError:
        if kind == spark_tasks.NOT_AS_WRITTEN:
            return self._lake.not_as_written(url) or VersionReplaced(
                f"{url} was replaced while it was read. Run it again later"
            )
        words = f"{url} {_WORDS.get(kind, _WORDS[spark_tasks.BROKEN])} ({cause})"
        return LakeUnreachable(f"{words}. Run it again later") if kind == spark_tasks.UNREACHABLE else LakeError(words)


def _tasks(pieces: Sequence[Piece]) -> list[list[spark_tasks.StoredObject]]:
    """Spread objects over tasks, in their order."""
    tasks: list[list[spark_tasks.StoredObject]] = []
    held = 0
    for piece in pieces:
        if not tasks or held + piece.size > _BYTES_PER_TASK or len(tasks[-1]) == _OBJECTS_PER_TASK:
            tasks.append([])
            held = 0
        tasks[-1].append((piece.place, piece.size, piece.sha256))
        held += piece.size
    return tasks


def _arrow_of(struct: "StructType") -> pa.Schema:
    """Return the columns as Spark gives and takes them in batches, all of which may be null."""
    from pyspark.sql.pandas.types import to_arrow_schema

    return pa.schema([pa.field(one.name, one.type) for one in to_arrow_schema(struct)])


def _send_by_value() -> None:
    """Have the functions of tasks sent whole, not as names in modules that executors do not have."""
    from pyspark.cloudpickle import register_pickle_by_value

    for module in (spark_tasks, object_store):
        register_pickle_by_value(module)  # type: ignore[no-untyped-call]
