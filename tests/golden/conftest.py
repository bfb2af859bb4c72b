"""One real run over the published figures for the golden tests: landing, Dagster, database, as the demo does it."""

import pytest
from published_months import Published
from short_memory import forgetful

from kenpo_pipelines.demo import MONTHS, place_examples, with_throw_away_key
from kenpo_pipelines.running import MonthRunner, quiet
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.contract import load_contracts


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    home = forgetful(tmp_path_factory.mktemp("kenpo-home"))
    settings = with_throw_away_key(Settings(home=home, database_url=None, lake_url=None))
    place_examples(settings, load_contracts(settings.contracts_dir))
    with quiet(settings):
        runner = MonthRunner(settings)
        runs = tuple(runner.run(month) for month in MONTHS)
    return Published(connect(settings.sql_url), runs)
