"""A lake in an object store: a partition is a small manifest that one request switches (docs/decisions/032).

What lives here: reading versions through copies on this machine, what is remembered of them. What does not: committing them
(``commits``), requests (``store``), copies (``cache``), the manifest's form (``manifest``). Below the lake's URL::

    <layer>/<name>/month=YYYY-MM.json                                   the manifest: which version is the current one
    <layer>/<name>/made=YYYY-MM.json                                    from what it was made
    .versions/<layer>/<name>/YYYY-MM/<digest>-<of its own>/*.parquet    versions, each written once and never changed

A version is uploaded whole before the manifest is put, and no folder is used twice, so that nothing a reader has been told of
changes under it.
"""

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kenpo_pipelines.lake.base import (
    DamagedPartition,
    Held,
    Lake,
    LakeError,
    LakeObject,
    LakeUnreachable,
    Made,
    damaged,
    missing,
)
from kenpo_pipelines.lake.cache import VersionCache
from kenpo_pipelines.lake.commits import ATTEMPTS, TRANSFERS, Commits
from kenpo_pipelines.lake.manifest import Manifest, Memory, StoredFile, memory_in
from kenpo_pipelines.lake.place import Place, folder_of, place_of
from kenpo_pipelines.lake.small_objects import SmallObjects
from kenpo_pipelines.lake.store import LakeStore
from kenpo_pipelines.lake.wholeness import sha256


class _NotAsWritten(Exception):
    """An object is gone, or has other bytes than its manifest says."""


class ObjectLake(Lake):
    """The lake below a URL, with copies in a folder of this machine. Replaced versions stay for ``keep_hours``."""

    def __init__(self, url: str, cache: Path, keep_hours: float) -> None:
        super().__init__(cache)
        self._store = LakeStore(url)
        self._small = SmallObjects(self._store)
        self._commits = Commits(self._store, self._small, dt.timedelta(hours=keep_hours))
        self._cache = VersionCache(self.root, keep_hours * 3600)

    @property
    def url(self) -> str:
        """Where the lake is; carries no secret."""
        return self._store.url

    # --- reading ---

    def months(self, layer: str, name: str) -> list[str]:
        """Months that have a committed partition, ascending."""
        return self._small.months(layer, name, "month")

    def files(self, layer: str, name: str, month: str) -> list[Path]:
        """Parquet files of one partition on this machine, ascending; fetched where they are not there yet."""
        place = Place(layer, name, month)
        manifest = self._committed(place)
        for _ in range(ATTEMPTS):
            found = self._cache.find(place, manifest.version)
            if found is not None:
                return found
            try:
                return self._cache.fill(place, manifest.version, partial(self._fetch, manifest))
            except _NotAsWritten:
                read, manifest = manifest, self._committed_anew(place)
                if manifest.folder == read.folder:
                    self._doubt(place, manifest)
                    raise damaged(layer, name, month, f"{self.url}/{manifest.folder}") from None
                # replaced and removed meanwhile: the new version is there
            except FileNotFoundError:
                continue  # the copy was removed between fetching and reading it
            except LakeError:
                raise
            except OSError as error:
                raise LakeError(f"{place} cannot be copied to {self.root}: {error}") from error
        raise LakeUnreachable(f"{place} was replaced, or its copy removed, each time it was read. Run it again later")

    def version(self, layer: str, name: str, month: str) -> str:
        """Digest of the partition's content: equal for equal bytes, in whichever lake."""
        return self._committed(Place(layer, name, month)).version

    def objects(self, layer: str, name: str, month: str) -> list[LakeObject]:
        """Objects of the committed version, for engines that read the store themselves: immutable, and there for as long as
        replaced versions are kept. Raises :class:`MissingPartition`."""
        manifest = self._committed(Place(layer, name, month))
        return [LakeObject(f"{self.url}/{one.path}", one.size, one.sha256) for one in manifest.files]

    def not_as_written(self, url: str) -> DamagedPartition | None:
        """Return what is told when an engine met an object of :meth:`objects` gone, or with other bytes: that is noted.

        None when its version is not the current one any more: it may be gone, and the new one is there.
        """
        path = self._path(url)
        place = place_of(path)
        if place is None:
            raise LakeError(f"{url} is no object of a version")
        manifest = self._committed_anew(place)
        if manifest.folder != folder_of(path):
            return None
        self._doubt(place, manifest)
        return damaged(place.layer, place.name, place.month, f"{self.url}/{manifest.folder}")

    def held(self, layer: str, name: str, month: str) -> Mapping[str, Held]:
        """Return the files of the committed version by name, stamped by size and digest; empty where they cannot be had."""
        place = Place(layer, name, month)
        while True:
            manifest = self._manifest(place)
            if manifest is None:
                return {}
            try:
                found = {path.name: path for path in self.files(layer, name, month)}
            except DamagedPartition:
                return {}
            if found.keys() == {one.name for one in manifest.files}:
                return {one.name: Held(found[one.name], [one.size, one.sha256]) for one in manifest.files}

    def _fetch(self, manifest: Manifest, folder: Path) -> None:
        with ThreadPoolExecutor(min(TRANSFERS, len(manifest.files)), thread_name_prefix="fetch") as pool:
            for _ in pool.map(lambda one: self._fetch_file(one, folder / one.name), manifest.files):
                pass

    def _fetch_file(self, file: StoredFile, target: Path) -> None:
        for _ in range(2):  # bytes may be hurt on their way, too
            if not self._store.download(file.path, target):
                break
            if target.stat().st_size == file.size and sha256(target) == file.sha256:
                return
        raise _NotAsWritten(file.path)

    def _committed(self, place: Place) -> Manifest:
        manifest = self._manifest(place)
        if manifest is None:
            raise missing(place.layer, place.name, place.month)
        return manifest

    def _committed_anew(self, place: Place) -> Manifest:
        self._small.known(place.manifest, anew=True)
        return self._committed(place)

    def _manifest(self, place: Place) -> Manifest | None:
        body = self._small.get(place.manifest)
        try:
            return None if body is None else Manifest.model_validate_json(body)
        except ValidationError:
            raise damaged(place.layer, place.name, place.month, f"{self.url}/{place.manifest}") from None

    # --- what is remembered ---

    def remember(
        self, layer: str, name: str, month: str, fingerprint: str, notes: Any = None, *, version: str | None = None
    ) -> None:
        """Note from what the month was made, of the commit that is there now. Call it when nothing is left to be done."""
        place = Place(layer, name, month)
        try:
            manifest = self._manifest(place)
        except DamagedPartition:
            return  # what is not noted is made again
        if version is not None and (manifest is None or manifest.version != version):
            return
        memory = Memory(fingerprint=fingerprint, notes=notes, commit=manifest.commit if manifest else "")
        self._small.put(place.memory, memory.to_bytes())

    def made(self, layer: str, name: str, month: str) -> Made | None:
        """Return what is remembered of the month; None when nothing is, or another version was committed since.

        Objects are not looked at: whoever reads a damaged one notes that, and then nothing is remembered any more.
        """
        place = Place(layer, name, month)
        memory = memory_in(self._small.get(place.memory))
        if memory is None or memory.doubted:
            return None
        try:
            manifest = self._manifest(place)
        except DamagedPartition:
            return None
        commit = "" if manifest is None else manifest.commit
        return Made(memory.fingerprint, memory.notes) if memory.commit == commit else None

    def _doubt(self, place: Place, manifest: Manifest) -> None:
        """Note that the version is damaged, so that nobody takes it for current and its next writer uploads it again.

        Where that is refused (rights to read alone) it is found damaged again by the next reader.
        """
        with suppress(LakeError):
            self._small.put(place.memory, Memory(doubted=manifest.folder).to_bytes())

    def aside(self, layer: str, name: str, month: str) -> Any:
        """Return the JSON value that the month's writer put aside for its next time; None where it is missing or torn."""
        body = self._small.get(Place(layer, name, month).aside)
        try:
            return None if body is None else json.loads(body)
        except ValueError:
            return None

    def put_aside(self, layer: str, name: str, month: str, value: Any) -> None:
        """Replace what is put aside; None removes it. No reader of the partition sees it."""
        key = Place(layer, name, month).aside
        if value is None:
            self._small.remove(key)
        else:
            self._small.put(key, json.dumps(value, ensure_ascii=False).encode())

    def one_look(self) -> AbstractContextManager[None]:
        """Answer in this thread as the lake was when it was first asked inside the block, but for what the block writes."""
        return self._small.one_look()

    # --- writing ---

    @contextmanager
    def replace(self, layer: str, name: str, month: str) -> Iterator[Path]:
        """Give an empty folder to write the new partition's files into, and commit it when the block ends well."""
        place = Place(layer, name, month)
        try:
            with self._cache.staging(place) as staging:
                yield staging
                version = self._commits.upload(place, sorted(staging.glob("*.parquet")))
                with suppress(OSError):  # it is committed by now; without a copy here, the next reader fetches it
                    self._cache.keep(place, version, staging)
        except LakeError:
            raise
        except OSError as error:
            raise LakeError(f"{place} was not written, the old one stands: {error}") from error

    def staging_url(self, layer: str, name: str, month: str) -> str:
        """Return a new URL below which an engine may upload the files of the month's next version, to be adopted.

        What is not adopted is removed like a replaced version, so an upload must not take longer than those are kept.
        """
        return f"{self.url}/{Place(layer, name, month).versions}/staged-{uuid.uuid4().hex}"

    def adopt(self, layer: str, name: str, month: str, objects: Sequence[LakeObject]) -> str:
        """Commit a version of the objects that were uploaded below one staging URL, in this order; return its version.

        Its files are called part-00000.parquet and so on, whatever the engine called them, so that equal rows in equal files
        are an equal version. Raises LakeError when an object is not there in its size.
        """
        place = Place(layer, name, month)
        files = []
        for number, one in enumerate(objects):
            path = self._path(one.url)
            if not path.startswith(f"{place.versions}/staged-"):
                raise LakeError(f"{place}: {one.url} does not lie below a staging URL of this month")
            digest = one.sha256 or self._store.sha256(path)
            files.append(StoredFile(name=f"part-{number:05d}.parquet", path=path, size=one.size, sha256=digest))
        if len({folder_of(file.path) for file in files}) != 1:
            raise LakeError(f"{place}: a partition needs at least one Parquet file, and all below one staging URL")
        return self._commits.adopt(place, files)

    def _path(self, url: str) -> str:
        """Return the key of an object; engines may call s3 by its other names."""
        return re.sub(r"^s3[an]://", "s3://", url).removeprefix(f"{self.url}/")

    def tidy(self) -> None:
        """Remove versions that were replaced long enough ago, and as old ones that were never committed."""
        self._commits.tidy()
