"""A Spark Connect server on loopback that does its work itself, from the pyspark wheel.

What lives here: starting it and ending it. What does not: one whose work a cluster's workers do (``cluster``).
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spark.cluster import SHORT_LIVED

LOGS_NO_VALUES = "-Dorg.apache.logging.log4j.level=FATAL"
"""What whoever runs a server tells its Java, so that its log quotes no values of rows that a query failed of."""
LOG = "connect.log"
_LOOPBACK = "127.0.0.1"
_SECONDS_TO_START = 90
_PAUSE = 0.1


@contextmanager
def connect_server(folder: Path, threads: int = 2) -> Iterator[str]:
    """A server with so many threads, until the block ends; gives what KENPO_SPARK_MASTER is. ``folder`` holds its files."""
    import pyspark

    home, port = Path(pyspark.__file__).parent, _free_port()
    settings = {
        "spark.master": f"local[{threads}]",
        "spark.connect.grpc.binding.address": _LOOPBACK,
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": _LOOPBACK,
        "spark.driver.extraJavaOptions": f"{SHORT_LIVED} {LOGS_NO_VALUES}",
        "spark.driver.host": _LOOPBACK,
        "spark.driver.memory": "1g",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
    }
    stated = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    program = ("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    with (folder / LOG).open("wb") as log:
        server = subprocess.Popen(
            [str(home / "bin" / "spark-submit"), *stated, *program],
            env=environment | {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": _LOOPBACK},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(port, server, folder / LOG)
        yield f"sc://{_LOOPBACK}:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # it holds nothing that anybody needs
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _SECONDS_TO_START
    while server.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection((_LOOPBACK, port), timeout=_PAUSE):
            return
        time.sleep(_PAUSE)
    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    raise RuntimeError("the Spark Connect server did not come up:\n" + "\n".join(last))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((_LOOPBACK, 0))
        port: int = taken.getsockname()[1]
        return port
