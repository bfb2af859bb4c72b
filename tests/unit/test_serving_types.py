"""Decimals and points in time keep their value on the way into a database and out."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, create_engine, select
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from kenpo_pipelines.serving.types import ExactNumeric, UtcTimestamp, exact_decimal, utc_timestamp

SQLITE, POSTGRESQL = SQLiteDialect(), PGDialect()  # type: ignore[no-untyped-call]
DECIMALS = st.integers(-(10**28) + 1, 10**28 - 1).map(lambda digits: Decimal(digits).scaleb(-10))


@given(DECIMALS)
def test_any_decimal_of_the_lake_survives_sqlite(number: Decimal) -> None:
    kind = ExactNumeric()
    stored = kind.process_bind_param(number, SQLITE)
    assert kind.process_result_value(stored, SQLITE) == number
    assert kind.process_result_value(kind.process_bind_param(number, POSTGRESQL), POSTGRESQL) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("99.9000000000"), "99.9"),
        (Decimal("1460.0000"), "1460"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.00"), "0"),
        (Decimal("0E-30"), "0"),
        (Decimal("1E-10"), "0.0000000001"),
        (Decimal("-12.340"), "-12.34"),
        (137_000_000, "137000000"),
    ],
)
def test_sqlite_holds_one_text_per_number(number: Decimal | int, text: str) -> None:
    assert ExactNumeric().process_bind_param(number, SQLITE) == text
    assert str(exact_decimal(number)) == text or exact_decimal(number) == Decimal(text)


@pytest.mark.parametrize("wrong", [0.1, True, "12.3", None, b"1"])
def test_what_is_not_exact_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="is not an exact number"):
        exact_decimal(wrong)


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "1E+18", "1E-11", "0.00000000005", "1.00000000001", "1E+999999"])
def test_what_does_not_fit_is_refused_before_a_database_rounds_it(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"finite|does not fit|more than 10 decimals"):
        exact_decimal(Decimal(wrong))


def test_sqlite_itself_stores_text() -> None:
    table = Table("t", MetaData(), Column("value", ExactNumeric()), Column("at", UtcTimestamp()))
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        table.create(connection)
        moment = dt.datetime(2025, 7, 10, 12, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=9)))
        connection.execute(table.insert(), {"value": Decimal("123456789012345678.0123456789"), "at": moment})
        raw = connection.exec_driver_sql("SELECT value, typeof(value), at FROM t").one()
        assert tuple(raw) == ("123456789012345678.0123456789", "text", "2025-07-10T03:04:05Z")
        assert connection.execute(select(table)).one() == (Decimal("123456789012345678.0123456789"), moment)


@pytest.mark.parametrize(
    "given_time",
    [
        "2025-07-10T03:04:05+00:00",
        "2025-07-10T03:04:05Z",
        "2025-07-10T03:04:05",
        "2025-07-10T12:04:05+09:00",
        dt.datetime(2025, 7, 10, 3, 4, 5, 999_999, tzinfo=dt.UTC),
    ],
)
def test_times_become_utc_in_whole_seconds(given_time: object) -> None:
    assert utc_timestamp(given_time) == dt.datetime(2025, 7, 10, 3, 4, 5, tzinfo=dt.UTC)


def test_a_date_is_not_a_time() -> None:
    with pytest.raises(TypeError, match="date is not a point in time"):
        utc_timestamp(dt.date(2025, 7, 10))
