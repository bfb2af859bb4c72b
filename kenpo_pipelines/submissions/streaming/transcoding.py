"""cp932 to UTF-8 in pieces, by the C library where it can, without holding the interpreter's lock.

What lives here: ``Transcoder``. What does not: which encoding a file has (``file_bytes``). The C library's table is compared
with Python's once; where they differ, or there is no ``iconv``, Python's codec does the work.
"""

import codecs
from functools import cache

from kenpo_pipelines.iconv import Iconv

_WIDEST = 3
"""One byte of cp932 becomes at most so many of UTF-8 (a half-width katakana)."""


class Transcoder:
    """Turns pieces of cp932 into UTF-8; a character may be cut between two pieces. Bytes without a character become U+FFFD, as
    Python replaces them."""

    def __init__(self) -> None:
        self._rest = b""
        self._iconv = Iconv("UTF-8", "CP932") if _reads_as_python_does() else None

    def feed(self, data: bytes) -> bytes:
        """Return the piece as UTF-8."""
        data = self._rest + data
        if self._iconv is not None:
            converted, left = _convert(self._iconv, data)
            if left is not None:
                self._rest = left
                return converted
        decoder = codecs.getincrementaldecoder("cp932")(errors="replace")
        text = decoder.decode(data)
        self._rest = decoder.getstate()[0]
        return text.encode()

    def close(self) -> None:
        """Give the C library's table back."""
        if self._iconv is not None:
            self._iconv.close()


@cache
def _reads_as_python_does() -> bool:
    """True when the C library has iconv and reads every two-byte character of cp932 as Python does."""
    try:
        iconv = Iconv("UTF-8", "CP932")
    except OSError:
        return False
    try:
        sample = every_character()
        return _convert(iconv, sample) == (sample.decode("cp932").encode(), b"")
    finally:
        iconv.close()


def every_character() -> bytes:
    """Return every character of cp932 that a file may hold, one and two bytes long."""
    single = [bytes([byte]) for byte in (*range(0x80), *range(0xA1, 0xE0))]
    double = [bytes([lead, trail]) for lead in (*range(0x81, 0xA0), *range(0xE0, 0xFD)) for trail in range(0x40, 0xFD)]
    return b"".join([*single, *(pair for pair in double if _is_character(pair))])


def _is_character(pair: bytes) -> bool:
    try:
        return len(pair.decode("cp932")) == 1
    except UnicodeDecodeError:
        return False


def _convert(iconv: Iconv, data: bytes) -> tuple[bytes, bytes | None]:
    """Return the converted bytes and what is left of a cut character; None instead when the bytes are no cp932."""
    done = iconv.convert(data, len(data) * _WIDEST + 1)
    if done.error and (len(done.left) > 1 or not _may_begin(done.left)):
        iconv.reset()
        return b"", None
    return done.data, done.left


def _may_begin(left: bytes) -> bool:
    """True when a byte may be the first of a character's two."""
    return 0x81 <= left[0] <= 0x9F or 0xE0 <= left[0] <= 0xFC
