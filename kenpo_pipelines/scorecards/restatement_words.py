"""A restatement in words, for whatever medium: what was published, what stands now, and why.

What lives here: Japanese labels and which parts of a line are told. What does not: sheets (``restatement_sheet``), terminals.
"""

from dataclasses import dataclass
from decimal import Decimal

from kenpo_pipelines.scorecards import view
from kenpo_pipelines.serving.restatement_queries import Outcome, Restatement, RestatementFile

NO_RESTATEMENTS = "遡及訂正はありません（公表した値は、いずれも最初に公表したときのままです）。"
_FILE_CHANGES = {"appeared": "追加", "removed": "取消", "reread": "読み取りの変更"}


@dataclass(frozen=True)
class Part:
    """One part of a line that changed: 実績, 57.6%, 57.7%."""

    label: str
    old: str
    new: str


def parts(one: Restatement) -> list[Part]:
    """Return the parts that changed, the figure first; ― stands for what there was not."""
    pairs = (
        ("実績", one.old_value_text, one.new_value_text),
        ("分子", _number(one.old_numerator), _number(one.new_numerator)),
        ("分母", _number(one.old_denominator), _number(one.new_denominator)),
        ("実績の時点", one.old_figure_as_of or "", one.new_figure_as_of or ""),
        ("目標", one.old_target_text, one.new_target_text),
        ("判定", _outcome(one.old_outcome), _outcome(one.new_outcome)),
    )
    return [Part(label, old or view.NONE_MARK, new or view.NONE_MARK) for label, old, new in pairs if old != new]


def cause_lines(one: Restatement) -> list[str]:
    """Return the causes, and the submissions that may have changed the line, one each."""
    return [*one.cause_text.splitlines(), *map(file_label, one.files)]


def file_label(file: RestatementFile) -> str:
    """Return a submission as a reader finds it: kpi_results 2025-05 五月.csv（追加）."""
    return f"{file.dataset} {file.known_month} {file.file}（{_FILE_CHANGES[file.change]}）"


def _number(value: Decimal | None) -> str:
    if value is None:
        return ""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _outcome(outcome: Outcome) -> str:
    return view.OUTCOME_WORDS[outcome] if outcome else "（掲載なし）"
