"""SQL of the rows at fault, and what may be shown of them.

What lives here: how a rule's SQL sees the checked rows, and evidence: whitelisted columns of failing rows, as exact text.
What does not: the verdict (``adapter``).
"""

import duckdb

from expectations.outcome import exact_text
from expectations.suite import BATCH, EVIDENCE_ROWS, Rule

VIEW = "kenpo_checked_rows"
"""Temporary view of the rows under check; one check at a time uses a connection."""

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
