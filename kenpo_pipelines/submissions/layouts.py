"""How the cells of a dataset's files are arranged.

What lives here: the shapes of the key ``layouts`` of a contract. What does not: reading them (``tables``,
``registration_sheet``).
"""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from kenpo_pipelines.submissions.columns import Strict
from kenpo_pipelines.submissions.texts import squeeze


class SheetKpi(Strict):
    """One KPI column of the registration sheet. ``header`` is a regular expression on the squeezed header."""

    header: str = Field(min_length=1)
    kpi_id: str
    comparator: str

    @model_validator(mode="after")
    def _header_compiles(self) -> "SheetKpi":
        try:
            re.compile(self.header)
        except re.error as error:
            raise ValueError(f"header is no regular expression: {error}") from error
        return self

    def matches(self, header: str) -> bool:
        """True when the header in the file is this KPI's."""
        return re.search(self.header, squeeze(header), re.IGNORECASE) is not None


class TableLayout(Strict):
    """One row per record below one or two header rows."""

    layout: Literal["table"]


class RegistrationSheetLayout(Strict):
    """支部設定KPI登録シート: one row per branch, one column per KPI, the fiscal year in the title."""

    layout: Literal["registration_sheet"]
    title: str = Field(min_length=1)
    branch_header: str = Field(min_length=1)
    kpis: tuple[SheetKpi, ...] = Field(min_length=1)


Layout = Annotated[TableLayout | RegistrationSheetLayout, Field(discriminator="layout")]
