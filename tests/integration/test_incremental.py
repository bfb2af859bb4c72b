"""Work that need not be done is not done: what a run leaves out, what it does again, and that both end in the same bytes.

One home is told chapter by chapter by real runs in this process; after each chapter what it did is kept. What a run would do
(its plan) is asked for where no run is needed. Nothing here depends on how many models or datasets there are: what has to
follow from a change is read from the asset graph.
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import openpyxl
import pytest
from kenpo_home import (
    database_rows,
    environment,
    kenpo,
    lake_content,
    land,
    output_files,
    result,
    results,
    scorecard_files,
    settings_of,
    target,
    targets,
    tree,
)
from pydantic import SecretStr
from short_memory import forgetful
from sqlalchemy import Engine
from typer.testing import CliRunner

from kenpo_pipelines.cli import app
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.run_results import RunFailed
from kenpo_pipelines.running import MonthRun, MonthRunner, Plan, quiet
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import scorecard_rows
from kenpo_pipelines.serving.restatement_queries import restatements
from kenpo_pipelines.settings import CHECKOUT, Settings
from resources.steps import SCORECARD_FILES

MAY, JUNE = "2025-05", "2025-06"
KPI_RESULTS = tuple(f"{layer}/kpi_results" for layer in ("raw", "quarantine", "ledger", "findings"))


def lake_stamps(home: Path) -> dict[str, tuple[str, int, int]]:
    """Where every partition's link points, and inode and time of its first file: equal ones were not written again."""
    found = {}
    for link in sorted((home / "lake").glob("*/*/month=*")):
        status = sorted(link.resolve().glob("*.parquet"))[0].stat()
        found[f"{link.parent.parent.name}/{link.parent.name}/{link.name}"] = (
            str(link.readlink()),
            status.st_ino,
            status.st_mtime_ns,
        )
    return found


def everything(home: Path) -> dict[str, Any]:
    """All that a run could leave behind but its log and SQLite's own files."""
    return {name: stamp for name, stamp in tree(home).items() if not name.startswith(("logs", "kenpo.db"))}


@dataclass(frozen=True)
class Chapter:
    """What one run did, and the home before and after it."""

    run: MonthRun
    stamps_before: dict[str, tuple[str, int, int]]
    stamps_after: dict[str, tuple[str, int, int]]

    @property
    def assets(self) -> set[str]:
        return set(self.run.assets)

    @property
    def rewritten(self) -> set[str]:
        """Partitions that are not the files they were."""
        return {name for name, stamp in self.stamps_after.items() if self.stamps_before.get(name) != stamp}


@dataclass
class Story:
    home: Path
    settings: Settings
    runner: MonthRunner
    chapters: dict[str, Chapter] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_dir)

    def tell(self, name: str, month: str, *, force: bool = False, runner: MonthRunner | None = None) -> Chapter:
        before = lake_stamps(self.home)
        with quiet(self.settings):
            done = (runner or self.runner).run(month, force=force)
        self.chapters[name] = Chapter(done, before, lake_stamps(self.home))
        return self.chapters[name]

    def downstream(self, *assets: str) -> set[str]:
        """The assets and all that is made from them, multi-assets that are made as a whole as such."""
        graph = build_definitions(self.settings).resolve_asset_graph()
        chosen = dg.AssetSelection.assets(*(dg.AssetKey(one.split("/")) for one in assets)).downstream()
        return {key.to_user_string() for key in chosen.required_multi_asset_neighbors().resolve(graph)}


def memory(story: Story, layer: str, name: str, month: str = JUNE) -> Path:
    return story.lake.dataset_dir(layer, name) / ".versions" / f".made-{month}.json"


def project_with(folder: Path, file: str, change: Callable[[str], str]) -> Path:
    """A project whose models, contracts and catalogue are the checkout's but for one change."""
    for part in ("dbt_like_sql", "expectations", "kenpo_pipelines/catalogue", "kenpo_pipelines/automation"):
        ignored = shutil.ignore_patterns("target", "logs", "__pycache__")
        shutil.copytree(CHECKOUT / part, folder / part, ignore=ignored)
    path = folder / file
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


MART = "dbt_like_sql/marts/mart_scorecard.sql"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    home = forgetful(tmp_path_factory.mktemp("incremental"))
    settings = settings_of(home)
    land(home, "kpi_targets", "2025", {"目標.csv": targets(target("13", "14.3"), target("04", "30.0"))})
    land(home, "kpi_results", MAY, {"五月.csv": results(result("13", "2.1"), result("04", "1.03&"))})
    land(home, "kpi_results", JUNE, {"六月.csv": results(result("13", "14.3", as_of=JUNE), result("03", "5.5"))})
    one = Story(home, settings, MonthRunner(settings))
    one.tell("may", MAY)
    one.tell("june", JUNE)
    _unchanged(one)
    _resubmitted(one)
    _damaged(one)
    _workbook_deleted(one)
    _changed_model(one, tmp_path_factory.mktemp("projects"))
    _blocked(one, tmp_path_factory.mktemp("projects"))
    _forced(one)
    return one


def _unchanged(story: Story) -> None:
    before, database = everything(story.home), database_rows(story.home)
    story.tell("june unchanged", JUNE)
    command = ["run", "--month", JUNE]
    done = CliRunner().invoke(app, command, env=environment(story.home), catch_exceptions=False)
    story.seen |= {
        "said": done.output,
        "exit code": done.exit_code,
        "nothing written": everything(story.home) == before and database_rows(story.home) == database,
    }


def _resubmitted(story: Story) -> None:
    land(story.home, "kpi_results", MAY, {"五月.r2.csv": results(result("13", "2.4"))})
    story.tell("may resubmitted", MAY)
    story.seen["june outdated"] = {one.sql_name.replace(".", "/") for one in story.runner.plan(JUNE).assets}
    story.tell("june after it", JUNE)


def _damaged(story: Story) -> None:
    story.seen["lake before damage"] = lake_content(story.home)
    database = database_rows(story.home)
    path = story.lake.files("staging", "stg_kpi_targets", JUNE)[0]
    path.write_bytes(path.read_bytes()[:100])
    torn = memory(story, "staging", "stg_kpi_results")
    torn.write_text(torn.read_text(encoding="utf-8")[:40], encoding="utf-8")
    memory(story, "marts", "mart_scorecard").unlink()  # as a process killed after the commit leaves it
    story.tell("damaged", JUNE)
    story.seen["lake after damage"] = lake_content(story.home)
    story.seen["rows kept by damage"] = database_rows(story.home) == database


def _workbook_deleted(story: Story) -> None:
    before = output_files(story.home)
    (story.home / "outputs" / JUNE / f"comparison_{JUNE}.xlsx").unlink()
    edited = next((story.home / "outputs" / JUNE).glob("scorecard_*_13_*.xlsx"))
    edited.write_bytes(b"edited by hand")
    story.tell("workbook deleted", JUNE)
    story.seen["workbooks kept"] = output_files(story.home) == before


def _changed_model(story: Story, folder: Path) -> None:
    project = project_with(folder, MART, lambda text: text + "\n-- told in other words\n")
    database = database_rows(story.home)
    runner = MonthRunner(story.settings.model_copy(update={"project_dir": project}))
    story.tell("changed model", JUNE, runner=runner)
    story.seen["rows kept by another model"] = database_rows(story.home) == database


def _blocked(story: Story, folder: Path) -> None:
    unique = "combination_of_columns: [as_of, fiscal_year{}]}}"
    blocking = unique.format("") + "\n          config: {severity: error, meta: {scope: dataset}}"

    def two_lines_a_year(text: str) -> str:
        assert unique.format(", branch_code, kpi_id") in text
        return text.replace(unique.format(", branch_code, kpi_id"), blocking)

    project = project_with(folder, "dbt_like_sql/marts/schema.yml", two_lines_a_year)
    runner = MonthRunner(story.settings.model_copy(update={"project_dir": project}))
    with pytest.raises(RunFailed, match="blocking"):
        story.tell("blocked", JUNE, runner=runner)
    story.seen["plan after blocking"] = {f"{one.layer}/{one.name}" for one in runner.plan(JUNE).assets}


def _forced(story: Story) -> None:
    database, lake, workbooks = database_rows(story.home), lake_content(story.home), output_files(story.home)
    story.tell("forced", JUNE, force=True)
    story.seen["forced changes nothing"] = (
        database_rows(story.home) == database
        and lake_content(story.home) == lake
        and output_files(story.home) == workbooks
    )


# --- an unchanged month ---


def test_a_month_that_was_never_run_is_run_whole(story: Story) -> None:
    graph = build_definitions(story.settings).resolve_asset_graph()
    whole = {key.to_user_string() for key in graph.executable_asset_keys}

    assert story.chapters["may"].assets == whole
    assert story.chapters["june"].assets == whole


def test_an_unchanged_month_starts_no_run_and_writes_nothing(story: Story) -> None:
    done = story.chapters["june unchanged"].run

    assert (done.run_id, done.assets, done.outdated_months) == ("", (), ())
    assert story.seen["nothing written"]


def test_to_find_that_nothing_has_changed_dagster_is_not_even_imported(story: Story) -> None:
    code = (
        "import sys; from kenpo_pipelines.running import MonthRunner; from kenpo_pipelines.settings import load; "
        f"runner = MonthRunner(load()); done = runner.execute(runner.plan('{JUNE}')); "
        "print(done.assets, sorted({'dagster', 'great_expectations', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(story.home), capture_output=True, text=True, check=True
    )

    assert done.stdout == "() []\n"


def test_an_unchanged_month_is_told_with_the_moment_of_its_run(story: Story) -> None:
    first = story.seen["said"].splitlines()[0]

    assert story.seen["exit code"] == 0
    assert re.fullmatch(
        r"= 2025-06  nothing has changed since it was run on \d{4}-\d\d-\d\d \d\d:\d\d \(--force runs it again\)", first
    )
    assert "✓" not in story.seen["said"]


def test_the_account_and_the_checks_of_an_unchanged_month_are_those_of_its_run(story: Story) -> None:
    first, again = story.chapters["june"].run, story.chapters["june unchanged"].run

    assert (again.files, again.rows_read, again.rows_loaded, again.rows_rejected) == (2, 4, 4, 0)
    assert (first.files, first.rows_read, first.rows_loaded, first.rows_rejected) == (2, 4, 4, 0)
    assert any(failure.check == "completeness" for failure in first.failures)
    assert set(again.failures) == set(first.failures)


# --- a file more ---


def test_a_resubmission_runs_its_dataset_and_what_is_made_from_it_and_nothing_else(story: Story) -> None:
    chapter = story.chapters["may resubmitted"]

    assert chapter.assets == story.downstream(*KPI_RESULTS)
    assert not {"raw/kpi_targets", "reference/kpis", "staging/stg_kpi_targets"} & chapter.assets
    months = {name.rpartition("=")[2] for name in chapter.rewritten}
    assert months == {MAY}
    written = {name.rpartition("/")[0] for name in chapter.rewritten}
    assert {"raw/kpi_results", "staging/stg_kpi_results", "marts/mart_scorecard"} <= written <= chapter.assets


def test_the_account_of_a_partial_run_counts_the_whole_month(story: Story) -> None:
    done = story.chapters["may resubmitted"].run

    assert (done.files, done.files_refused) == (3, 0)
    assert (done.rows_read, done.rows_loaded, done.rows_rejected) == (5, 4, 1)


def test_what_checks_of_an_earlier_run_told_is_told_again_where_they_were_not_run(story: Story) -> None:
    first, partial = story.chapters["may"].run, story.chapters["may resubmitted"].run
    standing = {failure for failure in first.failures if failure.asset not in partial.assets}

    assert ("raw/kpi_targets", "completeness") in {(failure.asset, failure.check) for failure in standing}
    assert standing <= set(partial.failures)
    told = [(failure.asset, failure.check) for failure in partial.failures]
    assert len(told) == len(set(told))
    assert ("quarantine/kpi_results", "rows_readable") in told


def test_later_months_that_read_what_changed_are_named_and_run_from_there_on(story: Story) -> None:
    later = story.chapters["june after it"]

    assert story.chapters["may resubmitted"].run.outdated_months == (JUNE,)
    assert story.chapters["may"].run.outdated_months == ()
    assert later.assets == story.seen["june outdated"]
    assert not {"raw/kpi_results", "staging/stg_kpi_results", "reference/kpis"} & later.assets
    assert {"kpis/reported_figures", "marts/mart_scorecard", "serving/kpi_facts"} <= later.assets
    assert later.run.outdated_months == ()


# --- damage ---


def test_damage_is_healed_by_a_plain_run_to_the_same_bytes(story: Story) -> None:
    chapter = story.chapters["damaged"]
    healed = story.downstream("staging/stg_kpi_targets", "staging/stg_kpi_results", "marts/mart_scorecard")

    assert story.seen["lake after damage"] == story.seen["lake before damage"]
    assert chapter.assets == healed
    assert chapter.rewritten == {f"staging/stg_kpi_targets/month={JUNE}"}, "what is made from it had its right content"
    assert story.seen["rows kept by damage"]


def test_a_workbook_that_is_missing_or_was_edited_is_written_again_and_nothing_else_done(story: Story) -> None:
    chapter = story.chapters["workbook deleted"]

    assert chapter.assets == {f"scorecards/{one.name}" for one in SCORECARD_FILES}
    assert chapter.rewritten == set()
    assert story.seen["workbooks kept"]


# --- code ---


def test_a_changed_model_is_run_with_what_is_made_from_it_and_an_equal_result_is_published_no_second_time(
    story: Story,
) -> None:
    chapter = story.chapters["changed model"]

    assert chapter.assets == story.downstream("marts/mart_scorecard")
    assert chapter.rewritten == set(), "the same rows"
    assert story.seen["rows kept by another model"]


@pytest.mark.parametrize(
    ("file", "change", "stale"),
    [
        ("dbt_like_sql/staging/stg_kpi_results.sql", lambda text: text + "\n-- x", ["staging/stg_kpi_results"]),
        ("dbt_like_sql/kpis/judgement_inputs.sql", lambda text: text + "\n-- x", ["kpis/judgement_inputs"]),
        ("expectations/kpi_targets.yml", lambda text: text.replace("team:", "team:x-", 1), ["raw/kpi_targets"]),
    ],
    ids=["staging model", "judgement's model", "contract"],
)
def test_what_a_change_of_rules_makes_stale_is_what_is_made_by_them(
    story: Story, tmp_path: Path, file: str, change: Callable[[str], str], stale: list[str]
) -> None:
    project = project_with(tmp_path / "project", file, change)
    runner = MonthRunner(story.settings.model_copy(update={"project_dir": project}))

    planned = {f"{one.layer}/{one.name}" for one in runner.plan(JUNE).assets}

    expected = story.downstream(*stale)
    assert expected <= planned
    if file.endswith(".sql"):
        assert planned == expected
        assert story.runner.plan(JUNE).assets == ()


def test_another_pseudonym_key_makes_nothing_stale_where_no_file_holds_persons(story: Story) -> None:
    runner = MonthRunner(story.settings.model_copy(update={"pseudonym_key": SecretStr("another")}))

    assert runner.plan(JUNE).assets == ()


def test_what_a_check_has_blocked_is_tried_again(story: Story) -> None:
    assert "blocked" not in story.chapters
    assert story.seen["plan after blocking"] >= {"marts/mart_scorecard", "serving/kpi_facts"}


def test_force_does_all_again_and_changes_nothing(story: Story) -> None:
    assert story.chapters["forced"].assets == story.chapters["june"].assets
    assert story.seen["forced changes nothing"]


@pytest.mark.parametrize("command", [["run", "--month", JUNE], ["backfill", "--from", MAY, "--to", JUNE]])
def test_the_option_forces_every_month_that_was_asked_for(
    story: Story, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    asked: list[tuple[str, bool]] = []

    def plan(self: MonthRunner, month: str, *, force: bool = False, renew_targets: bool = False) -> Plan:
        asked.append((month, force))
        return Plan(month, ())

    monkeypatch.setattr(MonthRunner, "plan", plan)
    for option in ([], ["--force"]):
        done = CliRunner().invoke(app, [*command, *option], env=environment(story.home), catch_exceptions=False)
        assert done.exit_code == 0

    months = [MAY, JUNE] if command[0] == "backfill" else [JUNE]
    assert asked == [(month, force) for force in (False, True) for month in months]


def test_landing_decides_what_is_read_again(story: Story) -> None:
    """A file that is touched, added or taken away makes its dataset stale; put back as it was, nothing is."""
    path = story.home / "landing" / "kpi_targets" / "2025" / "目標.csv"
    before = path.stat()
    ingested = {f"{layer}/kpi_targets" for layer in ("raw", "quarantine", "ledger", "findings")}

    def planned() -> set[str]:
        return {f"{one.layer}/{one.name}" for one in story.runner.plan(JUNE).assets}

    assert planned() == set()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    assert ingested <= planned()
    assert not set(KPI_RESULTS) & planned()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert planned() == set()
    other = path.with_name("追加.csv")
    other.write_bytes(b"")
    assert ingested <= planned()
    other.unlink()
    assert planned() == set()


# --- the database ---


def test_a_dropped_database_is_published_again_and_then_nothing_is_left_to_do(story: Story, tmp_path: Path) -> None:
    home = tmp_path / "copied"
    shutil.copytree(story.home, home, symlinks=True)  # times included
    before = database_rows(home, with_moments=False)
    for path in home.glob("kenpo.db*"):
        path.unlink()

    done = kenpo(home, "run", "--month", JUNE)

    assert done.returncode == 0, done.stderr
    assert f"✓ {JUNE}" in done.stderr
    after = database_rows(home, with_moments=False)
    of_june = {name: [row for row in rows if JUNE in row] for name, rows in before.items()}
    assert of_june["kpi_facts"]
    assert [row for row in after["kpi_facts"] if JUNE in row] == of_june["kpi_facts"]
    assert lake_stamps(home).keys() == lake_stamps(story.home).keys()
    again = kenpo(home, "backfill", "--from", JUNE, "--to", JUNE)
    assert f"= {JUNE}  nothing has changed" in again.stderr


# --- what the graph and the steps say of each other ---


def test_every_asset_is_made_by_one_step_that_reads_what_dagster_says(story: Story) -> None:
    steps, outside = story.runner.plan(JUNE, force=True).steps, ("landing", "published")
    made = [f"{one.layer}/{one.name}" for step in steps for one in step.makes]
    specs = {
        spec.key.to_user_string(): {
            dep.asset_key.to_user_string() for dep in spec.deps if dep.asset_key.path[0] not in outside
        }
        for spec in build_definitions(story.settings).resolve_all_asset_specs()
        if spec.key.path[0] not in outside
    }

    assert sorted(made) == sorted(specs)
    done: set[str] = set()
    for step in steps:
        reads = {f"{one.layer}/{one.name}" for one in step.reads}
        makes = {f"{one.layer}/{one.name}" for one in step.makes}
        assert reads <= done, f"{makes} come too early"
        assert reads == set().union(*(specs[one] for one in makes)) - makes, makes
        done |= makes


def test_the_interface_shows_what_was_kept(story: Story) -> None:
    """A run of everything from the interface does only what is needed, and says so."""
    with dg.DagsterInstance.from_config(str(story.settings.dagster_dir)) as instance:
        job = build_definitions(story.settings).resolve_job_def("monthly_refresh")
        before = lake_stamps(story.home)
        done = job.execute_in_process(
            partition_key=JUNE,
            instance=instance,
            asset_selection=[dg.AssetKey(["staging", "stg_kpi_targets"]), dg.AssetKey(["judged", "kpi_judgements"])],
        )

    assert done.success
    kept = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata["kept"].value
        for event in done.get_asset_materialization_events()
    }
    assert kept == {"staging/stg_kpi_targets": True, "judged/kpi_judgements": True}
    assert {check.asset_key.path[-1] for check in done.get_asset_check_evaluations()} == {"stg_kpi_targets"}
    assert lake_stamps(story.home) == before


def test_no_note_of_what_was_made_holds_a_path_of_this_machine(story: Story) -> None:
    notes = [*story.home.glob("lake/*/*/.versions/.made-*.json"), *story.home.glob("outputs/*/.written.json")]

    assert len(notes) > 20
    for path in notes:
        text = path.read_text(encoding="utf-8")
        assert json.loads(text)["fingerprint"]
        assert str(story.home) not in text


# --- what a resubmission restates ---


def test_a_resubmission_is_told_as_a_restatement_with_its_file_and_run(story: Story) -> None:
    engine = connect(story.settings.sql_url)
    (one,) = restatements(engine)
    engine.dispose()

    assert (one.as_of, one.fiscal_year, one.branch, one.kpi_id) == (MAY, 2025, "東京支部", "guidance_rate_insured")
    assert (one.old_value_text, one.new_value_text, one.old_outcome) == ("2.1%", "2.4%", one.new_outcome)
    assert [(file.known_month, file.file, file.change) for file in one.files] == [(MAY, "五月.r2.csv", "appeared")]
    assert one.causes == "submission"
    assert (one.old_run_id, one.new_run_id) == tuple(story.chapters[c].run.run_id for c in ("may", "may resubmitted"))


def test_the_command_line_and_the_workbooks_show_it(story: Story) -> None:
    def said(*arguments: str) -> str:
        command = ["kpi", "--history", *arguments]
        return CliRunner().invoke(app, command, env=environment(story.home), catch_exceptions=False).output

    assert all(words in said("--branch", "東京") for words in ("2.1%", "2.4%", "五月.r2.csv"))
    assert said("--branch", "04", "--format", "json").strip() == "[]"
    assert said("--as-of", JUNE).startswith("遡及訂正はありません")
    (line,) = csv.DictReader(io.StringIO(said("--kpi", "guidance_rate_insured", "--format", "csv")))
    assert (line["old_value"], line["new_value"], line["restated_at"][-6:]) == ("2.1", "2.4", "+00:00")

    for month, shown in ((MAY, True), (JUNE, True)):
        for name, is_shown in (
            (f"scorecard_{month}_13_tokyo.xlsx", shown),
            (f"scorecard_{month}_04_miyagi.xlsx", False),
        ):
            workbook = openpyxl.load_workbook(story.home / "outputs" / month / name)
            assert workbook.sheetnames[-2:] == ["遡及訂正", "出典・来歴"]
            words = [str(cell.value) for row in workbook["遡及訂正"].iter_rows() for cell in row if cell.value]
            assert any("五月.r2.csv" in text for text in words) is is_shown
            assert any(text.startswith("遡及訂正はありません") for text in words) is not is_shown


# --- a home that is restored from its backup: landing and the database ---


@dataclass(frozen=True)
class Restored:
    """What runs of May in the restored home did, one after another: nothing new, a target registered anew, the database
    lost, targets renewed."""

    rows_before: dict[str, Any]
    rows_after: dict[str, Any]
    workbooks: dict[str, str]
    kept: list[Any]
    renewed: list[Any]
    told: list[Any]
    from_lake: list[Any]


@pytest.fixture(scope="module")
def restored(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Restored:
    home = forgetful(tmp_path_factory.mktemp("restored"))
    shutil.copytree(story.home / "landing", home / "landing")
    for file in story.home.glob("kenpo.db*"):
        shutil.copy2(file, home / file.name)
    settings, before = settings_of(home), database_rows(home)
    runner, engine = MonthRunner(settings), connect(settings.sql_url)

    def tokyo(engine: Engine) -> list[Any]:
        (row,) = scorecard_rows(engine, MAY, 2025, "13", "guidance_rate_insured")
        return [row.target_text, row.outcome, row.notes]

    with quiet(settings):
        runner.run(MAY)
        after, workbooks = database_rows(home), output_files(home)
        land(home, "kpi_targets", "2025", {"目標.r2.csv": targets(target("13", "1.5"))})
        runner.run(MAY)
        kept = tokyo(engine)
        empty = settings.model_copy(update={"database_url": f"sqlite:///{home / 'empty.db'}"})
        MonthRunner(empty).run(MAY)
        runner.run(MAY, renew_targets=True)
    new = connect(empty.sql_url)
    done = Restored(before, after, workbooks, kept, tokyo(engine), restatements(engine), tokyo(new))
    engine.dispose()
    new.dispose()
    return done


def test_a_restored_home_publishes_and_writes_what_the_lost_one_did(story: Story, restored: Restored) -> None:
    assert restored.rows_after == restored.rows_before
    of_may = {name: digest for name, digest in output_files(story.home).items() if f"/{MAY}/" in name}
    assert restored.workbooks == of_may
    assert of_may.keys() == scorecard_files(MAY, "00_nation", "04_miyagi", "13_tokyo")


def test_a_published_judgement_keeps_its_target_until_somebody_renews_it(restored: Restored) -> None:
    note = "目標は令和７年５月の公表に用いた「14.3%以上」のままです（登録は後に「1.5%以上」に変わりました）"
    assert restored.kept == ["14.3%以上", "not_attained", note]
    assert restored.renewed == ["1.5%以上", "attained", ""]
    renewal, _ = restored.told
    assert (renewal.old_target_text, renewal.new_target_text) == ("14.3%以上", "1.5%以上")
    assert renewal.causes == "target_renewal"


def test_a_lost_database_gets_its_targets_back_from_the_lake(restored: Restored) -> None:
    assert restored.from_lake == restored.kept
