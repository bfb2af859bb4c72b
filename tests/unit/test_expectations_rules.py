"""Every rule of the dataset suites on clean, broken, empty and column-less rows."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expectations.adapter import validate
from expectations.completeness import check_completeness
from expectations.fault_rows import VIEW, sql_for_engine
from expectations.outcome import RuleOutcome
from expectations.suite import Suite, load_suites
from kenpo_pipelines.catalogue.loading import load_catalogue
from resources.duckdb_engine import DuckDBSession

CHECKOUT = Path(__file__).resolve().parents[2]
SUITES = load_suites(CHECKOUT / "expectations")
BRANCHES = {f"{code:02d}": f"支部{code:02d}" for code in range(1, 48)}

PROVENANCE = """'2025-06' AS known_month, 'a.csv' AS file, 'abc' AS file_sha256, '2025-07-01T00:00:00Z' AS received_at,
    'published' AS origin, '' AS sheet, range AS row_number, 2025 AS fiscal_year,
    lpad(CAST(range AS VARCHAR), 2, '0') AS branch_code, '%' AS unit, 'printed' AS printed, 'plan' AS source_document"""
CLEAN = {
    "kpi_results": f"""CREATE TABLE kpi_results AS SELECT {PROVENANCE}, 'checkup_rate_insured' AS kpi_id, '2025-05' AS as_of,
        CAST(range AS DECIMAL(28, 10)) AS numerator, CAST(200 AS DECIMAL(28, 10)) AS denominator,
        CAST(round(range / 2 + 0.0000001, 1) AS DECIMAL(28, 10)) AS value, CAST(NULL AS VARCHAR) AS value_word,
        CAST(NULL AS BOOLEAN) AS is_done, 'rate' AS kpi_kind, 1 AS kpi_precision FROM range(48)""",
    "kpi_targets": f"""CREATE TABLE kpi_targets AS SELECT {PROVENANCE}, 'checkup_rate_insured' AS kpi_id, '以上' AS comparator,
        CAST(63.1 AS DECIMAL(28, 10)) AS target_value, 'at_least' AS kpi_direction FROM range(48)""",
}
BROKEN = {
    ("kpi_results", "rows_loaded"): "DELETE FROM kpi_results",
    ("kpi_results", "columns_present"): "ALTER TABLE kpi_results DROP COLUMN unit",
    ("kpi_results", "fiscal_year_given"): "UPDATE kpi_results SET fiscal_year = NULL WHERE branch_code = '13'",
    ("kpi_results", "as_of_given"): "UPDATE kpi_results SET as_of = NULL WHERE branch_code = '13'",
    ("kpi_results", "branch_given"): "UPDATE kpi_results SET branch_code = NULL WHERE branch_code = '13'",
    ("kpi_results", "kpi_given"): "UPDATE kpi_results SET kpi_id = NULL WHERE branch_code = '13'",
    ("kpi_results", "provenance_given"): "UPDATE kpi_results SET file_sha256 = NULL WHERE branch_code = '13'",
    ("kpi_results", "branch_code_known"): "UPDATE kpi_results SET branch_code = '48' WHERE branch_code = '13'",
    ("kpi_results", "origin_known"): "UPDATE kpi_results SET origin = 'guessed' WHERE branch_code = '13'",
    ("kpi_results", "row_read_once"): "INSERT INTO kpi_results SELECT * FROM kpi_results WHERE branch_code = '13'",
    ("kpi_results", "as_of_within_reach"): "UPDATE kpi_results SET as_of = '2025-07' WHERE branch_code = '13'",
    ("kpi_results", "rate_equals_own_fraction"): "UPDATE kpi_results SET value = 6.6 WHERE branch_code = '13'",
    ("kpi_results", "rate_within_bounds"): "UPDATE kpi_results SET value = 100.1 WHERE branch_code = '13'",
    ("kpi_results", "numerator_within_denominator"): "UPDATE kpi_results SET numerator = 201 WHERE branch_code = '13'",
    ("kpi_results", "fraction_has_denominator"): "UPDATE kpi_results SET denominator = NULL WHERE branch_code = '13'",
    ("kpi_results", "one_figure_per_key"): """INSERT INTO kpi_results
        SELECT * REPLACE (99 AS value, 'b.csv' AS file) FROM kpi_results WHERE branch_code = '13'""",
    ("kpi_targets", "rows_loaded"): "DELETE FROM kpi_targets",
    ("kpi_targets", "columns_present"): "ALTER TABLE kpi_targets DROP COLUMN printed",
    ("kpi_targets", "fiscal_year_given"): "UPDATE kpi_targets SET fiscal_year = NULL WHERE branch_code = '13'",
    ("kpi_targets", "branch_given"): "UPDATE kpi_targets SET branch_code = NULL WHERE branch_code = '13'",
    ("kpi_targets", "kpi_given"): "UPDATE kpi_targets SET kpi_id = NULL WHERE branch_code = '13'",
    ("kpi_targets", "comparator_given"): "UPDATE kpi_targets SET comparator = NULL WHERE branch_code = '13'",
    ("kpi_targets", "comparator_known"): "UPDATE kpi_targets SET comparator = '≥' WHERE branch_code = '13'",
    ("kpi_targets", "provenance_given"): "UPDATE kpi_targets SET row_number = NULL WHERE branch_code = '13'",
    ("kpi_targets", "branch_code_known"): "UPDATE kpi_targets SET branch_code = '5' WHERE branch_code = '13'",
    ("kpi_targets", "origin_known"): "UPDATE kpi_targets SET origin = 'guessed' WHERE branch_code = '13'",
    ("kpi_targets", "targets_agree"): """INSERT INTO kpi_targets
        SELECT * REPLACE (63.2 AS target_value) FROM kpi_targets WHERE branch_code = '13'""",
    ("kpi_targets", "comparator_fits_direction"): "UPDATE kpi_targets SET comparator = '以下' WHERE branch_code = '13'",
    ("kpi_targets", "fixed_target_has_number"): "UPDATE kpi_targets SET target_value = NULL WHERE branch_code = '13'",
}
TWO_ROWS_AT_FAULT = {"row_read_once", "one_figure_per_key", "targets_agree"}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as open_connection:
        for statement in CLEAN.values():
            open_connection.execute(statement)
        yield open_connection


def judge(connection: duckdb.DuckDBPyConnection, dataset: str, rule_id: str) -> RuleOutcome:
    (rule,) = [rule for rule in SUITES[dataset].rules if rule.id == rule_id]
    (outcome,) = validate(DuckDBSession(connection), dataset, [rule])
    return outcome


def suite(dataset: str) -> Suite:
    return SUITES[dataset]


def test_every_rule_has_a_broken_case() -> None:
    assert set(BROKEN) == {(name, rule.id) for name in CLEAN for rule in suite(name).rules}


@pytest.mark.parametrize("dataset", CLEAN)
def test_clean_rows_pass(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    outcomes = validate(DuckDBSession(connection), dataset, suite(dataset).rules)
    assert [(o.rule.id, o.message) for o in outcomes if not o.passed] == []
    assert all(o.is_evaluated and o.checked_rows == 48 and o.failed_rows == 0 and not o.evidence for o in outcomes)


@pytest.mark.parametrize(("dataset", "rule_id"), BROKEN)
def test_broken_rows_fail(connection: duckdb.DuckDBPyConnection, dataset: str, rule_id: str) -> None:
    connection.execute(BROKEN[dataset, rule_id])
    outcome = judge(connection, dataset, rule_id)
    assert (outcome.passed, outcome.is_broken, outcome.is_evaluated) == (False, False, True), outcome.message
    if not outcome.rule.is_gate:
        expected = 2 if rule_id in TWO_ROWS_AT_FAULT else 1
        assert (outcome.failed_rows, len(outcome.evidence)) == (expected, expected)
        assert all(row["row_number"] in ("13", "") for row in outcome.evidence)
        assert tuple(outcome.evidence[0]) == outcome.rule.evidence
        # what a critical rule stops is told by branch and file
        assert sum(place.rows for place in outcome.places) == expected
        assert all(place.file and place.branch_code is not None for place in outcome.places)


@pytest.mark.parametrize("dataset", CLEAN)
def test_empty_rows(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    connection.execute(f"DELETE FROM {dataset}")
    loaded_nothing = {o.rule.id: o for o in validate(DuckDBSession(connection), dataset, suite(dataset).rules)}
    assert [name for name, o in loaded_nothing.items() if o.passed] == ["columns_present"]
    assert not any(o.is_broken for o in loaded_nothing.values())
    nothing_sent = validate(DuckDBSession(connection), dataset, suite(dataset).rules, rows_expected=False)
    assert [o.rule.id for o in nothing_sent if not o.passed] == []
    assert [o.rule.id for o in nothing_sent if o.is_evaluated] == ["columns_present"]


@pytest.mark.parametrize("dataset", CLEAN)
def test_column_less_rows(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    outcomes = {o.rule.id: o for o in validate(DuckDBSession(connection), "(SELECT 1 AS other)", suite(dataset).rules)}
    assert [name for name, o in outcomes.items() if o.passed] == ["rows_loaded"]
    assert not any(o.is_broken for o in outcomes.values())
    assert outcomes["columns_present"].message.startswith("column missing: known_month, file, ")
    assert [name for name, o in outcomes.items() if o.is_evaluated] == ["rows_loaded", "columns_present"]


def test_one_missing_column_leaves_the_other_rules_their_verdict(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("ALTER TABLE kpi_targets DROP COLUMN printed")
    outcomes = {o.rule.id: o for o in validate(DuckDBSession(connection), "kpi_targets", suite("kpi_targets").rules)}
    assert outcomes["columns_present"].message == "column missing: printed"
    assert outcomes["comparator_known"].passed
    assert not outcomes["targets_agree"].is_evaluated and not outcomes["targets_agree"].passed


def test_reference_columns_missing_is_a_broken_check_not_bad_data(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("ALTER TABLE kpi_results DROP COLUMN kpi_kind")
    outcome = {o.rule.id: o for o in validate(DuckDBSession(connection), "kpi_results", suite("kpi_results").rules)}[
        "rate_within_bounds"
    ]
    assert outcome.is_broken and not outcome.passed
    assert "kpi_kind" in outcome.message


def test_the_published_tokyo_figure_is_shown_with_both_rates(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""UPDATE kpi_results SET kpi_id = 'checkup_rate_dependants', numerator = 17986, denominator = 520357,
        value = 3.4, file = 'kpi_results.csv', row_number = 142 WHERE branch_code = '13'""")
    outcome = judge(connection, "kpi_results", "rate_equals_own_fraction")
    assert outcome.evidence == (
        {
            "branch_code": "13",
            "kpi_id": "checkup_rate_dependants",
            "fiscal_year": "2025",
            "as_of": "2025-05",
            "numerator": "17986",
            "denominator": "520357",
            "value": "3.4",
            "recomputed": "3.5",
            "file": "kpi_results.csv",
            "row_number": "142",
        },
    )


@pytest.fixture
def published(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The published figures as rows of the datasets, with the catalogue's columns beside them."""
    catalogue = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
    connection.execute(
        "CREATE TABLE kpis (fiscal_year INT, branch_code VARCHAR, kpi_id VARCHAR, kind VARCHAR, digits INT, side VARCHAR)"
    )
    rows = [
        (year, branch, kpi.id, str(found.kind_for(branch)), found.precision_for(branch), str(found.direction))
        for year in range(2021, 2026)
        for branch in catalogue.branch_by_code
        for kpi in catalogue.kpis
        if (found := kpi.version(year)) is not None
    ]
    connection.executemany("INSERT INTO kpis VALUES (?, ?, ?, ?, ?, ?)", rows)
    folder = CHECKOUT / "examples" / "published"
    shared = """'2026-03' AS known_month, 'file' AS file, 'abc' AS file_sha256, '2026-04-01T00:00:00Z' AS received_at,
        'published' AS origin, '' AS sheet, row_number() OVER () + 1 AS row_number, CAST(年度 AS INTEGER) AS fiscal_year,
        支部コード AS branch_code, KPI AS kpi_id, 単位 AS unit, 表記 AS printed, 出典 AS source_document"""
    connection.execute(f"""CREATE OR REPLACE TABLE kpi_results AS
        SELECT r.*, kpis.kind AS kpi_kind, kpis.digits AS kpi_precision FROM (
            SELECT {shared}, 時点 AS as_of, TRY_CAST(分子 AS DECIMAL(28, 10)) AS numerator,
                TRY_CAST(分母 AS DECIMAL(28, 10)) AS denominator, TRY_CAST(実績値 AS DECIMAL(28, 10)) AS value,
                CASE WHEN TRY_CAST(実績値 AS DECIMAL(28, 10)) IS NULL THEN 実績値 END AS value_word, NULL AS is_done
            FROM read_csv('{folder}/kpi_results.csv', all_varchar = true)) AS r
        LEFT JOIN kpis USING (fiscal_year, branch_code, kpi_id)""")
    connection.execute(f"""CREATE OR REPLACE TABLE kpi_targets AS
        SELECT t.*, kpis.side AS kpi_direction FROM (
            SELECT {shared}, 比較 AS comparator, TRY_CAST(目標値 AS DECIMAL(28, 10)) AS target_value
            FROM read_csv('{folder}/kpi_targets.csv', all_varchar = true)) AS t
        LEFT JOIN kpis USING (fiscal_year, branch_code, kpi_id)""")
    return connection


def test_the_published_figures_break_the_rules_where_they_are_known_to(published: duckdb.DuckDBPyConnection) -> None:
    failed = {
        outcome.rule.id: sorted({(row["branch_code"], row["kpi_id"]) for row in outcome.evidence})
        for dataset in CLEAN
        for outcome in validate(DuckDBSession(published), dataset, suite(dataset).rules)
        if not outcome.passed
    }
    assert failed == {
        "rate_equals_own_fraction": [("13", "checkup_rate_dependants")],
        "targets_agree": [("05", "counter_receipt_rate"), ("05", "line_monthly_posts")],
        "comparator_fits_direction": [("05", "counter_receipt_rate")],
    }


TARGET_PAIRS = [
    ("対前年度以上", None, "対前年度以上", "45.3", True),
    ("以上", "63.10", "以上", "63.1", True),
    ("対前年度以上", "45.3", "対前年度以上", "45.4", False),
    ("対前年度以下", None, "対前年度以上", None, False),  # 秋田 counter_receipt_rate
    ("実施", None, "以上", "2", False),  # 秋田 line_monthly_posts
    ("実施", None, "実施", None, True),
]


@pytest.mark.parametrize(("first", "first_value", "second", "second_value", "agree"), TARGET_PAIRS)
def test_which_targets_contradict(
    connection: duckdb.DuckDBPyConnection,
    first: str,
    first_value: str | None,
    second: str,
    second_value: str | None,
    agree: bool,
) -> None:
    connection.execute("DELETE FROM kpi_targets WHERE branch_code <> '05'")
    connection.execute("INSERT INTO kpi_targets SELECT * REPLACE (6 AS row_number) FROM kpi_targets")
    update = "UPDATE kpi_targets SET comparator = ?, target_value = ?, printed = ? WHERE row_number = ?"
    connection.execute(update, [first, first_value, "the one", 5])
    connection.execute(update, [second, second_value, "the other", 6])
    outcome = judge(connection, "kpi_targets", "targets_agree")
    assert outcome.passed is agree
    assert {row["printed"] for row in outcome.evidence} == (set() if agree else {"the one", "the other"})


@pytest.mark.parametrize("dataset", CLEAN)
def test_completeness_names_the_missing_branches(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    rule = suite(dataset).completeness
    assert rule is not None
    whole = check_completeness(DuckDBSession(connection), dataset, rule, BRANCHES, submissions_received=1)
    assert (whole.passed, len(whole.present), whole.missing) == (True, 47, {})
    connection.execute(f"DELETE FROM {dataset} WHERE branch_code IN ('47', '05', '00')")
    partly = check_completeness(DuckDBSession(connection), dataset, rule, BRANCHES, submissions_received=1)
    assert (partly.passed, partly.missing_text) == (False, "05 支部05、47 支部47")
    connection.execute(f"DELETE FROM {dataset}")
    empty = check_completeness(DuckDBSession(connection), dataset, rule, BRANCHES, submissions_received=0)
    assert (empty.passed, empty.is_broken, len(empty.missing)) == (False, False, 47)
    assert empty.message.startswith("nothing was submitted")
    column_less = check_completeness(
        DuckDBSession(connection), "(SELECT 1 AS other)", rule, BRANCHES, submissions_received=1
    )
    assert (column_less.passed, column_less.is_broken) == (False, True)


Figure = tuple[Decimal, Decimal, Decimal, str, int]


def decimals(top: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=0, max_value=top, places=places, allow_nan=False, allow_infinity=False)


@st.composite
def figures(draw: st.DrawFn) -> Figure:
    """A reported figure near its own fraction, so that ties and last digits matter; amounts go up to 18 digits."""
    kind = draw(st.sampled_from(["rate", "mean"]))
    precision = draw(st.integers(0, 6))
    denominator = draw(
        st.one_of(decimals(2000, 0), decimals(10**18 - 1, 0), decimals(1000, 10)).filter(lambda d: d > 0)
    )
    numerator = draw(st.one_of(decimals(2000, 0), decimals(10**18 - 1, 0), decimals(1000, 10)))
    exact = numerator / denominator * (100 if kind == "rate" else 1)
    places = draw(st.integers(0, 7))
    value = exact.quantize(Decimal(1).scaleb(-places)) if exact < 10**15 else Decimal(0)
    return numerator, denominator, value, kind, precision


def oracle(figure: Figure) -> bool:
    """Slow and obvious: is the reported value, at printed precision, the rounded fraction? Long division by remainder."""
    numerator, denominator, value, kind, precision = figure
    scaled = numerator * (100 if kind == "rate" else 1) * 10**precision
    whole, rest = divmod(int(scaled * 10**10), int(denominator * 10**10))
    expected = whole + (1 if 2 * rest >= int(denominator * 10**10) else 0)
    reported = value.quantize(Decimal(1).scaleb(-precision), rounding=ROUND_HALF_UP)
    return expected == int(reported * 10**precision)


@settings(max_examples=50, deadline=None)
@given(st.lists(figures(), min_size=1, max_size=25))
@example([(Decimal(1), Decimal(800), Decimal("0.1"), "rate", 1), (Decimal(1), Decimal(16), Decimal("6.3"), "rate", 1)])
@example(
    [(Decimal(17986), Decimal(520357), Decimal("3.4"), "rate", 1), (Decimal(1), Decimal(3), Decimal(33), "rate", 0)]
)
def test_the_rule_on_rates_equals_a_decimal_oracle(rows: list[Figure]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"""CREATE TABLE {VIEW} (row_number INTEGER, numerator DECIMAL(28, 10), denominator DECIMAL(28, 10),
            value DECIMAL(28, 10), kpi_kind VARCHAR, kpi_precision INTEGER, branch_code VARCHAR, kpi_id VARCHAR,
            fiscal_year INTEGER, as_of VARCHAR, file VARCHAR)""")
        connection.executemany(
            f"INSERT INTO {VIEW} VALUES (?, ?, ?, ?, ?, ?, '13', 'k', 2025, '2025-05', 'f')",
            [[position, *row] for position, row in enumerate(rows)],
        )
        (rule,) = [rule for rule in suite("kpi_results").rules if rule.id == "rate_equals_own_fraction"]
        found = connection.execute(f"SELECT row_number FROM ({sql_for_engine(rule)})").fetchall()
    assert {row[0] for row in found} == {position for position, row in enumerate(rows) if not oracle(row)}
