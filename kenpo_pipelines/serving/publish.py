"""Publish one month: make the serving database equal to what the month's run holds, in one transaction.

What lives here: comparing rows with the database by key and writing the differences. A row whose content is unchanged
is not touched and keeps its ``run_id`` and ``published_at``, so publishing the same month twice changes nothing at
all. A changed or deleted KPI fact is kept in ``kpi_facts_history``, a ledger entry in ``submission_ledger_history``, and
what it changes for readers is told (``restatements``). What does not: making rows (``rows``, ``cells``).

Scopes: dimensions are upserted and never deleted; ``kpi_targets``, ``kpi_facts``, ``kpi_series`` and the tables of the
progress report are replaced as a whole for ``as_of`` = the month, ``frozen_targets`` of the month are upserted;
``submission_ledger`` and ``rejected_rows`` as a whole per landing folder: every dataset's folder of the month, each (dataset,
folder) among the rows, and those named by the caller.
``publications`` notes the month with the fingerprint of what it was made from, in the same transaction.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, and_, bindparam, or_, select
from sqlalchemy.sql.elements import ColumnElement

from kenpo_pipelines import fiscal
from kenpo_pipelines.serving import schema
from kenpo_pipelines.serving.cells import keyed_rows
from kenpo_pipelines.serving.database import write_transaction
from kenpo_pipelines.serving.faults import PermanentFault, translated
from kenpo_pipelines.serving.restatements import Change, Feeds, keep_restatements, published_before
from kenpo_pipelines.serving.rows import Row, Rows, as_dicts, content_columns
from kenpo_pipelines.serving.types import utc_timestamp

Folder = tuple[str, str]
"""A landing folder: (dataset, 'YYYY-MM' or 'YYYY')."""

Key = tuple[Any, ...]

PUBLISHED_TABLES = (*schema.DIMENSIONS, *schema.MONTHLY, *schema.KEPT, *schema.FOLDERS)
"""What a publication writes, parents before children."""

_NEVER_DELETED = (*schema.DIMENSIONS, *schema.KEPT)
_HISTORIES = {schema.kpi_facts: schema.kpi_facts_history, schema.submission_ledger: schema.submission_ledger_history}


@dataclass(frozen=True, slots=True)
class TableChange:
    """What a publication did to one table, in rows."""

    inserted: int
    updated: int
    deleted: int
    unchanged: int

    @property
    def has_changes(self) -> bool:
        """True unless every row stayed as it was."""
        return bool(self.inserted or self.updated or self.deleted)


@dataclass(frozen=True, slots=True)
class PublishSummary:
    """What the publication of ``month`` changed, per table, and how many published lines it restated."""

    month: str
    run_id: str
    tables: Mapping[str, TableChange]
    restatements: int = 0

    @property
    def has_changes(self) -> bool:
        """True unless the database already held exactly this month."""
        return any(change.has_changes for change in self.tables.values())


@dataclass(frozen=True, slots=True)
class _Plan:
    """The differences of one table, rows by key; ``before`` holds the rows that are updated or deleted, as they are."""

    table: Table
    inserts: dict[Key, Row]
    updates: dict[Key, Row]
    deletes: list[Key]
    before: dict[Key, Row]
    unchanged: int

    @property
    def has_changes(self) -> bool:
        return self.change.has_changes

    @property
    def change(self) -> TableChange:
        return TableChange(len(self.inserts), len(self.updates), len(self.deletes), self.unchanged)


def publish_month(
    engine: Engine,
    month: str,
    tables: Mapping[str, Rows],
    run_id: str,
    *,
    folders: Iterable[Folder] = (),
    feeds: Feeds = MappingProxyType({}),
    published_at: dt.datetime | None = None,
    code_version: str = "",
    fingerprint: str = "",
) -> PublishSummary:
    """Publish ``month`` ('YYYY-MM', the scorecards' as_of): all or nothing.

    ``tables`` holds every table of :data:`PUBLISHED_TABLES` by name, as ``rows.serving_tables`` makes them; an empty
    ``kpi_facts`` withdraws the month. ``folders`` names further landing folders that the run read, so that the entries
    of one that became empty disappear; ``feeds`` tells the causes of restatements (``restatements.feeds_of``).
    ``fingerprint`` stands for all that the tables were made from. Raises ``NotAMonth``, :class:`PassingFault` (locked,
    unreachable: call again) or :class:`PermanentFault` (rows that do not fit, named by table and key); the old state stays
    in all cases.
    """
    fiscal.split_month(month)
    stamp = {
        "run_id": run_id,
        "published_at": utc_timestamp(published_at or dt.datetime.now(dt.UTC)),
        "code_version": code_version,
    }
    new = _checked(month, tables)
    seen = {(row["dataset"], row["known_month"]) for table in schema.FOLDERS for row in new[table.name].values()}
    scopes = _scopes(month, seen.union(folders))
    with translated(engine, f"publish {month}"), write_transaction(engine) as connection:
        before = published_before(connection, month)
        plans = [_compare(connection, table, new[table.name], scopes.get(table.name)) for table in PUBLISHED_TABLES]
        for plan in reversed(plans):
            with translated(engine, f"publish {month}, table {plan.table.name}"):
                _keep_history(connection, plan, stamp)
                _delete(connection, plan)
        for plan in plans:
            with translated(engine, f"publish {month}, table {plan.table.name}"):
                _write(connection, plan, stamp)
        restated = 0
        if before is not None:
            with translated(engine, f"publish {month}, table {schema.kpi_restatements.name}"):
                restated = keep_restatements(connection, month, _changes(plans, new), before, feeds, stamp)
        _note(connection, {"month": month, "fingerprint": fingerprint, **stamp}, any(one.has_changes for one in plans))
    return PublishSummary(month, run_id, {plan.table.name: plan.change for plan in plans}, restated)


def _checked(month: str, tables: Mapping[str, Rows]) -> dict[str, dict[Key, Row]]:
    """Return the rows by table and key, every value in its stored type; raise PermanentFault for what does not fit."""
    expected = {table.name for table in PUBLISHED_TABLES}
    if tables.keys() != expected:
        missing, unknown = sorted(expected - tables.keys()), sorted(tables.keys() - expected)
        raise PermanentFault(f"cannot publish {month}: tables missing {missing}, tables unknown {unknown}")
    new = {table.name: keyed_rows(table, as_dicts(tables[table.name])) for table in PUBLISHED_TABLES}
    for table in (*schema.MONTHLY, *schema.KEPT):
        others = sorted({row["as_of"] for row in new[table.name].values()} - {month})
        if others:
            raise PermanentFault(f"cannot publish {month}: {table.name} has rows of as_of {', '.join(others)}")
    return new


def _scopes(month: str, folders: Collection[Folder]) -> dict[str, ColumnElement[bool]]:
    """Return with which rows of each table this publication is compared; a table without an entry is so as a whole."""
    scopes: dict[str, ColumnElement[bool]] = {
        table.name: table.c.as_of == month for table in (*schema.MONTHLY, *schema.KEPT)
    }
    for table in schema.FOLDERS:
        named = [and_(table.c.dataset == dataset, table.c.known_month == folder) for dataset, folder in sorted(folders)]
        scopes[table.name] = or_(table.c.known_month == month, *named)
    return scopes


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    found = connection.execute(query)
    names = list(found.keys())
    return [dict(zip(names, row, strict=True)) for row in found]


def _compare(connection: Connection, table: Table, new: Mapping[Key, Row], scope: ColumnElement[bool] | None) -> _Plan:
    query = select(table) if scope is None else select(table).where(scope)
    key_names, names = [column.name for column in table.primary_key], content_columns(table)
    old = {tuple(row[name] for name in key_names): row for row in _rows(connection, query)}
    content = itemgetter(*names)
    updates = {key: new[key] for key in new.keys() & old.keys() if content(new[key]) != content(old[key])}
    deletes = [] if table in _NEVER_DELETED else [key for key in old if key not in new]
    return _Plan(
        table,
        inserts={key: row for key, row in new.items() if key not in old},
        updates=updates,
        deletes=deletes,
        before={key: old[key] for key in (*updates, *deletes)},
        unchanged=len(old.keys() & new.keys()) - len(updates),
    )


def _keep_history(connection: Connection, plan: _Plan, stamp: Mapping[str, Any]) -> None:
    table = _HISTORIES.get(plan.table)
    if table is None or not plan.before:
        return
    replaced = {"replaced_by_run_id": stamp["run_id"], "replaced_at": stamp["published_at"]}
    history = [
        {**plan.before[key], "change": "updated" if key in plan.updates else "deleted", **replaced}
        for key in sorted(plan.before)
    ]
    connection.execute(table.insert(), history)


def _changes(plans: Iterable[_Plan], new: Mapping[str, Mapping[Key, Row]]) -> list[Change]:
    """Return the scorecard's lines that change, a line being a fact with its target; both tables have the same keys."""
    by_table = {plan.table: plan for plan in plans}
    facts, targets, frozen = (
        by_table[table] for table in (schema.kpi_facts, schema.kpi_targets, schema.frozen_targets)
    )
    changes = []
    for key in facts.before.keys() | facts.inserts.keys() | targets.before.keys():
        new_line = {**new["kpi_targets"][key], **new["kpi_facts"][key]} if key in new["kpi_facts"] else None
        old_line = None
        if key not in facts.inserts:
            old_target = targets.before.get(key) or new["kpi_targets"][key]
            old_line = {**old_target, **(facts.before.get(key) or new["kpi_facts"][key])}
        is_renewed = key in frozen.updates and any(
            frozen.updates[key][name] != frozen.before[key][name] for name in ("comparator", "target", "target_text")
        )
        changes.append(Change(key, old_line, new_line, is_target_renewed=is_renewed))
    return changes


def _matches_key(table: Table) -> ColumnElement[bool]:
    return and_(*(column == bindparam(f"key_{column.name}") for column in table.primary_key))


def _key_parameters(table: Table, key: Key) -> Row:
    return {f"key_{column.name}": value for column, value in zip(table.primary_key, key, strict=True)}


def _delete(connection: Connection, plan: _Plan) -> None:
    if plan.deletes:
        statement = plan.table.delete().where(_matches_key(plan.table))
        connection.execute(statement, [_key_parameters(plan.table, key) for key in plan.deletes])


def _write(connection: Connection, plan: _Plan, stamp: Mapping[str, Any]) -> None:
    own_stamp = {name: value for name, value in stamp.items() if name in plan.table.c}
    if plan.updates:
        keys = {column.name for column in plan.table.primary_key}
        statement = plan.table.update().where(_matches_key(plan.table))
        changed = [
            {name: value for name, value in row.items() if name not in keys}
            | own_stamp
            | _key_parameters(plan.table, key)
            for key, row in plan.updates.items()
        ]
        connection.execute(
            statement.values({name: bindparam(name) for name in changed[0] if name in plan.table.c}), changed
        )
    if plan.inserts:
        connection.execute(plan.table.insert(), [row | own_stamp for row in plan.inserts.values()])


def _note(connection: Connection, row: Row, has_changes: bool) -> None:
    """Note the publication; one that changed nothing and was made from the same keeps its note."""
    table = schema.publications
    is_this = table.c.month == row["month"]
    known = connection.execute(select(table.c.fingerprint).where(is_this)).scalar_one_or_none()
    if known == row["fingerprint"] and not has_changes:
        return
    connection.execute(table.delete().where(is_this))
    connection.execute(table.insert(), [row])
