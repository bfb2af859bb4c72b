"""Claims for repayment and what becomes of them.

What lives here: rows of ``recoverables``. What does not: which of them count. Debts begin three months before the fiscal year
of the first folder, so that collections of an earlier year's debts are among the events; the first folder holds all until then.
"""

import duckdb

from kenpo_pipelines import fiscal
from kenpo_pipelines.synthetic.draws import below, draw, hashed, lookup, mostly_low, pick
from kenpo_pipelines.synthetic.months import day_of, number_of, prefix
from kenpo_pipelines.synthetic.plan import Plan

_MONTHS_BEFORE = 3


def prepare(db: duckdb.DuckDBPyConnection, plan: Plan, branch: str) -> None:
    """Make the branch's table ``debt_events``: one row per event and folder it is sent in."""
    first = fiscal.add_months(fiscal.first_month(fiscal.fiscal_year_of(plan.first)), -_MONTHS_BEFORE)
    debts = " UNION ALL ".join(_debts(plan, branch, month) for month in fiscal.month_range(first, plan.month))
    db.execute(f"CREATE OR REPLACE TEMP TABLE debt_events AS {_events(plan, debts)}")


def chunk(plan: Plan, branch: str, folder: str) -> str:
    """Return SQL for the rows of a folder."""
    return f"""
        SELECT row_number() OVER (ORDER BY debt_no, event_on, event, amount_yen) - 1 AS i, '{branch}' AS branch_code, *
        FROM (SELECT debt_no, debt_type, event, event_on, amount_yen, method FROM debt_events
              WHERE folder_number = {number_of(folder)})
        ORDER BY i
    """


def _debts(plan: Plan, branch: str, month: str) -> str:
    """Debts established in a month; the first is told in time."""
    profile, number = plan.profile.recoverables, number_of(month)
    parts = (plan.seed, "recoverables", branch, month)
    typical = lookup("debt_type", profile.typical_yen)
    collected = plan.profile.rate("debts_collected", branch)
    return f"""(
        WITH hashes AS (
          SELECT range AS i, {hashed("range", *parts, "a")} AS a, {hashed("range", *parts, "b")} AS b,
            {hashed("range", *parts, "c")} AS c
          FROM range({plan.rows("recoverables", branch)})
        ),
        drawn AS (SELECT *, {pick(draw("a", 0), profile.debt_types)} AS debt_type FROM hashes)
        SELECT {prefix(month)}000000 + i AS debt_no, {number} AS established_number, debt_type,
          {mostly_low(draw("a", 1), f"{typical} // 5", f"{typical} * 16 // 5")} AS established_yen,
          {below(draw("a", 2), collected)} AS is_collected,
          {below(f"65535 - {draw('a', 2)}", profile.cancelled_pct)} AS is_cancelled,
          {below(draw("a", 3), profile.in_parts_pct)} AS is_in_parts,
          {pick(draw("b", 0), profile.collected_after_months)} AS collected_after,
          {pick(draw("b", 1), profile.methods)} AS method,
          CAST({draw("b", 2)} % 14 AS INTEGER) AS day_draw,
          i > 0 AND {below(draw("b", 3), profile.reported_month_later_pct)} AS is_debt_late,
          {below(draw("c", 0), profile.reported_month_later_pct)} AS is_late,
          {below(draw("c", 1), profile.sent_again_pct)} AS is_sent_again
        FROM drawn
    )"""


def _events(plan: Plan, debts: str) -> str:
    """Established in the first half of its month; collected and cancelled in the second half of theirs."""
    return f"""
        WITH debts AS ({debts}),
        parts AS (
          SELECT *, CASE WHEN is_in_parts THEN established_yen * 3 // 5 ELSE established_yen END AS first_yen,
            established_number + collected_after AS collected_number
          FROM debts
        ),
        events AS (
          SELECT debt_no, debt_type, '調定' AS event, established_number AS event_number, 1 + day_draw AS day,
            established_yen AS amount_yen, NULL AS method, is_debt_late AS is_told_late
          FROM parts
          UNION ALL
          SELECT debt_no, debt_type, '収納', collected_number, 15 + day_draw, first_yen, method, is_late
          FROM parts WHERE is_collected
          UNION ALL
          SELECT debt_no, debt_type, '収納', collected_number + 1, 15 + (day_draw + 5) % 14, established_yen - first_yen,
            method, is_late
          FROM parts WHERE is_collected AND is_in_parts
          UNION ALL
          SELECT debt_no, debt_type, '取消', established_number + 1 + collected_after % 2, 15 + day_draw, first_yen, NULL,
            is_late
          FROM parts WHERE is_cancelled AND NOT is_collected
        ),
        dated AS (
          SELECT events.*, {day_of("event_number", "day")} AS event_on,
            event_number + CAST(is_told_late AS INTEGER) AS told_number, event = '収納' AND is_sent_again AS has_copy
          FROM events JOIN parts USING (debt_no)
        ),
        sent AS (
          SELECT *, told_number AS sent_number FROM dated
          UNION ALL
          SELECT *, told_number + 1 FROM dated WHERE has_copy
        )
        SELECT DISTINCT debt_no, debt_type, event, event_on, amount_yen, method,
          greatest(sent_number, {number_of(plan.first)}) AS folder_number
        FROM sent WHERE sent_number <= {number_of(plan.month)}
    """
