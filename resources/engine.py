"""The engine that runs SQL models over the lake, whichever it is.

What lives here: partitions in, a partition out; versions of both; the contract of a result; everything that needs only the
lake and the project. What does not: one engine's own ways (``duckdb_engine``, ``spark_engine``), what a model says
(``dbt_like_sql``), when it runs (``assets``).
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq

from kenpo_pipelines.lake import Lake, LakeError, MissingPartition
from kenpo_pipelines.models import Column, Model, ModelProject, Relation
from resources.session import Session

_ATTEMPTS = 3


class ModelContractError(Exception):
    """A model's result has other columns or types than its schema.yml promises."""


class ModelFailed(Exception):
    """The engine could not compute a model. Its own words may quote values of rows, so only their kind is told."""

    def __init__(self, model: Model, month: str, kind: str) -> None:
        """``kind``: the type name of the engine's error."""
        super().__init__(
            f"{model.relation.sql_name} month {month}: the engine stopped with {kind}. What it says may quote values of rows "
            "and is not kept; docs/runbooks/failed-run.md tells how to see it"
        )


class Engine(ABC):
    """Runs models for one month, in sessions that hold nothing between them: the lake is the only state."""

    name: ClassVar[str]
    """As KENPO_ENGINE says it."""
    code: ClassVar[tuple[str, ...]]
    """Files of the project that decide what the engine makes of a model, as patterns from the checkout."""

    def __init__(self, lake: Lake, project: ModelProject) -> None:
        self.lake = lake
        self.project = project
        self._models = {model.relation: model for model in project.models}

    @property
    @abstractmethod
    def release(self) -> str:
        """The engine's own version."""

    @abstractmethod
    def session(self) -> AbstractContextManager[Session]:
        """Open a session with settings that make results repeatable."""

    @abstractmethod
    def _run(self, session: Session, model: Model, month: str) -> int:
        """Run a model once, and commit its partition. Return its number of rows."""

    @abstractmethod
    def _is_replaced(self, error: Exception) -> bool:
        """True when a file was not there any more: another run may have replaced its partition."""

    @abstractmethod
    def _may_quote_rows(self, error: Exception) -> bool:
        """True for an error of the engine that is neither about the text of the SQL nor about the machine."""

    def run_model(self, model: Model, month: str, session: Session | None = None) -> int:
        """Run one model for one month, replace its partition, and return its number of rows.

        Who goes on to look at the result gives a session of :meth:`session`: opening one takes as long as a small model.

        A view has no partition: its contract is checked and its rows are counted. Another run may replace an earlier
        month's partition while this one reads it: its files are then gone, and reading begins anew with the new ones.
        Raises LakeError when that does not help, :class:`ModelFailed` when the rows cannot be computed.
        """
        if session is None:
            with self.session() as own:
                return self.run_model(model, month, own)
        attempts_left = _ATTEMPTS
        while True:
            try:
                return self._run(session, model, month)
            except Exception as error:
                if not self._is_replaced(error):
                    if self._may_quote_rows(error):
                        raise ModelFailed(model, month, type(error).__name__) from None
                    raise
                attempts_left -= 1
                if not attempts_left:
                    raise LakeError(f"{model.relation.sql_name} month {month}: {error}") from error

    def view(self, relation: Relation) -> Model | None:
        """Return the model when it is a view: it has no partitions of its own."""
        model = self._models.get(relation)
        return model if model is not None and model.is_view else None

    def months_up_to(self, relation: Relation, month: str) -> list[str]:
        """Months of which the dataset has a partition, up to and with one; raise MissingPartition when there are none."""
        known = [one for one in self.lake.months(relation.layer, relation.name) if one <= month]
        if not known:
            raise MissingPartition(f"{relation.layer}/{relation.name} has no partition up to {month}")
        return known

    def rows(self, relation: Relation, month: str) -> int:
        """Return the number of rows of a month; of a partition without reading them."""
        if self.view(relation) is None:
            return sum(
                pq.read_metadata(path).num_rows for path in self.lake.files(relation.layer, relation.name, month)
            )
        with self.session() as session:
            return count(session, session.attach(relation, [month]))

    def version(self, relation: Relation, month: str) -> str:
        """Return the version of a month: of a partition by its content, of a view by its inputs and its SQL."""
        view = self.view(relation)
        if view is None:
            return self.lake.version(relation.layer, relation.name, month)
        return _digest([view.sql_version, *self.input_versions(view, month)])

    def input_versions(self, model: Model, month: str) -> list[str]:
        """Return name and version of everything that the model reads for the month, in the order of its SQL."""
        return [f"{one.sql_name}={self.version(one, month)}" for one in model.inputs] + [
            f"{one.sql_name}@{known}={self.lake.version(one.layer, one.name, known)}"
            for one in model.history
            for known in self.months_up_to(one, month)
        ]

    def fingerprint(self, model: Model, month: str, code: Sequence[str] = ()) -> str:
        """Return the digest of all that decides the model's result and checks for the month; ``code`` adds to it.

        It carries the engine and its release: with another one everything is made anew.
        """
        made_by = [self.name, self.release, model.code_version, month]
        return _digest([*made_by, *code, *self.input_versions(model, month)])

    def preview(self, relation: Relation, month: str, limit: int) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return column names and the first rows of a partition, as text where needed. For non-personal datasets."""
        if self.view(relation) is None:
            return _first_rows(self.lake.files(relation.layer, relation.name, month), limit)
        with self.session() as session:
            name = session.attach(relation, [month])
            return list(session.columns(name)), session.fetch(f"select * from {name} limit {int(limit)}")

    def _columns_of_files(self, relation: Relation, month: str) -> list[list[str]]:
        """Return the names of columns in each file of a partition."""
        return [pq.read_schema(path).names for path in self.lake.files(relation.layer, relation.name, month)]

    def _explain_foreign_months(self, model: Model, month: str, error: Exception) -> None:
        """Raise LakeError naming the earlier months whose partitions were made by a version with other columns."""
        for relation in model.history:
            promised = [column.name for column in self._models[relation].columns]
            foreign = [
                one
                for one in self.months_up_to(relation, month)
                for names in self._columns_of_files(relation, one)
                if names != promised
            ]
            if foreign:
                raise LakeError(
                    f"{relation.sql_name} was made by another version of the project in {', '.join(foreign)}: "
                    f"kenpo backfill --from {foreign[0]} --to {foreign[-1]}"
                ) from error


def check_contract(model: Model, found: Sequence[tuple[str, str]], promised: Sequence[tuple[str, str]]) -> None:
    """Compare names and types of a result, in order, with those of its schema.yml; both in the engine's own words.

    Raises :class:`ModelContractError`.
    """
    if list(found) != list(promised):
        raise ModelContractError(
            f"{model.path.name}: the result does not have the columns of {model.layer}/schema.yml: "
            f"promised {dict(promised)}, found {dict(found)}"
        )


def canonical_type(column: Column) -> str:
    """Return a promised type as DuckDB writes it, in small letters."""
    kind = column.data_type.lower()
    return kind.replace(" ", "") if kind.startswith("decimal") else kind


def count(session: Session, relation: str) -> int:
    """Return the number of rows of a relation."""
    ((counted,),) = session.fetch(f"select count(*) from {relation}")
    return int(counted)


def _first_rows(files: Sequence[Path], limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
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
