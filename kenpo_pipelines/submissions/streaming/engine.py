"""Texts to typed rows in one pass of the engine: the usual spelling in SQL, everything else through the settler.

What lives here: the query that reads, types, judges, hashes and writes. What does not: where the texts come from (``feeder``,
``row_streams``) and how an unusual cell is read (``settling``). The engine never writes anything but the raw file.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import duckdb.func
import pyarrow as pa
from pydantic import SecretStr

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.columns import MEMBER_KEY
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.limits import LONGEST_RECORD
from kenpo_pipelines.submissions.streaming.canonical import Canonical, canonical, month_types, quoted
from kenpo_pipelines.submissions.streaming.feeder import MARK
from kenpo_pipelines.submissions.streaming.head import CsvHead, Head
from kenpo_pipelines.submissions.streaming.member_keys import key_values, member_key_sql
from kenpo_pipelines.submissions.streaming.settling import Settler

MEMORY = "768MB"
"""Most that one reading may take in the engine; it needs far less, whatever the size of the file."""
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": MEMORY,
    "temp_directory": "",
}
_BUFFER = 4 << 20
_TOO_MANY = 6
"""A line with so many cells too many is still split by the engine; with more, the file is split by Python."""
_PROVENANCE = ("known_month", "file", "file_sha256", "received_at", "origin")


@dataclass(frozen=True)
class Texts:
    """Where the engine finds texts. ``relation`` (SQL) has ``sheet``, ``row_number`` and ``c0`` to ``c<width - 1>``;
    ``positions`` maps the contract's columns to them. ``is_whole_file``: they are a CSV file's lines, which may be no records,
    with the mark behind the last cell; ``test`` (SQL) says that it stands where it should."""

    relation: str
    positions: Mapping[str, int]
    width: int
    other_units: frozenset[str]
    is_whole_file: bool
    test: str = "TRUE"


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine of one thread that keeps everything in memory, and little of it."""
    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute("SET enable_progress_bar = false")
        yield connection


def texts_of_pipe(pipe: Path, csv: CsvHead) -> Texts:
    """Return the rows of a CSV file that come through a pipe."""
    head = csv.table
    newline = "\\r\\n" if csv.newline == "\r\n" else "\\n"
    width = head.width + 1 + _TOO_MANY
    columns = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(width))
    options = f"auto_detect=false, header=false, quote='\"', escape='\"', nullstr='', null_padding=true, buffer_size={_BUFFER}"
    limits = f"max_line_size={LONGEST_RECORD}, delim={quoted(csv.delimiter)}, new_line={quoted(newline)}"
    scan = f"read_csv({quoted(str(pipe))}, columns={{{columns}}}, {options}, {limits})"
    relation = (
        f"SELECT '' AS sheet, CAST(row_number() OVER () + {head.last_line} AS INTEGER) AS row_number, * FROM {scan}"
    )
    behind = " AND ".join(f"c{at} IS NULL" for at in range(head.width + 1, width))
    test = f"c{head.width} = {quoted(MARK)} AND {behind}"
    return Texts(relation, head.positions, width, head.other_units, is_whole_file=True, test=test)


def texts_of_records(contract: Contract, heads: Mapping[str, Head]) -> Texts:
    """Return records that Python split into cells, in the contract's columns; registered under the name ``records``."""
    positions = {column.name: at for at, column in enumerate(contract.columns)}
    other = frozenset(name for head in heads.values() for name in head.other_units)
    return Texts("SELECT * FROM records", positions, len(positions), other, is_whole_file=False)


class Engine:
    """Reads the texts of one file. Raises duckdb.Error, whose text may quote what was read: never let it out."""

    def __init__(
        self,
        contract: Contract,
        catalogue: Catalogue,
        folder: str,
        key: SecretStr | None,
        settler: Settler,
        provenance: Mapping[str, str],
    ) -> None:
        self._contract = contract
        self._catalogue = catalogue
        self._folder = folder
        self._key = key
        self._settler = settler
        self._provenance = provenance

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        texts: Texts,
        raw_file: Path,
        records: pa.RecordBatchReader | None = None,
    ) -> int:
        """Write the rows that can be loaded; return how many. Rows that cannot are in quarantine afterwards."""
        for name, value in key_values(self._key).items():
            connection.execute(f"SET VARIABLE {name} = $1", [value])
        spelled, months = month_types(self._folder)
        connection.execute(spelled)
        connection.execute("SET VARIABLE months = $1", [months])
        self._register(connection, texts)
        if records is not None:
            connection.register("records", records)
        query = f"COPY ({self._query(texts)}) TO {quoted(str(raw_file))} (FORMAT parquet, COMPRESSION zstd)"
        written = connection.execute(query).fetchone()
        return int(written[0]) if written else 0

    def _register(self, connection: duckdb.DuckDBPyConnection, texts: Texts) -> None:
        settle = self._settler.settle_rows_of_file if texts.is_whole_file else self._settler.settle_records
        place = ["VARCHAR", "INTEGER"]
        rules = ["BOOLEAN"] * len(self._contract.row_rules)
        functions = (
            ("settle", settle, [*place, "VARCHAR[]"], "VARCHAR[]"),
            ("breach", self._settler.breach, [*place, "VARCHAR", *rules], "BOOLEAN"),
        )
        for name, function, parameters, result in functions:
            connection.create_function(
                name,
                _with_parameters(function, len(parameters)),
                [duckdb.sqltype(one) for one in parameters],
                duckdb.sqltype(result),
                type=duckdb.func.ARROW,
                null_handling=duckdb.func.SPECIAL,
                side_effects=True,
            )

    def _query(self, texts: Texts) -> str:
        """Each step is a query of its own: the engine then computes every value once."""
        columns = self._canonical(texts)
        cells = ", ".join(f"c{at}" for at in range(texts.width))
        values = ", ".join(f"{column.value} AS v{at}" for at, column in enumerate(columns))
        tests = " AND ".join([texts.test, *(column.test for column in columns)])
        names = [column.name for column in self._contract.columns]
        merged = ", ".join(
            f"CASE WHEN is_usual THEN v{at} ELSE CAST(settled[{at + 1}] AS {column.type}) END AS {name}"
            for at, (name, column) in enumerate(zip(names, columns, strict=True))
        )
        steps = {
            "typed": f"SELECT *, {values} FROM ({texts.relation})",
            "judged": f"SELECT *, CASE WHEN {tests} THEN TRUE ELSE FALSE END AS is_usual FROM typed",
            "settled": f"SELECT *, CASE WHEN NOT is_usual THEN settle(sheet, row_number, [{cells}]) END AS settled FROM judged",
            "merged": f"SELECT sheet, row_number, {merged} FROM settled WHERE is_usual OR settled IS NOT NULL",
            "ruled": f"SELECT * FROM merged{self._rules()}",
        }
        stored = ", ".join(self._stored(name) for name in self._stored_names())
        provenance = ", ".join(f"{_constant(self._provenance[name])} AS {name}" for name in _PROVENANCE)
        chain = ", ".join(f"{name} AS NOT MATERIALIZED ({step})" for name, step in steps.items())
        return f"WITH {chain} SELECT {provenance}, sheet, row_number, {stored} FROM ruled"

    def _canonical(self, texts: Texts) -> list[Canonical]:
        found = []
        for position, column in enumerate(self._contract.columns):
            at = texts.positions.get(column.name)
            text = None if at is None else f"c{at}"
            one = canonical(column, text, f"v{position}", self._catalogue, self._folder)
            found.append(Canonical(one.type, one.value, "FALSE") if column.name in texts.other_units else one)
        return found

    def _rules(self) -> str:
        rules = [f"coalesce({rule.reject_when}, FALSE)" for rule in self._contract.row_rules]
        if not rules:
            return ""
        met, told = " OR ".join(f"({rule})" for rule in rules), ", ".join(rules)
        return f" WHERE CASE WHEN {met} THEN breach(sheet, row_number, branch_code, {told}) ELSE TRUE END"

    def _stored_names(self) -> list[str]:
        return [column.name for column in self._contract.stored_columns]

    def _stored(self, name: str) -> str:
        if name != MEMBER_KEY:
            return name
        return f"{member_key_sql([column.name for column in self._contract.personal_columns])} AS {name}"


def _constant(text: str) -> str:
    """SQL of the same text in every row, as the one value of an enumeration: written much faster, read as a text."""
    return f"CAST({quoted(text)} AS ENUM({quoted(text)}))"


def _with_parameters(function: Callable[..., pa.Array], count: int) -> Callable[..., pa.Array]:
    """Give the function a signature with so many parameters: the engine counts them."""

    def called(*arrays: pa.ChunkedArray) -> pa.Array:
        return function(*arrays)

    parameters = [inspect.Parameter(f"array_{at}", inspect.Parameter.POSITIONAL_ONLY) for at in range(count)]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called
