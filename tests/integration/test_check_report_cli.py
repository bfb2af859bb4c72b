"""``kenpo check-file --report``: when the report is written, where it may not go, and that exit codes stay as they are."""

import os
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from kenpo_home import RESULT_HEADER, as_csv, encrypted, environment, result, results, tree, workbook, write
from typer.testing import CliRunner, Result

from kenpo_pipelines.cli import app

GOOD, BAD = results(result("13", "57.6")), results(result("13", "57.6"), result("04", "1.03&"))
Invoke = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def invoke(home: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    for name in [name for name in os.environ if name.startswith("KENPO_")]:
        monkeypatch.delenv(name)

    def invoke(*arguments: str | Path) -> Result:
        return CliRunner().invoke(
            app, ["check-file", *map(str, arguments)], env=environment(home), catch_exceptions=False
        )

    return invoke


def text_of(report: Path) -> str:
    if report.suffix == ".html":
        return report.read_text(encoding="utf-8")
    book = openpyxl.load_workbook(report)
    return "\n".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value)


@pytest.mark.parametrize("kind", ["html", "xlsx", "HTML"])
@pytest.mark.parametrize(
    ("name", "data", "code", "told"),
    [
        ("good.csv", GOOD, 0, "このまま提出できます"),
        ("bad.csv", BAD, 1, "1.03&"),
        ("bad.xlsx", workbook(RESULT_HEADER, result("04", "1.03&")), 1, "余分な記号"),
        ("secret.xlsx", encrypted(workbook(RESULT_HEADER)), 1, "パスワード"),
        ("memo.csv", "日付,メモ\n4月1日,朝礼\n".encode(), 1, "見出しからデータの種類が分かりません"),
        ("nothing.csv", b"", 1, "中身のない"),
    ],
)
def test_the_report_is_written_and_the_exit_code_is_that_of_the_check(
    invoke: Invoke, home: Path, tmp_path: Path, kind: str, name: str, data: bytes, code: int, told: str
) -> None:
    file, out = write(tmp_path / "sent" / name, data), tmp_path / "desk" / f"確認.{kind}"
    plain = invoke(file)
    done = invoke(file, "--report", out)
    assert (plain.exit_code, done.exit_code) == (code, code)
    assert f"確認結果：{out}" in done.stdout
    assert told in text_of(out.rename(out.with_suffix(out.suffix.lower()))).replace("&amp;", "&")
    assert file.read_bytes() == data and not home.exists()
    assert [one.name for one in out.parent.iterdir()] == [out.with_suffix(out.suffix.lower()).name]


def test_an_older_report_is_replaced_and_never_written_through_a_link(invoke: Invoke, tmp_path: Path) -> None:
    file = write(tmp_path / "bad.csv", BAD)
    other = write(tmp_path / "precious.html", b"precious")
    out = tmp_path / "out.html"
    out.symlink_to(other)
    assert invoke(file, "--report", out).exit_code == 1
    assert other.read_bytes() == b"precious"
    assert not out.is_symlink() and "1.03&amp;" in text_of(out)


@pytest.mark.parametrize(
    "out", ["report.pdf", "report", "report.csv", "bad.xlsx", "link.xlsx", "hard.xlsx", "folder.html"]
)
def test_another_kind_of_file_and_the_submission_itself_are_wrong_use(invoke: Invoke, tmp_path: Path, out: str) -> None:
    file = write(tmp_path / "bad.xlsx", workbook(RESULT_HEADER, result("04", "1.03&")))
    (tmp_path / "link.xlsx").symlink_to(file)
    os.link(file, tmp_path / "hard.xlsx")
    (tmp_path / "folder.html").mkdir()
    before = tree(tmp_path)
    done = invoke(file, "--report", tmp_path / out)
    assert done.exit_code == 2 and "--report" in done.output
    assert tree(tmp_path) == before


@pytest.mark.parametrize("folder", ["landing", "landing/kpi_results/2025-06", "desk"])
def test_nothing_but_submissions_is_put_into_landing(invoke: Invoke, home: Path, tmp_path: Path, folder: str) -> None:
    file = write(tmp_path / "bad.csv", BAD)
    (home / "landing" / "kpi_results" / "2025-06").mkdir(parents=True)
    (home / "desk").symlink_to(home / "landing" / "kpi_results")
    before = tree(home)
    assert invoke(file, "--report", home / folder / "report.xlsx").exit_code == 2
    assert tree(home) == before


def test_a_report_that_cannot_be_written_is_told(invoke: Invoke, tmp_path: Path) -> None:
    file = write(tmp_path / "bad.csv", BAD)
    write(tmp_path / "file", b"")
    done = invoke(file, "--report", tmp_path / "file" / "report.html")
    assert done.exit_code == 1 and "was not written" in done.stderr


def test_the_report_is_of_the_dataset_and_month_that_were_asked_for(invoke: Invoke, tmp_path: Path) -> None:
    file = write(tmp_path / "late.csv", as_csv(RESULT_HEADER, result("13", "57.6", as_of="2025-07")))
    out = tmp_path / "out.html"
    assert invoke(file, "--report", out, "--month", "2025-06", "--dataset", "kpi_results").exit_code == 1
    assert "2025年6月分" in text_of(out) and "提出月より後の年月" in text_of(out)
