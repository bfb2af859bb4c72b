"""Check reports of files made in a test: the report, its page as text, its workbook as it opens."""

import datetime as dt
import io
import re
import zipfile
from pathlib import Path

import openpyxl
from submission_files import catalogue, contracts

from kenpo_pipelines.scorecards.check_report.making import report_of_check
from kenpo_pipelines.scorecards.check_report.page import check_page
from kenpo_pipelines.scorecards.check_report.report import CheckReport, ReportCell, ReportSheet
from kenpo_pipelines.scorecards.check_report.sheets import BOOK_ROOM, PAGE_ROOM, Room
from kenpo_pipelines.scorecards.check_report.workbook import check_workbook
from kenpo_pipelines.scorecards.check_report.writing import provenance_of
from kenpo_pipelines.submissions.submit import check, period_of

NOW = dt.datetime(2025, 7, 10, 3, 0, tzinfo=dt.UTC)
MONTH = "2025-06"


def report_of(path: Path, dataset: str, *, room: Room = PAGE_ROOM, is_landed: bool = False) -> CheckReport:
    """Check the file for June 2025 and return its report."""
    contract = contracts()[dataset]
    checked = check(path, contract, catalogue(), MONTH)
    return report_of_check(path, contract, checked, period_of(contract, MONTH), room, is_landed=is_landed)


def page_of(report: CheckReport) -> str:
    """The report's page."""
    return check_page(report, provenance_of(report, "0.1.0+test", NOW)).decode()


def book_bytes(report: CheckReport) -> bytes:
    """The report's workbook as bytes."""
    return check_workbook(report, provenance_of(report, "0.1.0+test", NOW))


def book_of(report: CheckReport) -> openpyxl.Workbook:
    """The report's workbook, opened with its formulas, if it had any."""
    return openpyxl.load_workbook(io.BytesIO(book_bytes(report)))


def everything_of(path: Path, dataset: str) -> str:
    """All texts of both kinds of report of a file: the page, and every part of the workbook."""
    with zipfile.ZipFile(io.BytesIO(book_bytes(report_of(path, dataset, room=BOOK_ROOM)))) as archive:
        parts = [archive.read(name).decode("utf-8", errors="replace") for name in archive.namelist()]
    return "\n".join([page_of(report_of(path, dataset)), *parts])


def cell_at(sheet: ReportSheet, row: int, column: int) -> ReportCell:
    """The cell that the sender finds at that row and column (from 1)."""
    (found,) = [one for one in sheet.rows if one.number == row]
    return found.cells[column - 1]


def anchors(page: str) -> set[str]:
    """Ids of the page's elements."""
    return set(re.findall(r'\bid="([^"]+)"', page))


def links(page: str) -> set[str]:
    """Targets of the page's links."""
    return set(re.findall(r'href="#([^"]+)"', page))
