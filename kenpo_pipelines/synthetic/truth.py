"""The true KPI values of what was written, computed from the generating rows.

What lives here: the rules of every KPI that records feed, once more, by another road than the pipeline's: days of the service
standard are counted by listing every day between two dates, persons are joined by their identity, nothing is kept by month
measures. What does not: anything of the pipeline but the catalogue, which says in which years a KPI is in force. All numbers
are whole or exact decimals.
"""

import csv
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import jpholiday

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Catalogue

COLUMNS = ("fiscal_year", "as_of", "branch_code", "kpi_id", "numerator", "denominator")
GENERICS_LAG_MONTHS = 3
VISIT_MONTHS = 10
_STANDARD_DAYS = 10
_COVERED = ("傷病手当金", "出産手当金", "出産育児一時金", "埋葬料")
_UNJUST = "診療報酬返還金（不当請求）"
_DAYS_AROUND = 200
_OF_BENEFITS = ("service_standard_attainment", "service_standard_days", "counter_receipt_rate")
_GENERICS = ("generic_share_volume", "generic_share_value")

Fraction = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class TrueValue:
    """One line of truth.csv; numerator and denominator are None where a submission is held back."""

    fiscal_year: int
    as_of: str
    branch_code: str
    kpi_id: str
    numerator: Decimal | None
    denominator: Decimal | None


def is_working_day(day: dt.date) -> bool:
    """True for a day that counts: no weekend, no national holiday, not from 12-29 to 01-03."""
    if day.isoweekday() > 5 or (day.month, day.day) in ((12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)):
        return False
    return not jpholiday.is_holiday(day)


class Truth:
    """Collects the rows that must count, branch by branch, and computes the KPIs as of one month."""

    def __init__(self, db: duckdb.DuckDBPyConnection, as_of: str, first: str) -> None:
        self._db, self._as_of = db, as_of
        self._year = fiscal.fiscal_year_of(as_of)
        self._from = fiscal.first_month(self._year)
        self._generics_of = fiscal.add_months(as_of, -GENERICS_LAG_MONTHS)
        self._fractions: dict[str, dict[str, Fraction]] = {}
        db.execute("CREATE SCHEMA truth")
        year, month = fiscal.split_month(first)
        day, last = dt.date(year, month, 1) - dt.timedelta(days=_DAYS_AROUND), dt.date(self._year + 1, 12, 31)
        working = []
        while day <= last:
            if is_working_day(day):
                working.append((day,))
            day += dt.timedelta(days=1)
        db.execute("CREATE TABLE truth.working_days (day DATE)")
        db.executemany("INSERT INTO truth.working_days VALUES (?)", working)
        db.execute("CREATE TABLE truth.cost (review_month VARCHAR, yen HUGEINT)")
        db.execute("CREATE TABLE truth.drugs (service_month VARCHAR, generic_quantity DECIMAL(38, 4), "
                   "brand_quantity DECIMAL(38, 4), generic_yen DECIMAL(38, 4), brand_yen DECIMAL(38, 4))")  # fmt: skip

    def begin_branch(self) -> None:
        """Forget the rows of the branch before."""
        tables = self._db.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'truth'").fetchall()
        for (table,) in tables:
            if table in ("cost", "drugs"):
                self._db.execute(f"DELETE FROM truth.{table}")
            elif table != "working_days":
                self._db.execute(f"DROP TABLE truth.{table}")

    def take(self, dataset: str, folder: str, rows: str) -> None:
        """Take the rows of a table that a branch's file of the folder made count.

        Of claims only totals are kept, and the receipts that treat an untreated person: those persons are taken first.
        """
        if dataset == "claims":
            self._take_claims(rows)
            return
        source = f"SELECT '{folder}' AS folder, * FROM {rows}"
        if self._has(dataset):
            self._db.execute(f"INSERT INTO truth.{dataset} {source}")
        else:
            self._db.execute(f"CREATE TABLE truth.{dataset} AS {source}")

    def _has(self, dataset: str) -> bool:
        found = self._db.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'truth' AND table_name = ?", [dataset]
        ).fetchall()
        return bool(found[0][0])

    def _take_claims(self, rows: str) -> None:
        self._db.execute(f"INSERT INTO truth.cost SELECT review_month, sum(points) * 10 FROM {rows} GROUP BY ALL")
        self._db.execute(f"""
            INSERT INTO truth.drugs
            SELECT service_month, coalesce(sum(generic_quantity), 0), coalesce(sum(brand_quantity), 0),
              coalesce(sum(generic_yen), 0), coalesce(sum(brand_yen), 0)
            FROM {rows} GROUP BY ALL
        """)
        seen = f"""
            SELECT symbol, number, coalesce(suffix, '00') AS suffix, service_month,
              treats_blood_pressure, treats_glucose, treats_lipid
            FROM {rows} AS receipts
            WHERE treats_blood_pressure + treats_glucose + treats_lipid > 0
              AND EXISTS (
                SELECT 1 FROM truth.untreated_persons AS persons
                WHERE persons.symbol = receipts.symbol AND persons.number = receipts.number
                  AND coalesce(persons.suffix, '00') = coalesce(receipts.suffix, '00')
              )
        """
        self._db.execute(
            f"INSERT INTO truth.visits {seen}" if self._has("visits") else f"CREATE TABLE truth.visits AS {seen}"
        )

    def end_branch(self, branch: str) -> None:
        """Compute the KPIs of the branch whose rows were taken."""
        self._fractions[branch] = {
            **self._benefits(),
            **self._audits(),
            **self._debts(),
            **self._checkups(),
            **self._guidance(),
            **self._visits(),
            **self._generics(),
        }

    def _row(self, sql: str) -> tuple[Decimal, ...]:
        (row,) = self._db.execute(sql).fetchall()
        return tuple(Decimal(0) if value is None else Decimal(value) for value in row)

    def _benefits(self) -> dict[str, Fraction]:
        """The newest telling of every application counts; its days are listed one by one."""
        covered = ", ".join(f"'{one}'" for one in _COVERED)
        granted, in_time, days, applications, counter = self._row(f"""
            WITH newest AS (
              SELECT * FROM truth.benefit_decisions AS one
              WHERE NOT EXISTS (
                SELECT 1 FROM truth.benefit_decisions AS later
                WHERE later.application_no = one.application_no AND later.folder > one.folder
              )
            ),
            in_year AS (
              SELECT * FROM newest WHERE strftime(decided_on, '%Y-%m') BETWEEN '{self._from}' AND '{self._as_of}'
            ),
            granted AS (SELECT * FROM in_year WHERE decision = '支給' AND benefit_type IN ({covered})),
            listed AS (
              SELECT application_no, returned_on, resubmitted_on,
                CAST(unnest(generate_series(received_on, paid_on, INTERVAL 1 DAY)) AS DATE) AS day, received_on
              FROM granted
            ),
            counted AS (
              SELECT listed.application_no, count(*) AS days
              FROM listed JOIN truth.working_days AS working ON working.day = listed.day
              WHERE listed.day > received_on
                AND NOT coalesce(listed.day > returned_on AND listed.day <= resubmitted_on, false)
              GROUP BY ALL
            ),
            lasted AS (SELECT coalesce(days, 0) AS days FROM granted LEFT JOIN counted USING (application_no))
            SELECT
              (SELECT count(*) FROM lasted), (SELECT count(*) FROM lasted WHERE days <= {_STANDARD_DAYS}),
              (SELECT sum(days) FROM lasted), (SELECT count(*) FROM in_year),
              (SELECT count(*) FROM in_year WHERE channel = '窓口')
        """)
        return {
            "service_standard_attainment": (in_time, granted),
            "service_standard_days": (days, granted),
            "counter_receipt_rate": (counter, applications),
        }

    def _audits(self) -> dict[str, Fraction]:
        yen, requests, cost = self._row(f"""
            WITH newest AS (
              SELECT request_no, arg_max(audit_type, folder) AS audit_type, max(folder) AS folder
              FROM truth.receipt_audits GROUP BY request_no
            ),
            cut AS (
              SELECT told.* FROM truth.receipt_audits AS told JOIN newest USING (request_no, folder)
              WHERE told.audit_type = '内容点検' AND outcome = '査定'
                AND result_month >= '{self._from}' AND result_month <= '{self._as_of}'
            )
            SELECT (SELECT sum(assessed_yen) FROM cut), (SELECT count(*) FROM cut),
              (SELECT sum(yen) FROM truth.cost WHERE review_month >= '{self._from}' AND review_month <= '{self._as_of}')
        """)
        return {"claims_assessment_rate": (yen, cost), "assessed_amount_per_receipt": (yen, requests)}

    def _debts(self) -> dict[str, Fraction]:
        """Every event once, however often it was sent; only of debts established in the year."""
        collected, established, cancelled = self._row(f"""
            WITH told AS (SELECT DISTINCT debt_no, debt_type, event, event_on, amount_yen, method FROM truth.recoverables),
            begun AS (
              SELECT debt_no, min(event_on) AS begun_on, any_value(debt_type) AS debt_type
              FROM told WHERE event = '調定' GROUP BY debt_no
            ),
            counting AS (
              SELECT debt_no FROM begun
              WHERE debt_type <> '{_UNJUST}' AND strftime(begun_on, '%Y-%m') BETWEEN '{self._from}' AND '{self._as_of}'
            ),
            events AS (
              SELECT told.* FROM told WHERE debt_no IN (SELECT debt_no FROM counting)
                AND strftime(event_on, '%Y-%m') <= '{self._as_of}'
            )
            SELECT sum(amount_yen) FILTER (event = '収納'), sum(amount_yen) FILTER (event = '調定'),
              sum(amount_yen) FILTER (event = '取消')
            FROM events
        """)
        return {"recovery_rate": (collected, established - cancelled)}

    def _checkups(self) -> dict[str, Fraction]:
        found = {}
        programmes = {
            "checkup_rate_insured": ("生活習慣病予防健診", "生活習慣病予防健診"),
            "employer_checkup_data_rate": ("事業者健診データ", "生活習慣病予防健診"),
            "checkup_rate_dependants": ("被扶養者特定健診", "被扶養者特定健診"),
        }
        for kpi, (programme, of_whom) in programmes.items():
            found[kpi] = self._pair(f"""
                WITH in_year AS (SELECT * FROM truth.checkup_counts WHERE folder BETWEEN '{self._from}' AND '{self._as_of}')
                SELECT (SELECT sum(performed) FROM in_year WHERE programme = '{programme}'),
                  (SELECT eligible FROM in_year WHERE programme = '{of_whom}' ORDER BY folder DESC LIMIT 1)
            """)
        return found

    def _guidance(self) -> dict[str, Fraction]:
        found = {}
        for kpi, subject in (("guidance_rate_insured", "被保険者"), ("guidance_rate_dependants", "被扶養者")):
            found[kpi] = self._pair(f"""
                WITH in_year AS (
                  SELECT * FROM truth.guidance_counts
                  WHERE subject = '{subject}' AND folder BETWEEN '{self._from}' AND '{self._as_of}'
                )
                SELECT (SELECT sum(evaluated) FROM in_year),
                  (SELECT max(eligible) FROM in_year WHERE folder = (SELECT max(folder) FROM in_year))
            """)
        return found

    def _visits(self) -> dict[str, Fraction]:
        """Check-ups of the fiscal year before whose ten months are over; of two check-ups of a person the first."""
        before = self._year - 1
        last = min(fiscal.year_end(before), fiscal.add_months(self._as_of, -VISIT_MONTHS))
        months = _consecutive("service_month", "checkup_month")
        return {
            "untreated_visit_rate_10m": self._pair(f"""
                WITH persons AS (
                  SELECT symbol, number, coalesce(suffix, '00') AS suffix, checkup_month,
                    over_blood_pressure, over_glucose, over_lipid
                  FROM truth.untreated_persons
                  WHERE checkup_month BETWEEN '{fiscal.first_month(before)}' AND '{fiscal.year_end(before)}'
                ),
                first_ones AS (
                  SELECT * FROM persons AS one
                  WHERE NOT EXISTS (
                    SELECT 1 FROM persons AS other
                    WHERE other.symbol = one.symbol AND other.number = one.number AND other.suffix = one.suffix
                      AND other.checkup_month < one.checkup_month
                  )
                ),
                due AS (SELECT * FROM first_ones WHERE checkup_month <= '{last}'),
                seen AS (
                  SELECT DISTINCT due.symbol, due.number, due.suffix
                  FROM due JOIN truth.visits AS visits
                    ON visits.symbol = due.symbol AND visits.number = due.number AND visits.suffix = due.suffix
                  WHERE {months} BETWEEN 0 AND {VISIT_MONTHS}
                    AND (over_blood_pressure * treats_blood_pressure + over_glucose * treats_glucose
                      + over_lipid * treats_lipid) > 0
                )
                SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM due)
            """)
        }

    def _generics(self) -> dict[str, Fraction]:
        volume, all_volume, value, all_value = self._row(f"""
            SELECT sum(generic_quantity), sum(generic_quantity + brand_quantity), sum(generic_yen), sum(generic_yen + brand_yen)
            FROM truth.drugs WHERE service_month = '{self._generics_of}'
        """)
        return {"generic_share_volume": (volume, all_volume), "generic_share_value": (value, all_value)}

    def _pair(self, sql: str) -> Fraction:
        numerator, denominator = self._row(sql)
        return numerator, denominator

    def values(self, catalogue: Catalogue, held_back: str | None = None) -> Iterator[TrueValue]:
        """Yield branches and nation of every KPI in force, by KPI and branch.

        A branch that is held back has no figures of benefits, and so has the nation: it is the sum of all 47.
        """
        kpis = [kpi.id for kpi in sorted(catalogue.kpis, key=lambda kpi: kpi.order)]
        computed = next(iter(self._fractions.values()))
        for kpi in [kpi for kpi in kpis if kpi in computed]:
            as_of = self._generics_of if kpi in _GENERICS else self._as_of
            version = catalogue.version(kpi, fiscal.fiscal_year_of(as_of))
            fractions = {branch: found[kpi] for branch, found in self._fractions.items()}
            nation = (
                sum((n for n, _ in fractions.values()), Decimal(0)),
                sum((d for _, d in fractions.values()), Decimal(0)),
            )
            for branch, (numerator, denominator) in {NATION: nation, **fractions}.items():
                if version is None or not version.covers(branch):
                    continue
                is_missing = held_back is not None and kpi in _OF_BENEFITS and branch in (NATION, held_back)
                yield TrueValue(
                    fiscal.fiscal_year_of(as_of),
                    as_of,
                    branch,
                    kpi,
                    None if is_missing else numerator,
                    None if is_missing else denominator,
                )


def _consecutive(later: str, earlier: str) -> str:
    """Return SQL for the months from one YYYY-MM to another."""
    return (
        f"((CAST(left({later}, 4) AS INTEGER) - CAST(left({earlier}, 4) AS INTEGER)) * 12 "
        f"+ CAST(right({later}, 2) AS INTEGER) - CAST(right({earlier}, 2) AS INTEGER))"
    )


def write_truth(file: Path, values: Iterator[TrueValue]) -> int:
    """Write truth.csv; return its lines. Numbers are written in full, without exponents and needless decimals."""
    lines = 0
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in values:
            numbers = [_plain(one.numerator), _plain(one.denominator)]
            writer.writerow([one.fiscal_year, one.as_of, one.branch_code, one.kpi_id, *numbers])
            lines += 1
    return lines


def _plain(number: Decimal | None) -> str:
    if number is None:
        return ""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
