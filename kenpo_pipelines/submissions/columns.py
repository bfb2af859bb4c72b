"""Columns of a contract: their types, what a cell may hold, and how they are stored.

What lives here: ``Column`` and its validation. What does not: the contract as a whole (``contract``) and reading a
cell.
"""

from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kenpo_pipelines.submissions.texts import squeeze


class ColumnType(StrEnum):
    """How a cell of the column is read."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    MONTH = "month"
    FISCAL_YEAR = "fiscal_year"
    BRANCH_CODE = "branch_code"
    BRANCH_NAME = "branch_name"
    KPI = "kpi"
    KPI_VALUE = "kpi_value"
    COMPARATOR = "comparator"
    TARGET_VALUE = "target_value"
    UNIT = "unit"
    CHOICE = "choice"
    IDENTIFIER = "identifier"
    FLAG = "flag"
    AMOUNT = "amount"
    COUNT = "count"


Storage = Literal["string", "integer", "bigint", "decimal", "boolean", "date", "blob"]
STORAGE: dict[ColumnType, Storage] = {
    ColumnType.INTEGER: "bigint",
    ColumnType.DECIMAL: "decimal",
    ColumnType.DATE: "date",
    ColumnType.FISCAL_YEAR: "integer",
    ColumnType.KPI_VALUE: "decimal",
    ColumnType.TARGET_VALUE: "decimal",
    ColumnType.FLAG: "boolean",
    ColumnType.AMOUNT: "bigint",
    ColumnType.COUNT: "bigint",
}
EMPTY_TEXT = (ColumnType.TEXT, ColumnType.UNIT)
"""A blank cell of these types is stored as ''."""
RECORD_TYPES = frozenset(
    {
        ColumnType.BRANCH_CODE,
        ColumnType.CHOICE,
        ColumnType.DATE,
        ColumnType.DECIMAL,
        ColumnType.FLAG,
        ColumnType.IDENTIFIER,
        ColumnType.INTEGER,
        ColumnType.MONTH,
    }
)
"""Types that a record-level dataset may have."""
MEMBER_KEY = "member_key"
"""The column stored in place of all personal ones: a keyed hash."""


class Strict(BaseModel):
    """A part of a contract: no unknown keys, not changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _spellings(value: Any) -> Any:
    """Read allowed values as a list, or as a mapping from the value to its other spellings."""
    if isinstance(value, list):
        return {str(choice): () for choice in value}
    if isinstance(value, dict):
        return {str(choice): tuple(map(str, words or ())) for choice, words in value.items()}
    return value


def exact(value: Any) -> Any:
    """Refuse a float: it is no exact decimal."""
    if isinstance(value, float):
        raise ValueError(f"write {value} in quotes, so that it stays an exact decimal")
    return value


class StoredColumn(Strict):
    """One column of the raw layer, as the dataset's rows carry it."""

    name: str
    storage: Storage
    nullable: bool
    description: str
    decimals: int | None = None
    """decimal: stored with so many decimals instead of ten."""


class Column(Strict):
    """One column of the file. ``name`` is its English header and, unless it is a branch name, its name in the raw
    layer."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    header: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    type: ColumnType
    required: bool = False
    """The file must have the column."""
    nullable: bool | None = None
    """The cell may be empty; by default only where the column is not required."""
    personal: bool = False
    """identifier: a part of what identifies a person; never stored, shown or logged."""
    description: str = Field(min_length=1)
    values: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_spellings)] = {}
    """Allowed values (choice, comparator) and their other spellings."""
    min: Annotated[Decimal | None, BeforeValidator(exact)] = None
    unit: str = ""
    decimals: int | None = Field(default=None, ge=0, le=10)
    """decimal: so many decimals are stored, and more are a fault."""
    longest: int | None = Field(default=None, ge=1)
    """text: more characters are a fault; what is a key downstream must have an end."""
    within: str | None = None
    """month: the column with the fiscal year that the month must lie in."""
    plan_words: tuple[str, ...] = ()
    """month: words that stand for the plan of the fiscal year, before any month of it; stored as no month."""
    not_after_folder: bool = False
    """month, date: must not lie after the landing folder's month."""
    needs_value: tuple[str, ...] = ()
    """comparator: those that need a number in the target value."""
    forbids_value: tuple[str, ...] = ()

    @property
    def allows_blank(self) -> bool:
        """True when a cell of the column may be empty."""
        return not self.required if self.nullable is None else self.nullable

    @cached_property
    def spellings(self) -> frozenset[str]:
        """Every accepted header, squeezed."""
        return frozenset(squeeze(text) for text in (self.header, self.name, *self.aliases))

    @model_validator(mode="after")
    def _settings_fit_the_type(self) -> "Column":
        has_values = self.type in (ColumnType.CHOICE, ColumnType.COMPARATOR)
        if has_values != bool(self.values):
            raise ValueError("values belong to the types choice and comparator, and are needed there")
        if self.within and self.type is not ColumnType.MONTH:
            raise ValueError("within belongs to the type month")
        if self.longest is not None and self.type is not ColumnType.TEXT:
            raise ValueError("longest belongs to the type text")
        if self.plan_words and self.type is not ColumnType.MONTH:
            raise ValueError("plan_words belong to the type month")
        if self.not_after_folder and self.type not in (ColumnType.MONTH, ColumnType.DATE):
            raise ValueError("not_after_folder belongs to the types month and date")
        if self.decimals is not None and self.type is not ColumnType.DECIMAL:
            raise ValueError("decimals belongs to the type decimal")
        if self.personal and self.type is not ColumnType.IDENTIFIER:
            raise ValueError("a personal column is of the type identifier")
        unknown = {*self.needs_value, *self.forbids_value} - set(self.values)
        if unknown:
            raise ValueError(f"needs_value/forbids_value: {'、'.join(sorted(unknown))} is not among values")
        return self
