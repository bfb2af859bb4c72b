"""Parquet files of a folder as Spark reads and writes them.

What lives here: named files to a DataFrame, a DataFrame to files with names in order. What does not: which files (the lake).
The folder must be the same one for the driver and for every worker: a file system that they share, or one machine, which may
then hold copies of a lake in an object store.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Model, Relation
from resources.spark_footers import footer_of_file
from resources.spark_partitions import Piece, struct_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_GLOB = re.compile(r"([\[\]{}*?,\\])")
_WRITTEN = "spark"
"""Folder below the new partition in which Spark writes, under names of its own."""


class FolderPartitions:
    """Partitions through files of this machine's folders; ``resources.spark_partitions.Partitions`` says what each does."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def pieces(self, relation: Relation, months: Sequence[str]) -> list[Piece]:
        """Return the files of the months' current versions, in order."""
        files = [path for month in months for path in self._lake.files(relation.layer, relation.name, month)]
        return [Piece(str(path), path.stat().st_size, "", footer_of_file(path)) for path in files]

    def read(self, spark: "SparkSession", pieces: Sequence[Piece], schema: pa.Schema) -> "DataFrame":
        """Return the rows of files that all have this schema: Spark looks into none of them to find it out."""
        urls = ["file://" + _GLOB.sub(r"\\\1", piece.place) for piece in pieces]
        # looking up recursively keeps it from taking month=… or the like in a path for a column
        return spark.read.schema(struct_of(schema)).option("recursiveFileLookup", "true").parquet(*urls)

    def write(self, rows: "DataFrame", model: Model, month: str) -> int:
        """Commit the rows as the month's partition; return how many there are."""
        with self._lake.replace(model.layer, model.name, month) as folder:
            _write_files(rows, folder)
        return sum(piece.footer.rows for piece in self.pieces(model.relation, [month]))

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let errors pass as they are: Spark's readers of files raise their own."""
        yield


def _write_files(rows: "DataFrame", folder: Path) -> None:
    """Write the rows into ``part-0.parquet``, … of an empty folder; their names tell their order."""
    written = folder / _WRITTEN
    rows.write.parquet(f"file://{written}")
    parts = sorted(written.glob("part-*.parquet"))
    width = len(str(len(parts) - 1))
    for number, path in enumerate(parts):
        path.rename(folder / f"part-{number:0{width}d}.parquet")
    shutil.rmtree(written)
