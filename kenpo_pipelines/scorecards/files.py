"""A workbook as bytes, the same for the same content, and its way to disk in one step.

What lives here: packing, the atomic write, and one writer at a time in a folder. What does not: anything a reader sees.
"""

import datetime as dt
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from filelock import FileLock
from openpyxl import Workbook
from openpyxl.writer.excel import ExcelWriter

from kenpo_pipelines.disk import flush

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def workbook_bytes(workbook: Workbook, written_at: dt.datetime) -> bytes:
    """Pack the workbook; ``written_at`` (aware) becomes its created and modified time, entries carry a fixed one.

    ``Workbook.save`` stamps the clock's time into the properties and into every zip entry, hence the way around it.
    """
    moment = written_at.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)
    workbook.properties.created = moment
    workbook.properties.modified = moment
    stamped = io.BytesIO()
    with ZipFile(stamped, "w", ZIP_DEFLATED) as archive:
        ExcelWriter(workbook, archive).write_data()
    packed = io.BytesIO()
    with ZipFile(stamped) as source, ZipFile(packed, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            entry = ZipInfo(name, _ZIP_EPOCH)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 0
            target.writestr(entry, source.read(name))
    return packed.getvalue()


@contextmanager
def alone_in(folder: Path) -> Iterator[Path]:
    """Give the folder, made if need be, to one writer at a time, without the temporary files that killed ones left there."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for left in folder.glob(".*.tmp"):
            left.unlink(missing_ok=True)
        yield folder


def write_atomically(path: Path, data: bytes) -> Path:
    """Write so that ``path`` holds either its old content or all of the new; return it.

    The temporary file lies in the same folder, for a rename is atomic only within one file system, and is gone after a
    failure. Raises OSError as it came.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}.tmp"
    try:
        # os.open, not tempfile: the file gets the permissions that people's umask gives, readable for colleagues.
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(PermissionError):  # where the system lets no folder be opened
        flush(path.parent)
    return path
