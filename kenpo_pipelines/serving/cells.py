"""Values on their way into the serving database: each in exactly the type that comes back out.

What lives here: checking and converting rows before a transaction begins, so that a row that does not fit is named by
table, key and column, and so that new and stored rows can be compared value by value.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from numbers import Integral
from typing import Any

from sqlalchemy import Boolean, Column, Integer, Table

from kenpo_pipelines.serving.faults import PermanentFault
from kenpo_pipelines.serving.rows import Row, content_columns
from kenpo_pipelines.serving.types import ExactNumeric, UtcTimestamp, exact_decimal, utc_timestamp


def keyed_rows(table: Table, rows: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], Row]:
    """Return the rows by primary key, converted.

    Raises :class:`PermanentFault` when a row lacks a column or brings an unknown one, when a value does not fit its
    column, and when two rows have the same key.
    """
    # looked up once, not for each of the ten thousand rows of a series
    columns = [(name, table.c[name].nullable, _stored_as(table.c[name])) for name in content_columns(table)]
    names, key_names = {name for name, _, _ in columns}, [column.name for column in table.primary_key]
    keyed: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row.keys() != names:
            missing, unknown = sorted(names - row.keys()), sorted(row.keys() - names)
            raise PermanentFault(f"{_place(table, row)}: columns missing {missing}, columns unknown {unknown}")
        converted: Row = {}
        for name, is_nullable, stored in columns:
            value = row[name]
            if value is None and not is_nullable:
                raise PermanentFault(f"{_place(table, row)}: {name} is missing")
            try:
                converted[name] = None if value is None else stored(value)
            except (TypeError, ValueError, ArithmeticError) as error:
                raise PermanentFault(f"{_place(table, row)}: {name}: {error}") from error
        key = tuple(converted[name] for name in key_names)
        if key in keyed:
            raise PermanentFault(f"{_place(table, row)}: there are two rows with this key")
        keyed[key] = converted
    return keyed


def _place(table: Table, row: Mapping[str, Any]) -> str:
    key = ", ".join(f"{column.name}={row.get(column.name)!r}" for column in table.primary_key)
    return f"{table.name} ({key})"


def _stored_as(column: Column[Any]) -> Callable[[Any], Any]:
    match column.type:
        case ExactNumeric():
            return exact_decimal
        case UtcTimestamp():
            return utc_timestamp
        case Boolean():
            return _truth
        case Integer():
            return _whole_number
        case _:
            return _storable


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} is not true or false")
    return value


def _whole_number(value: Any) -> int:
    # whole floats are let in: pandas makes a column of whole numbers float when some are missing
    if isinstance(value, bool) or not isinstance(value, Integral | float | Decimal):
        raise TypeError(f"{type(value).__name__} is not a whole number")
    number = int(value)
    if number != value:
        raise ValueError(f"{value} is not a whole number")
    return number


def _storable(text: Any) -> str:
    """Spell out what PostgreSQL's text cannot hold (NUL) or UTF-8 cannot (file names of undecodable bytes)."""
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} is not text")
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
