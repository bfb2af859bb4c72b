"""Months, dates, fiscal years, branch codes and choices as branches type them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo_pipelines.submissions import calendar_cells
from kenpo_pipelines.submissions.cells import cell_text, find_done, read_branch_code, read_choice, read_integer
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.numerals import read_quantity
from kenpo_pipelines.submissions.units import known_unit


@pytest.mark.parametrize(
    "value",
    [
        "2025-04",
        "2025/4",
        "2025.04",
        "202504",
        "2025年4月",
        "2025年4月末",
        "令和７年４月",
        "令和7年4月末時点",
        "R7.4",
        "r7/4",
        "Ｒ７．４",
        "R07.04",
        "2025-04-01",
        "2025/4/1",
        "20250401",
        "R7.4.1",
        "令和7年4月1日",
        "2025/04/30",
        "2025-04-30 00:00:00",
        "2025/4/30 0:00",
        "２０２５年４月",
        202504,
        20250401,
        45748,
        45748.0,
        "45748",
        dt.date(2025, 4, 1),
        dt.datetime(2025, 4, 30),
    ],
)
def test_every_form_of_april_2025(value: str | int | float | dt.date) -> None:
    assert calendar_cells.read_month(Cell(value)) == "2025-04"


@pytest.mark.parametrize(
    ("text", "month"), [("R6.11", "2024-11"), ("H31.4", "2019-04"), ("令和元年5月", "2019-05"), ("2025.10", "2025-10")]
)
def test_other_eras_and_two_digit_months(text: str, month: str) -> None:
    assert calendar_cells.read_month(Cell(text)) == month


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("4月", "month_without_year"),
        ("４月末時点", "month_without_year"),
        ("2025.1", "ambiguous_month"),
        (2025.1, "ambiguous_month"),
        ("2025-13", "not_a_month"),
        ("2025-02-30", "not_a_month"),
        ("7.4", "not_a_month"),
        ("前月", "not_a_month"),
        ("2025①", "not_a_month"),
        ("2025", "not_a_month"),
        (True, "not_a_month"),
        ("12345", "not_a_month"),
        (2025, "not_a_month"),
        ("2025-04～06", "not_a_month"),
    ],
)
def test_what_is_no_month_is_refused(value: str | float, fault: str) -> None:
    with pytest.raises(CellFault) as raised:
        calendar_cells.read_month(Cell(value))
    assert raised.value.code == fault


def test_dates_need_a_day() -> None:
    assert calendar_cells.read_date(Cell("R7.4.15")) == dt.date(2025, 4, 15)
    assert calendar_cells.read_date(Cell(45748)) == dt.date(2025, 4, 1)
    with pytest.raises(CellFault, match="not_a_date"):
        calendar_cells.read_date(Cell("2025-04"))


@given(day=st.dates(dt.date(2019, 5, 1), dt.date(2040, 12, 31)))
def test_a_day_reads_back_from_every_spelling(day: dt.date) -> None:
    reiwa = day.year - 2018
    spellings: list[str | int | dt.date] = [
        day, day.isoformat(), f"{day:%Y%m%d}", f"{day.year}/{day.month}/{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        f"R{reiwa}.{day.month}.{day.day}", f"令和{reiwa}年{day.month}月{day.day}日", (day - dt.date(1899, 12, 30)).days,
    ]  # fmt: skip
    assert {calendar_cells.read_date(Cell(spelling)) for spelling in spellings} == {day}


@pytest.mark.parametrize(
    "value", ["2025", "２０２５", "2025年度", "令和7年度", "令和７年度", "R7", "R7年度", "令和7年", 2025, 2025.0]
)
def test_every_form_of_fiscal_year_2025(value: str | float) -> None:
    assert calendar_cells.read_fiscal_year(Cell(value)) == 2025


@pytest.mark.parametrize("value", ["7年度", "7", "2025-06", "今年度", 2025.5, True])
def test_what_is_no_fiscal_year_is_refused(value: str | float) -> None:
    with pytest.raises(CellFault, match="not_a_fiscal_year"):
        calendar_cells.read_fiscal_year(Cell(value))


def test_a_title_names_one_fiscal_year() -> None:
    assert calendar_cells.fiscal_year_in("令和７年度 支部事業計画 KPI登録シート") == 2025
    assert calendar_cells.fiscal_year_in("令和６年度実績と令和７年度目標") is None
    assert calendar_cells.fiscal_year_in("KPI登録シート") is None


@pytest.mark.parametrize(
    ("value", "code"),
    [("05", "05"), ("5", "05"), ("５", "05"), (5, "05"), (5.0, "05"), ("13", "13"), ("0", "00"), (" 05 ", "05")],
)
def test_a_branch_code_gets_its_leading_zero_back(value: str | float, code: str) -> None:
    assert read_branch_code(Cell(value)) == code


@pytest.mark.parametrize("value", ["005", "5.0", "東京", "05秋田", 5.5, True, "-5"])
def test_what_is_no_branch_code_is_refused(value: str | float) -> None:
    with pytest.raises(CellFault, match="not_a_branch_code"):
        read_branch_code(Cell(value))


@pytest.mark.parametrize(("value", "number"), [("5", 5), ("100.0000000000000", 100), (62.00000000000001, 62)])
def test_an_integer_column_restores_no_zero_and_drops_binary_noise(value: str | float, number: int) -> None:
    assert read_integer(Cell(value)) == number


@pytest.mark.parametrize("value", ["5.5", "0.00000000001", "3.00000000001", 5e-12])
def test_an_integer_column_refuses_fractions_however_small(value: str | float) -> None:
    with pytest.raises(CellFault, match="not_an_integer"):
        read_integer(Cell(value))


def test_choices_are_found_by_any_spelling_and_never_flipped() -> None:
    choices: dict[str, tuple[str, ...]] = {"以上": (">=", "≧"), "以下": ("<=",)}
    assert read_choice(Cell("＞＝"), choices) == "以上"
    assert read_choice(Cell(" 以下 "), choices) == "以下"
    with pytest.raises(CellFault, match="unknown_choice"):
        read_choice(Cell("程度"), choices)


def test_done_words_units_and_display_text() -> None:
    assert [find_done(word) for word in ("実施", "○", "〇", "未実施", "×", "△", "―")] == [
        True,
        True,
        True,
        False,
        False,
        None,
        None,
    ]
    assert [known_unit(word) for word in ("％", "社", "回／月", "倍")] == ["%", "事業所", "回/月", None]
    assert cell_text(Cell(0.5760000000000001, "0.0%")) == "57.6%"
    assert cell_text(Cell(dt.datetime(2025, 6, 30))) == "2025-06-30"
    assert cell_text(Cell(1780.0)) == "1780"


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (Cell(None, "General", is_unevaluated=True), "formula_without_value"),
        (Cell(5, "General", is_spread=True), "merged_cell"),
    ],
)
def test_formulas_without_result_and_merged_figures_are_refused(cell: Cell, fault: str) -> None:
    with pytest.raises(CellFault, match=fault):
        read_quantity(cell)
