"""Judgement by hand-worked cases and by properties: outcome, 対計画値, 概ね達成, reasons, 速報 and 確定."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kpi_samples import ask, catalogue, made_version, read_figure, read_known, rows, version_of

from kenpo_pipelines.catalogue.figures import Figure
from kenpo_pipelines.catalogue.judgement import OUTCOME_TEXT, Outcome, judge
from kenpo_pipelines.catalogue.judging import SCHEMA, judge_month
from kenpo_pipelines.catalogue.model import Catalogue, Kind, KpiVersion, PlannedTenders
from kenpo_pipelines.catalogue.rounding import half_up
from kenpo_pipelines.catalogue.targets import REASON_TEXT, Reason, Target

YES, NO, UNKNOWN = Outcome.ATTAINED, Outcome.NOT_ATTAINED, Outcome.NOT_EVALUABLE
SIGNS = {"○": YES, "×": NO, "?": UNKNOWN}

# KPI fiscal-year branch | known of the target | figure | outcome, figure as printed | 対計画値 | 概ね | reason | plan
# Outcomes: ○ attained, × not attained, ? not evaluable. Fractions are 分子/分母. plan: tenders registered for the year.
CASES = rows("""
# ---- uniform, judged at two decimals
# 19,999 ÷ 20,000 = 99.995 % → 100.00. 対計画値 99.995 → 100.0
service_standard_attainment 2025 13 | -       | 19999/20000    | ○ 100.00% | 100.0 | -   | - | -
# 999,949 ÷ 1,000,000 = 99.9949 % → 99.99, never first to 99.995
service_standard_attainment 2025 13 | -       | 999949/1000000 | × 99.99%  | 100.0 | yes | - | -
# 31,972 ÷ 31,973 = 99.99687 % → 100.00: one late payment in a month of Tokyo does not show
service_standard_attainment 2025 13 | -       | 31972/31973    | ○ 100.00% | 100.0 | -   | - | -
service_standard_attainment 2025 13 | 以上 100 | 31973/31973   | ○ 100.00% | 100.0 | -   | - | -
# 協会全体 2023
service_standard_attainment 2023 00 | 以上 100 | 99.9          | × 99.90%  | 99.9  | yes | - | -
# a mean of days, less is better: 6.18 ÷ 7 = 88.285… %
service_standard_days 2025 13       | 以下 7  | 6.18           | ○ 6.18日  | 88.3  | -   | - | -
# 7.004 → 7.00 is a tie, 7.005 → 7.01 is not; 7.004 ÷ 7 = 100.057 %, 7.005 ÷ 7 = 100.071 %
service_standard_days 2025 13       | -       | 7004/1000      | ○ 7.00日  | 100.1 | -   | - | -
service_standard_days 2025 13       | -       | 7005/1000      | × 7.01日  | 100.1 | -   | - | -
# inherited from the nation's row (20.0) and from the catalogue (15); 40 ÷ 15 = 266.66… %
single_bid_rate 2023 05             | nation 以下 20.0 | 12.5  | ○ 12.5%   | 62.5  | -   | - | -
single_bid_rate 2024 31             | -       | 40             | × 40.0%   | 266.7 | -   | - | -

# ---- branch-set; ties at the printed precision
dependant_confirmation_rate 2023 05 | 以上 96.7 | 96.7         | ○ 96.7%   | 100.0 | -   | - | -
# 長野 2025: 180,224 of 274,731 was planned for 65.6; one person fewer is 65.5998… % → 65.6
checkup_rate_insured 2025 20        | 以上 65.6 | 180223/274731 | ○ 65.6%  | 100.0 | -   | - | -
# 57.55 → 57.6, 57.54 → 57.5; 57.55 ÷ 57.6 = 99.913 %, 57.54 ÷ 57.6 = 99.895… %
checkup_rate_insured 2025 05        | 以上 57.6 | 57.55        | ○ 57.6%   | 99.9  | -   | - | -
checkup_rate_insured 2025 05        | 以上 57.6 | 57.54        | × 57.5%   | 99.9  | yes | - | -
# 東京 prints two decimals: 40.99 < 41.00; elsewhere 40.99 → 41.0. 40.99 ÷ 41 = 99.975… %
committee_coverage_rate 2025 13     | 以上 41.0 | 40.99        | × 40.99%  | 100.0 | yes | - | -
committee_coverage_rate 2025 20     | 以上 41.0 | 40.99        | ○ 41.0%   | 100.0 | -   | - | -
# 3,048 ÷ 3,120 = 97.692… %
health_declaration_offices 2025 13  | 以上 3120 | 3048     | × 3,048事業所 | 97.7  | yes | - | -

# ---- prior year: figure given, then resolved. 0.069 ÷ 0.077 = 89.610… %, 2.1 ÷ 1.9 = 110.526… %
claims_assessment_rate 2025 13      | 対前年度以上 0.077 | 0.069 | × 0.069% | 89.6  | -   | - | -
counter_receipt_rate 2025 13        | 対前年度以下 1.9   | 2.1   | × 2.1%   | 110.5 | -   | - | -
# 宮城 2023: 0.45 ÷ 0.43 = 104.651… %
judo_multi_site_rate 2023 04        | 対前年度以下 0.43  | 0.45  | × 0.45%  | 104.7 | -   | - | -
# 1.94 → 1.9 is a tie; 1.94 ÷ 1.9 = 102.105… %
counter_receipt_rate 2025 13        | prior 1.9          | 1.94  | ○ 1.9%   | 102.1 | -   | - | -
# the prior year's 2 ÷ 3 judges as 66.67 and divides as 66.666…: 66.665 → 66.67 is a tie, 66.664 → 66.66 is not
recovery_rate 2025 13               | prior 2/3          | 66.665 | ○ 66.67% | 100.0 | -  | - | -
recovery_rate 2025 13               | prior 2/3          | 66.664 | × 66.66% | 100.0 | -  | - | -

# ---- prior year end, and the 80 % rule
generic_share_volume 2025 13 | 対前年度末以上 88.3     | 88.3  | ○ 88.3% | 100.0 | -   | - | -
# June 79.94 → 79.9 is under 80.0: the target is 80.0. 79.95 ÷ 80 = 99.9375 %, 79.94 ÷ 80 = 99.925 %
generic_share_volume 2025 47 | june 79.94; prior 79.0  | 79.95 | ○ 80.0% | 99.9  | -   | - | -
generic_share_volume 2025 47 | june 79.94; prior 79.0  | 79.94 | × 79.9% | 99.9  | -   | - | -
# June 79.95 → 80.0 and 80.0 itself are not: the branch's own year end counts. 80.5 ÷ 81.2 = 99.137… %
generic_share_volume 2025 47 | june 79.95; prior 81.2  | 80.5  | × 80.5% | 99.1  | -   | - | -
generic_share_volume 2025 47 | june 80.0; prior 81.2   | 80.5  | × 80.5% | 99.1  | -   | - | -

# ---- at most 6 planned tenders: one single-bid tender is attained. 20 ÷ 15 = 133.33… %, 50 ÷ 15 = 333.33… %
single_bid_rate 2025 31 | -  | 1/5          | ○ 20.0% | 133.3 | -  | small_tender_exception | 5
single_bid_rate 2025 31 | -  | 1/2          | ○ 50.0% | 333.3 | -  | small_tender_exception | 6
# 7 planned; 1 ÷ 6 = 16.666… %, ÷ 15 = 111.11… %
single_bid_rate 2025 31 | -  | 1/6          | × 16.7% | 111.1 | -  | -                      | 7
# two single-bid tenders are one too many, with and without a plan
single_bid_rate 2025 31 | -  | 2/5          | × 40.0% | 266.7 | -  | -                      | 5
single_bid_rate 2025 31 | -  | 2/5          | × 40.0% | 266.7 | -  | -                      | -
# no plan registered in mid-year: 1 of 5 may end as 1 of 6 (attained) or as 2 of 7 (not)
single_bid_rate 2025 31 | -  | 1/5          | ? 20.0% | 133.3 | -  | plan_unknown           | -
single_bid_rate 2025 31 | -  | 1/6          | ? 16.7% | 111.1 | -  | plan_unknown           | -
# met without the exception: no reason. 1 ÷ 7 = 14.2857… %, ÷ 15 = 95.238… %
single_bid_rate 2025 31 | -  | 0/3          | ○ 0.0%  | 0.0   | -  | -                      | 3
single_bid_rate 2025 31 | -  | 1/7          | ○ 14.3% | 95.2  | -  | -                      | -
# at the year's end the tenders held are the plan
single_bid_rate 2025 31 | -  | 1/5 @2026-03 | ○ 20.0% | 133.3 | -  | small_tender_exception | -
single_bid_rate 2025 31 | -  | 1/6 @2026-03 | ○ 16.7% | 111.1 | -  | small_tender_exception | -
single_bid_rate 2025 31 | -  | 2/6 @2026-03 | × 33.3% | 222.2 | -  | -                      | -
# a registered plan stands before what was held
single_bid_rate 2025 31 | -  | 1/6 @2026-03 | × 16.7% | 111.1 | -  | -                      | 7
# a percentage without its counts is judged as it is: 鳥取 prints 40 % alone
single_bid_rate 2024 31 | -  | 40 @2024-11  | × 40.0% | 266.7 | -  | -                      | 5
# 2023's limit is 20: 1 of 5 is a tie
single_bid_rate 2023 31 | -  | 1/5 @2023-09 | ○ 20.0% | 100.0 | -  | -                      | -

# ---- done or not done: no number, no ratio. － is no result yet, not 未実施
biosimilar_outreach 2025 13 | 実施 | 実施   | ○ 実施   | -   | -  | -         | -
policy_statements 2023 03   | 実施 | 未実施 | × 未実施 | -   | -  | -         | -
biosimilar_outreach 2025 13 | 実施 | -      | ?        | -   | -  | no_result | -
biosimilar_outreach 2025 13 | -    | 3      | ?        | -   | -  | no_result | -

# ---- nation only, branch only, branches counted for the nation. 41 ÷ 47 = 87.234… %, 44 ÷ 47 = 93.617… %
policy_statements 2023 00               | 以上 47 | 41   | × 41支部 | 87.2  | -  | - | -
policy_statements 2023 00               | -       | 47   | ○ 47支部 | 100.0 | -  | - | -
generic_share_branches_attained 2023 00 | -       | 44   | × 44支部 | 93.6  | no | - | -
# 4 of 19 ingredients = 21.0526 % → 21.1; ÷ 21 = 100.2506 % → 100.3
biosimilar_ingredient_share 2025 00     | -       | 4/19 | ○ 21.1%  | 100.3 | -  | - | -
# 48.3 ÷ 48.2 = 100.207… %
sbp130_share_male 2025 05               | -       | 48.3 | × 48.3%  | 100.2 | -  | - | -

# ---- 対計画値 from unrounded figures. 1,541 ÷ 2,545,834 = 0.06053 %, ÷ 3.9 = 1.552 %; the printed 0.1 would give 2.6
employer_checkup_data_rate 2025 13 | 以上 3.9 | 0.1 of 1541/2545834 | × 0.1% | 1.6 | no | - | -
# a reported value that contradicts its counts stands: 3.4 ÷ 33.6 = 10.119… %; 17,986 ÷ 520,357 would give 10.287
checkup_rate_dependants 2025 13    | 以上 33.6 | 3.4 of 17986/520357 | × 3.4% | 10.1 | no | - | -
# it stands for the outcome as well: 3.4 misses 3.5, its counts (3.456… → 3.5) would not; 3.4 ÷ 3.5 = 97.142… %
checkup_rate_dependants 2025 13    | 以上 3.5 | 3.4 of 17986/520357 | × 3.4%  | 97.1 | yes | - | -

# ---- zeros: nothing is divided by a target of 0; 0 ÷ 0 is no figure
judo_multi_site_rate 2023 02       | 対前年度以下 0 | 0    | ○ 0.00% | -   | -  | -         | -
judo_multi_site_rate 2023 02       | 対前年度以下 0 | 0.01 | × 0.01% | -   | -  | -         | -
employer_checkup_data_rate 2025 02 | 以上 0         | 0    | ○ 0.0%  | -   | -  | -         | -
employer_checkup_data_rate 2025 02 | 以上 9.2       | 0    | × 0.0%  | 0.0 | no | -         | -
single_bid_rate 2025 02            | -              | 0/0  | ?       | -   | -  | no_result | -

# ---- 概ね達成: 29.4 ÷ 30.3 = 97.02…, 58.4 ÷ 61.7 = 94.65…, 20.3 ÷ 21.5 = 94.41… %
guidance_rate_insured 2024 13 | 以上 30.3               | 29.4  | × 29.4%       | 97.0  | yes | - | -
checkup_rate_insured 2024 13  | 以上 61.7               | 58.4  | × 58.4%       | 94.7  | no  | - | -
guidance_rate_insured 2024 13 | 以上 21.5               | 20.3  | × 20.3%       | 94.4  | no  | - | -
# 95 % exactly, and a hair less: 18.999 ÷ 20 = 94.995 %, although it prints 19.0 and 95.0
guidance_rate_insured 2024 13 | 以上 20                 | 19    | × 19.0%       | 95.0  | yes | - | -
guidance_rate_insured 2024 13 | 以上 20                 | 18.999 | × 19.0%      | 95.0  | no  | - | -
# never for a prior-year target, however near, not even where a fixed one would be; an attained KPI is not "nearly" so
guidance_rate_insured 2024 13 | 対前年度以上 30.3       | 29.4  | × 29.4%       | 97.0  | -   | - | -
guidance_rate_insured 2024 13 | 対前年度以上; prior 30.3 | 29.4 | × 29.4%       | 97.0  | -   | - | -
recovery_rate 2024 20         | 対前年度以上 79.81      | 79.80 | × 79.80%      | 100.0 | -   | - | -
generic_share_volume 2025 13  | 対前年度末以上 88.3     | 88.2  | × 88.2%       | 99.9  | -   | - | -
committee_offices 2025 13     | prior 12680             | 12679 | × 12,679事業所 | 100.0 | -  | - | -
guidance_rate_insured 2024 13 | 以上 30.3               | 30.3  | ○ 30.3%       | 100.0 | -   | - | -

# ---- no target or no result; where both are missing the result is told
checkup_rate_insured 2025 13 | 以上 63.1    | -    | ?        | - | - | no_result       | -
checkup_rate_insured 2025 13 | -            | -    | ?        | - | - | no_result       | -
checkup_rate_insured 2025 13 | -            | 57.2 | ? 57.2%  | - | - | no_target       | -
counter_receipt_rate 2025 20 | 対前年度以下 | 2.1  | ? 2.1%   | - | - | new_kpi         | -
recovery_rate 2025 20        | 対前年度以上 | 70   | ? 70.00% | - | - | no_prior_result | -
generic_share_volume 2025 47 | -            | 81.0 | ? 81.0%  | - | - | no_prior_june   | -
# 秋田 2025: a contradiction is told even while there is no result
counter_receipt_rate 2025 05 | 対前年度以下; contradictory | 2.0  | ? 2.0%  | - | - | contradictory_targets | -
line_monthly_posts 2025 05   | 実施; contradictory         | -    | ?       | - | - | contradictory_targets | -
line_monthly_posts 2025 05   | 実施; contradictory         | 実施 | ? 実施  | - | - | contradictory_targets | -
single_bid_rate 2025 05      | 以上 15                     | 20   | ? 20.0% | - | - | contradictory_targets | -
line_monthly_posts 2025 05   | 以上 2                      | 実施 | ? 実施  | - | - | target_unfit          | -
""")


@pytest.mark.parametrize(("what", "known", "result", "outcome", "ratio", "near", "reason", "plan"), CASES)
def test_judgement_golden(
    what: str, known: str, result: str, outcome: str, ratio: str, near: str, reason: str, plan: str
) -> None:
    kpi_id, fiscal_year, branch_code = what.split()
    target = ask(kpi_id, int(fiscal_year), branch_code, **read_known(known))
    version = version_of(kpi_id, int(fiscal_year))
    planned = int(plan) if plan else None
    judged = judge(read_figure(result), target, version, int(fiscal_year), branch_code, planned)
    sign, _, shown = outcome.partition(" ")
    assert (judged.outcome, judged.value_text) == (SIGNS[sign], shown)
    assert (judged.reason or "") == reason
    assert judged.reason_text == (REASON_TEXT[Reason(reason)] if reason else "")
    assert judged.ratio_to_target_pct == (Decimal(ratio) if ratio else None)
    assert judged.is_nearly_attained is {"yes": True, "no": False, "": None}[near]


def test_the_cases_reach_every_reason_and_outcome() -> None:
    assert {case[6] for case in CASES} == {"", *Reason} - {Reason.INCOMPLETE_SUBMISSION}  # told by judging, see below
    assert {case[3].partition(" ")[0] for case in CASES} == set(SIGNS)
    assert set(REASON_TEXT) == set(Reason)
    assert OUTCOME_TEXT == {YES: "達成", NO: "未達成", UNKNOWN: "判定不能"}


@pytest.mark.parametrize(
    ("what", "known", "result", "reported", "counts"),
    rows("""
checkup_rate_dependants 2025 13    | 以上 33.6        | 3.4 of 17986/520357 | 3.4% | 17,986÷520,357＝3.5%
counter_receipt_rate 2025 13       | 対前年度以下 1.9 | 1.9 of 21/1000      | 1.9% | 21÷1,000＝2.1%
# without a target the two figures are named all the same
checkup_rate_dependants 2025 13    | -                | 3.4 of 17986/520357 | 3.4% | 17,986÷520,357＝3.5%
# nothing to name: equal as printed, or nothing reported beside the counts
employer_checkup_data_rate 2025 13 | 以上 3.9         | 0.1 of 1541/2545834 | -    | -
guidance_rate_insured 2025 13      | 以上 14.3        | 6853/330908         | -    | -
"""),
)
def test_a_value_against_its_own_counts_is_named(
    what: str, known: str, result: str, reported: str, counts: str
) -> None:
    kpi_id, fiscal_year, branch_code = what.split()
    target = ask(kpi_id, int(fiscal_year), branch_code, **read_known(known))
    judged = judge(read_figure(result), target, version_of(kpi_id, int(fiscal_year)), int(fiscal_year), branch_code)
    assert judged.notes == ((f"報告値{reported}が件数（{counts}）と一致しません",) if reported else ())


# ---- from the rows of judgement_inputs to the columns of kpi_judgements


def line(kpi_id: str, fiscal_year: int, branch_code: str, **columns: Any) -> dict[str, Any]:
    """A row of judgement_inputs in which nothing is known but ``columns``."""
    nothing = dict.fromkeys(
        (
            *("figure_as_of", "figure_known_month", "numerator", "denominator", "value", "is_done", "source"),
            *("own_comparator", "own_target_value", "is_contradictory", "registered_as"),
            *("national_comparator", "national_target_value", "national_is_contradictory"),
            *("prior_as_of", "prior_numerator", "prior_denominator", "prior_value", "prior_is_done"),
            *("prior_june_as_of", "prior_june_numerator", "prior_june_denominator", "prior_june_value"),
            *("gap", "note", "reported_value", "reported_numerator", "reported_denominator"),
        )
    )
    assert not set(columns) - set(nothing), "a column that judgement_inputs does not have"
    return {"fiscal_year": fiscal_year, "branch_code": branch_code, "kpi_id": kpi_id, **nothing, **columns}


def judged_line(row: dict[str, Any], month: str = "2025-06", using: Catalogue | None = None) -> dict[str, Any]:
    table = judge_month([row], using or catalogue(), month)
    assert table.schema == SCHEMA
    return dict(table.to_pylist()[0])


@pytest.mark.parametrize(
    ("kpi_id", "figure_as_of", "month", "status"),
    [
        # lag 0–0 months: final with March itself
        ("health_declaration_offices", "2026-02", "2026-03", "provisional"),
        ("health_declaration_offices", "2026-03", "2026-03", "final"),
        # lag 1–2 months: March is settled as of May
        ("checkup_rate_insured", "2026-03", "2026-03", "provisional"),
        ("checkup_rate_insured", "2026-03", "2026-04", "provisional"),
        ("checkup_rate_insured", "2026-03", "2026-05", "final"),
        ("checkup_rate_insured", "2026-02", "2026-05", "provisional"),  # March is still to come
        # lag 3 months: the March service month is known as of June
        ("generic_share_volume", "2026-03", "2026-05", "provisional"),
        ("generic_share_volume", "2026-03", "2026-06", "final"),
        ("generic_share_volume", "2025-12", "2026-06", "provisional"),
    ],
)
def test_status(kpi_id: str, figure_as_of: str, month: str, status: str) -> None:
    row = line(kpi_id, 2025, "13", figure_as_of=figure_as_of, value=Decimal(50))
    assert judged_line(row, month)["status"] == status


@pytest.mark.parametrize(
    ("figure_as_of", "month", "status"),
    [("2024-10", "2025-06", "provisional"), ("2024-11", "2024-11", "provisional"), ("2024-11", "2024-12", "final")],
)
def test_a_kpi_that_ended_in_mid_year_is_final_with_its_last_month(figure_as_of: str, month: str, status: str) -> None:
    row = line("insurance_card_recovery_rate", 2024, "13", figure_as_of=figure_as_of, value=Decimal(90))
    assert judged_line(row, month)["status"] == status


def test_a_line_without_figure_has_no_status() -> None:
    assert judged_line(line("checkup_rate_insured", 2025, "13"), "2026-06")["status"] == ""


def test_a_judged_line_carries_target_ratio_and_prior_year() -> None:
    judged = judged_line(
        line(
            *("employer_checkup_data_rate", 2025, "13"),
            **{"figure_as_of": "2025-05", "value": Decimal("0.1")},
            **{"numerator": Decimal(1541), "denominator": Decimal(2545834)},
            **{"own_comparator": "以上", "own_target_value": Decimal("3.9"), "is_contradictory": False},
            **{"prior_as_of": "2025-03", "prior_value": Decimal("1.3")},
        )
    )
    assert judged == {
        **{"fiscal_year": 2025, "branch_code": "13", "kpi_id": "employer_checkup_data_rate"},
        **{"value": Decimal("0.1"), "value_text": "0.1%"},
        **{"target": Decimal("3.9"), "target_text": "3.9%以上", "comparator": ">=", "target_source": "submitted"},
        **{"outcome": "not_attained", "reason": "", "reason_text": ""},
        **{"ratio_to_target": Decimal("1.6"), "is_nearly_attained": False},
        **{"prior_value": Decimal("1.3"), "prior_value_text": "1.3%", "prior_as_of": "2025-03"},
        **{"status": "provisional", "notes": ""},
        **{"target_exact": "39/10", "target_is_fixed": True, "target_rests_on_prior_year": False},
        **{"target_used_since": "2025-06"},
    }


GAP = "提出不備：レセプト2025-05（保留）"


def test_a_figure_with_a_gap_is_not_evaluable_and_says_what_is_lacking() -> None:
    row = line("claims_assessment_rate", 2025, "13", figure_as_of="2025-05", source="computed", gap=GAP)
    row |= {"own_comparator": "対前年度以上", "own_target_value": Decimal("0.156"), "is_contradictory": False}
    judged = judged_line(row)
    assert (judged["outcome"], judged["reason"]) == ("not_evaluable", "incomplete_submission")
    assert judged["reason_text"].startswith("提出不備")
    assert (judged["value"], judged["value_text"], judged["ratio_to_target"], judged["status"]) == (None, "", None, "")
    assert judged["notes"] == GAP
    assert (judged["target"], judged["target_text"]) == (Decimal("0.156"), "対前年度以上（0.156%以上）")


def test_what_was_reported_does_not_fill_a_gap() -> None:
    row = line("claims_assessment_rate", 2025, "13", figure_as_of="2025-05", gap=GAP, reported_value=Decimal("0.2"))
    judged = judged_line(row)
    assert (judged["value"], judged["reason"], "報告値" in judged["notes"]) == (None, "incomplete_submission", False)


def test_a_contradictory_target_is_told_before_a_gap_and_the_gap_in_the_notes() -> None:
    row = line("claims_assessment_rate", 2025, "13", figure_as_of="2025-05", gap=GAP, is_contradictory=True)
    judged = judged_line(row | {"own_comparator": "対前年度以上", "registered_as": "対前年度以上／対前年度以下"})
    assert judged["reason"] == "contradictory_targets"
    assert judged["notes"].splitlines()[0] == GAP


@pytest.mark.parametrize(
    ("reported", "note"),
    [
        ({"reported_value": Decimal("57.6")}, ""),
        # 1,152 ÷ 2,000 = 57.6 exactly; 57.55 prints as 57.6, 57.549 as 57.5
        ({"reported_value": Decimal("57.55")}, ""),
        ({"reported_value": Decimal("57.549")}, "報告値57.5%と計算値57.6%が一致しません"),
        # without a value its counts speak: 1,150 ÷ 2,000 = 57.5
        (
            {"reported_numerator": Decimal(1150), "reported_denominator": Decimal(2000)},
            "報告値57.5%と計算値57.6%が一致しません",
        ),
        ({"reported_numerator": Decimal(1152), "reported_denominator": Decimal(2000)}, ""),
        # a value that contradicts its own counts stands, as it does where nothing was computed
        (
            {
                "reported_value": Decimal("57.6"),
                "reported_numerator": Decimal(1),
                "reported_denominator": Decimal(2),
            },
            "",
        ),
        ({"reported_numerator": Decimal(1), "reported_denominator": Decimal(0)}, ""),
        ({}, ""),
    ],
)
def test_the_computed_figure_is_used_and_a_different_reported_one_is_named(reported: dict[str, Any], note: str) -> None:
    computed = {"figure_as_of": "2025-05", "numerator": Decimal(1152), "denominator": Decimal(2000)}
    judged = judged_line(line("checkup_rate_insured", 2025, "13", **computed, **reported))
    assert judged["value_text"] == "57.6%"
    assert [one for one in judged["notes"].splitlines() if "報告値" in one] == ([note] if note else [])


def test_months_without_records_are_told_and_the_figure_stands() -> None:
    computed = {"figure_as_of": "2025-06", "numerator": Decimal(1), "denominator": Decimal(2)}
    told = "健診実施件数の2025-04・2025-05の記録はありません"
    judged = judged_line(line("checkup_rate_insured", 2025, "13", **computed, note=told))
    assert (judged["value_text"], judged["notes"].splitlines()[0]) == ("50.0%", told)


def test_contradictory_targets_are_shown_as_registered_and_told_in_the_notes() -> None:
    registered = "対前年度以上／対前年度以下"
    judged = judged_line(
        line(
            *("counter_receipt_rate", 2025, "05"),
            **{"own_comparator": "対前年度以下", "is_contradictory": True, "registered_as": registered},
        )
    )
    assert (judged["outcome"], judged["reason"]) == ("not_evaluable", "contradictory_targets")
    assert (judged["target"], judged["target_text"], judged["comparator"]) == (None, registered, "")
    assert judged["notes"] == f"登録された目標: {registered}"


def test_a_contradictory_row_of_the_nation_is_not_inherited() -> None:
    row = line("single_bid_rate", 2023, "02", figure_as_of="2024-03", value=Decimal("19.0"))
    row |= {"national_comparator": "以下", "national_target_value": Decimal(18), "national_is_contradictory": True}
    judged = judged_line(row, "2024-03")
    assert (judged["target"], judged["target_source"], judged["outcome"]) == (Decimal(20), "uniform", "attained")
    judged = judged_line(row | {"national_is_contradictory": False}, "2024-03")
    assert (judged["target"], judged["outcome"]) == (Decimal(18), "not_attained")


def test_the_reason_is_not_repeated_in_the_notes() -> None:
    judged = judged_line(line("checkup_rate_insured", 2025, "13", figure_as_of="2025-05", value=Decimal(5)))
    assert judged["reason_text"] == REASON_TEXT[Reason.NO_TARGET]
    assert judged["notes"] == ""
    # with no result the missing result is the reason, and the missing target remains worth a note
    judged = judged_line(line("checkup_rate_insured", 2025, "13"))
    assert judged["reason_text"] == REASON_TEXT[Reason.NO_RESULT]
    assert judged["notes"] == REASON_TEXT[Reason.NO_TARGET]


@pytest.mark.parametrize(
    ("kpi_id", "branch_code", "prior", "value", "text"),
    [
        ("recovery_rate", "13", {"prior_value": Decimal("53.95")}, Decimal("53.95"), "53.95%"),
        # 2 ÷ 3 at this year's precision
        (
            *("recovery_rate", "13", {"prior_numerator": Decimal(2), "prior_denominator": Decimal(3)}),
            *(Decimal("66.67"), "66.67%"),
        ),
        ("committee_coverage_rate", "13", {"prior_value": Decimal("40.39")}, Decimal("40.39"), "40.39%"),
        ("committee_coverage_rate", "20", {"prior_value": Decimal("40.39")}, Decimal("40.4"), "40.4%"),
        ("committee_offices", "13", {"prior_value": Decimal(12680)}, Decimal(12680), "12,680事業所"),
        ("line_monthly_posts", "13", {"prior_is_done": True}, None, "実施"),
        ("line_monthly_posts", "13", {"prior_is_done": False}, None, "未実施"),
        ("recovery_rate", "13", {}, None, ""),
    ],
)
def test_prior_year_for_reference(
    kpi_id: str, branch_code: str, prior: dict[str, Any], value: Decimal | None, text: str
) -> None:
    judged = judged_line(line(kpi_id, 2025, branch_code, prior_as_of="2025-03", **prior))
    assert (judged["prior_value"], judged["prior_value_text"]) == (value, text)


def test_planned_tenders_come_from_the_catalogue() -> None:
    row = line(
        *("single_bid_rate", 2025, "31"),
        **{"figure_as_of": "2025-06", "numerator": Decimal(1), "denominator": Decimal(5)},
    )
    assert judged_line(row)["reason"] == "plan_unknown"
    plan = PlannedTenders(fiscal_year=2025, branch_code="31", tenders=6, source="made for a test")
    elsewhere = plan.model_copy(update={"branch_code": "32"})
    another_year = plan.model_copy(update={"fiscal_year": 2024})
    for plans, expected in [
        ((plan,), ("attained", "small_tender_exception")),
        ((elsewhere, another_year), ("not_evaluable", "plan_unknown")),
        ((plan.model_copy(update={"tenders": 7}),), ("not_attained", "")),
    ]:
        judged = judged_line(row, using=catalogue().model_copy(update={"planned_tenders": plans}))
        assert (judged["outcome"], judged["reason"]) == expected


# ---- properties

NUMBERS = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=6)
POSITIVE = st.decimals(min_value=Decimal("0.000001"), max_value=10**9, allow_nan=False, allow_infinity=False, places=6)
NEAR_HUNDRED = st.decimals(min_value=90, max_value=110, allow_nan=False, allow_infinity=False, places=3)
SIGNED = st.decimals(min_value=-(10**6), max_value=10**6, allow_nan=False, allow_infinity=False, places=4)
PRECISIONS = st.integers(0, 4)


def goal(version: KpiVersion, number: Decimal) -> Target:
    """A fixed target in the direction of the version."""
    word = "以上" if version.direction == "at_least" else "以下"
    return ask("checkup_rate_insured", 2025, "02", own=f"{word} {number}", version=version)


def outcome_of(value: Decimal, number: Decimal, direction: str, precision: int) -> Outcome:
    version = made_version(direction=direction, precision=precision)
    return judge(Figure("2025-06", value=value), goal(version, number), version, 2025, "02").outcome


@settings(max_examples=120, deadline=None)
@given(NEAR_HUNDRED, NEAR_HUNDRED, st.sampled_from(["at_least", "at_most"]), PRECISIONS)
def test_outcome_is_the_comparison_of_printed_numbers(
    value: Decimal, number: Decimal, direction: str, precision: int
) -> None:
    unit = Decimal(1).scaleb(-precision)
    with localcontext(prec=60):
        shown, wanted = (one.quantize(unit, rounding=ROUND_HALF_UP) for one in (value, number))
    is_met = shown >= wanted if direction == "at_least" else shown <= wanted
    assert outcome_of(value, number, direction, precision) is (YES if is_met else NO)


@settings(max_examples=120, deadline=None)
@given(NEAR_HUNDRED, NEAR_HUNDRED, NEAR_HUNDRED, PRECISIONS)
def test_a_better_figure_is_never_judged_worse(one: Decimal, other: Decimal, number: Decimal, precision: int) -> None:
    low, high = sorted((one, other))
    if outcome_of(low, number, "at_least", precision) is YES:
        assert outcome_of(high, number, "at_least", precision) is YES
    if outcome_of(high, number, "at_most", precision) is YES:
        assert outcome_of(low, number, "at_most", precision) is YES


@settings(max_examples=120, deadline=None)
@given(NEAR_HUNDRED, NEAR_HUNDRED, NEAR_HUNDRED, PRECISIONS)
def test_a_harder_target_is_never_easier(value: Decimal, one: Decimal, other: Decimal, precision: int) -> None:
    low, high = sorted((one, other))
    if outcome_of(value, high, "at_least", precision) is YES:
        assert outcome_of(value, low, "at_least", precision) is YES
    if outcome_of(value, low, "at_most", precision) is YES:
        assert outcome_of(value, high, "at_most", precision) is YES


@settings(max_examples=120, deadline=None)
@given(NUMBERS, PRECISIONS, st.sampled_from(["at_least", "at_most"]))
def test_a_tie_is_always_attained(number: Decimal, precision: int, direction: str) -> None:
    assert outcome_of(number, number, direction, precision) is YES
    assert outcome_of(half_up(number, precision), number, direction, precision) is YES


@settings(max_examples=120, deadline=None)
@given(SIGNED, SIGNED, PRECISIONS)
def test_at_least_and_at_most_mirror_each_other(value: Decimal, number: Decimal, precision: int) -> None:
    assert outcome_of(value, number, "at_least", precision) is outcome_of(-value, -number, "at_most", precision)
    both = {outcome_of(value, number, direction, precision) for direction in ("at_least", "at_most")}
    assert (both == {YES}) == (half_up(value, precision) == half_up(number, precision))


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 10**9), POSITIVE, st.sampled_from([Kind.RATE, Kind.MEAN]), PRECISIONS)
def test_ratio_is_exact(numerator: int, denominator: int, number: Decimal, kind: Kind, precision: int) -> None:
    version = made_version(kind=kind, precision=precision)
    counts = Figure("2025-06", numerator=Decimal(numerator), denominator=Decimal(denominator))
    judged = judge(counts, goal(version, number), version, 2025, "02")
    exact = Fraction(numerator, denominator) * (100 if kind is Kind.RATE else 1) / Fraction(number) * 100
    tenths, rest = divmod(exact.numerator * 10, exact.denominator)
    rounded = Fraction(tenths + (2 * rest >= exact.denominator), 10)
    if rounded >= 10**12:  # a ratio beyond any meaning is not shown, and does not stop the month
        assert judged.ratio_to_target_pct is None
        return
    assert judged.ratio_to_target_pct is not None
    assert Fraction(judged.ratio_to_target_pct) == rounded


@settings(max_examples=120, deadline=None)
@given(NEAR_HUNDRED, NEAR_HUNDRED)
def test_nearly_attained_never_replaces_the_outcome(value: Decimal, number: Decimal) -> None:
    rule = {"min_ratio_pct": "95", "basis": "made for a test"}
    version, strict = made_version(near_attainment=rule), made_version()
    judged = judge(Figure("2025-06", value=value), goal(version, number), version, 2025, "02")
    without = judge(Figure("2025-06", value=value), goal(strict, number), strict, 2025, "02")
    assert without == replace(judged, is_nearly_attained=None)
    if judged.outcome is YES:
        assert judged.is_nearly_attained is None
    else:
        assert judged.is_nearly_attained is (Fraction(value) * 20 >= Fraction(number) * 19)


FIGURES = st.none() | st.builds(
    Figure,
    as_of=st.sampled_from(["2025-04", "2026-03"]),
    value=st.none() | NUMBERS,
    numerator=st.none() | NUMBERS,
    denominator=st.none() | NUMBERS,
    is_done=st.none() | st.booleans(),
)
TARGETS = st.builds(
    lambda number, comparator, is_fixed, reason: Target(
        comparator=comparator,
        value=None if number is None else half_up(number, 1),
        exact=None if number is None else Fraction(number),
        is_fixed=is_fixed,
        reason=reason,
    ),
    st.none() | NUMBERS,
    st.sampled_from(["", ">=", "<=", "done"]),
    st.booleans(),
    st.none() | st.sampled_from(list(Reason)),
)
EVERY_VERSION = [version for kpi in catalogue().kpis for version in kpi.versions]


@settings(max_examples=300, deadline=None)
@given(FIGURES, TARGETS, st.sampled_from(EVERY_VERSION), st.sampled_from(["00", "05"]), st.none() | st.integers(0, 9))
def test_judge_never_raises_and_always_explains(
    one: Figure | None, target: Target, version: KpiVersion, branch_code: str, planned: int | None
) -> None:
    judged = judge(one, target, version, 2025, branch_code, planned)
    if judged.outcome is UNKNOWN:
        assert judged.reason_text
        assert judged.is_nearly_attained is None
    else:
        assert judged.value_text
        assert judged.reason in (None, Reason.SMALL_TENDER_EXCEPTION)
    if judged.value is not None:
        assert judged.value.as_tuple().exponent == -version.precision_for(branch_code)


def test_a_redefined_kpi_has_no_prior_year() -> None:
    known = {"prior_as_of": "2024-03", "prior_value": Decimal(2488)}
    redefined = judged_line(line("health_declaration_offices", 2024, "04", **known))
    assert (redefined["prior_value"], redefined["prior_value_text"], redefined["prior_as_of"]) == (None, "", None)
    later = judged_line(
        line("health_declaration_offices", 2025, "04", prior_as_of="2025-03", prior_value=Decimal(2500))
    )
    assert (later["prior_value"], later["prior_value_text"]) == (Decimal(2500), "2,500事業所")
