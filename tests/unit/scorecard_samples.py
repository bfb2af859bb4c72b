"""Rows of mart_scorecard made by hand from published figures, for the tests of the scorecards.

What lives here: fiscal year 2023 of 協会全体, 青森, 岩手, 宮城, 秋田 and fiscal year 2025 of 東京 as of 2025-06, as
printed, and a provenance. Outcomes and ranks are worked out plainly at printed precision; the project's own judgement
is not used.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from kenpo_pipelines.fiscal import TOKYO
from kenpo_pipelines.scorecards import Provenance, ScorecardRow, SubmissionSource

AS_OF_2023, AS_OF_2025 = "2024-03", "2025-06"
BRANCHES_2023 = {"00": "協会全体", "02": "青森支部", "03": "岩手支部", "04": "宮城支部", "05": "秋田支部"}
_G1, _G2, _G3 = "基盤的保険者機能", "戦略的保険者機能", "組織・運営体制"
_LE = "at_most"

# id: (name, group, order, precision, unit, direction)
KPIS: dict[str, tuple[str, str, int, int, str, str]] = {
    "service_standard_attainment": ("サービススタンダードの達成状況", _G1, 10, 2, "%", ""),
    "service_standard_days": ("サービススタンダードの平均所要日数", _G1, 20, 2, "日", _LE),
    "postal_rate": ("現金給付等の申請に係る郵送化率", _G1, 30, 1, "%", ""),
    "counter_receipt_rate": ("現金給付等の申請書類に係る窓口での受付率", _G1, 40, 1, "%", _LE),
    "claims_assessment_rate_joint": ("基金と合算したレセプト点検の査定率", _G1, 50, 3, "%", ""),
    "claims_assessment_rate": ("協会のレセプト点検の査定率", _G1, 60, 3, "%", ""),
    "assessed_amount_per_receipt": ("協会の再審査レセプト1件当たりの査定額", _G1, 70, 0, "円", ""),
    "judo_multi_site_rate": ("柔道整復 3部位以上かつ月15日以上の申請の割合", _G1, 80, 2, "%", _LE),
    "insurance_card_recovery_rate": ("資格喪失後1か月以内の健康保険証回収率", _G1, 90, 2, "%", ""),
    "recovery_rate_after_loss": ("返納金債権（資格喪失後受診に係るもの）の回収率", _G1, 100, 2, "%", ""),
    "recovery_rate": ("返納金債権（診療報酬返還金（不当請求）を除く）の回収率", _G1, 110, 2, "%", ""),
    "dependant_confirmation_rate": ("被扶養者資格 確認書の提出率", _G1, 120, 1, "%", ""),
    "checkup_rate_insured": ("生活習慣病予防健診実施率", _G2, 130, 1, "%", ""),
    "employer_checkup_data_rate": ("事業者健診データ取得率", _G2, 140, 1, "%", ""),
    "checkup_rate_dependants": ("被扶養者の特定健診実施率", _G2, 150, 1, "%", ""),
    "guidance_rate_insured": ("特定保健指導の実施率（被保険者）", _G2, 160, 1, "%", ""),
    "guidance_rate_dependants": ("特定保健指導の実施率（被扶養者）", _G2, 170, 1, "%", ""),
    "untreated_visit_rate_3m": ("受診勧奨後3か月以内に医療機関を受診した者の割合", _G2, 180, 1, "%", ""),
    "untreated_visit_rate_10m": (
        "未治療者のうち健診受診月から10か月以内に医療機関を受診した者の割合",
        _G2,
        190,
        1,
        "%",
        "",
    ),
    "health_declaration_offices": ("健康宣言事業所数", _G2, 200, 0, "事業所", ""),
    "generic_share_volume": ("ジェネリック医薬品使用割合（数量ベース）", _G2, 210, 1, "%", ""),
    "biosimilar_outreach": ("バイオシミラー使用促進の働きかけの実施", _G2, 220, 0, "", ""),
    "line_monthly_posts": ("SNS（LINE公式アカウント）による毎月の情報発信", _G2, 230, 0, "", ""),
    "policy_statements": ("地域の医療提供体制等に係る意見発信", _G2, 240, 0, "", ""),
    "committee_coverage_rate": ("健康保険委員が委嘱されている事業所の被保険者数の割合", _G2, 250, 1, "%", ""),
    "committee_offices": ("健康保険委員の委嘱事業所数", _G2, 260, 0, "事業所", ""),
    "single_bid_rate": ("一般競争入札に占める一者応札案件の割合", _G3, 270, 1, "%", _LE),
}

# id: target result of 00, 02, 03, 04, 05, as printed (出典: 秋田支部 令和7年度事業計画)
_FY2023 = """
service_standard_attainment 100 99.9 100 100 100 100 100 100 100 100
postal_rate 96.0 95.6 96.0 94.6 96.1 95.5 96.1 96.2 96.0 92.2
claims_assessment_rate_joint 0.337 0.423 0.354 0.406 0.394 0.495 0.268 0.330 0.190 0.284
assessed_amount_per_receipt 7125 8472 5780 5209 10495 9971 5429 5608 5508 9604
judo_multi_site_rate 0.86 0.83 0.39 0.35 0.43 0.36 0.43 0.45 0.98 0.91
insurance_card_recovery_rate 86.27 82.10 93.29 90.47 93.62 90.03 92.38 87.84 95.42 92.09
recovery_rate_after_loss 54.35 53.29 83.07 84.30 80.09 83.84 54.64 72.79 88.50 89.44
dependant_confirmation_rate 94.0 89.1 95.9 95.5 95.0 96.0 94.0 90.4 96.7 96.7
checkup_rate_insured 63.9 57.7 65.0 63.2 61.6 64.0 73.3 74.7 55.7 56.8
employer_checkup_data_rate 9.6 7.1 11.8 11.8 18.6 11.6 8.2 5.2 22.2 19.7
checkup_rate_dependants 35.0 28.3 33.6 28.2 32.0 29.2 36.9 32.5 36.4 28.3
guidance_rate_insured 36.4 19.8 37.8 28.7 38.0 21.8 37.1 25.3 37.6 31.4
guidance_rate_dependants 15.8 15.6 24.2 15.2 17.0 3.0 18.5 11.6 32.7 13.1
untreated_visit_rate_3m 13.1 9.2 13.1 7.1 13.1 9.6 13.1 9.6 13.1 11.4
health_declaration_offices 70000 94740 1730 1880 1480 1908 2300 2488 1550 1631
generic_share_volume 80.0 83.6 83.6 85.3 85.9 87.4 84.9 86.5 84.0 85.8
policy_statements 47 41 実施 実施 実施 未実施 実施 実施 実施 実施
committee_coverage_rate 50.0 52.6 51.8 52.6 55.3 56.3 53.2 55.8 56.5 57.2
single_bid_rate 20.0 9.9 20 0.0 20 0.0 20 7.2 20 12.5
"""

# id, target, result, the figure's month, numerator, denominator, prior year (出典: 東京支部 令和7年度事業実施状況)
_TOKYO_2025 = """
service_standard_attainment 100 100 2025-04 31973 31973 100
service_standard_days 7 6.18 2025-04 - - -
counter_receipt_rate 1.9 2.1 2025-05 - - -
claims_assessment_rate 0.077 0.069 2025-04 - - 0.077
assessed_amount_per_receipt 15003 12850 2025-04 - - 15003
recovery_rate 53.95 32.07 2025-05 - - 53.95
checkup_rate_insured 63.1 - - - - 57.2
employer_checkup_data_rate 3.9 0.1 2025-05 1541 2545834 1.3
checkup_rate_dependants 33.6 3.4 2025-05 17986 520357 32.7
guidance_rate_insured 14.3 2.1 2025-05 6853 330908 12.6
guidance_rate_dependants 9.9 0.7 2025-05 62 8736 13.8
untreated_visit_rate_10m 32.0 32.4 2025-05 - - 32.0
health_declaration_offices 3120 3048 2025-06 - - 2998
generic_share_volume 88.3 - - - - 88.3
biosimilar_outreach 実施 - - - - -
line_monthly_posts 実施 実施 2025-06 - - -
committee_coverage_rate 41.0 40.12 2025-05 - - 40.39
committee_offices 12680 12978 2025-05 - - 12680
single_bid_rate 15 0 2025-06 0 1 0
"""
# 東京 prints these with a precision or unit of its own.
_TOKYO_LOOKS = {
    "committee_coverage_rate": (2, "%"),
    "committee_offices": (0, "社"),
    "health_declaration_offices": (0, "社"),
}
_PRIOR_YEAR_RULES = {"counter_receipt_rate", "claims_assessment_rate", "recovery_rate", "untreated_visit_rate_10m"}


def row(kpi_id: str, target: str, result: str, /, **changes: Any) -> ScorecardRow:
    """One row from printed target and result; ``-`` is none. ``changes`` are columns, applied last."""
    name, group, order, precision, unit, direction = KPIS[kpi_id]
    precision, unit = changes.get("precision", precision), changes.get("unit", unit)
    is_word = target == "実施"
    target_value = None if is_word or target == "-" else _decimal(target, precision)
    value = None if is_word or result == "-" else _decimal(result, precision)
    is_at_most = direction == _LE
    bound = "以下" if is_at_most else "以上"
    base = ScorecardRow(
        as_of="2025-06", fiscal_year=2025, branch_code="13", branch="東京支部",
        kpi_id=kpi_id, kpi=name, kpi_order=order, kpi_group=group, unit=unit, precision=precision,
        direction="at_most" if is_at_most else "at_least", kind="qualitative" if is_word else "rate",
        figure_as_of=None, figure_known_month=None, numerator=None, denominator=None,
        value=value, value_text="" if result == "-" else result if is_word else f"{value:f}",
        target=target_value,
        target_text=target.strip("-") if target_value is None else f"{target_value:f}{unit}{bound}",
        comparator="done" if is_word else "<=" if is_at_most else ">=", target_source="submitted",
        outcome="not_evaluable", reason="", reason_text="", ratio_to_target=None, is_nearly_attained=None,
        prior_value=None, prior_value_text="", prior_as_of=None, rank=None, ranked_branches=None,
        source="" if result == "-" else "reported", status="" if result == "-" else "final", notes="",
        flags="",
    )  # fmt: skip
    return replace(_judged(base), **changes)


def _decimal(printed: str, precision: int) -> Decimal:
    # As it comes out of a DECIMAL(28,10) column.
    return Decimal(printed).quantize(Decimal(1).scaleb(-precision)).quantize(Decimal(1).scaleb(-10))


def _judged(line: ScorecardRow) -> ScorecardRow:
    if line.value_text == "":
        return replace(line, reason="no_result", reason_text="実績がまだ報告されていません")
    if line.target is None or line.value is None:
        return replace(line, outcome="attained" if line.value_text == "実施" else "not_attained")
    is_met = line.value <= line.target if line.direction == "at_most" else line.value >= line.target
    ratio = (line.value / line.target * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    is_near = ratio >= 95 and not is_met and line.kpi_id in ("checkup_rate_insured", "guidance_rate_dependants")
    return replace(
        line, outcome="attained" if is_met else "not_attained", ratio_to_target=ratio, is_nearly_attained=is_near
    )


def rows_2023(as_of: str = AS_OF_2023) -> list[ScorecardRow]:
    """Fiscal year 2023, final: 協会全体 and four branches, ranked among the four."""
    made = []
    for line in _FY2023.strip().splitlines():
        kpi_id, *printed = line.split()
        of_kpi = []
        for index, (code, branch) in enumerate(BRANCHES_2023.items()):
            target, result = printed[2 * index : 2 * index + 2]
            changes: dict[str, Any] = {"unit": "支部"} if target == "47" else {}
            if kpi_id == "single_bid_rate" and code != "00":
                changes["target_source"] = "uniform"
            of_kpi.append(
                row(kpi_id, target, result, as_of=as_of, fiscal_year=2023, branch_code=code, branch=branch,
                    figure_as_of="2024-03", figure_known_month="2024-03", **changes)
            )  # fmt: skip
        made += _ranked(of_kpi)
    made += [_nation_only(as_of)]
    return made


def _nation_only(as_of: str) -> ScorecardRow:
    KPIS["generic_share_branches_attained"] = ("ジェネリック 達成支部数", _G2, 215, 0, "支部", "")
    return row(
        "generic_share_branches_attained", "47", "44", as_of=as_of, fiscal_year=2023, branch_code="00",
        branch="協会全体", kind="count", figure_as_of="2024-03", figure_known_month="2024-03",
    )  # fmt: skip


def _ranked(of_kpi: list[ScorecardRow]) -> list[ScorecardRow]:
    values = [line.value for line in of_kpi if line.branch_code != "00" and line.value is not None]

    def better(value: Decimal, than: Decimal) -> bool:
        return value < than if of_kpi[0].direction == "at_most" else value > than

    return [
        line
        if line.branch_code == "00" or line.value is None
        else replace(line, rank=1 + sum(better(v, line.value) for v in values), ranked_branches=len(values))
        for line in of_kpi
    ]


def rows_tokyo() -> list[ScorecardRow]:
    """東京 as of 2025-06: fiscal year 2025 in part, and fiscal year 2024 without targets (none were published)."""
    made, prior_year = [], []
    for text in _TOKYO_2025.strip().splitlines():
        kpi_id, target, result, month, numerator, denominator, prior = text.split()
        precision, unit = _TOKYO_LOOKS.get(kpi_id, KPIS[kpi_id][3:5])
        prior_value = None if prior == "-" else _decimal(prior, precision)
        line = row(
            kpi_id, target, result, precision=precision, unit=unit,
            figure_as_of=None if month == "-" else month, figure_known_month=None if month == "-" else "2025-06",
            numerator=None if numerator == "-" else _decimal(numerator, 0),
            denominator=None if denominator == "-" else _decimal(denominator, 0),
            status="" if result == "-" else "provisional",
            prior_value=prior_value, prior_value_text="" if prior_value is None else f"{prior_value:f}",
            prior_as_of=None if prior_value is None else "2025-03",
            rank=None if result in ("-", "実施") else 1, ranked_branches=None if result in ("-", "実施") else 1,
        )  # fmt: skip
        if kpi_id in _PRIOR_YEAR_RULES:
            line = replace(line, target_text="対前年度以下" if line.direction == "at_most" else "対前年度以上")
        made.append(line)
        if prior_value is not None:
            prior_year.append(
                row(kpi_id, "-", prior, precision=precision, unit=unit, fiscal_year=2024, figure_as_of="2025-03",
                    figure_known_month="2025-04", outcome="not_evaluable", reason="no_target",
                    reason_text="目標が登録されていません", comparator="", target_source="")
            )  # fmt: skip
    return [_with_stories(line) for line in made] + prior_year


def _with_stories(line: ScorecardRow) -> ScorecardRow:
    """What happens to figures in real life: contradiction, doubt, exception, a computed figure."""
    stories: dict[str, dict[str, Any]] = {
        "counter_receipt_rate": {
            "outcome": "not_evaluable", "reason": "contradictory_targets", "ratio_to_target": None, "target": None,
            "target_text": "1.9%以下／1.9%以上", "comparator": "",
            "reason_text": "目標が2通り登録されています（1.9%以下、1.9%以上）。支部で確認し、再提出してください",
        },
        "checkup_rate_dependants": {
            "notes": "分子÷分母（17,986÷520,357＝3.5%）が実績値3.4%と一致しません",
        },
        "single_bid_rate": {
            "reason": "small_tender_exception", "reason_text": "入札予定6件以下・一者応札1件以下の特例により達成",
        },
        "service_standard_attainment": {"source": "computed"},
    }  # fmt: skip
    return replace(line, **stories.get(line.kpi_id, {}))


def many_branches(rows: Iterable[ScorecardRow], count: int = 47) -> list[ScorecardRow]:
    """Give each of ``count`` branches the rows of 青森 (02), after those of 協会全体: for widths and page breaks."""
    listed = list(rows)
    nation = [line for line in listed if line.branch_code == "00"]
    model = [line for line in listed if line.branch_code == "02"]
    made = [
        replace(line, branch_code=f"{code:02d}", branch=f"第{code}支部")
        for code in range(1, count + 1)
        for line in model
    ]
    return nation + made


def provenance(as_of: str = AS_OF_2025, **changes: Any) -> Provenance:
    """A provenance with two inputs; ``changes`` are its fields."""
    base = Provenance(
        as_of=as_of,
        publish_month=as_of,
        run_id="5f0c1f0e-8a51-4d4e-9d0c-3a0f6f1f2b77",
        written_at=dt.datetime(2025, 7, 10, 9, 12, 33, tzinfo=TOKYO),
        code_version="0.1.0",
        submissions=(
            SubmissionSource(
                "kpi_results", "2025-06", "kpi_results_2025-06.csv", "9b" * 32, "2025-07-09T23:58:01Z",
                "published", 155, 151, 4,
            ),
            SubmissionSource(
                "kpi_targets", "2025", "kpi_registration_sheet_fy2025.xlsx", "0a" * 32, "2025-04-02T01:00:00Z",
                "published", 19, 19, 0,
            ),
        ),
    )  # fmt: skip
    return replace(base, **changes)
