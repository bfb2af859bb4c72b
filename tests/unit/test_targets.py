"""Every target rule by hand-worked cases: which number a branch is held against, its source, or why there is none."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kpi_samples import ask, catalogue, figure, made_version, read_known, rows, submitted, version_of

from kenpo_pipelines.catalogue.figures import Figure
from kenpo_pipelines.catalogue.model import NATION, Direction, Kind
from kenpo_pipelines.catalogue.rounding import half_up
from kenpo_pipelines.catalogue.targets import (
    COMPARATORS,
    REASON_TEXT,
    Reason,
    SubmittedTarget,
    TargetQuestion,
    resolve_target,
)

YEAR_END_2024 = "2025-03"

# KPI fiscal-year branch | what is known | target as printed | where it comes from | a fixed number or a prior year's
RESOLVED = rows("""
# ---- uniform: head office sets one number for all
service_standard_attainment 2025 13  | 以上 100                        | 100.00%以上     | submitted  | fixed
service_standard_days 2025 13        | 以下 7                          | 7.00日以下      | submitted  | fixed
# inherited: the published table of 2023 prints 20.0 % for 協会全体 alone
single_bid_rate 2023 02              | nation 以下 20.0                | 20.0%以下       | uniform    | fixed
# a row of the nation stands before the catalogue's number (15)
single_bid_rate 2024 02              | nation 以下 18                  | 18.0%以下       | uniform    | fixed
# a row of the nation without a number has none to inherit: the catalogue's holds
single_bid_rate 2024 02              | nation 対前年度以下             | 15.0%以下       | uniform    | fixed
# no row at all: the catalogue has 20 for 2023 and 15 for 2024, which goes on in 2025
single_bid_rate 2023 02              | -                               | 20.0%以下       | uniform    | fixed
single_bid_rate 2024 02              | -                               | 15.0%以下       | uniform    | fixed
single_bid_rate 2025 02              | -                               | 15.0%以下       | uniform    | fixed
# ---- branch-set
checkup_rate_insured 2025 13         | 以上 63.1                       | 63.1%以上       | submitted  | fixed
health_declaration_offices 2025 20   | 以上 1460                       | 1,460事業所以上 | submitted  | fixed
# 東京 judges this one with two decimals, all others with one
committee_coverage_rate 2025 13      | 以上 41.0                       | 41.00%以上      | submitted  | fixed
committee_coverage_rate 2025 20      | 以上 61.4                       | 61.4%以上       | submitted  | fixed
# half-up at the printed precision: 63.05 → 63.1
checkup_rate_insured 2025 13         | 以上 63.05                      | 63.1%以上       | submitted  | fixed
# a target may lie below last year's result
checkup_rate_insured 2025 13         | 以上 50.0; prior 57.2           | 50.0%以上       | submitted  | fixed
# ---- prior year, its figure given in the submission
claims_assessment_rate 2024 20       | 対前年度以上 0.182              | 対前年度以上（0.182%以上） | submitted | prior
# 東京 counted its first baseline itself: 1.9以下 beside 【新設】
counter_receipt_rate 2025 13         | 対前年度以下 1.9                | 対前年度以下（1.9%以下）   | submitted | prior
# ---- prior year, resolved from the reported result of March
recovery_rate 2025 13                | 対前年度以上; prior 53.95       | 対前年度以上（53.95%以上） | prior_year | prior
recovery_rate 2025 13                | prior 53.95                     | 対前年度以上（53.95%以上） | prior_year | prior
counter_receipt_rate 2025 13         | prior 1.9                       | 対前年度以下（1.9%以下）   | prior_year | prior
committee_offices 2025 13 | 対前年度以上; prior 12680 | 対前年度以上（12,680事業所以上） | prior_year | prior
# from counts: 2 ÷ 3 = 66.666… → 66.67
recovery_rate 2025 13                | prior 2/3                       | 対前年度以上（66.67%以上） | prior_year | prior
# ---- prior year END: given, resolved, and as 長野 writes it
generic_share_volume 2025 13         | 対前年度末以上 88.3             | 対前年度末以上（88.3%以上） | submitted | prior
generic_share_volume 2025 20 | 対前年度末以上; prior 85.0 | 対前年度末以上（85.0%以上） | prior_year | prior
generic_share_volume 2024 20         | 対前年度以上 85.1               | 対前年度以上（85.1%以上）   | submitted | prior
# ---- generics: under 80.0 % in June of the planning year → 80; every other branch its own prior year end
generic_share_volume 2025 47 | june 80.0; prior 81.2 | 対前年度末以上（81.2%以上） | prior_year | prior
# 79.95 → 80.0 is not under 80.0; 79.94 → 79.9 is
generic_share_volume 2025 47 | june 79.95; prior 81.2 | 対前年度末以上（81.2%以上） | prior_year | prior
generic_share_volume 2025 47         | june 79.94; prior 81.2          | 80.0%以上       | uniform    | fixed
# from counts: 1,599 ÷ 2,000 = 79.95 → 80.0; 15,989 ÷ 20,000 = 79.945 → 79.9
generic_share_volume 2025 47 | june 1599/2000; prior 81.2 | 対前年度末以上（81.2%以上） | prior_year | prior
generic_share_volume 2025 47         | june 15989/20000; prior 81.2    | 80.0%以上       | uniform    | fixed
# a branch under 80 needs no prior year end
generic_share_volume 2025 47         | june 75.0                       | 80.0%以上       | uniform    | fixed
# who registers the year end needs no June, and is held to 80 all the same where June is known to be under it
generic_share_volume 2025 47 | 対前年度末以上; prior 81.2 | 対前年度末以上（81.2%以上） | prior_year | prior
generic_share_volume 2025 47         | 対前年度末以上; june 79.9; prior 79.8 | 80.0%以上 | uniform    | fixed
# a fixed row stands: the nation's 80.0 of 2023
generic_share_volume 2023 00         | 以上 80.0                       | 80.0%以上       | submitted  | fixed
# ---- nation only
website_visits 2025 00               | -                               | 137,000,000件以上 | uniform  | fixed
biosimilar_ingredient_share 2024 00  | -                               | 18.0%以上       | uniform    | fixed
biosimilar_ingredient_share 2025 00  | -                               | 21.0%以上       | uniform    | fixed
# ---- Akita only. 48.6 and 33.3 in 2022, from 2024 on 0.2 lower each year: 48.4, 48.2; 33.1, 32.9
sbp130_share_male 2024 05            | -                               | 48.4%以下       | uniform    | fixed
sbp130_share_male 2025 05            | -                               | 48.2%以下       | uniform    | fixed
sbp130_share_female 2025 05          | -                               | 32.9%以下       | uniform    | fixed
# ---- done or not done for a branch, a number of branches for the nation
policy_statements 2023 00            | 以上 47                         | 47支部以上      | submitted  | fixed
policy_statements 2023 00            | -                               | 47支部以上      | uniform    | fixed
""")


@pytest.mark.parametrize(("what", "known", "text", "source", "fixed"), RESOLVED)
def test_resolved_target(what: str, known: str, text: str, source: str, fixed: str) -> None:
    kpi_id, fiscal_year, branch_code = what.split()
    target = ask(kpi_id, int(fiscal_year), branch_code, **read_known(known))
    assert (target.text, target.source, target.is_fixed, target.reason) == (text, source, fixed == "fixed", None)
    assert target.comparator == (">=" if text.rstrip("）").endswith("以上") else "<=")
    assert target.value is not None
    assert target.exact is not None
    assert target.value == half_up(target.exact, version_of(kpi_id, int(fiscal_year)).precision_for(branch_code))
    assert f"{target.value:,}" in text


@pytest.mark.parametrize(
    ("what", "known", "source"),
    rows("""
biosimilar_outreach 2025 04 | 実施           | submitted
line_monthly_posts 2025 04  | 実施           | submitted
line_monthly_posts 2025 04  | nation 実施    | uniform
line_monthly_posts 2025 04  | -              | uniform
# 47支部 is the nation's number, not a branch's
policy_statements 2023 04   | nation 以上 47 | uniform
"""),
)
def test_qualitative_target(what: str, known: str, source: str) -> None:
    kpi_id, fiscal_year, branch_code = what.split()
    target = ask(kpi_id, int(fiscal_year), branch_code, **read_known(known))
    assert (target.comparator, target.text, target.source, target.reason) == ("done", "実施", source, None)
    assert target.value is None


# KPI fiscal-year branch | what is known | why there is no target | what the scorecard prints in its place
UNRESOLVED = rows("""
checkup_rate_insured 2025 02  | -                                 | no_target       | -
# 協会全体63.5%以上 is the nation's own target, no branch inherits it
checkup_rate_insured 2025 02  | nation 以上 63.5                  | no_target       | -
checkup_rate_insured 2025 02  | 以上                              | no_target       | -
# the first year of a KPI has no year before
counter_receipt_rate 2025 20  | 対前年度以下                      | new_kpi         | 対前年度以下
generic_share_value 2025 00   | -                                 | new_kpi         | 対前年度以上
recovery_rate 2025 20         | 対前年度以上                      | no_prior_result | 対前年度以上
# 0 ÷ 0: the year before has a line but no figure
recovery_rate 2025 20         | prior 0/0                         | no_prior_result | 対前年度以上
# generics: without June nobody knows which of the two targets holds, although the year end is known
generic_share_volume 2025 47  | -                                 | no_prior_june   | 80以上又は対前年度末以上
generic_share_volume 2025 47  | prior 81.2                        | no_prior_june   | 80以上又は対前年度末以上
generic_share_volume 2025 47  | june 80.0                         | no_prior_result | 対前年度末以上
generic_share_volume 2025 20  | 対前年度末以上                    | no_prior_result | 対前年度末以上
# 秋田 2025: 対前年度以下 and 前年度以上 for the same KPI
counter_receipt_rate 2025 05  | 対前年度以下; contradictory       | contradictory_targets | -
# one row alone, but in the direction that is bad for the KPI
counter_receipt_rate 2025 05  | 対前年度以上; prior 1.9           | contradictory_targets | -
counter_receipt_rate 2025 05  | 対前年度以上 1.9                  | contradictory_targets | -
single_bid_rate 2025 05       | 以上 15                           | contradictory_targets | -
checkup_rate_insured 2025 05  | 以下 57.6                         | contradictory_targets | -
# 秋田 2025: 毎月2回以上 for a KPI that is done or not done; and 実施 for one that is a number
line_monthly_posts 2025 05    | 以上 2                            | target_unfit    | -
checkup_rate_insured 2025 05  | 実施                              | target_unfit    | -
policy_statements 2023 00     | 実施                              | target_unfit    | -
""")


@pytest.mark.parametrize(("what", "known", "reason", "text"), UNRESOLVED)
def test_no_target_and_its_reason(what: str, known: str, reason: str, text: str) -> None:
    kpi_id, fiscal_year, branch_code = what.split()
    target = ask(kpi_id, int(fiscal_year), branch_code, **read_known(known))
    assert (target.reason, target.text, target.notes) == (reason, text, (REASON_TEXT[Reason(reason)],))
    assert (target.value, target.exact, target.source, target.is_fixed) == (None, None, "", False)


def test_a_prior_year_target_keeps_its_unrounded_figure() -> None:
    target = ask("untreated_visit_rate_10m", 2025, prior=figure("32.0", of=("1", "3"), as_of=YEAR_END_2024))
    # 33.3… contradicts the reported 32.0: the reported figure stands
    assert (target.value, target.exact) == (Decimal("32.0"), Fraction(32))
    target = ask("untreated_visit_rate_10m", 2025, prior=figure("33.3", of=("1", "3"), as_of=YEAR_END_2024))
    assert (target.value, target.exact) == (Decimal("33.3"), Fraction(100, 3))


@pytest.mark.parametrize("number", ["", " 80"])
def test_the_80_in_the_rules_own_row_is_not_a_target(number: str) -> None:
    own = f"80以上又は対前年度末以上{number}"
    target = ask("generic_share_volume", 2025, "00", own=own, june=figure("84.0"), prior=figure("84.8"))
    assert (target.text, target.source, target.is_fixed) == ("対前年度末以上（84.8%以上）", "prior_year", False)


@pytest.mark.parametrize(
    ("what", "known", "note"),
    rows("""
# the submission's own figure stands, ours is named
recovery_rate 2025 13        | 対前年度以上 53.95; prior 54.10  | prior 54.10%
# 53.951 → 53.95: the same as printed
recovery_rate 2025 13        | 対前年度以上 53.95; prior 53.951 | -
recovery_rate 2025 13        | 対前年度以上 53.95               | -
# head office sets one number for all, the branch another
single_bid_rate 2025 13      | 以下 10                          | uniform 15.0%
single_bid_rate 2025 13      | 以下 15                          | -
# lower than last year is no error
checkup_rate_insured 2025 13 | 以上 50.0; prior 57.2            | -
"""),
)
def test_a_target_that_stands_beside_another_number_says_so(what: str, known: str, note: str) -> None:
    kpi_id, fiscal_year, branch_code = what.split()
    target = ask(kpi_id, int(fiscal_year), branch_code, **read_known(known))
    assert target.value == Decimal(known.split(";")[0].split()[1])
    kind, _, shown = note.partition(" ")
    texts = {
        "": (),
        "prior": (f"目標として提出された前年度実績と、報告済みの前年度実績（{shown}）が一致しません",),
        "uniform": (f"登録された目標が全国一律の目標（{shown}）と異なります",),
    }
    assert target.notes == texts[kind]


@pytest.mark.parametrize(
    ("kpi_id", "fiscal_year", "branches"),
    [
        ("website_visits", 2025, {NATION}),
        ("generic_share_value", 2025, {NATION}),
        ("biosimilar_ingredient_share", 2024, {NATION}),
        ("sbp130_share_male", 2025, {"05"}),
        ("sbp130_share_female", 2024, {"05"}),
    ],
)
def test_scopes(kpi_id: str, fiscal_year: int, branches: set[str]) -> None:
    everyone = [branch.code for branch in catalogue().branches]
    assert len(everyone) == 48
    followed = {code for code in everyone if kpi_id in [kpi.id for kpi in catalogue().in_force(fiscal_year, code)]}
    assert followed == branches


# ---- properties

NUMBERS = st.decimals(min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False, places=10)
FIGURES = st.builds(
    Figure,
    as_of=st.just(YEAR_END_2024),
    value=st.none() | NUMBERS,
    numerator=st.none() | NUMBERS,
    denominator=st.none() | NUMBERS,
    is_done=st.none() | st.booleans(),
)
ROWS = st.builds(
    lambda comparator, number: submitted(comparator if number is None else f"{comparator} {number}"),
    st.sampled_from(COMPARATORS),
    st.none() | NUMBERS,
)
EVERY_VERSION = [(kpi, version) for kpi in catalogue().kpis for version in kpi.versions]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_every_question_has_an_answer_and_the_answer_is_whole(data: st.DataObject) -> None:
    kpi, version = data.draw(st.sampled_from(EVERY_VERSION))
    fiscal_year = data.draw(st.sampled_from([y for y in range(2023, 2030) if y in version.fiscal_years]))
    branch_code = data.draw(st.sampled_from(["00", "05", "13", "47"]))
    question = TargetQuestion(
        version=version,
        fiscal_year=fiscal_year,
        branch_code=branch_code,
        is_first_year=fiscal_year == kpi.first_year,
        own=data.draw(st.none() | ROWS),
        is_contradictory=data.draw(st.sampled_from([False, False, False, True])),
        national=data.draw(st.none() | ROWS),
        prior_year_end=data.draw(st.none() | FIGURES),
        prior_june=data.draw(st.none() | FIGURES),
    )
    target = resolve_target(question)
    answers = [target.reason is not None, target.value is not None, target.comparator == "done"]
    assert answers.count(True) == 1
    assert (target.value is None) == (target.exact is None)
    if question.is_contradictory:
        assert target.reason is Reason.CONTRADICTORY_TARGETS
    if target.value is not None:
        assert target.exact is not None
        assert version.kind_for(branch_code) is not Kind.QUALITATIVE
        assert target.value == half_up(target.exact, version.precision_for(branch_code))
        assert target.comparator == (">=" if version.direction is Direction.AT_LEAST else "<=")
        assert target.source in {"submitted", "uniform", "prior_year"}
    if target.comparator == "done":
        assert version.kind_for(branch_code) is Kind.QUALITATIVE


@settings(max_examples=120, deadline=None)
@given(june=NUMBERS, prior=NUMBERS)
def test_the_80_percent_rule_splits_at_the_printed_80(june: Decimal, prior: Decimal) -> None:
    target = ask("generic_share_volume", 2025, "47", june=figure(str(june)), prior=figure(str(prior)))
    if june < Decimal("79.95"):
        assert (target.value, target.is_fixed) == (Decimal("80.0"), True)
    else:
        assert (target.exact, target.is_fixed) == (Fraction(prior), False)


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.integers(2023, 2030), NUMBERS, min_size=1), st.integers(0, 7))
def test_a_uniform_number_goes_on_until_the_next(values: dict[int, Decimal], later: int) -> None:
    first = min(values)
    version = made_version(
        fiscal_years=f"{first}-",
        target={"rule": "uniform", "values": {year: str(value) for year, value in values.items()}},
    )
    newest = max(year for year in values if year <= first + later)
    assert ask("checkup_rate_insured", first + later, version=version).exact == Fraction(values[newest])


def test_the_generics_floor_says_that_it_replaces_the_registered_target() -> None:
    version = version_of("generic_share_volume", 2025)
    june = Figure("2024-06", value=Decimal("79.9"))
    own = SubmittedTarget("対前年度末以上")
    target = resolve_target(
        TargetQuestion(version, 2025, "13", is_first_year=False, own=own, prior_june=june, prior_year_end=june)
    )
    assert (target.value, target.is_fixed) == (Decimal("80.0"), True)
    assert target.notes == ("登録は対前年度末以上ですが、前年度６月診療分が80％に達していないため、目標は80％です",)
    plain = SubmittedTarget("80以上又は対前年度末以上", Decimal(80))
    target = resolve_target(TargetQuestion(version, 2025, "13", is_first_year=False, own=plain, prior_june=june))
    assert target.notes == ()


def test_a_national_row_against_the_direction_is_not_inherited() -> None:
    version = version_of("single_bid_rate", 2025)
    wrong = SubmittedTarget("以上", Decimal(30))
    target = resolve_target(TargetQuestion(version, 2025, "13", is_first_year=False, national=wrong))
    assert (target.value, target.comparator, target.source) == (Decimal("15.0"), "<=", "uniform")
