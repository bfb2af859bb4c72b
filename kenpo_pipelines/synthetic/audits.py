"""Requests to re-examine receipts, and their results.

What lives here: rows of ``receipt_audits``. What does not: receipts; a request names one by a number that looks like theirs.
How many requests are cut is not drawn: it follows from the branch's cost, its published rate and its published amount per
receipt.
"""

from decimal import Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.synthetic import claims
from kenpo_pipelines.synthetic.draws import below, draw, hashed, mostly_low, pick
from kenpo_pipelines.synthetic.months import prefix
from kenpo_pipelines.synthetic.plan import Plan

_RESULT_AFTER = 2
_AUDITED = "内容点検"
_CUT = "査定"


def chunk(plan: Plan, branch: str, folder: str) -> str:
    """Return SQL for the rows of a folder: open requests, results of those of two months ago, corrected results."""
    profile = plan.profile.receipt_audits
    before = fiscal.add_months(folder, -1)
    corrected = fiscal.add_months(folder, -_RESULT_AFTER - 1)
    result_month = (
        f"CASE WHEN {below('month_draw', profile.result_month_before_pct)} THEN '{before}' ELSE '{folder}' END"
    )
    columns = "request_no, audit_type, claim_no, requested_month"
    return f"""
        WITH sent AS (
          SELECT {columns}, NULL AS result_month, NULL AS outcome, NULL AS assessed_yen
          FROM ({_requests(plan, branch, folder)}) WHERE {below("open_draw", profile.open_pct)}
          UNION ALL
          SELECT {columns}, {result_month}, outcome, assessed_yen
          FROM ({_requests(plan, branch, fiscal.add_months(folder, -_RESULT_AFTER))})
          UNION ALL
          SELECT {columns}, '{before}', outcome, assessed_yen * 9 // 10 + 1
          FROM ({_requests(plan, branch, corrected)})
          WHERE outcome = '{_CUT}' AND {below("65535 - open_draw", profile.corrected_pct)}
        )
        SELECT row_number() OVER (ORDER BY request_no) - 1 AS i, '{branch}' AS branch_code, * FROM sent ORDER BY i
    """


def _cut_and_requests(plan: Plan, branch: str, month: str) -> tuple[int, int]:
    profile = plan.profile.receipt_audits
    cut_yen = plan.claims_of(branch, month) * claims.mean_yen(plan) * plan.profile.rate("claims_assessed", branch) / 100
    cut = max(1, round(cut_yen / plan.profile.rate("assessed_yen_per_receipt", branch)))
    of_all = Decimal(profile.audit_types[_AUDITED]) / sum(profile.audit_types.values()) * profile.cut_share
    return cut, max(plan.rows("receipt_audits", branch), round(cut / of_all))


def _requests(plan: Plan, branch: str, month: str) -> str:
    """Requests of a month with the result they will have; those that are cut are spread evenly over them."""
    profile = plan.profile.receipt_audits
    cut, requests = _cut_and_requests(plan, branch, month)
    mean = int(plan.profile.rate("assessed_yen_per_receipt", branch))
    parts = (plan.seed, "receipt_audits", branch, month)
    claim_prefix = prefix(fiscal.add_months(month, -1))
    return f"""
        WITH hashes AS (
          SELECT range AS i, {hashed("range", *parts, "a")} AS a, {hashed("range", *parts, "b")} AS b FROM range({requests})
        ),
        drawn AS (
          SELECT i, b, (i + 1) * {cut} // {requests} > i * {cut} // {requests} AS is_cut,
            {pick(draw("a", 0), profile.audit_types)} AS other_type, {pick(draw("a", 1), profile.outcomes)} AS other_outcome,
            {below(draw("a", 2), profile.cut_elsewhere_pct)} AS is_cut_elsewhere,
            {mostly_low(draw("a", 3), str(mean // 5), str(mean * 16 // 5))} AS yen,
            {draw("b", 0)} AS open_draw, {draw("b", 1)} AS month_draw
          FROM hashes
        ),
        decided AS (
          SELECT *, CASE WHEN is_cut THEN '{_AUDITED}' ELSE other_type END AS audit_type,
            CASE WHEN is_cut OR (is_cut_elsewhere AND other_type <> '{_AUDITED}') THEN '{_CUT}'
              ELSE other_outcome END AS outcome
          FROM drawn
        )
        SELECT {prefix(month)}00000000 + i AS request_no, audit_type,
          CASE WHEN b % 10 > 0 THEN {claim_prefix}000000000 + CAST((b >> 32) % {max(requests, 1000)} AS BIGINT) END AS claim_no,
          '{month}' AS requested_month, outcome, CASE WHEN outcome = '{_CUT}' THEN greatest(yen, 1) END AS assessed_yen,
          open_draw, month_draw
        FROM decided
    """
