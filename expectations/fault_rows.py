"""SQL of the rows at fault, and what may be shown of them.

What lives here: how a rule's SQL sees the checked rows, evidence (whitelisted columns of failing rows, as exact text), and the
branches, KPIs and files that they are about.
What does not: the verdict (``adapter``).
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from expectations.outcome import Place, exact_text
from expectations.suite import BATCH, EVIDENCE_ROWS, Rule
from resources.session import Session

VIEW = "kenpo_checked_rows"
"""Temporary view of the rows under check; one check at a time uses a connection."""

BRANCH_COLUMN = "branch_code"

COMPOUND_UNIQUE = "expect_compound_columns_to_be_unique"


def quoted(name: str) -> str:
    """Return the name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def sql_for_engine(rule: Rule) -> str:
    """Return the rule's SQL on the view."""
    return str(rule.unexpected_rows).strip().rstrip(";").replace(BATCH, VIEW)


def sql_for_gx(rule: Rule) -> str:
    """Return the rule's SQL as GX wants it: selecting from its ``{batch}``, every other brace doubled.

    GX puts a subquery with an alias, without one, or a name in the place of ``{batch}``, depending on the text around it; a
    common table expression makes it a name in every case.
    """
    body = str(rule.unexpected_rows).strip().rstrip(";").replace(BATCH, "batch_rows")
    body = body.replace("{", "{{").replace("}", "}}")
    return f"WITH batch_rows AS NOT MATERIALIZED (SELECT * FROM {BATCH}) SELECT * FROM (\n{body}\n) AS faults"


def fault_rows_sql(rule: Rule, gx_sql: str | None) -> str | None:
    """Return SQL selecting the rows at fault, or None where a failure is not a matter of rows (a missing column).

    ``gx_sql`` is what GX has to say, for expectations that :func:`at_fault_sql` does not know. Only SQL databases get it.
    """
    if rule.unexpected_rows is not None:
        return sql_for_engine(rule)
    return at_fault_sql(rule) or gx_sql


def at_fault_sql(rule: Rule) -> str | None:
    """Return SQL selecting the rows that an expectation of GX counts as unexpected; None for those not known here.

    Known are the expectations about rows that rules use, without arguments that narrow the rows. GX passes rows without a
    value, but where having one is the question.
    """
    write = _AT_FAULT.get(str(rule.expectation))
    condition = write(rule.kwargs) if write else None
    return None if condition is None else f"SELECT * FROM {VIEW} {condition}"


def _is_null(kwargs: Mapping[str, Any]) -> str | None:
    return f"WHERE {quoted(kwargs['column'])} IS NULL" if {*kwargs} <= {"column", "mostly"} else None


def _is_not_null(kwargs: Mapping[str, Any]) -> str | None:
    return f"WHERE {quoted(kwargs['column'])} IS NOT NULL" if {*kwargs} <= {"column", "mostly"} else None


def _is_repeated(kwargs: Mapping[str, Any]) -> str | None:
    return _repeated([kwargs["column"]]) if {*kwargs} <= {"column", "mostly"} else None


def _is_repeated_together(kwargs: Mapping[str, Any]) -> str | None:
    # ``ignore_row_if`` changes nothing: a row without one of the values repeats no other
    return _repeated(kwargs["column_list"]) if {*kwargs} <= {"column_list", "mostly", "ignore_row_if"} else None


def _repeated(columns: Sequence[str]) -> str:
    names = [quoted(name) for name in columns]
    is_known = " AND ".join(f"{name} IS NOT NULL" for name in names)
    return f"WHERE {is_known} QUALIFY count(*) OVER (PARTITION BY {', '.join(names)}) > 1"


def _is_not_in_set(kwargs: Mapping[str, Any]) -> str | None:
    literals = [_literal(value) for value in kwargs.get("value_set") or []]
    if not literals or None in literals or not {*kwargs} <= {"column", "value_set", "mostly"}:
        return None
    return f"WHERE {quoted(kwargs['column'])} NOT IN ({', '.join(map(str, literals))})"


def _is_not_between(kwargs: Mapping[str, Any]) -> str | None:
    if not {*kwargs} <= {"column", "min_value", "max_value", "strict_min", "strict_max", "mostly"}:
        return None
    column = quoted(kwargs["column"])
    limits = []
    for name, kept, kept_if_strict in (("min", ">=", ">"), ("max", "<=", "<")):
        if kwargs.get(f"{name}_value") is not None:
            limit = _limit(kwargs[f"{name}_value"])
            if limit is None:
                return None
            limits.append(f"{column} {kept_if_strict if kwargs.get(f'strict_{name}') else kept} {limit}")
    return f"WHERE NOT ({' AND '.join(limits)})" if limits else None


_AT_FAULT: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "expect_column_values_to_not_be_null": _is_null,
    "expect_column_values_to_be_null": _is_not_null,
    "expect_column_values_to_be_unique": _is_repeated,
    COMPOUND_UNIQUE: _is_repeated_together,
    "expect_column_values_to_be_in_set": _is_not_in_set,
    "expect_column_values_to_be_between": _is_not_between,
}


def _limit(value: Any) -> str | None:
    """GX compares with numbers as floating point, and with days."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return _literal(float(value)) if is_number else _literal(value) if type(value) is dt.date else None


def _literal(value: Any) -> str | None:
    """Return a value of a rule in SQL; None for one of a kind that no rule needs."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return f"CAST('{value!r}' AS DOUBLE)"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"DATE '{value.isoformat()}'" if type(value) is dt.date else None


def evidence(session: Session, rule: Rule, sql: str | None) -> tuple[dict[str, str], ...]:
    """Return the rule's evidence columns of at most ``EVIDENCE_ROWS`` rows that ``sql`` selects, in their own order.

    Raises :class:`SessionError` when the SQL yields no such column.
    """
    if sql is None or not rule.evidence:
        return ()
    names = ", ".join(f"faults.{quoted(name)}" for name in rule.evidence)
    query = f"SELECT {names} FROM (\n{sql}\n) AS faults ORDER BY {_by(len(rule.evidence))} LIMIT {EVIDENCE_ROWS}"
    return tuple(dict(zip(rule.evidence, map(exact_text, row), strict=True)) for row in session.fetch(query))


def _by(columns: int) -> str:
    """Return an order by the first columns, which puts what is missing last on every engine."""
    return ", ".join(f"{number} ASC NULLS LAST" for number in range(1, columns + 1))


def fault_places(session: Session, sql: str | None) -> tuple[Place, ...]:
    """Return what the rows that ``sql`` selects are about, each with the count of its rows, in order.

    A branch is two digits: anything else counts under '', it names no branch, and what was typed in its place is not told.
    Empty where a failure is not a matter of rows. Raises :class:`SessionError` when the SQL cannot be run.
    """
    if sql is None:
        return ()
    columns = session.columns(f"(\n{sql}\n)")

    def told(name: str) -> str:
        return f"CAST(faults.{name} AS VARCHAR)" if name in columns else "CAST(NULL AS VARCHAR)"

    code = told(BRANCH_COLUMN)
    branch = f"CASE WHEN regexp_full_match({code}, '[0-9][0-9]') THEN {code} ELSE '' END"
    branch = branch if BRANCH_COLUMN in columns else "CAST(NULL AS VARCHAR)"
    others = [f"coalesce({told(name)}, '')" for name in ("kpi_id", "as_of", "file")]
    year = f"CAST({'faults.fiscal_year' if 'fiscal_year' in columns else 'NULL'} AS INTEGER)"
    counted = session.fetch(
        f"SELECT {branch}, {', '.join(others)}, {year}, count(*) "
        f"FROM (\n{sql}\n) AS faults GROUP BY 1, 2, 3, 4, 5 ORDER BY {_by(5)}"
    )
    return tuple(Place(*row) for row in counted)


def branch_counts(places: Iterable[Place]) -> tuple[tuple[str, int], ...]:
    """Return every branch code with the count of its rows, in code order; empty where the rows have no such column."""
    counts: Counter[str] = Counter()
    for place in places:
        if place.branch_code is not None:
            counts[place.branch_code] += place.rows
    return tuple(sorted(counts.items()))
