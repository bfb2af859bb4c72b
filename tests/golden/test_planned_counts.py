"""Every planned head count that 長野, 茨城 (both years), 秋田 and 東京 print, from their denominators and targets.

``examples/published`` holds the printed figures; nothing of them is repeated here but a few, so that a test that reads nothing
cannot pass.
"""

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from kenpo_pipelines.catalogue.dictionary import CATALOGUE_DIRECTORY
from kenpo_pipelines.catalogue.figures import Figure
from kenpo_pipelines.catalogue.judgement import Outcome, judge
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.catalogue.planned_counts import plan, planned_count, printed_target
from kenpo_pipelines.catalogue.targets import SubmittedTarget, TargetQuestion, resolve_target

PUBLISHED = Path(__file__).parents[2] / "examples" / "published"
Key = tuple[int, str, str]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(CATALOGUE_DIRECTORY)


def _read(name: str) -> list[dict[str, str]]:
    with (PUBLISHED / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _printed_counts(kind: str) -> dict[Key, int]:
    """The printed numbers of one 区分; 東京 prints one denominator twice, and both times the same."""
    found: dict[Key, set[int]] = defaultdict(set)
    for row in _read("plan_counts.csv"):
        if row["区分"] == kind:
            found[int(row["年度"]), row["支部コード"], row["KPI"]].add(int(row["値"]))
    assert all(len(values) == 1 for values in found.values())
    return {key: values.pop() for key, values in found.items()}


DENOMINATORS = _printed_counts("denominator")
COUNTS = _printed_counts("expected_count")
TARGETS = {
    (int(row["年度"]), row["支部コード"], row["KPI"]): Decimal(row["目標値"])
    for row in _read("kpi_targets.csv")
    if row["比較"] == "以上" and row["目標値"]
}
OF_BRANCHES = sorted(key for key in COUNTS if key[1] != "00")
of_each_count = pytest.mark.parametrize(("year", "branch", "kpi_id"), OF_BRANCHES)


def test_the_file_is_read_whole() -> None:
    by_plan: dict[tuple[int, str], int] = defaultdict(int)
    for year, branch, _ in OF_BRANCHES:
        by_plan[year, branch] += 1
    assert by_plan == {(2025, "20"): 5, (2024, "08"): 5, (2025, "08"): 5, (2025, "05"): 5, (2025, "13"): 5}
    assert set(OF_BRANCHES) <= set(TARGETS)
    assert set(DENOMINATORS) == set(OF_BRANCHES)
    assert COUNTS[2025, "05", "checkup_rate_insured"] == 81930
    # counts without a rate: what the nation's plan expects, and not a target
    assert {key: COUNTS[key] for key in COUNTS if key not in OF_BRANCHES} == {
        (2025, "00", "checkup_persons"): 13424147,
        (2025, "00", "guidance_persons"): 594296,
    }


@of_each_count
def test_printed_count(catalogue: Catalogue, year: int, branch: str, kpi_id: str) -> None:
    key = year, branch, kpi_id
    found = plan(catalogue, branch, year, kpi_id, DENOMINATORS[key], TARGETS[key])
    assert found is not None
    assert found.planned == COUNTS[key]
    assert not found.rule.is_assumed
    assert planned_count(catalogue, branch, year, kpi_id, Decimal(DENOMINATORS[key]), TARGETS[key]) == COUNTS[key]


@of_each_count
def test_the_count_prints_as_the_target(year: int, branch: str, kpi_id: str) -> None:
    """The other way: whatever its rounding, each branch's count is its printed target at one decimal."""
    key = year, branch, kpi_id
    assert printed_target(COUNTS[key], DENOMINATORS[key], 1) == TARGETS[key]


@of_each_count
def test_a_met_plan_is_attained(catalogue: Catalogue, year: int, branch: str, kpi_id: str) -> None:
    """The planned count is judged 達成, the attaining one too, one person less is not."""
    key = year, branch, kpi_id
    found = plan(catalogue, branch, year, kpi_id, DENOMINATORS[key], TARGETS[key])
    version = catalogue.version(kpi_id, year)
    assert found is not None and version is not None
    target = resolve_target(
        TargetQuestion(version, year, branch, is_first_year=False, own=SubmittedTarget("以上", TARGETS[key]))
    )
    outcomes = [
        judge(
            Figure("2026-03", numerator=Decimal(count), denominator=Decimal(DENOMINATORS[key])),
            target,
            version,
            year,
            branch,
        ).outcome
        for count in (found.planned, found.attaining, found.attaining - 1)
    ]
    assert outcomes == [Outcome.ATTAINED, Outcome.ATTAINED, Outcome.NOT_ATTAINED]


@pytest.mark.parametrize(
    ("year", "branch", "wrong"),
    [
        (2025, "20", 0),  # 長野 rounds as the general rule does
        (2024, "08", 5),  # 22,622 for 22,621 and the four others
        (2025, "08", 4),  # 186,879 for 186,878; 243.915 becomes 244 either way
        (2025, "05", 4),  # 81,996 for 81,930; 181.764 becomes 182 either way
        (2025, "13", 3),  # 174,840 for 174,900; guidance is right
    ],
)
def test_how_many_counts_the_general_rule_would_miss(catalogue: Catalogue, year: int, branch: str, wrong: int) -> None:
    """Each branch's own entry is needed: rounding upwards to persons gives other counts than it printed."""
    general = catalogue.model_copy(
        update={"planned_counts": tuple(one for one in catalogue.planned_counts if one.branch_code is None)}
    )
    missed = [
        key
        for key in OF_BRANCHES
        if key[:2] == (year, branch)
        and planned_count(general, branch, year, key[2], DENOMINATORS[key], TARGETS[key]) != COUNTS[key]
    ]
    assert len(missed) == wrong
