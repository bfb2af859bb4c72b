"""The engine that runs SQL models: DuckDB in memory over the lake's files.

What lives here: partitions in, a partition out; views over other partitions; versions of both. What does not: what a model
says (``dbt_like_sql``), when it runs (``assets``).
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from kenpo_pipelines.lake import Lake, LakeError, MissingPartition
from kenpo_pipelines.models import Column, Model, ModelProject, Relation

_THREADS = 2
_ATTEMPTS = 3
_MEMORY = "2GB"
"""Sorts and groups that need more go to temporary files, so that a month of any size fits a machine with 4 GB."""

_ROW_GROUP = 122_880
"""DuckDB's own size, written down: what is held while writing stays small, two threads have groups enough to read."""


class ModelContractError(Exception):
    """A model's result has other columns or types than its schema.yml promises."""


class DuckDBEngine:
    """Runs models for one month. Every call opens its own in-memory connection; the lake is the only state."""

    def __init__(self, lake: Lake, project: ModelProject) -> None:
        self.lake = lake
        self.project = project
        self._models = {model.relation: model for model in project.models}

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open an in-memory connection with bounded memory and settings that make results repeatable."""
        with self.lake.scratch() as folder:
            connection = duckdb.connect(
                ":memory:", config={"threads": _THREADS, "memory_limit": _MEMORY, "temp_directory": str(folder)}
            )
            try:
                connection.execute("set preserve_insertion_order = true")
                yield connection
            finally:
                connection.close()

    def attach(self, connection: duckdb.DuckDBPyConnection, relation: Relation, months: Sequence[str]) -> str:
        """Make the partitions of a dataset visible as ``layer.name``; return that name.

        Of a model that is a view (it has one month), its inputs are attached and it becomes a view over them.
        """
        model = self._models.get(relation)
        if model is not None and model.is_view:
            (month,) = months
            self._attach_inputs(connection, model, month)
            _create_view(connection, relation.sql_name, self.project.render(model, month))
        else:
            _create_view(connection, relation.sql_name, self._read_parquet(relation, months))
        return relation.sql_name

    def _attach_inputs(self, connection: duckdb.DuckDBPyConnection, model: Model, month: str) -> None:
        for relation in model.inputs:
            self.attach(connection, relation, [month])
        for relation in model.history:
            months = self._months_up_to(relation, month)
            _create_view(connection, relation.history_sql_name, self._read_parquet(relation, months))

    def _months_up_to(self, relation: Relation, month: str) -> list[str]:
        known = [one for one in self.lake.months(relation.layer, relation.name) if one <= month]
        if not known:
            raise MissingPartition(f"{relation.layer}/{relation.name} has no partition up to {month}")
        return known

    def _read_parquet(self, relation: Relation, months: Sequence[str]) -> str:
        files = [str(path) for month in months for path in self.lake.files(relation.layer, relation.name, month)]
        listed = ", ".join(_literal(file) for file in files)
        return f"select * from read_parquet([{listed}], hive_partitioning = false)"

    def run_model(self, model: Model, month: str, connection: duckdb.DuckDBPyConnection | None = None) -> int:
        """Run one model for one month, replace its partition, and return its number of rows.

        Who goes on to look at the result gives a connection of :meth:`connect`: opening one takes as long as a small model.

        A view has no partition: its contract is checked and its rows are counted. Another run may replace an earlier
        month's partition while this one reads it: its files are then gone, and reading begins anew with the new ones.
        Raises LakeError when that does not help.
        """
        if connection is None:
            with self.connect() as own:
                return self.run_model(model, month, own)
        attempts_left = _ATTEMPTS
        while True:
            try:
                return self._run_model(connection, model, month)
            except duckdb.IOException as error:
                attempts_left -= 1
                if not attempts_left:
                    raise LakeError(f"{model.relation.sql_name} month {month}: {error}") from error

    def _run_model(self, connection: duckdb.DuckDBPyConnection, model: Model, month: str) -> int:
        self._attach_inputs(connection, model, month)
        sql = self.project.render(model, month)
        try:
            _check_contract(connection, model, sql)
            if model.is_view:
                return _count(connection, f"(\n{sql}\n)")
            with self.lake.replace(model.layer, model.name, month) as folder:
                return _copy(connection, sql, folder / "part-0.parquet")
        except (duckdb.BinderException, duckdb.InvalidInputException, ModelContractError) as error:
            self._explain_foreign_months(model, month, error)
            raise

    def _explain_foreign_months(self, model: Model, month: str, error: Exception) -> None:
        """Raise LakeError naming the earlier months whose partitions were made by a version with other columns."""
        for relation in model.history:
            promised = [column.name for column in self._models[relation].columns]
            foreign = [
                one
                for one in self._months_up_to(relation, month)
                for path in self.lake.files(relation.layer, relation.name, one)
                if pq.read_schema(path).names != promised
            ]
            if foreign:
                raise LakeError(
                    f"{relation.sql_name} was made by another version of the project in {', '.join(foreign)}: "
                    f"kenpo backfill --from {foreign[0]} --to {foreign[-1]}"
                ) from error

    def rows(self, relation: Relation, month: str) -> int:
        """Return the number of rows of a month; of a partition without reading them."""
        model = self._models.get(relation)
        if model is None or not model.is_view:
            return sum(
                pq.read_metadata(path).num_rows for path in self.lake.files(relation.layer, relation.name, month)
            )
        with self.connect() as connection:
            return _count(connection, self.attach(connection, relation, [month]))

    def version(self, relation: Relation, month: str) -> str:
        """Return the version of a month: of a partition by its content, of a view by its inputs and its SQL."""
        model = self._models.get(relation)
        if model is None or not model.is_view:
            return self.lake.version(relation.layer, relation.name, month)
        return _digest([model.sql_version, *self.input_versions(model, month)])

    def input_versions(self, model: Model, month: str) -> list[str]:
        """Return name and version of everything that the model reads for the month, in the order of its SQL."""
        return [f"{one.sql_name}={self.version(one, month)}" for one in model.inputs] + [
            f"{one.sql_name}@{known}={self.lake.version(one.layer, one.name, known)}"
            for one in model.history
            for known in self._months_up_to(one, month)
        ]

    def fingerprint(self, model: Model, month: str, code: Sequence[str] = ()) -> str:
        """Return the digest of all that decides the model's result and checks for the month; ``code`` adds to it."""
        return _digest([duckdb.__version__, model.code_version, month, *code, *self.input_versions(model, month)])

    def preview(self, relation: Relation, month: str, limit: int) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return column names and the first rows of a partition, as text where needed. For non-personal datasets."""
        model = self._models.get(relation)
        if model is None or not model.is_view:
            return _first_rows(self.lake.files(relation.layer, relation.name, month), limit)
        with self.connect() as connection:
            self.attach(connection, relation, [month])
            result = connection.execute(f"select * from {relation.sql_name} limit {int(limit)}")
            return [column[0] for column in result.description or []], result.fetchall()


def _first_rows(files: Sequence[Path], limit: int) -> tuple[list[str], list[tuple[object, ...]]]:
    """Read the first rows of Parquet files: opening an engine for five rows takes ten times as long."""
    header: list[str] = []
    rows: list[tuple[object, ...]] = []
    for path in files:
        with pq.ParquetFile(path) as file:
            header = file.schema_arrow.names
            for batch in file.iter_batches(batch_size=limit - len(rows)):
                rows += [tuple(row.values()) for row in batch.to_pylist()]
                break
        if len(rows) == limit:
            break
    return header, rows


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    layer, table = name.split(".")
    connection.execute(f'create schema if not exists "{layer}"')
    connection.execute(f'create or replace view "{layer}"."{table}" as {sql}')


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    counted = connection.execute(f"select count(*) from {relation}").fetchone()
    assert counted is not None
    return int(counted[0])


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
    kind = column.data_type.lower()
    return kind.replace(" ", "") if kind.startswith("decimal") else kind


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> int:
    copied = connection.execute(
        f"copy (\n{sql}\n) to {_literal(str(path))} (format parquet, compression zstd, row_group_size {_ROW_GROUP})"
    ).fetchone()
    assert copied is not None
    return int(copied[0])
