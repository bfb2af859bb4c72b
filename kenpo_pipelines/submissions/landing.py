"""The landing folder: which submissions there are, and how one is put there.

What lives here: paths, names and times. What does not: what a file holds (``reading``).
Layout: ``landing/<dataset>/<YYYY-MM>/<file>``, for yearly datasets ``landing/<dataset>/<YYYY>/<file>``.
"""

import datetime as dt
import itertools
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kenpo_pipelines import fiscal
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault, detail
from kenpo_pipelines.submissions.outside import Entry, entries, entry_at, is_fit, open_file, sha256, shown_name

SUFFIXES = (".csv", ".csv.gz", ".xlsx")
TEMPORARY = ".tmp-"
_IGNORED = (".", "~$")
_MONTH_FOLDER = r"[0-9]{4}-(0[1-9]|1[0-2])"
_YEAR_FOLDER = r"[0-9]{4}"
_ORIGINS = ("published", "synthetic")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LATEST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC) - _EPOCH
"""A file's time is set by whoever puts it there, and may lie where no calendar reaches."""


class LandingError(Exception):
    """A submission cannot be put into landing; the message says why and what to do."""


@dataclass(frozen=True, order=True)
class LandedFile:
    """One file in landing, or whatever else lies in its place. ``folder`` is ``YYYY-MM`` or ``YYYY``; ``status`` is as it was
    listed: the file may be gone when it is read."""

    dataset: str
    folder: str
    path: Path
    status: os.stat_result = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The file's name as it is recorded and shown."""
        return shown_name(self.path.name)

    @property
    def received_at(self) -> str:
        """When the file arrived, ISO 8601 in UTC: its modification time, which copying tools can preserve."""
        return arrival(self.status.st_mtime_ns)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.status.st_size

    @property
    def origin(self) -> str:
        """What the data are: a name that begins with ``published-`` or ``synthetic-`` says so, else a submission."""
        word = self.path.name.partition("-")[0]
        return word if word in _ORIGINS else "submission"


def arrival(modified_ns: int) -> str:
    """Return a modification time (nanoseconds since 1970) as the time of arrival, ISO 8601 in UTC to the microsecond."""
    modified = dt.timedelta(microseconds=max(modified_ns // 1000, 0))
    return (_EPOCH + min(modified, _LATEST)).isoformat(timespec="microseconds")


def landed_files(landing: Path, contract: Contract, month: str) -> list[LandedFile]:
    """Return the submissions that the run of ``month`` reads, ascending; whatever lies there, so that nothing is overlooked.
    What cannot be read (a link, a folder …) is refused when it is.

    For a monthly dataset those of the month's folder. For a yearly one all of them: a plan registered for a later year may
    hold the targets of an earlier one too, and each row says which year it is of.
    """
    dataset = contract.dataset.id
    base = landing / dataset
    folders = [month] if contract.dataset.folder == "month" else yearly_folders(landing, contract)
    return [
        LandedFile(dataset, folder, entry.path, entry.status)
        for folder in folders
        for entry in _submissions(base, folder)
    ]


def _submissions(base: Path, folder: str) -> list[Entry]:
    """Return what lies in a folder; the folder itself where it is a link, no folder, or may not be listed."""
    place = entry_at(base / folder) if _is_real_folder(base) else None
    if place is None:
        return []
    if not place.is_folder:
        return [place]
    try:
        return [entry for entry in entries(place.path) if _is_submission(entry)]
    except FileFault:
        return [place]


def unread_paths(landing: Path, contracts: Mapping[str, Contract]) -> list[str]:
    """Return what no run will ever read, relative to landing: files outside of a month's folder, folders of unknown
    datasets, months (or years) that are misspelt, links in place of a dataset's folder."""
    return sorted(
        shown_name(entry.path.relative_to(landing).as_posix())
        for top in entries(landing)
        if _is_submission(top)
        for entry in (_unread_of(top, contracts) if top.is_folder else [top])
    )


def _unread_of(dataset: Entry, contracts: Mapping[str, Contract]) -> list[Entry]:
    """Return what no run reads of a folder that stands where datasets do."""
    contract = contracts.get(dataset.name)
    try:
        found = [entry for entry in entries(dataset.path) if _is_submission(entry)]
    except FileFault:
        return [dataset]
    others = [one for one in found if contract is None or re.fullmatch(folder_pattern(contract), one.name) is None]
    return [one for one in others if not one.is_folder or _holds_submissions(one)]


def _holds_submissions(folder: Entry) -> bool:
    try:
        return any(map(_is_submission, entries(folder.path)))
    except FileFault:
        return True


def _is_submission(entry: Entry) -> bool:
    return not is_ignored(entry.name)


def _is_real_folder(path: Path) -> bool:
    found = entry_at(path)
    return found is not None and found.is_folder


def yearly_folders(landing: Path, contract: Contract) -> list[str]:
    """Return the folders ``YYYY`` of a yearly dataset, ascending."""
    return _folders(landing, contract, _YEAR_FOLDER)


def landed_folders(landing: Path, contract: Contract) -> dict[str, list[LandedFile]]:
    """Return all submissions of the dataset by folder (months or years), ascending; folders without any are left out."""
    dataset = contract.dataset.id
    found = {
        folder: [
            LandedFile(dataset, folder, entry.path, entry.status) for entry in _submissions(landing / dataset, folder)
        ]
        for folder in _folders(landing, contract, folder_pattern(contract))
    }
    return {folder: files for folder, files in found.items() if files}


def folder_pattern(contract: Contract) -> str:
    """Return the regular expression of the names of the dataset's folders."""
    return _MONTH_FOLDER if contract.dataset.folder == "month" else _YEAR_FOLDER


def _folders(landing: Path, contract: Contract, pattern: str) -> list[str]:
    """Return the names of that pattern in the dataset's folder; a link of that name is among them, and refused when read."""
    base = landing / contract.dataset.id
    if not _is_real_folder(base):
        return []
    try:
        return [entry.name for entry in entries(base) if re.fullmatch(pattern, entry.name)]
    except FileFault:
        return []  # told by unread_paths


def put(source: Path, landing: Path, contract: Contract, folder: str, name: str | None = None) -> tuple[Path, bool]:
    """Copy a file into landing atomically; return its path and whether it is new (False: the same bytes are there).

    A file of the same name with other content is a resubmission: it is put beside the first as ``<name>.r2.<suffix>``, and
    arrives later, so that it stands. Nothing in landing is ever overwritten.
    """
    target_dir = landing / contract.dataset.id / folder
    name = name or source.name
    check_name(name)
    try:
        return _put(source, target_dir, name)
    except FileFault as fault:
        raise LandingError(detail(fault.code, fault.expected)) from fault
    except OSError as error:
        raise LandingError(f"提出先のフォルダー {target_dir} に置けません（{error}）") from error


def _put(source: Path, target_dir: Path, name: str) -> tuple[Path, bool]:
    digest = sha256(source)
    target_dir.mkdir(parents=True, exist_ok=True)
    if not all(map(_is_real_folder, (target_dir.parent, target_dir))):
        raise LandingError(f"提出先のフォルダー {target_dir} がリンクになっています。担当者に知らせてください")
    for entry in entries(target_dir):
        if _is_submission(entry) and _holds(entry, digest):
            return entry.path, False
    temporary = target_dir / f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        with open_file(source) as handle, temporary.open("xb") as copy:
            shutil.copyfileobj(handle, copy)
            copy.flush()
            os.fsync(copy.fileno())
        return _name(temporary, target_dir, name), True
    finally:
        temporary.unlink(missing_ok=True)


def _holds(entry: Entry, digest: str) -> bool:
    try:
        return sha256(entry.path) == digest
    except FileFault:
        return False


def _name(temporary: Path, folder: Path, name: str) -> Path:
    """Give the file the first free name and return it; somebody else may take one at the same moment."""
    for path in (folder / one for one in names_for(name)):
        if os.path.lexists(path):
            continue
        try:
            os.link(temporary, path)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links
            os.replace(temporary, path)
        return path
    raise AssertionError("names do not end")


def check_name(name: str) -> None:
    """Raise :class:`LandingError` for a name under which nothing can be submitted."""
    if not is_fit(name) or Path(name).name != name:
        raise LandingError(detail("unfit_name"))
    if is_ignored(name):
        raise LandingError(f"{name}: 「.」や「~$」で始まる名前のファイルは読み込まれません。名前を変えてください")
    if not name.lower().endswith(SUFFIXES):
        raise LandingError(f"{name}: 受け付けるのは {'・'.join(SUFFIXES)} のファイルです")


def is_ignored(name: str) -> bool:
    """True for hidden files, ours while they are being copied among them, and the lock files of an open workbook."""
    return name.startswith(_IGNORED)


def names_for(name: str) -> Iterator[str]:
    """Yield the names that a submission may have, the wanted one first: ``a.csv``, ``a.r2.csv``, ``a.r3.csv`` …"""
    suffix = next(one for one in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(one))
    stem, ending = name[: -len(suffix)], name[-len(suffix) :]
    yield name
    yield from (f"{stem}.r{number}{ending}" for number in itertools.count(2))


def folder_for(contract: Contract, month: str | None, fiscal_years: set[int]) -> str:
    """Return the landing folder of a submission.

    Monthly datasets: the given month, or the running month (a report arrives when it arrives). Yearly ones: the fiscal year
    of the month, the year given as ``YYYY``, or the only fiscal year in the file. Raises :class:`LandingError` where that
    would be a guess.
    """
    if contract.dataset.folder == "month":
        folder = month or fiscal.current_month()
        fiscal.split_month(folder)
        return folder
    if month is None and len(fiscal_years) == 1:
        return str(min(fiscal_years))
    if month is None:
        years = "・".join(map(str, sorted(fiscal_years))) or "なし"
        raise LandingError(
            f"年度が一つに決まりません（ファイルの年度：{years}）。--month 2025 のように年度を指定してください"
        )
    return month if re.fullmatch(_YEAR_FOLDER, month) else str(fiscal.fiscal_year_of(month))
