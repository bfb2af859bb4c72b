"""The KPI catalogue: what each KPI is, by fiscal year, read from one YAML file per KPI.

What lives here: the shape of a definition, its validation, and look-ups (is this KPI in force, with which unit). What does
not: reading the files (``loading``), resolving targets (``targets``) and judging (``judgement``).

Files, all below ``kenpo_pipelines/catalogue/``: ``kpis/<kpi_id>.yml`` (one KPI, versioned by fiscal year), ``branches.yml``,
``fiscal_years.yml``, ``planned_tenders.yml``, ``planned_counts.yml``, ``measures.yml``, ``parameters.yml`` and
``thresholds.yml``.
"""

from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, model_validator

from kenpo_pipelines.catalogue.base import ExactDecimal, FiscalYears, Strict
from kenpo_pipelines.catalogue.computation import ComputedFrom, Measure
from kenpo_pipelines.catalogue.parameters import Parameter, ParameterName
from kenpo_pipelines.catalogue.planned_count_rules import PlannedCountRule
from kenpo_pipelines.catalogue.thresholds import Threshold

NATION = "00"
"""Branch code of 協会全体."""


class CatalogueError(ValueError):
    """A catalogue file is wrong; the message names the file, the KPI and the field."""


class Direction(StrEnum):
    """Which side of the target is good."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class Kind(StrEnum):
    """How a KPI's value comes about: rate = numerator ÷ denominator × 100, mean = numerator ÷ denominator."""

    RATE = "rate"
    MEAN = "mean"
    COUNT = "count"
    QUALITATIVE = "qualitative"


class Accumulation(StrEnum):
    """What a figure of month M covers (fiscal year to date, state at month end, a cohort, the year's end)."""

    CUMULATIVE = "cumulative"
    LEVEL = "level"
    COHORT = "cohort"
    YEAR_END = "year_end"
    NONE = "none"


class TargetRuleName(StrEnum):
    """Where a target comes from when the submission gives no number."""

    UNIFORM = "uniform"
    BRANCH_SET = "branch_set"
    PRIOR_YEAR = "prior_year"
    PRIOR_YEAR_END_OR_80 = "prior_year_end_or_80"
    QUALITATIVE = "qualitative"


class TargetRule(Strict):
    """The rule of one version: ``values`` are the uniform targets by fiscal year (rule ``uniform`` only)."""

    rule: TargetRuleName
    values: dict[int, ExactDecimal] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _values_belong_to_uniform(self) -> "TargetRule":
        if (self.rule is TargetRuleName.UNIFORM) != bool(self.values):
            raise ValueError("values (fiscal year: number) are given for rule uniform, and only there")
        return self

    def uniform_value(self, fiscal_year: int) -> Decimal | None:
        """Return the uniform target in force in the fiscal year: its own, else the newest before it."""
        years = [year for year in self.values if year <= fiscal_year]
        return self.values[max(years)] if years else None


class SmallTenderException(Strict):
    """≤ 6 tenders: attained when the year plans few tenders and at most so many had a single bidder."""

    max_planned: int
    max_numerator: int


class NearAttainment(Strict):
    """概ね達成, as inferred from printed cases: head office has not published the rule. Fixed numeric targets only."""

    min_ratio_pct: ExactDecimal
    basis: str = Field(min_length=1)


class Predecessor(Strict):
    """The KPI that this one replaces; ``comparable`` is False whenever definitions differ."""

    kpi: str
    comparable: bool = False
    note: str = ""
    reason_ja: str = ""
    """Why figures of the two can or cannot be compared, for readers of 新旧対照."""


class Names(Strict):
    """Japanese name as printed, English name, and further Japanese spellings met in files."""

    ja: str = Field(min_length=1)
    en: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()


class ScopeOverride(Strict):
    """Where the nation's figure of a KPI is counted otherwise than a branch's (41支部 beside 実施)."""

    kind: Kind
    unit: str
    precision: int = Field(ge=0, le=6)
    target: TargetRule


class KpiVersion(Strict):
    """One KPI as defined for a span of fiscal years."""

    fiscal_years: FiscalYears
    definition: str = Field(min_length=1)
    numerator: str | None = None
    denominator: str | None = None
    kind: Kind
    unit: str = ""
    precision: int = Field(ge=0, le=6)
    precision_by_branch: dict[str, int] = Field(default_factory=dict)
    direction: Direction
    accumulation: Accumulation
    computed_from: ComputedFrom | None = None
    """How the figure is computed from records; None where it is reported only."""
    scope: Literal["all", "nation", "branches"] = "all"
    branches: tuple[str, ...] = ()
    national: ScopeOverride | None = None
    target: TargetRule
    small_tender_exception: SmallTenderException | None = None
    near_attainment: NearAttainment | None = None
    reporting_lag_months: tuple[int, int]
    is_comparable_with_previous: bool = True
    """False where the KPI was redefined: the version before gives this one no prior year."""
    redefinition_ja: str = ""
    """What was redefined, for readers of 新旧対照."""
    ended_in: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] | None = None
    source: str = Field(min_length=1)
    note: str = ""

    @model_validator(mode="after")
    def _fields_fit_together(self) -> "KpiVersion":
        is_ratio = self.kind in (Kind.RATE, Kind.MEAN)
        if is_ratio and not (self.numerator and self.denominator):
            raise ValueError(f"kind {self.kind} needs numerator and denominator")
        if self.computed_from and not is_ratio:
            raise ValueError("computed_from belongs to a rate or a mean")
        if (self.scope == "branches") != bool(self.branches):
            raise ValueError("scope branches and the list branches belong together")
        if self.kind is not Kind.QUALITATIVE and not self.unit:
            raise ValueError("unit is missing")
        if self.reporting_lag_months[0] > self.reporting_lag_months[1]:
            raise ValueError("reporting_lag_months is [least, most]")
        if self.small_tender_exception and not (is_ratio and self.direction is Direction.AT_MOST):
            raise ValueError("small_tender_exception belongs to a ratio of which less is better")
        has_fixed_target = self.target.rule in (TargetRuleName.UNIFORM, TargetRuleName.BRANCH_SET)
        if self.near_attainment and not (has_fixed_target and self.direction is Direction.AT_LEAST):
            raise ValueError("near_attainment belongs to fixed numeric targets of which more is better")
        return self

    @model_validator(mode="after")
    def _targets_cover_the_years(self) -> "KpiVersion":
        for rule in (self.target, *([self.national.target] if self.national else [])):
            if outside := [year for year in rule.values if year not in self.fiscal_years]:
                raise ValueError(f"target.values: {outside[0]} is outside the version's fiscal years")
            if rule.values and self.fiscal_years.first not in rule.values:
                raise ValueError(
                    f"target.values: the version's first fiscal year {self.fiscal_years.first} has no value"
                )
        return self

    def covers(self, branch_code: str) -> bool:
        """True when the KPI is followed for this branch (or the nation, code ``00``)."""
        if self.scope == "nation":
            return branch_code == NATION
        if self.scope == "branches":
            return branch_code in self.branches
        return True

    def kind_for(self, branch_code: str) -> Kind:
        """The kind of this branch's figure."""
        return self.national.kind if self.national and branch_code == NATION else self.kind

    def unit_for(self, branch_code: str) -> str:
        """The unit of this branch's figure, as the catalogue writes it; empty for qualitative KPIs."""
        return self.national.unit if self.national and branch_code == NATION else self.unit

    def precision_for(self, branch_code: str) -> int:
        """Decimals at which this branch's figure is printed and judged."""
        if self.national and branch_code == NATION:
            return self.national.precision
        return self.precision_by_branch.get(branch_code, self.precision)

    def target_for(self, branch_code: str) -> TargetRule:
        """The target rule of this branch's figure."""
        return self.national.target if self.national and branch_code == NATION else self.target


class Kpi(Strict):
    """One KPI through the years. ``order`` places it on the scorecard."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    order: int
    group: str = Field(min_length=1)
    names: Names
    predecessor: Predecessor | None = None
    versions: tuple[KpiVersion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _versions_do_not_overlap(self) -> "Kpi":
        for earlier, later in zip(self.versions, self.versions[1:], strict=False):
            last = earlier.fiscal_years.last
            if last is None or last >= later.fiscal_years.first:
                raise ValueError(f"versions overlap or are out of order at fiscal year {later.fiscal_years.first}")
        return self

    @property
    def first_year(self) -> int:
        """The first fiscal year in which the KPI is judged."""
        return self.versions[0].fiscal_years.first

    def version(self, fiscal_year: int) -> KpiVersion | None:
        """Return the version in force in the fiscal year, or None."""
        return next((version for version in self.versions if fiscal_year in version.fiscal_years), None)


class Branch(Strict):
    """One branch, or the nation (code 00)."""

    code: str = Field(pattern=r"^[0-9]{2}$")
    name: str
    name_en: str

    @property
    def short_name(self) -> str:
        """The name without 支部: 東京支部 → 東京."""
        return self.name.removesuffix("支部")


class FiscalYear(Strict):
    """A fiscal year the project knows. ``is_judged`` is False for years that serve as a baseline only."""

    fiscal_year: int
    name: str
    is_judged: bool


class PlannedTenders(Strict):
    """Open tenders that a branch plans for a fiscal year (the exception of single_bid_rate looks at it)."""

    fiscal_year: int
    branch_code: str = Field(pattern=r"^[0-9]{2}$")
    tenders: int = Field(ge=0)
    source: str = Field(min_length=1)


class Catalogue(Strict):
    """All definitions together. Look-ups return None for what does not exist; they never guess."""

    kpis: tuple[Kpi, ...]
    branches: tuple[Branch, ...]
    fiscal_years: tuple[FiscalYear, ...]
    planned_tenders: tuple[PlannedTenders, ...] = ()
    planned_counts: tuple[PlannedCountRule, ...] = ()
    measures: tuple[Measure, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    thresholds: tuple[Threshold, ...] = ()

    @cached_property
    def kpi_by_id(self) -> dict[str, Kpi]:
        """KPIs by id."""
        return {kpi.id: kpi for kpi in self.kpis}

    @cached_property
    def branch_by_code(self) -> dict[str, Branch]:
        """Branches by two-digit code, the nation included."""
        return {branch.code: branch for branch in self.branches}

    @cached_property
    def fiscal_year_by_number(self) -> dict[int, FiscalYear]:
        """Known fiscal years."""
        return {year.fiscal_year: year for year in self.fiscal_years}

    @cached_property
    def measure_by_id(self) -> dict[str, Measure]:
        """Measures that are computed from records."""
        return {measure.measure: measure for measure in self.measures}

    @cached_property
    def _kpi_id_by_name(self) -> dict[str, str]:
        names = {kpi.id: kpi.id for kpi in self.kpis}
        for kpi in self.kpis:
            names.update({name: kpi.id for name in (kpi.names.ja, *kpi.names.aliases)})
        return names

    def find_kpi(self, text: str) -> Kpi | None:
        """Return the KPI whose id, Japanese name or alias is exactly ``text``, or None."""
        kpi_id = self._kpi_id_by_name.get(text)
        return None if kpi_id is None else self.kpi_by_id[kpi_id]

    def version(self, kpi_id: str, fiscal_year: int) -> KpiVersion | None:
        """Return the KPI's version in force in the fiscal year, or None."""
        kpi = self.kpi_by_id.get(kpi_id)
        return None if kpi is None else kpi.version(fiscal_year)

    def in_force(self, fiscal_year: int, branch_code: str) -> list[Kpi]:
        """Return the KPIs followed for this branch in the fiscal year, in scorecard order."""
        found = [k for k in self.kpis if (v := k.version(fiscal_year)) is not None and v.covers(branch_code)]
        return sorted(found, key=lambda kpi: kpi.order)

    def parameter_values(self, name: ParameterName, fiscal_year: int) -> tuple[str, ...]:
        """Return the parameter's values in the fiscal year; none where the year is not known."""
        for one in self.parameters:
            if one.parameter is name and fiscal_year in one.fiscal_years:
                return one.values
        return ()

    def is_baseline_year(self, kpi_id: str, fiscal_year: int) -> bool:
        """True for the fiscal year just before the KPI's first: its result is kept as a baseline and not judged."""
        kpi = self.kpi_by_id.get(kpi_id)
        return kpi is not None and fiscal_year == kpi.first_year - 1

    def planned_tenders_of(self, fiscal_year: int, branch_code: str) -> int | None:
        """Return the planned open tenders of the branch's year, or None when nobody registered them."""
        for plan in self.planned_tenders:
            if (plan.fiscal_year, plan.branch_code) == (fiscal_year, branch_code):
                return plan.tenders
        return None
