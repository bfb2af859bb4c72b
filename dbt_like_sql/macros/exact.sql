{# Exact numbers. DuckDB divides decimals as doubles, which misses ties; integers (hugeint) are divided exactly by //. #}
{# A number as the integer of its ten decimals. #}
{% macro ten_decimals(number) -%}
cast(replace(cast(cast({{ number }} as decimal(28, 10)) as varchar), '.', '') as hugeint)
{%- endmacro %}
{# The quotient of two such integers (the lower one above 0) times a factor, in millionths, rounded half-up. #}
{% macro millionths(upper, lower, factor) -%}
(sign({{ upper }}) * ((2000000 * abs({{ upper }}) * {{ factor }} + {{ lower }}) // (2 * {{ lower }})))
{%- endmacro %}
{# The same quotient rounded half-up to so many decimals, at most six, as a decimal(28,10): rounded once and never by way of
   doubles, for decimals multiplied stay exact. #}
{% macro half_up(upper, lower, factor, decimals) -%}
cast(
    cast(
        sign({{ upper }})
        * ((
            2 * list_extract([1, 10, 100, 1000, 10000, 100000, 1000000], {{ decimals }} + 1) * abs({{ upper }}) * {{ factor }}
            + {{ lower }}
        ) // (2 * {{ lower }}))
        * list_extract(
            [10000000000, 1000000000, 100000000, 10000000, 1000000, 100000, 10000], {{ decimals }} + 1
        ) as decimal(28, 0)
    ) * cast(0.0000000001 as decimal(10, 10)) as decimal(28, 10)
)
{%- endmacro %}
{# Millionths as the number that they are, a decimal(28,10). #}
{% macro of_millionths(millionths) -%}
cast(cast({{ millionths }} as decimal(24, 0)) * cast(0.000001 as decimal(6, 6)) as decimal(28, 10))
{%- endmacro %}
{# Twice the median of what a group has: the sum of the two middle values, which is exact. #}
{% macro twice_the_median(number) -%}
(
    list({{ number }} order by {{ number }} nulls last)[(count({{ number }}) + 1) // 2]
    + list({{ number }} order by {{ number }} nulls last)[(count({{ number }}) + 2) // 2]
)
{%- endmacro %}
{# True when the robust z-score 0.6745 · |x − median| ÷ deviation is above a limit. The deviation is the largest of the median
   absolute deviation, 0.84536 (= 0.6745 · √(π/2)) of the mean absolute deviation, and floor_pct per cent of the median: where
   half of the points are alike, the others are not outliers for that alone. Never where all three are 0. distance is
   |2x − 2 median|, spread twice the median of these distances, total their sum over so many points. Everything in integers, the
   deviation 4,000,000 times the number of points: limit and floor have at most four decimals. #}
{% macro is_far(distance, spread, total, points, twice_median, limit, floor_pct) -%}
(
    {% set deviation -%}
    greatest(
        1000000 * {{ spread }} * {{ points }},
        1690720 * {{ total }},
        2 * cast({{ floor_pct }} * 10000 as hugeint) * abs({{ twice_median }}) * {{ points }}
    )
    {%- endset %}
    {{ deviation }} > 0
    and cast(13490000000 as hugeint) * {{ distance }} * {{ points }} > cast({{ limit }} * 10000 as hugeint) * {{ deviation }}
)
{%- endmacro %}
{# True when a distance |2x − 2 median| comes to at least so many cases: of 600 persons one per cent is six, a count is cases
   itself. True where the cases are unknown. #}
{% macro is_off_by(distance, cases, kind, least) -%}
coalesce(
    {{ distance }} * case {{ kind }} when 'count' then cast(1 as hugeint) else cast(trunc({{ cases }}) as hugeint) end
    >= 2000000 * case {{ kind }} when 'rate' then 100 else 1 end * cast({{ least }} as hugeint),
    true
)
{%- endmacro %}
{# A number of millionths as people read it, rounded half-up to so many decimals. #}
{% macro printed(millionths, decimals) -%}
(
    case when {{ millionths }} < 0 then '-' else '' end
    || format(
        '{:,}',
        cast(
            (2 * abs({{ millionths }}) * list_extract([1, 10, 100, 1000, 10000, 100000, 1000000], {{ decimals }} + 1) + 1000000)
            // 2000000 // list_extract([1, 10, 100, 1000, 10000, 100000, 1000000], {{ decimals }} + 1) as bigint
        )
    )
    || case
        when {{ decimals }} = 0 then ''
        else
            '.' || lpad(
                cast(
                    (
                        2 * abs({{ millionths }})
                        * list_extract([1, 10, 100, 1000, 10000, 100000, 1000000], {{ decimals }} + 1) + 1000000
                    ) // 2000000
                    % list_extract([1, 10, 100, 1000, 10000, 100000, 1000000], {{ decimals }} + 1) as varchar
                ),
                {{ decimals }}, '0'
            )
    end
)
{%- endmacro %}
{# An amount as people read it: thousands apart, no decimals that say nothing. #}
{% macro amount(number) -%}
(
    format('{:,}', cast(trunc({{ number }}) as bigint))
    || case
        when {{ number }} = trunc({{ number }}) then ''
        else regexp_extract(rtrim(cast({{ number }} as varchar), '0'), '[.][0-9]+$')
    end
)
{%- endmacro %}
