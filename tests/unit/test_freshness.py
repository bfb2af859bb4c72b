"""The deadline of published figures: every refresh of every month lies before it and after what the last one made."""

import datetime as dt
from dataclasses import replace

import pytest

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.environments import environment
from kenpo_pipelines.automation.freshness import refresh_deadline
from kenpo_pipelines.automation.schedules import refresh_moment
from kenpo_pipelines.settings import Settings


@pytest.mark.parametrize("business_day", range(1, 16))
@pytest.mark.parametrize("at", [dt.time(6), dt.time(22, 30)])
def test_every_refresh_lies_in_the_window_before_its_deadline(business_day: int, at: dt.time) -> None:
    here = replace(environment(Settings()), refresh_business_day=business_day, refresh_at=at)
    policy = refresh_deadline(here)
    minute, hour, day, *rest = policy.deadline_cron.split()
    assert (rest, policy.timezone) == (["*", "*"], "Asia/Tokyo")

    for month in fiscal.month_range("2023-04", "2035-11"):
        year, number = fiscal.split_month(fiscal.add_months(month, 1))
        deadline = dt.datetime(year, number, int(day), int(hour), int(minute), tzinfo=fiscal.TOKYO)
        refreshed = refresh_moment(month, here)
        assert deadline - policy.lower_bound_delta <= refreshed <= deadline - dt.timedelta(hours=6)
        assert refresh_moment(fiscal.add_months(month, -1), here) < deadline - policy.lower_bound_delta
