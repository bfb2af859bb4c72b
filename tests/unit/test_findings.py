"""Findings: which outcomes become rows of the lake, and what those rows say."""

from typing import Any

import duckdb
import pytest

from expectations.adapter import validate
from expectations.findings import findings_table
from expectations.suite import Rule
from kenpo_pipelines.submissions.partitions import FINDINGS_SCHEMA
from resources.duckdb_engine import DuckDBSession

ROWS = """(SELECT * FROM (VALUES
    ('13', 'recovery_rate', 2025, '2025-05', 'a.csv', 1),
    ('13', 'recovery_rate', 2025, '2025-05', 'b.csv', 2),
    ('13', 'recovery_rate', 2025, '2025-05', 'b.csv', 3),
    ('04', 'postal_rate', 2024, '2025-03', 'b.csv', 4),
    ('x13', NULL, NULL, NULL, NULL, 5)
) AS t(branch_code, kpi_id, fiscal_year, as_of, file, number))"""


def rule(rule_id: str, sql: str, **changes: Any) -> Rule:
    base = {
        **{"id": rule_id, "tier": "logical", "severity": "warning", "unexpected_rows": sql, "evidence": ()},
        **{"description": "it holds", "description_ja": "正しい", "origin": "test", "owner": "team:test"},
        **{"since": "2023-04-01", "protects": ("recovery_rate", "postal_rate")},
    }
    return Rule.model_validate(base | changes)


def found(*rules: Rule) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        table = findings_table(validate(DuckDBSession(connection), ROWS, rules), "kpi_results", "2025-06")
    assert table.schema.equals(FINDINGS_SCHEMA)
    return [dict(row) for row in table.to_pylist()]


def test_a_finding_has_a_row_for_every_branch_kpi_figure_and_file() -> None:
    rows = found(rule("every", "SELECT * FROM {batch}", severity="critical"))
    assert [(row["branch_code"], row["kpi_id"], row["fiscal_year"], row["as_of"], row["file"]) for row in rows] == [
        ("", "", None, "", ""),  # what was typed in place of a branch is not told
        ("04", "postal_rate", 2024, "2025-03", "b.csv"),
        ("13", "recovery_rate", 2025, "2025-05", "a.csv"),
        ("13", "recovery_rate", 2025, "2025-05", "b.csv"),
    ]
    assert [row["failed_rows"] for row in rows] == [1, 1, 1, 2]
    assert rows[1] == {
        **{"known_month": "2025-06", "dataset": "kpi_results", "rule": "every", "branch_code": "04"},
        **{"kpi_id": "postal_rate", "fiscal_year": 2024, "as_of": "2025-03", "file": "b.csv", "tier": "logical"},
        **{"severity": "critical", "scope": "rows", "failed_rows": 1, "checked_rows": 5, "text_ja": "正しい"},
        "protects": "recovery_rate,postal_rate",
    }


def test_what_the_rows_at_fault_do_not_have_is_left_open() -> None:
    rows = found(rule("sums", "SELECT branch_code FROM {batch} GROUP BY 1 HAVING count(*) > 2", protects="all"))
    assert [(row["branch_code"], row["kpi_id"], row["file"], row["failed_rows"]) for row in rows] == [("13", "", "", 1)]
    assert rows[0]["protects"] == "all"
    (row,) = found(rule("numbers", "SELECT number FROM {batch}"))
    assert (row["branch_code"], row["failed_rows"]) == ("", 5)


@pytest.mark.parametrize(
    "one",
    [
        rule("holds", "SELECT * FROM {batch} WHERE number > 9"),
        rule("broken", "SELECT * FROM {batch} WHERE error('no') IS NULL"),
        rule("unjudged", "SELECT nothing FROM {batch}"),
    ],
    ids=lambda one: one.id,
)
def test_what_holds_and_what_could_not_be_judged_is_no_finding(one: Rule) -> None:
    assert found(one) == []


def test_a_failure_that_is_not_a_matter_of_rows_is_one_finding() -> None:
    gate = {"unexpected_rows": None, "expectation": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 9}}
    (row,) = found(rule("rows", "", tier="structural", **gate))
    assert (row["branch_code"], row["kpi_id"], row["file"], row["scope"]) == ("", "", "", "dataset")
