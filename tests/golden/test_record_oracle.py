"""Figures computed from records against an independent oracle, on generated worlds: every branch, the nation, many months."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pandas as pd
import pytest
from record_lake import RecordLake
from record_oracle import FEEDS, NATION, UNTREATED, Expected, Key, RecordOracle
from record_worlds import Chances, land_month


@dataclass
class World:
    """One generated world: months run, those whose figures are compared, and what was found and expected."""

    seed: int
    branches: tuple[str, ...]
    first: str
    last: str
    compared: tuple[str, ...]
    chances: Chances
    cohort_only_until: str = ""
    """Up to this month only the records of the visit rate of untreated persons are submitted."""
    found: dict[str, dict[Key, Expected]] = field(default_factory=dict)
    expected: dict[str, dict[Key, Expected]] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    lake: RecordLake | None = None


WORLDS = {
    # long enough for the cohort of the year before: check-ups from April 2023, their KPI's March 2025 computed again
    "long": World(
        *(1, ("05", "13"), "2023-04", "2025-07"),
        ("2025-04", "2025-07"),
        Chances(missing=0, held_back=0, replaced=0.1, national=0.1),
        cohort_only_until="2024-03",
    ),
    # everything goes wrong, and the records begin in mid-year
    "unruly": World(
        *(2, ("01", "13", "20", "47"), "2025-02", "2025-10"),
        ("2025-03", "2025-07", "2025-10"),
        Chances(missing=0.1, held_back=0.15, replaced=0.3, national=0.2),
    ),
    # little is lacking, and the nation is added up again when its last branch is there
    "orderly": World(
        *(3, ("02", "31"), "2024-12", "2025-05"),
        ("2025-01", "2025-04", "2025-05"),
        Chances(missing=0.01, held_back=0.02, replaced=0.2, national=0.3),
    ),
}


COHORT_MODELS = ("stg_submissions", "stg_untreated_persons", "fact_condition_visits", "fact_untreated_visits")


def figures_in(lake: RecordLake, month: str) -> dict[Key, Expected]:
    return {
        (row["fiscal_year"], row["as_of"], row["branch_code"], row["kpi_id"]): Expected(
            row["numerator"], row["denominator"], row["gap"]
        )
        for row in lake.rows("kpis", "computed_figures", month)
    }


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    for name, world in WORLDS.items():
        lake = world.lake = RecordLake(tmp_path_factory.mktemp(name), world.branches)
        dice = Random(world.seed)
        names = {row["branch_code"]: row["branch"] for row in lake.reference["branches"].to_pylist()}
        branches = {code: names[code] for code in world.branches}
        bearable = {one.dataset.id: one.dataset.hold_back_above_pct for one in lake.contracts.values()}
        months = [str(month) for month in pd.period_range(world.first, world.last, freq="M")]
        for month in months:
            is_early = month <= world.cohort_only_until
            land_month(lake, month, dice, world.chances, *(FEEDS[UNTREATED] if is_early else ()))
        for month in months:
            if month <= world.cohort_only_until:
                lake.prepare(month, *COHORT_MODELS)
            elif month not in world.compared:
                lake.prepare(month, "staging", "facts", "measures")
            else:
                lake.run(month)
                world.found[month] = figures_in(lake, month)
                world.expected[month] = RecordOracle(lake.files, branches, month, bearable).figures()
    yield WORLDS


CASES = [(name, month) for name, world in WORLDS.items() for month in world.compared]


@pytest.mark.parametrize(("name", "month"), CASES)
def test_every_figure_is_as_the_oracle_says(worlds: dict[str, World], name: str, month: str) -> None:
    found, expected = worlds[name].found[month], worlds[name].expected[month]
    wrong = {
        key: (found.get(key), expected.get(key)) for key in {*found, *expected} if found.get(key) != expected.get(key)
    }
    assert not wrong, f"{len(wrong)} of {len(expected)} figures, (found, expected): {sorted(wrong.items())[:5]}"


def test_the_worlds_are_rich_enough_to_mean_something(worlds: dict[str, World]) -> None:
    figures = [
        (name, month, key, one)
        for name, world in worlds.items()
        for month, of_month in world.expected.items()
        for key, one in of_month.items()
    ]
    for kpi_id in FEEDS:
        told = [one for _, _, key, one in figures if key[3] == kpi_id]
        assert {one.gap is None for one in told} == {True, False}, kpi_id
        nation = [one for _, _, key, one in figures if key[3] == kpi_id and key[2] == NATION and one.gap is None]
        assert any(one.numerator and one.denominator for one in nation), kpi_id
    again = [key for _, month, key, one in figures if key[1] < month and key[1].endswith("-03") and one.gap is None]
    assert {key[3] for key in again} >= {"recovery_rate", "service_standard_attainment", "claims_assessment_rate"}
    assert UNTREATED in {key[3] for key in again}
    assert {"保留" in (one.gap or "") for _, _, _, one in figures} == {True, False}
    assert {"対象者数" in (one.gap or "") for _, _, _, one in figures} == {True, False}


def test_a_month_run_again_after_later_ones_is_what_it_was_to_the_byte(worlds: dict[str, World]) -> None:
    world = worlds["unruly"]
    lake = world.lake
    assert lake is not None
    for month in ("2025-03", "2025-07"):
        before = lake.versions(month)
        lake.run(month)
        assert lake.versions(month) == before
