"""Submission files that are almost right: a table of known values, spelled and mutated by one seed.

Each file is made from a table whose meaning is known. Its cells are spelled as branches spell them (which changes no value),
some cells, rows or columns get something else, and then its bytes, its XML or its packing may be damaged.
"""

import csv
import datetime as dt
import gzip
import io
import random
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import openpyxl
from openpyxl.chart import BarChart, Reference
from submission_files import contracts

from kenpo_pipelines.submissions.contract import Column, ColumnType, Contract

MONTH = "2025-06"
MIXED = "a line of UTF-8 in cp932"
_EPOCH = dt.date(1899, 12, 30)
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
_GARBAGE = (
    *(
        "1.03&",
        "集計中",
        "△3",
        "-5",
        "1e5",
        "1.37E+08",
        "=1+1",
        "#REF!",
        "①",
        "²",
        "１２3",
        "1,23",
        "1 234",
        "٣",
        "",
        " ",
    ),
    *(
        "NaN",
        "inf",
        "2025-13",
        "R7.13.1",
        "2025.1",
        "5月",
        "\x00",
        "\ufffd",
        "😀",
        "x" * 300,
        "0x10",
        "1_000",
        "9" * 20,
    ),
    *(
        "0.00000000001",
        "--5",
        "+5",
        "(5)",
        "1/2",
        "½",
        "五",
        "12人",
        "12%",
        "１２％",
        "3件",
        "1億2,000万",
        "2万",
        "２０",
        "00",
    ),
    *(
        "令和7年",
        "2025/6",
        "2025-06-31",
        "20250229",
        "45810",
        "H31.4.1",
        "R7.4.1",
        "2025/4/1 0:00",
        "true",
        "はい",
        "13.0",
    ),
    *(
        "支部コード",
        "※注",
        "\t",
        '"',
        '""',
        "\n",
        "a,b",
        "支給",
        "実施",
        "―",
        "【新設】",
        "\u202e12",
        "１，２３４円",
        "5千円",
    ),
    *(
        "99",
        "00",
        "13 ",
        "13号",
        "東京支部",
        "1－2",
        "12345678",
        "0.576",
        "57.6％",
        "1.5.2",
        "1、5",
        "１．５",
        "3.",
        ".5",
        "1,000.5",
    ),
)


@dataclass
class Row:
    """One row. ``truth``: the value of each column; ``is_certain``: nothing was done to it that could change a value."""

    truth: dict[str, Any]
    texts: list[str]
    is_certain: bool = True


@dataclass
class Made:
    """A file, and what is known about it. ``encoding`` is '' for a workbook, or :data:`MIXED`."""

    seed: int
    dataset: str
    name: str
    data: bytes
    encoding: str
    done: list[str] = field(default_factory=list)
    """What was done to it."""
    rows: list[Row] = field(default_factory=list)
    """Its rows in order, where every one must be read as it is: nothing was damaged. Else empty."""

    @property
    def contract(self) -> Contract:
        return contracts()[self.dataset]


def make(seed: int) -> Made:
    """Return the file of the seed."""
    return _Maker(seed).made()


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.dataset = self.rng.choice(
            sorted(_WHEN)
        )  # amounts and counts with units are read in test_contracts_progress
        self.contract = contracts()[self.dataset]
        self.columns = [one for one in self.contract.columns if one.type is not ColumnType.BRANCH_NAME]
        self.done: list[str] = []
        self.is_damaged = False

    def made(self) -> Made:
        rng = self.rng
        self.rows = [self._row(number) for number in range(rng.choice((1, 3, 8, 20)))]
        if rng.random() < 0.3:
            rng.shuffle(self.columns)
            self.done.append("columns reordered")
        header = [self._header(column) for column in self.columns]
        as_book = rng.random() < 0.4
        for row in self.rows:
            row.texts = [self._spelled(column, row.truth[column.name]) for column in self.columns]
        for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
            rng.choice(_ON_ROWS)(self)
        grid = [header, *(row.texts for row in self.rows)]
        if rng.random() < 0.3:
            rng.choice(_ON_GRID)(self, grid)
        data, name, encoding = self._book(grid) if as_book else self._csv(grid)
        certain = [] if self.is_damaged or not all(row.is_certain for row in self.rows) else self.rows
        return Made(self.seed, self.dataset, name, data, encoding, self.done, certain)

    # --- rows ---

    def _row(self, number: int) -> Row:
        rng = self.rng
        truth: dict[str, Any] = {}
        for column in self.columns:
            match column.type:
                case ColumnType.BRANCH_CODE:
                    truth[column.name] = f"{number % 47 + 1:02d}"
                case ColumnType.IDENTIFIER:
                    truth[column.name] = f"{rng.choice(('A', '7', 'K-'))}{number:04d}{rng.randrange(1000)}"
                case ColumnType.INTEGER:
                    truth[column.name] = Decimal(rng.choice((0, 7, 12, 999, 1000, 123456)))
                case ColumnType.DECIMAL:
                    truth[column.name] = Decimal(rng.choice(("0", "28", "1200", "4096")))
                case ColumnType.FLAG:
                    truth[column.name] = True
                case ColumnType.CHOICE | ColumnType.COMPARATOR:
                    truth[column.name] = next(iter(column.values))
                case ColumnType.KPI_VALUE | ColumnType.TARGET_VALUE:
                    truth[column.name] = Decimal(rng.choice(("57.6", "2.1", "96.7", "0", "100")))
                case ColumnType.KPI:
                    truth[column.name] = "guidance_rate_insured"
                case ColumnType.FISCAL_YEAR:
                    truth[column.name] = 2025
                case ColumnType.UNIT:
                    truth[column.name] = "%"
                case ColumnType.TEXT:
                    truth[column.name] = rng.choice(("", "令和７年度 事業計画", "備考あり"))
        return Row(truth | _WHEN[self.dataset], [])

    def _spelled(self, column: Column, value: Any) -> str:
        """One of the spellings of the value that mean nothing else."""
        rng = self.rng
        if value is None:
            return rng.choice(("", "", " "))
        match column.type:
            case ColumnType.INTEGER | ColumnType.DECIMAL:
                plain = f"{value:f}"
                spellings = [plain, plain, f"{int(value):,}" if value == int(value) else plain, plain.translate(_WIDE)]
                return rng.choice([*spellings, f"{plain}{column.unit}", f" {plain}"])
            case ColumnType.KPI_VALUE | ColumnType.TARGET_VALUE:
                return rng.choice((f"{value}", f"{value}%", f"{value}％", f"{value}".translate(_WIDE)))
            case ColumnType.DATE:
                return rng.choice(_spelled_dates(value))
            case ColumnType.MONTH:
                return rng.choice(_spelled_months(value))
            case ColumnType.FISCAL_YEAR:
                return rng.choice(
                    (str(value), f"令和{value - 2018}年度", f"R{value - 2018}", str(value).translate(_WIDE))
                )
            case ColumnType.CHOICE | ColumnType.COMPARATOR:
                return rng.choice((value, value, *column.values[value]))
            case ColumnType.BRANCH_CODE:
                return rng.choice((value, value, value.lstrip("0"), value.translate(_WIDE)))
            case ColumnType.IDENTIFIER:
                return rng.choice((value, value, value.translate(_WIDE), f" {value} "))
            case ColumnType.FLAG:
                return rng.choice(("1", "1", "１", "TRUE")) if value else rng.choice(("0", "０"))
            case _:
                return str(value)

    def _header(self, column: Column) -> str:
        return self.rng.choice((column.header, column.header, column.name, *column.aliases))

    def _uncertain(self, *rows: Row) -> None:
        for row in rows:
            row.is_certain = False

    def garbage(self) -> None:
        row = self.rng.choice(self.rows)
        row.texts[self.rng.randrange(len(row.texts))] = self.rng.choice(_GARBAGE)
        self._uncertain(row)
        self.done.append("garbage in a cell")

    def swap_down(self) -> None:
        one, other = self.rng.choice(self.rows), self.rng.choice(self.rows)
        at = self.rng.randrange(min(len(one.texts), len(other.texts)))
        one.texts[at], other.texts[at] = other.texts[at], one.texts[at]
        self._uncertain(one, other)
        self.done.append("cells of two rows swapped")

    def swap_across(self) -> None:
        row = self.rng.choice(self.rows)
        at, to = self.rng.randrange(len(row.texts)), self.rng.randrange(len(row.texts))
        row.texts[at], row.texts[to] = row.texts[to], row.texts[at]
        self._uncertain(row)
        self.done.append("cells of one row swapped")

    def ragged(self) -> None:
        row = self.rng.choice(self.rows)
        at = self.rng.randrange(len(row.texts))
        if self.rng.random() < 0.5:
            del row.texts[at]
        else:
            row.texts.insert(at, self.rng.choice(("", "7", "13")))
        self._uncertain(row)
        self.done.append("a cell too many or too few")

    def repeat(self) -> None:
        row = self.rng.choice(self.rows)
        self.rows.insert(self.rng.randrange(len(self.rows) + 1), Row(row.truth, list(row.texts), False))
        self._uncertain(row)
        self.done.append("row repeated")

    def change(self) -> None:
        """Another value, rightly spelled."""
        row = self.rng.choice(self.rows)
        if not row.is_certain:
            return
        numbers = [at for at, one in enumerate(self.columns) if one.type in (ColumnType.INTEGER, ColumnType.KPI_VALUE)]
        if numbers:
            at = self.rng.choice(numbers)
            value = Decimal(self.rng.randrange(1, 100))
            row.truth = row.truth | {self.columns[at].name: value}
            row.texts[at] = self._spelled(self.columns[at], value)
            self.done.append("value changed")

    # --- the grid ---

    def title(self, grid: list[list[str]]) -> None:
        grid[:0] = [["令和７年度 報告"], []]
        self.done.append("title above")

    def unknown_column(self, grid: list[list[str]]) -> None:
        at = self.rng.randrange(len(grid[0]) + 1)
        for number, row in enumerate(grid):
            row.insert(at, "担当" if number == 0 else "7")
        self.done.append("unknown column")

    def column_twice(self, grid: list[list[str]]) -> None:
        at = self.rng.randrange(len(grid[0]))
        for row in grid:
            row.append(row[at] if at < len(row) else "")
        self.is_damaged = True
        self.done.append("column twice")

    def column_away(self, grid: list[list[str]]) -> None:
        at = self.rng.randrange(len(grid[0]))
        for row in grid:
            del row[at : at + 1]
        self.is_damaged = True
        self.done.append("column away")

    def other_unit(self, grid: list[list[str]]) -> None:
        at = self.rng.randrange(len(grid[0]))
        grid[0][at] += self.rng.choice(("（千円）", "（円）", "（人）", "（％）", "(必須)"))
        self.is_damaged = True
        self.done.append("unit in a header")

    def blank_and_notes(self, grid: list[list[str]]) -> None:
        at = self.rng.randrange(1, len(grid) + 1)
        grid.insert(at, self.rng.choice(([], ["", ""], ["※５月実施分まで"], list(grid[0]))))
        self.done.append("blank row, note or header in between")

    # --- CSV ---

    def _csv(self, grid: list[list[str]]) -> tuple[bytes, str, str]:
        rng = self.rng
        encoding = rng.choice(("utf-8", "utf-8-sig", "cp932", "cp932", "utf-16"))
        mark = "\t" if encoding == "utf-16" and rng.random() < 0.5 else ","
        out = io.StringIO()
        ends = rng.choice(("\r\n", "\r\n", "\n", "\r"))
        quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
        csv.writer(out, delimiter=mark, lineterminator=ends, quoting=quoting).writerows(grid)
        text = out.getvalue() + rng.choice(("", "", "\x1a"))
        data = text.encode(encoding, errors="replace")
        if data.decode(encoding) != text:
            self.is_damaged = True  # a character that the encoding lacks
        if rng.random() < 0.4:
            data = self._damaged(data)
        if rng.random() < 0.05 and encoding == "cp932":
            lines = data.split(b"\r\n")
            at = rng.randrange(len(lines))
            lines[at] = lines[at].decode("cp932", "replace").encode()
            data, self.is_damaged, encoding = b"\r\n".join(lines), True, MIXED
            self.done.append("one line in another encoding")
        if rng.random() < 0.15:
            return self._packed(data), "提出.csv.gz", encoding
        return data, "提出.csv", encoding

    def _damaged(self, data: bytes) -> bytes:
        rng, changed = self.rng, bytearray(data)
        self.is_damaged = True
        how = rng.choice(("flip", "flip", "drop", "insert", "cut", "double", "zero"))
        self.done.append(f"bytes: {how}")
        if how == "cut":
            return data[: rng.randrange(len(data) + 1)]
        if how == "double":
            at, size = rng.randrange(len(data)), rng.randrange(200)
            return data[: at + size] + data[at:]
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            at = rng.randrange(len(changed) or 1)
            marks = (
                b'"',
                b",",
                b"\n",
                b"\r",
                b"\t",
                b"\x00",
                b"\x1a",
                b"\xff",
                b"\x81",
                b"1",
                bytes([rng.randrange(256)]),
            )
            piece = {"flip": rng.choice(marks), "drop": b"", "zero": b"\x00"}.get(how)
            changed[at : at + (how != "insert")] = rng.choice(marks) if piece is None else piece
        return bytes(changed)

    def _packed(self, data: bytes) -> bytes:
        rng = self.rng
        at = rng.randrange(len(data) + 1)
        packed = gzip.compress(data[:at]) + gzip.compress(data[at:]) if rng.random() < 0.5 else gzip.compress(data)
        if rng.random() < 0.3:
            self.is_damaged = True
            self.done.append("gzip damaged")
            cut = rng.randrange(len(packed))
            return packed[:cut] if rng.random() < 0.5 else packed[:cut] + b"\x00" + packed[cut + 1 :]
        return packed

    # --- workbooks ---

    def _book(self, grid: list[list[str]]) -> tuple[bytes, str, str]:
        rng = self.rng
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        header = next(at for at, row in enumerate(grid) if len(row) >= len(self.columns) - 1 and len(row) > 1)
        for number, row in enumerate(grid):
            for at, text in enumerate(row):
                self._put(sheet.cell(number + 1, at + 1), text, typed=number > header)
        if rng.random() < 0.1:
            chart = BarChart()
            chart.add_data(Reference(sheet, 1, 1, 1, 2))
            book.create_chartsheet("グラフ").add_chart(chart)
            self.done.append("chart sheet")
        out = io.BytesIO()
        book.save(out)
        data = out.getvalue()
        if rng.random() < 0.6:
            data = self._mutated_parts(data)
        return data, "提出.xlsx", ""

    def _put(self, cell: Any, text: str, *, typed: bool) -> None:
        rng = self.rng
        clean = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]", "", text)
        if clean != text:
            self.is_damaged = True
        if typed and re.fullmatch(r"[1-9][0-9]{0,8}", clean) and rng.random() < 0.7:
            cell.value = int(clean)
        elif typed and re.fullmatch(r"[0-9]{1,3}\.[0-9]%", clean) and rng.random() < 0.7:
            cell.value, cell.number_format = float(clean[:-1]) / 100, "0.0%"
        elif typed and re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", clean) and rng.random() < 0.5:
            try:
                cell.value = dt.date.fromisoformat(clean)
            except ValueError:
                cell.value = clean
        elif clean:
            cell.value = clean
            if cell.data_type == "f" and rng.random() < 0.5:
                cell.data_type = "s"
            if cell.data_type != "s":
                self.is_damaged = True

    def _mutated_parts(self, data: bytes) -> bytes:
        rng = self.rng
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        how = rng.choice(sorted(_ON_PARTS))
        self.done.append(f"workbook: {how}")
        if how not in _HARMLESS:
            self.is_damaged = True
        _ON_PARTS[how](rng, parts)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        packed = out.getvalue()
        if how == "zip bytes":
            changed = bytearray(packed)
            for _ in range(rng.choice((1, 3, 20))):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            return bytes(changed)
        return packed[: rng.randrange(len(packed))] if how == "zip cut" else packed


_WHEN: Mapping[str, Mapping[str, Any]] = {
    "benefit_decisions": {
        "received_on": dt.date(2025, 6, 2),
        "returned_on": None,
        "resubmitted_on": None,
        "decided_on": dt.date(2025, 6, 10),
        "paid_on": dt.date(2025, 6, 12),
    },
    "claims": {"service_month": "2025-04", "review_month": "2025-05"},
    "receipt_audits": {"requested_month": "2025-04", "result_month": "2025-05"},
    "recoverables": {"event_on": dt.date(2025, 6, 3)},
    "untreated_persons": {"checkup_month": "2024-08"},
    "kpi_results": {"as_of": "2025-05", "numerator": None, "denominator": None},
    "checkup_counts": {},
    "guidance_counts": {},
    "kpi_targets": {},
}
"""Columns whose values must fit together."""


def _spelled_dates(day: dt.date) -> tuple[str, ...]:
    year = day.year - 2018
    wide = f"令和{year}年{day.month}月{day.day}日".translate(_WIDE)
    serial = str((day - _EPOCH).days)
    return (
        *(day.isoformat(), day.isoformat(), f"{day:%Y/%m/%d}", f"{day:%Y%m%d}", f"{day.year}/{day.month}/{day.day}"),
        *(f"R{year}.{day.month}.{day.day}", f"令和{year}年{day.month}月{day.day}日", wide, serial),
    )


def _spelled_months(month: str) -> tuple[str, ...]:
    year, number = int(month[:4]), int(month[5:])
    wide = f"令和{year - 2018}年{number}月".translate(_WIDE)
    return (
        month,
        month,
        month.replace("-", ""),
        f"{year}/{number}",
        f"R{year - 2018}.{number}",
        f"{year}年{number}月",
        wide,
    )


_ON_ROWS: tuple[Callable[[_Maker], None], ...] = (
    *(_Maker.garbage, _Maker.garbage, _Maker.garbage, _Maker.swap_down, _Maker.swap_across),
    *(_Maker.ragged, _Maker.repeat, _Maker.change, _Maker.change),
)
_ON_GRID: tuple[Callable[[_Maker, list[list[str]]], None], ...] = (
    *(_Maker.title, _Maker.unknown_column, _Maker.column_twice),
    *(_Maker.column_away, _Maker.other_unit, _Maker.blank_and_notes),
)


def _in_sheet(pattern: str, change: Callable[[random.Random, re.Match[str]], str]) -> Callable[..., None]:
    """Change one place of the sheet's XML."""

    def mutate(rng: random.Random, parts: dict[str, bytes]) -> None:
        name = "xl/worksheets/sheet1.xml"
        text = parts[name].decode()
        places = list(re.finditer(pattern, text))
        if places:
            place = rng.choice(places)
            parts[name] = (text[: place.start()] + change(rng, place) + text[place.end() :]).encode()

    return mutate


def _bytes_of_a_part(rng: random.Random, parts: dict[str, bytes]) -> None:
    name = rng.choice([*parts, "xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"])
    changed = bytearray(parts[name])
    for _ in range(rng.choice((1, 1, 3, 10))):
        changed[rng.randrange(len(changed))] = rng.choice(b'<>/"=&1 ' + bytes([rng.randrange(256)]))
    parts[name] = bytes(changed)


def _without_a_part(rng: random.Random, parts: dict[str, bytes]) -> None:
    del parts[rng.choice(list(parts))]


def _entities(rng: random.Random, parts: dict[str, bytes]) -> None:
    name = rng.choice(list(parts))
    parts[name] = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + parts[name]


def _wrong_size(rng: random.Random, parts: dict[str, bytes]) -> None:
    name = "xl/worksheets/sheet1.xml"
    parts[name] = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:A1"', parts[name])


_NUMBERS = (
    "1e400",
    "-1e400",
    "1_000",
    "0x10",
    "１２",
    " 7 ",
    "1e-400",
    "NaN",
    "9" * 40,
    "9" * 5000,
    "",
    "1.5.2",
    "1e2",
    "true",
)
_KINDS = ("n", "s", "b", "e", "str", "d", "x")


def _other_place(rng: random.Random, place: re.Match[str]) -> str:
    return f'r="{rng.choice(("A", place[1], "XFE", "ZZZ"))}{rng.choice((place[2], 1, 0, 9999999))}"'


_ON_PARTS: Mapping[str, Callable[..., None]] = {
    "bytes of a part": _bytes_of_a_part,
    "part away": _without_a_part,
    "entities": _entities,
    "wrong dimension": _wrong_size,
    "zip bytes": lambda rng, parts: None,
    "zip cut": lambda rng, parts: None,
    "kind of a cell": _in_sheet(r' t="(n|s|inlineStr|d)"', lambda rng, _: f' t="{rng.choice(_KINDS)}"'),
    "style of a cell": _in_sheet(r'(<c r="[A-Z]+[0-9]+")', lambda rng, m: f'{m[1]} s="{rng.choice((0, 1, 2, 99, -1))}"'),
    "place of a cell": _in_sheet(r'r="([A-Z]+)([0-9]+)"', _other_place),
    "value of a cell": _in_sheet(r"<v>[^<]*</v>", lambda rng, _: f"<v>{rng.choice(_NUMBERS)}</v>"),
    "row number": _in_sheet(r'<row r="[0-9]+"', lambda rng, _: f'<row r="{rng.choice((1, 2, 0, 1048576, 99999999, -1))}"'),
    "cell twice": _in_sheet(r"<c [^>]*>.*?</c>", lambda rng, m: m[0] * 2),
    "cell away": _in_sheet(r"<c [^>]*>.*?</c>", lambda rng, m: ""),
    "formula": _in_sheet(r"<v>", lambda rng, _: "<f>1+1</f><v>"),
    "formula without result": _in_sheet(r"<v>[^<]*</v>", lambda rng, _: "<f>SUM(A1:A2)</f>"),
    "merged": _in_sheet(r"</sheetData>", lambda rng, _: '</sheetData><mergeCells><mergeCell ref="A2:A3"/></mergeCells>'),
}  # fmt: skip
_HARMLESS = frozenset({"wrong dimension"})
