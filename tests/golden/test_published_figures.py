"""The real pipeline on the real published figures against outcomes worked out by hand (``published/README.md``)."""

import csv
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from published_months import Published

from kenpo_pipelines import kpi_report
from kenpo_pipelines.serving.queries import (
    ScorecardRow,
    fiscal_years_of,
    ledger_rows,
    published_months,
    rejected_rows,
    scorecard_rows,
)

TABLES = Path(__file__).parent / "published"


def expected(name: str) -> list[dict[str, str]]:
    with (TABLES / f"expected_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shown(number: object) -> str:
    """A number without trailing zeros, so that 100 and 100.00 are equal; texts as they are; nothing as ''."""
    if number is None:
        return ""
    return format(number.normalize(), "f") if isinstance(number, Decimal) else str(number)


def as_printed(cell: str) -> str:
    """A cell of a table in the same spelling."""
    return shown(Decimal(cell)) if cell[:1].isdigit() and "-" not in cell else cell


def found(row: ScorecardRow, columns: dict[str, str]) -> dict[str, str]:
    """The columns of a hand-made table as `kenpo kpi` would report them, and those that it leaves out."""
    record = kpi_report.record(row)
    others = {
        "figure_as_of": row.figure_as_of,
        "reason": row.reason,
        "nearly": {True: "yes", False: "no", None: ""}[row.is_nearly_attained],
        "prior_value": row.prior_value,
    }
    return {name: shown({**record, **others}[name]) for name in columns}


@pytest.mark.parametrize("branch", ["00", "02", "03", "04", "05"])
@pytest.mark.parametrize("as_of", ["2024-03", "2024-11", "2025-06"])
def test_fiscal_year_2023(published: Published, branch: str, as_of: str) -> None:
    # nothing about 2023 was reported later: every later scorecard shows the same
    rows = published.scorecard(as_of, 2023, branch)
    lines = [line for line in expected("fiscal_year_2023") if line["branch_code"] == branch]
    assert set(rows) == {line["kpi_id"] for line in lines}
    for line in lines:
        row = rows[line["kpi_id"]]
        assert found(row, line) == {name: as_printed(cell) for name, cell in line.items()} | {"branch_code": branch}
        assert (row.figure_as_of, row.figure_known_month, row.reason) == ("2024-03", "2024-03", "")
        assert as_of == "2024-03" or row.status == "final"


def test_only_what_needs_no_more_reports_is_final_in_march(published: Published) -> None:
    final = {kpi_id for kpi_id, row in published.scorecard("2024-03", 2023, "04").items() if row.status == "final"}
    assert final == {"health_declaration_offices", "policy_statements", "single_bid_rate"}  # those reported without lag


def test_branches_inherit_the_nations_tender_target(published: Published) -> None:
    sources = {branch: published.scorecard("2024-03", 2023, branch)["single_bid_rate"] for branch in ("00", "02", "05")}
    found_sources = {branch: row.target_source for branch, row in sources.items()}
    assert found_sources == {"00": "submitted", "02": "uniform", "05": "uniform"}


@pytest.mark.parametrize(
    ("table", "as_of", "fiscal_year", "branch"),
    [("tottori_2024_11", "2024-11", 2024, "31"), ("tokyo_2025_06", "2025-06", 2025, "13")],
)
def test_each_kpi_has_its_own_month(
    published: Published, table: str, as_of: str, fiscal_year: int, branch: str
) -> None:
    rows = published.scorecard(as_of, fiscal_year, branch)
    lines = expected(table)
    assert list(rows) == [line["kpi_id"] for line in lines]  # and the order of the scorecard
    for line in lines:
        row = rows[line["kpi_id"]]
        wanted = {name: cell if name == "figure_as_of" else as_printed(cell) for name, cell in line.items()}
        assert found(row, line) == wanted
        assert row.figure_known_month == (as_of if row.figure_as_of else None)
        assert row.status == ("provisional" if row.figure_as_of else "")


def test_akita_contradicts_itself(published: Published) -> None:
    rows = published.scorecard("2025-06", 2025, "05")
    for line in expected("akita_2025_06"):
        row = rows[line["kpi_id"]]
        assert (row.outcome, row.reason) == (line["outcome"], line["reason"])
        assert (row.target, row.comparator, row.is_contradictory) == (None, "", True)
        assert row.target_text == line["registered"]
        assert line["registered"] in row.notes
    contradictory = {kpi_id for kpi_id, row in rows.items() if row.is_contradictory}
    assert contradictory == {line["kpi_id"] for line in expected("akita_2025_06")}


def test_nobody_else_contradicts_himself(published: Published) -> None:
    rows = scorecard_rows(published.database, as_of="2025-06")
    assert {(row.branch_code, row.fiscal_year) for row in rows if row.is_contradictory} == {("05", 2025)}


def test_tokyos_own_counts_are_named(published: Published) -> None:
    row = published.scorecard("2025-06", 2025, "13")["checkup_rate_dependants"]
    assert (row.numerator, row.denominator) == (17986, 520357)
    assert row.value_text == "3.4%"
    for figure in ("3.4%", "17,986", "520,357", "3.5%"):
        assert figure in row.notes


def test_what_checks_found_is_flagged_beside_its_kpi_and_nothing_else(published: Published) -> None:
    """Four flags in three years of published figures, each of them true; no analytical rule fires."""
    flags = {
        (row.fiscal_year, row.branch_code, row.kpi_id): row.flags.splitlines()
        for row in scorecard_rows(published.database, as_of="2025-06")
        if row.flags
    }
    sides = "「目標の以上・以下がKPIの良い方向と一致する」に合わない：KPI目標"
    agree = "「同じ年度・支部・KPIの目標が互いに矛盾しない」に合わない：KPI目標"
    fraction = "「報告された実績値が、自らの分子÷分母（表示桁で四捨五入）と一致する」に合わない：KPI実績報告2025-06"
    assert flags == {
        (2025, "05", "counter_receipt_rate"): [sides, agree],
        (2025, "05", "line_monthly_posts"): [agree],
        (2025, "13", "checkup_rate_dependants"): [fraction],
    }
    for month in ("2024-03", "2024-11"):
        assert not any(row.flags for row in scorecard_rows(published.database, as_of=month))
    rows = scorecard_rows(published.database, as_of="2025-06", fiscal_year=2025, branch="13")
    told = {record["kpi_id"]: record["flags"] for record in json.loads(kpi_report.to_json(rows))}
    assert {kpi_id: lines for kpi_id, lines in told.items() if lines} == {"checkup_rate_dependants": [fraction]}


def test_quarantine(published: Published) -> None:
    rows = rejected_rows(published.database)
    wanted = expected("quarantine")
    assert [{name: str(getattr(row, name)) for name in wanted[0]} for row in rows] == wanted
    assert all(row.advice for row in rows)


def test_every_line_is_accounted_for(published: Published) -> None:
    rows = ledger_rows(published.database)
    wanted = expected("ledger")
    counts = ("rows_read", "rows_loaded", "rows_rejected")
    assert [
        {"dataset": row.dataset, "folder": row.known_month, "file": row.file}
        | {name: str(getattr(row, name)) for name in counts}
        for row in rows
    ] == wanted
    rejected = Counter((row.dataset, row.known_month, row.file) for row in rejected_rows(published.database))
    for row in rows:
        assert row.status == "loaded"
        assert row.rows_read == row.rows_loaded + row.rows_rejected
        assert row.rows_rejected == rejected[(row.dataset, row.known_month, row.file)]
        assert row.origin == "published"


def test_months_and_years_published(published: Published) -> None:
    assert published_months(published.database) == ["2024-03", "2024-11", "2025-06"]
    assert fiscal_years_of(published.database, "2024-03") == [2023]
    assert fiscal_years_of(published.database, "2024-11") == [2023, 2024]
    assert fiscal_years_of(published.database, "2025-06") == [2023, 2024, 2025]


def test_no_run_failed_a_blocking_check(published: Published) -> None:
    assert [run.month for run in published.runs] == ["2024-03", "2024-11", "2025-06"]
    for run in published.runs:
        assert [failure for failure in run.failures if failure.is_error] == []
        assert run.rows_read == run.rows_loaded + run.rows_rejected


def test_the_report_of_kenpo_kpi_says_the_same(published: Published) -> None:
    rows = scorecard_rows(published.database, as_of="2025-06", fiscal_year=2025, branch="13")
    table = {line["kpi_id"]: line for line in expected("tokyo_2025_06")}
    from_csv = list(csv.DictReader(kpi_report.to_csv(rows).splitlines()))
    from_json = json.loads(kpi_report.to_json(rows))
    assert len(from_csv) == len(from_json) == len(table)
    for line, record in zip(from_csv, from_json, strict=True):
        wanted = table[line["kpi_id"]]
        assert (line["as_of"], line["outcome"]) == (wanted["figure_as_of"], wanted["outcome"])
        assert as_printed(line["value"]) == as_printed(wanted["value"])
        assert str(record["value"] if record["value"] is not None else "") == as_printed(wanted["value"])
        assert (record["ratio_to_target"] is None) == (wanted["ratio_to_target"] == "")
