"""What the documents leave open or may change with a fiscal year: ``parameters.yml``.

What lives here: the parameters there are, and what each may be. What does not: using one (the SQL models read
``reference.parameters``).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from kenpo_pipelines.catalogue.base import FiscalYears, Strict

BENEFIT_TYPES = ("傷病手当金", "出産手当金", "出産育児一時金", "高額療養費", "療養費", "移送費", "埋葬料")
"""Benefits that the service standard may cover, as benefit_decisions names them."""


class ParameterName(StrEnum):
    """Every parameter; each has one entry for every known fiscal year."""

    SERVICE_STANDARD_DAY_COUNT = "service_standard_day_count"
    SERVICE_STANDARD_DAYS = "service_standard_days"
    SERVICE_STANDARD_BENEFIT_TYPE = "service_standard_benefit_type"
    ASSESSED_RECEIPT_BASIS = "assessed_receipt_basis"
    UNTREATED_VISIT_MONTHS = "untreated_visit_months"
    GENERIC_REPORTING_LAG_MONTHS = "generic_reporting_lag_months"


def _one_of(*allowed: str) -> Callable[[tuple[str, ...]], str]:
    def fault(values: tuple[str, ...]) -> str:
        return "" if len(values) == 1 and values[0] in allowed else f"must be one of {', '.join(allowed)}"

    return fault


def _some_of(*allowed: str) -> Callable[[tuple[str, ...]], str]:
    def fault(values: tuple[str, ...]) -> str:
        if unknown := [value for value in values if value not in allowed]:
            return f"{unknown[0]} is not among {', '.join(allowed)}"
        return "one value stands twice" if len(set(values)) < len(values) else ""

    return fault


def _whole_number(least: int, most: int) -> Callable[[tuple[str, ...]], str]:
    def fault(values: tuple[str, ...]) -> str:
        is_number = len(values) == 1 and values[0].isascii() and values[0].isdigit()
        return "" if is_number and least <= int(values[0]) <= most else f"must be a whole number, {least} to {most}"

    return fault


_FAULT_OF: Mapping[ParameterName, Callable[[tuple[str, ...]], str]] = {
    ParameterName.SERVICE_STANDARD_DAY_COUNT: _one_of("business", "calendar"),
    ParameterName.SERVICE_STANDARD_DAYS: _whole_number(1, 365),
    ParameterName.SERVICE_STANDARD_BENEFIT_TYPE: _some_of(*BENEFIT_TYPES),
    ParameterName.ASSESSED_RECEIPT_BASIS: _one_of("assessed", "concluded"),
    ParameterName.UNTREATED_VISIT_MONTHS: _whole_number(1, 24),
    ParameterName.GENERIC_REPORTING_LAG_MONTHS: _whole_number(0, 12),
}


def _texts(values: Any) -> Any:
    """Read ``10``, ``business`` or a list of such; YAML's whole numbers become texts."""
    listed = values if isinstance(values, list | tuple) else [values]
    return [str(value) if isinstance(value, int) and not isinstance(value, bool) else value for value in listed]


class Parameter(Strict):
    """One parameter in a span of fiscal years. Most have one value."""

    parameter: ParameterName
    fiscal_years: FiscalYears
    values: Annotated[tuple[str, ...], BeforeValidator(_texts), Field(min_length=1)]
    source: str = Field(min_length=1)
    note: str = Field(min_length=1)

    @model_validator(mode="after")
    def _values_are_allowed(self) -> "Parameter":
        if fault := _FAULT_OF[self.parameter](self.values):
            raise ValueError(f"{self.parameter}: values: {fault}")
        return self
