"""What a check report may show of a cell (decision 030)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_files import contracts

from kenpo_pipelines.scorecards.check_report.report import Kind
from kenpo_pipelines.scorecards.check_report.shown import (
    LONGEST_SHOWN,
    MASK,
    class_of_value,
    looks_personal,
    shown,
    shown_above,
    shown_name,
)

CLAIMS, RESULTS, AUDITS = (contracts()[name] for name in ("claims", "kpi_results", "receipt_audits"))


@pytest.mark.parametrize("text", ["21700023", "記号", "01", "１２３"])
@pytest.mark.parametrize("is_faulty", [True, False])
def test_a_personal_column_is_masked_whatever_it_holds(text: str, is_faulty: bool) -> None:
    for column in CLAIMS.personal_columns:
        assert shown(text, CLAIMS, column, is_faulty=is_faulty) == (MASK, Kind.MASKED)


@given(st.text(min_size=1))
def test_of_a_dataset_with_personal_columns_no_value_is_shown_in_any_column(text: str) -> None:
    for column in (*CLAIMS.columns, None):
        told, kind = shown(text, CLAIMS, column, is_faulty=True)
        assert kind in (Kind.MASKED, Kind.CLASS)
        assert told in (MASK, class_of_value(text))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("21700023", "数字8桁"),
        ("２１７０００２３", "数字8桁"),
        ("R0000001", "英数字8字"),
        ("21700023-1234567", "数字15桁を含む16字"),
        ("山田太郎", "文字4字"),
        ("　", "空白"),
    ],
)
def test_the_kind_of_a_value_tells_its_length_and_letters_only(text: str, kind: str) -> None:
    assert class_of_value(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "21700023",
        "２１７０００２３",
        "1234567",
        "21700023-1234567",
        "2170-1234",
        "記号2170番号1234567",
        "2170・002・3456",
        "2170 0023",
        "217\u30000023",
        "備考：21700023さん",
        "01130012,4711",
    ],
)
def test_digits_as_in_a_symbol_or_number_look_personal(text: str) -> None:
    assert looks_personal(text)
    value = RESULTS.column_by_name["kpi_id"] if "kpi_id" in RESULTS.column_by_name else RESULTS.columns[0]
    assert shown(text, RESULTS, value, is_faulty=True) == (class_of_value(text), Kind.CLASS)


@pytest.mark.parametrize(
    "text",
    ["2025-06-30", "2025年6月", "137,000,000件", "57.6％", "0.5760000000000001", "1.03&", "令和７年度", "※５月分"],
)
def test_dates_amounts_and_rates_do_not(text: str) -> None:
    assert not looks_personal(text)
    assert shown_above(text, RESULTS) == (text, Kind.VALUE)


def test_a_number_that_was_read_as_one_is_shown_and_a_faulty_one_of_seven_digits_is_not() -> None:
    numerator = RESULTS.column_by_name["numerator"]
    assert shown("5203574", RESULTS, numerator, is_faulty=False) == ("5203574", Kind.VALUE)
    assert shown("5203574", RESULTS, numerator, is_faulty=True) == ("数字7桁", Kind.CLASS)
    assert shown("01130012", RESULTS, numerator, is_faulty=False) == ("数字8桁", Kind.CLASS)


def test_numbers_of_cases_and_columns_that_the_contract_does_not_know_are_told_by_their_kind() -> None:
    assert shown("A-12", AUDITS, AUDITS.column_by_name["request_no"], is_faulty=False) == (
        "数字2桁を含む4字",
        Kind.CLASS,
    )
    assert shown("山田太郎", RESULTS, None, is_faulty=False) == ("文字4字", Kind.CLASS)
    assert shown_above("山田太郎 提出分", CLAIMS)[1] is Kind.CLASS


def test_text_is_shown_on_one_line_of_bounded_length_without_what_turns_it() -> None:
    column = RESULTS.columns[-1]
    told, _ = shown("あ\u202eい\n" + "う" * 500, RESULTS, column, is_faulty=True)
    assert told.startswith("あい う") and len(told) == LONGEST_SHOWN and told.endswith("…")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("results_20250630.csv", "results_20250630.csv"),
        ("実績_202506.csv", "実績_202506.csv"),
        ("21700023-1234567.csv", "＊＊＊＊＊＊＊＊-＊＊＊＊＊＊＊.csv"),
    ],
)
def test_digits_of_a_person_in_a_name_are_masked(name: str, told: str) -> None:
    assert shown_name(name) == told
