"""A whole month, from landing to workbooks, published to a real PostgreSQL: the same rows as on SQLite."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from short_memory import forgetful

from kenpo_pipelines import demo, running
from kenpo_pipelines.serving import schema
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import ScorecardRow, ledger_rows, rejected_rows, scorecard_rows
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.contract import load_contracts

MONTH = demo.MONTHS[0]
_OF_THE_RUN = {"run_id", "published_at"}


def content(rows: list[Any]) -> list[dict[str, object]]:
    return [
        {field.name: getattr(row, field.name) for field in fields(row) if field.name not in _OF_THE_RUN} for row in rows
    ]


def run_month(home: Path, url: str | None) -> Settings:
    settings = Settings(home=forgetful(home), database_url=url, pseudonym_key=SecretStr("test"))
    demo.place_examples(settings, load_contracts(settings.contracts_dir))
    running.MonthRunner(settings).run(MONTH)
    return settings


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return run_month(tmp_path_factory.mktemp("sqlite"), None)


def test_postgresql_holds_what_sqlite_holds_and_a_second_run_changes_nothing(
    sqlite: Settings, postgresql_url: str, tmp_path: Path
) -> None:
    settings = run_month(tmp_path, postgresql_url)
    ours, theirs = connect(sqlite.sql_url), connect(postgresql_url)
    facts = scorecard_rows(theirs, MONTH)
    assert len(facts) == 96
    assert all(isinstance(row, ScorecardRow) for row in facts)
    assert content(facts) == content(scorecard_rows(ours, MONTH))
    assert content(rejected_rows(theirs)) == content(rejected_rows(ours))
    received = {"received_at"}
    assert [{k: v for k, v in row.items() if k not in received} for row in content(ledger_rows(theirs))] == [
        {k: v for k, v in row.items() if k not in received} for row in content(ledger_rows(ours))
    ]
    again = running.MonthRunner(settings).run(MONTH)
    assert (again.run_id, again.assets) == ("", ())
    forced = running.MonthRunner(settings).run(MONTH, force=True)
    assert forced.run_id
    assert scorecard_rows(theirs, MONTH) == facts
    with theirs.begin() as connection:
        connection.execute(schema.publications.delete())
    published = running.MonthRunner(settings).run(MONTH)
    assert {asset.split("/")[0] for asset in published.assets} == {"serving", "scorecards"}
    assert scorecard_rows(theirs, MONTH) == facts
    theirs.dispose()
