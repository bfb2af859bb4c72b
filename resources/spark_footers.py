"""What the footer of a Parquet file says: its columns and how many rows it has, without reading them.

What lives here: footers of files of this machine and of objects, which are read by range. What does not: comparing them
(``spark_session``). Files and objects of the lake never change, so what is known of one stays true.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kenpo_pipelines.lake import LakeObject
from kenpo_pipelines.object_store import open_store
from resources.spark_tasks import NOT_AS_WRITTEN, TaskFault, patiently

_KNOWN = 16_384
_AT_ONCE = 8
_TAIL = 64 << 10
"""Bytes at the end of an object that are asked for first; nearly every footer is in them."""
_MAGIC = b"PAR1"
_LENGTH_AND_MAGIC = 8


@dataclass(frozen=True)
class Footer:
    """``schema``: the columns, all of which may be null: whether a writer says that one never is, is its own affair."""

    schema: pa.Schema
    rows: int


@lru_cache(maxsize=_KNOWN)
def footer_of_file(path: Path) -> Footer:
    """Return the footer of a file of this machine. Raises OSError."""
    with pq.ParquetFile(path) as file:
        return _footer(file)


def footers_of_objects(objects: Sequence[LakeObject]) -> list[Footer]:
    """Return the footers of objects, in their order, several read at once. Raises TaskFault."""
    if not objects:
        return []
    with ThreadPoolExecutor(min(_AT_ONCE, len(objects)), thread_name_prefix="footer") as pool:
        return list(pool.map(_footer_of_object, objects))


@lru_cache(maxsize=_KNOWN)
def _footer_of_object(one: LakeObject) -> Footer:
    system, path = open_store(one.url)

    def end(length: int) -> bytes:
        start = max(0, one.size - length)
        return bytes(patiently(partial(system.cat_file, path, start=start, end=one.size), one.url))

    tail = end(_TAIL)
    length = int.from_bytes(tail[-_LENGTH_AND_MAGIC:-4], "little") + _LENGTH_AND_MAGIC
    if len(tail) < length <= one.size:
        tail = end(length)
    try:
        if len(tail) < length or not tail.endswith(_MAGIC):
            raise pa.ArrowInvalid
        with pq.ParquetFile(pa.BufferReader(tail)) as file:
            return _footer(file)
    except pa.ArrowException as error:
        raise TaskFault(NOT_AS_WRITTEN, type(error).__name__, one.url) from None


def _footer(file: pq.ParquetFile) -> Footer:
    return Footer(pa.schema([pa.field(one.name, one.type) for one in file.schema_arrow]), file.metadata.num_rows)
