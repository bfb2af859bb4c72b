"""The models of the progress report over small landings: what of several reports counts, and what a count is."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from expectations.adapter import validate
from expectations.dbt_tests import suite_from_dbt
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import load_project
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.partitions import FINDINGS, FINDINGS_SCHEMA, RAW, raw_schema
from resources.duckdb_engine import DuckDBEngine, DuckDBSession

MODELS = CHECKOUT / "dbt_like_sql"
CONTRACTS = load_contracts(CHECKOUT / "expectations")
INITIATIVE = {
    "fiscal_year": 2025, "as_of": "2025-06", "branch_code": "13", "area": "広報", "initiative": "広報誌", "budget_yen": 1000,
    "executed_yen": None, "status": "未着手", "prior_budget_yen": 900, "unit": "円", "source_document": "",
}  # fmt: skip
COUNT = {
    "fiscal_year": 2025, "as_of": "2025-06", "branch_code": "13", "kind": "activity", "area": "", "item": "訪問",
    "item_count": 5, "unit": "件", "basis": None, "printed": "", "source_document": "",
}  # fmt: skip
MARK = {
    "fiscal_year": 2025, "as_of": "2025-06", "branch_code": "13", "area": "", "subject": "広報誌", "mark": "○",
    "author": "企画総務部", "reason": "予定どおり進んでいる",
}  # fmt: skip
GOOD = {"initiatives": INITIATIVE, "activity_counts": COUNT, "progress_marks": MARK}
Row = Mapping[str, Any]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def land(lake: Lake, dataset: str, month: str, *rows: Row, findings: Iterable[Row] = ()) -> None:
    """Write a month's raw rows; ``file`` and ``received_at`` may be changed like any column."""
    made = [
        {
            "known_month": month, "file": "a.csv", "file_sha256": "abc", "received_at": f"{month}-10T00:00:00Z",
            "origin": "submission", "sheet": "", "row_number": number, **GOOD[dataset], **row,
        }
        for number, row in enumerate(rows, start=2)
    ]  # fmt: skip
    lake.write(RAW, dataset, month, pa.Table.from_pylist(made, schema=raw_schema(CONTRACTS[dataset])))
    found = [
        {
            "known_month": month, "dataset": dataset, "rule": "r", "branch_code": "", "kpi_id": "", "fiscal_year": None,
            "as_of": "", "file": "", "tier": "structural", "severity": "critical", "scope": "rows",
            "failed_rows": 1, "checked_rows": 1,
            "protects": "", "text_ja": "", **one,
        }
        for one in findings
    ]  # fmt: skip
    lake.write(FINDINGS, dataset, month, pa.Table.from_pylist(found, schema=FINDINGS_SCHEMA))


def mart(lake: Lake, dataset: str, *months: str) -> list[dict[str, Any]]:
    """Run staging and mart for the months in turn; return the last month's mart."""
    engine = DuckDBEngine(lake, load_project(MODELS))
    for month in months:
        for name in (f"stg_{dataset}", f"mart_{dataset}"):
            engine.run_model(engine.project.model(name), month)
    rows: list[dict[str, Any]] = lake.read("marts", f"mart_{dataset}", months[-1]).to_pylist()
    return rows


# --- initiatives ---


def budgets(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {row["initiative"]: row["budget_yen"] for row in rows}


def test_the_newest_report_of_a_branch_is_its_whole_list(lake: Lake) -> None:
    land(
        lake,
        "initiatives",
        "2025-06",
        {},
        {"initiative": "廃止された取組"},
        {"branch_code": "20", "initiative": "長野の取組"},
    )
    land(lake, "initiatives", "2025-09", {"as_of": "2025-09", "initiative": "広報誌（改称）", "budget_yen": 1100})
    assert budgets(mart(lake, "initiatives", "2025-06")) == {"広報誌": 1000, "廃止された取組": 1000, "長野の取組": 1000}
    rows = mart(lake, "initiatives", "2025-06", "2025-09")
    assert budgets(rows) == {"広報誌（改称）": 1100, "長野の取組": 1000}
    assert {row["branch_code"]: row["figure_as_of"] for row in rows} == {"13": "2025-09", "20": "2025-06"}


def test_a_plan_counts_until_there_is_a_report(lake: Lake) -> None:
    land(lake, "initiatives", "2025-04", {"as_of": None, "initiative": "計画の取組"})
    land(lake, "initiatives", "2025-06", {})
    assert budgets(mart(lake, "initiatives", "2025-04")) == {"計画の取組": 1000}
    assert budgets(mart(lake, "initiatives", "2025-04", "2025-06")) == {"広報誌": 1000}


def test_a_corrected_field_replaces_the_field_and_no_other(lake: Lake) -> None:
    land(
        lake, "initiatives", "2025-06", {}, {"area": "保健", "initiative": "健診"},
        {"file": "b.csv", "received_at": "2025-06-20T00:00:00Z", "initiative": "広報誌（訂正）", "budget_yen": 2000},
    )  # fmt: skip
    assert budgets(mart(lake, "initiatives", "2025-06")) == {"健診": 1000, "広報誌（訂正）": 2000}


def test_a_correction_of_a_later_month_does_not_change_the_month_before(lake: Lake) -> None:
    land(lake, "initiatives", "2025-06", {})
    land(lake, "initiatives", "2025-07", {"budget_yen": 7})
    assert budgets(mart(lake, "initiatives", "2025-06")) == {"広報誌": 1000}
    assert budgets(mart(lake, "initiatives", "2025-07")) == {"広報誌": 7}


def test_rows_that_fail_a_critical_rule_do_not_count(lake: Lake) -> None:
    land(
        lake,
        "initiatives",
        "2025-06",
        {},
        {"branch_code": "20", "initiative": "他支部"},
        findings=[{"branch_code": "13"}],
    )
    assert budgets(mart(lake, "initiatives", "2025-06")) == {"他支部": 1000}


def test_repeated_rows_count_once_and_other_years_not_at_all(lake: Lake) -> None:
    land(lake, "initiatives", "2025-06", {}, {}, {"fiscal_year": 2024, "as_of": "2025-03", "initiative": "前年度"})
    assert budgets(mart(lake, "initiatives", "2025-06")) == {"広報誌": 1000}


@pytest.mark.parametrize(
    ("initiative", "is_sum"),
    [("計", True), ("合計", True), ("小計（案）", True), ("計（要求額/予算上限額/R6予算額）", True), ("予算総額", True),
     ("計画策定", False), ("健診の計測", False), ("広報誌", False)],
)  # fmt: skip
def test_printed_sums_are_known_by_their_name(lake: Lake, initiative: str, is_sum: bool) -> None:
    land(lake, "initiatives", "2025-06", {"initiative": initiative})
    assert [row["is_sum"] for row in mart(lake, "initiatives", "2025-06")] == [is_sum]


def test_a_line_that_stands_for_another_field_is_a_sum(lake: Lake) -> None:
    land(
        lake, "initiatives", "2025-06", {"area": "協会全体 業務経費", "initiative": "保健事業経費"},
        {"area": "協会全体", "initiative": "業務経費"}, {"area": "協会全体", "initiative": "一般管理費"},
        {"area": "協会全体", "initiative": "業務経費", "branch_code": "20"},
    )  # fmt: skip
    rows = mart(lake, "initiatives", "2025-06")
    assert {(row["branch_code"], row["initiative"]): row["is_sum"] for row in rows} == {
        ("13", "保健事業経費"): False, ("13", "業務経費"): True, ("13", "一般管理費"): False, ("20", "業務経費"): False,
    }  # fmt: skip


def test_lines_keep_the_order_of_the_file(lake: Lake) -> None:
    land(lake, "initiatives", "2025-06", *({"initiative": name} for name in "乙甲丙"))
    assert [(row["initiative"], row["line_order"]) for row in mart(lake, "initiatives", "2025-06")] == [
        ("乙", 1), ("甲", 2), ("丙", 3),
    ]  # fmt: skip


# --- activities ---


@pytest.mark.parametrize(
    ("item", "printed", "basis"),
    [
        ("併給調整実施件数 障害厚生年金", "障害厚生年金 282件（５月分まで）", "cumulative"),
        ("照会文書発送件数", "送付件数 6,517件（５月送付分まで）", "cumulative"),
        ("二次勧奨 実施件数", "実施件数：4,097件、令和７年６月時点", "cumulative"),
        ("面接確認委員会 施術所", "面接確認⏎委員会を開催（令和７年４月）", "month"),
        ("新規契約機関", "令和７年４月１日付けで新規に７機関と契約締結し", "month"),
        ("生活習慣病予防健診 契約機関総数", "契約機関総数：327機関（令和７年４月１日時点）", "level"),
        ("健診結果提供契約", "契約機関総⏎数：428機関（令和７年４月１日時点）", "level"),
        ("集団健診 予約枠", "1,200人の予約枠", "level"),
        ("集団健診 拡大後枠", "2,039人まで予約枠を拡大", "level"),
        ("島しょ部健診 対象者数", "八丈島 令和７年４月 554 集計中", "level"),
        ("参加者", "2,039人まで受け付けた", "unstated"),
        ("訪問", "訪問数 ８社", "unstated"),
        ("訪問", "", "unstated"),
    ],
)  # fmt: skip
def test_what_a_count_is_stands_in_its_own_words(lake: Lake, item: str, printed: str, basis: str) -> None:
    land(lake, "activity_counts", "2025-06", {"item": item, "printed": printed})
    assert [row["basis"] for row in mart(lake, "activity_counts", "2025-06")] == [basis]


@pytest.mark.parametrize(("told", "basis"), [("累計", "cumulative"), ("当月", "month"), ("時点", "level")])
def test_what_the_file_says_wins_over_words(lake: Lake, told: str, basis: str) -> None:
    land(lake, "activity_counts", "2025-06", {"basis": told, "printed": "契約機関総数（５月分まで）"})
    assert [row["basis"] for row in mart(lake, "activity_counts", "2025-06")] == [basis]


def test_of_each_month_the_count_that_arrived_last_stands_and_earlier_months_stay(lake: Lake) -> None:
    land(lake, "activity_counts", "2025-05", {"as_of": "2025-05", "item_count": 3})
    land(lake, "activity_counts", "2025-06", {"as_of": "2025-05", "item_count": 4}, {"item_count": 9})
    assert [(row["figure_as_of"], row["item_count"]) for row in mart(lake, "activity_counts", "2025-05")] == [
        ("2025-05", 3)
    ]
    rows = mart(lake, "activity_counts", "2025-05", "2025-06")
    assert {row["figure_as_of"]: (row["figure_known_month"], row["item_count"]) for row in rows} == {
        "2025-05": ("2025-06", 4), "2025-06": ("2025-06", 9),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "basis", "falls"),
    [
        ({"2025-04": 3, "2025-05": 3, "2025-06": 4}, "累計", []),
        ({"2025-04": 3, "2025-05": 5, "2025-06": 4}, "累計", [("2025-06", 5, 4)]),
        ({"2025-04": 3, "2025-06": 2}, None, [("2025-06", 3, 2)]),
        ({"2025-04": 3, "2025-05": 2, "2025-06": 4}, "累計", []),  # an old fall was told in its month
        ({"2025-04": 3, "2025-06": 2}, "当月", []),
        ({"2025-04": 3, "2025-06": 2}, "時点", []),
        ({"2025-04": 3, "2025-06": None}, "累計", []),
    ],
)
def test_counts_since_april_do_not_fall(
    lake: Lake, counts: dict[str, int | None], basis: str | None, falls: list[tuple[str, int, int]]
) -> None:
    rows = [{"as_of": month, "item_count": count, "basis": basis} for month, count in counts.items()]
    land(lake, "activity_counts", "2025-06", *rows)
    mart(lake, "activity_counts", "2025-06")
    suite = suite_from_dbt(MODELS / "marts" / "schema.yml")["mart_activity_counts"]
    (rule,) = [rule for rule in suite.rules if "no_falling_count" in rule.id]
    with duckdb.connect() as connection:
        connection.register("mart", lake.read("marts", "mart_activity_counts", "2025-06"))
        (outcome,) = validate(DuckDBSession(connection), "mart", [rule])
        sql = (rule.unexpected_rows or "").format(batch="mart")
        found = connection.execute(f"SELECT figure_as_of, count_before, item_count FROM ({sql})").fetchall()
    assert (outcome.is_broken, outcome.passed, str(rule.severity)) == (False, not falls, "warning")
    assert found == falls


# --- marks ---


def test_of_each_report_the_mark_that_arrived_last_stands(lake: Lake) -> None:
    land(lake, "progress_marks", "2025-06", {}, {"as_of": "2025-05", "mark": "×"})
    land(lake, "progress_marks", "2025-07", {"mark": "△", "reason": "委託先の決定が遅れた"})
    assert [(row["marked_as_of"], row["mark"]) for row in mart(lake, "progress_marks", "2025-06")] == [
        ("2025-05", "×"), ("2025-06", "○"),
    ]  # fmt: skip
    rows = mart(lake, "progress_marks", "2025-06", "2025-07")
    assert [(row["marked_as_of"], row["mark"], row["mark_known_month"]) for row in rows] == [
        ("2025-05", "×", "2025-06"), ("2025-06", "△", "2025-07"),
    ]  # fmt: skip


@pytest.mark.parametrize("dataset", list(GOOD))
def test_a_month_without_submissions_has_an_empty_mart(lake: Lake, dataset: str) -> None:
    land(lake, dataset, "2025-06")
    assert mart(lake, dataset, "2025-06") == []
