"""Runs of a month in processes that can be watched, stopped and killed; a death costs no start-up.

Run as a program it loads the project once, reads one command per line (JSON) and forks for each run. :class:`MonthServer` is
the side of the tests. A run follows a script: ``["run"]`` runs the month as ``kenpo run`` does, ``["sh", command]`` does
something to the machine between two runs, in a mount namespace of the process's own that ends with it.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from kenpo_home import environment, settings_of

BEGUN = "begun"

Event = tuple[float, str]
"""Seconds since the run's process began, and :data:`BEGUN`, ``step <name>`` or ``asset <key>`` as it was told."""

_NEWUSER, _NEWNS, _PRIVATE = 0x10000000, 0x00020000, 1 << 18 | 1 << 14
"""From linux/sched.h and linux/mount.h: a namespace of users, one of mounts; MS_PRIVATE | MS_REC."""


@dataclass(frozen=True)
class Ended:
    """A process that ended: its exit code (negative: killed by a signal), what it told, what each run of its script said (''
    when it succeeded), and how many seconds it lived."""

    exitcode: int
    events: tuple[Event, ...]
    said: tuple[str, ...]
    seconds: float

    @property
    def is_killed(self) -> bool:
        return self.exitcode == -signal.SIGKILL

    @property
    def last_step(self) -> str:
        """Name of the step that had begun last; '' before the first."""
        steps = [told.removeprefix("step ") for _, told in self.events if told.startswith("step ")]
        return steps[-1] if steps else ""


class MonthServer:
    """The tests' side: one server process, one command after the other; several runs may be under way."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @classmethod
    @contextmanager
    def started(cls, anywhere: Path) -> Iterator["MonthServer"]:
        with subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(anywhere, OPENBLAS_NUM_THREADS="1"),
        ) as process:
            assert process.stdin is not None
            yield cls(process)
            process.stdin.close()

    def warm_up(self, home: Path, month: str) -> Ended:
        """Run the month in the server itself: what is loaded late is loaded then, and the children need not."""
        return _ended(self._ask(do="warm up", home=str(home), month=month))

    def begin(
        self,
        home: Path,
        month: str,
        script: Sequence[Sequence[str]] = (("run",),),
        *,
        url: str | None = None,
        stop_at: str = "",
        patches: Mapping[str, Any] | None = None,
    ) -> int:
        """Begin a run and return its process's number. With ``stop_at`` it stops itself (SIGSTOP) before the first SQL
        statement that begins so; ``patches`` sets module variables (``assets.faults.WAITS_S``) in the process."""
        command = {"home": str(home), "month": month, "script": script, "url": url, "stop_at": stop_at}
        return int(self._ask(do="begin", **command, patches=dict(patches or {})))

    def until(self, pid: int, told: Collection[str], then: float = 0.0) -> None:
        """Return when the run has told one of these, and so many seconds have passed; or when it has ended."""
        self._ask(do="until", pid=pid, told=sorted(told), then=then)

    def until_stopped(self, pid: int) -> bool:
        """Return True when the process has stopped itself, False when it has ended."""
        return bool(self._ask(do="until stopped", pid=pid))

    def end(self, pid: int, *, kill: bool = False) -> Ended:
        """Return when the process has ended; ``kill`` it (SIGKILL) first."""
        return _ended(self._ask(do="end", pid=pid, kill=kill))

    def run(self, home: Path, month: str, **how: Any) -> Ended:
        """Run to the end."""
        return self.end(self.begin(home, month, **how))

    def statuses(self, home: Path) -> list[str]:
        """Status of every run that Dagster knows in this home, the first one first."""
        return list(self._ask(do="statuses", home=str(home)))

    def _ask(self, **command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _ended(answer: Mapping[str, Any]) -> Ended:
    events = tuple((at, told) for at, told in answer["events"])
    return Ended(answer["exitcode"], events, tuple(answer["said"]), answer["seconds"])


# --- the server ---


@dataclass
class _Run:
    pid: int
    began: float
    pipe: IO[str]
    events: list[Event]
    home: Path


class _Server:
    def __init__(self) -> None:
        self._runners: dict[tuple[str, str | None], Any] = {}
        self._runs: dict[int, _Run] = {}

    def answer(self, command: dict[str, Any]) -> Any:
        do = command.pop("do")
        return getattr(self, "_" + do.replace(" ", "_"))(**command)

    def _warm_up(self, home: str, month: str) -> dict[str, Any]:
        from kenpo_pipelines.running import quiet
        from resources import installation

        runner = self._runner(home, None)
        began = time.monotonic()
        events = [(0.0, BEGUN)]
        with quiet(settings_of(Path(home))):
            runner.run(month, lambda kind, key: events.append((time.monotonic() - began, f"{kind} {key}")))
        installation._database.cache_clear()  # a connection must not be shared by two processes
        return {"exitcode": 0, "events": events, "said": [""], "seconds": time.monotonic() - began}

    def _begin(
        self,
        home: str,
        month: str,
        script: list[list[str]],
        url: str | None,
        stop_at: str,
        patches: dict[str, Any],
    ) -> int:
        runner = self._runner(home, url)
        reading, writing = os.pipe()
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _follow(script, runner, Path(home), month, os.fdopen(writing, "w", buffering=1), stop_at, patches)
        os.close(writing)
        self._runs[pid] = _Run(pid, began, os.fdopen(reading), [], Path(home))
        return pid

    def _until(self, pid: int, told: list[str], then: float) -> None:
        run = self._runs[pid]
        while not any(name in told for _, name in run.events):
            if not self._read(run):
                return
        time.sleep(then)

    def _until_stopped(self, pid: int) -> bool:
        # WNOWAIT: a process that ended is left to be waited for
        ended = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert ended is not None
        return ended.si_code == os.CLD_STOPPED

    def _end(self, pid: int, kill: bool) -> dict[str, Any]:
        run = self._runs.pop(pid)
        if kill:
            os.kill(pid, signal.SIGKILL)  # not waited for yet, so the number is still its own
        while self._read(run):
            pass
        run.pipe.close()
        exitcode = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = _said(run.home, pid)
        lines = json.loads(said.read_text(encoding="utf-8")) if exitcode in (0, 1) else []
        said.unlink(missing_ok=True)
        return {"exitcode": exitcode, "events": run.events, "said": lines, "seconds": time.monotonic() - run.began}

    def _read(self, run: _Run) -> bool:
        line = run.pipe.readline()
        if line:
            run.events.append((time.monotonic() - run.began, line.rstrip("\n")))
        return bool(line)

    def _statuses(self, home: str) -> list[str]:
        import dagster as dg

        with dg.DagsterInstance.from_config(str(settings_of(Path(home)).dagster_dir)) as instance:
            return [run.status.value for run in reversed(instance.get_runs())]

    def _runner(self, home: str, url: str | None) -> Any:
        from kenpo_pipelines.running import MonthRunner

        if (home, url) not in self._runners:
            runner = MonthRunner(settings_of(Path(home)).model_copy(update={"database_url": url}))
            runner.job  # noqa: B018 (definitions are loaded when it is asked for)
            self._runners[home, url] = runner
        return self._runners[home, url]


def _follow(
    script: list[list[str]],
    runner: Any,
    home: Path,
    month: str,
    pipe: IO[str],
    stop_at: str,
    patches: dict[str, Any],
) -> None:
    """Follow the script and end the process: with 0 when every run succeeded, else with 1."""
    from kenpo_pipelines.run_results import RunFailed
    from kenpo_pipelines.running import prepare_home, quiet

    print(BEGUN, file=pipe)
    said: list[str] = []
    exitcode = 0
    try:
        prepare_home(settings_of(home))
        _patch(patches)
        _stop_before(stop_at)
        if any(action[0] == "sh" for action in script):
            _enter_own_namespace()
        for what, *command in script:
            if what == "sh":
                subprocess.run(["sh", "-e", "-c", *command], check=True)
                continue
            try:
                with quiet(settings_of(home)):
                    runner.run(month, lambda kind, key: print(kind, key, file=pipe))
                said.append("")
            except RunFailed as failed:
                said.append(str(failed))
                exitcode = 1
    except Exception:  # noqa: BLE001 (told, and the parent must not go on in the child)
        said.append(traceback.format_exc())
        exitcode = 1
    _said(home, os.getpid()).write_text(json.dumps(said), encoding="utf-8")
    os._exit(exitcode)


def _said(home: Path, pid: int) -> Path:
    """Where a process leaves what its runs said: beside the home, of which nothing may be left to write to."""
    return home.with_name(f"said-{pid}.json")


def _patch(patches: dict[str, Any]) -> None:
    for name, value in patches.items():
        module, _, variable = name.rpartition(".")
        setattr(sys.modules[module], variable, value)


def _stop_before(statement: str) -> None:
    """Have this process stop itself before the first SQL statement that begins so."""
    if not statement:
        return
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "before_cursor_execute")
    def stop(connection: Any, cursor: Any, sql: str, *_rest: Any) -> None:
        nonlocal statement
        if statement and sql.startswith(statement):
            statement = ""
            os.kill(os.getpid(), signal.SIGSTOP)


def _enter_own_namespace() -> None:
    """Let this process mount what it likes, seen by nobody else and gone with it; no right is needed for that."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    flags = _NEWNS if user == 0 else _NEWNS | _NEWUSER
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "no namespace for the test's mounts")
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    if libc.mount(b"none", b"/", None, _PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "mounts cannot be kept apart")


def serve() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401 (2 s for each child otherwise)
        import tqdm

        from kenpo_pipelines.running import MonthRunner  # noqa: F401 (as above)

    tqdm.tqdm.monitor_interval = 0  # its thread would be missing in the children, with its lock perhaps taken
    server = _Server()
    for line in sys.stdin:
        print(json.dumps(server.answer(json.loads(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
