"""The lake: Parquet partitioned by month, each partition replaced as a whole and atomically.

What lives here: where a partition is, and how it is replaced: in a folder (``folder``) or an object store (``objects``). What
does not: what is in it.

Both keep a finished version under a name of its own and switch to it in one step, so that a reader (or a process killed at any
moment) finds the old partition or the new one, never half of either. A version is named by its content: writing the same rows
again changes nothing.

Beside the versions, ``remember`` keeps of each month from what it was made (a fingerprint) and what was said of it (notes).
That is a promise that may be lost and is never a wrong one: where it is missing or torn, or the files are not as they were, the
month is not current and is made again.

What was committed is read as it was written or not at all: files whose bytes are not those that gave the version its name raise
:class:`DamagedPartition`, and the month is no longer current, so that its next run makes it anew.
"""

from kenpo_pipelines.lake.base import (
    DamagedPartition,
    Held,
    Lake,
    LakeError,
    LakeObject,
    LakeUnreachable,
    Made,
    MissingPartition,
)
from kenpo_pipelines.lake.folder import FolderLake
from kenpo_pipelines.lake.opening import open_lake

__all__ = [
    "DamagedPartition",
    "FolderLake",
    "Held",
    "Lake",
    "LakeError",
    "LakeObject",
    "LakeUnreachable",
    "Made",
    "MissingPartition",
    "open_lake",
]
