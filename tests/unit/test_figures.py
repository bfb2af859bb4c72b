"""Which number of a figure counts: its counts, its reported value, or nothing."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kpi_samples import figure

from kenpo_pipelines.catalogue.figures import Figure
from kenpo_pipelines.catalogue.model import Kind
from kenpo_pipelines.catalogue.rounding import half_up

COUNTS = st.integers(min_value=0, max_value=10**12)
VALUES = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=4)


@pytest.mark.parametrize(
    ("given_figure", "kind", "expected"),
    [
        (figure(of=("62", "8736")), Kind.RATE, Fraction(6200, 8736)),  # a rate is in percent
        (figure(of=("198", "32")), Kind.MEAN, Fraction(198, 32)),  # a mean is not: 6.1875 days
        (figure(of=("0", "1")), Kind.RATE, Fraction(0)),  # 0 of 1 tender
        (figure(of=("0", "0")), Kind.RATE, None),  # nothing ÷ nothing is no figure
        (figure(of=("5", "0")), Kind.MEAN, None),
        (figure("5", of=("5", "7")), Kind.COUNT, None),  # a count is its value, whatever stands beside it
        (figure("5"), Kind.RATE, None),
        (Figure("2025-06", numerator=Decimal(5)), Kind.RATE, None),
        (Figure("2025-06", denominator=Decimal(5)), Kind.RATE, None),
        (figure(done=True), Kind.QUALITATIVE, None),
    ],
)
def test_quotient_golden(given_figure: Figure, kind: Kind, expected: Fraction | None) -> None:
    assert given_figure.quotient(kind) == expected


# The published figures of Tokyo, 2025-05: 実績値 and its own 分子 ÷ 分母, in percent with one decimal.
@pytest.mark.parametrize(
    ("value", "of", "precision", "disagrees"),
    [
        ("3.4", ("17986", "520357"), 1, True),  # 3.4564… → 3.5
        ("0.1", ("1541", "2545834"), 1, False),  # 0.0605… → 0.1
        ("2.1", ("6853", "330908"), 1, False),  # 2.0709… → 2.1
        ("0.7", ("62", "8736"), 1, False),  # 0.7097… → 0.7
        ("100", ("31973", "31973"), 2, False),
        ("0", ("0", "1"), 1, False),
        ("0.125", ("1", "800"), 2, False),  # both 0.125 → 0.13
        ("0.13", ("1", "800"), 2, False),  # 0.125 → 0.13, half-up
        ("0.12", ("1", "800"), 2, True),  # 0.12 would be rounding half to even
        ("3.46", ("17986", "520357"), 1, False),  # 3.46 → 3.5 and 3.4564… → 3.5: equal as printed
        ("7.0", None, 1, False),  # nothing to disagree with
        ("7.0", ("7", "0"), 1, False),
    ],
)
def test_disagrees_golden(value: str, of: tuple[str, str] | None, precision: int, disagrees: bool) -> None:
    assert figure(value, of=of).disagrees(Kind.RATE, precision) is disagrees


@pytest.mark.parametrize(
    ("given_figure", "kind", "expected"),
    [
        (figure("0.1", of=("1541", "2545834")), Kind.RATE, Fraction(154100, 2545834)),  # agrees: the unrounded quotient
        (figure("3.4", of=("17986", "520357")), Kind.RATE, Fraction("3.4")),  # contradicts itself: as reported
        (figure(of=("17986", "520357")), Kind.RATE, Fraction(1798600, 520357)),
        (figure("57.6"), Kind.RATE, Fraction("57.6")),
        (figure("7.0", of=("7", "0")), Kind.RATE, Fraction(7)),  # zero denominator: as reported
        (figure(of=("7", "0")), Kind.RATE, None),
        (figure(), Kind.RATE, None),
        (figure("1460"), Kind.COUNT, Fraction(1460)),
        (figure(of=("7", "8")), Kind.COUNT, None),
        (figure("6.2", of=("198", "32")), Kind.MEAN, Fraction(198, 32)),  # 6.1875 → 6.2
        (figure("6.1", of=("198", "32")), Kind.MEAN, Fraction("6.1")),
    ],
)
def test_exact_golden(given_figure: Figure, kind: Kind, expected: Fraction | None) -> None:
    assert given_figure.exact(kind, 1) == expected


@settings(max_examples=120, deadline=None)
@given(COUNTS, COUNTS, st.sampled_from([Kind.RATE, Kind.MEAN]), st.integers(0, 3))
def test_counts_alone_give_their_quotient_exactly(numerator: int, denominator: int, kind: Kind, precision: int) -> None:
    exact = Figure("2025-06", numerator=Decimal(numerator), denominator=Decimal(denominator)).exact(kind, precision)
    if denominator == 0:
        assert exact is None
    else:
        assert exact is not None
        assert exact * denominator == numerator * (100 if kind is Kind.RATE else 1)


@settings(max_examples=120, deadline=None)
@given(VALUES, COUNTS, COUNTS, st.sampled_from([Kind.RATE, Kind.MEAN, Kind.COUNT]), st.integers(0, 3))
def test_the_printed_figure_is_always_the_reported_one(
    value: Decimal, numerator: int, denominator: int, kind: Kind, precision: int
) -> None:
    one = Figure("2025-06", value=value, numerator=Decimal(numerator), denominator=Decimal(denominator))
    exact = one.exact(kind, precision)
    assert exact is not None
    assert half_up(exact, precision) == half_up(value, precision)
    if one.disagrees(kind, precision):
        assert exact == Fraction(value)
