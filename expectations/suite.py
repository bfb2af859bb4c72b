"""Rules as data: what one is, and the suites of ``expectations/<dataset>.yml``.

What lives here: the shape of a rule, its validation at load, and the loader. What does not: judging rules (``adapter``),
the tests of SQL models (``dbt_tests``), the columns of a submission (``kenpo_pipelines.submissions.contract``, which reads
the other keys of the same files).
"""

import datetime as dt
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kenpo_pipelines.yaml_loader import SAFE_LOADER

BATCH = "{batch}"
"""Stands for the checked rows in the SQL of a rule. It is a name: give it an alias where the SQL joins it to itself."""

ROW_COUNT = "expect_table_row_count_to_be_between"
COLUMNS = "expect_table_columns_to_match_set"
GATES = (ROW_COUNT, COLUMNS)
"""Expectations that say whether the others can be judged at all: GX passes an empty table, and raises on a missing column."""

EVIDENCE_ROWS = 20
"""Failing rows shown at most per rule."""

PERSONAL_COLUMNS = frozenset({"symbol", "number", "suffix", "記号", "番号", "枝番", "member_key"})
"""Columns that identify a person (要配慮個人情報), and the hash in their place: never evidence, whatever a rule asks for."""

Model = TypeVar("Model", bound=BaseModel)

_COLUMN_KWARGS = ("column", "column_A", "column_B")
_DATASET_KEYS = ("rules", "completeness")


class SuiteError(ValueError):
    """A suite is wrong; the message names the file, the rule and the field."""


class Tier(StrEnum):
    """How far a rule looks: at the form of rows, at what they claim, or at other months and branches."""

    STRUCTURAL = "structural"
    LOGICAL = "logical"
    ANALYTICAL = "analytical"


class Severity(StrEnum):
    """critical: the figures must not be used; warning: somebody must look at them."""

    CRITICAL = "critical"
    WARNING = "warning"


class Scope(StrEnum):
    """What a failure spoils: the dataset as a whole, or only the rows (branches, KPIs) named by it."""

    DATASET = "dataset"
    ROWS = "rows"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Protects = Literal["all"] | tuple[Name, ...]


class Rule(_Strict):
    """One rule: a Great Expectations expectation with its arguments, or SQL that selects the rows at fault.

    ``evidence`` lists the columns that may be shown of rows at fault (for SQL: columns of its select list); nothing else of
    a row ever leaves the check. ``protects`` lists the KPIs a failure endangers. ``origin`` says where the rule or its
    threshold comes from, ``since`` the day from which data must satisfy it. ``advice_ja`` says what to do about rows at fault,
    where the usual advice (``advice``) is not enough.
    """

    id: Name
    tier: Tier
    severity: Severity
    scope: Scope = Scope.ROWS
    expectation: Annotated[str, Field(pattern=r"^expect_[a-z_]+$")] | None = None
    kwargs: dict[str, Any] = {}
    unexpected_rows: str | None = None
    evidence: tuple[str, ...] = ()
    description: Text
    description_ja: Text
    advice_ja: Text | None = None
    origin: Text
    owner: Text
    since: dt.date
    protects: Protects

    @model_validator(mode="before")
    @classmethod
    def _gates_concern_the_dataset(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("expectation") in GATES:
            return {"scope": Scope.DATASET, **data}
        return data

    @model_validator(mode="after")
    def _fields_fit_together(self) -> "Rule":
        if (self.expectation is None) == (self.unexpected_rows is None):
            raise ValueError("give either expectation (with kwargs) or unexpected_rows")
        if self.unexpected_rows is not None:
            if self.kwargs:
                raise ValueError("kwargs belong to expectation; SQL carries its own values")
            if BATCH not in self.unexpected_rows:
                raise ValueError(f"the SQL must select from {BATCH}, or it would judge other rows than those checked")
        if self.is_gate and self.tier is not Tier.STRUCTURAL:
            raise ValueError(f"{self.expectation} is structural: the other tiers are judged only when it holds")
        if personal := PERSONAL_COLUMNS & set(self.evidence):
            raise ValueError(f"evidence must not show {', '.join(sorted(personal))}: it identifies a person")
        return self

    @property
    def is_gate(self) -> bool:
        """True when the other rules can be judged only if this one holds."""
        return self.expectation in GATES

    @property
    def is_blocking(self) -> bool:
        """True when nothing downstream may be built from a dataset that fails the rule."""
        return (self.tier, self.severity, self.scope) == (Tier.STRUCTURAL, Severity.CRITICAL, Scope.DATASET)

    @property
    def named_columns(self) -> tuple[str, ...]:
        """Columns that the expectation's arguments name; empty for SQL, whose columns the engine finds when it binds it."""
        if self.is_gate:
            return ()
        single = [str(self.kwargs[key]) for key in _COLUMN_KWARGS if key in self.kwargs]
        return (*single, *(str(name) for name in self.kwargs.get("column_list", ())))


class CompletenessRule(_Strict):
    """Every branch of the insurer must occur in ``column``. Never blocks: the branches that are there go on."""

    id: Name
    severity: Severity = Severity.WARNING
    column: str = "branch_code"
    description: Text
    description_ja: Text
    advice_ja: Text | None = None
    origin: Text
    owner: Text
    since: dt.date
    protects: Protects


class Suite(_Strict):
    """All rules of one dataset or model, in the order in which they are written."""

    dataset: Name
    rules: tuple[Rule, ...] = ()
    completeness: CompletenessRule | None = None

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Suite":
        ids = [rule.id for rule in self.rules] + ([self.completeness.id] if self.completeness else [])
        if repeated := sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1}):
            raise ValueError(f"rule ids occur twice: {', '.join(repeated)}")
        return self


def load_suites(directory: Path) -> dict[str, Suite]:
    """Read the rules of every ``<dataset>.yml`` in the folder, by dataset.

    Raises :class:`SuiteError` naming the file, the rule and the field; a file without ``rules`` has an empty suite.
    """
    return {path.stem: load_suite(path) for path in sorted(directory.glob("*.yml"))}


def load_suite(path: Path) -> Suite:
    """Read the rules of one dataset's file; raise :class:`SuiteError` as :func:`load_suites` does."""
    raw = read_yaml(path)
    if not isinstance(raw.get("rules", []), list):
        raise SuiteError(f"{path.name}: rules: must be a list")
    for position, entry in enumerate(raw.get("rules", []), start=1):
        name = entry.get("id", f"number {position}") if isinstance(entry, dict) else f"number {position}"
        with_context(f"{path.name}: rule {name}", Rule, entry)
    parts = {key: raw[key] for key in _DATASET_KEYS if key in raw}
    return with_context(path.name, Suite, {"dataset": path.stem, **parts})


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the file's mapping; raise :class:`SuiteError` when it is missing, unreadable or something else."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SuiteError(f"{path.name}: not readable as YAML: {error}") from error
    if not isinstance(raw, dict):
        raise SuiteError(f"{path.name}: the file must be a mapping of keys")
    return raw


def with_context(where: str, model: type[Model], raw: Any) -> Model:
    """Validate ``raw``; raise :class:`SuiteError` that begins with ``where`` and names the fields."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise SuiteError(f"{where}: {'; '.join(_faults(error))}") from error


def _faults(error: ValidationError) -> Iterable[str]:
    for fault in error.errors():
        field = ".".join(map(str, fault["loc"])) or "(whole)"
        yield f"{field}: {re.sub('^Value error, ', '', fault['msg'])}"
