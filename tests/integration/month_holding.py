"""Somebody else who has a month."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from resources.installation import Installation
from resources.month_lock import month_lock


@contextmanager
def held_elsewhere(installation: Installation, month: str) -> Iterator[None]:
    """Hold the month in another thread: for the lock, that is somebody else."""
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with month_lock(installation, month, "run-of-another"):
            is_held.set()
            may_end.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(60)
    try:
        yield
    finally:
        may_end.set()
        holder.join()
