"""The profile says what is published, and volumes follow its weights."""

import csv
from decimal import Decimal

import pytest
import yaml
from synthetic_runs import plan

from kenpo_pipelines import fiscal
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.synthetic.plan import SynthRefused, allocate
from kenpo_pipelines.synthetic.profile import FILE, ProfileError, load_profile

PUBLISHED = CHECKOUT / "examples" / "published"
KPI_OF_RATE = {
    "service_within_standard": "service_standard_attainment",
    "counter_receipts": "counter_receipt_rate",
    "claims_assessed": "claims_assessment_rate",
    "assessed_yen_per_receipt": "assessed_amount_per_receipt",
    "debts_collected": "recovery_rate",
    "checkups_insured": "checkup_rate_insured",
    "checkups_employer": "employer_checkup_data_rate",
    "checkups_dependants": "checkup_rate_dependants",
    "guidance_insured": "guidance_rate_insured",
    "guidance_dependants": "guidance_rate_dependants",
    "untreated_visits": "untreated_visit_rate_10m",
    "generics_by_volume": "generic_share_volume",
}


def printed(name: str, kpi: str, branch: str) -> set[Decimal]:
    """What the examples print for the KPI and branch; postal and after-loss rates stand for their successors."""
    with (PUBLISHED / name).open(encoding="utf-8-sig", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["支部コード"] == branch]
    value = "実績値" if "results" in name else "目標値"
    numbers = {row["KPI"]: set[Decimal]() for row in rows}
    for row in rows:
        if row[value] and row[value].replace(".", "").isdecimal():
            numbers[row["KPI"]].add(Decimal(row[value]))
    found = numbers.get(kpi, set())
    if kpi == "counter_receipt_rate":
        found = found | {100 - rate for rate in numbers.get("postal_rate", set())}
    if kpi == "recovery_rate":
        found = found | numbers.get("recovery_rate_after_loss", set())
    return found


@pytest.mark.parametrize("rate", KPI_OF_RATE)
def test_a_branch_s_own_rate_is_one_that_is_printed(rate: str) -> None:
    profile = load_profile()
    for branch, value in profile.rates[rate].branches.items():
        found = printed("kpi_results.csv", KPI_OF_RATE[rate], branch) | printed(
            "kpi_targets.csv", KPI_OF_RATE[rate], branch
        )
        assert value in found, f"{rate} of {branch}: {value} is not among {sorted(found)}"


def test_head_counts_are_those_of_the_plans() -> None:
    with (PUBLISHED / "plan_counts.csv").open(encoding="utf-8-sig", newline="") as handle:
        counts = {
            (row["支部コード"], row["KPI"]): int(row["値"])
            for row in csv.DictReader(handle)
            if row["年度"] == "2025" and row["区分"] == "denominator"
        }
    kpis = {
        "checkups_insured": "checkup_rate_insured",
        "checkups_dependants": "checkup_rate_dependants",
        "guidance_insured": "guidance_rate_insured",
        "guidance_dependants": "guidance_rate_dependants",
    }
    for name, kpi in kpis.items():
        for branch, count in load_profile().head_counts[name].branches.items():
            assert counts[branch, kpi] == count


def test_claims_follow_the_branches_sizes() -> None:
    whole = plan(load_profile(), claims=1_000_000)
    counts = {branch: whole.claims_of(branch, "2025-09") for branch in whole.branches}

    assert len(counts) == 47
    assert sum(counts.values()) == 1_000_000
    assert counts["13"] == 150_000
    assert counts["31"] == 5_000
    assert whole.claims_of("13", "2026-03") > whole.claims_of("13", "2025-08")


def test_a_year_of_seasons_is_one() -> None:
    profile = load_profile()
    for name in profile.seasons:
        months = fiscal.month_range("2025-04", "2026-03")
        assert sum(profile.season(name, month) for month in months) == pytest.approx(1)


def test_allocation_adds_up() -> None:
    assert allocate(10, {"a": Decimal("0.34"), "b": Decimal("0.33"), "c": Decimal("0.33")}) == {"a": 4, "b": 3, "c": 3}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"first": "2025-10"}, "after --month"),
        ({"first": "2023-03"}, "2023-04"),
        ({"claims": 10}, "at least"),
        ({"dirty_pct": Decimal(21)}, "20 per cent"),
        ({"encoding": "euc-jp"}, "cp932"),
        ({"held_back": "00"}, "01 to 47"),
    ],
)
def test_what_cannot_be_made_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(SynthRefused, match=told):
        plan(**changes)


@pytest.mark.parametrize("broken", ['"0.1501"', "0.15"])
def test_a_wrong_profile_names_the_field(broken: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    text = FILE.read_text(encoding="utf-8").replace('"13": "0.1500"', f'"13": {broken}')
    assert yaml.safe_load(text)
    wrong = tmp_path / "profile.yml"
    wrong.write_text(text, encoding="utf-8")

    with pytest.raises(ProfileError, match="branch_weights"):
        load_profile(wrong)
