"""Builders of record-level files for the tests of ingestion: small, as branches send them."""

import csv
import io
import os
from pathlib import Path

from pydantic import SecretStr
from submission_files import catalogue, contracts

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.submissions.accounts import Ingested
from kenpo_pipelines.submissions.ingest import ingest

KEY = SecretStr("0123456789abcdef" * 4)
MONTH = "2025-06"
CHECKUPS = ["支部コード", "区分", "対象者数", "実施者数"]
PERSONS = ["支部コード", "記号", "番号", "枝番", "健診受診年月", "血圧該当", "血糖該当", "脂質該当"]
SYMBOL = "9900412"
"""A symbol that must be found nowhere."""


def as_csv(header: list[str], *rows: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


def checkups(branch: str, performed: str = "120", programme: str = "生活習慣病予防健診") -> bytes:
    """One branch's count of a programme."""
    return as_csv(CHECKUPS, [branch, programme, "5000", performed])


def persons(branch: str, count: int = 2, bad: int = 0) -> bytes:
    """One branch's untreated persons; of the first ``bad`` the check-up's month cannot be read."""
    months = ["x" if number < bad else "2024-05" for number in range(count)]
    return as_csv(PERSONS, *([branch, SYMBOL, str(n + 1), "", month, "1", "0", "0"] for n, month in enumerate(months)))


class Place:
    """A landing folder and a lake. Files arrive a minute apart."""

    def __init__(self, root: Path) -> None:
        self.landing = root / "landing"
        self.lake = Lake(root / "lake")
        self._clock = 1_750_000_000

    def land(self, dataset: str, name: str, data: bytes, folder: str = MONTH) -> Path:
        path = self.landing / dataset / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._clock += 60
        os.utime(path, (self._clock, self._clock))
        return path

    def ingest(self, dataset: str, key: SecretStr | None = KEY, *, may_reuse: bool = True) -> Ingested:
        return ingest(self.lake, self.landing, contracts()[dataset], catalogue(), MONTH, key=key, may_reuse=may_reuse)

    def versions(self, dataset: str) -> dict[str, str]:
        return {layer: self.lake.version(layer, dataset, MONTH) for layer in ("raw", "quarantine", "ledger")}

    def parquet(self, layer: str, dataset: str, file: str) -> Path:
        """The Parquet file of one submission."""
        import pyarrow.parquet as pq

        found = [
            path
            for path in self.lake.files(layer, dataset, MONTH)
            if file in pq.read_table(path, columns=["file"])["file"].to_pylist()
        ]
        assert len(found) == 1
        return found[0]
