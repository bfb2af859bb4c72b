"""One national month on this machine: time and memory as ratios, measured side by side in one run.

``python -m benchmarks.national_month [--claims 50000000] [--work DIR]`` makes synthetic submissions of 47 branches (cp932 CSV,
and the same as UTF-8 for the hand-written script), runs each contender in a process of its own and prints a table:

- the pipeline: ``kenpo run`` with everything (reading, quarantine, checks, Dagster, publishing, scorecards);
- the bare engine: ``benchmarks.bare_month``, a DuckDB script over the UTF-8 files;
- pandas on a tenth of the rows, scaled: ``benchmarks.pandas_month``;
- dbt building the same models from the same Parquet;
- the pipeline on a tenth, for memory and time per row; on an unchanged month; after one branch has sent its claims again.

Nothing is asserted: the figures are kept in docs/benchmarks.md with the machine they were measured on.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterInstance
from rich.console import Console
from rich.table import Table

from kenpo_pipelines.settings import CHECKOUT

MONTH = "2025-06"
KEY = "benchmark-key-of-no-secret"
BIN = Path(sys.executable).parent
AVERAGE_BRANCH, LARGEST_BRANCH = "20", "13"
console = Console()


@dataclass(frozen=True)
class Measured:
    """Wall seconds and peak resident memory (MiB, of the process and its children, whichever is larger)."""

    seconds: float
    peak_mib: float


def measure(what: str, *command: str | Path, cwd: Path | None = None, **variables: str) -> Measured:
    """Run a process to its end; raise when it fails."""
    environment = os.environ | {"KENPO_PSEUDONYM_KEY": KEY, "PYTHONWARNINGS": "ignore"} | variables
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(one) for one in command],
        cwd=cwd or CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{what} failed:\n{output.decode()[-3000:]}")
    done = Measured(seconds, usage.ru_maxrss / 1024)
    console.print(f"  {what}: {done.seconds:.1f} s, {done.peak_mib:.0f} MiB")
    return done


def synthetic(work: Path, claims: int) -> Path:
    """Folder with the submissions in cp932; made once."""
    folder = work / f"synthetic-{claims}-cp932"
    if not (folder / "truth.csv").exists():
        shutil.rmtree(folder, ignore_errors=True)
        arguments = ("--month", MONTH, "--claims", str(claims), "--seed", "1", "--dirty", "0", "--encoding", "cp932")
        measure(f"kenpo synth {claims:,}", BIN / "kenpo", "synth", *arguments, "--out", folder)
    return folder


def as_utf8(source: Path, target: Path) -> Path:
    """The same files in UTF-8, for the script that cannot read cp932; made once."""
    if not (target / "truth.csv").exists():
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.parent == source:
                shutil.copy(path, copy)
            else:
                with (
                    path.open(encoding="cp932", newline="") as text,
                    copy.open("w", encoding="utf-8", newline="") as out,
                ):
                    shutil.copyfileobj(text, out, 1 << 24)
    return target


def fresh_home(work: Path, name: str, data: Path) -> Path:
    """An empty home whose landing holds the submissions (as hard links)."""
    home = work / name
    shutil.rmtree(home, ignore_errors=True)
    (home / "landing").mkdir(parents=True)
    for dataset in sorted(path for path in data.iterdir() if path.is_dir()):
        shutil.copytree(dataset, home / "landing" / dataset.name, copy_function=os.link)
    return home


def pipeline(what: str, home: Path) -> Measured:
    """``kenpo run`` of the month."""
    return measure(what, BIN / "kenpo", "run", "--month", MONTH, KENPO_HOME=str(home))


def send_again(home: Path, branch: str) -> None:
    """Put a corrected claims file of one branch beside the first one: its last row is gone."""
    folder = home / "landing" / "claims" / MONTH
    source = next(folder.glob(f"*-{branch}.csv"))
    corrected = folder / f"{source.stem}.r2.csv"
    shutil.copyfile(source, corrected)
    with corrected.open("rb+") as file:
        tail_at = file.seek(-4096, os.SEEK_END)
        tail = file.read()
        file.truncate(tail_at + tail.rstrip(b"\r\n").rfind(b"\n") + 1)


def steps(home: Path) -> list[tuple[str, float]]:
    """Steps of the newest run with their seconds, the longest first."""
    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        newest = instance.get_run_records(limit=1)[0]
        stats = instance.get_run_step_stats(newest.dagster_run.run_id)
    timed = [(one.step_key, one.end_time - one.start_time) for one in stats if one.start_time and one.end_time]
    return sorted(timed, key=lambda one: -one[1])


def dbt(what: str, home: Path, *command: str) -> Measured:
    """The same models by dbt over the lake's Parquet, into a lake of its own; judgement is one of them."""
    target = home / "dbt"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    project = CHECKOUT / "dbt_like_sql"
    return measure(
        what,
        *(BIN / "dbt", "--quiet", *command, "--project-dir", project, "--profiles-dir", project, "--target", "file"),
        *("--target-path", target / "target", "--log-path", target, "--vars", f"month: '{MONTH}'"),
        KENPO_HOME=str(home),
        KENPO_DBT_LAKE=str(target / "lake"),
        KENPO_DBT_DATABASE=str(target / "kenpo.duckdb"),
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--claims", type=int, default=50_000_000)
    parser.add_argument("--work", type=Path, default=Path("/tmp/kenpo-national"))
    options = parser.parse_args()
    work, claims = options.work, options.claims
    work.mkdir(parents=True, exist_ok=True)
    whole = synthetic(work, claims)
    utf8 = as_utf8(whole, work / f"synthetic-{claims}-utf-8")
    tenth = synthetic(work, claims // 10)

    small_home = fresh_home(work, "home-tenth", tenth)
    small = pipeline("pipeline, a tenth", small_home)
    home = fresh_home(work, "home", whole)
    full = pipeline("pipeline, whole", home)
    profile = steps(home)
    shutil.rmtree(work / "bare", ignore_errors=True)
    bare = measure(
        "bare engine", BIN / "python", "-m", "benchmarks.bare_month", utf8, MONTH, work / "bare", KEY, cwd=CHECKOUT
    )
    shutil.rmtree(work / "pandas", ignore_errors=True)
    pandas = measure(
        "pandas, a tenth", BIN / "python", "-m", "benchmarks.pandas_month", tenth, MONTH, work / "pandas", KEY
    )
    models = measure(
        "models by the engine", BIN / "python", "-m", "benchmarks.models_month", MONTH, KENPO_HOME=str(home)
    )
    dbt_run = dbt("dbt run", home, "run")
    unchanged = pipeline("pipeline, unchanged month", home)
    send_again(home, AVERAGE_BRANCH)
    resubmitted = pipeline(f"pipeline, branch {AVERAGE_BRANCH} again", home)
    resubmission_profile = steps(home)
    send_again(home, LARGEST_BRANCH)
    largest = pipeline(f"pipeline, branch {LARGEST_BRANCH} again", home)

    table = Table(title=f"National month {MONTH}, {claims:,} claims, 47 branches, cp932 CSV")
    for column in ("what", "figure", "bound"):
        table.add_column(column)
    lines = [
        ("pipeline, whole month, start-up included", f"{full.seconds:.0f} s", ""),
        ("bare engine over UTF-8", f"{bare.seconds:.0f} s", ""),
        ("pipeline ÷ bare engine", f"{full.seconds / bare.seconds:.2f}×", "≤ 1.5×"),
        ("pandas on a tenth", f"{pandas.seconds:.0f} s, {pandas.peak_mib:,.0f} MiB", ""),
        ("pandas × 10 ÷ pipeline", f"{pandas.seconds * 10 / full.seconds:.1f}×", "≥ 4×"),
        ("models by the engine ÷ dbt run", f"{models.seconds:.1f} s ÷ {dbt_run.seconds:.1f} s", "not slower"),
        ("peak memory", f"{full.peak_mib:,.0f} MiB", "≤ 4,096 MiB"),
        ("peak memory, a tenth", f"{small.peak_mib:,.0f} MiB ({full.peak_mib / small.peak_mib:.2f}×)", "± 20 %"),
        ("time per row ÷ that of a tenth", f"{full.seconds / small.seconds / 10:.2f}×", "≤ 1.1×"),
        ("unchanged month", f"{unchanged.seconds:.1f} s", ""),
        (
            f"branch {AVERAGE_BRANCH} again ÷ whole month",
            f"{resubmitted.seconds:.1f} s, {resubmitted.seconds / full.seconds:.0%}",
            "≤ 10 %",
        ),
        (f"branch {LARGEST_BRANCH} (the largest) again", f"{largest.seconds:.1f} s", ""),
    ]
    for line in lines:
        table.add_row(*line)
    console.print(table)
    for title, found in (("whole month", profile), (f"branch {AVERAGE_BRANCH} again", resubmission_profile)):
        console.print(f"Steps of the {title}: " + ", ".join(f"{name} {spent:.1f} s" for name, spent in found[:12]))


if __name__ == "__main__":
    main()
