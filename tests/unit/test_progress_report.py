"""The progress report as a whole, its workbook and its page: figures, words, and text that must stay text."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from progress_samples import activity, initiative, mark, point, provenance, report_of, tokyo_rows
from submission_files import catalogue

from kenpo_pipelines.scorecards import ScorecardError
from kenpo_pipelines.scorecards.progress import progress_name, progress_page, write_progress_workbook
from kenpo_pipelines.scorecards.progress.budgets import Amounts
from kenpo_pipelines.scorecards.progress.model import ProgressReport

HOSTILE = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"


def full_report() -> ProgressReport:
    return report_of(
        initiatives=[
            initiative(
                "広報誌",
                line_order=1,
                budget_yen=Decimal(12_573_000),
                executed_yen=Decimal(12_980_000),
                status="契約済み",
            ),
            initiative("ラジオ", line_order=2, budget_yen=None, prior_budget_yen=None),
            initiative("計", line_order=3, is_sum=True, budget_yen=Decimal(99)),
            initiative("健診", line_order=4, area="保健事業", budget_yen=Decimal(27_000), executed_yen=Decimal(7_000)),
        ],
        activities=[
            activity("2025-05", 282),
            activity("2025-06", 8, item="見学", line_order=2, unit="社", basis="unstated"),
            activity("2025-04", 327, item="契約機関総数", line_order=3, unit="機関", basis="level"),
        ],
        marks=[mark("ラジオ", mark="×", reason="放送枠が取れなかったため")],
        series=[point("employer_checkup_data_rate", "2025-05", "0.1", numerator="1541")],
    )


def test_groups_are_added_up_and_printed_sums_are_not() -> None:
    report = full_report()
    first, second = report.initiative_groups
    assert [line.initiative for line in first.lines] == ["広報誌", "ラジオ"]
    assert first.total == Amounts(Decimal(12_573_000), Decimal(12_980_000), Decimal(900))
    assert [printed.name for printed in first.printed_sums] == ["計"]
    assert second.total == Amounts(Decimal(27_000), Decimal(7_000), Decimal(900))
    assert report.total == Amounts(Decimal(12_600_000), Decimal(12_987_000), Decimal(1_800))
    assert str(report.total.execution_pct) == "103.1"


def test_counts_of_a_rate_are_split_by_quarter_and_a_state_is_shown() -> None:
    series = [
        point("employer_checkup_data_rate", "2025-06", "0.2", numerator="2000"),
        point("employer_checkup_data_rate", "2025-07", "0.3", numerator="2600"),
        point("committee_offices", "2025-05", "12978"),
        point("service_standard_days", "2025-04", "6.18", numerator="100"),
    ]
    rows = tokyo_rows(service_standard_days={"kind": "mean"})
    lines = {line.row.kpi_id: line for line in report_of(series=series, rows=rows).kpi_lines}
    data = lines["employer_checkup_data_rate"]
    assert [quarter.value for quarter in data.quarters][:2] == [Decimal(2000), Decimal(600)]
    assert (data.quarters[1].until, data.quarter_unit, data.is_level) == ("2025-07", "", False)
    offices = lines["committee_offices"]
    assert (offices.quarters[0].value, offices.is_level, offices.quarter_unit) == (Decimal(12978), True, "社")
    days = lines["service_standard_days"]  # the sum of days is no count that says anything
    assert (days.quarters[0].value, days.is_level, days.quarter_unit) == (Decimal("6.18"), True, "日")


def test_other_branches_do_not_get_into_the_report() -> None:
    report = report_of(
        initiatives=[initiative(branch_code="20")], activities=[activity("2025-05", 1, branch_code="20")],
        series=[replace(point("employer_checkup_data_rate", "2025-05", "0.1", numerator="9"), branch_code="20")],
    )  # fmt: skip
    assert (report.initiative_groups, report.activity_groups) == ((), ())
    assert all(quarter.value is None for line in report.kpi_lines for quarter in line.quarters)


def test_rows_of_two_branches_or_none_are_no_report() -> None:
    with pytest.raises(ScorecardError, match="more than one branch"):
        report_of(rows=[*tokyo_rows(), replace(tokyo_rows()[0], branch_code="20")])
    with pytest.raises(ScorecardError, match="no rows"):
        report_of(rows=[])


def test_what_a_count_covers_is_what_its_newest_month_says() -> None:
    report = report_of(
        activities=[
            activity("2025-04", 2, basis="month"), activity("2025-06", 3, basis="month"),
            activity("2025-04", None, item="集計中", line_order=2),
        ]
    )  # fmt: skip
    visits, pending = report.activity_lines
    assert (visits.quarters[0].value, visits.total, visits.total_as_of) == (Decimal(5), Decimal(5), "2025-06")
    assert (pending.total, pending.total_as_of, pending.quarters[0].value) == (None, "", None)


# --- workbook ---


def reopened(path: Path, report: ProgressReport) -> Any:
    return load_workbook(write_progress_workbook(path / "progress.xlsx", report, provenance()))


def lines(sheet: Any) -> dict[Any, list[Any]]:
    return {cells[0].value: list(cells) for cells in sheet.iter_rows(min_row=5)}


def test_the_workbook_has_the_figures_as_numbers(tmp_path: Path) -> None:
    book = reopened(tmp_path, full_report())
    assert book.sheetnames == ["KPI・進捗", "取組件数", "事業予算・執行", "出典・来歴"]
    budget = lines(book["事業予算・執行"])
    over = budget["広報誌"]
    assert [over[column].value for column in (1, 2, 5)] == [12_573_000, 12_980_000, 900]
    assert (over[3].value, over[3].number_format) == (103.2, '"予算超過 "0.0"%"')
    assert [cell.value for cell in budget["ラジオ"]][1:6] == ["―", "―", "―", "未着手", "―"]
    assert budget["ラジオ"][6].value == "× 未達・未実施\n注1"
    assert [cell.value for cell in budget["合計"]][1:4] == [12_600_000, 12_987_000, 103.1]
    assert any("放送枠が取れなかったため（記入：企画総務グループ長）" in str(name) for name in budget)
    counts = lines(book["取組件数"])
    assert (counts["訪問"][1].value, counts["訪問"][1].number_format) == (282, '#,##0"件（５月分まで）"')
    kpis = lines(book["KPI・進捗"])
    data = kpis["事業者健診データ取得率"]
    assert (data[4].value, data[4].number_format) == (1541, '#,##0"（５月分まで）"')
    assert data[2].number_format == '0.0"%（５月時点）"_0_0'


def test_a_branch_without_initiatives_has_no_sheet_of_them(tmp_path: Path) -> None:
    book = reopened(tmp_path, report_of(activities=[activity("2025-05", 1)]))
    assert book.sheetnames == ["KPI・進捗", "取組件数", "出典・来歴"]


def test_the_same_report_makes_the_same_bytes(tmp_path: Path) -> None:
    one, other = (
        write_progress_workbook(tmp_path / name, full_report(), provenance()) for name in ("a.xlsx", "b.xlsx")
    )
    assert one.read_bytes() == other.read_bytes()
    assert progress_page(full_report(), provenance()) == progress_page(full_report(), provenance())


def hostile_report() -> ProgressReport:
    return report_of(
        initiatives=[initiative(FORMULA, area=HOSTILE, source_document=HOSTILE)],
        activities=[activity("2025-05", 1, item=HOSTILE, unit=FORMULA)],
        marks=[mark(FORMULA, area=HOSTILE, author=HOSTILE, reason=HOSTILE), mark(HOSTILE, author=FORMULA)],
    )


def test_text_of_submissions_stays_text(tmp_path: Path) -> None:
    book = reopened(tmp_path, hostile_report())
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert any(cell.value == FORMULA and cell.quotePrefix for cell in cells)
    page = progress_page(hostile_report(), provenance()).decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


# --- page ---


def test_the_page_shows_what_the_workbook_shows() -> None:
    page = progress_page(full_report(), provenance()).decode()
    for text in (
        "東京支部　令和７年度事業実施状況（令和７年６月時点）",
        "103.2% 予算超過",
        "12,980,000",
        "（５月分まで）",
        "（資料の計）計",
        "327機関",
        "見学＊",
        "注1　ラジオ：×（算定では―）　理由：放送枠が取れなかったため（記入：企画総務グループ長）",
        "1,541",
        "合計",
        "調達中は○（１月からは△）。未着手は―（１０月からは△、３月は×）。",
    ):
        assert text in page
    assert 'id="note-1"' in page
    assert 'href="#note-1"' in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_plan_says_that_it_is_one() -> None:
    report = report_of(initiatives=[initiative(figure_as_of=None)])
    assert "事業計画（執行前）" in progress_page(report, provenance()).decode()


def test_a_given_mark_tells_what_the_data_proposed() -> None:
    page = progress_page(report_of(marks=[mark("事業者健診データ取得率")]), provenance()).decode()
    assert "提出された評価（注1）。算定では―：前年度の月ごとの実績がそろわないため" in page


def test_unused_marks_are_shown_to_the_reader() -> None:
    page = progress_page(report_of(marks=[mark("知らない取組")]), provenance()).decode()
    assert "使っていない評価：知らない取組（△、記入：企画総務グループ長）　対象が見つかりません" in page


def test_files_are_named_in_ascii() -> None:
    assert progress_name(catalogue(), "13", "2025-06") == "progress_2025-06_13_tokyo"
    assert progress_name(catalogue(), "00", "2025-06") == "progress_2025-06_00_nation"
