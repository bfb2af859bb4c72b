"""A file has one verdict, whichever way it is read: by the engine's parser, by Python's, or as a workbook."""

from pathlib import Path
from typing import Any

import pytest
from streaming_files import AUDITS, CLAIMS, DECISIONS, Way, book_bytes, csv_bytes, read, rows_of

FAULTY: list[tuple[str, dict[str, str], dict[str, str], set[tuple[str, str]]]] = [
    ("benefit_decisions", DECISIONS, {"支部コード": ""}, {("支部コード", "missing_value")}),
    ("benefit_decisions", DECISIONS, {"支部コード": "東京"}, {("支部コード", "not_a_branch_code")}),
    ("benefit_decisions", DECISIONS, {"支部コード": "00"}, {("支部コード", "unknown_branch")}),
    ("benefit_decisions", DECISIONS, {"支部コード": "48"}, {("支部コード", "unknown_branch")}),
    ("benefit_decisions", DECISIONS, {"受付番号": "x" * 41}, {("受付番号", "not_an_identifier")}),
    ("benefit_decisions", DECISIONS, {"受付番号": "―"}, {("受付番号", "missing_value")}),
    ("benefit_decisions", DECISIONS, {"受付番号": "!!"}, {("受付番号", "not_an_identifier")}),
    ("benefit_decisions", DECISIONS, {"受付番号": "#REF!"}, {("受付番号", "cell_error")}),
    ("benefit_decisions", DECISIONS, {"給付種別": "失業手当"}, {("給付種別", "unknown_choice")}),
    ("benefit_decisions", DECISIONS, {"給付種別": "傷病\ufffd当金"}, {("給付種別", "undecodable_cell")}),
    ("benefit_decisions", DECISIONS, {"受付日": "6月2日"}, {("受付日", "not_a_date")}),
    ("benefit_decisions", DECISIONS, {"受付日": "2025-02-30"}, {("受付日", "not_a_date")}),
    ("benefit_decisions", DECISIONS, {"受付日": "6月"}, {("受付日", "month_without_year")}),
    ("benefit_decisions", DECISIONS, {"受付日": "2025.1"}, {("受付日", "ambiguous_month")}),
    ("benefit_decisions", DECISIONS, {"支給額": "1.03&"}, {("支給額", "number_with_typo")}),
    ("benefit_decisions", DECISIONS, {"支給額": "約3000"}, {("支給額", "number_with_words")}),
    ("benefit_decisions", DECISIONS, {"支給額": "3000※見込"}, {("支給額", "number_with_note")}),
    ("benefit_decisions", DECISIONS, {"支給額": "1,2345"}, {("支給額", "bad_separators")}),
    ("benefit_decisions", DECISIONS, {"支給額": "1.37E+08"}, {("支給額", "scientific_number")}),
    ("benefit_decisions", DECISIONS, {"支給額": "1000000000000000000"}, {("支給額", "number_too_long")}),
    ("benefit_decisions", DECISIONS, {"支給額": "1.5"}, {("支給額", "not_an_integer")}),
    ("benefit_decisions", DECISIONS, {"支給額": "-5"}, {("支給額", "below_minimum")}),
    ("benefit_decisions", DECISIONS, {"支給額": "△5"}, {("支給額", "below_minimum")}),
    ("benefit_decisions", DECISIONS, {"支給額": "5人"}, {("支給額", "unit_disagrees")}),
    ("benefit_decisions", DECISIONS, {"記号": ""}, {("記号", "missing_value")}),
    ("benefit_decisions", DECISIONS, {"記号": "9" * 41, "番号": "－"},
     {("記号", "not_an_identifier"), ("番号", "missing_value")}),
    ("benefit_decisions", DECISIONS, {"振込日": ""}, {("振込日", "payment_date_missing")}),
    ("benefit_decisions", DECISIONS, {"振込日": "2025-06-01"}, {("振込日", "dates_out_of_order")}),
    ("benefit_decisions", DECISIONS, {"振込日": "令和７年６月１日"}, {("振込日", "dates_out_of_order")}),
    ("claims", CLAIMS, {"診療年月": "2025-13"}, {("診療年月", "not_a_month")}),
    ("claims", CLAIMS, {"診療年月": "2025-07"}, {("診療年月", "month_after_folder")}),
    ("claims", CLAIMS, {"診療年月": "令和7年9月"}, {("診療年月", "month_after_folder")}),
    ("claims", CLAIMS, {"診療年月": "2025-06"}, {("審査年月", "review_before_service")}),
    ("claims", CLAIMS, {"後発数量": "1.23456"}, {("後発数量", "too_many_decimals")}),
    ("claims", CLAIMS, {"後発数量": "100000000000000"}, {("後発数量", "number_too_long")}),
    ("claims", CLAIMS, {"後発数量": "5."}, {("後発数量", "number_with_typo")}),
    ("claims", CLAIMS, {"後発数量": "1e5"}, {("後発数量", "scientific_number")}),
    ("claims", CLAIMS, {"高血圧受診フラグ": "2"}, {("高血圧受診フラグ", "not_a_flag")}),
    ("claims", CLAIMS, {"高血圧受診フラグ": "○"}, {("高血圧受診フラグ", "not_a_flag")}),
    ("receipt_audits", AUDITS, {"査定額": ""}, {("査定額", "result_incomplete")}),
]  # fmt: skip


def _id(case: Any) -> str:
    return str(sorted(case[2].items()))[:60]


@pytest.mark.parametrize("case", FAULTY, ids=_id)
def test_a_faulty_cell_has_one_verdict_in_every_way(case: Any, tmp_path: Path) -> None:
    dataset, base, change, expected = case
    rows = rows_of(base, {}, change, {})
    ways: list[tuple[bytes, str, Way]] = [
        (csv_bytes(rows), "a.csv", "engine"),
        (csv_bytes(rows), "a.csv", "python"),
        (book_bytes(rows), "a.xlsx", "any"),
    ]
    if "\ufffd" not in str(change):
        ways.append((csv_bytes(rows, "cp932"), "a.csv", "engine"))
    for data, name, way in ways:
        found = read(tmp_path, data, dataset, name, way)
        assert {(header, code) for _, header, code in found.faults} == expected, (name, way)
        assert {row for row, _, _ in found.faults} == {3}
        assert [row["row_number"] for row in found.rows] == [2, 4]
        assert (found.result.rows_read, found.result.rows_rejected) == (3, 1)


def test_every_fault_of_a_row_is_told(tmp_path: Path) -> None:
    found = read(
        tmp_path, rows_of(DECISIONS, {"支部コード": "99", "支給額": "x", "受付日": "y", "振込日": ""}), way="engine"
    )
    assert found.faults == [
        (2, "受付日", "not_a_date"),
        (2, "支給額", "word_for_number"),
        (2, "支部コード", "unknown_branch"),
    ]
    assert found.result.branches[0].branch_code is None


def test_a_rejected_row_counts_for_its_branch(tmp_path: Path) -> None:
    changes = [
        {"支部コード": "04", "支給額": "x"},
        {"支部コード": "4", "振込日": ""},
        {"支部コード": "４"},
        {},
        {"支部コード": "?"},
    ]
    found = read(tmp_path, rows_of(DECISIONS, *changes), way="engine")
    counts = [(one.branch_code, one.rows_loaded, one.rows_rejected) for one in found.result.branches]
    assert counts == [("04", 1, 2), ("13", 1, 0), (None, 0, 1)]


@pytest.mark.parametrize("way", ["engine", "python"])
def test_lines_without_a_record_are_not_counted(tmp_path: Path, way: Way) -> None:
    width = len(DECISIONS)
    header, first, second = rows_of(DECISIONS, {}, {})
    blank, spaces, note = [""] * width, ["　"] * width, ["※６月実施分まで", *[""] * (width - 1)]
    found = read(tmp_path, [header, first, blank, header, spaces, note, second], way=way)
    assert [row["row_number"] for row in found.rows] == [2, 7]
    assert found.result.rows_read == 2 and not found.faults
    assert found.result.notices == (
        "注記の行（6行目）は読み飛ばしました。",
        "途中の見出し行（4行目）は読み飛ばしました。",
    )


def test_a_note_in_few_cells_and_empty_lines(tmp_path: Path) -> None:
    header, first, second = (",".join(row) for row in rows_of(DECISIONS, {}, {}))
    text = f"\n{header}\n\n{first}\n\n\n{second}\n※注記\n\n\x1a"
    found = read(tmp_path, text.encode("cp932"), way="engine")
    assert [row["row_number"] for row in found.rows] == [4, 7] and found.result.rows_read == 2
    assert found.result.notices == ("注記の行（8行目）は読み飛ばしました。",)


def test_titles_units_and_unused_columns(tmp_path: Path) -> None:
    header, row = rows_of(DECISIONS, {})
    title = ["現金給付", *[""] * (len(header))]
    units = ["円" if name == "支給額" else "" for name in header]
    data = [title, [*header[:3], "備考", *header[3:]], [*units[:3], "", *units[3:]], [*row[:3], "メモ", *row[3:]]]
    found = read(tmp_path, data, way="engine")
    assert [row["row_number"] for row in found.rows] == [4]
    assert found.result.notices == ("左から4番目の列は使いません。",)


def test_a_unit_outside_the_cells_must_be_the_columns(tmp_path: Path) -> None:
    header, row = rows_of(DECISIONS, {})
    wide = [f"{name}（千円）" if name == "支給額" else name for name in header]
    for way in ("engine", "python"):
        found = read(tmp_path, [wide, row], way=way)  # type: ignore[arg-type]
        assert found.codes == ["unit_disagrees"]


@pytest.mark.parametrize("way", ["engine", "python"])
def test_ragged_rows_are_quarantined_and_the_others_read(tmp_path: Path, way: Way) -> None:
    header, first, second, third, fourth = (",".join(row) for row in rows_of(DECISIONS, {}, {}, {}, {}))
    body = [
        f"{first},9", second, second.rsplit(",", 2)[0], f"{third},,", f"{fourth},1", f"{fourth},,1", f"{fourth},1,",
        f"{fourth},1,,1", "13", "", "1", "13,1",
    ]  # fmt: skip
    found = read(tmp_path, "\n".join([header, *body]).encode(), way=way)
    assert found.faults == [(row, "", "ragged_row") for row in (2, 4, 6, 7, 8, 9, 10, 12, 13)]
    assert [row["row_number"] for row in found.rows] == [3, 5]
    assert found.result.branches[-1].branch_code is None


def test_far_too_many_cells_send_the_file_to_python(tmp_path: Path) -> None:
    header, first, second = (",".join(row) for row in rows_of(DECISIONS, {}, {}))
    found = read(tmp_path, f"{header}\n{first}{',5' * 30}\n{second}\n".encode())
    assert found.faults == [(2, "", "ragged_row")] and [row["row_number"] for row in found.rows] == [3]


def test_embedded_line_breaks_do_not_shift_row_numbers(tmp_path: Path) -> None:
    rows = rows_of(DECISIONS, {"給付種別": "傷病\n手当金"}, {"受付番号": "A\nB"}, {"支給額": "x"})
    for data, name in ((csv_bytes(rows), "a.csv"), (csv_bytes(rows, "cp932"), "a.csv")):
        found = read(tmp_path, data, name=name)
        assert [(row["row_number"], row["benefit_type"]) for row in found.rows] == [(2, "傷病手当金")]
        assert found.faults == [(4, "受付番号", "not_an_identifier"), (6, "支給額", "word_for_number")]


def test_a_header_may_hold_line_breaks_and_stand_in_two_rows(tmp_path: Path) -> None:
    header, row = rows_of(DECISIONS, {})
    broken = [f"{name[:2]}\n{name[2:]}" for name in header]
    assert [one["row_number"] for one in read(tmp_path, [broken, row], way="engine").rows] == [16]


def test_an_open_quote_refuses_the_file_with_its_line(tmp_path: Path) -> None:
    header, first, second, third = (",".join(row) for row in rows_of(DECISIONS, {}, {}, {}))
    broken = second.replace("窓口", '"窓口')
    found = read(tmp_path, f"{header}\n{first}\n{broken}\n{third}\n".encode())
    assert (found.result.status, found.result.fault) == ("refused", "broken_quotes")
    assert "3行目" in found.result.detail and not found.rows and not found.faults


def test_bytes_without_a_character_spoil_their_cell_only(tmp_path: Path) -> None:
    rows = rows_of(DECISIONS, {}, {}, {}, {})
    for encoding, bad in (("cp932", b"\x8f\x81\xff"), ("cp932", b"\xa0"), ("utf-8", b"\xe5\x82")):
        lines = csv_bytes(rows, encoding, "\n").split(b"\n")
        lines[2] = lines[2].replace("傷病手当金".encode(encoding), bad)
        found = read(tmp_path, b"\n".join(lines), way="engine" if encoding == "cp932" else "any")
        assert found.faults == [(3, "給付種別", "undecodable_cell")], encoding
        assert [row["row_number"] for row in found.rows] == [2, 4, 5]


def test_nothing_but_faulty_rows_writes_no_raw_file(tmp_path: Path) -> None:
    found = read(tmp_path, rows_of(DECISIONS, {"支給額": "x"}, {"支給額": "y"}), way="engine")
    assert (found.result.status, found.result.rows_loaded, found.result.rows_rejected) == ("loaded", 0, 2)
