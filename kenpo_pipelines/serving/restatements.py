"""Restatements (遡及訂正): published values that a later publication of the same month changes, with what caused them.

What lives here: which changes of a publication are restatements, and which submissions, rules or decisions changed since the
publication before. What does not: publishing (``publish``), reading restatements (``restatement_queries``).

A restatement changes what a reader saw of a line: figure, numerator, denominator, month of the figure, target or judgement. A
rank, a note or a flag alone is none: ``kpi_facts_history`` has those too. A line that is published for the first time is none;
one that disappears is, and so is one that comes back.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.serving.rows import Row
from kenpo_pipelines.serving.schema import (
    kpi_facts,
    kpi_restatements,
    publications,
    restatement_files,
    submission_ledger,
    submission_ledger_history,
)

Key = tuple[Any, ...]
"""as_of, fiscal_year, branch_code, kpi_id."""

Feeds = Mapping[tuple[int, str], Collection[str]]
"""Record-level datasets by fiscal year and KPI; a KPI without an entry is fed by reports alone."""

_REPORTS, _TARGETS = "kpi_results", "kpi_targets"
_VALUE = ("value", "value_text", "numerator", "denominator", "figure_as_of")
_SHOWN = (*_VALUE, "target_text", "outcome")
_READ = ("status", "rows_read", "rows_loaded", "rows_rejected")
_FILE = ("dataset", "known_month", "file", "file_sha256")
_NOTHING: Row = {**dict.fromkeys(_SHOWN), "value_text": "", "target_text": "", "outcome": "", "source": ""}
_YEAR = 4
"""Length of a yearly folder's name."""


@dataclass(frozen=True, slots=True)
class Change:
    """A published line before and after: columns of ``kpi_facts`` and ``kpi_targets`` together; None: no such line."""

    key: Key
    old: Row | None
    new: Row | None
    is_target_renewed: bool = False


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A submission that appeared, was removed or is read otherwise since the publication before."""

    place: tuple[str, str, str, str]
    change: str
    branch_codes: frozenset[str]

    @property
    def dataset(self) -> str:
        """The dataset that it belongs to."""
        return self.place[0]

    def speaks_of(self, branch_code: str) -> bool:
        """True when the branch's figures may come from it; the nation's come from all, its targets may be for all."""
        if branch_code == NATION or not self.branch_codes:
            return True
        return branch_code in self.branch_codes or (self.dataset == _TARGETS and NATION in self.branch_codes)


def feeds_of(catalogue: Catalogue) -> dict[tuple[int, str], tuple[str, ...]]:
    """Return the record-level datasets of each KPI that is computed from records, by fiscal year and KPI."""
    return {
        (year.fiscal_year, kpi.id): version.computed_from.datasets
        for year in catalogue.fiscal_years
        for kpi in catalogue.kpis
        if (version := kpi.version(year.fiscal_year)) is not None and version.computed_from is not None
    }


def published_before(connection: Connection, month: str) -> dt.datetime | None:
    """Return when the month was published last; None when it never was. Ask before anything is written."""
    noted = select(publications.c.published_at).where(publications.c.month == month)
    newest = select(func.max(kpi_facts.c.published_at)).where(
        kpi_facts.c.as_of == month
    )  # before publications were noted
    found: dt.datetime | None = (
        connection.execute(noted).scalar_one_or_none() or connection.execute(newest).scalar_one()
    )
    return found


def keep_restatements(
    connection: Connection,
    month: str,
    changes: Sequence[Change],
    before: dt.datetime,
    feeds: Feeds,
    stamp: Mapping[str, Any],
) -> int:
    """Write the restatements among the changes, with their causes; return how many. Call it after all else is written."""
    withdrawn = _withdrawn(connection, month) if any(one.old is None for one in changes) else set()
    restated = [one for one in changes if _is_restated(one, withdrawn)]
    if not restated:
        return 0
    files = changed_files(connection, month, before)
    newest: int | None = connection.execute(select(func.max(kpi_restatements.c.restatement_id))).scalar_one()
    first = 1 + (newest or 0)
    rows, file_rows = [], []
    for number, change in enumerate(sorted(restated, key=lambda one: one.key), start=first):
        concerned = [one for one in files if one.dataset in _datasets(change, feeds) and one.speaks_of(change.key[2])]
        rows.append({"restatement_id": number, **_row(change, concerned, before, stamp)})
        file_rows += [
            {"restatement_id": number, **dict(zip(_FILE, one.place, strict=True)), "change": one.change}
            for one in concerned
        ]
    connection.execute(kpi_restatements.insert(), rows)
    if file_rows:
        connection.execute(restatement_files.insert(), file_rows)
    return len(rows)


def changed_files(connection: Connection, month: str, since: dt.datetime) -> list[ChangedFile]:
    """Return the submissions that a run of the month can see and that are not what they were at ``since``, in order.

    They are told by the ledger and its history, whichever month's run noted them: a file that came and went in between is
    none, nor is one that was refused from the start.
    """
    new, old = submission_ledger.c, submission_ledger_history.c
    now = _by_place(connection, submission_ledger, _seen_by(submission_ledger, month), new.published_at > since)
    was_there = (old.published_at <= since, old.replaced_at > since)
    then = _by_place(connection, submission_ledger_history, _seen_by(submission_ledger_history, month), *was_there)
    return list(_compared(then, now))


def _seen_by(table: Table, month: str) -> ColumnElement[bool]:
    folder = table.c.known_month
    return or_(folder <= month, func.length(folder) == _YEAR)


def _by_place(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> dict[Key, Row]:
    wanted = [table.c[name] for name in (*_FILE, *_READ, "branch_codes")]
    found = connection.execute(select(*wanted).where(*conditions)).mappings()
    return {tuple(row[name] for name in _FILE): {str(name): value for name, value in row.items()} for row in found}


def _compared(then: Mapping[Key, Row], now: Mapping[Key, Row]) -> Iterator[ChangedFile]:
    for place in sorted(then.keys() | now.keys()):
        old, new = then.get(place), now.get(place)
        if old is None and new is not None:
            change = "appeared" if new["status"] == "loaded" else ""
        elif new is None:
            change = "removed" if old is not None and old["status"] == "loaded" else ""
        else:
            change = "reread" if old is not None and any(old[name] != new[name] for name in _READ) else ""
        if change:
            codes = ",".join(row["branch_codes"] for row in (old, new) if row is not None).split(",")
            yield ChangedFile((place[0], place[1], place[2], place[3]), change, frozenset(codes) - {""})


def _withdrawn(connection: Connection, month: str) -> set[Key]:
    """Keys whose newest restatement took them off the month's scorecard."""
    key = [kpi_restatements.c[name] for name in ("as_of", "fiscal_year", "branch_code", "kpi_id")]
    query = select(*key, kpi_restatements.c.new_outcome).where(kpi_restatements.c.as_of == month)
    newest = {tuple(row[:-1]): row[-1] for row in connection.execute(query.order_by(kpi_restatements.c.restatement_id))}
    return {one for one, outcome in newest.items() if outcome == ""}


def _is_restated(change: Change, withdrawn: Collection[Key]) -> bool:
    if change.old is None:
        return change.key in withdrawn
    return change.new is None or any(change.old[name] != change.new[name] for name in _SHOWN)


def _datasets(change: Change, feeds: Feeds) -> set[str]:
    """The datasets that may have changed what is restated: those of the figure, those of the target."""
    fiscal_year, branch_code, kpi_id = change.key[1:]
    old, new = change.old or _NOTHING, change.new or _NOTHING
    wanted: set[str] = set()
    if any(old[name] != new[name] for name in _VALUE):
        records = set(feeds.get((fiscal_year, kpi_id), ()))
        is_computed = records and branch_code != NATION and {old["source"], new["source"]} <= {"computed", ""}
        wanted |= records if is_computed else records | {_REPORTS}
    if old["target_text"] != new["target_text"]:
        wanted.add(_TARGETS)
        if "prior_year" in (old.get("target_source"), new.get("target_source")):
            wanted |= {_REPORTS, *feeds.get((fiscal_year - 1, kpi_id), ())}
    return wanted


def _row(change: Change, files: Sequence[ChangedFile], before: dt.datetime, stamp: Mapping[str, Any]) -> Row:
    old, new = change.old or _NOTHING, change.new or _NOTHING
    old_code, new_code = old.get("code_version", stamp["code_version"]), stamp["code_version"]
    causes = _causes(change, files, old_code, new_code)
    return {
        **dict(zip(("as_of", "fiscal_year", "branch_code", "kpi_id"), change.key, strict=True)),
        **{f"old_{name}": old[name] for name in _SHOWN},
        **{f"new_{name}": new[name] for name in _SHOWN},
        "causes": ",".join(causes),
        "cause_text": "\n".join(causes.values()),
        "old_code_version": old_code,
        "new_code_version": new_code,
        "old_run_id": old.get("run_id", ""),
        "new_run_id": stamp["run_id"],
        "old_published_at": old.get("published_at", before),
        "restated_at": stamp["published_at"],
    }


def _causes(change: Change, files: Sequence[ChangedFile], old_code: str, new_code: str) -> dict[str, str]:
    """Return the causes by code, each in Japanese."""
    reread = [one for one in files if one.change == "reread"]
    targets = [one for one in files if one.dataset == _TARGETS and one not in reread]
    submissions = [one for one in files if one.dataset != _TARGETS and one not in reread]
    causes = {}
    if submissions:
        causes["submission"] = f"提出ファイルの変更（{_counted(submissions)}）"
    if targets:
        causes["target_registration"] = f"目標の登録の変更（{_counted(targets)}）"
    if change.is_target_renewed:
        causes["target_renewal"] = "公表済みの目標の改定（登録のとおりに改めました）"
    if reread:
        causes["reading"] = f"提出ファイルの読み取りの変更（{len(reread)}件）"
    if old_code != new_code:
        causes["code"] = f"プログラム・定義の変更（{old_code} → {new_code}）"
    return causes or {"unknown": "原因となる変更の記録はありません"}


def _counted(files: Sequence[ChangedFile]) -> str:
    words = {"appeared": "追加", "removed": "取消"}
    counts = Counter(one.change for one in files)
    return "・".join(f"{word}{counts[change]}件" for change, word in words.items() if counts[change])
