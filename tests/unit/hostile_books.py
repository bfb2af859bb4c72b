"""Builders of workbooks that nobody makes by accident: parts are written as given."""

import io
import zipfile
from collections.abc import Iterable, Mapping

import openpyxl
from submission_files import RESULT_HEADER, result_row, saved

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET, STRINGS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"
BOOK, LINKS, TYPES = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "[Content_Types].xml"


def sound_parts(rows: Iterable[Iterable[object]] = (RESULT_HEADER, result_row())) -> dict[str, bytes]:
    """The parts of a workbook as it should be, by name."""
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    with zipfile.ZipFile(io.BytesIO(saved(book))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A workbook of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1 if method == zipfile.ZIP_DEFLATED else None) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed(changes: Mapping[str, bytes]) -> bytes:
    """The sound workbook with some parts changed or added."""
    return packed(sound_parts() | dict(changes))


def replaced(part: str, old: str, new: str) -> bytes:
    """The sound workbook with one text in a part replaced."""
    parts = sound_parts()
    text = parts[part].decode()
    assert old in text, text
    return packed(parts | {part: text.replace(old, new, 1).encode()})


def sheet(body: str, tail: str = "") -> bytes:
    """A sheet of these rows."""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData>{tail}</worksheet>'.encode()
