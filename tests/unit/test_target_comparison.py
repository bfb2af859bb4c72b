"""新旧対照: what became of a target, worked out by hand for each case, and the workbook and page that show it."""

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet
from scorecard_samples import KPIS, many_branches, provenance, row, rows_2023, rows_tokyo

from kenpo_pipelines.catalogue.dictionary import CATALOGUE_DIRECTORY
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.scorecards import ScorecardError, ScorecardRow, target_words
from kenpo_pipelines.scorecards.pages.target_comparison_page import target_comparison_page
from kenpo_pipelines.scorecards.target_comparison import (
    BranchTargets,
    Change,
    TargetComparison,
    TargetLine,
    compare_targets,
)
from kenpo_pipelines.scorecards.target_comparison_files import file_names, write_target_comparison
from kenpo_pipelines.scorecards.target_comparison_workbook import write_target_comparison_workbook

CHECKUPS, VISITS, TENDERS, COVERAGE = (
    "checkup_rate_insured",
    "untreated_visit_rate_10m",
    "single_bid_rate",
    "committee_coverage_rate",
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(CATALOGUE_DIRECTORY)


def in_year(year: int, kpi_id: str, target: str, result: str = "-", /, **changes: Any) -> ScorecardRow:
    """東京's row of a year as of 2025-06; a result of 2024 is that of the year's end."""
    month = {} if result == "-" else {"figure_as_of": "2025-03" if year == 2024 else "2025-05"}
    return row(kpi_id, target, result, fiscal_year=year, **{**month, **changes})


def line_of(catalogue: Catalogue, kpi_id: str, *rows: ScorecardRow) -> tuple[TargetLine, list[str]]:
    """The KPI's line and its remarks. The other year is never wholly missing."""
    others = [in_year(year, "service_standard_attainment", "100", "100") for year in (2024, 2025)]
    comparison = compare_targets(catalogue, [*others, *rows])
    branch = comparison.branches[0]
    line = next(one for one in branch.lines if one.kpi.id == kpi_id)
    return line, target_words.remarks(line, branch, comparison)


def test_a_raised_target_is_changed_and_stricter(catalogue: Catalogue) -> None:
    """長野: 63.3 → 65.6 %, 2.3 points more; 65.6 is 4.4 above a result of 61.2."""
    line, remarks = line_of(
        catalogue, CHECKUPS, in_year(2024, CHECKUPS, "63.3", "61.2"), in_year(2025, CHECKUPS, "65.6")
    )
    assert (line.change, line.difference, line.is_stricter) == (Change.CHANGED, Decimal("2.3"), True)
    assert (line.distance, line.comparability.is_comparable) == (Decimal("4.4"), True)
    assert line.last is not None and (line.last.text, line.last.month) == ("61.2%", "2025-03")
    assert target_words.change_lines(line) == ["変更", "より厳しい"]
    assert target_words.difference_text(line.difference, line.shown) == "+2.3ポイント"
    assert remarks == []


def test_less_is_stricter_where_less_is_better(catalogue: Catalogue) -> None:
    """20 → 15 % of single-bid tenders (FY2023 → FY2024)."""
    line, _ = line_of(catalogue, TENDERS, in_year(2024, TENDERS, "20"), in_year(2025, TENDERS, "15"))
    assert (line.change, line.difference, line.is_stricter) == (Change.CHANGED, Decimal("-5.0"), True)
    assert target_words.difference_text(line.difference, line.shown) == "−5.0ポイント"


def test_a_lowered_target_is_no_error(catalogue: Catalogue) -> None:
    """長野's guidance of dependants: 28.1 → 24.0 %."""
    kpi_id = "guidance_rate_dependants"
    line, _ = line_of(catalogue, kpi_id, in_year(2024, kpi_id, "28.1"), in_year(2025, kpi_id, "24.0"))
    assert (line.change, line.difference, line.is_stricter) == (Change.CHANGED, Decimal("-4.1"), False)
    assert target_words.change_lines(line) == ["変更", "より緩い"]


def test_the_same_number_is_kept(catalogue: Catalogue) -> None:
    line, _ = line_of(catalogue, CHECKUPS, in_year(2024, CHECKUPS, "61.8"), in_year(2025, CHECKUPS, "61.8"))
    assert (line.change, line.difference, line.is_stricter) == (Change.KEPT, Decimal(0), None)
    assert target_words.difference_text(line.difference, line.shown) == "±0"


def test_targets_are_compared_as_printed(catalogue: Catalogue) -> None:
    """東京 prints 41.0 as 41.00 with the precision of its results: 41.0 of one year is 41.00 of the next."""
    old = in_year(2024, COVERAGE, "41.0")
    new = in_year(2025, COVERAGE, "41.00", precision=2)
    line, _ = line_of(catalogue, COVERAGE, old, new)
    assert (line.change, line.difference) == (Change.KEPT, Decimal(0))


def test_another_unit_has_no_difference(catalogue: Catalogue) -> None:
    kpi_id = "committee_offices"
    line, _ = line_of(catalogue, kpi_id, in_year(2024, kpi_id, "100"), in_year(2025, kpi_id, "90", unit="社"))
    assert (line.change, line.difference, line.is_stricter) == (Change.CHANGED, None, None)


def test_a_prior_year_rule_goes_on_while_a_value_is_open(catalogue: Catalogue) -> None:
    """長野 registers 35.4 for 対前年度以上 in 2024, and 対前年度以上 alone in 2025."""
    open_one = in_year(2025, VISITS, "-", target_text="対前年度以上")
    line, remarks = line_of(catalogue, VISITS, in_year(2024, VISITS, "35.4"), open_one)
    assert (line.change, line.difference) == (Change.KEPT, None)
    assert remarks == ["前年度実績が目標（令和７年度は未定）"]
    _, remarks = line_of(catalogue, VISITS, replace(open_one, fiscal_year=2024), open_one)
    assert remarks == ["前年度実績が目標（両年度とも未定）"]


def test_a_target_hidden_from_the_public_is_not_told_as_open(catalogue: Catalogue) -> None:
    """The public edition shows ＊ for a prior year's result that counts few persons, and for the target that is that result."""
    hidden = in_year(2025, VISITS, "-", target_text="＊", target_source="prior_year")
    old = in_year(2024, VISITS, "35.4", "-", value_text="＊")
    line, remarks = line_of(catalogue, VISITS, old, hidden)
    assert (line.change, line.difference, line.distance) == (Change.KEPT, None, None)
    assert line.last is not None and (line.last.text, line.last.value) == ("＊", None)
    assert remarks == ["前年度実績が目標"]


def test_a_prior_year_rule_with_two_values_is_changed(catalogue: Catalogue) -> None:
    old, new = in_year(2024, VISITS, "32.1", "33.0"), in_year(2025, VISITS, "33.0", target_source="prior_year")
    line, remarks = line_of(catalogue, VISITS, old, new)
    assert (line.change, line.difference, line.distance) == (Change.CHANGED, Decimal("0.9"), Decimal("0.0"))
    assert remarks == ["前年度実績が目標"]


def test_a_number_that_becomes_a_rule_is_changed(catalogue: Catalogue) -> None:
    new = in_year(2025, CHECKUPS, "-", target_text="対前年度以上")
    line, remarks = line_of(catalogue, CHECKUPS, in_year(2024, CHECKUPS, "63.3"), new)
    assert (line.change, line.difference) == (Change.CHANGED, None)
    assert remarks == ["目標の定め方が変わりました（数値から前年度実績へ）"]
    line, remarks = line_of(catalogue, CHECKUPS, replace(new, fiscal_year=2024), in_year(2025, CHECKUPS, "63.3"))
    assert (line.change, line.difference) == (Change.CHANGED, None)
    assert remarks == ["目標の定め方が変わりました（前年度実績から数値へ）"]


@pytest.mark.parametrize(
    ("old", "new", "remark"),
    [
        (None, in_year(2025, CHECKUPS, "63.1"), "令和６年度の目標は公表されていません"),
        (in_year(2024, CHECKUPS, "-"), in_year(2025, CHECKUPS, "63.1"), "令和６年度の目標が登録されていません"),
        (in_year(2024, CHECKUPS, "63.1"), in_year(2025, CHECKUPS, "-"), "令和７年度の目標が登録されていません"),
        (
            in_year(2024, CHECKUPS, "63.1"),
            in_year(2025, CHECKUPS, "-", target_text="63.1%以上／63.1%以下", comparator=""),
            "令和７年度の登録された目標が矛盾しています",
        ),
    ],
)
def test_what_is_missing_is_said_and_not_filled_in(
    catalogue: Catalogue, old: ScorecardRow | None, new: ScorecardRow, remark: str
) -> None:
    line, remarks = line_of(catalogue, CHECKUPS, *[one for one in (old, new) if one])
    assert (line.change, line.difference, line.is_stricter) == (Change.UNKNOWN, None, None)
    assert remarks == [remark]


def test_new_and_ended_kpis_name_each_other_and_are_not_compared(catalogue: Catalogue) -> None:
    rows = in_year(2024, "postal_rate", "96.0", "95.5"), in_year(2025, "counter_receipt_rate", "1.9")
    ended, of_ended = line_of(catalogue, "postal_rate", *rows)
    begun, of_begun = line_of(catalogue, "counter_receipt_rate", *rows)
    assert (ended.change, begun.change) == (Change.ENDED, Change.NEW)
    assert (ended.comparability.is_comparable, begun.comparability.is_comparable) == (False, False)
    assert ended.last is not None and ended.last.text == "95.5%"
    assert (begun.difference, begun.distance, ended.difference, ended.distance) == (None, None, None, None)
    reason = "郵送で受け付けた割合と窓口で受け付けた割合は別のものです"
    assert of_ended == ["後継：現金給付等の申請書類に係る窓口での受付率", reason]
    assert of_begun == ["前身：現金給付等の申請に係る郵送化率", reason]


def test_a_kpi_that_ended_in_mid_year_says_when(catalogue: Catalogue) -> None:
    kpi_id = "insurance_card_recovery_rate"
    line, remarks = line_of(catalogue, kpi_id, in_year(2024, kpi_id, "85.40"))
    assert (line.change, line.comparability.is_comparable, line.ended_in) == (Change.ENDED, None, "2024-11")
    assert remarks == ["令和６年１１月で終了"]


def test_a_new_kpi_without_predecessor_has_nothing_to_compare_with(catalogue: Catalogue) -> None:
    line, remarks = line_of(catalogue, "service_standard_days", in_year(2025, "service_standard_days", "7"))
    assert (line.change, line.comparability.is_comparable, remarks) == (Change.NEW, None, [])


def test_a_redefined_kpi_is_changed_and_has_no_difference(catalogue: Catalogue) -> None:
    """健康宣言事業所数 was redefined in 2024: 1,550 and 1,780 count different things."""
    kpi_id = "health_declaration_offices"
    rows = [
        row(kpi_id, "1550", "1631", as_of="2024-11", fiscal_year=2023, figure_as_of="2024-03"),
        row(kpi_id, "1780", "-", as_of="2024-11", fiscal_year=2024),
    ]
    comparison = compare_targets(catalogue, rows)
    line = next(one for one in comparison.branches[0].lines if one.kpi.id == kpi_id)
    assert (line.change, line.is_redefined, line.comparability.is_comparable) == (Change.CHANGED, True, False)
    assert (line.difference, line.is_stricter, line.distance) == (None, None, None)
    assert line.last is not None and line.last.text == "1,631事業所"
    assert target_words.remarks(line, comparison.branches[0], comparison) == [
        "令和６年度に健康宣言事業所の数え方が変わりました"
    ]


def test_a_result_of_mid_year_is_shown_with_its_month_and_not_subtracted(catalogue: Catalogue) -> None:
    """鳥取: 28.8 % in September against 65.0 % for a year says nothing."""
    old = in_year(2024, CHECKUPS, "62.8", "28.8", figure_as_of="2024-09")
    line, remarks = line_of(catalogue, CHECKUPS, old, in_year(2025, CHECKUPS, "65.0"))
    assert (line.difference, line.distance) == (Decimal("2.2"), None)
    assert line.last is not None and line.last.text == "28.8%"
    assert remarks == ["実績は令和６年９月時点"]


def test_what_the_judgement_noted_about_a_target_is_passed_on(catalogue: Catalogue) -> None:
    note = "登録された目標が全国一律の目標（18.0%）と異なります\n報告値3.4%が件数と一致しません"
    old, new = in_year(2024, TENDERS, "21", notes=note), in_year(2025, TENDERS, "21")
    _, remarks = line_of(catalogue, TENDERS, old, new)
    assert remarks == ["※ 令和６年度：登録された目標が全国一律の目標（18.0%）と異なります"]


def test_a_year_without_any_row_is_said_once(catalogue: Catalogue) -> None:
    """秋田 has no targets of 2024: KPIs begin and end by the catalogue, of the others nothing is known."""
    rows = [replace(one, branch_code="05", branch="秋田支部") for one in rows_tokyo() if one.fiscal_year == 2025]
    comparison = compare_targets(catalogue, rows)
    (branch,) = comparison.branches
    assert (branch.has_old, branch.has_new) == (False, True)
    assert target_words.notices(branch, comparison) == ["令和６年度の目標と実績は、秋田支部の分が公表されていません。"]
    assert branch.counts == {Change.NEW: 4, Change.CHANGED: 0, Change.KEPT: 0, Change.ENDED: 2, Change.UNKNOWN: 17}
    for line in branch.lines:
        assert not any("令和６年度の目標" in text for text in target_words.remarks(line, branch, comparison))
    assert "北海道支部" in target_words.left_out(comparison) and "秋田支部" not in target_words.left_out(comparison)


def test_every_kpi_of_either_year_stands_once_and_in_order(catalogue: Catalogue) -> None:
    (branch,) = compare_targets(catalogue, rows_tokyo()).branches
    ids = [line.kpi.id for line in branch.lines]
    either = {kpi.id for year in (2024, 2025) for kpi in catalogue.in_force(year, "13")}
    assert set(ids) == either and len(ids) == len(either) == 21
    assert [line.kpi.order for line in branch.lines] == sorted(line.kpi.order for line in branch.lines)
    assert list(branch.by_group) == ["基盤的保険者機能", "戦略的保険者機能", "組織・運営体制"]
    assert sum(branch.counts.values()) == 21


def test_the_first_judged_year_has_nothing_before_it(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(ScorecardError, match="fiscal year 2022 has no KPIs to compare those of 2023 with"):
        compare_targets(catalogue, rows_2023())
    assert write_target_comparison(rows_2023(), tmp_path, catalogue, "2024-03", provenance("2024-03")) == []
    assert list(tmp_path.iterdir()) == []


def test_rows_of_other_years_alone_make_no_file(catalogue: Catalogue, tmp_path: Path) -> None:
    assert write_target_comparison(rows_2023("2025-06"), tmp_path, catalogue, "2025-06", provenance()) == []


tenths = st.integers(0, 1000).map(lambda number: str(Decimal(number) / 10))


@given(tenths, tenths)
def test_back_and_forth_the_difference_turns_round(catalogue: Catalogue, one: str, other: str) -> None:
    there, _ = line_of(catalogue, CHECKUPS, in_year(2024, CHECKUPS, one), in_year(2025, CHECKUPS, other))
    back, _ = line_of(catalogue, CHECKUPS, in_year(2024, CHECKUPS, other), in_year(2025, CHECKUPS, one))
    assert there.difference is not None and back.difference is not None
    assert there.difference == -back.difference == Decimal(other) - Decimal(one)
    assert there.change is back.change is (Change.KEPT if Decimal(one) == Decimal(other) else Change.CHANGED)
    if there.difference:
        assert there.is_stricter is (not back.is_stricter) is (there.difference > 0)


# --- workbook and page


def tokyo(catalogue: Catalogue) -> TargetComparison:
    """東京 with one target of 2024 that changed."""
    rows = [
        replace(one, target=Decimal("62.0"), target_text="62.0%以上", comparator=">=")
        if (one.fiscal_year, one.kpi_id) == (2024, CHECKUPS)
        else one
        for one in rows_tokyo()
    ]
    return compare_targets(catalogue, rows)


def sheet_rows(sheet: Worksheet) -> dict[str, list[Any]]:
    return {str(cells[0].value): list(cells) for cells in sheet.iter_rows() if cells[0].value}


def test_workbook_holds_numbers_with_their_words(catalogue: Catalogue, tmp_path: Path) -> None:
    path = write_target_comparison_workbook(tmp_path / "targets.xlsx", tokyo(catalogue), provenance())
    workbook = openpyxl.load_workbook(path)
    assert workbook.sheetnames == ["目次", "13 東京", "出典・来歴"]
    sheet = workbook["13 東京"]
    assert sheet["A1"].value == "東京支部　新旧対照　令和６年度 → 令和７年度 KPI目標（令和７年６月時点）"
    heads = [str(cell.value).replace("\n", "") for cell in sheet[5]]
    assert heads[:6] == ["KPI指標", "区分", "令和６年度目標", "令和７年度目標", "目標の増減", "（参考）令和６年度実績"]
    found = sheet_rows(sheet)["生活習慣病予防健診実施率"]
    assert [cell.value for cell in found[1:8]] == ["変更 より厳しい", 62, 63.1, 1.1, 57.2, "― 判定不能", 5.9]
    assert found[3].number_format.startswith('0.0"%以上"')
    assert found[4].number_format == '"+"#,##0.0"ポイント"_0_0;"−"#,##0.0"ポイント"_0_0;"±0"'
    new = sheet_rows(sheet)["サービススタンダードの平均所要日数"]
    assert [cell.value for cell in new[1:9]] == ["新規", "―", 7, "―", "―", "―", "―", "―"]


def test_index_counts_and_leads_to_each_sheet_and_back(catalogue: Catalogue, tmp_path: Path) -> None:
    path = write_target_comparison_workbook(tmp_path / "targets.xlsx", tokyo(catalogue), provenance())
    workbook = openpyxl.load_workbook(path)
    index = workbook["目次"]
    assert [cell.value for cell in index[5][:8]] == ["東京支部", 4, 1, 1, 0, 0, 2, 14]
    links = {
        (sheet.title, cell.value): cell.hyperlink.location
        for sheet in workbook
        for cells in sheet.iter_rows()
        for cell in cells
        if cell.hyperlink is not None
    }
    assert links == {("目次", "東京支部"): "'13 東京'!A1", ("13 東京", "← 目次"): "'目次'!A1"}


def test_every_branch_has_a_sheet_one_page_wide(catalogue: Catalogue, tmp_path: Path) -> None:
    rows = [
        replace(one, as_of="2024-11", fiscal_year=year, branch=f"第{one.branch_code}支部")
        for one in many_branches(rows_2023("2024-11"))
        if catalogue.version(one.kpi_id, 2024) is not None
        for year in (2023, 2024)
    ]
    comparison = compare_targets(catalogue, rows)
    when = provenance("2024-11")
    path = write_target_comparison_workbook(tmp_path / "targets.xlsx", comparison, when)
    workbook = openpyxl.load_workbook(path)
    assert len(workbook.sheetnames) == 1 + 48 + 1
    assert workbook.sheetnames[1:3] == ["00 協会全体", "01 北海道"]
    for name in workbook.sheetnames[1:-1]:
        sheet = workbook[name]
        assert (sheet.page_setup.fitToWidth, sheet.print_title_rows) == (1, "$1:$5"), name
    assert len(target_comparison_page(comparison, when)) < 2_000_000


def test_a_branch_with_both_years_prints_on_one_page(catalogue: Catalogue, tmp_path: Path) -> None:
    new = [one for one in rows_tokyo() if one.fiscal_year == 2025]
    old = [
        replace(one, fiscal_year=2024, figure_as_of=one.figure_as_of and "2025-03")
        for one in new
        if catalogue.version(one.kpi_id, 2024) is not None
    ]
    path = write_target_comparison_workbook(tmp_path / "t.xlsx", compare_targets(catalogue, [*old, *new]), provenance())
    assert openpyxl.load_workbook(path)["13 東京"].page_setup.fitToHeight == 1


def test_same_input_same_bytes(catalogue: Catalogue, tmp_path: Path) -> None:
    first, second = (
        write_target_comparison(rows_tokyo(), tmp_path / name, catalogue, "2025-06", provenance()) for name in "ab"
    )
    assert (
        [path.name for path in first]
        == list(file_names("2025-06"))
        == ["targets_2024_2025.xlsx", "targets_2024_2025.html"]
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("write", ["workbook", "page"])
def test_another_months_provenance_is_refused(catalogue: Catalogue, tmp_path: Path, write: str) -> None:
    with pytest.raises(ScorecardError, match="targets are as of 2025-06, the provenance as of 2025-05"):
        if write == "page":
            target_comparison_page(tokyo(catalogue), provenance("2025-05"))
        else:
            write_target_comparison_workbook(tmp_path / "t.xlsx", tokyo(catalogue), provenance("2025-05"))


@pytest.mark.parametrize("write", ["workbook", "page"])
def test_a_comparison_of_no_branch_is_refused(catalogue: Catalogue, tmp_path: Path, write: str) -> None:
    empty = replace(tokyo(catalogue), branches=())
    with pytest.raises(ScorecardError, match="no branch has published targets of 2024 or 2025"):
        if write == "page":
            target_comparison_page(empty, provenance())
        else:
            write_target_comparison_workbook(tmp_path / "t.xlsx", empty, provenance())


HOSTILE = "=cmd|' /C calc'!A0<script>alert(1)</script>\"&"


def hostile(catalogue: Catalogue) -> TargetComparison:
    """A comparison with hostile text in every place that takes text."""
    rows = [
        replace(one, target=None, target_text=HOSTILE, value=None, value_text=HOSTILE, notes=f"目標 {HOSTILE}")
        for one in rows_tokyo()
    ]
    comparison = compare_targets(catalogue, rows)
    (branch,) = comparison.branches
    lines = tuple(
        replace(
            line,
            kpi=line.kpi.model_copy(
                update={"names": line.kpi.names.model_copy(update={"ja": HOSTILE}), "group": HOSTILE}
            ),
            relative=HOSTILE,
            comparability=replace(line.comparability, is_comparable=False, reason=HOSTILE),
        )
        for line in branch.lines
    )
    named: BranchTargets = replace(branch, branch=HOSTILE, lines=lines, has_old=True)
    return replace(comparison, branches=(named, replace(named, branch_code="14", has_old=False)), left_out=(HOSTILE,))


def test_hostile_text_stays_text_in_cells(catalogue: Catalogue, tmp_path: Path) -> None:
    path = write_target_comparison_workbook(tmp_path / "targets.xlsx", hostile(catalogue), provenance())
    workbook = openpyxl.load_workbook(path)
    cells = [cell for sheet in workbook for cells in sheet.iter_rows() for cell in cells if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    starting = [cell for cell in cells if str(cell.value).startswith("=")]
    assert len(starting) > 40 and all(cell.quotePrefix for cell in starting)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_hostile_text_stays_text_on_the_page(catalogue: Catalogue) -> None:
    page = target_comparison_page(hostile(catalogue), provenance()).decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") > 40
    tags = _Tags()
    tags.feed(page)
    assert tags.tags.count("script") == 1
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)


def test_page_shows_what_the_workbook_shows(catalogue: Catalogue) -> None:
    page = target_comparison_page(tokyo(catalogue), provenance()).decode()
    assert page.count("<details") == 1 and '<a href="#b13">東京支部</a>' in page
    rows = re.split(r"<tr>", page)
    (checkups,) = [one for one in rows if '<th scope="row">生活習慣病予防健診実施率</th>' in one]
    for text in ("変更", "より厳しい", "62.0%以上", "63.1%以上", "+1.1ポイント", "57.2%", "+5.9ポイント"):
        assert text in checkups
    for name, *_ in (KPIS[one.kpi.id] for one in tokyo(catalogue).branches[0].lines if one.kpi.id == TENDERS):
        assert f'<th scope="row">{name}</th>' in page


def test_a_synthetic_month_says_so_on_both(catalogue: Catalogue, tmp_path: Path) -> None:
    synthetic = provenance(origins=("synthetic",), written_at=dt.datetime(2025, 7, 1, tzinfo=dt.UTC))
    page = target_comparison_page(tokyo(catalogue), synthetic).decode()
    assert '<p class="banner synthetic">【合成データ】' in page
    path = write_target_comparison_workbook(tmp_path / "targets.xlsx", tokyo(catalogue), synthetic)
    for sheet in openpyxl.load_workbook(path):
        assert str(sheet["A2"].value).startswith("【合成データ】")
