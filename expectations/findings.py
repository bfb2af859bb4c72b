"""Findings: what the rules of a submission found, as rows of the lake that SQL models read.

What lives here: from outcomes to rows. What does not: what follows from a finding (``dbt_like_sql``: a branch that is held
back, a figure that is withheld, a flag beside a KPI), and telling it in Dagster (``checks``).
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from expectations.outcome import Place, RuleOutcome
from kenpo_pipelines.submissions.partitions import FINDINGS_SCHEMA

_EVERYWHERE = Place(branch_code=None, kpi_id="", as_of="", file="", fiscal_year=None, rows=0)
"""The place of a failure that is not a matter of rows."""


def findings_table(outcomes: Iterable[RuleOutcome], dataset: str, month: str) -> pa.Table:
    """Return one row for each place of each rule that was judged and did not hold; shape: ``FINDINGS_SCHEMA``.

    A check that is broken, and a rule that could not be judged, say nothing about the data and are no findings.
    """
    rows = [row for outcome in outcomes if _is_finding(outcome) for row in _rows(outcome, dataset, month)]
    return pa.Table.from_pylist(rows, schema=FINDINGS_SCHEMA)


def _is_finding(outcome: RuleOutcome) -> bool:
    return not outcome.passed and outcome.is_evaluated and not outcome.is_broken


def _rows(outcome: RuleOutcome, dataset: str, month: str) -> Iterator[dict[str, Any]]:
    rule = outcome.rule
    for place in outcome.places or (_EVERYWHERE,):
        yield {
            "known_month": month,
            "dataset": dataset,
            "rule": rule.id,
            "branch_code": place.branch_code or "",
            "kpi_id": place.kpi_id,
            "fiscal_year": place.fiscal_year,
            "as_of": place.as_of,
            "file": place.file,
            "tier": str(rule.tier),
            "severity": str(rule.severity),
            "scope": str(rule.scope),
            "failed_rows": place.rows or outcome.failed_rows,
            "checked_rows": outcome.checked_rows,
            "protects": rule.protects if rule.protects == "all" else ",".join(rule.protects),
            "text_ja": rule.description_ja,
        }
