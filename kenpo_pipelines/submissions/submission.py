"""What reading one file yields: typed rows, problems, counts.

What lives here: ``Problem``, ``Submission``, and ``Checked``: what the latter and the check of a record-level file have in
common. What does not: how they come about (``reading``, ``rules``, ``streaming``).
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Row = dict[str, Any]
"""One row in the grain of the contract's ``stored_columns``, plus ``sheet`` and ``row_number``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of one row. Holds a class of value and advice; ``shown`` alone may hold what the cell says.

    ``shown`` exists for a person checking their own file: it is empty for personal columns, left out of the repr and of
    comparisons, and never stored.
    """

    dataset: str
    branch_code: str | None
    file: str
    sheet: str
    row_number: int
    column_name: str
    kpi_id: str | None
    fault: str
    value_class: str
    advice: str
    shown: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """One file as read. ``rows_read == rows_loaded + rows_rejected`` always; all are 0 for a refused file.

    ``rows_merged`` counts exact duplicates beyond the first of their key; they stay among ``rows`` and ``rows_loaded``.
    """

    dataset: str
    file: str
    file_sha256: str
    status: Literal["loaded", "refused"]
    fault: str = ""
    detail: str = ""
    rows_read: int = 0
    rows: tuple[Row, ...] = field(default=(), repr=False)
    problems: tuple[Problem, ...] = ()
    rows_merged: int = 0
    notices: tuple[str, ...] = ()

    @property
    def rows_loaded(self) -> int:
        """Rows that passed every rule."""
        return len(self.rows)

    @property
    def rows_rejected(self) -> int:
        """Distinct rows with at least one problem."""
        return self.rows_read - self.rows_loaded

    @property
    def rows_unlisted(self) -> int:
        """Rows with problems that are not among ``problems``: none."""
        return 0

    @property
    def branch_codes(self) -> frozenset[str]:
        """Branches of the rows, those with problems included."""
        named = {row["branch_code"] for row in self.rows} | {one.branch_code for one in self.problems}
        return frozenset(code for code in named if code is not None)

    @property
    def fiscal_years(self) -> frozenset[int]:
        """Fiscal years of the rows, where they have one."""
        return frozenset(row["fiscal_year"] for row in self.rows if "fiscal_year" in row)


class Checked(Protocol):
    """What a person is told about a file, whatever kind of dataset it holds."""

    @property
    def file(self) -> str:
        """The file's name."""

    @property
    def file_sha256(self) -> str:
        """SHA-256 of the bytes that were read, hexadecimal."""

    @property
    def fault(self) -> str:
        """The code of the fault for which the whole file was refused, or ''."""

    @property
    def status(self) -> Literal["loaded", "refused"]:
        """Whether the file could be read at all."""

    @property
    def detail(self) -> str:
        """Why it could not."""

    @property
    def rows_read(self) -> int:
        """Rows in the file."""

    @property
    def rows_loaded(self) -> int:
        """Rows that passed every rule."""

    @property
    def rows_rejected(self) -> int:
        """Rows with at least one problem."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Problems of rows; of very many the first."""

    @property
    def rows_unlisted(self) -> int:
        """Rows with problems that are not among ``problems``."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What else a person should know."""

    @property
    def branch_codes(self) -> frozenset[str]:
        """Branches of the rows."""

    @property
    def fiscal_years(self) -> frozenset[int]:
        """Fiscal years of the rows, where they have one."""
