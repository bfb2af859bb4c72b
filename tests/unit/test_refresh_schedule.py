"""When a month is refreshed: over two years of mornings, after missed ones, and what is asked for with it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

import pytest
from business_calendar import every_day, is_open, nth_open_day
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.environments import Environment, environment
from kenpo_pipelines.automation.schedules import (
    FILES_ARE_UNREAD,
    MONTH_IS_DUE,
    WHY_TAG,
    months_to_refresh,
    newest_due_month,
    refresh_moment,
    refresh_requests,
)
from kenpo_pipelines.settings import Settings

PRODUCTION = environment(Settings(env="production"))
ASKED_BEFORE = "2024-11"


def morning(day: dt.date, environment: Environment = PRODUCTION) -> dt.datetime:
    return dt.datetime.combine(day, environment.refresh_at, fiscal.TOKYO)


def asked_on(
    days: Iterable[dt.date], environment: Environment = PRODUCTION, asked: Iterable[str] = (ASKED_BEFORE,)
) -> list[tuple[dt.date, str]]:
    """Look every one of these mornings; return on which day which month was asked for, in that order."""
    found: list[tuple[dt.date, str]] = []
    for day in days:
        known = {*asked, *(month for _, month in found)}
        found += [(day, month) for month in months_to_refresh(morning(day, environment), environment, known)]
    return found


def expected_days(ordinal: int) -> list[tuple[dt.date, str]]:
    """Of every month of the two years: its open day of this number, and the month before it."""
    months = [(year, month) for year in (2025, 2026) for month in range(1, 13)]
    return [(nth_open_day(year, month, ordinal), fiscal.add_months(f"{year}-{month:02}", -1)) for year, month in months]


def test_business_days_are_the_open_days_of_the_calendar() -> None:
    assert [day for day in every_day() if fiscal.is_business_day(day) != is_open(day)] == []


@pytest.mark.parametrize("ordinal", [1, 5, 10, 15])
def test_each_month_of_two_years_is_asked_for_once_on_its_business_day(ordinal: int) -> None:
    environment = replace(PRODUCTION, refresh_business_day=ordinal)

    assert asked_on(every_day(), environment) == expected_days(ordinal)


@pytest.mark.parametrize(
    ("month", "day"),
    [
        ("2025-12", "2026-01-19"),  # new year: the first business day is the 5th, and Coming-of-Age Day lies between
        ("2025-04", "2025-05-16"),  # Golden Week
        ("2026-04", "2026-05-19"),  # Golden Week with a substitute holiday
        ("2025-05", "2025-06-13"),  # the 1st is a Sunday
        ("2026-02", "2026-03-13"),  # the 1st is a Sunday
        ("2025-11", "2025-12-12"),
        ("2025-01", "2025-02-17"),  # National Foundation Day
        ("2026-08", "2026-09-14"),
    ],
)
def test_days_that_people_know(month: str, day: str) -> None:
    assert f"{refresh_moment(month, PRODUCTION):%Y-%m-%d %H:%M %Z}" == f"{day} 06:00 JST"


def test_a_month_is_due_at_its_very_moment_and_not_before() -> None:
    moment = refresh_moment("2025-06", PRODUCTION)

    assert newest_due_month(moment - dt.timedelta(seconds=1), PRODUCTION) == "2025-05"
    assert newest_due_month(moment, PRODUCTION) == "2025-06"
    assert newest_due_month(moment.astimezone(dt.UTC), PRODUCTION) == "2025-06"


def test_a_new_installation_asks_for_the_newest_month_alone() -> None:
    assert asked_on([dt.date(2025, 7, 25)], asked=()) == [(dt.date(2025, 7, 25), "2025-06")]
    assert asked_on([dt.date(2025, 7, 1)], asked=()) == [(dt.date(2025, 7, 1), "2025-05")]


def test_nothing_before_the_first_partition_is_asked_for() -> None:
    assert asked_on([dt.date(2023, 4, 28)], asked=()) == []
    assert asked_on([dt.date(2023, 5, 31)], asked=()) == [(dt.date(2023, 5, 31), fiscal.FIRST_MONTH)]


def test_a_daemon_that_was_down_on_the_day_asks_on_the_next_morning_it_looks() -> None:
    mornings = [day for day in every_day() if not dt.date(2025, 7, 10) <= day <= dt.date(2025, 7, 22)]

    assert (dt.date(2025, 7, 23), "2025-06") in asked_on(mornings)


def test_a_daemon_that_was_down_for_months_asks_for_all_of_them_ascending() -> None:
    mornings = [day for day in every_day() if not dt.date(2025, 7, 10) <= day <= dt.date(2025, 10, 1)]

    caught_up = [month for day, month in asked_on(mornings) if day == dt.date(2025, 10, 2)]

    assert caught_up == ["2025-06", "2025-07", "2025-08"]


@settings(deadline=None, max_examples=50)
@given(st.sets(st.sampled_from(every_day()), min_size=1))
def test_whichever_mornings_are_missed_every_month_is_asked_for_once_and_never_early(mornings: set[dt.date]) -> None:
    found = asked_on(sorted(mornings))

    due = [month for day, month in expected_days(10) if day <= max(mornings)]
    assert [month for _, month in found] == due
    day_of = {month: day for day, month in expected_days(10)}
    for day, month in found:
        assert day == min(one for one in mornings if one >= day_of[month])


def test_earlier_months_with_unread_files_come_first() -> None:
    requests = refresh_requests(["2025-06"], ["2024-11", "2025-05"])

    assert [one.partition_key for one in requests] == ["2024-11", "2025-05", "2025-06"]
    priorities = [int(one.tags["dagster/priority"]) for one in requests]
    assert priorities == sorted(set(priorities), reverse=True)
    assert [one.tags[WHY_TAG] for one in requests] == [FILES_ARE_UNREAD, FILES_ARE_UNREAD, MONTH_IS_DUE]
    assert len({one.run_key for one in requests}) == 3


def test_a_month_that_is_due_and_unread_is_asked_for_once() -> None:
    requests = refresh_requests(["2025-05", "2025-06"], ["2025-05"])

    assert [(one.partition_key, one.tags[WHY_TAG]) for one in requests] == [
        ("2025-05", MONTH_IS_DUE),
        ("2025-06", MONTH_IS_DUE),
    ]
