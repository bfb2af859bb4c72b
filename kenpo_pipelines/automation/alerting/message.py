"""Messages: the alerts of one group as one Japanese mail, in plain text and in simple HTML.

What lives here: title, order and layout. What does not: the facts (``check_failures``, ``run_failures``, ``lateness_check``).
A reader learns from the title what it is about and how bad it is, and from the first lines what to do.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.alerting.check_failures import FAILED as CHECK_FAILED
from kenpo_pipelines.automation.alerting.check_failures import RECOVERED as CHECK_RECOVERED
from kenpo_pipelines.automation.alerting.names import ENVIRONMENT_TEXT
from kenpo_pipelines.automation.alerting.run_failures import RUN_FAILED, RUN_RECOVERED
from kenpo_pipelines.serving.outbox import CRITICAL, INFO, WARNING, Alert, Notice

SEVERITY_TEXT = {CRITICAL: "重大", WARNING: "注意", INFO: "連絡"}
_KIND_TEXT = {"branches_late": "提出の遅れ", "branch_arrived": "遅れていた提出の到着"}
_RECOVERIES = (CHECK_RECOVERED, RUN_RECOVERED)
_BEFORE_TITLE = "協会けんぽKPI"
_MOST_BRANCHES, _MOST_ALERTS = 3, 60
_REPETITION = "【再送】"
_REPETITION_TEXT = (
    "この通知は同じ番号で一度送られた可能性があります（送信の直後に処理が止まり、届いたかを確かめられませんでした）。"
)


@dataclass(frozen=True)
class Message:
    """One message as a channel gets it. ``severity``: the worst of its alerts."""

    title: str
    text: str
    html: str
    severity: str


@dataclass(frozen=True)
class _Section:
    """Alerts under one heading. ``mark`` stands before the heading."""

    heading: str
    alerts: Sequence[Alert]


def message_of(notice: Notice, environment: str, notes: Sequence[str] = ()) -> Message:
    """Return the message of a claimed notice, from ``environment`` (KENPO_ENV); ``notes`` say what goes with it."""
    where = ENVIRONMENT_TEXT.get(environment, environment)
    alerts = notice.alerts
    title = f"[{_BEFORE_TITLE}・{where}] {_subject(alerts)}"
    sections = list(_sections(alerts[:_MOST_ALERTS]))
    foot = [*notes, *_links(alerts), f"通知番号：{notice.number}　環境：{where}"]
    if len(alerts) > _MOST_ALERTS:
        foot.insert(0, f"ほか{len(alerts) - _MOST_ALERTS}件は実行の記録にあります。")
    if notice.is_repetition:
        title = f"{_REPETITION}{title}"
        foot.append(_REPETITION_TEXT)
    return Message(title, _text(sections, foot), _html(sections, foot), _worst(alerts))


def trial_message(environment: str) -> Message:
    """Return the message by which a person tries the channels."""
    where = ENVIRONMENT_TEXT.get(environment, environment)
    lines = ["通知の試験です。対応は不要です。", f"環境：{where}"]
    return Message(f"[{_BEFORE_TITLE}・{where}] 通知の試験", "\n".join(lines), f"<p>{'<br/>'.join(lines)}</p>", INFO)


def _subject(alerts: Sequence[Alert]) -> str:
    months = sorted({one.month for one in alerts if one.month})
    about = f"{fiscal.period_label(months[0])}：" if len(months) == 1 else ""
    if len(alerts) == 1:
        (one,) = alerts
        is_bad = one.severity != INFO and one.kind not in _RECOVERIES
        level = f"【{SEVERITY_TEXT[one.severity]}】" if is_bad else ""
        return f"{level}{one.title if about.rstrip('：') in one.title else about + one.title}{_branches(alerts)}"
    parts = list(_counts(alerts))
    return f"{about}{'、'.join(parts)}{_branches(alerts)}"


def _counts(alerts: Sequence[Alert]) -> Iterator[str]:
    kinds = Counter(one.kind for one in alerts)
    if kinds[RUN_FAILED]:
        yield "処理が失敗"
    if kinds[RUN_RECOVERED]:
        yield "処理が回復"
    failed = Counter(one.severity for one in alerts if one.kind == CHECK_FAILED)
    if failed:
        yield "データ検査で" + "・".join(
            f"{SEVERITY_TEXT[level]}{failed[level]}件" for level in SEVERITY_TEXT if failed[level]
        )
    if kinds[CHECK_RECOVERED]:
        yield f"検査の回復{kinds[CHECK_RECOVERED]}件"
    for kind, count in kinds.items():
        if kind not in (RUN_FAILED, RUN_RECOVERED, CHECK_FAILED, CHECK_RECOVERED):
            yield f"{_KIND_TEXT.get(kind, 'お知らせ')}{count}件"


def _branches(alerts: Sequence[Alert]) -> str:
    names = sorted({name for one in alerts for name in one.branches})
    if not names:
        return ""
    rest = len(names) - _MOST_BRANCHES
    return f"（支部：{'、'.join(names[:_MOST_BRANCHES])}{f' ほか{rest}支部' if rest > 0 else ''}）"


def _sections(alerts: Sequence[Alert]) -> Iterator[_Section]:
    """What failed by severity, worst first, runs before checks; then what holds again."""
    for level, word in SEVERITY_TEXT.items():
        found = [one for one in alerts if one.severity == level and one.kind not in _RECOVERIES]
        if found:
            found.sort(key=lambda one: one.kind != RUN_FAILED)
            yield _Section(f"{word} {len(found)}件", found)
    if found := [one for one in alerts if one.kind in _RECOVERIES]:
        yield _Section(f"回復 {len(found)}件", found)


def _links(alerts: Sequence[Alert]) -> list[str]:
    return [f"実行の記録：{link}" for link in dict.fromkeys(one.link for one in alerts if one.link)]


def _worst(alerts: Sequence[Alert]) -> str:
    open_ones = [one.severity for one in alerts if one.kind not in _RECOVERIES]
    return next((level for level in SEVERITY_TEXT if level in open_ones), INFO)


def _text(sections: Sequence[_Section], foot: Sequence[str]) -> str:
    lines: list[str] = []
    for section in sections:
        lines.append(f"■ {section.heading}")
        for number, one in enumerate(section.alerts, start=1):
            lines.append(f"{number}. {one.title}")
            lines += [f"　　{line}" for line in one.lines]
        lines.append("")
    return "\n".join([*lines, *foot])


def _html(sections: Sequence[_Section], foot: Sequence[str]) -> str:
    parts: list[str] = []
    for section in sections:
        items = "".join(
            f"<li><b>{escape(one.title)}</b>{''.join(f'<br/>{escape(line)}' for line in one.lines)}</li>"
            for one in section.alerts
        )
        parts.append(f"<h3>{escape(section.heading)}</h3><ol>{items}</ol>")
    parts.append(f"<p>{'<br/>'.join(map(_linked, foot))}</p>")
    return "".join(parts)


def _linked(line: str) -> str:
    label, separator, url = line.partition("：")
    if separator and url.startswith(("http://", "https://")):
        return f'{escape(label)}：<a href="{escape(url)}">{escape(url)}</a>'
    return escape(line)
