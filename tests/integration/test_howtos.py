"""The howtos are true: their blocks, applied to a copy of the project's YAML and SQL, give what their tables say.

No Python of the project is changed or copied: that is what the howtos promise.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from doc_blocks import apply_to_project, blocks, commands, tables
from pydantic import SecretStr
from short_memory import forgetful
from typer.testing import CliRunner

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import CatalogueError
from kenpo_pipelines.cli import app
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.running import MonthRun, MonthRunner
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import ScorecardRow, scorecard_rows
from kenpo_pipelines.settings import CHECKOUT, Settings

HOWTO = CHECKOUT / "docs" / "howto"
DOCUMENTS = ("add-a-kpi.md", "add-a-dataset.md", "next-fiscal-year.md")


def copy_of_the_project(folder: Path) -> Path:
    """The YAML and SQL that an installation reads, without any Python."""
    for name in ("kenpo_pipelines/catalogue", "kenpo_pipelines/automation", "expectations", "dbt_like_sql"):
        shutil.copytree(
            CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("*.py", "target", "logs", "__pycache__")
        )
    return folder


def apply_howto(document: str, project: Path) -> int:
    """Apply all file blocks of a howto; return how many."""
    file_blocks = [block for block in blocks(HOWTO / document) if block.path and block.action != "File"]
    for block in file_blocks:
        apply_to_project(block, project)
    return len(file_blocks)


@dataclass(frozen=True)
class Followed:
    """All three howtos, followed by one person in one installation."""

    settings: Settings
    told: dict[str, str]
    """What ``kenpo submit`` printed, by file."""
    runs: dict[str, MonthRun]

    def scorecard(self, as_of: str) -> dict[tuple[str, str], ScorecardRow]:
        rows = scorecard_rows(connect(self.settings.sql_url), as_of, fiscal.fiscal_year_of(as_of))
        return {(row.branch_code, row.kpi_id): row for row in rows}


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    work = tmp_path_factory.mktemp("howtos")
    project = copy_of_the_project(work / "project")
    settings = Settings(
        home=forgetful(work / "home"),
        project_dir=project,
        database_url=None,
        lake_url=None,
        pseudonym_key=SecretStr("0" * 64),
    )
    told: dict[str, str] = {}
    months: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": settings.home_dir, "PROJECT_DIR": project, "PSEUDONYM_KEY": "0" * 64}.items():
            patch.setenv(f"KENPO_{name}", str(value))
        for name in ("DATABASE_URL", "LAKE_URL"):
            patch.delenv(f"KENPO_{name}", raising=False)
        patch.chdir(work)
        for document in DOCUMENTS:
            assert apply_howto(document, project) > 0
            for block in blocks(HOWTO / document):
                if block.action == "File":
                    Path(block.path).write_text(block.text, encoding="utf-8")
        for document in DOCUMENTS:
            for command, *words in [line[1:] for line in commands(HOWTO / document) if line[0] == "kenpo"]:
                if command == "submit":
                    result = CliRunner().invoke(app, [command, *words])
                    assert result.exit_code == 0, result.output
                    told[words[0]] = result.output
                if command in ("run", "backfill"):
                    months |= set(fiscal.month_range(words[1], words[-1]))
        runner = MonthRunner(settings)
        runs = {month: runner.run(month) for month in sorted(months)}
        yield Followed(settings, told, runs)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_howto_stands_alone(document: str, tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    apply_howto(document, project)

    definitions = build_definitions(Settings(home=tmp_path / "home", project_dir=project))

    assert definitions.resolve_job_def("monthly_refresh").asset_layer.executable_asset_keys


@pytest.mark.parametrize("document", ["add-a-kpi.md", "next-fiscal-year.md"])
def test_kpis_are_judged_as_the_table_says(followed: Followed, document: str) -> None:
    expected = tables(HOWTO / document, "as_of")
    assert len(expected) == 4

    for line in expected:
        row = followed.scorecard(line["as_of"])[line["branch_code"], line["kpi_id"]]
        assert row.fiscal_year == int(line["fiscal_year"])
        assert row.value == Decimal(line["value"]), line
        assert row.target == (None if line["target"] == "–" else Decimal(line["target"])), line
        assert row.outcome == line["outcome"], line


def test_exception_and_tie_have_their_reasons(followed: Followed) -> None:
    rows = followed.scorecard("2026-05")

    assert rows["31", "single_bid_rate"].reason == "small_tender_exception"
    assert rows["04", "committee_training_rate"].reason == "no_target"
    assert rows["01", "untreated_visit_rate_10m"].target_source == "uniform"


def test_new_kpi_is_on_the_scorecard_under_its_japanese_name(followed: Followed) -> None:
    assert followed.scorecard("2026-05")["01", "committee_training_rate"].kpi == "健康保険委員研修の参加率"
    assert [path.name for path in followed.settings.outputs_dir.glob("2026-05/scorecard_*_01_*.xlsx")]


def test_dataset_reaches_its_mart(followed: Followed) -> None:
    lake = Lake(followed.settings.lake_dir)
    expected = [
        {name: text if name in ("as_of", "branch_code") else int(text) for name, text in line.items()}
        for line in tables(HOWTO / "add-a-dataset.md", "as_of")
    ]

    found = [
        row
        for month in ("2026-05", "2026-06")
        for row in lake.read("marts", "mart_committee_trainings", month).to_pylist()
    ]

    assert found == expected
    assert len(expected) == 4


def test_dataset_is_accounted_for_and_checked(followed: Followed) -> None:
    lake = Lake(followed.settings.lake_dir)
    ledger = lake.read("ledger", "committee_trainings", "2026-05").to_pylist()
    warned = {(failure.asset, failure.check) for failure in followed.runs["2026-05"].failures}

    assert [(row["rows_read"], row["rows_loaded"]) for row in ledger] == [(3, 3)]
    assert ("raw/committee_trainings", "completeness") in warned
    assert not any(failure.is_error for failure in followed.runs["2026-05"].failures)


def test_record_level_dataset_reaches_staging_with_its_persons_hashed(followed: Followed) -> None:
    expected = tables(HOWTO / "add-a-dataset.md", "known_month")

    rows = Lake(followed.settings.lake_dir).read("staging", "stg_visit_reminders", "2026-05").to_pylist()

    keys = [row.pop("member_key") for row in rows]
    found = [{name: "–" if value is None else str(value) for name, value in row.items()} for row in rows]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert len(expected) == 3
    assert (len(set(keys)), {len(key) for key in keys}) == (2, {16})


def test_ended_kpi_is_told_and_no_longer_followed(followed: Followed) -> None:
    rows = followed.scorecard("2026-05")

    assert "その年度にはないKPI" in followed.told["results-2026-05.csv"]
    assert not [kpi_id for _, kpi_id in rows if kpi_id == "counter_receipt_rate"]
    assert rows["01", "electronic_application_rate"].prior_value is None


def test_added_fiscal_year_is_accepted(followed: Followed) -> None:
    targets = Lake(followed.settings.lake_dir).read("raw", "kpi_targets", "2026-05").to_pylist()

    assert [row["target_value"] for row in targets if row["fiscal_year"] == 2030] == [Decimal(6000)]


def test_fiscal_year_that_is_not_added_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = next(block for block in blocks(HOWTO / "next-fiscal-year.md") if block.path == "plan-2026.csv")
    tmp_path.joinpath("plan.csv").write_text(plan.text, encoding="utf-8")
    monkeypatch.setenv("KENPO_PROJECT_DIR", str(copy_of_the_project(tmp_path / "project")))

    result = CliRunner().invoke(app, ["check-file", str(tmp_path / "plan.csv")])

    assert "対象外の年度" in result.output
    assert "受け付けている年度：2022～2029" in result.output


def test_broken_kpi_file_names_file_kpi_and_field(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    apply_howto("add-a-kpi.md", project)
    file = project / "kenpo_pipelines/catalogue/kpis/committee_training_rate.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("precision: 1 ", "precision: 9 "), encoding="utf-8")

    with pytest.raises(CatalogueError, match=r"committee_training_rate\.yml: KPI committee_training_rate: .*precision"):
        build_definitions(Settings(home=tmp_path / "home", project_dir=project)).resolve_job_def("monthly_refresh")
