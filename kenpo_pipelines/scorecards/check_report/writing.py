"""Where a check report goes: the kind of file by its name, and never over anything that was submitted.

What lives here: refusing a place, and writing in one step. What does not: what the file holds (``page``, ``workbook``).
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards.check_report.page import check_page
from kenpo_pipelines.scorecards.check_report.report import CheckReport
from kenpo_pipelines.scorecards.check_report.sheets import BOOK_ROOM, PAGE_ROOM, Room
from kenpo_pipelines.scorecards.check_report.workbook import check_workbook
from kenpo_pipelines.scorecards.files import write_atomically
from kenpo_pipelines.scorecards.provenance import Origin, Provenance

_MADE_BY = "kenpo check-file"
_KINDS: dict[str, tuple[Room, Callable[[CheckReport, Provenance], bytes]]] = {
    ".html": (PAGE_ROOM, check_page),
    ".xlsx": (BOOK_ROOM, check_workbook),
}


class ReportRefused(Exception):
    """The report cannot be written there; the message says why."""


def room_for(out: Path) -> Room:
    """Return how much a report of this name shows; raise :class:`ReportRefused` for a name of another kind."""
    try:
        return _KINDS[out.suffix.lower()][0]
    except KeyError:
        raise ReportRefused(f"{out.name}: a report ends in .html or .xlsx") from None


def refuse_place(out: Path, submission: Path, landing: Path) -> None:
    """Raise :class:`ReportRefused` where the report would take the place of the submission, or lie among submissions."""
    room_for(out)
    if out.is_dir():
        raise ReportRefused(f"{out} is a folder")
    folder = out.parent.resolve()
    if out.resolve() == submission.resolve() or (out.exists() and out.samefile(submission)):
        raise ReportRefused(f"{out} is the file to be checked; give the report another name")
    if folder == landing.resolve() or landing.resolve() in folder.parents:
        raise ReportRefused(f"{out} lies in landing, where only submissions belong; write the report elsewhere")


def provenance_of(report: CheckReport, code_version: str, now: dt.datetime) -> Provenance:
    """Return who made the report, and when; the kind of data is the file's own."""
    month = f"{now.astimezone(fiscal.TOKYO):%Y-%m}"
    origins: dict[str, Origin] = {"published": "published", "synthetic": "synthetic"}
    origin = origins.get(report.origin, "submission")
    return Provenance(month, month, _MADE_BY, now, code_version, (), (origin,))


def report_bytes(suffix: str, report: CheckReport, provenance: Provenance) -> bytes:
    """Return the report as the file of that kind."""
    return _KINDS[suffix.lower()][1](report, provenance)


def write_report(out: Path, report: CheckReport, provenance: Provenance) -> Path:
    """Write the report whole or not at all; return the path. Raises OSError as it came."""
    return write_atomically(out, report_bytes(out.suffix, report, provenance))
