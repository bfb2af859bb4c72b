"""Rounding half-up at the printed precision, against hand-worked cases, the decimal module and integers."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo_pipelines.catalogue.rounding import half_up, plain, printed

FRACTIONS = st.fractions(min_value=-(10**12), max_value=10**12, max_denominator=10**9)
DECIMALS = st.decimals(min_value=-(10**15), max_value=10**15, allow_nan=False, allow_infinity=False, places=10)
PLACES = st.integers(min_value=0, max_value=6)


@pytest.mark.parametrize(
    ("number", "places", "expected"),
    [
        # the service standard: half-up at the third decimal of the percentage
        (Fraction("99.995"), 2, "100.00"),  # 99.995 is exactly half-way between 99.99 and 100.00
        (Fraction("99.9949"), 2, "99.99"),  # a first step to 99.995 and a second to 100.00 would be wrong
        (Fraction("99.994999999"), 2, "99.99"),
        (Fraction(19999, 20000) * 100, 2, "100.00"),  # 19,999 ÷ 20,000 = 99.995 %
        (Fraction(19998, 20000) * 100, 2, "99.99"),  # 99.990 %
        (Fraction(999949, 1000000) * 100, 2, "99.99"),  # 99.9949 %
        # the other printed precisions of the catalogue
        (Fraction(17986, 520357) * 100, 1, "3.5"),  # 3.4564…: Tokyo prints 3.4
        (Fraction(1541, 2545834) * 100, 1, "0.1"),  # 0.0605…
        (Decimal("79.95"), 1, "80.0"),
        (Decimal("79.94"), 1, "79.9"),
        (Decimal("0.0765"), 3, "0.077"),
        (Decimal("15002.5"), 0, "15003"),
        # half away from zero, never to the even neighbour
        (Decimal("0.5"), 0, "1"),
        (Decimal("1.5"), 0, "2"),
        (Decimal("2.5"), 0, "3"),
        (Decimal("0.125"), 2, "0.13"),
        (Decimal("-0.05"), 1, "-0.1"),
        (Decimal("-2.5"), 0, "-3"),
        (Decimal("-0.04"), 1, "0.0"),  # and not "-0.0"
        # no exact decimal exists
        (Fraction(1, 3), 2, "0.33"),
        (Fraction(2, 3), 2, "0.67"),
        (Fraction(1, 7), 6, "0.142857"),
        # whole numbers get their decimals
        (7, 2, "7.00"),
        (0, 3, "0.000"),
        # more digits than the decimal module's default context (28) keeps
        (Decimal("123456789012345678901234567890.5"), 0, "123456789012345678901234567891"),
    ],
)
def test_half_up_golden(number: Fraction | Decimal | int, places: int, expected: str) -> None:
    assert str(half_up(number, places)) == expected


@settings(max_examples=120, deadline=None)
@given(DECIMALS, PLACES)
def test_half_up_equals_the_decimal_module(number: Decimal, places: int) -> None:
    with localcontext(prec=80):
        expected = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    assert half_up(number, places) == expected


@settings(max_examples=120, deadline=None)
@given(FRACTIONS, PLACES)
def test_half_up_equals_long_division_of_integers(number: Fraction, places: int) -> None:
    whole, rest = divmod(abs(number.numerator) * 10**places, number.denominator)
    if rest * 2 >= number.denominator:
        whole += 1
    assert int(half_up(number, places).scaleb(places)) == (whole if number >= 0 else -whole)


@settings(max_examples=120, deadline=None)
@given(st.integers(min_value=-(10**9), max_value=10**9), PLACES)
def test_a_half_always_goes_away_from_zero(whole: int, places: int) -> None:
    half = Fraction(2 * whole + 1, 2) / 10**places
    away = whole + 1 if half > 0 else whole
    assert half_up(half, places) == Decimal(away).scaleb(-places)


@settings(max_examples=120, deadline=None)
@given(FRACTIONS, PLACES)
def test_rounding_twice_changes_nothing(number: Fraction, places: int) -> None:
    once = half_up(number, places)
    assert half_up(once, places) == once


@settings(max_examples=120, deadline=None)
@given(FRACTIONS, FRACTIONS, PLACES)
def test_rounding_keeps_the_order(one: Fraction, other: Fraction, places: int) -> None:
    low, high = sorted((one, other))
    assert half_up(low, places) <= half_up(high, places)


@settings(max_examples=120, deadline=None)
@given(FRACTIONS, PLACES)
def test_rounding_moves_at_most_half_a_unit_and_mirrors_at_zero(number: Fraction, places: int) -> None:
    rounded = half_up(number, places)
    assert abs(Fraction(rounded) - number) * 2 * 10**places <= 1
    assert half_up(-number, places) == -rounded
    assert rounded.as_tuple().exponent == -places


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("1460.0000000000", "1460"),
        ("0.5760", "0.576"),
        ("100", "100"),
        ("0.0", "0"),
        ("-2.50", "-2.5"),
        ("1E+3", "1000"),
        ("2545834.0000000000", "2545834"),
    ],
)
def test_plain_golden(number: str, expected: str) -> None:
    assert plain(Decimal(number)) == expected


@pytest.mark.parametrize(
    ("number", "precision", "unit", "expected"),
    [
        ("99.9", 2, "%", "99.90%"),  # 協会全体 prints 99.9, judged with two decimals
        ("1460", 0, "事業所", "1,460事業所"),
        ("137000000", 0, "件", "137,000,000件"),
        ("0.069", 3, "%", "0.069%"),
        ("6.18", 2, "日", "6.18日"),
        ("-1234.5", 0, "円", "-1,235円"),
        ("57.65", 1, "%", "57.7%"),
        ("0", 0, "", "0"),
    ],
)
def test_printed_golden(number: str, precision: int, unit: str, expected: str) -> None:
    assert printed(Decimal(number), precision, unit) == expected


@settings(max_examples=120, deadline=None)
@given(DECIMALS, PLACES)
def test_what_is_printed_reads_back_as_the_rounded_number(number: Decimal, places: int) -> None:
    assert Decimal(printed(number, places, "件").removesuffix("件").replace(",", "")) == half_up(number, places)
