"""The same rows, however a branch writes them down, are the same rows."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streaming_files import CLAIMS, DECISIONS, book_bytes, csv_bytes, gz, read, rows_of, without_numbers
from submission_files import catalogue, contracts

from kenpo_pipelines.submissions.columns import ColumnType
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.streaming.canonical import canonical, month_types
from kenpo_pipelines.submissions.streaming.cell_readers import CellReader
from kenpo_pipelines.submissions.streaming.engine import connected

_WIDE = str.maketrans("0123456789-.", "０１２３４５６７８９－．")
ROWS = rows_of(
    DECISIONS,
    {},
    {"支部コード": "04", "返戻日": "2025-06-03", "再受付日": "2025-06-05", "枝番": ""},
    {"決定区分": "不支給", "支給額": "", "振込日": "", "受付区分": "郵送", "番号": "7"},
    {"支部コード": "47", "支給額": "1234567890", "記号": "1", "枝番": "12"},
)
CLAIM_ROWS = rows_of(
    CLAIMS, {}, {"診療年月": "2024-12", "後発数量": "0", "枝番": "2"}, {"決定点数": "0", "後発薬剤料": "0.5"}
)


def _changed(rows: list[list[str]], change: Callable[[str, str], str]) -> list[list[str]]:
    header, *body = rows
    return [header, *([change(name, text) for name, text in zip(header, row, strict=True)] for row in body)]


def _wareki(name: str, text: str) -> str:
    if not name.endswith("日") or not text:
        return text
    year, month, day = text.split("-")
    return f"令和{int(year) - 2018}年{int(month)}月{int(day)}日".translate(_WIDE)


def _thousands(name: str, text: str) -> str:
    return f"{int(text):,}円" if name == "支給額" and text else text


def _dates(form: str) -> Callable[[str, str], str]:
    def changed(name: str, text: str) -> str:
        return dt.date.fromisoformat(text).strftime(form) if name.endswith("日") and text else text

    return changed


def _serial(name: str, text: str) -> str:
    return str((dt.date.fromisoformat(text) - dt.date(1899, 12, 30)).days) if name.endswith("日") and text else text


def _padded(name: str, text: str) -> str:
    return text.zfill(8) if name in ("記号", "番号") else text.zfill(2) if name == "枝番" else text


FORMS: dict[str, tuple[bytes, str]] = {
    "cp932": (csv_bytes(ROWS, "cp932"), "a.csv"),
    "BOM": (csv_bytes(ROWS, "utf-8-sig"), "a.csv"),
    "UTF-16": (csv_bytes(ROWS, "utf-16"), "a.csv"),
    "LF": (csv_bytes(ROWS, newline="\n"), "a.csv"),
    "CR": (csv_bytes(ROWS, newline="\r"), "a.csv"),
    "mixed line ends": (csv_bytes(ROWS).replace(b"\r\n", b"\n", 2), "a.csv"),
    "mixed line ends below": (csv_bytes(ROWS, newline="\n").replace(b"\n", b"\r\n", 3)[::1], "a.csv"),
    "DOS end": (csv_bytes(ROWS, "cp932") + b"\x1a", "a.csv"),
    "no end": (csv_bytes(ROWS).rstrip(), "a.csv"),
    "empty lines at the end": (csv_bytes(ROWS) + b"\r\n\r\n", "a.csv"),
    "gz": (gz(csv_bytes(ROWS, "cp932")), "a.csv.gz"),
    "gz in two parts": (gz(csv_bytes(ROWS)[:333]) + gz(csv_bytes(ROWS)[333:]), "a.CSV.GZ"),
    "workbook": (book_bytes(ROWS), "a.xlsx"),
    "quoted": (csv_bytes(ROWS, quote_all=True), "a.csv"),
    "tabs": (csv_bytes(ROWS).replace(b",", b"\t"), "a.csv"),
    "columns reversed": (csv_bytes([row[::-1] for row in ROWS]), "a.csv"),
    "wide": (csv_bytes(_changed(ROWS, lambda _, text: text.translate(_WIDE)), "cp932"), "a.csv"),
    "spaces": (csv_bytes(_changed(ROWS, lambda _, text: f"　{text} ")), "a.csv"),
    "wareki": (csv_bytes(_changed(ROWS, _wareki), "cp932"), "a.csv"),
    "thousands": (csv_bytes(_changed(ROWS, _thousands)), "a.csv"),
    "2025/6/2": (csv_bytes(_changed(ROWS, _dates("%Y/%-m/%-d"))), "a.csv"),
    "20250602": (csv_bytes(_changed(ROWS, _dates("%Y%m%d"))), "a.csv"),
    "serials": (csv_bytes(_changed(ROWS, _serial)), "a.csv"),
    "padded": (csv_bytes(_changed(ROWS, _padded)), "a.csv"),
    "dashes for none": (csv_bytes(_changed(ROWS, lambda _, text: text or "－"), "cp932"), "a.csv"),
    "English header": (
        csv_bytes([[column.name for column in contracts()["benefit_decisions"].columns], *ROWS[1:]]),
        "a.csv",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_the_same_however_they_are_written(form: str, tmp_path: Path) -> None:
    plain = read(tmp_path, ROWS, way="engine")
    assert len(plain.rows) == 4 and not plain.faults
    data, name = FORMS[form]
    found = read(tmp_path, data, name=name)
    assert not found.faults
    assert without_numbers(found.rows) == without_numbers(plain.rows)
    assert found.result.branches == plain.result.branches
    if form not in ("CR",):
        assert [row["row_number"] for row in found.rows] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "spelling", [("2025-04", "202504"), ("2025-04", "2025/04"), ("2025-04", "R7.4"), ("2025-04", "令和７年４月")]
)
def test_months_are_the_same_however_they_are_written(spelling: tuple[str, str], tmp_path: Path) -> None:
    plain = read(tmp_path, CLAIM_ROWS, "claims", way="engine")
    found = read(tmp_path, _changed(CLAIM_ROWS, lambda _, text: text.replace(*spelling)), "claims", way="engine")
    assert found.rows == plain.rows and len(plain.rows) == 3


def test_values_have_the_types_of_the_raw_layer(tmp_path: Path) -> None:
    row = read(tmp_path, CLAIM_ROWS, "claims").rows[0]
    assert {name: value for name, value in row.items() if name != "member_key"} == {
        "row_number": 2, "branch_code": "13", "claim_no": "130000000000", "service_month": "2025-04", "review_month": "2025-05",
        "claim_type": "医科入院外", "points": 520, "generic_quantity": Decimal("28.5"), "brand_quantity": None,
        "generic_yen": Decimal("310"), "brand_yen": Decimal("0.25"), "treats_blood_pressure": True, "treats_glucose": False,
        "treats_lipid": False,
    }  # fmt: skip
    assert isinstance(row["member_key"], bytes) and len(row["member_key"]) == 16


def test_a_workbook_of_typed_cells_is_read_as_it_looks(tmp_path: Path) -> None:
    header, row = rows_of(DECISIONS, {})
    typed: list[object] = [
        dt.datetime.fromisoformat(text)
        if name.endswith("日") and text
        else int(text)
        if text.isdecimal()
        else text or None
        for name, text in zip(header, row, strict=True)
    ]
    found = read(tmp_path, book_bytes([header, typed]), name="a.xlsx")
    plain = read(tmp_path, [header, row])
    assert without_numbers(found.rows) == without_numbers(plain.rows)


_TEXTS = st.one_of(
    st.text(st.sampled_from("0123456789-/.,+eE_ ０１△▲%円人月年日令和R"), max_size=12),
    st.from_regex(r"20[0-9]{2}[-/]?[0-9]{1,2}([-/]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,6})?", fullmatch=True),
    st.sampled_from(
        ["0", "1", "01", "13", "47", "48", "00", "5", "医科入院", "DPC", "dpc", "調剤 ", "true", "inf", "NaN", "0x1F"]
    ),
    st.text(max_size=6),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(_TEXTS, min_size=1, max_size=40))
def test_a_usual_spelling_means_what_python_reads_in_it(texts: list[str]) -> None:
    """Where the engine takes a text by itself, Python would have read the same value and no fault."""
    columns = [column for name in ("claims", "benefit_decisions") for column in contracts()[name].columns]
    texts = [text for text in texts if text and "\x00" not in text]
    with connected() as connection:
        spelled, months = month_types("2025-06")
        connection.execute(spelled)
        connection.execute("SET VARIABLE months = $1", [months])
        for column in columns:
            reader = CellReader(column, catalogue(), "2025-06", has_other_unit=False)
            sql = canonical(column, "c", "v", catalogue(), "2025-06")
            typed = f"SELECT c, {sql.value} AS v FROM (SELECT unnest($1) AS c)"
            query = f"SELECT c, CAST(v AS VARCHAR), coalesce({sql.test}, FALSE) FROM ({typed})"
            for text, value, is_usual in connection.execute(query, [texts]).fetchall():
                if is_usual:
                    read, fault = reader(text)
                    assert fault is None and _same(read, value), (column.name, text)


def _same(left: str | None, right: str | None) -> bool:
    """True for texts of one value: 1.5 and 1.5000 are one."""
    try:
        return left == right or Decimal(str(left)) == Decimal(str(right))
    except ArithmeticError:
        return False


def test_every_type_of_a_record_has_both_readers() -> None:
    types = {column.type for one in contracts().values() if one.dataset.record_level for column in one.columns}
    assert types == {
        ColumnType.BRANCH_CODE, ColumnType.CHOICE, ColumnType.DATE, ColumnType.DECIMAL, ColumnType.FLAG, ColumnType.IDENTIFIER,
        ColumnType.INTEGER, ColumnType.MONTH,
    }  # fmt: skip


def test_a_fault_that_is_remembered_is_told_again() -> None:
    column = contracts()["claims"].column_by_name["points"]
    reader = CellReader(column, catalogue(), "2025-06", has_other_unit=False)
    for _ in range(2):
        _, fault = reader("1.5")
        assert isinstance(fault, CellFault) and fault.code == "not_an_integer"
