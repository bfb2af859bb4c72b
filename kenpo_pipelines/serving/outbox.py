"""The outbox: what people must be told, kept in the serving database until every channel has taken it.

What lives here: alerts, their deliveries, and what was last told of a subject, each change in one transaction. What does not:
finding out what is wrong (``kenpo_pipelines.automation``), wording, and sending (``automation.alerting``).

Two promises. Telling: an alert is stored once by its key, in the transaction that remembers the new state of its subject, so
that a process killed at any moment has told all of it or nothing. Delivering: a message is claimed (``sending``) before it is
sent and noted after it. A process killed between the two leaves the claim, and when that runs out the very same message is sent
again under the same number, marked as a repetition. There is no other way for a message to go twice.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from kenpo_pipelines.serving.database import write_transaction
from kenpo_pipelines.serving.faults import translated
from kenpo_pipelines.serving.schema import alert_deliveries, alert_states, alerts

QUEUED, SENDING, DELIVERED, DROPPED = "queued", "sending", "delivered", "dropped"
WAITING = (QUEUED, SENDING)

CRITICAL, WARNING, INFO = "critical", "warning", "info"

_KEYS_PER_QUERY = 500


@dataclass(frozen=True)
class Channel:
    """One address that alerts go to. ``name`` tells its kind and a digest of its URL; the URL may hold a password.

    ``tags`` are severities and routes; a channel without tags gets every alert.
    """

    name: str
    url: SecretStr
    tags: frozenset[str] = frozenset()

    def takes(self, severity: str, routes: Iterable[str]) -> bool:
        """True when an alert of the severity, sent by the routes, goes to this channel."""
        return not self.tags or severity in self.tags or not self.tags.isdisjoint(routes)


@dataclass(frozen=True)
class Alert:
    """One occurrence that people are told of. Texts are Japanese and never hold a value of a submitted row.

    ``key`` names the occurrence: telling it twice is a no-op. Alerts of one ``group`` (a run id, ``late:2025-07-10``) are sent
    as one message. ``subject`` is what the alert is about: ``<asset>:<check>``, or branch codes. ``branches`` are the branches
    concerned as people read them (13 東京支部). ``routes`` are further tags of channels; ``muted_by`` names the entry of
    alerts.yml that keeps the alert from being sent.
    """

    key: str
    kind: str
    severity: str
    group: str
    month: str | None
    dataset: str
    subject: str
    title: str
    lines: tuple[str, ...]
    link: str
    occurred_at: dt.datetime
    routes: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    muted_by: str = ""


@dataclass(frozen=True)
class Pending:
    """Alerts of one group that wait for one channel. ``since``: when the first of them was queued, UTC; ``attempts`` so far."""

    group: str
    since: dt.datetime
    attempts: int = 0


@dataclass(frozen=True)
class Notice:
    """One message that was claimed for one channel. ``number`` stays the same when it is sent again.

    ``is_repetition``: an earlier sender did not live to say whether the channel took it. ``attempts`` counts this one.
    """

    number: int
    channel: str
    group: str
    alerts: tuple[Alert, ...]
    attempts: int
    is_repetition: bool
    alert_ids: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True)
class Delivery:
    """What became of one alert on one channel. ``error`` is a kind of failure, never an address."""

    channel: str
    state: str
    attempts: int
    next_attempt_at: dt.datetime
    error: str


@dataclass(frozen=True)
class Told:
    """An alert as it is stored, with its deliveries by channel name."""

    number: int
    alert: Alert
    queued_at: dt.datetime
    deliveries: tuple[Delivery, ...]


def tell(
    engine: Engine,
    told: Sequence[Alert],
    *,
    channels: Sequence[Channel],
    states: Mapping[str, str] | None = None,
    now: dt.datetime | None = None,
) -> int:
    """Queue the alerts that were not told before and remember the new states, in one transaction; return how many are new.

    Each new alert is queued for every channel that takes it; one that is muted, or that no channel takes, is stored and waits
    for nothing. Raises PassingFault or PermanentFault.
    """
    moment = now or dt.datetime.now(dt.UTC)
    if not told and not states:
        return 0
    with translated(engine, "queue alerts"), write_transaction(engine) as connection:
        known = _known_keys(connection, [one.key for one in told])
        new = {one.key: one for one in told if one.key not in known}
        for one in new.values():
            _store(connection, one, channels, moment)
        _remember(connection, states or {}, moment)
    return len(new)


def states(engine: Engine, prefix: str) -> dict[str, str]:
    """Return what was last told of every subject that begins with ``prefix``, by subject."""
    with translated(engine, "read what was told"), engine.connect() as connection:
        rows = connection.execute(
            select(alert_states.c.subject, alert_states.c.state).where(
                alert_states.c.subject.startswith(prefix, autoescape=True)
            )
        )
        return {row.subject: row.state for row in rows}


def states_of(engine: Engine, subjects: Iterable[str]) -> dict[str, str]:
    """Return what was last told of the subjects that anything was told of."""
    found: dict[str, str] = {}
    wanted = sorted(set(subjects))
    with translated(engine, "read what was told"), engine.connect() as connection:
        for start in range(0, len(wanted), _KEYS_PER_QUERY):
            part = wanted[start : start + _KEYS_PER_QUERY]
            rows = connection.execute(
                select(alert_states.c.subject, alert_states.c.state).where(alert_states.c.subject.in_(part))
            )
            found |= {row.subject: row.state for row in rows}
    return found


def pending(engine: Engine, channel: str, now: dt.datetime) -> list[Pending]:
    """Return the groups that have something for the channel which is due, those that wait longest first."""
    query = (
        select(alerts.c.alert_group, func.min(alerts.c.queued_at), func.max(alert_deliveries.c.attempts))
        .join(alert_deliveries, alert_deliveries.c.alert_id == alerts.c.alert_id)
        .where(
            alert_deliveries.c.channel == channel,
            alert_deliveries.c.state.in_(WAITING),
            alert_deliveries.c.next_attempt_at <= now,
        )
        .group_by(alerts.c.alert_group)
        .order_by(func.min(alerts.c.alert_id))
    )
    with translated(engine, "read queued alerts"), engine.connect() as connection:
        return [Pending(group, since, attempts) for group, since, attempts in connection.execute(query).tuples()]


def waiting(engine: Engine, channel: str, group: str, now: dt.datetime) -> tuple[Alert, ...]:
    """Return the alerts that :func:`claim` would take now, without taking them."""
    with translated(engine, "read queued alerts"), engine.connect() as connection:
        return tuple(_alert(row) for row in _taken(_due(connection, channel, group, now)))


def is_anything_waiting(engine: Engine) -> bool:
    """True when some channel has not taken some alert yet."""
    query = select(alert_deliveries.c.alert_id).where(alert_deliveries.c.state.in_(WAITING)).limit(1)
    with translated(engine, "read queued alerts"), engine.connect() as connection:
        return connection.execute(query).first() is not None


def claim(engine: Engine, channel: str, group: str, *, now: dt.datetime, lease: dt.timedelta) -> Notice | None:
    """Take the group's message for the channel, so that nobody else sends it for ``lease``; None when there is none (any more).

    A message that was claimed before and never noted comes first, whole and alone; otherwise all that is queued and due.
    """
    with translated(engine, "claim alerts"), write_transaction(engine) as connection:
        taken = _taken(_due(connection, channel, group, now))
        if not taken:
            return None
        notice = Notice(
            number=taken[0].alert_id,
            channel=channel,
            group=group,
            alerts=tuple(_alert(row) for row in taken),
            attempts=max(row.attempts for row in taken) + 1,
            is_repetition=taken[0].delivery_state == SENDING,
            alert_ids=tuple(row.alert_id for row in taken),
        )
        _set(connection, notice, now, state=SENDING, attempts=notice.attempts, next_attempt_at=now + lease)
    return notice


def _due(connection: Connection, channel: str, group: str, now: dt.datetime) -> list[Row[Any]]:
    return list(
        connection.execute(
            select(alerts, alert_deliveries.c.state.label("delivery_state"), alert_deliveries.c.attempts)
            .join(alert_deliveries, alert_deliveries.c.alert_id == alerts.c.alert_id)
            .where(
                alerts.c.alert_group == group,
                alert_deliveries.c.channel == channel,
                alert_deliveries.c.state.in_(WAITING),
                alert_deliveries.c.next_attempt_at <= now,
            )
            .order_by(alerts.c.alert_id)
        )
    )


def _taken(rows: list[Row[Any]]) -> list[Row[Any]]:
    """A message that was claimed before and never noted goes first, whole and alone."""
    return [row for row in rows if row.delivery_state == SENDING] or rows


def note_delivered(engine: Engine, notice: Notice, now: dt.datetime) -> None:
    """Note that the channel has taken the message."""
    with translated(engine, "note a delivery"), write_transaction(engine) as connection:
        _set(connection, notice, now, state=DELIVERED, last_error="")


def note_failed(engine: Engine, notice: Notice, now: dt.datetime, error: str, next_attempt_at: dt.datetime) -> None:
    """Note that the channel has not taken the message and when to try again. ``error``: a kind of failure, no address."""
    with translated(engine, "note a delivery"), write_transaction(engine) as connection:
        _set(connection, notice, now, state=QUEUED, last_error=error, next_attempt_at=next_attempt_at)


def reroute(engine: Engine, channels: Sequence[Channel], now: dt.datetime) -> int:
    """Give what waits for channels that are no longer configured to those that take it now; return how many alerts moved.

    A new password makes a new channel of an address; what waited for the old one must not be lost. What no channel takes now
    goes on waiting.
    """
    here = [one.name for one in channels]
    orphaned = alert_deliveries.c.state.in_(WAITING) & alert_deliveries.c.channel.not_in(here)
    moved = 0
    with translated(engine, "move queued alerts"):
        with engine.connect() as connection:
            if connection.execute(select(alert_deliveries.c.alert_id).where(orphaned).limit(1)).first() is None:
                return 0
        with write_transaction(engine) as connection:
            waiting = select(alert_deliveries.c.alert_id).where(orphaned)
            for row in connection.execute(select(alerts).where(alerts.c.alert_id.in_(waiting))).all():
                one = _alert(row)
                if not any(channel.takes(one.severity, one.routes) for channel in channels):
                    continue
                its = alert_deliveries.c.alert_id == row.alert_id
                have: set[str] = set(connection.execute(select(alert_deliveries.c.channel).where(its)).scalars())
                connection.execute(update(alert_deliveries).where(its, orphaned).values(state=DROPPED, changed_at=now))
                _queue(connection, row.alert_id, one, channels, now, besides=have)
                moved += 1
    return moved


def prune(engine: Engine, before: dt.datetime) -> int:
    """Delete alerts that were queued before the moment and wait for nothing; return how many. Keys and states older than any
    event of Dagster's are not needed to tell once."""
    with translated(engine, "delete old alerts"):
        waiting = select(alert_deliveries.c.alert_id).where(alert_deliveries.c.state.in_(WAITING))
        is_old = (alerts.c.queued_at < before) & alerts.c.alert_id.not_in(waiting)
        with engine.connect() as connection:
            if connection.execute(select(alerts.c.alert_id).where(is_old).limit(1)).first() is None:
                return 0
        with write_transaction(engine) as connection:
            old = select(alerts.c.alert_id).where(is_old)
            connection.execute(delete(alert_deliveries).where(alert_deliveries.c.alert_id.in_(old)))
            return int(connection.execute(delete(alerts).where(is_old)).rowcount)


def recent(engine: Engine, limit: int, *, only_waiting: bool = False) -> list[Told]:
    """Return the newest alerts, newest first; ``only_waiting``: those that some channel has not taken yet."""
    query = select(alerts).order_by(alerts.c.alert_id.desc()).limit(limit)
    if only_waiting:
        waiting = select(alert_deliveries.c.alert_id).where(alert_deliveries.c.state.in_(WAITING))
        query = query.where(alerts.c.alert_id.in_(waiting))
    with translated(engine, "read alerts"), engine.connect() as connection:
        rows = connection.execute(query).all()
        ids = [row.alert_id for row in rows]
        deliveries: dict[int, list[Delivery]] = {}
        for one in connection.execute(
            select(alert_deliveries).where(alert_deliveries.c.alert_id.in_(ids)).order_by(alert_deliveries.c.channel)
        ):
            delivery = Delivery(one.channel, one.state, one.attempts, one.next_attempt_at, one.last_error)
            deliveries.setdefault(one.alert_id, []).append(delivery)
    return [Told(row.alert_id, _alert(row), row.queued_at, tuple(deliveries.get(row.alert_id, ()))) for row in rows]


def _known_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        part = keys[start : start + _KEYS_PER_QUERY]
        known.update(connection.execute(select(alerts.c.alert_key).where(alerts.c.alert_key.in_(part))).scalars())
    return known


def _store(connection: Connection, one: Alert, channels: Sequence[Channel], now: dt.datetime) -> None:
    stored = connection.execute(
        insert(alerts).values(
            alert_key=one.key,
            kind=one.kind,
            severity=one.severity,
            alert_group=one.group,
            month=one.month,
            dataset=one.dataset,
            subject=one.subject,
            title=one.title,
            lines="\n".join(one.lines),
            branches="\n".join(one.branches),
            routes=",".join(one.routes),
            muted_by=one.muted_by,
            link=one.link,
            occurred_at=one.occurred_at,
            queued_at=now,
        )
    )
    assert stored.inserted_primary_key is not None
    _queue(connection, int(stored.inserted_primary_key[0]), one, channels, now)


def _queue(
    connection: Connection,
    alert_id: int,
    one: Alert,
    channels: Sequence[Channel],
    now: dt.datetime,
    besides: Iterable[str] = (),
) -> None:
    if one.muted_by:
        return
    wanted = {channel.name for channel in channels if channel.takes(one.severity, one.routes)} - set(besides)
    for name in sorted(wanted):
        connection.execute(
            insert(alert_deliveries).values(
                alert_id=alert_id,
                channel=name,
                state=QUEUED,
                attempts=0,
                next_attempt_at=now,
                last_error="",
                changed_at=now,
            )
        )


def _remember(connection: Connection, new: Mapping[str, str], now: dt.datetime) -> None:
    for subject, state in sorted(new.items()):
        found = connection.execute(
            update(alert_states).where(alert_states.c.subject == subject).values(state=state, changed_at=now)
        )
        if found.rowcount == 0:
            connection.execute(insert(alert_states).values(subject=subject, state=state, changed_at=now))


def _set(connection: Connection, notice: Notice, now: dt.datetime, **values: Any) -> None:
    connection.execute(
        update(alert_deliveries)
        .where(
            alert_deliveries.c.alert_id.in_(notice.alert_ids),
            alert_deliveries.c.channel == notice.channel,
        )
        .values(changed_at=now, **values)
    )


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        key=row.alert_key,
        kind=row.kind,
        severity=row.severity,
        group=row.alert_group,
        month=row.month,
        dataset=row.dataset,
        subject=row.subject,
        title=row.title,
        lines=_split(row.lines, "\n"),
        link=row.link,
        occurred_at=row.occurred_at,
        routes=_split(row.routes, ","),
        branches=_split(row.branches, "\n"),
        muted_by=row.muted_by,
    )


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(text.split(separator)) if text else ()
