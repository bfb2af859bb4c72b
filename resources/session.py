"""One open connection of an engine, as checks and assets see it: partitions become relations, small results come back.

What lives here: what every engine's session can do, and the one error it raises. What does not: DuckDB and Spark themselves
(``duckdb_engine``, ``spark_engine``).
"""

from collections.abc import Sequence
from typing import Any, Protocol

from kenpo_pipelines.models import Relation


class SessionError(Exception):
    """SQL that failed. The message may be told to anybody: where the engine's own text may quote values of rows, it is left
    out and only its kind is named."""

    def __init__(self, kind: str, text: str, *, is_about_sql: bool) -> None:
        """``kind``: the type name of the engine's error. ``text``: what may be told, or nothing."""
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind = kind
        self.is_about_sql = is_about_sql
        """True for an error in the SQL's own text, such as a column that does not exist."""

    @classmethod
    def of(cls, error: Exception, *, is_about_sql: bool) -> "SessionError":
        """Return what may be told of an engine's error: its first line where that is about the SQL, else its type alone."""
        text = str(error).strip().partition("\n")[0]
        return cls(type(error).__name__, text if is_about_sql else "", is_about_sql=is_about_sql)


class Session(Protocol):
    """SQL is always written in DuckDB's dialect; a session of another engine rewrites it.

    A *relation* is what may follow FROM: a name that :meth:`attach` or :meth:`name_view` made, or a select in brackets.
    Everything raises :class:`SessionError` for SQL that fails.
    """

    kind: str
    """Name of the engine: ``duckdb`` or ``spark``."""

    def attach(self, relation: Relation, months: Sequence[str]) -> str:
        """Make the partitions of a dataset visible and return the relation's name.

        Of a model that is a view (it has one month), its inputs are attached and it becomes a view over them. Raises
        LakeError where a partition is missing or damaged.
        """
        ...

    def columns(self, relation: str) -> tuple[str, ...]:
        """Names of a relation's columns, in order. No row is read."""
        ...

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a select and return all rows of its small result."""
        ...

    def name_view(self, name: str, relation: str) -> None:
        """Give a relation a name of its own for this session; what had the name before loses it."""
        ...

    def drop_view(self, name: str) -> None:
        """Take back a name that :meth:`name_view` gave; one that is not there is no error."""
        ...
