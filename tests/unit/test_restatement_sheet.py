"""The sheet 遡及訂正, and a restatement in words."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from scorecard_samples import provenance, rows_tokyo

from kenpo_pipelines.scorecards import restatement_sheet, restatement_words, write_branch_workbook
from kenpo_pipelines.scorecards.comparison_workbook import write_comparison_workbook
from kenpo_pipelines.scorecards.restatement_words import Part
from kenpo_pipelines.serving.restatement_queries import Restatement, RestatementFile

FILE = RestatementFile("kpi_results", "2025-05", "=五月.csv", "a" * 64, "appeared")
ONE = Restatement(
    restatement_id=1,
    as_of="2025-05",
    fiscal_year=2025,
    branch_code="13",
    branch="東京支部",
    kpi_id="recovery_rate",
    kpi="返納金債権の回収率",
    kpi_order=120,
    old_value=Decimal("54.1"),
    old_value_text="54.10%",
    old_numerator=Decimal("5410"),
    old_denominator=Decimal("10000"),
    old_figure_as_of="2025-05",
    old_target_text="53.95%以上",
    old_outcome="attained",
    new_value=Decimal("53.9"),
    new_value_text="53.90%",
    new_numerator=Decimal("5390"),
    new_denominator=Decimal("10000"),
    new_figure_as_of="2025-05",
    new_target_text="53.95%以上",
    new_outcome="not_attained",
    causes="submission",
    cause_text="提出ファイルの変更（追加1件）",
    old_code_version="1+a",
    new_code_version="1+a",
    old_run_id="run-1",
    new_run_id="run-2",
    old_published_at=dt.datetime(2025, 6, 10, 0, 30, tzinfo=dt.UTC),
    restated_at=dt.datetime(2025, 6, 20, 3, 4, 5, tzinfo=dt.UTC),
    files=(FILE,),
)


def sheet_of(tmp_path: Path, *restatements: Restatement, write: Any = write_branch_workbook) -> Any:
    workbook = load_workbook(write(tmp_path / "a.xlsx", rows_tokyo(), provenance(), restatements))
    assert workbook.sheetnames[-2:] == ["遡及訂正", "出典・来歴"]
    return workbook["遡及訂正"]


def test_only_what_changed_is_told() -> None:
    assert restatement_words.parts(ONE) == [
        Part("実績", "54.10%", "53.90%"),
        Part("分子", "5,410", "5,390"),
        Part("判定", "達成", "未達成"),
    ]
    gone = replace(
        ONE,
        **{"new_value": None, "new_value_text": "", "new_numerator": None, "new_denominator": None},
        **{"new_figure_as_of": None, "new_target_text": "", "new_outcome": ""},
    )
    assert restatement_words.parts(gone) == [
        Part("実績", "54.10%", "―"),
        Part("分子", "5,410", "―"),
        Part("分母", "10,000", "―"),
        Part("実績の時点", "2025-05", "―"),
        Part("目標", "53.95%以上", "―"),
        Part("判定", "達成", "（掲載なし）"),
    ]


@pytest.mark.parametrize("write", [write_branch_workbook, write_comparison_workbook])
def test_a_line_of_the_sheet_says_what_when_why_and_by_which_run(tmp_path: Path, write: Any) -> None:
    sheet = sheet_of(tmp_path, ONE, write=write)
    assert [cell.value for cell in sheet[4]] == [
        *("訂正日時", "時点", "年度", "支部", "KPI指標", "項目", "公表値", "訂正後", "原因", "前の公表", "実行ID")
    ]
    assert [cell.value for cell in sheet[5]] == [
        *("2025年6月20日 12:04:05（日本時間）", "令和７年５月", "令和７年度", "東京支部", "返納金債権の回収率"),
        *("実績\n分子\n判定", "54.10%\n5,410\n達成", "53.90%\n5,390\n未達成"),
        "提出ファイルの変更（追加1件）\nkpi_results 2025-05 =五月.csv（追加）",
        *("2025年6月10日 09:30:00（日本時間）", "run-2"),
    ]
    assert {cell.data_type for cell in sheet[5]} == {"s"}, "no formula, whatever a file is called"
    assert sheet.print_title_rows == "$4:$4"


def test_years_that_are_not_shown_are_left_out_and_the_order_stays(tmp_path: Path) -> None:
    others = [
        replace(ONE, fiscal_year=2020),
        replace(ONE, kpi="後のもの"),
        replace(ONE, fiscal_year=2024, kpi="前年度"),
    ]
    sheet = sheet_of(tmp_path, *others)
    assert [sheet.cell(row, 5).value for row in range(5, sheet.max_row + 1)] == ["後のもの", "前年度"]


@pytest.mark.parametrize("restatements", [(), (replace(ONE, fiscal_year=2020),)], ids=["none", "none of these years"])
def test_where_nothing_was_restated_the_sheet_says_so(tmp_path: Path, restatements: tuple[Restatement, ...]) -> None:
    sheet = sheet_of(tmp_path, *restatements)
    assert sheet["A3"].value == restatement_words.NO_RESTATEMENTS
    assert sheet.max_row == 3


def test_very_many_are_cut_and_the_rest_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restatement_sheet, "_MOST_LINES", 2)
    sheet = sheet_of(tmp_path, ONE, ONE, ONE)
    assert sheet.max_row == 7
    assert sheet["A7"].value.startswith("ほか1件")


def test_the_same_restatements_make_the_same_bytes(tmp_path: Path) -> None:
    first = write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance(), [ONE]).read_bytes()
    assert write_branch_workbook(tmp_path / "b.xlsx", rows_tokyo(), provenance(), [ONE]).read_bytes() == first
