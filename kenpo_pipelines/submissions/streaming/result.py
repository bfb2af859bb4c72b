"""What reading one record-level file did: counts, never rows.

What lives here: ``RecordFile``, ``BranchRows`` and the error of a reading that broke. What does not: how they come about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


class StreamingError(RuntimeError):
    """The engine failed for a reason that is not the file's. The message says which kind, and nothing of what was read."""


@dataclass(frozen=True, slots=True)
class BranchRows:
    """Rows of one branch in a file; ``branch_code`` is None for rows that do not tell their branch."""

    branch_code: str | None
    rows_loaded: int
    rows_rejected: int


@dataclass(frozen=True, slots=True)
class RecordFile:
    """One record-level file as read. ``rows_read == rows_loaded + rows_rejected`` always; all are 0 for a refused file."""

    file_sha256: str
    status: Literal["loaded", "refused"]
    fault: str = ""
    detail: str = ""
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_merged: int = 0
    branches: tuple[BranchRows, ...] = ()
    notices: tuple[str, ...] = ()


def rows_by_branch(loaded: Mapping[str, int], rejected: Mapping[str | None, int]) -> tuple[BranchRows, ...]:
    """Return one account per branch, in code order, the unknown one last."""
    codes = sorted({*loaded, *rejected}, key=lambda code: (code is None, code or ""))
    return tuple(BranchRows(code, loaded.get(code or "", 0), rejected.get(code, 0)) for code in codes)
