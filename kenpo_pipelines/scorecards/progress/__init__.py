"""事業実施状況: the progress report of a branch, in the form that branches publish.

What lives here: KPIs with their quarters, activities, initiatives with budget and execution, marks of progress; the report
(``model``, ``report``) and its two media (``workbook``, ``page``). What does not: judging KPIs, reading submissions.
"""

from kenpo_pipelines.scorecards.progress.model import ProgressReport
from kenpo_pipelines.scorecards.progress.page import progress_page
from kenpo_pipelines.scorecards.progress.publishing import progress_name, write_progress
from kenpo_pipelines.scorecards.progress.report import progress_report
from kenpo_pipelines.scorecards.progress.workbook import write_progress_workbook

__all__ = [
    "ProgressReport",
    "progress_name",
    "progress_page",
    "progress_report",
    "write_progress",
    "write_progress_workbook",
]
