"""Suites are refused at load with the file, the rule and the field; dbt's generic tests become the same rules."""

from pathlib import Path

import duckdb
import pytest

from expectations.adapter import validate
from expectations.dbt_tests import suite_from_dbt
from expectations.suite import Scope, Severity, SuiteError, Tier, load_suites
from resources.duckdb_engine import DuckDBSession

RULE = """
  - id: given
    tier: structural
    severity: critical
    expectation: expect_column_values_to_not_be_null
    kwargs: {column: a}
    description: d
    description_ja: 説明
    origin: o
    owner: team:o
    since: 2025-04-01
    protects: [postal_rate]
"""

FAULTY = [
    ("severity: critical", "severity: high", "d.yml: rule given: severity: "),
    ("tier: structural", "tier: cosmetic", "d.yml: rule given: tier: "),
    ("    owner: team:o\n", "", "d.yml: rule given: owner: Field required"),
    ("    kwargs", "    colour: red\n    kwargs", "d.yml: rule given: colour: Extra inputs"),
    (
        "    kwargs",
        "    unexpected_rows: SELECT 1 FROM {batch}\n    kwargs",
        "either expectation (with kwargs) or unexpected_rows",
    ),
    ("    expectation: expect_column_values_to_not_be_null\n    kwargs: {column: a}\n", "", "either expectation"),
    (
        "expectation: expect_column_values_to_not_be_null\n    kwargs: {column: a}",
        "unexpected_rows: SELECT 1",
        "must select from {batch}",
    ),
    ("    description: d", "    evidence: [branch_code, symbol]\n    description: d", "must not show symbol"),
    (
        "tier: structural\n    severity: critical\n"
        "    expectation: expect_column_values_to_not_be_null\n    kwargs: {column: a}",
        "tier: logical\n    severity: warning\n    expectation: expect_table_row_count_to_be_between",
        "is structural",
    ),
    ("protects: [postal_rate]", "protects: some", "d.yml: rule given: protects"),
]


def write(folder: Path, rules: str) -> Path:
    (folder / "d.yml").write_text(f"dataset: {{id: d}}\nrules:{rules}", encoding="utf-8")
    return folder


def test_a_rule_is_read_with_its_dataset(tmp_path: Path) -> None:
    (tmp_path / "contract_only.yml").write_text("dataset: {id: contract_only}\ncolumns: []\n", encoding="utf-8")
    suites = load_suites(write(tmp_path, RULE))
    assert suites["contract_only"].rules == ()
    (rule,) = suites["d"].rules
    assert (rule.id, rule.scope, rule.is_blocking, rule.protects) == ("given", Scope.ROWS, False, ("postal_rate",))


@pytest.mark.parametrize(("old", "new", "message"), FAULTY)
def test_a_faulty_rule_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in RULE
    with pytest.raises(SuiteError) as caught:
        load_suites(write(tmp_path, RULE.replace(old, new)))
    assert message in str(caught.value)
    assert str(caught.value).startswith("d.yml: rule given: ")


def test_faults_of_the_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="^d.yml: .*rule ids occur twice: given"):
        load_suites(write(tmp_path, RULE + RULE))
    (tmp_path / "d.yml").write_text("rules: {given: 1}", encoding="utf-8")
    with pytest.raises(SuiteError, match="^d.yml: rules: must be a list"):
        load_suites(tmp_path)
    (tmp_path / "d.yml").write_text("a: [", encoding="utf-8")
    with pytest.raises(SuiteError, match="^d.yml: not readable as YAML"):
        load_suites(tmp_path)


SCHEMA = """
version: 2
models:
  - name: kpi_latest
    description: grain fiscal year × branch × KPI
    meta: {owner: team:planning}
    columns:
      - name: fiscal_year
        data_tests: [not_null]
      - name: branch_code
        meta: {protects: [postal_rate]}
        data_tests:
          - not_null: {config: {severity: warn}}
      - name: kpi_id
      - name: outcome
        data_tests:
          - accepted_values:
              arguments: {values: [attained, not_attained]}
              config: {meta: {protects: [recovery_rate]}}
      - name: row_id
        data_tests: [unique]
    data_tests:
      - unique_combination_of_columns:
          combination_of_columns: [fiscal_year, branch_code, kpi_id]
          config: {severity: error, meta: {scope: dataset}}
  - name: bare
    config: {meta: {has_rows: none}}
"""


def schema(tmp_path: Path, text: str = SCHEMA) -> Path:
    path = tmp_path / "schema.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_dbt_tests_become_rules(tmp_path: Path) -> None:
    suites = suite_from_dbt(schema(tmp_path))
    assert suites["bare"].rules == ()
    rules = {rule.id: rule for rule in suites["kpi_latest"].rules}
    assert {name: (rule.expectation, rule.severity, rule.is_blocking) for name, rule in rules.items()} == {
        "has_rows": ("expect_table_row_count_to_be_between", Severity.WARNING, False),
        "has_columns": ("expect_table_columns_to_match_set", Severity.CRITICAL, True),
        "not_null_fiscal_year": ("expect_column_values_to_not_be_null", Severity.CRITICAL, False),
        "not_null_branch_code": ("expect_column_values_to_not_be_null", Severity.WARNING, False),
        "accepted_values_outcome": ("expect_column_values_to_be_in_set", Severity.CRITICAL, False),
        "unique_row_id": ("expect_column_values_to_be_unique", Severity.CRITICAL, False),
        "unique_combination_of_columns_fiscal_year_branch_code_kpi_id": (
            "expect_compound_columns_to_be_unique",
            Severity.CRITICAL,
            True,
        ),
    }
    assert {rule.tier for rule in rules.values()} == {Tier.STRUCTURAL}
    assert rules["not_null_branch_code"].protects == ("postal_rate",)
    assert rules["accepted_values_outcome"].protects == ("recovery_rate",)
    assert rules["unique_row_id"].evidence == ("fiscal_year", "branch_code", "kpi_id")
    assert rules["unique_row_id"].owner == "team:planning"


ROW = "(VALUES (2025, '13', 'a', 'attained', 1), (2025, '13', 'b', 'not_attained', 2))"
MODEL = "(SELECT * FROM {rows} AS t(fiscal_year, branch_code, kpi_id, outcome, row_id))"
JUDGED = {
    "clean": (ROW, set()),
    "null": (ROW.replace("2025, '13', 'b'", "NULL, '13', 'b'"), {"not_null_fiscal_year"}),
    "value": (ROW.replace("not_attained", "perhaps"), {"accepted_values_outcome"}),
    "unique": (ROW.replace(", 2)", ", 1)"), {"unique_row_id"}),
    "combination": (ROW.replace("'b'", "'a'"), {"unique_combination_of_columns_fiscal_year_branch_code_kpi_id"}),
}


@pytest.mark.parametrize("case", JUDGED)
def test_dbt_rules_judge_as_dbt_would(tmp_path: Path, case: str) -> None:
    rows, expected = JUDGED[case]
    with duckdb.connect() as connection:
        outcomes = validate(
            DuckDBSession(connection), MODEL.format(rows=rows), suite_from_dbt(schema(tmp_path))["kpi_latest"].rules
        )
    assert {outcome.rule.id for outcome in outcomes if not outcome.passed} == expected
    assert all(outcome.is_evaluated for outcome in outcomes)


def test_dbt_rules_on_empty_and_column_less_models(tmp_path: Path) -> None:
    rules = suite_from_dbt(schema(tmp_path))["kpi_latest"].rules
    with duckdb.connect() as connection:
        empty = validate(DuckDBSession(connection), f"(SELECT * FROM {MODEL.format(rows=ROW)} LIMIT 0)", rules)
        column_less = validate(DuckDBSession(connection), "(SELECT 1 AS other)", rules)
    assert [o.rule.id for o in empty if o.passed] == ["has_columns"]
    assert [o.rule.id for o in column_less if o.passed] == ["has_rows"]
    assert not any(o.is_broken for o in [*empty, *column_less])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[not_null]",
            "[relationships]",
            "model kpi_latest: column fiscal_year: test relationships: not a test that is known",
        ),
        ("severity: warn", "severity: loud", "column branch_code: test not_null: severity: 'loud'"),
        ("severity: warn", "where: branch_code > '10'", "test not_null: config.where: not supported"),
        ("values: [attained, not_attained]", "values: []", "test accepted_values: values"),
        (
            "combination_of_columns: [fiscal_year, branch_code, kpi_id]",
            "columns: [a]",
            "combination_of_columns: needs two",
        ),
    ],
)
def test_dbt_tests_that_are_not_understood_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SCHEMA
    with pytest.raises(SuiteError) as caught:
        suite_from_dbt(schema(tmp_path, SCHEMA.replace(old, new)))
    assert message in str(caught.value)
    assert "schema.yml: model kpi_latest" in str(caught.value)
