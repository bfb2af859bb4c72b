"""東京's 事業実施状況 of June 2025 from the published files, through the real pipeline, against figures added up by hand.

Sums by field were added up from the published CSV with a calculator; 執行率 is executed ÷ budget of the same line.
"""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook
from published_months import Published

from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.scorecards import Provenance
from kenpo_pipelines.scorecards.progress import ProgressReport, progress_report, write_progress
from kenpo_pipelines.serving.progress_queries import activity_rows, initiative_rows, mark_rows
from kenpo_pipelines.serving.queries import ledger_rows, publication, scorecard_rows
from kenpo_pipelines.serving.series import series_points
from kenpo_pipelines.settings import CHECKOUT

MONTH = "2025-06"
CATALOGUE = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
LINE = "LINEを活用した加入者への理解度促進等に向けた情報発信"

# 分野: budget, executed, execution rate, budget of the year before (円)
TOKYO = {
    "健診事業関連予算①": (43_941_000, 3_670_836, "8.4", 41_606_000),
    "健診事業関連予算②": (68_016_000, 468_414, "0.7", 36_214_000),
    "健診事業関連予算④": (143_807_000, None, None, 133_931_000),
    "特定保健指導関連予算①": (13_673_000, None, None, 9_994_000),
    "特定保健指導関連予算②": (52_065_000, 420_000, "0.8", 76_905_000),
    "特定保健指導関連予算④": (818_000, None, None, 818_000),
    "重症化予防関連予算": (63_305_000, 8_912_200, "14.1", 70_921_000),
    "コラボヘルス関連予算①": (19_485_000, None, None, 8_436_000),
    "コラボヘルス関連予算②": (11_956_000, None, None, 16_134_000),
    "医療費適正化関連予算": (13_578_000, None, None, None),
    "広報関連予算": (93_397_000, 39_334_776, "42.1", 72_643_000),
}
TOKYO_ALL = (524_041_000, 52_806_226, "10.1", 467_602_000)
RATES = {
    "島しょ部における集団健診": "22.7",
    "事務経費 健診実施機関実地指導旅費": "42.2",
    "未治療者に対する支部での二次勧奨": "59.3",
    "その他の重症化予防対策": "45.2",
    "納入告知書同封チラシの印刷等": "70.5",
    LINE: "103.2",
    "ラジオ広報番組": "49.4",
    "協会けんぽパートナーズサイトを活用した情報発信": "28.2",
}


@pytest.fixture(scope="module")
def reports(published: Published) -> dict[str, ProgressReport]:
    """The reports of June 2025 by branch."""
    engine = published.database
    rows = [row for row in scorecard_rows(engine, MONTH) if row.as_of == MONTH]
    sources = initiative_rows(engine, MONTH), activity_rows(engine, MONTH), mark_rows(engine, MONTH)
    series = series_points(engine, MONTH)
    return {
        code: progress_report([row for row in rows if row.branch_code == code], *sources, series, CATALOGUE)
        for code in ("00", "13", "20")
    }


def amounts(of: object) -> tuple[int | None, int | None, str | None, int | None]:
    """budget, executed, rate, prior of an ``Amounts``."""
    told = [getattr(of, name) for name in ("budget_yen", "executed_yen", "prior_budget_yen")]
    budget, executed, prior = (None if amount is None else int(amount) for amount in told)
    rate = getattr(of, "execution_pct", None)
    return budget, executed, None if rate is None else str(rate), prior


def test_tokyo_by_field_and_in_all(reports: dict[str, ProgressReport]) -> None:
    tokyo = reports["13"]
    assert {group.name: amounts(group.total) for group in tokyo.initiative_groups} == TOKYO
    assert amounts(tokyo.total) == TOKYO_ALL
    assert tokyo.initiatives_as_of == MONTH
    assert len(list(tokyo.initiative_lines)) == 37


def test_tokyo_rates_of_execution(reports: dict[str, ProgressReport]) -> None:
    lines = list(reports["13"].initiative_lines)
    found = {line.initiative: line.amounts for line in lines}
    assert {name: str(found[name].execution_pct) for name in RATES} == RATES
    assert [name for name, of in found.items() if of.is_over_budget] == [LINE]
    assert sum(line.amounts.execution_pct is not None for line in lines) == 10


def test_tokyo_statuses_and_proposed_marks(reports: dict[str, ProgressReport]) -> None:
    lines = list(reports["13"].initiative_lines)
    by_status = {
        status: [line.mark.mark for line in lines if line.status == status]
        for status in ("未着手", "調達中", "契約済み", "―")
    }
    assert {status: (len(marks), set(marks)) for status, marks in by_status.items()} == {
        "未着手": (25, {"―"}), "調達中": (2, {"○"}), "契約済み": (7, {"○"}), "―": (3, {"○"}),
    }  # fmt: skip


def test_tokyo_activities(reports: dict[str, ProgressReport]) -> None:
    lines = {line.item: line for line in reports["13"].activity_lines}
    assert len(lines) == 23

    def first(item: str) -> tuple[Decimal | None, str, str]:
        quarter = lines[item].quarters[0]
        return quarter.value, quarter.until, lines[item].unit

    assert first("併給調整実施件数 障害厚生年金") == (Decimal(282), "2025-05", "件")
    assert first("調査件数 出産手当金") == (Decimal(0), "2025-05", "件")
    assert first("事業所訪問（保健事業の一層の推進）") == (Decimal(25), "", "事業所")
    assert first("二次勧奨 実施件数") == (Decimal(4097), "", "件")
    assert first("生活習慣病予防健診 契約機関総数") == (Decimal(327), "2025-04", "機関")
    assert {item for item, line in lines.items() if line.is_level} == {
        "生活習慣病予防健診 契約機関総数", "健診結果提供契約 契約機関総数", "島しょ部健診 八丈島 対象者数（受診者数は集計中）",
        "島しょ部健診 神津島 対象者数（受診者数は集計中）", "江戸川区 がん検診・特定健診同時実施 予約枠",
        "江戸川区 がん検診・特定健診同時実施 拡大後枠",
    }  # fmt: skip
    assert all(quarter.value is None for line in lines.values() for quarter in line.quarters[1:])


def test_tokyo_kpis_as_printed(reports: dict[str, ProgressReport]) -> None:
    lines = {line.row.kpi_id: line for line in reports["13"].kpi_lines}
    data = lines["employer_checkup_data_rate"]
    assert (data.row.target_text, data.row.value_text) == ("3.9%以上", "0.1%")
    assert (data.quarters[0].value, data.quarters[0].until) == (Decimal(1541), "2025-05")
    assert lines["guidance_rate_insured"].quarters[0].value == Decimal(6853)
    assert lines["health_declaration_offices"].quarters[0].value == Decimal(3048)
    assert lines["service_standard_days"].mark.mark == "○"
    assert lines["counter_receipt_rate"].mark.mark == "△"


def test_the_plan_of_nagano_is_in_yen_and_its_printed_sums_stand_beside(reports: dict[str, ProgressReport]) -> None:
    nagano = reports["20"]
    assert nagano.initiatives_as_of is None
    assert {group.name: amounts(group.total) for group in nagano.initiative_groups} == {
        "医療費適正化等": (10_095_000, None, None, 10_607_000), "保健事業": (59_232_000, None, None, 45_098_000),
    }  # fmt: skip
    printed = [amounts(one.amounts) for group in nagano.initiative_groups for one in group.printed_sums]
    assert printed == [(10_095_000, None, None, 10_957_000), (59_232_000, None, None, 63_817_000)]
    assert amounts(nagano.total) == (69_327_000, None, None, 55_705_000)
    assert {line.mark.mark for line in nagano.initiative_lines} == {"―"}


def test_the_nation_counts_no_yen_twice(reports: dict[str, ProgressReport]) -> None:
    nation = reports["00"]
    assert {line.initiative for line in nation.initiative_lines} == {
        "企画・サービス向上関係経費", "保健事業経費", "保険給付等業務経費・レセプト業務経費・福祉事業経費", "一般管理費",
    }  # fmt: skip
    # 80.7 + 2,030.8 + 279.1 + 982 億円; 3,373億円 are printed, from rounded parts
    assert amounts(nation.total)[0] == 337_260_000_000


def test_branches_with_something_to_report_get_workbook_and_page(published: Published, tmp_path: Path) -> None:
    engine = published.database
    noted = publication(engine, MONTH)
    assert noted is not None
    provenance = Provenance(
        as_of=MONTH, publish_month=MONTH, run_id=noted.run_id, written_at=noted.published_at,
        code_version=noted.code_version, submissions=(), origins=("published",),
    )  # fmt: skip
    told: list[str] = []
    arguments = (
        engine,
        tmp_path,
        CATALOGUE,
        MONTH,
        provenance,
        scorecard_rows(engine, MONTH),
        series_points(engine, MONTH),
    )
    paths = write_progress(*arguments, on_file=told.append)
    names = [
        f"progress_2025-06_{name}.{ending}"
        for name in ("00_nation", "13_tokyo", "20_nagano")
        for ending in ("xlsx", "html")
    ]
    assert [path.name for path in paths] == names == told
    assert [path.name for path in write_progress(*arguments, "13")] == names[2:4]

    sheet = load_workbook(tmp_path / "progress_2025-06_13_tokyo.xlsx")["事業予算・執行"]
    rows = {cells[0].value: [cell.value for cell in cells] for cells in sheet.iter_rows(min_row=5)}
    assert rows[LINE][1:6] == [12_573_000, 12_980_000, 103.2, "契約済み", "―"]
    assert rows["合計"][1:6] == [524_041_000, 52_806_226, 10.1, None, 467_602_000]
    page = (tmp_path / "progress_2025-06_13_tokyo.html").read_text(encoding="utf-8")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    for words in (
        "103.2% 予算超過",
        "524,041,000 52,806,226 10.1%",
        "6,517件 （５月分まで）",
        "（参考） 令和６年度実績",
    ):
        assert words in text


def test_the_checks_name_the_initiative_and_the_account_has_every_row(published: Published) -> None:
    by_dataset = {row.dataset: row for row in ledger_rows(published.database, MONTH)}
    assert {name: by_dataset[name].rows_loaded for name in ("initiatives", "activity_counts")} == {
        "initiatives": 62, "activity_counts": 23,
    }  # fmt: skip
    assert {by_dataset[name].branch_codes for name in ("initiatives",)} == {"00,13,20"}
