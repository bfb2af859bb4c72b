"""Who is late: which branches have not submitted which dataset, by its due date and what the lake holds.

What lives here: what is expected by a day, what has come, and the difference. What does not: telling it
(``lateness_check``), due dates (``dataset.due`` in ``expectations/*.yml``), judging what is in the files that came.
"""

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Branch
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Relation
from kenpo_pipelines.submissions.accounts import SAME_FILE_AGAIN
from kenpo_pipelines.submissions.contract import ColumnType, Contract
from kenpo_pipelines.submissions.partitions import LEDGER, QUARANTINE, RAW

_STANDING = Relation("staging", "stg_submissions")
"""Which submission of a branch counts, and which branches are held back."""


_FEW = 10
"""So many branches are named at most where the others are meant."""


class Reason(StrEnum):
    """Why nothing of a branch counts."""

    NOT_SUBMITTED = "not_submitted"
    UNREADABLE = "unreadable"
    UNUSABLE = "unusable"


REASON_TEXT: Mapping[Reason, str] = {
    Reason.NOT_SUBMITTED: "未提出",
    Reason.UNREADABLE: "提出されたファイルを読み取れない（再提出が必要）",
    Reason.UNUSABLE: "提出された行に誤りがあり、集計に使えない（訂正が必要）",
}


@dataclass(frozen=True, order=True)
class Late:
    """One branch that is late with one dataset. ``period`` is the reporting month ``YYYY-MM`` or the fiscal year ``YYYY``."""

    period: str
    dataset: str
    branch_code: str
    due_on: dt.date
    reason: Reason


@dataclass(frozen=True)
class LateLine:
    """A line of the list for people, in Japanese: one period, dataset and reason, with the branches that it is about."""

    period: str
    dataset: str
    due_on: dt.date
    reason: str
    branches: str
    count: int


@dataclass(frozen=True)
class Arrived:
    """What has come of one dataset and period, as branch codes.

    ``counted``: branches with rows that count, in files of their own or of head office. ``unusable``: all of the branch's rows
    are in quarantine, or it is held back. ``unreadable``: a file that names the branch could not be read.
    """

    counted: frozenset[str] = frozenset()
    unusable: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()


@dataclass(frozen=True, order=True)
class Expected:
    """What every branch submits for one period, by the end of ``due_on``."""

    period: str
    dataset: str
    due_on: dt.date


def who_is_late(expected: Expected, arrived: Arrived, branches: Iterable[str], today: dt.date) -> list[Late]:
    """Return the branches that are late on ``today``, in code order; on the due date itself nobody is."""
    if today <= expected.due_on:
        return []
    return [
        Late(expected.period, expected.dataset, code, expected.due_on, _reason(arrived, code))
        for code in sorted(branches)
        if code not in arrived.counted
    ]


def expected_by(lake: Lake, contracts: Mapping[str, Contract], today: dt.date, months_back: int) -> list[Expected]:
    """Return what fell due before ``today``: in its month and the ``months_back`` - 1 months before, by period and dataset."""
    this_month = f"{today:%Y-%m}"
    due_months = list(fiscal.month_range(fiscal.add_months(this_month, 1 - months_back), this_month))
    found: list[Expected] = []
    for contract in contracts.values():
        periods = [period for month in due_months if (period := _period_due_in(month, contract)) is not None]
        found += expected_of(lake, contract, periods)
    return sorted(one for one in found if one.due_on < today)


def expected_of(lake: Lake, contract: Contract, periods: Iterable[str]) -> list[Expected]:
    """Return what is expected of one dataset for the periods; nothing where no due date holds.

    A dataset is followed from the first month of which the lake holds a submission that was loaded: an installation does not
    ask for its past, nor for what nobody has ever submitted.
    """
    due, first = contract.dataset.due, _first_month(lake, contract)
    if due is None or first is None:
        return []
    is_monthly = contract.dataset.folder == "month"
    followed_since = first if is_monthly else str(fiscal.fiscal_year_of(first))
    length = len(followed_since)
    due_on = {period: due.day(period) for period in periods if len(period) == length and period >= followed_since}
    return [Expected(period, contract.dataset.id, day) for period, day in due_on.items() if day >= due.since]


def arrived(lake: Lake, contract: Contract, period: str, branches: Iterable[Branch]) -> Arrived:
    """Return what the lake holds of a period; a month that was never run holds nothing.

    The branch of a file that cannot be read is known where exactly one branch is named in the file's name.
    """
    dataset, month = contract.dataset.id, period
    if contract.dataset.folder != "month":
        # every run reads all files of a yearly dataset: the newest one knows most
        month = next(reversed(lake.months(LEDGER, dataset)), "")
    if month not in lake.months(LEDGER, dataset):
        return Arrived()
    codes = {branch.code for branch in branches if branch.code != NATION}
    ledger = [row for row in lake.read(LEDGER, dataset, month).to_pylist() if row["known_month"] == period]
    if contract.dataset.record_level:
        came = {one["branch_code"] for row in ledger for one in row["branches"] if one["rows_read"]}
        loaded = {one["branch_code"] for row in ledger for one in row["branches"] if one["rows_loaded"]}
        counted = loaded - _held_back(lake, dataset, month)
    else:
        counted = _branches_of(lake, RAW, contract, month, period)
        came = counted | _branches_of(lake, QUARANTINE, contract, month, period)
    refused = [row["file"] for row in ledger if row["status"] == "refused" and row["fault"] != SAME_FILE_AGAIN]
    return Arrived(
        counted=frozenset(counted & codes),
        unusable=frozenset((came - counted) & codes),
        unreadable=frozenset(code for file in refused if (code := _branch_named(file, branches)) is not None),
    )


def late_branches(
    lake: Lake,
    contracts: Mapping[str, Contract],
    branches: Collection[Branch],
    expected: Iterable[Expected],
    today: dt.date,
) -> list[Late]:
    """Return who is late with what of ``expected``, by period, dataset and branch."""
    codes = [branch.code for branch in branches if branch.code != NATION]
    late = []
    for one in expected:
        late += who_is_late(one, arrived(lake, contracts[one.dataset], one.period, branches), codes, today)
    return sorted(late)


def late_lines(late: Iterable[Late], contracts: Mapping[str, Contract], branches: Iterable[Branch]) -> list[LateLine]:
    """Return the list for people, by period and dataset. Where nearly all branches are late, the others are named."""
    names = {branch.code: f"{branch.code}{branch.short_name}" for branch in branches if branch.code != NATION}
    groups: dict[tuple[str, str, dt.date, Reason], list[str]] = {}
    for one in sorted(late):
        groups.setdefault((one.period, one.dataset, one.due_on, one.reason), []).append(names[one.branch_code])
    return [
        LateLine(
            period=fiscal.period_label(period),
            dataset=contracts[dataset].dataset.name_ja,
            due_on=due_on,
            reason=REASON_TEXT[reason],
            branches=_branches_text(found, list(names.values())),
            count=len(found),
        )
        for (period, dataset, due_on, reason), found in groups.items()
    ]


def _reason(arrived: Arrived, code: str) -> Reason:
    if code in arrived.unusable:
        return Reason.UNUSABLE
    return Reason.UNREADABLE if code in arrived.unreadable else Reason.NOT_SUBMITTED


def _first_month(lake: Lake, contract: Contract) -> str | None:
    """The first month whose run found a submission of the dataset that could be loaded."""
    dataset = contract.dataset.id
    for month in lake.months(LEDGER, dataset):
        if "loaded" in lake.read(LEDGER, dataset, month).column("status").to_pylist():
            return month
    return None


def _branches_text(found: Sequence[str], every: Sequence[str]) -> str:
    others = [name for name in every if name not in found]
    if not others:
        return f"全{len(every)}支部"
    return f"{' '.join(others)} を除く全支部" if len(others) <= _FEW else " ".join(found)


def _period_due_in(month: str, contract: Contract) -> str | None:
    """The period of the dataset that falls due in a month."""
    due = contract.dataset.due
    if due is None:
        return None
    if due.month is None:
        return fiscal.add_months(month, -1)
    return str(fiscal.fiscal_year_of(month)) if fiscal.split_month(month)[1] == due.month else None


def _branches_of(lake: Lake, layer: str, contract: Contract, month: str, period: str) -> set[str]:
    """Branches with rows in raw or quarantine; of a yearly dataset those of the fiscal year."""
    table = lake.read(layer, contract.dataset.id, month)
    if contract.dataset.folder == "month":
        return set(table.column("branch_code").to_pylist())
    year = contract.column_of(ColumnType.FISCAL_YEAR)
    column, wanted = ("known_month", period) if layer == QUARANTINE or year is None else (year.name, int(period))
    pairs = zip(table.column(column).to_pylist(), table.column("branch_code").to_pylist(), strict=True)
    return {code for value, code in pairs if value == wanted}


def _held_back(lake: Lake, dataset: str, month: str) -> set[str]:
    if month not in lake.months(_STANDING.layer, _STANDING.name):
        return set()
    rows = lake.read(_STANDING.layer, _STANDING.name, month).to_pylist()
    return {row["branch_code"] for row in rows if row["dataset"] == dataset and row["status"] == "held_back"}


def _branch_named(file: str, branches: Iterable[Branch]) -> str | None:
    """The branch named in a file's name (東京 is found before 京都 in 東京都); None where it is none, or more than one."""
    own = [branch for branch in branches if branch.code != NATION]
    code_of = {branch.short_name: branch.code for branch in own} | {
        branch.name_en.lower(): branch.code for branch in own
    }
    names = [re.escape(branch.short_name) for branch in own]
    names += [rf"(?<![a-z]){re.escape(branch.name_en.lower())}(?![a-z])" for branch in own]
    codes = {code_of[name] for name in re.findall("|".join(names), file.lower())}
    return codes.pop() if len(codes) == 1 else None
