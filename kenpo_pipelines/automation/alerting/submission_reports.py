"""Check reports that go with alerts about submissions: to whoever is named for them, made when the mail is sent.

What lives here: which alerts get reports on which channel, finding the landed files by their digests, and the bounds of it.
What does not: the report (``kenpo_pipelines.scorecards.check_report``), sending (``channels``). Whatever goes wrong here, the
alert goes out, and says so.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kenpo_pipelines.automation.alerting.channels import File, takes_files
from kenpo_pipelines.automation.alerting.check_failures import FAILED, Evaluation
from kenpo_pipelines.scorecards.check_report.landed import CHANGED, Job
from kenpo_pipelines.scorecards.check_report.shown import shown_name
from kenpo_pipelines.serving.outbox import Alert, Channel
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.outside import entries, sha256
from kenpo_pipelines.submissions.outside import shown_name as safe_name
from resources.installation import Installation

MOST_REPORTS = 10
"""With one message."""
REPORT_S = 15.0
"""One report; a file of one branch takes two."""
MOST_SUBMITTED_BYTES = 64 << 20
MOST_REPORT_BYTES = 3 << 20
MOST_BYTES = 8 << 20
"""Of all reports of a message: base64 makes 11 MB of it, and mail servers begin to refuse at 10 to 25."""
TRIES_WITH_REPORTS = 3
"""A channel that has refused a message so often gets it without reports: they may be why."""

_PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")


@dataclass(frozen=True)
class Reports:
    """What goes with a message: files, and what the message says about them, Japanese lines."""

    files: tuple[File, ...] = ()
    notes: tuple[str, ...] = ()


NOTHING = Reports()


@dataclass(frozen=True)
class Submitted:
    """A landed file as the run found it: ``folder`` is ``YYYY-MM`` or ``YYYY``, ``file`` the name as the ledger has it."""

    dataset: str
    folder: str
    file: str
    sha256: str


class NoReport(Exception):
    """There is no report of a file; the message says why, in Japanese, as the end of a sentence."""


@dataclass
class SubmissionReports:
    """Makes the reports of one round of sending. ``evaluations`` gives the check results of a run by its id.

    Each report is made once, however many channels get it.
    """

    installation: Installation
    evaluations: Callable[[str], Sequence[Evaluation]]
    _made: dict[Submitted, File | NoReport] = field(default_factory=dict)
    _found: dict[str, Sequence[Evaluation]] = field(default_factory=dict)

    def __call__(self, channel: Channel, alerts: Sequence[Alert], attempts: int, seconds: float) -> Reports:
        """Return what goes with the alerts on the channel, made within so many seconds; never raises.

        Reports go by mail, and only to an address whose tags name a route of the alert (alerts.yml): they are about single
        submissions, and an address that merely gets everything was not named for those.
        """
        until = time.monotonic() + seconds
        routed = [one for one in alerts if one.kind == FAILED and not channel.tags.isdisjoint(one.routes)]
        if not routed or not takes_files(channel):
            return NOTHING
        try:
            submitted = list(dict.fromkeys(self._submitted(routed)))
        except Exception as error:  # noqa: BLE001 (the alert goes out whatever happens here)
            return Reports(notes=(f"確認結果は付いていません（検査の記録を読めません：{type(error).__name__}）。",))
        if not submitted:
            return NOTHING
        if attempts >= TRIES_WITH_REPORTS:
            return Reports(notes=("確認結果は付いていません（付けた通知が受け取られませんでした）。",))
        return self._reports(submitted, until)

    def _submitted(self, alerts: Iterable[Alert]) -> Iterator[Submitted]:
        """Yield the files that the alerts' check results name: those that the run saw, not what lies there today."""
        for alert in alerts:
            if alert.group not in self._found:
                self._found[alert.group] = self.evaluations(alert.group)
            for one in self._found[alert.group]:
                if one.subject == alert.subject and one.month == alert.month and not one.passed:
                    for folder, file, digest in one.facts.get("files", ()):
                        yield Submitted(alert.dataset, folder, file, digest)

    def _reports(self, submitted: Sequence[Submitted], until: float) -> Reports:
        files: list[File] = []
        notes: list[str] = []
        for one in submitted[:MOST_REPORTS]:
            made = self._report(one, until)
            if isinstance(made, NoReport):
                notes.append(f"「{shown_name(one.file)}」の確認結果は付いていません（{made}）。")
            elif sum(len(file.content) for file in [*files, made]) > MOST_BYTES:
                notes.append(f"「{shown_name(one.file)}」の確認結果は付いていません（通知が大きくなりすぎます）。")
            else:
                files.append(made)
                notes.append(f"添付「{made.name}」は「{shown_name(one.file)}」の確認結果です。")
        if len(submitted) > MOST_REPORTS:
            more = len(submitted) - MOST_REPORTS
            notes.append(f"ほか{more}ファイルの確認結果は付いていません（一度に{MOST_REPORTS}ファイルまで）。")
        if len(files) < len(submitted):
            notes.append("確認結果は kenpo check-file ファイル名 --report 確認結果.html でも作れます。")
        return Reports(tuple(files), tuple(notes))

    def _report(self, submitted: Submitted, until: float) -> File | NoReport:
        if submitted not in self._made:
            try:
                self._made[submitted] = self._made_now(submitted, until)
            except NoReport as reason:
                return reason if _may_pass(reason) else self._made.setdefault(submitted, reason)
            except Exception as error:  # noqa: BLE001 (the alert goes out whatever happens here)
                return NoReport(f"作成できません：{type(error).__name__}")
        return self._made[submitted]

    def _made_now(self, submitted: Submitted, until: float) -> File:
        path = self._landed(submitted)
        seconds = min(REPORT_S, until - time.monotonic())
        if seconds <= 0:
            raise NoReport(_NO_TIME)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "report.html"
            content = _run(self._job(submitted, path, out), out, seconds)
        if len(content) > MOST_REPORT_BYTES:
            raise NoReport("確認結果が大きすぎます")
        name = f"kakunin_{submitted.dataset}_{submitted.folder}_{submitted.sha256[:8]}.html"
        return File(name, content)

    def _job(self, submitted: Submitted, path: Path, out: Path) -> Job:
        here = self.installation
        return Job(
            file=str(path),
            sha256=submitted.sha256,
            dataset=submitted.dataset,
            folder=submitted.folder,
            contracts_dir=here.contracts_dir,
            catalogue_dir=here.catalogue_dir,
            code_version=here.code_version,
            out=str(out),
        )

    def _landed(self, submitted: Submitted) -> Path:
        """Return where the file lies; raise :class:`NoReport` when it is gone, changed or too large."""
        try:
            places = entries(self.installation.landing / submitted.dataset / submitted.folder)
            found = next((one for one in places if safe_name(one.name) == submitted.file), None)
            if found is None:
                raise NoReport("提出先に見つかりません")
            if found.status.st_size > MOST_SUBMITTED_BYTES:
                raise NoReport("ファイルが大きいため")
            if sha256(found.path) != submitted.sha256:
                raise NoReport(_OTHER)
        except FileFault:
            raise NoReport("提出先のファイルを開けません") from None
        return found.path


_NO_TIME = "時間内に作成できませんでした"
_OTHER = "提出先のファイルが、検査したときから変わっています"


def _may_pass(reason: NoReport) -> bool:
    return str(reason) == _NO_TIME


def _run(job: Job, out: Path, seconds: float) -> bytes:
    """Let another process make the report: it can be ended, and holds no secret of this one."""
    command = [sys.executable, "-m", "kenpo_pipelines.scorecards.check_report.landed", job.to_text()]
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        done = subprocess.run(
            command,
            cwd=out.parent,
            env=kept | {"PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoReport(_NO_TIME) from None
    if done.returncode == CHANGED:
        raise NoReport(_OTHER)
    if done.returncode or not out.is_file():
        raise NoReport("作成できませんでした")
    return out.read_bytes()
