"""The processes that are killed in ``test_pipeline_killed``: each runs a month as ``kenpo run`` does, until SIGKILL.

Run as a program it reads one command per line (JSON) and forks for each, so that a death costs no start-up: imports and
definitions are made once. A process that ends well writes what its run did to ``said.txt``.
"""

import json
import os
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from kenpo_home import settings_of


def run_month(runner: Any, home: Path, month: str) -> None:
    """Run the month and end the process with 0, or with 1 and the traceback in ``said.txt``."""
    from kenpo_pipelines.running import quiet

    exitcode = 1
    with (home / "said.txt").open("w", encoding="utf-8") as said:
        try:
            with quiet(settings_of(home)):
                print(runner.run(month), file=said)
            exitcode = 0
        except Exception:  # noqa: BLE001 (told, and the parent must not go on in the child)
            traceback.print_exc(file=said)
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

        from kenpo_pipelines.running import MonthRunner

    runners: dict[Path, MonthRunner] = {}
    for line in sys.stdin:
        command = json.loads(line)
        home = Path(command["home"])
        if home not in runners:
            runners[home] = MonthRunner(settings_of(home))
            runners[home].job  # noqa: B018 (definitions are loaded when it is asked for)
        child = os.fork()
        if child == 0:
            run_month(runners[home], home, command["month"])
        appears = command["kill_when"]
        if appears is not None:
            exitcode = kill_when(child, home, appears)
        else:
            exitcode = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(exitcode, flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
