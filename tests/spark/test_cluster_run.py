"""A national month through all layers on a real cluster of two workers, one of which is killed in mid-run: the month ends as
on DuckDB, in every row that is published.

Both runs are the command of the application, each in a process and a home of its own, on the same synthetic submissions of 47
branches and the published targets.
"""

import csv
import io
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from integration.kenpo_home import KENPO, database_rows, environment, settings_of
from short_memory import forgetful
from spark.cluster import Cluster, cluster

from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.demo import MONTHS, place_examples
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import LAYERS, load_project
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.synthetic.generate import generate
from kenpo_pipelines.synthetic.plan import DATASETS, Plan
from kenpo_pipelines.synthetic.profile import load_profile

MONTH = MONTHS[-1]
CLAIMS = 9_400
_KILLED = 1
_SECONDS = 900
_LOOK = 0.02


@dataclass
class Runs:
    """What both runs left, and what was seen of the cluster meanwhile."""

    duckdb: Path
    spark: Path
    workers: Counter[str] = field(default_factory=Counter)
    """How many workers the master called ALIVE and DEAD after the run."""
    apps: list[dict[str, Any]] = field(default_factory=list)
    layers_before: set[str] = field(default_factory=set)
    """Layers of SQL models that had a partition when the worker was killed."""
    tasks_of_killed: int = 0
    tasks_of_other_then: int = 0
    tasks_of_other: int = 0


def submissions(folder: Path) -> Path:
    """Landing of 47 branches: synthetic records, published results and targets."""
    contracts = load_contracts(CHECKOUT / "expectations")
    catalogue = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
    plan = Plan(load_profile(), MONTH, MONTH, CLAIMS, 11, Decimal(1), "cp932", None)
    generate(plan, contracts, catalogue, folder / "out")
    place_examples(settings_of(folder), contracts)
    for earlier in MONTHS[:-1]:  # they would be run first
        for path in (folder / "landing").glob(f"*/{earlier}"):
            shutil.rmtree(path)
    for dataset in DATASETS:
        shutil.copytree(folder / "out" / dataset, folder / "landing" / dataset, dirs_exist_ok=True)
    return folder / "landing"


def home_with(landing: Path, home: Path) -> Path:
    shutil.copytree(landing, home / "landing")
    return forgetful(home)


def started(home: Path, **changes: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [KENPO, "run", "--month", MONTH],
        env=environment(home, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


@contextmanager
def killed_at_last(run: "subprocess.Popen[str]") -> Iterator[None]:
    try:
        yield
    finally:
        run.kill()
        run.wait()


def ended(run: "subprocess.Popen[str]") -> None:
    told, _ = run.communicate(timeout=_SECONDS)
    assert run.returncode == 0, told


def layers_made(home: Path) -> set[str]:
    return {layer for layer in LAYERS if any((home / "lake" / layer).glob("*/month=*"))}


def tasks(workers: Cluster, number: int, word: str = "Finished") -> int:
    """How many tasks the executors of a worker have begun or finished, as their own logs say."""
    logs = (workers.folder / f"work-{number}").glob("app-*/*/stderr")
    return sum(path.read_text(encoding="utf-8", errors="replace").count(f"Executor: {word} task") for path in logs)


def kill_at_work(workers: Cluster, run: "subprocess.Popen[str]", home: Path) -> None:
    """Kill the worker when facts are there and it has begun a task that it has not finished."""
    until = time.monotonic() + _SECONDS
    while run.poll() is None and time.monotonic() < until:
        if "facts" in layers_made(home) and tasks(workers, _KILLED, "Running") > tasks(workers, _KILLED):
            workers.kill_worker(_KILLED)
            return
        time.sleep(_LOOK)
    told = run.communicate(timeout=_SECONDS)[0]
    pytest.fail(f"no worker was at work on the month\n{told}\n{workers.logged()}", pytrace=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    base = tmp_path_factory.mktemp("cluster")
    landing = submissions(base / "made")
    made = Runs(home_with(landing, base / "duckdb"), home_with(landing, base / "spark"))
    on_duckdb = started(made.duckdb)  # while Spark is waiting, the machine has something to do
    with killed_at_last(on_duckdb), cluster(base / "workers", logs_tasks=True) as workers:
        on_spark = {"KENPO_ENGINE": "spark", "KENPO_SPARK_MASTER": workers.url, "SPARK_CONF_DIR": str(workers.conf_dir)}
        run = started(made.spark, **on_spark)
        with killed_at_last(run):
            kill_at_work(workers, run, made.spark)
            made.layers_before = layers_made(made.spark)
            made.tasks_of_other_then = tasks(workers, 1 - _KILLED)
            ended(run)
        ended(on_duckdb)
        made.tasks_of_killed = tasks(workers, _KILLED)
        made.tasks_of_other = tasks(workers, 1 - _KILLED)
        state = workers.state()
        made.workers.update(worker["state"] for worker in state["workers"])
        made.apps = state["completedapps"]
    yield made


def test_a_worker_was_killed_in_mid_run_and_the_other_went_on_alone(runs: Runs) -> None:
    assert runs.workers == {"ALIVE": 1, "DEAD": 1}
    assert [app["state"] for app in runs.apps] == ["FINISHED"]
    assert runs.tasks_of_killed > 0
    assert runs.tasks_of_other > runs.tasks_of_other_then
    assert "facts" in runs.layers_before
    assert not {"kpis", "marts"} & runs.layers_before


def test_every_layer_of_47_branches_was_made(runs: Runs) -> None:
    lake = Lake(runs.spark / "lake")
    project = load_project(CHECKOUT / "dbt_like_sql")
    branches = lake.read("marts", "mart_scorecard", MONTH).column("branch_code").unique()

    assert len(branches) == 48, "47 and the nation"
    assert {model.relation for model in project.models if not model.is_view} == {
        model.relation for model in project.models if MONTH in lake.months(model.layer, model.name)
    }


def test_what_is_published_equals_duckdb_to_the_digit(runs: Runs) -> None:
    one, other = (database_rows(home, with_moments=False) for home in (runs.duckdb, runs.spark))

    # a publication names the versions of the partitions it was made from, which another engine writes in other bytes
    assert [len(rows.pop("publications")) for rows in (one, other)] == [1, 1]
    assert set(one) == set(other)
    for table, rows in one.items():
        assert other[table] == rows, table
    assert len(one["kpi_facts"]) > 48


def test_what_people_are_shown_is_the_same_text(runs: Runs) -> None:
    shown = [
        subprocess.run(
            [KENPO, "kpi", "--format", "csv"], env=environment(home), capture_output=True, encoding="utf-8", check=True
        ).stdout
        for home in (runs.duckdb, runs.spark)
    ]
    rows = list(csv.DictReader(io.StringIO(shown[0])))

    assert shown[0] == shown[1]
    assert {row["outcome"] for row in rows} == {"attained", "not_attained", "not_evaluable"}
    assert {row["source"] for row in rows} >= {"computed", "reported"}
