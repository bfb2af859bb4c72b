"""One mutated file through the project's reader, compared with the slow reading.

A finding is a crash, a file that takes too long, an account that does not add up, a value that the file does not hold, or a
file that nothing was wrong with and that was not read.
"""

import gzip
import hashlib
import hmac
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow.parquet as pq
from mutated_files import MIXED, MONTH, Made
from pydantic import SecretStr
from slow_reading import Cell, Doubt, Line, book_lines, columns_of, csv_lines, is_none, meaning, plain
from submission_files import catalogue

from kenpo_pipelines.submissions.columns import MEMBER_KEY
from kenpo_pipelines.submissions.contract import Column, ColumnType
from kenpo_pipelines.submissions.reading import read_submission
from kenpo_pipelines.submissions.streaming import read_record_file

KEY = SecretStr("a key for fuzzing only")
LONGEST_S = 20.0
"""Far above what any of these small files takes, on a busy machine too."""


class TooLong(Exception):
    """Reading took longer than it may."""


def finding(made: Made, folder: Path) -> str:
    """Return what is wrong with the reading of the file; '' for nothing."""
    told, status, fault, rows = _told(made, folder)
    if told:
        return told
    if status == "refused":
        return f"refused: {fault}" if made.rows else ""
    return _compared(made, rows)


def account(made: Made, folder: Path) -> str:
    """Return what is wrong with the reading of a file of which nothing is known; '' for nothing."""
    return _told(made, folder)[0]


def _told(made: Made, folder: Path) -> tuple[str, str, str, list[dict[str, Any]]]:
    """Read the file; return what is wrong whatever it holds, whether and why it was refused, and its rows."""
    path = folder / made.name
    path.write_bytes(made.data)
    try:
        with _limited():
            status, fault, (read, loaded, rejected), rows = _read(made, path, folder)
    except TooLong:
        return f"took longer than {LONGEST_S:g} s", "", "", []
    except Exception:  # noqa: BLE001 (whatever comes, it is a finding)
        return traceback.format_exc(limit=-6), "", "", []
    adds_up = read == loaded + rejected and loaded == len(rows)
    told = "" if adds_up else f"{read} rows read, {loaded} loaded ({len(rows)} there), {rejected} rejected"
    return told, status, fault, rows


def _read(made: Made, path: Path, folder: Path) -> tuple[str, str, tuple[int, int, int], list[dict[str, Any]]]:
    contract = made.contract
    if not contract.dataset.record_level:
        place = MONTH if contract.dataset.folder == "month" else MONTH[:4]
        done = read_submission(path, contract, catalogue(), place)
        rejected = done.rows_read - done.rows_loaded
        return done.status, done.fault, (done.rows_read, done.rows_loaded, rejected), list(done.rows)
    raw, quarantine = folder / "raw.parquet", folder / "quarantine.parquet"
    told = {"known_month": MONTH, "file": made.name, "received_at": "2025-07-01T00:00:00+00:00", "origin": "submission"}
    record = read_record_file(path, contract, catalogue(), MONTH, KEY, raw, quarantine, told)
    rows = pq.read_table(raw).to_pylist() if raw.exists() else []
    faults = pq.read_table(quarantine, columns=["sheet", "row_number"]).to_pylist() if quarantine.exists() else []
    in_quarantine = len({(one["sheet"], one["row_number"]) for one in faults})
    counts = (record.rows_read, record.rows_loaded, record.rows_rejected)
    assert in_quarantine == record.rows_rejected, f"{in_quarantine} rows in quarantine, {record.rows_rejected} told"
    return record.status, record.fault, counts, rows


def _compared(made: Made, rows: list[dict[str, Any]]) -> str:
    try:
        lines = _lines(made)
        at, positions = columns_of(lines, made.contract)
    except Doubt:
        return f"{len(rows)} rows loaded of a file of which nothing is certain" if rows else ""
    by_place = {(line.sheet, line.number): line for line in lines[at + 1 :]}
    for row in rows:
        sheet = row["sheet"] if not made.encoding else ""
        line = by_place.get((sheet, row["row_number"]))
        if line is None:
            return f"row {row['row_number']} is loaded, and there is none"
        for column in made.contract.columns:
            if told := _differs(column, line, positions, row):
                return f"row {row['row_number']}: {told}"
        if told := _differing_person(made, line, positions, row):
            return f"row {row['row_number']}: {told}"
    return _missing(made, rows)


def _missing(made: Made, rows: list[dict[str, Any]]) -> str:
    """A file that nothing was done to but what changes no value is loaded whole, and with its values."""
    if not made.rows:
        return ""
    if len(rows) < len(made.rows):
        return f"{len(rows)} of {len(made.rows)} sound rows loaded"
    ordered = sorted(rows, key=lambda row: row["row_number"])
    for true, row in zip(made.rows, ordered, strict=True):
        for column in made.contract.columns:
            known = column.name in true.truth and column.name in row and column.type not in _FREE
            if known and not _same(column, true.truth[column.name], row[column.name]):
                return f"row {row['row_number']}: {column.name} is {row[column.name]!r} for {true.truth[column.name]!r}"
    return ""


_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.KPI_VALUE, ColumnType.TARGET_VALUE})
_FREE = frozenset({ColumnType.TEXT, ColumnType.UNIT, ColumnType.KPI, ColumnType.BRANCH_NAME})
"""Columns whose stored text may differ from the cell's: a unit that stands elsewhere, an id for a name."""


def _lines(made: Made) -> list[Line]:
    if not made.encoding:
        return book_lines(made.data, spread=not made.contract.dataset.record_level)
    data = made.data
    if made.name.endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except Exception as error:
            raise Doubt from error
    if made.encoding == MIXED:
        return csv_lines("\n".join(map(_line, data.split(b"\n"))))
    return csv_lines(data.decode(made.encoding, errors="replace"))


def _line(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp932", errors="replace")


def _differs(column: Column, line: Line, positions: dict[str, int], row: dict[str, Any]) -> str:
    if column.personal or column.name not in row:
        return ""
    cell = _at(line, positions.get(column.name))
    loaded = row[column.name]
    if column.type is ColumnType.TEXT and not line.sheet and cell.number is None and cell.date is None:
        return "" if loaded.strip() == cell.text.strip() else f"{column.name} is {loaded!r} for {cell!r}"
    if column.type in _FREE:
        return ""
    try:
        said = meaning(column, cell)
    except Doubt:
        if loaded is None and column.type in (ColumnType.KPI_VALUE, ColumnType.TARGET_VALUE):
            return ""  # a word stands there: 実施, 対前年度以上
        return f"{column.name} is {loaded!r}, loaded from {cell!r}, which is in doubt"
    return "" if _same(column, said, loaded) else f"{column.name} is {loaded!r}, and {cell!r} says {said!r}"


def _at(line: Line, position: int | None) -> Cell:
    return line.cells[position] if position is not None and position < len(line.cells) else Cell()


def _same(column: Column, said: Any, loaded: Any) -> bool:
    if said is None or loaded is None:
        return said is None and loaded is None
    if column.type in _NUMBERS:  # figures are stored with ten decimals
        return abs(Decimal(said) - Decimal(loaded)) <= Decimal("5e-11")
    return bool(said == loaded)


def _differing_person(made: Made, line: Line, positions: dict[str, int], row: dict[str, Any]) -> str:
    """The person's key, worked out once more from the cells."""
    if MEMBER_KEY not in row:
        return ""
    try:
        parts = [_part(_at(line, positions.get(column.name))) for column in made.contract.personal_columns]
    except Doubt:
        return "a person's key from cells that are in doubt"
    key = hmac.new(KEY.get_secret_value().encode(), "|".join(parts).encode(), hashlib.sha256).digest()[:16]
    return "" if key == row[MEMBER_KEY] else "another person's key"


def _part(cell: Cell) -> str:
    if cell.is_other or cell.date is not None:
        raise Doubt
    text = plain(f"{cell.number.normalize():f}" if cell.number is not None else cell.text)
    text = "" if is_none(text) else text
    return text.lstrip("0") if text.isascii() and text.isdigit() else text


@contextmanager
def _limited() -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
