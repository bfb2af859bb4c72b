"""Several months in a row, oldest first: what is done, what failed, what is left, and stopping in the middle.

What lives here: the order, the end after a failure or Ctrl-C, the account. What does not: running one month (``running``), what
is printed (``cli``), when a later month may be run at all (``resources.backfills``).
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from kenpo_pipelines.run_results import RunFailed
from kenpo_pipelines.running import MonthRun
from resources.faults import fault_of

_STOPPING = {signal.SIGINT, signal.SIGTERM}


@dataclass(frozen=True)
class Account:
    """What became of the months that were asked for, each list ascending."""

    done: tuple[str, ...]
    failed: tuple[str, ...]
    left: tuple[str, ...]
    """Not begun, or stopped in the middle: begun again they go on with what is missing."""
    is_interrupted: bool = False

    @property
    def open(self) -> tuple[str, ...]:
        """The months that have to be run again."""
        return tuple(sorted({*self.failed, *self.left}))


def run_months(
    months: Sequence[str],
    run: Callable[[str], MonthRun],
    *,
    on_done: Callable[[MonthRun], None],
    on_failed: Callable[[str, str], None],
    may_go_on_after: Callable[[str], bool],
) -> Account:
    """Run the months in their order and say what became of them.

    A month that fails is told to ``on_failed`` with the reason; the months after it are run where ``may_go_on_after`` says that
    they do not need it. Ctrl-C (or SIGTERM) ends the month under way and the rest; it comes out as no exception.
    """
    done: list[str] = []
    failed: list[str] = []
    with _stop_asked() as is_stop_asked:
        for position, month in enumerate(months):
            try:
                on_done(run(month))
                done.append(month)
            except KeyboardInterrupt:
                return Account(tuple(done), tuple(failed), tuple(months[position:]), is_interrupted=True)
            except Exception as error:
                reason = _reason(error)
                if is_stop_asked():
                    return Account(tuple(done), tuple(failed), tuple(months[position:]), is_interrupted=True)
                if reason is None:
                    raise
                on_failed(month, reason)
                failed.append(month)
            rest = tuple(months[position + 1 :])
            if rest and is_stop_asked():
                return Account(tuple(done), tuple(failed), rest, is_interrupted=True)
            if month in failed and not may_go_on_after(month):
                return Account(tuple(done), tuple(failed), rest)
    return Account(tuple(done), tuple(failed), ())


def _reason(error: Exception) -> str | None:
    """What to tell of a month that failed; None for an error of the program itself."""
    if isinstance(error, RunFailed):
        return str(error)
    fault = fault_of(error)
    return None if fault is None else fault.text


@contextmanager
def _stop_asked() -> Iterator[Callable[[], bool]]:
    """Give the question whether a signal asked the process to stop since the block began.

    While a run is under way Dagster handles the signals, the engine turns them into errors of its own, and one that comes
    between two steps may be forgotten: the operating system's note in a pipe is not.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    heard: set[int] = set()

    def is_asked() -> bool:
        with suppress(BlockingIOError):
            heard.update(os.read(reader, 4096))
        return not _STOPPING.isdisjoint(heard)

    try:
        yield is_asked
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
