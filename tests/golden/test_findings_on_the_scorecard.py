"""What follows from findings: critical ones stop what depends on them, by branch; warnings become flags (旗)."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from record_lake import Record, RecordLake, checkups

IWATE, MIYAGI, TOKYO, NATION = "03", "04", "13", "00"
BRANCHES = (IWATE, MIYAGI, TOKYO)
INSURED, DEPENDANTS = "生活習慣病予防健診", "被扶養者特定健診"
CHECKUP, DEPENDANT = "checkup_rate_insured", "checkup_rate_dependants"
OFFICES, COVERAGE, TENDERS = "committee_offices", "committee_coverage_rate", "single_bid_rate"
INCOMPLETE = ("not_evaluable", "incomplete_submission")
CRITICAL = {"severity": "critical"}


def count(branch: str, performed: int) -> list[Record]:
    """20 rows of a branch, so that one of them is 5 per cent."""
    return [checkups(branch, INSURED, 900, performed), *[checkups(branch, DEPENDANTS, 500, 1)] * 19]


def outcome(line: Record) -> tuple[str, str]:
    return line["outcome"], line["reason"]


def flags(line: Record) -> list[str]:
    return str(line["flags"]).splitlines()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> RecordLake:
    """April, May and June 2025 of three branches, with findings of every kind."""
    world = RecordLake(tmp_path_factory.mktemp("findings"), BRANCHES)
    for branch in BRANCHES:
        world.land("2025-04", "checkup_counts", *count(branch, 100), name=f"{branch}.csv")
    # 宮城's first file of May fails a critical rule, its second one does not; 東京's only file does
    world.land("2025-05", "checkup_counts", *count(MIYAGI, 9999), name="miyagi-1.csv")
    world.land("2025-05", "checkup_counts", *count(MIYAGI, 50), name="miyagi-2.csv")
    world.land("2025-05", "checkup_counts", *count(TOKYO, 1001), name="tokyo.csv")
    world.land("2025-05", "checkup_counts", *count(IWATE, 60), name="iwate.csv")
    for branch, file in ((MIYAGI, "miyagi-1.csv"), (TOKYO, "tokyo.csv")):
        protected = f"{CHECKUP},{DEPENDANT}"
        world.find("2025-05", "checkup_counts", "within", branch, file=file, protects=protected, **CRITICAL)
    # warnings: 1 row of 20 in two months of 岩手; of 宮城's replaced file; and one of a rule that protects another KPI
    for month, file in (("2025-04", f"{IWATE}.csv"), ("2025-05", "iwate.csv")):
        world.find(month, "checkup_counts", "shared", IWATE, file=file, failed_rows=1, protects=CHECKUP)
    world.find("2025-05", "checkup_counts", "shared", MIYAGI, file="miyagi-1.csv", protects=CHECKUP)
    world.find("2025-05", "checkup_counts", "near", MIYAGI, tier="analytical", protects=DEPENDANT, failed_rows=1)
    for branch in BRANCHES:
        world.report("2025-05", "2025-05", branch, OFFICES, value=1000 + int(branch))
        world.report("2025-05", "2025-05", branch, COVERAGE, numerator=40 + int(branch), denominator=100)
    world.report("2025-05", "2025-04", MIYAGI, COVERAGE, numerator=39, denominator=100)
    of_may = {"kpi_id": OFFICES, "as_of": "2025-05", "fiscal_year": 2025, "file": "results.csv"}
    world.find("2025-05", "kpi_results", "bounds", TOKYO, **of_may, **CRITICAL)
    world.find("2025-05", "kpi_results", "fraction", MIYAGI, **(of_may | {"kpi_id": COVERAGE}))
    world.find("2025-05", "kpi_results", "fraction", IWATE, **(of_may | {"kpi_id": COVERAGE, "as_of": "2025-04"}))
    for month in ("2025-04", "2025-05", "2025-06"):
        of_2025 = {"kpi_id": TENDERS, "fiscal_year": 2025}
        world.find(month, "kpi_targets", "agree", IWATE, **of_2025)
        world.find(month, "kpi_targets", "agree", MIYAGI, **(of_2025 | {"fiscal_year": 2024}))
    world.report("2025-06", "2025-05", TOKYO, OFFICES, value=1013)
    for branch in BRANCHES:
        world.land("2025-06", "checkup_counts", *count(branch, 10), name=f"{branch}.csv")
    for month in ("2025-04", "2025-05", "2025-06"):
        world.run(month)
    return world


def test_only_the_branch_whose_standing_file_fails_is_held_back(world: RecordLake) -> None:
    rows = world.rows("staging", "stg_submissions", "2025-05")
    assert {row["file"]: (row["status"], row["failed_rules"]) for row in rows} == {
        "miyagi-1.csv": ("superseded", "「withinの規則」"),
        "miyagi-2.csv": ("used", None),
        "tokyo.csv": ("held_back", "「withinの規則」"),
        "iwate.csv": ("used", None),
    }
    assert world.line("2025-05", 2025, MIYAGI, CHECKUP)["numerator"] == 150


def test_a_held_back_branch_and_the_nation_cannot_be_judged_and_are_told_why(world: RecordLake) -> None:
    tokyo, nation = (world.line("2025-05", 2025, branch, CHECKUP) for branch in (TOKYO, NATION))
    assert (outcome(tokyo), outcome(nation)) == (INCOMPLETE, INCOMPLETE)
    assert tokyo["notes"].splitlines()[0] == "提出不備：健診実施件数2025-05（保留：「withinの規則」）"
    assert nation["notes"].splitlines()[0] == "提出不備：東京支部"
    assert world.line("2025-04", 2025, TOKYO, CHECKUP)["value_text"] == "11.1%"
    # the month that was held back is lacking in every later figure of the year
    assert outcome(world.line("2025-06", 2025, TOKYO, CHECKUP)) == INCOMPLETE


def test_a_reported_figure_that_fails_a_critical_rule_is_withheld_and_no_other(world: RecordLake) -> None:
    tokyo = world.line("2025-05", 2025, TOKYO, OFFICES)
    assert (outcome(tokyo), tokyo["value"], tokyo["figure_as_of"]) == (INCOMPLETE, None, "2025-05")
    assert tokyo["notes"].splitlines()[0] == "提出不備：KPI実績報告2025-05（保留：「boundsの規則」）"
    assert flags(tokyo) == []
    assert world.line("2025-05", 2025, TOKYO, COVERAGE)["value"] == 53
    assert world.line("2025-05", 2025, MIYAGI, OFFICES)["value"] == 1004
    # the numbers do not come back by another way: not into the nation, not into the measures
    assert world.line("2025-05", 2025, NATION, OFFICES)["value"] is None
    measures = world.rows("measures", "reported_measures", "2025-05")
    of_tokyo = [row["measure_id"] for row in measures if row["branch_code"] == TOKYO]
    assert f"{OFFICES}.withheld" in of_tokyo
    assert f"{OFFICES}.value" not in of_tokyo


def test_a_corrected_report_stands_from_its_own_month_on(world: RecordLake) -> None:
    assert world.line("2025-06", 2025, TOKYO, OFFICES)["value"] == 1013
    assert world.line("2025-06", 2025, NATION, OFFICES)["value"] == 1003 + 1004 + 1013


def test_records_that_fail_warnings_are_flagged_over_all_months_that_feed_the_figure(world: RecordLake) -> None:
    assert flags(world.line("2025-05", 2025, IWATE, CHECKUP)) == [
        "「sharedの規則」に合わない：健診実施件数2025-04・2025-05の2行"
    ]
    assert flags(world.line("2025-04", 2025, IWATE, CHECKUP)) == [
        "「sharedの規則」に合わない：健診実施件数2025-04の1行"
    ]
    # not those of a file that was replaced, nor beside KPIs that the rule does not protect
    assert flags(world.line("2025-05", 2025, MIYAGI, CHECKUP)) == []
    assert flags(world.line("2025-05", 2025, IWATE, DEPENDANT)) == []
    assert flags(world.line("2025-05", 2025, MIYAGI, DEPENDANT)) == ["「nearの規則」に合わない：健診実施件数2025-05"]


def test_reports_and_targets_are_flagged_beside_the_very_figure_and_year(world: RecordLake) -> None:
    assert flags(world.line("2025-05", 2025, MIYAGI, COVERAGE)) == ["「fractionの規則」に合わない：KPI実績報告2025-05"]
    assert flags(world.line("2025-05", 2025, IWATE, COVERAGE)) == []
    assert flags(world.line("2025-05", 2025, IWATE, TENDERS)) == ["「agreeの規則」に合わない：KPI目標"]
    assert flags(world.line("2025-05", 2025, MIYAGI, TENDERS)) == []


def test_the_nation_names_the_branches_whose_parts_are_flagged(world: RecordLake) -> None:
    assert flags(world.line("2025-05", 2025, NATION, COVERAGE)) == ["「fractionの規則」に合わない：宮城支部"]
    assert flags(world.line("2025-04", 2025, NATION, CHECKUP)) == ["「sharedの規則」に合わない：岩手支部"]
    # where the nation has no figure there is nothing to flag
    assert flags(world.line("2025-05", 2025, NATION, CHECKUP)) == []


def test_a_target_that_fails_a_critical_rule_does_not_count(tmp_path: Path) -> None:
    world = RecordLake(tmp_path, BRANCHES)
    world.report("2025-05", "2025-05", TOKYO, COVERAGE, value=50)
    world.report("2025-05", "2025-05", MIYAGI, COVERAGE, value=50)
    for branch in (MIYAGI, TOKYO):
        world.target("2025-05", branch, COVERAGE, "以上", Decimal(41))
    bad = {"kpi_id": COVERAGE, "fiscal_year": 2025, "file": "targets.csv"}
    world.find("2025-05", "kpi_targets", "known", TOKYO, **bad, **CRITICAL)
    world.run("2025-05")
    tokyo, miyagi = (world.line("2025-05", 2025, branch, COVERAGE) for branch in (TOKYO, MIYAGI))
    assert (outcome(miyagi), outcome(tokyo)) == (("attained", ""), ("not_evaluable", "no_target"))
    assert flags(tokyo) == ["「knownの規則」に合わない：KPI目標"]


def test_few_rows_of_many_are_no_flag(tmp_path: Path) -> None:
    world = RecordLake(tmp_path, BRANCHES)
    for branch in BRANCHES:
        rows = [checkups(branch, INSURED, 1000, 1)] + [checkups(branch, DEPENDANTS, 500, 0)] * 999
        world.land("2025-05", "checkup_counts", *rows, name=f"{branch}.csv")
    for branch, failed in ((IWATE, 1), (MIYAGI, 2)):
        world.find("2025-05", "checkup_counts", "shared", branch, file=f"{branch}.csv", failed_rows=failed)
    thresholds = world.reference["thresholds"].to_pylist()
    changed = [row | {"value": Decimal("0.2")} if row["threshold"] == "flagged_rows_pct" else row for row in thresholds]
    world.reference["thresholds"] = pa.Table.from_pylist(changed, schema=world.reference["thresholds"].schema)
    world.run("2025-05")
    assert flags(world.line("2025-05", 2025, IWATE, CHECKUP)) == []
    assert flags(world.line("2025-05", 2025, MIYAGI, CHECKUP)) == [
        "「sharedの規則」に合わない：健診実施件数2025-05の2行"
    ]
