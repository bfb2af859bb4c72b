"""Made-up KPI figures of a nation: plausible, reproducible, readable by the contracts, and what is wrong in them is meant."""

from collections import defaultdict
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from synthetic_runs import catalogue, contracts

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Accumulation, Kind
from kenpo_pipelines.catalogue.rounding import half_up
from kenpo_pipelines.submissions.reading import read_submission
from kenpo_pipelines.synthetic.figure_files import (
    CONTRADICTORY,
    CORRECTED,
    CORRECTED_KPIS,
    MISTYPED,
    NEVER_SENT,
    FigureFile,
    corrections,
    result_files,
    target_files,
)
from kenpo_pipelines.synthetic.figure_levels import load_levels
from kenpo_pipelines.synthetic.figures import Figure, figures
from kenpo_pipelines.synthetic.profile import load_profile

FIRST, STOCK, LAST = "2023-04", "2025-03", "2025-06"


@cache
def made() -> tuple[Figure, ...]:
    return tuple(figures(catalogue(), load_profile(), load_levels(), FIRST, LAST))


@cache
def files() -> tuple[FigureFile, ...]:
    years = range(2023, 2026)
    return (*target_files(catalogue(), made(), years), *result_files(catalogue(), made(), STOCK))


def test_the_same_seed_makes_the_same_figures_and_another_does_not() -> None:
    again = figures(catalogue(), load_profile(), load_levels(), FIRST, LAST)
    assert tuple(again) == made()
    other = figures(catalogue(), load_profile(), load_levels(), FIRST, LAST, seed=2)
    assert tuple(other) != made()


def test_every_kpi_in_force_is_reported_by_everybody_who_follows_it() -> None:
    told = {(one.kpi_id, one.branch_code) for one in made() if one.fiscal_year == 2024}
    nation_has_words = {"policy_statements"}
    for branch in catalogue().branches:
        for kpi in catalogue().in_force(2024, branch.code):
            assert (kpi.id, branch.code) in told or kpi.id in nation_has_words, (kpi.id, branch.code)


def test_a_figure_is_its_own_fraction_at_the_printed_precision() -> None:
    for one in made():
        if one.numerator is None or one.denominator is None:
            continue
        version = catalogue().version(one.kpi_id, one.fiscal_year) or catalogue().kpi_by_id[one.kpi_id].versions[0]
        factor = 100 if version.kind is Kind.RATE else 1
        if version.kind is Kind.RATE:
            assert 0 <= one.numerator <= one.denominator
        exact = Decimal(one.numerator) * factor / Decimal(one.denominator)
        assert abs(Decimal(one.value) - exact) <= Decimal(1).scaleb(-version.precision_for(one.branch_code)) / 2


def test_the_nation_is_the_sum_of_its_branches() -> None:
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for one in made():
        if (one.kpi_id, one.as_of) == ("checkup_rate_insured", "2024-03") and one.numerator and one.denominator:
            part = sums[one.branch_code == NATION]
            part[0] += one.numerator
            part[1] += one.denominator
    assert sums[False] == sums[True] != [0, 0]


def test_what_adds_up_over_the_year_never_falls_and_begins_anew_in_april() -> None:
    by_series: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for one in sorted(made(), key=lambda one: one.as_of):
        version = catalogue().version(one.kpi_id, one.fiscal_year)
        if version and version.accumulation is Accumulation.CUMULATIVE and one.numerator is not None:
            by_series[one.kpi_id, one.branch_code, one.fiscal_year].append(one.numerator)
    assert all(counts == sorted(counts) for counts in by_series.values())
    assert len(by_series) > 1_500


def test_branches_differ_in_size_by_thirty() -> None:
    sizes = [
        one.denominator
        for one in made()
        if (one.kpi_id, one.as_of) == ("checkup_rate_insured", "2024-03")
        and one.branch_code != NATION
        and one.denominator
    ]
    assert 25 <= max(sizes) / min(sizes) <= 35


def test_some_cells_are_missing_some_say_none_and_some_come_late() -> None:
    own = [one for one in made() if one.branch_code != NATION and one.known_month > STOCK]
    dashes = sum(one.value == "―" for one in own)
    lag = {kpi.id: kpi.versions[-1].reporting_lag_months[0] for kpi in catalogue().kpis}
    late = sum(one.known_month > fiscal.add_months(one.as_of, lag[one.kpi_id]) for one in own)
    assert 0 < dashes < len(own) * 0.02
    assert len(own) * 0.01 < late < len(own) * 0.10


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing = tmp_path_factory.mktemp("landing")
    for file in files():
        file.write(landing)
    return landing


def test_every_file_is_synthetic_by_name_and_read_without_a_fault(landed: Path) -> None:
    for file in files():
        path = landed / file.dataset / file.folder / file.name
        assert path.name.startswith("synthetic-")
        read = read_submission(path, contracts()[file.dataset], catalogue(), file.folder)
        assert (read.status, read.rows_rejected) == ("loaded", 0), path.name
        assert read.rows_loaded == len(file.rows) - 1


def test_what_goes_wrong_is_what_was_meant() -> None:
    by_month = {(file.folder, file.name) for file in files() if file.dataset == "kpi_results"}
    for month, branch in NEVER_SENT:
        assert (month, f"synthetic-kpi_results-{month}-{branch}.csv") not in by_month
    again = corrections(catalogue(), made())
    assert [(file.folder, file.name[-9:-7]) for file in again] == sorted(CORRECTED)
    assert all(1 < len(file.rows) <= 1 + 2 * len(CORRECTED_KPIS) for file in again)
    rows = [row for file in files() if file.dataset == "kpi_targets" for row in file.rows]
    for year, branch, kpi_id in CONTRADICTORY:
        name = catalogue().kpi_by_id[kpi_id].names.ja
        assert sorted(row[4] for row in rows if row[:2] == (str(year), branch) and row[3] == name) == [
            "対前年度以上",
            "対前年度以下",
        ]
    (((month, branch, kpi_id), wrong_by),) = MISTYPED.items()
    (file,) = (
        file for file in files() if (file.folder, file.name) == (month, f"synthetic-kpi_results-{month}-{branch}.csv")
    )
    (row,) = (row for row in file.rows if row[4] == catalogue().kpi_by_id[kpi_id].names.ja)
    right = half_up(Decimal(row[5]) * 100 / Decimal(row[6]), 1)
    assert Decimal(row[7]) == right - wrong_by
