"""Scorecards: what branch managers and councils read.

What lives here: the workbook of one branch (or of 協会全体) and the workbook that compares branches, both from rows of
``mart_scorecard``. ``rows`` and ``provenance`` are the input, ``view`` says what a reader sees whatever the medium,
the ``*_workbook`` modules lay it out. What does not: judging, ranking or rounding — the mart has done that.
"""

from kenpo_pipelines.scorecards.branch_workbook import write_branch_workbook
from kenpo_pipelines.scorecards.comparison_workbook import write_comparison_workbook
from kenpo_pipelines.scorecards.provenance import Provenance, SubmissionSource
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow

__all__ = [
    "Provenance",
    "ScorecardError",
    "ScorecardRow",
    "SubmissionSource",
    "write_branch_workbook",
    "write_comparison_workbook",
]
