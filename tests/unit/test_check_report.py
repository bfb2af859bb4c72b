"""The check report: marks at the right cells, what is left out, pages and workbooks in which everything stays text."""

import io
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
from check_reports import anchors, book_bytes, book_of, cell_at, everything_of, links, page_of, report_of
from hostile_books import replaced
from openpyxl.worksheet.worksheet import Worksheet
from streaming_files import CLAIMS, csv_bytes, rows_of
from submission_files import PUBLISHED, RESULT_HEADER, csv_text, encrypted, result_row, saved, workbook

from kenpo_pipelines.scorecards.check_report.report import Kind, Verdict
from kenpo_pipelines.scorecards.check_report.sheets import BOOK_ROOM, PAGE_ROOM, Room

SCRIPT = "<script>alert('x')</script>"
SHEET = PUBLISHED / "kpi_registration_sheet_fy2025.xlsx"


def put(folder: Path, data: bytes | str, name: str = "東京.csv") -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def results(folder: Path, *rows: list[str]) -> Path:
    return put(folder, csv_text([RESULT_HEADER, *rows]))


def registration(folder: Path, **cells: object) -> Path:
    """The published registration sheet with other values in some cells."""
    book = openpyxl.load_workbook(SHEET)
    for name, value in cells.items():
        book.worksheets[0][name] = value
    return put(folder, saved(book), "登録.xlsx")


def test_a_faulty_cell_is_marked_where_it_stands_and_explained(tmp_path: Path) -> None:
    report = report_of(
        results(tmp_path, result_row(), result_row(実績値="1.03&"), result_row(支部="鳥取支部")), "kpi_results"
    )
    assert report.verdict is Verdict.TO_CORRECT
    assert (report.rows_read, report.rows_loaded, report.to_correct) == (3, 1, 2)
    first, second = report.marks
    assert (first.place, first.column_name, first.shown) == ("H3", "実績値", "1.03&")
    assert "余分な記号" in first.what and "正しい数値" in first.advice
    assert second.place == "D4" and "東京支部" in second.advice
    (sheet,) = report.sheets
    assert cell_at(sheet, 3, 8).marks == (first,)
    assert [cell for row in sheet.rows for cell in row.cells if cell.marks] == [
        cell_at(sheet, 3, 8),
        cell_at(sheet, 4, 4),
    ]


def test_every_link_of_the_page_leads_to_a_cell_and_back(tmp_path: Path) -> None:
    ragged = csv_text([RESULT_HEADER, result_row(実績値="1.03&"), result_row()]) + "2025,2025-05\r\n"
    page = page_of(report_of(put(tmp_path, ragged), "kpi_results"))
    assert {"s1-H2", "s1-r4", "p1", "p2"} <= links(page) <= anchors(page)
    assert ">×1<" in page and ">×2<" in page  # a mark and a number beside the colour
    assert 'class="' in page and "src=" not in page and "http" not in page.replace("http-equiv", "")


def test_a_registration_sheet_is_marked_at_the_branch_the_kpi_and_the_title(tmp_path: Path) -> None:
    report = report_of(registration(tmp_path, C5="57.6&", B6="鳥取"), "kpi_targets")
    assert [(mark.place, mark.columns) for mark in report.marks] == [("C5", (3,)), ("A6", (1, 2))]
    assert cell_at(report.sheets[0], 6, 2).text == "鳥取" and cell_at(report.sheets[0], 6, 2).marks
    old = report_of(registration(tmp_path, A1="平成20年度 支部事業計画 KPI登録シート"), "kpi_targets")
    assert {mark.place for mark in old.marks} == {"A1"}
    assert len(old.marks) == 1 and not old.marks[0].must_be_corrected


def test_the_published_sheet_is_fine_and_says_so(tmp_path: Path) -> None:
    report = report_of(SHEET, "kpi_targets")
    assert report.verdict is Verdict.FINE and not report.marks
    assert "このまま提出できます" in page_of(report)
    assert report_of(SHEET, "kpi_targets", is_landed=True).is_landed


def test_a_long_sheet_shows_the_rows_around_problems_and_says_which_it_leaves_out(tmp_path: Path) -> None:
    rows = [result_row(時点=f"2025-0{4 + at % 3}", 分子=str(at)) for at in range(500)]
    rows[199][7] = "1.03&"
    report = report_of(results(tmp_path, *rows), "kpi_results")
    (sheet,) = report.sheets
    marked = next(mark for mark in report.marks if mark.what.startswith("数値に余分"))
    assert marked.row == 201
    numbers = [row.number for row in sheet.rows]
    assert {1, 199, 200, 201, 202, 203} <= set(numbers)
    page = page_of(report)
    assert f'href="#s1-H{marked.row}"' in page


def test_gaps_name_first_and_last_row_left_out(tmp_path: Path) -> None:
    rows = [result_row(支部コード=f"{at % 47 + 1:02d}", 支部="", 時点=f"2025-0{4 + at // 47}") for at in range(141)]
    rows[60][7] = "1.03&"
    (sheet,) = report_of(results(tmp_path, *rows), "kpi_results").sheets
    assert [row.number for row in sheet.rows] == [1, 60, 61, 62, 63, 64]
    assert [row.left_out for row in sheet.rows] == [None, (2, 59), None, None, None, None]
    assert sheet.left_out_after
    page = page_of(report_of(results(tmp_path, *rows), "kpi_results"))
    assert "（2～59行目は省略）" in page and "（これより下の行は省略）" in page


def test_a_page_stays_under_two_megabytes_whatever_the_file_holds(tmp_path: Path) -> None:
    rows = [result_row(実績値="あ" * 300, KPI="い" * 300, 単位="う" * 300) for _ in range(3000)]
    report = report_of(results(tmp_path, *rows), "kpi_results")
    assert len(report.marks) == 500 and report.marks_unlisted > 5000
    page = page_of(report)
    assert len(page.encode()) < 2_000_000
    assert links(page) <= anchors(page)
    assert "ほかに" in page


def test_several_sheets_are_shown_each_and_others_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, value in (("4月", "1.03&"), ("5月", "2.1")):
        sheet = book.create_sheet(title)
        for row in (RESULT_HEADER, result_row(実績値=value, 時点="2025-04" if title == "4月" else "2025-05")):
            sheet.append(row)
    book.worksheets[0]["A1"] = "メモ"
    report = report_of(put(tmp_path, saved(book), "a.xlsx"), "kpi_results")
    assert [sheet.name for sheet in report.sheets] == ["4月", "5月"]
    assert [(mark.sheet, mark.place) for mark in report.marks] == [("4月", "H2")]
    assert any("読み込みませんでした" in notice for notice in report.notices)
    page = page_of(report)
    assert "シート「4月」" in page and "シート「5月」" in page
    assert book_of(report).sheetnames == ["確認結果", "4月", "5月"]


def test_merged_cells_and_hidden_rows_are_marked_and_told(tmp_path: Path) -> None:
    def change(sheet: Worksheet) -> None:
        sheet.merge_cells("H2:H3")
        sheet.row_dimensions[4].hidden = True

    rows = [RESULT_HEADER, result_row(), result_row(時点="2025-04"), result_row(時点="2025-06", 実績値="x")]
    report = report_of(put(tmp_path, workbook(rows, change), "a.xlsx"), "kpi_results")
    assert [mark.place for mark in report.marks] == ["H3", "H4"]
    hidden = next(row for row in report.sheets[0].rows if row.number == 4)
    assert hidden.is_hidden
    assert "（非表示）" in page_of(report)
    assert book_of(report)["報告"].row_dimensions[4].hidden is False


def test_text_of_a_file_stays_text_in_page_and_workbook(tmp_path: Path) -> None:
    risky = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", SCRIPT]
    rows = [result_row(実績値=text, 時点=f"2025-0{4 + at % 3}") for at, text in enumerate(risky)]
    header = [*RESULT_HEADER, SCRIPT]
    path = put(tmp_path, csv_text([header, *([*row, ""] for row in rows)]), f"{SCRIPT.replace('/', '')}.csv")
    report = report_of(path, "kpi_results")
    page = page_of(report)
    assert "<script>" not in page and "&lt;script&gt;" in page
    book = book_of(report)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    texts = [cell for cell in book.worksheets[1]["H"][1:]]
    assert [cell.value for cell in texts] == risky
    assert all(cell.quotePrefix for cell in texts[:4])


def test_no_formula_link_or_macro_of_the_sender_comes_into_the_workbook(tmp_path: Path) -> None:
    def change(sheet: Worksheet) -> None:
        sheet["H3"] = "=1+1"
        sheet["H2"].hyperlink = "https://example.jp/evil"

    rows = [RESULT_HEADER, result_row(実績値="1.03&"), result_row(時点="2025-04")]
    path = put(tmp_path, workbook(rows, change), "a.xlsx")
    data = book_bytes(report_of(path, "kpi_results", room=BOOK_ROOM))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}
    assert not [name for name in parts if "vba" in name.lower() or "external" in name.lower()]
    assert not [name for name, text in parts.items() if "<f>" in text or "example.jp" in text]


def test_the_workbook_keeps_places_fills_comments_notes_and_links(tmp_path: Path) -> None:
    report = report_of(registration(tmp_path, C5="57.6&"), "kpi_targets", room=BOOK_ROOM)
    book = book_of(report)
    sheet = book["登録シート"]
    assert (sheet["C5"].value, sheet["D5"].value, sheet["B9"].value) == ("57.6&", 0.212, "鳥取")
    assert sheet["D5"].number_format.endswith("%")
    assert sheet["C5"].fill.start_color.rgb.endswith("F7C896") and not sheet["D5"].fill.fill_type
    assert "余分な記号" in sheet["C5"].comment.text
    notes = [cell.value for cell in sheet["K"] if cell.value]
    assert any(str(note).startswith("×1 C5：") for note in notes)
    places = [cell.hyperlink.location for row in book["確認結果"].iter_rows() for cell in row if cell.hyperlink]
    assert places == ["'登録シート'!C5"]


def test_of_a_long_sheet_the_workbook_copies_rows_in_their_places_and_hides_the_others(tmp_path: Path) -> None:
    rows = [result_row(支部コード=f"{at % 47 + 1:02d}", 支部="", 時点=f"2025-0{4 + at // 47}") for at in range(141)]
    rows[60][7] = "1.03&"
    room = Room(whole_rows=50, context=1, columns=20, cells=1000)
    sheet = book_of(report_of(results(tmp_path, *rows), "kpi_results", room=room)).worksheets[1]
    assert sheet["H62"].value == "1.03&" and sheet["H70"].value is None
    assert sheet.sheet_format.zeroHeight
    assert {number for number, row in sheet.row_dimensions.items() if row.height} >= {1, 61, 62, 63}


def test_the_same_report_makes_the_same_workbook(tmp_path: Path) -> None:
    report = report_of(results(tmp_path, result_row(実績値="1.03&")), "kpi_results")
    assert book_bytes(report) == book_bytes(report)


def test_sheets_named_as_ours_get_other_names(tmp_path: Path) -> None:
    data = workbook([RESULT_HEADER, result_row(実績値="x")], title="確認結果")
    book = book_of(report_of(put(tmp_path, data, "a.xlsx"), "kpi_results"))
    assert book.sheetnames == ["確認結果", "確認結果(2)"]
    (link,) = [cell.hyperlink.location for row in book["確認結果"].iter_rows() for cell in row if cell.hyperlink]
    assert link == "'確認結果(2)'!H2"


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.xlsx", encrypted(workbook([RESULT_HEADER, result_row()])), "パスワード"),
        ("a.xlsx", replaced("xl/styles.xml", "<styleSheet", "<!DOCTYPE x><styleSheet"), "定義"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "古い形式"),
        ("a.csv", b"", "中身のない"),
        ("a.csv", "年度,時点\r\n2025,2025-05\r\n".encode(), "必要な列"),
        ("a.pdf", b"%PDF", "受け付けていない種類"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_what_to_do(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    report = report_of(put(tmp_path, data, name), "kpi_results")
    assert report.verdict is Verdict.UNREADABLE and not report.sheets
    page = page_of(report)
    assert "読み取れません" in page and told in page and "次にすること" in page
    assert ("必要な列（" in page or "<h3>必要な列</h3>" in page) == (told == "必要な列")
    assert told in "".join(str(cell.value) for row in book_of(report)["確認結果"].iter_rows() for cell in row)


def test_a_file_exchanged_after_its_check_is_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from check_reports import MONTH
    from submission_files import catalogue, contracts

    from kenpo_pipelines.scorecards.check_report.making import report_of_check
    from kenpo_pipelines.submissions.submit import check

    for dataset, first, second in (
        ("kpi_results", csv_text([RESULT_HEADER, result_row(実績値="x")]).encode(), b"other"),
        ("claims", csv_bytes(rows_of(CLAIMS, {"決定点数": "x"})), csv_bytes(rows_of(CLAIMS, {"決定点数": "y"}))),
    ):
        path = put(tmp_path, first)
        checked = check(path, contracts()[dataset], catalogue(), MONTH)
        path.write_bytes(second)
        report = report_of_check(path, contracts()[dataset], checked, MONTH, PAGE_ROOM)
        assert report.verdict is Verdict.UNREADABLE and "書き換えられた" in report.reason


SYMBOL, NUMBER, NAME = "21700023", "1234567", "KOJINTARO"


def claims_with_persons() -> list[list[str]]:
    """Persons in their columns, in wrong ones, and in a column that nobody knows."""
    header, *rows = rows_of(
        CLAIMS,
        {"記号": SYMBOL, "番号": NUMBER},
        {"記号": SYMBOL, "番号": NUMBER, "決定点数": f"{SYMBOL}-{NUMBER}"},
        {"記号": "", "番号": f"{NUMBER}\a"},
        {"点数表": NAME, "診療年月": SYMBOL},
        {"レセプト管理番号": f"{NAME}{NUMBER}" * 9},
    )
    return [[*header, NAME], *([*row, f"{NAME} {SYMBOL}"] for row in rows)]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_reports_of_records_hold_no_person_but_kinds_of_values(tmp_path: Path, kind: str) -> None:
    rows = claims_with_persons()
    cleaned = [[text.replace("\a", "\n") for text in row] for row in rows]
    path = put(tmp_path, csv_bytes(rows) if kind == "csv" else workbook(cleaned, title=f"{SYMBOL}分"), f"a.{kind}")
    told = everything_of(path, "claims")
    assert not re.search(f"{SYMBOL}|{NUMBER}|{NAME}", told)
    report = report_of(path, "claims")
    assert report.hides_values and report.to_correct >= 4
    (sheet,) = report.sheets
    head = list(rows[0])
    wrong = cell_at(sheet, 3, head.index("決定点数") + 1)
    assert (wrong.text, wrong.kind) == ("数字15桁を含む16字", Kind.CLASS) and wrong.marks
    assert {cell.kind for row in sheet.rows[1:] for cell in row.cells if cell.text} == {Kind.CLASS, Kind.MASKED}
    assert "（読まない列）" in page_of(report)


def test_reports_of_figures_hold_no_symbol_in_any_column(tmp_path: Path) -> None:
    rows = [
        result_row(KPI=SYMBOL),
        result_row(実績値=f"{SYMBOL}番"),
        result_row(支部=f"記号{SYMBOL}番号{NUMBER}"),
        result_row(時点=NUMBER),
    ]
    header = [*RESULT_HEADER, "表記", "氏名"]
    path = put(tmp_path, csv_text([header, *([*row, f"{SYMBOL}-{NUMBER}", NAME] for row in rows)]))
    told = everything_of(path, "kpi_results")
    assert not re.search(f"{SYMBOL}|{NUMBER}|{NAME}", told)
    assert "数字8桁" in told


def test_records_are_shown_at_their_own_row_numbers_far_down_the_file(tmp_path: Path) -> None:
    rows = rows_of(CLAIMS, *({"レセプト管理番号": f"R{at}"} for at in range(2000)))
    at = rows[0].index("診療年月")
    rows[1500][at] = "2025-13"
    report = report_of(put(tmp_path, csv_bytes(rows)), "claims")
    assert [mark.row for mark in report.marks] == [1501]
    (sheet,) = report.sheets
    assert [(row.number, row.left_out) for row in sheet.rows] == [(1, None), (1501, (2, 1500))]
    assert sheet.rows[1].cells[at].marks == report.marks


def test_rows_beyond_the_last_of_a_sheet_are_listed_and_the_workbook_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kenpo_pipelines.scorecards.check_report.workbook.LAST_ROW", 1000)
    rows = rows_of(CLAIMS, *({"レセプト管理番号": f"R{at}"} for at in range(1500)))
    at = rows[0].index("診療年月")
    rows[500][at] = rows[1400][at] = "2025-13"
    book = book_of(report_of(put(tmp_path, csv_bytes(rows)), "claims", room=BOOK_ROOM))
    told = [str(cell.value) for row in book["確認結果"].iter_rows() for cell in row if cell.value]
    assert any("Excelのシートに入らない" in text for text in told)
    links_to = [cell.hyperlink.location for row in book["確認結果"].iter_rows() for cell in row if cell.hyperlink]
    assert links_to == ["'提出ファイル'!C501"] and sum("行目）" in text for text in told) == 2


def test_what_was_submitted_already_gets_other_words(tmp_path: Path) -> None:
    path = results(tmp_path, result_row(), result_row(実績値="1.03&", 時点="2025-04"))
    page = page_of(report_of(path, "kpi_results", is_landed=True))
    assert "取り込めなかった行があります" in page and "まだ提出できません" not in page
    assert "同じ提出先（2025年6月分）にもう一度提出してください" in page
    fine = page_of(report_of(results(tmp_path, result_row()), "kpi_results", is_landed=True))
    assert "対応は不要です" in fine
