"""Spark against DuckDB on the models that read receipts: time, memory, and where one overtakes the other.

``python -m benchmarks.scale_out --home DIR [--claims 5 50] [--engines duckdb-1 duckdb-2 spark-1 spark-2]``

A small synthetic nation (``kenpo synth``, 47 branches) is run once by the pipeline, so that everything the models read is
there. Its receipts are then multiplied by SQL into lake partitions of the wanted size (in millions), each copy with receipt
numbers and persons of its own: made up, with the shape of the generator's receipts. Every contender runs the models in a
process of its own:

- ``duckdb-1``, ``duckdb-2``: the engine in one process that may use one or two cores;
- ``spark-1``, ``spark-2``: a standalone cluster on this machine with as many workers, each with one core. The driver is a
  further process, as it is anywhere, so one worker keeps a little more than one core busy.

Memory is the peak of what the process, its Java and all processes of the cluster hold together, shared pages counted once.
The first model that reads the receipts also compares their bytes with the name of their version, as every run does. ``--small``
also runs the whole small month on either engine. Results are compared, nothing else is asserted.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Relation
from kenpo_pipelines.settings import CHECKOUT, load
from resources.installation import Installation
from tests.spark.cluster import Cluster, cluster

MONTH = "2025-06"
BASE_CLAIMS = 50_000
KEY = "benchmark-key-of-no-secret"
BIN = Path(sys.executable).parent
ENGINES = ("duckdb-1", "duckdb-2", "spark-1", "spark-2")
MODELS = ("stg_claims", "fact_claims", "fact_condition_visits", "fact_untreated_visits", "record_measures")
_EXECUTOR_MEMORY = "2g"
"""As much as DuckDB is allowed."""
_LOOKS_PER_SECOND = 10
_RAW = Relation("raw", "claims")


@dataclass(frozen=True)
class Measured:
    """One contender on one size: seconds of each model and until the engine answers, peak memory, digest of the results."""

    seconds: dict[str, float]
    start: float
    peak_mib: float
    result: str

    @property
    def total(self) -> float:
        """Seconds of all models, the start of the engine left out."""
        return sum(self.seconds.values())


# --- the data -------------------------------------------------------------------------------------------------------------


def run(*command: str | Path, **variables: str) -> None:
    """Run a process to its end; stop the benchmark with what it said when it fails."""
    environment = os.environ | {"KENPO_PSEUDONYM_KEY": KEY, "PYTHONWARNINGS": "ignore"} | variables
    done = subprocess.run([str(one) for one in command], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def small_home(work: Path) -> Path:
    """The small month, run by the pipeline on DuckDB; made once."""
    home = work / "small"
    if not (home / "done").exists():
        for path in (home, work / "synthetic"):
            shutil.rmtree(path, ignore_errors=True)
        asked = ("--month", MONTH, "--claims", str(BASE_CLAIMS), "--seed", "1", "--dirty", "0")
        run(BIN / "kenpo", "synth", *asked, "--out", work / "synthetic")
        for dataset in (path for path in (work / "synthetic").iterdir() if path.is_dir()):
            shutil.copytree(dataset, home / "landing" / dataset.name)
        run(BIN / "kenpo", "run", "--month", MONTH, KENPO_HOME=str(home))
        (home / "done").touch()
    return home


def big_home(work: Path, claims: int) -> Path:
    """A copy of the small lake with ``claims`` receipts; made once."""
    copies = max(1, round(claims / BASE_CLAIMS))
    home = work / f"claims-{copies * BASE_CLAIMS}"
    if not (home / "done").exists():
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(small_home(work) / "lake", home / "lake", symlinks=True)
        lake = Lake(home / "lake")
        with lake.replace(_RAW.layer, _RAW.name, MONTH) as folder:
            for file in Lake(small_home(work) / "lake").files(_RAW.layer, _RAW.name, MONTH):
                _multiply(file, folder / file.name, copies)
        (home / "done").touch()
    return home


def _multiply(source: Path, target: Path, copies: int) -> None:
    """Write the receipts of one submission ``copies`` times; the first copy is the original."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            f"""copy (
                select receipt.* replace (
                    case when copy = 0 then claim_no else claim_no || '-' || copy end as claim_no,
                    case when copy = 0 then member_key else unhex(md5(hex(member_key) || copy)) end as member_key,
                    (row_number + copy * (select max(row_number) from read_parquet('{source}')))::int as row_number
                )
                from read_parquet('{source}') as receipt cross join range({copies}) as repeated(copy)
            ) to '{target}' (format parquet, compression zstd)"""
        )


# --- one contender, in a process of its own -------------------------------------------------------------------------------


def contend(cores: int | None) -> None:
    """Run the models of the home that the environment names, on the engine that it names; print the figures as JSON.

    ``cores``: how many cores this process keeps to; None for all.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    installation = Installation.from_settings(load())
    engine, lake = installation.engine, installation.lake
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    with engine.session() as session:
        session.fetch("select 1")
        start = time.perf_counter() - began
        digest = hashlib.sha256()
        for name in MODELS:
            (model,) = (one for one in engine.project.models if one.name == name)
            began = time.perf_counter()
            rows = engine.run_model(model, MONTH, session)
            seconds[name] = time.perf_counter() - began
            digest.update(f"{name} {rows} ".encode())
    for name in ("fact_claims", "record_measures"):
        (model,) = (one for one in engine.project.models if one.name == name)
        table = lake.read(model.layer, model.name, MONTH)
        digest.update(repr(sorted(map(repr, table.to_pylist()))).encode())
    print(json.dumps({"seconds": seconds, "start": start, "result": digest.hexdigest()}))


def measure(home: Path, engine: str, scratch: Path) -> Measured:
    """Run one contender on the home's lake; its results replace those of the contender before."""
    kind, _, size = engine.partition("-")
    with _spark(int(size), scratch) if kind == "spark" else _no_spark() as (workers, variables):
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scale_out", "--contend", "--home", str(home)]
        if kind == "duckdb":
            command += ["--cores", size]
        told, peak = watched(command, workers, home, **variables)
    return Measured(**json.loads(told.splitlines()[-1]), peak_mib=peak)


@contextmanager
def _spark(workers: int, scratch: Path) -> Iterator[tuple[Cluster | None, dict[str, str]]]:
    with (
        tempfile.TemporaryDirectory(dir=scratch) as folder,
        cluster(Path(folder) / "spark", workers, _EXECUTOR_MEMORY, "") as up,
    ):
        yield up, {"KENPO_ENGINE": "spark", "KENPO_SPARK_MASTER": up.url, "SPARK_CONF_DIR": str(up.conf_dir)}


@contextmanager
def _no_spark() -> Iterator[tuple[None, dict[str, str]]]:
    yield None, {"KENPO_ENGINE": "duckdb"}


def watched(command: list[str], workers: Cluster | None, home: Path, **variables: str) -> tuple[str, float]:
    """Run a process to its end; return what it printed and the peak memory (MiB) of it, its children and the cluster."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KENPO_")}
    environment = clean | {"KENPO_HOME": str(home), "KENPO_PSEUDONYM_KEY": KEY, "PYTHONWARNINGS": "ignore"} | variables
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        roots = [process.pid, *([one.pid for one in (workers.master, *workers.workers)] if workers else [])]
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(_memory_mib, roots)))
            time.sleep(1 / _LOOKS_PER_SECOND)
        out.seek(0)
        told = out.read()
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{told[-3000:]}" + (f"\n{workers.logged()}" if workers else ""))
    return told, peak


def _memory_mib(pid: int) -> float:
    """Memory of a process and its descendants now; what they share counts once."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii").splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            for thread in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (thread / "children").read_text(encoding="ascii").split()]
        except (OSError, StopIteration):
            continue  # ended meanwhile
    return total / 1024


# --- the small month --------------------------------------------------------------------------------------------------------


def small_month(work: Path, engine: str) -> tuple[float, float]:
    """Seconds and peak MiB of ``kenpo run`` on the small month, everything included; Spark is local, with two threads."""
    home = work / f"run-{engine}"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(small_home(work) / "landing", home / "landing")
    began = time.perf_counter()
    _, peak = watched(
        [str(BIN / "kenpo"), "run", "--month", MONTH],
        None,
        home,
        KENPO_ENGINE=engine,
        KENPO_SPARK_MASTER="local[2]",
    )
    return time.perf_counter() - began, peak


# --- the tables -------------------------------------------------------------------------------------------------------------


def table_of_sizes(measured: dict[float, dict[str, Measured]]) -> str:
    """Return the Markdown table of all sizes and contenders, with the crossover."""
    lines = [
        f"| million receipts | engine | {' | '.join(MODELS)} | all, s | start, s | peak memory, MiB | same results |",
        f"|---|---|{'---|' * len(MODELS)}---|---|---|---|",
    ]
    for size, row in measured.items():
        expected = next(iter(row.values())).result
        for engine, one in row.items():
            cells = [f"{one.seconds[name]:.1f}" for name in MODELS]
            told = [
                f"{one.total:.1f}",
                f"{one.start:.1f}",
                f"{one.peak_mib:,.0f}",
                "yes" if one.result == expected else "**no**",
            ]
            lines.append(f"| {size:g} | {engine} | {' | '.join([*cells, *told])} |")
    return "\n".join([*lines, "", *_crossover(measured)])


def _crossover(measured: dict[float, dict[str, Measured]]) -> list[str]:
    said = []
    for duck, spark in (("duckdb-1", "spark-1"), ("duckdb-2", "spark-2")):
        ratios = {
            size: row[spark].total / row[duck].total for size, row in measured.items() if {duck, spark} <= set(row)
        }
        if ratios:
            faster = [size for size, ratio in ratios.items() if ratio < 1]
            where = f"from {min(faster):g} million on" if faster else "at none of these sizes"
            times = ", ".join(f"{ratio:.1f}× the time at {size:g}" for size, ratio in ratios.items())
            said.append(f"{spark} ÷ {duck}: {times}; Spark is faster {where}.")
    return said


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--home", type=Path, required=True, help="folder for data and results, used again when it is there"
    )
    parser.add_argument("--claims", type=float, nargs="+", default=[5, 50], help="sizes in million receipts")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--small", action="store_true", help="also the whole small month on either engine")
    parser.add_argument("--contend", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.contend:
        contend(options.cores)
        return
    work = options.home.resolve()
    work.mkdir(parents=True, exist_ok=True)
    measured: dict[float, dict[str, Measured]] = {}
    for size in options.claims:
        home = big_home(work, round(size * 1_000_000))
        for engine in options.engines:
            one = measure(home, engine, work)
            measured.setdefault(size, {})[engine] = one
            print(json.dumps({"million": size, "engine": engine} | asdict(one)), file=sys.stderr, flush=True)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(table_of_sizes(measured))
    if options.small:
        print(f"\n| `kenpo run` of a small month, {BASE_CLAIMS:,} receipts | s | peak memory, MiB |\n|---|---|---|")
        for engine in ("duckdb", "spark"):
            seconds, peak = small_month(work, engine)
            print(f"| {engine} | {seconds:.1f} | {peak:,.0f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
