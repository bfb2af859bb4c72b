"""Spark for the tests in this folder: one local session per worker process; without Java or pyspark they are not collected.

What lives here: the session, made as the engine makes it, and the leaving out. What does not: what is said about that
(``tests/conftest.py``, ``java``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from spark.cluster import SHORT_LIVED
from spark.java import missing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

collect_ignore_glob = ["test_*.py"] if missing() else []

LOCAL = "local[2]"
"""What KENPO_SPARK_MASTER is in these tests; a process has one Spark."""

DEFAULTS = {
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": SHORT_LIVED,
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
}


@pytest.fixture(scope="session")
def spark_conf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """SPARK_CONF_DIR of this process: a small driver that stays on loopback and writes into pytest's folder only."""
    folder = tmp_path_factory.mktemp("spark")
    settings = DEFAULTS | {
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    lines = (f"{name} {value}\n" for name, value in settings.items())
    (folder / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def spark(spark_conf: Path) -> Iterator["SparkSession"]:
    """The engine's own connection to a local Spark of two threads; ended, with its Java, when the worker ends."""
    from resources.spark_connection import SparkMaster, connected, disconnect

    yield connected(SparkMaster(LOCAL, spark_conf / "spark.log"))
    disconnect()
