"""新旧対照: the KPIs and targets of two fiscal years side by side, by branch, as published in one month.

What lives here: what became of each KPI and its target, what may be compared with what, and the last result beside. What does
not: the words a reader sees (``target_words``), the workbook and the page (``target_comparison_workbook``,
``pages.target_comparison_page``), resolving targets (the mart has done that).

Which KPIs there are comes from the catalogue, so that a KPI of the old year is told as ended even where a branch registered
nothing for that year. Targets and results come from the published rows and are never filled in.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Branch, Catalogue, Kpi, TargetRuleName
from kenpo_pipelines.scorecards import view
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow, read_rows

_PRIOR_RULES = (TargetRuleName.PRIOR_YEAR, TargetRuleName.PRIOR_YEAR_END_OR_80)


class Change(StrEnum):
    """What became of a KPI's target from the old fiscal year to the new one."""

    NEW = "new"
    CHANGED = "changed"
    KEPT = "kept"
    ENDED = "ended"
    UNKNOWN = "unknown"
    """The KPI goes on, but one of the two targets is not registered or contradicts itself."""


@dataclass(frozen=True)
class Comparability:
    """Whether figures of the two years may be compared; None where there is nothing to compare with. ``reason`` in Japanese."""

    is_comparable: bool | None
    reason: str = ""


@dataclass(frozen=True)
class LastResult:
    """The old year's result at printed precision, as known in the comparison's month; ``month`` is its own."""

    value: Decimal | None
    text: str
    month: str | None


@dataclass(frozen=True)
class TargetLine:
    """One KPI of one branch. ``old`` and ``new`` are its published rows of the two years, None where there is none.

    ``difference`` is new − old target as printed, in the KPI's unit (points for per cent); it and ``is_stricter`` are None
    where the targets are no comparable numbers. ``distance`` is new target − the old year's result, known for whole years only.
    ``relative`` is the Japanese name of a new KPI's predecessor or of an ended one's successor. ``ended_in`` is a month of
    either year after which the KPI has no figure. ``is_prior_year_rule``: both years take the target from the year before them.
    ``becomes_prior_year``: True where a number that was set gives way to the result of the year before, False the other way
    round, None where the way of setting the target stays.
    """

    kpi: Kpi
    change: Change
    old: ScorecardRow | None
    new: ScorecardRow | None
    comparability: Comparability
    last: LastResult | None = None
    difference: Decimal | None = None
    is_stricter: bool | None = None
    distance: Decimal | None = None
    relative: str = ""
    ended_in: str | None = None
    is_redefined: bool = False
    is_prior_year_rule: bool = False
    becomes_prior_year: bool | None = None

    @property
    def shown(self) -> ScorecardRow | None:
        """The row that knows unit and precision: the new one, else the old."""
        return self.new or self.old


@dataclass(frozen=True)
class BranchTargets:
    """One branch's lines in scorecard order; ``has_old`` and ``has_new`` tell whether the year has any published row."""

    branch_code: str
    branch: str
    lines: tuple[TargetLine, ...]
    has_old: bool
    has_new: bool

    @property
    def counts(self) -> dict[Change, int]:
        """How many lines there are of each change, in the order of :class:`Change`."""
        counted = Counter(line.change for line in self.lines)
        return {change: counted[change] for change in Change}

    @property
    def by_group(self) -> dict[str, list[TargetLine]]:
        """The lines by KPI group, groups in the order of their first KPI."""
        groups: dict[str, list[TargetLine]] = {}
        for line in self.lines:
            groups.setdefault(line.kpi.group, []).append(line)
        return groups


@dataclass(frozen=True)
class TargetComparison:
    """Both years of every branch that has published rows of either, the nation first, then in code order.

    ``left_out`` names the branches that have none.
    """

    as_of: str
    old_year: int
    new_year: int
    branches: tuple[BranchTargets, ...]
    left_out: tuple[str, ...]

    @property
    def title(self) -> str:
        """新旧対照　令和６年度 → 令和７年度 KPI目標（令和７年６月時点）."""
        years = f"{fiscal.wareki(self.old_year)} → {fiscal.wareki(self.new_year)}"
        return f"新旧対照　{years} KPI目標（{fiscal.month_label(self.as_of)}時点）"


def compare_targets(
    catalogue: Catalogue, rows: Iterable[ScorecardRow | Mapping[str, Any] | object], new_year: int | None = None
) -> TargetComparison:
    """Compare the targets of ``new_year`` (by default as_of's own fiscal year) with those of the year before.

    ``rows`` are rows of ``mart_scorecard`` for one as_of, of any branches and fiscal years; those of other years are not looked
    at. A branch without a row of either year has no table. Raises :class:`ScorecardError` for rows that make no scorecard, and
    where :func:`has_year_before` is False.
    """
    typed = read_rows(rows)
    year = fiscal.fiscal_year_of(typed[0].as_of) if new_year is None else new_year
    if not has_year_before(catalogue, year):
        raise ScorecardError(f"fiscal year {year - 1} has no KPIs to compare those of {year} with")
    by_branch: dict[str, dict[int, dict[str, ScorecardRow]]] = {}
    for row in typed:
        if row.fiscal_year in (year - 1, year):
            years = by_branch.setdefault(row.branch_code, {year - 1: {}, year: {}})
            years[row.fiscal_year][row.kpi_id] = row
    branches = tuple(
        _branch(catalogue, code, year, years[year - 1], years[year]) for code, years in sorted(by_branch.items())
    )
    left_out = tuple(one.name for one in sorted(catalogue.branches, key=_code) if one.code not in by_branch)
    return TargetComparison(typed[0].as_of, year - 1, year, branches, left_out)


def _code(branch: Branch) -> str:
    return branch.code


def has_year_before(catalogue: Catalogue, year: int) -> bool:
    """False for the first fiscal year that is judged: every KPI would be told as new."""
    before = catalogue.fiscal_year_by_number.get(year - 1)
    return before is not None and before.is_judged


def _branch(
    catalogue: Catalogue, code: str, year: int, old: Mapping[str, ScorecardRow], new: Mapping[str, ScorecardRow]
) -> BranchTargets:
    known = catalogue.branch_by_code.get(code)
    name = known.name if known else next(iter([*new.values(), *old.values()])).branch
    before, after = ({kpi.id: kpi for kpi in catalogue.in_force(one, code)} for one in (year - 1, year))
    lines = []
    for kpi in sorted({**before, **after}.values(), key=lambda kpi: kpi.order):
        if kpi.id not in before:
            lines.append(_begun(catalogue, kpi, year, new.get(kpi.id)))
        elif kpi.id not in after:
            lines.append(_ended(kpi, year, old.get(kpi.id), after.values()))
        else:
            lines.append(_continued(kpi, code, year, old.get(kpi.id), new.get(kpi.id)))
    return BranchTargets(code, name, tuple(lines), has_old=bool(old), has_new=bool(new))


def _begun(catalogue: Catalogue, kpi: Kpi, year: int, new: ScorecardRow | None) -> TargetLine:
    if kpi.predecessor is None:
        return TargetLine(kpi, Change.NEW, None, new, Comparability(None), ended_in=_ended_in(kpi, year))
    comparability = Comparability(kpi.predecessor.comparable, kpi.predecessor.reason_ja)
    name = catalogue.kpi_by_id[kpi.predecessor.kpi].names.ja
    return TargetLine(kpi, Change.NEW, None, new, comparability, relative=name, ended_in=_ended_in(kpi, year))


def _ended(kpi: Kpi, year: int, old: ScorecardRow | None, of_new_year: Iterable[Kpi]) -> TargetLine:
    successor = next((one for one in of_new_year if one.predecessor and one.predecessor.kpi == kpi.id), None)
    comparability, name = Comparability(None), ""
    if successor is not None and successor.predecessor is not None:
        comparability = Comparability(successor.predecessor.comparable, successor.predecessor.reason_ja)
        name = successor.names.ja
    ended_in = _ended_in(kpi, year - 1)
    return TargetLine(kpi, Change.ENDED, old, None, comparability, _last_result(old), relative=name, ended_in=ended_in)


def _continued(kpi: Kpi, code: str, year: int, old: ScorecardRow | None, new: ScorecardRow | None) -> TargetLine:
    before, after = kpi.version(year - 1), kpi.version(year)
    assert before is not None and after is not None
    last = _last_result(old)
    is_redefined = before is not after and not after.is_comparable_with_previous
    comparability = Comparability(not is_redefined, after.redefinition_ja if is_redefined else "")
    rules = before.target_for(code).rule, after.target_for(code).rule
    were_prior = [rule in _PRIOR_RULES or _is_prior(row) for rule, row in zip(rules, (old, new), strict=True)]
    difference = None if is_redefined else _difference(old, new)
    change = _change(old, new, were_prior, is_redefined=is_redefined)
    return TargetLine(
        kpi,
        change,
        old,
        new,
        comparability,
        last,
        difference=difference,
        is_stricter=_is_stricter(difference, new),
        distance=None if is_redefined else _distance(last, old, new, year),
        ended_in=_ended_in(kpi, year - 1, year),
        is_redefined=is_redefined,
        is_prior_year_rule=all(were_prior),
        becomes_prior_year=were_prior[1] if change is Change.CHANGED and were_prior[0] != were_prior[1] else None,
    )


def _change(
    old: ScorecardRow | None, new: ScorecardRow | None, were_prior: list[bool], *, is_redefined: bool
) -> Change:
    if is_redefined:
        return Change.CHANGED
    if old is None or new is None or not _is_stated(old) or not _is_stated(new):
        return Change.UNKNOWN
    if were_prior[0] != were_prior[1] or old.comparator != new.comparator:
        return Change.CHANGED
    if old.target is not None and new.target is not None:
        return Change.KEPT if _printed(old) == _printed(new) else Change.CHANGED
    # At least one has no number: the rule goes on (対前年度以上, 実施), or a word has become a number.
    is_same_rule = all(were_prior) or (old.target is None and new.target is None)
    return Change.KEPT if is_same_rule else Change.CHANGED


def _is_stated(row: ScorecardRow) -> bool:
    """True where the year says what it wants: a number, 実施 or 対前年度以上; contradictions have no comparator."""
    has_words = row.target_text.strip() not in ("", view.NONE_MARK)
    return row.comparator != "" and (row.target is not None or has_words)


def _is_prior(row: ScorecardRow | None) -> bool:
    return row is not None and (row.target_source == "prior_year" or "前年度" in row.target_text)


def _printed(row: ScorecardRow) -> Decimal | None:
    return None if row.target is None else view.at_precision(row.target, row.precision)


def _difference(old: ScorecardRow | None, new: ScorecardRow | None) -> Decimal | None:
    """New − old target as printed; None where one is no number, or they are of different units or directions."""
    if old is None or new is None or (old.unit, old.comparator) != (new.unit, new.comparator):
        return None
    before, after = _printed(old), _printed(new)
    return None if before is None or after is None else after - before


def _is_stricter(difference: Decimal | None, new: ScorecardRow | None) -> bool | None:
    if not difference or new is None:
        return None
    return (difference > 0) == (new.direction == "at_least")


def _distance(last: LastResult | None, old: ScorecardRow | None, new: ScorecardRow | None, year: int) -> Decimal | None:
    """New target − the old year's result as printed; None in mid-year, when most results are only a part of the year's."""
    if last is None or last.value is None or old is None or new is None or old.unit != new.unit:
        return None
    target = _printed(new)
    return None if target is None or last.month != fiscal.year_end(year - 1) else target - last.value


def _last_result(old: ScorecardRow | None) -> LastResult | None:
    if old is None or not view.has_figure(old):
        return None
    value = None if old.value is None else view.at_precision(old.value, old.precision)
    text = old.value_text if value is None else view.figure_text(value, old.precision, old.unit)
    return LastResult(value, text, old.figure_as_of)


def _ended_in(kpi: Kpi, *years: int) -> str | None:
    """The month of one of the years after which the KPI has no figure."""
    months = [v.ended_in for year in years if (v := kpi.version(year)) is not None and v.ended_in is not None]
    return next((month for month in months if fiscal.fiscal_year_of(month) in years), None)
