"""A small project of SQL models in a temporary folder, which a test may break in one place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

COUNTS = "select branch, visits, known_month from {{ source('raw', 'visits') }}\n"
SUMS = """\
with counts as (
    select * from {{ history('stg_visits') }}
),
final as (
    select branch, cast(sum(visits) as bigint) as visits, '{{ var("month") }}' as as_of from counts group by branch
)
select * from final
order by branch
"""

Entry = dict[str, Any]


def _entry(name: str, types: Mapping[str, str], changes: Entry) -> Entry:
    whole = {
        "name": name,
        "description": f"{name}, by branch",
        "config": {"meta": {"owner": "team:planning"}},
        "columns": [{"name": column, "data_type": kind, "description": column} for column, kind in types.items()],
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def stg_visits(**changes: Any) -> Entry:
    """Its entry of schema.yml; a change of None leaves a key out."""
    return _entry("stg_visits", {"branch": "varchar", "visits": "integer", "known_month": "varchar"}, changes)


def visit_sums(**changes: Any) -> Entry:
    return _entry("visit_sums", {"branch": "varchar", "visits": "bigint", "as_of": "varchar"}, changes)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def schema(path: Path, entries: list[Entry]) -> Path:
    return write(path, yaml.safe_dump({"version": 2, "models": entries}, allow_unicode=True))


def write_project(folder: Path) -> Path:
    """Two models, one reading the history of the other, and one source; return the folder."""
    source = {
        "name": "visits",
        "description": "Visits. Grain: branch.",
        "columns": stg_visits()["columns"],
    }
    document = {"version": 2, "sources": [{"name": "raw", "tables": [source]}]}
    write(folder / "staging" / "sources.yml", yaml.safe_dump(document))
    write(folder / "staging" / "stg_visits.sql", COUNTS)
    schema(folder / "staging" / "schema.yml", [stg_visits()])
    write(folder / "kpis" / "visit_sums.sql", SUMS)
    schema(folder / "kpis" / "schema.yml", [visit_sums()])
    return folder
