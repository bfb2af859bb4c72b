"""How much a file may hold before it is refused: far above every real submission, far below what a machine bears.

What lives here: the numbers, each with its reason, and the two refusals that all readers share. What does not: the largest file
of a dataset that is read as a stream, which the contract says (``dataset.largest_gib``). A packed file can be a thousand times
as large as it looks, so nothing here is about the size on disk alone.
"""

from dataclasses import dataclass

from kenpo_pipelines.submissions.faults import FileFault

MIB = 1 << 20
GIB = 1 << 30

MOST_IN_MEMORY = 64 * MIB
"""Bytes, unpacked, of a CSV file of figures, which is read into memory: 47 branches × 40 KPIs × 12 months are 4 MB."""
MOST_CELLS_IN_MEMORY = 500_000
"""Cells of such a file (22,560 rows of 11 columns are 250,000): a separator alone is a cell, and takes a hundred bytes."""

LONGEST_RECORD = MIB
"""Characters of one record of a CSV file, all its lines together; real ones have some hundred."""
MOST_PADDING = 16 * MIB
"""Bytes of nothing (line ends, end marks, NUL) in one place: some systems fill a file up to a block, none up to this."""
MOST_INFLATION, INFLATION_FROM = 200, 16 * MIB
"""A file of more than so many bytes, unpacked, may be at most so many times its packed size. Real CSV packs 1:5 to 1:20, sheets
of empty formatted rows 1:50; deflate reaches 1:1000 on nothing but repetition."""


@dataclass(frozen=True)
class WorkbookLimits:
    """What a workbook may hold, counted in its parts before any is opened. Sizes in bytes."""

    packed: int
    unpacked: int
    cells: int
    """Cells up to the last of each row, empty ones among them, and rows."""
    strings: int
    """Shared strings: they are in memory as long as the workbook is read."""


OF_FIGURES = WorkbookLimits(packed=MOST_IN_MEMORY, unpacked=256 * MIB, cells=MOST_CELLS_IN_MEMORY, strings=200_000)
"""Figures and targets: read into memory."""
OF_RECORDS = WorkbookLimits(packed=256 * MIB, unpacked=2 * GIB, cells=5_000_000, strings=1_000_000)
"""Records: read row by row. The largest branch decides 32,000 applications a month, 450,000 cells; who has more sends CSV."""

MOST_STRING_BYTES = 256 * MIB
"""Bytes of the shared strings: twice as many are in memory."""
MOST_PARTS = 2_000
"""Files inside a workbook; a hundred sheets with drawings and comments have some five hundred."""
MOST_OTHER = 16 * MIB
"""Bytes of a part that is neither sheet nor shared strings (styles, names, links): real ones have kilobytes."""
LONGEST_TEXT = 131_072
"""Bytes between two elements there, attributes among them: a name's formula has at most 8,192 characters."""
LONGEST_NUMBER_FORMAT = 255
"""The format's own limit; openpyxl's search in it takes a time that grows with its square."""
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""Of one sheet: the format's own limits."""
LONGEST_SHEET_NAME = 31
"""The format's own limit."""
MOST_BESIDE_CELLS = 100_000
"""Elements of a part that is neither: a workbook may have 65,490 formats."""
MOST_IN_A_ROW = 10 * MOST_COLUMNS
"""Elements of one row beside its cells (value, formula, runs of text), and of all that stands before the first row or behind
the last (merged ranges, links, conditional formats)."""
MOST_ROW_BYTES = 64 * MIB
"""Of one row, or between two elements of a sheet: a cell may have 32,767 characters."""
MOST_MERGED = 100_000
"""Cells under merged ranges of one sheet."""


def refuse_above(size: int, most: int) -> None:
    """Raise :class:`FileFault` ``too_large`` for more bytes than may be."""
    if size > most:
        raise FileFault("too_large", f"{most // MIB:,}MB")


def refuse_inflated(size: int, packed: int) -> None:
    """Raise :class:`FileFault` ``unreasonable_size`` for what holds far more than data can when packed so small."""
    if size > INFLATION_FROM and size > MOST_INFLATION * packed:
        raise FileFault("unreasonable_size")
