"""The top of every sheet: title, what the data are, and a fresh workbook to put sheets into.

What lives here: rows 1 and 2 of each sheet and the workbook's own properties. What does not: tables.
"""

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines.scorecards import cells, style
from kenpo_pipelines.scorecards.provenance import Provenance

CREATOR = "kenpo-pipelines"


def new_workbook(title: str) -> Workbook:
    """An empty workbook whose default font is the sheets' own (column widths are counted in its digits)."""
    workbook = Workbook()
    for sheet in list(workbook.worksheets):
        workbook.remove(sheet)
    normal = style.font(11)
    # openpyxl has no public way to change the Normal style.
    workbook._named_styles["Normal"].font = normal  # type: ignore[attr-defined]
    workbook._fonts[0] = normal  # type: ignore[attr-defined]
    workbook.properties.creator = CREATOR
    workbook.properties.lastModifiedBy = CREATOR
    workbook.properties.title = cells.clean(title)
    workbook.properties.language = "ja-JP"
    return workbook


def write_head(sheet: Worksheet, title: str, provenance: Provenance, columns: int) -> None:
    """Write the title (row 1) and the kind of data (row 2): a full-width dark banner when anything is synthetic."""
    sheet.row_dimensions[1].height = 28
    sheet.row_dimensions[2].height = 22 if provenance.is_synthetic else 18
    heading = cells.at(sheet, 1, 1)
    cells.put_text(heading, title)
    heading.font = style.font(15, bold=True)
    heading.alignment = style.PLAIN_LEFT
    banner = cells.at(sheet, 2, 1)
    cells.put_text(banner, provenance.banner)
    banner.alignment = style.PLAIN_LEFT
    banner.font = style.font(9, colour=style.QUIET_INK)
    if provenance.is_synthetic:
        banner.font = style.font(11, bold=True, colour="FFFFFF")
        for column in range(1, columns + 1):
            cells.at(sheet, 2, column).fill = style.fill(style.WARN_FILL)


def write_column_heads(sheet: Worksheet, row: int, labels: list[str], height: float) -> None:
    """Write one row of table heads, white on dark."""
    sheet.row_dimensions[row].height = height
    for column, label in enumerate(labels, start=1):
        cell = cells.at(sheet, row, column)
        cells.put_text(cell, label)
        cell.font = style.font(9.5, bold=True, colour="FFFFFF")
        cell.fill = style.fill(style.HEAD_FILL)
        cell.alignment = style.CENTRE
