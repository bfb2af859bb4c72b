"""The adapter: order of judging, broken checks, silence, and no value that was not asked for."""

import datetime as dt
import logging
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.adapter import validate
from expectations.outcome import RuleOutcome, exact_text
from expectations.suite import Rule
from resources.duckdb_engine import DuckDBSession

CHECKOUT = Path(__file__).resolve().parents[2]
MARKER = "SECRET-01130012"


def rule(rule_id: str, **fields: Any) -> Rule:
    base = {
        "tier": "structural",
        "severity": "critical",
        "description": "d",
        "description_ja": "説明",
        "origin": "test",
        "owner": "team:test",
        "since": dt.date(2025, 4, 1),
        "protects": "all",
    }
    return Rule.model_validate({"id": rule_id, **base, **fields})


NOT_NULL = rule("id_given", expectation="expect_column_values_to_not_be_null", kwargs={"column": "id"}, evidence=["id"])
FEW = rule("few", unexpected_rows="SELECT id FROM {batch} WHERE id > 7", evidence=["id"])
RAISES = rule("raises", unexpected_rows="SELECT * FROM {batch} WHERE CAST(secret AS INTEGER) > 1", evidence=["id"])
UNKNOWN = rule("unknown", expectation="expect_the_moon_to_be_full")
WRONG_ARGUMENTS = rule(
    "wrong_arguments", expectation="expect_column_values_to_not_be_null", kwargs={"column": "id", "n": 1}
)
MISTYPED = rule("mistyped", unexpected_rows="SELEC * FROM {batch}")
RAISES_IN_BUNDLE = rule(
    "raises_in_bundle", expectation="expect_column_values_to_be_between", kwargs={"column": "secret", "min_value": 1}
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as open_connection:
        open_connection.execute(
            "CREATE TEMP VIEW rows AS "
            f"SELECT range AS id, range % 5 AS five, '{MARKER}' AS secret, 1.50 AS amount FROM range(10)"
        )
        yield open_connection


def by_id(outcomes: list[RuleOutcome]) -> dict[str, RuleOutcome]:
    return {outcome.rule.id: outcome for outcome in outcomes}


def test_outcomes_come_in_the_order_of_the_rules_and_are_plain_python(connection: duckdb.DuckDBPyConnection) -> None:
    outcomes = validate(DuckDBSession(connection), "rows", [FEW, NOT_NULL])
    assert [o.rule for o in outcomes] == [FEW, NOT_NULL]
    assert [(o.passed, o.failed_rows, o.evidence) for o in outcomes] == [
        (False, 2, ({"id": "8"}, {"id": "9"})),
        (True, 0, ()),
    ]
    for outcome in outcomes:
        assert [
            type(outcome.passed),
            type(outcome.is_broken),
            type(outcome.checked_rows),
            type(outcome.failed_rows),
        ] == [
            bool,
            bool,
            int,
            int,
        ]


@pytest.mark.parametrize("broken", [RAISES, UNKNOWN, WRONG_ARGUMENTS, MISTYPED, RAISES_IN_BUNDLE], ids=lambda r: r.id)
def test_a_rule_that_raises_is_broken_and_takes_no_other_with_it(
    connection: duckdb.DuckDBPyConnection, broken: Rule
) -> None:
    outcomes = by_id(validate(DuckDBSession(connection), "rows", [NOT_NULL, broken, FEW]))
    failed = outcomes.pop(broken.id)
    assert (failed.passed, failed.is_broken, failed.is_evaluated, failed.evidence) == (False, True, False, ())
    assert failed.message.startswith("the check is broken, the data may be good: ")
    assert {name: (o.passed, o.is_broken) for name, o in outcomes.items()} == {
        "id_given": (True, False),
        "few": (False, False),
    }


def test_a_broken_check_names_the_kind_of_error(connection: duckdb.DuckDBPyConnection) -> None:
    outcomes = by_id(validate(DuckDBSession(connection), "rows", [RAISES, UNKNOWN, MISTYPED]))
    assert outcomes["raises"].message.endswith("ConversionException")
    assert outcomes["unknown"].message.endswith("ExpectationNotFoundError")
    assert "ParserException" in outcomes["mistyped"].message


def test_no_value_leaves_but_the_evidence_asked_for(
    connection: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    all_fail = [
        RAISES,
        RAISES_IN_BUNDLE,
        FEW,
        rule("is_null", expectation="expect_column_values_to_be_null", kwargs={"column": "secret"}, evidence=["id"]),
        rule(
            "is_unique", expectation="expect_column_values_to_be_unique", kwargs={"column": "secret"}, evidence=["five"]
        ),
        rule(
            "in_set", expectation="expect_column_values_to_be_in_set", kwargs={"column": "secret", "value_set": ["a"]}
        ),
        rule(
            "compound", expectation="expect_compound_columns_to_be_unique", kwargs={"column_list": ["secret", "five"]}
        ),
        rule("most", expectation="expect_column_max_to_be_between", kwargs={"column": "id", "max_value": 3}),
        rule("all", unexpected_rows="SELECT * FROM {batch}", evidence=["amount"]),
    ]
    with caplog.at_level(logging.DEBUG):
        outcomes = validate(DuckDBSession(connection), "rows", all_fail)
    assert not any(outcome.passed for outcome in outcomes)
    assert MARKER not in repr(outcomes)
    assert MARKER not in caplog.text
    assert capfd.readouterr() == ("", "")
    assert by_id(outcomes)["all"].evidence[0] == {"amount": "1.5"}
    assert by_id(outcomes)["most"].failed_rows == 0


def test_evidence_of_compound_keys_shows_the_repeated_rows_only(connection: duckdb.DuckDBPyConnection) -> None:
    twice = rule(
        "twice",
        expectation="expect_compound_columns_to_be_unique",
        kwargs={"column_list": ["a", "b"]},
        evidence=["line"],
    )
    relation = "(VALUES (1, 'x', 10), (1, 'y', 11), (1, 'x', 12), (NULL, 'x', 13), (NULL, 'x', 14)) AS t(a, b, line)"
    (outcome,) = validate(DuckDBSession(connection), relation, [twice])
    assert (outcome.failed_rows, outcome.evidence) == (2, ({"line": "10"}, {"line": "12"}))


def test_evidence_is_capped_and_all_failures_are_counted(connection: duckdb.DuckDBPyConnection) -> None:
    every = rule("every", unexpected_rows="SELECT * FROM {batch}", evidence=["range"])
    (outcome,) = validate(DuckDBSession(connection), "range(100)", [every])
    assert (outcome.failed_rows, len(outcome.evidence), outcome.evidence[-1]) == (100, 20, {"range": "19"})


def test_a_rule_may_name_the_batch_twice_and_use_braces(connection: duckdb.DuckDBPyConnection) -> None:
    joined = rule(
        "joined",
        unexpected_rows="""SELECT a.id, '{1}' AS braces FROM {batch} AS a JOIN {batch} AS b ON a.id = b.id + 1
            WHERE regexp_full_match(CAST(a.id AS VARCHAR), '[8-9]{1}');""",
        evidence=["id", "braces"],
    )
    (outcome,) = validate(DuckDBSession(connection), "rows", [joined])
    assert outcome.evidence == ({"id": "8", "braces": "{1}"}, {"id": "9", "braces": "{1}"})


def test_an_evidence_column_that_does_not_exist_does_not_hide_the_fault(connection: duckdb.DuckDBPyConnection) -> None:
    (outcome,) = validate(
        DuckDBSession(connection), "rows", [rule("few", unexpected_rows=str(FEW.unexpected_rows), evidence=["five"])]
    )
    assert (outcome.passed, outcome.is_broken, outcome.failed_rows, outcome.evidence) == (False, False, 2, ())
    assert "cannot be shown" in outcome.message


def test_a_missing_column_is_not_judged(connection: duckdb.DuckDBPyConnection) -> None:
    (outcome,) = validate(DuckDBSession(connection), "(SELECT 1 AS other)", [NOT_NULL])
    assert (outcome.passed, outcome.is_broken, outcome.is_evaluated, outcome.message) == (
        False,
        False,
        False,
        "column missing: id",
    )


def test_a_relation_that_cannot_be_read_breaks_every_check(connection: duckdb.DuckDBPyConnection) -> None:
    for relation in ("no_such_table", "read_parquet('/nowhere/*.parquet')", "(SELECT CAST('SECRET' AS INTEGER) AS id)"):
        outcomes = validate(DuckDBSession(connection), relation, [NOT_NULL, FEW])
        assert [(o.passed, o.is_broken) for o in outcomes] == [(False, True)] * 2
        assert "SECRET" not in repr([o.message for o in outcomes])


def test_the_connection_stays_open_and_keeps_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE pending AS SELECT 1 AS id")
    assert validate(DuckDBSession(connection), "pending", [NOT_NULL])[0].passed
    connection.execute("ROLLBACK")
    names = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert names == [("rows",)]
    with pytest.raises(duckdb.CatalogException):
        connection.execute("FROM pending")


def test_validations_do_not_remember_each_other(connection: duckdb.DuckDBPyConnection) -> None:
    assert validate(DuckDBSession(connection), "rows", [NOT_NULL])[0].passed
    assert not validate(DuckDBSession(connection), "(SELECT NULL AS id)", [NOT_NULL])[0].passed
    assert not validate(DuckDBSession(connection), "(SELECT 1 AS other)", [NOT_NULL])[0].is_evaluated
    with duckdb.connect() as other:
        assert validate(DuckDBSession(other), "(SELECT 1 AS id)", [NOT_NULL])[0].passed


def test_nothing_is_printed_or_written_and_nothing_heavy_is_imported(tmp_path: Path) -> None:
    script = """
import sys, duckdb
from expectations import adapter, checks, completeness, dbt_tests, suite
from resources.duckdb_engine import DuckDBSession
assert "great_expectations" not in sys.modules
rule = suite.Rule(id="a", tier="logical", severity="warning", expectation="expect_column_values_to_be_in_set",
    kwargs={"column": "a", "value_set": [2]}, description="d", description_ja="d", origin="o", owner="t", since="2025-04-01",
    protects="all")
print(adapter.validate(DuckDBSession(duckdb.connect()), "(SELECT 1 AS a)", [rule])[0].failed_rows)
"""
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "1\n"
    assert "great_expectations" not in done.stderr and "pandas" not in done.stderr, done.stderr
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("17986.0000000000"), "17986"),
        (Decimal("3.4000000000"), "3.4"),
        (Decimal("1E+3"), "1000"),
        (Decimal(100), "100"),
        (Decimal("0.0000000000"), "0"),
        (None, ""),
        (13, "13"),
        ("05", "05"),
    ],
)
def test_values_are_shown_exactly(value: object, text: str) -> None:
    assert exact_text(value) == text


BY_BRANCH = """(SELECT *, 1 AS same FROM (VALUES (1, '13'), (2, '13'), (3, '04'), (4, NULL), (5, '01130012'), (6, '47'))
    AS t(id, branch_code))"""


@pytest.mark.parametrize(
    ("failing", "branches"),
    [
        (rule("few", unexpected_rows="SELECT branch_code FROM {batch} WHERE id < 6"), (("", 2), ("04", 1), ("13", 2))),
        (rule("hidden", unexpected_rows="SELECT id FROM {batch} WHERE id < 6", evidence=["id"]), ()),
        (
            rule("in_set", expectation="expect_column_values_to_be_in_set", kwargs={"column": "id", "value_set": [6]}),
            (("", 2), ("04", 1), ("13", 2)),
        ),
        (
            rule("unique", expectation="expect_column_values_to_be_unique", kwargs={"column": "branch_code"}),
            (("13", 2),),
        ),
        (
            rule(
                "twice",
                expectation="expect_compound_columns_to_be_unique",
                kwargs={"column_list": ["branch_code", "same"]},
            ),
            (("13", 2),),
        ),
        (rule("most", expectation="expect_column_max_to_be_between", kwargs={"column": "id", "max_value": 3}), ()),
        (rule("holds", unexpected_rows="SELECT branch_code FROM {batch} WHERE id > 6"), ()),
    ],
    ids=lambda value: value.id if isinstance(value, Rule) else "",
)
def test_every_branch_at_fault_is_counted_and_nothing_else_of_its_column_is_told(
    connection: duckdb.DuckDBPyConnection, failing: Rule, branches: tuple[tuple[str, int], ...]
) -> None:
    (outcome,) = validate(DuckDBSession(connection), BY_BRANCH, [failing])
    assert outcome.branches == branches


def test_branches_are_counted_beyond_the_rows_shown(connection: duckdb.DuckDBPyConnection) -> None:
    every = rule("every", unexpected_rows="SELECT * FROM {batch}", evidence=["branch_code"])
    (outcome,) = validate(
        DuckDBSession(connection), "(SELECT printf('%02d', range % 47 + 1) AS branch_code FROM range(94))", [every]
    )
    assert (len(outcome.evidence), len(outcome.branches), set(dict(outcome.branches).values())) == (20, 47, {2})
