"""Column types that keep a value exactly the same on SQLite and PostgreSQL.

SQLite has no decimals: its NUMERIC becomes binary floating point and keeps 15 digits of 28. So a decimal is stored
there as canonical text ('12.34', no exponent, no trailing zeros); PostgreSQL has NUMERIC(28,10), as the lake has. From
Python both give the same ``Decimal``. Trap: in SQL on SQLite, write ``CAST(value AS REAL)`` to compare or sort.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Numeric, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

DIGITS = 28
SCALE = 10
_TIMESTAMP_LENGTH = 20


def exact_decimal(value: object) -> Decimal:
    """Return the number as a Decimal without trailing zeros.

    Raises TypeError for anything but Decimal and int (a float is not exact), ValueError for what DECIMAL(28,10) cannot
    hold: PostgreSQL would round further decimals silently.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise TypeError(f"{type(value).__name__} is not an exact number; give a Decimal")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{number} is not a finite number")
    if number and not -SCALE <= number.adjusted() < DIGITS - SCALE:
        raise ValueError(f"a number of the order 1E{number.adjusted():+d} does not fit DECIMAL({DIGITS},{SCALE})")
    text = format(number, "f") if number else "0"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text.partition(".")[2]) > SCALE:
        raise ValueError(f"{text} has more than {SCALE} decimals")
    return Decimal(text)


def utc_timestamp(value: object) -> dt.datetime:
    """Return an aware datetime in UTC, whole seconds, from a datetime or ISO 8601 text (without offset: UTC)."""
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, dt.datetime):
        raise TypeError(f"{type(value).__name__} is not a point in time; give a datetime or ISO 8601 text")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return aware.astimezone(dt.UTC).replace(microsecond=0)


class ExactNumeric(TypeDecorator[Decimal]):
    """DECIMAL(28,10): NUMERIC on PostgreSQL, canonical text on SQLite, ``Decimal`` without trailing zeros in Python."""

    impl = Numeric(DIGITS, SCALE)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type in the database."""
        is_sqlite = dialect.name == "sqlite"
        return dialect.type_descriptor(String(DIGITS + 2) if is_sqlite else Numeric(DIGITS, SCALE))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Convert on the way in."""
        if value is None:
            return None
        number = exact_decimal(value)
        return format(number, "f") if dialect.name == "sqlite" else number

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Convert on the way out."""
        return None if value is None else exact_decimal(Decimal(value))


class UtcTimestamp(TypeDecorator[dt.datetime]):
    """A point in time in whole seconds: timestamptz on PostgreSQL, ISO 8601 text on SQLite, aware in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type in the database."""
        is_sqlite = dialect.name == "sqlite"
        return dialect.type_descriptor(String(_TIMESTAMP_LENGTH) if is_sqlite else DateTime(timezone=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Convert on the way in."""
        if value is None:
            return None
        moment = utc_timestamp(value)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """Convert on the way out."""
        return None if value is None else utc_timestamp(value)
