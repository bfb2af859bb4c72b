"""Judgement: does a figure meet its target.

Rules (business plans of 協会けんぽ): compare at the printed precision, half-up; a tie is attained; a KPI without figure or
target is 判定不能 and never guessed; 対計画値 comes from unrounded figures. All arithmetic is exact.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.figures import Figure
from kenpo_pipelines.catalogue.model import Direction, Kind, KpiVersion
from kenpo_pipelines.catalogue.rounding import grouped, half_up, printed
from kenpo_pipelines.catalogue.targets import REASON_TEXT, Reason, Target


class Outcome(StrEnum):
    """達成, 未達成, 判定不能."""

    ATTAINED = "attained"
    NOT_ATTAINED = "not_attained"
    NOT_EVALUABLE = "not_evaluable"


OUTCOME_TEXT = {Outcome.ATTAINED: "達成", Outcome.NOT_ATTAINED: "未達成", Outcome.NOT_EVALUABLE: "判定不能"}

_LARGEST_RATIO_PCT = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of one branch, KPI and fiscal year.

    ``value`` is the figure at printed precision, ``value_text`` as shown; ``ratio_to_target_pct`` has one decimal;
    ``is_nearly_attained`` is the inferred 概ね達成 (None where it does not apply) and never replaces ``outcome``.
    """

    outcome: Outcome
    value: Decimal | None = None
    value_text: str = ""
    ratio_to_target_pct: Decimal | None = None
    reason: Reason | None = None
    is_nearly_attained: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def reason_text(self) -> str:
        """The reason in Japanese, or an empty text."""
        return REASON_TEXT[self.reason] if self.reason else ""


def judge(
    figure: Figure | None,
    target: Target,
    version: KpiVersion,
    fiscal_year: int,
    branch_code: str,
    planned_tenders: int | None = None,
    *,
    why_no_figure: Reason = Reason.NO_RESULT,
) -> Judgement:
    """Judge one figure (None: there is none, ``why_no_figure`` says why) against one target.

    Pure; never raises for what submissions may hold.
    """
    kind = version.kind_for(branch_code)
    if kind is Kind.QUALITATIVE:
        return _judge_qualitative(figure, target, why_no_figure)
    precision, unit = version.precision_for(branch_code), version.unit_for(branch_code)
    exact = figure.exact(kind, precision) if figure else None
    if figure is None or exact is None:
        return _not_evaluable(target.reason, why_no_figure)
    value = half_up(exact, precision)
    text = printed(value, precision, unit)
    notes = _mismatch_notes(figure, kind, precision, unit)
    if target.value is None or target.exact is None:
        return Judgement(Outcome.NOT_EVALUABLE, value, text, reason=target.reason or Reason.NO_TARGET, notes=notes)
    ratio = _ratio_pct(exact, target.exact)
    is_met = value >= target.value if version.direction is Direction.AT_LEAST else value <= target.value
    reason = None if is_met else _exception(figure, version, fiscal_year, planned_tenders)
    if is_met or reason is Reason.SMALL_TENDER_EXCEPTION:
        return Judgement(Outcome.ATTAINED, value, text, ratio, reason, notes=notes)
    if reason is not None:
        return Judgement(Outcome.NOT_EVALUABLE, value, text, ratio, reason, notes=notes)
    nearly = _is_nearly_attained(exact, target, version)
    return Judgement(Outcome.NOT_ATTAINED, value, text, ratio, is_nearly_attained=nearly, notes=notes)


def _ratio_pct(exact: Fraction, target: Fraction) -> Decimal | None:
    """対計画値; None for a target of zero, and for one so small that the ratio says nothing."""
    ratio = half_up(exact / target * 100, 1) if target else None
    return ratio if ratio is None or ratio < _LARGEST_RATIO_PCT else None


def _judge_qualitative(figure: Figure | None, target: Target, why_no_figure: Reason) -> Judgement:
    if figure is None or figure.is_done is None:
        return _not_evaluable(target.reason, why_no_figure)
    text = "実施" if figure.is_done else "未実施"
    if target.reason is not None:
        return Judgement(Outcome.NOT_EVALUABLE, value_text=text, reason=target.reason)
    return Judgement(Outcome.ATTAINED if figure.is_done else Outcome.NOT_ATTAINED, value_text=text)


def _not_evaluable(target_reason: Reason | None, result_reason: Reason) -> Judgement:
    """A contradiction has to be put right by the branch and is told before the missing result; other reasons after it."""
    told = target_reason if target_reason is Reason.CONTRADICTORY_TARGETS else result_reason
    return Judgement(Outcome.NOT_EVALUABLE, reason=told)


def _exception(figure: Figure, version: KpiVersion, fiscal_year: int, planned_tenders: int | None) -> Reason | None:
    """The exception for years with few tenders; at year end the tenders held are the tenders planned."""
    rule = version.small_tender_exception
    if rule is None or figure.numerator is None or figure.denominator is None:
        return None
    if figure.numerator > rule.max_numerator:
        return None
    if planned_tenders is None and figure.as_of != fiscal.year_end(fiscal_year):
        return Reason.PLAN_UNKNOWN if figure.denominator <= rule.max_planned else None
    planned = figure.denominator if planned_tenders is None else planned_tenders
    return Reason.SMALL_TENDER_EXCEPTION if planned <= rule.max_planned else None


def _is_nearly_attained(exact: Fraction, target: Target, version: KpiVersion) -> bool | None:
    rule = version.near_attainment
    if rule is None or not target.is_fixed or not target.exact or version.direction is not Direction.AT_LEAST:
        return None
    return exact / target.exact * 100 >= Fraction(rule.min_ratio_pct)


def disagreement_note(computed: Figure | None, reported: Figure, kind: Kind, precision: int, unit: str) -> str:
    """Name a reported figure that differs at printed precision from the one computed from records; '' when none does."""
    exact = computed.exact(kind, precision) if computed else None
    told = reported.exact(kind, precision)
    if exact is None or told is None or half_up(exact, precision) == half_up(told, precision):
        return ""
    values = [printed(half_up(one, precision), precision, unit) for one in (told, exact)]
    return f"報告値{values[0]}と計算値{values[1]}が一致しません"


def _mismatch_notes(figure: Figure, kind: Kind, precision: int, unit: str) -> tuple[str, ...]:
    if not figure.disagrees(kind, precision):
        return ()
    quotient, value = figure.quotient(kind), figure.value
    assert (
        quotient is not None and value is not None and figure.numerator is not None and figure.denominator is not None
    )
    counts = f"{grouped(figure.numerator)}÷{grouped(figure.denominator)}"
    own = printed(half_up(quotient, precision), precision, unit)
    return (f"報告値{printed(value, precision, unit)}が件数（{counts}＝{own}）と一致しません",)
