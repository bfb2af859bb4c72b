"""The thread that hands a CSV file's rows to the engine through a pipe, as UTF-8: nothing of them is written to a disk.

What lives here: ``Feeder``. What does not: what the bytes mean; the engine parses them. Every line gets one more cell at its
end, a mark: where it stands in a parsed row tells how many cells the line had, so that the engine need not refuse lines with
too many or too few.
"""

import fcntl
import os
import threading
from pathlib import Path

import numpy as np

from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.streaming.file_bytes import body_pieces
from kenpo_pipelines.submissions.streaming.head import CsvHead
from kenpo_pipelines.submissions.streaming.transcoding import Transcoder

_PIPE_BYTES = 1 << 20
_PATIENCE = 0.05
MARK = "1"
"""What stands in the cell behind the last cell of a line."""


class Feeder(threading.Thread):
    """Writes the file's rows into the pipe. After :meth:`finish`, ``lines`` is how many there were."""

    def __init__(self, path: Path, head: CsvHead, pipe: Path) -> None:
        super().__init__(name="feeder", daemon=True)
        self.lines = 0
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
        newline = self._head.newline.encode()
        marked = f"{self._head.delimiter}{MARK}{self._head.newline}".encode()
        transcoder = Transcoder() if self._head.encoding == "cp932" else None
        is_empty = True
        try:
            for piece in body_pieces(self._path, self._head.table.last_line, self._head.most_bytes):
                self.lines += int(np.count_nonzero(np.frombuffer(piece, np.uint8) == ord("\n")))
                text = piece.replace(newline, marked)
                _write(descriptor, transcoder.feed(text) if transcoder else text)
                is_empty = False
            if not is_empty:
                self.lines += 1
                _write(descriptor, transcoder.feed(marked) if transcoder else marked)
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
