{# Generic test: a count since April is never below that of an earlier month of the fiscal year. It tells falls to the newest month
   that the model has of an item, so that an old fall is not told again every month. #}
{% test no_falling_count(model) %}
with numbered as (
    select
        *,
        lag(item_count) over (partition by fiscal_year, branch_code, area, item order by figure_as_of) as count_before,
        max(figure_as_of) over (partition by fiscal_year, branch_code, area, item) as newest
    from {{ model }}
    where basis in ('cumulative', 'unstated') and item_count is not null
)
select branch_code, fiscal_year, as_of, area, item, figure_as_of, count_before, item_count
from numbered
where figure_as_of = newest and item_count < count_before
{% endtest %}
