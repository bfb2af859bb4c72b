"""Bytes to text: the encodings and line ends that branches send.

What lives here: UTF-8 with or without BOM, UTF-16 with BOM, cp932 with its vendor characters, gzip, the DOS end
mark. What does not: splitting into cells (``grids``).
"""

import codecs
import gzip
import io
import re
import unicodedata
import zlib

from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.limits import MOST_IN_MEMORY, refuse_above

NOT_TEXT = (b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0", b"\x89PNG", b"\x1f\x8b")
ENOUGH_UTF8 = 4
"""So many multi-byte characters valid as UTF-8 do not occur by chance in cp932: such a file is damaged UTF-8."""
_LINE_IN_UTF8 = re.compile(rb"(?:[\x00-\x7f]*[\xe2-\xef][\x80-\xbf]{2}){2,}[\x00-\x7f]*")
"""ASCII and at least two kana, kanji or full-width characters of UTF-8; no words of cp932 look like this."""
_PADDING = b"\x1a\x00"


def gunzip(data: bytes) -> bytes:
    """Return the content of a gzip file; raise :class:`FileFault` when it is cut off, no gzip file or too large unpacked."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(MOST_IN_MEMORY + 1)
        refuse_above(len(unpacked), MOST_IN_MEMORY)
        return unpacked
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
        is_utf8 = _is_utf8(data)
        if not is_utf8 and any(map(_LINE_IN_UTF8.fullmatch, data.splitlines())):
            raise FileFault("undecodable")  # lines of two encodings: as cp932 those would be other words
        text = _decode(data, "utf-8-sig" if is_utf8 else "cp932")
    if not text.strip():
        raise FileFault("empty_file")
    if any(_is_foreign(char) for char in set(text)):
        raise FileFault("undecodable")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_utf8_read_as_cp932(text: str) -> bool:
    """True for Japanese words in UTF-8 that were read as cp932 (支部 as 謾ｯ驛ｨ): a file whose lines have two encodings."""
    if text.isascii():
        return False
    try:
        return _LINE_IN_UTF8.fullmatch(text.encode("cp932")) is not None
    except UnicodeEncodeError:
        return False


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
