"""By when datasets are due: what the contracts say, which contracts are refused, and that no work depends on it."""

import datetime as dt
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from business_calendar import nth_open_day

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.environments import environment
from kenpo_pipelines.automation.schedules import refresh_moment
from kenpo_pipelines.settings import CHECKOUT, Settings
from kenpo_pipelines.submissions.contract import Contract, ContractError, load_contracts
from kenpo_pipelines.submissions.dataset_pages import render_datasets
from kenpo_pipelines.submissions.fingerprint import ingest_fingerprint
from resources.installation import Installation
from resources.steps import reference_fingerprint

CONTRACTS = load_contracts(CHECKOUT / "expectations")
WHENEVER_ONE_LIKES = {"progress_marks"}
"""Datasets that nobody has to submit: a mark is given only where the proposed one does not fit."""
MONTHLY = [one for name, one in CONTRACTS.items() if one.dataset.folder == "month" and name not in WHENEVER_ONE_LIKES]


def contract_with(folder: Path, dataset: str, pattern: str, replacement: str) -> Contract:
    """The contracts of the checkout, with one place changed in one of them."""
    shutil.copytree(CHECKOUT / "expectations", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = folder / f"{dataset}.yml"
    text, changes = re.subn(pattern, replacement, file.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert changes == 1
    file.write_text(text, encoding="utf-8")
    return load_contracts(folder)[dataset]


def test_every_dataset_says_when_it_is_due_and_that_this_is_our_choice() -> None:
    assert {name for name, one in CONTRACTS.items() if one.dataset.due is None} == WHENEVER_ONE_LIKES
    for contract in CONTRACTS.values():
        if contract.dataset.due is None:
            continue
        assert contract.dataset.due.origin.startswith("Our configuration, no published date")
        assert contract.dataset.due.owner.startswith("team:")


@pytest.mark.parametrize("contract", MONTHLY, ids=lambda one: one.dataset.id)
@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_every_monthly_dataset_is_due_two_business_days_before_the_refresh(contract: Contract, name: str) -> None:
    assert contract.dataset.due is not None
    here = environment(Settings(env=name))

    assert contract.dataset.due.business_day <= here.refresh_business_day - 2
    for month in fiscal.month_range("2025-01", "2026-11"):
        assert contract.dataset.due.day(month) < refresh_moment(month, here).date()


@pytest.mark.parametrize("contract", MONTHLY, ids=lambda one: one.dataset.id)
def test_a_monthly_dataset_is_due_on_its_business_day_of_the_following_month(contract: Contract) -> None:
    due = contract.dataset.due
    assert due is not None

    for year in (2025, 2026):
        for month in range(1, 13):
            period = fiscal.add_months(f"{year}-{month:02}", -1)
            assert due.day(period) == nth_open_day(year, month, due.business_day)


def test_targets_are_due_in_april_of_their_fiscal_year() -> None:
    due = CONTRACTS["kpi_targets"].dataset.due

    assert due is not None
    assert (due.day("2025"), due.day("2026")) == (nth_open_day(2025, 4, 8), nth_open_day(2026, 4, 8))


def test_months_from_january_on_lie_in_the_year_after_the_fiscal_years_first(tmp_path: Path) -> None:
    due = contract_with(tmp_path / "expectations", "kpi_targets", "    month: 4 ", "    month: 2 ").dataset.due

    assert due is not None
    assert due.day("2025") == dt.date(2026, 2, 12)  # the 11th is National Foundation Day


@pytest.mark.parametrize(
    ("dataset", "pattern", "replacement", "told"),
    [
        (
            "claims",
            "    business_day: 8",
            "    month: 4\n    business_day: 8",
            "claims.yml: dataset: .*due.month: a monthly",
        ),
        ("kpi_targets", "    month: 4[^\n]*\n", "", "kpi_targets.yml: dataset: .*due.month: a yearly dataset needs"),
        ("kpi_targets", "    month: 4 ", "    month: 13 ", "kpi_targets.yml: dataset.due.month: "),
        ("claims", "    business_day: 8", "    business_day: 16", "claims.yml: dataset.due.business_day: "),
        ("claims", "    business_day: 8", '    business_day: "8"', "claims.yml: dataset.due.business_day: "),
        ("claims", "    business_day: 8", "    busines_day: 8", "dataset.due.busines_day: Extra"),
        ("claims", "    origin: >-.*?    since", "    since", "claims.yml: dataset.due.origin: Field required"),
        ("claims", "    since: 2023-04-01\n    owner: team:receipts\n", "", "claims.yml: dataset.due.since: "),
    ],
)
def test_a_wrong_due_date_is_told_with_file_and_field(
    tmp_path: Path, dataset: str, pattern: str, replacement: str, told: str
) -> None:
    with pytest.raises(ContractError, match=told):
        contract_with(tmp_path / "expectations", dataset, pattern, replacement)


def test_a_dataset_may_be_due_whenever_it_likes(tmp_path: Path) -> None:
    contract = contract_with(tmp_path / "expectations", "claims", "  due:.*?\n\n", "\n")

    assert contract.dataset.due is None
    assert "Due:" not in render_datasets([contract])


def test_the_page_of_datasets_says_when_they_are_due() -> None:
    page = render_datasets(CONTRACTS.values())

    assert "- Due: by business day 8 of the month after the reporting month, since 2023-04-01 (team:receipts)" in page
    assert "- Due: by business day 8 of April of the fiscal year, since 2023-04-01 (team:planning)" in page


def test_moving_a_due_date_asks_for_no_work(tmp_path: Path) -> None:
    moved = contract_with(tmp_path / "expectations", "claims", "    business_day: 8", "    business_day: 6")

    prints = [ingest_fingerprint(tmp_path, one, "", "", "2025-06", "") for one in (CONTRACTS["claims"], moved)]
    assert prints[0] == prints[1]
    here = Installation.from_settings(Settings(home=tmp_path))
    there = replace(here, contracts_dir=str(tmp_path / "expectations"))
    assert there.contracts["claims"].dataset.due != here.contracts["claims"].dataset.due
    assert reference_fingerprint(there, "2025-06") == reference_fingerprint(here, "2025-06")
