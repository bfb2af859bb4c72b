"""Processes that are killed while they tell or send alerts, at a chosen statement or commit.

A round of sending runs in a process of multiprocessing's fork server, not in a fork of the tests' own: a thread that Apprise
has started does not live on in a fork, and the fork would wait for it for ever.
"""

import datetime as dt
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any
from unittest import mock

from pydantic import SecretStr
from sqlalchemy import Engine, event

from kenpo_pipelines.automation.alerting.channels import channels
from kenpo_pipelines.automation.alerting.delivery import deliver
from kenpo_pipelines.serving.database import connect

channels(SecretStr("json://localhost"))  # Apprise loads its plugins: once in the fork server, not in each process

_clean = multiprocessing.get_context("forkserver")


def kill_this_process_at(engine: Engine, step: int) -> None:
    """Send SIGKILL to this process before the engine's ``step``-th statement or commit, from 0."""
    left = iter(range(step))

    def count(*_: Any) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, count)


def round_killed_at(step: int, database_url: str, alert_urls: str, after: dt.timedelta) -> bool:
    """Send what is due ``after`` some time, in a process that is killed at a step; False when it ended before."""
    process = _clean.Process(target=_round, args=(step, database_url, alert_urls, after))
    with mock.patch.dict(os.environ, PYTHONPATH=str(Path(__file__).parent)):
        _clean.set_forkserver_preload([__name__])
        process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def _round(step: int, database_url: str, alert_urls: str, after: dt.timedelta) -> None:
    engine = connect(database_url)
    with engine.connect():
        pass  # what a new connection does by itself is not of interest
    kill_this_process_at(engine, step)
    deliver(engine, channels(SecretStr(alert_urls)), "production", clock=lambda: dt.datetime.now(dt.UTC) + after)
