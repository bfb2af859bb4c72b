"""Analytical rules on planted faults and on random worlds, against an oracle that shares nothing with the SQL."""

import csv
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

import analytical_oracle
import pyarrow as pa
import pytest
from figure_world import REFERENCE, FigureWorld, Row, places

from kenpo_pipelines import fiscal
from kenpo_pipelines.settings import CHECKOUT

KPIS = REFERENCE["kpis"].to_pandas()
LIMITS = {row["threshold"]: Fraction(row["value"]) for row in REFERENCE["thresholds"].to_pylist()}
BRANCHES = [row["branch_code"] for row in REFERENCE["branches"].to_pylist() if row["branch_code"] != "00"]
MONTH = "2025-06"
CHECKUPS, COUNTER, DAYS = "checkup_rate_insured", "counter_receipt_rate", "service_standard_days"
COVERAGE, OFFICES, VISITS = "committee_coverage_rate", "committee_offices", "untreated_visit_rate_10m"
TENDERS, GUIDANCE, RECOVERY = "single_bid_rate", "guidance_rate_insured", "recovery_rate"

Worlds = Callable[[], FigureWorld]


@pytest.fixture
def worlds(tmp_path: Path) -> Worlds:
    """Make a new, empty world of June 2025."""
    made: list[FigureWorld] = []

    def make() -> FigureWorld:
        made.append(FigureWorld(tmp_path / str(len(made)), MONTH))
        return made[-1]

    return make


@pytest.fixture
def world(worlds: Worlds) -> FigureWorld:
    return worlds()


def months(first: str, last: str) -> list[str]:
    return list(fiscal.month_range(first, last))


def texts(found: list[Row], rule: str) -> list[str]:
    return [f"{row['title']}：{row['detail']}" for row in found if row["rule"] == rule]


def ordinary_branches(world: FigureWorld, kpi_id: str, as_of: str, **outlier: object) -> None:
    """47 branches from 50.0 to 59.2 per cent in steps of 0.2; 東京, the 13th, as told."""
    for number, branch in enumerate(BRANCHES):
        base = {"numerator": 5000 + 20 * number, "denominator": 10_000}
        world.figure(kpi_id, as_of, branch, **(outlier if branch == "13" and outlier else base))


def test_a_branch_far_from_all_others_is_found_and_told_with_the_median(world: FigureWorld) -> None:
    ordinary_branches(world, VISITS, MONTH, numerator=2000, denominator=10_000)
    found = world.run()
    assert places(found) == {("branches", VISITS, MONTH, "13")}
    assert texts(found, "branches") == ["全支部の中で外れた値：20.0%（47支部の中央値54.6%）"]
    assert [row["is_new"] for row in found] == [True]


def test_branches_that_merely_differ_are_left_alone(world: FigureWorld) -> None:
    ordinary_branches(world, VISITS, MONTH, numerator=7470, denominator=10_000)
    assert world.run() == []


def test_the_published_branches_merely_differ(world: FigureWorld) -> None:
    """However few they are: with the least number of branches at four, none of fiscal year 2023 is far from the others."""
    rows = REFERENCE["thresholds"].to_pylist()
    few = [row | {"value": Decimal(4)} if row["threshold"] == "branches_least" else row for row in rows]
    world.reference["thresholds"] = pa.Table.from_pylist(few, schema=REFERENCE["thresholds"].schema)
    with (CHECKOUT / "examples" / "published" / "kpi_results.csv").open(encoding="utf-8-sig", newline="") as file:
        for line in csv.DictReader(file):
            numbers = {"numerator": line["分子"], "denominator": line["分母"], "value": line["実績値"]}
            given = {name: number for name, number in numbers.items() if number.replace(".", "").isdecimal()}
            if given:
                world.figure(line["KPI"], line["時点"], line["支部コード"], **given)
    assert len({row["branch_code"] for row in world.figures if row["as_of"] == "2024-03"}) == 5
    assert world.run() == []


def test_among_few_branches_nobody_is_far(world: FigureWorld) -> None:
    for number, branch in enumerate(BRANCHES[:19]):
        world.figure(VISITS, MONTH, branch, value=30 + number / 10 if number else 90)
    assert world.run() == []


def test_where_almost_all_are_equal_a_hundredth_is_not_infinitely_far(world: FigureWorld) -> None:
    for branch in BRANCHES:
        world.figure("service_standard_attainment", MONTH, branch, value={"13": "99.99", "27": "90"}.get(branch, "100"))
    assert places(world.run()) == {("branches", "service_standard_attainment", MONTH, "27")}


def test_where_the_median_is_nothing_there_is_no_distance(world: FigureWorld) -> None:
    for branch in BRANCHES:
        world.figure(TENDERS, MONTH, branch, numerator=9 if branch == "13" else 0, denominator=40)
    assert world.run() == []


def test_rates_of_few_cases_are_not_compared(world: FigureWorld) -> None:
    for number, branch in enumerate(BRANCHES):
        numerator, denominator = (29, 29) if branch == "13" else (10 + number % 5, 100)
        world.figure(TENDERS, MONTH, branch, numerator=numerator, denominator=denominator)
    assert world.run() == []


def plant_months(world: FigureWorld, last: int) -> None:
    """東京 with debts of 1,000 a month, 20 to 24 of them collected, in June as much as told; half a year before October."""
    collected, established = 120, 6000
    for number, month in enumerate(months("2024-10", MONTH)):
        if month.endswith("-04"):
            collected, established = 0, 0
        collected += last if month == MONTH else 20 + number % 5
        established += 1000
        world.figure(RECOVERY, month, "13", numerator=collected, denominator=established)


def test_a_month_unlike_the_branchs_own_months_is_found(worlds: Worlds) -> None:
    # October 2024 has no month before it: seven months of its own stand before June
    calm, jumping = worlds(), worlds()
    plant_months(calm, 25)
    plant_months(jumping, 250)
    assert calm.run() == []
    found = jumping.run()
    assert places(found) == {("own_months", RECOVERY, MONTH, "13")}
    assert texts(found, "own_months") == [
        "過去の月の動きから外れた値：2025-06の１か月分は25.00%（過去7か月の中央値2.20%）"
    ]


def test_with_too_few_months_nothing_is_said(world: FigureWorld) -> None:
    plant_months(world, 250)
    world.figures = [row for row in world.figures if row["as_of"] >= "2025-01"]
    assert world.run() == []


def test_a_figure_of_an_earlier_month_is_flagged_on_but_is_no_news(world: FigureWorld) -> None:
    for month in ("2025-05", "2025-06"):
        ordinary_branches(world, VISITS, month, numerator=2000, denominator=10_000)
    assert {(row["as_of"], row["is_new"]) for row in world.run()} == {("2025-05", False), ("2025-06", True)}


def test_sums_over_the_year_do_not_fall_but_a_new_year_begins_anew(world: FigureWorld) -> None:
    for month, visits, correction in (("2025-03", 900, 100), ("2025-04", 50, 200), ("2025-05", 49, 199)):
        world.figure("website_visits", month, "13", value=visits)
        world.figure(COUNTER, month, "27", numerator=correction, denominator=9000)
    found = world.run()
    # 200 → 199 is half a per cent; website visits are followed for the nation alone
    assert places(found) == set()
    world.figure(COUNTER, MONTH, "27", numerator=189, denominator=9100)
    found = world.run()
    assert places(found) == {("falls", COUNTER, MONTH, "27")}
    assert texts(found, "falls") == ["年度の累計が減っている：2025-05の199から2025-06の189へ"]


def test_head_counts_that_jump_within_a_year_are_found(world: FigureWorld) -> None:
    heads = {"2025-03": 200_000, "2025-04": 100_000, "2025-05": 110_000, "2025-06": 121_001}
    for number, (month, denominator) in enumerate(heads.items(), start=1):
        world.figure(CHECKUPS, month, "13", numerator=5000 * number, denominator=denominator)
        world.figure(COVERAGE, month, "27", numerator=40 * denominator // 100, denominator=denominator)
    found = world.run()
    assert places(found, "denominator_jump") == {
        ("denominator_jump", CHECKUPS, MONTH, "13"),
        ("denominator_jump", COVERAGE, MONTH, "27"),
    }
    assert texts(found, "denominator_jump")[0] == "分母が大きく変わっている：2025-05の110,000から2025-06の121,001へ"


def test_a_copied_cell_names_the_other_branch_to_both(world: FigureWorld) -> None:
    ordinary_branches(world, CHECKUPS, MONTH, numerator=5020, denominator=10_000)  # the cell of 青森
    found = world.run()
    assert places(found) == {("copied_cell", CHECKUPS, MONTH, code) for code in ("02", "13")}
    assert texts(found, "copied_cell") == [
        "分子と分母が他の支部と同じ：東京支部と同じ5,020÷10,000",
        "分子と分母が他の支部と同じ：青森支部と同じ5,020÷10,000",
    ]


def test_small_cells_agree_by_chance(world: FigureWorld) -> None:
    for branch in ("02", "13"):
        world.figure(CHECKUPS, MONTH, branch, numerator=600, denominator=999)
        world.figure(GUIDANCE, MONTH, branch, numerator=999, denominator=5000)
    assert world.run() == []


def test_records_of_one_month_that_were_copied_are_found_whatever_the_sum_is(world: FigureWorld) -> None:
    for branch, so_far in (("02", 4000), ("13", 9000)):
        world.figure(CHECKUPS, MONTH, branch, numerator=so_far + 1234, denominator=20_000, source="computed")
        world.measure("checkups_insured", MONTH, branch, 1234)
        world.measure("eligible_checkups_insured", MONTH, branch, 20_000)
    assert places(world.run()) == {("copied_cell", CHECKUPS, MONTH, code) for code in ("02", "13")}


def test_a_copied_row_is_found_however_small_its_counts(world: FigureWorld) -> None:
    for branch in ("31", "32"):
        world.figure(CHECKUPS, MONTH, branch, numerator=40, denominator=900)
        world.figure(GUIDANCE, MONTH, branch, numerator=12, denominator=80)
        world.figure(OFFICES, MONTH, branch, value=57)
        world.figure(TENDERS, MONTH, branch, numerator=0, denominator=9)
    world.figure(CHECKUPS, MONTH, "13", numerator=40, denominator=900)
    found = world.run()
    assert places(found) == {
        ("copied_row", kpi_id, MONTH, code) for kpi_id in (CHECKUPS, GUIDANCE, OFFICES) for code in ("31", "32")
    }
    assert texts(found, "copied_row")[0] == "複数の指標の件数が他の支部と同じ：島根支部と3指標の件数が同じ"


def test_branches_must_add_up_to_the_nation_and_a_part_must_not_exceed_it(worlds: Worlds) -> None:
    whole, part = worlds(), worlds()
    for one, branches in ((whole, BRANCHES), (part, BRANCHES[:30])):
        for branch in branches:
            one.figure(CHECKUPS, MONTH, branch, numerator=5000 + int(branch), denominator=10_000 + int(branch))
            one.figure(COVERAGE, MONTH, branch, numerator=4000 + int(branch), denominator=10_000 + 2 * int(branch))
            one.figure(OFFICES, MONTH, branch, value=1000 + 9 * int(branch))
    # Σ over 47: 236,128 ÷ 471,128 and 189,128 ÷ 472,256, offices 57,152; half a per cent is borne
    whole.figure(CHECKUPS, MONTH, "00", numerator=237_000, denominator=471_128)
    whole.figure(COVERAGE, MONTH, "00", numerator=189_128, denominator=480_000)
    whole.figure(OFFICES, MONTH, "00", value=57_152)
    found = whole.run()
    assert places(found, "sum_of_branches") == {("sum_of_branches", COVERAGE, MONTH, "00")}
    assert texts(found, "sum_of_branches") == [
        "支部の合計が協会全体と合わない：分母は47支部で472,256、協会全体の報告で480,000"
    ]
    part.figure(CHECKUPS, MONTH, "00", numerator=140_000, denominator=471_128)
    part.figure(OFFICES, MONTH, "00", value=57_152)
    assert places(part.run(), "sum_of_branches") == {("sum_of_branches", CHECKUPS, MONTH, "00")}


def test_a_nation_that_is_itself_the_sum_is_not_held_against_it(world: FigureWorld) -> None:
    for branch in BRANCHES[:3]:
        world.figure(OFFICES, MONTH, branch, value=1000 + int(branch))
    world.figure(OFFICES, MONTH, "00", value=5, source="computed")
    assert world.run() == []


def test_a_part_above_its_whole(world: FigureWorld) -> None:
    world.figure(RECOVERY, MONTH, "13", numerator="105.5", denominator="100", source="computed")
    world.figure(DAYS, MONTH, "13", numerator=700, denominator=100, source="computed")  # a mean may
    found = world.run()
    assert places(found) == {("part_above_whole", RECOVERY, MONTH, "13")}
    assert texts(found, "part_above_whole") == ["分子が分母を超えている：105.5÷100"]


@pytest.mark.parametrize(
    ("months_told", "evaluated", "is_found"), [(18, 151, True), (18, 150, False), (17, 151, False)]
)
def test_final_evaluations_need_first_interviews(
    world: FigureWorld, months_told: int, evaluated: int, is_found: bool
) -> None:
    # eighteen months of 100 first interviews each; twelve of so many evaluations
    listed = months("2024-01", MONTH)[-months_told:]
    for month in listed:
        for provider, interviews in (("支部職員", 60), ("健診機関", 40)):
            world.guidance.append(
                {
                    **{"known_month": month, "branch_code": "13", "subject": "被保険者", "provider": provider},
                    **{"eligible": 9000, "first_interviews": interviews, "evaluated": 0},
                }
            )
        world.guidance[-1]["evaluated"] = evaluated
    world.figure(GUIDANCE, MONTH, "13", numerator=453, denominator=9000, source="computed")
    found = places(world.run(), "evaluations")
    assert found == ({("evaluations", GUIDANCE, MONTH, "13")} if is_found else set())


def test_before_a_thresholds_first_day_its_rule_says_nothing(world: FigureWorld) -> None:
    ordinary_branches(world, VISITS, MONTH, numerator=2000, denominator=10_000)
    rows = REFERENCE["thresholds"].to_pylist()
    since = {row["threshold"]: row["since"] for row in rows} | {"branches_z": dt.date(2025, 7, 1)}
    schema = REFERENCE["thresholds"].schema
    later = [row | {"since": since[row["threshold"]]} for row in rows]
    world.reference["thresholds"] = pa.Table.from_pylist(later, schema=schema)
    assert world.run() == []
    wide = {"threshold": "branches_z", "since": dt.date(2025, 6, 30), "value": Decimal(50)}
    world.reference["thresholds"] = pa.Table.from_pylist([*rows, wide], schema=schema)
    assert world.run() == []


def random_world(world: FigureWorld, seed: int) -> None:
    """Two years of a few KPIs of every kind, with everything that a rule looks for happening now and then."""
    dice = Random(seed)
    listed = months("2024-03", MONTH)
    for kpi_id in (CHECKUPS, COUNTER, DAYS, COVERAGE, OFFICES, VISITS, TENDERS):
        heads = {branch: dice.choice([40, 900, 20_000, 300_000]) + dice.randint(0, 50) for branch in BRANCHES}
        for branch in dice.sample(BRANCHES, dice.choice([18, 25, 47])):
            total, cases = 0, 0
            for month in listed:
                if month.endswith("-04"):
                    total, cases = 0, 0
                if dice.random() < 0.06:
                    continue
                step = dice.choice([3, 4, 5]) if dice.random() < 0.97 else dice.choice([-30, 60])
                added = heads[branch] // 12 + dice.randint(0, 9)
                cases += added
                total = max(0, total + added * step // 10)
                head = heads[branch] + (heads[branch] // 5 if dice.random() < 0.02 else 0)
                if dice.random() < 0.01:  # of round numbers some are the same
                    total, cases, head = 1200, 3000, 3000
                source = "computed" if dice.random() < 0.02 else "reported"
                if kpi_id == OFFICES:
                    world.figure(kpi_id, month, branch, value=dice.choice([0, 9, 50, 51, 52, 2000]), source=source)
                elif dice.random() < 0.05:
                    world.figure(kpi_id, month, branch, value=f"{dice.randint(0, 900) / 10:.1f}", source=source)
                else:
                    denominator = head if kpi_id in (CHECKUPS, COVERAGE) else cases
                    world.figure(kpi_id, month, branch, numerator=total, denominator=denominator, source=source)
        for month in dice.sample(listed, 5):
            if kpi_id in (OFFICES, VISITS, CHECKUPS):
                own = [row for row in world.figures if (row["kpi_id"], row["as_of"]) == (kpi_id, month)]
                sums = {name: sum(row.get(name) or 0 for row in own) for name in ("numerator", "denominator", "value")}
                wanted = ("value",) if kpi_id == OFFICES else ("numerator", "denominator")
                world.figure(kpi_id, month, "00", **{name: sums[name] * dice.choice([1, 2]) // 1 for name in wanted})


def test_a_difference_of_a_few_cases_is_chance(world: FigureWorld) -> None:
    # of 600 persons a month has three evaluations, and once 12 or 13
    for last, branch in ((12, "31"), (13, "32")):
        total = 0
        for month in months("2024-04", "2025-03"):
            total += last if month == "2025-03" else 3
            world.figure(GUIDANCE, month, branch, numerator=total, denominator=600)
    assert places(world.run(), "own_months") == {("own_months", GUIDANCE, "2025-03", "32")}


def test_a_month_of_few_cases_has_a_rate_of_its_own(worlds: Worlds) -> None:
    for established, expected in ((499, set()), (500, {("own_months", RECOVERY, MONTH, "13")})):
        world = worlds()
        plant_months(world, 250)
        world.figures[-1]["denominator"] += established - 1000
        assert places(world.run()) == expected


@pytest.mark.parametrize("seed", range(3))
def test_random_figures_agree_with_the_oracle(world: FigureWorld, seed: int) -> None:
    random_world(world, seed)
    found = places(world.run())
    expected = analytical_oracle.findings(
        world.figures, KPIS[["fiscal_year", "branch_code", "kpi_id", "kind", "accumulation"]], LIMITS
    )
    assert found == expected
    rules = {rule for rule, *_ in found}
    assert {"own_months", "branches", "falls", "denominator_jump", "copied_cell", "part_above_whole"} <= rules
