"""How Spark gets at partitions of the lake: the two ways, of which an engine has one.

What lives here: what both ways give. What does not: files in a folder (``spark_files``), objects in a store that the executors
ask themselves (``spark_objects``).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from kenpo_pipelines.lake import LakeUnreachable
from kenpo_pipelines.models import Model, Relation
from resources.spark_footers import Footer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


class VersionReplaced(LakeUnreachable):
    """Another run has replaced the version that was read, and it is gone: the new one is there."""


@dataclass(frozen=True)
class Piece:
    """One Parquet file of a partition. ``place``: its path, or its object's URL; ``size`` in bytes."""

    place: str
    size: int
    sha256: str
    footer: Footer


class Partitions(Protocol):
    """What is raised is LakeError, or FileNotFoundError where a file went away between being named and being opened."""

    def pieces(self, relation: Relation, months: Sequence[str]) -> list[Piece]:
        """Return the files of the months' current versions, in order. Raises MissingPartition, DamagedPartition."""
        ...

    def read(self, spark: "SparkSession", pieces: Sequence[Piece], schema: pa.Schema) -> "DataFrame":
        """Return the rows of files that all have this schema, not read yet."""
        ...

    def write(self, rows: "DataFrame", model: Model, month: str) -> int:
        """Commit the rows as the month's partition, files in the order of the rows; return how many there are."""
        ...

    def told(self) -> AbstractContextManager[None]:
        """Raise what executors met in the lake as the lake's own errors, for a block in which Spark computes."""
        ...


def struct_of(schema: pa.Schema) -> "StructType":
    """Return Spark's types of a Parquet file; a timestamp without time zone stays one."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema.remove_metadata(), prefer_timestamp_ntz=True)
