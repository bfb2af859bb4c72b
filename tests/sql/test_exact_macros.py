"""The macros of exact arithmetic, run by DuckDB, against fractions."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from statistics import median

import duckdb
import jinja2
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo_pipelines.catalogue import rounding
from kenpo_pipelines.settings import CHECKOUT

MACROS = (CHECKOUT / "dbt_like_sql" / "macros" / "exact.sql").read_text(encoding="utf-8")
CONNECTION = duckdb.connect()
UNITS = st.integers(-(10**13), 10**13)
TEN_THOUSANDTHS = st.integers(0, 200_000).map(lambda number: Decimal(number) / 10_000)


def rendered(sql: str) -> str:
    """The SQL with its macros, as the runner renders them."""
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(MACROS + sql).render().strip()


FAR = rendered(
    """
with points as (select cast(unnest(?::varchar[]) as hugeint) as x),
middle as (select {{ twice_the_median('x') }} as twice_median from points),
spread as (
    select
        any_value(twice_median) as twice_median,
        {{ twice_the_median('abs(2 * x - twice_median)') }} as spread,
        sum(abs(2 * x - twice_median)) as total,
        count(x) as points
    from points cross join middle
)
select {{ is_far('abs(2 * asked - twice_median)', 'spread', 'total', 'points', 'twice_median', 'z', 'floor_pct') }}
from spread cross join (select cast(? as hugeint) as asked, ?::decimal(9, 4) as z, ?::decimal(9, 4) as floor_pct)
"""
)


def measured(points: list[int]) -> tuple[Fraction, Fraction]:
    """The median, and the larger of the median absolute deviation and 0.84536 of the mean one."""
    middle = Fraction(median(map(Fraction, points)))
    distances = [abs(point - middle) for point in points]
    return middle, max(Fraction(median(distances)), Fraction("0.84536") * sum(distances) / len(points))


@settings(deadline=None)
@given(st.lists(UNITS, min_size=1, max_size=60), UNITS, TEN_THOUSANDTHS, TEN_THOUSANDTHS)
def test_the_robust_z_score_is_exact(points: list[int], asked: int, limit: Decimal, floor_pct: Decimal) -> None:
    middle, deviation = measured(points)
    deviation = max(deviation, abs(middle) * Fraction(floor_pct) / 100)
    expected = deviation > 0 and Fraction("0.6745") * abs(asked - middle) / deviation > Fraction(limit)
    found = CONNECTION.execute(FAR, [[str(point) for point in points], str(asked), limit, floor_pct]).fetchone()
    assert found == (expected,)


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9), st.integers(-9, 9), st.integers(0, 3))
def test_the_robust_z_score_is_exact_where_points_meet(points: list[int], asked: int, limit: int) -> None:
    """Small numbers: equal points, no spread, and distances that are exactly at the limit."""
    middle, deviation = measured(points)
    at_limit = Decimal("0.6745") * limit
    expected = deviation > 0 and abs(asked - middle) > deviation * limit
    found = CONNECTION.execute(FAR, [[str(point) for point in points], str(asked), at_limit, 0]).fetchone()
    assert found == (expected,)


NUMBERS = st.decimals(-(10**12), 10**12, places=10)
QUOTIENT = rendered(
    """
select {{ millionths('n', 'd', 'factor') }}
from (
    select
        {{ ten_decimals('upper_number') }} as n,
        {{ ten_decimals('lower_number') }} as d,
        cast(? as hugeint) as factor
    from (select ?::decimal(28, 10) as upper_number, ?::decimal(28, 10) as lower_number)
)
"""
)


@settings(deadline=None)
@given(NUMBERS, st.decimals("0.0000000001", 10**12, places=10), st.sampled_from([1, 100]))
def test_quotients_are_rounded_half_up_from_the_exact_one(upper: Decimal, lower: Decimal, factor: int) -> None:
    exact = abs(Fraction(upper) / Fraction(lower)) * factor * 10**6
    expected = int(exact + Fraction(1, 2)) * (-1 if upper < 0 else 1)
    assert CONNECTION.execute(QUOTIENT, [factor, upper, lower]).fetchone() == (expected,)


PRINTED = rendered(
    "select {% for p in range(7) %}{{ printed('x', p) }}, {% endfor %} from (select cast(? as hugeint) as x)"
)


@settings(deadline=None)
@given(UNITS)
def test_millionths_are_printed_as_people_write_them(units: int) -> None:
    printed = CONNECTION.execute(PRINTED, [str(units)]).fetchone()
    exact = Decimal(units) / 10**6
    places = [exact.quantize(Decimal(1).scaleb(-place), ROUND_HALF_UP) for place in range(7)]
    assert printed == tuple(f"{'-' if units < 0 else ''}{abs(number):,f}" for number in places)


AMOUNT = rendered("select {{ amount('x') }} from (select ?::decimal(28, 10) as x)")


@settings(deadline=None)
@given(st.decimals(0, 10**15, places=10))
def test_amounts_have_thousands_apart_and_no_idle_decimals(number: Decimal) -> None:
    whole, _, decimals = f"{number:,f}".partition(".")
    decimals = decimals.rstrip("0")
    found = CONNECTION.execute(AMOUNT, [number]).fetchone()
    assert found == (f"{whole}.{decimals}" if decimals else whole,)


ROUNDED = rendered(
    """
select {{ half_up('upper', 'lower', 'factor', 'decimals') }}
from (
    select
        {{ ten_decimals('?::decimal(28, 10)') }} as upper,
        {{ ten_decimals('?::decimal(28, 10)') }} as lower,
        cast(?::varchar as hugeint) as factor,
        ?::integer as decimals
)
"""
)
AMOUNTS = st.decimals(min_value=0, max_value=10**13, places=2)


@settings(deadline=None)
@given(
    AMOUNTS | st.integers(-(10**6), 10**6).map(Decimal),
    AMOUNTS.filter(bool),
    st.sampled_from([1, 100]),
    st.integers(0, 6),
)
def test_a_quotient_is_rounded_once_and_half_up(upper: Decimal, lower: Decimal, factor: int, decimals: int) -> None:
    exact = Fraction(upper) / Fraction(lower) * factor
    if abs(exact) >= 10**17:  # beyond what a decimal(28,10) holds
        return
    found = CONNECTION.execute(ROUNDED, [upper, lower, str(factor), decimals]).fetchone()
    assert found == (rounding.half_up(exact, decimals),)


@settings(deadline=None)
@given(UNITS)
def test_millionths_become_the_number_that_they_are(units: int) -> None:
    query = rendered("select {{ of_millionths('cast(?::varchar as decimal(38, 0))') }}")
    assert CONNECTION.execute(query, [str(units)]).fetchone() == (Decimal(units).scaleb(-6),)
