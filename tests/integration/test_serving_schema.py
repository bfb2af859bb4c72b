"""The serving database's migrations and constraints, on SQLite and PostgreSQL."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Inspector, delete, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

import kenpo_pipelines
from kenpo_pipelines.serving import schema
from kenpo_pipelines.serving.database import connect, write_transaction
from kenpo_pipelines.serving.faults import PermanentFault
from kenpo_pipelines.serving.migrate import (
    VERSION_TABLE,
    alembic_config,
    is_ours,
    newest_revision,
    revision_of,
    upgrade,
)
from kenpo_pipelines.serving.publish import publish_month

FOREIGN_KEY = "(?i)foreign key"
CHECKOUT = Path(kenpo_pipelines.__file__).parents[1]


def described(inspector: Inspector) -> dict[str, dict[str, Any]]:
    """Return all that the database knows of the serving tables: columns, keys, checks, indexes, comments."""

    def listed(rows: list[Any]) -> list[str]:
        return sorted(repr(sorted((key, repr(value)) for key, value in row.items())) for row in rows)

    has_comments = inspector.dialect.supports_comments
    return {
        table: {
            "columns": [
                repr(sorted((k, repr(v)) for k, v in column.items())) for column in inspector.get_columns(table)
            ],
            "primary key": repr(inspector.get_pk_constraint(table)),
            "foreign keys": listed(inspector.get_foreign_keys(table)),
            "checks": listed(inspector.get_check_constraints(table)),
            "indexes": listed(inspector.get_indexes(table)),
            "comment": inspector.get_table_comment(table) if has_comments else None,
        }
        for table in sorted(set(inspector.get_table_names()) - {VERSION_TABLE})
    }


def test_models_equal_migrations_for_alembic(serving_engine: Engine) -> None:
    opts = {
        "compare_type": True,
        "compare_server_default": True,
        "version_table": VERSION_TABLE,
        "include_object": is_ours,
    }
    with serving_engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=opts), schema.metadata) == []


def test_models_equal_migrations_in_every_detail(database_url: str) -> None:
    """Alembic's comparison does not look at CHECK constraints, nor at comments of a new table."""
    engine = connect(database_url)
    schema.metadata.create_all(engine)
    from_models = described(inspect(engine))
    schema.metadata.drop_all(engine)
    upgrade(engine)
    from_migrations = described(inspect(engine))
    engine.dispose()
    assert from_migrations == from_models
    assert set(from_models) == set(schema.metadata.tables)
    assert len(from_models["kpi_facts"]["checks"]) == 11


def test_upgrade_starts_from_empty_and_is_idempotent(database_url: str, dump: Callable[..., Any]) -> None:
    engine = connect(database_url)
    with engine.connect() as connection:
        assert revision_of(connection) is None
    upgrade(engine)
    with engine.begin() as connection:
        assert revision_of(connection) == newest_revision() == "0007"
        connection.execute(insert(schema.branches), {"branch_code": "13", "name": "東京支部", "name_en": "Tokyo"})
    before = dump(engine)
    upgrade(engine)
    assert dump(engine) == before
    engine.dispose()


def test_a_database_of_the_first_revision_keeps_its_rows(
    database_url: str, month_tables: Callable[..., Any], dump: Callable[..., Any]
) -> None:
    engine = connect(database_url)
    upgrade(engine)
    publish_month(engine, "2025-06", month_tables("2025-06"), "run-1", fingerprint="f")
    published = dump(engine)
    with write_transaction(engine) as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    assert "publications" not in inspect(engine).get_table_names()
    upgrade(engine)
    kept = dump(engine)
    # what the first revision has no room for: the branches of a file come back when its month is published anew
    lost = {"publications": [], "frozen_targets": [], "kpi_series": []}
    lost["submission_ledger"] = [(*row[:-1], "") for row in published["submission_ledger"]]
    assert kept == published | lost
    engine.dispose()


def test_downgrade_takes_everything_away(serving_engine: Engine) -> None:
    with write_transaction(serving_engine) as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(serving_engine).get_table_names() == [VERSION_TABLE]


def test_upgrade_that_fails_midway_leaves_nothing(database_url: str) -> None:
    """A foreign table of the same name stands in the way of the last tables; the first ones must not stay."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE rejected_rows (x INTEGER)"))
    with pytest.raises(PermanentFault, match="rejected_rows"):
        upgrade(engine)
    assert inspect(engine).get_table_names() == ["rejected_rows"]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE rejected_rows"))
    upgrade(engine)
    assert "kpi_facts" in inspect(engine).get_table_names()
    engine.dispose()


def test_upgrade_leaves_other_tables_of_the_database_alone(database_url: str) -> None:
    """Dagster's storage may share the database, with Alembic's default version table."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('dagster')"))
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["dagster"]
        opts = {"version_table": VERSION_TABLE, "include_object": is_ours}
        assert compare_metadata(MigrationContext.configure(connection, opts=opts), schema.metadata) == []
    engine.dispose()


def test_upgrade_refuses_a_database_of_a_newer_version(serving_engine: Engine) -> None:
    with serving_engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(PermanentFault, match="newer version of kenpo-pipelines"):
        upgrade(serving_engine)


def test_processes_that_start_at_once_do_not_break(database_url: str) -> None:
    script = (
        "import sys; from kenpo_pipelines.serving.database import connect; "
        "from kenpo_pipelines.serving.migrate import upgrade; sys.stdin.read(); upgrade(connect(sys.argv[1]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, database_url],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:  # all have imported what they need, or soon will: let them go
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], errors
    engine = connect(database_url)
    with engine.connect() as connection:
        assert revision_of(connection) == newest_revision()
    engine.dispose()


@pytest.mark.parametrize(
    ("table", "wrong", "named"),
    [
        ("kpi_facts", {"outcome": "maybe"}, "ck_kpi_facts_outcome"),
        ("kpi_facts", {"outcome": "not_evaluable", "reason": ""}, "ck_kpi_facts_reason"),
        ("kpi_facts", {"value_text": ""}, "ck_kpi_facts_judged_figure"),
        ("kpi_facts", {"figure_as_of": "2025-07"}, "ck_kpi_facts_figure_as_of"),
        ("kpi_facts", {"figure_as_of": "2025/06"}, "ck_kpi_facts_figure_as_of"),
        ("kpi_facts", {"figure_known_month": "2025-07"}, "ck_kpi_facts_figure_known_month"),
        ("kpi_facts", {"kind": "ratio"}, "ck_kpi_facts_kind"),
        ("kpi_facts", {"precision": 7}, "ck_kpi_facts_precision"),
        ("kpi_facts", {"rank": 3}, "ck_kpi_facts_rank"),
        ("kpi_facts", {"ranked_branches": None}, "ck_kpi_facts_rank"),
        ("kpi_facts", {"source": "guessed"}, "ck_kpi_facts_source"),
        ("kpi_facts", {"status": "draft"}, "ck_kpi_facts_status"),
        ("kpi_facts", {"notes": None}, "NOT NULL.*notes|notes.*not-null"),
        ("kpi_facts", {"as_of": "2025-07"}, FOREIGN_KEY),
        ("kpi_series", {"figure_as_of": "2025-07"}, "ck_kpi_series_figure_as_of"),
        ("kpi_series", {"figure_known_month": "2025/06"}, "ck_kpi_series_figure_known_month"),
        ("kpi_series", {"source": ""}, "ck_kpi_series_source"),
        ("kpi_series", {"value": None}, "NOT NULL.*value|value.*not-null"),
        ("kpi_targets", {"comparator": "="}, "ck_kpi_targets_comparator"),
        ("kpi_targets", {"target_source": "hearsay"}, "ck_kpi_targets_target_source"),
        ("kpi_targets", {"is_contradictory": True}, "ck_kpi_targets_contradiction"),
        ("kpi_targets", {"as_of": "2025-6"}, "ck_kpi_targets_as_of"),
        ("submission_ledger", {"rows_read": 13}, "ck_submission_ledger_rows_add_up"),
        ("submission_ledger", {"rows_loaded": 13, "rows_rejected": -1}, "ck_submission_ledger_rows_not_negative"),
        ("submission_ledger", {"rows_merged": 12}, "ck_submission_ledger_rows_merged"),
        ("submission_ledger", {"status": "unknown"}, "ck_submission_ledger_status"),
        ("submission_ledger", {"status": "refused", "fault": "encrypted"}, "ck_submission_ledger_refused"),
        ("submission_ledger", {"origin": "rumour"}, "ck_submission_ledger_origin"),
        ("submission_ledger", {"known_month": "June 25"}, "ck_submission_ledger_known_month"),
        ("submission_ledger", {"file_sha256": "abc"}, "ck_submission_ledger_file_sha256"),
        ("rejected_rows", {"fault": ""}, "ck_rejected_rows_fault"),
        ("rejected_rows", {"file": "never_received.csv"}, FOREIGN_KEY),
        ("kpis", {"direction": "up"}, "ck_kpis_direction"),
        ("kpis", {"kind": "ratio"}, "ck_kpis_kind"),
        ("kpis", {"precision": -1}, "ck_kpis_precision"),
        ("branches", {"branch_code": "4"}, "ck_branches_branch_code"),
        ("fiscal_years", {"first_month": "April"}, "ck_fiscal_years_months"),
        ("publications", {"month": "June 25"}, "ck_publications_month"),
    ],
)
def test_constraints_refuse_wrong_rows(
    serving_engine: Engine, month_tables: Callable[..., Any], table: str, wrong: dict[str, Any], named: str
) -> None:
    """Each wrong row differs from a stored, right one in what the case says, and the refusal names the constraint."""
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")
    target = schema.metadata.tables[table]
    with serving_engine.connect() as connection:
        ranked = target.c.branch_code == "04" if table == "kpi_facts" else text("1 = 1")
        right = dict(connection.execute(select(target).where(ranked)).mappings().first() or {})
        here = [column == right[column.name] for column in target.primary_key]
        connection.execute(update(target).where(*here).values(right))  # the right row passes by the same road
        with pytest.raises(IntegrityError, match=named):
            connection.execute(update(target).where(*here).values(wrong))


@pytest.mark.parametrize("wrong", [{"branch_code": "99"}, {"kpi_id": "no_such_kpi"}, {"fiscal_year": 2031}])
def test_targets_refuse_what_no_dimension_knows(
    serving_engine: Engine, month_tables: Callable[..., Any], wrong: dict[str, Any]
) -> None:
    tables = month_tables("2025-06")
    publish_month(serving_engine, "2025-06", {**tables, "kpi_facts": [], "kpi_targets": [], "kpi_series": []}, "run-1")
    right = {
        **tables["kpi_targets"][0],
        **{"run_id": "run-1", "published_at": "2025-07-01T00:00:00Z", "code_version": "0.1.0"},
    }
    with serving_engine.connect() as connection:
        connection.execute(insert(schema.kpi_targets), right)
        with pytest.raises(IntegrityError, match=FOREIGN_KEY):
            connection.execute(insert(schema.kpi_targets), right | wrong)


def test_dimensions_in_use_cannot_be_deleted(serving_engine: Engine, month_tables: Callable[..., Any]) -> None:
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")
    for dimension in schema.DIMENSIONS:
        with serving_engine.connect() as connection, pytest.raises(IntegrityError):
            connection.execute(delete(dimension))


def test_comments_reach_postgresql(postgresql_url: str) -> None:
    engine = connect(postgresql_url)
    upgrade(engine)
    inspector = inspect(engine)
    comments = {column["name"]: column["comment"] for column in inspector.get_columns("kpi_facts")}
    grain = inspector.get_table_comment("kpi_facts")["text"]
    engine.dispose()
    assert comments["value"] == "The figure, rounded half-up to precision"
    assert grain is not None
    assert "as_of (month of the scorecard) x fiscal year x branch x KPI" in grain
