"""Planned head counts: how many persons a target means, and how many are still missing to it (残り件数).

What lives here: which KPIs are planned in heads, the rule of a branch, exact counting with it, and whether the rules fit the
catalogue. What does not: the rules (``planned_counts.yml``, ``planned_count_rules``), judging (``judgement``).

Two numbers belong to one target, and they differ. The *planned* count is what the branch's plan prints, by its own rounding.
The *attaining* count is the least with which the judgement says 達成: it compares at printed precision, so half of the last
printed decimal may be missing. 東京 plans 865 persons of 8,736 for 9.9 %, and 861 would do (9.856 → 9.9).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from math import ceil, floor

from kenpo_pipelines.catalogue.computation import Window
from kenpo_pipelines.catalogue.model import NATION, Accumulation, Catalogue, Direction, Kind, KpiVersion
from kenpo_pipelines.catalogue.planned_count_rules import PlannedCountRule, Rounding
from kenpo_pipelines.catalogue.rounding import half_up
from kenpo_pipelines.catalogue.scorecard_line import ScorecardLine


@dataclass(frozen=True, slots=True)
class PlannedCount:
    """What a target means in persons: ``planned`` by the branch's ``rule``, ``attaining`` by the judgement."""

    planned: int
    attaining: int
    rule: PlannedCountRule


def is_planned_in_heads(version: KpiVersion, branch_code: str) -> bool:
    """True for a rate to be reached in the year's course, whose denominator is the head count that the year's plan fixed.

    The catalogue says so: cumulative, more is better, and the denominator is that of the latest month, not a sum of months.
    Levels, amounts, means, counts and rates of what came in (applications, tenders, debts) are not.
    """
    return (
        version.kind_for(branch_code) is Kind.RATE
        and version.direction is Direction.AT_LEAST
        and version.accumulation is Accumulation.CUMULATIVE
        and version.computed_from is not None
        and version.computed_from.denominator.window is Window.LATEST
    )


def planned_count(
    catalogue: Catalogue,
    branch_code: str,
    fiscal_year: int,
    kpi_id: str,
    denominator: Decimal | int | None,
    target: Decimal | None,
) -> int | None:
    """Return the planned head count of the year, by the branch's own rounding.

    ``denominator`` in persons, ``target`` in per cent as printed (57.6). None where :func:`plan` gives none.
    """
    found = plan(catalogue, branch_code, fiscal_year, kpi_id, denominator, target)
    return None if found is None else found.planned


def plan(
    catalogue: Catalogue,
    branch_code: str,
    fiscal_year: int,
    kpi_id: str,
    denominator: Decimal | int | None,
    target: Decimal | None,
) -> PlannedCount | None:
    """Return planned and attaining count with the rule that gave the first.

    None where the KPI is not in force or not planned in heads, where there is no target, and where the denominator is missing
    or no head count (0, negative, a fraction).
    """
    version = catalogue.version(kpi_id, fiscal_year)
    heads = _heads(denominator)
    if version is None or not version.covers(branch_code) or not is_planned_in_heads(version, branch_code):
        return None
    rule = rule_of(catalogue, branch_code, fiscal_year, kpi_id)
    if rule is None or target is None or not heads:
        return None
    precision = version.precision_for(branch_code)
    attaining = count_attaining(heads, target, precision)
    if rule.rounding is Rounding.COUNT_FIRST:
        return PlannedCount(_upwards(Fraction(attaining), rule.to), attaining, rule)
    return PlannedCount(_rounded(_product(heads, target), rule), attaining, rule)


def rule_of(catalogue: Catalogue, branch_code: str, fiscal_year: int, kpi_id: str) -> PlannedCountRule | None:
    """Return the entry of ``planned_counts.yml`` that is closest to this branch, year and KPI; None where none holds."""
    holding = [one for one in catalogue.planned_counts if one.holds(branch_code, fiscal_year, kpi_id)]
    return max(holding, key=lambda one: one.closeness, default=None)


def remaining_count(catalogue: Catalogue, figure: ScorecardLine) -> int | None:
    """Return 残り件数: how many persons more make the planned count of the year; 0 when it is reached.

    None where the figure has no counts of its own or :func:`plan` gives no plan.
    """
    planned = planned_count(
        catalogue, figure.branch_code, figure.fiscal_year, figure.kpi_id, figure.denominator, figure.target
    )
    counted = _heads(figure.numerator)
    return None if planned is None or counted is None else max(0, planned - counted)


def count_attaining(denominator: int, target: Decimal, precision: int) -> int:
    """Return the least numerator whose rate, rounded half-up to ``precision`` decimals, reaches the target.

    ``denominator`` in persons, above 0; raises ValueError for another one.
    """
    if denominator <= 0:
        raise ValueError(f"a rate of {denominator} persons says nothing")
    enough = Fraction(half_up(target, precision)) - Fraction(1, 2 * 10**precision)
    return max(0, ceil(enough * denominator / 100))


def printed_target(count: int, denominator: int, precision: int) -> Decimal:
    """Return the target in per cent that a branch prints which decides the count first: 10,670 of 34,227 → 31.2.

    ``denominator`` in persons, above 0; raises ValueError for another one.
    """
    if denominator <= 0:
        raise ValueError(f"a rate of {denominator} persons says nothing")
    return half_up(Fraction(count, denominator) * 100, precision)


def planned_count_faults(catalogue: Catalogue) -> Iterator[str]:
    """Yield what is wrong with ``planned_counts.yml``: unknown names, one case twice, years without a general one."""
    rules = catalogue.planned_counts
    for number, rule in enumerate(rules):
        where = f"planned_counts.yml: entry {number}"
        if rule.branch_code is not None and rule.branch_code not in catalogue.branch_by_code:
            yield f"{where}: branch_code: no branch {rule.branch_code}"
        for kpi_id in rule.kpis:
            kpi = catalogue.kpi_by_id.get(kpi_id)
            if kpi is None or not any(is_planned_in_heads(one, rule.branch_code or NATION) for one in kpi.versions):
                yield f"{where}: kpis: {kpi_id} is no KPI that is planned in heads"
    for year in (one.fiscal_year for one in catalogue.fiscal_years):
        of_year = [(number, rule) for number, rule in enumerate(rules) if year in rule.fiscal_years]
        if not any(rule.closeness == (False, False) for _, rule in of_year):
            yield f"planned_counts.yml: fiscal year {year} has no entry for all branches and KPIs"
        for (first, one), (second, other) in combinations(of_year, 2):
            share_a_kpi = not one.kpis or not other.kpis or not set(one.kpis).isdisjoint(other.kpis)
            if one.branch_code == other.branch_code and one.closeness == other.closeness and share_a_kpi:
                yield f"planned_counts.yml: entry {second}: entry {first} says the same of fiscal year {year}"


def _product(heads: int, target: Decimal) -> Fraction:
    return heads * Fraction(target) / 100


def _rounded(exact: Fraction, rule: PlannedCountRule) -> int:
    match rule.rounding:
        case Rounding.FLOOR:
            return max(0, floor(exact / rule.to) * rule.to)
        case Rounding.HALF_UP:
            return max(0, int(half_up(exact / rule.to, 0)) * rule.to)
        case _:
            return _upwards(exact, rule.to)


def _upwards(exact: Fraction, to: int) -> int:
    return max(0, ceil(exact / to) * to)


def _heads(number: Decimal | int | None) -> int | None:
    """The number as a head count; None for none, a fraction or a negative number."""
    if number is None or number < 0 or number != int(number):
        return None
    return int(number)
