"""Where tests write: in memory on a machine that has room, for a home is thousands of small files that are flushed to disk.

What lives here: the choice of the place. What does not: pytest's own folders in it (``conftest``).
"""

import re
import shutil
from pathlib import Path

_PLACE = Path("/dev/shm")
_ROOM = 8 * 1024**3
"""Bytes that must be free in the place; all tests together leave a third of that."""
_MEMORY = 12 * 1024**3
"""Bytes of memory that programs must be able to take: the rest is for the tests' processes, Spark's among them."""


def memory_folder() -> Path | None:
    """Return a folder whose files stay in memory; None where the system has none, or not enough of it."""
    try:
        is_roomy = shutil.disk_usage(_PLACE).free > _ROOM
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
    except OSError:
        return None
    return _PLACE if is_roomy and found and int(found[1]) * 1024 > _MEMORY else None
