"""The national overview: what it says, what it gives its script, and that text stays text."""

import json
import random
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit import national_samples
from unit.scorecard_samples import provenance, rows_2023

from kenpo_pipelines.scorecards.pages import national_charts, national_events
from kenpo_pipelines.scorecards.pages.embedding import embedded_json
from kenpo_pipelines.scorecards.pages.japan import PREFECTURES, REGIONS, short_name
from kenpo_pipelines.scorecards.pages.national_figures import kpi_columns, same_month_last_year
from kenpo_pipelines.scorecards.pages.national_page import national_page, page_name
from kenpo_pipelines.scorecards.pages.rendering import script
from kenpo_pipelines.scorecards.rows import ScorecardError


class Reader(HTMLParser):
    """Elements in order, the text of the heat table's rows, and what the script elements hold."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.lines: list[list[str]] = []
        self.text: list[str] = []
        self._is_heat = self._is_cell = self._is_script = False
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        named = dict(attrs)
        if tag == "table":
            self._is_heat = named.get("id") == "heat"
        if tag == "script":
            self._is_script = True
            self.scripts.append("")
        if self._is_heat and tag == "tr":
            self.lines.append([])
        if self._is_heat and tag in ("td", "th"):
            self._is_cell = True
            self.lines[-1].append("")

    def handle_endtag(self, tag):
        if tag == "script":
            self._is_script = False
        if tag in ("td", "th"):
            self._is_cell = False
        if tag == "table":
            self._is_heat = False

    def handle_data(self, data):
        if self._is_script:
            self.scripts[-1] += data
            return
        self.text.append(data)
        if self._is_heat and self._is_cell:
            self.lines[-1][-1] += data

    @property
    def data(self):
        return json.loads(self.scripts[0])

    @property
    def words(self):
        return re.sub(r"\s+", " ", "".join(self.text))


@pytest.fixture(scope="module")
def nation():
    """Everything the page is made from."""
    return {
        "rows": national_samples.rows(),
        "previous_rows": national_samples.previous_rows(),
        "series": national_samples.series(),
        "ledger": national_samples.ledger(),
        "restated": [],
        "late": national_samples.late(),
        "provenance": provenance(),
    }


@pytest.fixture(scope="module")
def page(nation):
    return national_page(**nation)


@pytest.fixture(scope="module")
def columns(nation):
    return {column.head.kpi_id: column for column in kpi_columns(nation["rows"])}


def test_the_heat_table_has_the_nation_first_and_every_branch_in_code_order(page):
    lines = Reader(page).lines[2:]
    assert [line[0] for line in lines[:3]] == ["00 協会全体", "01 北海道", "02 青森"]
    assert len(lines) == 48
    assert {len(line) for line in lines} == {1 + 16}


def test_a_cell_is_the_printed_figure_with_its_mark(page, columns):
    line = next(line for line in Reader(page).lines if line[0] == "13 東京")
    shown = [column for column in columns.values() if column.cells]
    expected = []
    for column in shown:
        cell = column.cells["13"]
        expected.append(f"{cell.figure}{cell.mark}" if cell.figure else "―")
    assert line[1:] == expected
    assert line[1] == f"{columns['service_standard_attainment'].cells['13'].row.value:.2f}×"


def test_a_kpi_of_the_nation_alone_is_listed_and_not_in_the_heat_table(page):
    reader = Reader(page)
    assert "ホームページアクセス数" in reader.words
    assert "31,215,000件" in reader.words
    assert "全国のみの指標" in reader.words
    assert all("ホームページアクセス数" not in head for head in reader.lines[1])


def test_every_prefecture_has_a_tile_of_its_own_beside_its_neighbours():
    places = {(one.column, one.row) for one in PREFECTURES.values()}
    assert len(PREFECTURES) == len(places) == 47
    assert [code for code in PREFECTURES] == [f"{number:02d}" for number in range(1, 48)]
    assert {one.region for one in PREFECTURES.values()} == set(REGIONS)
    for one, other in (("13", "12"), ("13", "11"), ("27", "29"), ("40", "41"), ("02", "03"), ("37", "36")):
        here, there = PREFECTURES[one], PREFECTURES[other]
        assert abs(here.column - there.column) + abs(here.row - there.row) <= 2, (here.name, there.name)
    assert short_name("東京支部") == "東京"
    assert short_name("協会全体") == "協会全体"


def test_the_script_gets_each_branch_with_its_tile_and_each_kpi_with_its_cells(page, columns):
    data = Reader(page).data
    assert data["branches"]["13"] == ["東京支部", "東京", "関東", 11, 7]
    kpi = next(one for one in data["kpis"] if one["id"] == "checkup_rate_insured")
    row = columns["checkup_rate_insured"].cells["13"].row
    cell = kpi["cells"]["13"]
    assert cell[:2] == [f"{row.value:.1f}", float(row.value)]
    assert cell[4:6] == [row.rank, 47]
    assert cell[8] == "60.2%以上"
    assert kpi["atMost"] is False
    assert set(kpi["cells"]) == {"00", *PREFECTURES}


def test_deviation_scores_and_shades_by_hand(columns):
    # ten branches: 9 at 50, one at 60; mean 51, SD 3 → 50 + 10·(60 − 51)/3 = 80.0 and 50 − 10/3 = 46.7
    rows = [
        replace(cell.row, value=Decimal(60 if number == 0 else 50))
        for number, cell in enumerate(list(columns["checkup_rate_insured"].cells.values())[:10])
    ]
    cells = list(kpi_columns(rows)[0].cells.values())
    assert [cell.deviation for cell in cells] == [Decimal("80.0")] + [Decimal("46.7")] * 9
    assert [cell.deviation_class for cell in cells] == ["d5"] + ["d3"] * 9
    assert {cell.deviation for cell in kpi_columns(rows[:9])[0].cells.values()} == {None}
    lower = [replace(row, direction="at_most") for row in rows]
    assert next(iter(kpi_columns(lower)[0].cells.values())).deviation == Decimal("20.0")


def test_counts_have_no_deviation_score(columns):
    assert columns["committee_offices"].with_deviation == 0
    assert columns["checkup_rate_insured"].with_deviation == 47


@pytest.mark.parametrize(
    ("outcome", "ratio", "direction", "shade"),
    [
        ("attained", "105.0", "at_least", "t4"),
        ("attained", "104.9", "at_least", "t3"),
        ("not_attained", "95.0", "at_least", "t2"),
        ("not_attained", "94.9", "at_least", "t1"),
        ("attained", "95.0", "at_most", "t4"),
        ("not_attained", "105.0", "at_most", "t2"),
        ("not_attained", "105.1", "at_most", "t1"),
        ("attained", None, "at_least", "t3"),
        ("not_attained", None, "at_least", "t1"),
        ("not_evaluable", None, "at_least", ""),
    ],
)
def test_shades_by_target(columns, outcome, ratio, direction, shade):
    cell = columns["checkup_rate_insured"].cells["13"]
    row = replace(
        cell.row, outcome=outcome, direction=direction, ratio_to_target=None if ratio is None else Decimal(ratio)
    )
    assert replace(cell, row=row).target_class == shade


def test_the_funnel_judges_small_and_large_branches_by_their_size(columns):
    # ten branches of 10,000 cases at 50 %, one small one of 10 at 70 %, one of 10,000 at 55 %: the same or less off the
    # centre, but only the large one lies outside (its standard error is 0.5 points, the small one's 16)
    counts = [(5000, 10_000)] * 10 + [(7, 10), (5500, 10_000)]
    rows = [
        replace(cell.row, numerator=Decimal(n), denominator=Decimal(d), value=Decimal(100 * n) / d)
        for (n, d), cell in zip(counts, columns["checkup_rate_insured"].cells.values(), strict=False)
    ]
    found = national_charts.funnel_of(kpi_columns(rows)[0])
    assert not isinstance(found, str)
    assert [point.zone for point in found.points] == [0] * 10 + [0, 2]
    assert found.centre_pct == Decimal(100 * 55_507) / Decimal(110_010)
    assert all(low998 <= low95 <= high95 <= high998 for _, low95, high95, low998, high998 in found.limits)


def test_where_a_funnel_has_no_meaning_the_page_says_why(columns, page):
    assert "件数の比ではない" in str(national_charts.funnel_of(columns["committee_offices"]))
    assert "金額や数量" in str(national_charts.funnel_of(columns["generic_share_volume"]))
    few = [cell.row for cell in list(columns["checkup_rate_insured"].cells.values())[:4]]
    assert "4支部だけ" in str(national_charts.funnel_of(kpi_columns(few)[0]))
    without = [replace(cell.row, numerator=None) for cell in columns["checkup_rate_insured"].cells.values()]
    assert "報告されていない" in str(national_charts.funnel_of(kpi_columns(without)[0]))
    data = {kpi["id"]: kpi for kpi in Reader(page).data["kpis"]}
    assert "金額や数量" in data["generic_share_volume"]["funnel"]["why"]


def test_the_control_chart_stands_on_what_the_month_adds_and_names_its_signals(nation, columns):
    months = national_charts.months_of(nation["series"])
    assert (months[0], months[-1], len(months)) == ("2023-04", "2025-06", 27)
    charts = national_charts.control_charts(nation["series"], months, columns.values())
    chart = charts["checkup_rate_insured"]["36"]
    # 徳島's June is 1.8 times as high as it should be
    assert chart.signals[-1] == (26, 26, "上側の管理限界を外れています")
    assert 0 <= chart.lower < chart.centre < chart.upper <= 100
    assert "website_visits" in charts
    assert charts["website_visits"] == {}


def test_a_month_without_a_value_is_a_gap_and_too_few_months_have_no_chart(nation, columns):
    months = national_charts.months_of(nation["series"])
    own = [p for p in nation["series"] if (p.kpi_id, p.branch_code) == ("checkup_rate_insured", "13")]
    column = columns["checkup_rate_insured"]
    gapped = national_charts.control_charts(own[:5] + own[6:], months, [column])["checkup_rate_insured"]["13"]
    assert gapped.values[5] is None
    assert gapped.values[6] == own[6].month_value
    assert national_charts.control_charts(own[:7], months, [column])["checkup_rate_insured"] == {}


def test_movers_turns_and_gaps(nation, columns):
    before = kpi_columns(nation["previous_rows"])
    movers = national_events.movers_of_the_month(list(columns.values()), before)
    tokushima = next(one for one in movers if one.branch_code == "36" and one.kpi_id == "checkup_rate_insured")
    assert tokushima.is_better
    assert tokushima.change.endswith("ポイント")
    assert tokushima.change.startswith("＋")
    kinds = {columns[one.kpi_id].head.kind for one in movers}
    assert "count" not in kinds
    old = {(column.head.kpi_id, code): cell for column in before for code, cell in column.cells.items()}
    turned = national_events.turns(columns.values(), old)
    expected = {
        (row.kpi_id, row.branch_code)
        for row in nation["rows"]
        for was in nation["previous_rows"]
        if (row.kpi_id, row.branch_code) == (was.kpi_id, was.branch_code) and row.outcome != was.outcome
    }
    assert {(one.kpi_id, one.branch_code) for one in turned} == {key for key in expected if key[1] != "00"}
    gaps = national_events.gaps([columns["counter_receipt_rate"]])
    assert [(gap.branches, gap.text) for gap in gaps] == [(("和歌山",), "和歌山")]


def test_a_rate_of_a_few_cases_is_no_mover(nation, columns):
    before = kpi_columns(nation["previous_rows"])
    few = [
        replace(row, denominator=Decimal(29))
        if (row.kpi_id, row.branch_code) == ("checkup_rate_insured", "36")
        else row
        for row in nation["rows"]
    ]
    movers = national_events.movers_of_the_month(kpi_columns(few), before)
    assert all((one.kpi_id, one.branch_code) != ("checkup_rate_insured", "36") for one in movers)


def test_figures_that_are_not_of_neighbouring_months_do_not_move(nation, columns):
    before = kpi_columns([replace(row, figure_as_of="2025-04") for row in nation["previous_rows"]])
    assert national_events.movers_of_the_month(list(columns.values()), before) == []


def test_the_same_month_of_last_year_stands_beside_the_nation(nation, columns, page):
    found = same_month_last_year(columns.values(), nation["series"])
    point = next(
        p
        for p in nation["series"]
        if (p.kpi_id, p.branch_code, p.figure_as_of) == ("checkup_rate_insured", "00", "2024-06")
    )
    assert found["checkup_rate_insured"].text == f"{point.value:.1f}%"
    now = columns["checkup_rate_insured"].nation.row.value
    assert found["checkup_rate_insured"].is_better == (None if now == point.value else now > point.value)
    assert "website_visits" not in found
    assert found["checkup_rate_insured"].text in Reader(page).words


def test_late_refused_and_missing_submissions_are_told(page):
    words = Reader(page).words
    assert "2支部" in words
    assert "提出されたファイルを読み取れない（再提出が必要）" in words
    assert "2025年6月分" in words
    assert "39_高知_実績.xlsx" in words
    assert "kpi_results48960955" in words.replace(" ", "").replace(",", "")


def test_names_of_datasets_are_used_where_they_are_given(nation):
    assert "KPI実績報告48" in Reader(
        national_page(**{**nation, "late": [], "dataset_names": {"kpi_results": "KPI実績報告"}})
    ).words.replace(" ", "")


def test_unknown_lateness_is_not_told_as_nobody_late(nation):
    assert "調べていません" in Reader(national_page(**{**nation, "late": None})).words
    assert "期限を過ぎた提出はありません" in Reader(national_page(**{**nation, "late": []})).words


def test_an_edition_for_others_says_nothing_of_submissions(nation):
    words = Reader(
        national_page(**{**nation, "late": [], "ledger": [], "provenance": provenance(edition="公開版")})
    ).words
    assert "公開版" in words
    assert "遅れ" not in words
    assert "届いたファイル" not in words


def test_the_first_month_has_nothing_to_compare_with(nation):
    words = Reader(national_page(**{**nation, "previous_rows": [], "series": []})).words
    assert "前月（同じ年度）の帳票はありません" in words
    assert "前月（同じ年度）の帳票がないため、比べられません" in words


def test_published_figures_of_few_branches(nation):
    page = national_page(rows_2023(), [], [], [], [], [], provenance("2024-03"))
    reader = Reader(page)
    assert "47支部のうち4支部" in reader.words
    assert len(reader.lines[2:]) == 5
    assert len(reader.data["others"]) == 43
    assert ("class", "by-target") in reader.attributes
    # 41支部 beside 実施: the nation is counted in a unit of its own
    data = {kpi["id"]: kpi for kpi in reader.data["kpis"]}
    assert {cell[6] for cell in data["checkup_rate_insured"]["cells"].values()} == {None}


def test_rows_of_another_month_than_the_provenance_are_refused(nation):
    with pytest.raises(ScorecardError, match="2025-06.*2025-05"):
        national_page(**{**nation, "provenance": provenance("2025-05")})


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028&amp;'\""


def test_text_from_submissions_stays_text(nation, page):
    rows = [
        replace(row, branch=HOSTILE, notes=HOSTILE, flags=HOSTILE, reason_text=HOSTILE)
        if row.branch_code == "13"
        else replace(row, kpi=HOSTILE)
        if row.kpi_id == "single_bid_rate"
        else row
        for row in nation["rows"]
    ]
    late = [replace(one, reason=HOSTILE, dataset_name=HOSTILE, branch=HOSTILE) for one in nation["late"]]
    ledger = [replace(row, file=HOSTILE, status="refused") for row in nation["ledger"]]
    hostile = Reader(national_page(**{**nation, "rows": rows, "late": late, "ledger": ledger}))
    assert len(hostile.scripts) == 2
    assert "img" not in hostile.tags
    assert not any(name.startswith("on") for name, _ in hostile.attributes)
    assert hostile.data["branches"]["13"][0] == HOSTILE
    assert "alert(1)" in hostile.words


def test_the_page_needs_nothing_from_outside(page):
    text = page.decode()
    assert re.findall(r"""(?:src|href)=["'](?!#|data:)""", text) == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    assert "url(" not in text
    assert "@import" not in text


def test_the_script_sets_text_and_never_markup():
    code = script("national.js")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch("):
        assert word not in code


def test_the_page_is_small_and_the_same_for_the_same_input(nation, page):
    assert len(page) <= 2_000_000
    shuffled = {
        name: random.Random(1).sample(value, len(value)) if name in ("rows", "previous_rows", "series") else value
        for name, value in nation.items()
    }
    assert national_page(**shuffled) == page


def test_what_a_reader_without_sight_or_mouse_needs(page):
    reader = Reader(page)
    text = page.decode()
    assert text.count("<caption") + text.count('scope="col"') > 10
    assert {"nation", "branches"} <= {value for name, value in reader.attributes if name == "class"}
    for name in ("指標の一覧", "支部×指標の表"):
        assert f'role="region" aria-label="{name}"' in text
    labelled = re.findall(r'<(?:select|input)[^>]*id="(\w+)"', text)
    assert sorted(labelled) == ["branch", "find", "group", "kpi", "outcome", "region"]
    # every control stands inside its label
    assert len(re.findall(r"<label>[^<]*<(?:select|input)", text)) == len(labelled) + 7
    assert "<noscript>" in text


def test_the_file_name_is_that_of_the_month():
    assert page_name("2025-06") == "national_2025-06.html"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(ANYTHING)
def test_embedded_json_is_the_data_and_holds_no_markup(data):
    text = str(embedded_json(data))
    assert json.loads(text) == data
    assert not set(text) & set("<>&\u2028\u2029")


def test_decimals_become_numbers_and_what_is_no_number_is_refused():
    assert (
        str(embedded_json([Decimal("57.60"), Decimal("31215000.0000"), Decimal("-0.125")])) == "[57.6,31215000,-0.125]"
    )
    with pytest.raises(ValueError, match="JSON"):
        embedded_json([float("nan")])
    with pytest.raises(TypeError, match="object"):
        embedded_json([object()])
