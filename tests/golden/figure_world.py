"""A lake with the inputs of the analytical models only: figures, measures, guidance counts and the reference tables.

What lives here: writing figures without submissions, and running the models that look for conspicuous ones or make series. What
does not: what they should find (``analytical_oracle``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from reference_partitions import reference_tables, write_reference

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Model, load_project
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import load_contracts
from resources.duckdb_engine import DuckDBEngine

Row = dict[str, Any]
ARROW = {
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "varchar": pa.string(),
    "decimal(28,10)": pa.decimal128(28, 10),
}
MODELS = (
    *("comparable_figures", "own_month_findings", "branch_findings", "total_findings"),
    "analytical_findings",
)
PROJECT = load_project(CHECKOUT / "dbt_like_sql")
CATALOGUE = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
REFERENCE = reference_tables(CATALOGUE, load_contracts(CHECKOUT / "expectations").values())


def schema_of(model: Model) -> pa.Schema:
    return pa.schema([(column.name, ARROW[column.data_type]) for column in model.columns])


@dataclass
class FigureWorld:
    """Figures as ``kpi_figures`` would have them, all known in one month run."""

    home: Path
    month: str
    figures: list[Row] = field(default_factory=list)
    measures: list[Row] = field(default_factory=list)
    guidance: list[Row] = field(default_factory=list)
    reference: dict[str, pa.Table] = field(default_factory=lambda: dict(REFERENCE))

    def figure(self, kpi_id: str, as_of: str, branch: str, **changes: Any) -> None:
        """A reported figure that arrived in its own month; numbers may be int, str or Decimal."""
        numbers = ("numerator", "denominator", "value")
        given = {name: Decimal(str(value)) if name in numbers else value for name, value in changes.items()}
        base = {
            **{"fiscal_year": fiscal.fiscal_year_of(as_of), "as_of": as_of, "branch_code": branch, "kpi_id": kpi_id},
            **{"figure_known_month": as_of, "source": "reported"},
        }
        self.figures.append(base | given)

    def measure(self, measure_id: str, month: str, branch: str, value: object) -> None:
        row = {"known_month": self.month, "month": month, "branch_code": branch, "measure_id": measure_id}
        self.measures.append(row | {"value": Decimal(str(value))})

    def run(self) -> list[Row]:
        """Run the models; return what they found."""
        return self._made(MODELS)

    def series(self) -> list[Row]:
        """Run what makes series; return their points."""
        return self._made(("comparable_figures", "mart_kpi_series"))

    def _made(self, names: Sequence[str]) -> list[Row]:
        lake = Lake(self.home / "lake")
        engine = DuckDBEngine(lake, PROJECT)
        write_reference(lake, self.month, self.reference)
        inputs = {"kpi_figures": self.figures, "record_measures": self.measures, "stg_guidance_counts": self.guidance}
        for source, rows in inputs.items():
            model = PROJECT.model(source)
            lake.write(model.layer, source, self.month, pa.Table.from_pylist(rows, schema=schema_of(model)))
        for name in names:
            engine.run_model(PROJECT.model(name), self.month)
        last = PROJECT.model(names[-1])
        return [dict(row) for row in lake.read(last.layer, last.name, self.month).to_pylist()]


def places(found: Collection[Row], *rules: str) -> set[tuple[str, ...]]:
    """Rule, KPI, month and branch of what was found."""
    return {
        (row["rule"], row["kpi_id"], row["as_of"], row["branch_code"])
        for row in found
        if not rules or row["rule"] in rules
    }
