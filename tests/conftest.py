"""What holds for all tests: hypothesis without deadlines, where and in which order they run, the word about those left out."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from in_memory import memory_folder
from spark import java

# how long an example takes says more about the machine than about the code; speed is measured in benchmarks/
settings.register_profile("kenpo", deadline=None)
settings.load_profile("kenpo")

HERE = Path(__file__).resolve().parent
LONGEST = (
    "integration/test_backfill.py",
    "integration/test_lake_in_object_store.py",
    "spark/test_cluster_run.py",
    "golden/test_dbt_builds_the_same.py",
    "spark/test_checks_on_spark.py",
    "integration/test_deployment.py",
    "integration/test_synthetic_truth.py",
    "spark/test_spark_object_store.py",
    "spark/test_model_equality.py",
    "spark/test_checks_over_connect.py",
    "integration/test_personal_data.py",
    "integration/test_pipeline_killed.py",
    "integration/test_incremental.py",
    "golden/test_record_oracle.py",
    "integration/test_readme.py",
    "integration/test_cli.py",
    "integration/test_run_on_postgresql.py",
    "integration/test_access.py",
    "golden/test_oracle.py",
    "browser/test_every_page.py",
)
"""Files that take longest, the longest first: begun at the end, one of them would run alone while the other core waits."""

TOGETHER = {
    "tests/golden/test_dbt_builds_the_same.py": "published months",
    "tests/golden/test_published_figures.py": "published months",
    "tests/golden/test_progress_published.py": "published months",
    "tests/integration/test_pipeline_killed.py": "undisturbed months",
    "tests/integration/test_pipeline_faults.py": "undisturbed months",
}
"""Files that need one costly fixture of the session: run by one process, they make it once."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--nothing-left-out", action="store_true", help="refuse to run when tests would be left out, as in CI"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--nothing-left-out") and (told := _left_out(config)):
        raise pytest.UsageError("\n".join(told))
    if (memory := memory_folder()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))  # where pytest makes its folders


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {HERE / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give out whole files, in the order above, those that belong together to one process."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return TOGETHER.get(file, file)

    config.option.loadscopereorder = False  # it would begin with the files of many tests, which are the short ones
    return Files(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """End with the tests that were asked for and cannot run on this machine: they are not collected, so nothing counts them."""
    told = _left_out(config)
    if told:
        terminalreporter.section("tests left out", yellow=True)
        for line in told:
            terminalreporter.line(line)


def _left_out(config: pytest.Config) -> list[str]:
    """Return what is to be said of the folder's tests when they were asked for: by their folder, one of them, or one above."""
    asked = [(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args]
    return java.left_out() if any(_touches(path, java.HERE) for path in asked) else []


def _touches(path: Path, folder: Path) -> bool:
    return path == folder or path in folder.parents or folder in path.parents
