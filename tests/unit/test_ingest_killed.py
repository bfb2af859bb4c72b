"""Ingestion killed in the middle: every partition is the old one or the new one, and the next run ends where it would have."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from record_files import Place, persons

Kill = Callable[[Path, int], int]
_EVERY = 4
"""Every fourth file operation is a death; each layer is written by more than that."""


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    """Return a function that ingests in a process of its own, killed at the n-th file operation; it returns the exit code."""
    program = [sys.executable, str(Path(__file__).with_name("ingest_killing.py"))]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def run(root: Path, fatal: int) -> int:
            server.stdin.write(json.dumps({"root": str(root), "fatal": fatal}) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield run
        server.stdin.close()


def test_a_death_leaves_the_old_partition_or_the_new_one(kill: Kill, tmp_path: Path) -> None:
    dataset = "untreated_persons"
    start = Place(tmp_path / "start")
    start.land(dataset, "01.csv", persons("01", 3, bad=1))
    start.land(dataset, "13.csv", persons("13", 2))
    start.ingest(dataset)
    old = start.versions(dataset)
    start.land(dataset, "13.csv", persons("13", 4, bad=2))
    shutil.copytree(start.landing.parent, tmp_path / "whole", symlinks=True)
    whole = Place(tmp_path / "whole")
    expected = whole.ingest(dataset)
    new = whole.versions(dataset)
    assert all(old[layer] != new[layer] for layer in old)

    seen = set()
    for number in range(200):
        root = tmp_path / f"killed-{number}"
        shutil.copytree(tmp_path / "start", root, symlinks=True)
        died = kill(root, 1 + number * _EVERY) == -signal.SIGKILL
        place = Place(root)
        found = place.versions(dataset)
        assert {layer for layer in found if found[layer] not in (old[layer], new[layer])} == set()
        for layer in found:
            place.lake.read(layer, dataset, "2025-06")
        seen.add(tuple(found[layer] == new[layer] for layer in sorted(found)))
        assert place.ingest(dataset) == expected
        assert place.versions(dataset) == new
        assert list(place.lake.root.rglob(".tmp-*")) == []
        shutil.rmtree(root)
        if not died:
            break
    else:
        pytest.fail("the process never came to its end")
    assert {(False, False, False), (True, True, True)} <= seen
    assert len(seen) > 2
