"""Our own generic dbt tests, judged as checks: the SQL of ``dbt_macros/`` is the rule, in dbt and here."""

from pathlib import Path

import duckdb
import pytest

from expectations.adapter import validate
from expectations.checks import check_name
from expectations.dbt_tests import suite_from_dbt
from expectations.outcome import RuleOutcome
from expectations.suite import Rule, Severity, SuiteError
from kenpo_pipelines.settings import CHECKOUT
from resources.duckdb_engine import DuckDBSession

COLUMNS = "kpi_kind, kpi_precision, numerator, denominator, reported_value, reported_numerator, reported_denominator"

# kind, precision, computed numerator ÷ denominator, reported value, its counts: what is told
AGREEING = {
    "same": "'rate', 1, 1152, 2000, 57.6, null, null",
    "same when printed": "'rate', 1, 1152, 2000, 57.55, null, null",
    "half-up": "'mean', 0, 2001, 2, 1001, null, null",
    "counts": "'rate', 1, 1152, 2000, null, 576, 1000",
    "value stands before its counts": "'rate', 1, 1152, 2000, 57.6, 1, 2",
    "nothing reported": "'rate', 1, 1152, 2000, null, null, null",
    "nothing computed": "'rate', 1, null, null, 57.6, null, null",
    "no denominator": "'rate', 1, 0, 0, 57.6, null, null",
    "reported without denominator": "'rate', 1, 1152, 2000, null, 1, 0",
    "a baseline year": "null, null, 1152, 2000, 1.0, null, null",
}
DISAGREEING = {
    "another value": ("'rate', 1, 1152, 2000, 57.5, null, null", "57.6", "57.5"),
    "a tie that doubles would miss": ("'rate', 2, 19999, 20000, 99.99, null, null", "100.00", "99.99"),
    "half-up of a mean": ("'mean', 0, 2001, 2, 1000, null, null", "1001", "1000"),
    "counts": ("'rate', 3, 1, 3, null, 1, 4", "33.333", "25.000"),
    "large amounts": ("'rate', 3, 9876543210123, 9876543210124, 99.998, null, null", "100.000", "99.998"),
    "below one": ("'rate', 3, 1, 20000, 0.004, null, null", "0.005", "0.004"),
}


@pytest.fixture(scope="module")
def rule() -> Rule:
    rules = suite_from_dbt(CHECKOUT / "dbt_like_sql" / "kpis" / "schema.yml")["kpi_figures"].rules
    return next(one for one in rules if one.id == "computed_agrees_with_reported")


def judged(rule: Rule, numbers: str) -> RuleOutcome:
    kind, precision, *amounts = (word.strip() for word in numbers.split(","))
    typed = [f"cast({kind} as varchar)", f"cast({precision} as integer)"]
    typed += [f"cast({amount} as decimal(28, 10))" for amount in amounts]
    row = f"select 'recovery_rate', '13', 2025, '2025-05', 'computed', {', '.join(typed)}"
    with duckdb.connect() as connection:
        connection.execute(f"create view figures(kpi_id, branch_code, fiscal_year, as_of, source, {COLUMNS}) as {row}")
        (outcome,) = validate(DuckDBSession(connection), "figures", [rule])
    assert outcome.is_evaluated
    return outcome


@pytest.mark.parametrize("numbers", AGREEING.values(), ids=AGREEING)
def test_figures_that_agree_pass(rule: Rule, numbers: str) -> None:
    assert judged(rule, numbers).passed


@pytest.mark.parametrize(("numbers", "computed", "reported"), DISAGREEING.values(), ids=DISAGREEING)
def test_figures_that_disagree_are_both_named(rule: Rule, numbers: str, computed: str, reported: str) -> None:
    outcome = judged(rule, numbers)
    named = {"branch_code": "13", "kpi_id": "recovery_rate", "fiscal_year": "2025", "as_of": "2025-05"}
    assert (outcome.passed, outcome.evidence) == (False, (named | {"computed": computed, "reported": reported},))


def test_it_warns_and_blocks_nothing(rule: Rule) -> None:
    assert (rule.severity, rule.is_blocking, check_name(rule)) == (Severity.WARNING, False, "logical")


OWN = "{% test is_calm(model) %}\nselect as_of from {{ model }} where as_of = 'storm'\n{% endtest %}\n"
ENTRY = """\
models:
  - name: weather
    columns:
      - name: as_of
    data_tests:
      - is_calm: {config: {severity: warn}}
"""
TOLD = ENTRY.replace(
    "severity: warn", "severity: warn, meta: {description: calm, description_ja: 穏やか, evidence: [as_of]}"
)


def written(folder: Path, test: str, entry: str) -> Path:
    (folder / "dbt_macros").mkdir()
    (folder / "kpis").mkdir()
    (folder / "dbt_macros" / "is_calm.sql").write_text(test, encoding="utf-8")
    path = folder / "kpis" / "schema.yml"
    path.write_text(entry, encoding="utf-8")
    return path


def test_a_test_of_our_own_is_judged_by_its_sql(tmp_path: Path) -> None:
    rules = suite_from_dbt(written(tmp_path, OWN, TOLD))["weather"].rules
    rule = next(one for one in rules if one.id == "is_calm")
    assert rule.unexpected_rows == "select as_of from {batch} where as_of = 'storm'"
    assert (rule.severity, rule.evidence, check_name(rule)) == (Severity.WARNING, ("as_of",), "structural_warning")


def test_a_test_of_our_own_may_have_arguments(tmp_path: Path) -> None:
    test = OWN.replace("(model)", "(model, word)").replace("'storm'", "'{{ word }}'")
    entry = TOLD.replace("{config", "{arguments: {word: hail}, config")
    rules = suite_from_dbt(written(tmp_path, test, entry))["weather"].rules
    rule = next(one for one in rules if one.id.startswith("is_calm"))
    assert (rule.id, rule.unexpected_rows) == ("is_calm_hail", "select as_of from {batch} where as_of = 'hail'")


@pytest.mark.parametrize(
    ("test", "entry", "message"),
    [
        (OWN, ENTRY, "kpis/schema.yml: model weather: test is_calm: rule is_calm: description"),
        (OWN.replace("is_calm", "is_windy"), TOLD, "test is_calm: not a test that is known here"),
        (OWN.replace("(model)", "(model, limit)"), TOLD, "test is_calm: arguments: none; wanted: limit"),
        (
            OWN,
            TOLD.replace("{config", "{arguments: {limit: 3}, config"),
            "test is_calm: arguments: limit; wanted: none",
        ),
        (OWN.replace("(model)", "(model=None)"), TOLD, "test is_calm: not a test that is known here"),
        (OWN.replace("{{ model }}", "{{ models }}"), TOLD, "is_calm.sql: 'models' is undefined"),
        (
            OWN,
            TOLD.replace("name: as_of", "name: as_of\n        data_tests: [is_calm]"),
            "column as_of: test is_calm: not a",
        ),
    ],
)
def test_what_is_wrong_with_it_is_named(tmp_path: Path, test: str, entry: str, message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        suite_from_dbt(written(tmp_path, test, entry))
    assert message in str(caught.value)
