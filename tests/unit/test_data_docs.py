"""Data Docs: counts and rules on every page, no value of a row, nothing from the network, and a link from each check."""

import datetime as dt
import re
from html import unescape
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from expectations.checks import check_specs, run_checks
from expectations.completeness import Completeness
from expectations.data_docs import DataDocs
from expectations.outcome import RuleOutcome
from expectations.suite import CompletenessRule, Rule, Suite
from resources.duckdb_engine import DuckDBSession

ASSET = ["raw", "debts"]
WHY: dict[str, Any] = {"origin": "design", "owner": "team:data", "since": dt.date(2025, 4, 1), "protects": "all"}


def rule(rule_id: str, **changes: Any) -> Rule:
    base = {
        **{"id": rule_id, "tier": "logical", "severity": "warning", "description": "text", "description_ja": "説明"},
        "unexpected_rows": "select * from {batch} where amount_yen < 0",
    }
    return Rule.model_validate(base | WHY | changes)


COLUMN = rule(
    "yen_given", unexpected_rows=None, expectation="expect_column_values_to_not_be_null", kwargs={"column": "yen"}
)
ROWS = rule(
    "rows_loaded",
    tier="structural",
    unexpected_rows=None,
    expectation="expect_table_row_count_to_be_between",
    kwargs={"min_value": 1},
)
ALL_BRANCHES = CompletenessRule.model_validate(
    {"id": "all_branches", "description": "all", "description_ja": "全支部の提出がある"} | WHY
)


@pytest.fixture
def docs(tmp_path: Path) -> DataDocs:
    return DataDocs(tmp_path / "docs" / "2025-06", "2025-06")


def rows_of(page: Path) -> list[list[str]]:
    """The cells of every table row, as a reader sees them."""
    rows = re.findall(r"<tr>(.*?)</tr>", page.read_text(encoding="utf-8"), re.DOTALL)
    return [
        [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
        for row in rows
    ]


def test_a_page_says_of_each_rule_whether_it_held_and_for_how_many_rows(docs: DataDocs) -> None:
    page = docs.write(
        ASSET,
        [
            RuleOutcome(ROWS, True, checked_rows=1200),
            RuleOutcome(COLUMN, False, checked_rows=1200, failed_rows=3),
            RuleOutcome(rule("not_negative"), False, checked_rows=1200, failed_rows=1100),
            RuleOutcome(
                rule("odd"), False, is_broken=True, is_evaluated=False, message="BinderException: no such column"
            ),
            RuleOutcome(rule("idle"), True, is_evaluated=False, message="nothing was submitted"),
        ],
    )
    rows = rows_of(page)
    assert page == docs.folder / "raw.debts.html"
    assert ["○", "rows_loaded: 説明", "1,200 rows"] in rows
    assert ["×", "not_negative: 説明", "1,100 of 1,200 rows at fault"] in rows
    assert ["○", "idle: 説明", "nothing was submitted"] in rows
    assert [row[0] for row in rows if "odd: 説明" in " ".join(row)] == ["！"]
    assert any("3 unexpected values found" in " ".join(row) and "1200 total rows" in " ".join(row) for row in rows)
    assert ["Evaluated Expectations", "3"] in rows and ["Unsuccessful Expectations", "2"] in rows
    assert ["not_negative", "warning", "logical", "1,100", "1,200", "", "design"] in rows


def test_rows_at_fault_are_counted_by_branch_and_what_is_no_branch_code_is_not_shown(docs: DataDocs) -> None:
    branches = (("", 1), ("05", 2), ("8812342801番", 4), ("13", 3))
    page = docs.write(ASSET, [RuleOutcome(rule("one"), False, checked_rows=20, failed_rows=10, branches=branches)])
    assert ["one", "warning", "logical", "10", "20", "支部不明 5、05 2、13 3", "design"] in rows_of(page)
    assert "8812342801" not in page.read_text(encoding="utf-8")


def test_evidence_stays_in_the_check_and_is_on_no_page(docs: DataDocs) -> None:
    """The check of a plain column may show its values in Dagster; a page never does."""
    suite = Suite(
        dataset="debts",
        rules=(ROWS, rule("not_negative", evidence=("debt_no", "amount_yen")), COLUMN),
        completeness=ALL_BRANCHES,
    )
    values = "('05', '7700119801', -54321, null), ('13', 'D2', 10, 77)"
    rows = f"(select * from (values {values}) t(branch_code, debt_no, amount_yen, yen))"
    key = dg.AssetKey(ASSET)
    with duckdb.connect() as connection:
        found = run_checks(
            key,
            DuckDBSession(connection),
            rows,
            suite,
            submissions_received=1,
            branches={"05": "秋田支部", "13": "東京支部", "20": "長野支部"},
            docs=docs,
        )
    assert [result.check_name for result in found] == [spec.name for spec in check_specs(key, suite)]
    assert {result.metadata["data_docs"].value for result in found} == {str(docs.page(ASSET))}
    (logical,) = (result for result in found if result.check_name == "logical")
    assert "-54321" in str(logical.metadata["evidence_not_negative"].value)
    files = [path for path in docs.folder.iterdir() if path.is_file()]
    written = "".join(path.read_text(encoding="utf-8") for path in files)
    assert len(files) == 4  # page, index, note, lock
    assert all(value not in written for value in ("54321", "7700119801", "D2"))
    assert ["not_negative", "warning", "logical", "1", "2", "05 1", "design"] in rows_of(docs.page(ASSET))
    assert "提出あり 2 支部、未提出 1 支部（20）" in written


def test_pages_ask_the_network_for_nothing_and_keep_hostile_text_as_text(docs: DataDocs) -> None:
    hostile = "<script>alert(1)</script> $icon ${x} {{ 7 * 7 }}"
    outcomes = [
        RuleOutcome(rule("one", description_ja=hostile), True, checked_rows=1),
        RuleOutcome(rule("two", origin=hostile), False, is_broken=True, is_evaluated=False, message=hostile),
    ]
    page = docs.write(ASSET, outcomes).read_text(encoding="utf-8")
    index = (docs.folder / "index.html").read_text(encoding="utf-8")
    for text in (page, index):
        assert "<script" not in text and "default-src 'none'" in text
        assert re.findall(r"(?:https?:)?//[a-z]", text) == []
    assert "one: <script>alert(1)</script> ＄icon ＄{x} {{ 7 * 7 }}" in [
        cell for row in rows_of(docs.page(ASSET)) for cell in row
    ]


def test_the_index_names_what_does_not_hold_first_and_counts_missing_branches(docs: DataDocs) -> None:
    held = RuleOutcome(rule("one"), True, checked_rows=5)
    failed = RuleOutcome(rule("one"), False, checked_rows=5, failed_rows=2)
    missing = Completeness(ALL_BRANCHES, False, {"05": "秋田支部"}, {"13": "東京支部"}, 1)
    docs.write(["marts", "a"], [held])
    docs.write(["raw", "b"], [held], missing)
    docs.write(["marts", "c"], [failed])
    assert rows_of(docs.folder / "index.html")[1:] == [
        ["marts/c", "× 不適合", "1", "1", "2", ""],
        ["raw/b", "× 不適合", "2", "1", "0", "1"],
        ["marts/a", "○ 適合", "1", "0", "0", ""],
    ]
    docs.write(["marts", "c"], [held])
    assert rows_of(docs.folder / "index.html")[3] == ["marts/c", "○ 適合", "1", "0", "0", ""]


def test_the_same_outcomes_leave_every_file_alone(docs: DataDocs) -> None:
    outcomes = [
        RuleOutcome(rule("one"), True, checked_rows=5),
        RuleOutcome(COLUMN, False, checked_rows=5, failed_rows=1),
    ]

    def files() -> dict[str, tuple[int, int]]:
        listed = (path for path in docs.folder.iterdir() if path.suffix != ".lock")
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in listed if path.name != ".lock"}

    docs.write(ASSET, outcomes)
    before = files()
    docs.write(ASSET, outcomes)
    assert files() == before


def test_a_damaged_note_costs_the_index_only_what_this_run_does_not_check(docs: DataDocs) -> None:
    held = RuleOutcome(rule("one"), True, checked_rows=5)
    docs.write(["marts", "a"], [held])
    (docs.folder / ".pages.json").write_text("{", encoding="utf-8")
    docs.write(["marts", "b"], [held])
    assert [row[0] for row in rows_of(docs.folder / "index.html")[1:]] == ["marts/b"]


def test_a_page_that_cannot_be_written_stops_no_check(tmp_path: Path) -> None:
    (tmp_path / "docs").write_text("a file in the way", encoding="utf-8")
    suite = Suite(dataset="debts", rules=(rule("not_negative"),))
    with duckdb.connect() as connection:
        (result,) = run_checks(
            *(dg.AssetKey(ASSET), DuckDBSession(connection), "(select 5 as amount_yen)", suite),
            submissions_received=1,
            docs=DataDocs(tmp_path / "docs" / "2025-06", "2025-06"),
        )
    assert result.passed
    assert str(result.metadata["data_docs"].value).startswith("the page could not be written: ")
