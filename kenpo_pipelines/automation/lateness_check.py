"""The daily check of late branches: its job, its schedule, and what it tells.

What lives here: what is news since the last check, the alerts of it, and the table that a run shows. What does not: who is late
(``lateness``), keeping and sending alerts (``kenpo_pipelines.serving.outbox``, ``alerting``).

It is a job and no sensor, because people want to look at the list: each run shows it, and so does the page of each landing
asset; a run that failed is told and can be started again. What was told is remembered by period, branch and dataset, in the
transaction that queues the alerts.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.alerting.telling import Teller
from kenpo_pipelines.automation.environments import Environment
from kenpo_pipelines.automation.lateness import (
    REASON_TEXT,
    Expected,
    Late,
    LateLine,
    expected_by,
    expected_of,
    late_branches,
    late_lines,
)
from kenpo_pipelines.automation.schedules import cron_of, unread_months
from kenpo_pipelines.catalogue.model import Branch
from kenpo_pipelines.serving import outbox
from kenpo_pipelines.serving.faults import PassingFault
from kenpo_pipelines.serving.outbox import Alert
from kenpo_pipelines.submissions.contract import Contract
from resources.installation import Installation

LATENESS_CHECK = "lateness_check"
LATENESS_SCHEDULE = "lateness_check_on_business_days"
LATE, ARRIVED = "late", "arrived"
"""What was last told of a period, branch and dataset."""

_OP = "list_late_branches"
_PREFIX = "lateness/"
_LANDING = "landing"
_RETRIES, _FIRST_WAIT_S = 3, 60
_ASK = "支部に連絡し、届いたファイルは kenpo submit で提出してください。その月は計算し直されます。"
_UNREAD = "この月には、まだ取り込まれていないファイルがあります。取り込みが済むと、届いたものは次の確認で除かれます。"


@dataclass(frozen=True, order=True)
class Arrival:
    """A submission that was told to be late and has come."""

    period: str
    dataset: str
    branch_code: str


@dataclass(frozen=True)
class News:
    """What has changed since the last check, with the states that remember it."""

    late: tuple[Late, ...]
    arrived: tuple[Arrival, ...]

    @property
    def states(self) -> dict[str, str]:
        """What is to be remembered, by subject."""
        late = {_subject(one.period, one.branch_code, one.dataset): LATE for one in self.late}
        return late | {_subject(one.period, one.branch_code, one.dataset): ARRIVED for one in self.arrived}


class LatenessConfig(dg.Config):
    """``today``: the day to check as of, YYYY-MM-DD; the running day in Tokyo when it is empty."""

    today: str = ""


def news(late: Iterable[Late], looked_at: Iterable[Expected], told: Mapping[str, str]) -> News:
    """Compare who is late with what was told. Each late submission is news once, and its arrival is, once.

    What was not looked at is no news. A submission that came, was told and is lacking again is late anew.
    """
    late = sorted(late)
    is_late = {_subject(one.period, one.branch_code, one.dataset) for one in late}
    periods = {(one.period, one.dataset) for one in looked_at}
    arrived = [
        Arrival(period, dataset, branch_code)
        for subject, (period, branch_code, dataset) in ((subject, _parts(subject)) for subject in told)
        if told[subject] == LATE and subject not in is_late and (period, dataset) in periods
    ]
    unknown = [one for one in late if told.get(_subject(one.period, one.branch_code, one.dataset)) != LATE]
    return News(tuple(unknown), tuple(sorted(arrived)))


def alerts_of(
    found: News,
    contracts: Mapping[str, Contract],
    branches: Iterable[Branch],
    *,
    today: dt.date,
    now: dt.datetime,
    link: str,
    unread: Collection[str] = (),
) -> list[Alert]:
    """Return one alert per branch and period of what is late and one of what has come, those of a day in one group each.

    ``unread`` names the months that have files which no run has read yet.
    """
    by_code = {branch.code: branch for branch in branches}
    late: dict[tuple[str, str], list[Late]] = {}
    for one in found.late:
        late.setdefault((one.period, one.branch_code), []).append(one)
    arrived: dict[tuple[str, str], list[Arrival]] = {}
    for arrival in found.arrived:
        arrived.setdefault((arrival.period, arrival.branch_code), []).append(arrival)

    def alert(
        state: str, period: str, branch: Branch, datasets: Sequence[str], title: str, lines: Sequence[str]
    ) -> Alert:
        return Alert(
            key=f"{state}:{period}:{branch.code}:{today}:{','.join(datasets)}",
            kind="branches_late" if state == LATE else "branch_arrived",
            severity=outbox.WARNING if state == LATE else outbox.INFO,
            group=f"{state}:{today}",
            month=period if len(period) == len("YYYY-MM") else None,
            dataset=datasets[0] if len(datasets) == 1 else "",
            subject=branch.code,
            title=f"{branch.name}：{fiscal.period_label(period)}の{title}",
            lines=tuple(lines),
            link=link,
            occurred_at=now,
            branches=(f"{branch.code} {branch.name}",),
        )

    alerts = []
    for (period, code), ones in sorted(late.items()):
        lines = [
            f"{contracts[one.dataset].dataset.name_ja}：期限 {one.due_on}、{REASON_TEXT[one.reason]}" for one in ones
        ]
        lines += [_UNREAD] if period in unread else []
        datasets = [one.dataset for one in ones]
        alerts.append(alert(LATE, period, by_code[code], datasets, "提出がそろっていません", [*lines, _ASK]))
    for (period, code), came in sorted(arrived.items()):
        lines = [f"{contracts[one.dataset].dataset.name_ja}：届きました" for one in came]
        datasets = [one.dataset for one in came]
        alerts.append(alert(ARRIVED, period, by_code[code], datasets, "遅れていた提出が届きました", lines))
    return alerts


def lateness_job(environment: Environment, teller: Teller, ui_url: str) -> dg.JobDefinition:
    """Return the job that lists late branches, tells what is news of them, and shows the list in its run."""

    @dg.op(name=_OP, description="Branches that have not submitted what is due, and what is news of them.")
    def list_late_branches(
        context: dg.OpExecutionContext, config: LatenessConfig, installation: dg.ResourceParam[Installation]
    ) -> None:
        today = dt.date.fromisoformat(config.today) if config.today else fiscal.today()
        contracts, branches = installation.contracts, installation.catalogue.branches
        try:
            database = installation.database()
            told = outbox.states(database, _PREFIX)
            looked_at = _looked_at(installation, told, today, environment.lateness_months_back)
            late = late_branches(installation.lake, contracts, branches, looked_at, today)
            found = news(late, looked_at, told)
            unread = unread_months(installation, context.log, before=f"{today:%Y-%m}")
            alerts = alerts_of(
                found,
                contracts,
                branches,
                today=today,
                now=dt.datetime.now(dt.UTC),
                link=f"{ui_url.rstrip('/')}/runs/{context.run_id}",
                unread=unread,
            )
            told_now = teller.tell(database, alerts, found.states)
        except PassingFault as fault:
            wait = _FIRST_WAIT_S * 2**context.retry_number
            raise dg.RetryRequested(max_retries=_RETRIES, seconds_to_wait=wait) from fault
        for dataset in sorted({one.dataset for one in looked_at}):
            of_dataset = late_lines((one for one in late if one.dataset == dataset), contracts, branches)
            context.log_event(dg.AssetObservation(dg.AssetKey([_LANDING, dataset]), metadata=_metadata(of_dataset)))
        context.add_output_metadata(
            {**_metadata(late_lines(late, contracts, branches)), "as_of": f"{today}", "alerts": told_now}
        )

    @dg.job(
        name=LATENESS_CHECK,
        description="Which branches have not submitted what is due. The list is in the output of the only step.",
    )
    def lateness_check() -> None:
        list_late_branches()

    return lateness_check


def lateness_schedule(environment: Environment) -> dg.ScheduleDefinition:
    """Return the schedule that looks for late branches on every business day, when people are there to call them."""

    @dg.schedule(
        name=LATENESS_SCHEDULE,
        job_name=LATENESS_CHECK,
        cron_schedule=cron_of(environment.lateness_at),
        execution_timezone=environment.timezone,
        default_status=environment.schedule_status,
        description="Looks for branches that have not submitted what is due, and tells each of them once.",
    )
    def lateness_check_on_business_days(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = context.scheduled_execution_time.astimezone(fiscal.TOKYO).date()
        if not fiscal.is_business_day(today):
            return dg.SkipReason(f"{today} is no business day in Japan")
        return dg.RunRequest(run_key=f"{today}", run_config={"ops": {_OP: {"config": {"today": f"{today}"}}}})

    return lateness_check_on_business_days


def _looked_at(installation: Installation, told: Mapping[str, str], today: dt.date, months_back: int) -> list[Expected]:
    """What fell due in the months looked at, and whatever older was told to be late and has not come yet."""
    lake, contracts = installation.lake, installation.contracts
    expected = set(expected_by(lake, contracts, today, months_back))
    older = {(dataset, period) for period, _, dataset in (_parts(one) for one in told if told[one] == LATE)}
    for dataset, period in older:
        expected |= set(expected_of(lake, contracts[dataset], [period])) if dataset in contracts else set()
    return sorted(one for one in expected if one.due_on < today)


def _metadata(lines: Sequence[LateLine]) -> dict[str, dg.MetadataValue]:
    columns = {
        "期間": "period",
        "データ": "dataset",
        "期限": "due_on",
        "状態": "reason",
        "支部数": "count",
        "支部": "branches",
    }
    rows = [{title: getattr(line, name) for title, name in columns.items()} for line in lines]
    records = [dg.TableRecord(row | {"期限": f"{row['期限']}"}) for row in rows]
    schema = dg.TableSchema([dg.TableColumn(title, "int" if title == "支部数" else "string") for title in columns])
    return {
        "late_branches": dg.MetadataValue.table(records, schema),
        "late_submissions": dg.MetadataValue.int(sum(line.count for line in lines)),
    }


def _subject(period: str, branch_code: str, dataset: str) -> str:
    return f"{_PREFIX}{period}/{branch_code}/{dataset}"


def _parts(subject: str) -> tuple[str, str, str]:
    period, branch_code, dataset = subject.removeprefix(_PREFIX).split("/")
    return period, branch_code, dataset
