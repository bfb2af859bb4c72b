"""A home with a synthetic nation: KPI figures and targets of 47 branches from 2023-04 on, two months of it published.

``python -m benchmarks.national_figures HOME`` lands the files (those known by March 2025 as one stock, later ones by branch),
runs 2025-05, lets two branches send theirs again, and runs that month once more and 2025-06. ``--again`` only runs the two
months of a home that is there. Pages and workbooks can be looked at in it, and ``benchmarks.scorecards`` measures with it. All
of it is made up; every file's name says so.
"""

import argparse
import sys
import time
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from kenpo_pipelines import fiscal, running
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.synthetic.figure_files import corrections, result_files, target_files
from kenpo_pipelines.synthetic.figure_levels import load_levels
from kenpo_pipelines.synthetic.figures import figures
from kenpo_pipelines.synthetic.profile import load_profile

FIRST, STOCK, MONTHS = fiscal.FIRST_MONTH, "2025-03", ("2025-05", "2025-06")
console = Console(width=120)


def make_home(home: Path, *, again: bool = False) -> Settings:
    """Land everything and run the months; return the settings of the home."""
    settings = Settings(home=home, pseudonym_key=SecretStr("benchmark"))
    running.prepare_home(settings)
    catalogue = load_catalogue(settings.catalogue_dir)
    made = list(figures(catalogue, load_profile(), load_levels(), FIRST, MONTHS[-1]))
    years = range(fiscal.fiscal_year_of(FIRST), fiscal.fiscal_year_of(MONTHS[-1]) + 1)
    if not again:
        for file in (*target_files(catalogue, made, years), *result_files(catalogue, made, STOCK)):
            file.write(settings.landing_dir)
        console.print(f"{len(made):,} figures of {FIRST} to {MONTHS[-1]} are in {settings.landing_dir}")
        _run(settings, [STOCK, *fiscal.month_range(fiscal.add_months(STOCK, 1), MONTHS[0])])
        for file in corrections(catalogue, made):
            file.write(settings.landing_dir)
    _run(settings, MONTHS)
    return settings


def _run(settings: Settings, months: list[str] | tuple[str, ...]) -> None:
    runner = running.MonthRunner(settings)
    with running.quiet(settings):
        for month in months:
            start = time.perf_counter()
            done = runner.run(month)
            seconds = time.perf_counter() - start
            console.print(f"{month}: {done.rows_loaded:,} of {done.rows_read:,} rows, {seconds:.1f} s")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--again", action="store_true", help="only run the two months")
    options = parser.parse_args(arguments)
    make_home(options.home, again=options.again)


if __name__ == "__main__":
    main(sys.argv[1:])
