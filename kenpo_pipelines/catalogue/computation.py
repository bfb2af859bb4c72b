"""How a KPI is computed from records: measures, the months they are summed over, and which KPI uses which.

What lives here: the shape of ``measures.yml`` and of a KPI's ``computed_from``. What does not: computing a measure (the SQL
models do), and whether names fit between files (``loading``).
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from kenpo_pipelines.catalogue.base import Strict

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Window(StrEnum):
    """Of which months a measure is taken for a figure as of month A."""

    YEAR_TO_DATE = "year_to_date"
    """Summed over April … A of A's fiscal year."""
    LATEST = "latest"
    """That of the latest month up to A in A's fiscal year."""
    SERVICE_MONTH = "service_month"
    """That of the one month A − ``lag_months``."""
    COHORT = "cohort"
    """Summed over the check-up months of the fiscal year before, as far as their time is over."""


class MeasureKind(StrEnum):
    """What may be done with a measure's months: add them up, take the latest, or follow a cohort."""

    FLOW = "flow"
    LEVEL = "level"
    COHORT = "cohort"

    @property
    def windows(self) -> tuple[Window, ...]:
        """Windows that make sense of such a measure."""
        return _WINDOWS[self]


_WINDOWS: dict[MeasureKind, tuple[Window, ...]] = {
    MeasureKind.FLOW: (Window.YEAR_TO_DATE, Window.SERVICE_MONTH),
    MeasureKind.LEVEL: (Window.LATEST,),
    MeasureKind.COHORT: (Window.COHORT,),
}


class Measure(Strict):
    """One number of a branch and month that SQL models compute from the records of ``datasets``."""

    measure: Identifier
    kind: MeasureKind
    datasets: tuple[Identifier, ...] = Field(min_length=1)
    month: str = Field(min_length=1)
    """Which month of a record it is counted in, in words."""
    description: str = Field(min_length=1)


class MeasureOverMonths(Strict):
    """Numerator or denominator of a KPI."""

    measure: Identifier
    window: Window


class ComputedFrom(Strict):
    """How one version of a KPI comes about from records. The value is numerator ÷ denominator as its kind says."""

    datasets: tuple[Identifier, ...] = Field(min_length=1)
    numerator: MeasureOverMonths
    denominator: MeasureOverMonths
    lag_months: int = Field(default=0, ge=0, le=12)
    """Months by which the figure lies before the month it was computed in."""

    @model_validator(mode="after")
    def _windows_fit_together(self) -> "ComputedFrom":
        windows = {self.numerator.window, self.denominator.window}
        for alone in (Window.SERVICE_MONTH, Window.COHORT):
            if alone in windows and len(windows) > 1:
                raise ValueError(f"window {alone} is that of both numerator and denominator, or of none")
        if self.lag_months and Window.SERVICE_MONTH not in windows:
            raise ValueError("lag_months belongs to window service_month")
        if len(set(self.datasets)) < len(self.datasets):
            raise ValueError("datasets: one stands twice")
        return self
