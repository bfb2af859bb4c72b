"""Outcomes of a month as Dagster shows them: counted by hand, and drawn as a small picture that holds no markup of names."""

import base64
from typing import Any
from xml.etree import ElementTree

from assets.outcome_summary import outcome_metadata, series_metadata, shown_names
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.settings import CHECKOUT

CATALOGUE = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
BRANCHES = {"00": "協会全体", "04": "宮城支部", "13": "東京支部"}
KPIS = {"b": "健診", "a": "保険証"}
SVG = "{http://www.w3.org/2000/svg}"


def line(branch: str, kpi: str, outcome: str, year: int = 2025) -> dict[str, Any]:
    return {"fiscal_year": year, "branch_code": branch, "kpi_id": kpi, "outcome": outcome}


LINES = [
    *(line("13", "a", "attained"), line("13", "b", "attained"), line("13", "c", "not_evaluable")),
    *(line("00", "a", "not_attained"), line("04", "a", "not_attained"), line("04", "b", "attained")),
    *(line("04", "a", "attained", 2024), line("20", "a", "attained", 2024)),
]


def picture(markdown: str) -> ElementTree.Element:
    head, _, data = markdown.partition("base64,")
    assert head.endswith("](data:image/svg+xml;")
    return ElementTree.fromstring(base64.b64decode(data.removesuffix(")")))


def test_the_newest_year_is_counted_by_branch_and_by_kpi_in_the_order_of_the_scorecards() -> None:
    shown = outcome_metadata(LINES, BRANCHES, KPIS)
    assert list(shown) == ["outcomes_by_branch", "outcomes_by_kpi"]
    assert shown["outcomes_by_branch"].value == "\n".join(
        [
            "| 支部（2025年度） | 達成 | 未達成 | 判定不能 |",
            "| --- | --- | --- | --- |",
            "| 協会全体 | 0 | 1 | 0 |",
            "| 宮城支部 | 1 | 1 | 0 |",
            "| 東京支部 | 2 | 0 | 1 |",
        ]
    )
    # the nation is no branch; a KPI that the catalogue does not name comes last
    assert str(shown["outcomes_by_kpi"].value).splitlines()[2:] == [
        "| 健診 | 2 | 0 | 0 |",
        "| 保険証 | 1 | 1 | 0 |",
        "| c | 0 | 0 | 1 |",
    ]


def test_the_picture_has_a_bar_for_each_count_as_wide_as_the_count() -> None:
    drawn = picture(str(outcome_metadata(LINES, BRANCHES, KPIS, with_chart=True)["outcomes_chart"].value))
    bars = [one for one in drawn.iter(f"{SVG}rect") if one.get("height") == "15"]
    widths = [round(float(str(one.get("width")))) for one in bars]
    # widest are three lines of 東京: 464 px of 560 beside the names
    assert widths == [155, 155, 155, 309, 155]
    texts = [one.text for one in drawn.iter(f"{SVG}text")]
    assert texts[:3] == ["○ 達成", "× 未達成", "― 判定不能"]
    assert texts[3:] == ["協会全体", "1", "宮城支部", "1", "1", "東京支部", "2", "1"]


def test_names_stay_text_in_the_picture() -> None:
    shown = outcome_metadata([line("13", "a", "attained")], {"13": '<b onload="x">&'}, {}, with_chart=True)
    assert [one.text for one in picture(str(shown["outcomes_chart"].value)).iter(f"{SVG}text")][3] == '<b onload="x">&'


def test_the_picture_of_all_branches_stays_small() -> None:
    branches, kpis = shown_names(CATALOGUE)
    lines = [line(branch, kpi, "attained") for branch in branches for kpi in kpis]
    lines += [
        line(branch, kpi, outcome)
        for branch in branches
        for kpi in kpis
        for outcome in ("not_attained", "not_evaluable")
    ]
    shown = outcome_metadata(lines, branches, kpis, with_chart=True)
    assert len(branches) == 48
    assert len(str(shown["outcomes_chart"].value)) < 60_000


def test_without_lines_there_is_nothing_to_show() -> None:
    assert outcome_metadata([], BRANCHES, KPIS, with_chart=True) == {}
    assert series_metadata([]) == {}


def test_points_of_series_are_counted_by_fiscal_year() -> None:
    points = [
        {"fiscal_year": year, "branch_code": branch, "kpi_id": "a", "figure_as_of": month}
        for year, branch, month in ((2024, "13", "2025-03"), (2025, "13", "2025-04"), (2025, "04", "2025-04"))
    ]
    assert str(series_metadata(points)["points_by_year"].value).splitlines()[2:] == [
        "| 2024 | 1 | 1 | 1 | 1 |",
        "| 2025 | 2 | 1 | 1 | 2 |",
    ]
