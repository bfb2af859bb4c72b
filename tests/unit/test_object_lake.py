"""The lake in an object store, against a real server of S3 that fails, breaks off, is slow, and is asked by several at once."""

import datetime as dt
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs
from s3_server import ACCESS_KEY, SECRET_KEY, Bucket, Fault, Server, new_bucket, running

from kenpo_pipelines import object_store
from kenpo_pipelines.lake import (
    DamagedPartition,
    LakeError,
    LakeObject,
    LakeUnreachable,
    MissingPartition,
    open_lake,
)
from kenpo_pipelines.lake.cache import VersionCache
from kenpo_pipelines.lake.objects import ObjectLake
from kenpo_pipelines.lake.place import Place
from kenpo_pipelines.lake.wholeness import digest
from kenpo_pipelines.settings import Settings, SettingsError, load
from resources.faults import Fault as Told
from resources.faults import fault_of

LAYER, NAME, MONTH = "kpis", "figures", "2025-06"
ROOT = "some/lake"
MANIFEST = f"{ROOT}/{LAYER}/{NAME}/month={MONTH}.json"
MEMORY = f"{ROOT}/{LAYER}/{NAME}/made={MONTH}.json"
VERSIONS = f"{ROOT}/.versions/{LAYER}/{NAME}/{MONTH}"


def rows(*values: int) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.int64())})


A, B, C = rows(1, 2, 3), rows(4, 5), rows(6)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def bucket(server: Server) -> Bucket:
    return new_bucket(server, "lake")


@pytest.fixture
def machines(bucket: Bucket, tmp_path: Path) -> Iterator[ObjectLake]:
    """The same lake, as ever another machine opens it: nothing is known of it, and no file is there yet."""

    def opened() -> Iterator[ObjectLake]:
        for number in range(100):
            lake = open_lake(tmp_path / f"machine-{number}", f"s3://{bucket.name}/{ROOT}")
            assert isinstance(lake, ObjectLake)
            yield lake

    return opened()


@pytest.fixture
def lake(machines: Iterator[ObjectLake]) -> ObjectLake:
    return next(machines)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited before each further attempt."""
    seconds: list[float] = []
    monkeypatch.setattr(object_store, "_sleep", seconds.append)
    return seconds


def content(lake: ObjectLake) -> list[int] | None:
    try:
        return lake.read(LAYER, NAME, MONTH)["value"].to_pylist()
    except MissingPartition:
        return None


def write_parts(lake: ObjectLake, *values: int) -> None:
    """Replace the partition by a file for each value."""
    with lake.replace(LAYER, NAME, MONTH) as folder:
        for number, value in enumerate(values):
            pq.write_table(rows(value), folder / f"part-{number}.parquet")


def manifest(bucket: Bucket) -> Any:
    return json.loads(bucket.get(MANIFEST))


def folders(bucket: Bucket) -> set[str]:
    """Folders of versions of the month."""
    return {key.rpartition("/")[0] for key in bucket.names(VERSIONS)}


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


# --- a store that says nothing ---


def test_a_store_that_never_answers_is_asked_as_often_as_we_say_and_no_more(
    bucket: Bucket, server: Server, lake: ObjectLake, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3fs.S3FileSystem, "read_timeout", 0.2)
    s3fs.S3FileSystem.clear_instance_cache()
    before = len(server.requests)

    with server.meddling(lambda method, path: Fault(wait_s=1)), pytest.raises(LakeUnreachable, match="does not answer"):
        lake.version(LAYER, NAME, MONTH)

    assert len(server.requests) - before == 4, "AWS_MAX_ATTEMPTS is 1 here: the library below the driver tries once"
    assert len(waited) == 3
    s3fs.S3FileSystem.clear_instance_cache()


# --- what is stored ---


def test_a_partition_is_a_manifest_that_names_immutable_objects(lake: ObjectLake, bucket: Bucket) -> None:
    version = lake.write(LAYER, NAME, MONTH, A)
    lake.remember(LAYER, NAME, MONTH, "a")

    known = manifest(bucket)
    (file,) = known["files"]
    assert known["version"] == version
    assert known["replaced"] == []
    assert dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(known["committed_at"]) < dt.timedelta(minutes=5)
    assert re.fullmatch(rf"\.versions/{LAYER}/{NAME}/{MONTH}/{version}-[0-9a-f]{{8}}", known["folder"])
    stored = bucket.get(f"{ROOT}/{file['path']}")
    assert (file["name"], file["size"]) == ("part-0.parquet", len(stored))
    assert file["sha256"] == hashlib.sha256(stored).hexdigest()
    assert sorted(bucket.names()) == sorted([MANIFEST, MEMORY, f"{ROOT}/{known['folder']}/part-0.parquet"])


def test_the_same_content_puts_nothing(lake: ObjectLake, bucket: Bucket, server: Server) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    server.requests.clear()

    lake.write(LAYER, NAME, MONTH, rows(1, 2, 3))

    assert {method for method, _ in server.requests} <= {"GET", "HEAD"}


def test_what_was_written_here_is_not_fetched_and_elsewhere_once(
    lake: ObjectLake, machines: Iterator[ObjectLake], server: Server
) -> None:
    write_parts(lake, 1, 2, 3)
    server.requests.clear()
    assert content(lake) == [1, 2, 3]
    assert [path for _, path in server.requests if ".parquet" in path] == []

    other = next(machines)
    for _ in range(3):
        assert content(other) == [1, 2, 3]
    assert len([path for _, path in server.requests if ".parquet" in path]) == 3


def test_large_files_go_and_come_in_parts(
    lake: ObjectLake, machines: Iterator[ObjectLake], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kenpo_pipelines.lake.store._PART", 5 << 20)
    noise = pa.table({"value": pa.array([os.urandom(1 << 20) for _ in range(12)], pa.binary())})

    lake.write(LAYER, NAME, MONTH, noise)

    assert len([path for method, path in server.requests if method == "PUT" and "partNumber" in path]) == 3
    assert next(machines).read(LAYER, NAME, MONTH).equals(noise)


# --- how often the store is asked ---


def test_questions_about_a_month_cost_few_requests(
    lake: ObjectLake, machines: Iterator[ObjectLake], server: Server
) -> None:
    names = [f"dataset_{number}" for number in range(30)]
    for name in names:
        for month in ("2025-05", MONTH):
            lake.write(LAYER, name, month, A)
            lake.remember(LAYER, name, month, "a")
    other = next(machines)

    server.requests.clear()
    assert other.is_current(LAYER, names[0], MONTH, "a")
    assert Counter(method for method, _ in server.requests) == {"GET": 2}

    server.requests.clear()
    with other.one_look():
        assert all(other.is_current(LAYER, name, MONTH, "a") for name in names)
        assert all(other.version(LAYER, name, MONTH) for name in names)
        assert all(other.months(LAYER, name) == ["2025-05", MONTH] for name in names)
    assert len([path for _, path in server.requests if "list-type" in path]) == 1
    assert len(server.requests) == 1 + 2 * len(names), "each small object once, all of them at once"

    server.requests.clear()
    with other.one_look():
        assert all(other.is_current(LAYER, name, MONTH, "a") for name in names)
    assert len(server.requests) == 1, "what has not changed is not fetched again"


def test_a_commit_in_a_look_costs_three_requests(lake: ObjectLake, server: Server) -> None:
    lake.write(LAYER, "others", MONTH, A)
    with lake.one_look():
        lake.months(LAYER, NAME)
        server.requests.clear()
        lake.write(LAYER, NAME, MONTH, A)
        assert [method for method, _ in server.requests] == ["PUT", "GET", "PUT"], "the file, a listing, the manifest"
        lake.remember(LAYER, NAME, MONTH, "a")
        assert len(server.requests) == 4


# --- two at once ---


def test_who_comes_second_replaces_the_first_knowingly(
    lake: ObjectLake, machines: Iterator[ObjectLake], bucket: Bucket, server: Server
) -> None:
    """Another machine commits between a writer's reading of the manifest and its putting it."""
    lake.write(LAYER, NAME, MONTH, A)
    first = manifest(bucket)["folder"]
    other, done = next(machines), threading.Event()

    def meanwhile(method: str, path: str) -> Fault | None:
        if method == "PUT" and "month=" in path and not done.is_set():
            done.set()
            thread = threading.Thread(target=other.write, args=[LAYER, NAME, MONTH, B])
            thread.start()
            thread.join()
        return None

    with server.meddling(meanwhile):
        lake.write(LAYER, NAME, MONTH, C)

    assert done.is_set()
    assert content(lake) == content(other) == [6]
    replaced = [one["folder"] for one in manifest(bucket)["replaced"]]
    assert len(replaced) == 2
    assert replaced[0] == first
    assert folders(bucket) == {f"{ROOT}/{folder}" for folder in [*replaced, manifest(bucket)["folder"]]}


def test_a_first_commit_does_not_overwrite_another_first_one(
    lake: ObjectLake, machines: Iterator[ObjectLake], bucket: Bucket
) -> None:
    other = next(machines)
    with lake.one_look(), lake.replace(LAYER, NAME, MONTH) as folder:
        assert lake.months(LAYER, NAME) == []
        other.write(LAYER, NAME, MONTH, B)
        pq.write_table(A, folder / "part-0.parquet")

    assert content(other) == [1, 2, 3]
    assert len(manifest(bucket)["replaced"]) == 1


def test_a_reader_whose_version_was_replaced_and_removed_reads_the_new_one(
    lake: ObjectLake, machines: Iterator[ObjectLake], bucket: Bucket
) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    reader = next(machines)
    with reader.one_look():
        reader.version(LAYER, NAME, MONTH)
        old = manifest(bucket)["folder"]
        lake.write(LAYER, NAME, MONTH, B)
        for key in bucket.names(f"{ROOT}/{old}"):
            bucket.delete(key)
        assert content(reader) == [4, 5]


def test_more_partitions_than_one_page_of_a_listing_are_all_there(
    lake: ObjectLake, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gives pages of three; S3's have a thousand."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    months = [f"2025-{month:02d}" for month in range(1, 9)]
    for month in months:
        lake.write(LAYER, NAME, month, A)
    write_parts(lake, *range(7))

    assert lake.months(LAYER, NAME) == months
    with lake.one_look():
        assert all(lake.version(LAYER, NAME, month) for month in months)
    expire(bucket, 25)
    lake.tidy()
    assert len(folders(bucket)) == 1


def test_a_copy_is_not_removed_by_who_finds_it_damaged_but_replaced_by_who_fetches(tmp_path: Path) -> None:
    """Between the look of one and its removing another may have put a whole one, which somebody reads by now."""
    place, cache = Place(LAYER, NAME, MONTH), VersionCache(tmp_path, 3600)
    with cache.staging(place) as folder:
        pq.write_table(A, folder / "part-0.parquet")
        version = digest([folder / "part-0.parquet"])
        cache.keep(place, version, folder)
    copied = tmp_path / LAYER / NAME / f"{MONTH}-{version}" / "part-0.parquet"
    copied.write_bytes(b"damaged")

    assert cache.find(place, version) is None
    assert copied.exists()
    fetched = cache.fill(place, version, lambda folder: pq.write_table(A, folder / "part-0.parquet"))
    assert fetched == [copied]
    assert pq.read_table(copied).equals(A)
    assert list(tmp_path.rglob(".tmp-*")) == []


# --- what is not needed any more ---


def expire(bucket: Bucket, hours: float) -> None:
    """Have everything of the month been done that many hours earlier."""
    known = manifest(bucket)
    for one in known["replaced"]:
        one["ceased_at"] = (dt.datetime.fromisoformat(one["ceased_at"]) - dt.timedelta(hours=hours)).isoformat()
    bucket.put(MANIFEST, json.dumps(known).encode())
    for key in bucket.names(VERSIONS):
        bucket.age(key, hours)


@pytest.mark.parametrize("by", ["the next writer", "tidying"])
def test_replaced_versions_stay_for_a_day_and_go_then(lake: ObjectLake, bucket: Bucket, by: str) -> None:
    for table in (A, B, C):
        lake.write(LAYER, NAME, MONTH, table)
    assert len(folders(bucket)) == 3
    expire(bucket, 23)
    lake.tidy()
    assert len(folders(bucket)) == 3

    expire(bucket, 2)
    if by == "tidying":
        lake.tidy()
        assert content(lake) == [6]
        assert folders(bucket) == {f"{ROOT}/{manifest(bucket)['folder']}"}
    else:
        lake.write(LAYER, NAME, MONTH, A)
        assert content(lake) == [1, 2, 3]
        assert len(folders(bucket)) == 2, "the new one, and the one it replaced"


def test_tidying_asks_little_where_there_is_nothing_to_do(lake: ObjectLake, server: Server) -> None:
    for name in ("a", "b", "c"):
        lake.write(LAYER, name, MONTH, A)
    server.requests.clear()

    lake.tidy()

    assert len(server.requests) == 2, "versions, and one layer"


def test_copies_of_replaced_versions_go_from_this_machine_too(lake: ObjectLake) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    (old,) = (path.parent for path in lake.files(LAYER, NAME, MONTH))
    lake.write(LAYER, NAME, MONTH, B)
    assert old.is_dir(), "somebody may be reading it"
    day_ago = old.stat().st_mtime - 25 * 3600
    os.utime(old, (day_ago, day_ago))
    lake.write(LAYER, NAME, MONTH, C)

    assert not old.exists()
    assert len(list(old.parent.glob(f"{MONTH}-*"))) == 2


# --- killed ---

WRITER = """
import sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
from kenpo_pipelines.lake import open_lake
lake = open_lake(Path(sys.argv[2]), sys.argv[1])
with lake.replace("kpis", "figures", "2025-06") as folder:
    for number in range(6):
        pq.write_table(pa.table({"value": pa.array([10 + number], pa.int64())}), folder / f"part-{number}.parquet")
lake.remember("kpis", "figures", "2025-06", "new")
"""


@pytest.mark.parametrize(
    ("dies", "fatal"),
    {
        "at the first file": (r"PUT .*\.versions", 1),
        "in mid-upload": (r"PUT .*\.versions", 4),
        "between upload and manifest": (r"PUT .*month=", 1),
        "before it is remembered": (r"PUT .*made=", 1),
    }.values(),
    ids=["at the first file", "in mid-upload", "between upload and manifest", "before it is remembered"],
)
def test_a_killed_writer_leaves_the_old_partition_or_the_new_one_and_the_next_heals(
    lake: ObjectLake,
    machines: Iterator[ObjectLake],
    bucket: Bucket,
    server: Server,
    tmp_path: Path,
    dies: str,
    fatal: int,
) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    lake.remember(LAYER, NAME, MONTH, "old")
    writer: subprocess.Popen[bytes] | None = None
    seen = 0

    def kill(method: str, path: str) -> Fault | None:
        nonlocal seen
        if writer is not None and re.match(dies, f"{method} {path}"):
            seen += 1
            if seen >= fatal:
                os.kill(writer.pid, signal.SIGKILL)
                return Fault(status=500, code="InternalError")  # it never arrived
        return None

    command = [sys.executable, "-c", WRITER, f"s3://{bucket.name}/{ROOT}", str(tmp_path / "writer")]
    with server.meddling(kill):
        writer = subprocess.Popen(command)
        assert writer.wait(60) == -signal.SIGKILL
    is_committed = "made=" in dies
    new = [10, 11, 12, 13, 14, 15]
    reader = next(machines)
    assert content(reader) == (new if is_committed else [1, 2, 3])
    assert reader.is_current(LAYER, NAME, MONTH, "old") is not is_committed
    assert not reader.is_current(LAYER, NAME, MONTH, "new")

    subprocess.run(command, check=True, timeout=60)

    assert content(reader) == content(next(machines)) == new
    assert reader.is_current(LAYER, NAME, MONTH, "new")
    assert list((tmp_path / "writer").rglob(".tmp-*")) == []
    expire(bucket, 25)
    reader.tidy()
    assert folders(bucket) == {f"{ROOT}/{manifest(bucket)['folder']}"}, "nothing of the killed writer is left"
    assert content(next(machines)) == new


def test_what_a_first_writer_uploaded_and_never_committed_goes_when_it_is_old(lake: ObjectLake, bucket: Bucket) -> None:
    for hours, name in ((25, "old"), (1, "young")):
        bucket.put(f"{VERSIONS}/{name}/part-0.parquet", b"x")
        bucket.age(f"{VERSIONS}/{name}/part-0.parquet", hours)

    lake.tidy()

    assert bucket.names() == [f"{VERSIONS}/young/part-0.parquet"]
    assert lake.months(LAYER, NAME) == []


def test_an_upload_that_took_longer_than_versions_are_kept_is_not_committed(
    lake: ObjectLake, bucket: Bucket, server: Server
) -> None:
    lake.write(LAYER, NAME, MONTH, A)

    def take_a_day(method: str, path: str) -> Fault | None:
        if "list-type" in path:
            for key in bucket_keys_uploaded():
                bucket.age(key, 25)
        return None

    def bucket_keys_uploaded() -> list[str]:
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        return [key for key in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket.name].keys if "part-" in key]

    with (
        server.meddling(take_a_day),
        pytest.raises(LakeError, match=r"took over 24 hours.*KENPO_LAKE_KEEP_HOURS"),
    ):
        lake.write(LAYER, NAME, MONTH, B)
    assert content(lake) == [1, 2, 3]


# --- faults that pass ---


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500, "InternalError"),
        Fault(503, "SlowDown"),
        Fault(503, "ServiceUnavailable"),
        Fault(breaks=True),
        Fault(wait_s=0.3),
    ],
    ids=["500", "slow down", "503", "breaks off", "slow"],
)
def test_each_request_may_fail_twice_and_the_work_is_done(
    lake: ObjectLake, machines: Iterator[ObjectLake], server: Server, waited: list[float], fault: Fault
) -> None:
    failed: Counter[tuple[str, str]] = Counter()

    def twice(method: str, path: str) -> Fault | None:
        failed[method, path] += 1
        return fault if failed[method, path] <= 2 else None

    with server.meddling(twice):
        write_parts(lake, 1, 2)
        lake.remember(LAYER, NAME, MONTH, "a")
        write_parts(lake, 3, 4)
        lake.remember(LAYER, NAME, MONTH, "b")
        other = next(machines)
        with other.one_look():
            assert content(other) == [3, 4]
            assert other.is_current(LAYER, NAME, MONTH, "b")
            assert other.months(LAYER, NAME) == [MONTH]

    assert len(failed) >= 10
    assert bool(waited) == (fault.wait_s == 0)
    assert set(waited) <= {0.5, 1.0}


def test_of_many_small_objects_only_those_that_failed_are_asked_for_again(
    lake: ObjectLake, machines: Iterator[ObjectLake], server: Server, waited: list[float]
) -> None:
    names = [f"dataset_{number}" for number in range(20)]
    for name in names:
        lake.write(LAYER, name, MONTH, A)
    asked: Counter[str] = Counter()

    def every_third(method: str, path: str) -> Fault | None:
        asked[path] += 1
        return Fault(503, "SlowDown") if "month=" in path and asked.total() % 3 == 0 else None

    other = next(machines)
    with server.meddling(every_third), other.one_look():
        assert all(other.version(LAYER, name, MONTH) for name in names)
    assert asked.total() < 40


def test_a_store_that_stays_away_is_a_passing_fault_told_without_secrets(
    lake: ObjectLake, server: Server, waited: list[float]
) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    work = {
        "read": lambda: lake.read(LAYER, NAME, MONTH),
        "write": lambda: lake.write(LAYER, NAME, MONTH, B),
        "made": lambda: lake.made(LAYER, NAME, MONTH),
        "remember": lambda: lake.remember(LAYER, NAME, MONTH, "a"),
        "months": lambda: lake.months(LAYER, NAME),
        "tidy": lake.tidy,
    }
    with server.meddling(lambda method, path: Fault(503, "ServiceUnavailable")):
        for name, ask in work.items():
            waited.clear()
            with pytest.raises(LakeUnreachable) as told:
                ask()
            assert waited == [0.5, 1.0, 2.0], name
            assert fault_of(told.value) == Told(is_passing=True, text=str(told.value))
            assert re.fullmatch(rf"the lake {lake.url} does not answer \(\w+\). Run it again later", str(told.value))
            shown = "".join(traceback.format_exception(told.value))
            assert SECRET_KEY not in shown and ACCESS_KEY not in shown
    assert content(lake) == [1, 2, 3]


def test_trying_again_has_an_end_in_time(
    lake: ObjectLake, server: Server, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_PATIENCE_S", 0)
    with server.meddling(lambda method, path: Fault(500, "InternalError")), pytest.raises(LakeUnreachable):
        lake.months(LAYER, NAME)
    assert waited == []


def test_an_answer_to_a_commit_that_is_lost_is_no_second_commit(
    lake: ObjectLake, bucket: Bucket, server: Server, waited: list[float]
) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    lost = []

    def lose(method: str, path: str) -> Fault | None:
        if method == "PUT" and "month=" in path and not lost:
            lost.append(path)
            return Fault(breaks=True)  # it arrives, and nobody hears of it
        return None

    with server.meddling(lose):
        lake.write(LAYER, NAME, MONTH, B)

    assert lost
    assert content(lake) == [4, 5]
    assert len(manifest(bucket)["replaced"]) == 1


def test_a_commit_whose_answer_is_lost_does_not_come_back_over_the_next_one(
    lake: ObjectLake, machines: Iterator[ObjectLake], bucket: Bucket, server: Server, waited: list[float]
) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    other, puts = next(machines), []

    def lose(method: str, path: str) -> Fault | None:
        if method == "PUT" and "month=" in path:
            puts.append(path)
            if len(puts) == 1:
                return Fault(breaks=True)  # it arrives, and nobody hears of it
            if len(puts) == 2:  # asked again: another machine has read it by now, and replaced it
                thread = threading.Thread(target=other.write, args=[LAYER, NAME, MONTH, C])
                thread.start()
                thread.join()
        return None

    with server.meddling(lose):
        lake.write(LAYER, NAME, MONTH, B)

    assert len(puts) == 3
    assert content(lake) == content(next(machines)) == [6]
    assert len(manifest(bucket)["replaced"]) == 2


def test_an_upload_in_parts_whose_end_is_told_twice_is_begun_again(
    lake: ObjectLake,
    machines: Iterator[ObjectLake],
    server: Server,
    waited: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer was lost, the driver asked again, and the store knows nothing of an upload that has ended."""
    monkeypatch.setattr("kenpo_pipelines.lake.store._PART", 5 << 20)
    noise = pa.table({"value": pa.array([os.urandom(1 << 20) for _ in range(12)], pa.binary())})
    ends = []

    def has_ended(method: str, path: str) -> Fault | None:
        if "uploadId" in path and method in ("POST", "DELETE") and len(ends) < 2:
            ends.append(method)
            return Fault(404, "NoSuchUpload")
        return None

    with server.meddling(has_ended):
        lake.write(LAYER, NAME, MONTH, noise)

    assert ends == ["POST", "DELETE"], "ended, given up"
    assert next(machines).read(LAYER, NAME, MONTH).equals(noise)


def test_a_store_without_etags_keeps_replaced_versions_too(tmp_path: Path) -> None:
    lake = open_lake(tmp_path, f"memory://{tmp_path.name}/lake")
    lake.write(LAYER, NAME, MONTH, A)
    with lake.one_look():
        lake.write(LAYER, NAME, MONTH, B)
    found = json.loads(fsspec.filesystem("memory").cat(f"/{tmp_path.name}/lake/{LAYER}/{NAME}/month={MONTH}.json"))

    assert len(found["replaced"]) == 1
    assert lake.read(LAYER, NAME, MONTH).equals(B)


# --- faults that stay ---


def test_denied_access_is_told_at_once_with_what_to_do(lake: ObjectLake, server: Server, waited: list[float]) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    with server.meddling(lambda method, path: Fault(403, "AccessDenied")), pytest.raises(LakeError) as told:
        lake.version(LAYER, NAME, MONTH)
    assert waited == []
    assert fault_of(told.value) == Told(is_passing=False, text=str(told.value))
    assert str(told.value) == (
        f"the lake {lake.url} cannot be used (PermissionError): check KENPO_LAKE_URL, and the credentials in the environment "
        "and their rights (list, read, write, delete)"
    )
    assert SECRET_KEY not in "".join(traceback.format_exception(told.value))


def test_a_missing_bucket_is_no_empty_lake(lake: ObjectLake, bucket: Bucket, waited: list[float]) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    for key in bucket.content():
        bucket.delete(key)
    bucket.client.delete_bucket(Bucket=bucket.name)
    for ask in (lake.version, lake.made, lake.held):
        with pytest.raises(LakeError, match=r"does not exist \(FileNotFoundError\): check KENPO_LAKE_URL") as told:
            ask(LAYER, NAME, MONTH)
        assert not isinstance(told.value, LakeUnreachable | MissingPartition)
    with pytest.raises(LakeError, match="does not exist"):
        lake.months(LAYER, NAME)
    with pytest.raises(LakeError, match="does not exist"):
        lake.write(LAYER, NAME, MONTH, B)
    assert waited == []


def test_missing_credentials_are_told_at_once(
    machines: Iterator[ObjectLake], waited: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    s3fs.S3FileSystem.clear_instance_cache()

    with pytest.raises(LakeError, match=r"cannot be used \(NoCredentialsError\).*credentials in the environment"):
        next(machines).months(LAYER, NAME)
    s3fs.S3FileSystem.clear_instance_cache()
    assert waited == []


def test_a_cache_that_cannot_be_written_is_told_as_this_machines_fault(
    lake: ObjectLake, bucket: Bucket, tmp_path: Path
) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    (tmp_path / "full").write_text("a file where the folder should be", encoding="utf-8")
    other = open_lake(tmp_path / "full", lake.url)

    with pytest.raises(LakeError, match=f"{LAYER}/{NAME} month {MONTH} cannot be copied to .*full") as told:
        other.read(LAYER, NAME, MONTH)
    assert not isinstance(told.value, LakeUnreachable)


def test_a_commit_whose_copy_cannot_be_kept_is_a_commit(lake: ObjectLake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError("no right to write here")

    lake.write(LAYER, NAME, MONTH, A)
    with monkeypatch.context() as patch:
        patch.setattr(VersionCache, "keep", refuse)
        lake.write(LAYER, NAME, MONTH, B)

    assert content(lake) == [4, 5]


# --- damage ---


def hurt_byte(bucket: Bucket) -> None:
    key = f"{ROOT}/{manifest(bucket)['files'][0]['path']}"
    body = bytearray(bucket.get(key))
    body[20] ^= 1
    bucket.put(key, bytes(body))


def remove_object(bucket: Bucket) -> None:
    bucket.delete(f"{ROOT}/{manifest(bucket)['files'][0]['path']}")


def shorten(bucket: Bucket) -> None:
    key = f"{ROOT}/{manifest(bucket)['files'][0]['path']}"
    bucket.put(key, bucket.get(key)[:-1])


def tear_manifest(bucket: Bucket) -> None:
    bucket.put(MANIFEST, bucket.get(MANIFEST)[:-30])


def another_version(bucket: Bucket) -> None:
    bucket.put(MANIFEST, json.dumps(manifest(bucket) | {"version": "0" * 32}).encode())


@pytest.mark.parametrize("damage", [hurt_byte, remove_object, shorten, tear_manifest, another_version])
def test_what_was_damaged_is_never_read_and_the_next_run_makes_it_anew(
    lake: ObjectLake, machines: Iterator[ObjectLake], bucket: Bucket, damage: Any
) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    lake.remember(LAYER, NAME, MONTH, "a")
    damage(bucket)

    for _ in range(2):
        with pytest.raises(
            DamagedPartition, match=rf"{LAYER}/{NAME} month {MONTH} is damaged.*`kenpo run --month {MONTH}` makes"
        ):
            next(machines).read(LAYER, NAME, MONTH)
    healer = next(machines)
    assert not healer.is_current(LAYER, NAME, MONTH, "a")
    healer.write(LAYER, NAME, MONTH, A)
    healer.remember(LAYER, NAME, MONTH, "a")

    assert content(next(machines)) == [1, 2, 3]
    assert next(machines).is_current(LAYER, NAME, MONTH, "a")


def test_bytes_that_changed_without_a_new_etag_are_uploaded_again(
    lake: ObjectLake, machines: Iterator[ObjectLake], bucket: Bucket
) -> None:
    """As a store's own disk would do it: only a reader can tell."""
    lake.write(LAYER, NAME, MONTH, A)
    known = manifest(bucket)
    hurt_byte(bucket)
    key = f"{ROOT}/{known['files'][0]['path']}"
    known["files"][0]["etag"] = bucket.client.head_object(Bucket=bucket.name, Key=key)["ETag"].strip('"')
    bucket.put(MANIFEST, json.dumps(known).encode())
    with pytest.raises(DamagedPartition):
        next(machines).read(LAYER, NAME, MONTH)

    next(machines).write(LAYER, NAME, MONTH, A)

    assert content(next(machines)) == [1, 2, 3]


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"fingerprint": 7}', b"{"])
def test_a_memory_that_says_nothing_is_none(lake: ObjectLake, bucket: Bucket, body: bytes) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    lake.remember(LAYER, NAME, MONTH, "a")
    bucket.put(MEMORY, body)

    assert lake.made(LAYER, NAME, MONTH) is None
    lake.remember(LAYER, NAME, MONTH, "a")
    assert lake.is_current(LAYER, NAME, MONTH, "a")


def test_a_manifest_leads_out_of_no_folder(lake: ObjectLake, machines: Iterator[ObjectLake], bucket: Bucket) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    known = manifest(bucket)
    for name in ("../../escaped.parquet", "/tmp/escaped.parquet", ".hidden.parquet", "a\\b.parquet", "run.sh"):
        known["files"][0]["name"] = name
        bucket.put(MANIFEST, json.dumps(known).encode())
        with pytest.raises(DamagedPartition):
            next(machines).files(LAYER, NAME, MONTH)


# --- for engines that read and write objects themselves ---


def test_objects_that_an_engine_uploaded_are_adopted_as_one_version(
    lake: ObjectLake, machines: Iterator[ObjectLake], bucket: Bucket, server: Server
) -> None:
    url = lake.staging_url(LAYER, NAME, MONTH)
    assert url.startswith(f"s3://{bucket.name}/{VERSIONS}/") and url != lake.staging_url(LAYER, NAME, MONTH)
    bodies = [parquet(A), parquet(B)]
    objects = []
    for number, body in enumerate(bodies):
        one = f"{url}/month={MONTH}/part-{number}-af31.snappy.parquet"
        bucket.put(one.removeprefix(f"s3://{bucket.name}/"), body)
        known = hashlib.sha256(body).hexdigest() if number else ""
        objects.append(LakeObject(one.replace("s3://", "s3a://"), len(body), known))

    version = lake.adopt(LAYER, NAME, MONTH, objects)

    other = next(machines)
    assert content(other) == [1, 2, 3, 4, 5]
    assert other.version(LAYER, NAME, MONTH) == version
    assert [path.name for path in other.files(LAYER, NAME, MONTH)] == ["part-00000.parquet", "part-00001.parquet"]
    assert [(one.size, one.sha256) for one in other.objects(LAYER, NAME, MONTH)] == [
        (len(body), hashlib.sha256(body).hexdigest()) for body in bodies
    ]
    assert [one.url for one in other.objects(LAYER, NAME, MONTH)] == [
        one.url.replace("s3a://", "s3://") for one in objects
    ]
    server.requests.clear()
    assert lake.adopt(LAYER, NAME, MONTH, objects) == version
    assert [one for one in server.requests if one[0] == "PUT"] == []


def test_what_is_not_there_as_told_is_not_adopted(lake: ObjectLake, bucket: Bucket) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    url, body = lake.staging_url(LAYER, NAME, MONTH), parquet(B)
    bucket.put(f"{url}/a.parquet".removeprefix(f"s3://{bucket.name}/"), body)
    sha256 = hashlib.sha256(body).hexdigest()
    for objects, told in (
        ([], "at least one Parquet file"),
        ([LakeObject(f"{url}/b.parquet", len(body), sha256)], "is not there as uploaded"),
        ([LakeObject(f"{url}/a.parquet", len(body) + 1, sha256)], "is not there as uploaded"),
        ([LakeObject(f"{lake.url}/elsewhere/a.parquet", len(body), sha256)], "does not lie below a staging URL"),
    ):
        with pytest.raises(LakeError, match=told):
            lake.adopt(LAYER, NAME, MONTH, objects)
    assert content(lake) == [1, 2, 3]


# --- settings ---


@pytest.mark.parametrize(
    "url",
    [
        "s3://user:geheim@bucket/x",
        "s3://bucket/x?sig=geheim",
        "s3://bucket#geheim",
        "simplecache::s3://geheim",
        "s3:///geheim",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENPO_LAKE_URL", url)
    with pytest.raises(SettingsError, match=r"^KENPO_LAKE_URL: write it as s3://bucket/prefix") as told:
        load()
    assert "geheim" not in "".join(traceback.format_exception(told.value))


def test_where_the_lake_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(url: str | None) -> Settings:
        return Settings(home=tmp_path, lake_url=url)

    assert (of(None).lake_dir, of(None).lake_store) == (tmp_path / "lake", None)
    for url in ("/srv/lake", "file:///srv/lake"):
        assert (of(url).lake_dir, of(url).lake_store) == (Path("/srv/lake"), None)
        assert of(url).locks_dir == Path("/srv/lake/.locks")
    store = of("s3://bucket/lake/")
    assert store.lake_store == "s3://bucket/lake"
    assert store.lake_dir.parent == tmp_path / "lake-cache"
    assert store.lake_dir != of("s3://bucket/other").lake_dir
    assert store.locks_dir == tmp_path / "locks"
    monkeypatch.setenv("KENPO_LAKE_KEEP_HOURS", "0.5")
    with pytest.raises(SettingsError, match="^KENPO_LAKE_KEEP_HOURS='0.5'"):
        load()
