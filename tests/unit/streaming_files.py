"""Builders of record-level files for the tests of streaming, and what reading them yields."""

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import openpyxl
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr
from submission_files import catalogue, contracts

from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.streaming import RecordFile, read_record_file, reading

KEY = SecretStr("a key for the tests only")
MONTH = "2025-06"
PROVENANCE = {
    "known_month": MONTH,
    "file": "提出.csv",
    "received_at": "2025-07-01T00:00:00+00:00",
    "origin": "submission",
}
_NOT_ROW = ("known_month", "file", "file_sha256", "received_at", "origin", "sheet")
Way = Literal["any", "engine", "python"]

DECISIONS = {
    "支部コード": "13", "受付番号": "A-0001", "給付種別": "傷病手当金", "受付区分": "窓口", "受付日": "2025-06-02",
    "返戻日": "", "再受付日": "", "決定日": "2025-06-10", "振込日": "2025-06-12", "決定区分": "支給", "支給額": "123456",
    "記号": "21700023", "番号": "1234", "枝番": "01",
}  # fmt: skip
"""One good row of benefit_decisions."""
CLAIMS = {
    "支部コード": "13", "レセプト管理番号": "130000000001", "診療年月": "2025-04", "審査年月": "2025-05",
    "点数表": "医科入院外", "記号": "21700023", "番号": "1234", "枝番": "", "決定点数": "520", "後発数量": "28.5",
    "後発あり先発数量": "", "後発薬剤料": "310", "後発あり先発薬剤料": "0.25",
    "高血圧受診フラグ": "1", "糖尿病受診フラグ": "0", "脂質異常受診フラグ": "0",
}  # fmt: skip
"""One good row of claims."""
AUDITS = {
    "支部コード": "13", "再審査申出番号": "S-1", "点検種別": "内容点検",
    "レセプト管理番号": "130000000001", "申出年月": "2025-04", "結果年月": "2025-05", "結果": "査定", "査定額": "1200",
}  # fmt: skip


@dataclass
class Read:
    """What one reading yielded."""

    result: RecordFile
    rows: list[dict[str, Any]]
    faults: list[tuple[int, str, str]]
    """Row number, header, code."""
    quarantine: list[dict[str, Any]]

    @property
    def codes(self) -> list[str]:
        return [code for _, _, code in self.faults]


def rows_of(base: dict[str, str], *changes: dict[str, str]) -> list[list[str]]:
    """A header and one row per change. Numbers of records differ, so that no key repeats."""
    number = {"受付番号", "レセプト管理番号", "再審査申出番号"} & set(base)
    out = [list(base)]
    for at, change in enumerate(changes):
        assert set(change) <= set(base), change
        own = {
            name: f"{base[name][:-3]}{at:03d}"
            for name in number
            if "再審査申出番号" not in number or name != "レセプト管理番号"
        }
        out.append(list({**base, **own, **change}.values()))
    return out


def csv_bytes(
    rows: Sequence[Sequence[str]], encoding: str = "utf-8", newline: str = "\r\n", quote_all: bool = False
) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator=newline, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL).writerows(rows)
    return out.getvalue().encode(encoding)


def gz(data: bytes) -> bytes:
    return gzip.compress(data)


def book_bytes(rows: Sequence[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(
    folder: Path,
    data: bytes | Sequence[Sequence[str]],
    dataset: str | Contract = "benefit_decisions",
    name: str = "提出.csv",
    way: Way = "any",
) -> Read:
    """Write the file and read it, by the way asked for."""
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else csv_bytes(data))
    raw, quarantine = folder / "raw.parquet", folder / "quarantine.parquet"
    contract = dataset if isinstance(dataset, Contract) else contracts()[dataset]
    with pytest.MonkeyPatch.context() as patch:
        if way == "engine":
            patch.setattr(reading, "_read_by_python", _forbidden)
        if way == "python":
            patch.setattr(reading, "_read_by_engine", lambda *_: None)
        result = read_record_file(path, contract, catalogue(), MONTH, KEY, raw, quarantine, PROVENANCE | {"file": name})
    rows = pq.read_table(raw).to_pylist() if raw.exists() else []
    faults = pq.read_table(quarantine).to_pylist() if quarantine.exists() else []
    faults.sort(key=lambda one: (one["sheet"], one["row_number"], one["column_name"]))
    assert (raw.exists(), quarantine.exists()) == (bool(rows), bool(faults))
    assert len(rows) == result.rows_loaded and result.rows_read == result.rows_loaded + result.rows_rejected
    assert len({(one["sheet"], one["row_number"]) for one in faults}) == result.rows_rejected
    assert sum(one.rows_loaded for one in result.branches) == result.rows_loaded
    assert sum(one.rows_rejected for one in result.branches) == result.rows_rejected
    return Read(
        result,
        [{name: value for name, value in row.items() if name not in _NOT_ROW} for row in rows],
        sorted((one["row_number"], one["column_name"], one["fault"]) for one in faults),
        faults,
    )


def _forbidden(*_: object) -> None:
    raise AssertionError("the engine's own parser should have read this file")


def without_numbers(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without their place in the file."""
    return [{name: value for name, value in row.items() if name != "row_number"} for row in rows]
