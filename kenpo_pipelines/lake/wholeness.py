"""Digests of versions: what a version is called by its content, and whether its files still have it.

What lives here: names and bytes of files of this machine. What does not: where a version lies, and what is done about damage.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_PARTITIONS_KNOWN = 16_384
"""How many partitions a process remembers to have checked: over 36 months of some 100 each, and a few megabytes."""


@dataclass(frozen=True)
class Stamp:
    """A file as it was when it was looked at."""

    name: str
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """Look at a file. Raises OSError."""
        status = path.stat()
        return cls(path.name, status.st_ino, status.st_size, status.st_mtime_ns)


def is_whole(folder: Path, files: Sequence[Path]) -> bool:
    """True when the files have the bytes that the name of their folder promises; looked at again when they have changed."""
    return _is_whole(folder, tuple(Stamp.of(path) for path in files))


@lru_cache(maxsize=_PARTITIONS_KNOWN)
def _is_whole(folder: Path, stamps: tuple[Stamp, ...]) -> bool:
    return digest([folder / stamp.name for stamp in stamps]) == digest_in_name(folder)


def digest_in_name(version: Path) -> str:
    """Return the digest in the name of a version's folder, ``YYYY-MM-<digest>``."""
    return version.name.rpartition("-")[2]


def digest(files: Sequence[Path]) -> str:
    """Digest of names and bytes, so that equal content has an equal version."""
    return digest_of((path.name, sha256(path)) for path in files)


def digest_of(files: Iterable[tuple[str, str]]) -> str:
    """Digest of names and the SHA-256 of their bytes, in hex, in the order of names."""
    total = hashlib.sha256()
    for name, sha in files:
        total.update(name.encode())
        total.update(bytes.fromhex(sha))
    return total.hexdigest()[:32]


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
