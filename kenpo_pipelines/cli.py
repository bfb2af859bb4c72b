"""The command ``kenpo``.

What lives here: commands, their options, and what people read. What does not: any work. Branch staff read Japanese, data
engineers English. Exit codes: 0 done, 1 refused or failed, 2 wrong use. Heavy imports happen inside the commands.
"""

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
    if text is None or re.fullmatch("20[0-9]{2}", text):
        return text
    return _run_month(text)


MonthOption = Annotated[str, typer.Option("--month", help="Reporting month, YYYY-MM.", callback=_run_month)]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Do all the work again, whether anything has changed or not.")
]


def _program() -> str:
    """The command as it was called, for people to copy."""
    return str(Path(sys.argv[0]))


def _fail(message: str) -> NoReturn:
    err.print(message, style="bold red", markup=False)
    raise typer.Exit(1)


@contextmanager
def _told() -> Iterator[None]:
    """Turn the project's own errors into one message and exit code 1; anything else is a bug and keeps its traceback."""
    from expectations.suite import SuiteError
    from kenpo_pipelines.automation.alerting.channels import ChannelError
    from kenpo_pipelines.automation.alerting.selections import SelectionError
    from kenpo_pipelines.catalogue.model import CatalogueError
    from kenpo_pipelines.lake import LakeError
    from kenpo_pipelines.models import ModelError
    from kenpo_pipelines.scorecards.rows import ScorecardError
    from kenpo_pipelines.serving.faults import ServingError
    from kenpo_pipelines.spark_sql import UntranslatableSQL
    from kenpo_pipelines.submissions.contract import ContractError
    from kenpo_pipelines.submissions.landing import LandingError

    known = (
        CatalogueError,
        ChannelError,
        ContractError,
        LakeError,
        LandingError,
        ModelError,
        ScorecardError,
        SelectionError,
        ServingError,
        SettingsError,
        SuiteError,
        UntranslatableSQL,
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
        _run_months(settings, list(example.MONTHS), again=lambda left: f"{_program()} demo")
        _tell_what_to_open(settings, example.MONTHS[-1])


def _tell_what_to_open(settings: Settings, month: str) -> None:
    folder = settings.outputs_dir / month
    tokyo = next(folder.glob("scorecard_*_13_*.xlsx"))
    command = _program()
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
        from kenpo_pipelines.submissions.landing_store import landing_of
        from kenpo_pipelines.submissions.outside import shown_name
        from kenpo_pipelines.submissions.submit import submit_file

        settings = load()
        contracts = _contracts(settings)
        catalogue = _catalogue(settings)
        branch_code = _branch_code(catalogue, branch)
        has_refused = False
        for file in files:
            name = shown_name(file.name)
            contract = _contract_of(file, dataset, contracts)
            if contract is None:
                has_refused = True
                continue
            try:
                done = submit_file(file, landing_of(settings), contract, catalogue, month, branch_code)
            except LandingError as error:
                err.print(f"× {name}：{error}", markup=False)
                has_refused = True
                continue
            _print_submission(done.submission)
            if not done.place:
                err.print(f"× {name} は提出していません。上の行を直して、もう一度提出してください。", markup=False)
                has_refused = True
            elif done.is_new:
                out.print(f"○ {name} を提出しました（{done.place}）", markup=False)
            else:
                out.print(f"○ {name} と同じ内容のファイルは提出済みです（{done.place}）", markup=False)
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
    report: Annotated[
        Path | None,
        typer.Option(
            help="Also write the sheet with its faulty cells marked and explained, to this .html or .xlsx.",
            metavar="OUT",
        ),
    ] = None,
) -> None:
    """Check a file before it is submitted; problems in Japanese with sheet, row and column. Writes nothing but the report.

    Example: [bold]kenpo check-file results.xlsx --report 確認結果.html[/]
    """
    with _told():
        from kenpo_pipelines.submissions.outside import shown_name
        from kenpo_pipelines.submissions.submit import check
        from kenpo_pipelines.submissions.verdict import is_refused

        settings = load()
        if report is not None:
            _refuse_report_place(report, file, settings)
        contract = _contract_of(file, dataset, _contracts(settings))
        if contract is None:
            if report is not None:
                _write_check_report(report, file, dataset, None, None, month, settings)
            raise typer.Exit(1)
        submission = check(file, contract, _catalogue(settings), month)
        _print_submission(submission)
        if report is not None:
            _write_check_report(report, file, dataset, contract, submission, month, settings)
        if is_refused(submission):
            out.print(f"× {shown_name(file.name)} には直すところがあります。", markup=False)
            raise typer.Exit(1)
        out.print(f"○ {shown_name(file.name)} は提出できます。", markup=False)


def _refuse_report_place(report: Path, file: Path, settings: Settings) -> None:
    """Exit code 2 for a report of another kind, over the file itself, or in landing."""
    from kenpo_pipelines.scorecards.check_report.writing import ReportRefused, refuse_place

    try:
        refuse_place(report, file, settings.landing_dir)
    except ReportRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="--report") from refused


def _write_check_report(
    out_file: Path,
    file: Path,
    dataset: str | None,
    contract: "Contract | None",
    submission: Any,
    month: str | None,
    settings: Settings,
) -> None:
    """Write the report and print its path; without a contract, of a file that could not be recognised."""
    import datetime as dt

    from kenpo_pipelines.scorecards.check_report.making import report_of_check, report_of_unknown
    from kenpo_pipelines.scorecards.check_report.writing import provenance_of, room_for, write_report
    from kenpo_pipelines.submissions.submit import period_of, recognise
    from kenpo_pipelines.version import code_version

    if contract is None:
        told = report_of_unknown(file, recognise(file, dataset, _contracts(settings))[1])
    else:
        told = report_of_check(file, contract, submission, period_of(contract, month), room_for(out_file))
    made_by = provenance_of(told, code_version(settings.project_dir), dt.datetime.now(dt.UTC))
    try:
        write_report(out_file, told, made_by)
    except OSError as error:
        _fail(f"{out_file} was not written: {error.strerror}")
    out.print(f"確認結果：{out_file}", markup=False)


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
    from kenpo_pipelines.submissions.messages import describe, describe_nothing, describe_refusal, describe_unlisted
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
    if nothing := describe_nothing(submission):
        out.print(f"  × {nothing}", markup=False)
    for notice in submission.notices:
        out.print(f"  ・{notice}", markup=False)


@app.command()
def run(
    month: MonthOption,
    force: ForceOption = False,
    renew_targets: Annotated[
        bool,
        typer.Option(
            "--renew-targets",
            help="Judge by the targets that are registered today, where published judgements kept theirs; this restates them.",
        ),
    ] = False,
) -> None:
    """Materialise what has changed of one month, and all that is made from it; a month without news is left alone.

    Months before it with submissions not yet read are run first.

    Example: [bold]kenpo run --month 2025-06[/]
    """
    with _told():
        from kenpo_pipelines.submissions.pending import pending_months
        from resources.installation import Installation

        settings = load()
        settings.require_pseudonym_key()
        installation = Installation.from_settings(settings)
        pending = pending_months(installation.lake, installation.listing(), installation.contracts, month)
        pending = [one for one in pending if one >= fiscal.FIRST_MONTH]
        if pending:
            out.print(f"Submissions of {', '.join(pending)} have not been read yet: these months are run first.")
        asked = {month}
        options = f"{' --force' if force else ''}{' --renew-targets' if renew_targets else ''}"
        _run_months(
            settings,
            [*pending, month],
            again=lambda left: f"{_program()} run --month {month}{options}",
            forced=asked if force else (),
            renewed=asked if renew_targets else (),
        )


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First reporting month, YYYY-MM.", callback=_run_month)],
    last: Annotated[str, typer.Option("--to", help="Last reporting month, YYYY-MM.", callback=_run_month)],
    force: ForceOption = False,
) -> None:
    """Materialise what has changed in a range of months, oldest first. Ctrl-C stops it; the same command goes on later.

    Example: [bold]kenpo backfill --from 2023-04 --to 2025-03[/]
    """
    if first > last:
        raise typer.BadParameter(f"--from {first} is after --to {last}")
    with _told():
        settings = load()
        settings.require_pseudonym_key()
        months = list(fiscal.month_range(first, last))
        _run_months(
            settings,
            months,
            again=lambda left: f"{_program()} backfill --from {left[0]} --to {last}{' --force' if force else ''}",
            forced=months if force else (),
        )


def _run_months(
    settings: Settings,
    months: list[str],
    *,
    again: Callable[[Sequence[str]], str],
    forced: Collection[str] = (),
    renewed: Collection[str] = (),
) -> None:
    """Run months with a progress bar; exit code 1 when one failed or Ctrl-C came, told with what is done and what is left.

    ``again`` makes of the months that are left the command that goes on with them.
    """
    from kenpo_pipelines import running
    from kenpo_pipelines.backfilling import run_months
    from kenpo_pipelines.terminal import progress_bar
    from resources.backfills import is_done_for_later_months
    from resources.installation import Installation

    installation = Installation.from_settings(settings)
    for path in installation.listing().unread:
        err.print(
            f"! landing/{path} is not read: files (no links) belong into <dataset>/<YYYY-MM>/ (yearly: <YYYY>/) of a dataset "
            f"that has a contract",
            markup=False,
        )
    with running.quiet(settings), progress_bar(err) as bar:
        whole = bar.add_task(f"{months[0]} … {months[-1]}", total=len(months), visible=len(months) > 1)
        task = bar.add_task("Looking for what has changed", total=None)
        runner = running.MonthRunner(settings)

        def on_done(done: "MonthRun") -> None:
            bar.advance(whole)
            bar.console.print(_summary(done), markup=False)
            for line in _failure_lines(done.failures):
                bar.console.print(line, markup=False)
            if outdated := [one for one in done.outdated_months if one not in months[months.index(done.month) :]]:
                bar.console.print(
                    f"  → {', '.join(outdated)} read what has changed: kenpo backfill --from {outdated[0]} --to {outdated[-1]}",
                    markup=False,
                )

        account = run_months(
            months,
            lambda month: _run_one(runner, month, bar, task, force=month in forced, renew_targets=month in renewed),
            on_done=on_done,
            on_failed=lambda month, why: bar.console.print(f"✗ {month} failed: {why}", style="bold red", markup=False),
            may_go_on_after=lambda month: is_done_for_later_months(installation, month),
        )
    if account.open:
        err.print("Stopped." if account.is_interrupted else "Not all is done.", style="bold red")
        for name, of_name in (("Done", account.done), ("Failed", account.failed), ("Left", account.left)):
            if of_name:
                err.print(f"  {name + ':':<8}{_spans(of_name)}", markup=False)
        if account.failed and account.left and not account.is_interrupted:
            err.print(f"  Months after {account.failed[-1]} read what it makes, so they were not run.", markup=False)
        err.print(f"  Go on with: {again(account.open)}", markup=False)
        raise typer.Exit(1)


def _spans(months: Sequence[str]) -> str:
    """The months in words: runs of consecutive ones by their ends."""
    spans: list[list[str]] = []
    for month in months:
        if spans and fiscal.add_months(spans[-1][-1], 1) == month:
            spans[-1].append(month)
        else:
            spans.append([month])
    return ", ".join(one[0] if len(one) == 1 else f"{one[0]} … {one[-1]} ({len(one)} months)" for one in spans)


def _run_one(runner: "MonthRunner", month: str, bar: Any, task: Any, *, force: bool, renew_targets: bool) -> "MonthRun":
    def on_event(kind: str, name: str) -> None:
        bar.update(task, description=f"{month}  {name}", advance=1 if kind == "asset" else 0)

    bar.reset(task, description=f"{month}  looking for what has changed", total=None)
    plan = runner.plan(month, force=force, renew_targets=renew_targets)
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

    silent = [one.asset.partition("/")[2] for one in failures if one.is_silence]
    if silent:
        yield f"  ! {NOTHING_SUBMITTED}: {', '.join(silent)}"
    yield from (_failure_line(one) for one in failures if not one.is_silence)


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
    history: Annotated[
        bool,
        typer.Option(
            "--history",
            help="Show which published values were restated (遡及訂正), and why; --as-of names the scorecard.",
        ),
    ] = False,
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
        if history:
            _print_restatements(engine, as_of, fiscal_year, branch_code, found_kpi.id if found_kpi else None, format_)
            return
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


def _print_restatements(
    engine: Any, as_of: str | None, fiscal_year: int | None, branch: str | None, kpi_id: str | None, format_: str
) -> None:
    from kenpo_pipelines import restatement_report
    from kenpo_pipelines.scorecards.restatement_words import NO_RESTATEMENTS
    from kenpo_pipelines.serving.restatement_queries import restatements
    from kenpo_pipelines.terminal import restatement_table

    found = restatements(engine, as_of=as_of, fiscal_year=fiscal_year, branch=branch, kpi=kpi_id)
    if format_ == "csv":
        print(restatement_report.to_csv(found), end="")
    elif format_ == "json":
        print(restatement_report.to_json(found))
    elif found:
        out.print(restatement_table(found))
    else:
        out.print(NO_RESTATEMENTS)


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
def late(
    month: Annotated[
        str | None,
        typer.Option(
            "--month",
            help="Reporting month YYYY-MM, or YYYY for yearly datasets; default: what fell due lately.",
            callback=_month_or_year,
        ),
    ] = None,
) -> None:
    """Show which branches have not submitted what is due, as far as runs have read it.

    Example: [bold]kenpo late --month 2025-06[/]
    """
    with _told():
        from kenpo_pipelines.automation.environments import environment
        from kenpo_pipelines.automation.lateness import expected_by, expected_of, late_branches, late_lines
        from kenpo_pipelines.lake import open_lake
        from kenpo_pipelines.terminal import late_table

        settings, today = load(), fiscal.today()
        lake = open_lake(settings.lake_dir, settings.lake_store, settings.lake_keep_hours)
        contracts, branches = _contracts(settings), _catalogue(settings).branches
        if month is None:
            expected = expected_by(lake, contracts, today, environment(settings).lateness_months_back)
        else:
            expected = [one for contract in contracts.values() for one in expected_of(lake, contract, [month])]
        late_ones = late_branches(lake, contracts, branches, expected, today)
        if late_ones:
            out.print(late_table(late_lines(late_ones, contracts, branches)))
        else:
            out.print("期限を過ぎて届いていない提出はありません")
        for one in expected:
            if one.due_on >= today:
                out.print(f"期限前：{contracts[one.dataset].dataset.name_ja}（{one.due_on}まで）", markup=False)


@app.command()
def alerts(
    pending: Annotated[bool, typer.Option("--pending", help="Only what some channel has not taken yet.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Send a test message to every channel now.")] = False,
    last: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
) -> None:
    """Show the newest alerts and what became of them; with --test, whether each channel takes a message.

    Example: [bold]kenpo alerts --pending[/]
    """
    with _told():
        from kenpo_pipelines.automation.alerting.telling import teller
        from kenpo_pipelines.serving.outbox import recent
        from kenpo_pipelines.terminal import alerts_table

        settings = load()
        telling = teller(settings)
        if not telling.channels:
            err.print(
                "KENPO_ALERT_URLS is not set: alerts are kept here and sent to nobody (docs/howto/set-up-alerts.md)"
            )
        if test:
            _test_channels(telling.channels, settings.env)
            return
        told = recent(_database(settings), last, only_waiting=pending)
        if told:
            out.print(alerts_table(told))
        else:
            out.print("送信を待っている通知はありません" if pending else "通知はまだありません")


def _test_channels(channels: Iterable[Any], environment: str) -> None:
    """Send a test message to each channel; exit code 1 when one of them does not take it, or there is none."""
    from kenpo_pipelines.automation.alerting.channels import send
    from kenpo_pipelines.automation.alerting.message import trial_message

    message = trial_message(environment)
    answers = []
    for channel in channels:
        error = send(channel, title=message.title, text=message.text, html=message.html, severity=message.severity)
        tags = ", ".join(sorted(channel.tags)) or "all"
        out.print(f"{'✗' if error else '✓'} {channel.name} ({tags}): {error or 'accepted'}", markup=False)
        answers.append(not error)
    if not answers or not all(answers):
        raise typer.Exit(1)


@app.command()
def scorecard(
    as_of: Annotated[str | None, typer.Option(help="Month YYYY-MM; default: the newest run.", callback=_month)] = None,
    branch: Annotated[str | None, typer.Option(help="Branch code or name; default: all, and the comparison.")] = None,
) -> None:
    """Write workbooks and pages again from what is published, and print their paths.

    Example: [bold]kenpo scorecard --as-of 2025-06 --branch 13[/]
    """
    with _told():
        from kenpo_pipelines.automation.late_on_scorecards import late_on_scorecards
        from kenpo_pipelines.lake import open_lake
        from kenpo_pipelines.scorecards.publication import write_scorecards
        from kenpo_pipelines.serving.queries import newest_month
        from kenpo_pipelines.submissions.contract import dataset_names
        from kenpo_pipelines.terminal import progress_bar

        settings = load()
        catalogue, contracts = _catalogue(settings), _contracts(settings)
        branch_code = _branch_code(catalogue, branch)
        engine = _database(settings)
        month = newest_month(engine, as_of)
        lake = open_lake(settings.lake_dir, settings.lake_store, settings.lake_keep_hours)
        late_ones = late_on_scorecards(engine, lake, contracts, catalogue.branches, month) if month else None
        with progress_bar(err) as bar:
            task = bar.add_task("Scorecards", total=None)
            paths = write_scorecards(
                engine,
                settings.outputs_dir,
                catalogue,
                as_of,
                branch_code,
                on_file=lambda name, total: bar.update(task, description=name, total=total, advance=1),
                late=late_ones,
                dataset_names=dataset_names(contracts),
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
        command = _program()
        run_command = f"run --month {month}" if plan.first == month else f"backfill --from {plan.first} --to {month}"
        out.print("[bold]Use[/]")
        folders = f"{out_dir}/{{{','.join(DATASETS)}}}"
        if settings.landing_url is None:
            out.print(f"  mkdir -p {settings.landing_dir}", markup=False)
            out.print(
                f"  cp -a {folders} {settings.landing_dir}    # -a keeps the times at which files arrived", markup=False
            )
        else:
            out.print(f"  copy {folders} to {settings.landing_url}    # the order of copying decides", markup=False)
        out.print(f"  {command} {run_command}", markup=False)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="For readers: nothing can be launched or changed; no daemon.")
    ] = False,
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
        program = ["dagster-webserver", "--read-only"] if read_only else ["dagster", "dev"]
        command = [*program, "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)]
        os.execvpe(str(Path(sys.executable).with_name(program[0])), command, environment)
