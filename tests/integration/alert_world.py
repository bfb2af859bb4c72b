"""A small world for alerts: runs of a few checks in Dagster's own storage, a mail server and a webhook that listen."""

import email
import email.policy
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from expectations.alert_facts import NotHeld, alert_facts
from kenpo_pipelines.automation.alerting.names import Names
from kenpo_pipelines.serving.faults import PassingFault

JOB = "monthly_refresh"
PARTITIONS = dg.MonthlyPartitionsDefinition("2023-04", fmt="%Y-%m", timezone="Asia/Tokyo", end_offset=1)
NAMES = Names(
    datasets={"claims": "レセプト情報", "kpi_results": "KPI実績報告"},
    branches={"00": "協会全体", "04": "宮城支部", "13": "東京支部", "27": "大阪支部"},
    kpis={"claims_assessment_rate": "査定率", "generic_share_volume": "ジェネリック医薬品使用割合"},
)
CLAIMS, RESULTS = dg.AssetKey(["raw", "claims"]), dg.AssetKey(["raw", "kpi_results"])
CHECKS = {
    (CLAIMS, "structural_rows"): dg.AssetCheckSeverity.ERROR,
    (CLAIMS, "analytical"): dg.AssetCheckSeverity.WARN,
    (RESULTS, "logical"): dg.AssetCheckSeverity.WARN,
}
PERSON = "01130012-4711-99"
"""A person's symbol, number and suffix: planted where checks quote rows."""


@dataclass(frozen=True)
class Fails:
    """How a check fails: rows at fault by branch."""

    branches: Mapping[str, int]
    protects: Sequence[str] = ("claims_assessment_rate", "generic_share_volume")


@dataclass
class Plan:
    """What the next run finds: failures by (asset, check), and the error that its last step raises."""

    fails: dict[tuple[dg.AssetKey, str], Fails] = field(default_factory=dict)
    error: Exception | None = None


class World:
    """A Dagster instance with one job whose checks find what :attr:`plan` says; ``failing`` more checks always fail."""

    def __init__(self, instance: dg.DagsterInstance, failing: int = 0) -> None:
        self.instance = instance
        self._checks = CHECKS | {(CLAIMS, f"rule_{number}"): dg.AssetCheckSeverity.WARN for number in range(failing)}
        self.plan = Plan()
        self._job = dg.Definitions(
            assets=[self._checked(), self._last()],
            jobs=[dg.define_asset_job(JOB, selection=dg.AssetSelection.all())],
            executor=dg.in_process_executor,
        ).resolve_job_def(JOB)

    def run(self, month: str, *, error: Exception | None = None, **fails: Fails) -> str:
        """Run the month; ``fails`` by the name of the check. Returns the run's id."""
        by_name = {name: (key, name) for key, name in CHECKS}
        always = dict.fromkeys(set(self._checks) - set(CHECKS), Fails({"13": 1}))
        self.plan = Plan(always | {by_name[name]: how for name, how in fails.items()}, error)
        return self._job.execute_in_process(partition_key=month, instance=self.instance, raise_on_error=False).run_id

    def _checked(self) -> dg.AssetsDefinition:
        specs = [
            dg.AssetCheckSpec(name, asset=key, partitions_def=PARTITIONS)  # type: ignore[call-arg, unused-ignore]
            for key, name in self._checks
        ]

        @dg.multi_asset(
            name="checked",
            specs=[dg.AssetSpec(key, partitions_def=PARTITIONS) for key in (CLAIMS, RESULTS)],
            check_specs=specs,
        )
        def checked() -> Iterator[Any]:
            for key in (CLAIMS, RESULTS):
                yield dg.MaterializeResult(asset_key=key)
            for key, name in self._checks:
                yield self._result(key, name)

        return checked

    def _result(self, key: dg.AssetKey, name: str) -> dg.AssetCheckResult:
        how = self.plan.fails.get((key, name))
        failed = sum(how.branches.values()) if how else 0
        facts = alert_facts(
            key,
            checked_rows=1203,
            failed_rows=failed,
            branches=how.branches if how else (),
            protects=how.protects if how else ["all"],
            what_to_do=["該当する行を支部に示し、訂正したファイルの再提出を依頼してください。"] if how else [],
            not_held=[NotHeld("points_whole", "点数は0以上の整数である", failed, tuple(how.branches.items()))]
            if how
            else [],
        )
        return dg.AssetCheckResult(
            passed=how is None,
            asset_key=key,
            check_name=name,
            severity=self._checks[key, name],
            description=f"points_whole: symbol {PERSON}" if how else None,
            metadata=facts | {"evidence_points_whole": dg.MetadataValue.md(f"| symbol |\n| --- |\n| {PERSON} |")},
        )

    def _last(self) -> dg.AssetsDefinition:
        @dg.asset(name="published", deps=[CLAIMS, RESULTS], partitions_def=PARTITIONS)
        def published() -> None:
            if self.plan.error is not None:
                raise self.plan.error

        return published


def passing_fault() -> PassingFault:
    """An error of ours whose message is told."""
    return PassingFault(
        "could not publish 2025-06 in the database postgresql://kenpo:***@db/kenpo: connection refused. Try again later."
    )


@dataclass(frozen=True)
class Received:
    """One message as a server got it."""

    title: str
    text: str
    raw: str
    files: dict[str, str] = field(default_factory=dict)
    """Attached files by name, as text."""


class MailServer:
    """A real SMTP server on a free port of this machine; ``is_refusing`` makes it turn everything away for a while."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.is_refusing = False
        self.port = _free_port()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        if self.is_refusing:
            return "451 try again later"
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body(("plain",))  # type: ignore[attr-defined]
        html = mail.get_body(("html",))  # type: ignore[attr-defined]
        raw = f"{mail['subject']}\n{html.get_content() if html else ''}"
        attached = mail.iter_attachments()  # type: ignore[attr-defined]
        files = {str(one.get_filename()): one.get_payload(decode=True).decode() for one in attached}
        self.received.append(Received(str(mail["subject"]), body.get_content() if body else "", raw, files))
        return "250 OK"

    @property
    def url(self) -> str:
        """Its address for Apprise."""
        return f"mailto://127.0.0.1:{self.port}/?mode=insecure&from=kenpo@example.jp&to=engineer@example.jp"

    def start(self) -> None:
        """Listen, always on the same port."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()


class Webhook:
    """A real HTTP server on a free port of this machine; answers 500 while ``is_refusing``."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.is_refusing = False
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if not world.is_refusing:
                    told = json.loads(body)
                    world.received.append(Received(told["title"], told["message"], body))
                self.send_response(500 if world.is_refusing else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address for Apprise, with a password in it."""
        return f"json://kenpo:himitsu-no-kotoba@127.0.0.1:{self._server.server_port}/alerts"

    def stop(self) -> None:
        """Stop listening and free the port."""
        self._server.shutdown()
        self._server.server_close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server that listens for the block."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook that listens for the block."""
    server = Webhook()
    try:
        yield server
    finally:
        server.stop()
