"""Frozen targets: a published judgement keeps the target it was made with, whatever is registered or restated later.

What lives here: which target stands, the one that the rules give today or one that was published, and the note that names the
difference. What does not: the rules (``targets``), what was published (``serving``).

A scorecard that is made again keeps its own targets. A target that a result of the prior year decided is kept by the later
scorecards of the fiscal year, too; a target that was registered is for later scorecards what is registered by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Kind, KpiVersion
from kenpo_pipelines.catalogue.targets import Reason, Target, sign

TargetKey = tuple[int, str, str]
"""Fiscal year, branch code, KPI."""


@dataclass(frozen=True, slots=True)
class FrozenTarget:
    """A target that a figure of a published scorecard was held against. ``used_since``: the first such scorecard's month."""

    target: Target
    used_since: str


@dataclass(frozen=True)
class PublishedTargets:
    """What was published before the judgement at hand: by the same month's scorecard, and by the newest earlier one.

    ``are_renewed``: what holds today stands, whatever was published.
    """

    own: Mapping[TargetKey, FrozenTarget] = field(default_factory=dict)
    earlier: Mapping[TargetKey, FrozenTarget] = field(default_factory=dict)
    are_renewed: bool = False


NOTHING_PUBLISHED = PublishedTargets()


@dataclass(frozen=True, slots=True)
class StandingTarget:
    """The target to judge by; ``used_since`` is None where nothing was published with it yet."""

    target: Target
    used_since: str | None = None


def standing_target(today: Target, key: TargetKey, published: PublishedTargets, version: KpiVersion) -> StandingTarget:
    """Return the target that stands: a frozen one, or ``today``'s, with a note where the two differ."""
    own, earlier = published.own.get(key), published.earlier.get(key)
    if published.are_renewed:
        used = (one.used_since for one in (own, earlier) if one is not None and _is_same(one.target, today))
        return StandingTarget(today, next(used, None))
    kept = own
    if own is None and earlier is not None and earlier.target.rests_on_prior_year and today.rests_on_prior_year:
        kept = earlier
    if kept is not None and _fits(kept.target, version, key[1]):
        notes = today.notes if _reads_alike(kept.target, today) else (_kept_note(kept, today),)
        return StandingTarget(replace(kept.target, notes=notes), kept.used_since)
    if earlier is not None and today.reason is None and not _reads_alike(earlier.target, today):
        return StandingTarget(replace(today, notes=(*today.notes, _changed_note(earlier))))
    return StandingTarget(today)


def _fits(target: Target, version: KpiVersion, branch_code: str) -> bool:
    """False where the catalogue has since turned the KPI round: it cannot be held against its old target."""
    is_qualitative = version.kind_for(branch_code) is Kind.QUALITATIVE
    return target.comparator == ("done" if is_qualitative else sign(version.direction))


def _is_same(one: Target, other: Target) -> bool:
    return _reads_alike(one, other) and one.exact == other.exact


def _reads_alike(one: Target, other: Target) -> bool:
    return (one.comparator, one.value, one.reason) == (other.comparator, other.value, other.reason)


def _kept_note(kept: FrozenTarget, today: Target) -> str:
    since = fiscal.month_label(kept.used_since)
    return f"目標は{since}の公表に用いた「{kept.target.text}」のままです（{_what_changed(kept.target, today)}）"


def _what_changed(kept: Target, today: Target) -> str:
    if kept.rests_on_prior_year and today.rests_on_prior_year:
        if today.reason is not None:
            return "前年度実績はその後なくなりました"
        return f"前年度実績は後に訂正され、今の実績によれば「{today.text}」です"
    if today.reason is Reason.CONTRADICTORY_TARGETS:
        return "登録は後に矛盾するものになりました"
    if today.reason is not None:
        return "登録は後になくなりました"
    return f"登録は後に「{today.text}」に変わりました"


def _changed_note(earlier: FrozenTarget) -> str:
    return f"目標は{fiscal.month_label(earlier.used_since)}の公表に用いた「{earlier.target.text}」から変わりました"


def exact_text(exact: Fraction | None) -> str:
    """Return an unrounded target as text that :func:`exact_number` reads back: '5395/100'; '' for none."""
    return "" if exact is None else f"{exact.numerator}/{exact.denominator}"


def exact_number(text: str) -> Fraction | None:
    """Return the number of such a text; None for ''."""
    return Fraction(text) if text else None
