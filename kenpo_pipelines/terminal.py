"""What people see on the terminal: progress bars and the KPI tables.

What lives here: Rich renderables. What does not: deciding what is shown.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.judgement import OUTCOME_TEXT, Outcome
from kenpo_pipelines.serving.queries import ScorecardRow

_MARK = {Outcome.ATTAINED: ("○", "green"), Outcome.NOT_ATTAINED: ("×", "red"), Outcome.NOT_EVALUABLE: ("－", "yellow")}

_WIDE = ("KPI指標", "目標", "実績", "時点", "判定", "対計画値", "前年度実績", "順位", "備考")
_NARROW = ("KPI指標", "目標", "実績", "判定")
_RIGHT = frozenset({"実績", "時点", "対計画値", "前年度実績", "順位"})
_WIDE_FROM = 140


def progress_bar(console: Console) -> Progress:
    """Return a progress bar that disappears when it is done and stays silent where there is no terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}" if console.is_terminal else ""),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def scorecard_tables(rows: Iterable[ScorecardRow], width: int) -> Iterator[Table]:
    """Yield one table per branch, KPIs in scorecard order; a narrow terminal gets the columns that matter most."""
    names = _WIDE if width >= _WIDE_FROM else _NARROW
    for (branch, year), lines in groupby(rows, key=lambda row: (row.branch, row.fiscal_year)):
        yield _branch_table(f"{branch}　{fiscal.wareki(year)}", list(lines), names)


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
        cells: dict[str, str | Text] = {
            "KPI指標": row.kpi,
            "目標": row.target_text,
            "実績": row.value_text,
            "時点": row.figure_as_of or "",
            "判定": Text(f"{mark} {OUTCOME_TEXT[Outcome(row.outcome)]}", style=style),
            "対計画値": "" if row.ratio_to_target is None else f"{row.ratio_to_target:.1f}%",
            "前年度実績": row.prior_value_text,
            "順位": "" if row.rank is None else f"{row.rank}／{row.ranked_branches}",
            "備考": "\n".join(text for text in (row.reason_text, row.notes) if text),
        }
        table.add_row(*(cells[name] for name in names))
    return table
