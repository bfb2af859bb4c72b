"""The datasets for people: one page of Markdown, rendered from the contracts.

What lives here: how a contract is put into words, and the command that rewrites ``docs/datasets.md``
(``python -m kenpo_pipelines.submissions.dataset_pages``). The page's layout is ``dataset_pages.md.j2`` beside this module.
What does not: any fact about a dataset; those stand in ``expectations/<dataset>.yml``.
"""

import calendar
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kenpo_pipelines.submissions.columns import MEMBER_KEY, Column
from kenpo_pipelines.submissions.contract import Contract, load_contracts
from kenpo_pipelines.submissions.faults import FAULTS

_CHECKOUT = Path(__file__).parents[2]
CONTRACTS_DIRECTORY = _CHECKOUT / "expectations"
DATASETS_PATH = _CHECKOUT / "docs" / "datasets.md"

_TYPES = {
    "text": "text",
    "identifier": "identifier (at most 40 characters)",
    "integer": "whole number",
    "decimal": "number",
    "date": "date",
    "month": "month",
    "fiscal_year": "fiscal year",
    "branch_code": "branch code",
    "branch_name": "branch name (not stored)",
    "kpi": "KPI",
    "kpi_value": "figure of the KPI",
    "comparator": "comparison",
    "target_value": "target of the KPI",
    "unit": "unit",
    "choice": "choice",
    "flag": "1 or 0",
    "amount": "amount in yen, by the unit that the file states",
    "count": "whole number with its unit",
}
_FOLDERS = {"month": "YYYY-MM", "fiscal_year": "YYYY"}


def type_text(column: Column) -> str:
    """Put the column's type and bounds into words: ``whole number ≥ 0, 円``."""
    text = _TYPES.get(str(column.type), str(column.type))
    if column.longest is not None:
        text += f" (at most {column.longest} characters)"
    if column.decimals is not None:
        text += f" with at most {column.decimals} decimals"
    if column.min is not None:
        text += f" ≥ {column.min:f}"
    if column.plan_words:
        text += f" (or {', '.join(column.plan_words)}: the plan of the year)"
    if column.not_after_folder:
        text += ", not after the folder's month"
    return f"{text}, {column.unit}" if column.unit else text


def blank_text(column: Column) -> str:
    """Say whether the file must have the column, and whether a cell may be empty."""
    if not column.required:
        return "column may be missing"
    return "may be blank" if column.allows_blank else "required"


def values_text(column: Column) -> str:
    """Return the allowed values, each with its other spellings: ``窓口 (窓口受付, 窓口提出)``."""
    return "; ".join(f"{value} ({', '.join(words)})" if words else value for value, words in column.values.items())


def business_month_text(contract: Contract) -> str:
    """Say which month a row belongs to."""
    month = contract.dataset.business_month
    if month is None:
        return ""
    return "the folder's month" if month == "folder" else f"that of `{month}` ({contract.column_by_name[month].header})"


def due_text(contract: Contract) -> str:
    """Say by when every branch has submitted the dataset: ``by business day 5 of the month after the reporting month``."""
    due = contract.dataset.due
    if due is None:
        return ""
    if due.month is None:
        return f"by business day {due.business_day} of the month after the reporting month"
    return f"by business day {due.business_day} of {calendar.month_name[due.month]} of the fiscal year"


def checks_of(contract: Contract) -> list[Mapping[str, Any]]:
    """Return the rules on the loaded rows as they stand in the file, completeness last."""
    completeness = contract.completeness
    last = [{"tier": "completeness", **completeness}] if completeness else []
    return [*(contract.rules or ()), *last]


def render_datasets(contracts: Iterable[Contract]) -> str:
    """Return the page as Markdown: an overview, then a section per dataset. The same contracts give the same text."""
    # No escaping: the page is Markdown, where HTML entities would show up as they are written.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["cell"] = lambda text: " ".join(str(text).split()).replace("|", "\\|")
    return environment.get_template("dataset_pages.md.j2").render(
        contracts=sorted(contracts, key=lambda one: (not one.dataset.record_level, one.dataset.id)),
        folders=_FOLDERS,
        faults=FAULTS,
        member_key=MEMBER_KEY,
        type_text=type_text,
        blank_text=blank_text,
        values_text=values_text,
        business_month_text=business_month_text,
        due_text=due_text,
        checks_of=checks_of,
    )


def main() -> None:
    """Rewrite ``docs/datasets.md`` from the contracts of this checkout."""
    page = render_datasets(load_contracts(CONTRACTS_DIRECTORY).values())
    DATASETS_PATH.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
