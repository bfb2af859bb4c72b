"""Bytes to text in a stream: encodings, packed and damaged files, refusals, and memory that does not grow."""

import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from streaming_files import CLAIMS, DECISIONS, KEY, PROVENANCE, csv_bytes, gz, read, rows_of
from submission_files import catalogue, contracts, encrypted, workbook

from kenpo_pipelines.submissions.contract import ContractError
from kenpo_pipelines.submissions.folders import FolderError
from kenpo_pipelines.submissions.streaming import StreamingError, read_record_file, transcoding
from kenpo_pipelines.submissions.streaming.file_bytes import body_pieces, encoding_of
from kenpo_pipelines.submissions.streaming.transcoding import Transcoder, every_character

GOOD = csv_bytes(rows_of(DECISIONS, {}, {}), "cp932")


def _converted(data: bytes, size: int) -> bytes:
    transcoder = Transcoder()
    try:
        return b"".join(transcoder.feed(data[at : at + size]) for at in range(0, len(data), size))
    finally:
        transcoder.close()


def test_the_table_has_all_characters_of_cp932() -> None:
    sample = every_character()
    assert len(sample.decode("cp932")) > 9000
    assert all(char.encode() in _converted(sample, 1 << 20) for char in "①㈱～－∥￢ⅷ纊")


@pytest.mark.parametrize("has_library", [True, False])
@pytest.mark.parametrize("size", [1 << 20, 7, 1])
def test_cp932_is_read_as_python_reads_it(has_library: bool, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_library:
        monkeypatch.setattr(transcoding, "_reads_as_python_does", lambda: False)
    sample = every_character()
    assert _converted(sample, size) == sample.decode("cp932").encode()


@pytest.mark.parametrize("size", [1 << 20, 3, 1])
def test_every_pair_of_bytes_is_read_as_python_reads_it(size: int) -> None:
    pairs = [bytes([lead, trail]) for lead in range(0x80, 0x100) for trail in range(0x20, 0x100)]
    if size > 3:
        assert all(_converted(pair + b",", size) == (pair + b",").decode("cp932", "replace").encode() for pair in pairs)
    data = b"\r\n".join(pairs) + b"\r\n"
    assert _converted(data, size) == data.decode("cp932", "replace").encode()


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n\r\n", b"\x1a", b"\r\n\x1a", b"\n\x00\x00"])
def test_what_stands_behind_the_last_line_is_dropped(tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"title\nheader\nx\n\ny" + tail)
    assert b"".join(body_pieces(path, 2)) == b"x\n\ny"
    path.write_bytes(b"header" + tail)
    assert b"".join(body_pieces(path, 1)) == b""


def test_an_encoding_is_told_by_the_first_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text, encoding in (
        ("支部", "utf-8"),
        ("支部", "cp932"),
        ("a" * (1 << 21) + "支部", "cp932"),
        ("plain", "utf-8"),
    ):
        path.write_bytes(text.encode(encoding))
        assert encoding_of(path, path.read_bytes()[:1000]) == encoding


def test_an_english_header_above_cp932(tmp_path: Path) -> None:
    names = [column.name for column in contracts()["benefit_decisions"].columns]
    rows = [names, *rows_of(DECISIONS, {}, {})[1:]]
    assert len(read(tmp_path, csv_bytes(rows, "cp932"), way="engine").rows) == 2


REFUSED = [
    (b"", "a.csv", "empty_file"),
    (b"\r\n \r\n", "a.csv", "empty_file"),
    (b"\xef\xbb\xbf", "a.csv", "empty_file"),
    (gz(b""), "a.csv.gz", "empty_file"),
    (GOOD.split(b"\r\n")[0], "a.csv", "no_rows"),
    (GOOD.split(b"\r\n")[0] + b"\r\n" + b"," * 13 + b"\r\n", "a.csv", "no_rows"),
    (b"a,b\r\n1,2\r\n", "a.csv", "wrong_columns"),
    (GOOD.replace("支給額".encode("cp932"), "支給".encode("cp932"), 1), "a.csv", "wrong_columns"),
    (csv_bytes([[*row, row[-1]] for row in rows_of(DECISIONS, {})]), "a.csv", "duplicate_columns"),
    (gz(GOOD)[:-9], "a.csv.gz", "truncated"),
    (gz(csv_bytes(rows_of(DECISIONS, *[{"受付番号": str(at)} for at in range(6000)])))[:-200], "a.csv.gz", "truncated"),
    (GOOD, "a.csv.gz", "truncated"),
    (gz(GOOD), "a.csv", "not_text"),
    (workbook([["a"]]), "a.csv", "not_text"),
    (GOOD, "a.txt", "unsupported_extension"),
    (GOOD, "a.xlsx", "not_a_workbook"),
    (workbook([["a", "b"]]), "a.xlsx", "wrong_columns"),
    (workbook([]), "a.xlsx", "empty_file"),
    (workbook([["支部コード"]])[:-200], "a.xlsx", "truncated"),
    (b'"' + GOOD, "a.csv", "broken_quotes"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[2]}-{case[1]}")
def test_a_file_that_cannot_be_read_is_refused(case: tuple[bytes, str, str], tmp_path: Path) -> None:
    data, name, fault = case
    found = read(tmp_path, data, name=name)
    assert (found.result.status, found.result.fault) == ("refused", fault)
    assert found.result.rows_read == 0 and found.result.branches == () and found.result.detail
    assert not found.rows and not found.faults


def test_an_encrypted_workbook_is_refused(tmp_path: Path) -> None:
    assert read(tmp_path, encrypted(workbook(rows_of(DECISIONS, {}))), name="a.xlsx").result.fault == "encrypted"


def test_every_sheet_with_the_header_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    rows = rows_of(DECISIONS, {}, {"支給額": "x"}, {})
    first = book.worksheets[0]
    first.title = "北"
    for row in ([], ["現金給付支給決定"], rows[0], rows[1], rows[2]):
        first.append(row)
    book.create_sheet("説明").append(["この表の使い方"])
    south = book.create_sheet("南")
    for row in (rows[0][::-1], rows[3][::-1], ["※注記"]):
        south.append(row)
    book.create_sheet("空")
    south.sheet_state = "hidden"
    path = tmp_path / "book.xlsx"
    book.save(path)
    found = read(tmp_path, path.read_bytes(), name="a.xlsx")
    assert [row["row_number"] for row in found.rows] == [4, 2]
    assert [(one["sheet"], one["row_number"], one["column_name"]) for one in found.quarantine] == [("北", 5, "支給額")]
    assert found.result.notices == (
        "シート「南」は非表示ですが、読み込みました。",
        "シート「南」の注記の行（3行目）は読み飛ばしました。",
        "シート「説明」には必要な列がないため、読み込みませんでした。",
    )


def test_a_formula_without_its_result_is_told(tmp_path: Path) -> None:
    rows = rows_of(DECISIONS, {"支給額": "=1+2"}, {})
    found = read(tmp_path, workbook(rows), name="a.xlsx")
    assert found.faults == [(2, "支給額", "formula_without_value")] and len(found.rows) == 1


def test_wrong_use_is_an_error(tmp_path: Path) -> None:
    path, raw, quarantine = tmp_path / "a.csv", tmp_path / "r", tmp_path / "q"
    path.write_bytes(GOOD)
    with pytest.raises(ContractError, match="key"):
        read_record_file(
            path, contracts()["benefit_decisions"], catalogue(), "2025-06", None, raw, quarantine, PROVENANCE
        )
    with pytest.raises(ContractError, match="record-level"):
        read_record_file(path, contracts()["kpi_results"], catalogue(), "2025-06", KEY, raw, quarantine, PROVENANCE)
    with pytest.raises(FolderError):
        read_record_file(path, contracts()["claims"], catalogue(), "2025", KEY, raw, quarantine, PROVENANCE)
    with pytest.raises(StreamingError, match="^reading stopped: IOException$"):
        read_record_file(
            path,
            contracts()["benefit_decisions"],
            catalogue(),
            "2025-06",
            KEY,
            tmp_path / "no" / "r",
            quarantine,
            PROVENANCE,
        )


def test_no_key_is_needed_where_nobody_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("支部コード,区分,対象者数,実施者数\n13,生活習慣病予防健診,,5\n", encoding="utf-8")
    result = read_record_file(
        path, contracts()["checkup_counts"], catalogue(), "2025-06", None, tmp_path / "r", tmp_path / "q", PROVENANCE
    )
    assert result.rows_loaded == 1


_GROWTH = """
import resource, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from streaming_files import *
folder, rows, share = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
base = ",".join(CLAIMS.values()).replace(CLAIMS["レセプト管理番号"], "{{:012d}}")
with (folder / "提出.csv").open("w", encoding="cp932") as file:
    file.write(",".join(CLAIMS) + "\\n")
    for at in range(rows):
        line = base.format(at)
        if at == 7 and sys.argv[4] == "python":
            line = line.replace("医科入院外", '"医科\\n入院外"')
        file.write((line if at % share else line.replace("2025-05", "R7.5x")) + "\\n")
task = (folder / "提出.csv", contracts()["claims"], catalogue(), MONTH, KEY, folder / "r", folder / "q", PROVENANCE)
result = read_record_file(*task)
assert result.rows_read == rows
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("way", ["engine", "python"])
def test_memory_does_not_grow_with_the_file(way: str, tmp_path: Path) -> None:
    """One row in fifty needs Python; a line break in a cell sends the whole file there."""
    script = _GROWTH.format(here=str(Path(__file__).parent))

    def peak(rows: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), str(rows), "50", way],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    small, large = peak(100_000), peak(300_000)
    assert large < small * 1.15 + 20_000, (small, large)


def test_a_long_file_with_windows_line_ends_goes_through_the_engine(tmp_path: Path) -> None:
    rows = rows_of(DECISIONS, *[{"受付番号": str(at)} for at in range(4000)])
    for newline in ("\r\n", "\n"):
        data = csv_bytes(rows, "cp932", newline)
        assert len(data) > 300_000 and read(tmp_path, data, way="engine").result.rows_loaded == 4000


def test_claims_go_through_the_engine(tmp_path: Path) -> None:
    assert len(read(tmp_path, rows_of(CLAIMS, {}, {"枝番": "01"}), "claims", way="engine").rows) == 2
