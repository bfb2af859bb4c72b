"""Dirt of whole files: encodings, line ends, packing, headers, columns that nobody asked for.

What lives here: which file has which style. What does not: writing it (``files``), dirty rows (``dirt``). Styles go round
through branches and datasets, so that every dataset meets every style in some branch and month.
"""

from dataclasses import dataclass
from random import Random

from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.synthetic.plan import Plan

STYLES = (
    "plain",
    "crlf",
    "dos_end_mark",
    "utf8_bom",
    "gzip",
    "english_headers",
    "shuffled_columns",
    "further_columns",
    "workbook",
    "note_below",
)
_MOST_ROWS_OF_A_WORKBOOK = 3_000
FURTHER_HEADER, FURTHER_TEXT = "備考①", "㈱けんぽ～様式第２号"
NOTE = "※ 合成データです（実在の人・事業所とは関係ありません）"


@dataclass(frozen=True)
class Style:
    """How one file is written. ``columns`` are names in the order of the file."""

    name: str
    encoding: str
    columns: tuple[str, ...]
    headers: tuple[str, ...]
    newline: str = "\n"
    end: bytes = b""
    further: bool = False
    note: bool = False

    @property
    def suffix(self) -> str:
        """End of the file's name."""
        return {"gzip": ".csv.gz", "workbook": ".xlsx"}.get(self.name, ".csv")


def style_of(plan: Plan, contract: Contract, branch: str, folder: str, turn: int, rows: int) -> Style:
    """Return the style of a file; ``turn`` moves the round on. Without dirt every file is plain."""
    name = STYLES[(int(branch) + turn) % len(STYLES)] if plan.dirty_pct else "plain"
    is_large = rows > _MOST_ROWS_OF_A_WORKBOOK
    if is_large and name in ("workbook", "note_below"):
        name = "plain"
    columns = list(contract.columns)
    if name == "shuffled_columns":
        Random(f"{plan.seed}/columns/{contract.dataset.id}/{branch}/{folder}").shuffle(columns)
    is_english = name == "english_headers"
    has_crlf = name in ("crlf", "dos_end_mark", "utf8_bom")
    return Style(
        name=name,
        encoding="utf-8-sig" if name == "utf8_bom" else plan.encoding,
        columns=tuple(column.name for column in columns),
        headers=tuple(column.name if is_english else column.header for column in columns),
        newline="\r\n" if has_crlf else "\n",
        end=b"\x1a" if name == "dos_end_mark" else b"",
        further=name == "further_columns",
        note=name == "note_below",
    )
