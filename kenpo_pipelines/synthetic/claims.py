"""Receipts: the largest dataset, generated in pieces of bounded size.

What lives here: rows of ``claims``. What does not: the visits of untreated persons (``untreated``), which are taken in here.
Every draw of a row comes from three hashes of its number, so that a piece costs about as much as writing it.
"""

from collections.abc import Iterator

import duckdb

from kenpo_pipelines import fiscal
from kenpo_pipelines.synthetic.draws import RANGE, below, draw, hashed, literal, pick
from kenpo_pipelines.synthetic.months import month_text, number_of, prefix
from kenpo_pipelines.synthetic.people import identity
from kenpo_pipelines.synthetic.plan import Plan
from kenpo_pipelines.synthetic.untreated import CONDITIONS, visits_in

PIECE = 1_000_000
_LATE_WITH_DRUGS = 3
"""The first receipts of every folder are three months old and hold drugs: a single month has a share of generics."""
_LATE_LAG = 3


def chunks(db: duckdb.DuckDBPyConnection, plan: Plan, branch: str, folder: str) -> Iterator[str]:
    """Yield SQL for the rows of a folder, piece by piece; ``i`` counts through all of them."""
    db.execute(f"CREATE TEMP TABLE IF NOT EXISTS numbers AS SELECT range AS n FROM range({PIECE})")
    others, visits = counts(db, plan, branch, folder)
    for start in range(0, others, PIECE):
        yield _receipts(plan, branch, folder, start, min(PIECE, others - start))
    if visits:
        yield _visits(plan, branch, folder, others)


def counts(db: duckdb.DuckDBPyConnection, plan: Plan, branch: str, folder: str) -> tuple[int, int]:
    """Return the receipts of a folder: those of all kinds, and those that untreated persons' visits add to them."""
    (visits,) = db.execute(f"SELECT count(*) FROM visits WHERE {visits_in(plan, folder)}").fetchall()[0]
    return max(plan.claims_of(branch, folder) - visits, _LATE_WITH_DRUGS), visits


def mean_yen(plan: Plan) -> int:
    """Return the mean cost of a receipt as the profile has it."""
    types = plan.profile.claims.types.values()
    return 10 * sum(one.mean_points * one.share for one in types) // sum(one.share for one in types)


def _receipts(plan: Plan, branch: str, folder: str, start: int, rows: int) -> str:
    profile = plan.profile.claims
    parts = (plan.seed, "claims", branch, folder)
    is_late = f"i < {_LATE_WITH_DRUGS}"
    share = int(plan.profile.rate("generics_by_volume", branch) * 10)
    drugs = " ".join(
        f"WHEN {literal(name)} THEN {below('drug_draw', one.drugs_pct)}" for name, one in profile.types.items()
    )
    points = " ".join(
        f"WHEN {literal(name)} THEN {one.points[0]} + cube * {one.points[1] - one.points[0]} // {RANGE}"
        for name, one in profile.types.items()
    )
    months = {lag: fiscal.add_months(folder, -lag) for lag in profile.service_lag_months}
    service = " ".join(f"WHEN {lag} THEN '{month}'" for lag, month in months.items())
    treated = ", ".join(literal(one) for one in profile.treated_types)
    flags = ", ".join(
        f"CAST(is_treated AND {below(draw('c', at), profile.treats_pct[name])} AS UTINYINT) AS treats_{name}"
        for at, name in enumerate(CONDITIONS)
    )
    return f"""
        WITH hashes AS (
          SELECT n + {start} AS i, {hashed(f"n + {start}", *parts, "a")} AS a, {hashed(f"n + {start}", *parts, "b")} AS b,
            {hashed(f"n + {start}", *parts, "c")} AS c
          FROM numbers WHERE n < {rows}
        ),
        drawn AS (
          SELECT i, b, c, {draw("a", 0)} AS drug_draw,
            CASE WHEN {is_late} THEN '調剤' ELSE {pick(draw("a", 1), {k: v.share for k, v in profile.types.items()})} END
              AS claim_type,
            CASE WHEN {is_late} THEN {_LATE_LAG} ELSE {pick(draw("a", 2), profile.service_lag_months)} END AS lag,
            CAST({draw("a", 3)} AS BIGINT) AS u,
            CAST({draw("c", 3)} AS INTEGER) AS quantity_draw,
            CAST(b % {plan.rows("members", branch)} AS BIGINT) AS person
          FROM hashes
        ),
        typed AS (
          SELECT *, (u * u // {RANGE}) * u // {RANGE} AS cube, claim_type IN ({treated}) AS is_treated,
            CASE WHEN {is_late} OR (CASE claim_type {drugs} END) THEN 50 + quantity_draw % 4000 END AS tenths,
            least({share} - 100 + CAST((b >> 40) & 255 AS INTEGER) * 200 // 255, 1000) AS generic_permille,
            80 + CAST((b >> 50) & 255 AS INTEGER) AS price
          FROM drawn
        ),
        quantities AS (SELECT *, tenths * generic_permille // 1000 AS generic_tenths FROM typed)
        SELECT i, '{branch}' AS branch_code, {prefix(folder)}000000000 + i AS claim_no,
          CASE lag {service} END AS service_month,
          CASE WHEN lag > 1 AND {below("drug_draw", profile.reviewed_month_before_pct)} THEN '{fiscal.add_months(folder, -1)}'
            ELSE '{folder}' END AS review_month,
          claim_type, {identity("person", plan, branch)}, CASE claim_type {points} END AS points,
          {_drug_columns("generic_tenths", "tenths", "price", int(profile.brand_price_factor * 100))}, {flags}
        FROM quantities
    """


def _drug_columns(generic: str, total: str, price: str, brand_factor: int) -> str:
    """Quantities have one decimal, costs two; all of them exact."""
    brand = f"({total} - {generic})"
    return (
        f"CAST({generic} AS INTEGER) * 0.1::DECIMAL(2, 1) AS generic_quantity, "
        f"CAST({brand} AS INTEGER) * 0.1::DECIMAL(2, 1) AS brand_quantity, "
        f"CAST({generic} * {price} AS INTEGER) * 0.01::DECIMAL(3, 2) AS generic_yen, "
        f"CAST({brand} * {price} * {brand_factor} // 100 AS INTEGER) * 0.01::DECIMAL(3, 2) AS brand_yen"
    )


def _visits(plan: Plan, branch: str, folder: str, start: int) -> str:
    flags = ", ".join(f"CAST(condition = {at} AS UTINYINT) AS treats_{name}" for at, name in enumerate(CONDITIONS, 1))
    none = ", ".join(
        f"CAST(NULL AS DECIMAL(18, {places})) AS {name}"
        for name, places in (("generic_quantity", 1), ("brand_quantity", 1), ("generic_yen", 2), ("brand_yen", 2))
    )
    review = f"least(service_number + 1, {number_of(folder)})"
    return f"""
        WITH ordered AS (
          SELECT *, row_number() OVER (ORDER BY service_number, person, condition) - 1 + {start} AS i
          FROM visits WHERE {visits_in(plan, folder)}
        )
        SELECT i, '{branch}' AS branch_code, {prefix(folder)}000000000 + i AS claim_no,
          {month_text("service_number")} AS service_month, {month_text(review)} AS review_month, '医科入院外' AS claim_type,
          {identity("person", plan, branch)}, CAST(200 + points_draw // 64 AS BIGINT) AS points, {none}, {flags}
        FROM ordered ORDER BY i
    """
