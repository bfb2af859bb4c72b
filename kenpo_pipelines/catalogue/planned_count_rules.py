"""How branches round their planned head counts: the shape of ``planned_counts.yml``.

What lives here: the roundings there are, and what an entry must say. What does not: finding the entry of a branch and counting
with it (``planned_counts``), whether names fit between files (``loading``).
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from kenpo_pipelines.catalogue.base import FiscalYears, Strict


class Rounding(StrEnum):
    """How the head count comes from denominator × target ÷ 100, in whole multiples of ``to`` persons."""

    CEIL = "ceil"
    HALF_UP = "half_up"
    FLOOR = "floor"
    COUNT_FIRST = "count_first"
    """The branch decides the count and prints the target that follows. Many counts print as one target: the least that reaches
    it is meant."""


class RuleOrigin(StrEnum):
    """How far an entry is known: ``inferred`` reproduces printed counts, ``assumed`` stands where none are printed."""

    INFERRED = "inferred"
    ASSUMED = "assumed"


class PlannedCountRule(Strict):
    """One branch's rounding in a span of fiscal years. Without ``branch_code`` it is that of all that have none of their own.

    ``kpis`` empty means every KPI that is planned in heads.
    """

    branch_code: Annotated[str, Field(pattern=r"^[0-9]{2}$")] | None = None
    fiscal_years: FiscalYears
    kpis: tuple[str, ...] = ()
    rounding: Rounding
    to: int = Field(default=1, ge=1, le=10_000)
    origin: RuleOrigin
    owner: str = Field(pattern=r"^team:[a-z-]+$")
    source: str = Field(min_length=1)
    note: str = Field(min_length=1)

    @model_validator(mode="after")
    def _kpis_stand_once(self) -> "PlannedCountRule":
        if len(set(self.kpis)) < len(self.kpis):
            raise ValueError("kpis: one stands twice")
        return self

    def holds(self, branch_code: str, fiscal_year: int, kpi_id: str) -> bool:
        """True where the entry says something about this branch, year and KPI."""
        return (
            self.branch_code in (None, branch_code)
            and fiscal_year in self.fiscal_years
            and (not self.kpis or kpi_id in self.kpis)
        )

    @property
    def closeness(self) -> tuple[bool, bool]:
        """The greater goes before the lesser: a branch's own entry before the general one, a KPI's own before that of all."""
        return self.branch_code is not None, bool(self.kpis)

    @property
    def is_assumed(self) -> bool:
        """True where no document shows how the branch rounds."""
        return self.origin is RuleOrigin.ASSUMED
