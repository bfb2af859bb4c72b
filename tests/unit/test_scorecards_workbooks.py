"""Both workbooks, written, opened again and compared with their rows cell by cell."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from scorecard_samples import AS_OF_2023, BRANCHES_2023, many_branches, provenance, row, rows_2023, rows_tokyo

from kenpo_pipelines.scorecards import (
    ScorecardError,
    ScorecardRow,
    SubmissionSource,
    view,
    write_branch_workbook,
    write_comparison_workbook,
)

HEAD_ROW = 5
SYNTHETIC = (
    SubmissionSource("kpi_results", "2025-06", "s.csv", "ab" * 32, "2025-07-01T00:00:00Z", "synthetic", 9, 8, 1),
)


def reopen(path: Path) -> Any:
    """The workbook as a reader's program would read it."""
    return load_workbook(path)


def lines_of(sheet: Any, head_row: int) -> dict[str, list[Any]]:
    """KPI lines of a sheet, by the KPI's name: the row's cells."""
    found = {}
    for cells in sheet.iter_rows(min_row=head_row + 1):
        if cells[1].value is not None:
            found[cells[0].value] = list(cells)
    return found


def check_figure(cell: Any, number: Decimal | None, words: str, precision: int) -> None:
    """The cell holds the same decimal at the KPI's precision, or the words."""
    if number is None:
        assert (cell.data_type, cell.value) == ("s", words or "―")
    else:
        assert cell.data_type == "n"
        quantum = Decimal(1).scaleb(-precision)
        assert Decimal(str(cell.value)).quantize(quantum) == number.quantize(quantum)
        assert Decimal(str(cell.value)) == number


def check_branch_line(cells: list[Any], line: ScorecardRow) -> None:
    kpi, target, result, state, outcome, ratio, prior, rank, flag, remarks = cells
    assert kpi.value == line.kpi
    check_figure(target, line.target, line.target_text, line.precision)
    check_figure(result, line.value, line.value_text, line.precision)
    check_figure(prior, line.prior_value, line.prior_value_text, line.precision)
    check_figure(ratio, line.ratio_to_target, "", 1)
    assert state.value == (view.figure_state(line) or "―")
    assert outcome.value == {
        "attained": "○ 達成", "not_attained": "× 未達成", "not_evaluable": "― 判定不能",
    }[line.outcome]  # fmt: skip
    if line.ranked_branches and line.ranked_branches > 1:
        assert (rank.value, rank.number_format) == (line.rank, f'0"位／{line.ranked_branches}支部"')
    else:
        assert rank.value == "―"
    assert bool(flag.value) == bool(line.flags)
    for text in (line.reason_text, line.notes):
        assert text in (remarks.value or "")


@pytest.mark.parametrize("code", list(BRANCHES_2023))
def test_every_figure_and_word_of_2023_reads_back(tmp_path: Path, code: str) -> None:
    rows = [line for line in rows_2023() if line.branch_code == code]
    path = write_branch_workbook(tmp_path / "a.xlsx", rows, provenance(AS_OF_2023))
    workbook = reopen(path)
    assert workbook.sheetnames == ["令和５年度", "遡及訂正", "出典・来歴"]
    lines = lines_of(workbook["令和５年度"], HEAD_ROW)
    assert len(lines) == len(rows)
    for line in rows:
        check_branch_line(lines[line.kpi], line)


def test_every_figure_and_word_of_tokyo_reads_back_year_by_year(tmp_path: Path) -> None:
    workbook = reopen(write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance()))
    assert workbook.sheetnames == ["令和７年度", "令和６年度", "遡及訂正", "出典・来歴"]
    assert workbook["令和７年度"]["A1"].value == "東京支部　令和７年度 KPI実績（令和７年６月時点）"
    heads = [cell.value for cell in workbook["令和７年度"][HEAD_ROW]]
    assert heads == [
        "KPI指標", "令和７年度\n目標", "令和７年度\n実績（６月時点）", "実績の\n時点", "判定", "対計画値",
        "（参考）\n令和６年度実績", "順位", "旗", "備考",
    ]  # fmt: skip
    for year, name in ((2025, "令和７年度"), (2024, "令和６年度")):
        rows = [line for line in rows_tokyo() if line.fiscal_year == year]
        lines = lines_of(workbook[name], HEAD_ROW)
        assert len(lines) == len(rows)
        for line in rows:
            check_branch_line(lines[line.kpi], line)


def test_number_formats_show_each_kpi_at_its_precision_and_unit(tmp_path: Path) -> None:
    sheet = reopen(write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance())).worksheets[0]
    lines = {name: [cell.number_format for cell in cells] for name, cells in lines_of(sheet, HEAD_ROW).items()}
    assert lines["サービススタンダードの達成状況"][1:3] == ['0.00"%以上"_0', '0.00"%"_0']
    assert lines["サービススタンダードの平均所要日数"][1:3] == ['#,##0.00"日以下"_0', '#,##0.00"日"_0']
    assert lines["協会のレセプト点検の査定率"][1:3] == ['0.000"%以上"', '0.000"%"']
    assert lines["協会の再審査レセプト1件当たりの査定額"][1:3] == ['#,##0"円以上"', '#,##0"円"']
    assert lines["健康宣言事業所数"][2] == '#,##0"社"'
    assert lines["被扶養者の特定健診実施率"][2] == '"※"0.0"%"_0_0'
    assert lines["被扶養者の特定健診実施率"][6] == '0.0"%"_0_0'


def test_the_head_line_counts_outcomes_as_numbers(tmp_path: Path) -> None:
    rows = [line for line in rows_2023() if line.branch_code == "04"]
    sheet = reopen(write_branch_workbook(tmp_path / "a.xlsx", rows, provenance(AS_OF_2023))).worksheets[0]
    assert [sheet.cell(3, column).value for column in (1, 2, 3, 4)] == [19, 11, 8, 0]
    shown = [sheet.cell(3, column).number_format for column in (2, 3, 4)]
    assert shown == ['"○ 達成　"0', '"× 未達成　"0', '"― 判定不能　"0']


def test_a_figure_longer_than_a_spreadsheet_keeps_is_written_as_text(tmp_path: Path) -> None:
    long = row("recovery_rate", "1", "1", value=Decimal("1234567890123456.78"), figure_as_of="2025-05")
    sheet = reopen(write_branch_workbook(tmp_path / "a.xlsx", [long], provenance())).worksheets[0]
    assert lines_of(sheet, HEAD_ROW)[long.kpi][2].value == "1,234,567,890,123,456.78"


def test_branch_sheets_are_set_up_for_screen_and_paper(tmp_path: Path) -> None:
    workbook = reopen(write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance()))
    for sheet in workbook.worksheets[:-2]:
        assert sheet.freeze_panes == "B6"
        assert sheet.print_title_rows == "$1:$5"
        assert sheet.print_area
    for sheet in workbook.worksheets:
        assert (sheet.page_setup.paperSize, sheet.page_setup.orientation) == (9, "landscape")
        assert sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.page_setup.fitToWidth == 1
        assert sheet.oddFooter.center.text == "&P ／ &N ページ"
        assert sheet.oddFooter.left.text == "令和７年６月時点"
        fonts = {cell.font.name for line in sheet.iter_rows() for cell in line if cell.value is not None}
        assert fonts == {"游ゴシック"}


def test_rows_grow_with_their_remarks(tmp_path: Path) -> None:
    short = row("single_bid_rate", "15", "0", figure_as_of="2025-06")
    long = row("recovery_rate", "53.95", "32.07", figure_as_of="2025-06", notes="疑義があります。" * 30)
    sheet = reopen(write_branch_workbook(tmp_path / "a.xlsx", [short, long], provenance())).worksheets[0]
    heights = {name: sheet.row_dimensions[cells[0].row].height for name, cells in lines_of(sheet, HEAD_ROW).items()}
    # 240 full-width characters at 9 points: 21.5 to 28 of them fit on a line of 42 column units.
    assert heights[short.kpi] < 25
    assert 9 * 14 < heights[long.kpi] < 13 * 18


COPIED = "分子と分母が他の支部と同じ：大阪支部と同じ17,986÷520,357"
LATE = "「振込日は決定日より前ではない」に合わない：現金給付支給決定2025-05の12行"


def flagged_tokyo() -> list[ScorecardRow]:
    flags = {"checkup_rate_dependants": COPIED, "service_standard_days": f"{LATE}\n=1+1"}
    return [
        replace(line, flags=flags.get(line.kpi_id, "")) if line.fiscal_year == 2025 else line for line in rows_tokyo()
    ]


def test_flags_are_numbered_beside_their_kpis_and_told_below_the_table(tmp_path: Path) -> None:
    sheet = reopen(write_branch_workbook(tmp_path / "a.xlsx", flagged_tokyo(), provenance())).worksheets[0]
    lines = lines_of(sheet, HEAD_ROW)
    marks = {name: cells[8].value for name, cells in lines.items() if cells[8].value}
    assert marks == {"サービススタンダードの平均所要日数": "旗1", "被扶養者の特定健診実施率": "旗2"}
    last = max(cells[0].row for cells in lines.values())
    below = [sheet.cell(number, 1) for number in range(last + 1, sheet.max_row + 1)]
    texts = [cell.value for cell in below if cell.value]
    told = ["旗1　サービススタンダードの平均所要日数", f"　・{LATE}", "　・=1+1"]
    assert texts[:5] == [*told, "旗2　被扶養者の特定健診実施率", f"　・{COPIED}"]
    assert all(cell.data_type == "s" for cell in below if cell.value)
    assert sum("点検で確認が必要" in text for text in texts) == 1
    assert sheet.print_area.endswith(f"$J${sheet.max_row}")


def test_the_comparison_marks_flagged_results_and_lists_every_flag(tmp_path: Path) -> None:
    workbook = reopen(write_comparison_workbook(tmp_path / "c.xlsx", flagged_tokyo(), provenance()))
    lines = lines_of(workbook["令和７年度"], 7)
    assert lines["被扶養者の特定健診実施率"][3].number_format == '"旗※"0.0"%"_0_0'
    assert "旗" not in lines["健康宣言事業所数"][3].number_format
    assert "「旗一覧」" in workbook["令和７年度"]["A4"].value
    assert "旗" not in workbook["令和６年度"]["A4"].value
    listed = [[cell.value for cell in line] for line in workbook["旗一覧"].iter_rows(min_row=5)]
    assert listed == [
        ["令和７年度", "サービススタンダードの平均所要日数", "東京支部", 6.18, LATE],
        ["令和７年度", "サービススタンダードの平均所要日数", "東京支部", 6.18, "=1+1"],
        ["令和７年度", "被扶養者の特定健診実施率", "東京支部", 3.4, COPIED],
    ]
    assert workbook["旗一覧"]["E6"].data_type == "s"


def test_without_flags_there_is_no_list_of_them(tmp_path: Path) -> None:
    workbook = reopen(write_comparison_workbook(tmp_path / "c.xlsx", rows_tokyo(), provenance()))
    assert "旗一覧" not in workbook.sheetnames


def test_rows_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScorecardError, match=r"a\.xlsx: rows of more than one branch: 00, 02, 03, 04, 05"):
        write_branch_workbook(tmp_path / "a.xlsx", rows_2023(), provenance(AS_OF_2023))
    for write in (write_branch_workbook, write_comparison_workbook):
        with pytest.raises(ScorecardError, match="as of 2025-06, the provenance as of 2024-03"):
            write(tmp_path / "a.xlsx", rows_tokyo(), provenance(AS_OF_2023))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_branch_workbook, write_comparison_workbook])
def test_a_branch_that_reported_nothing_gets_a_scorecard_that_says_so(write: Any, tmp_path: Path) -> None:
    nothing = [row("recovery_rate", "1", "-", fiscal_year=2023), row("recovery_rate", "1", "-", fiscal_year=2022)]
    workbook = reopen(write(tmp_path / "a.xlsx", nothing, provenance()))
    assert workbook.sheetnames == ["令和５年度", "遡及訂正", "出典・来歴"]
    texts = {cell.value for cells in workbook.worksheets[0].iter_rows() for cell in cells}
    assert nothing[0].kpi in texts


def test_the_comparison_reads_back_with_the_nation_first(tmp_path: Path) -> None:
    rows = rows_2023()
    path = write_comparison_workbook(tmp_path / "c.xlsx", reversed(rows), provenance(AS_OF_2023))
    workbook = reopen(path)
    assert workbook.sheetnames == ["令和５年度", "遡及訂正", "出典・来歴"]
    sheet = workbook.worksheets[0]
    names = [sheet.cell(5, column).value for column in range(3, 18, 3)]
    assert names == list(BRANCHES_2023.values())
    assert [sheet.cell(7, column).value for column in range(1, 9)] == [
        "KPI指標", "時点", "ＫＰＩ", "結果", "判定", "ＫＰＩ", "結果", "判定",
    ]  # fmt: skip
    assert sheet.cell(6, 12).value == "○ 11　× 8　― 0"
    lines = lines_of(sheet, 7)
    by_key = {(line.kpi, line.branch_code): line for line in rows}
    assert len(lines) == len({line.kpi for line in rows})
    for kpi, cells in lines.items():
        for index, code in enumerate(BRANCHES_2023):
            target, result, mark = cells[2 + 3 * index : 5 + 3 * index]
            line = by_key.get((kpi, code))
            if line is None:
                assert (target.value, result.value, mark.value) == ("／", "／", "／")
                continue
            check_figure(target, line.target, line.target_text, line.precision)
            check_figure(result, line.value, line.value_text, line.precision)
            assert mark.value == view.OUTCOME_MARKS[line.outcome]
    assert lines["ジェネリック 達成支部数"][5].value == "／"


def test_a_result_of_another_month_says_so(tmp_path: Path) -> None:
    def of(code: str, month: str) -> ScorecardRow:
        return row("recovery_rate", "53.95", "32.07", branch_code=code, branch=code, figure_as_of=month)

    rows = [of("01", "2025-05"), of("02", "2025-05"), of("03", "2025-04")]
    sheet = reopen(write_comparison_workbook(tmp_path / "c.xlsx", rows, provenance())).worksheets[0]
    cells = next(iter(lines_of(sheet, 7).values()))
    assert cells[1].value == "５月 確定"
    assert [cells[column].number_format for column in (3, 6, 9)] == [
        '0.00"%"_0', '0.00"%"_0', '0.00"%（４月 確定）"_0',
    ]  # fmt: skip


def test_few_branches_fit_one_page_and_many_break_between_branches(tmp_path: Path) -> None:
    few = reopen(write_comparison_workbook(tmp_path / "c.xlsx", rows_2023(), provenance(AS_OF_2023)))
    sheet = few.worksheets[0]
    assert sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.page_setup.fitToWidth == 1
    assert (sheet.freeze_panes, sheet.print_title_rows, sheet.print_title_cols) == ("F8", "$1:$7", "$A:$E")
    rows = many_branches(rows_2023())
    many = reopen(write_comparison_workbook(tmp_path / "m.xlsx", rows, provenance(AS_OF_2023))).worksheets[0]
    breaks = [entry.id for entry in many.col_breaks.brk]
    assert not many.sheet_properties.pageSetUpPr.fitToPage
    assert breaks == list(range(5 + 3 * 4, 5 + 3 * 47, 12))


@pytest.mark.parametrize("write", [write_branch_workbook, write_comparison_workbook])
def test_synthetic_data_are_named_on_every_sheet_and_page(tmp_path: Path, write: Any) -> None:
    workbook = reopen(write(tmp_path / "a.xlsx", rows_tokyo(), provenance(submissions=SYNTHETIC)))
    assert len(workbook.worksheets) == 4
    for sheet in workbook.worksheets:
        assert sheet["A2"].value.startswith("【合成データ】")
        assert sheet["A2"].fill.fgColor.rgb == "006B1F1F"
        assert sheet.oddHeader.right.text == "【合成データ】"
    published = reopen(write(tmp_path / "b.xlsx", rows_tokyo(), provenance()))
    assert all(sheet["A2"].value == "データの種類：公表値" for sheet in published.worksheets)


def test_the_provenance_sheet_is_last_and_complete(tmp_path: Path) -> None:
    told = provenance()
    sheet = reopen(write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), told)).worksheets[-1]
    assert sheet.title == "出典・来歴"
    facts = {sheet.cell(number, 1).value: sheet.cell(number, 2).value for number in range(4, 11)}
    assert facts == {
        "データの種類": "公表値",
        "時点": "令和７年６月（2025-06）",
        "公表月": "令和７年６月（2025-06）報告分まで",
        "実行ID": told.run_id,
        "作成日時": "2025年7月10日 09:12:33（日本時間）",
        "プログラムの版": "0.1.0",
        "入力ファイル": "2件",
    }
    assert [cell.value for cell in sheet[13]] == [
        "kpi_results", "2025-06", "kpi_results_2025-06.csv", "公表値", "取込済み", 155, 151, 4,
        "2025年7月10日 08:58:01（日本時間）", "9b" * 32,
    ]  # fmt: skip
    assert [sheet.cell(14, column).value for column in (1, 3, 6, 10)] == [
        "kpi_targets", "kpi_registration_sheet_fy2025.xlsx", 19, "0a" * 32,
    ]  # fmt: skip


def test_a_months_many_files_of_a_dataset_are_one_line_and_refused_ones_each(tmp_path: Path) -> None:
    base = provenance()
    monthly, yearly = base.submissions
    months = ("2025-05", "2025-06")
    files = [replace(monthly, known_month=month, file=f"{number:02d}.csv") for month in months for number in range(47)]
    refused = replace(monthly, known_month="2025-06", file="99.csv", status="refused", rows_read=0, rows_loaded=0)
    told = replace(base, submissions=(*files, refused, yearly))
    sheet = reopen(write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), told)).worksheets[-1]
    listed = [tuple(row[at].value for at in (0, 1, 2, 4, 5)) for row in sheet.iter_rows(min_row=13)]
    assert listed == [
        ("kpi_results", "2025-05", "47件のファイル", "取込済み", 47 * 155),
        ("kpi_results", "2025-06", "47件のファイル", "取込済み", 47 * 155),
        ("kpi_results", "2025-06", "99.csv", "受付不可", 0),
        ("kpi_targets", "2025", "kpi_registration_sheet_fy2025.xlsx", "取込済み", 19),
    ]
    assert sheet.cell(10, 2).value == "96件"


def test_of_many_lines_those_of_years_and_of_the_newest_months_are_listed(tmp_path: Path) -> None:
    base = provenance()
    monthly, yearly = base.submissions
    months = [f"{year}-{month:02d}" for year in range(2005, 2025) for month in range(1, 13)]
    told = replace(base, submissions=(*(replace(monthly, known_month=month) for month in months), yearly))
    sheet = reopen(write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), told)).worksheets[-1]
    listed = [(row[0].value, row[1].value) for row in sheet.iter_rows(min_row=13)]
    assert len(listed) == 151
    assert listed[149] == ("kpi_targets", "2025")
    assert [month for _, month in listed[:149]] == months[-149:]
    assert str(listed[150][0]).startswith("ほか91件のファイル")
