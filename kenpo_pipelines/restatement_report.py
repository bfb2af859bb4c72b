"""What ``kenpo kpi --history`` prints: restated values as CSV or JSON.

What lives here: columns and spelling of values; scripts rely on them. What does not: reading the database (``serving``), tables
for people (``terminal``).
"""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from kenpo_pipelines.catalogue.rounding import plain
from kenpo_pipelines.scorecards.restatement_words import file_label
from kenpo_pipelines.serving.restatement_queries import Restatement

_PARTS = ("value", "value_text", "numerator", "denominator", "figure_as_of", "target_text", "outcome")
COLUMNS = (
    *("restated_at", "as_of", "fiscal_year", "branch_code", "branch", "kpi_id", "kpi"),
    *(f"{when}_{part}" for part in _PARTS for when in ("old", "new")),
    *("causes", "cause_text", "files", "old_code_version", "new_code_version"),
    *("old_run_id", "new_run_id", "old_published_at"),
)
"""Grain: one change of as_of × fiscal_year × branch_code × kpi_id, newest first. Moments are ISO 8601 in UTC; an outcome is
empty where the scorecard had no such line."""


def to_csv(restatements: Iterable[Restatement]) -> str:
    """Return the restatements as CSV with a header line; several files or causes stand on lines of one cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one in restatements:
        record = {name: getattr(one, name) for name in COLUMNS} | {"files": "\n".join(map(file_label, one.files))}
        writer.writerow({name: _csv_value(value) for name, value in record.items()})
    return out.getvalue()


def to_json(restatements: Iterable[Restatement]) -> str:
    """Return the restatements as a JSON list; ``files`` and ``causes`` are lists, decimals are JSON numbers."""
    records = []
    for one in restatements:
        record = {name: _json_value(getattr(one, name)) for name in COLUMNS}
        files = [asdict(file) for file in one.files]
        records.append(record | {"files": files, "causes": one.causes.split(",")})
    return json.dumps(records, ensure_ascii=False, indent=1)


def _csv_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
