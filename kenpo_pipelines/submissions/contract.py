"""Dataset contracts: what a submission must look like, one YAML file per dataset in ``expectations/``.

What lives here: the shape of a contract (``dataset``, ``columns``, ``layouts``, ``row_rules``), its validation and loading.
What does not: the keys ``rules`` and ``completeness`` of the same files, which the expectations read. A further dataset is
a further YAML file.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.columns import (
    EMPTY_TEXT,
    MEMBER_KEY,
    RECORD_TYPES,
    STORAGE,
    Column,
    ColumnType,
    StoredColumn,
    Strict,
    exact,
)
from kenpo_pipelines.submissions.faults import FAULTS
from kenpo_pipelines.submissions.layouts import Layout, RegistrationSheetLayout, TableLayout
from kenpo_pipelines.yaml_loader import SAFE_LOADER

__all__ = [
    "Column",
    "ColumnType",
    "Contract",
    "ContractError",
    "Due",
    "RowRule",
    "StoredColumn",
    "check_against_catalogue",
    "load_contracts",
]

_SINGLE = frozenset({ColumnType.BRANCH_CODE, ColumnType.BRANCH_NAME, ColumnType.KPI, ColumnType.KPI_VALUE,
                     ColumnType.COMPARATOR, ColumnType.TARGET_VALUE, ColumnType.UNIT})  # fmt: skip

Percent = Annotated[Decimal, Field(ge=0, lt=100)]


class ContractError(ValueError):
    """A contract is wrong; the message names the file and the field."""


class Due(Strict):
    """By when every branch has submitted the dataset: by the end of a business day.

    Of a monthly dataset it is counted in the month after the reporting month; of a yearly one in ``month`` of the fiscal year
    (the calendar's number: 4 is April, its first). Nobody is late before ``since``.
    """

    business_day: int = Field(ge=1, le=15, strict=True)
    month: Annotated[int | None, Field(ge=1, le=12, strict=True)] = None
    origin: str = Field(min_length=1)
    since: dt.date
    owner: str = Field(min_length=1)

    def day(self, period: str) -> dt.date:
        """Return the last day that is in time for a period: a reporting month ``YYYY-MM`` or a fiscal year ``YYYY``."""
        if self.month is None:
            return fiscal.business_day_of_month(fiscal.add_months(period, 1), self.business_day)
        april = fiscal.first_month(int(period))
        return fiscal.business_day_of_month(fiscal.add_months(april, (self.month - 4) % 12), self.business_day)


class Dataset(Strict):
    """What the dataset is, who owns it, and which rows are one and the same."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name_ja: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    description: str = Field(min_length=1)
    grain: str = Field(min_length=1)
    folder: Literal["month", "fiscal_year"]
    feeds: Literal["all"] | tuple[str, ...]
    key: tuple[str, ...] = Field(min_length=1)
    contradictions: Literal["reject", "keep"]
    """What happens to rows of one key with different figures: none is loaded, or all are."""
    keeps_baseline_year: bool = False
    """The fiscal year just before a KPI's first is loaded, too."""
    record_level: bool = False
    """One row per application, claim, event …: read as a stream, one Parquet file per submission, admitted by branch."""
    business_month: str | None = None
    """The column whose month a row belongs to, or ``folder``."""
    hold_back_above_pct: Annotated[Percent | None, BeforeValidator(exact)] = None
    """A branch is held back whole when more than this share of its rows is rejected; None: never."""
    largest_gib: int = Field(default=2, ge=1, strict=True)
    """record_level: a CSV file of more GiB, unpacked, is refused."""
    due: Due | None = None
    """By when branches submit it; None: whenever they like."""

    @model_validator(mode="after")
    def _due_fits_the_folder(self) -> "Dataset":
        if self.due is not None and (self.due.month is None) != (self.folder == "month"):
            raise ValueError(
                "due.month: a monthly dataset is due in the month after the reporting month; take the key away"
                if self.folder == "month"
                else "due.month: a yearly dataset needs the month of the fiscal year in which it is due"
            )
        return self


class RowRule(Strict):
    """A rule between the columns of one row: a row for which ``reject_when`` (SQL on the stored columns) holds is
    quarantined with ``fault`` at ``column``."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    column: str
    fault: str
    reject_when: str = Field(min_length=1)
    origin: str = Field(min_length=1)

    @property
    def columns_read(self) -> set[str]:
        """Names of the columns that the SQL reads; raises ValueError when it is no expression."""
        import sqlglot
        from sqlglot.errors import SqlglotError

        try:
            expression = sqlglot.parse_one(f"SELECT {self.reject_when}", dialect="duckdb")
        except SqlglotError as error:
            raise ValueError(f"row_rules.{self.id}.reject_when: no SQL expression") from error
        return {column.name for column in expression.find_all(sqlglot.exp.Column)}


class Contract(Strict):
    """One dataset's contract."""

    dataset: Dataset
    columns: tuple[Column, ...] = Field(min_length=1)
    layouts: tuple[Layout, ...] = Field(min_length=1)
    row_rules: tuple[RowRule, ...] = ()
    rules: Any = None
    completeness: Any = None

    @cached_property
    def column_by_name(self) -> dict[str, Column]:
        """Columns by English name."""
        return {column.name: column for column in self.columns}

    def column_of(self, type_: ColumnType) -> Column | None:
        """Return the first column of the type, or None."""
        return next((column for column in self.columns if column.type is type_), None)

    @cached_property
    def branch_by_code_or_name(self) -> Column | None:
        """The column of branch codes where the branch's name alone may stand for it: both are there, neither is required."""
        code, name = (self.column_of(type_) for type_ in (ColumnType.BRANCH_CODE, ColumnType.BRANCH_NAME))
        return code if code is not None and name is not None and not (code.required or name.required) else None

    @property
    def registration_sheet(self) -> RegistrationSheetLayout | None:
        """The registration sheet's layout, if the dataset has one."""
        return next((layout for layout in self.layouts if isinstance(layout, RegistrationSheetLayout)), None)

    @property
    def has_personal_columns(self) -> bool:
        """True when a column identifies a person; such files are read with a key."""
        return bool(self.personal_columns)

    @cached_property
    def personal_columns(self) -> tuple[Column, ...]:
        """Columns that together identify a person, in the contract's order."""
        return tuple(column for column in self.columns if column.personal)

    @cached_property
    def stored_columns(self) -> tuple[StoredColumn, ...]:
        """Columns of the dataset's rows in the raw layer, without provenance, in the contract's order."""
        stored: list[StoredColumn] = []
        for column in self.columns:
            text = column.description
            nullable = (column.allows_blank or bool(column.plan_words)) and column.type not in EMPTY_TEXT
            nullable = nullable and column is not self.branch_by_code_or_name
            if column.personal:
                if column is self.personal_columns[0]:
                    key = "Keyed hash of " + ", ".join(one.name for one in self.personal_columns)
                    stored.append(StoredColumn(name=MEMBER_KEY, storage="blob", nullable=False, description=key))
                continue
            if column.type is ColumnType.BRANCH_NAME:
                if self.column_of(ColumnType.BRANCH_CODE) is None:
                    stored.append(StoredColumn(name="branch_code", storage="string", nullable=False, description=text))
                continue
            storage = STORAGE.get(column.type, "string")
            stored.append(
                StoredColumn(
                    name=column.name, storage=storage, nullable=nullable, description=text, decimals=column.decimals
                )
            )
            if column.type is ColumnType.KPI_VALUE:
                word = "Word in place of a number (実施, 未実施, ―, 集計中, 【新設】)"
                done = "True for 実施, False for 未実施; qualitative KPIs only"
                stored.append(
                    StoredColumn(name=f"{column.name}_word", storage="string", nullable=True, description=word)
                )
                stored.append(StoredColumn(name="is_done", storage="boolean", nullable=True, description=done))
        return tuple(stored)

    @model_validator(mode="after")
    def _columns_fit_together(self) -> "Contract":
        if not any(column.required for column in self.columns):
            raise ValueError("columns: at least one must be required: the header is found by them")
        seen: dict[str, str] = {}
        for column in self.columns:
            for spelling in column.spellings:
                if seen.setdefault(spelling, column.name) != column.name:
                    raise ValueError(f"columns: {spelling} is a header of both {seen[spelling]} and {column.name}")
        for type_ in _SINGLE:
            if sum(column.type is type_ for column in self.columns) > 1:
                raise ValueError(f"columns: type {type_} may occur once")
        stored = {column.name for column in self.stored_columns}
        for name in self.dataset.key:
            if name not in stored:
                raise ValueError(f"dataset.key: no column {name}")
        for column in self.columns:
            year = self.column_by_name.get(column.within) if column.within else None
            if column.within and (year is None or year.type is not ColumnType.FISCAL_YEAR):
                raise ValueError(f"columns.{column.name}.within: {column.within} is no column of type fiscal_year")
            if column.not_after_folder and self.dataset.folder != "month":
                raise ValueError(f"columns.{column.name}.not_after_folder: the dataset's folder is no month")
        for type_ in (ColumnType.KPI_VALUE, ColumnType.TARGET_VALUE):
            if self.column_of(type_) and not (
                self.column_of(ColumnType.KPI) and self.column_of(ColumnType.FISCAL_YEAR) and self._has_branch
            ):
                raise ValueError(f"columns: type {type_} needs columns of the types kpi, fiscal_year and branch_code")
        if self.dataset.due is not None and "branch_code" not in stored:
            raise ValueError("dataset.due: without a column of branches nobody can be late")
        self._check_amounts()
        self._check_registration_sheet()
        self._check_record_level(stored)
        return self

    @property
    def _has_branch(self) -> bool:
        return bool(self.column_of(ColumnType.BRANCH_CODE) or self.column_of(ColumnType.BRANCH_NAME))

    def _check_amounts(self) -> None:
        types = {column.type for column in self.columns}
        if ColumnType.COUNT in types and ColumnType.UNIT not in types:
            raise ValueError("columns: type count needs a column of the type unit, which keeps what is counted")

    def _check_registration_sheet(self) -> None:
        sheet = self.registration_sheet
        if sheet is None:
            return
        comparator = self.column_of(ColumnType.COMPARATOR)
        needed = (ColumnType.FISCAL_YEAR, ColumnType.BRANCH_CODE, ColumnType.KPI, ColumnType.TARGET_VALUE)
        if comparator is None or any(self.column_of(type_) is None for type_ in needed):
            raise ValueError(
                "layouts: a registration sheet needs fiscal_year, branch_code, kpi, comparator, target_value"
            )
        for kpi in sheet.kpis:
            if kpi.comparator not in comparator.values:
                raise ValueError(f"layouts: {kpi.kpi_id}: comparator {kpi.comparator} is not among the column's values")

    def _check_record_level(self, stored: set[str]) -> None:
        if not self.dataset.record_level:
            if self.has_personal_columns:
                raise ValueError("columns: personal columns need dataset.record_level: true")
            if self.row_rules:
                raise ValueError("row_rules: they need dataset.record_level: true")
            return
        if self.dataset.folder != "month" or self.dataset.contradictions != "reject":
            raise ValueError("dataset: record-level data are filed by month and reject contradictions")
        if not all(isinstance(layout, TableLayout) for layout in self.layouts):
            raise ValueError("layouts: record-level data have the layout table")
        for column in self.columns:
            if column.type not in RECORD_TYPES or column.within:
                raise ValueError(f"columns.{column.name}: record-level data cannot have this type or setting")
        if sum(column.type is ColumnType.BRANCH_CODE for column in self.columns) != 1 or "branch_code" not in stored:
            raise ValueError("columns: record-level data need one column branch_code")
        month = self.dataset.business_month
        dated = [column.name for column in self.columns if column.type in (ColumnType.MONTH, ColumnType.DATE)]
        if month is not None and month not in ("folder", *dated):
            raise ValueError(f"dataset.business_month: {month} is no column of type month or date")
        for rule in self.row_rules:
            self._check_row_rule(rule, stored)

    def _check_row_rule(self, rule: RowRule, stored: set[str]) -> None:
        if rule.column not in stored - {MEMBER_KEY}:
            raise ValueError(f"row_rules.{rule.id}.column: no column {rule.column}")
        if rule.fault not in FAULTS:
            raise ValueError(f"row_rules.{rule.id}.fault: no fault {rule.fault}")
        if unknown := rule.columns_read - (stored - {MEMBER_KEY}):
            raise ValueError(f"row_rules.{rule.id}.reject_when: no column {', '.join(sorted(unknown))}")


def dataset_names(contracts: Mapping[str, Contract]) -> dict[str, str]:
    """Return the datasets' Japanese names by id."""
    return {dataset: contract.dataset.name_ja for dataset, contract in contracts.items()}


def load_contracts(directory: Path) -> dict[str, Contract]:
    """Read every ``*.yml`` of the folder; return contracts by dataset id.

    Raises :class:`ContractError` with the file and the field for anything that does not fit.
    """
    contracts: dict[str, Contract] = {}
    for path in sorted(directory.glob("*.yml")):
        try:
            raw = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ContractError(f"{path.name}: not readable as YAML: {error}") from error
        if not isinstance(raw, dict):
            raise ContractError(f"{path.name}: expected the keys dataset, columns, layouts")
        try:
            contract = Contract.model_validate(raw)
        except ValidationError as error:
            raise ContractError(f"{path.name}: {_faults(error, raw)}") from error
        if contract.dataset.id != path.stem:
            raise ContractError(f"{path.name}: dataset.id: must equal the file's name")
        contracts[contract.dataset.id] = contract
    return contracts


def _faults(error: ValidationError, raw: Mapping[str, Any]) -> str:
    """Name the fields at fault, columns by name instead of by position."""
    faults = []
    for fault in error.errors():
        where = [str(part) for part in fault["loc"]]
        if len(where) > 1 and where[0] == "columns" and isinstance(raw["columns"][int(where[1])], dict):
            where[1] = str(raw["columns"][int(where[1])].get("name", where[1]))
        faults.append(f"{'.'.join(where) or '(whole)'}: {fault['msg']}")
    return "; ".join(faults)


def check_against_catalogue(contract: Contract, catalogue: Catalogue) -> None:
    """Raise :class:`ContractError` when the contract names a KPI that the catalogue does not have."""
    sheet = contract.registration_sheet
    named = [("layouts", kpi.kpi_id) for kpi in sheet.kpis] if sheet else []
    if contract.dataset.feeds != "all":
        named += [("dataset.feeds", kpi_id) for kpi_id in contract.dataset.feeds]
    for field, kpi_id in named:
        if kpi_id not in catalogue.kpi_by_id:
            raise ContractError(f"{contract.dataset.id}.yml: {field}: the catalogue has no KPI {kpi_id}")
