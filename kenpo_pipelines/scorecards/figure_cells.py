"""One figure in one cell, with its unit and precision: the cells that both workbooks share.

What lives here: result, target, prior year, outcome. What does not: where on the sheet they stand.
"""

from openpyxl.cell.cell import Cell

from kenpo_pipelines.catalogue.scorecard_line import Outcome
from kenpo_pipelines.scorecards import cells, style, view
from kenpo_pipelines.scorecards.rows import ScorecardRow


def write_target(cell: Cell, row: ScorecardRow) -> str:
    """Write the target (63.1%以上, 実施, 対前年度以上, or ― for none); return the text as shown."""
    if row.target is None:
        return _write_words(cell, row.target_text)
    suffix = view.target_suffix(row)
    cells.put_number(
        cell, view.at_precision(row.target, row.precision), style.number_format(row.precision, row.unit, suffix=suffix)
    )
    _look(cell)
    return view.figure_text(row.target, row.precision, row.unit, suffix)


def write_result(cell: Cell, row: ScorecardRow, state: str = "", *, with_flag: bool = False) -> str:
    """Write the result, ※ before it when the figure is in doubt, ``state`` (its month) behind it; return the text.

    ``with_flag`` puts 旗 before one that checks have flagged, for sheets that have no column for it.
    """
    aside = f"（{state}）" if state else ""
    flag = view.FLAG_MARK if with_flag and view.flags(row) else ""
    doubt = f"{flag}{view.WARNING_MARK if row.notes.strip() else ''}"
    if row.value is None:
        words = row.value_text if view.has_figure(row) else view.NONE_MARK
        return _write_words(cell, f"{flag}{words}{aside}")
    cells.put_number(
        cell,
        view.at_precision(row.value, row.precision),
        style.number_format(row.precision, row.unit, prefix=doubt, suffix=aside),
    )
    _look(cell)
    return f"{doubt}{view.figure_text(row.value, row.precision, row.unit, aside)}"


def write_prior(cell: Cell, row: ScorecardRow) -> None:
    """Write the prior year's result in a quiet colour: it is for reference."""
    if row.prior_value is None:
        _write_words(cell, row.prior_value_text)
    else:
        value = view.at_precision(row.prior_value, row.precision)
        cells.put_number(cell, value, style.number_format(row.precision, row.unit))
        _look(cell)
    cell.font = style.font(colour=style.QUIET_INK)


def write_outcome(cell: Cell, outcome: Outcome, text: str) -> None:
    """Write the outcome's mark (and word) in its colour."""
    cells.put_text(cell, text)
    paint_outcome(cell, outcome)
    cell.alignment = style.CENTRE


def paint_outcome(cell: Cell, outcome: Outcome) -> None:
    """Give a cell the outcome's colours."""
    cell.font = style.font(bold=outcome == "not_attained", colour=style.OUTCOME_INK[outcome])
    colour = style.OUTCOME_FILL[outcome]
    if colour is not None:
        cell.fill = style.fill(colour)


def _write_words(cell: Cell, text: str) -> str:
    words = text if text.strip() else view.NONE_MARK
    cells.put_text(cell, words)
    cell.font = style.font(colour=style.QUIET_INK if words == view.NONE_MARK else style.INK)
    cell.alignment = style.RIGHT_WORDS
    return words


def _look(cell: Cell) -> None:
    cell.font = style.font()
    cell.alignment = style.RIGHT
