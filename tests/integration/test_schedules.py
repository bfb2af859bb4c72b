"""Schedules and the check of late branches on a real instance of Dagster with the real outbox: all is asked for and told once.

Submissions are read by the real reader into a real lake; no month is run.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from kenpo_pipelines import cli, fiscal
from kenpo_pipelines.automation import lateness_check
from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.automation.lateness_check import LATENESS_CHECK, LATENESS_SCHEDULE
from kenpo_pipelines.automation.schedules import MONTH_IS_DUE, REFRESH_SCHEDULE, WHY_TAG
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.serving import outbox
from kenpo_pipelines.serving.faults import PassingFault
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.ingest import ingest
from kenpo_pipelines.submissions.landing import LandingError
from resources.installation import Installation

DATASET, JUNE = "checkup_counts", "2025-06"
PROGRAMMES = ("生活習慣病予防健診", "事業者健診データ", "被扶養者特定健診")
QUIET = {"telemetry": {"enabled": False}}
CODES = [f"{number:02}" for number in range(1, 48)]


@dataclass(frozen=True)
class Office:
    """One installation with its Dagster instance, and the repository that all tests share."""

    installation: Installation
    repository: dg.RepositoryDefinition
    instance: dg.DagsterInstance

    def submit(self, month: str, name: str, codes: list[str], *, eligible: str = "1000") -> Path:
        """Put a file of check-ups into landing."""
        lines = [f"{code},{programme},{eligible},50" for code in codes for programme in PROGRAMMES]
        path = self.installation.landing / DATASET / month / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["支部コード,区分,対象者数,実施者数", *lines, ""]), encoding="utf-8")
        return path

    def read(self, month: str) -> None:
        """Read what has landed for the month, as a run does."""
        here = self.installation
        ingest(here.lake, here.landing, here.contracts[DATASET], here.catalogue, month)

    def tick(self, schedule: str, moment: dt.datetime) -> Any:
        """Evaluate a schedule as the daemon does."""
        with dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=moment,
            repository_def=self.repository,
            resources={"installation": self.installation},
        ) as context:
            return self.repository.get_schedule_def(schedule).evaluate_tick(context)

    def launch(self, ticked: Any, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS) -> list[str]:
        """Store the runs that a tick asked for, as the daemon does; return their months."""
        for request in ticked.run_requests:
            self.instance.add_run(dg.DagsterRun(MONTHLY_REFRESH, tags=dict(request.tags), status=status))
        return [request.tags["dagster/partition"] for request in ticked.run_requests]

    def check(self, day: str) -> dict[str, Any]:
        """Run the check of late branches that the schedule asks for on a day; return what its step shows."""
        (request,) = self.tick(LATENESS_SCHEDULE, tokyo(day, 9)).run_requests
        job = self.repository.get_job(LATENESS_CHECK)
        result = job.execute_in_process(
            run_config=request.run_config, instance=self.instance, resources={"installation": self.installation}
        )
        (output,) = [one for one in result.all_events if one.event_type is dg.DagsterEventType.STEP_OUTPUT]
        shown = output.step_output_data.metadata
        lines = [record.data for record in shown["late_branches"].records]
        counts = {name: shown[name].value for name in ("late_submissions", "alerts")}
        return {"run_id": result.run_id, "lines": lines, **counts}

    def told(self) -> list[outbox.Alert]:
        """All alerts in the outbox, oldest first."""
        return [one.alert for one in reversed(outbox.recent(self.installation.database(), 1000))]


def tokyo(day: str, hour: int) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour), fiscal.TOKYO)


def settings_of(home: Path) -> Settings:
    return Settings(
        home=home, env="production", database_url=None, lake_url=None, landing_url=None,
        ui_url="http://dagster.test", alert_urls=SecretStr("warning=json://localhost/late info=json://localhost/all"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    return build_definitions(settings_of(tmp_path_factory.mktemp("repository"))).get_repository_def()


@pytest.fixture
def office(repository: dg.RepositoryDefinition, tmp_path: Path) -> Iterator[Office]:
    (tmp_path / "dagster").mkdir()
    installation = Installation.from_settings(settings_of(tmp_path / "home"))
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster"), overrides=QUIET) as instance:
        yield Office(installation, repository, instance)


# The refresh


def test_both_schedules_run_from_the_start_in_production(repository: dg.RepositoryDefinition) -> None:
    schedules = [repository.get_schedule_def(name) for name in (REFRESH_SCHEDULE, LATENESS_SCHEDULE)]

    assert [(one.cron_schedule, one.execution_timezone, one.default_status.value) for one in schedules] == [
        ("0 6 * * *", "Asia/Tokyo", "RUNNING"),
        ("0 9 * * *", "Asia/Tokyo", "RUNNING"),
    ]


def test_before_the_day_the_tick_says_which_day_it_will_be(office: Office) -> None:
    office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2025-06-13", 6)))

    ticked = office.tick(REFRESH_SCHEDULE, tokyo("2025-07-11", 6))

    assert not ticked.run_requests
    assert ticked.skip_message == (
        "2025-06 is refreshed on 2025-07-14 at 06:00 Asia/Tokyo, business day 10; 2025-05 was asked for"
    )


def test_on_the_day_the_month_is_asked_for_after_earlier_months_with_unread_files(office: Office) -> None:
    office.submit("2025-04", "april.csv", CODES)
    office.submit("2025-05", "may.csv", CODES)
    office.submit(JUNE, "june.csv", CODES)
    office.read("2025-05")

    ticked = office.tick(REFRESH_SCHEDULE, tokyo("2025-07-14", 6))

    assert [one.tags["dagster/partition"] for one in ticked.run_requests] == ["2025-04", JUNE]
    assert [one.tags["dagster/priority"] for one in ticked.run_requests] == ["-24", "-26"]
    assert [one.tags[WHY_TAG] == MONTH_IS_DUE for one in ticked.run_requests] == [False, True]


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
)
def test_a_month_that_was_asked_for_is_not_asked_for_again(office: Office, status: dg.DagsterRunStatus) -> None:
    office.submit("2025-04", "april.csv", CODES)  # stays unread: that alone asks for nothing on later days

    assert office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2025-07-14", 6)), status) == ["2025-04", JUNE]

    for day in ("2025-07-14", "2025-07-15", "2025-07-31", "2025-08-13"):
        assert office.launch(office.tick(REFRESH_SCHEDULE, tokyo(day, 6))) == []
    assert office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2025-08-15", 6))) == ["2025-04", "2025-07"]


def test_a_tick_that_died_between_two_runs_asks_for_the_one_that_is_missing(office: Office) -> None:
    office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2025-05-16", 6)))
    ticked = office.tick(REFRESH_SCHEDULE, tokyo("2025-07-14", 6))
    assert [one.partition_key for one in ticked.run_requests] == ["2025-05", JUNE]
    office.instance.add_run(dg.DagsterRun(MONTHLY_REFRESH, tags=dict(ticked.run_requests[0].tags)))

    assert office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2025-07-14", 6))) == [JUNE]


def test_runs_of_other_askers_do_not_count_as_the_refresh(office: Office) -> None:
    office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2025-06-13", 6)))
    office.instance.add_run(dg.DagsterRun(MONTHLY_REFRESH, tags={"dagster/partition": JUNE}))

    assert office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2025-07-14", 6))) == [JUNE]


def test_a_landing_that_cannot_be_looked_at_does_not_stop_the_refresh(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(installation: Installation) -> Any:
        raise LandingError("the object store does not answer")

    monkeypatch.setattr(Installation, "listing", gone)

    assert office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2025-07-14", 6))) == [JUNE]


def test_two_years_of_refreshes_each_on_its_day_and_once(office: Office) -> None:
    office.launch(office.tick(REFRESH_SCHEDULE, tokyo("2024-12-13", 6)))
    asked = []
    for month in fiscal.month_range("2025-01", "2026-12"):
        day = fiscal.business_day_of_month(month, 10)
        for morning in (day - dt.timedelta(days=1), day):
            ticked = office.tick(REFRESH_SCHEDULE, tokyo(f"{morning}", 6))
            asked += [(f"{morning}", one) for one in office.launch(ticked)]

    assert [month for _, month in asked] == list(fiscal.month_range("2024-12", "2026-11"))
    assert {("2025-05-16", "2025-04"), ("2026-01-19", "2025-12"), ("2026-05-19", "2026-04")} <= set(asked)


# Who is late


def test_on_days_on_which_nobody_works_nothing_is_looked_for(office: Office) -> None:
    for day in ("2025-07-12", "2025-07-13", "2025-07-21", "2025-12-31"):
        ticked = office.tick(LATENESS_SCHEDULE, tokyo(day, 9))
        assert (list(ticked.run_requests), ticked.skip_message) == ([], f"{day} is no business day in Japan")


def test_a_late_branch_is_told_once_and_its_arrival_once(office: Office) -> None:
    office.submit(JUNE, "first.csv", [code for code in CODES if code not in ("13", "31")])
    office.read(JUNE)

    assert office.check("2025-07-09")["late_submissions"] == 0  # the due date itself
    assert office.told() == []

    shown = office.check("2025-07-10")
    assert shown["lines"] == [
        {"期間": "2025年6月分", "データ": "健診実施件数", "期限": "2025-07-09", "状態": "未提出", "支部数": 2,
         "支部": "13東京 31鳥取"},
    ]  # fmt: skip
    assert [(one.key, one.kind, one.group, one.month, one.dataset, one.branches) for one in office.told()] == [
        (f"late:{JUNE}:{code}:2025-07-10:{DATASET}", "branches_late", "late:2025-07-10", JUNE, DATASET, (name,))
        for code, name in (("13", "13 東京支部"), ("31", "31 鳥取支部"))
    ]
    assert {one.link for one in office.told()} == {f"http://dagster.test/runs/{shown['run_id']}"}

    for day in ("2025-07-10", "2025-07-11", "2025-07-08"):  # the same day, the day after, a look back before it was due
        assert office.check(day)["alerts"] == 0

    office.submit(JUNE, "late.csv", ["31"])
    assert office.check("2025-07-15")["alerts"] == 0  # it lies in landing and was not read yet
    office.read(JUNE)
    assert office.check("2025-07-16")["alerts"] == 1
    assert [(one.kind, one.severity, one.group, one.title) for one in office.told()[2:]] == [
        ("branch_arrived", "info", "arrived:2025-07-16", "鳥取支部：2025年6月分の遅れていた提出が届きました")
    ]
    assert office.check("2025-07-17")["alerts"] == 0
    assert outbox.states(office.installation.database(), "lateness/") == {
        f"lateness/{JUNE}/13/{DATASET}": "late",
        f"lateness/{JUNE}/31/{DATASET}": "arrived",
    }


def test_a_branch_that_arrives_after_the_window_is_still_told(office: Office) -> None:
    office.submit("2025-01", "first.csv", [code for code in CODES if code != "31"])
    office.read("2025-01")
    assert office.check("2025-02-14")["alerts"] == 1

    office.submit("2025-01", "late.csv", ["31"])
    office.read("2025-01")
    office.check("2025-12-01")

    assert [one.title for one in office.told() if one.kind == "branch_arrived"] == [
        "鳥取支部：2025年1月分の遅れていた提出が届きました"
    ]


def test_files_that_came_and_do_not_count_are_told_as_such(office: Office) -> None:
    office.submit(JUNE, "first.csv", [code for code in CODES if code not in ("13", "31", "32")])
    office.submit(JUNE, "tokyo.csv", ["13"], eligible="many")
    (office.installation.landing / DATASET / JUNE / "鳥取支部.xlsx").write_bytes(b"no workbook")
    office.read(JUNE)
    office.submit(JUNE, "unread.csv", ["32"])

    shown = office.check("2025-07-10")

    assert {line["支部"]: line["状態"] for line in shown["lines"]} == {
        "13東京": "提出された行に誤りがあり、集計に使えない（訂正が必要）",
        "31鳥取": "提出されたファイルを読み取れない（再提出が必要）",
        "32島根": "未提出",
    }
    assert all("まだ取り込まれていないファイル" in "".join(one.lines) for one in office.told())


def test_each_dataset_shows_its_late_branches_on_its_landing_asset(office: Office) -> None:
    office.submit(JUNE, "first.csv", CODES[:46])
    office.read(JUNE)
    office.check("2025-07-10")

    (observed,) = office.instance.fetch_observations(dg.AssetKey(["landing", DATASET]), limit=10).records

    assert observed.asset_observation.metadata["late_submissions"].value == 1


def test_every_alert_is_queued_for_the_channels_that_take_it(office: Office) -> None:
    office.submit(JUNE, "first.csv", CODES[:46])
    office.read(JUNE)
    office.check("2025-07-10")
    office.submit(JUNE, "late.csv", ["47"])
    office.read(JUNE)
    office.check("2025-07-11")

    arrival, late = outbox.recent(office.installation.database(), 10)

    assert [len(one.deliveries) for one in (late, arrival)] == [1, 1]
    assert late.deliveries[0].channel != arrival.deliveries[0].channel


def test_a_database_that_is_gone_for_a_moment_is_asked_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.submit(JUNE, "first.csv", CODES[:46])
    office.read(JUNE)
    answers = iter([PassingFault("the database is gone"), None])
    real = outbox.tell

    def sometimes(*args: Any, **options: Any) -> int:
        if (fault := next(answers)) is not None:
            raise fault
        return real(*args, **options)

    monkeypatch.setattr(outbox, "tell", sometimes)
    monkeypatch.setattr(lateness_check, "_FIRST_WAIT_S", 0)

    assert office.check("2025-07-10")["alerts"] == 1


def test_the_command_line_shows_who_is_late(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENPO_HOME", str(office.installation.landing.parent))
    monkeypatch.setattr(cli.out, "width", 120)
    monkeypatch.setattr(fiscal, "today", lambda: dt.date(2025, 7, 10))
    office.submit(JUNE, "first.csv", [code for code in CODES if code not in ("13", "31")])
    office.read(JUNE)

    told = {
        words: CliRunner().invoke(cli.app, ["late", *words])
        for words in ((), ("--month", JUNE), ("--month", "2025-04"))
    }
    wrong = CliRunner().invoke(cli.app, ["late", "--month", "2025-13"])

    assert [one.exit_code for one in (*told.values(), wrong)] == [0, 0, 0, 2]
    for words in ((), ("--month", JUNE)):
        assert all(text in told[words].output for text in ("健診実施件数", "2025-07-09", "未提出", "13東京 31鳥取"))
    assert told["--month", "2025-04"].output == "期限を過ぎて届いていない提出はありません\n"


def test_the_command_line_says_until_when_there_is_time(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENPO_HOME", str(office.installation.landing.parent))
    monkeypatch.setattr(fiscal, "today", lambda: dt.date(2025, 7, 9))
    office.submit(JUNE, "first.csv", ["13"])
    office.read(JUNE)

    done = CliRunner().invoke(cli.app, ["late", "--month", JUNE])

    assert done.output == ("期限を過ぎて届いていない提出はありません\n期限前：健診実施件数（2025-07-09まで）\n")
