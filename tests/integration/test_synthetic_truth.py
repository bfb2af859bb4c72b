"""Synthetic submissions of the nation, run by the pipeline, give the true values of every branch and KPI, to the last unit.

Three months of 47 branches with every kind of dirt, replaced and repeated files; then one branch sends a worse file and is held
back.
"""

import csv
import shutil
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from kenpo_home import settings_of
from short_memory import forgetful

from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.running import MonthRun, MonthRunner
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.synthetic.generate import Written, generate
from kenpo_pipelines.synthetic.plan import DATASETS, Plan
from kenpo_pipelines.synthetic.profile import load_profile

FIRST, MONTH = "2025-07", "2025-09"
MONTHS = ("2025-07", "2025-08", "2025-09")
CLAIMS = 25_000
HELD_BACK = "13"
OF_BENEFITS = {"service_standard_attainment", "service_standard_days", "counter_receipt_rate"}
KPIS = {
    *OF_BENEFITS,
    "claims_assessment_rate",
    "assessed_amount_per_receipt",
    "recovery_rate",
    "checkup_rate_insured",
    "employer_checkup_data_rate",
    "checkup_rate_dependants",
    "guidance_rate_insured",
    "guidance_rate_dependants",
    "untreated_visit_rate_10m",
    "generic_share_volume",
    "generic_share_value",
}

Key = tuple[int, str, str, str]
Fraction = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True)
class World:
    """What was generated, and what the pipeline made of it."""

    home: Path
    written: Written
    truth: dict[Key, Fraction]
    runs: dict[str, MonthRun]
    figures: dict[Key, Fraction]


def computed_figures(home: Path) -> dict[Key, Fraction]:
    """Computed figures as the run of the last month knows them."""
    table = Lake(home / "lake").read("kpis", "kpi_figures", MONTH)
    return {
        (row["fiscal_year"], row["as_of"], row["branch_code"], row["kpi_id"]): (row["numerator"], row["denominator"])
        for row in table.to_pylist()
        if row["source"] == "computed"
    }


def generated(out: Path, first: str, held_back: str | None = None) -> Written:
    plan = Plan(load_profile(), MONTH, first, CLAIMS, 3, Decimal(1), "cp932", held_back)
    catalogue = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
    return generate(plan, load_contracts(CHECKOUT / "expectations"), catalogue, out)


def read_truth(file: Path) -> dict[Key, Fraction]:
    with file.open(encoding="utf-8", newline="") as handle:
        return {
            (int(row["fiscal_year"]), row["as_of"], row["branch_code"], row["kpi_id"]): (
                Decimal(row["numerator"]) if row["numerator"] else None,
                Decimal(row["denominator"]) if row["denominator"] else None,
            )
            for row in csv.DictReader(handle)
        }


def land(out: Path, home: Path) -> None:
    """Copy the submissions with their times, as ``cp -a`` does."""
    for dataset in DATASETS:
        shutil.copytree(out / dataset, home / "landing" / dataset, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three months, all kinds of dirt."""
    base = tmp_path_factory.mktemp("synthetic")
    written = generated(base / "out", FIRST)
    land(base / "out", base / "home")
    runner = MonthRunner(settings_of(forgetful(base / "home")))
    runs = {month: runner.run(month) for month in MONTHS}
    home = base / "home"
    return World(home, written, read_truth(base / "out" / "truth.csv"), runs, computed_figures(home))


def test_truth_covers_every_kpi_of_47_branches_and_the_nation(world: World) -> None:
    branches = Counter(kpi for _, _, _, kpi in world.truth)

    assert set(branches) == KPIS
    assert {count for kpi, count in branches.items() if kpi != "generic_share_value"} == {48}
    assert branches["generic_share_value"] == 1
    assert {(year, as_of) for year, as_of, _, kpi in world.truth if not kpi.startswith("generic")} == {(2025, MONTH)}
    assert {(year, as_of) for year, as_of, _, kpi in world.truth if kpi.startswith("generic")} == {(2025, "2025-06")}


@pytest.mark.parametrize("kpi", sorted(KPIS))
def test_pipeline_equals_truth(world: World, kpi: str) -> None:
    expected = {key: fraction for key, fraction in world.truth.items() if key[3] == kpi}

    assert {key: world.figures.get(key) for key in expected} == expected


def test_nothing_else_is_computed_for_the_month(world: World) -> None:
    as_of = {key[:2] for key in world.truth}

    assert {key for key in world.figures if key[:2] in as_of} == set(world.truth)


@pytest.mark.parametrize("month", MONTHS)
def test_rows_in_are_those_written(world: World, month: str) -> None:
    """Rejected rows are exactly those that were made to be; copies are refused as files."""
    read = [one for one in world.written.files if one.month == month and one.use != "copy"]
    run = world.runs[month]

    assert run.rows_read == sum(one.rows for one in read)
    assert run.rows_rejected == sum(one.rows_rejected for one in read)
    assert run.rows_loaded == run.rows_read - run.rows_rejected
    assert run.files_refused == sum(one.month == month and one.use == "copy" for one in world.written.files)


def test_held_back_branch_takes_the_nation_with_it(world: World, tmp_path: Path) -> None:
    """The branch sends its applications of the last month again, with more than one per cent of faulty rows."""
    generated(tmp_path, MONTH, HELD_BACK)
    (worse,) = (tmp_path / "benefit_decisions" / MONTH).glob(f"synthetic-benefit_decisions-{HELD_BACK}.*")
    shutil.copy(worse, world.home / "landing" / "benefit_decisions" / MONTH / f"again-{worse.name}")  # arrives now
    MonthRunner(settings_of(world.home)).run(MONTH)
    figures, told = computed_figures(world.home), read_truth(tmp_path / "truth.csv")

    empty = {key for key in world.truth if key[2] in ("00", HELD_BACK) and key[3] in OF_BENEFITS}
    assert {key: figures.get(key) for key in world.truth} == world.truth | dict.fromkeys(empty, (None, None))
    assert {key for key, fraction in told.items() if fraction == (None, None)} == empty
