"""What was read of each file, remembered beside the dataset's raw partitions, so that an unchanged file is not read again.

What lives here: one small JSON file per dataset and month, and hard links from the old version of a partition into the new
one. What does not: what makes two readings equal (``fingerprint``). The file is a convenience: where it is missing, damaged
or does not fit the lake, files are read.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.submissions.partitions import QUARANTINE, RAW

_LAYERS = (RAW, QUARANTINE)
_Stamp = list[int]


class Reuse:
    """What the last ingestion of one dataset and month read. Use it while both partitions are locked."""

    def __init__(self, lake: Lake, dataset: str, month: str) -> None:
        self._path = lake.dataset_dir(RAW, dataset) / f".files-{month}.json"
        self._folders = {layer: lake.partition_dir(layer, dataset, month) for layer in _LAYERS}
        self._known = _load(self._path)

    def link(self, fingerprint: str, folders: Mapping[str, Path]) -> dict[str, Any] | None:
        """Put the file's Parquet files into the new version's folders (by layer); return its ledger entry.

        None when the file was never read in this way, or its Parquet files are not as they were written.
        """
        known = self._known.get(fingerprint)
        if known is None:
            return None
        written: dict[str, dict[str, _Stamp]] = known["parquet"]
        sources = {
            layer: [(self._folders[layer].resolve() / name, stamp) for name, stamp in files.items()]
            for layer, files in written.items()
        }
        if any(_stamp(path) != stamp for files in sources.values() for path, stamp in files):
            return None
        for layer, files in sources.items():
            for path, _ in files:
                _link(path, folders[layer] / path.name)
        return dict(known["entry"])

    def remember(self, read: Mapping[str, tuple[Mapping[str, Any], str]]) -> None:
        """Replace what is remembered: by fingerprint the ledger entry and the name of its Parquet files in the lake."""
        files = {
            fingerprint: {
                "entry": dict(entry),
                "parquet": {
                    layer: {name: stamp}
                    for layer, folder in self._folders.items()
                    if (stamp := _stamp(folder.resolve() / name)) is not None
                },
            }
            for fingerprint, (entry, name) in read.items()
        }
        temporary = self._path.with_name(f"{self._path.name}.new")
        with FileLock(self._path.with_name(f"{self._path.name}.lock")):
            temporary.write_text(json.dumps({"files": files}, ensure_ascii=False), encoding="utf-8")
            os.replace(temporary, self._path)

    def forget(self) -> None:
        """Have every file read again, now and next time."""
        self._known = {}
        self._path.unlink(missing_ok=True)


def _load(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)
