"""The processes that are killed in ``test_pipeline_killed``: each runs ``kenpo run`` and may be killed by SIGKILL.

Run as a program it reads one command per line (JSON) and forks for each, so that a death costs no start-up; imports are made
once, and nothing else runs here.
"""

import contextlib
import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path


def run_month(home: Path, month: str) -> None:
    """``kenpo run --month``, as the installed program would run it; ends the process."""
    from kenpo_pipelines.cli import app

    os.environ["KENPO_HOME"] = str(home)
    exitcode = 1
    with (home / "said.txt").open("a", encoding="utf-8") as said:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                app(["run", "--month", month])
            except SystemExit as ended:
                exitcode = int(ended.code or 0)
        said.flush()
        os._exit(exitcode)


def kill_when(child: int, home: Path, appears: str) -> int:
    """Kill the child as soon as a path of the pattern is there; return its exit code."""
    while not any(home.glob(appears)):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)  # not waited for yet, so the number is still its own
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def serve() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401 (2 s for each child otherwise)

        import kenpo_pipelines.running  # noqa: F401

    for line in sys.stdin:
        command = json.loads(line)
        home = Path(command["home"])
        child = os.fork()
        if child == 0:
            run_month(home, command["month"])
        appears = command["kill_when"]
        if appears is not None:
            exitcode = kill_when(child, home, appears)
        else:
            exitcode = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(exitcode, flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
