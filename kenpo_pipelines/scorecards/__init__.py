"""Scorecards: what branch managers and councils read.

What lives here: workbooks and pages of one branch (or of 協会全体), of all branches side by side, of progress and of targets,
from rows of ``mart_scorecard`` and series. ``rows``, ``insight`` and ``provenance`` are the input, ``view`` and the ``*_words``
modules say what a reader sees whatever the medium, the ``*_workbook`` and ``*_sheet`` modules lay out workbooks, ``pages``
HTML; ``publication`` writes all of a month. What does not: judging, ranking or rounding — the mart has done that.
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
