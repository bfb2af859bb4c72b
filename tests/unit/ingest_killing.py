"""The process that is killed in ``test_ingest_killed``: ingests a month and dies by SIGKILL at the n-th file operation.

Run as a program it reads one command per line (JSON) and forks for each, so that a death costs no start-up.
"""

import json
import os
import sys
from pathlib import Path

from lake_killing import OPERATIONS, Countdown
from record_files import Place

COUNTED = (*OPERATIONS, "link")


def ingest(root: Path, fatal: int) -> None:
    """Ingest the month of one dataset; die at operation ``fatal``."""
    countdown = Countdown(fatal)
    for name in COUNTED:
        setattr(os, name, countdown.before(getattr(os, name)))
    Place(root).ingest("untreated_persons")


def serve() -> None:
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                ingest(Path(command["root"]), command["fatal"])
            except BaseException:  # noqa: BLE001 (told, and the parent must not go on in the child)
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
