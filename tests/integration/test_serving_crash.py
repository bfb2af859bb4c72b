"""A publisher killed between two statements leaves the old month and no lock; on SQLite and PostgreSQL."""

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

import kenpo_pipelines
from kenpo_pipelines.serving.publish import publish_month
from kenpo_pipelines.serving.queries import scorecard_rows

CHECKOUT = Path(kenpo_pipelines.__file__).parents[1]

PUBLISHER = """
import pickle, sys, time
from sqlalchemy import event
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.publish import publish_month

url, tables, stop_at = sys.argv[1:]
engine = connect(url)

def stop():
    print("stopped", flush=True)
    time.sleep(60)

@event.listens_for(engine, "after_cursor_execute")
def after(connection, cursor, statement, *rest):
    if " ".join(statement.split()[:3]).startswith(stop_at):
        stop()

@event.listens_for(engine, "commit")
def commit(connection):
    if stop_at == "COMMIT":
        stop()

with open(tables, "rb") as file:
    publish_month(engine, "2025-06", pickle.load(file), "run-2")
"""


def corrected(parts: dict[str, list[dict[str, Any]]]) -> None:
    parts["scorecard"][0].update(value=Decimal("1.0"), value_text="1.0", target=Decimal("2.0"))
    del parts["scorecard"][1]
    parts["ledger"][0].update(file_sha256="c" * 64)
    parts["quarantine"][0].update(file_sha256="c" * 64)


@pytest.mark.parametrize(
    "stop_at",
    ["DELETE FROM rejected_rows", "DELETE FROM kpi_facts", "UPDATE kpi_facts", "INSERT INTO rejected_rows", "COMMIT"],
)
def test_a_killed_publisher_leaves_the_old_month(
    serving_engine: Engine,
    month_tables: Callable[..., Any],
    dump: Callable[[Engine], dict[str, list[tuple[Any, ...]]]],
    tmp_path: Path,
    stop_at: str,
) -> None:
    publish_month(serving_engine, "2025-06", month_tables("2025-06"), "run-1")
    before = dump(serving_engine)
    new = month_tables("2025-06", corrected)
    (tmp_path / "tables.pickle").write_bytes(pickle.dumps(new))
    url = serving_engine.url.render_as_string(hide_password=False)
    publisher = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, url, str(tmp_path / "tables.pickle"), stop_at],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert publisher.stdout is not None
    assert publisher.stdout.readline() == "stopped\n"
    assert dump(serving_engine) == before  # while it still holds its transaction
    publisher.send_signal(signal.SIGKILL)
    assert publisher.wait(30) == -signal.SIGKILL
    publisher.stdout.close()
    assert dump(serving_engine) == before
    publish_month(serving_engine, "2025-06", new, "run-3")  # no lock is left behind
    row = scorecard_rows(serving_engine, fiscal_year=2024, branch="00", kpi="single_bid_rate")[0]
    assert (row.value, row.run_id) == (Decimal(1), "run-3")
