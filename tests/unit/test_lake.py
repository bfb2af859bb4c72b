"""The lake: a partition is replaced whole or not at all, whatever happens to the process that replaces it.

The kill test lets a child process replace a partition and kills it at every file operation in turn (SIGKILL, so that no
``finally`` runs), then reads what is left.
"""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_killing import LAYER, MONTH, NAME, CarelessLake, fingerprint

from kenpo_pipelines.lake import DamagedPartition, FolderLake, Lake, LakeError, MissingPartition


def rows(*values: int) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.int64())})


A, B = rows(1, 2, 3), rows(4, 5)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def content(lake: Lake, month: str = MONTH) -> list[int] | None:
    """Values of the partition in order, None when there is none."""
    try:
        return lake.read(LAYER, NAME, month)["value"].to_pylist()
    except MissingPartition:
        return None


def tree(root: Path) -> dict[str, Any]:
    """Everything below a folder: what a link points to, the time and the bytes of a file."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_file() and not path.name.startswith(".lock"):
            found[name] = (path.stat().st_mtime_ns, path.read_bytes())
    return found


def is_current(lake: Lake, made_from: str, month: str = MONTH) -> bool:
    return lake.is_current(LAYER, NAME, month, made_from)


def leftovers(lake: Lake) -> list[str]:
    return [str(path) for path in lake.root.rglob(".tmp-*")]


def versions(lake: Lake) -> list[str]:
    folder = lake.dataset_dir(LAYER, NAME) / ".versions"
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_other_engines_find_the_partition_under_its_plain_path(lake: Lake) -> None:
    lake.write(LAYER, NAME, MONTH, A)

    assert pq.read_table(lake.root / LAYER / NAME / f"month={MONTH}" / "part-0.parquet").equals(A)


def test_replacing_leaves_the_new_content_and_one_version(lake: Lake) -> None:
    first = lake.write(LAYER, NAME, MONTH, A)
    second = lake.write(LAYER, NAME, MONTH, B)

    assert content(lake) == [4, 5]
    assert first != second
    assert lake.version(LAYER, NAME, MONTH) == second
    assert versions(lake) == [f"{MONTH}-{second}"]


def test_the_same_content_is_the_same_version_and_changes_nothing_on_disk(lake: Lake) -> None:
    first = lake.write(LAYER, NAME, MONTH, A)
    before = tree(lake.root)

    assert lake.write(LAYER, NAME, MONTH, rows(1, 2, 3)) == first
    assert tree(lake.root) == before


def test_going_back_to_an_earlier_content_gives_its_version_again(lake: Lake) -> None:
    first = lake.write(LAYER, NAME, MONTH, A)
    lake.write(LAYER, NAME, MONTH, B)

    assert lake.write(LAYER, NAME, MONTH, A) == first
    assert content(lake) == [1, 2, 3]
    assert versions(lake) == [f"{MONTH}-{first}"]


def test_replacing_one_month_touches_no_other(lake: Lake) -> None:
    lake.write(LAYER, NAME, "2024-11", A)
    lake.write(LAYER, "others", MONTH, A)
    before = tree(lake.root)

    lake.write(LAYER, NAME, MONTH, B)

    after = tree(lake.root)
    assert {name: after.get(name) for name in before} == before


def test_a_partition_without_files_is_refused_and_the_old_one_stands(lake: Lake) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    before = tree(lake.root)

    with pytest.raises(LakeError, match="at least one Parquet file"), lake.replace(LAYER, NAME, MONTH):
        pass

    assert tree(lake.root) == before


def test_an_error_while_writing_leaves_the_old_partition(lake: Lake) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    before = tree(lake.root)

    def fail() -> None:
        with lake.replace(LAYER, NAME, MONTH) as folder:
            pq.write_table(B, folder / "part-0.parquet")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert tree(lake.root) == before
    assert leftovers(lake) == []


def test_a_disk_that_refuses_is_told_with_the_partition_and_leaves_the_old_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.write(LAYER, NAME, MONTH, A)
    before = tree(lake.root)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LakeError, match=r"kpis/figures month 2025-06 .* the old one stands.*No space left"):
        lake.write(LAYER, NAME, MONTH, B)

    assert tree(lake.root) == before


# --- killed at every file operation ---

KILLED = -signal.SIGKILL
Kill = Callable[[type[Lake], Path, list[int], int], int]


@pytest.fixture(scope="module")
def replace_and_die() -> Iterator[Kill]:
    """Return a function that replaces a partition in a process killed at the n-th operation, and its exit code."""
    program = [sys.executable, str(Path(__file__).with_name("lake_killing.py"))]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def kill(lake: type[Lake], root: Path, values: list[int], fatal: int) -> int:
            command = {"lake": lake.__name__, "root": str(root), "values": values, "fatal": fatal}
            server.stdin.write(json.dumps(command) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield kill
        server.stdin.close()


def survivors(
    kill: Kill, make: type[Lake], folder: Path, history: list[list[int]], new: list[int]
) -> Iterator[tuple[Lake, bool]]:
    """Yield the lake as each kill left it, from the first operation until the write completes; True for the last."""
    for fatal in range(1, 200):
        lake = make(folder / f"killed-at-{fatal}")
        for values in history:
            lake.write(LAYER, NAME, MONTH, rows(*values))
            lake.remember(LAYER, NAME, MONTH, fingerprint(values))
        exitcode = kill(make, lake.root, new, fatal)
        assert exitcode in (0, KILLED), "the child failed in another way; see its traceback"
        yield lake, exitcode == 0
        if exitcode == 0:
            return
    raise AssertionError("the write never completed")


HISTORIES: dict[str, tuple[list[list[int]], list[int]]] = {
    "first write": ([], [1, 2, 3]),
    "replacing": ([[1, 2, 3]], [4, 5]),
    "replacing by the same": ([[1, 2, 3]], [1, 2, 3]),
    "going back to an earlier content": ([[1, 2, 3], [4, 5]], [1, 2, 3]),
}


@pytest.mark.parametrize(("history", "new"), HISTORIES.values(), ids=HISTORIES)
def test_killed_anywhere_the_partition_is_the_old_one_or_the_new_one_and_the_next_write_heals(
    tmp_path: Path, replace_and_die: Kill, history: list[list[int]], new: list[int]
) -> None:
    old = history[-1] if history else None
    seen, kills = [], 0
    for lake, is_complete in survivors(replace_and_die, FolderLake, tmp_path, history, new):
        found = content(lake)
        assert found in (old, new)
        assert lake.months(LAYER, NAME) == ([] if found is None else [MONTH])
        for values in (old or [], new):
            assert not is_current(lake, fingerprint(values)) or found == values, "a promise that is wrong"
        assert not is_complete or is_current(lake, fingerprint(new))
        seen.append(found)
        kills += not is_complete

        lake.write(LAYER, NAME, MONTH, rows(*new))
        lake.remember(LAYER, NAME, MONTH, fingerprint(new))

        assert content(lake) == new
        assert is_current(lake, fingerprint(new))
        assert leftovers(lake) == []
        assert len(versions(lake)) == 1
    assert kills >= 10, "the operations are not instrumented"
    assert seen[0] == old
    assert seen[-1] == new
    switched = seen.index(new)
    assert seen[switched:] == [new] * (len(seen) - switched), "what was committed went away again"


def test_the_kill_test_finds_a_lake_that_is_not_atomic(tmp_path: Path, replace_and_die: Kill) -> None:
    found: list[Any] = []
    for lake, _ in survivors(replace_and_die, CarelessLake, tmp_path, [[1, 2, 3]], [4, 5]):
        try:
            found.append(content(lake))
        except ValueError:  # half a Parquet file, or none
            found.append("broken")

    assert "broken" in found
    assert [4] in found, "half of the new content"


# --- several processes at once ---

WRITERS, ROUNDS = 3, 8


def write_often(root: Path, writer: int) -> None:
    lake = Lake(root)
    for turn in range(ROUNDS):
        with lake.replace(LAYER, NAME, MONTH) as folder:
            for part in range(3):
                pq.write_table(rows(writer, turn), folder / f"part-{part}.parquet")


def test_writers_of_one_partition_wait_for_each_other_and_readers_always_see_one_whole_version(lake: Lake) -> None:
    lake.write(LAYER, NAME, MONTH, rows(*[99] * 6))
    spawning = multiprocessing.get_context("spawn")
    processes = [spawning.Process(target=write_often, args=(lake.root, writer)) for writer in range(WRITERS)]
    for process in processes:
        process.start()
    reads = 0
    while any(process.is_alive() for process in processes):
        found = content(lake)
        assert found is not None
        assert len(found) == 6
        assert found[:2] * 3 == found, "parts of different versions"
        reads += 1
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0] * WRITERS
    assert reads > 5
    found = content(lake)
    assert found is not None
    assert found[:2] * 3 == found
    assert found[1] == ROUNDS - 1, "the last writer's last turn stands"
    assert len(versions(lake)) == 1
    assert leftovers(lake) == []


def test_a_partition_damaged_from_outside_is_healed_by_writing_it_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    table = pa.table({"a": [1, 2]})
    lake.write("raw", "x", "2025-06", table)
    lake.files("raw", "x", "2025-06")[0].write_bytes(b"junk")
    lake.write("raw", "x", "2025-06", table)
    assert lake.read("raw", "x", "2025-06").equals(table)
    assert [
        path.name for path in (tmp_path / "raw" / "x" / ".versions").iterdir() if path.name.startswith(".tmp-")
    ] == []


# --- files that are not as they were written ---


def flip(path: Path, position: int) -> None:
    """Change one byte as a disk does: the file's size and time stay."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    data = bytearray(path.read_bytes())
    data[position] ^= 0x01
    path.write_bytes(data)
    os.utime(path, ns=times)


@pytest.fixture
def stored(lake: Lake) -> Path:
    """The only file of a partition that nobody has read yet, remembered as made from "a"."""
    lake.write(LAYER, NAME, MONTH, A)
    lake.remember(LAYER, NAME, MONTH, "a")
    (path,) = lake.partition_dir(LAYER, NAME, MONTH).resolve().glob("*")
    return path


def test_no_byte_can_change_unseen(lake: Lake, stored: Path) -> None:
    whole, times = stored.read_bytes(), (stored.stat().st_atime_ns, stored.stat().st_mtime_ns)
    for position in range(0, len(whole), 7):
        stored.write_bytes(whole)
        os.utime(stored, ns=times)
        lake.remember(LAYER, NAME, MONTH, "a")
        flip(stored, position)
        assert is_current(lake, "a"), "nothing that is cheap to look at has changed"

        with pytest.raises(DamagedPartition, match=rf"{LAYER}/{NAME} month {MONTH} .* `kenpo run --month {MONTH}`"):
            lake.files(LAYER, NAME, MONTH)

        assert not is_current(lake, "a"), "found by a reader, it has to be made again"


def test_a_damaged_partition_is_not_read_until_it_is_made_again(lake: Lake, stored: Path) -> None:
    flip(stored, 10)
    for _ in range(2):
        with pytest.raises(DamagedPartition):
            lake.read(LAYER, NAME, MONTH)
    version = lake.version(LAYER, NAME, MONTH)

    assert lake.write(LAYER, NAME, MONTH, A) == version
    assert content(lake) == [1, 2, 3]
    assert len(versions(lake)) == 1
    assert leftovers(lake) == []


def test_a_lost_file_of_a_partition_is_damage_and_no_smaller_partition(lake: Lake) -> None:
    with lake.replace(LAYER, NAME, MONTH) as folder:
        pq.write_table(A, folder / "a.parquet")
        pq.write_table(B, folder / "b.parquet")
    lake.files(LAYER, NAME, MONTH)[1].unlink()

    with pytest.raises(DamagedPartition):
        lake.read(LAYER, NAME, MONTH)


# --- from what a partition was made ---


@pytest.fixture
def made(lake: Lake) -> Lake:
    """A lake whose partition is remembered as made from "a"."""
    lake.write(LAYER, NAME, MONTH, A)
    lake.remember(LAYER, NAME, MONTH, "a", notes=[{"check": "logical", "description": "支部"}])
    return lake


def memory(lake: Lake, month: str = MONTH) -> Path:
    return lake.dataset_dir(LAYER, NAME) / ".versions" / f".made-{month}.json"


def _shorten(lake: Lake) -> None:
    path = lake.files(LAYER, NAME, MONTH)[0]
    path.write_bytes(path.read_bytes()[:-1])


def _touch(lake: Lake) -> None:
    os.utime(lake.files(LAYER, NAME, MONTH)[0], ns=(1, 1))


def _add_file(lake: Lake) -> None:
    pq.write_table(B, lake.files(LAYER, NAME, MONTH)[0].with_name("part-1.parquet"))


def _remove_link(lake: Lake) -> None:
    lake.partition_dir(LAYER, NAME, MONTH).unlink()


def _move_link(lake: Lake) -> None:
    link = lake.partition_dir(LAYER, NAME, MONTH)
    shutil.copytree(link.resolve(), link.resolve().with_name(f"{MONTH}-foreign"))
    link.unlink()
    link.symlink_to(Path(".versions") / f"{MONTH}-foreign")


def _empty_version(lake: Lake) -> None:
    shutil.rmtree(lake.partition_dir(LAYER, NAME, MONTH).resolve())


DAMAGES: dict[str, Callable[[Lake], object]] = {
    "file shortened": _shorten,
    "file touched": _touch,
    "file added": _add_file,
    "file removed": lambda lake: lake.files(LAYER, NAME, MONTH)[0].unlink(),
    "link removed": _remove_link,
    "link moved": _move_link,
    "version removed": _empty_version,
    "memory removed": lambda lake: memory(lake).unlink(),
    "memory empty": lambda lake: memory(lake).write_text(""),
    "memory torn": lambda lake: memory(lake).write_text(memory(lake).read_text(encoding="utf-8")[:-20]),
    "memory of another kind": lambda lake: memory(lake).write_text("[1, 2]"),
    "memory without a state": lambda lake: memory(lake).write_text('{"fingerprint": "a"}'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_was_damaged_from_outside_is_not_current_and_can_be_made_again(
    made: Lake, damage: Callable[[Lake], object]
) -> None:
    damage(made)
    assert not is_current(made, "a")
    assert made.made(LAYER, NAME, MONTH) is None

    made.write(LAYER, NAME, MONTH, A)
    made.remember(LAYER, NAME, MONTH, "a")

    assert is_current(made, "a")
    assert content(made) == [1, 2, 3]
    assert len(versions(made)) == 1


def test_what_a_killed_process_left_of_remembering_is_removed_by_the_next(made: Lake) -> None:
    left = memory(made).with_name(f".tmp-.made-{MONTH}-123")
    left.write_text("{", encoding="utf-8")

    made.remember(LAYER, NAME, MONTH, "b")

    assert leftovers(made) == []
    assert is_current(made, "b")


# --- temporary files ---


def test_scratch_of_a_killed_process_is_removed_by_the_next_and_that_of_a_living_one_stays(lake: Lake) -> None:
    script = (
        "import os, sys, pathlib; from kenpo_pipelines.lake import Lake\n"
        "with Lake(pathlib.Path(sys.argv[1])).scratch() as folder:\n"
        "    folder.mkdir(); (folder / 'spilt.tmp').write_text('x'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(lake.root)], check=False)
    assert done.returncode == KILLED
    (dead,) = (lake.root / ".scratch").glob("*/")

    with lake.scratch() as living:
        living.mkdir()
        with lake.scratch():
            assert living.is_dir()
        assert not dead.exists()
        assert living.is_dir()
    assert list((lake.root / ".scratch").iterdir()) == []
