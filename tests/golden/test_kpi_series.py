"""Series of figures: worked by hand, and random ones against a slow oracle in fractions that shares nothing with the SQL."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
from figure_world import REFERENCE, FigureWorld, Row

from kenpo_pipelines import fiscal

KPIS = REFERENCE["kpis"].to_pandas()
HEAD_COUNTS = {"checkup_rate_insured", "guidance_rate_dependants"}
MONTH, NATION, MIYAGI, TOKYO = "2025-06", "00", "04", "13"
CHECKUPS, COUNTER, COVERAGE, VISITS = (
    *("checkup_rate_insured", "counter_receipt_rate", "committee_coverage_rate", "website_visits"),
)
Point = tuple[int, str, str, str]


@pytest.fixture
def world(tmp_path: Path) -> FigureWorld:
    """An empty world of June 2025."""
    return FigureWorld(tmp_path, MONTH)


def shown(points: list[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(point[name] for name in names) for point in points]


# ---- worked by hand


def test_over_a_head_count_a_month_adds_its_own_part_of_it(world: FigureWorld) -> None:
    world.figure(CHECKUPS, "2025-04", TOKYO, numerator=100, denominator=3000)
    world.figure(CHECKUPS, "2025-05", TOKYO, numerator=250, denominator=3000)
    # 100 ÷ 3,000 = 3.33… %; 250 ÷ 3,000 = 8.33… %; May alone 150 ÷ 3,000 = 5 %
    assert shown(world.series(), "figure_as_of", "value", "month_value", "month_cases") == [
        ("2025-04", Decimal("3.3"), Decimal("3.333333"), Decimal(3000)),
        ("2025-05", Decimal("8.3"), Decimal(5), Decimal(3000)),
    ]


def test_of_a_rate_of_cases_a_month_has_the_rate_of_its_own_cases(world: FigureWorld) -> None:
    world.figure(COUNTER, "2025-04", TOKYO, numerator=30, denominator=200)
    world.figure(COUNTER, "2025-05", TOKYO, numerator=45, denominator=500)
    # 30 ÷ 200 = 15 %; 45 ÷ 500 = 9 %; May alone 15 ÷ 300 = 5 %
    assert shown(world.series(), "value", "month_value", "month_cases") == [
        (Decimal(15), Decimal(15), Decimal(200)),
        (Decimal(9), Decimal(5), Decimal(300)),
    ]


def test_without_the_month_before_there_is_no_number_of_the_month_and_no_cases(world: FigureWorld) -> None:
    world.figure(COUNTER, "2025-06", TOKYO, numerator=45, denominator=500)
    assert shown(world.series(), "value", "month_value", "month_cases") == [(Decimal(9), None, None)]


def test_of_a_count_a_month_has_its_increase_and_no_cases(world: FigureWorld) -> None:
    world.figure(VISITS, "2025-04", NATION, value=10_000_000)
    world.figure(VISITS, "2025-05", NATION, value=25_500_000)
    assert shown(world.series(), "value", "month_value", "month_cases", "numerator") == [
        (Decimal(10_000_000), Decimal(10_000_000), None, None),
        (Decimal(25_500_000), Decimal(15_500_000), None, None),
    ]


def test_a_level_is_its_own_month_and_is_printed_as_its_branch_prints_it(world: FigureWorld) -> None:
    # 57,645 ÷ 100,000 = 57.645 %: 東京 prints two decimals, 宮城 one
    for branch in (MIYAGI, TOKYO):
        world.figure(COVERAGE, MONTH, branch, numerator=57_645, denominator=100_000)
    assert shown(world.series(), "branch_code", "value", "month_value", "month_cases") == [
        (MIYAGI, Decimal("57.6"), Decimal("57.645"), Decimal(100_000)),
        (TOKYO, Decimal("57.65"), Decimal("57.645"), Decimal(100_000)),
    ]


def test_a_figure_is_rounded_once(world: FigureWorld) -> None:
    # 57.6499999996 %; rounded to millionths first, 57.650000 would become 57.7
    world.figure(COVERAGE, MONTH, MIYAGI, numerator=576_499_999_996, denominator=10**12)
    assert shown(world.series(), "value") == [(Decimal("57.6"),)]


def test_a_reported_value_stands_before_its_counts_and_rounds_half_up(world: FigureWorld) -> None:
    world.figure(COVERAGE, MONTH, MIYAGI, numerator=1, denominator=2, value="57.65")
    assert shown(world.series(), "value", "numerator", "source") == [(Decimal("57.7"), Decimal(1), "reported")]


def test_the_series_begins_two_fiscal_years_before_and_ends_with_the_month_run(world: FigureWorld) -> None:
    for month in ("2023-03", "2023-04", "2025-06", "2025-07"):
        world.figure(CHECKUPS, month, TOKYO, value=50, figure_known_month=MONTH)
    assert shown(world.series(), "as_of", "fiscal_year", "figure_as_of") == [
        (MONTH, 2023, "2023-04"),
        (MONTH, 2025, "2025-06"),
    ]


def test_what_is_held_back_or_has_no_number_is_not_in_the_series(world: FigureWorld) -> None:
    world.figure(CHECKUPS, "2025-04", TOKYO, gap="submission_withheld")
    world.figure(CHECKUPS, "2025-05", TOKYO, numerator=5, denominator=0)
    world.figure("biosimilar_outreach", "2025-05", NATION, is_done=True)
    assert world.series() == []


# ---- random figures


def _half_up(number: Fraction, places: int) -> Fraction:
    scaled = abs(number) * 10**places + Fraction(1, 2)
    rounded = Fraction(scaled.numerator // scaled.denominator, 10**places)
    return rounded if number >= 0 else -rounded


def expected(figures: list[Row], month: str) -> dict[Point, dict[str, Fraction | None]]:
    """What the series must hold, one figure at a time."""
    table = pd.DataFrame(figures).merge(KPIS, on=["fiscal_year", "branch_code", "kpi_id"])
    table["period"] = pd.PeriodIndex(table["as_of"], freq="M")
    table["series"] = list(zip(table["kpi_id"], table["branch_code"], table["source"], strict=True))
    table = table[table["gap"].isna()]
    lines = {(row["series"], row["period"]): _numbers(row) for row in table.to_dict("records")}
    last_year = fiscal.fiscal_year_of(month)
    points = {}
    for (series, period), line in lines.items():
        if line["figure"] is None or not last_year - 2 <= line["fiscal_year"] <= last_year or str(period) > month:
            continue
        nothing = dict.fromkeys("ndv", Fraction(0) if period.month == 4 else None)
        before = nothing if period.month == 4 else lines.get((series, period - 1), nothing)
        own, cases = _own_month(line, before)
        points[line["fiscal_year"], series[1], series[0], str(period)] = {
            "value": _half_up(line["figure"], line["precision"]),
            "month_value": None if own is None else _half_up(own, 6),
            "month_cases": None if own is None or line["kind"] == "count" else cases,
        }
    return points


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    given = {short: row[name] for short, name in (("n", "numerator"), ("d", "denominator"), ("v", "value"))}
    numbers = {short: None if pd.isna(value) else Fraction(value) for short, value in given.items()}
    n, d, figure = numbers["n"], numbers["d"], numbers["v"]
    row["scale"] = 100 if row["kind"] == "rate" else 1
    if figure is None and n is not None and d:
        figure = n / d * row["scale"]
    return {**row, **numbers, "figure": figure}


def _own_month(line: dict[str, Any], before: dict[str, Any]) -> tuple[Fraction | None, Fraction | None]:
    if line["accumulation"] != "cumulative":
        return line["figure"], line["d"]
    if line["kind"] == "count":
        has_both = line["v"] is not None and before["v"] is not None
        return (line["v"] - before["v"] if has_both else None), None
    if line["n"] is None or before["n"] is None or not line["d"]:
        return None, None
    part = line["n"] - before["n"]
    if line["kpi_id"] in HEAD_COUNTS:
        return part / line["d"] * line["scale"], line["d"]
    if before["d"] is None or line["d"] <= before["d"]:
        return None, None
    cases = line["d"] - before["d"]
    return part / cases * line["scale"], cases


def random_figures(world: FigureWorld, dice: Random) -> None:
    """Figures of few KPIs and branches, with months lacking, counts lacking, gaps and both sources; ties happen often."""
    kpis = (*HEAD_COUNTS, COUNTER, COVERAGE, "service_standard_days", "assessed_amount_per_receipt", VISITS)
    for kpi_id in (*kpis, "health_declaration_offices", "generic_share_volume"):
        for branch in (NATION,) if kpi_id == VISITS else (NATION, MIYAGI, TOKYO):
            for month in fiscal.month_range("2022-10", "2025-08"):
                if dice.random() < 0.2:
                    continue
                counts = {"numerator": dice.choice([0, 1, 57_645, dice.randrange(10**6)])}
                counts["denominator"] = dice.choice([0, 3, 8, 100_000, 1 + dice.randrange(10**6)])
                value = {"value": Decimal(dice.randrange(10**6)).scaleb(-dice.choice([0, 2, 3, 6]))}
                given = dice.choice([counts, counts, value, counts | value])
                held_back = {"gap": "submission_withheld"} if dice.random() < 0.1 else {"gap": None}
                source = dice.choice(["reported", "reported", "reported", "computed"])
                world.figure(kpi_id, month, branch, **given, **held_back, source=source)


@pytest.mark.parametrize("seed", range(4))
def test_random_figures_give_what_the_oracle_says(world: FigureWorld, seed: int) -> None:
    random_figures(world, Random(seed))
    found = {
        (row["fiscal_year"], row["branch_code"], row["kpi_id"], row["figure_as_of"]): {
            name: None if row[name] is None else Fraction(row[name]) for name in ("value", "month_value", "month_cases")
        }
        for row in world.series()
    }
    wanted = expected(world.figures, MONTH)
    assert len(wanted) > 300
    assert found == wanted
