"""Hostile text in workbooks: it stands there as it was sent, as text, and nothing in the file runs or is fetched."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import hostile, made_pages
from openpyxl import load_workbook

from kenpo_pipelines.scorecards import write_branch_workbook, write_comparison_workbook
from kenpo_pipelines.scorecards.progress.workbook import write_progress_workbook
from kenpo_pipelines.scorecards.target_comparison_workbook import write_target_comparison_workbook


def _branch(path: Path) -> None:
    facts = made_pages.branch_facts(hostile.hostile_row, hostile.ALL)
    write_branch_workbook(path, facts.rows, made_pages.hostile_provenance(), facts.restatements, facts.insights)


def _branch_of_formulas(path: Path) -> None:
    facts = made_pages.branch_facts(lambda row: hostile.hostile_row(row, hostile.FORMULA), hostile.FORMULA)
    write_branch_workbook(path, facts.rows, made_pages.hostile_provenance(), facts.restatements, facts.insights)


def _comparison(path: Path) -> None:
    rows = [hostile.hostile_row(row, hostile.FORMULA) for row in made_pages.rows()]
    write_comparison_workbook(path, rows, made_pages.hostile_provenance(), [made_pages.restatement(hostile.ALL)])


def _targets(path: Path) -> None:
    write_target_comparison_workbook(path, made_pages.hostile_comparison(), made_pages.hostile_provenance())


def _progress(path: Path) -> None:
    write_progress_workbook(path, made_pages.hostile_progress_report(), made_pages.hostile_provenance())


def _check_report(path: Path) -> None:
    path.write_bytes(made_pages.check_report_hostile(".xlsx"))


WORKBOOKS = (_branch, _branch_of_formulas, _comparison, _targets, _progress, _check_report)


@pytest.fixture(params=WORKBOOKS, ids=lambda make: make.__name__.strip("_"))
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A workbook of hostile text."""
    make: Callable[[Path], None] = request.param
    make(tmp_path / "book.xlsx")
    return tmp_path / "book.xlsx"


def test_no_cell_is_a_formula_and_text_is_as_it_was_sent(book: Path) -> None:
    cells = [
        cell for sheet in load_workbook(book) for row in sheet.iter_rows() for cell in row if cell.value is not None
    ]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    texts = [str(cell.value) for cell in cells if cell.data_type == "s"]
    assert any(hostile.FORMULA in text for text in texts)
    risky = [cell for cell in cells if cell.data_type == "s" and re.match(r"\s*[=+\-@＝＋－＠]", str(cell.value))]
    assert all(cell.quotePrefix for cell in risky)
    assert not [cell.coordinate for cell in cells if cell.hyperlink is not None and cell.hyperlink.target]


def test_nothing_in_the_file_runs_or_is_fetched(book: Path) -> None:
    """No formula beside those of charts' references, no macro, link to outside, query or embedded object."""
    with zipfile.ZipFile(book) as parts:
        names = parts.namelist()
        assert [name for name in names if re.search("vba|externalLink|connection|query|embeddings|activeX", name)] == []
        for name in names:
            text = parts.read(name).decode()
            if name.startswith("xl/worksheets/"):
                assert re.findall(r"<f[ >]", text) == []
            if name.endswith(".rels"):
                assert "External" not in text
