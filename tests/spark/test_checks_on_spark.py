"""Rules on Spark and on DuckDB: every suite of the project tells the same of the same partitions, with faults of every kind."""

import datetime as dt
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from traceback import TracebackException
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pytest
import test_expectations_progress as progress
import test_expectations_records as records
import test_expectations_rules as kpis
from hypothesis import given, settings
from hypothesis import strategies as st
from spark.both_engines import UNCOMPILED, compiled_again
from spark.conftest import LOCAL
from test_expectations_adapter import rule

from expectations.adapter import validate
from expectations.checks import check_results, judge
from expectations.data_docs import DataDocs
from expectations.dbt_tests import suite_from_dbt
from expectations.findings import findings_table
from expectations.outcome import RuleOutcome
from expectations.spark_rules import is_about_rows
from expectations.suite import Rule, Suite, load_suites
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Relation, load_project
from kenpo_pipelines.settings import CHECKOUT
from resources.duckdb_engine import DuckDBEngine
from resources.session import Session, SessionError
from resources.spark_connection import SparkMaster
from resources.spark_engine import SparkEngine
from resources.spark_noise import quieten

MONTH = "2025-06"
MARKER = "SECRET-01130012"
SUITES = load_suites(CHECKOUT / "expectations")
SCHEMAS = sorted((CHECKOUT / "dbt_like_sql").glob("*/schema.yml"))
MODEL_SUITES = {(path.parent.name, name): suite for path in SCHEMAS for name, suite in suite_from_dbt(path).items()}
MODELS = {model.name: model for model in load_project(CHECKOUT / "dbt_like_sql").models}
BRANCHES = {f"{code:02d}": f"支部{code:02d}" for code in range(1, 48)}


class Both:
    """One lake with a session of each engine."""

    def __init__(self, lake: Lake, duck: Session, spark: Session) -> None:
        self.lake, self.duck, self.spark = lake, duck, spark

    def attach(self, layer: str, name: str, rows: pa.Table) -> str:
        self.lake.write(layer, name, MONTH, rows)
        relation = Relation(layer, name)
        assert self.duck.attach(relation, [MONTH]) == self.spark.attach(relation, [MONTH])
        return relation.sql_name

    def judged(self, relation: str, suite: Suite, **more: Any) -> list[RuleOutcome]:
        """Judge on both; return the outcomes when they are equal, but for the name that an engine has for an error."""
        on_duckdb = validate(self.duck, relation, suite.rules, **more)
        on_spark = validate(self.spark, relation, suite.rules, **more)
        assert list(map(comparable, on_spark)) == list(map(comparable, on_duckdb))
        assert MARKER not in repr([(one.message, one.evidence, one.places) for one in on_spark])
        return on_spark


@pytest.fixture(scope="module")
def both(spark: Any, spark_conf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    lake, project = Lake(tmp_path_factory.mktemp("lake")), load_project(CHECKOUT / "dbt_like_sql")
    with ExitStack() as sessions:
        duck = sessions.enter_context(DuckDBEngine(lake, project).session())
        on_spark = SparkEngine(lake, project, SparkMaster(LOCAL, spark_conf / "spark.log"))
        session = sessions.enter_context(on_spark.session())
        for name, value in UNCOMPILED.items():
            session.spark.conf.set(name, value)
        yield Both(lake, duck, session)
        compiled_again([session.spark])


def comparable(outcome: RuleOutcome) -> RuleOutcome:
    """An outcome without the type name that an engine gives to an error of a row."""
    return replace(outcome, message=re.sub(r"\b\w+(Exception|Error)$", "an error", outcome.message))


def suite_of(*rules: Any) -> Suite:
    return Suite(dataset="made_up", rules=rules)


def faulty(dataset: str) -> pa.Table:
    """Rows of a dataset that break its rules, each in a branch of its own, all at once."""
    with duckdb.connect() as connection:
        if dataset in records.DATASETS:
            records.load(connection, dataset)
            for analytical in (False, True):
                records.breaks(connection, dataset, analytical=analytical)
        else:
            module: Any = kpis if dataset in kpis.CLEAN else progress
            clean = module.CLEAN[dataset]
            connection.execute(clean if clean.startswith("CREATE") else f"CREATE TABLE {dataset} AS {clean}")
            broken = [sql for (owner, name), sql in module.BROKEN.items() if owner == dataset and name not in GATES]
            for branch, statement in enumerate(broken, start=1):
                connection.execute(statement.replace("'13'", f"'{branch:02d}'"))
        return connection.execute(f"SELECT * FROM {dataset}").to_arrow_table()


GATES = ("rows_loaded", "columns_present")


@pytest.mark.parametrize("dataset", sorted(SUITES))
def test_the_rules_of_a_dataset_find_the_same_faults(both: Both, dataset: str) -> None:
    rows, suite = faulty(dataset), SUITES[dataset]
    relation = both.attach("raw", dataset, rows)

    outcomes = both.judged(relation, suite)

    assert not [one.message for one in outcomes if one.is_broken]
    assert {one.checked_rows for one in outcomes} == {rows.num_rows}
    failed = [one for one in outcomes if not one.passed]
    assert len(failed) >= len(suite.rules) - 5
    assert sum(bool(one.places) for one in failed) >= len(failed) - 1
    for one in failed:
        assert one.rule.is_gate or sum(place.rows for place in one.places) == one.failed_rows
    asked = f"(SELECT * FROM {relation} WHERE branch_code <> '13')"
    only_completeness = suite.model_copy(update={"rules": ()})
    (_, on_duckdb), (_, on_spark) = (
        judge(session, asked, only_completeness, submissions_received=1, branches=BRANCHES)
        for session in (both.duck, both.spark)
    )
    assert on_spark == on_duckdb
    assert on_spark is None or "13" in on_spark.missing


@pytest.mark.parametrize("dataset", ["kpi_results", "claims"])
def test_empty_rows_and_missing_columns_are_told_alike(both: Both, dataset: str) -> None:
    relation = both.attach("raw", dataset, faulty(dataset))
    empty = f"(SELECT * FROM {relation} WHERE false)"

    assert [one.rule.id for one in both.judged(empty, SUITES[dataset]) if one.passed] == ["columns_present"]
    assert all(one.passed for one in both.judged(empty, SUITES[dataset], rows_expected=False))
    column_less = both.judged(f"(SELECT 1 AS other FROM {relation})", SUITES[dataset])
    assert [one.rule.id for one in column_less if one.passed] == ["rows_loaded"]
    assert not any(one.is_broken for one in column_less)


KINDS = {
    "varchar": ["2025-06", None, "支部", "2025-06"],
    "date": [dt.date(2025, 6, 30), None, dt.date(2024, 2, 29), dt.date(2025, 6, 30)],
    "boolean": [True, None, False, True],
}
ARROW = {
    "varchar": pa.string(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
}


def made_up(columns: Any) -> pa.Table:
    """Four rows of a model's columns: the second has nothing in it, the last repeats the first."""
    arrays = {}
    for column in columns:
        kind = column.data_type.lower()
        if kind.startswith("decimal"):
            precision, scale = map(int, re.findall(r"\d+", kind))
            values, arrow = [Decimal("1.5"), None, Decimal(-2), Decimal("1.5")], pa.decimal128(precision, scale)
            values = [None if one is None else round(one, scale) for one in values]
        elif kind in KINDS:
            values, arrow = KINDS[kind], ARROW[kind]
        elif kind == "blob":
            values, arrow = [b"a", None, b"b", b"a"], pa.binary()
        elif kind.startswith("timestamp"):
            values, arrow = (
                [dt.datetime(2025, 6, 30), None, dt.datetime(2025, 7, 1), dt.datetime(2025, 6, 30)],
                pa.timestamp("us"),
            )
        else:
            values, arrow = [2025, None, 0, 2025], ARROW.get(kind, pa.int64())
        arrays[column.name] = pa.array(values, arrow)
    return pa.table(arrays)


def of_every_kind() -> dict[tuple[str, str], list[Rule]]:
    """Rules of models, by layer and model: of rules that are alike but for the names of their columns the first one only.

    Alike are those that ask the same of columns of the same types; of those that are SQL, each is a kind of its own.
    """
    seen: set[Any] = set()
    chosen: dict[tuple[str, str], list[Rule]] = {}
    for (layer, name), suite in MODEL_SUITES.items():
        types = {column.name: column.data_type.lower() for column in MODELS[name].columns}
        for one in suite.rules:
            asked = frozenset(key for key in one.kwargs if not key.startswith("column"))
            kind = (one.expectation, one.unexpected_rows, asked, frozenset(types[c] for c in one.named_columns))
            if kind not in seen:
                seen.add(kind)
                chosen.setdefault((layer, name), []).append(one)
    return chosen


OF_MODELS = of_every_kind()


def test_a_kind_of_rule_is_one_of_a_few() -> None:
    rules = [one for suite in MODEL_SUITES.values() for one in suite.rules]
    chosen = [one for some in OF_MODELS.values() for one in some]
    assert {one.expectation for one in chosen} == {one.expectation for one in rules}
    assert {one.unexpected_rows for one in chosen} == {one.unexpected_rows for one in rules}
    assert len(chosen) < len(rules) / 5


@pytest.mark.parametrize("layer", sorted({layer for layer, _ in OF_MODELS}))
def test_the_rules_of_models_find_the_same_faults(both: Both, layer: str) -> None:
    failed = 0
    for owner, name in (key for key in OF_MODELS if key[0] == layer):
        relation = both.attach("judged", name, made_up(MODELS[name].columns))
        outcomes = both.judged(relation, Suite(dataset=name, rules=tuple(OF_MODELS[owner, name])))
        assert not [one.message for one in outcomes if one.is_broken], name
        failed += sum(one.failed_rows > 0 for one in outcomes)
    assert failed


ROWS = f"""(SELECT * FROM (VALUES (1, '13', 1.50, DATE '2025-04-01', '{MARKER}'), (2, '13', 2.50, NULL, NULL),
    (3, NULL, NULL, NULL, 'x'), (3, NULL, NULL, NULL, 'x'), (8, '47', 9.25, DATE '2025-04-03', '東京'),
    (9, '{MARKER}', 1, NULL, 'あ')) AS t(id, branch_code, amount, day, secret))"""
OF_COLUMNS: list[tuple[str, dict[str, Any], int]] = [
    ("expect_column_values_to_not_be_null", {"column": "branch_code"}, 2),
    ("expect_column_values_to_be_null", {"column": "branch_code"}, 4),
    ("expect_column_values_to_be_unique", {"column": "branch_code"}, 2),
    ("expect_column_values_to_be_in_set", {"column": "branch_code", "value_set": ["13", "o'clock"]}, 2),
    ("expect_column_values_to_be_in_set", {"column": "id", "value_set": [1, 3]}, 3),
    (
        "expect_column_values_to_be_between",
        {"column": "amount", "min_value": 1.5, "strict_min": True, "max_value": 9},
        3,
    ),
    ("expect_column_values_to_be_between", {"column": "day", "min_value": dt.date(2025, 4, 2)}, 1),
    ("expect_compound_columns_to_be_unique", {"column_list": ["id", "branch_code"]}, 0),
    ("expect_compound_columns_to_be_unique", {"column_list": ["id", "secret"]}, 2),
    ("expect_column_max_to_be_between", {"column": "id", "max_value": 3}, 0),
    ("expect_column_values_to_not_be_null", {"column": "branch_code", "mostly": 0.9}, 2),
]


def test_every_kind_of_expectation_counts_and_shows_the_same_rows(both: Both) -> None:
    rules = [
        rule(f"r{n}", expectation=kind, kwargs=kwargs, evidence=["id"])
        for n, (kind, kwargs, _) in enumerate(OF_COLUMNS)
    ]
    outcomes = both.judged(ROWS, suite_of(*rules))
    assert [one.failed_rows for one in outcomes] == [failed for *_, failed in OF_COLUMNS]
    assert not [one.message for one in outcomes if one.is_broken]
    assert outcomes[0].evidence == ({"id": "3"}, {"id": "3"})


BROKEN = [
    rule("raises", unexpected_rows="SELECT * FROM {batch} WHERE CAST(secret AS INTEGER) > 1", evidence=["id"]),
    rule("raises_when_shown", unexpected_rows="SELECT id, CAST(secret AS INTEGER) AS n FROM {batch}", evidence=["n"]),
    rule("mistyped", unexpected_rows="SELEC * FROM {batch}"),
    rule("no_such_column", unexpected_rows="SELECT nothing FROM {batch}"),
    rule("unknown", expectation="expect_the_moon_to_be_full"),
    rule("of_text", expectation="expect_column_values_to_be_between", kwargs={"column": "secret", "min_value": 1}),
]  # fmt: skip


def test_a_broken_rule_takes_no_other_with_it_and_quotes_no_value(
    both: Both, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = both.attach("raw", "kpi_results", pa.table({"id": [1, 8], "secret": [MARKER, MARKER]}))
    few = rule("few", unexpected_rows="SELECT id FROM {batch} WHERE id > 7", evidence=["id"])
    given_id = rule("given", expectation="expect_column_values_to_not_be_null", kwargs={"column": "id"})

    outcomes = {one.rule.id: one for one in both.judged(rows, suite_of(*BROKEN, few, given_id))}

    assert {name for name, one in outcomes.items() if one.is_broken} == {one.id for one in BROKEN}
    assert (outcomes["few"].evidence, outcomes["given"].passed) == (({"id": "8"},), True)
    assert outcomes["raises"].message.endswith("NumberFormatException")
    assert capfd.readouterr() == ("", "")


def test_what_spark_cannot_say_alike_is_refused(both: Both) -> None:
    unnamed = rule(
        "unnamed", expectation="expect_column_values_to_match_regex", kwargs={"column": "secret", "regex": "x"}
    )
    unwritten = rule("unwritten", unexpected_rows="SELECT id FROM {batch} WHERE soundex(secret) = 'A000'")
    for outcome, told in zip(
        validate(both.spark, ROWS, [unnamed, unwritten]), ("write it as SQL", "soundex"), strict=True
    ):
        assert outcome.is_broken
        assert told in outcome.message.lower() or told in outcome.message


def test_expectations_about_rows_are_known_by_their_names() -> None:
    """Loading a project asks for them, and does not import Great Expectations for it."""
    from great_expectations.expectations import expectation
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    of_rows = tuple(getattr(expectation, f"{part}MapExpectation") for part in ("Column", "ColumnPair", "Multicolumn"))
    names = list_registered_expectation_implementations()
    assert len(names) > 50
    assert {name for name in names if is_about_rows(name)} == {
        name for name in names if issubclass(get_expectation_impl(name), of_rows)
    }


def test_nothing_is_left_behind(both: Both, spark: Any) -> None:
    validate(both.spark, ROWS, [rule("few", unexpected_rows="SELECT id FROM {batch} WHERE id > 7", evidence=["id"])])
    names = {table.name for table in both.spark.spark.catalog.listTables()}  # type: ignore[attr-defined]
    assert not names & {"tmp_view", "kenpo_checked_rows"}
    assert spark.sparkContext._jsc.getPersistentRDDs().size() == 0


def test_checks_findings_and_pages_are_the_same(both: Both, tmp_path: Path) -> None:
    relation, suite, told = both.attach("raw", "kpi_targets", faulty("kpi_targets")), SUITES["kpi_targets"], []
    for session in (both.duck, both.spark):
        docs, key = DataDocs(tmp_path / session.kind, MONTH), dg.AssetKey(["raw", "kpi_targets"])
        outcomes, completeness = judge(session, relation, suite, submissions_received=1, branches=BRANCHES)
        results = check_results(key, outcomes, completeness, docs)
        findings = findings_table(outcomes, "kpi_targets", MONTH)
        metadata = [{name: value for name, value in one.metadata.items() if name != "data_docs"} for one in results]
        page = docs.page(key.path).read_text(encoding="utf-8")
        told.append(([(one.check_name, one.passed, one.description) for one in results], metadata, findings, page))
    assert told[0] == told[1]
    assert told[0][2].num_rows > 10


def test_what_a_failed_query_quotes_is_told_nowhere(
    both: Both, spark_conf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = both.attach("raw", "kpi_results", pa.table({"id": [1, 8], "secret": [MARKER, MARKER]}))
    log = spark_conf / "spark.log"
    begun = log.stat().st_size
    with pytest.raises(SessionError) as of_session:
        both.spark.fetch(f"SELECT max(CAST(secret AS INTEGER)) FROM {rows} GROUP BY id")
    with pytest.raises(Exception, match=MARKER):
        # as a model's result is written
        unwritable = both.spark.select(f"SELECT CAST(secret AS INTEGER) AS n FROM {rows}", "a test")  # type: ignore[attr-defined]
        unwritable.write.parquet(f"file://{tmp_path / 'written'}")

    assert MARKER not in "".join(TracebackException.from_exception(of_session.value).format()), "nor in a cause"
    assert MARKER not in "".join(capfd.readouterr())
    assert MARKER not in log.read_bytes()[begun:].decode(errors="replace")


def test_pyspark_says_nothing_of_pandas() -> None:
    from pyspark.sql.pandas.utils import require_minimum_pandas_version

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        require_minimum_pandas_version()
        assert [one.category for one in told] == [FutureWarning], "by itself it does"
        quieten()
        require_minimum_pandas_version()
        assert len(told) == 1


CELL = st.one_of(st.none(), st.sampled_from(["13", "47", "", " 13", "１３", "a'b", "支部"]))


@settings(max_examples=3)
@given(st.lists(st.tuples(CELL, st.one_of(st.none(), st.integers(-3, 3)), CELL), min_size=1, max_size=12))
def test_any_rows_are_judged_alike(both: Both, rows: list[tuple[str | None, int | None, str | None]]) -> None:
    codes, numbers, texts = zip(*rows, strict=True)
    table = pa.table({
        "branch_code": pa.array(codes, pa.string()), "n": pa.array(numbers, pa.int64()), "kpi_id": pa.array(texts, pa.string()),
    })  # fmt: skip
    relation = both.attach("raw", "kpi_targets", table)
    shown = {"evidence": ["kpi_id", "n", "branch_code"]}
    of_kpi: dict[str, Any] = {"column": "kpi_id"}
    limits = {"column": "n", "min_value": -1, "max_value": 1}
    pair = {"column_list": ["kpi_id", "n"]}
    rules = [
        rule("unique", expectation="expect_column_values_to_be_unique", kwargs=of_kpi, **shown),
        rule("pairs", expectation="expect_compound_columns_to_be_unique", kwargs=pair, **shown),
        rule(
            "in_set", expectation="expect_column_values_to_be_in_set", kwargs={**of_kpi, "value_set": ["13"]}, **shown
        ),
        rule("between", expectation="expect_column_values_to_be_between", kwargs=limits, **shown),
        rule("sql", unexpected_rows="SELECT * FROM {batch} WHERE n < 0 OR kpi_id <> branch_code", **shown),
    ]
    both.judged(relation, suite_of(*rules))
