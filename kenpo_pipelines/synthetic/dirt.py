"""Dirty rows: the ways in which real cells differ from what was meant, each by its name.

What lives here: which rows of a file are dirty, and what happens to their cells. What does not: dirt of whole files
(``styles``). Readable rows say the same in another spelling and must count; rejected ones must not, and stay under the share of
rows at which a branch is held back.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from random import Random

from kenpo_pipelines import fiscal
from kenpo_pipelines.submissions.columns import Column, ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.synthetic.plan import Plan

Row = dict[str, str]
"""Cells of one row as texts, by the contract's column names, blank as ''."""

NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL)
MOMENTS = (ColumnType.MONTH, ColumnType.DATE)
_WIDE = str.maketrans("0123456789.", "０１２３４５６７８９．")
_REIWA = 2018
_SERIAL_ZERO = dt.date(1899, 12, 30)
_JANUARY_OR_OCTOBER = ("01", "10")


@dataclass(frozen=True)
class Choice:
    """The dirty rows of one file: ordinals of readable and of rejected ones."""

    readable: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()
    budget: int = 0
    """Rows that may be rejected."""

    @cached_property
    def rejected_set(self) -> frozenset[int]:
        """The rejected ones, to look one up."""
        return frozenset(self.rejected)


def choose(plan: Plan, contract: Contract, rows: int, file: str, is_held_back: bool) -> Choice:
    """Choose the dirty rows of a file with so many rows; a small file has none to be rejected."""
    chance = Random(f"{plan.seed}/dirt/{file}")
    share = plan.dirty_pct / 100
    profile = plan.profile.dirt
    hold_back = contract.dataset.hold_back_above_pct
    most = rows if hold_back is None else int(rows * hold_back / 100 * profile.most_of_hold_back)
    budget = min(most, _ceiling(rows * share * profile.rejected_share_of_dirty))
    readable = _ceiling(rows * share * (1 - profile.rejected_share_of_dirty))
    if is_held_back and hold_back is not None:
        budget = int(rows * hold_back / 100) * 2 + 3
    chosen = chance.sample(range(rows), min(rows, budget + readable))
    return Choice(tuple(sorted(chosen[budget:])), tuple(sorted(chosen[:budget])), budget)


def _ceiling(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_CEILING))


# --- readable --------------------------------------------------------------------------------------------------------------


def _wide(column: Column, text: str) -> str | None:
    types = (*NUMBERS, ColumnType.FLAG, ColumnType.BRANCH_CODE, ColumnType.IDENTIFIER)
    return text.translate(_WIDE) if text and column.type in types else None


def _separated(column: Column, text: str) -> str | None:
    whole, point, decimals = text.partition(".")
    is_long = column.type in NUMBERS and len(whole) > 3
    return f"{int(whole):,}{point}{decimals}" if is_long else None


def _with_unit(column: Column, text: str) -> str | None:
    return f"{text}{column.unit}" if text and column.unit and column.type in NUMBERS else None


def _wareki(column: Column, text: str) -> str | None:
    if not text or column.type not in MOMENTS:
        return None
    year, month, *day = text.split("-")
    end = f"{int(day[0])}日" if day else ""
    return f"令和{int(year) - _REIWA}年{int(month)}月{end}".translate(_WIDE)


def _era_letter(column: Column, text: str) -> str | None:
    if not text or column.type not in MOMENTS:
        return None
    year, month, *day = text.split("-")
    return ".".join([f"R{int(year) - _REIWA}", str(int(month)), *(str(int(one)) for one in day)])


def _slashes(column: Column, text: str) -> str | None:
    return "/".join(str(int(part)) for part in text.split("-")) if text and column.type in MOMENTS else None


def _compact(column: Column, text: str) -> str | None:
    return text.replace("-", "") if text and column.type in MOMENTS else None


def _serial(column: Column, text: str) -> str | None:
    is_date = text and column.type is ColumnType.DATE
    return str((dt.date.fromisoformat(text) - _SERIAL_ZERO).days) if is_date else None


def _lost_zero(column: Column, text: str) -> str | None:
    return text[1:] if column.type is ColumnType.BRANCH_CODE and text.startswith("0") else None


def _spaces(column: Column, text: str) -> str | None:
    return f"　{text} " if text and column.type in (ColumnType.CHOICE, ColumnType.IDENTIFIER) else None


def _other_word(column: Column, text: str) -> str | None:
    spellings = column.values.get(text, ())
    return spellings[len(spellings) // 2] if spellings else None


def _no_figure(column: Column, text: str) -> str | None:
    return "―" if not text and column.type in NUMBERS and column.allows_blank else None


def _padded(column: Column, text: str) -> str | None:
    return f"00{text}" if column.personal and text and text.isdecimal() else None


READABLE: dict[str, Callable[[Column, str], str | None]] = {
    "full_width_digits": _wide,
    "thousands_separators": _separated,
    "unit_in_cell": _with_unit,
    "wareki": _wareki,
    "era_letter": _era_letter,
    "slashes": _slashes,
    "compact_date": _compact,
    "excel_serial": _serial,
    "lost_leading_zero": _lost_zero,
    "spaces": _spaces,
    "other_word": _other_word,
    "sign_for_none": _no_figure,
    "padded_number": _padded,
}
"""Other spellings of one cell; None where the kind does not apply."""


# --- rejected --------------------------------------------------------------------------------------------------------------


def _typo(contract: Contract, row: Row, folder: str) -> Iterator[tuple[str, str]]:
    yield from ((one.name, f"{row[one.name]}&") for one in contract.columns if one.type in NUMBERS and row[one.name])


def _word(contract: Contract, row: Row, folder: str) -> Iterator[tuple[str, str]]:
    numbers = [one.name for one in contract.columns if one.type in NUMBERS and not one.allows_blank]
    yield from ((name, word) for name in numbers for word in ("集計中", "予定"))


def _blank(contract: Contract, row: Row, folder: str) -> Iterator[tuple[str, str]]:
    required = [one for one in contract.columns if not one.allows_blank and one.type is not ColumnType.BRANCH_CODE]
    yield from ((one.name, "") for one in required)


def _unknown_choice(contract: Contract, row: Row, folder: str) -> Iterator[tuple[str, str]]:
    yield from ((one.name, "不明") for one in contract.columns if one.type is ColumnType.CHOICE and row[one.name])


def _impossible_date(contract: Contract, row: Row, folder: str) -> Iterator[tuple[str, str]]:
    for one in contract.columns:
        if one.type is ColumnType.DATE and row[one.name]:
            yield one.name, f"{row[one.name][:4]}/2/30"
        elif one.type is ColumnType.MONTH and row[one.name]:
            yield one.name, f"{row[one.name][:4]}-13"


def _after_folder(contract: Contract, row: Row, folder: str) -> Iterator[tuple[str, str]]:
    later = fiscal.add_months(folder, 1)
    for one in contract.columns:
        if one.not_after_folder and row[one.name]:
            yield one.name, f"{later}-01" if one.type is ColumnType.DATE else later


def _unpaid(contract: Contract, row: Row, folder: str) -> Iterator[tuple[str, str]]:
    if row.get("decision") == "支給":
        yield "paid_on", ""


REJECTED: dict[str, Callable[[Contract, Row, str], Iterator[tuple[str, str]]]] = {
    "typo": _typo,
    "word_for_number": _word,
    "blank_required": _blank,
    "unknown_choice": _unknown_choice,
    "impossible_date": _impossible_date,
    "month_after_folder": _after_folder,
    "payment_date_missing": _unpaid,
}
"""Cells that cannot be read: (column, text) that may be put there; nothing where the kind does not apply."""
RAGGED, REPEATED, CONTRADICTORY = "ragged_row", "repeated_row", "contradictory_rows"
_REJECTED_KINDS = (*REJECTED, RAGGED, REPEATED, CONTRADICTORY)


def contradiction(contract: Contract, row: Row) -> Row | None:
    """Return a row of the same key that says something else and is right in itself; None where there is none."""
    for column in contract.columns:
        if column.name in contract.dataset.key or column.personal:
            continue
        text = row[column.name]
        if column.type is ColumnType.INTEGER and text:
            return row | {column.name: str(int(text) + 1)}
        if column.type is ColumnType.FLAG and text == "0":
            return row | {column.name: "1"}
    for name in ("audit_type", "debt_type"):
        if name in row:
            return row | {name: next(value for value in contract.column_by_name[name].values if value != row[name])}
    return None


@dataclass(frozen=True)
class DirtyRow:
    """One row as it is written. ``extra`` is a cell beyond the columns (a ragged row)."""

    cells: Row
    kind: str
    extra: str | None = None


def spelled_otherwise(contract: Contract, row: Row, turn: int) -> DirtyRow:
    """Return the row with one cell spelt otherwise, in the next kind that applies."""
    kinds = list(READABLE)
    for step in range(len(kinds)):
        kind = kinds[(turn + step) % len(kinds)]
        found = [
            (one.name, text) for one in contract.columns if (text := READABLE[kind](one, row[one.name])) is not None
        ]
        if found:
            name, text = found[(turn // len(kinds)) % len(found)]
            return DirtyRow(row | {name: text}, kind)
    raise AssertionError("every row has a branch code, which can be written with full-width digits")


def rejected(contract: Contract, row: Row, turn: int, folder: str, budget: int, is_csv: bool) -> list[DirtyRow]:
    """Return what is written in place of the row, in the next kind that applies and costs no more rows than the budget.

    A repeated row is written twice: the first counts. All other rows returned must be rejected.
    """
    for step in range(len(_REJECTED_KINDS)):
        kind = _REJECTED_KINDS[(turn + step) % len(_REJECTED_KINDS)]
        if kind == REPEATED:
            return [DirtyRow(row, ""), DirtyRow(row, kind)]
        if kind == RAGGED and is_csv:
            return [DirtyRow(row, kind, extra="余り")]
        if kind == CONTRADICTORY and budget > 1 and (other := contradiction(contract, row)) is not None:
            return [DirtyRow(row, kind), DirtyRow(other, kind)]
        found = list(REJECTED[kind](contract, row, folder)) if kind in REJECTED else []
        if found:
            name, text = found[(turn // len(_REJECTED_KINDS)) % len(found)]
            return [DirtyRow(row | {name: text}, kind)]
    raise AssertionError("every row can be repeated")
