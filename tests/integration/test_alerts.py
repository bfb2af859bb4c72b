"""Alerts from check to mail: real runs in Dagster's storage, a real mail server, a real webhook, processes that are killed."""

import datetime as dt
import logging
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alert_killing import kill_this_process_at, round_killed_at
from alert_world import NAMES, PERSON, Fails, MailServer, Webhook, World, mail_server, passing_fault, webhook
from pydantic import SecretStr
from sqlalchemy import Engine, Table, func, select, update
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from kenpo_pipelines.automation.alerting import run_ends, sensors
from kenpo_pipelines.automation.alerting.channels import channels
from kenpo_pipelines.automation.alerting.delivery import HELD_AT_MOST, KEPT, LEASE, LONGEST_WAIT, Round, deliver
from kenpo_pipelines.automation.alerting.run_ends import Cursor
from kenpo_pipelines.automation.alerting.selections import Selection
from kenpo_pipelines.automation.alerting.sensors import Watch, is_run_incomplete, look_at_checks, look_at_runs
from kenpo_pipelines.automation.alerting.telling import Teller
from kenpo_pipelines.serving import outbox
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.serving.schema import alert_deliveries, alert_states, alerts

MONTH = "2025-06"
LOGICAL = Fails({"13": 2})
ROWS = Fails({"27": 1, "04": 3})


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Dagster's runs say much on the terminal."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def ends_are_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits two seconds for a run to be old enough."""
    monkeypatch.setattr(run_ends, "SETTLED_S", 0.0)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One Dagster storage in memory for most tests: each looks at what it runs itself."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance)


@pytest.fixture
def stored_world(tmp_path: Path) -> Iterator[World]:
    """A Dagster storage as an installation has it by default: SQLite, the events of each run in a file of its own."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield World(instance)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


class Alerting:
    """The two telling sensors and the sending one, ticked by hand, each with its cursor as Dagster keeps it."""

    def __init__(self, world: World, engine: Engine, urls: str, selections: tuple[Selection, ...] = ()) -> None:
        teller = Teller(channels(SecretStr(urls)), selections, "production")
        self.watch = Watch(world.instance, engine, teller, NAMES, "http://127.0.0.1:3000")
        self.engine = engine
        start = look_at_runs(self.watch, None, time.time())  # behind what other tests ran
        while (later := look_at_runs(self.watch, start.cursor, time.time())).cursor != start.cursor:
            start = later
        self.cursors = [start.cursor, start.cursor]
        with engine.begin() as connection:
            for table in (alert_deliveries, alerts, alert_states):
                connection.execute(table.delete())

    def tick(self) -> int:
        """Look at checks, then at runs; return how many alerts are new."""
        told = 0
        for position, look in enumerate((look_at_checks, look_at_runs)):
            done = look(self.watch, self.cursors[position], time.time())
            self.cursors[position] = done.cursor
            told += done.alerts
        return told

    def send(self, after: dt.timedelta = dt.timedelta(0), **how: Any) -> Round:
        """Send what is due ``after`` some time."""
        clock = lambda: dt.datetime.now(dt.UTC) + after  # noqa: E731
        held = is_run_incomplete(self.watch)
        return deliver(self.engine, self.watch.teller.channels, "production", clock=clock, is_held=held, **how)

    def count(self, state: str) -> int:
        """How many deliveries are in the state."""
        with self.engine.connect() as connection:
            query = select(func.count()).where(alert_deliveries.c.state == state)
            return int(connection.execute(query).scalar_one())


def test_one_message_per_run_tells_failures_once_and_recovery_once(
    world: World, serving_engine: Engine, mail: MailServer, hook: Webhook
) -> None:
    alerting = Alerting(world, serving_engine, f"critical,warning={mail.url}\n{hook.url}")
    run = world.run(MONTH, structural_rows=ROWS, logical=LOGICAL)
    assert alerting.tick() == 2
    alerting.send()
    (post,) = hook.received
    (letter,) = mail.received
    assert post.title == letter.title
    assert post.title == (
        "[協会けんぽKPI・本番] 2025年6月分：データ検査で重大1件・注意1件（支部：04 宮城支部、13 東京支部、27 大阪支部）"
    )
    for told in (
        "レセプト情報",
        "04 宮城支部（3）",
        "27 大阪支部（1）",
        "1,203行中 4行",
        "「査定率」",
        "再提出を依頼",
        f"/runs/{run}",
    ):
        assert told in post.text and told in letter.raw and told in letter.text

    world.run(MONTH, structural_rows=ROWS, logical=LOGICAL)  # the same failure in a later run
    assert alerting.tick() == 0
    world.run(MONTH, structural_rows=Fails({"27": 2}), logical=LOGICAL)  # one fails differently
    assert alerting.tick() == 1
    alerting.send()
    world.run(MONTH, logical=LOGICAL)
    world.run(MONTH, logical=LOGICAL)
    assert alerting.tick() == 1
    alerting.send()
    assert [one.title.partition("】")[2] or one.title for one in hook.received[1:]] == [
        "2025年6月分：レセプト情報（raw/claims）：様式の検査（行）が不合格（支部：27 大阪支部）",
        "[協会けんぽKPI・本番] 2025年6月分：レセプト情報（raw/claims）：様式の検査（行）に合格するようになりました",
    ]
    assert len(mail.received) == 3
    assert alerting.send() == Round({one.name: 0 for one in alerting.watch.teller.channels}, {})


def test_a_failed_run_its_checks_and_its_recovery(world: World, serving_engine: Engine, hook: Webhook) -> None:
    alerting = Alerting(world, serving_engine, hook.url)
    world.run(MONTH, error=passing_fault(), logical=LOGICAL)
    world.run("2025-05", error=ValueError(f"symbol {PERSON}"))
    assert alerting.tick() == 3
    alerting.send()
    ours, foreign = (one.text for one in hook.received)
    assert "PassingFault：could not publish 2025-06" in ours and "数値のつじつまの検査が不合格" in ours
    assert "工程：published" in ours and "***" not in ours
    assert "原因：ValueError\n" in foreign
    world.run("2025-05")
    world.run("2025-05")
    assert alerting.tick() == 1
    alerting.send()
    assert hook.received[-1].title == "[協会けんぽKPI・本番] 2025年5月分の処理が成功し、失敗から回復しました"


def test_personal_values_in_checks_and_errors_are_nowhere_in_what_is_kept_and_sent(
    world: World, serving_engine: Engine, mail: MailServer, hook: Webhook
) -> None:
    alerting = Alerting(world, serving_engine, f"{mail.url}\n{hook.url}")
    world.run(MONTH, structural_rows=ROWS, logical=LOGICAL, error=RuntimeError(f"bad value {PERSON}"))
    alerting.tick()
    alerting.send()
    with serving_engine.connect() as connection:
        kept = [
            tuple(row)
            for table in (alerts, alert_deliveries, alert_states)
            for row in connection.execute(select(table))
        ]
    everything = repr([kept, mail.received, hook.received])
    assert len(hook.received) == len(mail.received) == 1
    for secret in (PERSON, PERSON.partition("-")[0], "himitsu-no-kotoba"):
        assert secret not in everything


def kill_at(alerting: Alerting, step: int, do: Callable[[Alerting], object]) -> bool:
    """Do it in a fork that is killed at its ``step``-th statement or commit; False when it ended before."""
    alerting.engine.dispose()
    child = os.fork()
    if child == 0:
        kill_this_process_at(alerting.engine, step)
        try:
            do(alerting)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_tick_that_is_killed_anywhere_tells_everything_once(
    world: World, serving_engine: Engine, hook: Webhook
) -> None:
    alerting = Alerting(world, serving_engine, hook.url)
    world.run(MONTH, structural_rows=ROWS, logical=LOGICAL)
    world.run(MONTH, logical=LOGICAL)
    world.run(MONTH, logical=Fails({"13": 9}), error=ValueError("x"))
    kills = 0
    for look in (look_at_checks, look_at_runs):
        step = 0
        # the cursor of a killed tick is not moved, so the next one reads the same runs again
        while kill_at(alerting, step, lambda one, look=look: look(one.watch, one.cursors[0], time.time())):  # type: ignore[misc]
            step += 1
        kills += step
    assert kills > 20
    assert alerting.tick() == 0, "the last child told all, though its cursor was lost"
    with serving_engine.connect() as connection:
        told = [row.kind for row in connection.execute(select(alerts.c.kind).order_by(alerts.c.alert_id))]
    assert sorted(told) == ["check_failed"] * 3 + ["check_recovered", "run_failed"]
    alerting.send()
    assert len(hook.received) == 3
    assert alerting.count("delivered") == 5


def test_a_delivery_that_is_killed_anywhere_loses_nothing_and_repeats_only_what_it_may_have_sent(
    world: World, serving_engine: Engine, migrated_url: str, hook: Webhook
) -> None:
    alerting = Alerting(world, serving_engine, hook.url)
    world.run(MONTH, logical=LOGICAL)
    assert alerting.tick() == 1
    step = later = 0
    while alerting.count("delivered") == 0:
        killed = round_killed_at(step, migrated_url, hook.url, LEASE * later)
        step += 1
        if killed and alerting.count("sending"):
            # until the claim runs out nobody else sends the message
            before = len(hook.received)
            alerting.send(LEASE * later)
            assert len(hook.received) == before
            later += 2
    repeated = [one for one in hook.received if one.title.startswith("【再送】")]
    assert step > 8
    numbers = {one.text.partition("通知番号：")[2].split("　")[0] for one in hook.received}
    assert len(numbers) == 1, "a repetition has the number of the message it repeats"
    assert len(hook.received) - len(repeated) <= 1, "every message but the first says that it may be a repetition"
    assert alerting.send(LEASE * 100).delivered == {alerting.watch.teller.channels[0].name: 0}


def test_a_channel_that_fails_keeps_its_alerts_and_does_not_stop_the_others(
    world: World, serving_engine: Engine, mail: MailServer, hook: Webhook
) -> None:
    alerting = Alerting(world, serving_engine, f"{mail.url} {hook.url}")
    mail.stop()
    world.run(MONTH, logical=LOGICAL)
    world.run("2025-05", logical=LOGICAL)
    alerting.tick()
    first = alerting.send()
    letters, posts = (one.name for one in alerting.watch.teller.channels)
    assert (first.delivered[posts], first.failed) == (2, {letters: "refused"})
    assert len(hook.received) == 2
    assert alerting.count("queued") == 2
    assert alerting.send(dt.timedelta(seconds=30)).failed == {letters: "refused"}, "the second message is tried, too"
    assert alerting.send(dt.timedelta(seconds=31)).failed == {}, "both wait"
    waits = []
    after = dt.timedelta(0)
    for _ in range(9):
        after += LONGEST_WAIT
        alerting.send(after)
        alerting.send(after)
        with serving_engine.connect() as connection:
            soonest = connection.execute(
                select(func.min(alert_deliveries.c.next_attempt_at)).where(alert_deliveries.c.state == "queued")
            ).scalar_one()
        waits.append(soonest - dt.datetime.now(dt.UTC) - after)
    assert waits[0] < waits[-1] <= LONGEST_WAIT
    mail.start()
    mail.is_refusing = True
    assert alerting.send(after + LONGEST_WAIT).failed == {letters: "refused"}, "a server that answers no is no better"
    mail.is_refusing = False
    alerting.send(after + 3 * LONGEST_WAIT)
    assert len(mail.received) == 2
    assert not any(one.title.startswith("【再送】") for one in mail.received), "a refused message was not sent"
    assert len(hook.received) == 2
    assert alerting.count("delivered") == 4


def test_what_waits_for_an_address_that_was_changed_goes_to_the_new_one(
    world: World, serving_engine: Engine, hook: Webhook
) -> None:
    hook.is_refusing = True
    alerting = Alerting(world, serving_engine, hook.url)
    world.run(MONTH, logical=LOGICAL)
    alerting.tick()
    assert list(alerting.send().failed.values()) == ["refused"]
    hook.is_refusing = False
    for urls, received in (("", 0), (f"info={hook.url}?x=1", 0), (f"{hook.url}?x=1", 1), (f"{hook.url}?x=1", 1)):
        deliver(serving_engine, channels(SecretStr(urls)), "production")
        assert len(hook.received) == received, "what no channel takes goes on waiting"


def test_mutes_and_routes(world: World, serving_engine: Engine, mail: MailServer, hook: Webhook) -> None:
    why = {"origin": "test", "date": dt.date(2025, 7, 1), "owner": "team:test"}
    selections = (
        Selection(id="quiet", check="logical", mute=True, **why),
        Selection(id="to_planning", check="structural_rows", route=("planning",), **why),
    )
    alerting = Alerting(world, serving_engine, f"planning={mail.url} warning={hook.url}", selections)
    world.run(MONTH, structural_rows=ROWS, logical=LOGICAL, analytical=LOGICAL)
    assert alerting.tick() == 3
    alerting.send()
    assert ["様式の検査" in one.raw for one in mail.received] == [True], "critical, but planning is a route"
    assert ["比較の検査" in one.text for one in hook.received] == [True]
    told = outbox.recent(serving_engine, 10)
    assert [one.alert.muted_by for one in told if not one.deliveries] == ["quiet"], "kept, not sent"


def test_a_tick_is_bounded_and_the_next_goes_on(
    world: World, serving_engine: Engine, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerting = Alerting(world, serving_engine, hook.url)
    months = [f"2024-{number:02}" for number in range(4, 11)]
    for month in months:
        world.run(month, logical=LOGICAL)
    monkeypatch.setattr(run_ends, "RUNS_PER_TICK", 3)
    assert [alerting.tick() for _ in range(4)] == [3, 3, 1, 0]
    alerting.send()
    assert len(hook.received) == len(months), "one message for each run"
    monkeypatch.setattr(sensors, "RESULTS_PER_TICK", 4)
    ends = run_ends.ended_runs(world.instance, None, time.time()).ends
    done = look_at_checks(alerting.watch, None, time.time())
    assert done.cursor.storage_id == ends[1].storage_id, "a run has three results, so the second one is the last"


def test_a_thousand_check_results_are_told_in_bounded_ticks(
    tmp_path: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "RESULTS_PER_TICK", 400)
    engine = connect(f"sqlite:///{tmp_path / 'kenpo.db'}")
    upgrade(engine)
    with dg.DagsterInstance.ephemeral() as instance:
        many = World(instance, failing=248)
        alerting = Alerting(many, engine, hook.url)
        for number in range(1, 5):
            many.run(f"2024-{number:02}", logical=LOGICAL)
        assert [alerting.tick() for _ in range(3)] == [2 * 249, 2 * 249, 0], "251 results a run, two runs a tick"
        alerting.send()
    engine.dispose()
    assert [one.title.partition("（")[0] for one in hook.received] == [
        f"[協会けんぽKPI・本番] 2024年{number}月分：データ検査で注意249件" for number in range(1, 5)
    ]
    assert all("ほか189件は実行の記録にあります。" in one.text for one in hook.received)


def test_an_end_of_a_run_is_left_until_none_with_a_lower_id_can_come(
    world: World, serving_engine: Engine, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerting = Alerting(world, serving_engine, hook.url)
    world.run(MONTH, logical=LOGICAL)
    monkeypatch.setattr(run_ends, "SETTLED_S", 60.0)
    assert alerting.tick() == 0
    monkeypatch.setattr(run_ends, "SETTLED_S", 0.0)
    assert alerting.tick() == 1


@pytest.mark.parametrize(
    ("table", "wrong", "named"),
    [
        (alerts, {"severity": "high"}, "ck_alerts_severity"),
        (alerts, {"month": "June 25"}, "ck_alerts_month"),
        (alert_deliveries, {"state": "lost"}, "ck_alert_deliveries_state"),
        (alert_deliveries, {"attempts": -1}, "ck_alert_deliveries_attempts"),
        (alert_deliveries, {"alert_id": 4711}, "(?i)foreign key"),
    ],
)
def test_constraints_refuse_wrong_rows(serving_engine: Engine, table: Table, wrong: dict[str, Any], named: str) -> None:
    moment = dt.datetime(2025, 7, 10, tzinfo=dt.UTC)
    one = outbox.Alert("k", "check_failed", "warning", "run", MONTH, "claims", "a:b", "t", ("l",), "", moment)
    assert outbox.tell(serving_engine, [one, one], channels=channels(SecretStr("json://localhost"))) == 1
    with serving_engine.connect() as connection, pytest.raises(IntegrityError, match=named):
        connection.execute(update(table).values(**wrong))


def test_old_alerts_are_deleted_when_nobody_waits_for_them(serving_engine: Engine) -> None:
    year_ago, today = dt.datetime(2024, 7, 1, tzinfo=dt.UTC), dt.datetime(2025, 7, 10, tzinfo=dt.UTC)
    for key, urls, moment in (
        ("nobody", "", year_ago),
        ("waiting", "json://localhost", year_ago),
        ("new", "", today),
    ):
        one = outbox.Alert(key, "check_failed", "warning", key, MONTH, "claims", "a:b", "t", (), "", moment)
        outbox.tell(serving_engine, [one], channels=channels(SecretStr(urls)), now=moment)
    assert outbox.prune(serving_engine, today - KEPT) == 1
    assert [one.alert.key for one in outbox.recent(serving_engine, 9)] == ["new", "waiting"]


def test_a_message_waits_until_both_sensors_have_seen_the_run(
    world: World, serving_engine: Engine, hook: Webhook
) -> None:
    alerting = Alerting(world, serving_engine, hook.url)
    world.run(MONTH, logical=LOGICAL, error=ValueError("x"))
    assert look_at_checks(alerting.watch, alerting.cursors[0], time.time()).alerts == 1
    alerting.send()
    assert hook.received == []
    assert look_at_runs(alerting.watch, alerting.cursors[1], time.time()).alerts == 1
    alerting.send()
    assert [one.title for one in hook.received] == [
        "[協会けんぽKPI・本番] 2025年6月分：処理が失敗、データ検査で注意1件（支部：13 東京支部）"
    ]
    world.run(MONTH, logical=Fails({"13": 3}))
    look_at_checks(alerting.watch, alerting.cursors[0], time.time())
    alerting.send()
    with serving_engine.begin() as connection:
        long_ago = dt.datetime.now(dt.UTC) - HELD_AT_MOST - dt.timedelta(minutes=1)
        connection.execute(alerts.update().values(queued_at=long_ago))
    assert len(hook.received) == 1
    alerting.send()
    assert len(hook.received) == 2, "a sensor that is switched off holds nothing for ever"


def test_a_run_that_goes_on_for_long_is_told_of_before_it_ends(
    world: World, serving_engine: Engine, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerting = Alerting(world, serving_engine, hook.url)
    run = world.run(MONTH, logical=LOGICAL)
    behind = Cursor(look_at_checks(alerting.watch, alerting.cursors[0], time.time()).cursor.storage_id, time.time())
    with serving_engine.begin() as connection:
        for table in (alert_deliveries, alerts, alert_states):
            connection.execute(table.delete())
    monkeypatch.setattr(sensors, "long_running", lambda instance, now: [run])
    assert look_at_checks(alerting.watch, behind, time.time()).alerts == 1
    monkeypatch.undo()
    assert look_at_checks(alerting.watch, alerting.cursors[0], time.time()).alerts == 0, "not again at its end"


def test_a_wiped_dagster_storage_repeats_nothing_and_misses_nothing(
    stored_world: World, serving_engine: Engine, hook: Webhook
) -> None:
    alerting = Alerting(stored_world, serving_engine, hook.url)
    stored_world.run(MONTH, logical=LOGICAL, structural_rows=ROWS)
    assert alerting.tick() == 2
    with dg.DagsterInstance.ephemeral() as empty:
        wiped = World(empty)
        alerting.watch = Watch(empty, serving_engine, alerting.watch.teller, NAMES, "http://127.0.0.1:3000")
        assert alerting.tick() == 0, "the cursor lies behind everything in the new storage"
        wiped.run(MONTH, logical=LOGICAL)
        assert alerting.tick() == 1, "the one recovered, the other fails as before"
        wiped.run(MONTH)
        alerting.cursors = [None, None]  # type: ignore[list-item]
        assert alerting.tick() == 1, "a sensor whose cursor was reset reads everything again and tells what is new"


def test_the_sensors_as_dagster_runs_them(stored_world: World, tmp_path: Path, hook: Webhook) -> None:
    from kenpo_pipelines.automation.alerting.sensors import alert_sensors
    from kenpo_pipelines.automation.alerting.telling import teller
    from kenpo_pipelines.automation.environments import environment
    from kenpo_pipelines.settings import Settings
    from resources.installation import Installation

    settings = Settings(
        home=tmp_path, alert_urls=SecretStr(hook.url), env="staging", ui_url="https://kenpo.example.jp/"
    )
    registered = alert_sensors(settings, Installation.from_settings(settings), environment(settings), teller(settings))
    checks, runs, delivery = registered
    assert all(one.default_status is dg.DefaultSensorStatus.RUNNING for one in registered)
    run = stored_world.run(MONTH, logical=LOGICAL, error=passing_fault())
    cursors: dict[str, str | None] = {}
    for one in (checks, runs, delivery, checks, runs, delivery):
        with dg.build_sensor_context(instance=stored_world.instance, cursor=cursors.get(one.name)) as context:
            ticked = one.evaluate_tick(context)
            cursors[one.name] = ticked.cursor
    (told,) = hook.received
    assert told.title == "[協会けんぽKPI・検証] 2025年6月分：処理が失敗、データ検査で注意1件（支部：13 東京支部）"
    assert f"https://kenpo.example.jp/runs/{run}" in told.text
    assert ticked.skip_message == "nothing to send"


def test_the_command_shows_what_waits_and_tries_every_channel(
    world: World, tmp_path: Path, hook: Webhook, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kenpo_pipelines import cli

    def kenpo(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli.app, ["alerts", *arguments])
        return done.exit_code, done.output

    monkeypatch.setattr(cli.out, "width", 200)  # a console takes its width from the terminal once, when it is made
    monkeypatch.setenv("KENPO_HOME", str(tmp_path))
    monkeypatch.setenv("KENPO_ALERT_URLS", f"critical={mail.url} {hook.url}")
    engine = connect(f"sqlite:///{tmp_path / 'kenpo.db'}")
    upgrade(engine)
    assert kenpo()[1].strip() == "通知はまだありません"
    mail.is_refusing = True
    alerting = Alerting(world, engine, f"critical={mail.url} {hook.url}")
    world.run(MONTH, structural_rows=ROWS)
    alerting.tick()
    alerting.send()
    engine.dispose()
    code, shown = kenpo("--pending")
    assert code == 0
    assert "様式の検査（行）が不合格" in shown and "送信済み" in shown and "送信待ち（refused、1回" in shown
    code, shown = kenpo("--test")
    assert code == 1
    assert "refused" in shown and "(all): accepted" in shown
    assert "himitsu-no-kotoba" not in shown
    assert hook.received[-1].title == "[協会けんぽKPI・手元] 通知の試験"
    monkeypatch.setenv("KENPO_ALERT_URLS", "nonsense://himitsu")
    code, shown = kenpo()
    assert code == 1 and "entry 1 (nonsense://…)" in shown
