"""One submission on disk: rows of DuckDB through a pipe into CSV, in the style of the file; small ones as workbooks.

What lives here: writing. What does not: which rows there are. Clean rows never become Python objects: DuckDB writes UTF-8 into
a FIFO, a thread turns it into the file's encoding, line ends and packing. Times of files are set, not taken from the clock.
"""

import csv
import datetime as dt
import fcntl
import gzip
import io
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import duckdb
import openpyxl

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards.files import workbook_bytes
from kenpo_pipelines.submissions.columns import ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.synthetic.styles import FURTHER_HEADER, FURTHER_TEXT, NOTE, Style
from kenpo_pipelines.synthetic.transcoding import transcoder

_BLOCK = 1 << 20
_GZIP_LEVEL = 5
_SENT_ON_DAY = 28


class SubmissionWriter(Protocol):
    """Takes rows in the order of the file's columns."""

    def copy(self, db: duckdb.DuckDBPyConnection, select: str) -> None:
        """Write all rows of a query."""

    def add(self, rows: Iterable[Sequence[str]]) -> None:
        """Write rows of texts; a row may have more cells than the header."""

    def close(self) -> None:
        """Finish the file; raise what went wrong while it was written."""


def sent_at(folder: str, branch: str) -> dt.datetime:
    """Return when a branch's file of a month arrives: on the 28th, every branch in its own minute."""
    year, month = fiscal.split_month(folder)
    return dt.datetime(year, month, _SENT_ON_DAY, 9, int(branch), tzinfo=fiscal.TOKYO)


def set_time(path: Path, moment: dt.datetime) -> None:
    """Set the time at which the file seems to have arrived."""
    os.utime(path, (moment.timestamp(), moment.timestamp()))


class CsvWriter:
    """A CSV file fed by DuckDB and Python in turn."""

    def __init__(self, path: Path, style: Style, pipe: Path) -> None:
        self._style, self._pipe = style, pipe
        self._target: BinaryIO = path.open("wb")
        self._file: BinaryIO = self._target
        if style.name == "gzip":
            self._file = gzip.GzipFile("", "wb", _GZIP_LEVEL, self._target, mtime=0)  # type: ignore[assignment]
        self._fault: BaseException | None = None
        os.mkfifo(pipe)
        reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self._writing = os.open(pipe, os.O_WRONLY)
        os.set_blocking(reading, True)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(self._writing, fcntl.F_SETPIPE_SZ, _BLOCK)
        self._thread = threading.Thread(target=self._drain, args=(reading,), daemon=True)
        self._thread.start()
        if style.encoding == "utf-8-sig":
            self._write("\ufeff")
        self.add([(*style.headers, *([FURTHER_HEADER] if style.further else ()))], is_header=True)

    def copy(self, db: duckdb.DuckDBPyConnection, select: str) -> None:
        """Write all rows of a query."""
        further = f", '{FURTHER_TEXT}'" if self._style.further else ""
        columns = ", ".join(self._style.columns)
        db.execute(f"COPY (SELECT {columns}{further} FROM ({select})) TO '{self._pipe}' (FORMAT csv, HEADER false)")

    def add(self, rows: Iterable[Sequence[str]], *, is_header: bool = False) -> None:
        """Write rows of texts; a row may have more cells than the header."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            has_further = self._style.further and not is_header and len(row) == len(self._style.columns)
            writer.writerow([*row, *([FURTHER_TEXT] if has_further else ())])
        self._write(text.getvalue())

    def close(self) -> None:
        """Finish the file; raise what went wrong while it was written."""
        if self._style.note:
            self._write(f"{NOTE}\n")
        os.close(self._writing)
        self._thread.join()
        self._pipe.unlink()
        if self._fault is None:
            self._file.write(self._style.end)
        if self._file is not self._target:
            self._file.close()
        self._target.close()
        if self._fault is not None:
            raise self._fault

    def _write(self, text: str) -> None:
        data = memoryview(text.encode())
        while data:
            data = data[os.write(self._writing, data) :]

    def _drain(self, reading: int) -> None:
        """Take the pipe's bytes to the file. After a fault they are still taken, or the writer would wait for ever."""
        convert = transcoder(self._style.encoding).convert
        newline = self._style.newline.encode()
        with open(reading, "rb", buffering=0) as source:
            while block := source.read(_BLOCK):
                if self._fault is not None:
                    continue
                try:
                    encoded = convert(block)
                    self._file.write(encoded if newline == b"\n" else encoded.replace(b"\n", newline))
                except BaseException as fault:  # noqa: BLE001 - raised in close, by the thread that waits
                    self._fault = fault


class WorkbookWriter:
    """A workbook with a title and a line of units above its table, numbers and dates as such where they can be."""

    def __init__(self, path: Path, style: Style, contract: Contract, folder: str, moment: dt.datetime) -> None:
        self._path, self._style, self._contract, self._moment = path, style, contract, moment
        self._book = openpyxl.Workbook()
        self._sheet = self._book.active
        assert self._sheet is not None
        self._sheet.append([f"{contract.dataset.name_ja}（{fiscal.month_label(folder)}分）"])
        self._sheet.append([])
        self._sheet.append(list(style.headers))

    def copy(self, db: duckdb.DuckDBPyConnection, select: str) -> None:
        """Write all rows of a query."""
        cells = ", ".join(f"CAST({name} AS VARCHAR)" for name in self._style.columns)
        self.add(
            [
                ["" if cell is None else cell for cell in row]
                for row in db.sql(f"SELECT {cells} FROM ({select})").fetchall()
            ]
        )

    def add(self, rows: Iterable[Sequence[str]]) -> None:
        """Write rows of texts."""
        assert self._sheet is not None
        types = [self._contract.column_by_name[name].type for name in self._style.columns]
        for row in rows:
            self._sheet.append([_cell(type_, text) for type_, text in zip(types, row, strict=True)])

    def close(self) -> None:
        """Finish the file."""
        self._path.write_bytes(workbook_bytes(self._book, self._moment))


def _cell(type_: ColumnType, text: str) -> str | int | dt.date | None:
    """Return what Excel would hold: whole numbers and branch codes lose their text, dates are dates."""
    if not text:
        return None
    if type_ in (ColumnType.INTEGER, ColumnType.FLAG, ColumnType.BRANCH_CODE) and text.isascii() and text.isdecimal():
        return int(text)
    if type_ is ColumnType.DATE and len(text) == len("2025-04-01") and text[4] == "-":
        return dt.date.fromisoformat(text)
    return text
