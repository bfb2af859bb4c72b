"""A home folder for tests of the whole road: files put into landing, and what a run leaves behind as it is stored."""

import csv
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msoffcrypto.format.ooxml as ooxml
import openpyxl
from pydantic import SecretStr
from sqlalchemy import text

from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.schema import metadata
from kenpo_pipelines.settings import Settings

KENPO = Path(sys.executable).with_name("kenpo")
KEY = "0123456789abcdef" * 4
RESULT_HEADER = ["年度", "時点", "支部コード", "支部", "KPI", "分子", "分母", "実績値", "単位", "表記", "出典"]
TARGET_HEADER = ["年度", "支部コード", "支部", "KPI", "比較", "目標値", "単位", "表記", "出典"]
_BRANCHES = {"00": "協会全体", "03": "岩手支部", "04": "宮城支部", "13": "東京支部"}

_MOMENT_COLUMNS = {
    *("run_id", "published_at", "replaced_by_run_id", "replaced_at", "history_id"),
    *("old_run_id", "new_run_id", "old_published_at", "restated_at"),
}


def result(
    branch: str, value: str, kpi: str = "guidance_rate_insured", as_of: str = "2025-05", **changes: str
) -> list[str]:
    """One row of kpi_results of fiscal year 2025; changes by Japanese header."""
    cells = ["2025", as_of, branch, _BRANCHES.get(branch, ""), kpi, "", "", value, "%", f"{value}％", "支部の報告"]
    return list((dict(zip(RESULT_HEADER, cells, strict=True)) | changes).values())


def target(branch: str, value: str, kpi: str = "guidance_rate_insured", comparator: str = "以上") -> list[str]:
    """One row of kpi_targets of fiscal year 2025."""
    return ["2025", branch, _BRANCHES[branch], kpi, comparator, value, "%", "", "事業計画"]


def as_csv(header: list[str], *rows: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode("utf-8-sig")


def results(*rows: list[str]) -> bytes:
    return as_csv(RESULT_HEADER, *rows)


def targets(*rows: list[str]) -> bytes:
    return as_csv(TARGET_HEADER, *rows)


def workbook(header: list[str], *rows: list[str]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (header, *rows):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def encrypted(data: bytes) -> bytes:
    """The workbook under a password, as Excel protects it."""
    buffer = io.BytesIO()
    ooxml.OOXMLFile(io.BytesIO(data)).encrypt("himitsu", buffer)
    return buffer.getvalue()


def truncated_gzip(data: bytes) -> bytes:
    packed = gzip.compress(data * 50)
    return packed[: len(packed) // 2]


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def land(home: Path, dataset: str, folder: str, files: Mapping[str, bytes]) -> None:
    """Put files into landing as a transfer would, past ``kenpo submit``."""
    for name, data in files.items():
        write(home / "landing" / dataset / folder / name, data)


def settings_of(home: Path) -> Settings:
    """Settings of the home folder, whatever the environment says."""
    return Settings(home=home, database_url=None, lake_url=None, engine="duckdb", pseudonym_key=SecretStr(KEY))


def environment(home: Path, **changes: str) -> dict[str, str]:
    """Environment of a process for the home folder: nothing of this one's KENPO_*."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KENPO_")}
    return clean | {"KENPO_HOME": str(home), "KENPO_PSEUDONYM_KEY": KEY, "COLUMNS": "160"} | changes


def kenpo(home: Path, *arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a process of its own."""
    return subprocess.run(
        [KENPO, *arguments],
        env=environment(home, **changes),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )


def tree(root: Path) -> dict[str, Any]:
    """Everything below a folder with time and content: equal trees mean that nothing was written."""
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in sorted(root.rglob("*"))
    }


def lake_content(home: Path) -> dict[str, str]:
    """Digest of every Parquet file of the lake by dataset, month and file name: what readers can see, and no path."""
    found = {}
    for link in sorted((home / "lake").glob("*/*/month=*")):
        for path in sorted(link.resolve().glob("*")):
            name = f"{link.parent.parent.name}/{link.parent.name}/{link.name}/{path.name}"
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def output_files(home: Path) -> dict[str, str]:
    """Digest of every workbook and page, by path from the home folder."""
    paths = [path for kind in ("xlsx", "html") for path in (home / "outputs").rglob(f"*.{kind}")]
    return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def scorecard_files(month: str, *branches: str) -> set[str]:
    """Paths from the home folder of what is written of a month of fiscal year 2025 without initiatives and activities.

    ``branches`` as in file names: 13_tokyo.
    """
    both = {f"comparison_{month}.xlsx", f"national_{month}.html"}
    both |= {f"scorecard_{month}_{branch}.{kind}" for branch in branches for kind in ("xlsx", "html")}
    internal = {f"targets_2024_2025.{kind}" for kind in ("xlsx", "html")}
    return {f"outputs/{month}/{name}" for name in both | internal} | {f"outputs/{month}/public/{name}" for name in both}


_OF_THE_RUN = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d+年\d+月\d+日 \d\d:\d\d:\d\d（日本時間）"
)
"""In a workbook: the run's id, and when it was written, as the properties and as the sheets say it."""


def workbook_content(home: Path) -> dict[str, str]:
    """Digest of every part of every workbook but for the run and the time: what two installations must agree in."""
    found = {}
    for path in sorted((home / "outputs").rglob("*.xlsx")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                part = _OF_THE_RUN.sub("", archive.read(name).decode())
                found[f"{path.relative_to(home)}/{name}"] = hashlib.sha256(part.encode()).hexdigest()
    return found


def database_rows(home: Path, *, with_moments: bool = True, url: str | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every serving table as it is stored; without moments: what two installations must agree in."""
    engine = connect(url or settings_of(home).sql_url)
    found = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            names = [column.name for column in table.columns if with_moments or column.name not in _MOMENT_COLUMNS]
            rowid = "rowid, " if with_moments else ""
            rows = connection.execute(text(f"SELECT {rowid}{', '.join(names)} FROM {table.name}"))
            found[table.name] = sorted(map(tuple, rows), key=repr)
    engine.dispose()
    return found
