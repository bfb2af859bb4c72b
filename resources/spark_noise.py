"""What Spark says beside its answers: values of rows are no part of it, and people do not see it.

What lives here: pyspark's loggers and warnings in this process; the log of a Java that this process started, and of the
executors that work for it. What does not: errors, which a session tells without values (``spark_session``), and the log of a
Spark Connect server, which belongs to whoever runs it.
"""

import warnings
from contextlib import suppress
from typing import Any

_OF_FAILED_QUERIES = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""pyspark prints every failed query, with the values that made it fail, beside raising it: who asked is told by the error."""

_OF_MACHINES = (
    "org.apache.spark.SparkContext",
    "org.apache.spark.deploy",
    "org.apache.spark.network",
    "org.apache.spark.scheduler.TaskSchedulerImpl",
    "org.apache.spark.scheduler.cluster",
)
"""Loggers of Spark's that tell of masters, workers and connections. Those that tell of tasks and queries quote what a task
died of, which may be the value of a row; whatever is not known to quote none is silent."""

QUIET_EXECUTORS = {"spark.executor.defaultJavaOptions": "-Dorg.apache.logging.log4j.level=FATAL"}
"""Setting of a driver: executors that work for it log no task's end, for which they would quote what it died of. Where workers
have a ``conf/log4j2.properties`` of their own, that file decides. ``spark.executor.extraJavaOptions`` stays free for others."""


def quieten() -> None:
    """Silence pyspark in this process for good: its word on failed queries, and on pandas, which is not given to it here."""
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
    from pyspark.logger import PySparkLogger

    for name in _OF_FAILED_QUERIES:
        PySparkLogger.getLogger(name).disabled = True


def keep_values_out_of_logs(spark: Any) -> None:
    """Have the driver's Java log what it is told of machines, and no task's or query's end."""
    spark.sparkContext.setLogLevel("FATAL")
    log4j = spark.sparkContext._jvm.org.apache.logging.log4j
    with suppress(TypeError):  # an installation with another logger than Spark's own: it stays at FATAL
        for name in _OF_MACHINES:
            log4j.core.config.Configurator.setLevel(name, log4j.Level.WARN)
