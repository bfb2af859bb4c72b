"""Workbooks that would fill the memory, never end, or run something: refused before they are opened, or read without that."""

import io
import os
import resource
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from defusedxml.common import EntitiesForbidden
from hostile_books import (
    BOOK,
    LINKS,
    MAIN,
    SHEET,
    STRINGS,
    STYLES,
    TYPES,
    changed,
    packed,
    replaced,
    sheet,
    sound_parts,
)
from openpyxl.chart import BarChart, Reference
from openpyxl.worksheet.worksheet import Worksheet
from streaming_files import DECISIONS, book_bytes, read, rows_of
from submission_files import RESULT_HEADER, faults, read_bytes, result_row, saved, workbook

from kenpo_pipelines.submissions import limits
from kenpo_pipelines.submissions.faults import FAULTS
from kenpo_pipelines.submissions.limits import GIB, MIB

LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
CELL = "<c><v>1</v></c>"


def with_start(part: str, start: bytes) -> bytes:
    return changed({part: start + sound_parts()[part]})


def macro_type() -> bytes:
    return replaced(TYPES, "spreadsheetml.sheet.main+xml", "ms-excel.sheet.macroEnabled.main+xml")


def merging(place: str) -> bytes:
    return sheet("", f'<mergeCells><mergeCell ref="{place}"/></mergeCells>')


def far_columns() -> bytes:
    return sheet("".join(f'<row><c r="XFD{row}"/></row>' for row in range(1, 50)))


def formats(text: str) -> bytes:
    return replaced(STYLES, '<numFmts count="0" />', f"<numFmts>{text}</numFmts>")


def without(part: str) -> bytes:
    return packed({name: content for name, content in sound_parts().items() if name != part})


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "entities in the sheet": (lambda: with_start(SHEET, LAUGHS), "has_definitions"),
    "entities in the book": (lambda: with_start(BOOK, LAUGHS), "has_definitions"),
    "external entity in styles": (lambda: with_start(STYLES, EXTERNAL), "has_definitions"),
    "external entity in links": (lambda: with_start(LINKS, EXTERNAL), "has_definitions"),
    "external entity in types": (lambda: with_start(TYPES, EXTERNAL), "has_definitions"),
    "definitions of their own": (lambda: with_start(SHEET, b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">'), "has_definitions"),
    "macros": (lambda: changed({"xl/vbaProject.bin": b"\xd0\xcf"}), "has_macros"),
    "macros by their type": (macro_type, "has_macros"),
    "macro sheet": (lambda: changed({"xl/macrosheets/sheet1.xml": sheet("")}), "has_macros"),
    "bomb": (lambda: changed({"xl/media/x.bin": bytes(80 * MIB)}), "unreasonable_size"),
    "bomb in the sheet": (lambda: changed({SHEET: sheet(" " * (80 * MIB))}), "unreasonable_size"),
    "many parts": (lambda: changed({f"xl/media/{n}": b"" for n in range(3000)}), "unreasonable_size"),
    "rows without end": (lambda: changed({SHEET: sheet("<row/>" * 600_000)}), "too_many_cells"),
    "far columns": (lambda: changed({SHEET: far_columns()}), "too_many_cells"),
    "cells in one row": (lambda: changed({SHEET: sheet(f"<row>{'<c/>' * 17_000}</row>")}), "truncated"),
    "elements in one row": (lambda: changed({SHEET: sheet(f"<row>{'<x/>' * 200_000}</row>")}), "too_many_cells"),
    "elements behind rows": (lambda: changed({SHEET: sheet("", "<x/>" * 200_000)}), "too_many_cells"),
    "row beyond the last": (lambda: changed({SHEET: sheet('<row r="9999999"><c/></row>')}), "truncated"),
    "rows out of order": (lambda: changed({SHEET: sheet(f'<row r="3">{CELL}</row><row r="2">{CELL}</row>')}), "truncated"),
    "cell twice": (lambda: changed({SHEET: sheet('<row><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>')}), "truncated"),
    "cell of another row": (lambda: changed({SHEET: sheet('<row r="1"><c r="A2"><v>1</v></c></row>')}), "truncated"),
    "column beyond the last": (lambda: changed({SHEET: sheet('<row><c r="XFE1"/></row>')}), "truncated"),
    "merged without end": (lambda: changed({SHEET: merging("A1:XFD1048576")}), "too_many_cells"),
    "merged outside": (lambda: changed({SHEET: merging("A1:A9999999")}), "truncated"),
    "number with marks": (lambda: changed({SHEET: sheet("<row><c><v>1_000</v></c></row>")}), "truncated"),
    "wide digits as a number": (lambda: changed({SHEET: sheet("<row><c><v>１２</v></c></row>")}), "truncated"),
    "cell of no kind": (lambda: changed({SHEET: sheet('<row><c t="x"><v>1</v></c></row>')}), "truncated"),
    "long number format": (lambda: formats(f'<numFmt numFmtId="170" formatCode="{"[" * 300}"/>'), "truncated"),
    "formats without end": (lambda: formats("<x/>" * 200_000), "too_large"),
    "long name": (lambda: replaced(BOOK, "<definedNames", f"<x>{'a' * 200_000}</x><definedNames"), "too_large"),
    "sheet name too long": (lambda: replaced(BOOK, 'name="Sheet"', f'name="{"長" * 32}"'), "unfit_sheet_name"),
    "sheet name that turns": (lambda: replaced(BOOK, 'name="Sheet"', 'name="a\u202eb"'), "unfit_sheet_name"),
    "sheet name of lines": (lambda: replaced(BOOK, 'name="Sheet"', 'name="a&#10;b"'), "unfit_sheet_name"),
    "no styles": (lambda: without(STYLES), "truncated"),
    "styles elsewhere": (lambda: replaced(LINKS, "styles.xml", "styles2.xml"), "truncated"),
    "sheet without a part": (lambda: without(SHEET), "truncated"),
    "packed by bzip2": (lambda: packed(sound_parts(), zipfile.ZIP_BZIP2), "truncated"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_hostile_workbook_is_refused_with_advice(tmp_path: Path, case: str) -> None:
    build, fault = REFUSED[case]
    submission = read_bytes(tmp_path, build(), "a.xlsx")
    assert (submission.status, submission.fault) == ("refused", fault)
    assert submission.detail.startswith(FAULTS[fault].value_class) and "{" not in submission.detail


@pytest.mark.parametrize(
    "case", ["entities in the sheet", "macros", "bomb", "cell twice", "number with marks"], ids=str
)
def test_records_are_refused_alike(tmp_path: Path, case: str) -> None:
    build, fault = REFUSED[case]
    assert read(tmp_path, build(), name="a.xlsx").result.fault == fault


def test_the_same_part_twice_is_refused(tmp_path: Path) -> None:
    """A person's program may read the first, ours the last."""
    parts = sound_parts()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name, content in [*parts.items(), (SHEET, sheet(""))]:
            archive.writestr(name, content)
    assert read_bytes(tmp_path, out.getvalue(), "a.xlsx").fault == "truncated"


def test_openpyxl_parses_through_defusedxml() -> None:
    """The second line of defence, should a part ever be opened unweighed."""
    assert openpyxl.DEFUSEDXML and not openpyxl.LXML
    with pytest.raises(ValueError) as raised:
        openpyxl.load_workbook(io.BytesIO(with_start(BOOK, LAUGHS)), read_only=True)
    assert isinstance(raised.value.__cause__, EntitiesForbidden)


def _read_one(tmp_path: Path, data: bytes) -> Any:
    submission = read_bytes(tmp_path, data, "a.xlsx")
    assert submission.status == "loaded", submission.detail
    return submission


def test_links_objects_and_charts_are_left_alone(tmp_path: Path) -> None:
    """Values that stand in the cells are read; nothing that they come from is."""
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    for row in (RESULT_HEADER, result_row()):
        first.append(row)
    chart = BarChart()
    chart.add_data(Reference(first, 1, 1, 1, 2))
    book.create_chartsheet("グラフ").add_chart(chart)
    with zipfile.ZipFile(io.BytesIO(saved(book))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/externalLinks/externalLink1.xml"] = EXTERNAL + b"<externalLink/>"
    parts["xl/embeddings/oleObject1.bin"] = b"MZ" * 1000
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLink"
    link = f'<Relationship Id="rId77" Type="{kind}" Target="externalLinks/externalLink1.xml"/></Relationships>'
    without_chart = changed({name: parts[name] for name in parts if "externalLinks" in name or "embeddings" in name})
    assert _read_one(tmp_path, without_chart).rows[0]["value"] == Decimal("2.1")
    parts[LINKS] = parts[LINKS].replace(b"</Relationships>", link.encode())
    parts["xl/externalLinks/externalLink1.xml"] = b"<externalLink/>"
    assert _read_one(tmp_path, packed(parts)).rows[0]["value"] == Decimal("2.1")


@pytest.mark.parametrize("formula", ["=cmd|'/c calc'!A1", '=WEBSERVICE("http://127.0.0.1/x")', "='[other.xlsx]S'!A1"])
def test_of_a_formula_its_result_is_read_and_nothing_else(tmp_path: Path, formula: str) -> None:
    def put(to: Worksheet) -> None:
        to["H2"] = formula

    data = workbook([RESULT_HEADER, result_row()], put)
    assert faults(read_bytes(tmp_path, data, "a.xlsx")) == ["formula_without_value"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert b"<v />" in parts[SHEET] or b"<v></v>" in parts[SHEET] or b"</f></c>" in parts[SHEET]
    text = parts[SHEET].decode()
    at = text.index("</f>") + len("</f>")
    parts[SHEET] = (text[:at] + "<v>57.6</v>" + text[text.index("</c>", at) :]).encode()
    assert _read_one(tmp_path, packed(parts)).rows[0]["value"] == Decimal("57.6")


def test_formatted_rows_below_a_table_are_read_over(tmp_path: Path) -> None:
    rows = rows_of(DECISIONS, {}, {})
    data = book_bytes(rows)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[SHEET] = parts[SHEET].replace(b"</sheetData>", b'<row ht="9"><c/><c/></row>' * 20_000 + b"</sheetData>")
    assert len(read(tmp_path, packed(parts), name="a.xlsx").rows) == 2


def test_a_wrong_dimension_hides_nothing(tmp_path: Path) -> None:
    for data in (replaced(SHEET, 'ref="A1:I2"', 'ref="A1"'), replaced(SHEET, 'ref="A1:I2"', 'ref="A1:XFD1048576"')):
        assert _read_one(tmp_path, data).rows_read == 1


def test_a_number_without_end_is_a_fault_of_its_row(tmp_path: Path) -> None:
    for text in ("1e400", "-1e400", "1e308"):
        data = workbook([RESULT_HEADER, result_row(実績値="X")])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        for header in ("年度", "時点", "支部コード", "実績値"):
            column = "ABCDEFGHI"[RESULT_HEADER.index(header)]
            cell = f'<c r="{column}2"><v>{text}</v></c>'
            before, _, after = parts[SHEET].decode().partition(f'<c r="{column}2"')
            changed_sheet = before + cell + after.partition("</c>")[2]
            submission = read_bytes(tmp_path, packed(parts | {SHEET: changed_sheet.encode()}), "a.xlsx")
            assert (submission.rows_read, submission.rows_loaded) == (1, 0)


def test_what_is_admitted_stays_within_memory_and_time(tmp_path: Path) -> None:
    """A tenth of what is admitted, by a process that may have little: every costly part at once."""
    rows = "".join(f"<row ht='9'>{CELL * 9}</row>" for _ in range(limits.MOST_CELLS_IN_MEMORY // 100))
    strings = f'<sst xmlns="{MAIN}">{"<si><t>abcdef</t></si>" * (limits.OF_FIGURES.strings // 10)}</sst>'
    types = sound_parts()[TYPES].decode()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    if STRINGS not in types:
        types = types.replace("</Types>", f'<Override PartName="/{STRINGS}" ContentType="{kind}"/></Types>')
    data = changed({SHEET: sheet(rows), STRINGS: strings.encode(), TYPES: types.encode()})
    child = os.fork()
    if child == 0:
        try:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (used + GIB // 4, used + GIB // 4))
            resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
            os._exit(0 if read_bytes(tmp_path, data, "a.xlsx").fault == "wrong_columns" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
