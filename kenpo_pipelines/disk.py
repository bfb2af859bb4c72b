"""What has to be done so that a write outlives a power cut.

What lives here: flushing. What does not: temporary names and renames, which differ by what is written.
"""

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Wait until a file's content, or a folder's entries and so a rename in it, are on disk. Raises OSError as it comes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
