"""The C library's iconv: bytes of one encoding to another, while other threads of the interpreter work.

What lives here: the calls, by ctypes. What does not: which encodings, what happens to bytes that cannot be converted, and what
does the work where there is no iconv (``submissions.streaming.transcoding``, ``synthetic.transcoding``).
"""

import ctypes
import errno
from dataclasses import dataclass
from functools import cache

_FAILED = ctypes.c_size_t(-1).value


@dataclass(frozen=True)
class Converted:
    """``data`` in the target encoding, and the bytes of the source that are left; ``error`` (errno, else 0) says why."""

    data: bytes
    left: bytes
    error: int = 0

    @property
    def is_cut(self) -> bool:
        """True when what is left is the beginning of a character that the next bytes complete."""
        return self.error == errno.EINVAL


class Iconv:
    """One conversion; raises OSError where the C library has no iconv, or does not know the encodings."""

    def __init__(self, target: str, source: str) -> None:
        self._handle: int | None = None
        self._libc = _libc()
        handle = self._libc.iconv_open(target.encode(), source.encode())
        if handle in (None, _FAILED):
            raise OSError(f"iconv does not convert {source} to {target}")
        self._handle = handle

    def convert(self, data: bytes, room: int) -> Converted:
        """Return what can be converted; ``room`` bytes are enough for it."""
        source, target = ctypes.c_char_p(data), ctypes.create_string_buffer(room)
        source_at, target_at = ctypes.cast(source, ctypes.c_void_p), ctypes.c_void_p(ctypes.addressof(target))
        source_left, target_left = ctypes.c_size_t(len(data)), ctypes.c_size_t(room)
        done = self._libc.iconv(
            self._handle,
            ctypes.byref(source_at),
            ctypes.byref(source_left),
            ctypes.byref(target_at),
            ctypes.byref(target_left),
        )
        converted = ctypes.string_at(target, room - target_left.value)
        error = ctypes.get_errno() if done == _FAILED else 0
        return Converted(converted, data[len(data) - source_left.value :], error)

    def reset(self) -> None:
        """Forget what was converted before."""
        self._libc.iconv(self._handle, None, None, None, None)

    def close(self) -> None:
        """Give the library's table back."""
        if self._handle is not None:
            self._libc.iconv_close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        self.close()


@cache
def _libc() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(None, use_errno=True)
        library.iconv_open.restype = ctypes.c_void_p
        library.iconv_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        library.iconv.restype = ctypes.c_size_t
        library.iconv.argtypes = [ctypes.c_void_p] + [ctypes.c_void_p] * 4
        library.iconv_close.argtypes = [ctypes.c_void_p]
    except (AttributeError, TypeError) as error:
        raise OSError("the C library has no iconv") from error
    return library
