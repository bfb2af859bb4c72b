"""Builders of real submission files for the tests: CSV bytes in any encoding, workbooks as branches make them."""

import io
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msoffcrypto.format.ooxml as ooxml
import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import Contract, load_contracts
from kenpo_pipelines.submissions.reading import Submission, read_submission

PUBLISHED = CHECKOUT / "examples" / "published"
RESULT_HEADER = ["年度", "時点", "支部コード", "支部", "KPI", "分子", "分母", "実績値", "単位"]
TARGET_HEADER = ["年度", "支部コード", "支部", "KPI", "比較", "目標値", "単位"]
MARKER = "ＭＡＲＫＥＲ山田太郎"
"""Planted where a cell is refused; must not appear in anything that is stored or logged."""


@cache
def catalogue() -> Catalogue:
    """The real catalogue."""
    return load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")


@cache
def contracts() -> dict[str, Contract]:
    """The real contracts."""
    return load_contracts(CHECKOUT / "expectations")


def result_row(**changes: str) -> list[str]:
    """One good row of kpi_results (Tokyo, FY2025, 2025-05), with changes by Japanese header."""
    row = dict(
        zip(
            RESULT_HEADER,
            ["2025", "2025-05", "13", "東京支部", "guidance_rate_insured", "", "", "2.1", "%"],
            strict=True,
        )
    )
    assert set(changes) <= set(row)
    return list((row | changes).values())


def target_row(**changes: str) -> list[str]:
    """One good row of kpi_targets (Tokyo, FY2025), with changes by Japanese header."""
    row = dict(
        zip(TARGET_HEADER, ["2025", "13", "東京支部", "guidance_rate_insured", "以上", "14.3", "%"], strict=True)
    )
    assert set(changes) <= set(row)
    return list((row | changes).values())


def csv_text(rows: Sequence[Sequence[str]], newline: str = "\r\n") -> str:
    """Rows as CSV text; cells with comma, quote or line break are quoted."""

    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',"\n') else cell

    return "".join(",".join(map(quoted, row)) + newline for row in rows)


def workbook(
    rows: Sequence[Sequence[Any]], change: Callable[[Worksheet], None] | None = None, title: str = "報告"
) -> bytes:
    """A workbook with one sheet; ``change`` may merge, hide and format."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    if change is not None:
        change(sheet)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """The workbook's bytes."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def encrypted(data: bytes) -> bytes:
    """The workbook under a password, as Excel protects it."""
    buffer = io.BytesIO()
    ooxml.OOXMLFile(io.BytesIO(data)).encrypt("himitsu", buffer)
    return buffer.getvalue()


def read_bytes(
    folder: Path, data: bytes, name: str = "東京.csv", dataset: str = "kpi_results", month: str = "2025-06"
) -> Submission:
    """Write the bytes to a file and read it."""
    path = folder / name
    path.write_bytes(data)
    landing = month[:4] if dataset == "kpi_targets" else month
    return read_submission(path, contracts()[dataset], catalogue(), landing)


def read_results(folder: Path, *rows: Sequence[str], month: str = "2025-06") -> Submission:
    """Read rows of kpi_results under the usual header, as UTF-8 CSV."""
    return read_bytes(folder, csv_text([RESULT_HEADER, *rows]).encode(), month=month)


def read_targets(folder: Path, *rows: Sequence[str]) -> Submission:
    """Read rows of kpi_targets under the usual header, as UTF-8 CSV."""
    return read_bytes(folder, csv_text([TARGET_HEADER, *rows]).encode(), dataset="kpi_targets")


def faults(submission: Submission) -> list[str]:
    """Fault codes of the submission's problems, in order."""
    return [problem.fault for problem in submission.problems]
