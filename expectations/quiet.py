"""Keeps Great Expectations, pandas and pyspark from talking: what they warn of and log is for their own developers, and pyspark
quotes values of rows in it.

What lives here: the silence, and the lock that it needs (warning filters and GX's current context belong to the process).
"""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


_OF_PYSPARK = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""pyspark writes what went wrong in a query to the terminal, beside raising it."""


@contextmanager
def silence() -> Iterator[None]:
    """Run the block without warnings and without log lines of Great Expectations and pyspark; one thread at a time."""
    handler = logging.NullHandler()
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loggers = [logging.getLogger("great_expectations"), *_loggers_of_pyspark()]
        before = [(logger.propagate, logger.disabled) for logger in loggers]
        loggers[0].addHandler(handler)
        for logger in loggers:
            logger.propagate = False
        for logger in loggers[1:]:
            logger.disabled = True
        try:
            yield
        finally:
            loggers[0].removeHandler(handler)
            for logger, (was_propagating, was_disabled) in zip(loggers, before, strict=True):
                logger.propagate, logger.disabled = was_propagating, was_disabled


def _loggers_of_pyspark() -> list[logging.Logger]:
    """They must be of pyspark's own class, which nobody has imported where DuckDB is the engine."""
    if "pyspark" not in sys.modules:
        return []
    from pyspark.logger import PySparkLogger

    return [PySparkLogger.getLogger(name) for name in _OF_PYSPARK]
