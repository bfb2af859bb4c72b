"""Rules as Spark judges them: which it can, and their SQL in its form.

What lives here: that, known when a suite is loaded. What does not: judging (``gx_spark``), models
(``kenpo_pipelines.spark_sql.check_project``), Great Expectations and pyspark, which take seconds to import.
"""

from collections.abc import Iterable

from expectations.completeness import branch_codes_sql
from expectations.fault_rows import at_fault_sql
from expectations.suite import BATCH, Rule, Suite
from kenpo_pipelines.spark_sql import UntranslatableSQL, to_spark

ROWS = "batch_rows"
"""Stands for the checked rows in a rule's SQL for Spark."""

_ABOUT_ROWS = (
    "expect_column_pair_values_",
    "expect_column_value_lengths_",
    "expect_column_value_z_scores_",
    "expect_column_values_",
    "expect_compound_columns_",
    "expect_multicolumn_",
    "expect_select_column_values_",
)
"""How the names of GX's expectations begin that count rows at fault; others are about a table or a column as a whole."""


def is_about_rows(expectation: str) -> bool:
    """True for an expectation of GX that counts rows at fault."""
    return expectation.startswith(_ABOUT_ROWS)


def sql_for_spark(rule: Rule, where: str) -> str:
    """Return a rule's SQL in Spark's form, selecting from :data:`ROWS`; raise UntranslatableSQL, beginning with ``where``."""
    return to_spark(str(rule.unexpected_rows).strip().rstrip(";").replace(BATCH, ROWS), where=where)


def check_rule(rule: Rule, where: str) -> None:
    """Raise UntranslatableSQL, which begins with ``where``, for a rule that Spark cannot judge as DuckDB does."""
    if rule.unexpected_rows is not None:
        sql_for_spark(rule, where)
    elif is_about_rows(str(rule.expectation)) and at_fault_sql(rule) is None:
        # what is at fault would be a number without branch and file, which is another result than DuckDB's
        raise UntranslatableSQL(where, f"{rule.expectation} with these arguments: write it as SQL")


def check_suites(suites: Iterable[Suite]) -> None:
    """Raise UntranslatableSQL, naming suite and rule, for the first rule that Spark cannot judge as DuckDB does."""
    for suite in suites:
        for rule in suite.rules:
            check_rule(rule, f"{suite.dataset}, rule {rule.id}")
        if suite.completeness is not None:
            where = f"{suite.dataset}, rule {suite.completeness.id}"
            to_spark(branch_codes_sql(suite.completeness, ROWS), where=where)
