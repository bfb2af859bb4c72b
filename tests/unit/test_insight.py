"""Insights, worked out by hand: way to the target, forecast, deviation score, persons missing, last month's judgement."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from insight_samples import catalogue, climbing, insights_tokyo, points, series_tokyo
from scorecard_samples import row, rows_tokyo

from kenpo_pipelines.scorecards import ScorecardRow, insight_words
from kenpo_pipelines.scorecards.insight import KpiInsight, insights
from kenpo_pipelines.serving.series import SeriesPoint

CHECKUPS, VISITS = "checkup_rate_dependants", "untreated_visit_rate_10m"


def of(kpi_id: str, found: list[KpiInsight]) -> KpiInsight:
    return next(one for one in found if one.row.kpi_id == kpi_id)


def test_there_is_one_for_each_row_of_the_running_year_in_their_order() -> None:
    rows = rows_tokyo()
    found = insights(rows, [], series_tokyo(), catalogue())
    assert [one.row for one in found] == [line for line in rows if line.fiscal_year == 2025]


def test_points_come_by_year_and_month_with_the_same_month_of_last_year() -> None:
    one = of(CHECKUPS, insights(rows_tokyo(), [], reversed(series_tokyo()), catalogue()))
    assert {year: len(shown) for year, shown in one.points.items()} == {2025: 2, 2024: 12, 2023: 12}
    assert [point.value for point in one.points[2025]] == [Decimal("1.4"), Decimal("3.4")]
    assert one.same_month_last_year is not None
    assert (one.same_month_last_year.figure_as_of, one.same_month_last_year.value) == ("2024-05", Decimal("5.4"))


def test_the_expected_path_is_last_years_share_of_the_target() -> None:
    # May 2024 was 5.4 of March's 32.7; of the target 33.6 that is 33.6 × 5.4 ÷ 32.7 = 5.5486…
    one = of(CHECKUPS, insights_tokyo())
    assert one.expected_now is not None
    assert round(one.expected_now, 3) == Decimal("5.549")
    assert one.expected["2026-03"] == Decimal("33.6")


def test_no_path_for_what_should_stay_below_its_target_nor_for_states() -> None:
    falling = climbing("counter_receipt_rate", "2024-04", "2.0")
    rows = [
        replace(line, target=Decimal("1.9"), comparator="<=") if line.target is None else line for line in rows_tokyo()
    ]
    found = insights(rows, [], [*series_tokyo(), *falling], catalogue())
    assert of("counter_receipt_rate", found).expected == {}
    assert of("committee_offices", found).expected == {}


def test_a_kpi_that_was_redefined_is_not_compared_with_what_it_was() -> None:
    # 健康宣言事業所数 was redefined in fiscal year 2024: of three years two are shown.
    offices = points("health_declaration_offices", "2023-04", [str(2500 + 20 * number) for number in range(26)])
    one = of("health_declaration_offices", insights(rows_tokyo(), [], offices, catalogue()))
    assert sorted(one.points) == [2024, 2025]


@pytest.mark.parametrize(
    ("comparator", "target", "outlook"),
    [
        (">=", "10", "reaches"), (">=", "90", "misses"), (">=", "{value}", "open"), (">=", "{low}", "reaches"),
        ("<=", "10", "misses"), ("<=", "90", "reaches"), ("<=", "{high}", "reaches"), ("<=", "{low}", "open"),
    ],
)  # fmt: skip
def test_march_is_held_against_the_target(comparator: str, target: str, outlook: str) -> None:
    forecast = of(VISITS, insights_tokyo()).forecast
    assert forecast is not None
    assert forecast.low < forecast.value < forecast.high
    asked = Decimal(target.format(value=forecast.value, low=forecast.low, high=forecast.high))
    rows = [
        replace(line, target=asked, comparator=comparator) if line.kpi_id == VISITS else line  # type: ignore[arg-type]
        for line in rows_tokyo()
    ]
    assert of(VISITS, insights_tokyo(rows)).outlook == outlook


def test_a_forecast_of_heads_never_falls_below_what_is_reached() -> None:
    one = of(CHECKUPS, insights_tokyo())
    assert one.forecast is not None
    assert Decimal("3.4") <= one.forecast.low <= one.forecast.value <= one.forecast.high <= 100


def test_without_months_there_is_no_forecast_and_no_word_about_march() -> None:
    one = of("recovery_rate", insights_tokyo())
    assert (one.forecast, one.outlook, one.points) == (None, "", {})
    assert insight_words.outlook_label(one) == "―"


TEN = [f"{code:02}" for code in range(1, 11)]
"""Branches whose figures are 1 to 10: mean 5.5, SD √8.25 = 2.8723."""


def ten(kpi_id: str, target: str) -> list[ScorecardRow]:
    return [
        row(kpi_id, target, str(number), branch_code=code, branch=code, figure_as_of="2025-05")
        for number, code in enumerate(TEN, start=1)
    ]


def test_deviation_scores_compare_figures_of_the_same_month_without_the_nation() -> None:
    # 10: 50 + 10 × 4.5 ÷ 2.8723 = 65.7; 6: 50 + 10 × 0.5 ÷ 2.8723 = 51.7. Another month's figure and the nation's are apart.
    others = [
        row("recovery_rate", "53.95", "99", branch_code=code, branch=code, figure_as_of=month)
        for code, month in (("11", "2025-04"), ("00", "2025-05"))
    ]
    found = {
        one.row.branch_code: one.deviation
        for one in insights([*ten("recovery_rate", "53.95"), *others], [], [], catalogue())
    }
    assert (found["01"], found["06"], found["10"]) == (Decimal("34.3"), Decimal("51.7"), Decimal("65.7"))
    assert (found["11"], found["00"]) == (None, None)


def test_less_is_better_where_the_kpi_says_so() -> None:
    scores = [one.deviation for one in insights(ten("single_bid_rate", "15"), [], [], catalogue())]
    assert (scores[0], scores[-1]) == (Decimal("65.7"), Decimal("34.3"))


def test_few_branches_and_counts_have_no_deviation_score() -> None:
    """Nine say more about who is missing; a count tells how large a branch is."""
    counts = [replace(one, kind="count") for one in ten("committee_offices", "100")]
    for rows in (ten("single_bid_rate", "15")[:9], counts):
        assert {one.deviation for one in insights(rows, [], [], catalogue())} == {None}


def test_a_forecast_that_covers_half_of_all_rates_is_not_shown() -> None:
    """From May to March one year grew thirtyfold, the other threefold: nobody knows what this one will do."""
    wild = [
        *points(CHECKUPS, "2023-04", ["0.5", "1.0", *["2.0"] * 9, "30.0"]),
        *points(CHECKUPS, "2024-04", ["5.0", "10.0", *["20.0"] * 9, "30.0"]),
        *points(CHECKUPS, "2025-04", ["2.5", "5.0"]),
    ]
    assert of(CHECKUPS, insights(rows_tokyo(), [], wild, catalogue())).forecast is None
    assert of(CHECKUPS, insights_tokyo()).forecast is not None


def test_missing_persons_follow_the_branchs_own_rounding() -> None:
    # 東京 plans in hundreds: 520,357 × 33.6 % = 174,839.95 → 174,900; 17,986 are done.
    one = of(CHECKUPS, insights_tokyo())
    assert one.remaining == 174_900 - 17_986
    assert insight_words.remaining_label(one) == "あと156,914人"
    assert of("committee_offices", insights_tokyo()).remaining is None


def test_a_rounding_that_nobody_has_printed_is_told_as_assumed() -> None:
    """東京 prints its counts of fiscal year 2025; nobody prints those of 北海道."""
    tokyo = insights_tokyo()
    elsewhere = [replace(one, row=replace(one.row, branch_code="01")) for one in tokyo]
    again = insights([one.row for one in elsewhere], [], [], catalogue())

    assert not any("仮定" in note for note in insight_words.table_footnotes(tokyo))
    assert any("切り上げと仮定" in note for note in insight_words.table_footnotes(again))


def test_changes_of_judgement_are_told_with_missed_ones_first() -> None:
    found = insights_tokyo(committee_offices="not_attained", health_declaration_offices="attained")
    assert [one.row.kpi_id for one in insight_words.changed(found)] == [
        "health_declaration_offices",
        "committee_offices",
    ]
    assert insight_words.change_label(of("committee_offices", found)) == "前月 ×"
    assert insight_words.change_line(found) == (
        "前月（令和７年５月）から：健康宣言事業所数 ○→×、健康保険委員の委嘱事業所数 ×→○"
    )
    assert insight_words.change_line(insights_tokyo()).endswith("判定の変わった指標はありません")


def test_without_a_scorecard_before_of_the_same_year_nothing_is_called_changed() -> None:
    last_year = [
        replace(line, as_of="2025-03", outcome="attained") for line in rows_tokyo() if line.fiscal_year == 2024
    ]
    found = insights(rows_tokyo(), last_year, [], catalogue())
    assert not insight_words.has_previous(found)
    assert insight_words.change_line(found) == ""


def test_the_summary_says_what_the_chart_shows() -> None:
    one = of(CHECKUPS, insights_tokyo())
    assert one.forecast is not None
    assert insight_words.summary(one) == (
        f"５月3.4%（前年同月5.4%、目安5.5%）、３月見込み{one.forecast.value}%（{one.forecast.low}～{one.forecast.high}）"
    )
    assert insight_words.chart_description(one).startswith("被扶養者の特定健診実施率の推移（令和７年度、令和６年度、")
    assert insight_words.summary(of("checkup_rate_insured", insights_tokyo())) == "今年度の実績はまだありません"


@given(st.permutations(series_tokyo()))
def test_the_order_of_the_points_decides_nothing(shuffled: list[SeriesPoint]) -> None:
    assert insights(rows_tokyo(), [], shuffled, catalogue()) == insights(rows_tokyo(), [], series_tokyo(), catalogue())


@given(st.lists(st.decimals("0", "100", places=1), min_size=10, max_size=47))
def test_deviation_scores_keep_the_order_of_the_figures_and_fifty_in_the_middle(values: list[Decimal]) -> None:
    rows = [
        row("recovery_rate", "53.95", str(value), branch_code=f"{code:02d}", branch=str(code), figure_as_of="2025-05")
        for code, value in enumerate(values, start=1)
    ]
    found = insights(rows, [], [], catalogue())
    scores = [one.deviation for one in sorted(found, key=lambda one: one.row.value or 0)]
    assert None not in scores
    assert scores == sorted(scores)  # type: ignore[type-var]
    assert abs(sum(scores) / len(scores) - 50) <= Decimal("0.05")  # type: ignore[arg-type, operator]
