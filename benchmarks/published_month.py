"""How long the published month takes, and how much of it is Dagster and Great Expectations.

Run with ``make bench``. Everything is measured side by side in one run, in fresh processes where start-up counts. The ratios
compare with the same work called directly (bare engine: no Dagster, no checks) in the same process.
"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from assets.judgement import INPUTS, JUDGEMENTS
from kenpo_pipelines import demo, running
from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.catalogue.reference import branches_table, fiscal_years_table, kpis_table
from kenpo_pipelines.models import LAYERS
from kenpo_pipelines.scorecards.publication import write_scorecards
from kenpo_pipelines.serving.publish import publish_month
from kenpo_pipelines.serving.rows import serving_tables
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.ingest import ingest
from kenpo_pipelines.submissions.partitions import LEDGER, QUARANTINE
from resources.installation import Installation

MONTH = demo.MONTHS[-1]
REPEATS = 3
KENPO = str(Path(sys.executable).with_name("kenpo"))


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def command(home: Path, *arguments: str) -> float:
    """Wall time of one ``kenpo`` command in a process of its own."""
    environment = os.environ | {"KENPO_HOME": str(home), "KENPO_PSEUDONYM_KEY": "benchmark"}
    return seconds(lambda: subprocess.run([KENPO, *arguments], check=True, capture_output=True, env=environment))


def python(code: str) -> float:
    """Wall time of a Python process."""
    return seconds(
        lambda: subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)
    )


def bare_month(settings: Settings, month: str) -> None:
    """Do the month's work by direct calls: the same ingestion, SQL, judgement, publication and workbooks."""
    installation = Installation.from_settings(settings)
    lake, engine, catalogue = installation.lake, installation.engine, installation.catalogue
    for name, table in (("branches", branches_table), ("fiscal_years", fiscal_years_table), ("kpis", kpis_table)):
        lake.write("reference", name, month, table(catalogue))
    for contract in installation.contracts.values():
        ingest(lake, installation.landing, contract, catalogue, month)
    for layer in LAYERS:
        if layer == "marts":
            rows = lake.read(INPUTS.layer, INPUTS.name, month).to_pylist()
            lake.write(JUDGEMENTS.layer, JUDGEMENTS.name, month, judge_month(rows, catalogue, month))
        for model in installation.project.of_layer(layer):
            engine.run_model(model, month)
    ledger, faults = (
        [row for name in installation.contracts for row in lake.read(one, name, month).to_pylist()]
        for one in (LEDGER, QUARANTINE)
    )
    tables = serving_tables(catalogue, lake.read("marts", "mart_scorecard", month), ledger, faults)
    publish_month(installation.database(), month, tables, run_id="benchmark")
    write_scorecards(installation.database(), installation.outputs, catalogue, month)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        settings = Settings(home=home, pseudonym_key=SecretStr("benchmark"))
        demo_s = command(home, "demo")
        run_s = statistics.median(command(home, "run", "--month", MONTH) for _ in range(REPEATS))
        table_s = statistics.median(command(home, "kpi", "--format", "csv") for _ in range(REPEATS))
        imports_s = statistics.median(python("import kenpo_pipelines.definitions") for _ in range(REPEATS))
        definitions_s = statistics.median(
            python("from kenpo_pipelines.definitions import defs; defs().get_repository_def()") for _ in range(REPEATS)
        )
        runner = running.MonthRunner(settings)
        with running.quiet(settings):
            first_s = seconds(lambda: runner.run(MONTH))
            dagster_s = statistics.median(seconds(lambda: runner.run(MONTH)) for _ in range(REPEATS))
        demo.place_examples(
            bare := settings.model_copy(update={"home": Path(folder) / "bare"}), load_contracts(settings.contracts_dir)
        )
        running.prepare_home(bare)
        bare_month(bare, MONTH)
        bare_s = statistics.median(seconds(lambda: bare_month(bare, MONTH)) for _ in range(REPEATS))
        _print(locals() | {"assets": runner.asset_count})


def _print(measured: dict[str, float]) -> None:
    table = Table(title=f"Published month {MONTH}, median of {REPEATS}; {platform.platform()}, {os.cpu_count()} cores")
    table.add_column("what")
    table.add_column("figure", justify="right")
    overhead = (measured["dagster_s"] - measured["bare_s"]) / measured["assets"]
    for what, figure in (
        ("kenpo demo, three months, start-up included", f"{measured['demo_s']:.1f} s"),
        ("kenpo run --month, start-up included", f"{measured['run_s']:.1f} s"),
        ("kenpo kpi --format csv", f"{measured['table_s']:.1f} s"),
        ("import of the code location", f"{measured['imports_s']:.1f} s"),
        ("import and build of the definitions", f"{measured['definitions_s']:.1f} s"),
        ("first run in a process (imports Great Expectations)", f"{measured['first_s']:.1f} s"),
        ("further run in the same process", f"{measured['dagster_s']:.2f} s"),
        ("the same work called directly, no Dagster, no checks", f"{measured['bare_s']:.2f} s"),
        ("ratio: run ÷ direct work", f"{measured['dagster_s'] / measured['bare_s']:.1f}×"),
        (f"Dagster and checks per asset ({measured['assets']:.0f} assets)", f"{overhead:.3f} s"),
        ("peak memory of this process", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"),
    ):
        table.add_row(what, figure)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
