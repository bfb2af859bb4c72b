"""Rules between the rows of one file: the same key twice.

What lives here: counting exact duplicates, finding contradictions. What does not: resubmissions (another file,
another time) and contradictory targets, which are loaded and judged 判定不能 downstream.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kenpo_pipelines.submissions.columns import ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.rules import LocatedFault, Reading

_NOT_FIGURES = frozenset({ColumnType.TEXT, ColumnType.UNIT, ColumnType.BRANCH_NAME})
_MOST_NAMED = 10


def settle_duplicates(readings: Sequence[Reading], contract: Contract) -> int:
    """Return how many faultless readings repeat an earlier one of their key with the same figures.

    Where a key has different figures and the contract rejects contradictions, every row of the key gets the fault
    ``contradictory_rows``, naming them all: neither wins.
    """
    by_key: dict[tuple[Any, ...], list[Reading]] = defaultdict(list)
    for reading in readings:
        if not reading.faults:
            by_key[tuple(reading.row[name] for name in contract.dataset.key)].append(reading)
    merged = 0
    for group in by_key.values():
        distinct = {_figures(reading, contract) for reading in group}
        if len(distinct) == 1 or contract.dataset.contradictions == "keep":
            merged += len(group) - len(distinct)
            continue
        where = _places(group)
        column = _first_difference(group, contract)
        for reading in group:
            reading.faults.append(LocatedFault(column, "contradictory_rows", where))
    return merged


def _figure_columns(contract: Contract) -> list[str]:
    names = [
        column.name
        for column in contract.columns
        if column.type not in _NOT_FIGURES and column.name not in contract.dataset.key
    ]
    return names + (["is_done"] if contract.column_of(ColumnType.KPI_VALUE) else [])


def _figures(reading: Reading, contract: Contract) -> tuple[Any, ...]:
    """The row's figures; ― and 集計中 are the same figure (none)."""
    return tuple(reading.row[name] for name in _figure_columns(contract))


def _first_difference(group: Sequence[Reading], contract: Contract) -> str:
    for name in _figure_columns(contract):
        if len({reading.row[name] for reading in group}) > 1 and name != "is_done":
            return name
    column = contract.column_of(ColumnType.KPI_VALUE)
    return column.name if column else ""


def _places(group: Sequence[Reading]) -> str:
    named = "、".join(_place(reading) for reading in group[:_MOST_NAMED])
    return named if len(group) <= _MOST_NAMED else f"{named} ほか{len(group) - _MOST_NAMED}行"


def _place(reading: Reading) -> str:
    sheet = f"シート「{reading.record.sheet}」" if reading.record.sheet else ""
    return f"{sheet}{reading.record.row_number}行目"
