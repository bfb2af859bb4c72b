"""A month in which no submission can be read: it goes on, says so, and keeps the account."""

from pathlib import Path

import pytest
from kenpo_home import RESULT_HEADER, encrypted, land, result, results, settings_of, target, targets, workbook, write
from openpyxl import load_workbook
from short_memory import forgetful

from kenpo_pipelines.running import CheckFailure, MonthRun, MonthRunner
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import ledger_rows, rejected_rows, scorecard_rows
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.landing import unread_paths

MONTH = "2025-06"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    faulty = {
        "a.xlsx": encrypted(workbook(RESULT_HEADER, result("13", "9.9"))),
        "b.csv": results(result("13", "1.03&"), result("04", "44支部が達成")),
    }
    land(home, "kpi_results", MONTH, faulty)
    land(home, "kpi_targets", "2025", {"t.csv": targets(target("13", "14.3"))})
    return home


@pytest.fixture(scope="module")
def done(home: Path) -> MonthRun:
    return MonthRunner(settings_of(forgetful(home))).run(MONTH)


def failure(done: MonthRun, check: str) -> CheckFailure:
    return next(one for one in done.failures if (one.asset.split("/")[-1], one.check) == ("kpi_results", check))


def test_the_month_goes_on_and_names_the_files_as_errors(done: MonthRun) -> None:
    assert (done.files, done.files_refused, done.rows_read, done.rows_loaded, done.rows_rejected) == (3, 1, 3, 1, 2)
    assert failure(done, "files_readable").is_error
    assert "a.xlsx" in failure(done, "files_readable").description
    assert failure(done, "rows_readable").is_error
    assert "2 of 2 rows — b.csv 2行目 実績値" in failure(done, "rows_readable").description
    assert not [one for one in done.failures if one.check == "structural"]


def test_ledger_and_quarantine_are_published_and_the_kpis_wait(home: Path, done: MonthRun) -> None:
    engine = connect(settings_of(home).sql_url)
    ledger = {row.file: (row.status, row.fault, row.rows_rejected) for row in ledger_rows(engine, MONTH)}
    assert ledger["a.xlsx"] == ("refused", "encrypted", 0)
    assert ledger["b.csv"] == ("loaded", "", 2)
    assert [(row.file, row.row_number) for row in rejected_rows(engine, MONTH)] == [("b.csv", 2), ("b.csv", 3)]
    lines = scorecard_rows(engine, MONTH, 2025, "13", "guidance_rate_insured")
    assert [(line.outcome, line.reason, line.target_text) for line in lines] == [
        ("not_evaluable", "no_result", "14.3%以上")
    ]


def test_what_no_run_reads_is_named(home: Path, done: MonthRun) -> None:
    settings = settings_of(home)
    contracts = load_contracts(settings.contracts_dir)
    assert unread_paths(settings.landing_dir, contracts) == []
    for name in ("stray.csv", "kpi_results/stray.csv", "kpi_results/2025-6/a.csv", "kpi_targets/2025-06/t.csv"):
        path = settings.landing_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, b"x")
    (settings.landing_dir / "dental_checks" / MONTH).mkdir(parents=True)
    write(settings.landing_dir / "dental_checks" / MONTH / "c.csv", b"x")
    write(settings.landing_dir / "kpi_results" / ".hidden", b"x")
    assert unread_paths(settings.landing_dir, contracts) == [
        f"dental_checks/{MONTH}",
        "kpi_results/2025-6",
        "kpi_results/stray.csv",
        "kpi_targets/2025-06",
        "stray.csv",
    ]


@pytest.mark.parametrize("files", [{}, {"t.xlsx": b"PK\x03\x04 cut off"}], ids=["nothing", "one unreadable file"])
def test_a_month_without_any_data_says_so_in_its_scorecard(tmp_path: Path, files: dict[str, bytes]) -> None:
    land(tmp_path, "kpi_results", MONTH, files)
    settings = settings_of(forgetful(tmp_path))
    assert MonthRunner(settings).run(MONTH).rows_loaded == 0
    sheet = load_workbook(settings.outputs_dir / MONTH / f"scorecard_{MONTH}_00_nation.xlsx").worksheets[0]
    assert "データの種類：取り込んだデータなし" in {cell.value for row in sheet.iter_rows() for cell in row}
    assert [row.status for row in ledger_rows(connect(settings.sql_url), MONTH)] == ["refused"] * len(files)
