"""Reading initiatives, activity counts and marks: every oddity of the published files, and what must be refused."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_files import catalogue, contracts, csv_text, faults, read_bytes, workbook

from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.columns import Column
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.quantity_cells import read_amount, read_count
from kenpo_pipelines.submissions.reading import detect_dataset, read_submission
from kenpo_pipelines.submissions.submission import Row, Submission

EXAMPLES = CHECKOUT / "examples" / "published"
INITIATIVE = {
    "年度": "2025", "時点": "2025-06", "支部": "東京支部", "分野": "広報関連予算", "取組名": "ラジオ広報番組",
    "予算額": "30360000", "執行（予定）額": "14999600", "ステータス": "契約済み", "前年度予算額": "29040000", "単位": "円",
}  # fmt: skip
ACTIVITY = {
    "種別": "activity", "年度": "2025", "時点": "2025-05", "支部": "東京支部", "分野": "", "項目": "調査件数",
    "件数": "14", "単位": "件", "表記": "14件（５月分まで）",
}  # fmt: skip
MARK = {
    "年度": "2025", "時点": "2025-06", "支部": "東京支部", "対象": "事業者健診データ取得率", "評価": "△",
    "記入者": "企画総務グループ長", "理由": "提出勧奨の委託が遅れているため",
}  # fmt: skip
GOOD = {"initiatives": INITIATIVE, "activity_counts": ACTIVITY, "progress_marks": MARK}


def read(folder: Path, dataset: str, *changes: dict[str, str | None]) -> Submission:
    """Read one row per change of the good row; a column whose first change is None is left out of the file."""
    left_out = {name for name, cell in changes[0].items() if cell is None}
    extra = [name for name in changes[0] if name not in GOOD[dataset]]
    header = [name for name in [*GOOD[dataset], *extra] if name not in left_out]
    rows = [[str({**GOOD[dataset], **change}.get(name, "")) for name in header] for change in changes]
    return read_bytes(folder, csv_text([header, *rows]).encode(), dataset=dataset)


def only_row(submission: Submission) -> Row:
    assert faults(submission) == []
    (row,) = submission.rows
    return row


@pytest.mark.parametrize(("dataset", "rows"), [("initiatives", 62), ("activity_counts", 23)])
def test_the_published_files_are_recognised_and_read_whole(dataset: str, rows: int) -> None:
    path = EXAMPLES / f"{dataset}.csv"
    assert detect_dataset(path, contracts()) == dataset
    submission = read_submission(path, contracts()[dataset], catalogue(), "2025-06")
    assert (submission.rows_read, submission.rows_loaded, submission.problems) == (rows, rows, ())


def test_published_initiatives_are_in_yen_by_branch_code() -> None:
    submission = read_submission(EXAMPLES / "initiatives.csv", contracts()["initiatives"], catalogue(), "2025-06")
    by_name = {(row["branch_code"], row["area"], row["initiative"]): row for row in submission.rows}
    line = by_name["13", "広報関連予算", "LINEを活用した加入者への理解度促進等に向けた情報発信"]
    assert (line["budget_yen"], line["executed_yen"], line["prior_budget_yen"]) == (12_573_000, 12_980_000, None)
    assert (line["as_of"], line["status"]) == ("2025-06", "契約済み")
    plan = by_name["20", "保健事業", "集団健診"]
    assert (plan["as_of"], plan["budget_yen"], plan["status"]) == (None, 10_411_000, None)
    assert by_name["00", "協会全体 業務経費", "保健事業経費"]["budget_yen"] == 203_080_000_000
    assert {row["status"] for row in submission.rows if row["initiative"].startswith("事務経費")} == {"―"}


def test_published_counts_of_days_belong_to_the_month() -> None:
    submission = read_submission(
        EXAMPLES / "activity_counts.csv", contracts()["activity_counts"], catalogue(), "2025-06"
    )
    total = next(row for row in submission.rows if row["item"] == "生活習慣病予防健診 契約機関総数")
    assert (total["as_of"], total["item_count"], total["unit"]) == ("2025-04", 327, "機関")


@pytest.mark.parametrize(
    ("cell", "unit", "yen"),
    [
        ("30,360,000", "円", 30_360_000),
        ("３０３６００００円", "円", 30_360_000),
        ("30360", "千円", 30_360_000),
        ("30,360千円", "円", 30_360_000),
        ("1億3,700万", "千円", 137_000_000),
        ("80.7", "億円", 8_070_000_000),
        ("3.2", "百万円", 3_200_000),
        ("¥4,070,000", "", 4_070_000),
        ("", "円", None),
        ("―", "円", None),
        ("0", "円", 0),
    ],
)
def test_an_amount_is_in_yen_by_the_unit_that_the_row_states(
    tmp_path: Path, cell: str, unit: str, yen: int | None
) -> None:
    row = only_row(
        read(tmp_path, "initiatives", {"予算額": cell, "執行（予定）額": "", "前年度予算額": "", "単位": unit})
    )
    assert row["budget_yen"] == yen


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"単位": ""}, ["amount_unit_missing"] * 3),
        ({"単位": "人"}, ["not_an_amount_unit"] * 3),
        ({"予算額": "3.5"}, ["not_an_integer"]),
        ({"予算額": "△3,000"}, ["below_minimum"]),
        ({"予算額": "50％"}, ["not_an_amount_unit"]),
        ({"予算額": "約300"}, ["number_with_words"]),
        ({"予算額": "3000以上"}, ["number_with_words"]),
        ({"ステータス": "中止"}, ["unknown_choice"]),
        ({"分野": ""}, ["missing_value"]),
        ({"取組名": ""}, ["missing_value"]),
        ({"時点": ""}, ["missing_value"]),
        ({"時点": "計"}, ["not_a_month"]),
        ({"時点": "2025-07"}, ["month_after_folder"]),
        ({"時点": "2024-12"}, ["month_outside_fiscal_year"]),
        ({"支部": "東亰支部"}, ["unknown_branch"]),
        ({"支部": ""}, ["missing_value"]),
        ({"取組名": "広" * 201}, ["text_too_long"]),
        ({"分野": "広" * 101}, ["text_too_long"]),
    ],
)
def test_a_row_that_cannot_be_read_says_why(
    tmp_path: Path, changes: dict[str, str | None], expected: list[str]
) -> None:
    submission = read(tmp_path, "initiatives", changes)
    assert faults(submission) == expected
    assert (submission.rows_loaded, submission.rows_rejected) == (0, 1)


def test_a_triangle_is_a_minus_in_amounts_and_a_mark_among_marks(tmp_path: Path) -> None:
    assert only_row(read(tmp_path, "initiatives", {"執行（予定）額": "△1,500"}))["executed_yen"] == -1500
    assert only_row(read(tmp_path, "progress_marks", {"評価": "△"}))["mark"] == "△"


@pytest.mark.parametrize("word", ["plan", "計画", "当初計画", " ＰＬＡＮ "])
def test_the_plan_of_the_year_has_no_month(tmp_path: Path, word: str) -> None:
    assert only_row(read(tmp_path, "initiatives", {"時点": word}))["as_of"] is None


def test_counts_and_marks_have_no_plan(tmp_path: Path) -> None:
    for dataset in ("activity_counts", "progress_marks"):
        assert faults(read(tmp_path, dataset, {"時点": "plan"})) == ["not_a_month"]


@pytest.mark.parametrize("dataset", list(GOOD))
@pytest.mark.parametrize(
    ("changes", "branch_code", "expected"),
    [
        ({"支部": "東京"}, "13", []),
        ({"支部": None, "支部コード": "13"}, "13", []),
        ({"支部": "", "支部コード": "5"}, "05", []),
        ({"支部コード": "13"}, "13", []),
        ({"支部コード": ""}, "13", []),
        ({"支部": "協会全体"}, "00", []),
        ({"支部コード": "20"}, "", ["branch_mismatch"]),
        ({"支部": "", "支部コード": ""}, "", ["missing_value"]),
        ({"支部": None}, "", ["missing_value"]),
        ({"支部": "どこか", "支部コード": ""}, "", ["unknown_branch"]),
        ({"支部": None, "支部コード": "99"}, "", ["unknown_branch"]),
    ],
)
def test_a_branch_is_named_by_code_or_name(
    tmp_path: Path, dataset: str, changes: dict[str, str | None], branch_code: str, expected: list[str]
) -> None:
    submission = read(tmp_path, dataset, changes)
    assert faults(submission) == expected
    assert [row["branch_code"] for row in submission.rows] == ([branch_code] if branch_code else [])


@pytest.mark.parametrize(
    ("cell", "unit", "count", "stored_unit"),
    [
        ("２５事業所", "", 25, "事業所"),
        ("25", "事業所", 25, "事業所"),
        ("8社", "事業所", 8, "事業所"),
        ("6,517", "件", 6517, "件"),
        ("０件", "件", 0, "件"),
        ("集計中", "人", None, "人"),
        ("―", "件", None, "件"),
    ],
)
def test_a_count_keeps_its_unit(tmp_path: Path, cell: str, unit: str, count: int | None, stored_unit: str) -> None:
    row = only_row(read(tmp_path, "activity_counts", {"件数": cell, "単位": unit}))
    assert (row["item_count"], row["unit"]) == (count, stored_unit)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"件数": "25事業所", "単位": "件"}, "units_disagree"),
        ({"件数": "3％"}, "unexpected_percent"),
        ({"件数": "1.5"}, "not_an_integer"),
        ({"件数": "△1"}, "below_minimum"),
        ({"件数": "282件（５月分まで）"}, "number_with_note"),
        ({"項目": ""}, "missing_value"),
        ({"種別": "initiative"}, "unknown_choice"),
        ({"集計": "四半期"}, "unknown_choice"),
    ],
)
def test_a_count_that_cannot_be_read_says_why(tmp_path: Path, changes: dict[str, str | None], fault: str) -> None:
    assert faults(read(tmp_path, "activity_counts", changes)) == [fault]


@pytest.mark.parametrize("column", list(MARK))
def test_every_column_of_a_mark_must_be_filled(tmp_path: Path, column: str) -> None:
    submission = read(tmp_path, "progress_marks", {column: ""})
    assert faults(submission) == ["missing_value"]


@pytest.mark.parametrize(
    ("cell", "mark"),
    [("○", "○"), ("〇", "○"), ("◯", "○"), ("△", "△"), ("×", "×"), ("✕", "×"), ("―", "―"), ("－", "―"), ("-", "―")],
)
def test_marks_in_their_spellings(tmp_path: Path, cell: str, mark: str) -> None:
    assert only_row(read(tmp_path, "progress_marks", {"評価": cell}))["mark"] == mark


@pytest.mark.parametrize("cell", ["▲", "◎", "良い", "○△", "1"])
def test_other_signs_are_no_marks(tmp_path: Path, cell: str) -> None:
    assert faults(read(tmp_path, "progress_marks", {"評価": cell})) == ["unknown_choice"]


def test_two_amounts_of_one_initiative_refuse_both_rows(tmp_path: Path) -> None:
    submission = read(tmp_path, "initiatives", {}, {"予算額": "30360001"}, {"取組名": "別の取組"})
    assert faults(submission) == ["contradictory_rows"] * 2
    assert [row["initiative"] for row in submission.rows] == ["別の取組"]


def test_one_name_in_two_fields_is_two_initiatives(tmp_path: Path) -> None:
    submission = read(
        tmp_path, "initiatives", {"取組名": "事務経費"}, {"取組名": "事務経費", "分野": "別", "予算額": "1"}
    )
    assert (submission.rows_loaded, faults(submission)) == (2, [])


def test_a_workbook_with_its_unit_in_the_title(tmp_path: Path) -> None:
    header = [name for name in INITIATIVE if name != "単位"]
    values = [INITIATIVE[name] for name in header]
    values[header.index("予算額")], values[header.index("執行（予定）額")] = "30360", ""
    data = workbook([["令和７年度 事業予算", "（単位：千円）"], header, values])
    row = only_row(read_bytes(tmp_path, data, "予算.xlsx", dataset="initiatives"))
    assert (row["budget_yen"], row["executed_yen"]) == (30_360_000, None)


@given(amount=st.integers(0, 10**12), unit=st.sampled_from(["円", "千円", "万円", "百万円", "億円"]))
def test_an_amount_is_its_digits_times_its_unit(amount: int, unit: str) -> None:
    factor = {"円": 1, "千円": 1000, "万円": 10_000, "百万円": 10**6, "億円": 10**8}[unit]
    if amount * factor >= 10**18:
        return
    for cell, stated in ((Cell(f"{amount:,}"), unit), (Cell(amount), unit), (Cell(f"{amount}{unit}"), "")):
        assert read_amount(cell, stated, Decimal(0)) == amount * factor


@given(st.text(max_size=12))
def test_any_text_is_a_count_or_a_fault(text: str) -> None:
    try:
        count, unit = read_count(Cell(text), "", Decimal(0))
    except CellFault:
        return
    assert count is None or count >= 0
    assert unit == "" or count is not None


def test_a_name_of_the_greatest_length_is_read(tmp_path: Path) -> None:
    assert only_row(read(tmp_path, "initiatives", {"取組名": "広" * 200}))["initiative"] == "広" * 200


@pytest.mark.parametrize("dataset", list(GOOD))
def test_what_is_a_key_of_a_published_table_has_an_end(dataset: str) -> None:
    # an index of PostgreSQL takes rows of about 2,700 bytes; a character has at most four
    contract = contracts()[dataset]
    texts = [contract.column_by_name[name] for name in contract.dataset.key if name in contract.column_by_name]
    lengths = [column.longest for column in texts if column.type == "text"]
    assert sum(4 * (length or 10**6) for length in lengths) < 2_000


def test_a_length_belongs_to_text() -> None:
    with pytest.raises(ValueError, match="longest belongs to the type text"):
        Column.model_validate({"name": "a", "header": "あ", "type": "month", "description": "d", "longest": 9})


def test_a_plan_word_belongs_to_a_month() -> None:
    with pytest.raises(ValueError, match="plan_words belong to the type month"):
        Column.model_validate({"name": "a", "header": "あ", "type": "text", "description": "d", "plan_words": ["plan"]})


def test_a_count_needs_a_column_of_units() -> None:
    raw = contracts()["activity_counts"].model_dump(mode="json")
    raw["columns"] = [column for column in raw["columns"] if column["name"] != "unit"]
    with pytest.raises(ValueError, match="type count needs a column of the type unit"):
        Contract.model_validate(raw)
