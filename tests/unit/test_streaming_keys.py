"""Who a row is about, and the same key twice."""

import hashlib
import hmac
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from streaming_files import DECISIONS, KEY, book_bytes, csv_bytes, read, rows_of

from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.streaming import repeats
from kenpo_pipelines.submissions.streaming.engine import connected
from kenpo_pipelines.submissions.streaming.member_keys import identifier, key_values, member_key_sql, part


def _expected(symbol: str, number: str, suffix: str, key: SecretStr = KEY) -> bytes:
    message = "|".join((symbol, number, suffix)).encode()
    return hmac.new(key.get_secret_value().encode(), message, hashlib.sha256).digest()[:16]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (("21700023", "1234", "01"), ("21700023", "1234", "1")),
        (("0012", "0007", "00"), ("12", "7", "")),
        (("１２", " 7 ", "－"), ("12", "7", "")),
        (("A012", "0a7", ""), ("A012", "0a7", "")),
        (("あ－１", "7", "0"), ("あ-1", "7", "")),
        (("12 34", "7", "２"), ("1234", "7", "2")),
    ],
)
def test_a_person_is_one_key_however_written(
    written: tuple[str, str, str], meant: tuple[str, str, str], tmp_path: Path
) -> None:
    change = dict(zip(("記号", "番号", "枝番"), written, strict=True))
    for data, name in (
        (csv_bytes(rows_of(DECISIONS, change)), "a.csv"),
        (book_bytes(rows_of(DECISIONS, change)), "a.xlsx"),
    ):
        assert [row["member_key"] for row in read(tmp_path, data, name=name).rows] == [_expected(*meant)]


@pytest.mark.parametrize("key", ["k", "k" * 64, "k" * 65, "鍵" * 40, "'; --"])
def test_the_engine_computes_hmac_as_python_does(key: str) -> None:
    with connected() as connection:
        for name, value in key_values(SecretStr(key)).items():
            connection.execute(f"SET VARIABLE {name} = $1", [value])
        people = [("1", "2", None), ("あ", "b", "3"), ("9" * 40, "9" * 40, "9" * 40)]
        query = f"SELECT {member_key_sql(['a', 'b', 'c'])} FROM (SELECT $1 AS a, $2 AS b, $3 AS c)"
        for person in people:
            found = connection.execute(query, person).fetchone()
            assert found == (_expected(person[0], person[1], person[2] or "", SecretStr(key)),)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=50))
def test_an_identifier_has_one_spelling(text: str) -> None:
    try:
        found = identifier(text)
    except CellFault as fault:
        assert fault.code == "not_an_identifier"
        return
    assert identifier(found) == found and 1 <= len(found) <= 40 and not re.search(r"\s", found)
    assert part(part(text) or "0") == part(text)


def test_rows_in_order_are_proved_unique_without_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_repeated_hashes", None)
    assert len(read(tmp_path, rows_of(DECISIONS, {}, {}, {})).rows) == 3


def test_rows_out_of_order_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header, *rows = rows_of(DECISIONS, {}, {}, {}, {})
    monkeypatch.setattr(repeats, "_AT_ONCE", 2)
    found = read(tmp_path, [header, *rows[::-1]])
    assert len(found.rows) == 4 and not found.faults


@pytest.mark.parametrize("at_once", [2_000_000, 3])
def test_a_row_that_is_repeated_stays_once(at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_AT_ONCE", at_once)
    header, *rows = rows_of(DECISIONS, {}, {}, {}, {})
    again = [*rows[1][:-4], f"{int(rows[1][-4]):,}", *rows[1][-3:]]
    found = read(tmp_path, [header, *rows, again, rows[1]])
    assert found.faults == [(6, "", "repeated_row"), (7, "", "repeated_row")]
    assert "3行目" in found.quarantine[0]["advice"]
    assert [row["row_number"] for row in found.rows] == [2, 3, 4, 5]
    assert found.result.rows_read == 6 and found.result.branches[0].rows_rejected == 2


def test_one_key_with_two_contents_loses_all_its_rows(tmp_path: Path) -> None:
    header, *rows = rows_of(DECISIONS, {}, {}, {})
    other = [*rows[1][:-4], "1", *rows[1][-3:]]
    somebody = [*rows[2][:-2], "99", rows[2][-1]]
    elsewhere = ["04", *rows[0][1:]]
    found = read(tmp_path, [header, *rows, other, rows[1], somebody, elsewhere])
    assert found.faults == [
        (3, "支給額", "contradictory_rows"), (4, "", "contradictory_rows"), (5, "支給額", "contradictory_rows"),
        (6, "支給額", "contradictory_rows"), (7, "", "contradictory_rows"),
    ]  # fmt: skip
    assert [row["row_number"] for row in found.rows] == [2, 8]
    told = {one["row_number"]: one["advice"] for one in found.quarantine}
    assert "3行目、5行目、6行目" in told[5] and "4行目、7行目" in told[7]


def test_only_so_many_rows_are_named(tmp_path: Path) -> None:
    header, *rows = rows_of(DECISIONS, *[{"受付番号": "A-1", "支給額": str(at)} for at in range(13)])
    found = read(tmp_path, [header, *rows])
    assert found.codes == ["contradictory_rows"] * 13 and not found.rows
    assert "11行目 ほか3行にあり" in found.quarantine[0]["advice"]


def test_a_repeat_on_another_sheet_is_found(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    rows = rows_of(DECISIONS, {}, {})
    for sheet in (book.worksheets[0], book.create_sheet("二")):
        for row in rows:
            sheet.append(row)
    path = tmp_path / "book.xlsx"
    book.save(path)
    found = read(tmp_path, path.read_bytes(), name="a.xlsx")
    assert [(one["sheet"], one["row_number"]) for one in found.quarantine] == [("二", 2), ("二", 3)]
    assert "シート「Sheet」2行目" in found.quarantine[0]["advice"] and len(found.rows) == 2


def test_a_key_may_hold_blanks(tmp_path: Path) -> None:
    header = ["支部コード", "債権番号", "債権種別", "区分", "発生日", "金額", "回収方法"]
    first = ["13", "D-1", "その他", "調定", "2025-06-01", "1000", ""]
    paid = ["13", "D-1", "その他", "収納", "2025-06-02", "100", "納付"]
    found = read(tmp_path, [header, first, paid, [*paid[:-1], "法的手続"], first], "recoverables")
    assert found.faults == [(5, "", "repeated_row")] and len(found.rows) == 3


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=1, max_size=14))
def test_repeats_are_those_that_counting_finds(numbers: list[tuple[int, int]], tmp_path: Path) -> None:
    found = read(tmp_path, rows_of(DECISIONS, *[{"受付番号": f"A{n}", "支給額": str(amount)} for n, amount in numbers]))
    expected = []
    for at, (number, _) in enumerate(numbers):
        same = [(n, amount) for n, amount in numbers if n == number]
        if len(set(same)) > 1:
            expected.append((at + 2, "contradictory_rows"))
        elif (number, same[0][1]) in numbers[:at]:
            expected.append((at + 2, "repeated_row"))
    assert [(row, code) for row, _, code in found.faults] == expected
