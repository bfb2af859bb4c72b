"""The file itself: same bytes, all or nothing, and text that no spreadsheet runs."""

import io
import os
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from scorecard_samples import provenance, row, rows_tokyo

from kenpo_pipelines.scorecards import SubmissionSource, cells, files, write_branch_workbook


def reopen(path: Path) -> Any:
    """The workbook as a reader's program would read it."""
    return load_workbook(path)


INJECTIONS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|'/c calc'!A1", '=HYPERLINK("http://x")', "＝1"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_text_that_could_run_is_quoted_text_after_reopening(text: str) -> None:
    workbook = Workbook()
    cell = workbook.active.cell(1, 1)  # type: ignore[union-attr]
    cells.put_text(cell, text)  # type: ignore[arg-type]
    buffer = io.BytesIO()
    workbook.save(buffer)
    again = load_workbook(buffer).active.cell(1, 1)  # type: ignore[union-attr]
    assert again.value == text.replace("\r", "\n")
    assert (again.data_type, again.quotePrefix) == ("s", True)


@pytest.mark.parametrize("text", ["―", "実施", "#N/A", "13", "2025-06", "", "A=1"])
def test_harmless_text_stays_plain_text(text: str) -> None:
    cell = Workbook().active.cell(1, 1)  # type: ignore[union-attr]
    cells.put_text(cell, text)  # type: ignore[arg-type]
    assert (cell.value, cell.data_type, bool(cell.quotePrefix)) == (text, "s", False)


def test_characters_that_xml_forbids_are_removed_and_long_text_is_cut() -> None:
    assert cells.clean("a\x00b\x0bc\x1fd\ud800e\ufffff\tg\r\nh\ri") == "abcdef\tg\nh\ni"
    assert len(cells.clean("あ" * 40_000)) == 32_767


def test_a_whole_workbook_with_hostile_text_holds_no_formula(tmp_path: Path) -> None:
    hostile = row(
        "single_bid_rate", "15", "-", branch="=東京&\x07", kpi="=1+1", kpi_group="+group", unit='"&x', reason_text="@r",
        notes="-2+3", target=None, target_text="=T()", value_text="=V()", prior_value_text="=P()",
    )  # fmt: skip
    source = SubmissionSource("=d", "=m", "=f.csv", "=h", "=t", "submission", 1, 1, 0)
    path = write_branch_workbook(tmp_path / "x.xlsx", [hostile], provenance(run_id="=r", submissions=(source,)))
    with zipfile.ZipFile(path) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if "worksheets/sheet" in name]
    assert len(sheets) == 3
    assert not any(re.search(r"<f[ >/]", sheet) for sheet in sheets)
    texts = {cell.value for sheet in load_workbook(path) for line in sheet.iter_rows() for cell in line}
    assert {"=1+1", "+group", "=T()", "=V()", "=P()", "=r", "=d", "=m", "=f.csv", "=h", "=t"} <= texts
    assert reopen(path).worksheets[0].oddHeader.left.text.startswith("=東京&&")


def test_the_same_input_makes_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    here = write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance())
    code = (
        "import sys; from pathlib import Path; from scorecard_samples import *;"
        "from kenpo_pipelines.scorecards import write_branch_workbook as w;"
        "w(Path(sys.argv[1]), list(reversed(rows_tokyo())), provenance())"
    )
    there = tmp_path / "b.xlsx"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "America/New_York"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    subprocess.run([sys.executable, "-c", code, str(there)], check=True, env=environment)
    assert here.read_bytes() == there.read_bytes()
    with zipfile.ZipFile(here) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_properties_carry_the_time_given(tmp_path: Path) -> None:
    path = write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance())
    properties = load_workbook(path).properties
    assert f"{properties.created:%Y-%m-%d %H:%M:%S}" == "2025-07-10 00:12:33"
    assert properties.modified == properties.created
    assert properties.title == "東京支部　令和７年度 KPI実績（令和７年６月時点）"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(f"kenpo_pipelines.scorecards.files.os.{step}", fail)
    with pytest.raises(OSError, match="no space left"):
        write_branch_workbook(path, rows_tokyo(), provenance())
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.xlsx"]
    assert path.read_bytes() == b"old"


def test_a_failure_while_packing_touches_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("broken writer")

    monkeypatch.setattr("openpyxl.writer.excel.ExcelWriter.write_data", fail)
    with pytest.raises(RuntimeError, match="broken writer"):
        write_branch_workbook(tmp_path / "a.xlsx", rows_tokyo(), provenance())
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_and_an_older_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "2025-06" / "a.xlsx"
    files.write_atomically(path, b"old")
    assert files.write_atomically(path, b"new") == path
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.xlsx"]


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "2025-06"
    with files.alone_in(folder):
        files.write_atomically(folder / "a.xlsx", b"old")
    (folder / ".a.xlsx.0123456789abcdef.tmp").write_bytes(b"half of the n")

    with files.alone_in(folder):
        files.write_atomically(folder / "b.xlsx", b"new")

    assert {path.name: path.read_bytes() for path in folder.glob("*.*")} == {
        "a.xlsx": b"old",
        "b.xlsx": b"new",
        ".lock": b"",
    }


def test_writers_of_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with files.alone_in(tmp_path):
            order.append("second")

    with files.alone_in(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
