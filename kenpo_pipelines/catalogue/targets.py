"""Targets: which number a branch's KPI is held against in a fiscal year, and where it comes from.

What lives here: the target rules (uniform, branch-set, prior year, prior year end or 80 %, qualitative), inheritance of
uniform targets, and the reasons why a target cannot be had. What does not: comparing (``judgement``).
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from kenpo_pipelines.catalogue.figures import Figure
from kenpo_pipelines.catalogue.model import Direction, Kind, KpiVersion, TargetRuleName
from kenpo_pipelines.catalogue.rounding import half_up, printed

GENERIC_FLOOR_PCT = Decimal(80)
"""Every branch is to reach 80 % by volume first; only then is it held against its own prior year end."""

PRIOR_YEAR_END_OR_80 = "80以上又は対前年度末以上"
QUALITATIVE = "実施"
_FLOOR_REPLACES = "登録は対前年度末以上ですが、前年度６月診療分が80％に達していないため、目標は80％です"
_DIRECTION_OF = {
    "以上": Direction.AT_LEAST,
    "以下": Direction.AT_MOST,
    "対前年度以上": Direction.AT_LEAST,
    "対前年度以下": Direction.AT_MOST,
    "対前年度末以上": Direction.AT_LEAST,
    PRIOR_YEAR_END_OR_80: Direction.AT_LEAST,
}
_FIXED = ("以上", "以下")
COMPARATORS = (*_DIRECTION_OF, QUALITATIVE)
"""What the column 比較 of a target submission may say."""


class Reason(StrEnum):
    """Why a KPI is 判定不能, or attained by exception."""

    CONTRADICTORY_TARGETS = "contradictory_targets"
    TARGET_UNFIT = "target_unfit"
    NO_TARGET = "no_target"
    NEW_KPI = "new_kpi"
    NO_PRIOR_RESULT = "no_prior_result"
    NO_PRIOR_JUNE = "no_prior_june"
    NO_RESULT = "no_result"
    INCOMPLETE_SUBMISSION = "incomplete_submission"
    PLAN_UNKNOWN = "plan_unknown"
    SMALL_TENDER_EXCEPTION = "small_tender_exception"


REASON_TEXT = {
    Reason.CONTRADICTORY_TARGETS: "登録された目標が互いに、またはKPIの向きと矛盾しています",
    Reason.TARGET_UNFIT: "登録された目標の種類がこのKPIに合いません",
    Reason.NO_TARGET: "目標が登録されていません",
    Reason.NEW_KPI: "【新設】前年度実績がないため目標値が定まりません",
    Reason.NO_PRIOR_RESULT: "前年度の年度末実績がないため目標値が定まりません",
    Reason.NO_PRIOR_JUNE: "前年度６月診療分の実績がないため目標値が定まりません",
    Reason.NO_RESULT: "実績の報告がまだありません",
    Reason.INCOMPLETE_SUBMISSION: "提出不備のため実績を計算できません",
    Reason.PLAN_UNKNOWN: "年間の計画入札件数が未登録です（６件以下なら達成の特例に当たります）",
    Reason.SMALL_TENDER_EXCEPTION: "計画入札６件以下・一者応札１件以下の特例により達成",
}


_LACKS_PRIOR_YEAR = (Reason.NEW_KPI, Reason.NO_PRIOR_RESULT, Reason.NO_PRIOR_JUNE)


@dataclass(frozen=True, slots=True)
class SubmittedTarget:
    """A target row as submitted: ``comparator`` is one of :data:`COMPARATORS`."""

    comparator: str
    value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TargetQuestion:
    """All that decides one target. ``prior_year_end`` and ``prior_june`` are figures of the year before, if known."""

    version: KpiVersion
    fiscal_year: int
    branch_code: str
    is_first_year: bool
    own: SubmittedTarget | None = None
    is_contradictory: bool = False
    national: SubmittedTarget | None = None
    prior_year_end: Figure | None = None
    prior_june: Figure | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A resolved target, or the reason why there is none.

    ``exact`` is the unrounded number, ``value`` the one at printed precision that judges. ``is_fixed`` is True for a
    number that was set, False for one that a prior year gave; ``rests_on_prior_year`` is True where a result of the prior
    year, reported or computed, decided which number it is (the 80 % of the generics among them) or whether there is one.
    """

    comparator: str = ""
    value: Decimal | None = None
    exact: Fraction | None = None
    text: str = ""
    source: str = ""
    is_fixed: bool = False
    rests_on_prior_year: bool = False
    reason: Reason | None = None
    notes: tuple[str, ...] = field(default=())


def sign(direction: Direction) -> str:
    """Return the comparator of the published files: '>=' or '<='."""
    return ">=" if direction is Direction.AT_LEAST else "<="


def resolve_target(question: TargetQuestion) -> Target:
    """Return the target of one branch, KPI and fiscal year; never raises for what a submission may hold."""
    version, own = question.version, question.own
    kind = version.kind_for(question.branch_code)
    if question.is_contradictory:
        return _none(question, Reason.CONTRADICTORY_TARGETS)
    if own is None:
        return _inherited(question)
    if kind is Kind.QUALITATIVE or own.comparator == QUALITATIVE:
        if kind is Kind.QUALITATIVE and own.comparator == QUALITATIVE:
            return Target(comparator="done", text=QUALITATIVE, source="submitted")
        return _none(question, Reason.TARGET_UNFIT)
    if not _fits_direction(own, version):
        return _none(question, Reason.CONTRADICTORY_TARGETS)
    if own.comparator in _FIXED:
        if own.value is None:
            return _none(question, Reason.NO_TARGET)
        return _fixed(question, own.value)
    if own.comparator == PRIOR_YEAR_END_OR_80:
        return _prior_year_end_or_80(question)
    if own.value is not None:
        return _given_prior(question, own)
    if version.target_for(question.branch_code).rule is TargetRuleName.PRIOR_YEAR_END_OR_80:
        return _prior_year_end_or_80(question, is_june_needed=False)
    return _prior(question, own.comparator)


def _fits_direction(submitted: SubmittedTarget, version: KpiVersion) -> bool:
    return _DIRECTION_OF.get(submitted.comparator) is version.direction


def _inherited(question: TargetQuestion) -> Target:
    """Return the target of a branch that registered none: only what head office sets for all is inherited."""
    rule = question.version.target_for(question.branch_code)
    match rule.rule:
        case TargetRuleName.UNIFORM:
            row = question.national
            is_usable = row is not None and row.comparator in _FIXED and _fits_direction(row, question.version)
            if row is not None and row.value is not None and is_usable:
                return _number(question, Fraction(row.value), "uniform", is_fixed=True)
            value = rule.uniform_value(question.fiscal_year)
            if value is None:
                return _none(question, Reason.NO_TARGET)
            return _number(question, Fraction(value), "uniform", is_fixed=True)
        case TargetRuleName.QUALITATIVE:
            return Target(comparator="done", text=QUALITATIVE, source="uniform")
        case TargetRuleName.PRIOR_YEAR:
            at_least = question.version.direction is Direction.AT_LEAST
            return _prior(question, "対前年度以上" if at_least else "対前年度以下")
        case TargetRuleName.PRIOR_YEAR_END_OR_80:
            return _prior_year_end_or_80(question)
        case TargetRuleName.BRANCH_SET:
            return _none(question, Reason.NO_TARGET)


def _precision(question: TargetQuestion) -> int:
    return question.version.precision_for(question.branch_code)


def _exact(question: TargetQuestion, figure: Figure | None) -> Fraction | None:
    if figure is None:
        return None
    return figure.exact(question.version.kind_for(question.branch_code), _precision(question))


def _number(question: TargetQuestion, exact: Fraction, source: str, *, is_fixed: bool, prefix: str = "") -> Target:
    value = half_up(exact, _precision(question))
    unit = question.version.unit_for(question.branch_code)
    word = "以上" if question.version.direction is Direction.AT_LEAST else "以下"
    text = printed(value, _precision(question), unit) + word
    return Target(
        comparator=sign(question.version.direction),
        value=value,
        exact=exact,
        text=f"{prefix}（{text}）" if prefix else text,
        source=source,
        is_fixed=is_fixed,
    )


def _none(question: TargetQuestion, reason: Reason, text: str = "") -> Target:
    qualitative = question.version.kind_for(question.branch_code) is Kind.QUALITATIVE
    has_comparator = reason is not Reason.CONTRADICTORY_TARGETS and not qualitative
    return Target(
        comparator=sign(question.version.direction) if has_comparator else "",
        text=text,
        reason=reason,
        rests_on_prior_year=reason in _LACKS_PRIOR_YEAR,
        notes=(REASON_TEXT[reason],),
    )


def _fixed(question: TargetQuestion, value: Decimal) -> Target:
    """A number that the branch (or head office) set; one that differs from head office's uniform target is named."""
    target = _number(question, Fraction(value), "submitted", is_fixed=True)
    uniform = question.version.target_for(question.branch_code).uniform_value(question.fiscal_year)
    if uniform is None or half_up(uniform, _precision(question)) == target.value:
        return target
    shown = printed(uniform, _precision(question), question.version.unit_for(question.branch_code))
    return replace(target, notes=(f"登録された目標が全国一律の目標（{shown}）と異なります",))


def _given_prior(question: TargetQuestion, own: SubmittedTarget) -> Target:
    """A prior-year target whose figure the submission gives: that figure stands, a different one of ours is named."""
    assert own.value is not None
    target = _number(question, Fraction(own.value), "submitted", is_fixed=False, prefix=own.comparator)
    ours = _exact(question, question.prior_year_end)
    if ours is None or half_up(ours, _precision(question)) == target.value:
        return target
    unit = question.version.unit_for(question.branch_code)
    shown = printed(half_up(ours, _precision(question)), _precision(question), unit)
    note = f"目標として提出された前年度実績と、報告済みの前年度実績（{shown}）が一致しません"
    return replace(target, notes=(note,))


def _prior(question: TargetQuestion, comparator: str) -> Target:
    exact = _exact(question, question.prior_year_end)
    if exact is None:
        reason = Reason.NEW_KPI if question.is_first_year else Reason.NO_PRIOR_RESULT
        return _none(question, reason, text=comparator)
    target = _number(question, exact, "prior_year", is_fixed=False, prefix=comparator)
    return replace(target, rests_on_prior_year=True)


def _prior_year_end_or_80(question: TargetQuestion, *, is_june_needed: bool = True) -> Target:
    """80 % for a branch under it in the June service month of the planning year, else its own prior year end."""
    june = _exact(question, question.prior_june)
    if june is not None and half_up(june, _precision(question)) < GENERIC_FLOOR_PCT:
        floor = _number(question, Fraction(GENERIC_FLOOR_PCT), "uniform", is_fixed=True)
        is_replaced = question.own is not None and question.own.comparator != PRIOR_YEAR_END_OR_80
        return replace(floor, rests_on_prior_year=True, notes=(_FLOOR_REPLACES,) if is_replaced else ())
    if june is None and is_june_needed:
        return _none(question, Reason.NO_PRIOR_JUNE, text=PRIOR_YEAR_END_OR_80)
    return _prior(question, "対前年度末以上")
