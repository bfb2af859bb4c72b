"""cp932 to UTF-8 in pieces, by the C library where it can, without holding the interpreter's lock.

What lives here: ``Transcoder``. What does not: which encoding a file has (``bytes_of_file``). The C library's table is
compared with Python's once; where they differ, or there is no ``iconv``, Python's codec does the work.
"""

import codecs
import ctypes
from functools import cache

_FAILED = ctypes.c_size_t(-1).value
_WIDEST = 3
"""One byte of cp932 becomes at most so many of UTF-8 (a half-width katakana)."""


class Transcoder:
    """Turns pieces of cp932 into UTF-8; a character may be cut between two pieces. Bytes without a character become U+FFFD, as
    Python replaces them."""

    def __init__(self) -> None:
        self._library = _library()
        self._rest = b""
        self._handle = self._library.iconv_open(b"UTF-8", b"CP932") if self._library else None

    def feed(self, data: bytes) -> bytes:
        """Return the piece as UTF-8."""
        data = self._rest + data
        if self._library is not None:
            converted, left = _convert(self._library, self._handle, data)
            if left is not None:
                self._rest = left
                return converted
        decoder = codecs.getincrementaldecoder("cp932")(errors="replace")
        text = decoder.decode(data)
        self._rest = decoder.getstate()[0]
        return text.encode()

    def close(self) -> None:
        """Give the C library's table back."""
        if self._library is not None and self._handle is not None:
            self._library.iconv_close(self._handle)
            self._handle = None


@cache
def _library() -> ctypes.CDLL | None:
    """Return the C library when it has iconv and reads every two-byte character of cp932 as Python does."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        library.iconv_open.restype = ctypes.c_void_p
        library.iconv_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        library.iconv.restype = ctypes.c_size_t
        library.iconv.argtypes = [ctypes.c_void_p] + [ctypes.c_void_p] * 4
        library.iconv_close.argtypes = [ctypes.c_void_p]
    except (OSError, AttributeError, TypeError):
        return None
    handle = library.iconv_open(b"UTF-8", b"CP932")
    if handle in (None, _FAILED):
        return None
    try:
        sample = every_character()
        converted, left = _convert(library, handle, sample)
    finally:
        library.iconv_close(handle)
    return library if left == b"" and converted == sample.decode("cp932").encode() else None


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


def _convert(library: ctypes.CDLL, handle: int | None, data: bytes) -> tuple[bytes, bytes | None]:
    """Return the converted bytes and what is left of a cut character; None instead when the bytes are no cp932."""
    source = ctypes.c_char_p(data)
    target = ctypes.create_string_buffer(len(data) * _WIDEST + 1)
    source_at, target_at = ctypes.cast(source, ctypes.c_void_p), ctypes.c_void_p(ctypes.addressof(target))
    source_left, target_left = ctypes.c_size_t(len(data)), ctypes.c_size_t(len(target))
    failed = (
        library.iconv(
            handle,
            ctypes.byref(source_at),
            ctypes.byref(source_left),
            ctypes.byref(target_at),
            ctypes.byref(target_left),
        )
        == _FAILED
    )
    converted = ctypes.string_at(target, len(target) - target_left.value)
    left = data[len(data) - source_left.value :]
    if failed and (len(left) > 1 or not _may_begin(left)):
        library.iconv(handle, None, None, None, None)
        return b"", None
    return converted, left


def _may_begin(left: bytes) -> bool:
    """True when a byte may be the first of a character's two."""
    return 0x81 <= left[0] <= 0x9F or 0xE0 <= left[0] <= 0xFC
