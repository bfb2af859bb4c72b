"""What a run tells: failures of checks, and that it did not succeed.

What lives here: plain values, so that who reads them need not import Dagster.
"""

from dataclasses import dataclass


class RunFailed(Exception):
    """A run ended without success; the message names the step and the cause."""


@dataclass(frozen=True)
class CheckFailure:
    """One check that did not pass. ``is_error`` False means a warning; ``is_silence`` that nothing was submitted."""

    asset: str
    check: str
    is_error: bool
    description: str
    is_silence: bool = False


@dataclass(frozen=True)
class Execution:
    """A run that succeeded, and the checks that did not pass in it."""

    run_id: str
    failures: tuple[CheckFailure, ...]
