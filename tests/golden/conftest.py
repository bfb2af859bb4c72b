"""One real run over the published figures for the golden tests of a session: landing, Dagster, database, as `kenpo demo` does it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from kenpo_pipelines.demo import MONTHS, place_examples, with_throw_away_key
from kenpo_pipelines.running import MonthRun, MonthRunner, quiet
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import ScorecardRow, scorecard_rows
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.contract import load_contracts


@dataclass(frozen=True)
class Published:
    """The demonstration's months, run and published."""

    database: Engine
    runs: tuple[MonthRun, ...]

    def scorecard(self, as_of: str, fiscal_year: int, branch: str) -> dict[str, ScorecardRow]:
        """One branch's scorecard of a month by KPI."""
        rows = scorecard_rows(self.database, as_of=as_of, fiscal_year=fiscal_year, branch=branch)
        assert {row.as_of for row in rows} == {as_of}
        return {row.kpi_id: row for row in rows}


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    home = tmp_path_factory.mktemp("kenpo-home")
    settings = with_throw_away_key(Settings(home=home, database_url=None, lake_url=None))
    place_examples(settings, load_contracts(settings.contracts_dir))
    with quiet(settings):
        runner = MonthRunner(settings)
        runs = tuple(runner.run(month) for month in MONTHS)
    return Published(connect(settings.sql_url), runs)
