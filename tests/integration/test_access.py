"""Who may do what, and what nobody gets to see: the UI on loopback, its read-only twin, secrets that stay in the environment.

One month is run with marked secrets in every place that takes one; then everything stored, printed and answered is searched.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from kenpo_home import KENPO, as_csv, environment, land, result, results, target, targets
from sqlalchemy import make_url
from test_personal_data import content, stored
from typer.testing import CliRunner

from kenpo_pipelines.cli import app

MONTH = "2025-06"
MARK = "Himitsu"
"""Part of every planted secret, and of nothing else."""
PASSWORD, PSEUDONYM, ALERT, STORE = (f"{MARK}{name}0123456789abcdef" for name in ("Db", "Key", "Mail", "Store"))
SECRETS = {
    "KENPO_PSEUDONYM_KEY": PSEUDONYM,
    "KENPO_ALERT_URLS": f"critical=json://alarm:{ALERT}@127.0.0.1:9/x",
    "AWS_SECRET_ACCESS_KEY": STORE,
}
PERSONS = ["支部コード", "記号", "番号", "枝番", "健診受診年月", "血圧該当", "血糖該当", "脂質該当"]


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@dataclass(frozen=True)
class Ran:
    """A home folder with one month that ran with marked secrets, and what was printed."""

    home: Path
    printed: dict[str, str]
    database_url: str


def kenpo(home: Path, *arguments: str, **changes: str) -> str:
    """What the command prints, called in this process."""
    chosen = environment(home, **{**SECRETS, **changes})
    done = CliRunner().invoke(app, list(arguments), env=chosen)
    return done.output + (repr(done.exception) if done.exception else "")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, postgresql_server_url: str) -> Ran:
    home = tmp_path_factory.mktemp("access") / "home"
    url = make_url(postgresql_server_url).set(password=PASSWORD).render_as_string(hide_password=False)
    land(home, "kpi_results", MONTH, {"a.csv": results(result("13", "2.1"))})
    land(home, "kpi_targets", "2025", {"t.csv": targets(target("13", "14.3"))})
    land(home, "untreated_persons", MONTH, {"p.csv": as_csv(PERSONS, ["13", "7", "1", "", "2024-08", "1", "0", "0"])})
    gone = make_url(url).set(host="127.0.0.1", port=9, query={}).render_as_string(hide_password=False)
    runs = {"run": (["run", "--month", MONTH], url), "kpi": (["kpi"], url)}
    broken = {
        "database away": (["kpi"], gone),
        "scorecard without a database": (["scorecard"], gone),
        "no such kind": (["kpi"], f"nonsense://kenpo:{PASSWORD}@host/db"),
        "no URL": (["kpi"], f"{PASSWORD} is no URL"),
    }
    printed = {name: kenpo(home, *chosen, KENPO_DATABASE_URL=to) for name, (chosen, to) in (runs | broken).items()}
    printed["alerts"] = kenpo(home, "run", "--month", MONTH, KENPO_ALERT_URLS=f"no url {ALERT}", KENPO_DATABASE_URL=url)
    printed["store"] = kenpo(
        home, "run", "--month", MONTH, KENPO_LANDING_URL=f"s3://user:{STORE}@bucket/x", KENPO_DATABASE_URL=url
    )
    return Ran(home, printed, url)


def test_the_month_ran_and_the_connections_failed(ran: Ran) -> None:
    """Else the search would find nothing for want of anything to search."""
    assert f"✓ {MONTH}" in ran.printed["run"], ran.printed["run"]
    assert "2.1" in ran.printed["kpi"]
    for name in ("database away", "scorecard without a database", "no such kind", "no URL"):
        assert ran.printed[name].strip() and "Traceback" not in ran.printed[name]
    assert any("dagster" in path.parts for path in stored(ran.home))


def test_no_secret_is_stored(ran: Ran) -> None:
    assert [str(path.relative_to(ran.home)) for path in stored(ran.home) if MARK.encode() in content(path)] == []


def test_no_secret_is_printed(ran: Ran) -> None:
    assert [name for name, text in ran.printed.items() if MARK in text] == []


# --- the UI ---


@dataclass(frozen=True)
class Server:
    """A running read-only UI."""

    port: int
    process: int

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.load(answer))


@pytest.fixture(scope="module")
def server(ran: Ran) -> Iterator[Server]:
    """``kenpo ui --read-only`` as a process of its own."""
    port = free_port()
    process = subprocess.Popen(
        [KENPO, "ui", "--read-only", "--port", str(port)],
        env=environment(ran.home, **SECRETS, KENPO_DATABASE_URL=ran.database_url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(port, process)
        yield Server(port, process.pid)
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, "the web server has ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the web server did not start")


LAUNCH = """
mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: "{}", mode: "default"}) { __typename }
}
"""
LOCATION = "kenpo_pipelines"


def test_nothing_can_be_launched_or_changed(server: Server) -> None:
    selector = {
        "repositoryLocationName": LOCATION,
        "repositoryName": "__repository__",
        "jobName": "monthly_refresh",
    }
    for mutation, variables in (
        (LAUNCH, {"selector": selector}),
        ("mutation { reloadWorkspace { __typename } }", {}),
        ("mutation { wipeAssets(assetPartitionRanges: []) { __typename } }", {}),
    ):
        answer = server.ask(mutation, **variables)
        told = json.dumps(answer)
        assert "UnauthorizedError" in told or "PermissionError" in told or "not authorized" in told.lower(), told
    permissions = server.ask("{ permissions { permission value } }")["data"]["permissions"]
    assert permissions and {one["permission"] for one in permissions if one["value"]} <= {"reload_repository_location"}
    assert server.ask("{ runsOrError { ... on Runs { count } } }")["data"]["runsOrError"]["count"] >= 1


def test_the_server_listens_on_loopback_alone(server: Server) -> None:
    listening = re.findall(rf": ([0-9A-F]+):{server.port:04X} 0+:0000 0A ", Path("/proc/net/tcp").read_text())
    assert listening == ["0100007F"]
    assert f":{server.port:04X} " not in Path("/proc/net/tcp6").read_text()


QUESTIONS = (
    "{ instance { info runLauncher { name } daemonHealth { id } } }",
    "{ runsOrError { ... on Runs { results { runId runConfigYaml tags { key value } } } } }",
    "{ workspaceOrError { __typename ... on Workspace { locationEntries { name displayMetadata { key value } "
    "locationOrLoadError { __typename ... on RepositoryLocation { repositories { name } } "
    "... on PythonError { message stack } } } } } }",
    "{ assetsOrError { ... on AssetConnection { nodes { key { path } assetMaterializations(limit: 2) "
    "{ metadataEntries { label description ... on MarkdownMetadataEntry { mdStr } "
    "... on TextMetadataEntry { text } } } } } } }",
)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda text: text[2:14])
def test_the_ui_tells_no_secret(server: Server, question: str) -> None:
    answer = server.ask(question)
    assert "errors" not in answer, answer
    told = json.dumps(answer)
    assert len(told) > 60 and "PythonError" not in told
    assert MARK not in told and quote(PASSWORD) not in told


@pytest.mark.parametrize("chosen", [[], ["--read-only"]], ids=["both", "read-only"])
def test_the_ui_binds_to_loopback_and_hands_no_secret_over_as_an_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: list[str]
) -> None:
    """Arguments of a process are seen by everybody on the machine."""
    called: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(os, "execvpe", lambda program, command, environment: called.append((program, command)))
    for name, value in environment(tmp_path / "home", **SECRETS).items():
        monkeypatch.setenv(name, value)
    CliRunner().invoke(app, ["ui", "--port", "3131", *chosen], catch_exceptions=False)
    ((program, command),) = called
    assert command[command.index("-h") + 1] == "127.0.0.1" and command[command.index("-p") + 1] == "3131"
    assert Path(program) == Path(sys.executable).with_name(command[0])
    assert (command[0], "--read-only" in command) == (("dagster-webserver", True) if chosen else ("dagster", False))
    assert MARK not in " ".join(command)
