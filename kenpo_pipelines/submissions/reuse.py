"""What was read of each file, remembered beside the dataset's raw partitions, so that an unchanged file is not read again.

What lives here: what is put aside of a dataset and month, and hard links from the old version of a partition into the new
one. What does not: what makes two readings equal (``fingerprint``). It is a convenience: where it is missing, damaged or does
not fit the lake, files are read.
"""

import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from kenpo_pipelines.lake import Held, Lake
from kenpo_pipelines.submissions.partitions import QUARANTINE, RAW

_LAYERS = (RAW, QUARANTINE)


class Reuse:
    """What the last ingestion of one dataset and month read. Use it while both partitions are locked."""

    def __init__(self, lake: Lake, dataset: str, month: str) -> None:
        self._lake = lake
        self._dataset = dataset
        self._month = month
        self._known = _files(lake.aside(RAW, dataset, month))

    def link(self, fingerprint: str, folders: Mapping[str, Path]) -> dict[str, Any] | None:
        """Put the file's Parquet files into the new version's folders (by layer); return its ledger entry.

        None when the file was never read in this way, or its Parquet files are not as they were written.
        """
        known = self._known.get(fingerprint)
        if known is None:
            return None
        written: dict[str, dict[str, list[Any]]] = known["parquet"]
        sources = {
            layer: [(self._before[layer].get(name), stamp) for name, stamp in files.items()]
            for layer, files in written.items()
        }
        if any(held is None or held.stamp != stamp for files in sources.values() for held, stamp in files):
            return None
        for layer, files in sources.items():
            for held, _ in files:
                if held is not None:
                    _link(held.path, folders[layer] / held.path.name)
        return dict(known["entry"])

    def remember(self, read: Mapping[str, tuple[Mapping[str, Any], str]]) -> None:
        """Replace what is remembered: by fingerprint the ledger entry and the name of its Parquet files in the lake."""
        now = self._held()
        files = {
            fingerprint: {
                "entry": dict(entry),
                "parquet": {layer: {name: held[name].stamp} for layer, held in now.items() if name in held},
            }
            for fingerprint, (entry, name) in read.items()
        }
        self._lake.put_aside(RAW, self._dataset, self._month, {"files": files})

    def forget(self) -> None:
        """Have every file read again, now and next time."""
        self._known = {}
        self._lake.put_aside(RAW, self._dataset, self._month, None)

    @cached_property
    def _before(self) -> dict[str, Mapping[str, Held]]:
        """The files of the versions that are being replaced, by layer and name."""
        return self._held()

    def _held(self) -> dict[str, Mapping[str, Held]]:
        return {layer: self._lake.held(layer, self._dataset, self._month) for layer in _LAYERS}


def _files(aside: Any) -> dict[str, Any]:
    try:
        return dict(aside["files"])
    except (ValueError, KeyError, TypeError):
        return {}


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)
