"""Alerts of runs: one that failed or was stopped, and the next run of its month that succeeded.

What lives here: comparing the end of a run with what was last told of its month, and the words. What does not: finding runs
that ended (``run_ends``), and keeping and sending alerts (``telling``, ``delivery``).

The message of an exception may quote a row. It is told only of the project's own errors, which hold no values; of others the
type, and what the operating system said.
"""

import datetime as dt
import errno
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.alerting.run_ends import CANCELED, FAILED, SUCCEEDED, RunEnd
from kenpo_pipelines.catalogue.model import CatalogueError
from kenpo_pipelines.lake import DamagedPartition, LakeError, MissingPartition
from kenpo_pipelines.models import ModelError
from kenpo_pipelines.scorecards.rows import ScorecardError
from kenpo_pipelines.serving.faults import PassingFault, PermanentFault
from kenpo_pipelines.serving.outbox import CRITICAL, WARNING, Alert
from kenpo_pipelines.settings import SettingsError
from kenpo_pipelines.spark_sql import UntranslatableSQL
from kenpo_pipelines.submissions.contract import ContractError
from kenpo_pipelines.submissions.landing import LandingError
from kenpo_pipelines.submissions.landing_store import LandingUnreachable
from resources.backfills import EarlierMonthFailed
from resources.engine import ModelContractError, ModelFailed
from resources.month_lock import MonthIsRunning

RUN_FAILED, RUN_RECOVERED = "run_failed", "run_recovered"

_TELLABLE = {
    one.__name__
    for one in (
        *(
            CatalogueError,
            ContractError,
            DamagedPartition,
            EarlierMonthFailed,
            LakeError,
            LandingError,
            LandingUnreachable,
        ),
        *(MissingPartition, ModelContractError, ModelError, ModelFailed, MonthIsRunning, PassingFault),
        *(PermanentFault, ScorecardError, SettingsError, UntranslatableSQL),
    )
}
"""Errors whose messages name months, files of the project, places and what to do, and nothing out of a row."""

_BLOCKED = "DagsterAssetCheckFailedError"
_BLOCKED_TEXT = "必須の検査に不合格のものがあり、この先へ進めません"
_LONGEST_REASON = 240
_MOST_STEPS = 3
_CREDENTIALS = re.compile(r"//[^/\s@]*@")
_LONG_NUMBER = re.compile(r"\d{6,}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")

_WHAT_TO_DO = (
    "実行の記録で失敗した工程を確かめ、原因を除いてから同じ月をもう一度実行してください（docs/runbooks/failed-run.md）。"
    "公表済みの数値は変わっていません。"
)
_AFTER_CHECK = (
    "下の不合格の検査に対応し、同じ月をもう一度実行してください（docs/runbooks/failed-run.md）。"
    "公表済みの数値は変わっていません。"
)
_AFTER_CANCEL = "人が止めたのでなければ、同じ月をもう一度実行してください。止まったところから続けられます。"
_AFTER_RETRY = "自動でもう一度実行されます。それも失敗すれば、あらためて通知します。"


@dataclass(frozen=True)
class Reason:
    """Why one step of a run failed. ``step`` is empty where no step had begun; ``text`` is fit to be sent."""

    step: str
    text: str
    is_blocked: bool = False


@dataclass(frozen=True)
class RunOutcome:
    """One run that ended: its end, what it ran, and why it failed. ``month`` is None for a run of no month."""

    end: RunEnd
    job: str
    month: str | None
    will_be_retried: bool = False
    reasons: tuple[Reason, ...] = ()

    @property
    def state_subject(self) -> str:
        """Under what it is remembered: the month, or the job where there is none."""
        return f"run:{self.month or self.job}"


@dataclass(frozen=True)
class RunState:
    """What was last told of a month's runs. ``at``: the end that decided it, seconds since 1970."""

    has_failed: bool
    severity: str
    at: float

    def to_text(self) -> str:
        """Return the state as it is stored."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> "RunState":
        """Read what :meth:`to_text` wrote."""
        return cls(**json.loads(text))


def run_news(
    outcomes: Iterable[RunOutcome], states: Mapping[str, str], ui_url: str
) -> tuple[list[Alert], dict[str, str]]:
    """Return the alerts of the runs, in their order, and the new states by subject.

    Every run that failed or was stopped is news; one that succeeded is, when the last thing told of its month was a failure. A
    run that did not end later than the one that decided the state has been dealt with, so runs may be read again.
    """
    alerts: list[Alert] = []
    changed: dict[str, str] = {}
    for one in outcomes:
        text = changed.get(one.state_subject, states.get(one.state_subject))
        last = None if text is None else RunState.from_text(text)
        has_failed = one.end.outcome != SUCCEEDED
        if last is not None and one.end.at <= last.at:
            continue
        if not has_failed and (last is None or not last.has_failed):
            continue
        severity = CRITICAL if one.end.outcome == FAILED and not one.will_be_retried else WARNING
        if not has_failed and last is not None:
            severity = last.severity
        changed[one.state_subject] = RunState(has_failed, severity, one.end.at).to_text()
        alerts.append(_alert(one, severity, ui_url))
    return alerts, changed


def reasons_of(failures: Iterable[tuple[str, Any]]) -> tuple[Reason, ...]:
    """Return why steps failed, at most three of them, from (step, Dagster's error or None)."""
    found = []
    for step, error in failures:
        chain = list(_chain(error))
        is_blocked = any(one.cls_name == _BLOCKED for one in chain)
        found.append(Reason(step, _BLOCKED_TEXT if is_blocked else _reason(chain), is_blocked))
    return tuple(found[:_MOST_STEPS])


def cleaned(message: str) -> str:
    """Return the first line of a message without credentials, long numbers and control characters, not too long."""
    line = next((one for one in message.strip().splitlines() if one.strip()), "")
    line = _LONG_NUMBER.sub("…", _CREDENTIALS.sub("//…@", _UNPRINTABLE.sub(" ", line))).strip()
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"


def _reason(chain: Sequence[Any]) -> str:
    """The outermost error of ours with its message, else the innermost one's type and the operating system's words in it."""
    for one in chain:
        if one.cls_name in _TELLABLE:
            return f"{one.cls_name}：{cleaned(one.message.split(': ', 1)[-1])}"
    if not chain:
        return "原因の記録がありません（プロセスが止められた可能性があります）"
    innermost = chain[-1]
    said = next((text for text in map(os.strerror, errno.errorcode) if text in innermost.message), "")
    return f"{innermost.cls_name}：{said}" if said else str(innermost.cls_name)


def _chain(error: Any) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.cause


def _alert(one: RunOutcome, severity: str, ui_url: str) -> Alert:
    what = f"{fiscal.period_label(one.month)}の処理" if one.month else f"処理 {one.job}"
    kind = RUN_RECOVERED if one.end.outcome == SUCCEEDED else RUN_FAILED
    title = {
        SUCCEEDED: f"{what}が成功し、失敗から回復しました",
        FAILED: f"{what}が失敗しました",
        CANCELED: f"{what}が途中で止められました",
    }[one.end.outcome]
    return Alert(
        key=f"{kind}:{one.end.run_id}",
        kind=kind,
        severity=severity,
        group=one.end.run_id,
        month=one.month,
        dataset="",
        subject=one.job,
        title=title,
        lines=tuple(_lines(one)),
        link=f"{ui_url}/runs/{one.end.run_id}",
        occurred_at=dt.datetime.fromtimestamp(one.end.at, dt.UTC),
    )


def _lines(one: RunOutcome) -> Iterator[str]:
    if one.end.outcome == SUCCEEDED:
        return
    for reason in one.reasons:
        if reason.step:
            yield f"工程：{reason.step}"
        yield f"原因：{reason.text}"
    if one.will_be_retried:
        yield f"対応：{_AFTER_RETRY}"
    elif one.end.outcome == CANCELED:
        yield f"対応：{_AFTER_CANCEL}"
    elif any(reason.is_blocked for reason in one.reasons):
        yield f"対応：{_AFTER_CHECK}"
    else:
        yield f"対応：{_WHAT_TO_DO}"
