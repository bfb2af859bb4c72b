"""Reference tables against hand-worked days and formulas, and what wrong parameters and formulas are told."""

import datetime as dt
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.business_calendar import FIRST_DAY, LAST_DAY, calendar_table
from kenpo_pipelines.catalogue.dictionary import CATALOGUE_DIRECTORY
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import CatalogueError
from kenpo_pipelines.catalogue.parameters import ParameterName
from kenpo_pipelines.catalogue.reference import (
    branches_table,
    datasets_table,
    fiscal_years_table,
    kpi_datasets_table,
    kpi_formulas_table,
    kpis_table,
    parameters_table,
    thresholds_table,
)
from kenpo_pipelines.models import load_project
from kenpo_pipelines.submissions.contract import load_contracts

CHECKOUT = Path(__file__).resolve().parents[2]
CATALOGUE = load_catalogue(CATALOGUE_DIRECTORY)
ELAPSED = {day["day"]: day for day in calendar_table().to_pylist()}

# From, to, business days after the first up to and with the second, days.
SPANS = [
    ("2024-12-27", "2025-01-06", 1, 10),  # Fri; Sat 28, closed 29–31 and 1–3, Sat 4, Sun 5; Mon 6
    ("2024-12-26", "2025-01-06", 2, 11),  # Fri 27, Mon 6
    ("2024-12-28", "2025-01-05", 0, 8),
    ("2025-04-28", "2025-05-07", 4, 9),  # 29 昭和の日; Wed 30, Thu 1, Fri 2; Sat 3 … Mon 5, Tue 6 振替休日; Wed 7
    ("2025-05-02", "2025-05-07", 1, 5),
    ("2024-04-26", "2024-05-07", 4, 11),  # Fri; Mon 29 off; Tue 30, Wed 1, Thu 2; Fri 3, Sat 4, Sun 5, Mon 6 off; Tue 7
    ("2019-04-26", "2019-05-07", 1, 11),  # ten days off around the 即位の日
    ("2025-06-02", "2025-06-02", 0, 0),
    ("2025-06-02", "2025-06-09", 5, 7),
    ("2025-07-18", "2025-07-22", 1, 4),  # Fri; Sat, Sun, Mon 海の日; Tue
]


@pytest.mark.parametrize(("first", "last", "business", "calendar"), SPANS)
def test_days_between_are_counted_by_subtraction(first: str, last: str, business: int, calendar: int) -> None:
    begin, end = ELAPSED[dt.date.fromisoformat(first)], ELAPSED[dt.date.fromisoformat(last)]

    assert end["business_days_elapsed"] - begin["business_days_elapsed"] == business
    assert end["calendar_days_elapsed"] - begin["calendar_days_elapsed"] == calendar


def test_calendar_has_every_day_once() -> None:
    days = calendar_table().column("day").to_pylist()

    assert (days[0], days[-1], len(days)) == (FIRST_DAY, LAST_DAY, (LAST_DAY - FIRST_DAY).days + 1)
    assert len(set(days)) == len(days)
    assert calendar_table() is calendar_table(), "17 years of days are worked out once"


@settings(max_examples=50, deadline=None)
@given(st.dates(FIRST_DAY, LAST_DAY), st.integers(0, 90))
def test_calendar_equals_counting_one_by_one(first: dt.date, length: int) -> None:
    last = min(first + dt.timedelta(days=length), LAST_DAY)
    days = [first + dt.timedelta(days=number + 1) for number in range((last - first).days)]

    found = ELAPSED[last]["business_days_elapsed"] - ELAPSED[first]["business_days_elapsed"]

    assert found == sum(fiscal.is_business_day(day) for day in days)


def test_parameters_of_every_known_fiscal_year() -> None:
    rows = parameters_table(CATALOGUE).to_pylist()
    of_2025 = sorted((row["parameter"], row["value"]) for row in rows if row["fiscal_year"] == 2025)

    assert {row["fiscal_year"] for row in rows} == {year.fiscal_year for year in CATALOGUE.fiscal_years}
    assert of_2025 == sorted(
        [
            ("assessed_receipt_basis", "assessed"),
            ("generic_reporting_lag_months", "3"),
            ("service_standard_benefit_type", "傷病手当金"),
            ("service_standard_benefit_type", "出産手当金"),
            ("service_standard_benefit_type", "出産育児一時金"),
            ("service_standard_benefit_type", "埋葬料"),
            ("service_standard_day_count", "business"),
            ("service_standard_days", "10"),
            ("untreated_visit_months", "10"),
        ]
    )
    assert CATALOGUE.parameter_values(ParameterName.SERVICE_STANDARD_DAYS, 1999) == ()


# kpi_id, fiscal years, numerator, denominator, windows, lag
FORMULAS = """
service_standard_attainment 2023 covered_decisions_in_time covered_decisions           year_to_date year_to_date 0
service_standard_days       2025 covered_decision_days     covered_decisions           year_to_date year_to_date 0
counter_receipt_rate        2025 counter_applications      applications                year_to_date year_to_date 0
claims_assessment_rate      2024 assessed_yen              medical_cost_yen            year_to_date year_to_date 0
assessed_amount_per_receipt 2023 assessed_yen              assessed_requests           year_to_date year_to_date 0
recovery_rate               2024 collected_yen             recoverable_yen             year_to_date year_to_date 0
checkup_rate_insured        2023 checkups_insured          eligible_checkups_insured   year_to_date latest       0
employer_checkup_data_rate  2023 checkups_employer         eligible_checkups_employer  year_to_date latest       0
checkup_rate_dependants     2023 checkups_dependants       eligible_checkups_dependants year_to_date latest      0
guidance_rate_insured       2023 guidance_insured          eligible_guidance_insured   year_to_date latest       0
guidance_rate_dependants    2023 guidance_dependants       eligible_guidance_dependants year_to_date latest      0
untreated_visit_rate_10m    2024 untreated_persons_visited untreated_persons           cohort       cohort       0
generic_share_volume        2023 generic_quantity          generic_or_brand_quantity   service_month service_month 3
generic_share_value         2025 generic_yen               generic_or_brand_yen        service_month service_month 3
"""


def test_formulas_follow_the_specification() -> None:
    expected = []
    for year in range(2023, 2030):
        for kpi_id, first, numerator, denominator, *windows, lag in map(str.split, FORMULAS.strip().splitlines()):
            if int(first) <= year:
                is_national_only = kpi_id == "generic_share_value"
                expected.append((year, kpi_id, numerator, denominator, *windows, int(lag), is_national_only))

    found = [tuple(row.values()) for row in kpi_formulas_table(CATALOGUE).to_pylist()]

    assert found == expected


def test_datasets_of_a_kpi() -> None:
    rows = [row for row in kpi_datasets_table(CATALOGUE).to_pylist() if row["fiscal_year"] == 2024]
    by_kpi = {kpi: [row["dataset"] for row in rows if row["kpi_id"] == kpi] for kpi in {row["kpi_id"] for row in rows}}

    assert by_kpi["claims_assessment_rate"] == ["claims", "receipt_audits"]
    assert by_kpi["untreated_visit_rate_10m"] == ["claims", "untreated_persons"]
    assert by_kpi["generic_share_volume"] == ["claims"]
    assert len(by_kpi) == 11


def made_datasets() -> pa.Table:
    datasets = [contract.dataset for contract in load_contracts(CHECKOUT / "expectations").values()]
    return datasets_table((one.id, one.name_ja, one.hold_back_above_pct, one.record_level) for one in datasets)


def test_datasets_tell_when_a_branch_is_held_back() -> None:
    rows = {row["dataset"]: row for row in made_datasets().to_pylist()}

    assert rows["claims"] == {
        "dataset": "claims",
        "dataset_name": "レセプト",
        "hold_back_above_pct": Decimal("1.0000"),
        "is_record_level": True,
    }
    assert (rows["kpi_results"]["hold_back_above_pct"], rows["kpi_results"]["is_record_level"]) == (None, False)
    assert list(rows) == sorted(rows)


def test_tables_have_the_columns_that_the_sources_declare() -> None:
    tables = {
        "branches": branches_table(CATALOGUE),
        "fiscal_years": fiscal_years_table(CATALOGUE),
        "kpis": kpis_table(CATALOGUE),
        "calendar": calendar_table(),
        "parameters": parameters_table(CATALOGUE),
        "thresholds": thresholds_table(CATALOGUE),
        "kpi_formulas": kpi_formulas_table(CATALOGUE),
        "kpi_datasets": kpi_datasets_table(CATALOGUE),
        "datasets": made_datasets(),
    }
    sources = load_project(CHECKOUT / "dbt_like_sql").sources
    declared = {
        one.relation.name: [(column.name, column.data_type.lower()) for column in one.columns]
        for one in sources
        if one.relation.layer == "reference"
    }

    found = {}
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register("written", table)
            described = connection.execute("DESCRIBE written").fetchall()
            found[name] = [(row[0], row[1].lower()) for row in described]

    assert found == declared


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A catalogue that a test may break."""
    return Path(shutil.copytree(CATALOGUE_DIRECTORY, tmp_path / "catalogue"))


Z_SINCE = "value: 8\n  unit: robust z\n  since: 2023-04-01"
WRONG = [
    ("parameters.yml", "values: business", "values: working", "must be one of business, calendar"),
    ("parameters.yml", "values: business", "values: [business, calendar]", "must be one of business, calendar"),
    ("parameters.yml", "values: business\n", "values: []\n", "parameters.yml: entry 0.values: "),
    ("parameters.yml", "  values: business\n", "", "parameters.yml: entry 0.values: Field required"),
    ("parameters.yml", "parameter: service_standard_days", "parameter: standard_days", "entry 1.parameter: "),
    ("parameters.yml", "values: [傷病手当金,", "values: [傷病手当,", "values: 傷病手当 is not among 傷病手当金, "),
    ("parameters.yml", "values: [傷病手当金,", "values: [埋葬料,", "values: one value stands twice"),
    ("parameters.yml", "values: assessed", "values: true", "parameters.yml: entry 3.values.0: "),
    ("parameters.yml", "values: 3\n", "values: 2.5\n", "parameters.yml: entry 5.values.0: "),
    ("parameters.yml", "values: 3\n", "values: 13\n", "must be a whole number, 0 to 12"),
    ("parameters.yml", "values: 3\n", "values: ３\n", "must be a whole number, 0 to 12"),
    ("parameters.yml", "values: 3\n", "values: 2\n", "lag_months: parameters.yml says 2 for fiscal year 20"),
    ("thresholds.yml", "value: 8\n", "value: 8.5\n", "thresholds.yml: entry 0.value: Value error, write 8.5 in quotes"),
    ("thresholds.yml", "value: 8\n", "value: -8\n", "thresholds.yml: entry 0.value: "),
    ("thresholds.yml", 'value: "0.5"', 'value: "0.00005"', "decimal places"),
    ("thresholds.yml", Z_SINCE, Z_SINCE.replace("2023-04-01", "April"), "thresholds.yml: entry 0.since: "),
    ("thresholds.yml", Z_SINCE, f"{Z_SINCE}\n  owners: all", "thresholds.yml: entry 0.owners: "),
    ("thresholds.yml", "threshold: own_months_z", "threshold: own_months", "thresholds.yml: entry 0.threshold: "),
    ("thresholds.yml", "threshold: own_months_z", "threshold: branches_z", "branches_z since 2023-04-01 stands twice"),
    (
        "thresholds.yml",
        f"threshold: own_months_z\n  {Z_SINCE}",
        f"threshold: branches_z\n  {Z_SINCE.replace('2023', '2024')}",
        "thresholds.yml: own_months_z has no entry",
    ),
    ("parameters.yml", "  note: A covered", "  remark: A covered", "parameters.yml: entry 1.note: Field required"),
    (
        "parameters.yml",
        'parameter: service_standard_days\n  fiscal_years: "2022-"',
        'parameter: service_standard_days\n  fiscal_years: "2022-2026"',
        "parameters.yml: service_standard_days: fiscal_years: fiscal year 2027 has no entry",
    ),
    (
        "parameters.yml",
        "- parameter: service_standard_days\n",
        '- {parameter: service_standard_days, fiscal_years: "2025", values: 7, source: s, note: n}\n'
        "- parameter: service_standard_days\n",
        "parameters.yml: service_standard_days: fiscal_years: fiscal year 2025 has two entries",
    ),
    ("measures.yml", "- measure: applications\n", "- measure: claims\n", "measures.yml: claims stands twice"),
    (
        "kpis/recovery_rate.yml",
        "measure: collected_yen",
        "measure: collected",
        "recovery_rate.yml: KPI recovery_rate: computed_from.numerator.measure: collected is not in measures.yml",
    ),
    (
        "kpis/recovery_rate.yml",
        "measure: collected_yen, window: year_to_date",
        "measure: collected_yen, window: latest",
        "computed_from.numerator.window: collected_yen is of kind flow, its window is year_to_date, service_month",
    ),
    (
        "kpis/recovery_rate.yml",
        "measure: collected_yen, window: year_to_date",
        "measure: collected_yen, window: year",
        "recovery_rate.yml: KPI recovery_rate: versions.0.computed_from.numerator.window: ",
    ),
    (
        "kpis/recovery_rate.yml",
        "measure: collected_yen, window: year_to_date",
        "measure: collected_yen, window: service_month",
        "window service_month is that of both numerator and denominator, or of none",
    ),
    (
        "kpis/recovery_rate.yml",
        "datasets: [recoverables]",
        "datasets: [claims]",
        "recovery_rate.yml: KPI recovery_rate: computed_from.datasets: its measures come from recoverables",
    ),
    (
        "kpis/recovery_rate.yml",
        "datasets: [recoverables]",
        "datasets: [recoverables, recoverables]",
        "datasets: one stands twice",
    ),
    ("kpis/recovery_rate.yml", "lag_months: 0", "lag_months: 1", "lag_months belongs to window service_month"),
    (
        "kpis/committee_offices.yml",
        "    target:\n",
        "    computed_from:\n      datasets: [claims]\n      numerator: {measure: claims, window: year_to_date}\n"
        "      denominator: {measure: claims, window: year_to_date}\n    target:\n",
        "committee_offices.yml: KPI committee_offices: versions.0: Value error, computed_from belongs to a rate or a mean",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "message"), WRONG)
def test_wrong_parameters_measures_and_formulas_are_named(
    copy: Path, file: str, old: str, new: str, message: str
) -> None:
    text = (copy / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(CatalogueError) as raised:
        load_catalogue(copy)

    assert message in str(raised.value)
    assert Path(file).name in str(raised.value) or "lag_months" in message
