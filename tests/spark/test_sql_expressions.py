"""Expressions at random on both engines: the exact macros, casts and divisions, functions of text, orders and windows.

Many cases go into one query, for a query of Spark takes longer than its rows.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jinja2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spark.both_engines import give, on_duckdb, rows_of, told

from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.spark_sql import to_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MACROS = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(
    (CHECKOUT / "dbt_like_sql" / "macros" / "exact.sql").read_text(encoding="utf-8")
)
FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))

decimals = st.decimals(min_value=-(10**14) + 1, max_value=10**14 - 1, places=10)
"""A product of two in tenths of thousand-millionths has at most 38 digits: from there to 2^127 only DuckDB's integers go on."""
ties = st.builds(
    lambda whole, places: Decimal(2 * whole + 1).scaleb(-places) / 2, st.integers(-(10**9), 10**9), st.integers(0, 6)
)
texts = st.text(
    st.one_of(
        st.sampled_from("aAＡｱアｶﾞガ𠮷﨑😀 　0９.,～\\'\"\n\t$[]()"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=8,
)


def macro(name: str, *arguments: str) -> str:
    return str(getattr(MACROS.module, name)(*arguments))


def agree(spark: "SparkSession", sql: str, table: pa.Table) -> None:
    """Assert that the select gives the same rows over the table ``cases`` on both engines."""
    tables = {"cases": table}
    give(spark, tables)
    found = rows_of(spark.sql(to_spark(sql, where="cases")).collect())
    assert told(on_duckdb(sql, tables), found) == ""


def cases(rows: Iterable[tuple[Any, ...]], **types: pa.DataType) -> pa.Table:
    """Return a table of the rows with the number of each."""
    listed = list(rows)
    columns = {name: pa.array([row[place] for row in listed], kind) for place, (name, kind) in enumerate(types.items())}
    return pa.table({"id": pa.array(range(len(listed)), pa.int32()), **columns})


numbers = st.lists(
    st.tuples(
        st.one_of(st.none(), decimals, ties), st.one_of(decimals, ties).map(lambda one: abs(one) + 1), st.integers(0, 6)
    ),
    min_size=60,
    max_size=120,
)


@FEW
@given(rows=numbers)
def test_the_exact_macros(spark: "SparkSession", rows: list[tuple[Any, ...]]) -> None:
    exact = {
        "units": macro("millionths", "n", "d", "cast(100 as hugeint)"),
        "rounded": macro("half_up", "n", "d", "cast(1 as hugeint)", "p"),
        "of_units": macro("of_millionths", "(n // 10000000000)"),
        "shown": macro("printed", "(n // 10000)", "p"),
        "as_amount": macro("amount", "x"),
        "far": macro(
            "is_far", "abs(n // 100000000000)", "abs(d // 100000000000)", "7", "5", "n // 10000000000", "3.5", "0.1"
        ),
        "off": macro("is_off_by", "abs(n)", "x", "case when p > 3 then 'rate' else 'count' end", "p"),
        "quotient": "n // d",
        "rest": "n % d",
        "of_zero": "n // (p - 3)",
        "rest_of_zero": "n % (p - 3)",
        "whole": "cast(trunc(x) as bigint)",
        "nearest": "cast(x as bigint)",
        "one_decimal": "cast(x as decimal(28, 1))",
        "text": "cast(x as varchar)",
        "which_sign": "sign(n) + sign(x)",
        "product": "x * 3",
        "difference": "x - y",
        "smaller": "least(x, y)",
        "doubles": "round(100 * x / y, 1)",
        "per_nothing": "p / (p - 3) > 2",
    }
    listed = ", ".join(f"{sql} as {name}" for name, sql in exact.items())
    sql = f"""
        with prepared as (
            select *, {macro("ten_decimals", "x")} as n, {macro("ten_decimals", "y")} as d from cases
        )
        select id, {listed} from prepared
    """
    agree(spark, sql, cases(rows, x=pa.decimal128(28, 10), y=pa.decimal128(28, 10), p=pa.int32()))


@FEW
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), decimals)), min_size=40, max_size=80))
def test_medians_and_ordered_groups(spark: "SparkSession", rows: list[tuple[Any, ...]]) -> None:
    sql = f"""
        select
            k,
            {macro("twice_the_median", "x")} as twice_median,
            {macro("twice_the_median", "cast(x * 10 as hugeint)")} as of_integers,
            sum(x) as total,
            string_agg(cast(id as varchar), ',' order by x desc, id) as falling,
            string_agg(case when x > 0 then cast(id as varchar) end, '・' order by x nulls first, id desc) as rising,
            string_agg(distinct cast(k + id % 3 as varchar), ',' order by cast(k + id % 3 as varchar) desc) as different,
            count(distinct x) as values_found,
            arg_max(x, id) as newest,
            arg_min(id, x * 1000 + id) as least_of_all,
            bool_and(x is null) as nothing
        from cases
        group by k
    """
    agree(spark, sql, cases(rows, k=pa.int32(), x=pa.decimal128(28, 10)))


@FEW
@given(rows=st.lists(st.tuples(st.one_of(st.none(), texts), texts), min_size=60, max_size=120))
def test_text(spark: "SparkSession", rows: list[tuple[Any, ...]]) -> None:
    sql = r"""
        select
            id,
            substr(t, 2, 3) as part,
            left(t, 2) || '/' || right(t, 2) as ends,
            lpad(t, 5, '〇') as filled,
            length(t) as characters,
            replace(t, 'a', '𠮷') as replaced,
            rtrim(t, '0a') as trimmed,
            split_part(t, '.', 2) as second,
            list_contains(string_split(t, ','), u) as is_listed,
            translate(t, '０９Ａ', '09A') as halfwidth,
            t || u as both,
            regexp_matches(t, '^[^0-9]*$') as no_digits,
            regexp_full_match(t, '.[a-zＡ-Ｚ]?.*') as one_line,
            regexp_matches(t, 'a.?$|[(（].') as at_the_end,
            regexp_extract(t, '([^.]*)[.]([^.]+)', 2) as behind_the_point,
            t like '%a_' as is_like,
            ends_with(t, u) as ends_so,
            t < u as is_before,
            t in ('a', '', u) as is_in,
            t is distinct from u as is_other,
            greatest(t, u) as last_one,
            case t when 'a' then 1 when '' then 2 end as chosen,
            coalesce(t, u, chr(10)) as given
        from cases
    """
    agree(spark, sql, cases(rows, t=pa.string(), u=pa.string()))


@FEW
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.none(), texts), st.one_of(st.none(), st.integers(-3, 3))),
        min_size=40,
        max_size=80,
    )
)
def test_orders_windows_and_choices(spark: "SparkSession", rows: list[tuple[Any, ...]]) -> None:
    sql = """
        select
            id,
            k,
            row_number() over (partition by k order by t, v desc, id) as place,
            rank() over (partition by k order by v) as ranked,
            rank() over (partition by k order by v desc) as ranked_from_above,
            lag(v) over (partition by k order by t desc, id) as before,
            count(*) over (partition by k, v is null) as alike,
            sum(v) over (partition by k order by id) as so_far,
            max(t) over same as last_text,
            k + 1 as next_k,
            next_k * 2 as twice
        from cases
        window same as (partition by k)
        qualify
            row_number() over (partition by next_k, v order by t nulls first, id desc) <= 2
            and (min(v) over same is distinct from v or v is null)
    """
    agree(spark, sql, cases(rows, k=pa.int32(), t=pa.string(), v=pa.int64()))


@FEW
@given(rows=st.lists(st.tuples(st.dates(), st.dates(), st.integers(-40, 40)), min_size=40, max_size=80))
def test_days(spark: "SparkSession", rows: list[tuple[Any, ...]]) -> None:
    sql = """
        select
            id,
            strftime(a, '%Y-%m') as month,
            strftime(a, '%Y-%m-%d') as day,
            date_diff('day', a, b) as days,
            strftime(cast(strftime(b, '%Y-%m') || '-01' as date) + to_months(c), '%Y-%m') as later,
            a + interval '1 month' > b as is_after,
            cast(a as varchar) as written,
            greatest(a, b) as last_day,
            cast(substr(cast(a as varchar), 6, 2) as integer) as month_number
        from cases
        where a >= date '0010-01-01' and b >= date '0010-01-01' and a <= date '9990-01-01' and b <= date '9990-01-01'
    """
    agree(spark, sql, cases(rows, a=pa.date32(), b=pa.date32(), c=pa.int32()))


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ("99999999999999999999999999999999999999", "1"),
        ("99999999999999999999999999999999999999", "7"),
        ("-99999999999999999999999999999999999999", "9223372036854775808"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999998"),
        ("-1", "99999999999999999999999999999999999999"),
        ("-10000000000000000000000000000000000001", "-1000000000000000000"),
    ],
)
def test_integer_division_to_the_last_of_38_digits(spark: "SparkSession", upper: str, lower: str) -> None:
    sql = (
        "select cast(a as hugeint) // cast(b as hugeint) as q, cast(a as hugeint) % cast(b as hugeint) as r from cases"
    )
    agree(spark, sql, cases([(upper, lower)], a=pa.string(), b=pa.string()))


def test_integer_division_of_a_number_with_decimals_raises(spark: "SparkSession") -> None:
    """DuckDB would divide doubles: a column's type is not in the text, so it is seen while the query runs."""
    give(spark, {"cases": cases([(Decimal("7.5"),)], x=pa.decimal128(28, 10))})
    with pytest.raises(Exception, match="// of numbers that are no integers"):
        spark.sql(to_spark("select x // 2 as q from cases", where="cases")).collect()


@pytest.mark.parametrize("expression", ["2147483647 + id", "cast(x as bigint)", "x * x", "cast('a' as integer)"])
def test_what_does_not_fit_raises_on_both(spark: "SparkSession", expression: str) -> None:
    table = cases([(Decimal(0),), (Decimal("9999999999999999999.5"),)], x=pa.decimal128(38, 10))
    sql = f"select {expression} as y from cases"
    with pytest.raises(Exception, match=r"Overflow|overflow|range|Could not|Failed to cast"):
        on_duckdb(sql, {"cases": table})
    give(spark, {"cases": table})
    with pytest.raises(Exception, match="OVERFLOW|OUT_OF_RANGE|CAST_INVALID_INPUT"):
        spark.sql(to_spark(sql, where="cases")).collect()
