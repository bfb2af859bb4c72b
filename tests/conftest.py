"""What holds for all tests: hypothesis without deadlines, and the word about tests that were left out."""

from pathlib import Path

import pytest
from hypothesis import settings
from spark import java

# how long an example takes says more about the machine than about the code; speed is measured in benchmarks/
settings.register_profile("kenpo", deadline=None)
settings.load_profile("kenpo")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--nothing-left-out", action="store_true", help="refuse to run when tests would be left out, as in CI"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--nothing-left-out") and (told := _left_out(config)):
        raise pytest.UsageError("\n".join(told))


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
