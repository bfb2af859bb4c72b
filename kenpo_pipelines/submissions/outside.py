"""The file system as others fill it: entries told apart without following anything, and names fit to be shown.

What lives here: listing a folder, opening a file, escaping a name. What does not: what a file holds. Nothing here follows a
link or waits: a pipe nobody writes into, a device or a socket is told by its kind and never opened.
"""

import errno
import hashlib
import os
import stat
import unicodedata
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from kenpo_pipelines.submissions.faults import FileFault

NOTHING_READ = hashlib.sha256(b"").hexdigest()
"""The digest of a file of which no byte could be read."""

_HIDING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of what a terminal obeys, what turns or hides text, and what is no character (bytes that are not UTF-8)."""
_FAULT_OF_ERRNO = {
    errno.ELOOP: "link",
    errno.ENOENT: "vanished",
    errno.ENOTDIR: "vanished",
    errno.EACCES: "not_permitted",
    errno.EPERM: "not_permitted",
    errno.ENXIO: "not_a_file",
    errno.ENODEV: "not_a_file",
}
"""What cannot be read for good. Other errors are the system's, may pass, and are raised as they are."""


@dataclass(frozen=True)
class Entry:
    """One entry of a folder. ``status`` is its own, never that of what a link points to."""

    path: Path
    status: os.stat_result

    @property
    def name(self) -> str:
        """The name as the file system has it."""
        return self.path.name

    @property
    def is_folder(self) -> bool:
        """True for a folder itself, not for a link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """True for a file itself."""
        return stat.S_ISREG(self.status.st_mode)


def entry_at(path: Path) -> Entry | None:
    """Return what is there; None for nothing."""
    try:
        return Entry(path, path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return None


def entries(folder: Path) -> list[Entry]:
    """Return everything in the folder, by name; nothing where there is no such folder, without what vanishes meanwhile.

    Raises :class:`FileFault` ``not_permitted`` where it may not be listed.
    """
    try:
        with os.scandir(folder) as found:
            names = sorted(one.name for one in found)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise FileFault("not_permitted") from error
    return [entry for name in names if (entry := entry_at(folder / name)) is not None]


def open_file(path: Path) -> BufferedReader:
    """Open a file for reading.

    Raises :class:`FileFault`: ``unfit_name``, ``link``, ``not_a_file``, ``not_permitted`` or ``vanished``; OSError for what may
    pass.
    """
    if not is_fit(path.name):
        raise FileFault("unfit_name")
    try:
        _refuse_kind(path.lstat())
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _fault_of(error) from error
    try:
        _refuse_kind(os.fstat(descriptor))  # it may have been exchanged since
    except FileFault:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _refuse_kind(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise FileFault("link")
    if not stat.S_ISREG(status.st_mode):
        raise FileFault("not_a_file")


def _fault_of(error: OSError) -> Exception:
    code = _FAULT_OF_ERRNO.get(error.errno or 0)
    return error if code is None else FileFault(code)


def sha256(path: Path) -> str:
    """Return the file's SHA-256 as hexadecimal text; raises as :func:`open_file` does."""
    with open_file(path) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def size_and_time(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written or exchanged: its number, size and time; raises as :func:`open_file` does."""
    with open_file(path) as handle:
        status = os.fstat(handle.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns


def is_fit(name: str) -> bool:
    """True for a name without characters that a terminal obeys, that hide text, or that are none."""
    return not any(unicodedata.category(char) in _HIDING for char in name)


def shown_name(name: str) -> str:
    """Return the name as it may stand in a log, on a terminal, in a table or workbook.

    Two names never become one: the backslash that begins an escape is escaped itself.
    """
    return "".join(_escaped(char) if char == "\\" or unicodedata.category(char) in _HIDING else char for char in name)


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # how Python holds a byte that is not UTF-8
        return f"\\x{ord(char) - 0xDC00:02x}"
    if char < "\x80":
        return f"\\x{ord(char):02x}"
    return f"\\u{ord(char):04x}" if char < "\U00010000" else f"\\U{ord(char):08x}"
