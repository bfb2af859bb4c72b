"""The command ``kenpo``.

What lives here: commands, their options, and what people read. What does not: any work. Branch staff read Japanese, data
engineers English. Exit codes: 0 done, 1 refused or failed, 2 wrong use. Heavy imports happen inside the commands.
"""

import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from kenpo_pipelines import fiscal
from kenpo_pipelines.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from kenpo_pipelines.running import MonthRun, MonthRunner
    from kenpo_pipelines.submissions.contract import Contract

app = typer.Typer(
    name="kenpo",
    help="Monthly branch KPIs of 協会けんぽ: submissions in, checked and judged scorecards out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def _month(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        fiscal.split_month(text)
    except fiscal.NotAMonth as error:
        raise typer.BadParameter(str(error)) from error
    return text


def _run_month(text: str) -> str:
    month = _month(text)
    assert month is not None
    if month < fiscal.FIRST_MONTH:
        raise typer.BadParameter(f"{month}: the first month that can be run is {fiscal.FIRST_MONTH}")
    if month > fiscal.current_month():
        raise typer.BadParameter(f"{month} has not begun yet")
    return month


def _month_or_year(text: str | None) -> str | None:
    if text is None or (len(text) == 4 and text.isdecimal()):
        return text
    return _run_month(text)


MonthOption = Annotated[str, typer.Option("--month", help="Reporting month, YYYY-MM.", callback=_run_month)]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Do all the work again, whether anything has changed or not.")
]


def _fail(message: str) -> NoReturn:
    err.print(message, style="bold red", markup=False)
    raise typer.Exit(1)


@contextmanager
def _told() -> Iterator[None]:
    """Turn the project's own errors into one message and exit code 1; anything else is a bug and keeps its traceback."""
    from expectations.suite import SuiteError
    from kenpo_pipelines.catalogue.model import CatalogueError
    from kenpo_pipelines.lake import LakeError
    from kenpo_pipelines.models import ModelError
    from kenpo_pipelines.scorecards.rows import ScorecardError
    from kenpo_pipelines.serving.faults import ServingError
    from kenpo_pipelines.submissions.contract import ContractError
    from kenpo_pipelines.submissions.landing import LandingError

    known = (
        CatalogueError,
        ContractError,
        LakeError,
        LandingError,
        ModelError,
        ScorecardError,
        ServingError,
        SettingsError,
        SuiteError,
    )
    try:
        yield
    except known as error:
        _fail(str(error))


def _contracts(settings: Settings) -> dict[str, "Contract"]:
    from kenpo_pipelines.submissions.contract import load_contracts

    return load_contracts(settings.contracts_dir)


@app.command()
def demo() -> None:
    """Run the main job on real published figures and say what to open.

    Example: [bold]kenpo demo[/]
    """
    with _told():
        from kenpo_pipelines import demo as example

        settings = example.with_throw_away_key(load())
        try:
            placed = example.place_examples(settings, _contracts(settings))
        except example.DemoRefused as refused:
            _fail(str(refused))
        out.print(f"[bold]{len(placed)}[/] submissions of published figures are in {settings.landing_dir}")
        _run_months(settings, list(example.MONTHS))
        _tell_what_to_open(settings, example.MONTHS[-1])


def _tell_what_to_open(settings: Settings, month: str) -> None:
    folder = settings.outputs_dir / month
    tokyo = next(folder.glob("scorecard_*_13_*.xlsx"))
    command = f"{Path(sys.argv[0])}"
    out.print()
    out.print("[bold]Open[/]")
    out.print(f"  Scorecard of 東京支部   {tokyo}", markup=False)
    out.print(f"  All branches compared   {folder / f'comparison_{month}.xlsx'}", markup=False)
    out.print("[bold]Look[/]")
    out.print(f"  KPIs as a table         {command} kpi --branch 13", markup=False)
    out.print(f"  Fiscal year 2023        {command} kpi --fiscal-year 2023 --branch 04", markup=False)
    out.print(f"  Lineage and checks      {command} ui   → http://127.0.0.1:3000", markup=False)


@app.command()
def submit(
    files: Annotated[list[Path], typer.Argument(help="CSV, CSV.GZ or XLSX files.", exists=True, dir_okay=False)],
    dataset: Annotated[str | None, typer.Option(help="Dataset, if the headers do not tell.")] = None,
    month: Annotated[
        str | None,
        typer.Option(
            help="Reporting month YYYY-MM (default: this month); YYYY for yearly datasets.", callback=_month_or_year
        ),
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="Branch (code or name) that submits; its file must hold its own rows only.")
    ] = None,
) -> None:
    """Put files into landing. What check-file refuses is refused here too.

    Example: [bold]kenpo submit results.csv --month 2025-06[/]
    """
    with _told():
        from kenpo_pipelines.submissions.landing import LandingError
        from kenpo_pipelines.submissions.submit import submit_file

        settings = load()
        contracts = _contracts(settings)
        catalogue = _catalogue(settings)
        branch_code = _branch_code(catalogue, branch)
        has_refused = False
        for file in files:
            contract = _contract_of(file, dataset, contracts)
            if contract is None:
                has_refused = True
                continue
            try:
                done = submit_file(file, settings.landing_dir, contract, catalogue, month, branch_code)
            except LandingError as error:
                err.print(f"× {file.name}：{error}", markup=False)
                has_refused = True
                continue
            _print_submission(done.submission)
            if done.path is None:
                err.print(f"× {file.name} は提出していません。上の行を直して、もう一度提出してください。", markup=False)
                has_refused = True
            elif done.is_new:
                out.print(f"○ {file.name} を提出しました（{done.path}）", markup=False)
            else:
                out.print(f"○ {file.name} と同じ内容のファイルは提出済みです（{done.path}）", markup=False)
        if has_refused:
            raise typer.Exit(1)


@app.command("check-file")
def check_file(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.GZ or XLSX file.", exists=True, dir_okay=False)],
    dataset: Annotated[str | None, typer.Option(help="Dataset, if the headers do not tell.")] = None,
    month: Annotated[
        str | None,
        typer.Option(help="Reporting month it will be submitted for (default: this month).", callback=_month_or_year),
    ] = None,
) -> None:
    """Check a file before it is submitted; problems in Japanese with sheet, row and column. Writes nothing.

    Example: [bold]kenpo check-file results.xlsx[/]
    """
    with _told():
        from kenpo_pipelines.submissions.submit import check
        from kenpo_pipelines.submissions.verdict import is_refused

        settings = load()
        contract = _contract_of(file, dataset, _contracts(settings))
        if contract is None:
            raise typer.Exit(1)
        submission = check(file, contract, _catalogue(settings), month)
        _print_submission(submission)
        if is_refused(submission):
            out.print(f"× {file.name} には直すところがあります。", markup=False)
            raise typer.Exit(1)
        out.print(f"○ {file.name} は提出できます。", markup=False)


def _catalogue(settings: Settings) -> Any:
    from kenpo_pipelines.catalogue.loading import load_catalogue

    return load_catalogue(settings.catalogue_dir)


def _contract_of(file: Path, dataset: str | None, contracts: dict[str, "Contract"]) -> "Contract | None":
    """Return the contract asked for or recognised; None, told, when the file cannot be recognised."""
    from kenpo_pipelines.submissions.submit import recognise

    if dataset is not None and dataset not in contracts:
        raise typer.BadParameter(f"unknown dataset {dataset}; there are {', '.join(contracts)}")
    found, reason = recognise(file, dataset, contracts)
    if found is None:
        err.print(f"× {reason}", markup=False)
    return found


def _print_submission(submission: Any) -> None:
    from kenpo_pipelines.submissions.messages import describe, describe_refusal, describe_unlisted
    from kenpo_pipelines.submissions.verdict import must_be_corrected

    if submission.status == "refused":
        out.print(f"× {describe_refusal(submission)}", markup=False)
        return
    out.print(
        f"{submission.file}：{submission.rows_read}行のうち{submission.rows_loaded}行を読み取りました"
        f"（受け付けられない行：{submission.rows_rejected}行）",
        markup=False,
    )
    for problem in submission.problems:
        out.print(f"  {'×' if must_be_corrected(problem) else '・'} {describe(problem)}", markup=False)
    if unlisted := describe_unlisted(submission):
        out.print(f"  × {unlisted}", markup=False)
    for notice in submission.notices:
        out.print(f"  ・{notice}", markup=False)


@app.command()
def run(month: MonthOption, force: ForceOption = False) -> None:
    """Materialise what has changed of one month, and all that is made from it; a month without news is left alone.

    Months before it with submissions not yet read are run first.

    Example: [bold]kenpo run --month 2025-06[/]
    """
    with _told():
        from kenpo_pipelines.lake import Lake
        from kenpo_pipelines.submissions.pending import pending_months
        from resources.installation import Installation

        settings = load()
        settings.require_pseudonym_key()
        contracts = Installation.from_settings(settings).contracts
        pending = pending_months(Lake(settings.lake_dir), settings.landing_dir, contracts, month)
        pending = [one for one in pending if one >= fiscal.FIRST_MONTH]
        if pending:
            out.print(f"Submissions of {', '.join(pending)} have not been read yet: these months are run first.")
        _run_months(settings, [*pending, month], forced={month} if force else set())


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First reporting month, YYYY-MM.", callback=_run_month)],
    last: Annotated[str, typer.Option("--to", help="Last reporting month, YYYY-MM.", callback=_run_month)],
    force: ForceOption = False,
) -> None:
    """Materialise what has changed in a range of months, month after month.

    Example: [bold]kenpo backfill --from 2023-04 --to 2025-03[/]
    """
    if first > last:
        raise typer.BadParameter(f"--from {first} is after --to {last}")
    with _told():
        settings = load()
        settings.require_pseudonym_key()
        months = list(fiscal.month_range(first, last))
        _run_months(settings, months, forced=set(months) if force else set())


def _run_months(settings: Settings, months: list[str], forced: Collection[str] = ()) -> None:
    """Run months with a progress bar; the first failure ends it, telling which months are done and which are not."""
    from kenpo_pipelines import running
    from kenpo_pipelines.run_results import RunFailed
    from kenpo_pipelines.submissions.landing import unread_paths
    from kenpo_pipelines.terminal import progress_bar
    from resources.installation import Installation

    for path in unread_paths(settings.landing_dir, Installation.from_settings(settings).contracts):
        err.print(
            f"! landing/{path} is not read: files belong into <dataset>/<YYYY-MM>/ (yearly datasets: <YYYY>/) of a dataset "
            f"that has a contract",
            markup=False,
        )
    with running.quiet(settings), progress_bar(err) as bar:
        task = bar.add_task("Looking for what has changed", total=None)
        runner = running.MonthRunner(settings)
        for position, month in enumerate(months):
            try:
                done = _run_one(runner, month, bar, task, force=month in forced)
            except RunFailed as failed:
                bar.stop()
                left = months[position:]
                err.print(f"{month} failed. Done: {', '.join(months[:position]) or 'none'}. Left: {', '.join(left)}.")
                _fail(str(failed))
            bar.console.print(_summary(done), markup=False)
            for line in _failure_lines(done.failures):
                bar.console.print(line, markup=False)
            if outdated := [later for later in done.outdated_months if later not in months[position:]]:
                bar.console.print(
                    f"  → {', '.join(outdated)} read what has changed: kenpo backfill --from {outdated[0]} --to {outdated[-1]}",
                    markup=False,
                )


def _run_one(runner: "MonthRunner", month: str, bar: Any, task: Any, *, force: bool) -> "MonthRun":
    def on_event(kind: str, name: str) -> None:
        bar.update(task, description=f"{month}  {name}", advance=1 if kind == "asset" else 0)

    bar.reset(task, description=f"{month}  looking for what has changed", total=None)
    plan = runner.plan(month, force=force)
    if plan.steps:
        bar.update(task, description=f"{month}  loading definitions", total=len(plan.assets))
    return runner.execute(plan, on_event)


def _summary(done: "MonthRun") -> str:
    if not done.assets:
        since = f" since it was run on {done.unchanged_since:%Y-%m-%d %H:%M}" if done.unchanged_since else ""
        return f"= {done.month}  nothing has changed{since} (--force runs it again)"
    refused = f", {done.files_refused} refused" if done.files_refused else ""
    rows = f"{done.rows_read:,} rows read = {done.rows_loaded:,} loaded + {done.rows_rejected:,} rejected"
    return f"✓ {done.month}  {done.files} files{refused}, {rows}"


def _failure_lines(failures: Iterable[Any]) -> Iterator[str]:
    """The checks that did not hold; datasets of which nothing came share one line, the first."""
    from expectations.completeness import NOTHING_SUBMITTED

    silent = [one.asset.partition("/")[2] for one in failures if one.description.startswith(NOTHING_SUBMITTED)]
    if silent:
        yield f"  ! {NOTHING_SUBMITTED}: {', '.join(silent)}"
    yield from (_failure_line(one) for one in failures if not one.description.startswith(NOTHING_SUBMITTED))


def _failure_line(failure: Any) -> str:
    """One line for the check, one for each rule that did not hold, one for each row that the check quotes."""
    mark = "✗" if failure.is_error else "!"
    lines = [f"  {mark} {failure.asset} · {failure.check}"]
    for rule in filter(None, failure.description.split(" / ")):
        told, *quoted = rule.split(" — ")
        lines += [f"      {' — '.join([told, *quoted[:1]])}", *(f"        {row}" for row in quoted[1:])]
    return "\n".join(lines)


@app.command()
def kpi(
    fiscal_year: Annotated[int | None, typer.Option(help="Fiscal year; default: that of --as-of.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Month YYYY-MM; default: the newest run.", callback=_month)] = None,
    branch: Annotated[str | None, typer.Option(help="Branch code (00 is 協会全体) or name.")] = None,
    kpi_id: Annotated[str | None, typer.Option("--kpi", help="KPI id or Japanese name.")] = None,
    format_: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
) -> None:
    """Show published KPIs: for each the newest figure not after --as-of, judged.

    Example: [bold]kenpo kpi --fiscal-year 2025 --branch 13 --format csv[/]
    """
    if format_ not in ("table", "csv", "json"):
        raise typer.BadParameter(f"--format {format_}: choose table, csv or json")
    with _told():
        from kenpo_pipelines import kpi_report
        from kenpo_pipelines.serving.queries import newest_month, published_months, scorecard_rows

        settings = load()
        catalogue = _catalogue(settings)
        branch_code = _branch_code(catalogue, branch)
        found_kpi = None if kpi_id is None else catalogue.find_kpi(kpi_id)
        if kpi_id is not None and found_kpi is None:
            raise typer.BadParameter(f"--kpi {kpi_id}: the catalogue has no such KPI")
        engine = _database(settings)
        if fiscal_year is None:
            month = as_of or newest_month(engine)
            fiscal_year = None if month is None else fiscal.fiscal_year_of(month)
        rows = scorecard_rows(engine, as_of, fiscal_year, branch_code, found_kpi.id if found_kpi else None)
        if not rows:
            months = ", ".join(published_months(engine))
            if not months:
                _fail("Nothing is published yet; run a month first, for example: kenpo run --month 2025-06")
            asked = f" up to {as_of}" if as_of else ""
            _fail(
                f"Nothing is published for fiscal year {fiscal_year}{asked} and this choice. Published months: {months}"
            )
        if format_ == "csv":
            print(kpi_report.to_csv(rows), end="")
        elif format_ == "json":
            print(kpi_report.to_json(rows))
        else:
            from kenpo_pipelines.terminal import scorecard_tables

            for table in scorecard_tables(rows, out.width):
                out.print(table)


def _branch_code(catalogue: Any, text: str | None) -> str | None:
    if text is None:
        return None
    for branch in catalogue.branches:
        if text in (branch.code, branch.name, branch.short_name):
            return str(branch.code)
    raise typer.BadParameter(f"--branch {text}: there is no such branch; give a code from 00 to 47 or a name")


def _database(settings: Settings) -> Any:
    from kenpo_pipelines.serving.database import connect
    from kenpo_pipelines.serving.migrate import upgrade

    if settings.database_url is None and not settings.sqlite_file.exists():
        _fail(
            f"Nothing is published yet in {settings.sqlite_file}; run a month first, for example: kenpo run --month 2025-06"
        )
    engine = connect(settings.sql_url)
    upgrade(engine)
    return engine


@app.command()
def scorecard(
    as_of: Annotated[str | None, typer.Option(help="Month YYYY-MM; default: the newest run.", callback=_month)] = None,
    branch: Annotated[str | None, typer.Option(help="Branch code or name; default: all, and the comparison.")] = None,
) -> None:
    """Write the workbooks again from what is published, and print their paths.

    Example: [bold]kenpo scorecard --as-of 2025-06 --branch 13[/]
    """
    with _told():
        from kenpo_pipelines.scorecards.publication import write_scorecards
        from kenpo_pipelines.terminal import progress_bar

        settings = load()
        catalogue = _catalogue(settings)
        branch_code = _branch_code(catalogue, branch)
        with progress_bar(err) as bar:
            task = bar.add_task("Scorecards", total=None)
            paths = write_scorecards(
                _database(settings),
                settings.outputs_dir,
                catalogue,
                as_of,
                branch_code,
                on_file=lambda name, total: bar.update(task, description=name, total=total, advance=1),
            )
        for path in paths:
            print(path)


@app.command()
def synth(
    month: MonthOption,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder to write to; empty, or of an earlier kenpo synth.")],
    first: Annotated[
        str | None, typer.Option("--from", help="First reporting month (default: --month alone).", callback=_month)
    ] = None,
    claims: Annotated[int, typer.Option(help="Claims of the nation in --month; the rest follows.", min=1)] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed writes the same files.", min=0)] = 1,
    dirty: Annotated[float, typer.Option(help="Per cent of rows that are dirty as real ones are; 0: none.")] = 1.0,
    encoding: Annotated[str, typer.Option(help="cp932 or utf-8.")] = "cp932",
    held_back: Annotated[
        str | None, typer.Option(help="Branch whose benefit_decisions have more than 1 % of faulty rows in --month.")
    ] = None,
) -> None:
    """Write made-up submissions of 47 branches, and their true KPI values in truth.csv.

    Example: [bold]kenpo synth --from 2025-04 --month 2025-06 --out /tmp/synthetic[/]
    """
    from decimal import Decimal

    from kenpo_pipelines.synthetic.generate import generate
    from kenpo_pipelines.synthetic.plan import DATASETS, Plan, SynthRefused
    from kenpo_pipelines.synthetic.profile import ProfileError, load_profile
    from kenpo_pipelines.terminal import progress_bar

    with _told():
        settings = load()
        catalogue = _catalogue(settings)
        try:
            branch = _branch_code(catalogue, held_back)
            plan = Plan(load_profile(), month, first or month, claims, seed, Decimal(str(dirty)), encoding, branch)
            with progress_bar(err) as bar:
                task = bar.add_task("Synthetic submissions", total=None)
                written = generate(
                    plan,
                    _contracts(settings),
                    catalogue,
                    out_dir,
                    on_file=lambda name, total: bar.update(task, description=name, total=total, advance=1),
                )
        except (ProfileError, SynthRefused) as refused:
            _fail(str(refused))
        out.print(f"[bold]{len(written.files)}[/] files of made-up data are in {out_dir}")
        for dataset in DATASETS:
            out.print(f"  {dataset:<20} {written.rows(dataset):>12,} rows", markup=False)
        out.print(f"  {'truth.csv':<20} {written.truth_lines:>12,} true values as of {month}", markup=False)
        command = f"{Path(sys.argv[0])}"
        run_command = f"run --month {month}" if plan.first == month else f"backfill --from {plan.first} --to {month}"
        out.print("[bold]Use[/]")
        out.print(f"  mkdir -p {settings.landing_dir}", markup=False)
        folders = f"{out_dir}/{{{','.join(DATASETS)}}}"
        out.print(
            f"  cp -a {folders} {settings.landing_dir}    # -a keeps the times at which files arrived", markup=False
        )
        out.print(f"  {command} {run_command}", markup=False)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Start Dagster's web server and daemon on 127.0.0.1.

    Example: [bold]kenpo ui[/]
    """
    with _told():
        from kenpo_pipelines.running import prepare_home

        settings = load()
        prepare_home(settings)
        environment = os.environ | {"DAGSTER_HOME": str(settings.dagster_dir), "KENPO_HOME": str(settings.home_dir)}
        workspace = settings.project_dir / "workspace.yaml"
        out.print(f"Dagster is starting on http://127.0.0.1:{port} (stop it with Ctrl-C)")
        command = ["dagster", "dev", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)]
        os.execvpe(str(Path(sys.executable).with_name("dagster")), command, environment)
