"""Expected paths and forecasts: cases worked by hand, what must hold of any year, and how often the range holds March."""

from decimal import Decimal
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo_pipelines import fiscal
from kenpo_pipelines.analysis.expected import expected_path
from kenpo_pipelines.analysis.forecast import march_forecast

D = Decimal
T80_1, T80_11 = 3.077683537, 1.363430318  # Student's t, 90 % quantile, from tables
MONTHS = list(fiscal.month_range("2024-04", "2025-03"))
RISING = st.lists(st.integers(0, 10**6), min_size=12, max_size=12).map(sorted)


def _year(first: str, figures: list[D]) -> dict[str, D]:
    return {fiscal.add_months(first, step): figure for step, figure in enumerate(figures)}


def test_expected_path_worked_by_hand() -> None:
    last_year = _year("2024-04", [D(one) for one in (0, 2, 6, 10, 15, 20, 25, 30, 35, 40, 45, 50)])
    path = expected_path(last_year, D("63.1"))
    assert path["2025-04"] == 0
    assert path["2025-05"] == D("2.524")  # 2 ÷ 50 of 63.1
    assert path["2025-09"] == D("25.24")  # 20 ÷ 50 of 63.1
    assert path["2026-03"] == D("63.1")
    assert list(path) == list(fiscal.month_range("2025-04", "2026-03"))


def test_a_rate_that_stands_all_year_has_a_flat_path_at_its_target() -> None:
    last_year = _year("2024-04", [D("99.9"), *[D("100.0")] * 10, D("99.9")])
    assert set(expected_path(last_year, D(100)).values()) == {D(100)}


def test_no_path_without_all_twelve_months_or_a_march() -> None:
    full = _year("2024-04", [D(one) for one in range(1, 13)])
    for month in full:
        assert expected_path({one: figure for one, figure in full.items() if one != month}, D(10)) == {}
    assert expected_path({**full, "2025-03": D(0)}, D(10)) == {}
    assert expected_path({**full, "2024-08": D(-1)}, D(10)) == {}
    assert expected_path({}, D(10)) == {}
    with pytest.raises(ValueError, match="more than one fiscal year"):
        expected_path({**full, "2025-04": D(1)}, D(10))


@settings(max_examples=100, deadline=None)
@given(RISING, st.decimals(min_value="0.1", max_value=100, places=1))
def test_expected_path_keeps_last_years_seasons(figures: list[int], target: D) -> None:
    last_year = _year("2024-04", [D(figure) for figure in figures])
    path = expected_path(last_year, target)
    if figures[-1] == 0:
        assert path == {}
        return
    assert path["2026-03"] == target
    assert list(path.values()) == sorted(path.values())
    # a rate over a fixed head count has the path of its counts
    rates = {month: figure / 1000 for month, figure in last_year.items()}
    assert all(abs(path[m] - one) < D("1e-20") for m, one in expected_path(rates, target).items())


def test_forecast_by_growth_worked_by_hand() -> None:
    values = {
        "2023-06": D(10), "2024-03": D(40),  # × 4
        "2024-06": D(8), "2025-03": D(72),  # × 9
        "2025-06": D(5),
    }  # fmt: skip
    made = march_forecast(values, 2025, accumulates=True, places=3)
    assert made is not None
    # mean of ln 4 and ln 9 is ln 6: 5 × 6 = 30. SD of the logarithms = (ln 9 − ln 4) ÷ √2; margin = t·SD·√(1 + 1/2)
    margin = T80_1 * (log(9) - log(4)) / sqrt(2) * sqrt(1.5)
    assert (made.month, made.value, made.confidence) == ("2026-03", D("30.000"), D("0.80"))
    assert float(made.low) == pytest.approx(30 * exp(-margin), abs=0.001)
    assert float(made.high) == pytest.approx(30 * exp(margin), rel=1e-5)
    assert "80％" in made.method
    assert made.basis == "過去2年（令和５年度・令和６年度）の同じ月からの伸び"


def test_years_that_agree_by_chance_in_one_month_do_not_narrow_the_range() -> None:
    values = {
        "2023-05": D(5), "2023-06": D(10), "2024-03": D(40),
        "2024-05": D(2), "2024-06": D(10), "2025-03": D(40), "2025-06": D(7),
    }  # fmt: skip
    made = march_forecast(values, 2025, accumulates=True, places=1)
    assert made is not None
    # in June both grew fourfold; in May eightfold and twentyfold
    margin = T80_1 * (log(20) - log(8)) / sqrt(2) * sqrt(1.5)
    assert made.value == D("28.0")
    assert float(made.high) == pytest.approx(28 * exp(margin), rel=1e-3)


def test_bounds_hold_the_range() -> None:
    values = {"2023-10": D(20), "2024-03": D(21), "2024-10": D(10), "2025-03": D(90), "2025-10": D(60)}
    made = march_forecast(values, 2025, accumulates=True, places=1, only_grows=True, ceiling=D(100))
    assert made is not None
    assert (made.low, made.high) == (D("60.0"), D("100.0"))


@pytest.mark.parametrize(
    "values",
    [
        {},  # nothing
        {"2023-06": D(1), "2024-03": D(9), "2024-06": D(1), "2025-03": D(9)},  # this year has no figure yet
        {"2024-06": D(1), "2025-03": D(9), "2025-06": D(1)},  # one earlier year
        {"2023-06": D(1), "2024-03": D(9), "2024-06": D(0), "2025-03": D(9), "2025-06": D(1)},  # nothing grew from 0
        {"2023-06": D(1), "2024-03": D(9), "2024-06": D(1), "2025-03": D(9), "2025-06": D(0)},  # still at 0
        {"2023-06": D(1), "2024-03": D(9), "2024-06": D(1), "2025-03": D(9), "2026-03": D(9)},  # March is there
    ],
)
def test_no_forecast_where_none_can_be_made_honestly(values: dict[str, D]) -> None:
    assert march_forecast(values, 2025, accumulates=True, places=1) is None


def test_forecast_of_a_state_worked_by_hand() -> None:
    # twelve changes: +2 and 0 in turn, mean 1, SD² = 12 ÷ 11; from 2025-04 eleven months are left
    figures = [D(100)]
    for step in range(12):
        figures.append(figures[-1] + (2 if step % 2 == 0 else 0))
    made = march_forecast(_year("2024-04", figures), 2025, accumulates=False, places=3)
    assert made is not None
    assert made.value == D("123.000")  # 112 + 11 × 1
    margin = T80_11 * sqrt(12 / 11) * sqrt(11 + 121 / 12)
    assert float(made.high - made.value) == pytest.approx(margin, abs=0.001)
    assert float(made.value - made.low) == pytest.approx(margin, abs=0.001)
    assert made.basis == "これまでの月ごとの変化12回分"


def test_a_state_needs_changes_between_neighbouring_months() -> None:
    quarters = {month: D(5) for month in ("2023-06", "2023-09", "2023-12", "2024-03", "2024-06", "2024-09", "2024-12")}
    assert march_forecast(quarters, 2024, accumulates=False, places=1) is None
    assert march_forecast(_year("2024-04", [D(5)] * 6), 2024, accumulates=False, places=1) is None
    made = march_forecast(_year("2024-04", [D(5)] * 7), 2024, accumulates=False, places=1)
    assert made is not None
    assert (made.low, made.value, made.high) == (D("5.0"), D("5.0"), D("5.0"))


@settings(max_examples=60, deadline=None)
@given(st.lists(RISING, min_size=3, max_size=3), st.integers(1, 11), st.booleans())
def test_a_forecast_lies_in_its_range_and_never_below_what_is_reached(
    years: list[list[int]], reached: int, accumulates: bool
) -> None:
    values: dict[str, D] = {}
    for year, figures in zip((2023, 2024, 2025), years, strict=True):
        values |= _year(f"{year}-04", [D(figure) for figure in (figures if year < 2025 else figures[:reached])])
    made = march_forecast(values, 2025, accumulates=accumulates, places=0, only_grows=True)
    if made is not None:
        assert max(values[month] for month in values if month >= "2025-04") <= made.low <= made.value <= made.high


@pytest.mark.parametrize("accumulates", [True, False])
def test_the_range_holds_march_as_often_as_it_says(accumulates: bool) -> None:
    """Years drawn as the method supposes: at least about eighty of a hundred Marches lie inside."""
    draw = np.random.default_rng(20250602)
    inside, tries = 0, 300
    for _ in range(tries):
        if accumulates:
            growths = np.exp(draw.normal(1.2, 0.2, 3))
            values = {f"{year}-07": D(100) for year in (2023, 2024, 2025)}
            values |= {f"{year + 1}-03": D(f"{100 * growths[index]:.4f}") for index, year in enumerate((2023, 2024))}
            march = 100 * growths[2]
        else:
            walk = 1000 + np.cumsum(draw.normal(3, 5, 24))
            values = _year("2023-07", [D(f"{one:.4f}") for one in walk[:13]])  # up to 2024-07
            march = walk[20]  # 2025-03
        made = march_forecast(values, 2025 if accumulates else 2024, accumulates=accumulates, places=4)
        assert made is not None
        inside += float(made.low) <= march <= float(made.high)
    assert 0.74 * tries <= inside <= 0.87 * tries
