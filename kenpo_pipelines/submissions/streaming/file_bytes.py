"""The bytes of a CSV file in pieces: opened, unpacked, without what stands behind the last line.

What lives here: gzip, the encoding's recognition, lines to skip, trailing line ends and DOS end mark. What does not: cells.
"""

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from kenpo_pipelines.submissions.decoding import ENOUGH_UTF8, NOT_TEXT
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.limits import LONGEST_RECORD, MOST_PADDING, refuse_above, refuse_inflated
from kenpo_pipelines.submissions.outside import open_file

PIECE = 1 << 20
_BEHIND_THE_LAST_LINE = b"\r\n\x1a\x00"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def pieces_of(path: Path, size: int = PIECE, most: int | None = None) -> Iterator[bytes]:
    """Yield the file's bytes, unpacked; ``most``: no more bytes than that.

    Raises :class:`FileFault`: as :func:`outside.open_file` does, ``truncated`` for a broken gzip file, ``unreasonable_size``
    for one that swells, ``too_large``.
    """
    is_packed = path.name.lower().endswith(".gz")
    with open_file(path) as handle:
        packed = os.fstat(handle.fileno()).st_size
        source = cast(BinaryIO, gzip.GzipFile(fileobj=handle)) if is_packed else handle
        read = 0
        while piece := _read(source, size):
            read += len(piece)
            if is_packed:
                refuse_inflated(read, packed)
            if most is not None:
                refuse_above(read, most)
            yield piece


def _read(source: BinaryIO, size: int) -> bytes:
    try:
        return source.read(size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileFault("truncated") from error


def encoding_of(path: Path, head: bytes) -> str:
    """Return ``utf-16``, ``utf-8-sig``, ``utf-8`` or ``cp932``, told by the first bytes that are not ASCII.

    Raises :class:`FileFault` ``not_text`` for a workbook or PDF named .csv.
    """
    if head.startswith(NOT_TEXT):
        raise FileFault("not_text")
    if head.startswith(_UTF16):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if not head.isascii():
        return _encoding_of_piece(head)
    other = next((piece for piece in pieces_of(path) if not piece.isascii()), b"")
    return _encoding_of_piece(other)


def _encoding_of_piece(piece: bytes) -> str:
    start = next((at for at, byte in enumerate(piece) if byte > 0x7F), 0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(piece[start:])
    except UnicodeDecodeError as error:
        valid = piece[start : start + error.start].decode("utf-8")
        return "utf-8" if sum(ord(char) > 0x7F for char in valid) >= ENOUGH_UTF8 else "cp932"
    return "utf-8"


def body_pieces(path: Path, skip_lines: int, most: int | None = None) -> Iterator[bytes]:
    """Yield the bytes behind the first lines, without line ends and end marks at the end of the file.

    Raises as :func:`pieces_of` does, and ``unreasonable_size`` where line ends and end marks go on and on.
    """
    held = b""
    for piece in _behind_lines(pieces_of(path, most=most), skip_lines):
        kept = piece.rstrip(_BEHIND_THE_LAST_LINE)
        if kept:
            yield held + kept if held else kept
            held = piece[len(kept) :]
        else:
            held += piece
            _refuse_padding(len(held))


def _refuse_padding(size: int) -> None:
    if size > MOST_PADDING:
        raise FileFault("unreasonable_size")


def _behind_lines(pieces: Iterator[bytes], skip_lines: int) -> Iterator[bytes]:
    for piece in pieces:
        at = 0
        while skip_lines and (found := piece.find(b"\n", at)) >= 0:
            at, skip_lines = found + 1, skip_lines - 1
        if not skip_lines and at < len(piece):
            yield piece[at:] if at else piece


def text_lines(path: Path, encoding: str, skip_lines: int, most: int | None = None) -> Iterator[str]:
    """Yield the lines behind the first ones as text, each with ``\\n``; bytes without a character become U+FFFD.

    Raises as :func:`body_pieces` does, and ``line_too_long``.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    begun, number = "", 0
    blank: list[str] = []
    padding = 0
    for piece in _decoded(path, decoder, most):
        lines = (begun + piece).split("\n")
        begun = lines.pop()
        for line in lines:
            number += 1
            if number <= skip_lines:
                continue
            if not line.strip("\x1a\x00"):
                blank.append(line)
                padding += len(line) + 1
                _refuse_padding(padding)
                continue
            yield from (f"{one}\n" for one in blank)
            blank.clear()
            padding = 0
            yield f"{line}\n"
        if len(begun) > LONGEST_RECORD and begun.strip("\x1a\x00"):
            raise FileFault("line_too_long", f"{number + 1}行目")
        _refuse_padding(len(begun))
    last = begun.rstrip("\x1a\x00")
    if last and number >= skip_lines:
        yield from (f"{one}\n" for one in blank)
        yield f"{last}\n"


def _decoded(path: Path, decoder: codecs.IncrementalDecoder, most: int | None) -> Iterator[str]:
    """Yield text with one kind of line end; a carriage return at the end of a piece waits for the next."""
    held = ""
    for piece in pieces_of(path, most=most):
        text = held + decoder.decode(piece)
        held = "\r" if text.endswith("\r") else ""
        yield text[: len(text) - len(held)].replace("\r\n", "\n").replace("\r", "\n")
    yield held.replace("\r", "\n") + decoder.decode(b"", final=True)
