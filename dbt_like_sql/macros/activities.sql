{# What a count of activities is, where its file does not say so in 集計: read from the words of its item and printed text.
   level       a state, not a number of events: a total (契約機関総数), places (予約枠), persons due (対象者数)
   cumulative  events since April: 282件（５月分まで）, 4,097件、令和７年６月時点. "2,039人まで" is no period: a month must stand before まで
   month       events of the month: （令和７年４月）, 令和７年４月１日付けで
   unstated    the words tell nothing; the report takes it as since April and says so #}
{% macro basis_of_words(item, printed) -%}
case
    when regexp_matches({{ item }} || {{ printed }}, '総.?数') or regexp_matches({{ item }}, '枠$|対象者数') then 'level'
    when regexp_matches({{ printed }}, '月[^0-9０-９、。]*まで|月末?時点|月末?現在') then 'cumulative'
    when regexp_matches({{ printed }}, '[（(][^（()）]*年[^（()）]*月[)）]|日付け?で') then 'month'
    else 'unstated'
end
{%- endmacro %}
