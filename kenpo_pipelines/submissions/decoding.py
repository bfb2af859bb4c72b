"""Bytes to text: the encodings and line ends that branches send.

What lives here: UTF-8 with or without BOM, UTF-16 with BOM, cp932 with its vendor characters, gzip, the DOS end
mark. What does not: splitting into cells (``grids``).
"""

import codecs
import gzip
import unicodedata
import zlib

from kenpo_pipelines.submissions.faults import FileFault

NOT_TEXT = (b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0", b"\x89PNG", b"\x1f\x8b")
ENOUGH_UTF8 = 4
"""So many multi-byte characters valid as UTF-8 do not occur by chance in cp932: such a file is damaged UTF-8."""
_PADDING = b"\x1a\x00"


def gunzip(data: bytes) -> bytes:
    """Return the content of a gzip file; raise :class:`FileFault` when it is cut off or no gzip file."""
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileFault("truncated") from error


def decode(data: bytes) -> str:
    """Return the file's text with ``\\n`` line ends, without BOM and DOS end mark.

    Raises :class:`FileFault`: ``empty_file``, ``not_text`` (a workbook or PDF named .csv) or ``undecodable``. A file
    is never read with replacement characters.
    """
    if data.startswith(NOT_TEXT):
        raise FileFault("not_text")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = _decode(data, "utf-16").rstrip("\x1a\x00")
    else:
        data = data.rstrip(_PADDING)
        text = _decode(data, "utf-8-sig" if _is_utf8(data) else "cp932")
    if not text.strip():
        raise FileFault("empty_file")
    if any(_is_foreign(char) for char in set(text)):
        raise FileFault("undecodable")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_utf8(data: bytes) -> bool:
    if data.startswith(codecs.BOM_UTF8):
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        multi_byte = sum(ord(char) > 0x7F for char in data[: error.start].decode("utf-8"))
        if multi_byte >= ENOUGH_UTF8:
            raise FileFault("undecodable") from error
        return False
    return True


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileFault("undecodable") from error


def _is_foreign(char: str) -> bool:
    """True for what no text file of a branch holds: NUL, ESC of ISO-2022-JP, cp932 bytes without a character."""
    if char in "\t\n\r\v\f":
        return False
    return unicodedata.category(char) == "Cc" or char == "\ufffd" or "\uf8f0" <= char <= "\uf8f3"
