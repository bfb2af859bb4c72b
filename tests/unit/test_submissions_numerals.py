"""Numbers, words for none, and what is refused, in every spelling of DOMAIN section 4."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.numerals import is_percent_format, read_quantity


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("6853", "6853", ""),
        ("６２人", "62", "人"),
        ("1,460事業所", "1460", "事業所"),
        ("１，４６０ 社", "1460", "事業所"),
        ("57.6％", "57.6", "%"),
        ("５７．６%", "57.6", "%"),
        ("0.576", "0.576", ""),
        ("6.18日", "6.18", "日"),
        ("15,003円", "15003", "円"),
        ("￥15,003", "15003", "円"),
        ("0件", "0", "件"),
        ("1億3,700万", "137000000", ""),
        ("1億3,700万件", "137000000", "件"),
        ("１億３７００万", "137000000", ""),
        ("2.5万人", "25000", "人"),
        ("500千円", "500000", "円"),
        ("△3.2", "-3.2", ""),
        ("▲3.2%", "-3.2", "%"),
        ("−0.5", "-0.5", ""),
        ("－0.5", "-0.5", ""),
        ("+1.5", "1.5", ""),
        (" 98.5 % ", "98.5", "%"),
        ("44支部", "44", "支部"),
        ("2回/月", "2", "回/月"),
        ("0.5760000000000001", "0.576", ""),
    ],
)
def test_a_number_is_read_with_its_unit(text: str, value: str, unit: str) -> None:
    quantity = read_quantity(Cell(text))
    assert (quantity.value, quantity.unit, quantity.word) == (Decimal(value), unit, "")


@pytest.mark.parametrize(
    "text", ["", "　", "―", "－", "−", "-", "ー", "集計中", "（集計中）", "予定", "8月公表予定", "【新設】", "未定"]
)
def test_a_word_for_none_is_no_number(text: str) -> None:
    assert read_quantity(Cell(text)).value is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1.03&", "number_with_typo"),
        ("1.03..", "number_with_typo"),
        ("①57.6", "number_with_typo"),
        ("57.6²", "number_with_typo"),
        ("44支部が達成", "number_with_words"),
        ("約1,460", "number_with_words"),
        ("98.5 ※５月実施分まで", "number_with_note"),
        ("98.5（速報値）", "number_with_note"),
        ("98.5％(※)", "number_with_note"),
        ("０件/１件", "several_numbers"),
        ("57.6～58.0", "several_numbers"),
        ("80.0% 44支部 が達成", "several_numbers"),
        ("1,23", "bad_separators"),
        ("1234,567", "bad_separators"),
        ("12 345", "bad_separators"),
        ("1.37E+08", "scientific_number"),
        ("1234567890123456789", "number_too_long"),
        ("万", "word_for_number"),
        ("3万1億", "number_with_typo"),
        ("未達成", "word_for_number"),
        ("△", "word_for_number"),
        ("#REF!", "cell_error"),
        ("#DIV/0!", "cell_error"),
    ],
)
def test_anything_around_a_number_is_refused_by_its_kind(text: str, fault: str) -> None:
    with pytest.raises(CellFault) as raised:
        read_quantity(Cell(text))
    assert raised.value.code == fault
    assert text not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "number_format", "expected", "unit"),
    [
        (0.5760000000000001, "0.0%", "57.6", "%"),
        (0.576, "0.00%", "57.6", "%"),
        (1, "0%", "100", "%"),
        (57.6, "General", "57.6", ""),
        (0.576, "General", "0.576", ""),
        (57.6, '0.0"%"', "57.6", ""),
        (57.6, "0.0\\%", "57.6", ""),
        (137000000.0, "#,##0", "137000000", ""),
        (1780, "General", "1780", ""),
        (2 / 3, "0.0%", "66.6666666667", "%"),
    ],
)
def test_a_workbook_number_is_exact_and_percent_formats_count(
    value: float, number_format: str, expected: str, unit: str
) -> None:
    quantity = read_quantity(Cell(value, number_format))
    assert (quantity.value, quantity.unit) == (Decimal(expected), unit)


@pytest.mark.parametrize("value", [True, dt.datetime(2025, 6, 1), dt.date(2025, 6, 1), dt.time(1, 2)])
def test_dates_and_booleans_are_no_numbers(value: dt.datetime) -> None:
    with pytest.raises(CellFault, match="unexpected_cell_type"):
        read_quantity(Cell(value))


def test_only_an_unquoted_percent_sign_is_a_percent_format() -> None:
    assert is_percent_format("0.0%") and is_percent_format("#,##0.0%;[Red]-0.0%")
    assert not is_percent_format('0.0"％"') and not is_percent_format("General")


_FULL_WIDTH = str.maketrans("0123456789.,-%", "０１２３４５６７８９．，－％")
_UNITS = {
    "": "",
    "%": "%",
    "人": "人",
    "件": "件",
    "円": "円",
    "日": "日",
    "事業所": "事業所",
    "社": "事業所",
    "支部": "支部",
}


@given(
    number=st.decimals(min_value="-999999999999", max_value="999999999999", places=4),
    separators=st.booleans(),
    full_width=st.booleans(),
    minus=st.sampled_from(["-", "△", "▲", "−", "－"]),
    unit=st.sampled_from(sorted(_UNITS)),
    space=st.sampled_from(["", " ", "　"]),
)
def test_every_spelling_of_a_number_reads_back(
    number: Decimal, separators: bool, full_width: bool, minus: str, unit: str, space: str
) -> None:
    text = f"{abs(number):,f}" if separators else f"{abs(number):f}"
    text = (minus if number < 0 else "") + text + space + unit
    quantity = read_quantity(Cell(text.translate(_FULL_WIDTH) if full_width else text))
    assert (quantity.value, quantity.unit) == (number, _UNITS[unit])


@given(oku=st.integers(0, 9999), man=st.integers(0, 9999), rest=st.integers(0, 9999), separators=st.booleans())
def test_every_oku_man_numeral_reads_back(oku: int, man: int, rest: int, separators: bool) -> None:
    parts = [(oku, "億"), (man, "万"), (rest, "")]
    text = "".join((f"{part:,}" if separators else str(part)) + scale for part, scale in parts if part) or "0"
    assert read_quantity(Cell(text)).value == oku * 10**8 + man * 10**4 + rest


@given(per_mille=st.integers(0, 2000))
def test_a_binary_fraction_under_a_percent_format_is_exact(per_mille: int) -> None:
    noisy = per_mille / 1000 * (1 + 2e-16)
    assert read_quantity(Cell(noisy, "0.0%")).value == Decimal(per_mille) / 10
