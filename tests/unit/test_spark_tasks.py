"""What tasks do with objects, called here as an executor calls it, without Spark: bytes, digests, faults and their words."""

import hashlib
import io
import traceback
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from s3_server import ACCESS_KEY, SECRET_KEY, Bucket, Fault, Server, new_bucket, running

from kenpo_pipelines.lake import LakeObject
from resources import spark_tasks
from resources.spark_footers import footers_of_objects
from resources.spark_tasks import TaskFault, rows_of, write_rows

ROW_GROUP = 100
ROWS = pa.table(
    {"branch": [f"{number % 47 + 1:02d}" for number in range(250)], "visits": pa.array(range(250), pa.int32())}
)
MEMBER = "記号1234"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def bucket(server: Server) -> Bucket:
    return new_bucket(server, "tasks")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Spark has its tasks put temporary files; and no test waits."""
    (tmp_path / "local").mkdir()
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path / 'local'},{tmp_path / 'gone'}")
    monkeypatch.setattr(spark_tasks, "_WAITS_S", (0, 0, 0))
    return tmp_path / "local"


def put(bucket: Bucket, table: pa.Table, key: str = "lake/part.parquet") -> tuple[str, int, str]:
    handle = io.BytesIO()
    pq.write_table(table, handle)
    body = handle.getvalue()
    bucket.put(key, body)
    return f"s3://{bucket.name}/{key}", len(body), hashlib.sha256(body).hexdigest()


def read(url: str, size: int, sha256: str, schema: pa.Schema = ROWS.schema) -> pa.Table:
    return pa.Table.from_batches(rows_of(url, size, sha256, schema), schema)


def write(bucket: Bucket, table: pa.Table, batch: int = 70) -> list[dict[str, object]]:
    batches = iter(table.to_batches(max_chunksize=batch))
    made = write_rows(batches, 3, f"s3://{bucket.name}/lake", table.schema, "zstd", ROW_GROUP)
    return [row for one in made for row in one.to_pylist()]


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


# --- reading ---


def test_rows_come_as_they_were_written_in_the_columns_that_are_wanted(bucket: Bucket, temporary: Path) -> None:
    stored = put(bucket, ROWS)
    wanted = pa.schema([("visits", pa.int64())])

    assert read(*stored).equals(ROWS)
    assert read(*stored, wanted).equals(ROWS.select(["visits"]).cast(wanted))
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_of_an_object_whose_reader_stops_in_the_middle(bucket: Bucket, temporary: Path) -> None:
    batches = rows_of(*put(bucket, ROWS), ROWS.schema)
    assert next(batches).num_rows > 0

    assert list(temporary.iterdir()) == [], "the open file has no name any more"


def test_large_objects_come_in_parts(bucket: Bucket, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = put(bucket, ROWS)
    monkeypatch.setattr(spark_tasks, "_PART", 500)
    server.requests.clear()

    assert read(*stored).equals(ROWS)
    assert len(server.requests) == -(-stored[1] // 500) > 3


def remove(bucket: Bucket, key: str) -> None:
    bucket.delete(key)


def shorten(bucket: Bucket, key: str) -> None:
    bucket.put(key, bucket.get(key)[:-1])


def hurt(bucket: Bucket, key: str) -> None:
    body = bytearray(bucket.get(key))
    body[20] ^= 1
    bucket.put(key, bytes(body))


@pytest.mark.parametrize("damage", [remove, shorten, hurt])
def test_an_object_that_is_not_as_it_was_written_gives_no_row(bucket: Bucket, temporary: Path, damage: object) -> None:
    url, size, sha256 = put(bucket, ROWS)
    assert callable(damage)
    damage(bucket, "lake/part.parquet")

    with pytest.raises(TaskFault, match=rf"^kenpo-lake:not-as-written:\w+:{url}$"):
        next(rows_of(url, size, sha256, ROWS.schema))
    assert list(temporary.iterdir()) == []


def times(count: int, fault: Fault, method: str) -> object:
    """A store that meets so many requests of a kind with a fault, and then none."""
    left = iter(range(count))
    return lambda asked, path: (
        fault if asked == method and path.count("part") and next(left, None) is not None else None
    )


PASSING = {
    "slow down": Fault(503, "SlowDown"),
    "an error of the server": Fault(500, "InternalError"),
    "an answer that breaks off": Fault(breaks=True),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_passing_faults_are_tried_again(bucket: Bucket, server: Server, fault: Fault) -> None:
    stored = put(bucket, ROWS)
    with server.meddling(times(2, fault, "GET")):  # type: ignore[arg-type]
        assert read(*stored).equals(ROWS)
    with server.meddling(times(2, fault, "PUT")):  # type: ignore[arg-type]
        (row,) = write(bucket, ROWS)
    assert read(str(row["url"]), int(str(row["size"])), str(row["sha256"])).equals(ROWS)


def test_a_store_that_stays_away_is_told_as_a_fault_that_passes(bucket: Bucket, server: Server) -> None:
    stored = put(bucket, ROWS)
    with server.meddling(lambda *_: Fault(503, "SlowDown")), pytest.raises(TaskFault) as fault:
        read(*stored)

    assert str(fault.value).startswith("kenpo-lake:unreachable:")
    assert SECRET_KEY not in told(fault.value) and ACCESS_KEY not in told(fault.value)


def test_what_the_store_denies_is_told_at_once_without_its_words(bucket: Bucket, server: Server) -> None:
    stored = put(bucket, ROWS)
    server.requests.clear()
    with server.meddling(lambda *_: Fault(403, "AccessDenied")), pytest.raises(TaskFault) as fault:
        read(*stored)

    assert str(fault.value) == f"kenpo-lake:refused:PermissionError:{stored[0]}"
    assert SECRET_KEY not in told(fault.value)
    assert len(server.requests) == 1


def test_what_pyarrow_says_of_values_is_not_told(bucket: Bucket) -> None:
    stored = put(bucket, pa.table({"branch": [MEMBER]}))
    wanted = pa.schema([("branch", pa.int64())])
    with pytest.raises(pa.ArrowInvalid, match=MEMBER):
        pa.table({"branch": [MEMBER]}).cast(wanted)

    with pytest.raises(TaskFault, match=rf"^kenpo-lake:broken:ArrowInvalid:{stored[0]}$") as fault:
        read(*stored, wanted)
    assert MEMBER not in told(fault.value)


# --- writing ---


def test_rows_become_one_object_in_full_row_groups_whatever_their_batches(bucket: Bucket, temporary: Path) -> None:
    (one,), (other,) = write(bucket, ROWS, batch=70), write(bucket, ROWS, batch=250)

    assert one["url"] != other["url"], "a task that runs twice does not write over its own object"
    assert one["sha256"] == other["sha256"]
    assert (one["part"], one["rows"]) == (3, 250)
    body = bucket.get(str(one["url"]).removeprefix(f"s3://{bucket.name}/"))
    assert (one["size"], one["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    with pq.ParquetFile(io.BytesIO(body)) as file:
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        assert [group.num_rows for group in groups] == [100, 100, 50]
        assert {group.column(0).compression for group in groups} == {"ZSTD"}
        assert file.read().equals(ROWS)
    assert list(temporary.iterdir()) == []


def test_a_task_without_rows_writes_nothing(bucket: Bucket) -> None:
    assert write(bucket, ROWS.slice(0, 0)) == []
    assert bucket.names() == []


# --- footers ---


def test_columns_and_rows_are_read_from_the_end_of_an_object(bucket: Bucket, server: Server) -> None:
    wide = pa.table({f"column_{number}": [None, str(number)] for number in range(2000)})
    stored = [put(bucket, ROWS, "lake/part-0.parquet"), put(bucket, wide, "lake/part-1.parquet")]
    objects = [LakeObject(*one) for one in stored]
    server.requests.clear()

    narrow, other = footers_of_objects(objects)

    assert (narrow.rows, narrow.schema) == (250, ROWS.schema)
    assert (other.rows, other.schema.names) == (2, wide.schema.names)
    assert len(server.requests) == 3, "the end, and of the wide one its long footer"
    assert footers_of_objects(objects) == [narrow, other]
    assert len(server.requests) == 3, "objects never change"
    assert footers_of_objects([]) == []


def test_an_object_that_does_not_end_as_parquet_does_is_not_as_written(bucket: Bucket) -> None:
    bucket.put("lake/part.parquet", b"PAR1 and nothing else")
    stored = LakeObject(f"s3://{bucket.name}/lake/part.parquet", 21, "0" * 64)

    with pytest.raises(TaskFault, match="^kenpo-lake:not-as-written:"):
        footers_of_objects([stored])
