"""Deviation scores and movers: cases worked by hand, and what must hold of any figures."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo_pipelines.analysis.deviation import deviation_scores
from kenpo_pipelines.analysis.movers import movers

D = Decimal
FIGURES = st.decimals(min_value=0, max_value=10**6, places=2, allow_nan=False, allow_infinity=False)
BRANCHES = st.dictionaries(st.integers(1, 47).map("{:02d}".format), FIGURES, min_size=3, max_size=47)


def test_deviation_scores_worked_by_hand() -> None:
    # mean 5, squares 9 1 1 1 0 0 4 16: SD = √(32 ÷ 8) = 2, so every score is 50 + 5·(x − 5), exact
    values = dict(zip("abcdefgh", map(D, (2, 4, 4, 4, 5, 5, 7, 9)), strict=True))
    scores = deviation_scores(values, higher_is_better=True)
    assert {key: str(score) for key, score in scores.items()} == {
        "a": "35.0", "b": "45.0", "c": "45.0", "d": "45.0", "e": "50.0", "f": "50.0", "g": "60.0", "h": "70.0",
    }  # fmt: skip
    mirrored = deviation_scores(values, higher_is_better=False)
    assert mirrored == {key: 100 - score for key, score in scores.items()}


def test_a_tie_is_rounded_half_up_from_its_exact_value() -> None:
    # ±1, ±439, ±7, ±2, ±85: mean 0 and squares of 400,000 in all, so SD is 200, and 1 scores 50.05 exactly
    halves = [D(one) for one in (1, 439, 7, 2, 85)]
    values = dict(enumerate([*halves, *(-one for one in halves)]))
    scores = deviation_scores({str(index): value for index, value in values.items()}, True)
    assert sum(value * value for value in values.values()) == 10 * 200**2
    assert (scores["0"], scores["5"]) == (D("50.1"), D("50.0"))  # 50.05 and 49.95
    mirrored = deviation_scores({str(index): value for index, value in values.items()}, False)
    assert (mirrored["0"], mirrored["5"]) == (D("50.0"), D("50.1"))


def test_alike_branches_score_fifty_and_few_score_nothing() -> None:
    assert deviation_scores({"01": D("7.7"), "02": D("7.7"), "03": D("7.7")}, True) == dict.fromkeys(
        ("01", "02", "03"), D("50.0")
    )
    assert deviation_scores({"01": D(1), "02": D(2)}, True) == {}
    assert deviation_scores({}, False) == {}


@settings(max_examples=150, deadline=None)
@given(BRANCHES)
def test_deviation_scores_equal_numpy_and_keep_the_order(values: dict[str, D]) -> None:
    scores = deviation_scores(values, higher_is_better=True)
    assert scores.keys() == values.keys()
    array = np.array([float(value) for value in values.values()])
    plain = 50 + 10 * (array - array.mean()) / array.std() if len(set(values.values())) > 1 else array * 0 + 50
    assert all(abs(float(score) - one) <= 0.0501 for score, one in zip(scores.values(), plain, strict=True))
    ordered = sorted(values, key=lambda code: values[code])
    assert [scores[code] for code in ordered] == sorted(scores.values())
    assert abs(sum(scores.values()) / len(scores) - 50) <= D("0.051")


@settings(max_examples=80, deadline=None)
@given(BRANCHES, st.integers(1, 1000), st.integers(-1000, 1000))
def test_deviation_scores_do_not_depend_on_unit_or_origin(values: dict[str, D], factor: int, shift: int) -> None:
    moved = {code: value * factor + shift for code, value in values.items()}
    assert deviation_scores(moved, True) == deviation_scores(values, True)


def _month(kpi: str, figures: list[str]) -> dict[tuple[str, str], D]:
    return {(kpi, f"{code:02d}"): D(figure) for code, figure in enumerate(figures, start=1)}


def test_movers_worked_by_hand() -> None:
    before = _month("rate", ["10", "10", "10", "10", "10"])
    now = _month("rate", ["11", "12", "13", "14", "33"])
    # changes 1 2 3 4 23, median 3; distances 2 1 0 1 20: median 1 × 1.4826; mean 4.8 × 1.2533 = 6.01584 is larger
    (mover,) = movers(before, now)
    assert (mover.branch_code, mover.change, mover.score, mover.is_better) == ("05", D(23), D("3.3"), True)
    assert movers(before, now, lower_is_better={"rate"})[0].is_better is False
    assert movers(before, now, least_score=D("3.4")) == []


def test_no_mover_where_all_moved_alike_or_few_are_there() -> None:
    before = _month("rate", ["1", "2", "3", "4", "5", "6"])
    assert movers(before, {key: value + 7 for key, value in before.items()}) == []
    four = {key: value for key, value in before.items() if key[1] <= "04"}
    assert movers(four, {**four, ("rate", "01"): D(99)}) == []
    # a branch that is new this month has nothing to be compared with
    assert movers(before, {**before, ("rate", "07"): D(99)}) == []


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(FIGURES, FIGURES), min_size=5, max_size=47), st.integers(1, 5))
def test_movers_are_the_largest_and_a_common_rise_changes_nothing(pairs: list[tuple[D, D]], most: int) -> None:
    before = {("k", f"{code:02d}"): one for code, (one, _) in enumerate(pairs, start=1)}
    now = {("k", f"{code:02d}"): one for code, (_, one) in enumerate(pairs, start=1)}
    every = movers(before, now, most=99, least_score=D(0))
    assert movers(before, now, most=most, least_score=D(0)) == every[:most]
    assert [abs(one.score) for one in every] == sorted((abs(one.score) for one in every), reverse=True)
    assert all(one.change == one.now - one.before for one in every)
    risen = movers(before, {key: value + 3 for key, value in now.items()}, most=99, least_score=D(0))
    assert [(one.branch_code, one.score) for one in risen] == [(one.branch_code, one.score) for one in every]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_wild_branch_does_not_hide_itself(sign: int) -> None:
    before = _month("k", ["50"] * 47)
    now = {key: value + (sign * 1000 if key[1] == "13" else int(key[1]) % 3) for key, value in before.items()}
    found = movers(before, now)
    assert [one.branch_code for one in found] == ["13"]
    assert found[0].score * sign > 20
