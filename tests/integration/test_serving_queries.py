"""Reading the published months back: which month answers, in which order, with which labels."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from kenpo_pipelines.serving import queries
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.faults import PermanentFault
from kenpo_pipelines.serving.publish import publish_month

MonthTables = Callable[..., dict[str, list[dict[str, Any]]]]


@pytest.fixture
def published(serving_engine: Engine, month_tables: MonthTables) -> Engine:
    """April, May and July 2025; fiscal year 2024 is no longer shown in July, and Tokyo is missing there."""

    def july(parts: dict[str, list[dict[str, Any]]]) -> None:
        shown = [row for row in parts["scorecard"] if row["fiscal_year"] == 2025 and row["branch_code"] != "13"]
        parts["scorecard"][:] = shown

    for month, change in (("2025-07", july), ("2025-04", None), ("2025-05", None)):
        publish_month(serving_engine, month, month_tables(month, change), f"run of {month}")
    return serving_engine


def test_months_and_years(published: Engine) -> None:
    assert queries.published_months(published) == ["2025-04", "2025-05", "2025-07"]
    assert queries.fiscal_years_of(published) == [2025]
    assert queries.fiscal_years_of(published, "2025-06") == [2024, 2025]
    assert queries.fiscal_years_of(published, "2025-03") == []


@pytest.mark.parametrize(
    ("as_of", "fiscal_year", "answer"),
    [
        (None, None, "2025-07"),
        (None, 2025, "2025-07"),
        (None, 2024, "2025-05"),
        ("2025-07", None, "2025-07"),
        ("2025-06", None, "2025-05"),
        ("2026-03", 2025, "2025-07"),
        ("2025-04", 2024, "2025-04"),
        ("2025-03", None, None),
        (None, 2021, None),
    ],
)
def test_the_newest_month_up_to_as_of_answers(
    published: Engine, as_of: str | None, fiscal_year: int | None, answer: str | None
) -> None:
    rows = queries.scorecard_rows(published, as_of, fiscal_year)
    assert {row.as_of for row in rows} == ({answer} if answer else set())
    assert queries.newest_month(published, as_of, fiscal_year) == answer


def test_rows_come_in_scorecard_order_with_labels(published: Engine) -> None:
    rows = queries.scorecard_rows(published, "2025-05")
    assert [(row.fiscal_year, row.branch, row.kpi) for row in rows] == [
        (year, branch, kpi)
        for year in (2024, 2025)
        for branch in ("協会全体", "宮城支部", "東京支部")
        for kpi in ("指標10", "指標20")
    ]
    first = rows[0]
    assert (first.kpi_id, first.kpi_order, first.direction) == ("checkup_rate_insured", 10, "at_least")
    assert (first.target, first.comparator, first.target_source) == (Decimal(55), ">=", "submitted")
    assert (first.unit, first.precision, first.kind) == ("%", 1, "rate")
    assert first.run_id == "run of 2025-05"


def test_a_branch_and_a_kpi_can_be_chosen(published: Engine) -> None:
    rows = queries.scorecard_rows(published, "2025-05", 2025, branch="13", kpi="single_bid_rate")
    assert [(row.branch_code, row.kpi_id) for row in rows] == [("13", "single_bid_rate")]


def test_a_branch_missing_in_the_newest_month_is_not_taken_from_an_older_one(published: Engine) -> None:
    assert queries.scorecard_rows(published, branch="13") == []


def test_a_fact_keeps_its_own_unit_and_precision(serving_engine: Engine, month_tables: MonthTables) -> None:
    """協会全体 reports a number of branches where a branch reports 実施; Tokyo prints two decimals."""

    def own_form(parts: dict[str, list[dict[str, Any]]]) -> None:
        parts["scorecard"][0].update(unit="支部", precision=0, kind="count")

    publish_month(serving_engine, "2025-06", month_tables("2025-06", own_form), "run-1")
    row = queries.scorecard_rows(serving_engine, "2025-06", 2024, "00", "single_bid_rate")[0]
    assert (row.unit, row.precision, row.kind) == ("支部", 0, "count")


def test_contradictory_targets_are_flagged_with_their_reason(serving_engine: Engine, month_tables: MonthTables) -> None:
    def contradict(parts: dict[str, list[dict[str, Any]]]) -> None:
        parts["scorecard"][0].update(
            target=None, target_text="", comparator="", target_source="", ratio_to_target=None,
            outcome="not_evaluable", reason="contradictory_targets", reason_text="登録された目標が矛盾しています",
        )  # fmt: skip

    publish_month(serving_engine, "2025-06", month_tables("2025-06", contradict), "run-1")
    row = queries.scorecard_rows(serving_engine, "2025-06", 2024, "00", "single_bid_rate")[0]
    assert (row.is_contradictory, row.contradiction) == (True, "登録された目標が矛盾しています")
    assert [row.is_contradictory for row in queries.scorecard_rows(serving_engine)].count(True) == 1


def test_the_ledger_of_a_month_includes_the_yearly_folder(published: Engine) -> None:
    def names(month: str | None) -> list[tuple[str, str, str]]:
        return [(row.dataset, row.known_month, row.file) for row in queries.ledger_rows(published, month)]

    yearly = ("kpi_targets", "2025", "targets.xlsx")
    assert names("2025-05") == [("kpi_results", "2025-05", "results.csv"), yearly]
    assert names("2025") == [yearly]
    assert names("2025-03") == []
    months = [("kpi_results", month, "results.csv") for month in ("2025-04", "2025-05", "2025-07")]
    assert names(None) == [*months, yearly]


def test_rejected_rows_say_where_and_what_to_do(published: Engine) -> None:
    rows = queries.rejected_rows(published, "2025-05")
    assert [(r.file, r.sheet, r.row_number, r.column_name, r.fault, r.branch_code) for r in rows] == [
        ("results.csv", "", 3, "支部コード", "unknown_branch", "99")
    ]
    assert rows[0].advice == "支部コードを確かめてください"
    assert len(queries.rejected_rows(published)) == 3


def test_a_database_without_tables_says_what_to_do(database_url: str) -> None:
    engine = connect(database_url)
    with pytest.raises(PermanentFault, match=r"Its tables are missing: run any month \(`kenpo run --month YYYY-MM`\)"):
        queries.scorecard_rows(engine)
    engine.dispose()
