"""Movers of the month: which branches' figures moved otherwise than everybody's.

What lives here: changes against the month before, measured by the spread of the changes among the branches. What does
not: words on pages, and flags (``dbt_like_sql/kpis/analytical_findings.sql``), which doubt a figure; a mover may be
perfectly right.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from kenpo_pipelines.analysis.arithmetic import DIGITS, half_up, mean, median, to_decimal

LEAST_BRANCHES = 5
"""With fewer there is no "everybody"."""
_TO_SIGMA = (Decimal("1.4826"), Decimal("1.2533"))
"""What scales a median and a mean absolute deviation to the standard deviation of normal figures."""


@dataclass(frozen=True, slots=True)
class Mover:
    """One branch's figure of one KPI: ``change`` = now − before in the KPI's unit.

    ``score`` is (change − median change of all branches) ÷ spread of the changes, one decimal; above 0 it rose more than
    the others. ``is_better``: that is the good direction.
    """

    kpi_id: str
    branch_code: str
    before: Decimal
    now: Decimal
    change: Decimal
    score: Decimal
    is_better: bool


def movers(
    before: Mapping[tuple[str, str], Decimal],
    now: Mapping[tuple[str, str], Decimal],
    lower_is_better: Collection[str] = (),
    most: int = 10,
    least_score: Decimal = Decimal(2),
) -> list[Mover]:
    """Return at most ``most`` movers with |score| ≥ ``least_score``, the largest first.

    ``before`` and ``now`` are figures by (kpi_id, branch_code) of two neighbouring months, branches only, not the
    nation; a pair that lacks one of them is left out. ``lower_is_better`` are KPI ids. The score is robust: the median
    in the middle, and as spread the larger of the median and the mean absolute deviation, both scaled to σ (decision
    020), so that one wild branch does not hide itself and nine that differ do not all stand out. A KPI with fewer than
    ``LEAST_BRANCHES`` pairs, or in which all moved alike, has no movers.
    """
    changes: dict[str, dict[str, Decimal]] = {}
    for kpi_id, branch_code in sorted(before.keys() & now.keys()):
        key = kpi_id, branch_code
        changes.setdefault(kpi_id, {})[branch_code] = now[key] - before[key]
    found = []
    for kpi_id, by_branch in changes.items():
        for branch_code, score in _scores(by_branch).items():
            if abs(score) >= least_score:
                key = kpi_id, branch_code
                is_better = (score < 0) == (kpi_id in lower_is_better)
                found.append(
                    Mover(kpi_id, branch_code, before[key], now[key], by_branch[branch_code], score, is_better)
                )
    return sorted(found, key=lambda one: (-abs(one.score), one.kpi_id, one.branch_code))[:most]


def _scores(changes: Mapping[str, Decimal]) -> dict[str, Decimal]:
    if len(changes) < LEAST_BRANCHES:
        return {}
    with localcontext(prec=DIGITS):
        middle = median(list(changes.values()))
        distances = [abs(change - middle) for change in changes.values()]
        spread = max(median(distances) * _TO_SIGMA[0], to_decimal(mean(distances)) * _TO_SIGMA[1])
        if not spread:
            return {}
        return {code: half_up((change - middle) / spread, 1) for code, change in changes.items()}
