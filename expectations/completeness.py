"""Which of the insurer's branches are in a dataset's rows.

What lives here: the verdict on completeness. What does not: whether the rows that are there are right (``adapter``); whether
a branch's file was refused (the ledger says so).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from expectations.fault_rows import quoted
from expectations.suite import CompletenessRule
from resources.session import Session, SessionError

NOTHING_SUBMITTED = "nothing was submitted"
"""What is said of a dataset of which no file came."""


@dataclass(frozen=True)
class Completeness:
    """``present`` and ``missing``: branch code → name, in code order; ``submissions_received`` counts files."""

    rule: CompletenessRule
    passed: bool
    present: Mapping[str, str]
    missing: Mapping[str, str]
    submissions_received: int
    is_broken: bool = False
    message: str = ""

    @property
    def is_silence(self) -> bool:
        """True when no file came at all."""
        return self.submissions_received == 0

    @property
    def missing_text(self) -> str:
        """The missing branches as people read them: 01 北海道支部、02 青森支部."""
        return "、".join(f"{code} {name}" for code, name in self.missing.items())


def check_completeness(
    session: Session,
    relation: str,
    rule: CompletenessRule,
    branches: Mapping[str, str],
    *,
    submissions_received: int,
) -> Completeness:
    """Compare the branch codes in ``relation`` with ``branches`` (code → name, without the nation).

    Codes beyond those are none of this check's business (the nation is one of them). A relation without the column has all
    branches missing and is reported as broken.
    """
    expected = dict(sorted(branches.items()))
    try:
        rows = session.fetch(branch_codes_sql(rule, relation))
    except SessionError as error:
        reason = f"the branch codes could not be read: {error.kind}"
        return Completeness(rule, False, {}, expected, submissions_received, is_broken=True, message=reason)
    found = {row[0] for row in rows}
    present = {code: name for code, name in expected.items() if code in found}
    missing = {code: name for code, name in expected.items() if code not in found}
    message = f"{len(present)} of {len(expected)} branches are there"
    if submissions_received == 0:
        message = f"{NOTHING_SUBMITTED}; {message}"
    return Completeness(rule, not missing, present, missing, submissions_received, message=message)


def branch_codes_sql(rule: CompletenessRule, relation: str) -> str:
    """Return SQL selecting the branch codes that are there."""
    return f"SELECT DISTINCT CAST({quoted(rule.column)} AS VARCHAR) FROM {relation}"
