"""Tables at random for any model, of values at the edges: what no submission would hold, and SQL must treat alike all the same.

What lives here: pools of values by a column's name and type, the words that the models themselves compare a column with, and
rows drawn from them that keep each table's grain. What does not: what the engines make of them (``test_model_equality``).
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import exp

from kenpo_pipelines.models import Column, ModelProject, Relation

ROWS = 40
KNOWN = ("2024-03", "2024-04", "2025-02", "2025-03", "2025-04", "2025-06")
"""Month ends of a fiscal year and the months beside them, up to the month run."""

TEXTS = (
    *("", "a", "A", "10", "ﾊ", "ハ", "ｱ", "ア", "Ａ", "é", "e\u0301", "﨑", "𠮷", "😀"),
    *("～", "it's", "a\\d", "a\nb", "三　四"),
)
DAYS = tuple(
    map(dt.date.fromisoformat, ("2024-02-29", "2024-03-31", "2024-04-01", "2025-03-31", "2025-04-01", "2025-06-30"))
)
# half-way cases at every printed precision, the smallest decimal, and 18 digits before the point
NUMBERS = tuple(
    Decimal(text)
    for text in (
        *(
            "0",
            "1",
            "-1",
            "0.5",
            "-0.5",
            "1.5",
            "2.5",
            "-2.5",
            "0.05",
            "0.45",
            "99.95",
            "66.665",
            "-0.005",
            "3000",
            "57645",
        ),
        *("0.0000000001", "-0.0000000001", "0.3333333333", "100000", "123456789.5", "999999999999.9999999999"),
    )
)
_LARGEST = Decimal("999999999999999999.9999999999")
_TYPES = {
    "bigint": pa.int64(),
    "blob": pa.binary(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "integer": pa.int32(),
    "varchar": pa.string(),
}
_ACCOUNT = pa.struct(
    [("branch_code", pa.string()), *((name, pa.int64()) for name in ("rows_read", "rows_loaded", "rows_rejected"))]
)


class EdgeInputs:
    """Draws tables for the relations of a project; the reference tables are given, for models join on what they say."""

    def __init__(self, project: ModelProject, reference: dict[str, pa.Table], seed: int) -> None:
        self._dice = Random(seed)
        self._columns = {one.relation: one.columns for one in (*project.models, *project.sources)}
        self._grain = {model.relation: _grain(model.properties) for model in project.models}
        self._reference = reference
        self._words = _words(project)
        formulas = reference["kpi_formulas"].to_pylist()
        self._pools: dict[str, Sequence[Any]] = {
            "branch_code": ("00", "01", "13", "47"),
            "kpi_id": [
                *sorted({row["kpi_id"] for row in formulas})[:4],
                "health_declaration_offices",
                "checkup_rate_insured",
            ],
            "measure_id": [
                *sorted({row[f"{part}_measure"] for row in formulas for part in ("numerator", "denominator")}),
                *(f"checkup_rate_insured.{part}" for part in ("numerator", "denominator", "value", "none", "withheld")),
                *("policy_statements.done", "policy_statements.none"),
            ],
            "fiscal_year": (2023, 2024, 2025),
            "cohort_fiscal_year": (2023, 2024),
            "dataset": ("claims", "benefit_decisions", "checkup_counts", "guidance_counts", "kpi_results"),
            "file": ("a.csv", "b.csv"),
            "precision": (0, 1, 2, 3),
            "protects": ("all", "checkup_rate_insured", "generic_share_volume,checkup_rate_insured"),
            "sign": (1, -1),
            "lag_months": (0, 1, 3),
        }

    def table(self, relation: Relation, *, share_of_nulls: float) -> pa.Table:
        """Return a table of the relation, with so many nulls; without rows when the share is 1."""
        if relation.layer == "reference":
            return self._reference[relation.name]
        columns = self._columns[relation]
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        grain = self._grain.get(relation) or [column.name for column in columns]
        for number in range(0 if share_of_nulls == 1 else ROWS):
            row = {column.name: self._value(column, relation, number, share_of_nulls) for column in columns}
            if row.get("denominator") is not None and 0 < abs(row["denominator"]) < 1:
                row["denominator"] = None  # of the largest number it would be a quotient that neither engine can hold
            rows.setdefault(tuple(str(row[name]) for name in grain), row)
        schema = pa.schema([(column.name, _arrow(column)) for column in columns])
        return pa.Table.from_pylist(list(rows.values()), schema=schema)

    def _value(self, column: Column, relation: Relation, number: int, share_of_nulls: float) -> Any:
        dice, name, kind = self._dice, column.name, column.data_type.lower()
        if name == "row_number":
            return number  # what tells rows of one file apart
        is_key = name in self._grain.get(relation, ()) or name in ("known_month", "as_of")
        if not is_key and dice.random() < share_of_nulls:
            return None
        if name in self._pools:
            return dice.choice(self._pools[name])
        if kind == "varchar" and (name.endswith("month") or name.endswith("as_of")):
            return dice.choice([*KNOWN, ""] if relation.layer == "findings" else KNOWN)
        if kind == "varchar":
            return dice.choice(
                [*self._words.get(name, ()), *TEXTS] if dice.random() < 0.5 else [*(self._words.get(name) or TEXTS)]
            )
        if kind.startswith("decimal"):
            return self._decimal(kind, is_free=name not in ("numerator", "denominator"))
        if kind.startswith("struct"):
            return [self._account() for _ in range(dice.choice([0, 1, 3]))]
        return dice.choice(_OTHERS[kind])

    def _decimal(self, kind: str, *, is_free: bool) -> Decimal:
        width, scale = map(int, kind.removeprefix("decimal(").rstrip(")").split(","))
        pool = (
            (*NUMBERS, _LARGEST, -_LARGEST)
            if is_free and (width, scale) == (28, 10) and self._dice.random() < 0.1
            else NUMBERS
        )
        number = self._dice.choice(pool).quantize(Decimal(1).scaleb(-scale))
        return (
            number if abs(number) < Decimal(10) ** (width - scale) else Decimal(1).quantize(Decimal(1).scaleb(-scale))
        )

    def _account(self) -> dict[str, Any]:
        loaded, rejected = self._dice.choice([0, 1, 99, 100, 10**12]), self._dice.choice([0, 1, 3, 10**11])
        branch = self._dice.choice(["", "01", "13"])
        return {"branch_code": branch, "rows_read": loaded + rejected, "rows_loaded": loaded, "rows_rejected": rejected}


_OTHERS: dict[str, Sequence[Any]] = {
    "bigint": (0, 1, -1, 3, 50, 51, 3000, 10**12),
    "integer": (0, 1, -1, 2, 5, 2000),
    "boolean": (True, False),
    "date": DAYS,
    "blob": (bytes(16), bytes([255] * 16), b"0123456789abcdef"),
}


def _arrow(column: Column) -> pa.DataType:
    kind = column.data_type.lower()
    if kind.startswith("decimal"):
        return pa.decimal128(*map(int, kind.removeprefix("decimal(").rstrip(")").split(",")))
    return pa.list_(_ACCOUNT) if kind.startswith("struct") else _TYPES[kind]


def _grain(properties: Any) -> list[str]:
    for test in properties.get("data_tests") or []:
        if isinstance(test, dict) and "unique_combination_of_columns" in test:
            return list(test["unique_combination_of_columns"]["arguments"]["combination_of_columns"])
    return []


def _words(project: ModelProject) -> dict[str, list[str]]:
    """Collect the texts that a column of this name is compared with somewhere in the models."""
    found: dict[str, dict[str, None]] = {}
    for model in project.models:
        tree = sqlglot.parse_one(project.render(model, "2025-06"), dialect="duckdb")
        for node in tree.find_all(exp.EQ, exp.NEQ, exp.In, exp.Case):
            if isinstance(node.this, exp.Column):
                given = [*node.args.get("expressions", []), node.args.get("expression")]
                given += [one.this for one in node.args.get("ifs", [])]
                texts = [one.this for one in given if isinstance(one, exp.Literal) and one.is_string]
                found.setdefault(node.this.name, {}).update(dict.fromkeys(texts))
    return {name: list(texts) for name, texts in found.items()}
