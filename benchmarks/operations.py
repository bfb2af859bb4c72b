"""How the services keep up: months of a backfill, looks into a full landing, alerts on their way, memory after many ticks.

``python -m benchmarks.operations`` measures everything, each part in a process of its own; ``--part`` one of them, and options
make it smaller. Figures go to the screen as a table. Nothing but sensors' own code is called: the daemon adds its own seconds.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from kenpo_pipelines import demo, fiscal, running
from kenpo_pipelines.automation.alerting.sensors import CHECK_SENSOR, DELIVERY_SENSOR, RUN_SENSOR
from kenpo_pipelines.automation.arrivals import ARRIVALS
from kenpo_pipelines.automation.environments import environment
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.contract import load_contracts

Figures = dict[str, float]
PARTS = ("backfill", "landing", "alerts", "ticks")
FIRST = fiscal.FIRST_MONTH
_A_MEGABYTE = 1024 * 1024
_MOST_ROUNDS = 10_000


def settings_of(home: Path, **changes: Any) -> Settings:
    settings = Settings(home=home, pseudonym_key=SecretStr("benchmark"), **changes)
    running.prepare_home(settings)
    return settings


def with_examples(settings: Settings) -> Settings:
    demo.place_examples(settings, load_contracts(settings.contracts_dir))
    return settings


def memory_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / _A_MEGABYTE


def timed(work: Callable[[], object]) -> float:
    """Wall time of one call, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def backfill(home: Path, options: argparse.Namespace) -> Figures:
    """Months of the small example, one after another in one process, each for the first time."""
    settings = with_examples(settings_of(home))
    runner = running.MonthRunner(settings)
    months = list(fiscal.month_range(FIRST, fiscal.add_months(FIRST, options.months - 1)))
    seconds, megabytes = [], []
    with running.quiet(settings):
        for month in months:
            seconds.append(timed(lambda month=month: runner.run(month)))
            megabytes.append(memory_mb())
        current_s = timed(lambda: [runner.run(month) for month in months])
    later = seconds[1:] or seconds
    return {
        "months": len(months),
        "first month, start-up included, s": seconds[0],
        "seconds per month, all": statistics.mean(seconds),
        "seconds per later month, median": statistics.median(later),
        "seconds per later month, longest": max(later),
        "all months again, nothing to do, s": current_s,
        "memory after the third month, MB": megabytes[min(2, len(megabytes) - 1)],
        "memory after the last month, MB": megabytes[-1],
    }


def landing(home: Path, options: argparse.Namespace) -> Figures:
    """Looks into a landing folder with many files: the first one, the one that asks for runs, and one without news."""
    settings = settings_of(home)
    contracts = [one for one in load_contracts(settings.contracts_dir).values() if one.dataset.folder == "month"]
    months = list(fiscal.month_range(FIRST, fiscal.add_months(FIRST, 35)))
    for number in range(options.files):
        dataset, month = contracts[number % len(contracts)].dataset.id, months[number // len(contracts) % len(months)]
        folder = settings.landing_dir / dataset / month
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{number:05}.csv"
        file.write_bytes(b"x")
        os.utime(file, (1_700_000_000, 1_700_000_000))
    definitions = build_definitions(settings)
    seconds, asked = [], []
    cursor = None
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(3):
            start = time.perf_counter()
            tick = _tick(definitions, instance, ARRIVALS, cursor)
            seconds.append(time.perf_counter() - start)
            asked.append(len(tick.run_requests or []))
            cursor = tick.cursor
    return {
        "files": options.files,
        "first tick, s": seconds[0],
        "tick that asks for runs, s": seconds[1],
        "runs asked for": sum(asked),
        "tick without news, s": seconds[2],
        "cursor, KB": len(cursor or "") / 1024,
    }


def alerts(home: Path, options: argparse.Namespace) -> Figures:
    """From the end of a month's run to a webhook of this machine: with sensors that never pause, and with their longest waits.

    An ended run is looked at two seconds later, so that none that ended at the same moment is missed.
    """
    with _webhook() as (url, received):
        settings = settings_of(home, alert_urls=SecretStr(url), env="production")
        with_examples(settings)
        (settings.landing_dir / "kpi_results" / demo.MONTHS[-1] / "broken.csv").write_bytes(b"")
        definitions, runner = build_definitions(settings), running.MonthRunner(settings)
        cursors: dict[str, str | None] = {}
        with dg.DagsterInstance.from_config(str(settings.dagster_dir)) as instance, running.quiet(settings):

            def look() -> None:
                for name in (CHECK_SENSOR, RUN_SENSOR, DELIVERY_SENSOR):
                    cursors[name] = _tick(definitions, instance, name, cursors.get(name)).cursor

            look()  # the first look of a sensor only finds out where to begin
            failed = len(runner.run(demo.MONTHS[-1]).failures)
            start, rounds = time.perf_counter(), 0
            while not received and rounds < _MOST_ROUNDS:
                look()
                rounds += 1
            latency_s = time.perf_counter() - start
    here = environment(settings)
    return {
        "failed checks": failed,
        "messages": len(received),
        "from the end of the run to the channel, s": latency_s,
        "a round of the three sensors, s": latency_s / max(1, rounds),
        "with the longest waits between ticks, s": latency_s + here.check_sensor_interval_s + here.delivery_interval_s,
    }


def ticks(home: Path, options: argparse.Namespace) -> Figures:
    """Memory of a process in which all sensors are evaluated again and again after a month was run, and now and then schedules.

    In the services sensors look every half minute, schedules once a day.
    """
    settings = with_examples(settings_of(home, env="production"))
    with running.quiet(settings):
        running.MonthRunner(settings).run(demo.MONTHS[0])
    definitions = build_definitions(settings)
    repository = definitions.get_repository_def()
    early, megabytes = max(1, options.ticks // 10), {}
    with dg.DagsterInstance.from_config(str(settings.dagster_dir)) as instance:
        began, start = datetime.now(fiscal.TOKYO), time.perf_counter()
        cursors: dict[str, str | None] = {}
        for number in range(1, options.ticks + 1):
            for sensor in repository.sensor_defs:
                cursors[sensor.name] = _tick(definitions, instance, sensor.name, cursors.get(sensor.name)).cursor
            for schedule in repository.schedule_defs if number % early == 0 else ():
                with dg.build_schedule_context(
                    instance=instance,
                    scheduled_execution_time=began + timedelta(hours=number),
                    repository_def=repository,
                    resources=definitions.resources,
                ) as context:
                    schedule.evaluate_tick(context)
            if number in (early, options.ticks):
                megabytes[number] = memory_mb()
        seconds = time.perf_counter() - start
    return {
        "ticks of every sensor": options.ticks,
        f"memory after {early} ticks, MB": megabytes[early],
        f"memory after {options.ticks} ticks, MB": megabytes[options.ticks],
        "growth per 1,000 ticks, MB": (megabytes[options.ticks] - megabytes[early])
        * 1000
        / max(1, options.ticks - early),
        "a round of all, s": seconds / options.ticks,
    }


def _tick(definitions: dg.Definitions, instance: dg.DagsterInstance, name: str, cursor: str | None) -> Any:
    """One evaluation of a sensor, as the daemon asks for it."""
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        definitions=definitions,
        repository_name=definitions.get_repository_def().name,
        sensor_name=name,
        resources=definitions.resources,
    ) as context:
        return definitions.resolve_sensor_def(name).evaluate_tick(context)


@contextmanager
def _webhook() -> Iterator[tuple[str, list[str]]]:
    """A web server of this machine that takes what is posted; its address for Apprise, and what came."""
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://127.0.0.1:{server.server_port}/", received
        server.shutdown()


def _measured(part: str, options: argparse.Namespace) -> Figures:
    """Measure a part in this process."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        return globals()[part](Path(folder) / "home", options)


def _in_a_process_of_its_own(part: str, arguments: list[str]) -> Figures:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.operations", *arguments, "--part", part, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, help="only this one")
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--ticks", type=int, default=1_000)
    parser.add_argument("--dir", help="where homes are made (default: the folder for temporary files)")
    parser.add_argument("--json", action="store_true", help="the figures of one part as JSON, in this process")
    options = parser.parse_args(arguments)
    if options.json:
        print(json.dumps(_measured(options.part, options)))
        return
    table = Table(
        title=f"Operations; {platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    table.add_column("part")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for part in [options.part] if options.part else PARTS:
        for what, figure in _in_a_process_of_its_own(part, arguments).items():
            table.add_row(part, what, f"{figure:,.2f}" if figure % 1 else f"{figure:,.0f}")
        table.add_section()
    Console(width=120).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
