"""Marks as the data propose them: ○ as planned, △ late or in part, × not done, ― not due yet.

What lives here: the rules, whose settings stand in ``mark_rules.yml``, and why each mark is proposed. What does not: marks that
people gave (``overrides``), judging against the target (``kenpo_pipelines.catalogue``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from kenpo_pipelines import fiscal
from kenpo_pipelines.analysis.expected import expected_path
from kenpo_pipelines.catalogue.base import Strict
from kenpo_pipelines.catalogue.model import Accumulation
from kenpo_pipelines.scorecards import view
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.serving.progress_queries import InitiativeRow, Mark
from kenpo_pipelines.yaml_loader import SAFE_LOADER

MARK_WORDS: dict[Mark, str] = {"○": "計画どおり", "△": "遅れ・一部", "×": "未達・未実施", "―": "時期未到来"}

_RULES = Path(__file__).with_name("mark_rules.yml")
_MonthNumber = Annotated[int, Field(ge=1, le=12, strict=True)]


class _Setting(Strict):
    owner: str = Field(pattern=r"^team:[a-z-]+$")
    source: str = Field(min_length=1)
    note: str = Field(min_length=1)


class BuildsUp(_Setting):
    """KPIs that grow from 0 to their target over the year."""

    kpis: tuple[str, ...] = Field(min_length=1)


class NotStarted(_Setting):
    """From which months on an initiative that has not begun is late, and not done."""

    late_from: _MonthNumber
    missed_from: _MonthNumber


class InProcurement(_Setting):
    """From which month on an initiative in procurement is late."""

    late_from: _MonthNumber


class MarkRules(Strict):
    """All settings by which marks are proposed."""

    builds_up: BuildsUp
    not_started: NotStarted
    in_procurement: InProcurement


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed mark, and why, in Japanese."""

    mark: Mark
    why: str


@cache
def mark_rules() -> MarkRules:
    """Return the rules of ``mark_rules.yml``; raises pydantic's ValidationError, which names the field, for a wrong one."""
    return MarkRules.model_validate(yaml.load(_RULES.read_text(encoding="utf-8"), Loader=SAFE_LOADER))


def propose_for_kpi(
    row: ScorecardRow, accumulation: Accumulation, last_year: Mapping[str, Decimal], rules: MarkRules
) -> Proposal:
    """Propose the mark of a KPI from its published line.

    ``last_year`` are the figures of the fiscal year before by month, fiscal year to date, in the KPI's unit.
    """
    if not view.has_figure(row):
        return Proposal("―", "実績がまだ報告されていません")
    if row.outcome == "not_evaluable":
        return Proposal("―", "目標と比べられません")
    if row.outcome == "attained":
        return Proposal("○", "目標を達成しています")
    if row.figure_as_of == fiscal.year_end(row.fiscal_year):
        return Proposal("×", "年度末の実績が目標に届いていません")
    if row.value is None:
        return Proposal("―", "年度内に実施の予定です（未実施）")
    if accumulation is Accumulation.CUMULATIVE and row.direction == "at_least":
        expected = _expected(row, last_year)
        if expected is not None:
            return _against(expected, row, row.value)
        if row.kpi_id in rules.builds_up.kpis:
            return Proposal("―", "前年度の月ごとの実績がそろわないため、年度途中では評価しません")
    if accumulation is Accumulation.YEAR_END:
        return Proposal("―", "年度末の値で評価します")
    return Proposal("△", "目標に届いていません")


def _expected(row: ScorecardRow, last_year: Mapping[str, Decimal]) -> Decimal | None:
    """Where the figure should stand by now to reach its target as last year's months went; None without all of them."""
    path = expected_path(last_year, row.target) if row.target is not None else {}
    return path.get(row.figure_as_of or "")


def _against(expected: Decimal, row: ScorecardRow, value: Decimal) -> Proposal:
    needed = view.at_precision(expected, row.precision)
    shown = view.figure_text(expected, row.precision, row.unit)
    if value >= needed:
        return Proposal("○", f"前年度と同じ進み方で目標に届く値（{shown}）以上です")
    if value <= 0:
        return Proposal("×", f"実績がありません（前年度と同じ進み方なら{shown}）")
    return Proposal("△", f"前年度と同じ進み方で目標に届く値（{shown}）を下回っています")


def propose_for_initiative(row: InitiativeRow, rules: MarkRules) -> Proposal:
    """Propose the mark of an initiative from status and execution, as of the month that its report describes."""
    if row.figure_as_of is None:
        return Proposal("―", "事業計画の段階です")
    if row.status == "契約済み" or (row.executed_yen or 0) > 0:
        return Proposal("○", "契約済み、または執行があります")
    if row.status == "調達中":
        is_late = _is_from(row.figure_as_of, rules.in_procurement.late_from)
        return Proposal("△", "調達が遅れています") if is_late else Proposal("○", "調達中です")
    if row.status == "未着手":
        if _is_from(row.figure_as_of, rules.not_started.missed_from):
            return Proposal("×", "年度末までに着手していません")
        if _is_from(row.figure_as_of, rules.not_started.late_from):
            return Proposal("△", "着手が遅れています")
        return Proposal("―", "着手の時期前です")
    return Proposal("―", "執行がまだありません")


def _is_from(month: str, first: int) -> bool:
    """True when the month is that month of the fiscal year, or a later one."""
    return _place(fiscal.split_month(month)[1]) >= _place(first)


def _place(number: int) -> int:
    return (number - 4) % 12
