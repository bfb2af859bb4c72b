"""Ingestion of record-level data: what is read again and what is not, copies, faults of files and of the program."""

import dataclasses
import gzip
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import SecretStr
from record_files import KEY, MONTH, SYMBOL, Place, checkups, persons
from s3_server import new_bucket, running
from submission_files import RESULT_HEADER, contracts, csv_text, result_row

from kenpo_pipelines.lake import open_lake
from kenpo_pipelines.settings import SettingsError
from kenpo_pipelines.submissions import record_ingest
from kenpo_pipelines.submissions.accounts import Ingested
from kenpo_pipelines.submissions.ingest import ingested

Read = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are really read, in order, by one worker."""
    names: list[str] = []
    real = record_ingest.read_record_file

    def counted(path: Path, *arguments: Any) -> Any:
        names.append(path.name)
        return real(path, *arguments)

    monkeypatch.setattr(record_ingest, "read_record_file", counted)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    return names


def entries(done: Ingested) -> dict[str, tuple[str, str, int, int]]:
    return {one["file"]: (one["status"], one["fault"], one["rows_loaded"], one["rows_rejected"]) for one in done.ledger}


def raw(place: Place, dataset: str) -> list[dict[str, Any]]:
    rows = place.lake.read("raw", dataset, MONTH).to_pylist()
    return sorted(rows, key=lambda row: (row["file"], row["row_number"]))


def test_every_file_has_its_parquet_and_an_account_by_branch(place: Place) -> None:
    place.land("untreated_persons", "東京.csv", persons("13", 3, bad=1))
    place.land("untreated_persons", "宮城.csv", persons("04"))
    done = place.ingest("untreated_persons")
    assert entries(done) == {"宮城.csv": ("loaded", "", 2, 0), "東京.csv": ("loaded", "", 2, 1)}
    assert [one["file"] for one in done.ledger] == sorted(one["file"] for one in done.ledger)
    assert done.is_accounted_for
    assert (done.rows_in_lake, done.rejected_in_lake) == (4, {(MONTH, "東京.csv"): 1})
    stored = place.lake.read("ledger", "untreated_persons", MONTH).to_pylist()
    assert stored == [dict(one) for one in done.ledger]
    assert stored[1]["branches"] == [{"branch_code": "13", "rows_read": 3, "rows_loaded": 2, "rows_rejected": 1}]
    rows = raw(place, "untreated_persons")
    assert {(row["file"], row["known_month"], row["origin"]) for row in rows} == {
        ("宮城.csv", MONTH, "submission"),
        ("東京.csv", MONTH, "submission"),
    }
    assert all(len(row["member_key"]) == 16 for row in rows)
    assert ingested(place.lake, contracts()["untreated_persons"], MONTH) == done


def test_rows_without_a_branch_are_accounted_for_as_unknown(place: Place) -> None:
    data = persons("13").decode().splitlines()
    place.land("untreated_persons", "a.csv", "\n".join([*data, data[1].replace("13", "東京", 1)]).encode())
    done = place.ingest("untreated_persons")
    branches = {one["branch_code"]: one["rows_rejected"] for one in done.ledger[0]["branches"]}
    assert done.is_accounted_for
    assert branches == {"13": 0, "": 1}


def test_a_month_without_files_has_partitions_without_rows_and_needs_no_key(place: Place) -> None:
    done = place.ingest("claims", key=None)
    assert (done.ledger, done.rows_in_lake, done.is_accounted_for) == ((), 0, True)
    assert "member_key" in place.lake.read("raw", "claims", MONTH).column_names


@pytest.mark.parametrize("key", [None, SecretStr("")])
def test_personal_data_are_not_read_without_a_key(place: Place, key: SecretStr | None) -> None:
    place.land("untreated_persons", "a.csv", persons("13"))
    with pytest.raises(
        SettingsError, match=r"untreated_persons holds personal data: KENPO_PSEUDONYM_KEY is not set.*openssl"
    ):
        place.ingest("untreated_persons", key=key)
    place.land("checkup_counts", "a.csv", checkups("13"))
    assert place.ingest("checkup_counts", key=key).rows_in_lake == 1


# --- what is read again ---


def test_only_a_resubmitted_file_is_read_again(place: Place, calls: list[str]) -> None:
    for branch in ("01", "04", "13"):
        place.land("untreated_persons", f"{branch}.csv", persons(branch, 3, bad=branch == "13"))
    first = place.ingest("untreated_persons")
    before = {branch: place.parquet("raw", "untreated_persons", f"{branch}.csv") for branch in ("01", "04", "13")}
    kept = {branch: before[branch].stat().st_ino for branch in ("01", "13")}
    rejected = place.parquet("quarantine", "untreated_persons", "13.csv").stat().st_ino
    assert sorted(calls) == ["01.csv", "04.csv", "13.csv"]

    calls.clear()
    place.land("untreated_persons", "04.csv", persons("04", 4))
    watched = place.lake.root.parent / "watched.parquet"
    watched.hardlink_to(before["01"])
    second = place.ingest("untreated_persons")

    assert calls == ["04.csv"]
    after = {branch: place.parquet("raw", "untreated_persons", f"{branch}.csv") for branch in ("01", "04", "13")}
    assert {branch: after[branch].stat().st_ino for branch in ("01", "13")} == kept
    assert place.parquet("quarantine", "untreated_persons", "13.csv").stat().st_ino == rejected
    assert watched.stat().st_nlink == 2  # the watcher and the new version: the old one is gone
    assert (first.rows_in_lake, second.rows_in_lake, second.is_accounted_for) == (8, 9, True)
    assert second.ledger[0] == first.ledger[0]

    calls.clear()
    versions = place.versions("untreated_persons")
    assert place.ingest("untreated_persons") == second
    assert (calls, place.versions("untreated_persons")) == ([], versions)


def test_with_the_lake_in_an_object_store_another_machine_reads_only_what_is_new(
    tmp_path: Path, calls: list[str]
) -> None:
    with running() as server:
        url = f"s3://{new_bucket(server, 'lake').name}/lake"
        first, second = Place(tmp_path), Place(tmp_path)
        first.lake, second.lake = open_lake(tmp_path / "one", url), open_lake(tmp_path / "two", url)
        for branch in ("01", "04", "13"):
            first.land("untreated_persons", f"{branch}.csv", persons(branch, 3, bad=branch == "13"))
        before = first.ingest("untreated_persons")
        assert second.ingest("untreated_persons") == before
        assert sorted(calls) == ["01.csv", "04.csv", "13.csv"]

        calls.clear()
        first.land("untreated_persons", "04.csv", persons("04", 4))
        after = second.ingest("untreated_persons")

        assert calls == ["04.csv"]
        assert (before.rows_in_lake, after.rows_in_lake, after.is_accounted_for) == (8, 9, True)
        assert raw(first, "untreated_persons") == raw(second, "untreated_persons")


def test_a_new_name_a_new_time_and_a_new_key_are_read_again(place: Place, calls: list[str]) -> None:
    path = place.land("untreated_persons", "a.csv", persons("13"))
    place.ingest("untreated_persons")
    keys = {row["member_key"] for row in raw(place, "untreated_persons")}
    changes: list[Callable[[], object]] = [
        lambda: os.utime(path, (1, 1)),
        lambda: path.rename(path.with_name("b.csv")),
    ]
    for change in changes:
        calls.clear()
        change()
        place.ingest("untreated_persons")
        assert len(calls) == 1
    calls.clear()
    place.ingest("untreated_persons", key=SecretStr("another" * 8))
    assert calls == ["b.csv"]
    assert keys.isdisjoint(row["member_key"] for row in raw(place, "untreated_persons"))


def test_what_is_remembered_is_not_believed_when_the_lake_was_damaged(place: Place, calls: list[str]) -> None:
    place.land("checkup_counts", "a.csv", checkups("13"))
    place.land("checkup_counts", "b.csv", checkups("04"))
    done = place.ingest("checkup_counts")
    whole = place.versions("checkup_counts")
    calls.clear()
    place.parquet("raw", "checkup_counts", "a.csv").write_bytes(b"damaged")
    assert place.ingest("checkup_counts") == done
    assert (calls, place.versions("checkup_counts")) == (["a.csv"], whole)
    for text in ("", "{}", "[1]", '{"files": {"x": 1}}'):
        calls.clear()
        (place.lake.root / "raw" / "checkup_counts" / f".files-{MONTH}.json").write_text(text)
        assert place.ingest("checkup_counts") == done
        assert sorted(calls) == ["a.csv", "b.csv"]


def test_everything_is_read_again_when_that_is_asked_for(place: Place, calls: list[str]) -> None:
    place.land("checkup_counts", "a.csv", checkups("13"))
    place.ingest("checkup_counts")
    place.ingest("checkup_counts", may_reuse=False)
    assert calls == ["a.csv", "a.csv"]


def test_the_largest_file_is_read_first_and_the_ledger_is_in_order_of_names(place: Place, calls: list[str]) -> None:
    for name, count in (("a.csv", 1), ("b.csv", 9), ("c.csv", 4)):
        place.land("untreated_persons", name, persons("13", count))
    done = place.ingest("untreated_persons")
    assert calls == ["b.csv", "c.csv", "a.csv"]
    assert [one["file"] for one in done.ledger] == ["a.csv", "b.csv", "c.csv"]


# --- files that cannot be read, and programs that break ---


def test_a_broken_file_stops_no_other(place: Place) -> None:
    place.land("untreated_persons", "a.csv", persons("13"))
    place.land("untreated_persons", "b.xlsx", b"PK\x03\x04 cut off")
    place.land("untreated_persons", "c.csv.gz", gzip.compress(persons("04") * 50)[:40])
    place.land("untreated_persons", "d.csv", b"")
    done = place.ingest("untreated_persons")
    assert [one["status"] for one in done.ledger] == ["loaded", "refused", "refused", "refused"]
    assert all(one["detail"] for one in done.ledger[1:])
    assert (done.rows_in_lake, done.files_refused, done.is_accounted_for) == (2, 3, True)


def test_a_fault_of_the_program_surfaces_without_what_it_was_reading(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.land("untreated_persons", "a.csv", persons("13"))
    place.ingest("untreated_persons")
    before = place.versions("untreated_persons")
    place.land("untreated_persons", "b.csv", persons("04"))

    def broken(path: Path, *_: Any) -> Any:
        raise ValueError(f"cannot read {SYMBOL}")

    monkeypatch.setattr(record_ingest, "read_record_file", broken)
    with pytest.raises(record_ingest.ReadingBroke, match=r"untreated_persons/2025-06/b.csv: ValueError") as caught:
        place.ingest("untreated_persons")
    told = "".join(traceback.format_exception(caught.value))
    assert SYMBOL not in told
    assert "in broken" in told
    assert place.versions("untreated_persons") == before
    assert list(place.lake.root.rglob(".tmp-*")) == []


def test_an_account_that_does_not_add_up_is_told_and_not_remembered(
    place: Place, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.land("untreated_persons", "a.csv", persons("13", 3, bad=1))
    real = record_ingest.read_record_file
    for change in (
        {"rows_read": 4},
        {"rows_read": 4, "rows_loaded": 3},
        {"rows_read": 4, "rows_rejected": 2},
        {"branches": ()},
    ):

        def wrong(*arguments: Any, change: dict[str, Any] = change) -> Any:
            return dataclasses.replace(real(*arguments), **change)

        monkeypatch.setattr(record_ingest, "read_record_file", wrong)
        assert not place.ingest("untreated_persons").is_accounted_for
    calls.clear()
    monkeypatch.setattr(record_ingest, "read_record_file", real)
    assert place.ingest("untreated_persons").is_accounted_for
    assert calls == ["a.csv"]


# --- the same file twice ---


def test_the_same_bytes_are_loaded_once_whatever_their_names(place: Place) -> None:
    place.land("untreated_persons", "z.csv", persons("13"))
    place.land("untreated_persons", "a.csv", persons("13"))
    place.land("untreated_persons", "b.csv", persons("04"))  # as long, and another
    done = place.ingest("untreated_persons")
    assert entries(done) == {
        "a.csv": ("refused", "same_file_again", 0, 0),
        "b.csv": ("loaded", "", 2, 0),
        "z.csv": ("loaded", "", 2, 0),
    }
    assert "z.csv" in done.ledger[0]["detail"]
    assert done.ledger[0]["file_sha256"] == done.ledger[2]["file_sha256"]
    assert (done.rows_in_lake, done.is_accounted_for) == (4, True)
    (place.landing / "untreated_persons" / MONTH / "z.csv").unlink()
    assert entries(place.ingest("untreated_persons"))["a.csv"] == ("loaded", "", 2, 0)


def test_of_copies_that_arrived_at_once_the_first_name_stands(place: Place) -> None:
    for name in ("b.csv", "a.csv"):
        path = place.land("checkup_counts", name, checkups("13"))
        os.utime(path, (1_750_000_000, 1_750_000_000))
    assert entries(place.ingest("checkup_counts"))["b.csv"] == ("refused", "same_file_again", 0, 0)


def test_a_copy_of_a_file_that_could_not_be_read_is_read(place: Place) -> None:
    place.land("checkup_counts", "a.txt", checkups("13"))
    place.land("checkup_counts", "b.csv", checkups("13"))
    assert entries(place.ingest("checkup_counts")) == {
        "a.txt": ("refused", "unsupported_extension", 0, 0),
        "b.csv": ("loaded", "", 1, 0),
    }


def test_reported_figures_sent_twice_are_loaded_once(place: Place) -> None:
    data = csv_text([RESULT_HEADER, result_row()]).encode()
    place.land("kpi_results", "東京.csv", data)
    place.land("kpi_results", "東京 (1).csv", data)
    done = place.ingest("kpi_results", key=None)
    assert entries(done) == {
        "東京.csv": ("loaded", "", 1, 0),
        "東京 (1).csv": ("refused", "same_file_again", 0, 0),
    }
    assert (done.rows_in_lake, done.is_accounted_for, done.rejected_in_lake) == (1, True, None)
    assert done.ledger[0]["branches"] == []


def test_the_partitions_have_the_promised_columns(place: Place) -> None:
    place.land("claims", "empty.csv", b"")
    place.ingest("claims")
    ledger = place.lake.read("ledger", "claims", MONTH).schema
    assert ledger.field("branches").type == pa.list_(
        pa.struct(
            [
                ("branch_code", pa.string()),
                ("rows_read", pa.int64()),
                ("rows_loaded", pa.int64()),
                ("rows_rejected", pa.int64()),
            ]
        )
    )
    stored = place.lake.read("raw", "claims", MONTH).schema
    assert [stored.field(name).type for name in ("member_key", "points", "generic_yen", "treats_lipid")] == [
        pa.binary(),
        pa.int64(),
        pa.decimal128(18, 4),
        pa.bool_(),
    ]
    assert not {"symbol", "number", "suffix"} & set(stored.names)


def test_the_key_is_in_no_file_beside_the_data(place: Place) -> None:
    place.land("untreated_persons", "a.csv", persons("13", 2, bad=1))
    place.ingest("untreated_persons")
    secrets = (KEY.get_secret_value().encode(), SYMBOL.encode())
    for path in place.lake.root.rglob("*"):
        if path.is_file():
            assert not [secret for secret in secrets if secret in path.read_bytes()], path
