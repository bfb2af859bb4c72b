"""The landing folder: which submissions there are, and how one is put there.

What lives here: paths, names and times. What does not: what a file holds (``reading``).
Layout: ``landing/<dataset>/<YYYY-MM>/<file>``, for yearly datasets ``landing/<dataset>/<YYYY>/<file>``.
"""

import datetime as dt
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kenpo_pipelines import fiscal
from kenpo_pipelines.submissions.contract import Contract

SUFFIXES = (".csv", ".csv.gz", ".xlsx")
_TEMPORARY = ".tmp-"
_IGNORED = (".", "~$")
"""Hidden files, ours while they are being copied among them, and the lock files of an open workbook."""
_MONTH_FOLDER = r"[0-9]{4}-(0[1-9]|1[0-2])"
_YEAR_FOLDER = r"[0-9]{4}"
_ORIGINS = ("published", "synthetic")


class LandingError(Exception):
    """A submission cannot be put into landing; the message says why and what to do."""


@dataclass(frozen=True, order=True)
class LandedFile:
    """One file in landing. ``folder`` is ``YYYY-MM`` or ``YYYY``."""

    dataset: str
    folder: str
    path: Path

    @property
    def received_at(self) -> str:
        """When the file arrived, ISO 8601 in UTC: its modification time, which copying tools can preserve."""
        modified = dt.datetime.fromtimestamp(self.path.stat().st_mtime, tz=dt.UTC)
        return modified.isoformat(timespec="microseconds")

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.path.stat().st_size

    @property
    def origin(self) -> str:
        """What the data are: a name that begins with ``published-`` or ``synthetic-`` says so, else a submission."""
        word = self.path.name.partition("-")[0]
        return word if word in _ORIGINS else "submission"


def landed_files(landing: Path, contract: Contract, month: str) -> list[LandedFile]:
    """Return the submissions that the run of ``month`` reads, ascending; files of any kind, so that none is overlooked.

    For a monthly dataset those of the month's folder. For a yearly one all of them: a plan registered for a later year may
    hold the targets of an earlier one too, and each row says which year it is of.
    """
    dataset = contract.dataset.id
    base = landing / dataset
    folders = [month] if contract.dataset.folder == "month" else yearly_folders(landing, contract)
    return [
        LandedFile(dataset, folder, path)
        for folder in folders
        for path in sorted((base / folder).glob("*"))
        if _is_submission(path)
    ]


def unread_paths(landing: Path, contracts: Mapping[str, Contract]) -> list[str]:
    """Return what no run will ever read, relative to landing: files outside of a month's folder, folders of unknown
    datasets, months (or years) that are misspelt."""
    unread = [
        _relative(path, landing) for depth in ("*", "*/*") for path in landing.glob(depth) if _is_submission(path)
    ]
    for path in landing.glob("*/*"):
        dataset, folder = path.parts[-2:]
        if not path.is_dir() or not any(_is_submission(one) for one in path.iterdir()):
            continue
        contract = contracts.get(dataset)
        pattern = _MONTH_FOLDER if contract is not None and contract.dataset.folder == "month" else _YEAR_FOLDER
        if contract is None or re.fullmatch(pattern, folder) is None:
            unread.append(_relative(path, landing))
    return sorted(unread)


def _is_submission(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(_IGNORED)


def _relative(path: Path, landing: Path) -> str:
    return path.relative_to(landing).as_posix()


def yearly_folders(landing: Path, contract: Contract) -> list[str]:
    """Return the folders ``YYYY`` of a yearly dataset, ascending."""
    folders = (landing / contract.dataset.id).glob("*")
    return sorted(path.name for path in folders if path.is_dir() and re.fullmatch(_YEAR_FOLDER, path.name))


def landed_months(landing: Path, contract: Contract) -> list[str]:
    """Return the months that a monthly dataset has files for, ascending."""
    folders = (landing / contract.dataset.id).glob("*")
    found = [path.name for path in folders if path.is_dir() and re.fullmatch(_MONTH_FOLDER, path.name)]
    return sorted(month for month in found if landed_files(landing, contract, month))


def put(source: Path, landing: Path, contract: Contract, folder: str, name: str | None = None) -> tuple[Path, bool]:
    """Copy a file into landing atomically; return its path and whether it is new (False: the same bytes are there).

    A file of the same name with other content is a resubmission: it is put beside the first as ``<name>.r2.<suffix>``, and
    arrives later, so that it stands. Nothing in landing is ever overwritten.
    """
    target_dir = landing / contract.dataset.id / folder
    name = name or source.name
    if name.startswith(_IGNORED):
        raise LandingError(f"{name}: 「.」や「~$」で始まる名前のファイルは読み込まれません。名前を変えてください")
    if not name.lower().endswith(SUFFIXES):
        raise LandingError(f"{name}: 受け付けるのは {'・'.join(SUFFIXES)} のファイルです")
    digest = sha256(source)
    try:
        target_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LandingError(f"提出先のフォルダー {target_dir} を作れません（{error}）") from error
    for path in sorted(target_dir.iterdir()):
        if path.is_file() and not path.name.startswith(".") and sha256(path) == digest:
            return path, False
    target = _free_name(target_dir, name)
    temporary = target_dir / f"{_TEMPORARY}{uuid.uuid4().hex}"
    try:
        shutil.copyfile(source, temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target, True


def _free_name(folder: Path, name: str) -> Path:
    suffix = next(one for one in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(one))
    stem = name[: -len(suffix)]
    path, number = folder / name, 1
    while path.exists():
        number += 1
        path = folder / f"{stem}.r{number}{suffix}"
    return path


def sha256(path: Path) -> str:
    """Return the file's SHA-256 as hexadecimal text."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


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
