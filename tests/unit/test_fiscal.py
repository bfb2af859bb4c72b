"""Months, fiscal years, Japanese year names and business days."""

import datetime as dt
from types import SimpleNamespace

import jpholiday
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo_pipelines import fiscal

MONTHS = st.builds(lambda year, month: f"{year:04d}-{month:02d}", st.integers(1950, 2100), st.integers(1, 12))
SHIFTS = st.integers(-600, 600)
DAYS = st.dates(dt.date(2019, 1, 1), dt.date(2035, 12, 31))


def test_split_month() -> None:
    assert fiscal.split_month("2025-06") == (2025, 6)


@pytest.mark.parametrize("text", ["2025-6", "2025-13", "2025-00", "202506", "2025/06", "2025-06-01", " 2025-06", ""])
def test_split_month_refuses_other_forms(text: str) -> None:
    with pytest.raises(fiscal.NotAMonth, match="YYYY-MM"):
        fiscal.split_month(text)


@pytest.mark.parametrize(
    ("month", "count", "expected"),
    [
        ("2025-06", 0, "2025-06"),
        ("2025-12", 1, "2026-01"),
        ("2025-01", -1, "2024-12"),
        ("2025-03", -12, "2024-03"),
        ("2024-05", 10, "2025-03"),
        ("2025-06", -3, "2025-03"),
    ],
)
def test_add_months(month: str, count: int, expected: str) -> None:
    assert fiscal.add_months(month, count) == expected


@given(MONTHS, SHIFTS, SHIFTS)
def test_add_months_adds_up_and_undoes_itself(month: str, first: int, second: int) -> None:
    assert fiscal.add_months(fiscal.add_months(month, first), second) == fiscal.add_months(month, first + second)
    assert fiscal.add_months(fiscal.add_months(month, first), -first) == month


@given(MONTHS, SHIFTS)
def test_text_order_of_months_is_their_order_in_time(month: str, count: int) -> None:
    assert (fiscal.add_months(month, count) > month) == (count > 0)


def test_month_range() -> None:
    assert list(fiscal.month_range("2024-11", "2025-02")) == ["2024-11", "2024-12", "2025-01", "2025-02"]
    assert list(fiscal.month_range("2025-04", "2025-04")) == ["2025-04"]
    assert list(fiscal.month_range("2025-04", "2025-03")) == []


@pytest.mark.parametrize(("first", "last"), [("2025-4", "2025-06"), ("2025-04", "2025-6")])
def test_month_range_refuses_what_is_no_month(first: str, last: str) -> None:
    with pytest.raises(fiscal.NotAMonth):
        list(fiscal.month_range(first, last))


@given(MONTHS, st.integers(0, 100))
def test_month_range_has_every_month_once(month: str, count: int) -> None:
    months = list(fiscal.month_range(month, fiscal.add_months(month, count)))
    assert months == [fiscal.add_months(month, step) for step in range(count + 1)]


@pytest.mark.parametrize(
    ("month", "fiscal_year"),
    [("2025-03", 2024), ("2025-04", 2025), ("2025-12", 2025), ("2026-01", 2025), ("2026-03", 2025), ("2026-04", 2026)],
)
def test_fiscal_year_begins_in_april(month: str, fiscal_year: int) -> None:
    assert fiscal.fiscal_year_of(month) == fiscal_year


@given(st.integers(1950, 2100))
def test_fiscal_year_has_twelve_months_from_april_to_march(fiscal_year: int) -> None:
    months = list(fiscal.month_range(fiscal.first_month(fiscal_year), fiscal.year_end(fiscal_year)))
    assert len(months) == 12
    assert months[0].endswith("-04") and months[-1].endswith("-03")
    assert {fiscal.fiscal_year_of(month) for month in months} == {fiscal_year}
    assert fiscal.fiscal_year_of(fiscal.add_months(months[-1], 1)) == fiscal_year + 1


def test_first_partition_is_april_of_the_first_fiscal_year() -> None:
    assert fiscal.first_month(2023) == fiscal.FIRST_MONTH


@pytest.mark.parametrize(
    ("fiscal_year", "name"),
    [(2022, "令和４年度"), (2025, "令和７年度"), (2028, "令和１０年度"), (2029, "令和１１年度")],
)
def test_wareki(fiscal_year: int, name: str) -> None:
    assert fiscal.wareki(fiscal_year) == name


@pytest.mark.parametrize(
    ("month", "label"), [("2025-06", "令和７年６月"), ("2026-03", "令和８年３月"), ("2024-11", "令和６年１１月")]
)
def test_month_label_uses_the_calendar_year(month: str, label: str) -> None:
    assert fiscal.month_label(month) == label


def test_current_month_is_that_of_tokyo(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 15:30 UTC on 31 March it is already April in Tokyo."""
    moment = dt.datetime(2025, 3, 31, 15, 30, tzinfo=dt.UTC)
    clock = SimpleNamespace(datetime=SimpleNamespace(now=moment.astimezone))
    monkeypatch.setattr(fiscal, "dt", clock)
    assert fiscal.current_month() == "2025-04"


def business_days(first: dt.date, last: dt.date) -> list[str]:
    days = [first + dt.timedelta(days=count) for count in range((last - first).days + 1)]
    return [day.isoformat() for day in days if fiscal.is_business_day(day)]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(
            dt.date(2025, 4, 25),
            dt.date(2025, 5, 8),
            ["2025-04-25", "2025-04-28", "2025-04-30", "2025-05-01", "2025-05-02", "2025-05-07", "2025-05-08"],
            id="golden week 2025, 05-06 in lieu of Sunday 05-04",
        ),
        pytest.param(
            dt.date(2026, 4, 28),
            dt.date(2026, 5, 7),
            ["2026-04-28", "2026-04-30", "2026-05-01", "2026-05-07"],
            id="golden week 2026, 05-06 in lieu of Sunday 05-03",
        ),
        pytest.param(
            dt.date(2024, 12, 26),
            dt.date(2025, 1, 7),
            ["2024-12-26", "2024-12-27", "2025-01-06", "2025-01-07"],
            id="year end 2024, weekends on both sides of the closure",
        ),
        pytest.param(
            dt.date(2023, 12, 27),
            dt.date(2024, 1, 5),
            ["2023-12-27", "2023-12-28", "2024-01-04", "2024-01-05"],
            id="year end 2023, closed from 12-29 to 01-03",
        ),
        pytest.param(
            dt.date(2026, 9, 18),
            dt.date(2026, 9, 24),
            ["2026-09-18", "2026-09-24"],
            id="silver week 2026, 09-22 between two holidays",
        ),
    ],
)
def test_business_days_around_holidays(first: dt.date, last: dt.date, expected: list[str]) -> None:
    assert business_days(first, last) == expected


@given(DAYS)
def test_business_days_are_never_weekends_holidays_or_in_the_closure(day: dt.date) -> None:
    is_closed = (
        day.isoweekday() in (6, 7)
        or day.strftime("%m-%d") in {"12-29", "12-30", "12-31", "01-01", "01-02", "01-03"}
        or jpholiday.is_holiday_name(day) is not None
    )
    assert fiscal.is_business_day(day) == (not is_closed)


@pytest.mark.parametrize(
    ("month", "ordinal", "day"),
    [
        ("2025-05", 1, dt.date(2025, 5, 1)),
        ("2025-05", 3, dt.date(2025, 5, 7)),
        ("2025-05", 20, dt.date(2025, 5, 30)),
        ("2026-01", 1, dt.date(2026, 1, 5)),
        ("2024-12", 20, dt.date(2024, 12, 27)),
    ],
)
def test_business_day_of_month(month: str, ordinal: int, day: dt.date) -> None:
    assert fiscal.business_day_of_month(month, ordinal) == day


def test_business_day_of_month_refuses_more_than_there_are() -> None:
    with pytest.raises(ValueError, match="2025-05 has 20 business days; there is no business day number 21"):
        fiscal.business_day_of_month("2025-05", 21)


@given(st.builds(lambda year, month: f"{year}-{month:02d}", st.integers(2019, 2035), st.integers(1, 12)))
def test_business_days_of_a_month_ascend_and_are_all_counted(month: str) -> None:
    year, number = fiscal.split_month(month)
    next_first = fiscal.split_month(fiscal.add_months(month, 1))
    last = dt.date(*next_first, 1) - dt.timedelta(days=1)
    expected = business_days(dt.date(year, number, 1), last)
    found = [fiscal.business_day_of_month(month, ordinal).isoformat() for ordinal in range(1, len(expected) + 1)]
    assert found == expected
