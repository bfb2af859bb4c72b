"""Records that Python splits into cells: of CSV files that the engine's parser refuses, and of workbooks.

What lives here: rows to Arrow batches of texts. What does not: what a text means (``canonical``, ``cell_readers``).
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

import pyarrow as pa

from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.limits import LONGEST_RECORD
from kenpo_pipelines.submissions.streaming.file_bytes import text_lines
from kenpo_pipelines.submissions.streaming.head import CsvHead, Head
from kenpo_pipelines.submissions.streaming.settling import Settler

_BATCH = 500
"""Rows at once: few, so that the memory manager of Python has little to look through."""

TextRow = tuple[str, int, list[str]]
"""Sheet, row number, texts of the sheet's columns."""


class Guarded:
    """An iterator that keeps the error it ends with: the engine would quote it."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self.error: BaseException | None = None
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            return next(self._batches)
        except StopIteration:
            raise
        except BaseException as error:  # noqa: BLE001 (raised again by whoever asked for the rows)
            self.error = error
            raise StopIteration from None


def csv_records(path: Path, head: CsvHead, settler: Settler) -> Iterator[TextRow]:
    """Yield the records of a CSV file; ragged rows are quarantined, rows without a record left out.

    Raises :class:`FileFault` ``broken_quotes`` or ``line_too_long`` with the line.
    """
    table = head.table
    lines = _Lines(text_lines(path, head.encoding, table.last_line, head.most_bytes))
    reader = csv.reader(lines, delimiter=head.delimiter, strict=True)
    start = table.last_line + 1
    try:
        for cells in reader:
            number, start = start, table.last_line + reader.line_num + 1
            lines.length = 0
            if settler.admits("", number, cells):
                yield "", number, cells
    except csv.Error:
        raise FileFault("broken_quotes", f"{start}行目") from None
    except _TooLong:
        raise FileFault("line_too_long", f"{start}行目") from None


class _TooLong(Exception):
    """A record has more characters than any real one."""


class _Lines:
    """Lines; ``length`` counts the characters since it was set back: quoted line breaks can make one record of a whole file."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.length = 0
        self._lines = lines

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.length += len(line)
        if self.length > LONGEST_RECORD:
            raise _TooLong
        return line


def batches(rows: Iterable[TextRow], contract: Contract, heads: Mapping[str, Head]) -> Iterator[pa.RecordBatch]:
    """Yield records in batches, each of one sheet."""
    for sheet, of_sheet in groupby(rows, key=itemgetter(0)):
        positions = [heads[sheet].positions.get(column.name) for column in contract.columns]
        while waiting := list(islice(of_sheet, _BATCH)):
            yield _batch(sheet, waiting, positions, schema_of(contract))


def schema_of(contract: Contract) -> pa.Schema:
    """Return the columns of a batch."""
    texts = [(f"c{at}", pa.string()) for at in range(len(contract.columns))]
    return pa.schema([("sheet", pa.string()), ("row_number", pa.int32()), *texts])


def _batch(sheet: str, rows: list[TextRow], positions: list[int | None], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*(texts for _, _, texts in rows), strict=False))  # cells behind the header's are blank
    arrays = [pa.array([sheet] * len(rows), pa.string()), pa.array([number for _, number, _ in rows], pa.int32())]
    arrays += [
        pa.nulls(len(rows), pa.string())
        if at is None
        else pa.array([text or None for text in columns[at]], pa.string())
        for at in positions
    ]
    return pa.record_batch(arrays, schema=schema)
