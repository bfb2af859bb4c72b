"""What every part of the catalogue is built from: strict models, exact numbers, spans of fiscal years.

What lives here: the small types that definitions, measures and parameters share. What does not: any of those (``model``,
``computation``, ``parameters``).
"""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


def _exact(value: Any) -> Any:
    """Let YAML numbers keep their printed digits: floats are refused, they are not exact."""
    if isinstance(value, float):
        raise ValueError(f"write {value} in quotes, so that it stays an exact decimal")
    return value


ExactDecimal = Annotated[Decimal, BeforeValidator(_exact)]


class Strict(BaseModel):
    """A part of the catalogue: no unknown keys, not changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class YearSpan(Strict):
    """Fiscal years in which something is in force; ``last`` None means until further notice."""

    first: int
    last: int | None = None

    @model_validator(mode="after")
    def _last_is_not_before_first(self) -> "YearSpan":
        if self.last is not None and self.last < self.first:
            raise ValueError(f"ends in {self.last}, before it begins in {self.first}")
        return self

    def __contains__(self, fiscal_year: int) -> bool:
        return self.first <= fiscal_year and (self.last is None or fiscal_year <= self.last)


def _year_span(value: Any) -> Any:
    """Read ``2023``, ``2023-`` (open) or ``2023-2024``."""
    match = re.fullmatch(r"([0-9]{4})(?:(-)([0-9]{4})?)?", str(value))
    if match is None:
        return value
    first, dash, last = match.groups()
    return {"first": int(first), "last": int(last) if last else (None if dash else int(first))}


FiscalYears = Annotated[YearSpan, BeforeValidator(_year_span)]
"""A span as the files write it."""
