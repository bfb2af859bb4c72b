"""UTF-8 to cp932 while data flow by: libc's iconv, which lets other threads work meanwhile, else Python's codec.

What lives here: one converter. What does not: pipes and files. On a Mac or where libc has no iconv the slower codec is used.
"""

import codecs
from typing import Protocol

from kenpo_pipelines.iconv import Iconv

_SPARE = 16
"""No character of these encodings takes more bytes than in UTF-8; an empty block needs room, too."""


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
    """The C library's iconv; raises OSError where there is none."""

    def __init__(self, encoding: str) -> None:
        self._iconv = Iconv(encoding.upper(), "UTF-8")
        self._rest = b""

    def convert(self, block: bytes) -> bytes:
        """Return the block in the target encoding; raise UnicodeError for a character that it does not have."""
        data = self._rest + block
        done = self._iconv.convert(data, len(data) + _SPARE)
        if done.error and not done.is_cut:
            raise UnicodeError("a character does not exist in the target encoding")
        self._rest = done.left
        return done.data


def transcoder(encoding: str) -> Transcoder:
    """Return the fastest converter from UTF-8 to the encoding."""
    if encoding in ("utf-8", "utf-8-sig"):
        return Unchanged()
    try:
        return LibcTranscoder(encoding)
    except OSError:
        return CodecTranscoder(encoding)
