"""What must hold for every file: the account of rows, and that nobody's symbol or number stays anywhere."""

import random
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streaming_files import CLAIMS, DECISIONS, KEY, MONTH, PROVENANCE, Way, book_bytes, csv_bytes, gz, read, rows_of
from submission_files import catalogue, contracts

from kenpo_pipelines.submissions.streaming import StreamingError, cell_readers, engine, read_record_file, settling
from kenpo_pipelines.submissions.streaming.row_streams import Guarded

SYMBOL, NUMBER = "98710001", "5550123"
_HOSTILE = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "　",
            "―",
            "x",
            "1,000",
            "００１",
            '"',
            '""',
            "\n",
            "\r\n",
            "\x00",
            "\x1a",
            "※注",
            "支部コード",
            ",",
            "\t",
            "=1+1",
        ]
    ),
    st.text(max_size=5),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    cells=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 13), _HOSTILE), max_size=6),
    encoding=st.sampled_from(["utf-8", "cp932", "utf-8-sig"]),
    quote_all=st.booleans(),
)
def test_rows_are_accounted_for_whatever_stands_in_cells(
    cells: list[tuple[int, int, str]], encoding: str, quote_all: bool, tmp_path: Path
) -> None:
    header, *rows = rows_of(DECISIONS, {}, {}, {}, {}, {}, {})
    for row, column, text in cells:
        rows[row][column] = text
    data = csv_bytes([header, *rows], "utf-8", quote_all=quote_all)
    data = data.decode().encode(encoding, errors="replace")
    by_engine = read(tmp_path, data)
    by_python = read(tmp_path, data, way="python")
    assert by_engine == by_python


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8), encoding=st.sampled_from(["utf-8", "cp932"]))
def test_rows_are_accounted_for_whatever_bytes_are_damaged(
    seed: int, count: int, encoding: str, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    data = bytearray(csv_bytes(rows_of(DECISIONS, *[{}] * 8), encoding))
    body = data.index(b"\r\n")
    for _ in range(count):
        at = rng.randrange(body, len(data))
        change = rng.choice(["flip", "drop", "double"])
        data[at : at + 1] = {"flip": bytes([rng.randrange(256)]), "drop": b"", "double": data[at : at + 1] * 2}[change]
    assert read(tmp_path, bytes(data)) == read(tmp_path, bytes(data), way="python")


def _files() -> list[tuple[bytes, str, Way]]:
    """Files that hold the symbol and the number in valid rows, in faulty ones, and where they do not belong."""
    person = {"記号": SYMBOL, "番号": NUMBER}
    rows = rows_of(
        DECISIONS,
        person,
        person | {"支給額": "x"},
        {"記号": f"{SYMBOL}\x07", "番号": NUMBER * 6},
        {"支部コード": SYMBOL, "支給額": f"{NUMBER}&", "受付日": SYMBOL, "給付種別": NUMBER},
        person | {"振込日": ""},
        person,
    )
    rows.append(rows[-1])
    plain = csv_bytes(rows)
    return [
        (plain, "a.csv", "engine"),
        (plain, "a.csv", "python"),
        (csv_bytes(rows, "cp932"), "a.csv", "engine"),
        (plain + f'{SYMBOL},{NUMBER}\r\n13,"{SYMBOL}'.encode(), "a.csv", "any"),
        (plain + f"{SYMBOL},{NUMBER}\r\n".encode() + b"\xff\xfe", "a.csv", "any"),
        (gz(plain)[:-20], "a.csv.gz", "any"),
        (book_bytes([[text.replace("\x07", "\n") for text in row] for row in rows]), "a.xlsx", "any"),
    ]


@pytest.mark.parametrize("at", range(7))
def test_symbols_and_numbers_stay_nowhere(at: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data, name, way = _files()[at]
    found = read(tmp_path, data, name=name, way=way)
    printed = capfd.readouterr()
    told = [repr(found.result), repr(found.quarantine), repr(found.rows), printed.out, printed.err]
    for path in (tmp_path / "raw.parquet", tmp_path / "quarantine.parquet"):
        told.append(path.read_bytes().decode("latin-1") if path.exists() else "")
    for text in told:
        assert SYMBOL not in text and NUMBER not in text
    assert {path.name for path in tmp_path.iterdir()} <= {"raw.parquet", "quarantine.parquet", name}


def _read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    read_record_file(path, contracts()["claims"], catalogue(), MONTH, KEY, tmp_path / "r", tmp_path / "q", PROVENANCE)


@pytest.mark.parametrize("broken", ["settler", "rows", "memory"])
def test_an_error_of_ours_says_nothing_of_what_was_read(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were there a fault in the program, it would stop the reading and name its kind only."""

    def fail(*arguments: object) -> None:
        raise ValueError(f"cannot read {SYMBOL} {arguments}")

    rows = csv_bytes(rows_of(CLAIMS, {"記号": SYMBOL, "番号": "x"}, {"記号": SYMBOL}))
    if broken == "settler":
        monkeypatch.setattr(cell_readers.CellReader, "_outcome", fail)
    elif broken == "rows":
        monkeypatch.setattr(settling.Settler, "admits", fail)
        rows += b"1,2\r\n"
    else:
        monkeypatch.setitem(engine._CONFIG, "memory_limit", "1MB")
    with pytest.raises(StreamingError) as caught:
        _read(tmp_path, rows)
    assert caught.value.__context__ is None and caught.value.__cause__ is None
    told = "".join(traceback.format_exception(caught.value))
    assert SYMBOL not in told and KEY.get_secret_value() not in told
    assert not (tmp_path / "r").exists() and not (tmp_path / "q").exists()


def test_an_interrupt_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cell_readers.CellReader, "_outcome", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _read(tmp_path, csv_bytes(rows_of(CLAIMS, {"記号": "x"})))


def test_a_guarded_iterator_ends_and_keeps_the_error() -> None:
    def rows() -> object:
        yield 1
        raise ValueError("what")

    guarded = Guarded(rows())  # type: ignore[arg-type]
    assert list(guarded) == [1] and isinstance(guarded.error, ValueError)
