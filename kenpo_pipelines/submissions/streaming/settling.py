"""Rows that are not in the usual spelling all over: read by Python, loaded or quarantined.

What lives here: ``Settler``, whose functions the engine calls for such rows while it reads. What does not: one cell
(``cell_readers``) and rows in the usual spelling, which never come here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.columns import Column, ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell, GridRow
from kenpo_pipelines.submissions.streaming.cell_readers import CellReader
from kenpo_pipelines.submissions.streaming.feeder import MARK
from kenpo_pipelines.submissions.streaming.head import Head
from kenpo_pipelines.submissions.streaming.quarantine import Quarantine, RejectedRow
from kenpo_pipelines.submissions.streaming.result import StreamingError
from kenpo_pipelines.submissions.tables import is_note, repeats_header
from kenpo_pipelines.submissions.texts import trim

_TEXTS = pa.list_(pa.string())


class Settler:
    """Settles the rows of one file. ``heads`` are its tables by sheet.

    What goes wrong inside is kept in ``error``: the engine would quote it, and with it what was read.
    """

    def __init__(
        self, contract: Contract, catalogue: Catalogue, folder: str, heads: Mapping[str, Head], quarantine: Quarantine
    ) -> None:
        self.error: BaseException | None = None
        self.rows_left_out = 0
        """Blank rows, notes and repeated headers among the rows settled."""
        self.zeros_restored = 0
        self.notes: dict[str, list[int]] = {}
        self.repeated_headers: dict[str, list[int]] = {}
        self._contract = contract
        self._quarantine = quarantine
        self._heads = heads
        self._readers = {
            sheet: [
                CellReader(column, catalogue, folder, column.name in head.other_units) for column in contract.columns
            ]
            for sheet, head in heads.items()
        }
        self._branch_at = next(
            at for at, column in enumerate(contract.columns) if column.type is ColumnType.BRANCH_CODE
        )
        self._branch_name = contract.columns[self._branch_at].name
        self._last = {"settle": 0, "breach": 0}

    def admits(self, sheet: str, row_number: int, texts: Sequence[str]) -> bool:
        """True for a record of as many cells as the header has. Others are left out (blank rows, notes, the header once more),
        or quarantined."""
        head = self._heads[sheet]
        if not any(texts):
            self.rows_left_out += 1
            return False  # so quickly because there may be millions
        if len(texts) == head.width and texts[head.positions[self._branch_name]].isdecimal():
            return True  # where a number stands for the branch, the row is a record: no need to look closer
        row = GridRow(row_number, tuple(map(Cell, texts)))
        if self._is_left_out(row, sheet):
            self.rows_left_out += 1
            return False
        is_ragged = (not sheet and len(texts) < head.width) or any(
            not cell.is_blank for cell in row.cells[head.width :]
        )
        if is_ragged:
            self._quarantine.add([RejectedRow(sheet, row_number, None, (("", CellFault("ragged_row")),))])
        return not is_ragged

    def _is_left_out(self, row: GridRow, sheet: str) -> bool:
        if row.is_blank:
            return True
        repeats = repeats_header(row, self._heads[sheet].header)
        for is_met, kept in ((is_note(row), self.notes), (repeats, self.repeated_headers)):
            if is_met:
                kept.setdefault(sheet, []).append(row.number)
                return True
        return False

    def settle_rows_of_file(self, sheets: pa.ChunkedArray, numbers: pa.ChunkedArray, rows: pa.ChunkedArray) -> pa.Array:
        """Settle rows as they stand in a CSV file: each a list of all its texts, record or not.

        Returns for each the list of its values, or nothing for a row that is not loaded.
        """
        head = self._heads[""]
        positions = [head.positions.get(column.name) for column in self._contract.columns]

        def settled() -> Iterator[list[str | None] | None]:
            for number, row in zip(numbers.to_pylist(), rows.to_pylist(), strict=True):
                cells = _before_mark(row)
                if self.admits("", number, cells):
                    yield self._settled("", number, [None if at is None else cells[at] for at in positions])
                else:
                    yield None

        return self._guarded("settle", numbers, lambda: pa.array(list(settled()), _TEXTS))

    def settle_records(self, sheets: pa.ChunkedArray, numbers: pa.ChunkedArray, records: pa.ChunkedArray) -> pa.Array:
        """Settle records: each a list of the texts of the contract's columns, in its order. Returns as the function above."""

        def settled() -> Iterator[list[str | None] | None]:
            for sheet, number, texts in zip(sheets.to_pylist(), numbers.to_pylist(), records.to_pylist(), strict=True):
                yield self._settled(sheet, number, texts)

        return self._guarded("", numbers, lambda: pa.array(list(settled()), _TEXTS))

    def breach(
        self, sheets: pa.ChunkedArray, numbers: pa.ChunkedArray, branches: pa.ChunkedArray, *rules: pa.ChunkedArray
    ) -> pa.Array:
        """Quarantine rows that meet a rule between columns; ``rules`` say for each rule whether it is met."""

        def refused() -> pa.Array:
            met = zip(*(rule.to_pylist() for rule in rules), strict=True)
            rows = zip(sheets.to_pylist(), numbers.to_pylist(), branches.to_pylist(), met, strict=True)
            self._quarantine.add(
                RejectedRow(sheet, number, branch, self._broken_rules(sheet, flags))
                for sheet, number, branch, flags in rows
            )
            return pa.array([False] * len(numbers))

        return self._guarded("breach" if set(self._heads) == {""} else "", numbers, refused)

    def _broken_rules(self, sheet: str, flags: Sequence[bool | None]) -> tuple[tuple[str, CellFault], ...]:
        broken = [rule for rule, flag in zip(self._contract.row_rules, flags, strict=True) if flag]
        columns = self._contract.column_by_name
        faults = {(self._header(columns[rule.column], sheet), rule.fault) for rule in broken}
        return tuple((header, CellFault(code)) for header, code in sorted(faults))

    def _header(self, column: Column, sheet: str) -> str:
        return self._heads[sheet].header.texts.get(column.name, column.header)

    def _settled(self, sheet: str, number: int, texts: Sequence[str | None]) -> list[str | None] | None:
        """Return the record's values, or quarantine it with all its faults."""
        row: list[str | None] = []
        faults: list[tuple[str, CellFault]] = []
        for reader, text in zip(self._readers[sheet], texts, strict=True):
            value, fault = reader(text)
            row.append(value)
            if fault is not None:
                faults.append((self._header(reader.column, sheet), fault))
        if faults:
            self._quarantine.add([RejectedRow(sheet, number, row[self._branch_at], tuple(faults))])
            return None
        if len(trim(texts[self._branch_at] or "")) == 1:
            self.zeros_restored += 1
        return row

    def _guarded(self, name: str, numbers: pa.ChunkedArray, work: Callable[[], pa.Array]) -> pa.Array:
        """Do the work; an error of ours is kept and told to the engine without its text. A row that comes a second time is
        an error: it would be counted twice."""
        try:
            if name and len(numbers):
                if numbers[0].as_py() <= self._last[name]:
                    raise StreamingError("a row came twice")
                self._last[name] = numbers[-1].as_py()
            return work()
        except BaseException as error:  # noqa: BLE001 (kept, and raised again by the engine's caller)
            self.error = error
            raise StreamingError("stopped") from None


class Unmarked(Exception):
    """A line came without the mark behind its last cell: the parser took it for something else than a line."""


def _before_mark(row: Sequence[str | None]) -> list[str]:
    """Return the cells that the line has in the file."""
    last = max((at for at, text in enumerate(row) if text is not None), default=-1)
    if last < 0 or row[last] != MARK:
        raise Unmarked
    return [text or "" for text in row[:last]]
