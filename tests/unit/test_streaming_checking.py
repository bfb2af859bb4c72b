"""Checking and submitting record-level files: recognised by their head, checked as the pipeline reads them, nothing kept."""

import tempfile
from pathlib import Path

import pytest
from streaming_files import CLAIMS, DECISIONS, book_bytes, csv_bytes, rows_of
from submission_files import catalogue, contracts
from typer.testing import CliRunner

from kenpo_pipelines.cli import app
from kenpo_pipelines.submissions.landing import LandingError
from kenpo_pipelines.submissions.messages import describe, describe_unlisted
from kenpo_pipelines.submissions.reading import detect_dataset
from kenpo_pipelines.submissions.streaming import checking, head
from kenpo_pipelines.submissions.submit import check, recognise, submit_file
from kenpo_pipelines.submissions.verdict import is_refused

SYMBOL = "98710001"


def _file(folder: Path, rows: list[list[str]], name: str = "13_東京.csv") -> Path:
    path = folder / name
    path.write_bytes(book_bytes(rows) if name.endswith("xlsx") else csv_bytes(rows))
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
@pytest.mark.parametrize("dataset", ["benefit_decisions", "claims"])
def test_a_dataset_is_told_by_the_head_of_its_file(dataset: str, name: str, tmp_path: Path) -> None:
    rows = rows_of({"benefit_decisions": DECISIONS, "claims": CLAIMS}[dataset], {}, {})
    path = _file(tmp_path, [["表題", *[""] * 3], *rows], name)
    assert detect_dataset(path, contracts()) == dataset
    found, reason = recognise(path, None, contracts())
    assert found is contracts()[dataset] and not reason


def test_only_the_beginning_is_read_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "_BYTES", 2000)
    path = _file(tmp_path, rows_of(CLAIMS, *[{}] * 100))
    path.write_bytes(path.read_bytes() + b'"\xff\xff')
    assert detect_dataset(path, contracts()) == "claims"


def test_an_unknown_or_unreadable_file_is_told(tmp_path: Path) -> None:
    unknown = _file(tmp_path, [["a", "b"], ["1", "2"]], "x.csv")
    assert "見出しからデータの種類が分かりません" in recognise(unknown, None, contracts())[1]
    unknown.write_bytes(b"")
    assert "中身のないファイル" in recognise(unknown, None, contracts())[1]


def test_a_check_tells_problems_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    rows = rows_of(DECISIONS, {}, {"支給額": "1.03&"}, {"記号": SYMBOL + "\ufffd", "番号": "？"}, {})
    checked = check(_file(tmp_path, rows), contracts()["benefit_decisions"], catalogue(), "2025-06")
    assert (checked.rows_read, checked.rows_loaded, checked.rows_rejected) == (4, 2, 2)
    assert is_refused(checked) and checked.branch_codes == {"13"}
    assert [describe(problem).partition("。")[0] for problem in checked.problems] == [
        "13_東京.csv 3行目「支給額」列：数値に余分な記号が付いた値です",
        "13_東京.csv 4行目「記号」列：文字化けした値です",
        "13_東京.csv 4行目「番号」列：番号として読めない値です",
    ]
    assert SYMBOL not in repr(checked)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_of_very_many_problems_the_first_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_LISTED", 3)
    rows = rows_of(DECISIONS, *[{"支給額": "x"}] * 5)
    checked = check(_file(tmp_path, rows), contracts()["benefit_decisions"], catalogue(), "2025-06")
    assert [problem.row_number for problem in checked.problems] == [2, 3, 4]
    assert describe_unlisted(checked) == "ほか2行"


def test_a_good_file_is_put_into_landing(tmp_path: Path) -> None:
    contract, landing = contracts()["benefit_decisions"], tmp_path / "landing"
    path = _file(tmp_path, rows_of(DECISIONS, {}, {}))
    done = submit_file(path, landing, contract, catalogue(), "2025-06", "13")
    assert done.place == str(landing / "benefit_decisions" / "2025-06" / path.name) and done.is_new
    with pytest.raises(LandingError, match="東京支部"):
        submit_file(path, landing, contract, catalogue(), "2025-06", "04")
    with pytest.raises(LandingError, match="月"):
        submit_file(path, landing, contract, catalogue(), "2025", None)
    bad = submit_file(
        _file(tmp_path, rows_of(DECISIONS, {"支給額": "x"})), landing, contract, catalogue(), "2025-06", None
    )
    assert bad.place == ""


def test_the_commands_say_it_in_japanese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENPO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(checking, "MOST_LISTED", 1)
    runner = CliRunner()
    bad = _file(tmp_path, rows_of(DECISIONS, {}, {"支給額": "x", "記号": SYMBOL}, {"支給額": "y"}), "bad.csv")
    told = runner.invoke(app, ["check-file", str(bad), "--month", "2025-06"])
    assert told.exit_code == 1
    assert "3行のうち1行を読み取りました（受け付けられない行：2行）" in told.output
    assert "× bad.csv 3行目「支給額」列：数値の欄にある言葉です。" in told.output and "× ほか1行" in told.output
    assert SYMBOL not in told.output
    good = _file(tmp_path, rows_of(DECISIONS, {}), "good.csv")
    done = runner.invoke(app, ["submit", str(good), "--month", "2025-06", "--branch", "13"])
    assert done.exit_code == 0 and "○ good.csv を提出しました" in done.output
    assert (tmp_path / "home" / "landing" / "benefit_decisions" / "2025-06" / "good.csv").exists()
