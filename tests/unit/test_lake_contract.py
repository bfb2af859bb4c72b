"""What every lake promises, asked of the one in a folder and of the one in an object store (a real S3 server)."""

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from s3_server import Bucket, Server, new_bucket, running

from kenpo_pipelines import fiscal
from kenpo_pipelines.lake import DamagedPartition, FolderLake, Lake, LakeError, MissingPartition, open_lake

LAYER, NAME, MONTH = "kpis", "figures", "2025-06"


def rows(*values: int) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.int64())})


A, B = rows(1, 2, 3), rows(4, 5)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def bucket(server: Server) -> Bucket:
    return new_bucket(server, "lake")


@pytest.fixture(params=["folder", "object store"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Lake]:
    """Open the lake of this test as another machine would: nothing is known of it, and no file is here yet."""
    if request.param == "folder":
        return lambda: FolderLake(tmp_path / "lake")
    url = f"s3://{request.getfixturevalue('bucket').name}/some/lake"
    caches = iter(range(100))
    return lambda: open_lake(tmp_path / f"cache-{next(caches)}", url)


@pytest.fixture
def lake(open_again: Callable[[], Lake]) -> Lake:
    return open_again()


def content(lake: Lake, month: str = MONTH) -> list[int] | None:
    """Values of the partition in order, None when there is none."""
    try:
        return lake.read(LAYER, NAME, month)["value"].to_pylist()
    except MissingPartition:
        return None


def is_current(lake: Lake, made_from: str, month: str = MONTH) -> bool:
    return lake.is_current(LAYER, NAME, month, made_from)


def leftovers(lake: Lake) -> list[str]:
    return [str(path) for path in lake.root.rglob(".tmp-*")]


@pytest.fixture
def made(lake: Lake) -> Lake:
    """A lake whose partition is remembered as made from "a"."""
    lake.write(LAYER, NAME, MONTH, A)
    lake.remember(LAYER, NAME, MONTH, "a", notes=[{"check": "logical", "description": "支部"}])
    return lake


def test_a_partition_reads_as_it_was_written(lake: Lake) -> None:
    lake.write(LAYER, NAME, MONTH, A)

    assert lake.read(LAYER, NAME, MONTH).equals(A)
    assert lake.months(LAYER, NAME) == [MONTH]
    assert [path.name for path in lake.files(LAYER, NAME, MONTH)] == ["part-0.parquet"]
    assert leftovers(lake) == []


def test_the_version_depends_on_the_names_of_files_too(lake: Lake) -> None:
    found = set()
    for names in (("a", "b"), ("a", "c")):
        with lake.replace(LAYER, NAME, MONTH) as folder:
            for name in names:
                pq.write_table(A, folder / f"{name}.parquet")
        found.add(lake.version(LAYER, NAME, MONTH))

    assert len(found) == 2


def test_a_partition_of_several_files_is_read_in_the_order_of_their_names(lake: Lake) -> None:
    with lake.replace(LAYER, NAME, MONTH) as folder:
        pq.write_table(B, folder / "b.parquet")
        pq.write_table(A, folder / "a.parquet")

    assert content(lake) == [1, 2, 3, 4, 5]


def test_months_are_apart_and_listed_in_order(lake: Lake) -> None:
    lake.write(LAYER, NAME, "2025-06", A)
    lake.write(LAYER, NAME, "2024-11", B)
    lake.write(LAYER, NAME, "2025-05", rows())

    assert lake.months(LAYER, NAME) == ["2024-11", "2025-05", "2025-06"]
    assert [content(lake, month) for month in lake.months(LAYER, NAME)] == [[4, 5], [], [1, 2, 3]]
    assert lake.months(LAYER, "nothing") == []


@pytest.mark.parametrize("ask", ["read", "files", "version"])
def test_a_missing_partition_is_named_with_the_command_that_makes_it(lake: Lake, ask: str) -> None:
    lake.write(LAYER, NAME, "2025-05", A)

    with pytest.raises(
        MissingPartition, match="kpis/figures has no partition 2025-06; run `kenpo run --month 2025-06`$"
    ):
        getattr(lake, ask)(LAYER, NAME, MONTH)


@pytest.mark.parametrize("month", ["2025-13", "202506", "2025-6", "../2025-06", ""])
def test_what_is_no_month_is_no_partition(lake: Lake, month: str) -> None:
    with pytest.raises(fiscal.NotAMonth, match="YYYY-MM"):
        lake.write(LAYER, NAME, month, A)

    assert not lake.root.exists()


def test_a_partition_is_current_for_what_it_was_made_from_and_nothing_else(made: Lake) -> None:
    assert is_current(made, "a")
    assert not is_current(made, "b")
    assert not is_current(made, "a", "2025-05")
    assert not made.is_current(LAYER, "others", MONTH, "a")
    found = made.made(LAYER, NAME, MONTH)
    assert found is not None
    assert (found.fingerprint, found.notes) == ("a", [{"check": "logical", "description": "支部"}])


def test_the_same_content_written_again_stays_current(made: Lake) -> None:
    made.write(LAYER, NAME, MONTH, rows(1, 2, 3))

    assert is_current(made, "a")


def test_other_content_is_not_current_even_when_the_old_comes_back(made: Lake) -> None:
    made.write(LAYER, NAME, MONTH, B)
    assert not is_current(made, "a")

    made.write(LAYER, NAME, MONTH, A)
    assert not is_current(made, "a")
    made.remember(LAYER, NAME, MONTH, "b")
    assert is_current(made, "b")
    assert not is_current(made, "a")


def test_a_dataset_without_partitions_can_be_remembered(lake: Lake) -> None:
    assert not is_current(lake, "a")
    lake.remember(LAYER, NAME, MONTH, "a")

    assert is_current(lake, "a")
    assert lake.months(LAYER, NAME) == []
    lake.write(LAYER, NAME, MONTH, A)
    assert not is_current(lake, "a")


def test_a_version_that_another_has_replaced_is_not_remembered(made: Lake) -> None:
    version = made.version(LAYER, NAME, MONTH)
    made.write(LAYER, NAME, MONTH, B)

    made.remember(LAYER, NAME, MONTH, "a", version=version)
    assert not is_current(made, "a")

    made.remember(LAYER, NAME, MONTH, "b", version=made.version(LAYER, NAME, MONTH))
    assert is_current(made, "b")


def test_scratch_is_removed_with_all_that_is_in_it(lake: Lake) -> None:
    with lake.scratch() as folder:
        folder.mkdir()
        (folder / "spilt.tmp").write_bytes(b"x")

    assert list((lake.root / ".scratch").iterdir()) == []

    def fail() -> None:
        with lake.scratch() as folder:
            folder.mkdir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list((lake.root / ".scratch").iterdir()) == []


def test_what_one_wrote_another_reads(made: Lake, open_again: Callable[[], Lake]) -> None:
    other = open_again()

    assert other.read(LAYER, NAME, MONTH).equals(A)
    assert other.months(LAYER, NAME) == [MONTH]
    assert other.version(LAYER, NAME, MONTH) == made.version(LAYER, NAME, MONTH)
    assert is_current(other, "a")
    other.write(LAYER, NAME, MONTH, B)
    assert content(made) == [4, 5]
    assert not is_current(made, "a")


def test_the_version_is_the_same_in_every_lake(lake: Lake, tmp_path: Path) -> None:
    assert lake.write(LAYER, NAME, MONTH, A) == FolderLake(tmp_path / "elsewhere").write(LAYER, NAME, MONTH, A)


def test_replacing_and_going_back_gives_content_and_version(lake: Lake) -> None:
    first = lake.write(LAYER, NAME, MONTH, A)
    second = lake.write(LAYER, NAME, MONTH, B)
    assert (content(lake), lake.version(LAYER, NAME, MONTH)) == ([4, 5], second)

    assert lake.write(LAYER, NAME, MONTH, A) == first != second
    assert content(lake) == [1, 2, 3]


def test_what_is_remembered_is_no_part_of_the_dataset(made: Lake) -> None:
    assert made.months(LAYER, NAME) == [MONTH]
    assert [path.name for path in made.files(LAYER, NAME, MONTH)] == ["part-0.parquet"]
    assert content(made) == [1, 2, 3]
    assert leftovers(made) == []


def test_a_partition_without_files_is_refused_and_the_old_one_stands(made: Lake) -> None:
    with pytest.raises(LakeError, match="at least one Parquet file"), made.replace(LAYER, NAME, MONTH):
        pass

    assert content(made) == [1, 2, 3]
    assert is_current(made, "a")
    assert leftovers(made) == []


@pytest.mark.parametrize("error", [ZeroDivisionError("of the caller"), OSError(28, "No space left on device")])
def test_an_error_while_writing_leaves_the_old_partition(made: Lake, error: Exception) -> None:
    told = LakeError if isinstance(error, OSError) else type(error)
    with pytest.raises(told), made.replace(LAYER, NAME, MONTH) as folder:
        pq.write_table(B, folder / "part-0.parquet")
        raise error

    assert content(made) == [1, 2, 3]
    assert is_current(made, "a")
    assert leftovers(made) == []


def test_files_are_held_by_name_and_other_bytes_have_another_stamp(lake: Lake, open_again: Callable[[], Lake]) -> None:
    assert lake.held(LAYER, NAME, MONTH) == {}
    with lake.replace(LAYER, NAME, MONTH) as folder:
        pq.write_table(A, folder / "a.parquet")
        pq.write_table(B, folder / "b.parquet")
    before = lake.held(LAYER, NAME, MONTH)
    with lake.replace(LAYER, NAME, MONTH) as folder:
        (folder / "a.parquet").hardlink_to(before["a.parquet"].path)
        pq.write_table(rows(6), folder / "b.parquet")
    after = open_again().held(LAYER, NAME, MONTH)

    assert sorted(before) == sorted(after) == ["a.parquet", "b.parquet"]
    assert after["a.parquet"].stamp == before["a.parquet"].stamp
    assert after["b.parquet"].stamp != before["b.parquet"].stamp
    assert content(lake) == [1, 2, 3, 6]


def test_what_is_put_aside_is_there_for_the_next_time_and_may_be_removed(
    made: Lake, open_again: Callable[[], Lake]
) -> None:
    assert made.aside(LAYER, NAME, MONTH) is None
    made.put_aside(LAYER, NAME, MONTH, {"支部": [1]})
    assert open_again().aside(LAYER, NAME, MONTH) == {"支部": [1]}
    assert made.aside(LAYER, NAME, "2025-05") is None
    assert made.months(LAYER, NAME) == [MONTH]
    made.put_aside(LAYER, NAME, MONTH, None)
    made.put_aside(LAYER, NAME, MONTH, None)
    assert open_again().aside(LAYER, NAME, MONTH) is None


def test_one_look_answers_as_without_one_and_sees_what_its_own_thread_writes(
    made: Lake, open_again: Callable[[], Lake]
) -> None:
    other = open_again()
    with other.one_look():
        assert content(other) == [1, 2, 3]
        assert is_current(other, "a")
        assert other.months(LAYER, NAME) == [MONTH]
        assert content(other, "2025-05") is None
        other.write(LAYER, NAME, MONTH, B)
        other.write(LAYER, NAME, "2025-05", A)
        other.remember(LAYER, NAME, MONTH, "b")
        other.put_aside(LAYER, NAME, MONTH, 1)
        assert (content(other), content(other, "2025-05")) == ([4, 5], [1, 2, 3])
        assert is_current(other, "b")
        assert other.aside(LAYER, NAME, MONTH) == 1
        assert other.months(LAYER, NAME) == ["2025-05", MONTH]
        with other.one_look():
            other.put_aside(LAYER, NAME, MONTH, None)
        assert other.aside(LAYER, NAME, MONTH) is None
        seen: list[Any] = []
        asking = threading.Thread(target=lambda: seen.append(content(other)))
        asking.start()
        asking.join()
        assert seen == [[4, 5]]
    assert content(other) == content(made) == [4, 5]


def test_writers_of_one_machine_take_turns_and_readers_see_whole_versions(lake: Lake) -> None:
    lake.write(LAYER, NAME, MONTH, rows(*[99] * 4))
    found: list[list[int] | None] = []
    last: dict[int, int] = {}

    def write(writer: int) -> None:
        for turn in itertools.count():
            if turn >= 3 and len(found) > 3:  # however slow the reader is
                return
            with lake.replace(LAYER, NAME, MONTH) as folder:
                for part in range(2):
                    pq.write_table(rows(writer, turn), folder / f"part-{part}.parquet")
            last[writer] = turn

    writers = [threading.Thread(target=write, args=[number]) for number in range(2)]
    for one in writers:
        one.start()
    while any(one.is_alive() for one in writers):
        found.append(content(lake))
    for one in writers:
        one.join()
    found.append(content(lake))

    assert all(one is not None and one[:2] == one[2:] for one in found), "parts of different versions"
    assert found[-1] is not None
    assert found[-1][1] == last[found[-1][0]] >= 2, "the last writer's last turn stands"
    assert leftovers(lake) == []


def test_files_damaged_on_this_machine_are_not_read(made: Lake, open_again: Callable[[], Lake]) -> None:
    """In a folder they are the partition; of an object store they are a copy, which is fetched anew."""
    path = made.files(LAYER, NAME, MONTH)[0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    if isinstance(made, FolderLake):
        with pytest.raises(DamagedPartition, match=f"{LAYER}/{NAME} month {MONTH} is damaged"):
            made.read(LAYER, NAME, MONTH)
        assert not is_current(made, "a")
        made.write(LAYER, NAME, MONTH, A)
    assert content(made) == content(open_again()) == [1, 2, 3]
