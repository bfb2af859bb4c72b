"""What people see on the terminal: progress bars and the KPI tables.

What lives here: Rich renderables. What does not: deciding what is shown.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.lateness import LateLine
from kenpo_pipelines.catalogue.judgement import OUTCOME_TEXT, Outcome
from kenpo_pipelines.scorecards import restatement_words, view
from kenpo_pipelines.serving.outbox import CRITICAL, DELIVERED, DROPPED, INFO, QUEUED, SENDING, WARNING, Told
from kenpo_pipelines.serving.queries import ScorecardRow
from kenpo_pipelines.serving.restatement_queries import Restatement

_MARK = {Outcome.ATTAINED: ("○", "green"), Outcome.NOT_ATTAINED: ("×", "red"), Outcome.NOT_EVALUABLE: ("－", "yellow")}

_SEVERITY_MARK = {CRITICAL: ("重大", "red"), WARNING: ("注意", "yellow"), INFO: ("連絡", "green")}
_DELIVERY_WORDS = {QUEUED: "送信待ち", SENDING: "送信中", DELIVERED: "送信済み", DROPPED: "宛先の廃止"}

_WIDE = ("KPI指標", "目標", "実績", "時点", "判定", "対計画値", "前年度実績", "順位", "備考")
_NARROW = ("KPI指標", "目標", "実績", "判定")
_RIGHT = frozenset({"実績", "時点", "対計画値", "前年度実績", "順位"})
_WIDE_FROM = 140
_RUN_ID = 8
"""As many letters of a run's id as the UI shows."""


def progress_bar(console: Console) -> Progress:
    """Return a progress bar that disappears when it is done and stays silent where there is no terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def scorecard_tables(rows: Iterable[ScorecardRow], width: int) -> Iterator[Table]:
    """Yield one table per branch, KPIs in scorecard order; a narrow terminal gets the columns that matter most."""
    names = _WIDE if width >= _WIDE_FROM else _NARROW
    for (branch, year), lines in groupby(rows, key=lambda row: (row.branch, row.fiscal_year)):
        yield _branch_table(f"{branch}　{fiscal.wareki(year)}", list(lines), names)


def restatement_table(restatements: Iterable[Restatement]) -> Table:
    """Return one table of restated values; it reads well from 100 columns on."""
    table = Table(
        title="遡及訂正（新しい順）", title_justify="left", box=box.SIMPLE_HEAD, show_lines=True, padding=(0, 1, 0, 0)
    )
    for name, ratio in (("時点・支部・KPI指標", 6), ("公表値", 5), ("訂正後", 5), ("原因", 8)):
        table.add_column(name, ratio=ratio, overflow="fold")
    table.add_column("訂正", width=10)
    for one in restatements:
        parts = restatement_words.parts(one)
        moment = one.restated_at.astimezone(fiscal.TOKYO)
        table.add_row(
            Text(f"{one.as_of} {one.branch}\n{fiscal.wareki(one.fiscal_year)}\n{one.kpi}"),
            Text("\n".join(f"{part.label} {part.old}" for part in parts)),
            Text("\n".join(f"{part.label} {part.new}" for part in parts)),
            Text("\n".join(restatement_words.cause_lines(one))),
            Text(f"{moment:%Y-%m-%d}\n{moment:%H:%M:%S}\n{one.new_run_id[:_RUN_ID]}"),
        )
    return table


def late_table(lines: Iterable[LateLine]) -> Table:
    """Return who has not submitted what, by period and dataset."""
    table = Table(title="期限を過ぎて届いていない提出", title_justify="left")
    for name in ("期間", "データ", "期限", "状態"):
        table.add_column(name, no_wrap=name != "状態")
    table.add_column("支部数", justify="right")
    table.add_column("支部", overflow="fold")
    for line in lines:
        table.add_row(line.period, line.dataset, f"{line.due_on}", line.reason, f"{line.count}", line.branches)
    return table


def alerts_table(told: Iterable[Told]) -> Table:
    """Return alerts as they come, with what became of each on every channel."""
    table = Table(title="通知", title_justify="left")
    for name in ("番号", "日時", "月", "", "内容", "送信"):
        table.add_column(name, no_wrap=name not in ("内容", "送信"), overflow="fold")
    for one in told:
        mark, style = _SEVERITY_MARK[one.alert.severity]
        moment = one.queued_at.astimezone(fiscal.TOKYO)
        table.add_row(
            f"{one.number}",
            f"{moment:%Y-%m-%d %H:%M}",
            one.alert.month or "",
            Text(mark, style=style),
            Text(one.alert.title),
            Text("\n".join(_delivery_lines(one))),
        )
    return table


def _delivery_lines(told: Told) -> Iterator[str]:
    if told.alert.muted_by:
        yield f"送らない（{told.alert.muted_by}）"
    elif not told.deliveries:
        yield "宛先なし"
    for one in told.deliveries:
        line = f"{one.channel} {_DELIVERY_WORDS[one.state]}"
        if one.error:
            again = one.next_attempt_at.astimezone(fiscal.TOKYO)
            line += f"（{one.error}、{one.attempts}回、次は{again:%H:%M}以降）"
        yield line


def _branch_table(title: str, rows: list[ScorecardRow], names: tuple[str, ...]) -> Table:
    table = Table(title=f"{title}（{fiscal.month_label(rows[0].as_of)}時点）", title_justify="left")
    for name in names:
        is_text = name in ("KPI指標", "備考") or (name == "目標" and names is _NARROW)
        table.add_column(
            name,
            justify="right" if name in _RIGHT else "left",
            no_wrap=not is_text,
            overflow="fold" if is_text else "ellipsis",
        )
    for row in rows:
        mark, style = _MARK[Outcome(row.outcome)]
        status = view.STATUS_WORDS[row.status]
        cells: dict[str, str | Text] = {
            "KPI指標": row.kpi,
            "目標": row.target_text,
            "実績": row.value_text if names is _WIDE else f"{row.value_text} {status}".strip(),
            "時点": f"{row.figure_as_of or ''} {status}".strip(),
            "判定": Text(f"{mark} {OUTCOME_TEXT[Outcome(row.outcome)]}", style=style),
            "対計画値": "" if row.ratio_to_target is None else f"{row.ratio_to_target:.1f}%",
            "前年度実績": row.prior_value_text,
            "順位": "" if row.rank is None else f"{row.rank}／{row.ranked_branches}",
            "備考": "\n".join(text for text in (row.reason_text, row.notes) if text),
        }
        table.add_row(*(cells[name] for name in names))
    return table
