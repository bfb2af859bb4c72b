"""A real Spark cluster on loopback: a standalone master and workers, each a process of its own, from the pyspark wheel.

What lives here: starting them, and a Spark Connect server over them; killing a worker with its executors as a machine that
fails would; stopping all. What does not: any setting of the application, which learns an address and nothing else.

Every process leads a process group of its own, in which its executors are; a killed group leaves nothing behind.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LOOPBACK = "127.0.0.1"
_SECONDS_TO_START = 90
_SECONDS_TO_STOP = 20
_PAUSE = 0.1
_PACKAGE = "org.apache.spark.deploy"
_CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"
_LOG_ALL = """\
rootLogger.level = info
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %c{1}: %m%n
"""
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""What a Java is told that lives for minutes: compiling better code would take longer than it saves."""


class ClusterError(Exception):
    """A process of the cluster did not come up; the message holds the last lines of what it logged."""


@dataclass
class Cluster:
    """A running master with its workers."""

    folder: Path
    web_port: int
    port: int
    master: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """What KENPO_SPARK_MASTER is set to."""
        return f"spark://{_LOOPBACK}:{self.port}"

    @property
    def conf_dir(self) -> Path:
        """What SPARK_CONF_DIR of a driver is set to, so that it stays on loopback and its executors stay small."""
        return self.folder / "conf"

    def state(self) -> dict[str, Any]:
        """Return what the master says of itself: ``workers`` with id and state, ``activeapps``, ``completedapps``."""
        with urllib.request.urlopen(f"http://{_LOOPBACK}:{self.web_port}/json/", timeout=10) as answer:
            told: dict[str, Any] = json.load(answer)
            return told

    def alive(self) -> int:
        """Return how many workers the master counts on."""
        return sum(worker["state"] == "ALIVE" for worker in self.state()["workers"])

    def wait_for_workers(self, count: int) -> None:
        """Wait until the master counts on so many workers; raise ClusterError."""
        until = time.monotonic() + _SECONDS_TO_START
        while True:
            with suppress(OSError, ValueError):  # its page answers, and with JSON, when the master is up
                if self.alive() == count:
                    return
            ended = [one for one in (self.master, *self.workers) if one.poll() is not None]
            if time.monotonic() > until or (ended and count == len(self.workers)):
                raise ClusterError(f"{count} workers did not come up:\n{self.logged()}")
            time.sleep(_PAUSE)

    def kill_worker(self, number: int) -> None:
        """Kill a worker and its executors at once (SIGKILL): a machine that fails."""
        _end(self.workers[number], signal.SIGKILL)

    def stop(self) -> None:
        """End all processes, and wait for them."""
        for one in (*self.workers, self.master):
            _end(one, signal.SIGTERM)

    @contextmanager
    def connect_server(self, memory: str = "640m") -> Iterator[str]:
        """A Spark Connect server whose executors are the workers', until the block ends; gives what KENPO_SPARK_MASTER is."""
        port = _free_port()
        settings = {
            "spark.connect.grpc.binding.address": _LOOPBACK,
            "spark.connect.grpc.binding.port": str(port),
            "spark.ui.enabled": "false",
        }
        stated = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        command = (f"{_PACKAGE}.SparkSubmit", "--master", self.url, *stated, "--class", _CONNECT, "spark-internal")
        size = {"SPARK_DAEMON_MEMORY": memory}  # it is a driver, and its launcher takes it for a daemon
        server = _spark_class(self.folder, "connect", *command, environment={**self.environment, **size})
        try:
            _wait_for_port(port, server, self)
            yield f"sc://{_LOOPBACK}:{port}"
        finally:
            _end(server, signal.SIGTERM)

    def logged(self, lines: int = 15) -> str:
        """Return the last lines of every process's log."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
            for path in sorted(self.folder.glob("*.log"))
        )


@contextmanager
def cluster(
    folder: Path,
    workers: int = 2,
    memory: str = "640m",
    java: str = SHORT_LIVED,
    environment: Mapping[str, str] | None = None,
    *,
    logs_tasks: bool = False,
) -> Iterator[Cluster]:
    """A master and registered workers of one core and ``memory`` each, until the block ends. ``folder`` holds logs and work.

    ``memory`` is what an executor's Java may take for its objects; its process takes some hundred megabytes more. ``java``:
    options of the driver's and the executors' Java; nothing for what Spark does by itself. ``environment``: what the cluster's
    machines have besides that of this process. ``logs_tasks``: executors log the tasks that they begin and finish, which the
    application has them keep silent about; its own word counts less than a file of the machine.
    """
    if logs_tasks:
        (folder / "conf").mkdir(parents=True)
        (folder / "conf" / "log4j2.properties").write_text(_LOG_ALL, encoding="ascii")
    made = _start(folder, workers, memory, java, environment or {})
    try:
        made.wait_for_workers(workers)
        yield made
    finally:
        made.stop()


def _start(folder: Path, workers: int, memory: str, java: str, environment: Mapping[str, str]) -> Cluster:
    conf = folder / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    settings = {
        "spark.driver.host": _LOOPBACK,
        "spark.driver.bindAddress": _LOOPBACK,
        "spark.executor.memory": memory,
        "spark.driver.extraJavaOptions": java,
        "spark.executor.extraJavaOptions": java,
        "spark.local.dir": str(folder / "local"),
    }
    (conf / "spark-defaults.conf").write_text(
        "".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8"
    )
    port, web_port = _free_port(), _free_port()
    named = ("--host", _LOOPBACK, "--port", str(port), "--webui-port", str(web_port))
    master = _spark_class(folder, "master", f"{_PACKAGE}.master.Master", *named)
    made = Cluster(folder, web_port, port, master, environment=environment)
    for number in range(workers):
        size = ("--host", _LOOPBACK, "--webui-port", "0", "--cores", "1", "--memory", memory)
        work = ("--work-dir", str(folder / f"work-{number}"))
        name = f"worker-{number}"
        command = (f"{_PACKAGE}.worker.Worker", *size, *work, made.url)
        made.workers.append(_spark_class(folder, name, *command, environment=environment))
    return made


def _spark_class(
    folder: Path, name: str, *command: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start one of Spark's own programs. What this machine sets for Spark otherwise is not asked."""
    import pyspark

    home = Path(pyspark.__file__).parent
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("SPARK_")} | {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_IP": _LOOPBACK,
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": SHORT_LIVED,
        # the second way into a master, which nobody here uses, has a port that is always the same
        "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
    }
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), *command],
            env=inherited | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for_port(port: int, process: subprocess.Popen[bytes], made: Cluster) -> None:
    """Wait until somebody listens; raise ClusterError."""
    until = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection((_LOOPBACK, port), timeout=_PAUSE):
            return
        time.sleep(_PAUSE)
    raise ClusterError(f"the Spark Connect server did not come up:\n{made.logged()}")


def _end(process: subprocess.Popen[bytes], first: signal.Signals) -> None:
    """End a process and its group, first as asked, then for good."""
    for sent in (first, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP if sent is signal.SIGTERM else None)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((_LOOPBACK, 0))
        port: int = taken.getsockname()[1]
        return port
