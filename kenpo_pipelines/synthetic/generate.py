"""The generator: every branch, dataset and month to its file, and the truth beside them.

What lives here: the order of work, files that are sent twice or replaced, the folder that is written to. What does not: rows
(one module per dataset), their dirt, the way to disk (``files``) and the true values (``truth``). One branch is in memory at
a time, its receipts in pieces.
"""

import csv
import datetime as dt
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.synthetic import audits, benefits, claims, counts, debts, dirt, untreated
from kenpo_pipelines.synthetic.files import CsvWriter, SubmissionWriter, WorkbookWriter, sent_at, set_time
from kenpo_pipelines.synthetic.months import number_of, set_business_days
from kenpo_pipelines.synthetic.plan import DATASETS, Plan, SynthRefused
from kenpo_pipelines.synthetic.styles import Style, style_of
from kenpo_pipelines.synthetic.truth import Truth, write_truth

MARKER = ".kenpo-synth"
"""A folder that holds it was written by an earlier run and may be replaced."""
TRUTH, FILES = "truth.csv", "files.csv"
FILE_COLUMNS = ("dataset", "month", "branch_code", "file", "rows", "rows_rejected", "use")
MEMORY = "2GB"

_EARLIER = {
    "benefit_decisions": ("05", "* REPLACE ('窓口' AS channel)"),
    "claims": ("31", "* REPLACE (points + 100 AS points)"),
    "checkup_counts": ("04", "* REPLACE (performed + 7 AS performed)"),
}
"""Where the last month has an earlier file that the branch replaced: branch, and what it said."""
_TWICE = {"benefit_decisions": "02", "claims": "46", "guidance_counts": "03"}
"""Where the last month has the same file under two names."""


@dataclass(frozen=True)
class WrittenFile:
    """One line of files.csv. ``use``: used, held_back (too many rejected rows), replaced (a later file counts), copy."""

    dataset: str
    month: str
    branch_code: str
    file: str
    rows: int
    rows_rejected: int
    use: str


@dataclass
class Written:
    """What a run wrote."""

    files: list[WrittenFile] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    """Dirty rows by kind, and files by style."""
    truth_lines: int = 0

    def rows(self, dataset: str) -> int:
        """Rows of a dataset in the files that count."""
        return sum(one.rows for one in self.files if one.dataset == dataset and one.use in ("used", "held_back"))


def generate(
    plan: Plan,
    contracts: Mapping[str, Contract],
    catalogue: Catalogue,
    out: Path,
    on_file: Callable[[str, int], None] = lambda name, total: None,
) -> Written:
    """Write everything below ``out``; ``on_file`` is told each file with the number of all.

    Raises :class:`SynthRefused` when the folder holds anything but an earlier run.
    """
    _clear(out)
    written = Written()
    total = len(plan.branches) * len(DATASETS) * len(plan.months)
    with (
        duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": ""}) as db,
        tempfile.TemporaryDirectory() as pipes,
    ):
        set_business_days(db, plan.first, plan.month)
        truth = Truth(db, plan.month, plan.first)
        for branch in plan.branches:
            truth.begin_branch()
            untreated.prepare(db, plan, branch)
            debts.prepare(db, plan, branch)
            for dataset in DATASETS:
                for folder in plan.months:
                    job = _File(plan, contracts[dataset], out, Path(pipes) / "rows", branch, folder, written)
                    on_file(f"{branch} {dataset} {folder}", total)
                    job.write(db, truth)
            truth.end_branch(branch)
        written.truth_lines = write_truth(out / TRUTH, truth.values(catalogue, plan.held_back))
    with (out / FILES).open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(FILE_COLUMNS)
        writer.writerows([[getattr(one, name) for name in FILE_COLUMNS] for one in written.files])
    return written


def _clear(out: Path) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARKER).exists())):
        raise SynthRefused(
            f"--out {out}: there is something else already; give a folder that is empty or does not exist"
        )
    for name in DATASETS:
        shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).write_text("Synthetic submissions; kenpo synth may replace them.\n", encoding="utf-8")


class _File:
    """One submission of a branch, dataset and month."""

    def __init__(
        self, plan: Plan, contract: Contract, out: Path, pipe: Path, branch: str, folder: str, written: Written
    ) -> None:
        self._plan, self._contract, self._pipe, self._written = plan, contract, pipe, written
        self._branch, self._folder, self._dataset = branch, folder, contract.dataset.id
        self._dir = out / self._dataset / folder
        self._name = f"synthetic-{self._dataset}-{branch}"
        self._turn = DATASETS.index(self._dataset) * 3 + number_of(folder)
        self._is_last = folder == plan.month
        self._is_held_back = self._is_last and self._dataset == "benefit_decisions" and branch == plan.held_back

    def write(self, db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
        """Write the file (and those it replaces or repeats), and give the rows that count to the truth."""
        self._dir.mkdir(parents=True, exist_ok=True)
        rows, pieces = self._pieces(db)
        style = style_of(self._plan, self._contract, self._branch, self._folder, self._turn, rows)
        dirty = _DirtyRows(
            self._plan, self._contract, self._folder, rows, self._name, self._turn, self._is_held_back, style
        )
        path = self._dir / f"{self._name}{style.suffix}"
        moment = sent_at(self._folder, self._branch)
        writer = self._open(path, style, moment)
        earlier = self._earlier()
        for piece in pieces:
            db.execute(f"CREATE OR REPLACE TEMP TABLE piece AS {piece}")
            if earlier:
                self._write_earlier(db, earlier, moment)
            dirty.write(db, writer)
            truth.take(self._dataset, self._folder, "piece")
        writer.close()
        set_time(path, moment)
        self._written.kinds.update([*dirty.kinds, f"file: {style.name}"])
        self._tell(path, dirty.rows_written, dirty.rows_rejected, "held_back" if self._is_held_back else "used")
        if self._plan.dirty_pct and self._is_last and _TWICE.get(self._dataset) == self._branch:
            copy = path.with_name(f"{self._name}-again{style.suffix}")
            shutil.copyfile(path, copy)
            set_time(copy, moment + dt.timedelta(hours=1))
            self._tell(copy, dirty.rows_written, dirty.rows_rejected, "copy")

    def _open(self, path: Path, style: Style, moment: dt.datetime) -> SubmissionWriter:
        if style.name == "workbook":
            return WorkbookWriter(path, style, self._contract, self._folder, moment)
        return CsvWriter(path, style, self._pipe)

    def _tell(self, path: Path, rows: int, rejected: int, use: str) -> None:
        told = WrittenFile(self._dataset, self._folder, self._branch, path.name, rows, rejected, use)
        self._written.files.append(told)

    def _pieces(self, db: duckdb.DuckDBPyConnection) -> tuple[int, Iterator[str]]:
        """Return the number of rows, and their SQL in pieces."""
        plan, branch, folder = self._plan, self._branch, self._folder
        if self._dataset == "claims":
            return sum(claims.counts(db, plan, branch, folder)), claims.chunks(db, plan, branch, folder)
        chunk = {
            "untreated_persons": untreated.chunk,
            "benefit_decisions": benefits.chunk,
            "receipt_audits": audits.chunk,
            "recoverables": debts.chunk,
            "checkup_counts": counts.checkups,
            "guidance_counts": counts.guidance,
        }[self._dataset]
        db.execute(f"CREATE OR REPLACE TEMP TABLE whole AS {chunk(plan, branch, folder)}")
        (rows,) = db.execute("SELECT count(*) FROM whole").fetchall()[0]
        return rows, iter(["SELECT * FROM whole"])

    def _earlier(self) -> str:
        branch, columns = _EARLIER.get(self._dataset, ("", ""))
        is_wanted = self._plan.dirty_pct and self._is_last and self._branch == branch
        return f"SELECT {columns} FROM piece WHERE i % 7 <> 3 ORDER BY i" if is_wanted else ""

    def _write_earlier(self, db: duckdb.DuckDBPyConnection, select: str, moment: dt.datetime) -> None:
        """Write what the branch sent a day before and replaced: other figures, and rows missing."""
        path = self._dir / f"{self._name}-before.csv"
        names = tuple(column.name for column in self._contract.columns)
        headers = tuple(column.header for column in self._contract.columns)
        if path.exists():
            return
        writer = CsvWriter(path, Style("plain", self._plan.encoding, names, headers), self._pipe.with_name("earlier"))
        writer.copy(db, select)
        writer.close()
        set_time(path, moment - dt.timedelta(days=1))
        (rows,) = db.execute(f"SELECT count(*) FROM ({select})").fetchall()[0]
        self._tell(path, rows, 0, "replaced")


class _DirtyRows:
    """Writes a file's rows, clean ones by DuckDB, dirty ones by Python, and takes away those that must not count."""

    def __init__(
        self,
        plan: Plan,
        contract: Contract,
        folder: str,
        rows: int,
        name: str,
        turn: int,
        is_held_back: bool,
        style: Style,
    ) -> None:
        self._contract, self._folder, self._style = contract, folder, style
        self._choice = dirt.choose(plan, contract, rows, f"{name}/{folder}", is_held_back)
        self._budget, self._turn = self._choice.budget, turn * 7 + int(name[-2:])
        self.rows_written = self.rows_rejected = 0
        self.kinds: list[str] = []

    def write(self, db: duckdb.DuckDBPyConnection, writer: SubmissionWriter) -> None:
        """Write the rows of ``piece``; those that are rejected are deleted from it."""
        (rows,) = db.execute("SELECT count(*) FROM piece").fetchall()[0]
        chosen = sorted({*self._choice.readable, *self._choice.rejected})
        if not chosen:
            writer.copy(db, "FROM piece")
            self.rows_written += rows
            return
        db.execute("CREATE OR REPLACE TEMP TABLE chosen AS SELECT unnest($1::BIGINT[]) AS i", [chosen])
        writer.copy(db, "SELECT * FROM piece ANTI JOIN chosen USING (i)")
        names = [column.name for column in self._contract.columns]
        cells = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in names)
        found = db.execute(f"SELECT i, {cells} FROM piece SEMI JOIN chosen USING (i) ORDER BY i").fetchall()
        rejected: list[int] = []
        texts: list[list[str]] = []
        for ordinal, *values in found:
            row = {name: "" if value is None else str(value) for name, value in zip(names, values, strict=True)}
            for dirty in self._spoil(ordinal, row, rejected):
                extra = [] if dirty.extra is None else [*([dirty.extra] if self._style.further else ()), dirty.extra]
                texts.append([*(dirty.cells[name] for name in self._style.columns), *extra])
        writer.add(texts)
        self.rows_written += rows - len(found) + len(texts)
        db.execute("DELETE FROM piece WHERE i IN (SELECT unnest($1::BIGINT[]))", [rejected])

    def _spoil(self, ordinal: int, row: dirt.Row, rejected: list[int]) -> list[dirt.DirtyRow]:
        self._turn += 1
        if ordinal not in self._choice.rejected_set:
            spoiled = [dirt.spelled_otherwise(self._contract, row, self._turn)]
        elif self._budget == 0:
            return [dirt.DirtyRow(row, "")]
        else:
            is_csv = self._style.name != "workbook"
            spoiled = dirt.rejected(self._contract, row, self._turn, self._folder, self._budget, is_csv)
            bad = [one for one in spoiled if one.kind]
            self._budget -= len(bad)
            self.rows_rejected += len(bad)
            if len(bad) == len(spoiled):
                rejected.append(ordinal)
        self.kinds += [one.kind for one in spoiled if one.kind]
        return spoiled
