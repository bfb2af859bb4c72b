"""Questions about a quarantine partition, answered by an engine: it may hold millions of faults and is never read whole.

What lives here: counts, a summary for people, the first faults of each file. What does not: how faults come about.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.submissions.partitions import QUARANTINE, QUARANTINE_SCHEMA

MOST_SHOWN = 100
"""Rows of the two tables that people are shown."""

_PLACE = "known_month, file, sheet, row_number"
_ORDER = f"{_PLACE}, column_name, fault, coalesce(branch_code, ''), coalesce(kpi_id, ''), value_class, advice"
_MEMORY = "512MB"


@dataclass(frozen=True)
class FaultSummary:
    """``faults`` counts them all; ``groups`` (most frequent first) and ``first`` hold at most ``MOST_SHOWN`` rows.

    ``kinds`` counts the faults by code, ``branches`` by branch code, both completely; '' where no branch could be read.
    """

    faults: int
    kinds: tuple[tuple[str, int], ...] = ()
    branches: tuple[tuple[str, int], ...] = ()
    groups: tuple[dict[str, Any], ...] = ()
    first: tuple[dict[str, Any], ...] = ()


def fault_count(lake: Lake, dataset: str, month: str) -> int:
    """Return the number of faults; a row may have several."""
    return sum(pq.read_metadata(path).num_rows for path in lake.files(QUARANTINE, dataset, month))


def rejected_rows(lake: Lake, dataset: str, month: str) -> dict[tuple[str, str], int]:
    """Return how many distinct rows of each file (landing folder, name) are in quarantine."""
    counted: dict[tuple[str, str], int] = {}
    filled = _filled(lake, dataset, month)
    if not filled:
        return counted
    with _engine(lake) as engine:
        for path in filled:
            found = engine.execute(
                f"SELECT known_month, file, count(*) FROM (SELECT DISTINCT {_PLACE} FROM read_parquet(?)) GROUP BY ALL",
                [str(path)],
            ).fetchall()
            for folder, file, rows in found:
                counted[folder, file] = counted.get((folder, file), 0) + int(rows)
    return counted


def summarise(lake: Lake, dataset: str, month: str) -> FaultSummary:
    """Return the counts by fault, column and branch, and the first faults. A branch code is two digits or none."""
    files = [str(path) for path in _filled(lake, dataset, month)]
    if not files:
        return FaultSummary(0)
    with _engine(lake) as engine:
        groups = engine.execute(
            "SELECT fault, value_class, column_name, branch_code, count(*) AS faults FROM read_parquet(?) "
            f"GROUP BY ALL ORDER BY faults DESC, fault, column_name, branch_code LIMIT {MOST_SHOWN}",
            [files],
        ).to_arrow_table()
        first = engine.execute(
            f"SELECT * FROM read_parquet(?) ORDER BY {_ORDER} LIMIT {MOST_SHOWN}", [files]
        ).to_arrow_table()
        kinds = engine.execute(
            "SELECT fault, count(*) FROM read_parquet(?) GROUP BY fault ORDER BY count(*) DESC, fault", [files]
        ).fetchall()
        branches = engine.execute(
            "SELECT CASE WHEN regexp_full_match(branch_code, '[0-9][0-9]') THEN branch_code ELSE '' END AS code, count(*) "
            "FROM read_parquet(?) GROUP BY code ORDER BY code",
            [files],
        ).fetchall()
    return FaultSummary(
        fault_count(lake, dataset, month),
        kinds=tuple((str(fault), int(count)) for fault, count in kinds),
        branches=tuple((str(code), int(count)) for code, count in branches),
        groups=tuple(groups.to_pylist()),
        first=tuple(first.to_pylist()),
    )


def first_faults(lake: Lake, dataset: str, month: str, per_file: int) -> pa.Table:
    """Return at most ``per_file`` faults of each file, those of its first rows."""
    tables = [QUARANTINE_SCHEMA.empty_table()]
    filled = _filled(lake, dataset, month)
    if not filled:
        return tables[0]
    with _engine(lake) as engine:
        for path in filled:
            found = engine.execute(f"SELECT * FROM read_parquet(?) ORDER BY {_ORDER} LIMIT {per_file}", [str(path)])
            tables.append(found.to_arrow_table().cast(QUARANTINE_SCHEMA))
    return pa.concat_tables(tables)


def _filled(lake: Lake, dataset: str, month: str) -> list[Path]:
    """Files with faults: one per submission. Most datasets have none, and to open an engine takes longer than to see that."""
    return [path for path in lake.files(QUARANTINE, dataset, month) if pq.read_metadata(path).num_rows]


@contextmanager
def _engine(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine of bounded memory; what it puts on disk are faults, which hold no values."""
    with lake.scratch() as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY,
            "temp_directory": str(folder),
            "threads": 2,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            yield connection
