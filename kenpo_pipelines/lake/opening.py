"""Which lake an installation has: a folder, or an object store with a cache on this machine.

What lives here: the choice. What does not: the settings that say so, the lakes.
"""

from functools import lru_cache
from pathlib import Path

from kenpo_pipelines.lake.base import Lake
from kenpo_pipelines.lake.folder import FolderLake

DEFAULT_KEEP_HOURS = 24


def open_lake(folder: Path, url: str | None = None, keep_hours: float = DEFAULT_KEEP_HOURS) -> Lake:
    """Return the lake below the folder; with a URL the one in that object store, of which the folder holds copies.

    ``keep_hours`` is for how long the object store keeps a version after it was replaced. Nothing is asked or made yet.
    """
    return FolderLake(folder) if url is None else _in_store(url, folder, keep_hours)


@lru_cache(maxsize=8)  # one in a process knows what it has read, and keeps its connections
def _in_store(url: str, cache: Path, keep_hours: float) -> Lake:
    from kenpo_pipelines.lake.objects import ObjectLake

    return ObjectLake(url, cache, keep_hours)
