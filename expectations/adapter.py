"""Judges rules on a relation by Great Expectations, on DuckDB or Spark.

What lives here: the order of judging (rows and columns first), the isolation of rules that raise, and outcomes free of raw
values. What does not: running GX itself (``gx_engine`` on DuckDB, ``gx_spark`` on Spark, imported on first use: they take
seconds), and what Dagster is told (``checks``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from expectations import quiet
from expectations.fault_rows import (
    VIEW,
    branch_counts,
    evidence,
    fault_places,
    fault_rows_sql,
    sql_for_engine,
)
from expectations.gx_result import GxResult, Refused, raised
from expectations.outcome import Place, RuleOutcome
from expectations.suite import COLUMNS, ROW_COUNT, Rule
from resources.session import Session, SessionError

_UNBOUND = ("BinderException", "AnalysisException")
"""Kinds of errors that DuckDB and Spark raise for SQL that names a column which is not there."""


def validate(
    session: Session, relation: str, rules: Sequence[Rule], *, rows_expected: bool = True
) -> list[RuleOutcome]:
    """Judge every rule on the rows of ``relation`` and return one outcome per rule, in the order of the rules.

    ``relation`` is what may follow FROM in the caller's session: a table, a view (temporary ones too), or a subquery in
    brackets. The session stays open, is used for nothing but SELECT and temporary views, and must hold no open result.
    ``rows_expected=False`` says that an empty relation is in order (nothing was submitted): it then passes.

    Rules on the number of rows and on the columns are judged first. When a column is missing or the relation is empty
    against expectation, the rules that would need it are not passed and not evaluated. A rule that raises is broken: that
    says nothing about the data. Nothing is raised for a bad relation either: all of its rules are then broken.
    """
    with quiet.silence():
        try:
            with _checked_rows(session, relation) as columns:
                return _judge(session, rules, columns, rows_expected)
        except _RelationUnreadable as unreadable:
            return [_broken(rule, f"the rows could not be read: {unreadable}") for rule in rules]


class _RelationUnreadable(Exception):
    """The relation does not exist or cannot be opened; the message carries no value of a row."""


@contextmanager
def _checked_rows(session: Session, relation: str) -> Iterator[tuple[str, ...]]:
    """Name the relation :data:`VIEW` for the duration of a check; yields its columns."""
    try:
        session.name_view(VIEW, relation)
        columns = session.columns(VIEW)
    except SessionError as error:
        raise _RelationUnreadable(error) from error
    try:
        yield columns
    finally:
        # Where the caller's own transaction has failed, nothing can be dropped; the next check replaces the view.
        with suppress(SessionError):
            session.drop_view(VIEW)


def _judge(session: Session, rules: Sequence[Rule], columns: tuple[str, ...], rows_expected: bool) -> list[RuleOutcome]:
    try:
        ((row_count,),) = session.fetch(f"SELECT count(*) FROM {VIEW}")
    except SessionError as error:
        raise _RelationUnreadable(error) from error

    outcomes: dict[int, RuleOutcome] = {}
    to_run: dict[int, Rule] = {}
    is_schema_whole = all(not _missing(rule, columns) for rule in rules if rule.expectation == COLUMNS)
    for position, rule in enumerate(rules):
        verdict = _verdict_without_gx(session, rule, columns, row_count, rows_expected, is_schema_whole)
        if verdict is None:
            to_run[position] = rule
        else:
            outcomes[position] = verdict
    for position, result in _run(session, to_run).items():
        outcomes[position] = _outcome(session, to_run[position], result, columns, row_count)
    return [outcomes[position] for position in range(len(rules))]


def _missing(rule: Rule, columns: tuple[str, ...]) -> list[str]:
    """Return the columns that the rule names and the rows lack, in the rule's order."""
    needed = rule.kwargs.get("column_set", ()) if rule.expectation == COLUMNS else rule.named_columns
    return [str(name) for name in needed if name not in columns]


def _verdict_without_gx(
    session: Session,
    rule: Rule,
    columns: tuple[str, ...],
    row_count: int,
    rows_expected: bool,
    is_schema_whole: bool,
) -> RuleOutcome | None:
    """Return the outcome of a rule that GX cannot judge on these rows: it passes empty tables and raises without columns.

    Most relations of a month hold nothing when only a few datasets came; that they have their columns is then said at once,
    for setting up GX takes longer than all of their other work.
    """
    if rule.expectation == COLUMNS:
        is_plain = row_count == 0 and not rows_expected and not rule.kwargs.get("exact_match", True)
        return RuleOutcome(rule, passed=True, failed_rows=0) if is_plain and not _missing(rule, columns) else None
    if rule.expectation == ROW_COUNT:
        return _nothing_to_judge(rule) if row_count == 0 and not rows_expected else None
    if missing := _missing(rule, columns):
        return RuleOutcome(
            rule,
            passed=False,
            is_evaluated=False,
            checked_rows=row_count,
            message=f"column missing: {', '.join(missing)}",
        )
    if rule.unexpected_rows is not None:
        try:
            session.columns(f"(\n{sql_for_engine(rule)}\n)")
        except SessionError as error:
            if error.kind in _UNBOUND and not is_schema_whole:
                message = "a column that it needs is missing, see the rule on columns"
                return RuleOutcome(rule, passed=False, is_evaluated=False, checked_rows=row_count, message=message)
            return _broken(rule, str(error))
    if row_count == 0:
        message = "nothing was loaded, so there is nothing to judge"
        return (
            _nothing_to_judge(rule)
            if not rows_expected
            else RuleOutcome(rule, False, is_evaluated=False, message=message)
        )
    return None


def _run(session: Session, rules: Mapping[int, Rule]) -> dict[int, GxResult]:
    """Run all rules in one GX validation, and those that raised once more, each alone.

    GX computes the metrics of many expectations in one query, so one that raises takes innocent ones with it.
    """
    if not rules:
        return {}
    run_by_gx = _gx_on(session)

    def run(some: Mapping[int, Rule]) -> dict[int, GxResult]:
        try:
            return run_by_gx(session, VIEW, some)
        except Refused as refused:
            return dict.fromkeys(some, raised(str(refused)))

    results = dict.fromkeys(rules, raised("no result")) | run(rules)
    if len(rules) > 1:
        for position in [position for position in rules if results[position].is_raised]:
            results |= run({position: rules[position]})
    return results


def _gx_on(session: Session) -> Callable[[Any, str, Mapping[int, Rule]], dict[int, GxResult]]:
    """Return GX on the session's engine."""
    if session.kind == "spark":
        from expectations import gx_spark

        return gx_spark.run
    from expectations import gx_engine

    return gx_engine.run


def _outcome(session: Session, rule: Rule, result: GxResult, columns: tuple[str, ...], row_count: int) -> RuleOutcome:
    if result.is_raised:
        return _broken(rule, result.exception_type)
    if result.success:
        return RuleOutcome(rule, passed=True, checked_rows=row_count, failed_rows=0 if rule.is_gate else _count(result))
    if rule.expectation == ROW_COUNT:
        return RuleOutcome(rule, passed=False, checked_rows=row_count, message=f"{row_count} rows")
    if rule.expectation == COLUMNS:
        missing = _missing(rule, columns)
        message = f"column missing: {', '.join(missing)}" if missing else "there are columns beyond those expected"
        return RuleOutcome(rule, passed=False, checked_rows=row_count, message=message)
    message = ""
    shown: tuple[dict[str, str], ...] = ()
    places: tuple[Place, ...] = ()
    faults = fault_rows_sql(rule, result.fault_rows_sql)
    try:
        places = fault_places(session, faults)
        shown = evidence(session, rule, faults)
    except SessionError as error:
        if not error.is_about_sql:
            return _broken(rule, str(error))
        message = f"the rows at fault cannot be shown: {error}"
    return RuleOutcome(
        rule,
        passed=False,
        checked_rows=row_count,
        failed_rows=_count(result),
        evidence=shown,
        branches=branch_counts(places),
        places=places,
        message=message,
    )


def _count(result: GxResult) -> int:
    return result.unexpected_rows or 0


def _nothing_to_judge(rule: Rule) -> RuleOutcome:
    return RuleOutcome(rule, passed=True, is_evaluated=False, message="nothing was submitted")


def _broken(rule: Rule, reason: str) -> RuleOutcome:
    return RuleOutcome(
        rule,
        passed=False,
        is_broken=True,
        is_evaluated=False,
        message=f"the check is broken, the data may be good: {reason}",
    )
