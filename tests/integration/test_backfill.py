"""Months in one process come out as each month run alone, in a process of its own; stopped by Ctrl-C and gone on with, too.

The months are those of fiscal year 2024 with the last of the year before and the first of the year after, so that two year ends
are passed; how many more there are changes nothing but the time (``benchmarks/operations.py`` runs 36). The published figures
arrive spread over the months. What Dagster remembers of runs plays no part here and is kept in memory,
which halves the time; both ways run side by side.
"""

import csv
import io
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kenpo_home import KENPO, environment, kenpo, lake_content, settings_of, workbook_content, write
from month_server import MonthServer
from month_stories import State
from short_memory import forgetful

from kenpo_pipelines import fiscal
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import ScorecardRow, scorecard_rows
from kenpo_pipelines.settings import CHECKOUT

MONTHS = tuple(fiscal.month_range("2024-03", "2025-04"))
FIRST_THREE = MONTHS[:3]
EXAMPLES = CHECKOUT / "examples" / "published"


def land_examples(home: Path) -> None:
    """Put the published figures into landing: each arrives in its month or in one of those after it, if there is one."""
    for name in ("kpi_targets.csv", "kpi_registration_sheet_fy2025.xlsx"):
        write(home / "landing" / "kpi_targets" / "2025" / name, (EXAMPLES / name).read_bytes())
    lines = (EXAMPLES / "kpi_results.csv").read_text(encoding="utf-8-sig").splitlines()
    as_ofs = [row["時点"] for row in csv.DictReader(lines)]
    arrivals: dict[str, list[str]] = {}
    for position, (as_of, line) in enumerate(zip(as_ofs, lines[1:], strict=True)):
        if later := [month for month in MONTHS if month >= as_of]:
            arrivals.setdefault(later[position % len(later)], []).append(line)
    for month, rows in arrivals.items():
        text = io.StringIO()
        text.write("\n".join([lines[0], *rows, ""]))
        write(home / "landing" / "kpi_results" / month / "報告.csv", text.getvalue().encode())


@dataclass(frozen=True)
class Homes:
    """Two installations after all months, and the second one after three."""

    together: Path
    alone: Path
    said: str
    after_three: State


@pytest.fixture(scope="module")
def homes(month_server: MonthServer, month_place: Path) -> Homes:
    together, alone = forgetful(month_place / "together"), forgetful(month_place / "alone")
    land_examples(together)
    shutil.copytree(
        together / "landing", alone / "landing"
    )  # times included: when a file was received is part of the data
    with backfilling(together, MONTHS[0], MONTHS[-1]) as backfill:
        month_server.warm_up(alone, MONTHS[0])
        for month in MONTHS[1:]:
            ended = month_server.run(alone, month)
            assert ended.exitcode == 0, ended.said
            if month == FIRST_THREE[-1]:
                after_three = State.of(alone)
        said = backfill.communicate()[1]
    assert backfill.returncode == 0, said
    return Homes(together, alone, said, after_three)


def backfilling(home: Path, first: str, last: str) -> "subprocess.Popen[str]":
    """Start ``kenpo backfill``."""
    return subprocess.Popen(
        [KENPO, "backfill", "--from", first, "--to", last],
        env=environment(home, OPENBLAS_NUM_THREADS="1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def marks(said: str) -> list[str]:
    """The line of each month: ``✓ 2024-03`` was run, ``= 2024-03`` was current."""
    return [line[:9] for line in said.splitlines() if line[:1] in ("✓", "=")]


def test_every_month_of_a_backfill_is_told_in_order(homes: Homes) -> None:
    assert marks(homes.said) == [f"✓ {month}" for month in MONTHS]


def test_a_backfill_leaves_the_same_lake_as_each_month_alone(homes: Homes) -> None:
    found = lake_content(homes.together)

    assert {name.split("month=")[1][:7] for name in found} == set(MONTHS)
    assert found == lake_content(homes.alone)


def test_a_backfill_publishes_the_same_rows_as_each_month_alone(homes: Homes) -> None:
    found, expected = State.of(homes.together).database, State.of(homes.alone).database

    assert len(found["kpi_facts"]) > len(MONTHS) * 50
    assert found == expected


def test_a_backfill_writes_the_same_workbooks_as_each_month_alone(homes: Homes) -> None:
    found = workbook_content(homes.together)

    assert len(found) > len(MONTHS) * 3
    assert found == workbook_content(homes.alone)


def test_each_fiscal_year_comes_out_by_its_own_catalogue(homes: Homes) -> None:
    engine = connect(settings_of(homes.together).sql_url)

    def of(as_of: str, fiscal_year: int) -> list[ScorecardRow]:
        return [row for row in scorecard_rows(engine, as_of) if row.fiscal_year == fiscal_year]

    ends = {2023: "2024-03", 2024: "2025-03", 2025: MONTHS[-1]}
    kpis = {year: {row.kpi_id for row in of(month, year)} for year, month in ends.items()}
    engine.dispose()

    only_2023 = {"claims_assessment_rate_joint", "recovery_rate_after_loss", "untreated_visit_rate_3m"}
    assert only_2023 <= kpis[2023]
    assert only_2023.isdisjoint(kpis[2024] | kpis[2025])
    since_2024 = {"claims_assessment_rate", "recovery_rate", "untreated_visit_rate_10m"}
    assert since_2024 <= kpis[2024] & kpis[2025]
    assert since_2024.isdisjoint(kpis[2023])
    assert {"generic_share_value", "service_standard_days"} <= kpis[2025] - kpis[2024]
    assert "generic_share_branches_attained" in (kpis[2023] & kpis[2024]) - kpis[2025]


@pytest.fixture
def stopped_home(month_place: Path, homes: Homes) -> Iterator[Path]:
    home = forgetful(month_place / "stopped")
    shutil.copytree(homes.alone / "landing", home / "landing")
    yield home
    shutil.rmtree(home)


def test_a_backfill_stopped_by_ctrl_c_tells_how_to_go_on_and_ends_where_an_undisturbed_one_does(
    stopped_home: Path, homes: Homes
) -> None:
    """Stopped in the middle of the second month: after its first partition, before its publication."""
    with backfilling(stopped_home, FIRST_THREE[0], FIRST_THREE[-1]) as process:
        assert process.stderr is not None
        told = [next(line for line in process.stderr if line.startswith("✓"))]
        trace = f"lake/staging/stg_kpi_results/month={FIRST_THREE[1]}"
        while process.poll() is None and not (stopped_home / trace).exists():
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        told += process.stderr
    assert process.returncode == 1
    said = "".join(told)
    assert marks(said) == [f"✓ {FIRST_THREE[0]}"]
    assert "Stopped.\n" in said
    assert f"  Done:   {FIRST_THREE[0]}\n" in said
    assert f"  Left:   {FIRST_THREE[1]} … {FIRST_THREE[2]} (2 months)\n" in said
    assert "Traceback" not in said
    command = said.rpartition("Go on with: ")[2].strip()

    again = kenpo(stopped_home, *shlex.split(command)[1:])

    assert again.returncode == 0, again.stderr
    assert marks(again.stderr) == [f"✓ {month}" for month in FIRST_THREE[1:]]
    state = State.of(stopped_home)
    assert (state.lake, state.database) == (homes.after_three.lake, homes.after_three.database)
    assert state.workbooks == homes.after_three.workbooks
    current = kenpo(stopped_home, "backfill", "--from", FIRST_THREE[0], "--to", FIRST_THREE[-1])
    assert marks(current.stderr) == [f"= {month}" for month in FIRST_THREE]
