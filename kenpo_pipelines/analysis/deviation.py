"""Deviation scores (偏差値): where a branch stands among the branches, on one scale for every KPI.

What lives here: the score. What does not: which branches are compared (those with a figure of the same month), ranks, and the
weights of the incentive scheme.
"""

from collections.abc import Mapping
from decimal import Decimal, localcontext

from kenpo_pipelines.analysis.arithmetic import DIGITS, half_up

LEAST_BRANCHES = 3
"""Of two branches one always scores 60 and the other 40, which says nothing."""


def deviation_scores(values: Mapping[str, Decimal], higher_is_better: bool) -> dict[str, Decimal]:
    """Return 50 + 10·(x − mean)/SD by branch, to one decimal half-up; more than 50 is better than the mean.

    ``values`` are the branches' figures by branch code, without the nation. SD is that of the population: the branches
    are all there are. Where less is better the score is mirrored. When all are alike everybody has 50.0. Fewer than
    ``LEAST_BRANCHES`` give {}. Formula: インセンティブ制度 (指標ごとの偏差値による得点).
    """
    if len(values) < LEAST_BRANCHES:
        return {}
    count = len(values)
    with localcontext(prec=DIGITS):
        # n·(x − mean) and n·SD have no division in them, so that a score that ends in 5 is rounded from its exact value.
        total = sum(values.values(), Decimal())
        spread = (count * sum((x * x for x in values.values()), Decimal()) - total * total).sqrt()
        if not spread:
            return dict.fromkeys(values, Decimal("50.0"))
        sign = 1 if higher_is_better else -1
        return {code: half_up(50 + 10 * sign * (count * x - total) / spread, 1) for code, x in values.items()}
