"""XmR charts and funnels: cases worked by hand, exact binomial tails as the oracle, and what must hold of any figures."""

from decimal import Decimal
from fractions import Fraction
from math import comb

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo_pipelines.analysis.control import xmr
from kenpo_pipelines.analysis.funnel import Where, dispersion, funnel, where

D = Decimal
VALUES = st.lists(st.integers(-20, 20).map(D), min_size=2, max_size=40)


def _values(text: str) -> list[D]:
    return [D(one) for one in text.split()]


def test_xmr_worked_by_hand() -> None:
    chart = xmr(_values("4 6 4 6 4 6 4 6 5 15"))
    assert chart is not None
    # ranges 2 2 2 2 2 2 2 1 10 = 25 over 9; mean 6; 2.66 · 25/9 = 7.3888…
    assert chart.ranges == tuple(map(D, (2, 2, 2, 2, 2, 2, 2, 1, 10)))
    assert chart.centre == 6
    assert chart.upper.quantize(D("0.0001")) == D("13.3889")
    assert chart.lower.quantize(D("0.0001")) == D("-1.3889")
    assert [(one.rule, one.first, one.index) for one in chart.signals] == [("outside", 9, 9)]
    assert chart.signals[0].text == "上側の管理限界を外れています"
    assert not chart.is_provisional


def test_a_point_on_the_limit_is_inside() -> None:
    # mean 0, ranges 1.33 each way … a flat line has limits on itself, and every point lies on them
    chart = xmr([D("3.3")] * 9)
    assert chart is not None
    assert (chart.centre, chart.upper, chart.lower, chart.signals) == (D("3.3"), D("3.3"), D("3.3"), ())


def test_seven_on_one_side_are_a_run_and_six_are_not() -> None:
    chart = xmr(_values("2 5 2 5 2 5 2 9 6 9 6 9 6"))  # seven low, six high; mean 68 ÷ 13 = 5.2…
    assert chart is not None
    assert [(one.rule, one.first, one.index, one.text) for one in chart.signals] == [
        ("run", 0, 6, "7点続けて中心線の下にあります")
    ]


def test_a_point_on_the_centre_ends_a_run() -> None:
    chart = xmr(_values("4 3 4 5 4 3 4 6 7 6 5 6 7 6"))  # mean 5: six below, six above
    assert chart is not None
    assert (chart.centre, chart.signals) == (5, ())


def test_seven_rising_points_are_a_trend_and_equal_ones_break_it() -> None:
    chart = xmr(_values("5 1 2 3 4 5 6 7 6"))
    assert chart is not None
    assert [(one.rule, one.first, one.index, one.text) for one in chart.signals] == [
        ("trend", 1, 7, "7点続けて上昇しています")
    ]
    falling = xmr(_values("7 6 5 4 3 2 1"))
    assert falling is not None
    # (so steady a fall leaves its own limits, too)
    assert [one.text for one in falling.signals if one.rule == "trend"] == [
        "7点続けて下降しています（8点未満のため管理限界は暫定）"
    ]
    assert falling.is_provisional
    broken = xmr(_values("1 2 3 3 4 5 6 5 4"))
    assert broken is not None
    assert [one for one in broken.signals if one.rule == "trend"] == []


def test_fewer_than_two_values_have_no_chart() -> None:
    assert xmr([]) is None
    assert xmr([D(1)]) is None


def _obvious_signals(values: list[D]) -> set[tuple[str, int]]:
    """Every position at which a rule holds, by windows of pandas."""
    frame = pd.Series([float(value) for value in values])
    centre, reach = frame.mean(), 2.66 * frame.diff().abs().mean()
    # Sums of whole numbers are exact, so that a point on the centre is seen as on it.
    side = (frame * len(frame)).sub(frame.sum()).apply(lambda one: (one > 0) - (one < 0))
    step = frame.diff().apply(lambda one: (one > 0) - (one < 0))
    found = {("outside", index) for index in frame.index if abs(frame[index] - centre) > reach + 1e-9}
    for index in frame.index[6:]:
        if abs(side[index - 6 : index + 1].sum()) == 7:
            found.add(("run", index))
        if abs(step[index - 5 : index + 1].sum()) == 6:
            found.add(("trend", index))
    return found


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_xmr_signals_equal_the_obvious_windows(values: list[D]) -> None:
    chart = xmr(values)
    assert chart is not None
    spread_out = {
        (one.rule, index)
        for one in chart.signals
        for index in range(one.first if one.rule == "outside" else one.first + 6, one.index + 1)
    }
    assert spread_out == _obvious_signals(values)
    assert chart.lower <= chart.centre <= chart.upper


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 6)), min_size=1, max_size=8))
def test_steps_of_one_sign_are_found_however_they_are_cut(legs: list[tuple[int, int]]) -> None:
    values = [D(0)]
    for way, length in legs:
        values += [values[-1] + (step if way else -step) for step in range(1, length + 1)]
    chart = xmr(values)
    assert chart is not None
    assert {pair for pair in _obvious_signals(values) if pair[0] == "trend"} == {
        ("trend", index)
        for one in chart.signals
        if one.rule == "trend"
        for index in range(one.first + 6, one.index + 1)
    }


def _tail(counts: range, size: int, rate: Fraction) -> Fraction:
    return sum((comb(size, k) * rate**k * (1 - rate) ** (size - k) for k in counts), Fraction())


def test_funnel_worked_by_hand() -> None:
    # Ten cases at a half: P(≤1) = 11 ÷ 1024 = 0.0107, P(≤2) = 56 ÷ 1024 = 0.0547. The 2.5 % line lies between 1 and 2:
    # 2 − (0.0546875 − 0.025) ÷ (45 ÷ 1024) = 1.32444…; the 0.1 % line: P(0) = 1 ÷ 1024 = 0.00098,
    # 1 − (11/1024 − 0.001) ÷ (10/1024) = 0.0024
    (limit,) = funnel(D(50), [10])
    assert limit.low95 == D("13.2444444444")
    assert limit.high95 == D("86.7555555556")
    assert limit.low998 == D("0.0240000000")
    assert where(1, 10, D(50)) is Where.LOW_95
    assert where(2, 10, D(50)) is Where.INSIDE
    assert where(9, 10, D(50)) is Where.HIGH_95
    assert where(0, 10, D(50)) is Where.LOW_998
    assert where(10, 10, D(50)) is Where.HIGH_998


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 60), st.integers(0, 100), st.data())
def test_where_is_the_exact_tail_and_agrees_with_the_lines(size: int, centre: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, size))
    rate = Fraction(centre, 100)
    at_least, at_most = _tail(range(count, size + 1), size, rate), _tail(range(count + 1), size, rate)
    expected = Where.INSIDE
    for tail, high, low in (("0.025", Where.HIGH_95, Where.LOW_95), ("0.001", Where.HIGH_998, Where.LOW_998)):
        if at_least < Fraction(tail):
            expected = high
        elif at_most < Fraction(tail):
            expected = low
    assert where(count, size, D(centre)) is expected
    (limit,) = funnel(D(centre), [size])
    pct = Fraction(100 * count, size)
    assert (pct > Fraction(limit.high95)) == (expected in (Where.HIGH_95, Where.HIGH_998))
    assert (pct < Fraction(limit.low95)) == (expected in (Where.LOW_95, Where.LOW_998))
    assert (pct > Fraction(limit.high998)) == (expected is Where.HIGH_998)
    assert (pct < Fraction(limit.low998)) == (expected is Where.LOW_998)


@settings(max_examples=80, deadline=None)
@given(st.decimals(min_value=0, max_value=100, places=2), st.lists(st.integers(1, 3_000_000), max_size=8))
def test_limits_are_nested_and_mirrored(centre: D, sizes: list[int]) -> None:
    limits = funnel(centre, sizes)
    mirrored = funnel(100 - centre, sizes)
    assert [limit.size for limit in limits] == sizes
    for limit, other in zip(limits, mirrored, strict=True):
        assert 0 <= limit.low998 <= limit.low95 <= centre <= limit.high95 <= limit.high998 <= 100
        assert abs(limit.high95 - (100 - other.low95)) < D("1e-6")
        assert abs(limit.high998 - (100 - other.low998)) < D("1e-6")


def test_the_funnel_narrows_with_size() -> None:
    limits = funnel(D("14.3"), [200 * step for step in range(1, 200)])
    widths = [limit.high95 - limit.low95 for limit in limits]
    assert widths == sorted(widths, reverse=True)


def test_what_is_no_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="no rate of cases"):
        funnel(D(101), [5])
    with pytest.raises(ValueError, match="has no limits"):
        funnel(D(50), [0])
    with pytest.raises(ValueError, match="11 of 10"):
        where(11, 10, D(50))


def test_dispersion_worked_by_hand() -> None:
    # at a half: (60 − 50)² ÷ 25 = 4 and (50 − 50)² ÷ 25 = 0: √2
    assert dispersion([(60, 100), (50, 100)], D(50)) == D("1.41")
    assert dispersion([], D(50)) is None
    assert dispersion([(0, 5)], D(0)) is None
