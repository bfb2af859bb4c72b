"""Whole files: encodings, workbooks, headers, and files that cannot be read at all."""

import gzip
import io
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from submission_files import (
    MARKER,
    PUBLISHED,
    RESULT_HEADER,
    catalogue,
    contracts,
    csv_text,
    encrypted,
    faults,
    read_bytes,
    result_row,
    saved,
    target_row,
    workbook,
)

from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.decoding import decode
from kenpo_pipelines.submissions.faults import FAULTS, FileFault
from kenpo_pipelines.submissions.messages import describe_refusal
from kenpo_pipelines.submissions.reading import FolderError, detect_dataset, read_submission

_TEXT = csv_text(
    [
        RESULT_HEADER,
        result_row(実績値="2.1％"),
        result_row(KPI="single_bid_rate", 時点="R7.6", 分子="０件", 分母="１件", 実績値="0"),
    ]
)
_BOOK_ROWS = [RESULT_HEADER, result_row()]


@pytest.mark.parametrize(
    "data",
    [
        _TEXT.encode(),
        _TEXT.encode("utf-8-sig"),
        _TEXT.encode("utf-16"),
        _TEXT.replace(",", "\t").encode("utf-16"),
        _TEXT.encode("cp932"),
        _TEXT.encode("cp932") + b"\x1a",
        _TEXT.encode() + b"\x1a\x00\x00",
        _TEXT.replace("\r\n", "\n").encode(),
        _TEXT.replace("\r\n", "\r").encode("cp932"),
    ],
    ids=["utf8", "bom", "utf16", "utf16-tab", "cp932", "dos-end", "padding", "lf", "cr"],
)  # fmt: skip
def test_every_encoding_and_line_end_reads_alike(tmp_path: Path, data: bytes) -> None:
    submission = read_bytes(tmp_path, data)
    assert (submission.status, submission.rows_read, submission.rows_loaded) == ("loaded", 2, 2)
    assert [(row["value"], row["as_of"], row["row_number"]) for row in submission.rows] == [
        (Decimal("2.1"), "2025-05", 2),
        (Decimal(0), "2025-06", 3),
    ]
    assert [submission.rows[1][name] for name in ("numerator", "denominator")] == [0, 1]


def test_vendor_characters_of_cp932_survive() -> None:
    assert decode("①㈱～－\r\n".encode("cp932")) == "①㈱～－\n"


def test_gzipped_csv_reads_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    data = gzip.compress(_TEXT.encode("cp932"))
    assert read_bytes(tmp_path, data, "東京.csv.gz").rows_loaded == 2
    assert read_bytes(tmp_path, data[:-12], "東京.csv.gz").fault == "truncated"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("年度,支部コード".encode() + "あいうえお".encode()[:-1], "undecodable"),
        (b"\xef\xbb\xbf" + b"\xff\xff", "undecodable"),
        (b"\x93\xfa\x80\xfd\xa0", "undecodable"),
        (_TEXT.encode("iso2022_jp", "ignore"), "undecodable"),
        (_TEXT.encode("utf-16-le"), "undecodable"),
        (b"PK\x03\x04abc", "not_text"),
        (b"%PDF-1.7", "not_text"),
        (b"\x1a", "empty_file"),
        (b" \r\n \r\n", "empty_file"),
    ],
)
def test_text_that_cannot_be_decoded_is_never_guessed(data: bytes, fault: str) -> None:
    with pytest.raises(FileFault) as raised:
        decode(data)
    assert raised.value.code == fault


def _formula(sheet: Worksheet) -> None:
    sheet["H2"] = "=1+1"


_REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("a.xlsx", lambda: encrypted(workbook(_BOOK_ROWS)), "encrypted"),
    ("a.xlsx", lambda: workbook(_BOOK_ROWS)[:-200], "truncated"),
    ("a.xlsx", lambda: workbook(_BOOK_ROWS)[:500], "truncated"),
    ("a.xlsx", lambda: workbook(_BOOK_ROWS).replace(b"PK\x01\x02\x14\x03", b"PK\x01\x02\x14\x03\xff", 1), "truncated"),
    ("a.xlsx", lambda: b"PK\x03\x04" + bytes(40), "truncated"),
    ("a.xlsx", lambda: b"%PDF-1.7 report", "not_a_workbook"),
    ("a.xlsx", lambda: _TEXT.encode("cp932"), "not_a_workbook"),
    ("a.xlsx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old_workbook"),
    ("a.xlsx", lambda: b"", "empty_file"),
    ("a.xlsx", lambda: workbook([]), "empty_file"),
    ("a.xlsx", lambda: workbook([RESULT_HEADER]), "no_rows"),
    ("a.xlsx", lambda: workbook([["年度", "支部コード"], ["2025", "13"]]), "wrong_columns"),
    ("a.csv", lambda: workbook(_BOOK_ROWS), "not_text"),
    ("a.csv", lambda: b"", "empty_file"),
    ("a.csv", lambda: csv_text([RESULT_HEADER]).encode(), "no_rows"),
    ("a.csv", lambda: "年度,支部コード,KPI\r\n2025,13,x\r\n".encode("cp932"), "wrong_columns"),
    ("a.csv", lambda: csv_text([[*RESULT_HEADER, "結果"], [*result_row(), "1"]]).encode(), "duplicate_columns"),
    ("a.csv", lambda: (_TEXT + '"2025,開いたまま').encode(), "broken_quotes"),
    ("a.pdf", lambda: b"%PDF", "unsupported_extension"),
    ("a.xls", lambda: b"\xd0\xcf\x11\xe0", "unsupported_extension"),
]


@pytest.mark.parametrize(
    ("name", "build", "fault"), _REFUSED, ids=[f"{name}-{fault}-{i}" for i, (name, _, fault) in enumerate(_REFUSED)]
)
def test_a_file_that_cannot_be_read_is_refused_alone_and_says_why(
    tmp_path: Path, name: str, build: Callable[[], bytes], fault: str
) -> None:
    submission = read_bytes(tmp_path, build(), name)
    assert (submission.status, submission.fault) == ("refused", fault)
    assert (submission.rows_read, submission.rows_loaded, submission.rows_rejected, submission.rows) == (0, 0, 0, ())
    assert submission.detail.startswith(FAULTS[fault].value_class)
    assert "{" not in submission.detail
    assert describe_refusal(submission) == f"{name}：{submission.detail}"


def test_missing_columns_are_named_by_their_japanese_header(tmp_path: Path) -> None:
    submission = read_bytes(tmp_path, f"年度,支部コード,KPI,{MARKER}\n2025,13,x,1\n".encode())
    assert "時点、実績値" in submission.detail
    assert MARKER not in submission.detail


def test_column_order_is_free_and_english_names_are_accepted(tmp_path: Path) -> None:
    data = b"kpi_id,value,AS_OF,branch_code,fiscal_year\nguidance_rate_insured,2.1,2025-05,13,2025\n"
    (row,) = read_bytes(tmp_path, data).rows
    assert row == {
        "fiscal_year": 2025, "as_of": "2025-05", "branch_code": "13", "kpi_id": "guidance_rate_insured",
        "numerator": None,
        "denominator": None, "value": Decimal("2.1"), "value_word": None, "is_done": None, "unit": "", "printed": "",
        "source_document": "", "sheet": "", "row_number": 2,
    }  # fmt: skip
    assert set(row) - {"sheet", "row_number"} == {column.name for column in contracts()["kpi_results"].stored_columns}


def test_title_rows_merged_two_row_header_unit_line_and_notes(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["令和７年度 KPI実績報告（東京支部）"],
        [],
        ["年度", "時点", "支部コード", "KPI", "実績", None, None, "備考"],
        [None, None, None, None, "分子", "分母", "実績値", None],
        [None, None, None, None, "人", "人", "（％）", None],
        [2025, "R7.5", 13, "特定保健指導の実施率（被保険者）", 6853, 330908, 0.020709, None],
        [None, None, None, "特定保健指導の実施率（被扶養者）", "６２人", "8,736", 0.7, "※"],
        ["※５月実施分まで"],
    ]

    def merge(sheet: Worksheet) -> None:
        for column in "ABCDH":
            sheet.merge_cells(f"{column}3:{column}4")
        sheet.merge_cells("E3:G3")
        for column in "ABC":
            sheet.merge_cells(f"{column}6:{column}7")
        sheet["G6"].number_format = "0.0%"

    submission = read_bytes(tmp_path, workbook(rows, merge), "東京.xlsx")
    assert faults(submission) == []
    assert [
        (row["row_number"], row["branch_code"], row["numerator"], row["value"], row["unit"]) for row in submission.rows
    ] == [
        (6, "13", 6853, Decimal("2.0709"), "%"),
        (7, "13", 62, Decimal("0.7"), "%"),
    ]
    assert submission.notices == ("シート「報告」の注記の行（8行目）は読み飛ばしました。",)


def test_a_two_row_header_in_csv_and_a_unit_in_the_header(tmp_path: Path) -> None:
    text = "年度,時点,支部コード,KPI,実績,,\n,,,,分子,分母,実績値（％）\n2025,2025-05,13,committee_offices,,,40.1\n"
    submission = read_bytes(tmp_path, text.encode())
    assert faults(submission) == ["unit_disagrees"]
    submission = read_bytes(tmp_path, text.replace("committee_offices", "committee_coverage_rate").encode())
    assert [(row["value"], row["unit"]) for row in submission.rows] == [(Decimal("40.1"), "%")]


def test_a_scale_in_the_title_is_not_overlooked(tmp_path: Path) -> None:
    text = "単位：千円\n年度,時点,支部コード,KPI,実績値\n2025,2025-05,13,assessed_amount_per_receipt,15\n"
    assert faults(read_bytes(tmp_path, text.encode())) == ["unit_disagrees"]


def test_a_figure_in_merged_cells_is_refused_for_the_further_rows(tmp_path: Path) -> None:
    rows = [RESULT_HEADER, result_row(), result_row(KPI="guidance_rate_dependants")]
    submission = read_bytes(tmp_path, workbook(rows, lambda sheet: sheet.merge_cells("H2:H3")), "a.xlsx")
    assert faults(submission) == ["merged_cell"]
    assert submission.rows_loaded == 1


def test_hidden_rows_and_sheets_are_read_and_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.append(["集計メモ"])
    second = book.create_sheet("実績")
    second.append(RESULT_HEADER)
    second.append(result_row())
    second.append(result_row(KPI="guidance_rate_dependants"))
    second.row_dimensions[3].hidden = True
    second.sheet_state = "hidden"
    submission = read_bytes(tmp_path, saved(book), "a.xlsx")
    assert submission.rows_loaded == 2
    assert submission.notices == (
        "シート「実績」は非表示ですが、読み込みました。",
        "シート「実績」の非表示の行（3行目）も読み込みました。",
        "シート「Sheet」には必要な列がないため、読み込みませんでした。",
    )


def test_a_formula_without_cached_result_is_refused_with_its_cell(tmp_path: Path) -> None:
    submission = read_bytes(tmp_path, workbook(_BOOK_ROWS, _formula), "a.xlsx")
    (problem,) = submission.problems
    assert (problem.fault, problem.sheet, problem.row_number, problem.column_name) == (
        "formula_without_value",
        "報告",
        2,
        "実績値",
    )


def test_rows_shifted_by_a_comma_are_refused_and_trailing_commas_are_not(tmp_path: Path) -> None:
    head = csv_text([RESULT_HEADER])
    good = ",".join(result_row())
    lines = [good + ",,", ",".join(result_row(KPI="committee_offices", 実績値="12,978", 単位="社")), "2025,2025-05,13"]
    submission = read_bytes(tmp_path, (head + "\n".join(lines) + "\n").encode())
    assert [(problem.fault, problem.row_number) for problem in submission.problems] == [
        ("ragged_row", 3),
        ("ragged_row", 4),
    ]
    assert (submission.rows_read, submission.rows_loaded) == (3, 1)


def test_rows_are_numbered_by_line_even_after_a_cell_with_line_breaks(tmp_path: Path) -> None:
    header = [*RESULT_HEADER, "表記"]
    rows = [
        header,
        [*result_row(), "一行目\n二行目"],
        [*result_row(KPI="guidance_rate_dependants", 実績値="1.03&"), ""],
    ]
    submission = read_bytes(tmp_path, csv_text(rows).encode())
    assert [problem.row_number for problem in submission.problems] == [4]
    assert submission.rows[0]["printed"] == "一行目\n二行目"


def test_a_repeated_header_and_unused_columns_are_told_by_position_only(tmp_path: Path) -> None:
    header = [*RESULT_HEADER, MARKER]
    rows = [header, [*result_row(), ""], header, [*result_row(KPI="guidance_rate_dependants"), ""]]
    submission = read_bytes(tmp_path, csv_text(rows).encode())
    assert submission.rows_loaded == 2
    assert submission.notices == ("途中の見出し行（3行目）は読み飛ばしました。", "左から10番目の列は使いません。")


@pytest.mark.parametrize(
    ("dataset", "folder"), [("kpi_results", "2025"), ("kpi_results", "2025-13"), ("kpi_targets", "2025-06")]
)
def test_a_folder_that_does_not_fit_the_dataset_is_an_error_of_the_caller(dataset: str, folder: str) -> None:
    with pytest.raises(FolderError, match=dataset):
        read_submission(PUBLISHED / f"{dataset}.csv", contracts()[dataset], catalogue(), folder)


def test_datasets_are_told_by_their_headers(tmp_path: Path) -> None:
    found = {path.name: detect_dataset(path, contracts()) for path in PUBLISHED.iterdir()}
    assert {name: dataset for name, dataset in found.items() if dataset in ("kpi_results", "kpi_targets")} == {
        "kpi_results.csv": "kpi_results",
        "kpi_targets.csv": "kpi_targets",
        "kpi_registration_sheet_fy2025.xlsx": "kpi_targets",
    }
    broken = tmp_path / "a.xlsx"
    broken.write_bytes(b"%PDF")
    assert detect_dataset(broken, contracts()) is None


# --- the real files ---


def test_published_results_give_exactly_four_rejects() -> None:
    submission = read_submission(PUBLISHED / "kpi_results.csv", contracts()["kpi_results"], catalogue(), "2025-06")
    assert (submission.rows_read, submission.rows_loaded, submission.rows_rejected, submission.rows_merged) == (
        152,
        148,
        4,
        0,
    )
    assert [
        (problem.row_number, problem.kpi_id, problem.branch_code, problem.fault) for problem in submission.problems
    ] == [
        (2, "single_bid_rate", "00", "unknown_fiscal_year"),
        (8, "sbp130_share_female", "05", "kpi_not_in_force"),
        (9, "sbp130_share_male", "05", "kpi_not_in_force"),
        (19, "generic_share_value", "00", "kpi_not_in_force"),
    ]
    outreach = next(row for row in submission.rows if row["kpi_id"] == "biosimilar_outreach")
    assert (outreach["value"], outreach["value_word"], outreach["is_done"]) == (None, "－", None)


def test_published_targets_all_load_contradictions_included() -> None:
    submission = read_submission(PUBLISHED / "kpi_targets.csv", contracts()["kpi_targets"], catalogue(), "2025")
    assert (submission.rows_read, submission.rows_loaded, submission.rows_merged, submission.problems) == (
        269,
        269,
        0,
        (),
    )
    akita = [
        (row["kpi_id"], row["comparator"], row["target_value"], row["unit"])
        for row in submission.rows
        if row["branch_code"] == "05" and row["kpi_id"] in ("counter_receipt_rate", "line_monthly_posts")
    ]
    assert akita == [
        ("counter_receipt_rate", "対前年度以下", None, "%"),
        ("counter_receipt_rate", "対前年度以上", None, "%"),
        ("line_monthly_posts", "実施", None, ""),
        ("line_monthly_posts", "以上", Decimal(2), "回/月"),
    ]


_SHEET_TARGETS: dict[str, list[str | None]] = {
    "05": ["57.6", "21.2", "31.2", "38.5", "19.8", "1780", None, "58.2"],
    "08": ["61.8", "9.2", "31.8", "20.8", "10.5", "1800", None, "61.6"],
    "13": ["63.1", "3.9", "33.6", "14.3", "9.9", "3120", "88.3", "41.0"],
    "20": ["65.6", "15.6", "37.4", "33.9", "24.0", "1460", None, "61.4"],
    "31": ["65.0", "9.3", "28.2", "29.4", "16.4", "2500", None, "72.3"],
}
_SHEET_KPIS = [
    "checkup_rate_insured",
    "employer_checkup_data_rate",
    "checkup_rate_dependants",
    "guidance_rate_insured",
    "guidance_rate_dependants",
    "health_declaration_offices",
    "generic_share_volume",
    "committee_coverage_rate",
]


def test_the_registration_sheet_gives_five_branches_by_eight_kpis() -> None:
    path = PUBLISHED / "kpi_registration_sheet_fy2025.xlsx"
    submission = read_submission(path, contracts()["kpi_targets"], catalogue(), "2025")
    assert (submission.rows_read, submission.rows_loaded, submission.problems) == (40, 40, ())
    assert {row["fiscal_year"] for row in submission.rows} == {2025}
    targets = {(row["branch_code"], row["kpi_id"]): (row["comparator"], row["target_value"]) for row in submission.rows}
    assert targets == {
        (branch, kpi): ("以上", Decimal(value)) if value is not None else ("対前年度末以上", None)
        for branch, values in _SHEET_TARGETS.items()
        for kpi, value in zip(_SHEET_KPIS, values, strict=True)
    }
    assert {row["printed"] for row in submission.rows if row["kpi_id"] == "health_declaration_offices"} == {
        "1780", "1,800事業所", "3120", "1,460事業所", "2500"
    }  # fmt: skip


def _changed_sheet(change: Callable[[Worksheet], None]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO((PUBLISHED / "kpi_registration_sheet_fy2025.xlsx").read_bytes()))
    change(book.worksheets[0])
    return saved(book)


def _cached_result(data: bytes, result: str) -> bytes:
    """The workbook with the formula's result stored beside it, as Excel saves it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            part = source.read(name).decode()
            target.writestr(name, re.sub(r"(</f>)<v ?/>|(</f>)<v></v>", rf"</f><v>{result}</v>", part))
    return buffer.getvalue()


def test_a_formula_with_its_saved_result_is_a_number(tmp_path: Path) -> None:
    data = _cached_result(workbook(_BOOK_ROWS, _formula), "2.1")
    submission = read_bytes(tmp_path, data, "a.xlsx")
    assert [row["value"] for row in submission.rows] == [Decimal("2.1")]


def _set(cell: str, value: str | float | None) -> Callable[[Worksheet], None]:
    def change(sheet: Worksheet) -> None:
        sheet[cell] = value

    return change


@pytest.mark.parametrize(
    ("cell", "value", "fault"),
    [
        ("A1", "支部事業計画 KPI登録シート", "title_without_year"),
        ("C4", "新しい指標を○○.○％以上とする", "unknown_sheet_column"),
        ("C4", "被扶養者の特定健診実施率を○○.○％以上とする", "duplicate_columns"),
        ("A3", "県名", "wrong_columns"),
    ],
)
def test_a_registration_sheet_out_of_shape_is_refused(tmp_path: Path, cell: str, value: str, fault: str) -> None:
    submission = read_bytes(tmp_path, _changed_sheet(_set(cell, value)), "登録.xlsx", "kpi_targets")
    assert (submission.status, submission.fault) == ("refused", fault)


@pytest.mark.parametrize(
    ("cell", "value", "fault", "rejected"),
    [
        ("C7", None, "target_missing", 1),
        ("C7", "1.03&", "number_with_typo", 1),
        ("C7", "63.1％（前年度以上）", "number_with_note", 1),
        ("C7", "63.1％以下", "comparators_disagree", 1),
        ("H8", "1,460人", "unit_disagrees", 1),
        ("B7", "千葉", "branch_mismatch", 8),
        ("A7", "48", "unknown_branch", 8),
        ("A7", None, "missing_value", 8),
    ],
)
def test_faults_in_the_registration_sheet_name_row_and_column(
    tmp_path: Path, cell: str, value: str | None, fault: str, rejected: int
) -> None:
    submission = read_bytes(tmp_path, _changed_sheet(_set(cell, value)), "登録.xlsx", "kpi_targets")
    assert set(faults(submission)) == {fault}
    assert (submission.rows_read, submission.rows_rejected) == (40, rejected)
    assert {problem.row_number for problem in submission.problems} == {int(cell[1:])}


def test_one_branch_fault_of_the_sheet_is_told_per_kpi_cell_with_the_kpi(tmp_path: Path) -> None:
    submission = read_bytes(tmp_path, _changed_sheet(_set("A7", 5)), "登録.xlsx", "kpi_targets")
    assert {problem.kpi_id for problem in submission.problems} == set(_SHEET_KPIS)
    assert {problem.column_name for problem in submission.problems} == {"支部"}


def test_codes_without_their_zero_and_hidden_rows_of_the_sheet_are_told(tmp_path: Path) -> None:
    def change(sheet: Worksheet) -> None:
        sheet["A5"] = 5
        sheet.row_dimensions[6].hidden = True

    submission = read_bytes(tmp_path, _changed_sheet(change), "登録.xlsx", "kpi_targets")
    assert submission.rows_loaded == 40
    assert submission.notices == (
        "シート「登録シート」の非表示の行（6行目）も読み込みました。",
        "支部コードの先頭の0を補った行が8行あります。",
    )


def test_a_further_dataset_is_one_yaml_file(tmp_path: Path) -> None:
    (tmp_path / "guidance_counts.yml").write_text(
        """
dataset: {id: guidance_counts, name_ja: 特定保健指導件数, owner: "team:health", description: d,
          grain: branch × subject × month, folder: month, feeds: [guidance_rate_insured],
          key: [branch_code, subject, first_seen], contradictions: reject}
columns:
  - {name: branch, header: 支部, type: branch_name, required: true, description: d}
  - {name: subject, header: 対象, type: choice, required: true, description: d,
     values: {被保険者: [本人], 被扶養者: []}}
  - {name: first_seen, header: 初回日, type: date, required: true, description: d}
  - {name: eligible, header: 対象者数, type: integer, unit: 人, min: "0", required: true, description: d}
  - {name: evaluated, header: 実績評価, type: integer, unit: 人, required: true, description: d}
layouts: [{layout: table}]
""",
        encoding="utf-8",
    )
    contract = load_contracts(tmp_path)["guidance_counts"]
    path = tmp_path / "g.csv"
    path.write_text(
        '支部,対象,初回日,対象者数,実績評価\n東京,本人,R7.6.2,"1,460人",５\n東京支部,子,R7.6.2,1件,-\nどこか,本人,6月,-1,1.5\n東京,本人,R7.6.2,98%,5\n',
        encoding="cp932",
    )
    submission = read_submission(path, contract, catalogue(), "2025-06")
    assert [(row["branch_code"], row["subject"], row["eligible"], row["evaluated"]) for row in submission.rows] == [
        ("13", "被保険者", 1460, 5)
    ]
    assert faults(submission) == [
        "unknown_choice", "unit_disagrees", "missing_value",
        "unknown_branch", "month_without_year", "below_minimum", "not_an_integer", "unit_disagrees",
    ]  # fmt: skip
    assert detect_dataset(path, {**contracts(), "guidance_counts": contract}) == "guidance_counts"


def test_targets_may_come_as_a_workbook_table_too(tmp_path: Path) -> None:
    header = ["年度", "支部コード", "支部", "KPI", "比較", "目標値", "単位"]
    submission = read_bytes(tmp_path, workbook([header, target_row()]), "目標.xlsx", "kpi_targets")
    assert [(row["target_value"], row["sheet"]) for row in submission.rows] == [(Decimal("14.3"), "報告")]
