"""Commits of a lake in an object store: a version uploaded whole, then its manifest put; and what is removed later.

What lives here: the order of requests by which nobody ever sees half a partition (docs/decisions/032). What does not: reading
(``objects``), single requests (``store``).
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from kenpo_pipelines.lake.base import LakeError, LakeUnreachable
from kenpo_pipelines.lake.manifest import Manifest, Replaced, StoredFile, memory_in
from kenpo_pipelines.lake.place import VERSIONS, Place, folder_of, place_of
from kenpo_pipelines.lake.small_objects import SmallObjects
from kenpo_pipelines.lake.store import Found, LakeStore
from kenpo_pipelines.lake.wholeness import digest_of, sha256

TRANSFERS = 4
"""Files at a time."""
ATTEMPTS = 8
"""How often a commit, or reading, begins again because somebody else's commit came before it."""
_MARGIN = dt.timedelta(minutes=30)
"""By how much clocks may differ: what is too old to be committed is removed no earlier than so long after."""


class Commits:
    """Commits to one lake. Replaced versions, and uploads that nobody committed, stay for ``keep``."""

    def __init__(self, store: LakeStore, small: SmallObjects, keep: dt.timedelta) -> None:
        self._store = store
        self._small = small
        self._keep = keep

    def adopt(self, place: Place, files: Sequence[StoredFile]) -> str:
        """Commit a version of objects that are in the store, all of one folder that no other version has; return it."""
        version = digest_of((file.name, file.sha256) for file in files)
        current, etag = self._current(place)
        if current is None or not self._stands(place, current, version):
            self._switch(place, current, etag, version, folder_of(files[0].path), files)
        return version

    def upload(self, place: Place, paths: Sequence[Path]) -> str:
        """Commit a version of these files; return it. What is current already is left as it is."""
        if not paths:
            raise LakeError(
                f"{place}: a partition needs at least one Parquet file (an empty one has no rows but columns)"
            )
        digests = {path: sha256(path) for path in paths}
        version = digest_of((path.name, digests[path]) for path in paths)
        current, etag = self._current(place)
        if current is not None and self._stands(place, current, version):
            return version
        folder = f"{place.versions}/{version}-{uuid.uuid4().hex[:8]}"
        files = [
            StoredFile(name=path.name, path=f"{folder}/{path.name}", size=path.stat().st_size, sha256=digests[path])
            for path in paths
        ]
        with ThreadPoolExecutor(min(TRANSFERS, len(paths)), thread_name_prefix="upload") as pool:
            for _ in pool.map(lambda pair: self._store.upload(pair[0], pair[1].path), zip(paths, files, strict=True)):
                pass
        self._switch(place, current, etag, version, folder, files)
        return version

    def _current(self, place: Place, *, anew: bool = False) -> tuple[Manifest | None, str | None]:
        """Return the manifest and its etag; one that cannot be read is none, but is put over like any other."""
        body, etag = self._small.known(place.manifest, anew=anew)
        try:
            return (None if body is None else Manifest.model_validate_json(body)), etag
        except ValidationError:
            return None, etag

    def _stands(self, place: Place, current: Manifest, version: str) -> bool:
        """True when the current version has this content, nobody doubts it, and its objects are those that were uploaded."""
        if current.version != version:
            return False
        memory = memory_in(self._small.get(place.memory))
        if memory is not None and memory.doubted == current.folder:
            return False
        found = self._store.find(current.folder)
        return all(file.path in found and _is_as_listed(file, found[file.path]) for file in current.files)

    def _switch(
        self,
        place: Place,
        current: Manifest | None,
        etag: str | None,
        version: str,
        folder: str,
        files: Sequence[StoredFile],
    ) -> None:
        """Put the manifest, over the one that was read and no other; then remove what nobody needs any more."""
        for _ in range(ATTEMPTS):
            found = self._store.find(place.versions)
            now = dt.datetime.now(dt.UTC)
            manifest = Manifest(
                version=version,
                folder=folder,
                files=tuple(self._verified(place, file, found, now) for file in files),
                committed_at=now,
                replaced=tuple(one for one in _replaced_by(current, now) if one.ceased_at > now - self._keep),
            )
            if self._small.put_over(place.manifest, manifest.to_bytes(), etag):
                with suppress(LakeError):  # what cannot be removed now is removed by the next who tidies
                    self._remove_old(manifest, found, now)
                return
            current, etag = self._current(place, anew=True)
            if current is not None and folder in (current.folder, *(one.folder for one in current.replaced)):
                return  # ours had arrived, and only the answer was lost; somebody may have replaced it since
        raise LakeUnreachable(f"{place} was not written: others write it all the time. Run it again later")

    def _verified(self, place: Place, file: StoredFile, found: Mapping[str, Found], now: dt.datetime) -> StoredFile:
        """Return the file with its etag; raise LakeError when it is not in the store, or may be removed as left over."""
        one = found.get(file.path)
        if one is None or one.size != file.size:
            raise LakeError(
                f"{place} was not written, the old one stands: {self._store.url}/{file.path} is not there as uploaded"
            )
        if one.modified < now - self._keep:
            hours = self._keep.total_seconds() / 3600
            raise LakeError(
                f"{place} was not written, the old one stands: its upload took over {hours:g} hours, after which what nobody "
                "has committed is removed. Set KENPO_LAKE_KEEP_HOURS higher"
            )
        return file.model_copy(update={"etag": one.etag})

    def tidy(self) -> None:
        """Remove versions that were replaced long enough ago, and as old ones that were never committed: killed writers' work.

        Writers do so for the month they write; this looks at all. A version of more than one in a month is a question or two.
        """
        by_month: dict[Place, dict[str, Found]] = {}
        for path, one in self._store.find(VERSIONS).items():
            if (place := place_of(path)) is not None:
                by_month.setdefault(place, {})[path] = one
        committed = {key for layer in {place.layer for place in by_month} for key in self._store.find(layer)}
        for place, found in by_month.items():
            if place.manifest not in committed or len({folder_of(path) for path in found}) > 1:
                now = dt.datetime.now(dt.UTC)
                body, _ = self._small.known(place.manifest, anew=True)
                with suppress(ValidationError):  # one that cannot be read names nothing, so nothing may go
                    self._remove_old(None if body is None else Manifest.model_validate_json(body), found, now)

    def _remove_old(self, manifest: Manifest | None, found: Mapping[str, Found], now: dt.datetime) -> None:
        """Remove of one month's objects those that no reader can have been told of within the time that versions are kept.

        A folder is never used again, and one that is older than that is never committed any more.
        """
        kept = set()
        if manifest is not None:
            kept = {manifest.folder, *(one.folder for one in manifest.replaced if one.ceased_at > now - self._keep)}
        newest: dict[str, dt.datetime] = {}
        for path, one in found.items():
            folder = folder_of(path)
            newest[folder] = max(newest.get(folder, one.modified), one.modified)
        old = {folder for folder, modified in newest.items() if modified <= now - self._keep - _MARGIN} - kept
        self._store.remove([path for path in found if folder_of(path) in old])


def _replaced_by(current: Manifest | None, now: dt.datetime) -> list[Replaced]:
    return [] if current is None else [*current.replaced, Replaced(folder=current.folder, ceased_at=now)]


def _is_as_listed(file: StoredFile, found: Found) -> bool:
    return file.size == found.size and file.etag == found.etag
