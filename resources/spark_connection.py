"""The connection to Spark: one per process, started on first use, its noise in a log file, ended with the process.

What lives here: local Spark, a standalone cluster (``spark://``) and Spark Connect (``sc://``); settings that decide results;
what to tell when it cannot be had. What does not: what is done with it (``spark_engine``). pyspark is imported inside
functions: importing it takes long, and most installations do without.
"""

import atexit
import os
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from kenpo_pipelines.lake.base import COMPRESSION
from kenpo_pipelines.settings import SettingsError
from kenpo_pipelines.spark_sql import SESSION_SETTINGS
from resources.spark_noise import QUIET_EXECUTORS, keep_values_out_of_logs, quieten

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

APP_NAME = "kenpo"
_CONNECT, _STANDALONE = "sc://", "spark://"
_CONNECT_PORT, _STANDALONE_PORT = 15002, 7077
_PATIENCE_S = 5.0
"""How long a master may take to accept a connection. Spark itself would try for minutes."""

RESULTS = {
    **SESSION_SETTINGS,
    "spark.sql.session.timeZone": "Asia/Tokyo",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # what DuckDB calls TIMESTAMP
    "spark.sql.storeAssignmentPolicy": "ANSI",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": COMPRESSION,
    "spark.sql.parquet.writeLegacyFormat": "false",
    # results up to 64 MB become one file, in the order of the model
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "64MB",
    # every file is named, and there are hundreds of small ones: a job of its own to look for them takes longer
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
}
"""Settings of every session, whatever the cluster's own defaults are."""

_HERE = {
    "spark.app.name": APP_NAME,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "WARN",
    "spark.sql.catalogImplementation": "in-memory",
    **QUIET_EXECUTORS,
}
"""Settings of a driver that this process starts. What a machine or a cluster needs besides (memory, cores, driver host) is
Spark's own business: ``conf/spark-defaults.conf`` in SPARK_CONF_DIR."""


class SparkUnreachable(ConnectionError):
    """The master does not answer. Passing: clusters restart."""


@dataclass(frozen=True)
class SparkMaster:
    """Where Spark is. ``url``: ``local[*]``, ``spark://host:port`` or ``sc://host:port``; ``log_file`` takes what it prints."""

    url: str
    log_file: Path

    @property
    def is_local(self) -> bool:
        """True when this machine does all the work."""
        return self.url.startswith("local")

    @property
    def is_connect(self) -> bool:
        """True when the driver is a server elsewhere, which is spoken to by Spark Connect."""
        return self.url.startswith(_CONNECT)


def release() -> str:
    """Return the version of pyspark, without importing it; raise SettingsError when it is not installed."""
    try:
        return version("pyspark")
    except PackageNotFoundError:
        raise SettingsError(
            "KENPO_ENGINE=spark needs pyspark, which is not installed: pip install 'kenpo-pipelines[spark]' (and Java 17)"
        ) from None


class _Connection:
    """The one connection of this process."""

    spark: "SparkSession | None" = None
    url: str = ""
    process: int = 0
    """The process that opened it: one that was forked from it must not use it."""
    is_borrowed: bool = False
    """True when somebody else in this process had started Spark: it is used, and left running."""


def connected(master: SparkMaster) -> "SparkSession":
    """Return this process's connection, opening it when there is none, or none that is alive.

    Raises :class:`SparkUnreachable` when nothing listens at the master's address, SettingsError when pyspark or Java is
    missing.
    """
    release()
    spark = _Connection.spark
    if spark is not None and _Connection.process == os.getpid():
        if _Connection.url == master.url and _is_alive(spark, master):
            return spark
        disconnect()
    spark = None if master.is_connect else _running()
    _Connection.is_borrowed = spark is not None
    if spark is None:
        _wait_for(master)
        spark = _connect(master) if master.is_connect else _start(master)
    _Connection.spark, _Connection.url, _Connection.process = spark, master.url, os.getpid()
    atexit.register(disconnect)
    return spark


def _running() -> "SparkSession | None":
    """Return the session of a driver that runs in this process already: there can be only one."""
    quieten()
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._active_spark_context is None:
        return None
    spark = SparkSession.builder.getOrCreate()
    keep_values_out_of_logs(spark)
    return spark


def disconnect() -> None:
    """End this process's connection, and the Java that it started. Without one nothing happens."""
    spark, _Connection.spark = _Connection.spark, None
    atexit.unregister(disconnect)
    if spark is None or _Connection.is_borrowed or _Connection.process != os.getpid():
        return
    with suppress(Exception):  # it may be dead already
        spark.stop()
    if not _Connection.url.startswith(_CONNECT):
        _end_java()


def new_session(master: SparkMaster) -> "SparkSession":
    """Return a session with views of its own and the settings that decide results."""
    spark = connected(master).newSession()
    for name, value in RESULTS.items():
        spark.conf.set(name, value)
    return spark


def _connect(master: SparkMaster) -> "SparkSession":
    quieten()
    from pyspark.errors import PySparkException
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    try:
        spark: Any = ConnectSession.builder.remote(master.url).create()
        assert spark.version, "it answers with its version"
    except (PySparkException, OSError) as error:
        raise SparkUnreachable(f"Spark Connect does not answer at {master.url}: {_first_line(error)}") from error
    return cast("SparkSession", spark)


def _start(master: SparkMaster) -> "SparkSession":
    """Start a driver in a Java of its own, which prints into the log file."""
    if not _java():
        raise SettingsError(
            "KENPO_ENGINE=spark needs Java 17 or newer, which was not found (JAVA_HOME, PATH): install for example "
            "openjdk-17-jre-headless, or name a Spark Connect server: KENPO_SPARK_MASTER=sc://host:15002"
        )
    quieten()
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    conf = SparkConf(loadDefaults=False).setMaster(master.url)
    for name, value in {**_HERE, **RESULTS}.items():
        conf.set(name, value)
    master.log_file.parent.mkdir(parents=True, exist_ok=True)
    with master.log_file.open("ab") as log:
        try:
            gateway = launch_gateway(conf, {"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
        except PySparkException as error:
            raise SettingsError(
                f"Java could not start Spark {release()}; it needs Java 17 or newer. What it said is in {master.log_file}"
            ) from error
    SparkContext._ensure_initialized(gateway=gateway)
    try:
        spark = SparkSession.builder.getOrCreate()
    except Exception as error:
        _end_java()
        raise SparkUnreachable(f"Spark could not be started on {master.url}: {_first_line(error)}") from error
    keep_values_out_of_logs(spark)
    return spark


def _end_java() -> None:
    from pyspark import SparkContext

    gateway: Any = SparkContext._gateway
    if gateway is None:
        return
    with suppress(Exception):
        gateway.shutdown()
    process = getattr(gateway, "proc", None)
    if process is not None:
        process.stdin.close()  # it ends when nobody is there any more
        with suppress(Exception):
            process.wait(timeout=20)
    SparkContext._gateway = SparkContext._jvm = None


def _is_alive(spark: Any, master: SparkMaster) -> bool:
    try:
        if master.is_connect:
            return bool(spark.conf.get("spark.sql.session.timeZone"))
        return bool(spark.sparkContext.defaultParallelism)
    except Exception:  # noqa: BLE001 (whatever it says: it does not answer)
        return False


def _wait_for(master: SparkMaster) -> None:
    """Raise SparkUnreachable unless one of the master's addresses takes a connection soon."""
    if not master.url.startswith((_CONNECT, _STANDALONE)):
        return
    scheme, _, rest = master.url.partition("://")
    port = _CONNECT_PORT if master.is_connect else _STANDALONE_PORT
    addresses = rest.partition("/")[0].split(",")
    trouble: OSError | None = None
    for address in addresses:
        parts = urlsplit(f"{scheme}://{address}")
        try:
            socket.create_connection((parts.hostname or "localhost", parts.port or port), timeout=_PATIENCE_S).close()
        except OSError as error:
            trouble = error
        else:
            return
    raise SparkUnreachable(
        f"nothing answers at KENPO_SPARK_MASTER={master.url} ({trouble}); is the cluster up?"
    ) from trouble


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
