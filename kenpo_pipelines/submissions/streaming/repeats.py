"""The same key twice in one file: found in what was written, cheaply where there is none.

What lives here: the proof that keys are unique, and what happens to rows whose key is not. What does not: resubmissions
(another file, another time).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from kenpo_pipelines.submissions.columns import MEMBER_KEY, ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.streaming.canonical import quoted
from kenpo_pipelines.submissions.streaming.head import Head
from kenpo_pipelines.submissions.streaming.quarantine import Quarantine, RejectedRow

_AT_ONCE = 2_000_000
"""Keys compared in one round: a larger file takes several, so that memory stays the same."""
_MOST_NAMED = 10
_BATCH = 10_000


@dataclass(frozen=True)
class _Keys:
    """The contract's key over one raw file, as SQL."""

    raw: str
    columns: str
    stored: str
    identifiers: tuple[str, ...]


def take_out_repeats(
    connection: duckdb.DuckDBPyConnection,
    raw_file: Path,
    rows: int,
    contract: Contract,
    heads: Mapping[str, Head],
    quarantine: Quarantine,
) -> int:
    """Quarantine rows that repeat a key; return how many rows are left in the raw file, which is written anew without them.

    Of rows equal in every column the first stays; of rows of one key that differ none does.
    """
    keys = _keys(raw_file, contract)
    if _is_proved_by_order(connection, keys):
        return rows
    taken = 0
    rounds = -(-rows // _AT_ONCE)
    connection.execute("CREATE TABLE taken (sheet VARCHAR, row_number INTEGER)")
    for number in range(rounds):
        repeated = _repeated_hashes(connection, keys, number, rounds)
        if len(repeated):
            taken += _take_out(connection, keys, repeated, contract, heads, quarantine)
    if taken:
        _write_without(connection, keys, raw_file)
    return rows - taken


def loaded_by_branch(connection: duckdb.DuckDBPyConnection, raw_file: Path) -> dict[str, int]:
    """Return how many rows of each branch the raw file holds."""
    raw = f"read_parquet({quoted(str(raw_file))})"
    counts = connection.execute(f"SELECT branch_code, count(*) FROM {raw} GROUP BY branch_code")
    return {str(code): int(count) for code, count in counts.fetchall()}


def _keys(raw_file: Path, contract: Contract) -> _Keys:
    types = {column.name: column.type for column in contract.columns}
    key = contract.dataset.key
    return _Keys(
        raw=f"read_parquet({quoted(str(raw_file))})",
        columns=", ".join(key),
        stored=", ".join(column.name for column in contract.stored_columns),
        identifiers=tuple(name for name in key if types.get(name) is ColumnType.IDENTIFIER),
    )


def _is_proved_by_order(connection: duckdb.DuckDBPyConnection, keys: _Keys) -> bool:
    """True when an identifier of the key rises from row to row: then no key can occur twice."""
    for name in keys.identifiers:
        previous = f"SELECT {name} AS this, lag({name}) OVER () AS previous FROM {keys.raw}"
        found = connection.execute(f"SELECT 1 FROM ({previous}) WHERE this <= previous LIMIT 1").fetchone()
        if found is None:
            return True
    return False


def _repeated_hashes(connection: duckdb.DuckDBPyConnection, keys: _Keys, number: int, rounds: int) -> Any:
    """Return the hashes of keys that occur more than once, among those of this round."""
    hashed = f"SELECT hash({keys.columns}) AS h FROM {keys.raw}"
    among = f" WHERE h % {rounds} = {number}" if rounds > 1 else ""
    hashes = connection.execute(f"SELECT h FROM ({hashed}){among}").fetchnumpy()["h"]
    hashes = np.sort(np.asarray(hashes))
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


def _take_out(
    connection: duckdb.DuckDBPyConnection,
    keys: _Keys,
    repeated: Any,
    contract: Contract,
    heads: Mapping[str, Head],
    quarantine: Quarantine,
) -> int:
    """Quarantine the rows of the repeated keys that do not stay, and remember them; return how many they are."""
    connection.register("repeated", pa.table({"h": pa.array(repeated)}))
    partition = f"PARTITION BY {keys.columns}"
    query = f"""
        CREATE OR REPLACE TEMP TABLE suspects AS
        SELECT *, min(content) OVER ({partition}) IS DISTINCT FROM max(content) OVER ({partition}) AS differs,
            row_number() OVER ({partition} ORDER BY sheet, row_number) AS nth, count(*) OVER ({partition}) AS rows_of_key,
            dense_rank() OVER (ORDER BY {keys.columns}) AS key_number
        FROM (
            SELECT sheet, row_number, {keys.columns}, struct_pack({_packed(keys.stored)}) AS content
            FROM {keys.raw} WHERE hash({keys.columns}) IN (SELECT h FROM repeated)
        )
        QUALIFY rows_of_key > 1"""
    connection.execute(query)
    connection.execute("INSERT INTO taken SELECT sheet, row_number FROM suspects WHERE differs OR nth > 1")
    places = "list_sort(list({'nth': nth, 'sheet': sheet, 'row_number': row_number}) FILTER (WHERE nth <= 10))"
    reader = connection.execute(
        f"""
        WITH named AS (
            SELECT key_number, {places} AS places, {_differing(contract)} AS differing FROM suspects GROUP BY key_number
        )
        SELECT sheet, row_number, branch_code, differs, rows_of_key, places, differing
        FROM suspects INNER JOIN named USING (key_number)
        WHERE differs OR nth > 1 ORDER BY sheet, row_number"""
    ).fetch_record_batch(_BATCH)
    taken = 0
    for batch in reader:
        rows = batch.to_pylist()
        quarantine.add(_rejected(row, contract, heads) for row in rows)
        taken += len(rows)
    connection.execute("DROP TABLE suspects")
    connection.unregister("repeated")
    return taken


def _packed(stored: str) -> str:
    return ", ".join(f"{name} := {name}" for name in stored.split(", "))


def _differing(contract: Contract) -> str:
    """SQL of the first column in which the rows of a key differ, '' when only a personal one does."""
    names = [
        one.name for one in contract.stored_columns if one.name != MEMBER_KEY and one.name not in contract.dataset.key
    ]
    text = "coalesce(CAST(content.{0} AS VARCHAR), '')"
    whens = [f"WHEN min({text.format(name)}) <> max({text.format(name)}) THEN {quoted(name)}" for name in names]
    return f"CASE {' '.join(whens)} ELSE '' END" if whens else "''"


def _rejected(row: Mapping[str, Any], contract: Contract, heads: Mapping[str, Head]) -> RejectedRow:
    named = [_place(place["sheet"], place["row_number"]) for place in row["places"][:_MOST_NAMED]]
    more = row["rows_of_key"] - len(named)
    where = "、".join(named) + (f" ほか{more}行" if more else "")
    if not row["differs"]:
        fault = CellFault("repeated_row", _place(row["places"][0]["sheet"], row["places"][0]["row_number"]))
        return RejectedRow(row["sheet"], row["row_number"], row["branch_code"], (("", fault),))
    column = contract.column_by_name.get(row["differing"])
    header = heads[row["sheet"]].header.texts.get(column.name, column.header) if column else ""
    fault = CellFault("contradictory_rows", where)
    return RejectedRow(row["sheet"], row["row_number"], row["branch_code"], ((header, fault),))


def _place(sheet: str, row_number: int) -> str:
    return f"シート「{sheet}」{row_number}行目" if sheet else f"{row_number}行目"


def _write_without(connection: duckdb.DuckDBPyConnection, keys: _Keys, raw_file: Path) -> None:
    without = raw_file.with_name(f"{raw_file.name}.without")
    query = f"SELECT * FROM {keys.raw} AS raw ANTI JOIN taken USING (sheet, row_number)"
    connection.execute(f"COPY ({query}) TO {quoted(str(without))} (FORMAT parquet, COMPRESSION zstd)")
    without.replace(raw_file)
