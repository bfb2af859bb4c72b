"""Whether a submission may be put into landing: what ``kenpo check-file`` refuses, ``kenpo submit`` refuses too.

What lives here: that one decision. Files that reach landing by another way are read anyhow, and their faulty rows go to
quarantine.
"""

from kenpo_pipelines.submissions.submission import Checked, Problem

OUTSIDE_SCOPE = frozenset({"kpi_not_in_force", "unknown_fiscal_year"})
"""Rows about a year that the catalogue does not follow: nothing the sender could correct, so they refuse no file."""


def must_be_corrected(problem: Problem) -> bool:
    """True for a fault that the sender can and must correct."""
    return problem.fault not in OUTSIDE_SCOPE


def is_refused(submission: Checked) -> bool:
    """True when the file cannot be read, a row has a fault to correct, or no row is left to load."""
    return (
        submission.status == "refused"
        or submission.rows_loaded == 0
        or any(must_be_corrected(problem) for problem in submission.problems)
    )
