"""The mirror of an object store: before a run reads a month, the landing folder is made equal to the store.

What lives here: which files are fetched, and which go. What does not: talking to the store (``landing_store``). A file of the
mirror has the name, size and time of its object, so that everything that reads landing reads it as if it had landed there; it
arrived when its object was written.

The folder belongs to the mirror alone. Each file appears by one rename, when it is whole, and has its time before that; a
process killed at any moment leaves a folder that the next one makes equal, and hidden files that it removes.
"""

import os
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock

from kenpo_pipelines.disk import flush
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.landing import TEMPORARY, LandingError, is_ignored, yearly_folders
from kenpo_pipelines.submissions.landing_store import LandingStore, LandingUnreachable
from kenpo_pipelines.submissions.listing import Listed, Place
from kenpo_pipelines.submissions.outside import entries

_FETCHES = 8
"""At a time; fetching small files is waiting for answers."""


def mirror(store: LandingStore, landing: Path, contracts: Iterable[Contract], month: str) -> None:
    """Make the folders that the month's run reads of these datasets equal to the store. Unchanged files are not fetched again.

    Raises LandingUnreachable when the store does not answer, LandingError when it may not be read or the folder not written.
    """
    for contract in contracts:
        dataset = contract.dataset.id
        folders = (
            [month]
            if contract.dataset.folder == "month"
            else sorted({*store.folders(contract), *yearly_folders(landing, contract)})
        )
        for folder in folders:
            try:
                _make_equal(store, landing / dataset / folder, (dataset, folder))
            except LandingError:
                raise
            except OSError as error:
                raise LandingError(f"提出先の写し {landing / dataset / folder} に書き込めません（{error}）") from error


def _make_equal(store: LandingStore, folder: Path, place: Place) -> None:
    wanted = {one.name: one for one in store.folder(place)}
    if not wanted and not folder.is_dir():
        return
    if link := next((one for one in (folder, folder.parent) if one.is_symlink()), None):
        raise LandingError(f"提出先の写し {link} はリンクです。写しはそこへ書きません。削除してください")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".mirror-{folder.name}.lock")):
        there: dict[str, tuple[int, int]] = {}
        for entry in entries(folder):
            if entry.is_folder:
                continue  # none of the mirror's making: the run refuses it
            if entry.name.startswith(TEMPORARY) or (entry.name not in wanted and not is_ignored(entry.name)):
                entry.path.unlink()
            elif entry.is_file:
                there[entry.name] = (entry.status.st_size, entry.status.st_mtime_ns)
        missing = [one for one in wanted.values() if there.get(one.name) != (one.size, one.modified_ns)]
        if missing:
            with ThreadPoolExecutor(min(_FETCHES, len(missing)), thread_name_prefix="fetch") as pool:
                for _ in pool.map(lambda one: _fetch(store, folder, place, one), missing):
                    pass
        flush(folder)


def _fetch(store: LandingStore, folder: Path, place: Place, listed: Listed) -> None:
    temporary = folder / f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        try:
            size = store.fetch(place, listed.name, temporary)
        except FileNotFoundError:
            return  # taken away since it was listed
        if size != listed.size:
            raise LandingUnreachable(
                f"{store.url} の {'/'.join(place)}/{listed.name} が読み取り中に置き換えられました。もう一度実行してください"
            )
        os.utime(temporary, ns=(listed.modified_ns, listed.modified_ns))
        os.replace(temporary, folder / listed.name)
    finally:
        temporary.unlink(missing_ok=True)
