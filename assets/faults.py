"""Steps that fail: passing faults are tried again with growing waits, permanent ones end the step at once with what to do.

What lives here: Dagster's side of it, for all asset functions. What does not: which fault is which (``resources.faults``).
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import dagster as dg

from resources.faults import fault_of

WAITS_S = (5, 20, 60)
"""Seconds before the second, third and fourth try of a step, during which its run keeps the month locked: a restart of the
database or a hiccup of a network drive is over by then; what lasts longer is told, and the run is started again."""

P = ParamSpec("P")
R = TypeVar("R")


def faults_told(step: Callable[P, R]) -> Callable[P, R]:
    """Decorate an asset function whose first parameter is the context; generators are decorated alike.

    Errors that are none of the known faults pass as they are: they are not tried again.
    """
    if inspect.isgeneratorfunction(step):

        @functools.wraps(step)
        def stepwise(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with _told(_context(args, kwargs)):
                yield from step(*args, **kwargs)

        return stepwise  # type: ignore[return-value]

    @functools.wraps(step)
    def at_once(*args: P.args, **kwargs: P.kwargs) -> R:
        with _told(_context(args, kwargs)):
            return step(*args, **kwargs)

    return at_once


def _context(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dg.AssetExecutionContext:
    context: dg.AssetExecutionContext = args[0] if args else kwargs["context"]
    return context


@contextmanager
def _told(context: dg.AssetExecutionContext) -> Iterator[None]:
    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            raise
        if not fault.is_passing:
            raise dg.Failure(fault.text, allow_retries=False) from error
        tried = context.op_execution_context.retry_number
        if tried < len(WAITS_S):
            context.log.warning(f"{fault.text} Trying again in {WAITS_S[tried]} s.")
            raise dg.RetryRequested(max_retries=len(WAITS_S), seconds_to_wait=WAITS_S[tried]) from error
        told = f"{fault.text} {tried + 1} tries over {sum(WAITS_S)} s did not help."
        raise dg.Failure(told, allow_retries=False) from error
