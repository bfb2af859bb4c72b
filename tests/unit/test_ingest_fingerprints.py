"""What makes a reading another one: every input of it, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from record_files import KEY, MONTH, Place, persons
from submission_files import catalogue, contracts

from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.fingerprint import (
    catalogue_digest,
    file_fingerprint,
    ingest_fingerprint,
    key_id,
    reading_digest,
)
from kenpo_pipelines.submissions.landing import landed_files


def changed(dataset: str, **changes: Any) -> Contract:
    return Contract.model_validate(contracts()[dataset].model_dump() | changes)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.land("untreated_persons", "a.csv", persons("13"))
    return place


def of_month(place: Place, contract: Contract | None = None, **changes: str) -> str:
    arguments = {"catalogue_digest": "c", "key_id": "k", "month": MONTH, "code_digest": "d"} | changes
    return ingest_fingerprint(place.landing, contract or contracts()["untreated_persons"], **arguments)


def of_file(place: Place, contract: Contract | None = None, **changes: str) -> str:
    arguments = {"catalogue_digest": "c", "key_id": "k", "code_digest": "d"} | changes
    contract = contract or contracts()["untreated_persons"]
    return file_fingerprint(landed_files(place.landing, contract, MONTH)[0], contract, **arguments)


@pytest.mark.parametrize("of", [of_month, of_file])
def test_contract_catalogue_key_and_code_are_part_of_it(place: Place, of: Callable[..., str]) -> None:
    wider = contracts()["untreated_persons"].model_dump()
    wider["columns"][0]["aliases"] = ["支店コード"]
    found = {
        of(place),
        of(place, Contract.model_validate(wider)),
        of(place, catalogue_digest="other"),
        of(place, key_id="other"),
        of(place, code_digest="other"),
    }
    assert len(found) == 5
    assert of(place) in found


@pytest.mark.parametrize("of", [of_month, of_file])
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(path.read_bytes() + b"\n"),
        lambda path: os.utime(path, ns=(1, path.stat().st_mtime_ns + 1000)),
        lambda path: path.rename(path.with_name("b.csv")),
    ],
    ids=["size", "time", "name"],
)
def test_the_files_are_part_of_it(place: Place, of: Callable[..., str], change: Callable[[Path], Any]) -> None:
    before = of(place)
    change(place.landing / "untreated_persons" / MONTH / "a.csv")
    assert of(place) != before


def test_a_further_file_makes_another_month_and_not_another_file(place: Place) -> None:
    before = of_month(place), of_file(place)
    place.land("untreated_persons", "b.csv", persons("04"))
    place.land("untreated_persons", ".hidden", b"")
    assert (of_month(place) != before[0], of_file(place)) == (True, before[1])


def test_rules_on_loaded_rows_make_another_month_and_not_another_file(place: Place) -> None:
    ruled = changed("untreated_persons", rules=[])
    assert of_month(place, ruled) != of_month(place)
    assert of_file(place, ruled) == of_file(place)


def test_the_key_matters_where_there_are_persons(place: Place) -> None:
    place.land("checkup_counts", "a.csv", b"x")
    counts = contracts()["checkup_counts"]
    assert of_month(place, counts, key_id="other") == of_month(place, counts)
    assert of_file(place, counts, key_id="other") == of_file(place, counts)


def test_every_year_is_part_of_a_yearly_dataset(place: Place) -> None:
    targets = contracts()["kpi_targets"]
    place.land("kpi_targets", "a.csv", b"x", folder="2025")
    before = of_month(place, targets)
    place.land("kpi_targets", "a.csv", b"x", folder="2026")
    assert of_month(place, targets) != before


def test_a_new_target_does_not_make_claims_another_reading() -> None:
    real = catalogue()
    other = real.model_copy(update={"kpis": real.kpis[:-1]})
    fewer = real.model_copy(update={"branches": real.branches[:-1]})
    claims, results = contracts()["claims"], contracts()["kpi_results"]
    assert catalogue_digest(real, claims) == catalogue_digest(other, claims) != catalogue_digest(fewer, claims)
    assert catalogue_digest(real, results) != catalogue_digest(other, results)


def test_a_key_is_told_from_another_and_not_revealed() -> None:
    assert key_id(KEY) == key_id(SecretStr(KEY.get_secret_value()))
    assert key_id(KEY) != key_id(SecretStr("another"))
    assert key_id(None) == ""
    assert key_id(KEY) not in KEY.get_secret_value()


def test_the_code_has_one_digest() -> None:
    assert reading_digest() == reading_digest()
