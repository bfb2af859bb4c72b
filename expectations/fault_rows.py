"""SQL of the rows at fault, and what may be shown of them.

What lives here: how a rule's SQL sees the checked rows, evidence (whitelisted columns of failing rows, as exact text), and the
branches, KPIs and files that they are about.
What does not: the verdict (``adapter``).
"""

from collections import Counter
from collections.abc import Iterable

import duckdb

from expectations.outcome import Place, exact_text
from expectations.suite import BATCH, EVIDENCE_ROWS, Rule

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
    """Return SQL selecting the rows at fault, or None where a failure is not a matter of rows (a missing column)."""
    if rule.unexpected_rows is not None:
        return sql_for_engine(rule)
    if rule.expectation == COMPOUND_UNIQUE:
        # GX joins the table with its own subquery without a condition here, so its SQL shows rows that are not at fault.
        names = [quoted(name) for name in rule.named_columns]
        is_known = " AND ".join(f"{name} IS NOT NULL" for name in names)
        return f"SELECT * FROM {VIEW} WHERE {is_known} QUALIFY count(*) OVER (PARTITION BY {', '.join(names)}) > 1"
    return gx_sql


def evidence(connection: duckdb.DuckDBPyConnection, rule: Rule, sql: str | None) -> tuple[dict[str, str], ...]:
    """Return the rule's evidence columns of at most ``EVIDENCE_ROWS`` rows that ``sql`` selects, in their own order.

    Raises :class:`duckdb.Error` when the SQL yields no such column.
    """
    if sql is None or not rule.evidence:
        return ()
    names = ", ".join(f"faults.{quoted(name)}" for name in rule.evidence)
    query = f"SELECT {names} FROM (\n{sql}\n) AS faults ORDER BY ALL LIMIT {EVIDENCE_ROWS}"
    rows = connection.execute(query).fetchall()
    return tuple(dict(zip(rule.evidence, map(exact_text, row), strict=True)) for row in rows)


def fault_places(connection: duckdb.DuckDBPyConnection, sql: str | None) -> tuple[Place, ...]:
    """Return what the rows that ``sql`` selects are about, each with the count of its rows, in order.

    A branch is two digits: anything else counts under '', it names no branch, and what was typed in its place is not told.
    Empty where a failure is not a matter of rows. Raises :class:`duckdb.Error` when the SQL cannot be run.
    """
    if sql is None:
        return ()
    columns = {row[0] for row in connection.execute(f"DESCRIBE (\n{sql}\n)").fetchall()}

    def told(name: str) -> str:
        return f"CAST(faults.{name} AS VARCHAR)" if name in columns else "CAST(NULL AS VARCHAR)"

    code = told(BRANCH_COLUMN)
    branch = f"CASE WHEN regexp_full_match({code}, '[0-9][0-9]') THEN {code} ELSE '' END"
    branch = branch if BRANCH_COLUMN in columns else "CAST(NULL AS VARCHAR)"
    others = [f"coalesce({told(name)}, '')" for name in ("kpi_id", "as_of", "file")]
    year = "faults.fiscal_year" if "fiscal_year" in columns else "NULL"
    counted = connection.execute(
        f"SELECT {branch}, {', '.join(others)}, CAST({year} AS INTEGER), count(*) "
        f"FROM (\n{sql}\n) AS faults GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return tuple(Place(*row) for row in counted)


def branch_counts(places: Iterable[Place]) -> tuple[tuple[str, int], ...]:
    """Return every branch code with the count of its rows, in code order; empty where the rows have no such column."""
    counts: Counter[str] = Counter()
    for place in places:
        if place.branch_code is not None:
            counts[place.branch_code] += place.rows
    return tuple(sorted(counts.items()))
