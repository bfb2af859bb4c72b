"""CSV files that would fill the memory or never end, and those whose text is not what it seems."""

import gzip
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from streaming_files import DECISIONS, csv_bytes, gz, read, rows_of
from submission_files import RESULT_HEADER, csv_text, faults, read_bytes, result_row

from kenpo_pipelines.submissions.faults import FAULTS, FileFault
from kenpo_pipelines.submissions.limits import LONGEST_RECORD, MIB, MOST_CELLS_IN_MEMORY, MOST_IN_MEMORY
from kenpo_pipelines.submissions.streaming.file_bytes import pieces_of

RESULTS = csv_text([RESULT_HEADER, result_row()])
RECORDS = csv_bytes(rows_of(DECISIONS, {}, {}))


def inflated(start: bytes, filling: bytes, size: int) -> bytes:
    """A packed file that begins like a sound one and goes on with filling."""
    return gzip.compress(start + filling * (size // len(filling)), compresslevel=1)


@pytest.mark.parametrize("filling", [b"\x00", b"\n", b"13,", b'"'], ids=repr)
def test_a_packed_file_that_swells_is_refused(tmp_path: Path, filling: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    small = read_bytes(tmp_path, inflated(RESULTS.encode(), filling, 70 * MIB), "a.csv.gz")
    assert small.fault == "too_large"
    records = read(tmp_path, inflated(RECORDS, filling, 20 * MIB), name="a.csv.gz").result
    assert records.fault in ("unreasonable_size", "line_too_long", "broken_quotes")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # KiB


def test_a_large_file_that_packs_as_data_do_is_no_bomb(tmp_path: Path) -> None:
    """What counts is how much it swells, not how large it is."""
    line = csv_bytes(rows_of(DECISIONS, {})[1:])
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"".join(gzip.compress(line * 100) for _ in range(10)))
    assert sum(map(len, pieces_of(path))) == len(line) * 1000


def test_a_file_of_figures_has_a_largest_size(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, RESULTS.encode() + b" " * MOST_IN_MEMORY).fault == "too_large"
    cells = RESULTS.encode() + b"," * (MOST_CELLS_IN_MEMORY + 1)
    submission = read_bytes(tmp_path, cells)
    assert submission.fault == "too_large" and "500,000セル" in submission.detail


def test_records_have_a_largest_size_of_their_contract(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(3 * MIB))
    with pytest.raises(FileFault) as raised:
        for _ in pieces_of(path, most=2 * MIB):
            pass
    assert (raised.value.code, raised.value.expected) == ("too_large", "2MB")


LONG = b"13," + b"1" * (2 * LONGEST_RECORD)
MANY_LINES = b'"\n",' * (LONGEST_RECORD // 2)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (RECORDS + LONG + b"\r\n", "line_too_long"),
        (RECORDS + LONG, "line_too_long"),
        (RECORDS + MANY_LINES, "line_too_long"),
        (RECORDS + b'"' + b"\n" * (2 * LONGEST_RECORD) + b'x",1\r\n', "broken_quotes"),
        (RECORDS + bytes(20 * MIB) + b"x", "unreasonable_size"),
        (RECORDS + bytes(20 * MIB), "unreasonable_size"),
        (RECORDS + b"\r\n" * (10 * MIB), "unreasonable_size"),
        (csv_bytes(rows_of(DECISIONS, {})).replace(b"\r\n", b",") + LONG, "broken_quotes"),
    ],
    ids=["line", "last line", "quoted lines", "open quote", "zeros", "zeros at the end", "line ends", "no line end"],
)
def test_lines_and_padding_are_bounded(tmp_path: Path, data: bytes, fault: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = read(tmp_path, data).result
    assert result.fault == fault and result.detail.startswith(FAULTS[fault].value_class)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # KiB


def test_padding_up_to_a_block_is_read_over(tmp_path: Path) -> None:
    for data in (RECORDS + bytes(MIB), RECORDS + b"\x1a" + bytes(4096)):
        assert len(read(tmp_path, data).rows) == 2


def test_packed_members_one_after_another_are_one_file(tmp_path: Path) -> None:
    at = len(RECORDS) // 2
    assert len(read(tmp_path, gz(RECORDS[:at]) + gz(RECORDS[at:]), name="a.csv.gz").rows) == 2
    assert read_bytes(tmp_path, gz(RESULTS.encode()[:20]) + gz(RESULTS.encode()[20:]), "a.csv.gz").rows_loaded == 1
    for tail in (b"x", gz(RECORDS)[:-4]):
        assert read(tmp_path, gz(RECORDS) + tail, name="a.csv.gz").result.fault == "truncated"
        assert read_bytes(tmp_path, gz(RESULTS.encode()) + tail, "a.csv.gz").fault == "truncated"


def test_utf16_is_read_packed_or_not(tmp_path: Path) -> None:
    data = RECORDS.decode().encode("utf-16")
    assert len(read(tmp_path, data).rows) == len(read(tmp_path, gz(data), name="a.csv.gz").rows) == 2


def test_lines_of_two_encodings_are_never_mistaken(tmp_path: Path) -> None:
    """支部 in UTF-8 is 謾ｯ驛ｨ in cp932: other words, and as a person's symbol another person."""
    first, second = (
        csv_text([RESULT_HEADER, result_row(単位="％")]),
        csv_text([result_row(支部="宮城支部", 支部コード="04")]),
    )
    assert read_bytes(tmp_path, first.encode("cp932") + second.encode()).fault == "undecodable"
    header, *rows = rows_of(DECISIONS, {}, {"記号": "東京い"})
    data = csv_bytes([header, rows[0]], "cp932") + csv_bytes([rows[1]])
    found = read(tmp_path, data)
    assert len(found.rows) == 1 and "undecodable_cell" in found.codes


@pytest.mark.parametrize("text", ["\x00", "12\x00", "\x1b[31m", "\x9b31m"], ids=repr)
def test_control_characters_are_faults(tmp_path: Path, text: str) -> None:
    assert read_bytes(tmp_path, csv_text([RESULT_HEADER, result_row(単位=text)]).encode()).fault == "undecodable"
    found = read(tmp_path, csv_bytes(rows_of(DECISIONS, {"受付番号": text}, {"支給額": f"1{text}"}, {})))
    assert len(found.rows) == 1 and len(found.faults) == 2


# --- what fuzzing has found ---


def marks() -> Iterator[tuple[str, str, str]]:
    yield from (("記号", mark, "not_an_identifier") for mark in ("①", "1②", "½"))
    yield from (("受付番号", mark, "not_an_identifier") for mark in ("A①", "²"))


@pytest.mark.parametrize(("header", "text", "fault"), marks())
def test_a_mark_is_no_digit_of_an_identifier(tmp_path: Path, header: str, text: str, fault: str) -> None:
    assert read(tmp_path, rows_of(DECISIONS, {header: text})).codes == [fault]


def test_a_mark_is_no_flag(tmp_path: Path) -> None:
    header = ["支部コード", "記号", "番号", "枝番", "健診受診年月", "血圧該当", "血糖該当", "脂質該当"]
    rows = [header, ["13", "1", "2", "", "2024-08", "①", "0", "0"]]
    assert read(tmp_path, rows, "untreated_persons").codes == ["not_a_flag"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_a_title_does_not_hide_the_tabs_below_it(tmp_path: Path, encoding: str) -> None:
    text = "令和７年度 報告\r\n\r\n" + RESULTS.replace(",", "\t")
    assert faults(read_bytes(tmp_path, text.encode(encoding))) == []
    records = "令和７年度 報告\r\n" + RECORDS.decode().replace(",", "\t")
    assert len(read(tmp_path, records.encode(encoding)).rows) == 2
