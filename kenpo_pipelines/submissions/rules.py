"""One record to one typed row, by its contract and the KPI catalogue.

What lives here: the order of the steps and the rules between columns of one row (branch and name, fiscal year and
month, KPI and branch, unit, comparator and number). What does not: one cell's spelling (``cells``, ``numerals``,
``calendar_cells``) and rules between rows (``duplicates``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Catalogue, Kind, Kpi, KpiVersion
from kenpo_pipelines.submissions import calendar_cells, cells
from kenpo_pipelines.submissions.columns import Column, ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.kpi_cells import Followed, read_kpi_value, read_target_value
from kenpo_pipelines.submissions.names import Names
from kenpo_pipelines.submissions.numerals import is_none_word
from kenpo_pipelines.submissions.quantity_cells import read_amount, read_count
from kenpo_pipelines.submissions.records import Record
from kenpo_pipelines.submissions.submission import Row
from kenpo_pipelines.submissions.texts import squeeze
from kenpo_pipelines.submissions.units import is_same_unit

_WHAT_AND_WHERE = (
    ColumnType.FISCAL_YEAR,
    ColumnType.MONTH,
    ColumnType.BRANCH_CODE,
    ColumnType.BRANCH_NAME,
    ColumnType.KPI,
)
"""Read first and in this order: the rules of the other columns depend on them."""


@dataclass(frozen=True, slots=True)
class LocatedFault:
    """A fault and the contract's name of the column it is in ('' = the whole row)."""

    column: str
    code: str
    expected: str = ""


@dataclass(slots=True)
class Reading:
    """One record while its columns are read: the row so far, its faults, and which KPI it is about."""

    record: Record
    row: Row = field(default_factory=dict, repr=False)
    faults: list[LocatedFault] = field(default_factory=list)
    kpi: Kpi | None = None
    followed: Followed | None = None
    value_unit: str = ""
    """The unit that the figure's or the count's cell, its unit line or its header states."""
    bound: str = ""
    """以上/以下 written behind the target's number, or the comparator written in its place."""
    has_restored_zero: bool = False

    @property
    def branch_code(self) -> str | None:
        """The branch, once read and known."""
        return self.row.get("branch_code")


class RowRules:
    """Reads the records of one file. Rows come out in the grain of ``contract.stored_columns``."""

    def __init__(self, contract: Contract, catalogue: Catalogue, folder: str) -> None:
        self._contract = contract
        self._catalogue = catalogue
        self._folder = folder
        self._names = Names(catalogue)
        self._first = [column for type_ in _WHAT_AND_WHERE for column in contract.columns if column.type is type_]
        others = [column for column in contract.columns if column not in self._first]
        self._others = sorted(others, key=lambda column: column.type is ColumnType.UNIT)
        self._fraction = _fraction_of(contract)
        self._readers: dict[ColumnType, Callable[[Column, Cell, Reading], Row]] = {
            ColumnType.TEXT: self._text,
            ColumnType.INTEGER: self._number,
            ColumnType.DECIMAL: self._number,
            ColumnType.DATE: lambda column, cell, _: {column.name: calendar_cells.read_date(cell)},
            ColumnType.MONTH: self._month,
            ColumnType.FISCAL_YEAR: self._fiscal_year,
            ColumnType.BRANCH_CODE: self._branch_code,
            ColumnType.BRANCH_NAME: self._branch_name,
            ColumnType.KPI: self._kpi,
            ColumnType.KPI_VALUE: self._kpi_value,
            ColumnType.TARGET_VALUE: self._target_value,
            ColumnType.COMPARATOR: lambda column, cell, _: {column.name: cells.read_choice(cell, column.values)},
            ColumnType.CHOICE: lambda column, cell, _: {column.name: cells.read_choice(cell, column.values)},
            ColumnType.UNIT: self._unit,
            ColumnType.AMOUNT: self._amount,
            ColumnType.COUNT: self._count,
        }

    def read(self, record: Record) -> Reading:
        """Return the record's reading; its row is complete only when it has no faults."""
        reading = Reading(record)
        if record.is_ragged:
            reading.faults.append(LocatedFault("", "ragged_row"))
            return reading
        for column in self._first:
            self._attempt(reading, column, self._read_cell)
        if (kpi_column := self._contract.column_of(ColumnType.KPI)) is not None:
            self._attempt(reading, kpi_column, self._follow)
        for column in self._others:
            self._attempt(reading, column, self._read_cell)
        comparator = self._contract.column_of(ColumnType.COMPARATOR)
        if comparator is not None and not reading.faults:
            self._attempt(reading, comparator, self._comparator_fits)
        if self._fraction is not None and not reading.faults:
            self._attempt(reading, self._fraction[1], self._fraction_is_whole)
        reading.row |= {"sheet": record.sheet, "row_number": record.row_number}
        return reading

    def _attempt(self, reading: Reading, column: Column, step: Callable[[Column, Reading], None]) -> None:
        try:
            step(column, reading)
        except CellFault as fault:
            reading.faults.append(LocatedFault(column.name, fault.code, fault.expected))

    def _read_cell(self, column: Column, reading: Reading) -> None:
        cell = reading.record.cell(column.name)
        if cell.is_blank and self._must_be_filled(column, reading):
            raise CellFault("missing_value")
        if cell.is_blank and column.type not in _BLANK_HAS_MEANING:
            reading.row |= _nothing(column, self._contract)
            return
        reading.row |= self._readers[column.type](column, cell, reading)

    def _must_be_filled(self, column: Column, reading: Reading) -> bool:
        """True where a blank cell is a fault; where code or name may name the branch, one of them must."""
        name = self._contract.column_of(ColumnType.BRANCH_NAME)
        if column is self._contract.branch_by_code_or_name:
            return name is None or reading.record.cell(name.name).is_blank
        return not column.allows_blank

    def _text(self, column: Column, cell: Cell, reading: Reading) -> Row:
        text = cells.read_text(cell)
        if column.longest is not None and len(text) > column.longest:
            raise CellFault("text_too_long", str(column.longest))
        return {column.name: text}

    def _amount(self, column: Column, cell: Cell, reading: Reading) -> Row:
        return {column.name: read_amount(cell, self._stated_unit(column, reading), column.min)}

    def _count(self, column: Column, cell: Cell, reading: Reading) -> Row:
        stated = self._stated_unit(column, reading)
        count, own = read_count(cell, stated, column.min)
        reading.value_unit = own or stated
        return {column.name: count}

    def _stated_unit(self, column: Column, reading: Reading) -> str:
        """The unit in the row's own column of units; else that of the unit line, the header or the title."""
        unit_column = self._contract.column_of(ColumnType.UNIT)
        own = "" if unit_column is None else cells.read_text(reading.record.cell(unit_column.name))
        return own if own and not is_none_word(own) else reading.record.units.get(column.name, "")

    def _number(self, column: Column, cell: Cell, reading: Reading) -> Row:
        read = cells.read_integer if column.type is ColumnType.INTEGER else cells.read_decimal
        value = read(cell, column.unit, column.min)
        outside = reading.record.units.get(column.name, "")
        if column.unit and outside and not is_same_unit(column.unit, outside):
            raise CellFault("unit_disagrees", column.unit)
        if value is None and not column.allows_blank:
            raise CellFault("missing_value")
        return {column.name: value}

    def _fiscal_year(self, column: Column, cell: Cell, reading: Reading) -> Row:
        year = calendar_cells.read_fiscal_year(cell)
        known = self._catalogue.fiscal_year_by_number
        if year not in known:
            raise CellFault("unknown_fiscal_year", f"{min(known)}～{max(known)}")
        return {column.name: year}

    def _month(self, column: Column, cell: Cell, reading: Reading) -> Row:
        if isinstance(cell.value, str) and squeeze(cell.value) in {squeeze(word) for word in column.plan_words}:
            return {column.name: None}
        month = calendar_cells.read_month(cell)
        year = reading.row.get(column.within) if column.within else None
        if year is not None and fiscal.fiscal_year_of(month) != year:
            raise CellFault("month_outside_fiscal_year", f"{fiscal.first_month(year)}～{fiscal.year_end(year)}")
        if column.not_after_folder and month > self._folder:
            raise CellFault("month_after_folder", self._folder)
        return {column.name: month}

    def _branch_code(self, column: Column, cell: Cell, reading: Reading) -> Row:
        code = cells.read_branch_code(cell)
        if code not in self._catalogue.branch_by_code:
            raise CellFault("unknown_branch")
        reading.has_restored_zero = len(cells.cell_text(cell)) == 1
        return {column.name: code}

    def _branch_name(self, column: Column, cell: Cell, reading: Reading) -> Row:
        """The name must be that of the code; without a code column it says by itself which branch it is."""
        branch = self._names.branch(cells.read_text(cell))
        code_column = self._contract.column_of(ColumnType.BRANCH_CODE)
        if code_column is None:
            if branch is None:
                raise CellFault("unknown_branch")
            return {"branch_code": branch.code}
        if self._contract.branch_by_code_or_name and reading.record.cell(code_column.name).is_blank:
            if branch is None:
                raise CellFault("unknown_branch")
            return {code_column.name: branch.code}
        code = reading.row.get(code_column.name)
        if code is not None and (branch is None or branch.code != code):
            raise CellFault("branch_mismatch", self._catalogue.branch_by_code[code].name)
        return {}

    def _kpi(self, column: Column, cell: Cell, reading: Reading) -> Row:
        reading.kpi = self._names.kpi(cells.read_text(cell))
        if reading.kpi is None:
            raise CellFault("unknown_kpi")
        return {column.name: reading.kpi.id}

    def _follow(self, column: Column, reading: Reading) -> None:
        """Settle which version of the KPI the row is about; it must be in force that year and followed for that
        branch."""
        year_column = self._contract.column_of(ColumnType.FISCAL_YEAR)
        year = reading.row.get(year_column.name) if year_column else None
        if reading.kpi is None or year is None or reading.branch_code is None:
            return
        version = self._version(reading.kpi, year)
        if version is None:
            raise CellFault("kpi_not_in_force", _years_in_force(reading.kpi))
        if not version.covers(reading.branch_code):
            codes = version.branches if version.scope == "branches" else (NATION,)
            raise CellFault(
                "kpi_not_for_branch", "、".join(self._catalogue.branch_by_code[code].name for code in codes)
            )
        reading.followed = Followed(reading.kpi, version, reading.branch_code)

    def _version(self, kpi: Kpi, year: int) -> KpiVersion | None:
        version = kpi.version(year)
        if version is None and self._contract.dataset.keeps_baseline_year:
            return kpi.versions[0] if self._catalogue.is_baseline_year(kpi.id, year) else None
        return version

    def _kpi_value(self, column: Column, cell: Cell, reading: Reading) -> Row:
        figure = read_kpi_value(cell, reading.followed, self._outside_unit(column, reading), column.min)
        reading.value_unit = figure.unit
        return {column.name: figure.value, f"{column.name}_word": figure.word, "is_done": figure.is_done}

    def _target_value(self, column: Column, cell: Cell, reading: Reading) -> Row:
        """A number; or the comparison written once more in place of a number (対前年度以上)."""
        comparator = self._contract.column_of(ColumnType.COMPARATOR)
        stated = cells.find_choice(cells.cell_text(cell), comparator.values) if comparator else None
        if stated is not None and not cell.is_unevaluated:
            reading.bound = stated
            return {column.name: None}
        target = read_target_value(cell, reading.followed, self._outside_unit(column, reading), column.min)
        reading.value_unit, reading.bound = target.unit, target.bound
        return {column.name: target.value}

    def _outside_unit(self, column: Column, reading: Reading) -> str:
        """The unit of the unit line or the header, where the row has no unit of its own."""
        unit_column = self._contract.column_of(ColumnType.UNIT)
        has_own = unit_column is not None and not reading.record.cell(unit_column.name).is_blank
        return "" if has_own else reading.record.units.get(column.name, "")

    def _unit(self, column: Column, cell: Cell, reading: Reading) -> Row:
        text = cells.read_text(cell)
        if is_none_word(text):
            text = ""
        if reading.followed is not None:
            reading.followed.refuse_other_unit(text)
        return {column.name: text or reading.value_unit}

    def _fraction_is_whole(self, column: Column, reading: Reading) -> None:
        """A rate or mean whose row has a numerator alone says nothing, and must not stand in for an earlier figure; a word
        (集計中, ―) in the figure's place says that there is none yet."""
        assert self._fraction is not None
        numerator, denominator, figure = (reading.row[part.name] for part in self._fraction)
        word = reading.row[f"{self._fraction[2].name}_word"]
        is_alone = numerator is not None and denominator is None and figure is None and word is None
        followed = reading.followed
        is_fraction = followed and followed.version.kind_for(followed.branch_code) in (Kind.RATE, Kind.MEAN)
        if is_alone and is_fraction:
            raise CellFault("denominator_missing")

    def _comparator_fits(self, column: Column, reading: Reading) -> None:
        """The comparator, the number beside it and the kind of KPI must fit together; 以上 and 以下 are never
        exchanged."""
        comparator = reading.row[column.name]
        target = self._contract.column_of(ColumnType.TARGET_VALUE)
        has_value = target is not None and reading.row[target.name] is not None
        if reading.bound and reading.bound != comparator and not (has_value and comparator.endswith(reading.bound)):
            raise CellFault("comparators_disagree", comparator)
        if comparator in column.needs_value and not has_value:
            raise CellFault("target_missing")
        if comparator in column.forbids_value:
            if has_value:
                raise CellFault("target_unexpected")
            if reading.followed is not None and Kind.QUALITATIVE not in (
                reading.followed.version.kind,
                reading.followed.version.kind_for(reading.followed.branch_code),
            ):
                raise CellFault("comparator_unfit")


_BLANK_HAS_MEANING = frozenset({ColumnType.TEXT, ColumnType.UNIT, ColumnType.KPI_VALUE, ColumnType.TARGET_VALUE})


def _fraction_of(contract: Contract) -> tuple[Column, Column, Column] | None:
    """The columns numerator, denominator and figure, in the datasets that have all three."""
    value = contract.column_of(ColumnType.KPI_VALUE)
    numerator, denominator = (contract.column_by_name.get(name) for name in ("numerator", "denominator"))
    return None if value is None or numerator is None or denominator is None else (numerator, denominator, value)


def _nothing(column: Column, contract: Contract) -> Row:
    """The fields of an optional cell that is blank or whose column the file lacks."""
    if column.type is ColumnType.BRANCH_NAME:
        return {} if contract.column_of(ColumnType.BRANCH_CODE) else {"branch_code": None}
    return {column.name: None}


def _years_in_force(kpi: Kpi) -> str:
    spans = (version.fiscal_years for version in kpi.versions)
    return "、".join(
        f"{span.first}～{span.last or ''}" if span.last != span.first else f"{span.first}" for span in spans
    )
