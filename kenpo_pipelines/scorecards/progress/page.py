"""The progress report as one self-contained page.

What lives here: handing report and words to the template ``pages/progress.html.j2``. What does not: the frame of pages
(``pages.rendering``), words.
"""

from kenpo_pipelines.scorecards.pages.rendering import render
from kenpo_pipelines.scorecards.progress import words
from kenpo_pipelines.scorecards.progress.model import ProgressReport
from kenpo_pipelines.scorecards.provenance import Provenance


def progress_page(report: ProgressReport, provenance: Provenance) -> bytes:
    """Return the page as UTF-8; all text of submissions is escaped."""
    return render("progress.html.j2", title=report.title, provenance=provenance, report=report, words=words)
