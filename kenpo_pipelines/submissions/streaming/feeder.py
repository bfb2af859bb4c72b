"""The thread that hands a CSV file's rows to the engine through a pipe, as UTF-8: nothing of them is written to a disk.

What lives here: ``Feeder``. What does not: what the bytes mean; the engine parses them.
"""

import fcntl
import os
import threading
from pathlib import Path

import numpy as np

from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.streaming.file_bytes import body_pieces
from kenpo_pipelines.submissions.streaming.head import CsvHead
from kenpo_pipelines.submissions.streaming.transcoding import Transcoder, Undecodable

_PIPE_BYTES = 1 << 20
_PATIENCE = 0.05


class Feeder(threading.Thread):
    """Writes the file's rows into the pipe. After :meth:`finish`, ``lines`` is how many there were."""

    def __init__(self, path: Path, head: CsvHead, pipe: Path) -> None:
        super().__init__(name="feeder", daemon=True)
        self.lines = 0
        self.is_undecodable = False
        self._path = path
        self._head = head
        self._pipe = pipe
        self._error: BaseException | None = None

    def run(self) -> None:
        """Feed until the end of the file, or until nobody reads any more."""
        try:
            descriptor = os.open(self._pipe, os.O_WRONLY)
            try:
                _enlarge(descriptor)
                self._feed(descriptor)
            finally:
                os.close(descriptor)
        except BrokenPipeError:
            pass
        except Undecodable:
            self.is_undecodable = True
        except BaseException as error:  # noqa: BLE001 (raised again by finish)
            self._error = error

    def finish(self) -> None:
        """Wait for the end; raise what stopped the feeding, FileFault ``truncated`` among it."""
        self.join()
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """End the thread although the engine has stopped reading, or has never begun."""
        while self.is_alive():
            reader = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
            os.close(reader)
            self.join(_PATIENCE)
        if isinstance(self._error, FileFault):
            raise self._error

    def _feed(self, descriptor: int) -> None:
        is_empty = True
        transcoder = Transcoder() if self._head.encoding == "cp932" else None
        try:
            for piece in body_pieces(self._path, self._head.table.last_line):
                self.lines += int(np.count_nonzero(np.frombuffer(piece, np.uint8) == ord("\n")))
                _write(descriptor, transcoder.feed(piece) if transcoder else piece)
                is_empty = False
            if not is_empty:
                self.lines += 1
                _write(descriptor, self._head.newline.encode())
            if transcoder:
                transcoder.finish()
        finally:
            if transcoder:
                transcoder.close()


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _enlarge(descriptor: int) -> None:
    """Let the pipe hold more, where the system can: fewer changes between the two threads."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            return
