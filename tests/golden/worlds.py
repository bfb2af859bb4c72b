"""Small worlds for the oracle: submissions of a few months, generated from a seed and written as landing files.

What lives here: what is submitted. What does not: what it means. The generator is crude on purpose: numbers come from
short lists, so that ties, exact targets and rounding at the half happen often.
"""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import yaml

MONTHS = ("2024-03", "2024-07", "2025-03", "2025-05", "2025-07")
"""Reporting months; each file may hold figures of any month since April 2023 up to its own."""

ALL = [f"{number:02d}" for number in range(1, 48)]
FEW = ["02", "05", "13", "31"]
RESULT_HEADER = ["年度", "時点", "支部コード", "支部", "KPI", "分子", "分母", "実績値", "単位", "表記", "出典"]
TARGET_HEADER = ["年度", "支部コード", "支部", "KPI", "比較", "目標値", "単位", "表記", "出典"]

# KPIs by how a figure is written, each with the fiscal years that report it
RATES = {
    "service_standard_attainment": (2023, 2024, 2025),
    "checkup_rate_insured": (2023, 2024, 2025),
    "claims_assessment_rate": (2024, 2025),
    "recovery_rate": (2024, 2025),
    "generic_share_volume": (2023, 2024, 2025),
    "committee_coverage_rate": (2023, 2024, 2025),
    "single_bid_rate": (2023, 2024, 2025),
    "counter_receipt_rate": (2024, 2025),  # 2024 is its baseline year
    "service_standard_days": (2025,),
}
COUNTS = {"health_declaration_offices": (2023, 2024, 2025), "committee_offices": (2023, 2024, 2025)}
ANSWERS = {"policy_statements": (2023,), "biosimilar_outreach": (2025,), "line_monthly_posts": (2025,)}
OF_THE_NATION = {"website_visits": (2025,), "biosimilar_ingredient_share": (2024, 2025)}
FOLLOWED = RATES | COUNTS | ANSWERS
AT_MOST = {"service_standard_days", "counter_receipt_rate", "single_bid_rate"}
JUDGED_FROM = {"counter_receipt_rate": 2025, "committee_offices": 2024}
"""KPIs whose year before is reported as a baseline."""

SUMMED = (
    "checkup_rate_insured",
    "single_bid_rate",
    "health_declaration_offices",
    "policy_statements",
    "service_standard_days",
)
"""KPIs that come from all 47 branches at once, so that the nation can be added up."""


@dataclass
class World:
    """One landing folder being filled. Files get ever later times of arrival."""

    seed: int
    landing: Path
    dice: Random = field(init=False)
    clock: int = 1_700_000_000

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)

    def write(self, dataset: str, folder: str, name: str, header: list[str], rows: Iterable[list[str]]) -> None:
        path = self.landing / dataset / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        self.clock += 60
        os.utime(path, (self.clock, self.clock))


def result(as_of: str, branch: str, kpi: str, numerator: object, denominator: object, value: object) -> list[str]:
    """One line of kpi_results."""
    fiscal_year = int(as_of[:4]) - (as_of[5:] < "04")
    return [str(fiscal_year), as_of, branch, "", kpi, str(numerator), str(denominator), str(value), "", "", ""]


def target(fiscal_year: int, branch: str, kpi: str, comparator: str, number: object = "") -> list[str]:
    """One line of kpi_targets."""
    return [str(fiscal_year), branch, "", kpi, comparator, str(number), "", "", ""]


def generate(seed: int, landing: Path, catalogue: Path) -> None:
    """Fill ``landing`` and the copied ``catalogue``'s planned tenders."""
    world = World(seed, landing)
    for month in MONTHS:
        _national_file(world, month)
        for branch in FEW:
            for number in range(world.dice.choice([1, 1, 2])):  # a second file of the month is a resubmission
                _branch_file(world, month, branch, f"branch-{branch}-{number}.csv")
        _nations_own_file(world, month)
    for fiscal_year in (2023, 2024, 2025):
        _target_files(world, fiscal_year)
    plans = [
        {"fiscal_year": year, "branch_code": branch, "tenders": world.dice.choice([5, 6, 7]), "source": "generated"}
        for year in (2023, 2024, 2025)
        for branch in world.dice.sample(ALL, 12)
    ]
    (catalogue / "planned_tenders.yml").write_text(yaml.safe_dump(plans, allow_unicode=True), encoding="utf-8")


def _months_of(world: World, kpi: str, month: str) -> list[str]:
    """Some months that the file of ``month`` may report for the KPI: the newest, a year's end, June, any older one."""
    first, last = (2023, 4), (int(month[:4]), int(month[5:]))
    every = [f"{y}-{m:02d}" for y in range(2023, 2026) for m in range(1, 13) if first <= (y, m) <= last]
    fitting = [one for one in every if int(one[:4]) - (one[5:] < "04") in (FOLLOWED | OF_THE_NATION)[kpi]]
    special = [one for one in fitting if one[5:] in ("03", "06")][-2:]
    return sorted({*fitting[-1:], *special, *world.dice.sample(fitting, min(1, len(fitting)))})


def _national_file(world: World, month: str) -> None:
    """All 47 branches for the same months; sometimes one is missing, sometimes one reports a percentage alone."""
    rows = []
    for kpi in SUMMED:
        for as_of in _months_of(world, kpi, month)[-2:]:
            gap = world.dice.choice([None, None, "missing", "word", "no counts"])
            odd = world.dice.choice(ALL)
            for branch in ALL:
                if branch == odd and gap == "missing":
                    continue
                if branch == odd and gap == "word":
                    rows.append(result(as_of, branch, kpi, "", "", "集計中"))
                elif branch == odd and gap == "no counts" and kpi in RATES:
                    rows.append(result(as_of, branch, kpi, "", "", "12.5"))
                elif kpi in RATES:
                    rows.append(result(as_of, branch, kpi, *_counts(world, kpi), ""))
                elif kpi in COUNTS:
                    rows.append(result(as_of, branch, kpi, "", "", world.dice.choice([950, 1000, 1050])))
                else:
                    rows.append(result(as_of, branch, kpi, "", "", world.dice.choice(["実施", "実施", "未実施"])))
    world.write("kpi_results", month, "all-branches.csv", RESULT_HEADER, rows)


def _branch_file(world: World, month: str, branch: str, name: str) -> None:
    rows = []
    for kpi in FOLLOWED:
        if world.dice.random() < 0.25:  # this branch says nothing about the KPI this month
            continue
        for as_of in _months_of(world, kpi, month):
            rows.append(_any_result(world, as_of, branch, kpi))
    world.write("kpi_results", month, name, RESULT_HEADER, rows)


def _nations_own_file(world: World, month: str) -> None:
    rows = []
    for kpi in OF_THE_NATION:
        for as_of in _months_of(world, kpi, month)[-1:]:
            value = world.dice.choice([130_000_000, 137_000_000]) if kpi == "website_visits" else "21.1"
            rows.append(result(as_of, "00", kpi, "", "", value))
    for kpi in ("checkup_rate_insured", "recovery_rate", "policy_statements", "health_declaration_offices"):
        for as_of in _months_of(world, kpi, month)[-1:]:
            if world.dice.random() < 0.4:  # head office reports it itself; else it is added up, or missing
                rows.append(result(as_of, "00", kpi, "", "", world.dice.choice(["47", "57.7", "―"])))
    world.write("kpi_results", month, "nation.csv", RESULT_HEADER, rows)


def _counts(world: World, kpi: str) -> tuple[int, int]:
    pick = world.dice.choice
    if kpi == "single_bid_rate":
        return pick([0, 1, 1, 2]), pick([0, 1, 5, 6, 7, 8])
    if kpi == "service_standard_days":
        return pick([6995, 7004, 7005, 7100]), 1000
    if kpi == "service_standard_attainment":
        return pick([19998, 19999, 20000]), 20000
    return pick([1190, 1199, 1200, 1204, 1205, 1599, 1610]), 2000


def _any_result(world: World, as_of: str, branch: str, kpi: str) -> list[str]:
    pick = world.dice.choice
    if world.dice.random() < 0.1:
        return result(as_of, branch, kpi, "", "", pick(["―", "集計中", ""]))
    if kpi in ANSWERS:
        return result(as_of, branch, kpi, "", "", pick(["実施", "未実施"]))
    if kpi in COUNTS:
        return result(as_of, branch, kpi, "", "", pick([950, 1000, 1050, 1100]))
    numerator, denominator = _counts(world, kpi)
    plain = pick(["57.6", "60.0", "59.95", "60.245", "79.94", "79.95", "15.04", "7", "99.995", "99.99", "0"])
    forms = [(numerator, denominator, ""), ("", "", plain), (numerator, denominator, plain)]
    if denominator and kpi != "service_standard_days":
        tenths = (numerator * 1000 * 2 + denominator) // (2 * denominator)  # rounded half-up to one decimal
        forms.append((numerator, denominator, f"{tenths // 10}.{tenths % 10}"))
    return result(as_of, branch, kpi, *pick(forms))


def _target_files(world: World, fiscal_year: int) -> None:
    """The nation's file, one of all branches, and for some branches a later one that replaces what it repeats."""
    kpis = [kpi for kpi, years in FOLLOWED.items() if fiscal_year in years and fiscal_year >= JUDGED_FROM.get(kpi, 0)]
    nation = [
        row
        for kpi in kpis
        if kpi not in ANSWERS and world.dice.random() < 0.5
        for row in _targets(world, fiscal_year, "00", kpi)
    ]
    world.write("kpi_targets", str(fiscal_year), "nation.csv", TARGET_HEADER, nation)
    for name, branches, share in (("all.csv", ALL, 0.3), ("few.csv", FEW, 0.8), ("again.csv", FEW[:2], 0.3)):
        rows = [
            row
            for branch in branches
            for kpi in kpis
            if world.dice.random() < share
            for row in _targets(world, fiscal_year, branch, kpi)
        ]
        world.write("kpi_targets", str(fiscal_year), name, TARGET_HEADER, rows)


def _targets(world: World, fiscal_year: int, branch: str, kpi: str) -> list[list[str]]:
    """The rows of one target: mostly one that fits, sometimes the wrong side, sometimes two that contradict."""
    pick, chance = world.dice.choice, world.dice.random()
    if kpi in ANSWERS:
        rows = [target(fiscal_year, branch, kpi, "実施")]
        other = [target(fiscal_year, branch, kpi, "以上", 2)]
        return rows + other if chance < 0.1 else (other if chance < 0.15 else rows)
    good, bad = ("以下", "以上") if kpi in AT_MOST else ("以上", "以下")
    numbers = [950, 1000, 1050, 1100] if kpi in COUNTS else ["57.6", "60", "60.2", "15", "7", "80", "100", "0"]
    number = pick(numbers)
    words = {"fixed": good, "prior": f"対前年度{good}"}
    if kpi == "generic_share_volume":
        year_end = pick(["対前年度末以上", "80以上又は対前年度末以上"])
        words["prior"] = year_end
    if chance < 0.05:
        return [target(fiscal_year, branch, kpi, bad, number)]
    if chance < 0.10:
        return [target(fiscal_year, branch, kpi, good, number), target(fiscal_year, branch, kpi, good, f"{number}5")]
    if chance < 0.15:
        return [target(fiscal_year, branch, kpi, good, number), target(fiscal_year, branch, kpi, words["prior"])]
    if chance < 0.20:  # with and without its number is one target
        return [
            target(fiscal_year, branch, kpi, f"対前年度{good}"),
            target(fiscal_year, branch, kpi, f"対前年度{good}", number),
        ]
    if chance < 0.45:
        return [target(fiscal_year, branch, kpi, words["prior"])]
    if chance < 0.55:
        return [target(fiscal_year, branch, kpi, words["prior"], number)]
    return [target(fiscal_year, branch, kpi, words["fixed"], number)]
