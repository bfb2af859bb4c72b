"""Alerts of check results: a check that has begun to fail, that fails differently, or that holds again.

What lives here: comparing a result with what was last told of the check and month, and the words. What does not: finding
results (``run_ends``), and keeping and sending alerts (``telling``, ``delivery``).

The words are made of the facts that a result carries for this purpose, never of its description or evidence, which quote rows.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import dagster as dg

from kenpo_pipelines.automation.alerting.names import Names, check_text
from kenpo_pipelines.serving.outbox import CRITICAL, WARNING, Alert

FAILED, RECOVERED = "check_failed", "check_recovered"
_FAILING, _HOLDS = "failing", "holds"
_MOST_RULES = 5
_DIGEST_LENGTH = 16


@dataclass(frozen=True)
class Evaluation:
    """One result of a check on one month. ``at``: seconds since 1970. ``facts``: what ``expectations.alert_facts`` wrote."""

    asset: tuple[str, ...]
    check: str
    month: str | None
    passed: bool
    severity: str
    run_id: str
    at: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """Asset and check."""
        return f"{'/'.join(self.asset)}:{self.check}"

    @property
    def state_subject(self) -> str:
        """Under what it is remembered: asset, check and month."""
        return f"check:{self.subject}:{self.month or ''}"

    @property
    def digest(self) -> str:
        """What makes a failure another failure: its severity, the rules, the branches and the counts."""
        rules = [(one["rule"], one["failed"], one["branches"]) for one in self.facts.get("not_held", ())]
        told = [self.severity, rules, self.facts.get("branches"), self.facts.get("failed_rows")]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:_DIGEST_LENGTH]


@dataclass(frozen=True)
class CheckState:
    """What was last told of a check and month. ``at``: when the result was made that decided it, seconds since 1970."""

    state: str
    digest: str
    severity: str
    at: float

    def to_text(self) -> str:
        """Return the state as it is stored."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> "CheckState":
        """Read what :meth:`to_text` wrote."""
        return cls(**json.loads(text))


def evaluation_of(entry: Any) -> Evaluation:
    """Return the check result in an entry of Dagster's event log."""
    result: dg.AssetCheckEvaluation = entry.dagster_event.event_specific_data
    return Evaluation(
        asset=tuple(result.asset_key.path),
        check=result.check_name,
        month=result.partition,
        passed=result.passed,
        severity=CRITICAL if result.severity is dg.AssetCheckSeverity.ERROR else WARNING,
        run_id=entry.run_id,
        at=entry.timestamp,
        facts={name: result.metadata[name].value for name in _FACTS if name in result.metadata},
    )


_FACTS = ("dataset", "branches", "failed_rows", "checked_rows", "unit", "protects", "what_to_do", "not_held", "files")


def check_news(
    evaluations: Iterable[Evaluation], states: Mapping[str, str], names: Names, ui_url: str
) -> tuple[list[Alert], dict[str, str]]:
    """Return the alerts of the results, in their order, and the new states by subject.

    A failure is news when the check did not fail before or failed differently, a pass when the last thing told was a failure.
    A result that is not later than the one that decided the state has been dealt with, so results may be read again.
    """
    alerts: list[Alert] = []
    changed: dict[str, str] = {}
    for one in evaluations:
        text = changed.get(one.state_subject, states.get(one.state_subject))
        last = None if text is None else CheckState.from_text(text)
        if last is not None and one.at <= last.at:
            continue
        was_failing = last is not None and last.state == _FAILING
        if one.passed and not was_failing:
            continue
        if not one.passed and last is not None and was_failing and last.digest == one.digest:
            continue
        severity = last.severity if one.passed and last is not None else one.severity
        state = CheckState(_HOLDS if one.passed else _FAILING, "" if one.passed else one.digest, severity, one.at)
        changed[one.state_subject] = state.to_text()
        alerts.append(_alert(one, severity, names, ui_url))
    return alerts, changed


def _alert(one: Evaluation, severity: str, names: Names, ui_url: str) -> Alert:
    kind = RECOVERED if one.passed else FAILED
    what = f"{names.asset(one.asset)}：{check_text(one.check)}"
    counts = {} if one.passed else _branch_counts(one)
    return Alert(
        key=f"{kind}:{one.subject}:{one.month or ''}:{one.run_id}:{one.at!r}",
        kind=kind,
        severity=severity,
        group=one.run_id,
        month=one.month,
        dataset=one.facts.get("dataset", one.asset[-1]),
        subject=one.subject,
        title=f"{what}に合格するようになりました" if one.passed else f"{what}が不合格",
        lines=() if one.passed else tuple(_lines(one, counts, names)),
        link=f"{ui_url}/runs/{one.run_id}",
        occurred_at=dt.datetime.fromtimestamp(one.at, dt.UTC),
        branches=tuple(names.branch(code) for code in sorted(counts)),
    )


def _lines(one: Evaluation, counts: Mapping[str, int | None], names: Names) -> Iterable[str]:
    not_held = one.facts.get("not_held", ())
    for rule in not_held[:_MOST_RULES]:
        yield f"内容：{rule['what']} ― {_amount(rule)}"
    if len(not_held) > _MOST_RULES:
        yield f"内容：ほか{len(not_held) - _MOST_RULES}項目"
    if counts:
        everyone = "全支部" if names.all_branches(counts) else names.branch_list(counts)
        yield f"支部：{everyone}"
    failed, checked, unit = (one.facts.get(name) for name in ("failed_rows", "checked_rows", "unit"))
    if failed:
        yield f"件数：{checked:,}{unit}中 {failed:,}{unit}"
    if protects := one.facts.get("protects"):
        yield f"影響するKPI：{names.kpi_list(protects)}"
    for advice in one.facts.get("what_to_do", "実行の記録を開いて内容を確かめてください。").splitlines():
        yield f"対応：{advice}"


def _amount(rule: Mapping[str, Any]) -> str:
    if rule["is_broken"]:
        return "検査を実行できませんでした"
    return f"{rule['failed']:,}{rule['unit']}" if rule["failed"] else "満たされていません"


def _branch_counts(one: Evaluation) -> dict[str, int | None]:
    """Rows at fault by branch, over all rules; None where only the branch is known."""
    counts: dict[str, int | None] = dict.fromkeys(one.facts.get("branches", ()))
    for rule in one.facts.get("not_held", ()):
        for code, rows in rule["branches"]:
            if code in counts:
                counts[code] = (counts[code] or 0) + rows
    return counts
