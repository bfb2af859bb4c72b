"""One line of a scorecard, exactly as ``mart_scorecard`` holds it, and the checks on a set of lines.

What lives here: the typed row, reading it from a mapping, and refusing sets that cannot make one scorecard. What does
not: any text or format a reader sees (``view``).
"""

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.scorecard_line import ScorecardLine


class ScorecardError(ValueError):
    """The rows or the provenance cannot make a scorecard; the message names the row, the column and what was found."""


class ScorecardRow(ScorecardLine):
    """A line that was checked when it was read."""

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "ScorecardRow":
        """Build a row from a mapping with the mart's columns; further keys are ignored.

        Raises :class:`ScorecardError` for a missing column, a word outside its list, and for a float: a figure that
        has been a float once is no longer the figure that was judged.
        """
        missing = [name for name in _COLUMNS if name not in mapping]
        if missing:
            raise ScorecardError(f"mart_scorecard row without the columns {', '.join(missing)}")
        where = "/".join(str(mapping[key]) for key in ("as_of", "fiscal_year", "branch_code", "kpi_id"))
        return cls(**{name: _checked(where, name, column, mapping[name]) for name, column in _COLUMNS.items()})


@dataclass(frozen=True)
class _Column:
    allowed: tuple[Any, ...]
    types: tuple[type, ...]
    is_optional: bool


def _column(hint: Any) -> _Column:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if typing.get_origin(hint) is Literal:
        return _Column(typing.get_args(hint), (str,), False)
    return _Column((), tuple(part for part in parts if part is not types.NoneType), types.NoneType in parts)


_COLUMNS = {name: _column(hint) for name, hint in typing.get_type_hints(ScorecardRow).items()}


def _checked(where: str, name: str, column: _Column, value: Any) -> Any:
    if value is None:
        if column.is_optional:
            return None
        raise ScorecardError(f"{where}: {name} is null")
    if Decimal in column.types and type(value) is int:
        return Decimal(value)
    # bool is an int to Python; a flag in a number's column is a mix-up of columns.
    if not isinstance(value, column.types) or (isinstance(value, bool) and bool not in column.types):
        raise ScorecardError(f"{where}: {name} is a {type(value).__name__} ({value!r}), which this column never holds")
    if column.allowed and value not in column.allowed:
        raise ScorecardError(f"{where}: {name} is {value!r}; expected one of {', '.join(map(repr, column.allowed))}")
    if isinstance(value, Decimal) and not value.is_finite():
        raise ScorecardError(f"{where}: {name} is {value}, not a number")
    return value


def read_rows(rows: Iterable[ScorecardRow | Mapping[str, Any] | object]) -> list[ScorecardRow]:
    """Return the rows typed and in order (fiscal year descending, branch, KPI order).

    Accepts rows, mappings, or other dataclasses with the mart's columns. Raises :class:`ScorecardError` when there are
    none, when they are of more than one as_of, when one lies after as_of's fiscal year, or when one occurs twice.
    """
    typed = [_typed(row) for row in rows]
    if not typed:
        raise ScorecardError("no rows: there is nothing to write a scorecard from")
    as_ofs = sorted({row.as_of for row in typed})
    if len(as_ofs) > 1:
        raise ScorecardError(f"rows of more than one as_of: {', '.join(as_ofs)}")
    newest_year = fiscal.fiscal_year_of(as_ofs[0])
    seen: set[tuple[int, str, str]] = set()
    for row in typed:
        key = (row.fiscal_year, row.branch_code, row.kpi_id)
        if key in seen:
            raise ScorecardError(f"two rows for fiscal year {key[0]}, branch {key[1]}, KPI {key[2]}")
        seen.add(key)
        if row.fiscal_year > newest_year:
            raise ScorecardError(f"fiscal year {row.fiscal_year} lies after {row.as_of}: branch {key[1]}, KPI {key[2]}")
    return sorted(typed, key=lambda row: (-row.fiscal_year, row.branch_code, row.kpi_order, row.kpi_id))


def _typed(row: object) -> ScorecardRow:
    if isinstance(row, ScorecardRow):
        return row
    if isinstance(row, Mapping):
        return ScorecardRow.from_mapping(row)
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return ScorecardRow.from_mapping({f.name: getattr(row, f.name) for f in dataclasses.fields(row)})
    raise ScorecardError(f"a {type(row).__name__} is not a row of mart_scorecard")
