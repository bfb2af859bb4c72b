"""How a sheet is printed: A4 landscape, header and footer, repeated titles, one page wide.

What lives here: page set-up that all sheets share. What does not: content.
"""

from openpyxl.worksheet.header_footer import HeaderFooterItem
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards.cells import clean
from kenpo_pipelines.scorecards.provenance import Provenance

MILLIMETRES_PER_DIGIT = 2.12
"""Width of a column unit on paper: a digit of the 11-point default font (8 pixels of 96 to the inch)."""
PAPER_WIDTH_MM, PAPER_HEIGHT_MM = 297.0, 210.0
_INCH = 25.4
_SIDE, _TOP, _BOTTOM, _HEADER = 0.45, 0.55, 0.5, 0.25
USABLE_WIDTH = 0.98 * (PAPER_WIDTH_MM - 2 * _SIDE * _INCH) / MILLIMETRES_PER_DIGIT
"""Column units across an A4 landscape page at 100 %, with a little room for other programs' rounding."""
USABLE_POINTS = (PAPER_HEIGHT_MM / _INCH - _TOP - _BOTTOM) * 72
"""Points down an A4 landscape page at 100 %."""


def set_up(sheet: Worksheet, name: str, provenance: Provenance) -> None:
    """A4 landscape, centred, with what the sheet is above and month, page and run below."""
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.orientation = "landscape"
    sheet.print_options.horizontalCentered = True
    margins = sheet.page_margins
    margins.left = margins.right = _SIDE
    margins.top, margins.bottom, margins.header, margins.footer = _TOP, _BOTTOM, _HEADER, _HEADER
    header, footer = HeaderFooterItem(), HeaderFooterItem()
    header.left.text = _plain(name)
    header.right.text = _plain("【合成データ】" if provenance.is_synthetic else provenance.data_label)
    footer.left.text = _plain(f"{fiscal.month_label(provenance.as_of)}時点")
    footer.center.text = "&P ／ &N ページ"
    footer.right.text = _plain(f"作成 {provenance.written_at_label}")
    for part in (header.left, header.right, footer.left, footer.center, footer.right):
        part.size = 8
    sheet.oddHeader, sheet.oddFooter = header, footer
    sheet.sheet_view.showGridLines = False


def fit_to_width(sheet: Worksheet, pages_high: int = 0) -> None:
    """One page wide; 0 pages high means as many as it takes."""
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = pages_high


def fits_one_page(widths: list[float], height_points: float, smallest_scale: float) -> bool:
    """True when the sheet fits on one page at a scale not below ``smallest_scale`` (1 = full size)."""
    return height_points * smallest_scale <= USABLE_POINTS and sum(widths) * smallest_scale <= USABLE_WIDTH


def _plain(text: str) -> str:
    """An ampersand begins a code in headers and footers: double it."""
    return clean(text).replace("&", "&&").replace("\n", " ")
