"""Applications for cash benefits.

What lives here: rows of ``benefit_decisions``. What does not: counting their days (``truth`` does). An application is decided
in a month and sent in that month's folder, unless it is paid or reported later; a few are sent again, corrected, a month after.
"""

from kenpo_pipelines import fiscal
from kenpo_pipelines.synthetic.draws import below, draw, hashed, literal, lookup, mostly_low, pick
from kenpo_pipelines.synthetic.months import business_day, number_of, prefix
from kenpo_pipelines.synthetic.people import identity
from kenpo_pipelines.synthetic.plan import Plan

_LONGEST_WAY = 3
"""Months from the decision to the last folder an application can be in."""
_PAID_AFTER = {0: 10, 1: 60, 2: 30}


def chunk(plan: Plan, branch: str, folder: str) -> str:
    """Return SQL for the rows of a folder: decided in it or in the three months before."""
    months = fiscal.month_range(fiscal.add_months(folder, -_LONGEST_WAY), folder)
    decided = " UNION ALL ".join(f"({_decided(plan, branch, month)})" for month in months)
    at = number_of(folder)
    return f"""
        WITH decided AS ({decided}),
        sent AS (
          SELECT *, false AS is_corrected FROM decided WHERE folder_number = {at}
          UNION ALL
          SELECT *, true AS is_corrected FROM decided WHERE has_correction AND folder_number + 1 = {at}
        )
        SELECT row_number() OVER (ORDER BY application_no) - 1 AS i, '{branch}' AS branch_code, application_no, benefit_type,
          CASE WHEN NOT is_corrected THEN channel WHEN channel = '窓口' THEN '郵送' ELSE '窓口' END AS channel,
          CASE WHEN is_corrected THEN earlier_on ELSE received_on END AS received_on,
          returned_on, resubmitted_on, decided_on, paid_on, decision,
          CASE WHEN is_corrected THEN amount_yen + 1000 ELSE amount_yen END AS amount_yen,
          {identity("person", plan, branch)}
        FROM sent ORDER BY i
    """


def _decided(plan: Plan, branch: str, month: str) -> str:
    """Applications decided in a month; the first is decided on its first business day and never late."""
    profile, number = plan.profile.benefit_decisions, number_of(month)
    parts = (plan.seed, "benefit_decisions", branch, month)
    counter = plan.profile.rate("counter_receipts", branch)
    typical = lookup("benefit_type", profile.typical_yen)
    within = below(draw("a", 1), plan.profile.rate("service_within_standard", branch))
    return f"""
        WITH hashes AS (
          SELECT range AS i, {hashed("range", *parts, "a")} AS a, {hashed("range", *parts, "b")} AS b,
            {hashed("range", *parts, "c")} AS c
          FROM range({plan.rows("benefit_decisions", branch)})
        ),
        drawn AS (
          SELECT i, a, b, c, '{month}' AS month, {pick(draw("a", 0), profile.types)} AS benefit_type,
            CASE WHEN {within} THEN {pick(draw("a", 2), profile.days)} ELSE {pick(draw("a", 2), profile.late_days)} END
              AS service_days,
            {pick(draw("a", 3), profile.decisions)} AS decision,
            {below(draw("b", 0), profile.returned_pct)} AS is_returned,
            {pick(draw("b", 1), profile.stopped_days)} AS stopped,
            CASE WHEN i = 0 THEN 0 ELSE {draw("b", 2)} % 997 END AS day_draw,
            {pick(draw("b", 3), _PAID_AFTER)} AS paid_after,
            {below(draw("c", 0), profile.reported_month_later_pct)} AND i > 0 AS is_late,
            {draw("c", 1)} AS channel_draw, CAST({draw("c", 2)} AS BIGINT) AS amount_draw, {draw("c", 3)} AS odd_draw
          FROM hashes
        ),
        placed AS (
          SELECT *, first_ordinal + day_draw % days_in_month AS decided_at,
            first_ordinal + day_draw % days_in_month + paid_after AS paid_at,
            CASE WHEN is_returned THEN stopped ELSE 0 END AS stop
          FROM drawn JOIN business_day_months USING (month)
        ),
        dated AS (
          SELECT *, {business_day("decided_at")} AS decided_on, {business_day("paid_at")} AS transfer_on,
            paid_at - service_days - stop AS received_at
          FROM placed
        ),
        received AS (
          SELECT *, {business_day("received_at")}
              - CAST({below("odd_draw", profile.received_on_any_day_pct)} AS INTEGER) AS received_on,
            {business_day("received_at - 1")} AS earlier_on
          FROM dated
        )
        SELECT {prefix(month)}00000000 + i AS application_no, benefit_type, decision, received_on, earlier_on,
          CASE WHEN is_returned THEN {business_day("received_at + 1")} END AS returned_on,
          CASE WHEN is_returned AND decision <> '取下' THEN {business_day("received_at + 1 + stop")} END AS resubmitted_on,
          decided_on, CASE WHEN decision = '支給' THEN transfer_on END AS paid_on,
          CASE WHEN decision = '支給' THEN {mostly_low("amount_draw", f"{typical} // 5", f"{typical} * 16 // 5")} END
            AS amount_yen,
          CASE WHEN {below("channel_draw", counter)} THEN '窓口'
            WHEN received_on >= DATE {literal(str(profile.electronic_from))}
              AND {below("channel_draw", counter + profile.electronic_pct)} THEN '電子申請'
            ELSE '郵送' END AS channel,
          CAST((a >> 7) % {plan.rows("members", branch)} AS BIGINT) AS person,
          CASE WHEN decision = '支給'
              THEN date_part('year', transfer_on) * 12 + date_part('month', transfer_on) - 1
              ELSE {number} END + CAST(is_late AS INTEGER) AS folder_number,
          {below("65535 - amount_draw", profile.corrected_pct)} AS has_correction
        FROM received
    """
