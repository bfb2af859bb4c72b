"""A month's run killed again and again, and run to its end at last: the installation is as if nothing had happened.

Each run is killed (SIGKILL) as soon as one of its traces appears, from the first partition to the first workbook, so that
deaths hit ingestion, models, judgement, publishing and workbooks whatever the speed of the machine.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kenpo_home import database_rows, environment, lake_content, land, output_files, result, results, target, targets

MONTH = "2025-05"
TRACES = (
    "lake/raw/kpi_results/month=*",
    "lake/kpis/kpi_figures/month=*",
    "lake/marts/mart_scorecard/month=*",
    "kenpo.db",
    "outputs/*/comparison_*.xlsx",
)
"""In the order in which a run leaves them: one that finds a trace already there would be killed at once."""

Run = Callable[[Path, str | None], int]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Return a function that runs the month in a process of its own, killed when a path appears; it returns the exit code."""
    program = [sys.executable, str(Path(__file__).with_name("month_killing.py"))]
    with subprocess.Popen(
        program,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(tmp_path_factory.getbasetemp(), OPENBLAS_NUM_THREADS="1"),
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def run_month(home: Path, kill_when: str | None = None) -> int:
            server.stdin.write(json.dumps({"home": str(home), "month": MONTH, "kill_when": kill_when}) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield run_month
        server.stdin.close()


def submissions() -> dict[str, bytes]:
    rows = [result("13", "2.1"), result("04", "33.3"), result("13", "8.0", "single_bid_rate"), result("13", "1.03&")]
    return {"五月.csv": results(*rows), "空.csv": b""}


def said(home: Path) -> str:
    return (home / "said.txt").read_text(encoding="utf-8")


def test_runs_killed_at_any_moment_and_run_again_end_where_an_undisturbed_run_does(run: Run, tmp_path: Path) -> None:
    expected, home = tmp_path / "undisturbed", tmp_path / "killed"
    land(expected, "kpi_targets", "2025", {"目標.csv": targets(target("13", "14.3"), target("04", "15.0"))})
    land(expected, "kpi_results", MONTH, submissions())
    shutil.copytree(expected, home)  # times included: when a file was received is part of the data
    assert run(expected, None) == 0, said(expected)
    whole_lake, whole_database = lake_content(expected), database_rows(expected, with_moments=False)
    assert len(whole_lake) > 15
    assert len(whole_database["kpi_facts"]) > 50
    assert len(whole_database["submission_ledger"]) == 3

    states = []
    for trace in TRACES:
        assert run(home, trace) == -signal.SIGKILL, f"{trace} did not appear: {said(home)}"
        found = lake_content(home)
        states.append(len(found))
        assert {name: digest for name, digest in found.items() if whole_lake[name] != digest} == {}
        if trace.startswith("outputs/"):
            assert database_rows(home, with_moments=False) == whole_database
    assert states == sorted(states)
    assert 0 < states[0] < states[1] < states[2] == len(whole_lake)

    assert run(home, None) == 0, said(home)

    assert lake_content(home) == whole_lake
    assert database_rows(home, with_moments=False) == whole_database
    assert output_files(home).keys() == output_files(expected).keys()
    assert list((home / "lake").rglob(".tmp-*")) == []
    assert list((home / "lake").glob(".scratch/*")) == []
    assert list((home / "outputs").rglob(".*.tmp")) == []
