"""Series of figures as they are published and read, on SQLite and PostgreSQL."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from kenpo_pipelines.serving.publish import TableChange, publish_month
from kenpo_pipelines.serving.queries import publication_state
from kenpo_pipelines.serving.series import SeriesPoint, series_points

MonthTables = Callable[..., dict[str, list[dict[str, Any]]]]
MAY, JUNE = "2025-05", "2025-06"


def test_a_point_comes_back_as_it_was_published(serving_engine: Engine, month_tables: MonthTables) -> None:
    publish_month(serving_engine, JUNE, month_tables(JUNE), "run-1")
    assert series_points(serving_engine, JUNE)[-1] == SeriesPoint(
        fiscal_year=2025,
        branch_code="13",
        kpi_id="single_bid_rate",
        figure_as_of=JUNE,
        value=Decimal("57.6"),
        numerator=Decimal(576),
        denominator=Decimal(1000),
        month_value=Decimal("57.6"),
        month_cases=Decimal(1000),
        source="reported",
        figure_known_month=JUNE,
    )


def test_points_come_in_order_whatever_the_order_of_publishing(
    serving_engine: Engine, month_tables: MonthTables
) -> None:
    tables = month_tables(JUNE)
    earlier = [{**row, "figure_as_of": month} for row in tables["kpi_series"] for month in (MAY, "2024-12")]
    tables["kpi_series"] = [*tables["kpi_series"], *earlier][::-1]
    publish_month(serving_engine, JUNE, tables, "run-1")
    keys = [(p.fiscal_year, p.branch_code, p.kpi_id, p.figure_as_of) for p in series_points(serving_engine, JUNE)]
    assert len(keys) == 36
    assert keys == sorted(keys)
    assert keys[:3] == [(2024, "00", "checkup_rate_insured", month) for month in ("2024-12", MAY, JUNE)]


def test_each_month_has_the_series_that_it_knew(serving_engine: Engine, month_tables: MonthTables) -> None:
    assert series_points(serving_engine, MAY) == []
    publish_month(serving_engine, MAY, month_tables(MAY), "run-1")
    known_in_may = series_points(serving_engine, MAY)
    publish_month(serving_engine, JUNE, month_tables(JUNE), "run-2")
    assert series_points(serving_engine, MAY) == known_in_may
    assert {point.figure_as_of for point in series_points(serving_engine, JUNE)} == {JUNE}


def test_a_series_that_changes_replaces_its_points_and_restates_nothing(
    serving_engine: Engine, month_tables: MonthTables
) -> None:
    tables = month_tables(JUNE)
    publish_month(serving_engine, JUNE, tables, "run-1")
    before = publication_state(serving_engine, JUNE)
    changed, gone, *others = tables["kpi_series"]
    come = {**gone, "figure_as_of": MAY}
    changed = {**changed, "value": Decimal("57.7"), "month_value": None, "month_cases": None}
    done = publish_month(serving_engine, JUNE, tables | {"kpi_series": [changed, come, *others]}, "run-2")
    assert done.tables["kpi_series"] == TableChange(inserted=1, updated=1, deleted=1, unchanged=10)
    assert (done.restatements, done.tables["kpi_facts"].has_changes) == (0, False)
    assert publication_state(serving_engine, JUNE) != before, "scorecards show series, so they are written again"
    points = series_points(serving_engine, JUNE)
    assert [point.value for point in points if point.month_value is None] == [Decimal("57.7")]
    assert sum(point.figure_as_of == MAY for point in points) == 1
