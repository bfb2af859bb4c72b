"""Rules judged through a Spark Connect server: as on DuckDB, for every expectation and every construct that rules have.

The server and who speaks to it are processes of their own, as where it is used: pytest's own may have a Spark of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from spark.both_engines import UNCOMPILED
from spark.connect_server import LOG, connect_server
from spark.driver_work import driver
from spark.test_checks_on_spark import (
    BROKEN,
    MARKER,
    MODEL_SUITES,
    MODELS,
    MONTH,
    OF_COLUMNS,
    ROWS,
    SUITES,
    comparable,
    faulty,
    made_up,
)
from test_expectations_adapter import rule

from expectations.adapter import validate
from expectations.outcome import RuleOutcome
from expectations.suite import BATCH, Rule
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Relation, load_project
from kenpo_pipelines.settings import CHECKOUT
from resources.duckdb_engine import DuckDBEngine

Judged = Callable[[str, Sequence[Rule]], list[RuleOutcome]]


def judged_there(url: str, folder: Path, relation: str, rules: Sequence[Rule]) -> list[RuleOutcome]:
    """In the process that speaks to the server: judge the rows of a relation of the lake, or of a select."""
    from resources.spark_connection import SparkMaster
    from resources.spark_engine import SparkEngine

    engine = SparkEngine(Lake(folder), load_project(CHECKOUT / "dbt_like_sql"), SparkMaster(url, folder / "spark.log"))
    with engine.session() as session:
        for name, value in UNCOMPILED.items():
            session.spark.conf.set(name, value)
        if "." in relation and not relation.startswith("("):
            session.attach(Relation(*relation.split(".")), [MONTH])
        return validate(session, relation, rules)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("connect")


@pytest.fixture(scope="module")
def judged(lake: Lake, server_folder: Path) -> Iterator[Judged]:
    """Judge over Spark Connect and on DuckDB; give the outcomes when they are equal."""
    engine = DuckDBEngine(lake, load_project(CHECKOUT / "dbt_like_sql"))
    with connect_server(server_folder) as url, driver() as there, engine.session() as here:

        def both(relation: str, rules: Sequence[Rule]) -> list[RuleOutcome]:
            if not relation.startswith("("):
                here.attach(Relation(*relation.split(".")), [MONTH])
            found = there.submit(judged_there, url, lake.root, relation, rules).result()
            assert list(map(comparable, found)) == list(map(comparable, validate(here, relation, rules)))
            return found

        yield both


def test_every_kind_of_expectation_and_rules_that_raise(judged: Judged, server_folder: Path) -> None:
    of_columns = [
        rule(f"r{n}", expectation=kind, kwargs=kwargs, evidence=["id"])
        for n, (kind, kwargs, _) in enumerate(OF_COLUMNS)
    ]
    raising = [one for one in BROKEN if one.id.startswith("raises")]
    outcomes = judged(ROWS, [*of_columns, *raising])
    assert [one.failed_rows for one in outcomes] == [*(failed for *_, failed in OF_COLUMNS), *[0] * len(raising)]
    assert (
        [one.rule.id for one in outcomes if one.is_broken]
        == [one.id for one in raising]
        == ["raises", "raises_when_shown"]
    )
    assert MARKER not in repr([(one.message, one.evidence, one.places) for one in outcomes])
    assert MARKER not in (server_folder / LOG).read_text(encoding="utf-8", errors="replace")


def constructs(one: Rule) -> set[str]:
    """What the rule's SQL is made of, or its expectation and the arguments that it has."""
    if one.unexpected_rows is None:
        return {f"{one.expectation} {name}" for name in one.kwargs}
    tree = sqlglot.parse_one(one.unexpected_rows.strip().rstrip(";").replace(BATCH, "rows_checked"), dialect="duckdb")
    return {type(node).__name__ for node in tree.walk()}


def chosen() -> dict[tuple[str, str], list[Rule]]:
    """Rules of the project that have between them every construct that any has, by layer and name of what they judge."""
    suites: dict[tuple[str, str], Any] = {("raw", name): suite for name, suite in SUITES.items()} | MODEL_SUITES
    seen: set[str] = set()
    found: dict[tuple[str, str], list[Rule]] = {}
    listed = [(key, one) for key, suite in suites.items() for one in suite.rules]
    for key, one in sorted(listed, key=lambda pair: -len(constructs(pair[1]))):
        if constructs(one) - seen:
            seen |= constructs(one)
            found.setdefault(key, []).append(one)
    return found


CHOSEN = chosen()


@pytest.mark.parametrize(("layer", "name"), sorted(CHOSEN))
def test_rules_with_every_construct_find_the_same_faults(judged: Judged, lake: Lake, layer: str, name: str) -> None:
    rows: pa.Table = faulty(name) if layer == "raw" else made_up(MODELS[name].columns)
    place = "raw" if layer == "raw" else "judged"
    lake.write(place, name, MONTH, rows)

    outcomes = judged(f"{place}.{name}", CHOSEN[layer, name])

    assert not [one.message for one in outcomes if one.is_broken]
    assert {one.checked_rows for one in outcomes} == {rows.num_rows}
