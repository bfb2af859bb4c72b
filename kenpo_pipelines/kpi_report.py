"""What ``kenpo kpi`` prints: the published scorecard as CSV, JSON or rows of a table.

What lives here: columns and spelling of values; scripts rely on them. What does not: reading the database (``serving``).
"""

import csv
import io
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from kenpo_pipelines.catalogue.rounding import plain
from kenpo_pipelines.serving.queries import ScorecardRow

COLUMNS = (
    "fiscal_year",
    "as_of",
    "branch_code",
    "branch",
    "kpi_id",
    "kpi",
    "numerator",
    "denominator",
    "value",
    "unit",
    "target",
    "comparator",
    "outcome",
    "ratio_to_target",
    "rank",
    "source",
    "status",
)
"""Grain: fiscal_year × branch_code × kpi_id. ``as_of`` is the figure's own month, empty without a figure."""


def record(row: ScorecardRow) -> dict[str, Any]:
    """Return one row under :data:`COLUMNS`: exact decimals at the KPI's precision, None for what does not exist.

    Qualitative KPIs have 実施 or 未実施 as value and 実施 as target.
    """
    is_qualitative = row.kind == "qualitative"
    return {
        "fiscal_year": row.fiscal_year,
        "as_of": row.figure_as_of,
        "branch_code": row.branch_code,
        "branch": row.branch,
        "kpi_id": row.kpi_id,
        "kpi": row.kpi,
        "numerator": row.numerator,
        "denominator": row.denominator,
        "value": (row.value_text or None) if is_qualitative else _at(row.value, row.precision),
        "unit": row.unit,
        "target": _qualitative_target(row) if is_qualitative else _at(row.target, row.precision),
        "comparator": row.comparator,
        "outcome": row.outcome,
        "ratio_to_target": _at(row.ratio_to_target, 1),
        "rank": row.rank,
        "source": row.source,
        "status": row.status,
    }


def _qualitative_target(row: ScorecardRow) -> str | None:
    return row.target_text if row.comparator == "done" else None


def _at(number: Decimal | None, precision: int) -> Decimal | None:
    return None if number is None else number.quantize(Decimal(1).scaleb(-precision))


def to_csv(rows: Iterable[ScorecardRow]) -> str:
    """Return the rows as CSV with a header line."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _csv_text(name, value) for name, value in record(row).items()})
    return out.getvalue()


def _csv_text(name: str, value: Any) -> Any:
    if name in ("numerator", "denominator") and value is not None:
        return plain(value)
    return format(value, "f") if isinstance(value, Decimal) else value


def to_json(rows: Iterable[ScorecardRow]) -> str:
    """Return the rows as a JSON list, with their flags (旗) as a list; decimals are JSON numbers (100.00 is 100)."""
    return json.dumps(
        [{k: _json_value(v) for k, v in record(row).items()} | {"flags": row.flags.splitlines()} for row in rows],
        ensure_ascii=False,
        indent=1,
    )


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
