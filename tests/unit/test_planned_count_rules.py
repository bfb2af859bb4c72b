"""Planned head counts: hand-computed cases, what has none, properties of exact counting, and what a wrong entry is told."""

import shutil
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scorecard_samples import row, rows_tokyo

from kenpo_pipelines.catalogue.dictionary import CATALOGUE_DIRECTORY
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue, CatalogueError
from kenpo_pipelines.catalogue.planned_count_rules import PlannedCountRule, Rounding, RuleOrigin
from kenpo_pipelines.catalogue.planned_counts import (
    count_attaining,
    is_planned_in_heads,
    plan,
    planned_count,
    printed_target,
    remaining_count,
    rule_of,
)
from kenpo_pipelines.catalogue.rounding import half_up

IN_HEADS = [
    "checkup_rate_insured",
    "employer_checkup_data_rate",
    "checkup_rate_dependants",
    "guidance_rate_insured",
    "guidance_rate_dependants",
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(CATALOGUE_DIRECTORY)


def with_rule(catalogue: Catalogue, rounding: Rounding, to: int = 1) -> Catalogue:
    """The catalogue with one rule for all."""
    rule = PlannedCountRule.model_validate(
        {"fiscal_years": "2022-", "rounding": rounding, "to": to, "origin": "assumed", "owner": "team:planning"}
        | {"source": "test", "note": "test"}
    )
    return catalogue.model_copy(update={"planned_counts": (rule,)})


# 2,601 × 6.4 % = 166.464 (茨城 2024, guidance of dependants)
@pytest.mark.parametrize(
    ("rounding", "to", "planned"),
    [
        (Rounding.FLOOR, 1, 166),
        (Rounding.HALF_UP, 1, 166),
        (Rounding.CEIL, 1, 167),
        (Rounding.CEIL, 10, 170),
        (Rounding.CEIL, 100, 200),
        (Rounding.FLOOR, 100, 100),
        (Rounding.HALF_UP, 100, 200),
        (Rounding.COUNT_FIRST, 1, 166),  # 165.1635 is 6.35 %: 166 is the least that prints 6.4
        (Rounding.COUNT_FIRST, 10, 170),  # 6.5360 % prints 6.5: no ten prints 6.4, the least that reaches it is meant
    ],
)
def test_each_rounding_by_hand(catalogue: Catalogue, rounding: Rounding, to: int, planned: int) -> None:
    found = plan(with_rule(catalogue, rounding, to), "08", 2024, "guidance_rate_dependants", 2601, Decimal("6.4"))
    assert found is not None
    assert (found.planned, found.attaining) == (planned, 166)


def test_a_half_person_is_rounded_up_and_a_whole_one_stays(catalogue: Catalogue) -> None:
    """1,000 × 20.05 % = 200.5; 1,000 × 20.1 % = 201 by every rounding."""
    halves = [
        planned_count(with_rule(catalogue, one), "01", 2025, IN_HEADS[0], 1000, Decimal("20.05")) for one in Rounding
    ]
    assert halves == [201, 201, 200, 201]  # count first: 20.05 is judged as 20.1, from 200.5 on
    wholes = {
        planned_count(with_rule(catalogue, one), "01", 2025, IN_HEADS[0], 1000, Decimal("20.1"))
        for one in (Rounding.CEIL, Rounding.FLOOR, Rounding.HALF_UP)
    }
    assert wholes == {201}


@pytest.mark.parametrize(
    ("denominator", "target", "attaining"),
    [
        (8736, "9.9", 861),  # 東京: 9.85 % is 860.496 persons, the plan prints 865
        (142354, "57.6", 81925),  # 秋田: 57.55 % is 81,924.727, the plan prints 81,930
        (1906, "24.0", 457),  # 長野: 23.95 % is 456.487, the plan prints 458
        (1000, "57.65", 577),  # judged at one decimal: 57.7, from 57.65 % on
        (1000, "0.1", 1),  # 0.05 % is half a person
        (1000, "0.0", 0),
        (3, "100.0", 3),
    ],
)
def test_attaining_count_by_hand(denominator: int, target: str, attaining: int) -> None:
    assert count_attaining(denominator, Decimal(target), 1) == attaining


def test_printed_target_of_a_branch_that_decides_the_count_first() -> None:
    assert printed_target(10670, 34227, 1) == Decimal("31.2")  # 31.1742 %
    assert printed_target(30110, 142354, 1) == Decimal("21.2")  # 21.1515 %


@pytest.mark.parametrize("denominator", [0, -5])
def test_a_rate_of_nobody_is_an_error(denominator: int) -> None:
    with pytest.raises(ValueError, match="says nothing"):
        count_attaining(denominator, Decimal(50), 1)
    with pytest.raises(ValueError, match="says nothing"):
        printed_target(1, denominator, 1)


heads = st.integers(1, 3_000_000)
targets = st.integers(0, 1200).map(lambda tenths: Decimal(tenths) / 10)


@given(heads, targets, st.integers(0, 3))
def test_attaining_is_the_least_count_that_prints_as_the_target_or_more(
    heads: int, target: Decimal, places: int
) -> None:
    least = count_attaining(heads, target, places)
    needed = half_up(target, places)
    assert half_up(Fraction(least, heads) * 100, places) >= needed
    assert least == 0 or half_up(Fraction(least - 1, heads) * 100, places) < needed


@given(heads, targets, st.sampled_from([1, 10, 100]))
def test_roundings_stand_in_order(catalogue: Catalogue, heads: int, target: Decimal, to: int) -> None:
    counts = {
        one: planned_count(with_rule(catalogue, one, to), "01", 2025, IN_HEADS[0], heads, target) for one in Rounding
    }
    exact = Fraction(target) * heads / 100
    low, near, high = counts[Rounding.FLOOR], counts[Rounding.HALF_UP], counts[Rounding.CEIL]
    assert low is not None and near is not None and high is not None
    assert low <= exact <= high
    assert near in (low, high) and abs(near - exact) * 2 <= to
    assert high - low in (0, to)
    first = counts[Rounding.COUNT_FIRST]
    assert first is not None and first % to == 0
    assert first - to < count_attaining(heads, target, 1) <= first


@given(heads, targets)
def test_a_plan_rounded_up_is_always_attained(catalogue: Catalogue, heads: int, target: Decimal) -> None:
    found = plan(with_rule(catalogue, Rounding.CEIL), "01", 2025, IN_HEADS[0], heads, target)
    assert found is not None
    assert found.attaining <= found.planned


@given(heads, targets, st.integers(0, 3_000_000), st.integers(0, 1000))
def test_remaining_falls_by_one_per_person_to_nought(
    catalogue: Catalogue, heads: int, target: Decimal, done: int, more: int
) -> None:
    line = replace(row(IN_HEADS[0], "50", "10"), denominator=Decimal(heads), target=target, numerator=Decimal(done))
    planned = planned_count(catalogue, "13", 2025, IN_HEADS[0], heads, target)
    before = remaining_count(catalogue, line)
    after = remaining_count(catalogue, replace(line, numerator=Decimal(done + more)))
    assert planned is not None and before is not None and after is not None
    assert after == max(0, before - more)
    assert done + before == max(done, planned)


def test_which_kpis_are_planned_in_heads(catalogue: Catalogue) -> None:
    """Five, in every year that is judged; the rest are levels, amounts, counts, or rates of what comes in."""
    for year in (2023, 2024, 2025, 2026):
        for code in ("00", "05", "13"):
            found = [k.id for k in catalogue.in_force(year, code) if is_planned_in_heads(k.version(year), code)]  # type: ignore[arg-type]
            assert found == IN_HEADS


@pytest.mark.parametrize(
    ("kpi_id", "fiscal_year", "branch"),
    [
        ("service_standard_attainment", 2025, "13"),  # of decisions that come in
        ("service_standard_days", 2025, "13"),  # a mean
        ("counter_receipt_rate", 2025, "13"),  # at most
        ("recovery_rate", 2025, "13"),  # yen
        ("committee_coverage_rate", 2025, "13"),  # a level
        ("untreated_visit_rate_10m", 2025, "13"),  # a cohort that grows
        ("checkup_persons", 2025, "00"),  # a count itself
        ("single_bid_rate", 2025, "13"),
        ("dependant_confirmation_rate", 2023, "13"),  # establishments
        ("line_monthly_posts", 2025, "13"),
        ("policy_statements", 2023, "00"),
        ("no_such_kpi", 2025, "13"),
        ("checkup_rate_insured", 2022, "13"),  # before the KPI's first year
    ],
)
def test_kpis_without_a_head_count(catalogue: Catalogue, kpi_id: str, fiscal_year: int, branch: str) -> None:
    assert planned_count(catalogue, branch, fiscal_year, kpi_id, 1000, Decimal(50)) is None


@pytest.mark.parametrize("denominator", [None, 0, -1, Decimal("1000.5")])
def test_no_plan_without_a_head_count_below(catalogue: Catalogue, denominator: Decimal | int | None) -> None:
    assert planned_count(catalogue, "13", 2025, IN_HEADS[0], denominator, Decimal(50)) is None


def test_no_plan_without_a_target(catalogue: Catalogue) -> None:
    assert planned_count(catalogue, "13", 2025, IN_HEADS[0], 1000, None) is None


def test_remaining_of_tokyo_by_hand(catalogue: Catalogue) -> None:
    """99,300 − 1,541, 174,900 − 17,986, 47,320 − 6,853, 865 − 62; check-ups have no figure yet."""
    remaining = {line.kpi_id: remaining_count(catalogue, line) for line in rows_tokyo() if line.fiscal_year == 2025}
    assert {kpi_id: count for kpi_id, count in remaining.items() if count is not None} == {
        "employer_checkup_data_rate": 97759,
        "checkup_rate_dependants": 156914,
        "guidance_rate_insured": 40467,
        "guidance_rate_dependants": 803,
    }


def test_remaining_needs_a_numerator_and_ends_at_nought(catalogue: Catalogue) -> None:
    line = replace(row(IN_HEADS[4], "9.9", "0.7"), numerator=Decimal(62), denominator=Decimal(8736))
    assert remaining_count(catalogue, line) == 803
    assert remaining_count(catalogue, replace(line, numerator=Decimal(864))) == 1
    assert remaining_count(catalogue, replace(line, numerator=Decimal(865))) == 0
    assert remaining_count(catalogue, replace(line, numerator=Decimal(9000))) == 0
    assert remaining_count(catalogue, replace(line, numerator=None)) is None
    assert remaining_count(catalogue, replace(line, target=None)) is None


def test_the_closest_entry_holds(catalogue: Catalogue) -> None:
    """秋田 has two entries of its own for 2025; a year or branch without one has the general rule, which says it is assumed."""
    own = [rule_of(catalogue, "05", 2025, kpi_id) for kpi_id in ("checkup_rate_insured", "guidance_rate_insured")]
    assert [(one.rounding, one.to, one.origin) for one in own if one] == [
        (Rounding.COUNT_FIRST, 10, RuleOrigin.INFERRED),
        (Rounding.HALF_UP, 1, RuleOrigin.INFERRED),
    ]
    for code, year in (("05", 2024), ("05", 2026), ("01", 2025), ("00", 2025)):
        general = rule_of(catalogue, code, year, "checkup_rate_insured")
        assert general is not None and general.is_assumed
        assert (general.branch_code, general.rounding, general.to) == (None, Rounding.CEIL, 1)


def test_a_branch_entry_goes_before_a_general_one_of_the_kpi(catalogue: Catalogue) -> None:
    base = catalogue.planned_counts[0]
    rules = (
        base,
        base.model_copy(update={"kpis": (IN_HEADS[0],), "rounding": Rounding.FLOOR}),
        base.model_copy(update={"branch_code": "13", "rounding": Rounding.HALF_UP}),
    )
    changed = catalogue.model_copy(update={"planned_counts": rules})
    found = [
        rule_of(changed, code, 2025, kpi)
        for code, kpi in (("13", IN_HEADS[0]), ("01", IN_HEADS[0]), ("01", IN_HEADS[1]))
    ]
    assert [one.rounding for one in found if one] == [Rounding.HALF_UP, Rounding.FLOOR, Rounding.CEIL]


@pytest.fixture()
def copy(tmp_path: Path) -> Path:
    target = tmp_path / "catalogue"
    shutil.copytree(CATALOGUE_DIRECTORY, target)
    return target


NAGANO = '- branch_code: "20"\n  fiscal_years: "2025"\n'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (NAGANO, NAGANO.replace("20", "99", 1), "planned_counts.yml: entry 1: branch_code: no branch 99"),
        (NAGANO, f"{NAGANO}  kpis: [recovery_rate]\n", "planned_counts.yml: entry 1: kpis: recovery_rate is no KPI"),
        (NAGANO, f"{NAGANO}  kpis: [nothing]\n", "planned_counts.yml: entry 1: kpis: nothing is no KPI"),
        (
            NAGANO,
            f"{NAGANO}  kpis: [guidance_rate_insured, guidance_rate_insured]\n",
            "planned_counts.yml: entry 1: Value error, kpis: one stands twice",
        ),
        (
            '"2024"\n',
            '"2024-"\n',
            "planned_counts.yml: entry 3: entry 2 says the same of fiscal year 2025",
        ),
        (
            "kpis: [guidance_rate_insured, guidance_rate_dependants]\n  rounding: half_up",
            "kpis: [guidance_rate_insured, checkup_rate_insured]\n  rounding: half_up",
            "planned_counts.yml: entry 5: entry 4 says the same of fiscal year 2025",
        ),
        ('"2022-"', '"2023-"', "planned_counts.yml: fiscal year 2022 has no entry for all branches and KPIs"),
        ("rounding: floor", "rounding: down", "planned_counts.yml: entry 2.rounding: "),
        ("to: 10\n", "to: 0\n", "planned_counts.yml: entry 4.to: "),
        ("owner: team:planning", "owner: somebody", "planned_counts.yml: entry 0.owner: "),
        ("origin: assumed", "origin: known", "planned_counts.yml: entry 0.origin: "),
    ],
)
def test_wrong_entry_is_named(copy: Path, old: str, new: str, message: str) -> None:
    path = copy / "planned_counts.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogueError) as raised:
        load_catalogue(copy)
    assert str(raised.value).startswith(message)
