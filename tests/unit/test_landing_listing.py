"""One look into landing, what of it is not in the lake yet, and names that two submit at once."""

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import Contract, load_contracts
from kenpo_pipelines.submissions.landing import put
from kenpo_pipelines.submissions.listing import Listed, list_landing
from kenpo_pipelines.submissions.partitions import LEDGER, LEDGER_SCHEMA
from kenpo_pipelines.submissions.pending import is_ingested, pending_months

JUNE = "2025-06"
ARRIVED_NS = 1_750_000_000_123_456_789


@pytest.fixture(scope="module")
def contracts() -> Mapping[str, Contract]:
    return load_contracts(CHECKOUT / "expectations")


def land(landing: Path, place: str, data: bytes = b"x") -> None:
    path = landing / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(ARRIVED_NS, ARRIVED_NS))


def test_a_listing_has_every_submission_by_dataset_and_folder(
    tmp_path: Path, contracts: Mapping[str, Contract]
) -> None:
    for place in (
        f"kpi_results/{JUNE}/b.csv",
        f"kpi_results/{JUNE}/a.xlsx",
        "kpi_targets/2025/t.csv",
        "kpi_targets/2024/t.csv",
    ):
        land(tmp_path, place, place.encode())
    for hidden in (".hidden", "~$a.xlsx", ".tmp-1"):
        land(tmp_path, f"kpi_results/{JUNE}/{hidden}")
    land(tmp_path, "kpi_results/2025-6/misspelt.csv")

    listing = list_landing(tmp_path, contracts)

    assert {place: [one.name for one in files] for place, files in listing.files.items()} == {
        ("kpi_results", JUNE): ["a.xlsx", "b.csv"],
        ("kpi_targets", "2024"): ["t.csv"],
        ("kpi_targets", "2025"): ["t.csv"],
    }
    assert listing.unread == ("kpi_results/2025-6",)
    assert list(listing.read_by(contracts["kpi_targets"], JUNE)) == ["2024", "2025"]
    assert list(listing.read_by(contracts["claims"], JUNE).values()) == [()]
    (first, _) = listing.files["kpi_results", JUNE]
    assert first == Listed("a.xlsx", len(f"kpi_results/{JUNE}/a.xlsx"), ARRIVED_NS)
    assert first.received_at == "2025-06-15T15:06:40.123456+00:00"


def test_a_month_whose_ledger_is_damaged_is_pending(tmp_path: Path, contracts: Mapping[str, Contract]) -> None:
    landing, lake = tmp_path / "landing", Lake(tmp_path / "lake")
    land(landing, f"kpi_results/{JUNE}/a.csv")
    listing = list_landing(landing, contracts)
    (one,) = listing.files["kpi_results", JUNE]
    row = {"dataset": "kpi_results", "known_month": JUNE, "file": one.name, "received_at": one.received_at}
    lake.write(LEDGER, "kpi_results", JUNE, pa.Table.from_pylist([row], schema=LEDGER_SCHEMA))
    assert is_ingested(lake, listing, contracts["kpi_results"], JUNE)
    assert pending_months(lake, listing, contracts, before="2025-07") == []

    (file,) = lake.partition_dir(LEDGER, "kpi_results", JUNE).resolve().glob("*.parquet")
    file.write_bytes(b"PAR1 and nothing else")

    assert pending_months(lake, listing, contracts, before="2025-07") == [JUNE]


def test_a_name_that_somebody_takes_at_the_same_moment_is_not_overwritten(
    tmp_path: Path, contracts: Mapping[str, Contract], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"mine")
    link = os.link

    def taken_meanwhile(temporary: Path, path: Path) -> None:
        if path.name == "a.csv":
            path.write_bytes(b"theirs")
        link(temporary, path)

    monkeypatch.setattr(os, "link", taken_meanwhile)
    path, is_new = put(source, tmp_path / "landing", contracts["kpi_results"], JUNE)

    assert (path.name, is_new) == ("a.r2.csv", True)
    assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == {"a.csv": b"theirs", "a.r2.csv": b"mine"}
