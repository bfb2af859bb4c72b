"""Untreated persons and their visits.

What lives here: who is on which month's list, and the receipts that their visits make. What does not: writing them (the visits
are written among the claims). The first folder holds all lists and visits since April of the year before.
"""

import duckdb

from kenpo_pipelines import fiscal
from kenpo_pipelines.synthetic.draws import below, draw, hashed, pick
from kenpo_pipelines.synthetic.months import month_text, number_of
from kenpo_pipelines.synthetic.people import identity, untreated_person
from kenpo_pipelines.synthetic.plan import Plan

CONDITIONS = ("blood_pressure", "glucose", "lipid")
_SECOND_AFTER = {2: 1, 3: 1, 5: 1, 6: 2, 8: 1, 9: 1}
_TOO_LATE = {-1: 20, 11: 40, 12: 25, 13: 15}


def prepare(db: duckdb.DuckDBPyConnection, plan: Plan, branch: str) -> None:
    """Make the branch's tables ``listed`` (one row per person and check-up) and ``visits`` (one row per receipt)."""
    first = fiscal.first_month(fiscal.fiscal_year_of(plan.first) - 1)
    cohorts = [_cohort(plan, branch, month) for month in fiscal.month_range(first, fiscal.add_months(plan.month, -1))]
    db.execute(f"CREATE OR REPLACE TEMP TABLE listed AS {' UNION ALL '.join(cohorts)}")
    db.execute(f"CREATE OR REPLACE TEMP TABLE visits AS {_visits(plan, branch)}")


def chunk(plan: Plan, branch: str, folder: str) -> str:
    """Return SQL for the rows of untreated_persons in a folder."""
    overs = ", ".join(f"CAST(over_{name} AS UTINYINT) AS over_{name}" for name in CONDITIONS)
    return f"""
        SELECT row_number() OVER (ORDER BY checkup_number, person) - 1 AS i, '{branch}' AS branch_code,
          {identity("person", plan, branch, "NULL")}, {month_text("checkup_number")} AS checkup_month, {overs}
        FROM listed
        WHERE {_is_in(plan, "known_number", folder)}
        ORDER BY i
    """


def _is_in(plan: Plan, arrival: str, folder: str) -> str:
    return f"{arrival} {'<=' if folder == plan.first else '='} {number_of(folder)}"


def _cohort(plan: Plan, branch: str, month: str) -> str:
    """Rows with the condition draws; the first of a month is known a month later, so that no list is empty."""
    profile, number = plan.profile.untreated_persons, number_of(month)
    parts = (plan.seed, "untreated_persons", branch, month)
    overs = [f"{below(draw('a', at), profile.over_pct[name])} AS over_{name}" for at, name in enumerate(CONDITIONS)]
    second = f"i > 0 AND {below(draw('b', 0), profile.second_checkup_pct)}"
    earlier = f"{number} - ({pick(draw('b', 1), _SECOND_AFTER)})"
    return f"""(
        WITH drawn AS (
          SELECT range AS i, {hashed("range", *parts, "a")} AS a, {hashed("range", *parts, "b")} AS b
          FROM range({plan.untreated_of(branch, month)})
        ),
        conditions AS (SELECT *, {", ".join(overs)} FROM drawn)
        SELECT
          CASE WHEN {second} THEN {untreated_person(plan, branch, earlier, "i")}
            ELSE {untreated_person(plan, branch, str(number), "i")} END AS person,
          {number} AS checkup_number,
          {number} + CASE WHEN i = 0 THEN 1 ELSE {pick(draw("b", 2), profile.known_after_months)} END AS known_number,
          over_blood_pressure OR NOT (over_glucose OR over_lipid) AS over_blood_pressure, over_glucose, over_lipid
        FROM conditions
    )"""


def _visits(plan: Plan, branch: str) -> str:
    profile = plan.profile.untreated_persons
    parts = (plan.seed, "visits", branch)
    in_time = plan.profile.rate("untreated_visits", branch)
    too_late = in_time + profile.visit_too_late_pct
    another = too_late + profile.visit_for_another_pct
    none = another + profile.visit_for_none_pct
    kind = (
        f"CASE WHEN {below('kind_draw', in_time)} THEN 'in_time' WHEN {below('kind_draw', too_late)} THEN 'too_late' "
        f"WHEN {below('kind_draw', another)} THEN 'another' WHEN {below('kind_draw', none)} THEN 'none' END"
    )
    over = "CASE WHEN over_blood_pressure THEN 1 WHEN over_lipid THEN 3 ELSE 2 END"
    not_over = (
        "CASE WHEN NOT over_glucose THEN 2 WHEN NOT over_lipid THEN 3 WHEN NOT over_blood_pressure THEN 1 ELSE 0 END"
    )
    return f"""
        WITH drawn AS (
          SELECT *, {hashed("person * 4000 + checkup_number % 4000", *parts)} AS a FROM listed
        ),
        kinds AS (SELECT *, {draw("a", 0)} AS kind_draw, {kind} AS kind FROM drawn),
        visited AS (
          SELECT person,
            checkup_number + CASE WHEN kind = 'too_late' THEN {pick(draw("a", 1), _TOO_LATE)}
              ELSE {pick(draw("a", 1), profile.visit_after_months)} END AS service_number,
            {pick(draw("a", 2), profile.reported_after_months)} AS reported_after,
            {draw("a", 3)} AS points_draw,
            CASE kind WHEN 'another' THEN {not_over} WHEN 'none' THEN 0 ELSE {over} END AS condition
          FROM kinds
          WHERE kind IS NOT NULL
        )
        SELECT *, service_number + reported_after AS arrival_number FROM visited
        WHERE service_number + reported_after <= {number_of(plan.month)}
    """


def visits_in(plan: Plan, folder: str) -> str:
    """Return the SQL condition for the visits that arrive in a folder."""
    return _is_in(plan, "arrival_number", folder)
