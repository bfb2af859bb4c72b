"""Every rule of initiatives, activity counts and marks on clean, broken, empty and column-less rows, and on published files."""

from collections.abc import Iterator

import duckdb
import pytest
from submission_files import catalogue, contracts

from expectations.adapter import validate
from expectations.outcome import RuleOutcome
from expectations.suite import load_suites
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.partitions import raw_schema
from kenpo_pipelines.submissions.reading import read_submission
from resources.duckdb_engine import DuckDBSession

SUITES = load_suites(CHECKOUT / "expectations")
DATASETS = ("initiatives", "activity_counts", "progress_marks")

_PROVENANCE = """'2025-06' AS known_month, 'a.csv' AS file, 'abc' AS file_sha256, '2025-07-01T00:00:00Z' AS received_at,
    'submission' AS origin, '' AS sheet, CAST(range + 2 AS INTEGER) AS row_number, 2025 AS fiscal_year, '2025-06' AS as_of,
    lpad(CAST(range AS VARCHAR), 2, '0') AS branch_code"""
CLEAN = {
    "initiatives": f"""SELECT {_PROVENANCE}, '広報' AS area, '広報誌' AS initiative, CAST(1000 AS BIGINT) AS budget_yen,
        CAST(1000 AS BIGINT) AS executed_yen, '契約済み' AS status, CAST(900 AS BIGINT) AS prior_budget_yen, '円' AS unit,
        '' AS source_document FROM range(48)""",
    "activity_counts": f"""SELECT {_PROVENANCE}, 'activity' AS kind, '' AS area, '訪問' AS item,
        CAST(1200 AS BIGINT) AS item_count, '件' AS unit, CAST(NULL AS VARCHAR) AS basis,
        '１，２００件（６月分まで）' AS printed,
        '' AS source_document FROM range(48)""",
    "progress_marks": f"""SELECT {_PROVENANCE}, '' AS area, '広報誌' AS subject, '△' AS mark, '企画総務グループ長' AS author,
        '委託先の決定が遅れたため' AS reason FROM range(48)""",
}
_AT_13 = "WHERE branch_code = '13'"
_STRUCTURAL = {
    "rows_loaded": "DELETE FROM {table}",
    "columns_present": "ALTER TABLE {table} DROP COLUMN area",
    "provenance_given": "UPDATE {table} SET received_at = NULL " + _AT_13,
    "origin_known": "UPDATE {table} SET origin = 'guessed' " + _AT_13,
    "branch_code_known": "UPDATE {table} SET branch_code = '48' " + _AT_13,
    "required_values_given": "UPDATE {table} SET fiscal_year = NULL " + _AT_13,
    "row_read_once": "INSERT INTO {table} SELECT * FROM {table} " + _AT_13,
    "as_of_within_reach": "UPDATE {table} SET as_of = '2025-07' " + _AT_13,
}
BROKEN = {
    **{
        (dataset, rule): statement.format(table=dataset)
        for dataset in DATASETS
        for rule, statement in _STRUCTURAL.items()
    },
    ("initiatives", "executed_within_budget"): f"UPDATE initiatives SET executed_yen = 1001 {_AT_13}",
    ("initiatives", "executed_has_budget"): f"UPDATE initiatives SET budget_yen = NULL {_AT_13}",
    ("initiatives", "not_started_without_execution"): f"UPDATE initiatives SET status = '未着手' {_AT_13}",
    ("initiatives", "contracted_has_amount"): f"UPDATE initiatives SET executed_yen = NULL {_AT_13}",
    ("initiatives", "execution_not_negative"): f"UPDATE initiatives SET executed_yen = -1 {_AT_13}",
    ("initiatives", "plan_has_no_execution"): f"UPDATE initiatives SET as_of = NULL {_AT_13}",
    ("initiatives", "printed_sum_agrees"): f"""INSERT INTO initiatives SELECT * REPLACE ('計（要求額）' AS initiative,
        1001 AS budget_yen, 90 AS row_number) FROM initiatives {_AT_13}""",
    ("initiatives", "amounts_of_one_size"): f"UPDATE initiatives SET budget_yen = 1000000 {_AT_13}",
    ("activity_counts", "count_not_negative"): f"UPDATE activity_counts SET item_count = -1 {_AT_13}",
    ("activity_counts", "unit_given"): f"UPDATE activity_counts SET unit = '' {_AT_13}",
    ("activity_counts", "printed_month_agrees"): f"UPDATE activity_counts SET as_of = '2025-05' {_AT_13}",
    ("activity_counts", "printed_count_agrees"): f"UPDATE activity_counts SET item_count = 200 {_AT_13}",
    ("activity_counts", "one_count_per_key"): f"""INSERT INTO activity_counts SELECT * REPLACE (1201 AS item_count,
        'b.csv' AS file, 'def' AS file_sha256) FROM activity_counts {_AT_13}""",
    ("progress_marks", "mark_known"): f"UPDATE progress_marks SET mark = '◎' {_AT_13}",
    ("progress_marks", "reason_says_something"): f"UPDATE progress_marks SET reason = '―' {_AT_13}",
    ("progress_marks", "one_mark_per_key"): f"""INSERT INTO progress_marks SELECT * REPLACE ('○' AS mark,
        'b.csv' AS file, 'def' AS file_sha256) FROM progress_marks {_AT_13}""",
}  # fmt: skip
TWO_ROWS_AT_FAULT = {"row_read_once", "one_count_per_key", "one_mark_per_key"}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        for dataset, query in CLEAN.items():
            opened.execute(f"CREATE TABLE {dataset} AS {query}")
        yield opened


@pytest.fixture(scope="module")
def published() -> Iterator[duckdb.DuckDBPyConnection]:
    """The published files as reading leaves them, without the columns that only ingestion knows."""
    import pyarrow as pa

    with duckdb.connect() as opened:
        for dataset in ("initiatives", "activity_counts"):
            path = CHECKOUT / "examples" / "published" / f"{dataset}.csv"
            contract = contracts()[dataset]
            rows = read_submission(path, contract, catalogue(), "2025-06").rows
            told = {"known_month": "2025-06", "file": path.name, "file_sha256": "abc", "origin": "published"}
            told["received_at"] = "2025-07-01T00:00:00Z"
            table = pa.Table.from_pylist([{**told, **row} for row in rows], schema=raw_schema(contract))
            opened.register("told", table)
            opened.execute(f"CREATE TABLE {dataset} AS SELECT * FROM told")
        yield opened


def judge(connection: duckdb.DuckDBPyConnection, dataset: str, rule_id: str) -> RuleOutcome:
    (rule,) = [rule for rule in SUITES[dataset].rules if rule.id == rule_id]
    (outcome,) = validate(DuckDBSession(connection), dataset, [rule])
    return outcome


def test_every_rule_is_tried_here() -> None:
    assert {(dataset, rule.id) for dataset in DATASETS for rule in SUITES[dataset].rules} == set(BROKEN)


@pytest.mark.parametrize(("dataset", "rule_id"), list(BROKEN))
def test_a_rule_holds_on_clean_rows(connection: duckdb.DuckDBPyConnection, dataset: str, rule_id: str) -> None:
    outcome = judge(connection, dataset, rule_id)
    assert (outcome.passed, outcome.is_broken) == (True, False)


@pytest.mark.parametrize(("dataset", "rule_id"), list(BROKEN))
def test_a_rule_finds_what_breaks_it(connection: duckdb.DuckDBPyConnection, dataset: str, rule_id: str) -> None:
    connection.execute(BROKEN[dataset, rule_id])
    outcome = judge(connection, dataset, rule_id)
    assert (outcome.passed, outcome.is_broken) == (False, False)
    if rule_id not in ("rows_loaded", "columns_present"):
        assert outcome.failed_rows == (2 if rule_id in TWO_ROWS_AT_FAULT else 1)


@pytest.mark.parametrize(("dataset", "rule_id"), [key for key in BROKEN if key[1] not in _STRUCTURAL])
def test_an_empty_table_has_nothing_at_fault(connection: duckdb.DuckDBPyConnection, dataset: str, rule_id: str) -> None:
    connection.execute(f"DELETE FROM {dataset}")
    outcome = judge(connection, dataset, rule_id)
    assert (outcome.failed_rows, outcome.is_broken) == (0, False)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_table_without_its_columns_is_named_and_nothing_passes(
    connection: duckdb.DuckDBPyConnection, dataset: str
) -> None:
    connection.execute(f"CREATE OR REPLACE TABLE {dataset} AS SELECT 1 AS other")
    outcomes = validate(DuckDBSession(connection), dataset, SUITES[dataset].rules)
    passed = {outcome.rule.id for outcome in outcomes if outcome.passed and outcome.is_evaluated}
    assert passed == {"rows_loaded"}


def test_the_line_initiative_of_tokyo_is_over_its_budget(published: duckdb.DuckDBPyConnection) -> None:
    outcome = judge(published, "initiatives", "executed_within_budget")
    assert (outcome.failed_rows, outcome.checked_rows) == (1, 62)
    (place,) = outcome.places
    assert (place.branch_code, place.file, place.as_of) == ("13", "initiatives.csv", "2025-06")
    shown = str(outcome)
    assert "LINEを活用した加入者への理解度促進等に向けた情報発信" in shown
    assert "12573000" in shown
    assert "12980000" in shown


@pytest.mark.parametrize("dataset", ["initiatives", "activity_counts"])
def test_nothing_else_is_found_in_the_published_files(published: duckdb.DuckDBPyConnection, dataset: str) -> None:
    failed = {
        outcome.rule.id
        for outcome in validate(DuckDBSession(published), dataset, SUITES[dataset].rules)
        if not outcome.passed
    }
    assert failed == ({"executed_within_budget"} if dataset == "initiatives" else set())


def test_a_printed_sum_of_the_year_before_may_hold_what_ended(connection: duckdb.DuckDBPyConnection) -> None:
    insert = """INSERT INTO initiatives SELECT * REPLACE ('計' AS initiative, 1000 AS budget_yen, {prior} AS prior_budget_yen,
        90 AS row_number) FROM initiatives WHERE branch_code = '20'"""
    connection.execute(insert.format(prior=1500))
    assert judge(connection, "initiatives", "printed_sum_agrees").passed
    connection.execute("DELETE FROM initiatives WHERE initiative = '計'")
    connection.execute(insert.format(prior=899))
    assert not judge(connection, "initiatives", "printed_sum_agrees").passed


def test_an_initiative_about_plans_is_no_printed_sum(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "UPDATE initiatives SET initiative = '計画策定のための調査', budget_yen = 5 WHERE branch_code = '13'"
    )
    assert judge(connection, "initiatives", "printed_sum_agrees").passed
