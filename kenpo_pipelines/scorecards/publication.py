"""All scorecards of one month, written from what the serving database has published.

What lives here: which workbooks, pages and reports there are, their names, and a hidden file beside them that says from what
they were written. What does not: their layout, what they tell (``month_facts``).
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Engine

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.scorecards.branch_workbook import write_branch_workbook
from kenpo_pipelines.scorecards.comparison_workbook import write_comparison_workbook
from kenpo_pipelines.scorecards.files import alone_in, write_atomically
from kenpo_pipelines.scorecards.month_facts import MonthFacts, public_facts, read_month
from kenpo_pipelines.scorecards.pages.branch_page import branch_page
from kenpo_pipelines.scorecards.pages.national_events import LateSubmission
from kenpo_pipelines.scorecards.pages.national_page import national_page, page_name
from kenpo_pipelines.scorecards.progress.publishing import write_progress
from kenpo_pipelines.scorecards.rows import ScorecardError, read_rows
from kenpo_pipelines.scorecards.target_comparison_files import write_target_comparison
from kenpo_pipelines.serving.queries import newest_month

COMPARISON = "comparison"
PUBLIC = "public"
"""Folder of the public edition, inside the month's."""
_NOTE = ".written.json"
_OURS = re.compile(r"(scorecard|comparison|national|progress|targets)_[^/]*\.(xlsx|html)")
"""Names that are ours to remove when a later run does not write them; whatever else lies in the folder stays."""

OnFile = Callable[[str, int], None]


def write_scorecards(
    engine: Engine,
    outputs: Path,
    catalogue: Catalogue,
    as_of: str | None = None,
    branch_code: str | None = None,
    on_file: OnFile = lambda name, total: None,
    late: Sequence[LateSubmission] | None = None,
    dataset_names: Mapping[str, str] = MappingProxyType({}),
) -> list[Path]:
    """Write what the newest published month ≤ ``as_of`` gives and return the paths, the comparison first.

    For each branch a workbook and a page, and its progress report where there is one; the comparison, the national page, and
    old targets against new; branches and nation again for the public, in a folder of its own. Files of earlier runs that are
    not written any more are removed. With ``branch_code`` only that branch's own files for internal use are written, and
    nothing is removed. ``late`` stands on the national page (None: nobody looked), with ``dataset_names`` by dataset.
    ``on_file`` is told each name before it is written, and about how many there are. Two writers of one month wait for each
    other.
    Raises :class:`ScorecardError` when the month or the branch has nothing published.
    """
    month = newest_month(engine, as_of)
    if month is None:
        asked = f" up to {as_of}" if as_of else ""
        raise ScorecardError(f"no month{asked} is published yet; run `kenpo run --month YYYY-MM` first")
    with alone_in(outputs / month) as folder:
        facts = read_month(engine, catalogue, month)
        codes = sorted(facts.by_branch) if branch_code is None else [branch_code]
        if not facts.by_branch.keys() >= set(codes):
            raise ScorecardError(f"branch {branch_code} has nothing published as of {month}")
        total = len(codes) * 2 if branch_code else (len(codes) * 2 + 2) * 2 + 2

        def told(name: str) -> None:
            on_file(name, total)

        written = [] if branch_code else _write_nation(folder, facts, late, dataset_names, told)
        written += _write_branches(folder, facts, catalogue, codes, told)
        written += _write_progress(engine, folder, facts, catalogue, branch_code, told)
        if branch_code is None:
            written += _write_targets(folder, facts, catalogue, told)
            written += _write_public(folder, facts, catalogue, told)
            _remove_others(folder, written)
        return written


def _write_nation(
    folder: Path,
    facts: MonthFacts,
    late: Sequence[LateSubmission] | None,
    dataset_names: Mapping[str, str],
    told: Callable[[str], None],
) -> list[Path]:
    """The comparison of all branches as a workbook, and the national overview as a page."""
    workbook, page = folder / f"{COMPARISON}_{facts.month}.xlsx", folder / page_name(facts.month)
    told(workbook.name)
    write_comparison_workbook(workbook, facts.rows, facts.provenance, facts.restated)
    told(page.name)
    before = read_rows(facts.previous_rows) if facts.previous_rows else []
    overview = national_page(
        read_rows(facts.rows), before, facts.series, facts.ledger, facts.restated, late, facts.provenance
    )
    return [workbook, write_atomically(page, overview)]


def _write_branches(
    folder: Path, facts: MonthFacts, catalogue: Catalogue, codes: Iterable[str], told: Callable[[str], None]
) -> list[Path]:
    """Workbook and page of each branch."""
    written = []
    for code in codes:
        name = workbook_name(catalogue, code, facts.month)
        rows, found = facts.by_branch[code], facts.insights_by_branch.get(code, ())
        restated = [one for one in facts.restated if one.branch_code == code]
        told(name)
        written.append(write_branch_workbook(folder / name, rows, facts.provenance, restated, found))
        page = (folder / name).with_suffix(".html")
        told(page.name)
        written.append(write_atomically(page, branch_page(rows, found, facts.provenance, restated)))
    return written


def _write_progress(
    engine: Engine,
    folder: Path,
    facts: MonthFacts,
    catalogue: Catalogue,
    branch_code: str | None,
    told: Callable[[str], None],
) -> list[Path]:
    """事業実施状況 of each branch that reports initiatives or activities."""
    return write_progress(
        engine, folder, catalogue, facts.month, facts.provenance, facts.rows, facts.series, branch_code, told
    )


def _write_targets(folder: Path, facts: MonthFacts, catalogue: Catalogue, told: Callable[[str], None]) -> list[Path]:
    """新旧対照: the targets of this fiscal year and the one before."""
    told("targets")
    return write_target_comparison(facts.rows, folder, catalogue, facts.month, facts.provenance)


def _write_public(folder: Path, facts: MonthFacts, catalogue: Catalogue, told: Callable[[str], None]) -> list[Path]:
    """The edition for the public: small counts of persons hidden, without late submissions and lists of files."""
    shown = public_facts(facts, catalogue)
    public = folder / PUBLIC
    return [
        *_write_nation(public, shown, None, {}, told),
        *_write_branches(public, shown, catalogue, sorted(shown.by_branch), told),
    ]


def _remove_others(folder: Path, written: Iterable[Path]) -> None:
    """Remove files of earlier runs that this one did not write: of a branch, or a report, that is no more."""
    kept = set(written)
    for place in (folder, folder / PUBLIC):
        for path in sorted(place.glob("*")):
            if path not in kept and _OURS.fullmatch(path.name) and not path.is_dir():
                path.unlink()


def remember_scorecards(outputs: Path, month: str, fingerprint: str, paths: Iterable[Path]) -> None:
    """Note from what the month's scorecards were written, as they are now."""
    folder = outputs / month
    files = {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(paths)}
    known = {"fingerprint": fingerprint, "files": files}
    write_atomically(folder / _NOTE, json.dumps(known, ensure_ascii=False, indent=1).encode())


def are_scorecards_current(outputs: Path, month: str, fingerprint: str) -> bool:
    """True when the month's scorecards were written from just this and are all there, as they were written."""
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
    """Return the paths of the files noted for the month; none when nothing is noted."""
    try:
        return [outputs / month / name for name in json.loads((outputs / month / _NOTE).read_bytes())["files"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def written_at(outputs: Path, month: str) -> dt.datetime | None:
    """Return when the month's scorecards were written last, in Tokyo; None when nothing is noted."""
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
