"""The check report as one page without anything from outside: summary, list, marked sheets, legend.

What lives here: what the template needs. What does not: the words (``words``), the frame (``scorecards.pages``).
"""

from openpyxl.utils import get_column_letter

from kenpo_pipelines.scorecards.check_report import words
from kenpo_pipelines.scorecards.check_report.report import CheckReport, Mark
from kenpo_pipelines.scorecards.pages.rendering import render
from kenpo_pipelines.scorecards.provenance import Provenance


def check_page(report: CheckReport, provenance: Provenance) -> bytes:
    """Return the page as UTF-8. Everything that comes from the file is text in it."""
    sheets = list(enumerate(report.sheets, start=1))
    numbers = {sheet.name: number for number, sheet in sheets}
    shown = {(sheet.name, row.number) for sheet in report.sheets for row in sheet.rows}

    def link(mark: Mark) -> str:
        """Return the anchor of the marked cell or row; '' where the sheet's part shown here does not have it."""
        if (mark.sheet, mark.row) not in shown:
            return ""
        sheet = report.sheets[numbers[mark.sheet] - 1]
        place = f"s{numbers[mark.sheet]}-"
        if not mark.columns:
            return f"{place}r{mark.row}"
        return f"{place}{mark.place}" if mark.columns[0] <= sheet.width else ""

    return render(
        "check_report.html.j2",
        title=f"{words.TITLE}：{report.file}",
        provenance=provenance,
        report=report,
        sheets=sheets,
        link=link,
        letter=get_column_letter,
        words=words,
        several_sheets=len(report.sheets) > 1,
    )
