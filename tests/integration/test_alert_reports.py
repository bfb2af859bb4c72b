"""Check reports that go with alerts: a real ingestion of faulty submissions, the real sensors, a real mail server."""

import datetime as dt
import logging
import re
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest
from alert_world import MailServer, Received, Webhook, mail_server, webhook
from kenpo_home import KEY, as_csv, encrypted, land, result, results, settings_of, workbook
from pydantic import SecretStr
from sqlalchemy import Engine, select

from assets.ingestion import ingestion_assets
from assets.reference import reference_assets
from expectations.suite import load_suites
from kenpo_pipelines.automation.alerting import delivery, run_ends, submission_reports
from kenpo_pipelines.automation.alerting.channels import channels
from kenpo_pipelines.automation.alerting.check_failures import Evaluation, evaluation_of
from kenpo_pipelines.automation.alerting.delivery import Round, deliver
from kenpo_pipelines.automation.alerting.names import Names
from kenpo_pipelines.automation.alerting.run_ends import events_of
from kenpo_pipelines.automation.alerting.selections import load_selections
from kenpo_pipelines.automation.alerting.sensors import (
    DELIVERY_SENSOR,
    Watch,
    alert_sensors,
    look_at_checks,
    look_at_runs,
)
from kenpo_pipelines.automation.alerting.submission_reports import SubmissionReports
from kenpo_pipelines.automation.alerting.telling import Teller, teller
from kenpo_pipelines.automation.environments import environment
from kenpo_pipelines.scorecards.check_report.landed import Job
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.serving.schema import alert_deliveries
from resources.installation import Installation

MONTH = "2025-06"
SYMBOL, NUMBER, NAME = "7712319801", "8812342801", "KOJIN7"
PERSON = re.compile(f"{SYMBOL}|{NUMBER}|{NAME}")
CLAIMS_HEADER = [
    *(
        "支部コード",
        "レセプト管理番号",
        "診療年月",
        "審査年月",
        "点数表",
        "記号",
        "番号",
        "枝番",
        "決定点数",
        "後発数量",
    ),
    *(
        "後発あり先発数量",
        "後発薬剤料",
        "後発あり先発薬剤料",
        "高血圧受診フラグ",
        "糖尿病受診フラグ",
        "脂質異常受診フラグ",
    ),
]
CLAIM = ["13", "R1", "2025-04", "2025-06", "調剤", SYMBOL, NUMBER, "01", "1200", "10", "2", "500", "700", "1", "0", "0"]
BAD = results(
    result("13", "57.6"),
    result("04", "1.03&", 表記=f"記号{SYMBOL}番号{NUMBER}"),
    result("03", "<script>alert(1)</script>"),
)


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs need not age before they are looked at, and a busy machine has time for its reports."""
    monkeypatch.setattr(run_ends, "SETTLED_S", 0.0)
    monkeypatch.setattr(submission_reports, "REPORT_S", 120.0)
    monkeypatch.setattr(delivery, "ROUND_S", 300)


_made: dict[tuple[str, str], bytes] = {}
_run = submission_reports._run


@pytest.fixture
def made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports of the same bytes are made once for all tests that look at something else."""

    def run(job: Job, out: Path, seconds: float) -> bytes:
        key = (job.dataset, job.sha256)
        if key not in _made:
            _made[key] = _run(job, out, seconds)
        return _made[key]

    monkeypatch.setattr(submission_reports, "_run", run)


@dataclass(frozen=True)
class Ran:
    """A home after a run that found faulty rows, an encrypted workbook and a faulty file of records."""

    home: Path
    instance: dg.DagsterInstance
    installation: Installation

    def evaluations(self, run_id: str) -> list[Evaluation]:
        events = events_of(self.instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        return [evaluation_of(entry) for entry in events]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    home = tmp_path_factory.mktemp("reports") / "home"
    secret = encrypted(workbook(["年度"], ["2025"]))
    land(home, "kpi_results", MONTH, {"1_good.csv": results(result("13", "8.0", kpi="single_bid_rate"))})
    land(home, "kpi_results", MONTH, {"2_誤り.csv": BAD, "3_暗号.xlsx": secret})
    claims = [CLAIM, ["13", "R2", *CLAIM[2:8], f"{SYMBOL}-{NUMBER}", *CLAIM[9:]], ["13", NAME, NUMBER, *CLAIM[3:]]]
    land(home, "claims", MONTH, {"claims.csv": as_csv(CLAIMS_HEADER, *claims)})
    settings = settings_of(home)
    installation, suites = Installation.from_settings(settings), load_suites(settings.contracts_dir)
    ingestion = [ingestion_assets(installation.contracts[name], suites[name]) for name in ("kpi_results", "claims")]
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        done = dg.materialize(
            [reference_assets(installation.project.sources), *ingestion],
            partition_key=MONTH,
            resources={"installation": installation},
            instance=instance,
            raise_on_error=False,
        )
        assert done.success
        yield Ran(home, instance, installation)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = connect(f"sqlite:///{tmp_path / 'outbox.db'}")
    upgrade(made)
    yield made
    made.dispose()


class Sending:
    """The alerts of the run, told into an outbox of their own, and sent by hand."""

    def __init__(self, ran: Ran, engine: Engine, urls: str, landing: Path | None = None) -> None:
        installation = replace(ran.installation, landing_dir=str(landing)) if landing else ran.installation
        selections = load_selections(settings_of(ran.home).alerts_file)
        telling = Teller(channels(SecretStr(urls)), selections, "production")
        watch = Watch(ran.instance, engine, telling, Names.of(installation), "http://127.0.0.1:3000")
        for look in (look_at_checks, look_at_runs):
            look(watch, None, time.time())
        self.engine, self.channels = engine, telling.channels
        self.reports = SubmissionReports(installation, ran.evaluations)

    def send(self, after: dt.timedelta = dt.timedelta(0)) -> Round:
        clock = lambda: dt.datetime.now(dt.UTC) + after  # noqa: E731
        return deliver(self.engine, self.channels, "production", clock=clock, reports=self.reports)

    def states(self) -> set[str]:
        with self.engine.connect() as connection:
            return set(connection.execute(select(alert_deliveries.c.state)).scalars())


def only(received: Sequence[Received]) -> Received:
    (letter,) = received
    return letter


def by_dataset(files: dict[str, str]) -> dict[str, list[str]]:
    """Attached pages by what their name says of the dataset."""
    found: dict[str, list[str]] = {}
    for name, page in files.items():
        match = re.fullmatch(rf"kakunin_([a-z_]+)_{MONTH}_[0-9a-f]{{8}}\.html", name)
        assert match is not None, name
        found.setdefault(match[1], []).append(page)
    return found


def test_who_is_named_for_submissions_gets_the_reports_of_just_the_files_at_fault(
    ran: Ran, engine: Engine, mail: MailServer, hook: Webhook
) -> None:
    Sending(ran, engine, f"submissions={mail.url}\nsubmissions={hook.url}").send()
    letter = only(mail.received)
    pages = by_dataset(letter.files)
    assert {name: len(found) for name, found in pages.items()} == {"kpi_results": 2, "claims": 1}
    faulty = next(page for page in pages["kpi_results"] if "2_誤り.csv" in page)
    assert 'id="s1-H3"' in faulty and "1.03&amp;" in faulty and "取り込めなかった行があります" in faulty
    assert "<script>" not in faulty and "&lt;script&gt;" in faulty
    assert any("パスワード" in page for page in pages["kpi_results"])
    assert letter.text.count("の確認結果です。") == 3 and "1_good.csv" not in letter.text
    assert only(hook.received).title == letter.title
    assert "kakunin" not in only(hook.received).raw


@pytest.mark.usefixtures("made_once")
def test_no_report_holds_a_person(ran: Ran, engine: Engine, mail: MailServer) -> None:
    Sending(ran, engine, f"submissions={mail.url}").send()
    letter = only(mail.received)
    everything = "\n".join([letter.title, letter.text, letter.raw, *letter.files, *letter.files.values()])
    assert len(letter.files) == 3 and not PERSON.search(everything)
    (claims,) = by_dataset(letter.files)["claims"]
    assert "数字20桁を含む21字" in claims and "＊＊＊" in claims


@pytest.mark.usefixtures("made_once")
def test_who_merely_gets_everything_gets_no_report(ran: Ran, engine: Engine, mail: MailServer) -> None:
    Sending(ran, engine, mail.url).send()
    assert only(mail.received).files == {} and "確認結果" not in only(mail.received).text


@pytest.mark.usefixtures("made_once")
@pytest.mark.parametrize(
    ("change", "told"), [("gone", "見つかりません"), ("other", "変わっています"), ("link", "開けません")]
)
def test_a_file_that_is_not_what_the_run_read_is_told_and_left_out(
    ran: Ran, engine: Engine, mail: MailServer, tmp_path: Path, change: str, told: str
) -> None:
    landing = tmp_path / "landing"
    shutil.copytree(ran.home / "landing", landing)
    faulty = landing / "kpi_results" / MONTH / "2_誤り.csv"
    content = faulty.read_bytes()
    faulty.unlink()
    if change == "other":
        faulty.write_bytes(content + b"\r\n")
    if change == "link":
        (tmp_path / "elsewhere.csv").write_bytes(content)
        faulty.symlink_to(tmp_path / "elsewhere.csv")
    Sending(ran, engine, f"submissions={mail.url}", landing).send()
    letter = only(mail.received)
    assert len(letter.files) == 2
    assert re.search(f"「2_誤り.csv」の確認結果は付いていません（.*{told}", letter.text)


@pytest.mark.usefixtures("made_once")
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("REPORT_S", 0.0, "時間内に"),
        ("MOST_REPORT_BYTES", 10, "大きすぎます"),
        ("MOST_SUBMITTED_BYTES", 10, "大きい"),
        ("MOST_BYTES", 10, "大きくなりすぎます"),
        ("MOST_REPORTS", 0, "ほか3ファイル"),
    ],
)
def test_beyond_a_bound_the_alert_goes_without_reports(
    ran: Ran, engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch, name: str, value: float, told: str
) -> None:
    monkeypatch.setattr(submission_reports, name, value)
    sending = Sending(ran, engine, f"submissions={mail.url}")
    sending.send()
    letter = only(mail.received)
    assert letter.files == {} and told in letter.text and "--report" in letter.text
    assert sending.states() == {"delivered"}


@pytest.mark.parametrize("fails", ["process", "time", "records"])
def test_a_report_that_fails_keeps_no_alert_from_being_sent(
    ran: Ran, engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    sending = Sending(ran, engine, f"submissions={mail.url}")
    if fails == "process":
        monkeypatch.setattr(submission_reports.sys, "executable", "/bin/false")
    elif fails == "time":
        monkeypatch.setattr(submission_reports, "REPORT_S", 0.05)
    else:

        def broken(run_id: str) -> list[Evaluation]:
            raise RuntimeError(f"quotes {NAME}")

        sending.reports.evaluations = broken
    sending.send()
    letter = only(mail.received)
    assert letter.files == {} and "確認結果は付いていません" in letter.text and not PERSON.search(letter.raw)


@pytest.mark.usefixtures("made_once")
def test_a_message_that_is_refused_again_and_again_goes_without_its_reports_once(
    ran: Ran, engine: Engine, mail: MailServer
) -> None:
    sending = Sending(ran, engine, f"submissions={mail.url}")
    mail.is_refusing = True
    for hours in range(3):
        assert sending.send(dt.timedelta(hours=2 * hours)).failed
    mail.is_refusing = False
    sending.send(dt.timedelta(hours=8))
    sending.send(dt.timedelta(hours=10))
    letter = only(mail.received)
    assert letter.files == {} and "受け取られませんでした" in letter.text and "【再送】" not in letter.title


@pytest.mark.usefixtures("made_once")
def test_a_process_that_dies_while_it_makes_reports_has_claimed_nothing(
    ran: Ran, engine: Engine, mail: MailServer
) -> None:
    class Killed(BaseException):
        """Nothing catches it, as nothing catches SIGKILL."""

    sending = Sending(ran, engine, f"submissions={mail.url}")
    whole = sending.reports.evaluations

    def dies(run_id: str) -> list[Evaluation]:
        raise Killed

    sending.reports.evaluations = dies
    with pytest.raises(Killed):
        sending.send()
    assert sending.states() == {"queued"} and not mail.received
    sending.reports.evaluations = whole
    sending.send()
    assert "【再送】" not in only(mail.received).title and len(only(mail.received).files) == 3


def test_the_process_that_makes_a_report_gets_no_secret(
    ran: Ran, engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KENPO_PSEUDONYM_KEY", KEY)
    monkeypatch.setenv("KENPO_ALERT_URLS", mail.url)
    given: list[dict[str, str]] = []
    run = submission_reports.subprocess.run

    def watched(command: list[str], **how: object) -> object:
        env = how["env"]
        assert isinstance(env, dict)
        given.append(env | {"arguments": " ".join(command)})
        return run(command, **how)  # type: ignore[call-overload]

    monkeypatch.setattr(submission_reports.subprocess, "run", watched)
    Sending(ran, engine, f"submissions={mail.url}").send()
    assert len(given) == 3
    assert not [env for env in given if any(name.startswith("KENPO_") for name in env) or KEY in str(env)]


@pytest.mark.usefixtures("made_once")
def test_the_sensor_of_the_installation_attaches_reports(ran: Ran, mail: MailServer) -> None:
    settings = settings_of(ran.home).model_copy(update={"alert_urls": SecretStr(f"submissions={mail.url}")})
    by_name = {
        one.name: one for one in alert_sensors(settings, ran.installation, environment(settings), teller(settings))
    }
    for name in sorted(by_name, key=lambda one: one == DELIVERY_SENSOR):
        with dg.build_sensor_context(instance=ran.instance) as context:
            by_name[name].evaluate_tick(context)
    assert len(only(mail.received).files) == 3
