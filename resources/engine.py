"""The engine that runs SQL models: DuckDB in memory over the lake's files.

What lives here: partitions in, a partition out. What does not: what a model says (``dbt_like_sql``), when it runs (``assets``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from kenpo_pipelines.lake import Lake, LakeError, MissingPartition
from kenpo_pipelines.models import Column, Model, ModelProject, Relation

_THREADS = 2
_ATTEMPTS = 3


class ModelContractError(Exception):
    """A model's result has other columns or types than its schema.yml promises."""


class DuckDBEngine:
    """Runs models for one month. Every call opens its own in-memory connection; the lake is the only state."""

    def __init__(self, lake: Lake, project: ModelProject) -> None:
        self.lake = lake
        self.project = project

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open an in-memory connection with settings that make results repeatable."""
        connection = duckdb.connect(":memory:", config={"threads": _THREADS})
        try:
            connection.execute("set preserve_insertion_order = true")
            yield connection
        finally:
            connection.close()

    def attach(self, connection: duckdb.DuckDBPyConnection, relation: Relation, months: Sequence[str]) -> str:
        """Make the partitions of a dataset visible as a view ``layer.name``; return that name."""
        files = [str(path) for month in months for path in self.lake.files(relation.layer, relation.name, month)]
        connection.execute(f'create schema if not exists "{relation.layer}"')
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        connection.execute(
            f'create or replace view "{relation.layer}"."{relation.name}" as '
            f"select * from read_parquet([{listed}], hive_partitioning = false)"
        )
        return relation.sql_name

    def run_model(self, model: Model, month: str) -> int:
        """Run one model for one month, replace its partition, and return its number of rows.

        Another run may replace an earlier month's partition while this one reads it: its files are then gone, and
        reading begins anew with the new ones. Raises LakeError when that does not help.
        """
        attempts_left = _ATTEMPTS
        while True:
            try:
                return self._run_model(model, month)
            except duckdb.IOException as error:
                attempts_left -= 1
                if not attempts_left:
                    raise LakeError(f"{model.relation.sql_name} month {month}: {error}") from error

    def _run_model(self, model: Model, month: str) -> int:
        with self.connect() as connection:
            for relation in model.inputs:
                self.attach(connection, relation, [month])
            for relation in model.history:
                known = [one for one in self.lake.months(relation.layer, relation.name) if one <= month]
                if not known:
                    raise MissingPartition(f"{relation.layer}/{relation.name} has no partition up to {month}")
                self.attach(connection, relation, known)
            sql = self.project.render(model, month)
            _check_contract(connection, model, sql)
            with self.lake.replace(model.layer, model.name, month) as folder:
                return _copy(connection, sql, folder / "part-0.parquet")

    def preview(self, relation: Relation, month: str, limit: int) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return column names and the first rows of a partition, as text where needed. For non-personal datasets."""
        with self.connect() as connection:
            self.attach(connection, relation, [month])
            result = connection.execute(f"select * from {relation.sql_name} limit {int(limit)}")
            return [column[0] for column in result.description or []], result.fetchall()


def _check_contract(connection: duckdb.DuckDBPyConnection, model: Model, sql: str) -> None:
    described = connection.execute(f"describe {sql}").fetchall()
    found = {row[0]: str(row[1]).lower() for row in described}
    promised = {column.name: _canonical(column) for column in model.columns}
    if list(found.items()) != list(promised.items()):
        raise ModelContractError(
            f"{model.path.name}: the result does not have the columns of {model.layer}/schema.yml: "
            f"promised {promised}, found {found}"
        )


def _canonical(column: Column) -> str:
    names = {"decimal(28, 10)": "decimal(28,10)"}
    return names.get(column.data_type.lower(), column.data_type.lower())


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> int:
    target = str(path).replace("'", "''")
    copied = connection.execute(f"copy (\n{sql}\n) to '{target}' (format parquet, compression zstd)").fetchone()
    assert copied is not None
    return int(copied[0])
