"""How long all scorecards of a nation take, how large they are, and how soon the national page answers.

``python -m benchmarks.scorecards`` makes a synthetic nation (``benchmarks.national_figures``; ``--home`` takes one that is
there), writes the workbooks and pages of 47 branches and of the nation in a process of its own while its memory is watched, and
opens the national page in the system's Chromium. Figures go to the screen as a table beside the bounds of the project; nothing
is asserted.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.national_figures import MONTHS, make_home
from kenpo_pipelines.scorecards.publication import write_scorecards
from kenpo_pipelines.settings import Settings
from resources.installation import Installation
from tests.browser.chromium import MISSING, find_chromium

Figures = dict[str, float]
_A_MEGABYTE = 1024 * 1024
_LOOKS_PER_SECOND = 20
_SORTED_BY = "checkup_rate_insured"
BOUNDS = {
    "internal edition, s": "≤ 60",
    "peak memory with children, MiB": "≤ 1,024",
    "largest page, MiB": "≤ 2",
    "national page, MiB": "≤ 2",
    "national page until a sort by click shows, s": "≤ 2",
}
_FIRST_ROW = "document.querySelector('#heat tbody.branches tr').dataset.code"


def write(home: Path, out: Path) -> Figures:
    """Write everything of the last month, in this process."""
    installation = Installation.from_settings(Settings(home=home, pseudonym_key=SecretStr("benchmark")))
    engine = installation.database()
    told: list[tuple[str, float]] = []
    start = time.perf_counter()
    paths = write_scorecards(
        engine,
        out,
        installation.catalogue,
        MONTHS[-1],
        on_file=lambda name, _: told.append((name, time.perf_counter())),
    )
    end = time.perf_counter()
    # the public edition comes last and begins with a second comparison
    public = next((moment for name, moment in told[1:] if name == told[0][0]), end)
    sizes = {path: path.stat().st_size / _A_MEGABYTE for path in paths}
    pages = {path: size for path, size in sizes.items() if path.suffix == ".html"}
    books = {path: size for path, size in sizes.items() if path.suffix == ".xlsx"}
    return {
        "internal edition, s": public - start,
        "both editions, s": end - start,
        "workbooks": len(books),
        "pages": len(pages),
        "largest workbook, MiB": max(books.values(), default=0),
        "largest page, MiB": max(pages.values(), default=0),
        "all files, MiB": sum(sizes.values()),
    }


def written_by_a_process(home: Path, out: Path) -> Figures:
    """Write everything in a process of its own, and look at its memory and that of its children meanwhile."""
    arguments = ("--home", str(home), "--out", str(out), "--json")
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scorecards", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _memory_mib(process.pid))
        time.sleep(1 / _LOOKS_PER_SECOND)
    assert process.stdout is not None
    told = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"writing failed (exit code {process.returncode})")
    figures: Figures = json.loads(told.splitlines()[-1])
    return figures | {"peak memory with children, MiB": peak}


def _memory_mib(pid: int) -> float:
    """Memory of a process and its descendants now; what they share counts once."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii").splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            children = Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii")
            waiting += [int(child) for child in children.split()]
        except (OSError, StopIteration):
            continue  # ended meanwhile
    return total / 1024


def opened(page: Path, repeats: int) -> Figures:
    """From the start of navigation until a click on a heading has put the table into another order; the median."""
    path = find_chromium()
    if path is None:
        raise SystemExit(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        seconds = [_open_and_sort(browser, page) for _ in range(repeats)]
        browser.close()
    return {
        "national page, MiB": page.stat().st_size / _A_MEGABYTE,
        "national page until a sort by click shows, s": statistics.median(seconds),
        "the slowest of these, s": max(seconds),
    }


def _open_and_sort(browser: Browser, page: Path) -> float:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    try:
        tab = context.new_page()
        tab.goto(page.resolve().as_uri(), wait_until="commit")
        tab.locator(f"#heat th[data-sort='{_SORTED_BY}'] button").click()
        # the clock of the page begins with its navigation
        in_page = tab.wait_for_function(f"{_FIRST_ROW} !== '01' ? performance.now() : 0").json_value()
        return float(in_page) / 1000
    finally:
        context.close()


def measured(home: Path | None, repeats: int) -> Figures:
    """Everything, in a home that is there or a new one."""
    with tempfile.TemporaryDirectory() as folder:
        if home is None:
            home = Path(folder) / "home"
            make_home(home)
        out = Path(folder) / "outputs"
        figures = written_by_a_process(home.resolve(), out)
        (national,) = out.glob("*/national_*.html")
        return figures | opened(national, repeats) | {"load of the machine (1 min)": os.getloadavg()[0]}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="a home made by benchmarks.national_figures (default: a new one)")
    parser.add_argument("--out", type=Path, help="write there in this process, and nothing else")
    parser.add_argument("--repeats", type=int, default=5, help="how often the national page is opened")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    options = parser.parse_args(arguments)
    figures = write(options.home, options.out) if options.out else measured(options.home, options.repeats)
    if options.json:
        print(json.dumps(figures))
        return
    title = f"Scorecards of {MONTHS[-1]}, 47 branches and the nation; {platform.platform()}, {os.cpu_count()} cores"
    table = Table(title=title)
    for heading in ("what", "figure", "bound"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for what, figure in figures.items():
        table.add_row(what, f"{figure:,.2f}" if figure % 1 else f"{figure:,.0f}", BOUNDS.get(what, ""))
    Console(width=120).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
