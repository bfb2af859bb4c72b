"""Publishing a month: all or nothing, only differences, exact decimals; on SQLite and PostgreSQL."""

import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text

import kenpo_pipelines
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.serving import database, schema
from kenpo_pipelines.serving.database import connect, write_transaction
from kenpo_pipelines.serving.faults import PassingFault, PermanentFault
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.serving.publish import TableChange, publish_month
from kenpo_pipelines.serving.queries import (
    ledger_rows,
    publication,
    publication_state,
    published_months,
    rejected_rows,
    scorecard_rows,
)
from kenpo_pipelines.serving.rows import dimension_rows

MonthTables = Callable[..., dict[str, list[dict[str, Any]]]]
Dump = Callable[[Engine], dict[str, list[tuple[Any, ...]]]]


def writes_of(engine: Engine) -> list[str]:
    """Return a list that will hold every statement of the engine that writes."""
    written: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.split(maxsplit=1)[0] in ("INSERT", "UPDATE", "DELETE"):
            written.append(statement)

    return written


def stored(engine: Engine, table: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(schema.metadata.tables[table])).mappings()]


def test_first_publication_inserts_everything(serving_engine: Engine, month_tables: MonthTables) -> None:
    summary = publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")
    assert summary.tables == {
        "branches": TableChange(3, 0, 0, 0),
        "fiscal_years": TableChange(4, 0, 0, 0),
        "kpis": TableChange(8, 0, 0, 0),
        "kpi_targets": TableChange(12, 0, 0, 0),
        "kpi_facts": TableChange(12, 0, 0, 0),
        "kpi_series": TableChange(12, 0, 0, 0),
        **dict.fromkeys(("initiatives", "activity_counts", "progress_marks"), TableChange(0, 0, 0, 0)),
        "frozen_targets": TableChange(12, 0, 0, 0),
        "submission_ledger": TableChange(2, 0, 0, 0),
        "rejected_rows": TableChange(1, 0, 0, 0),
    }
    assert {(row["run_id"]) for row in stored(serving_engine, "kpi_facts")} == {"run-1"}


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "0.1",
        "99.995",
        "-0.0000000001",
        "123456789012345678.0123456789",
        "-999999999999999999.9999999999",
        "4.50000",
        "1E+17",
    ],
)
def test_decimals_come_back_to_the_last_digit(serving_engine: Engine, month_tables: MonthTables, number: str) -> None:
    def change(parts: dict[str, list[dict[str, Any]]]) -> None:
        for name in ("numerator", "denominator", "value", "target", "ratio_to_target", "prior_value"):
            parts["scorecard"][0][name] = Decimal(number)

    tables = month_tables("2025-06", change)
    publish_month(serving_engine, "2025-06", tables, "run-1")
    row = scorecard_rows(serving_engine, "2025-06", 2024, "00", "single_bid_rate")[0]
    for found in (row.numerator, row.denominator, row.value, row.target, row.ratio_to_target, row.prior_value):
        assert isinstance(found, Decimal)
        assert found == Decimal(number)
    assert not publish_month(serving_engine, "2025-06", tables, "run-2").has_changes


def test_publishing_twice_changes_nothing(serving_engine: Engine, month_tables: MonthTables, dump: Dump) -> None:
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")
    before = dump(serving_engine)
    written = writes_of(serving_engine)
    summary = publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-2")
    assert dump(serving_engine) == before
    assert written == []
    assert not summary.has_changes
    assert summary.tables["kpi_facts"] == TableChange(0, 0, 0, 12)


def test_the_order_of_rows_does_not_matter(serving_engine: Engine, month_tables: MonthTables, dump: Dump) -> None:
    tables = month_tables("2025-06")
    publish_month(serving_engine, "2025-06", tables, "run-1")
    before = dump(serving_engine)
    publish_month(serving_engine, "2025-06", {name: rows[::-1] for name, rows in tables.items()}, "run-2")
    assert dump(serving_engine) == before


def test_resubmission_changes_only_the_changed_keys(serving_engine: Engine, month_tables: MonthTables) -> None:
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")

    def correct(parts: dict[str, list[dict[str, Any]]]) -> None:
        parts["scorecard"][7].update(value=Decimal("57.7"), value_text="57.7")  # fiscal year 2025, nation
        del parts["scorecard"][-1]  # fiscal year 2025, Tokyo
        parts["ledger"][0]["file_sha256"] = "c" * 64
        parts["quarantine"].clear()

    when = dt.datetime(2025, 7, 20, 3, 4, 5, tzinfo=dt.UTC)
    summary = publish_month(serving_engine, "2025-06", month_tables("2025-06", correct), "run-2", published_at=when)
    assert summary.tables["kpi_facts"] == TableChange(0, 1, 1, 10)
    assert summary.tables["kpi_targets"] == TableChange(0, 0, 1, 11)
    assert summary.tables["submission_ledger"] == TableChange(1, 0, 1, 1)
    assert summary.tables["rejected_rows"] == TableChange(0, 0, 1, 0)
    facts = stored(serving_engine, "kpi_facts")
    changed = [row for row in facts if row["run_id"] == "run-2"]
    assert [(r["fiscal_year"], r["branch_code"], r["value"], r["published_at"]) for r in changed] == [
        (2025, "00", Decimal("57.7"), when)
    ]
    assert len(facts) == 11


def test_history_keeps_what_was_published_before(serving_engine: Engine, month_tables: MonthTables) -> None:
    first = dt.datetime(2025, 7, 10, tzinfo=dt.UTC)
    second = dt.datetime(2025, 7, 20, tzinfo=dt.UTC)
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1", published_at=first)

    def restate(parts: dict[str, list[dict[str, Any]]]) -> None:
        parts["scorecard"][0].update(value=Decimal("50.1"), value_text="50.1", outcome="not_attained")
        del parts["scorecard"][1]

    publish_month(serving_engine, "2025-06", month_tables("2025-06", restate), "run-2", published_at=second)
    history = sorted(stored(serving_engine, "kpi_facts_history"), key=lambda row: str(row["kpi_id"]))
    told = ("kpi_id", "value", "outcome", "run_id", "published_at", "change", "replaced_by_run_id", "replaced_at")
    assert [tuple(row[name] for name in told) for row in history] == [
        ("checkup_rate_insured", Decimal("57.6"), "attained", "run-1", first, "deleted", "run-2", second),
        ("single_bid_rate", Decimal("57.6"), "attained", "run-1", first, "updated", "run-2", second),
    ]


def test_the_whole_catalogue_fits(serving_engine: Engine, month_tables: MonthTables) -> None:
    catalogue = load_catalogue(Path(kenpo_pipelines.__file__).parent / "catalogue")
    nothing: dict[str, list[dict[str, Any]]] = {name: [] for name in month_tables("2025-06")}
    tables = nothing | dimension_rows(catalogue)
    summary = publish_month(serving_engine, "2025-06", tables, "run-1")
    assert summary.tables["branches"].inserted == 48
    uniform = {
        (row["kpi_id"], row["fiscal_year"]): row["uniform_target"]
        for row in stored(serving_engine, "kpis")
        if row["kpi_id"] in ("single_bid_rate", "website_visits")
    }
    assert uniform["single_bid_rate", 2023] == Decimal(20)
    assert uniform["single_bid_rate", 2025] == Decimal(15)
    assert uniform["website_visits", 2025] == Decimal(137_000_000)
    assert not publish_month(serving_engine, "2025-06", tables, "run-2").has_changes


def test_a_month_leaves_other_months_alone(serving_engine: Engine, month_tables: MonthTables, dump: Dump) -> None:
    publish_month(serving_engine, "2025-05", month_tables("2025-05"), "run-1")
    before = dump(serving_engine)
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-2")
    after = dump(serving_engine)
    for table in ("kpi_facts", "kpi_targets", "submission_ledger", "rejected_rows"):
        assert set(before[table]) < set(after[table])
    assert published_months(serving_engine) == ["2025-05", "2025-06"]


def test_an_empty_month_is_withdrawn(serving_engine: Engine, month_tables: MonthTables) -> None:
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")
    nothing: dict[str, list[dict[str, Any]]] = {name: [] for name in month_tables("2025-06")}
    publish_month(serving_engine, "2025-06", nothing, "run-2")
    assert published_months(serving_engine) == []
    assert [row.known_month for row in ledger_rows(serving_engine)] == ["2025"]  # nobody said that it is empty
    assert len(stored(serving_engine, "branches")) == 3
    publish_month(serving_engine, "2025-06", nothing, "run-3", folders=[("kpi_targets", "2025")])
    assert ledger_rows(serving_engine) == []


def test_a_yearly_folder_is_replaced_as_a_whole_by_any_month(serving_engine: Engine, month_tables: MonthTables) -> None:
    publish_month(serving_engine, "2025-05", month_tables("2025-05"), "run-1")

    def replace_workbook(parts: dict[str, list[dict[str, Any]]]) -> None:
        parts["ledger"][1]["file_sha256"] = "d" * 64

    publish_month(serving_engine, "2025-06", month_tables("2025-06", replace_workbook), "run-2")
    yearly = [(row.known_month, row.file_sha256, row.run_id) for row in ledger_rows(serving_engine, "2025")]
    assert yearly == [("2025", "d" * 64, "run-2")]
    assert len(rejected_rows(serving_engine)) == 2


def corrected(parts: dict[str, list[dict[str, Any]]]) -> None:
    """A correction that makes every kind of write: inserts, updates and deletes in every monthly table."""
    parts["scorecard"][0].update(value=Decimal("1.0"), value_text="1.0", target=Decimal("2.0"))
    del parts["scorecard"][1]
    parts["ledger"][0].update(file_sha256="c" * 64)
    parts["ledger"][1].update(rows_merged=0)
    parts["quarantine"][0].update(file_sha256="c" * 64)


def test_a_failure_at_any_statement_leaves_the_old_state(
    serving_engine: Engine, month_tables: MonthTables, dump: Dump
) -> None:
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")
    before = dump(serving_engine)
    left = [0]

    @event.listens_for(serving_engine, "before_cursor_execute")
    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise RuntimeError(f"injected before {statement.split(maxsplit=1)[0]}")

    failures = []
    for position in range(1, 100):
        left[0] = position
        try:
            publish_month(serving_engine, "2025-06", month_tables("2025-06", corrected), "run-2")
        except RuntimeError as error:
            failures.append(str(error).split()[-1])
            left[0] = 0
            assert dump(serving_engine) == before
        else:
            left[0] = 0
            break
    assert {"SELECT", "INSERT", "UPDATE", "DELETE"} <= set(failures)
    assert len(failures) >= 7 + 8  # reads of seven tables, eight kinds of writes
    after = {row["run_id"] for row in stored(serving_engine, "kpi_facts")}
    assert after == {"run-1", "run-2"}


def test_a_row_that_the_database_refuses_refuses_the_month(
    serving_engine: Engine, month_tables: MonthTables, dump: Dump
) -> None:
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")
    before = dump(serving_engine)

    def unknown_outcome(parts: dict[str, list[dict[str, Any]]]) -> None:
        corrected(parts)
        parts["scorecard"][-1]["outcome"] = "excellent"

    with pytest.raises(
        PermanentFault, match=r"publish 2025-06, table kpi_facts in the database .*ck_kpi_facts_outcome"
    ):
        publish_month(serving_engine, "2025-06", month_tables("2025-06", unknown_outcome), "run-2")
    assert dump(serving_engine) == before


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("kpi_facts", {"value": 57.6}, r"kpi_facts \(as_of='2025-06', .*'00'.*\): value: float is not an exact number"),
        ("kpi_facts", {"value": Decimal("NaN")}, "value: NaN is not a finite number"),
        ("kpi_facts", {"value": Decimal("0.12345678901")}, "more than 10 decimals"),
        ("kpi_facts", {"as_of": "2025-05"}, "kpi_facts has rows of as_of 2025-05"),
        ("kpi_facts", {"outcome": None}, "outcome is missing"),
        ("kpi_facts", {"colour": "red"}, r"columns missing \[\], columns unknown \['colour'\]"),
        ("kpi_facts", {"branch_code": "04"}, "two rows with this key"),
        ("kpi_facts", {"rank": Decimal("1.5")}, "rank: 1.5 is not a whole number"),
        ("kpi_facts", {"notes": 3}, "notes: int is not text"),
        ("kpi_targets", {"is_contradictory": "no"}, "is_contradictory: str is not true or false"),
        ("submission_ledger", {"received_at": "yesterday"}, "received_at: Invalid isoformat"),
    ],
)
def test_rows_that_do_not_fit_are_named(
    serving_engine: Engine, month_tables: MonthTables, dump: Dump, table: str, change: dict[str, Any], message: str
) -> None:
    before = dump(serving_engine)
    tables = month_tables("2025-06")
    tables[table][0] |= change
    with pytest.raises(PermanentFault, match=message):
        publish_month(serving_engine, "2025-06", tables, "run-1")
    assert dump(serving_engine) == before


def test_a_table_that_is_not_given_is_refused_not_emptied(serving_engine: Engine, month_tables: MonthTables) -> None:
    tables = month_tables("2025-06")
    del tables["rejected_rows"]
    with pytest.raises(PermanentFault, match=r"tables missing \['rejected_rows'\], tables unknown \[\]"):
        publish_month(serving_engine, "2025-06", tables, "run-1")


def test_text_that_a_database_cannot_hold_is_spelled_out(serving_engine: Engine, month_tables: MonthTables) -> None:
    """A NUL from a broken header, and a file name whose bytes are no UTF-8 (Linux gives it as a lone surrogate)."""
    odd_name = b"\x93\x8c\x8b\x9e.csv".decode("utf-8", "surrogateescape")

    def spoil(parts: dict[str, list[dict[str, Any]]]) -> None:
        parts["ledger"][0]["file"] = parts["quarantine"][0]["file"] = odd_name
        parts["quarantine"][0]["column_name"] = "支部\0コード"

    publish_month(serving_engine, "2025-06", month_tables("2025-06", spoil), "run-1")
    fault = rejected_rows(serving_engine, "2025-06")[0]
    assert fault.column_name == "支部\\x00コード"
    assert fault.file == r"\udc93\udc8c\udc8b\udc9e.csv"
    assert not publish_month(serving_engine, "2025-06", month_tables("2025-06", spoil), "run-2").has_changes


def test_two_publishers_at_once_take_turns(
    migrated_url: str, serving_engine: Engine, month_tables: MonthTables
) -> None:
    """The second waits while the first is in mid-transaction, then both months are there, each whole."""
    in_the_middle, go_on = threading.Event(), threading.Event()
    first_engine, second_engine = connect(migrated_url), connect(migrated_url)

    @event.listens_for(first_engine, "before_cursor_execute")
    def pause(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO kpi_facts ") and not in_the_middle.is_set():
            in_the_middle.set()
            assert go_on.wait(30)

    first = threading.Thread(target=publish_month, args=(first_engine, "2025-05", month_tables("2025-05"), "run-1"))
    second = threading.Thread(target=publish_month, args=(second_engine, "2025-06", month_tables("2025-06"), "run-2"))
    first.start()
    assert in_the_middle.wait(30)
    second.start()
    second.join(0.3)
    assert second.is_alive()
    assert published_months(serving_engine) == []  # a reader neither waits nor sees half a month
    go_on.set()
    first.join(30)
    second.join(30)
    assert published_months(serving_engine) == ["2025-05", "2025-06"]
    assert {(row["as_of"], row["run_id"]) for row in stored(serving_engine, "kpi_facts")} == {
        ("2025-05", "run-1"),
        ("2025-06", "run-2"),
    }
    first_engine.dispose()
    second_engine.dispose()


def test_a_locked_database_is_a_passing_fault(
    migrated_url: str, serving_engine: Engine, month_tables: MonthTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_WAIT_S", 1)
    other = connect(migrated_url)
    with write_transaction(serving_engine), pytest.raises(PassingFault, match="Try again later"):
        publish_month(other, "2025-06", month_tables("2025-06"), "run-1")
    assert publish_month(other, "2025-06", month_tables("2025-06"), "run-1").has_changes
    other.dispose()


def test_a_connection_lost_in_mid_transaction_is_a_passing_fault(
    postgresql_url: str, month_tables: MonthTables, dump: Dump
) -> None:
    engine, administrator = connect(postgresql_url), connect(postgresql_url)
    upgrade(engine)
    before = dump(engine)
    tables = month_tables("2025-06")

    @event.listens_for(engine, "before_cursor_execute")
    def cut(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO kpi_facts "):
            pid = connection.connection.dbapi_connection.info.backend_pid
            with administrator.connect() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    with pytest.raises(PassingFault, match=r"could not publish 2025-06, table kpi_facts in the database postgresql"):
        publish_month(engine, "2025-06", tables, "run-1")
    event.remove(engine, "before_cursor_execute", cut)
    assert dump(engine) == before
    assert publish_month(engine, "2025-06", tables, "run-2").tables["kpi_facts"].inserted == 12
    engine.dispose()
    administrator.dispose()


# --- from what a month was published ---

NOON = dt.datetime(2025, 7, 10, 3, tzinfo=dt.UTC)


def test_a_publication_is_noted_with_what_it_was_made_from(serving_engine: Engine, month_tables: MonthTables) -> None:
    assert publication(serving_engine, "2025-06") is None
    tables = month_tables("2025-06")
    publish_month(
        serving_engine, "2025-06", tables, "run-1", published_at=NOON, code_version="1+a", fingerprint="first"
    )
    noted = publication(serving_engine, "2025-06")
    assert noted is not None
    assert (noted.fingerprint, noted.run_id, noted.published_at, noted.code_version) == ("first", "run-1", NOON, "1+a")
    assert publication(serving_engine, "2025-05") is None


def test_a_note_changes_with_the_rows_or_with_what_they_were_made_from_and_else_stays(
    serving_engine: Engine, month_tables: MonthTables
) -> None:
    def noted_run(run_id: str, fingerprint: str, tables: dict[str, list[dict[str, Any]]]) -> str | None:
        publish_month(serving_engine, "2025-06", tables, run_id, fingerprint=fingerprint)
        noted = publication(serving_engine, "2025-06")
        return noted and noted.run_id

    assert noted_run("run-1", "a", month_tables("2025-06")) == "run-1"
    assert noted_run("run-2", "a", month_tables("2025-06")) == "run-1"
    assert noted_run("run-3", "b", month_tables("2025-06")) == "run-3"
    fewer = month_tables("2025-06", lambda parts: parts["quarantine"].clear())
    assert noted_run("run-4", "b", fewer) == "run-4"


def test_a_publication_that_fails_is_not_noted(serving_engine: Engine, month_tables: MonthTables) -> None:
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1", fingerprint="a")
    wrong = month_tables("2025-06")
    wrong["kpi_facts"][0]["outcome"] = "maybe"
    with pytest.raises(PermanentFault):
        publish_month(serving_engine, "2025-06", wrong, "run-2", fingerprint="b")
    noted = publication(serving_engine, "2025-06")
    assert noted is not None
    assert (noted.fingerprint, noted.run_id) == ("a", "run-1")


def test_the_state_of_a_publication_changes_with_what_its_scorecards_show_and_with_nothing_else(
    serving_engine: Engine, month_tables: MonthTables
) -> None:
    def state() -> object:
        return publication_state(serving_engine, "2025-06")

    def publish(month: str, run_id: str, change: Callable[..., None] | None = None) -> None:
        publish_month(serving_engine, month, month_tables(month, change), run_id, published_at=NOON)

    publish("2025-06", "run-1")
    first = state()
    publish("2025-06", "run-2")
    publish("2025-07", "run-3")
    assert state() == first, "the same rows, and those of a later month"
    seen = [first]
    publish("2025-05", "run-4")
    seen.append(state())  # the ledger of an earlier month stands in the last sheet
    publish("2025-06", "run-5", lambda parts: parts["scorecard"][0].update(value=Decimal("1.0"), value_text="1.0"))
    seen.append(state())
    publish("2025-06", "run-6", lambda parts: parts["scorecard"].pop())
    seen.append(state())
    assert all(one != other for i, one in enumerate(seen) for other in seen[:i])
