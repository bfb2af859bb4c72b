"""The whole road in one small installation: what submissions become, run after run.

One story is told once, by real runs in this process, and its state is kept after every chapter; the tests read what they
are about. Killed runs are in ``test_pipeline_killed``.
"""

import json
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from kenpo_home import (
    KEY,
    RESULT_HEADER,
    database_rows,
    encrypted,
    environment,
    lake_content,
    land,
    output_files,
    result,
    results,
    scorecard_files,
    settings_of,
    target,
    targets,
    truncated_gzip,
    workbook,
    write,
)
from openpyxl import load_workbook
from short_memory import forgetful
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from kenpo_pipelines.cli import app
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.running import MonthRun, MonthRunner, quiet
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import ScorecardRow, ledger_rows, rejected_rows, scorecard_rows
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.landing import put

KPI = "guidance_rate_insured"

# Planted where a cell is refused: never stored anywhere. Letters and digits only, so that no escaping can hide one.
REFUSED = [f"zqrefused{letter}" for letter in "abcdefgh"]
ID_NUMBER = "918273645546372819"
# Planted in the free text of rows that are loaded: kept as raw data, shown nowhere but in the preview of the raw table.
LOADED = ["zqloaded01", "zqloaded02"]

FAULTY = results(
    result("13", f"1.03&{REFUSED[0]}", "checkup_rate_insured"),
    result("13", "57.6", f"<script>{REFUSED[1]}</script>"),
    result(ID_NUMBER, "57.6"),
    result("13", f"=cmd|'/c {REFUSED[2]}'!A1", "checkup_rate_dependants"),
    result("13", "57.6", "employer_checkup_data_rate", **{"単位": REFUSED[3]}),
    result("13", "57.6", "committee_coverage_rate", as_of=f"2025-05{REFUSED[4]}"),
    result("13", "44支部が達成", "single_bid_rate", **{"表記": REFUSED[5], "出典": REFUSED[5]}),
    result("04", "33.3", **{"表記": f"<script>alert('{LOADED[0]}')</script>", "出典": f"=cmd|'/c {LOADED[1]}'!A1"}),
)
WRONG_COLUMNS = f"年度,{REFUSED[6]},KPI\n2025,{REFUSED[7]},{KPI}\n".encode()
MAY = {
    "1_東京.csv": results(result("13", "2.1"), result("13", "8.0", "single_bid_rate")),
    "2_暗号.xlsx": encrypted(workbook(RESULT_HEADER, result("13", "9.9"))),
    "3_途中.csv.gz": truncated_gzip(results(result("13", "9.9"))),
    "4_列違い.csv": WRONG_COLUMNS,
    "5_誤り.csv": FAULTY,
}
JUNE = {
    "六月.csv": results(
        result("03", "5.5", as_of="2025-05"),
        result("03", "120.5", "committee_coverage_rate", as_of="2025-06"),  # no rate can be that
        result("13", "14.3", as_of="2025-06"),
    )
}


@dataclass(frozen=True)
class State:
    """An installation as a reader finds it: lake, database (moments included), workbooks."""

    lake: dict[str, str]
    database: dict[str, list[tuple[Any, ...]]]
    workbooks: dict[str, str]


@dataclass(frozen=True)
class Story:
    """The home folder at the end, and what was noted on the way."""

    home: Path
    may: MonthRun
    before_may_again: State
    after_may_again: State
    correction: str
    """What the command line said when July, for which nothing was submitted, was run after a correction for May."""

    @property
    def engine(self) -> Engine:
        return connect(settings_of(self.home).sql_url)

    @property
    def lake(self) -> Lake:
        return Lake(settings_of(self.home).lake_dir)


def state_of(home: Path) -> State:
    return State(lake_content(home), database_rows(home), output_files(home))


def facts(home: Path, as_of: str) -> dict[tuple[str, str], ScorecardRow]:
    """The scorecard of fiscal year 2025 by branch and KPI."""
    rows = scorecard_rows(connect(settings_of(home).sql_url), as_of=as_of, fiscal_year=2025)
    assert {row.as_of for row in rows} == {as_of}
    return {(row.branch_code, row.kpi_id): row for row in rows}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    home = forgetful(tmp_path_factory.mktemp("story"))
    settings = settings_of(home)
    land(home, "kpi_targets", "2025", {"目標.csv": targets(target("13", "14.3"), target("04", "30.0"))})
    with quiet(settings):
        runner = MonthRunner(settings)
        land(home, "kpi_results", "2025-05", MAY)
        may = runner.run("2025-05")
        land(home, "kpi_results", "2025-06", JUNE)
        runner.run("2025-06")
        before = state_of(home)
        runner.run("2025-05")
        after = state_of(home)
    corrected = write(
        home / "sent" / "1_東京.csv", results(result("13", "2.4"), result("13", "8.0", "single_bid_rate"))
    )
    put(corrected, settings.landing_dir, load_contracts(settings.contracts_dir)["kpi_results"], "2025-05")
    done = CliRunner().invoke(app, ["run", "--month", "2025-07"], env=environment(home), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return Story(home, may, before, after, done.output)


# --- a bad file stops nobody ---


def test_the_good_files_figures_are_published_whatever_lies_beside_it(story: Story) -> None:
    may = facts(story.home, "2025-05")

    assert (may["13", "single_bid_rate"].value, may["13", "single_bid_rate"].outcome) == (8, "attained")
    assert (may["04", KPI].value, may["04", KPI].outcome) == (Decimal("33.3"), "attained")
    assert story.may.files == 6
    assert story.may.files_refused == 3


def test_files_that_cannot_be_read_are_in_the_ledger_with_reason_and_advice(story: Story) -> None:
    ledger = {row.file: row for row in ledger_rows(story.engine, "2025-05")}
    refused = {name: row.fault for name, row in ledger.items() if row.status == "refused"}

    assert refused == {"2_暗号.xlsx": "encrypted", "3_途中.csv.gz": "truncated", "4_列違い.csv": "wrong_columns"}
    assert all(ledger[name].rows_read == 0 for name in refused)
    assert "パスワードを外して" in ledger["2_暗号.xlsx"].detail
    assert "再提出してください" in ledger["3_途中.csv.gz"].detail
    assert "次の列を見出しに加えてください" in ledger["4_列違い.csv"].detail


def test_refused_rows_are_in_the_database_with_place_reason_and_advice(story: Story) -> None:
    rows = {(row.file, row.row_number): row for row in rejected_rows(story.engine, "2025-05")}

    assert {file for file, _ in rows} == {"5_誤り.csv"}
    assert {number: (row.column_name, row.fault) for (_, number), row in rows.items()} == {
        2: ("実績値", "number_with_words"),
        3: ("KPI", "unknown_kpi"),
        4: ("支部コード", "not_a_branch_code"),
        5: ("実績値", "number_with_words"),
        6: ("単位", "unit_disagrees"),
        7: ("時点", "not_a_month"),
        8: ("実績値", "number_with_words"),
    }
    assert all(row.advice.endswith("。") and row.value_class for row in rows.values())


def test_rows_read_are_rows_loaded_and_rows_rejected_in_every_file(story: Story) -> None:
    ledger = ledger_rows(story.engine)
    loaded = {
        name: count
        for month in ("2025-05", "2025-06")
        for name, count in _rows_by_file(story.lake, "raw", "kpi_results", month).items()
    }
    rejected: dict[str, set[int]] = {}
    for row in rejected_rows(story.engine):
        rejected.setdefault(row.file, set()).add(row.row_number)

    assert len(ledger) == 1 + 6 + 1
    for row in ledger:
        assert row.rows_read == row.rows_loaded + row.rows_rejected, row.file
        if row.dataset == "kpi_results":
            assert row.rows_loaded == loaded.get(row.file, 0), row.file
            assert row.rows_rejected == len(rejected.get(row.file, ())), row.file
    by_file = {row.file: (row.rows_read, row.rows_loaded, row.rows_rejected) for row in ledger}
    assert by_file["5_誤り.csv"] == (8, 1, 7)
    assert by_file["1_東京.csv"] == by_file["1_東京.r2.csv"] == (2, 2, 0)


def _rows_by_file(lake: Lake, layer: str, dataset: str, month: str) -> dict[str, int]:
    files = lake.read(layer, dataset, month)["file"].to_pylist()
    return {name: files.count(name) for name in files}


def test_the_run_tells_of_faults_as_checks_and_goes_on(story: Story) -> None:
    told = {(failure.asset, failure.check): failure for failure in story.may.failures}

    assert told["ledger/kpi_results", "files_readable"].is_error
    assert "2_暗号.xlsx" in told["ledger/kpi_results", "files_readable"].description
    assert not told["quarantine/kpi_results", "rows_readable"].is_error
    assert ("ledger/kpi_results", "rows_accounted_for") not in told


def test_a_figure_that_cannot_be_is_withheld_from_that_branch_alone_and_the_run_goes_on(story: Story) -> None:
    june = facts(story.home, "2025-06")
    iwate, coverage = june["03", "committee_coverage_rate"], "率は0％以上100％以下である"
    assert (iwate.outcome, iwate.reason, iwate.value) == ("not_evaluable", "incomplete_submission", None)
    assert iwate.notes.splitlines()[0] == f"提出不備：KPI実績報告2025-06（保留：「{coverage}」）"
    assert june["03", KPI].value == Decimal("5.5")
    assert june["13", KPI].outcome == "attained"
    findings = story.lake.read("findings", "kpi_results", "2025-06").to_pylist()
    told = ("rule", "severity", "branch_code", "kpi_id", "as_of", "file", "failed_rows", "text_ja")
    assert [tuple(row[name] for name in told) for row in findings] == [
        ("rate_within_bounds", "critical", "03", "committee_coverage_rate", "2025-06", "六月.csv", 1, coverage)
    ]


# --- months ---


def test_a_month_without_submissions_succeeds_with_warnings(story: Story) -> None:
    said = story.correction[story.correction.index("✓ 2025-07") :]

    assert "✓ 2025-07  1 files, 2 rows read = 2 loaded + 0 rejected" in said, "only the yearly targets"
    silent = next(line for line in said.splitlines() if line.startswith("  ! nothing was submitted: "))
    assert "kpi_results" in silent
    assert "kpi_targets" not in silent
    assert "! raw/kpi_targets · completeness" in said
    assert "✗" not in said
    assert story.lake.read("raw", "kpi_results", "2025-07").num_rows == 0
    assert facts(story.home, "2025-07").keys() == facts(story.home, "2025-06").keys()


def test_a_figure_known_only_later_is_not_there_as_of_an_earlier_month(story: Story) -> None:
    """Iwate's figure for May arrived in June; May was run again after that."""
    may, june = facts(story.home, "2025-05"), facts(story.home, "2025-06")

    assert ("03", KPI) not in may
    assert (june["03", KPI].value, june["03", KPI].figure_as_of) == (Decimal("5.5"), "2025-05")
    assert june["03", KPI].figure_known_month == "2025-06"
    assert (may["13", KPI].figure_as_of, june["13", KPI].figure_as_of) == ("2025-05", "2025-06")


def test_running_a_month_twice_changes_no_byte_and_no_row(story: Story) -> None:
    before, after = story.before_may_again, story.after_may_again

    assert {name.split("/")[0] for name in before.lake} >= {"raw", "staging", "kpis", "judged", "marts"}
    assert after.lake == before.lake
    assert len(before.database["kpi_facts"]) > 100
    assert after.database == before.database
    branches = ("00_nation", "04_miyagi", "13_tokyo")
    assert before.workbooks.keys() == scorecard_files("2025-05", *branches) | scorecard_files(
        "2025-06", *branches, "03_iwate"
    )
    assert after.workbooks == before.workbooks


# --- a correction ---


def test_a_late_file_of_an_earlier_month_is_read_first(story: Story) -> None:
    assert "Submissions of 2025-05 have not been read yet" in story.correction
    assert story.correction.index("✓ 2025-05") < story.correction.index("✓ 2025-07")
    assert "✓ 2025-06" not in story.correction


def test_a_correction_changes_the_published_figure_and_keeps_the_old_one(story: Story) -> None:
    corrected = facts(story.home, "2025-05")["13", KPI]
    with story.engine.connect() as connection:
        history = connection.execute(
            text(
                "SELECT as_of, branch_code, kpi_id, value, change, run_id, replaced_by_run_id FROM kpi_facts_history "
                f"WHERE kpi_id = '{KPI}'"
            )
        ).all()

    assert corrected.value == Decimal("2.4")
    (old,) = history
    assert (old.as_of, old.branch_code) == ("2025-05", "13")
    assert (Decimal(str(old.value)), old.change) == (Decimal("2.1"), "updated")
    assert old.replaced_by_run_id == corrected.run_id != old.run_id


def test_a_correction_replaces_nothing_but_the_figure_it_corrects(story: Story) -> None:
    before = story.after_may_again.database
    after = database_rows(story.home)

    assert set(before["kpi_facts_history"]) == set()
    assert len(after["kpi_facts_history"]) == 1
    assert len(set(before["kpi_facts"]) - set(after["kpi_facts"])) == 1
    assert set(before["kpi_targets"]) <= set(after["kpi_targets"])
    assert set(before["rejected_rows"]) == set(after["rejected_rows"])


# --- what is not to be found ---


def stored_texts(home: Path) -> Iterator[tuple[str, str]]:
    """Everything stored below the home folder but landing, as (place, text): Parquet and SQLite opened, zips unpacked."""
    for path in sorted(home.rglob("*")):
        place = str(path.relative_to(home))
        if not path.is_file() or place.startswith(("landing/", "sent/")):
            continue
        if path.suffix == ".parquet":
            yield place, json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False, default=str)
        elif path.suffix == ".db":
            with sqlite3.connect(path) as database:
                yield place, "\n".join(database.iterdump())
        elif path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as archive:
                yield place, "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
        yield place, path.read_bytes().decode("utf-8", "replace")


@pytest.fixture(scope="module")
def stored(story: Story) -> list[tuple[str, str]]:
    return list(stored_texts(story.home))


def places(stored: list[tuple[str, str]], marker: str) -> set[str]:
    return {place for place, content in stored if marker in content}


@pytest.mark.parametrize("marker", [*REFUSED, ID_NUMBER])
def test_what_stood_in_a_refused_cell_is_nowhere(story: Story, stored: list[tuple[str, str]], marker: str) -> None:
    landing = b"".join(path.read_bytes() for path in (story.home / "landing").rglob("*.csv"))

    assert marker.encode() in landing
    assert places(stored, marker) == set()


@pytest.mark.parametrize("marker", LOADED)
def test_free_text_of_loaded_rows_is_raw_data_and_shown_only_in_the_preview_of_the_raw_table(
    story: Story, stored: list[tuple[str, str]], marker: str
) -> None:
    found = places(stored, marker)

    assert any(place.startswith("lake/raw/kpi_results/") for place in found), "the search must find what is there"
    beyond = {place for place in found if not place.startswith(("lake/raw/kpi_results/", "lake/staging/", "dagster/"))}
    assert beyond == set()
    assert _event_types(story.home, marker) <= {"ASSET_MATERIALIZATION", "STEP_OUTPUT"}, "no check's metadata"


def _event_types(home: Path, marker: str) -> set[str]:
    found = set()
    for path in (home / "dagster" / "history" / "runs").glob("*.db"):
        with sqlite3.connect(path) as database:
            rows = database.execute("SELECT dagster_event_type, event FROM event_logs").fetchall()
        found |= {kind for kind, event in rows if marker in event}
    return found


def test_free_text_cannot_break_out_of_the_tables_that_the_interface_shows(story: Story) -> None:
    for path in (story.home / "dagster" / "history" / "runs").glob("*.db"):
        with sqlite3.connect(path) as database:
            events = "\n".join(event for (event,) in database.execute("SELECT event FROM event_logs"))
        assert "<script" not in events


def test_the_key_is_stored_nowhere(stored: list[tuple[str, str]]) -> None:
    assert places(stored, KEY) == set()


# --- the workbooks ---

OUTCOME_WORDS = {"attained": "○ 達成", "not_attained": "× 未達成", "not_evaluable": "― 判定不能"}


@pytest.mark.parametrize("branch", ["00_nation", "03_iwate", "04_miyagi", "13_tokyo"])
def test_a_branch_workbook_agrees_with_the_database(story: Story, branch: str) -> None:
    rows = {row.kpi: row for row in scorecard_rows(story.engine, as_of="2025-06", fiscal_year=2025, branch=branch[:2])}
    book = load_workbook(story.home / "outputs" / "2025-06" / f"scorecard_2025-06_{branch}.xlsx")
    sheet = book["令和７年度"]
    heads = {str(cell.value).replace("\n", ""): cell.column - 1 for cell in sheet[5]}
    lines = {line[0].value: line for line in sheet.iter_rows(min_row=6) if line[heads["判定"]].value is not None}

    assert set(lines) == set(rows)
    assert len(rows) > 10
    for kpi, line in lines.items():
        row = rows[kpi]
        assert str(line[heads["判定"]].value).partition("\n前月")[0] == OUTCOME_WORDS[row.outcome], kpi
        assert _shown(line[heads["令和７年度実績（６月時点）"]].value) == _expected(row.value, row.value_text), kpi
        assert _shown(line[heads["令和７年度目標"]].value) == _expected(row.target, row.target_text), kpi


def _expected(number: Decimal | None, words: str) -> Decimal | str:
    return words or "―" if number is None else number.normalize()


def _shown(value: Any) -> Decimal | str:
    return value if isinstance(value, str) else Decimal(str(value)).normalize()


def test_the_comparison_has_every_branch_present(story: Story) -> None:
    book = load_workbook(story.home / "outputs" / "2025-06" / "comparison_2025-06.xlsx")
    words = [str(cell.value) for sheet in book for line in sheet.iter_rows() for cell in line if cell.value]

    order = [words.index(name) for name in ("協会全体", "岩手支部", "宮城支部", "東京支部")]
    assert order == sorted(order)
