"""Rows that are not in the usual spelling all over: read by Python, loaded or quarantined.

What lives here: ``Settler``, whose functions the engine calls for such rows while it reads. What does not: one cell
(``cell_readers``) and rows in the usual spelling, which never come here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.columns import Column, ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell, GridRow
from kenpo_pipelines.submissions.streaming.canonical import DEFAULT_DECIMALS
from kenpo_pipelines.submissions.streaming.cell_readers import CellReader
from kenpo_pipelines.submissions.streaming.head import Head
from kenpo_pipelines.submissions.streaming.quarantine import Quarantine, RejectedRow
from kenpo_pipelines.submissions.streaming.result import StreamingError
from kenpo_pipelines.submissions.tables import is_note, repeats_header
from kenpo_pipelines.submissions.texts import trim

IS_LOADED = "is_loaded"
_ARROW = {
    ColumnType.INTEGER: pa.int64(),
    ColumnType.DATE: pa.date32(),
    ColumnType.FLAG: pa.bool_(),
}


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
        self._type = settled_type(contract)
        self._last = {"settle": 0, "breach": 0}

    def leaves_out(self, row: GridRow, sheet: str) -> bool:
        """True for a row that is no record: blank, a note, or the header once more; the latter two are remembered."""
        if row.is_blank:
            return True
        for test, kept in (
            (is_note(row), self.notes),
            (repeats_header(row, self._heads[sheet].header), self.repeated_headers),
        ):
            if test:
                kept.setdefault(sheet, []).append(row.number)
                return True
        return False

    def reject(self, sheet: str, row_number: int, code: str) -> None:
        """Quarantine a row for a fault of the whole row."""
        self._quarantine.add([RejectedRow(sheet, row_number, None, (("", CellFault(code)),))])

    def settle_rows_of_file(
        self, sheets: pa.ChunkedArray, numbers: pa.ChunkedArray, *texts: pa.ChunkedArray
    ) -> pa.Array:
        """Settle rows as they stand in a CSV file: ``texts`` are all its columns, records or not."""
        head = self._heads[""]

        def settled() -> pa.Array:
            rows = list(zip(*(column.to_pylist() for column in texts), strict=True))
            at = numbers.to_pylist()
            positions = [head.positions.get(column.name) for column in self._contract.columns]
            records: list[tuple[str, int, tuple[str | None, ...]] | None] = []
            for number, row in zip(at, rows, strict=True):
                if not self.is_surely_record(row, "") and self.leaves_out(GridRow(number, tuple(map(Cell, row))), ""):
                    self.rows_left_out += 1
                    records.append(None)
                else:
                    records.append(("", number, tuple(None if one is None else row[one] for one in positions)))
            return self._settled(records)

        return self._guarded("settle", numbers, settled)

    def settle_records(self, sheets: pa.ChunkedArray, numbers: pa.ChunkedArray, *texts: pa.ChunkedArray) -> pa.Array:
        """Settle records: ``texts`` are the contract's columns, in its order."""

        def settled() -> pa.Array:
            rows = zip(*(column.to_pylist() for column in texts), strict=True)
            return self._settled(list(zip(sheets.to_pylist(), numbers.to_pylist(), rows, strict=True)))

        return self._guarded("", numbers, settled)

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

    def is_surely_record(self, row: Sequence[str | None], sheet: str) -> bool:
        """A cheap test: where a number stands for the branch, the row is a record. Others may be, too."""
        text = row[self._heads[sheet].positions[self._branch_name]]
        return text is not None and text.isdecimal()

    def _settled(self, records: Sequence[tuple[str, int, Sequence[str | None]] | None]) -> pa.Array:
        columns = self._contract.columns
        values: list[list[Any]] = [[] for _ in columns]
        is_loaded: list[bool] = []
        for record in records:
            row, faults = self._read(record) if record is not None else ([None] * len(columns), [])
            is_loaded.append(record is not None and not faults)
            for kept, value in zip(values, row, strict=True):
                kept.append(value)
            if record is not None and faults:
                sheet, number, _ = record
                self._quarantine.add([RejectedRow(sheet, number, row[self._branch_at], tuple(faults))])
        arrays = [pa.array(is_loaded, pa.bool_())]
        arrays += [pa.array(kept, field.type) for kept, field in zip(values, list(self._type)[1:], strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=list(self._type))

    def _read(self, record: tuple[str, int, Sequence[str | None]]) -> tuple[list[Any], list[tuple[str, CellFault]]]:
        sheet, _, texts = record
        row: list[Any] = []
        faults: list[tuple[str, CellFault]] = []
        for reader, text in zip(self._readers[sheet], texts, strict=True):
            value, fault = reader(text)
            row.append(value)
            if fault is not None:
                faults.append((self._header(reader.column, sheet), fault))
        branch = texts[self._branch_at]
        if not faults and branch is not None and len(trim(branch)) == 1:
            self.zeros_restored += 1
        return row, faults

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


def settled_type(contract: Contract) -> pa.StructType:
    """Return what settling yields for each row: whether it is loaded, and its values by position."""
    fields = [pa.field(IS_LOADED, pa.bool_())]
    fields += [pa.field(f"v{at}", _arrow_type(column)) for at, column in enumerate(contract.columns)]
    return pa.struct(fields)


def _arrow_type(column: Column) -> pa.DataType:
    if column.type is ColumnType.DECIMAL:
        return pa.decimal128(28, DEFAULT_DECIMALS) if column.decimals is None else pa.decimal128(18, column.decimals)
    return _ARROW.get(column.type, pa.string())
