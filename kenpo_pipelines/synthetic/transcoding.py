"""UTF-8 to cp932 while data flow by: libc's iconv, which lets other threads work meanwhile, else Python's codec.

What lives here: one converter. What does not: pipes and files. On a Mac or where libc has no iconv the slower codec is used.
"""

import codecs
import ctypes
from typing import Protocol

_INVALID = ctypes.c_void_p(-1).value
_INCOMPLETE = 22
"""errno EINVAL: the block ends inside of a character, which the next block completes."""


class Transcoder(Protocol):
    """Converts UTF-8 bytes block by block."""

    def convert(self, block: bytes) -> bytes:
        """Return the block in the target encoding; a character that is cut off waits for the next block."""


class Unchanged:
    """For UTF-8."""

    def convert(self, block: bytes) -> bytes:
        """Return the block as it is."""
        return block


class CodecTranscoder:
    """Python's own codec."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def convert(self, block: bytes) -> bytes:
        """Return the block in the target encoding."""
        return self._decoder.decode(block).encode(self._encoding)


class LibcTranscoder:
    """libc's iconv by ctypes; raises OSError where there is none."""

    def __init__(self, encoding: str) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._libc, "iconv_open"):
            raise OSError("libc has no iconv")
        self._libc.iconv_open.restype = ctypes.c_void_p
        self._libc.iconv.restype = ctypes.c_size_t
        self._libc.iconv.argtypes = [ctypes.c_void_p] + [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t)] * 2
        self._libc.iconv_close.argtypes = [ctypes.c_void_p]
        self._state = self._libc.iconv_open(encoding.upper().encode(), b"UTF-8")
        if self._state == _INVALID:
            raise OSError(f"iconv does not know {encoding}")
        self._rest = b""

    def convert(self, block: bytes) -> bytes:
        """Return the block in the target encoding; raise UnicodeError for a character that it does not have."""
        data = self._rest + block
        source, target = ctypes.create_string_buffer(data, len(data)), ctypes.create_string_buffer(len(data) + 16)
        source_at, target_at = ctypes.c_void_p(ctypes.addressof(source)), ctypes.c_void_p(ctypes.addressof(target))
        source_left, target_left = ctypes.c_size_t(len(data)), ctypes.c_size_t(len(target))
        done = self._libc.iconv(
            self._state,
            ctypes.byref(source_at),
            ctypes.byref(source_left),
            ctypes.byref(target_at),
            ctypes.byref(target_left),
        )
        if done == ctypes.c_size_t(-1).value and ctypes.get_errno() != _INCOMPLETE:
            raise UnicodeError("a character does not exist in the target encoding")
        self._rest = data[len(data) - source_left.value :] if source_left.value else b""
        return ctypes.string_at(target, len(target) - target_left.value)

    def __del__(self) -> None:
        if getattr(self, "_state", _INVALID) not in (None, _INVALID):
            self._libc.iconv_close(self._state)


def transcoder(encoding: str) -> Transcoder:
    """Return the fastest converter from UTF-8 to the encoding."""
    if encoding in ("utf-8", "utf-8-sig"):
        return Unchanged()
    try:
        return LibcTranscoder(encoding)
    except OSError:
        return CodecTranscoder(encoding)
