"""What the branch workbook tells beside the judged rows: standing, changes, monthly figures, forecasts, Excel's own charts."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from insight_samples import insights_tokyo
from openpyxl import load_workbook
from scorecard_samples import provenance, rows_tokyo

from kenpo_pipelines.scorecards import write_branch_workbook

SHEETS = ["令和７年度", "令和６年度", "推移・見込み", "グラフ", "遡及訂正", "出典・来歴"]
CHECKUPS = "被扶養者の特定健診実施率"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = insights_tokyo(committee_offices="not_attained", health_declaration_offices="attained")
    return write_branch_workbook(tmp_path_factory.mktemp("b") / "a.xlsx", rows_tokyo(), provenance(), (), found)


@pytest.fixture(scope="module")
def workbook(path: Path) -> Any:
    return load_workbook(path)


def rows_by_kpi(sheet: Any) -> dict[str, list[Any]]:
    return {cells[0].value: list(cells) for cells in sheet.iter_rows(min_row=6) if cells[1].value is not None}


def test_the_sheets_stand_in_their_order(workbook: Any) -> None:
    assert workbook.sheetnames == SHEETS


def test_the_running_year_has_columns_for_standing_and_missing_persons(workbook: Any) -> None:
    heads = [cell.value for cell in workbook["令和７年度"][5]]
    assert heads[7:] == ["順位", "偏差値", "残り件数", "旗", "備考"]
    assert [cell.value for cell in workbook["令和６年度"][5]][7:] == ["順位", "旗", "備考"]
    cells = rows_by_kpi(workbook["令和７年度"])[CHECKUPS]
    assert cells[8].value == "―"
    assert (cells[9].value, cells[9].number_format) == (156_914, '"あと"#,##0"人"')


def test_a_deviation_score_is_a_number(tmp_path: Path) -> None:
    found = [replace(one, deviation=Decimal("48.4"), remaining=0) for one in insights_tokyo()]
    written = write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance(), (), found)
    cells = rows_by_kpi(load_workbook(written)["令和７年度"])[CHECKUPS]
    assert (cells[8].value, cells[8].number_format, cells[9].value) == (48.4, "0.0", "到達")


def test_what_changed_since_last_month_stands_above_and_beside_the_judgement(workbook: Any) -> None:
    sheet = workbook["令和７年度"]
    assert sheet["A4"].value == "前月（令和７年５月）から：健康宣言事業所数 ○→×、健康保険委員の委嘱事業所数 ×→○"
    lines = rows_by_kpi(sheet)
    assert lines["健康保険委員の委嘱事業所数"][4].value == "○ 達成\n前月 ×"
    assert lines[CHECKUPS][4].value == "× 未達成"


def test_monthly_figures_are_numbers_under_their_months(workbook: Any) -> None:
    sheet = workbook["推移・見込み"]
    assert [cell.value for cell in sheet[4]][:4] == ["KPI指標", "系列", "4月", "5月"]
    first = next(cells[0].row for cells in sheet.iter_rows(min_row=5) if cells[0].value == CHECKUPS)
    series = {
        sheet.cell(row, 2).value: [sheet.cell(row, column).value for column in range(3, 15)]
        for row in range(first, first + 8)
    }
    assert list(series) == ["今年度", "前年度", "前々年度", "目標", "目安", "３月見込み", "見込みの下", "見込みの上"]
    assert series["今年度"] == [1.4, 3.4, *[None] * 10]
    assert series["前年度"][:3] == [2.7, 5.4, 8.2]
    assert series["目標"] == [33.6] * 12
    assert series["目安"][1] == 5.5
    assert series["３月見込み"][:11] == [None] * 11
    assert series["見込みの下"][11] <= series["３月見込み"][11] <= series["見込みの上"][11]
    assert sheet.cell(first, 3).number_format == '0.0"%"_0_0'
    assert sheet.cell(first, 15).value.startswith(f"{series['３月見込み'][11]:.1f}%（{series['見込みの下'][11]:.1f}～")


def test_each_kpi_with_two_figures_has_a_chart_of_those_cells(workbook: Any) -> None:
    charts = workbook["グラフ"]._charts
    titles = ["".join(run.t for run in chart.title.tx.rich.p[0].r) for chart in charts]
    assert len(titles) == 3
    assert (titles[0], titles[2]) == (f"{CHECKUPS}（%）", "健康保険委員の委嘱事業所数（社）")
    sheet = workbook["推移・見込み"]
    first = next(cells[0].row for cells in sheet.iter_rows(min_row=5) if cells[0].value == CHECKUPS)
    references = [series.val.numRef.f for series in charts[0].series]
    assert references == [f"'推移・見込み'!$C${row}:$N${row}" for row in range(first, first + 8)]
    looks = [(series.marker.symbol, series.graphicalProperties.line.prstDash) for series in charts[0].series]
    assert len(set(looks[:6])) == 6, "each series has a mark or a dash of its own, not only a colour"


def test_without_two_figures_there_are_no_sheets_for_them(tmp_path: Path) -> None:
    found = [replace(one, points={}, forecast=None) for one in insights_tokyo()]
    written = write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance(), (), found)
    assert load_workbook(written).sheetnames == [name for name in SHEETS if name not in ("推移・見込み", "グラフ")]


def test_hostile_names_stay_text_in_sheets_and_chart_titles(tmp_path: Path) -> None:
    rows = [replace(line, kpi=f"=cmd|' /C calc'!A0 {line.kpi_id}", unit="</a:t>") for line in rows_tokyo()]
    written = write_branch_workbook(tmp_path / "a.xlsx", rows, provenance(), (), insights_tokyo(rows))
    workbook = load_workbook(written)
    kinds = {cell.data_type for sheet in workbook.worksheets for cells in sheet.iter_rows() for cell in cells}
    assert "f" not in kinds
    title = "".join(run.t for run in workbook["グラフ"]._charts[0].title.tx.rich.p[0].r)
    assert title.startswith("=cmd|' /C calc'!A0") and title.endswith("（</a:t>）")


def test_the_same_input_makes_the_same_bytes(path: Path, tmp_path: Path) -> None:
    found = insights_tokyo(committee_offices="not_attained", health_declaration_offices="attained")
    again = write_branch_workbook(tmp_path / "b.xlsx", rows_tokyo(), provenance(), (), found)
    assert again.read_bytes() == path.read_bytes()
