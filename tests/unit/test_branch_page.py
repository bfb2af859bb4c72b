"""The branch page: its content against the rows, charts, text that stays text, size, and the same bytes for the same input."""

import re
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from insight_samples import insights_tokyo
from page_reading import Element, read_page
from scorecard_samples import AS_OF_2023, provenance, rows_2023, rows_tokyo

from kenpo_pipelines.scorecards import ScorecardError, ScorecardRow, SubmissionSource
from kenpo_pipelines.scorecards.insight import KpiInsight
from kenpo_pipelines.scorecards.pages.branch_page import branch_page
from kenpo_pipelines.scorecards.pages.run_chart import RunChart, run_chart

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>=cmd|' /C calc'!A0"
CHECKUPS, VISITS, OFFICES = "checkup_rate_dependants", "untreated_visit_rate_10m", "committee_offices"
CHANGED = {OFFICES: "not_attained", "health_declaration_offices": "attained"}


def page_of(rows: list[ScorecardRow], found: list[KpiInsight] | None = None, **changes: Any) -> bytes:
    return branch_page(rows, insights_tokyo(rows, **CHANGED) if found is None else found, provenance(**changes))


@cache
def tokyo() -> Element:
    return read_page(page_of(rows_tokyo()))


def lines(page: Element) -> dict[str, dict[str, str]]:
    """Cells of the first table by KPI and label."""
    table = page.all("table", class_="kpis")[0]
    return {
        line.all("th", class_="kpi")[0].text: {
            str(cell.attributes["data-label"]): cell.text for cell in line.all("td", role="cell")
        }
        for line in table.all("tr")
        if line.all("th", class_="kpi")
    }


def test_the_head_line_counts_outcomes_and_tells_what_changed() -> None:
    assert [tile.text for tile in tokyo().all("li", class_="tile")] == ["○ 達成 6", "× 未達成 9", "― 判定不能 4"]
    (news,) = tokyo().all("dl", class_="news")
    assert "令和７年５月 から、2指標の判定が変わりました。".replace(" ", "") in news.text.replace(" ", "")
    assert [item.text for item in news.all("li")[:2]] == [
        "健康宣言事業所数 ○ 達成 → × 未達成", "健康保険委員の委嘱事業所数 × 未達成 → ○ 達成",
    ]  # fmt: skip


def test_every_kpi_stands_with_its_figures_in_the_table() -> None:
    found = lines(tokyo())
    assert len(found) == 19
    checkups = found["被扶養者の特定健診実施率"]
    assert checkups["目標"] == "33.6%以上"
    assert checkups["実績"] == "※3.4% ５月 速報"
    assert checkups["判定"] == "× 未達成"
    assert checkups["対計画値"] == "10.1%"
    assert checkups["前年度実績"] == "32.7%"
    assert checkups["残り件数"] == "あと156,914人"
    assert "一致しません" in checkups["備考"]
    assert found["健康保険委員の委嘱事業所数"]["判定"] == "○ 達成 前月 ×"
    assert found["生活習慣病予防健診実施率"]["実績"] == "―"
    assert found["SNS（LINE公式アカウント）による毎月の情報発信"]["実績"] == "実施 ６月 速報"


def test_groups_come_in_their_order() -> None:
    groups = [line.text for line in tokyo().all("table", class_="kpis")[0].all("tr", class_="group")]
    assert groups == ["基盤的保険者機能", "戦略的保険者機能", "組織・運営体制"]


def test_earlier_years_follow_in_compact_tables() -> None:
    (older,) = tokyo().all("table", class_="compact")
    assert len(older.all("th", class_="kpi")) == sum(line.fiscal_year == 2024 for line in rows_tokyo())
    assert "令和６年度 KPI実績（令和７年３月時点）" in [head.text for head in tokyo().all("h2")]


def test_a_chart_says_in_words_what_it_shows_and_holds_its_numbers_in_a_table() -> None:
    (figure,) = tokyo().all("figure", id=f"c-{CHECKUPS}")
    (drawn,) = figure.all("svg")
    heard = drawn.attributes["aria-label"] or ""
    assert drawn.attributes["role"] == "img"
    assert heard.startswith("被扶養者の特定健診実施率の推移（令和７年度、令和６年度、令和５年度、単位%）。")
    assert "５月3.4%（前年同月5.4%、目安5.5%）" in heard
    assert heard.endswith("、目標33.6%。")
    assert [head.text for head in figure.all("thead")[0].all("th")] == [
        "月",
        "令和７年度",
        "令和６年度",
        "令和５年度",
        "目安",
    ]
    body = [
        [cell.text for cell in line.children if isinstance(cell, Element)] for line in figure.all("tbody")[0].all("tr")
    ]
    assert len(body) == 12
    assert body[1] == ["５月", "3.4", "5.4", "5.0", "5.5"]
    assert body[2][:3] == ["６月", "―", "8.2"]
    assert "予測区間（t分布）" in figure.all("details")[0].text
    texts = [text.text for text in drawn.all("text")]
    assert texts[0] == "（%）"
    assert "（月）" in texts
    assert "目標 33.6" in texts


def test_kpis_without_two_figures_say_so_in_a_line() -> None:
    drawn = {str(figure.attributes["id"]) for figure in tokyo().all("figure")}
    assert drawn == {f"c-{kpi_id}" for kpi_id in (CHECKUPS, VISITS, OFFICES)}
    said = {
        str(one.attributes["id"]): (one.text, line.text)
        for listed in tokyo().all("ul", class_="without")
        for line in listed.all("li")
        for one in line.all("span")
    }
    name, line = said["c-recovery_rate"]
    assert name == "返納金債権（診療報酬返還金（不当請求）を除く）の回収率（32.07%）"
    assert line.startswith("月ごとの実績が２つ未満のため、推移を描けません：")
    assert said["c-line_monthly_posts"][1].startswith("数値の実績がない指標です：")
    assert len(drawn) + len(said) == 19


def test_every_link_has_its_place_on_the_page() -> None:
    rows = [replace(line, flags="確認が必要") if line.kpi_id == OFFICES else line for line in rows_tokyo()]
    page = read_page(page_of(rows))
    ids = [str(one.attributes["id"]) for one in page.all("*") if one.attributes.get("id")]
    assert len(ids) == len(set(ids))
    links = {str(link.attributes["href"]) for link in page.all("a")}
    assert f"#f-{OFFICES}" in links
    assert links <= {f"#{name}" for name in ids}


def test_without_insights_the_page_has_the_judged_table_and_no_promise() -> None:
    rows = [line for line in rows_2023() if line.branch_code == "04"]
    page = read_page(branch_page(rows, [], provenance(AS_OF_2023)))
    assert [tile.text for tile in page.all("li", class_="tile")] == ["○ 達成 11", "× 未達成 8", "― 判定不能 0"]
    assert page.all("figure") == []
    assert "比べられる前月の帳票がありません。" in page.text
    assert {cells["３月見込み"] for cells in lines(page).values()} == {"―"}


def test_synthetic_data_are_named() -> None:
    synthetic = SubmissionSource(
        "kpi_results", "2025-06", "s.csv", "ab" * 32, "2025-07-01T00:00:00Z", "synthetic", 9, 8, 1
    )
    (banner,) = read_page(page_of(rows_tokyo(), submissions=(synthetic,))).all("p", class_="banner")
    assert banner.text.startswith("【合成データ】")
    assert "synthetic" in str(banner.attributes["class"])


def test_text_from_submissions_stays_text() -> None:
    rows = [
        replace(line, branch=HOSTILE, kpi=f"{HOSTILE} {line.kpi_id}", kpi_group=HOSTILE, unit="<b>", notes=HOSTILE,
                reason_text=HOSTILE, flags=HOSTILE, target_text=HOSTILE, value_text=HOSTILE, prior_value_text=HOSTILE)
        for line in rows_tokyo()
    ]  # fmt: skip
    source = replace(provenance().submissions[0], file=HOSTILE)
    page = page_of(rows, submissions=(source,))
    root = read_page(page)
    assert root.all("script") == root.all("img") == root.all("b", onerror="alert(2)") == []
    assert b"<script" not in page
    assert all(not name.startswith("on") for one in root.all("*") for name in one.attributes)
    assert root.all("h1")[0].text.startswith("<script>alert(1)</script>")
    assert root.all("title")[0].text.startswith("<script>alert(1)</script>")


def test_nothing_is_fetched_from_anywhere() -> None:
    page = page_of(rows_tokyo())
    root = read_page(page)
    fetched = {
        one.attributes.get(name) for one in root.all("*") for name in ("src", "href", "data", "action", "xlink:href")
    }
    assert {str(link) for link in fetched if link and not link.startswith("#")} == {"data:,"}
    assert b"url(" not in page and b"@import" not in page
    (policy,) = root.all("meta", http_equiv="Content-Security-Policy")
    assert str(policy.attributes["content"]).startswith("default-src 'none'")


def test_the_same_input_makes_the_same_bytes_and_few_of_them() -> None:
    page = page_of(rows_tokyo())
    assert page == page_of(rows_tokyo())
    assert len(page) < 300_000


def test_rows_of_several_branches_or_of_another_month_are_refused() -> None:
    with pytest.raises(ScorecardError, match="more than one branch"):
        branch_page(rows_2023(), [], provenance(AS_OF_2023))
    with pytest.raises(ScorecardError, match="as of 2025-06, the provenance as of 2024-03"):
        branch_page(rows_tokyo(), [], provenance(AS_OF_2023))


# ---- the run chart


def chart_of(kpi_id: str, found: list[KpiInsight] | None = None) -> RunChart:
    chart = run_chart(next(one for one in found or insights_tokyo() if one.row.kpi_id == kpi_id))
    assert chart is not None
    return chart


def test_places_are_worked_out_from_the_scale() -> None:
    # Committee offices: 12,500 … 12,978 and the target 12,680 need a little room above: 12,400 to 13,200.
    chart = chart_of(OFFICES)
    assert [tick.text for tick in chart.ticks] == ["12,400", "12,600", "12,800", "13,000", "13,200"]
    assert [tick.y for tick in chart.ticks] == [145, 113.8, 82.5, 51.2, 20]
    assert chart.target_y == round(145 - 280 / 800 * 125, 1)
    last, now = chart.lines
    assert (last.kind, [place.x for place in last.places]) == ("last", [251.8, 272])
    assert (now.kind, [place.x for place in now.places]) == ("now", [50, 70.2])
    assert now.places[0].text == "令和７年４月 12,900社"
    assert chart.newest is not None and chart.newest.text == "12,978"


def test_the_bar_of_a_wide_forecast_is_cut_where_it_would_press_the_rest_flat() -> None:
    found = [
        replace(one, forecast=replace(one.forecast, low=Decimal(0), high=Decimal(100000)))
        if one.row.kpi_id == VISITS and one.forecast else one
        for one in insights_tokyo()
    ]  # fmt: skip
    bar = chart_of(VISITS, found).forecast
    assert bar is not None
    assert (bar.is_low_cut, bar.is_high_cut) == (True, True)
    assert (bar.low, bar.high) == (145, 20)


@given(st.lists(st.decimals("-50", "100000", places=1), min_size=2, max_size=14), st.decimals("0", "100000", places=1))
def test_everything_stands_inside_the_picture_and_labels_apart(values: list[Decimal], target: Decimal) -> None:
    model = next(one for one in insights_tokyo() if one.row.kpi_id == VISITS)
    points = tuple(
        replace(point, value=value)
        for point, value in zip(model.points[2024] + model.points[2025], values, strict=False)
    )
    by_year = {year: of_year for year in (2024, 2025) if (of_year := tuple(p for p in points if p.fiscal_year == year))}
    row = replace(model.row, target=target, unit="件")
    chart = run_chart(replace(model, points=by_year, row=row, forecast=None))
    assert chart is not None
    heights = [place.y for line in chart.lines for place in line.places] + [tick.y for tick in chart.ticks]
    assert all(19.9 <= y <= 145.1 for y in heights)
    assert 2 <= len(chart.ticks) <= 7
    labels = sorted(label.y for label in chart.labels)
    assert all(after - before >= 12.4 for before, after in pairwise(labels))
    assert all(re.fullmatch(r"-?[\d,]+(\.\d+)?", tick.text) for tick in chart.ticks)
