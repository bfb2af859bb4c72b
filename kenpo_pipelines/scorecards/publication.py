"""All scorecards of one month, written from what the serving database has published.

What lives here: which workbooks there are, their names and their provenance, and a hidden file beside them that says from what
they were written. What does not: their layout.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from sqlalchemy import Engine

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.scorecards.branch_workbook import write_branch_workbook
from kenpo_pipelines.scorecards.comparison_workbook import write_comparison_workbook
from kenpo_pipelines.scorecards.files import alone_in, write_atomically
from kenpo_pipelines.scorecards.provenance import Origin, Provenance, SubmissionSource
from kenpo_pipelines.scorecards.rows import ScorecardError
from kenpo_pipelines.serving.queries import LedgerRow, ScorecardRow, ledger_rows, newest_month, scorecard_rows
from kenpo_pipelines.serving.restatement_queries import restatements

COMPARISON = "comparison"
_NOTE = ".written.json"


def write_scorecards(
    engine: Engine,
    outputs: Path,
    catalogue: Catalogue,
    as_of: str | None = None,
    branch_code: str | None = None,
    on_file: Callable[[str, int], None] = lambda name, total: None,
) -> list[Path]:
    """Write the workbooks of the newest published month ≤ ``as_of`` and return their paths, the comparison first.

    With ``branch_code`` only that branch's. ``on_file`` is told each name before it is written, and how many there are. Two
    writers of one month wait for each other.
    Raises :class:`ScorecardError` when the month or the branch has nothing published.
    """
    month = newest_month(engine, as_of)
    if month is None:
        asked = f" up to {as_of}" if as_of else ""
        raise ScorecardError(f"no month{asked} is published yet; run `kenpo run --month YYYY-MM` first")
    with alone_in(outputs / month) as folder:
        return _write(engine, folder, catalogue, month, branch_code, on_file)


def _write(
    engine: Engine,
    folder: Path,
    catalogue: Catalogue,
    month: str,
    branch_code: str | None,
    on_file: Callable[[str, int], None],
) -> list[Path]:
    rows = scorecard_rows(engine, month)
    by_branch: dict[str, list[ScorecardRow]] = {}
    for row in rows:
        by_branch.setdefault(row.branch_code, []).append(row)
    wanted = sorted(by_branch) if branch_code is None else [branch_code]
    if branch_code is not None and branch_code not in by_branch:
        raise ScorecardError(f"branch {branch_code} has nothing published as of {month}")
    provenance = _provenance(rows, ledger_rows(engine), month)
    restated = restatements(engine, up_to=month)
    total = len(wanted) + (branch_code is None)
    written = []
    if branch_code is None:
        name = f"{COMPARISON}_{month}.xlsx"
        on_file(name, total)
        written.append(write_comparison_workbook(folder / name, rows, provenance, restated))
    for code in wanted:
        name = workbook_name(catalogue, code, month)
        on_file(name, total)
        own = [one for one in restated if one.branch_code == code]
        written.append(write_branch_workbook(folder / name, by_branch[code], provenance, own))
    return written


def remember_scorecards(outputs: Path, month: str, fingerprint: str, paths: Iterable[Path]) -> None:
    """Note from what the month's workbooks were written, as they are now."""
    known = {"fingerprint": fingerprint, "files": {path.name: _sha256(path) for path in sorted(paths)}}
    write_atomically(outputs / month / _NOTE, json.dumps(known, ensure_ascii=False, indent=1).encode())


def are_scorecards_current(outputs: Path, month: str, fingerprint: str) -> bool:
    """True when the month's workbooks were written from just this and are all there, as they were written."""
    folder = outputs / month
    try:
        known = json.loads((folder / _NOTE).read_bytes())
        files = dict(known["files"])
        return bool(known["fingerprint"] == fingerprint) and all(
            _sha256(folder / name) == files[name] for name in files
        )
    except (OSError, ValueError, LookupError, TypeError):
        return False


def remembered_scorecards(outputs: Path, month: str) -> list[Path]:
    """Return the paths of the workbooks noted for the month; none when nothing is noted."""
    try:
        return [outputs / month / name for name in json.loads((outputs / month / _NOTE).read_bytes())["files"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def written_at(outputs: Path, month: str) -> dt.datetime | None:
    """Return when the month's workbooks were written last, in Tokyo; None when nothing is noted."""
    try:
        return dt.datetime.fromtimestamp((outputs / month / _NOTE).stat().st_mtime, tz=fiscal.TOKYO)
    except OSError:
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def workbook_name(catalogue: Catalogue, branch_code: str, month: str) -> str:
    """Return a branch workbook's file name, ASCII so that it survives mail and zip: scorecard_2025-06_13_tokyo.xlsx."""
    name = "nation" if branch_code == NATION else catalogue.branch_by_code[branch_code].name_en.lower()
    return f"scorecard_{month}_{branch_code}_{name.replace(' ', '-')}.xlsx"


def _provenance(rows: list[ScorecardRow], ledger: Iterable[LedgerRow], month: str) -> Provenance:
    newest = max(rows, key=lambda row: (row.published_at, row.run_id))
    return Provenance(
        as_of=month,
        publish_month=month,
        run_id=newest.run_id,
        written_at=newest.published_at,
        code_version=newest.code_version,
        submissions=tuple(_source(row) for row in ledger if len(row.known_month) == 4 or row.known_month <= month),
    )


def _source(row: LedgerRow) -> SubmissionSource:
    return SubmissionSource(
        dataset=row.dataset,
        known_month=row.known_month,
        file=row.file,
        file_sha256=row.file_sha256,
        received_at=row.received_at.isoformat(),
        origin=cast(Origin, row.origin),
        rows_read=row.rows_read,
        rows_loaded=row.rows_loaded,
        rows_rejected=row.rows_rejected,
        status="loaded" if row.status == "loaded" else "refused",
    )
