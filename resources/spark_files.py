"""Parquet files of a folder as Spark reads and writes them.

What lives here: named files to a DataFrame, a DataFrame to files with names in order. What does not: which files (the lake),
and when they are committed (``spark_engine``). The folder must be the same one for the driver and for every worker: a file
system that they share, or one machine.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_GLOB = re.compile(r"([\[\]{}*?,\\])")
_WRITTEN = "spark"
"""Folder below the new partition in which Spark writes, under names of its own."""


def struct_of(schema: pa.Schema) -> "StructType":
    """Return Spark's types of a Parquet file; a timestamp without time zone stays one."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema.remove_metadata(), prefer_timestamp_ntz=True)


def read_files(spark: "SparkSession", files: Sequence[Path], schema: pa.Schema) -> "DataFrame":
    """Return the rows of files that all have this schema: Spark looks into none of them to find it out."""
    urls = ["file://" + _GLOB.sub(r"\\\1", str(path)) for path in files]
    # looking up recursively keeps it from taking month=… or the like in a path for a column
    return spark.read.schema(struct_of(schema)).option("recursiveFileLookup", "true").parquet(*urls)


def write_files(rows: "DataFrame", folder: Path) -> None:
    """Write the rows into ``part-0.parquet``, … of an empty folder; their names tell their order."""
    written = folder / _WRITTEN
    rows.write.parquet(f"file://{written}")
    parts = sorted(written.glob("part-*.parquet"))
    width = len(str(len(parts) - 1))
    for number, path in enumerate(parts):
        path.rename(folder / f"part-{number:0{width}d}.parquet")
    shutil.rmtree(written)
