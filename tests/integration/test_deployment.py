"""The services of ``deploy/`` as processes of this machine, against a real PostgreSQL: a file lands, and nobody does anything.

Commands are those of ``deploy/compose.yaml`` and ``deploy/Dockerfile``, settings those of ``deploy/dagster.yaml``; there are no
containers. What is shortened is how often sensors look.
"""

import itertools
import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_world import MailServer, Webhook, mail_server, webhook
from kenpo_home import KENPO, KEY, environment, results, target, targets, write
from kenpo_home import result as row
from sqlalchemy import text

from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import scorecard_rows
from kenpo_pipelines.settings import CHECKOUT

DEPLOY = CHECKOUT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
BEFORE, MONTH = "2025-05", "2025-06"
BACKFILLED = [BEFORE, MONTH]
PATIENCE_S = 240
"""For one thing to come about; it takes a tenth of that on a machine that does nothing else."""

RUNS = """
query { runsOrError { ... on Runs { results { runId status startTime endTime tags { key value } } } } }
"""
LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""
BACKFILL = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status partitionStatuses { results { partitionName runStatus } } }
} }
"""
SENSORS = """
query { sensorsOrError(repositorySelector: {repositoryLocationName: "kenpo_pipelines", repositoryName: "__repository__"}) {
  __typename ... on Sensors { results { name sensorState { status } } }
} }
"""


@dataclass
class Services:
    """What runs, and how to reach it."""

    home: Path
    dagster_home: Path
    database_url: str
    web_port: int
    mail: MailServer
    hook: Webhook
    logs: list[Path] = field(default_factory=list)

    def ask(self, query: str, **variables: Any) -> Any:
        """Answer of the web server's GraphQL; None while it cannot be reached."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web_port}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """The runs with these tags (``_`` in a name stands for ``/``), the first one first."""
        answer = self.ask(RUNS)
        found = answer["runsOrError"]["results"] if answer else []
        for run in found:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        wanted = {name.replace("_", "/", 1): value for name, value in tags.items()}
        return [run for run in reversed(found) if wanted.items() <= run["tags"].items()]

    def wait_until(self, what: str, is_so: Callable[[], Any]) -> Any:
        """Return what ``is_so`` answers as soon as that is something."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if answer := is_so():
                return answer
            time.sleep(0.5)
        tails = "\n".join(f"--- {log.name}\n{log.read_text(encoding='utf-8')[-3000:]}" for log in self.logs)
        raise AssertionError(f"waited {PATIENCE_S} s for {what}\n{tails}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def database_urls(postgresql_server_url: str) -> Iterator[tuple[str, str]]:
    """URLs of two empty databases: the serving database, and Dagster's."""
    server = connect(postgresql_server_url).execution_options(isolation_level="AUTOCOMMIT")
    names = ("deployed_kenpo", "deployed_dagster")
    with server.connect() as connection:
        for name in names:
            connection.execute(text(f"CREATE DATABASE {name}"))
    first, second = (server.url.set(database=name).render_as_string(hide_password=False) for name in names)
    yield first, second
    with server.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def project_that_looks_often(folder: Path) -> Path:
    """The project's folder with sensors that look every five seconds."""
    for part in ("dbt_like_sql", "expectations", "kenpo_pipelines/catalogue", "kenpo_pipelines/automation"):
        ignored = shutil.ignore_patterns("target", "logs", "__pycache__", "*.py")
        shutil.copytree(CHECKOUT / part, folder / part, ignore=ignored)
    path = folder / "kenpo_pipelines" / "automation" / "environments.yml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in ("arrivals_interval_s", "check_sensor_interval_s", "delivery_interval_s"):
        settings[name]["production"] = 5
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, database_urls: tuple[str, str]) -> Iterator[Services]:
    root = tmp_path_factory.mktemp("deployed")
    dagster_home, logs = root / "dagster", root / "logs"
    for folder in (dagster_home, logs, root / "home"):
        folder.mkdir()
    shutil.copy(DEPLOY / "dagster.yaml", dagster_home)
    code_port, web_port = free_port(), free_port()
    workspace = yaml.safe_load((DEPLOY / "workspace.yaml").read_text(encoding="utf-8"))
    workspace["load_from"][0]["grpc_server"]["port"] = code_port
    (root / "workspace.yaml").write_text(yaml.safe_dump(workspace), encoding="utf-8")
    with ExitStack() as stack:
        mail, hook = stack.enter_context(mail_server()), stack.enter_context(webhook())
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(end, processes)
        one = Services(root / "home", dagster_home, database_urls[0], web_port, mail, hook)
        dagster = {
            "DAGSTER_HOME": str(dagster_home),
            "DAGSTER_POSTGRES_URL": database_urls[1],
            "KENPO_CODE_HOST": "127.0.0.1",
        }
        code = environment(
            one.home,
            KENPO_ENV="production",
            KENPO_PROJECT_DIR=str(project_that_looks_often(root / "project")),
            KENPO_DATABASE_URL=database_urls[0],
            KENPO_ALERT_URLS=f"critical,warning={mail.url}\n{hook.url}",
            KENPO_UI_URL=f"http://127.0.0.1:{web_port}",
        )
        # web server and daemon know nothing of the data, its key and the addresses
        others = {name: value for name, value in code.items() if not name.startswith("KENPO_")}
        dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
        code_command = json.loads(dockerfile.rpartition("\nCMD ")[2])

        def start(name: str, command: list[str], variables: dict[str, str]) -> None:
            changes = {"deploy/workspace.yaml": str(root / "workspace.yaml"), "0.0.0.0": "127.0.0.1"}
            changes |= {"4000": str(code_port), "3000": str(web_port)}
            words = [changes.get(word, word) for word in command]
            log = logs / f"{name}.log"
            one.logs.append(log)
            with log.open("w", encoding="utf-8") as told:
                processes.append(
                    subprocess.Popen(
                        [KENPO.with_name(words[0]), *words[1:]],
                        env=variables | dagster,
                        cwd=root,
                        stdout=told,
                        stderr=subprocess.STDOUT,
                    )
                )

        start("code", code_command, code)
        one.wait_until("the code server", lambda: accepts(code_port))
        start("web", COMPOSE["services"]["web"]["command"], others)
        start("daemon", COMPOSE["services"]["daemon"]["command"], others)
        one.wait_until("the web server", lambda: one.ask("query { version }"))
        yield one


def accepts(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def end(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    """End the processes that this test started, all at once, and see that they are gone."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 5
    for process in processes:
        try:
            process.wait(max(0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def land(home: Path, dataset: str, folder: str, name: str, data: bytes) -> None:
    """Put a file into landing at once, as a transfer does that renames it when it is whole."""
    part = write(home / "landing" / dataset / folder / f".{name}.part", data)
    part.rename(part.with_name(name))


@pytest.fixture(scope="module")
def landed(services: Services) -> Path:
    """The folder of the workbooks that come about after a file with a planted fault has landed."""
    land(services.home, "kpi_targets", "2025", "目標.csv", targets(target("13", "14.3"), target("04", "15.0")))
    rows = [row("13", "14.3", as_of=BEFORE), row("04", "9.9", as_of=BEFORE), row("13", "1.03&", "single_bid_rate")]
    land(services.home, "kpi_results", MONTH, "六月.csv", results(*rows))
    folder = services.home / "outputs" / MONTH
    services.wait_until("the scorecard", lambda: list(folder.glob("comparison_*.xlsx")))
    return folder


@pytest.fixture(scope="module")
def scorecards(services: Services, landed: Path, backfill: str) -> list[Path]:
    """The workbooks, after the alert of the fault has been sent.

    A backfill has been asked for before that: the daemon looks for one every 30 s, and nobody waits twice.
    """
    services.wait_until("the alert in the mail", lambda: services.mail.received)
    services.wait_until("the alert at the webhook", lambda: services.hook.received)
    return sorted(landed.glob("*.xlsx"))


@pytest.fixture(scope="module")
def backfill(services: Services, landed: Path) -> str:
    """A backfill as the page of the job asks for it; of the job's assets the few that are made first. Returns its id."""
    services.wait_until("the end of the run", lambda: [run for run in services.runs() if run["status"] == "SUCCESS"])
    assets = [one["assetKey"] for one in services.ask("query { assetNodes { assetKey { path } } }")["assetNodes"]]
    launched = services.ask(
        LAUNCH,
        params={
            "selector": {
                "partitionSetName": "monthly_refresh_partition_set",
                "repositorySelector": {
                    "repositoryLocationName": "kenpo_pipelines",
                    "repositoryName": "__repository__",
                },
            },
            "assetSelection": [one for one in assets if one["path"][0] == "reference"],
            "partitionNames": BACKFILLED,
            "fromFailure": False,
            "tags": [],
        },
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def runs_of_arrivals(services: Services) -> list[dict[str, Any]]:
    """The month's runs but for those of the backfill."""
    return [run for run in services.runs(dagster_partition=MONTH) if "dagster/backfill" not in run["tags"]]


def test_all_sensors_run_in_production_without_anybody_switching_them_on(services: Services) -> None:
    states = {one["name"]: one["sensorState"]["status"] for one in services.ask(SENSORS)["sensorsOrError"]["results"]}

    assert {"arrivals", "later_months", "check_failure_alerts", "run_failure_alerts", "alert_delivery"} <= states.keys()
    assert set(states.values()) == {"RUNNING"}


def test_a_file_that_lands_becomes_a_scorecard_by_one_run(services: Services, scorecards: list[Path]) -> None:
    engine = connect(services.database_url)
    rows = {(one.branch_code, one.kpi_id): one for one in scorecard_rows(engine, MONTH) if one.fiscal_year == 2025}
    engine.dispose()

    assert any("_13_" in path.name for path in scorecards)
    assert rows["13", "guidance_rate_insured"].value_text == "14.3%"
    assert rows["13", "guidance_rate_insured"].outcome == "attained"
    assert rows["04", "guidance_rate_insured"].outcome == "not_attained"
    assert [run["status"] for run in runs_of_arrivals(services)] == ["SUCCESS"]


def test_the_planted_fault_has_been_told_to_mail_and_webhook(services: Services, scorecards: list[Path]) -> None:
    (run,) = runs_of_arrivals(services)
    for received in (services.mail.received, services.hook.received):
        told = "\n".join(f"{one.title}\n{one.text}" for one in received)
        assert "2025年6月" in told
        assert "KPI実績" in told
        assert run["runId"] in "\n".join(one.raw for one in received)
        assert "1.03&" not in told


def test_a_backfill_from_the_interface_is_one_run_per_month_in_order(services: Services, backfill: str) -> None:
    def finished() -> Any:
        found = services.ask(BACKFILL, id=backfill)["partitionBackfillOrError"]
        return found if found["status"].startswith("COMPLETED") else None

    found = services.wait_until("the backfill", finished)

    assert found["status"] == "COMPLETED_SUCCESS"
    assert found["partitionStatuses"]["results"] == [
        {"partitionName": month, "runStatus": "SUCCESS"} for month in BACKFILLED
    ]
    runs = services.runs(dagster_backfill=backfill)
    assert [run["tags"]["dagster/partition"] for run in runs] == BACKFILLED
    assert [run["startTime"] for run in runs] == sorted(run["startTime"] for run in runs)
    assert all(one["endTime"] <= other["startTime"] for one, other in itertools.pairwise(runs))
    lake = services.home / "lake" / "reference" / "branches"
    assert {path.name for path in lake.glob("month=*")} >= {f"month={month}" for month in BACKFILLED}


def test_secrets_stay_in_the_environment(services: Services, scorecards: list[Path], database_urls: Any) -> None:
    """Neither Dagster's storage nor its home nor any log has the key, a database's URL or an address of alerts."""
    secrets = [KEY, "himitsu-no-kotoba", *(re.sub(r"^\w+\+?\w*://", "", url) for url in database_urls)]
    dagster = connect(database_urls[1])
    with dagster.connect() as connection:
        names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        tables = list(connection.execute(text(names)).scalars())
        stored = "\n".join(
            str(one)
            for table in tables
            for one in connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars()
        )
    dagster.dispose()
    files = [path for root in (services.dagster_home, services.logs[0].parent) for path in root.rglob("*")]
    written = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file())

    assert "monthly_refresh" in stored
    assert [secret for secret in secrets if secret in stored or secret in written] == []
