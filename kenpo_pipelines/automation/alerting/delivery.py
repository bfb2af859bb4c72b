"""Delivery: what the outbox holds goes to its channels, one message per group and channel, again and again until it is taken.

What lives here: the order of one round, its bounds, when to try again, and what waits for a run to be told of as a whole. What
does not: keeping (``kenpo_pipelines.serving.outbox``), wording (``message``), and sending (``channels``).
"""

import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from kenpo_pipelines.automation.alerting import channels as sending
from kenpo_pipelines.automation.alerting.message import message_of
from kenpo_pipelines.automation.alerting.submission_reports import NOTHING, Reports
from kenpo_pipelines.serving import outbox
from kenpo_pipelines.serving.outbox import Alert, Channel, Pending

MESSAGES_PER_ROUND = 20
"""On each channel; the rest follows in the next round."""

ROUND_S = 40
"""No message is begun later in a round: Dagster ends a tick that takes longer than a minute."""

LEASE = dt.timedelta(minutes=3)
"""After this a message whose sender was never heard of again is sent once more."""

FIRST_WAIT, LONGEST_WAIT = dt.timedelta(minutes=1), dt.timedelta(hours=1)
KEPT = dt.timedelta(days=366)

HELD_AT_MOST = dt.timedelta(minutes=15)
"""How long a message waits for a run's end to be looked at by both sensors, should one of them be switched off."""

Send = Callable[..., str]
Report = Callable[[Channel, Sequence[Alert], int, float], Reports]
"""What goes with alerts on a channel: after so many attempts, made within so many seconds."""


@dataclass(frozen=True)
class Round:
    """What one round did: messages taken by channel name, and the kind of failure by channel name."""

    delivered: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        sent = [f"{name}: {count} sent" for name, count in self.delivered.items() if count]
        return "; ".join([*sent, *(f"{name}: {error}" for name, error in self.failed.items())]) or "nothing to send"


def deliver(
    engine: Engine,
    channels: Sequence[Channel],
    environment: str,
    *,
    is_held: Callable[[Pending], bool] = lambda pending: False,
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    send: Send = sending.send,
    reports: Report = lambda channel, alerts, attempts, seconds: NOTHING,
) -> Round:
    """Send what is due, on each channel what waits longest first; return what was done.

    A channel that fails is left alone for the rest of the round, and its message is tried again after 1, 2, 4 … minutes, at
    most an hour, for ever; the other channels go on, and those that have not failed lately come first. ``is_held`` says that a
    group's message is not whole yet, ``reports`` makes the files that go with it. Raises PassingFault or PermanentFault where
    the outbox cannot be read or written.
    """
    begun = clock()
    outbox.reroute(engine, channels, begun)
    delivered: dict[str, int] = {}
    failed: dict[str, str] = {}
    waiting = [(channel, outbox.pending(engine, channel.name, begun)) for channel in channels]
    waiting.sort(key=lambda one: max((group.attempts for group in one[1]), default=0))
    for channel, groups in waiting:
        delivered[channel.name] = 0
        whole = (one for one in groups if not is_held(one))
        for pending in itertools.islice(whole, MESSAGES_PER_ROUND):
            now = clock()
            if now - begun > dt.timedelta(seconds=ROUND_S):
                return Round(delivered, failed)
            # before the claim: a process killed while it makes reports has claimed nothing
            waiting_alerts = outbox.waiting(engine, channel.name, pending.group, now)
            left = ROUND_S - (now - begun).total_seconds()
            added = reports(channel, waiting_alerts, pending.attempts, left)
            notice = outbox.claim(engine, channel.name, pending.group, now=clock(), lease=LEASE)
            if notice is None:
                continue
            message = message_of(notice, environment, added.notes)
            error = send(
                channel,
                title=message.title,
                text=message.text,
                html=message.html,
                severity=message.severity,
                files=added.files,
            )
            if error:
                failed[channel.name] = error
                outbox.note_failed(engine, notice, clock(), error, clock() + _wait(notice.attempts))
                break
            outbox.note_delivered(engine, notice, clock())
            delivered[channel.name] += 1
    outbox.prune(engine, begun - KEPT)
    return Round(delivered, failed)


def _wait(attempts: int) -> dt.timedelta:
    doublings: int = 2 ** min(attempts - 1, 16)
    return min(FIRST_WAIT * doublings, LONGEST_WAIT)
