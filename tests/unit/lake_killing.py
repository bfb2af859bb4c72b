"""The process that is killed in ``test_lake``: replaces a partition and dies by SIGKILL at the n-th file operation.

Run as a program it reads one command per line (JSON) and forks for each, so that hundreds of deaths cost no start-up:
no thread runs here, and the imports are made once.
"""

import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kenpo_pipelines.lake import FolderLake, Lake

LAYER, NAME, MONTH = "kpis", "figures", "2025-06"
OPERATIONS = ("open", "mkdir", "rename", "replace", "symlink", "fsync", "unlink", "rmdir")

_write_table = pq.write_table


class CarelessLake(FolderLake):
    """What the lake must not be: empties the partition's folder and writes into it. The kill test has to find this."""

    @contextmanager
    def replace(self, layer: str, name: str, month: str) -> Iterator[Path]:
        folder = self.partition_dir(layer, name, month)
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.parquet")):
            os.unlink(path)  # noqa: PTH108 (as it is counted)
        yield folder

    def version(self, layer: str, name: str, month: str) -> str:
        return ""

    def files(self, layer: str, name: str, month: str) -> list[Path]:
        return sorted(self.partition_dir(layer, name, month).glob("*.parquet"))


LAKES = {lake.__name__: lake for lake in (FolderLake, CarelessLake)}


class Countdown:
    """Kills this process at the n-th file operation, before it is done."""

    def __init__(self, fatal: int) -> None:
        self._left = fatal

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return operation(*args, **kwargs)

        return counted

    def write_table(self, table: pa.Table, where: Path, **_: Any) -> None:
        """Write in two halves, with a chance to die before, between and after."""
        buffer = io.BytesIO()
        _write_table(table, buffer)
        data = buffer.getvalue()
        self.step()
        with where.open("wb", buffering=0) as file:
            file.write(data[: len(data) // 2])
            self.step()
            file.write(data[len(data) // 2 :])
        self.step()


def fingerprint(values: list[int]) -> str:
    """What a partition of these values was made from."""
    return f"made from {values}"


def replace(lake: Lake, values: list[int], fatal: int) -> None:
    """Replace the partition by two files, so that a half-switched one would show, and remember from what it was made; die
    at operation ``fatal``."""
    countdown = Countdown(fatal)
    for name in OPERATIONS:
        setattr(os, name, countdown.before(getattr(os, name)))
    pq.write_table = countdown.write_table
    with lake.replace(LAYER, NAME, MONTH) as folder:
        for part, some in enumerate((values[:1], values[1:])):
            pq.write_table(pa.table({"value": pa.array(some, pa.int64())}), folder / f"part-{part}.parquet")
    lake.remember(LAYER, NAME, MONTH, fingerprint(values))


def serve() -> None:
    _write_table(pa.table({"value": pa.array([0])}), io.BytesIO())  # pyarrow's own late imports, once
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                replace(LAKES[command["lake"]](Path(command["root"])), command["values"], command["fatal"])
            except BaseException:  # noqa: BLE001 (told, and the parent must not go on in the child)
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
