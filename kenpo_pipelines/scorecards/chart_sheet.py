"""The sheet グラフ of a branch's workbook: one of Excel's own line charts per KPI, drawn from the cells of 推移・見込み.

What lives here: where charts stand on the sheet, and their lines and marks. What does not: the numbers (``series_sheet``).
Each series has a mark and a dash of its own beside its colour, as on the page.
"""

from collections.abc import Sequence
from typing import Literal

from openpyxl import Workbook
from openpyxl.chart import LineChart, Reference, Series
from openpyxl.chart.axis import ChartLines
from openpyxl.chart.data_source import StrRef
from openpyxl.chart.layout import Layout, ManualLayout
from openpyxl.chart.marker import Marker
from openpyxl.chart.series import Series as DrawnSeries
from openpyxl.chart.series import SeriesLabel
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.chart.text import RichText, Text
from openpyxl.chart.title import Title
from openpyxl.drawing.line import LineProperties
from openpyxl.drawing.text import CharacterProperties, Font, Paragraph, ParagraphProperties, RegularTextRun
from openpyxl.worksheet.pagebreak import Break
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import cells, page, series_sheet, sheet_head, style
from kenpo_pipelines.scorecards.chart_scale import scale_around
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.scorecards.series_sheet import SeriesRows

SHEET_NAME = "グラフ"
_ACROSS, _DOWN, _ROWS_EACH = 3, 3, 13
_COLUMN_WIDTH, _WIDTH_CM, _HEIGHT_CM = 46.0, 9.5, 6.6
_ROW_POINTS, _SCALE = 15, 78
"""Three rows of charts, of ``_ROWS_EACH`` rows of cells each, are one A4 page at this scale."""
_KEY_ROW, _FIRST_ROW = 3, 4
_Dash = Literal["solid", "dash", "lgDash", "sysDot"]
_Mark = Literal["circle", "square", "x", "diamond", "dash", "none"]
_LOOKS: dict[str, tuple[str, _Dash | None, _Mark, int]] = {
    "今年度": (style.OUTCOME_INK["attained"], "solid", "circle", 22_000),
    "前年度": ("66727F", "dash", "square", 12_700),
    "前々年度": ("8A95A1", "sysDot", "x", 9_500),
    series_sheet.TARGET: ("B44D12", "lgDash", "none", 15_900),
    series_sheet.EXPECTED: ("B44D12", "sysDot", "none", 9_500),
    series_sheet.FORECAST: (style.OUTCOME_INK["attained"], None, "diamond", 0),
    series_sheet.LOW: (style.OUTCOME_INK["attained"], None, "dash", 0),
    series_sheet.HIGH: (style.OUTCOME_INK["attained"], None, "dash", 0),
}
"""Series: colour, dash (none: marks only), mark, width in EMU."""

_KEY = (
    "●実線：今年度　□破線：前年度　×点線：前々年度　橙の長い破線：目標　橙の点線：目安（目標への道筋）　"
    "◆：３月見込み（上下の－は80％の幅）　数値は「推移・見込み」にあります。"
)


def add_chart_sheet(workbook: Workbook, placed: Sequence[SeriesRows], provenance: Provenance) -> None:
    """Append the sheet with a chart per KPI; nothing where no KPI has two figures."""
    if not placed:
        return
    numbers: Worksheet = workbook[series_sheet.SHEET_NAME]
    row = placed[0].insight.row
    title = f"{row.branch}　{fiscal.wareki(row.fiscal_year)} {SHEET_NAME}"
    sheet: Worksheet = workbook.create_sheet(SHEET_NAME)
    cells.set_widths(sheet, [_COLUMN_WIDTH] * _ACROSS)
    sheet_head.write_head(sheet, title, provenance, _ACROSS)
    sheet.sheet_format.defaultRowHeight, sheet.sheet_format.customHeight = _ROW_POINTS, True
    key = cells.at(sheet, _KEY_ROW, 1)
    cells.put_text(key, _KEY)
    key.font, key.alignment = style.font(9), style.PLAIN_LEFT
    for index, one in enumerate(placed):
        row_number = _FIRST_ROW + index // _ACROSS * _ROWS_EACH
        sheet.add_chart(_chart(numbers, one), cells.at(sheet, row_number, 1 + index % _ACROSS).coordinate)
    lines = -(-len(placed) // _ACROSS)
    for line in range(_DOWN, lines, _DOWN):
        sheet.row_breaks.append(Break(id=_FIRST_ROW - 1 + line * _ROWS_EACH))
    last = cells.at(sheet, _FIRST_ROW - 1 + lines * _ROWS_EACH, _ACROSS)
    sheet.print_area = f"A1:{last.coordinate}"
    sheet.print_title_rows = "1:2"
    page.set_up(sheet, title, provenance)
    # Fitting to pages would ignore the breaks between rows of charts.
    sheet.page_setup.scale = _SCALE


def _chart(numbers: Worksheet, one: SeriesRows) -> LineChart:
    row = one.insight.row
    chart = LineChart()
    chart.title = _title(f"{row.kpi}（{row.unit}）")
    chart.width, chart.height = _WIDTH_CM, _HEIGHT_CM  # type: ignore[assignment]  # typed by a default that is whole
    chart.legend = None
    chart.display_blanks = "gap"
    first, last = series_sheet.FIRST_MONTH_COLUMN, series_sheet.LAST_MONTH_COLUMN
    for name, row_number in one.rows.items():
        series = Series(Reference(numbers, min_col=first, max_col=last, min_row=row_number), title_from_data=False)
        series.tx = _name(numbers, row_number)
        _look(series, name)
        chart.series.append(series)
    chart.set_categories(Reference(numbers, min_col=first, max_col=last, min_row=series_sheet.HEAD_ROW))
    for axis in (chart.x_axis, chart.y_axis):
        axis.delete = False
        axis.txPr = _text(700)
    grid = GraphicalProperties(ln=LineProperties(solidFill="DDE3E9", w=6_350))
    chart.y_axis.majorGridlines = ChartLines(spPr=grid)
    scale = scale_around(one.insight.shown_values, is_percentage=row.unit == "%")
    chart.y_axis.scaling.min, chart.y_axis.scaling.max = scale.first, scale.last
    chart.y_axis.majorUnit = scale.step
    chart.y_axis.number_format = "#,##0" + (f".{'0' * scale.decimals}" if scale.decimals else "")
    chart.layout = Layout(
        manualLayout=ManualLayout(x=0.1, y=0.15, w=0.87, h=0.73, layoutTarget="inner", xMode="edge", yMode="edge")
    )
    return chart


def _name(numbers: Worksheet, row: int) -> SeriesLabel:
    return SeriesLabel(strRef=StrRef(f"'{numbers.title}'!$B${row}"))


def _look(series: DrawnSeries, name: str) -> None:
    colour, dash, mark, width = _LOOKS[name]
    series.smooth = False
    line = LineProperties(solidFill=colour, prstDash=dash, w=width) if dash else LineProperties(noFill=True)
    series.graphicalProperties = GraphicalProperties(ln=line)
    filled = name not in ("前年度", "前々年度")
    paint = GraphicalProperties(solidFill=colour if filled else "FFFFFF", ln=LineProperties(solidFill=colour, w=9_500))
    series.marker = Marker(symbol=mark, size=7 if name == series_sheet.FORECAST else 5, spPr=paint)


def _title(text: str) -> Title:
    """A small title; openpyxl's own is 14 points."""
    letters = _letters(900, bold=True)
    run = RegularTextRun(rPr=letters, t=cells.clean(text))
    paragraph = Paragraph(pPr=ParagraphProperties(defRPr=letters), r=[run])
    return Title(tx=Text(rich=RichText(p=[paragraph])), overlay=False)


def _letters(size: int, *, bold: bool = False) -> CharacterProperties:
    face = Font(typeface=style.FONT_NAME)
    return CharacterProperties(sz=size, b=bold, solidFill=style.INK, latin=face, ea=face)


def _text(size: int) -> RichText:
    letters = _letters(size)
    return RichText(p=[Paragraph(pPr=ParagraphProperties(defRPr=letters), endParaRPr=letters)])
