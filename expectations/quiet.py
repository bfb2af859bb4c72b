"""Keeps Great Expectations, pandas and pyspark from talking: what they warn of and log is for their own developers.

What lives here: the silence, and the lock that it needs (warning filters and GX's current context belong to the process). What
does not: pyspark's word on failed queries, which is off for good where Spark is connected (``resources.spark_noise``).
"""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def silence() -> Iterator[None]:
    """Run the block without warnings and without log lines of Great Expectations; one thread at a time."""
    logger, handler = logging.getLogger("great_expectations"), logging.NullHandler()
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        was_propagating = logger.propagate
        logger.addHandler(handler)
        logger.propagate = False
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.propagate = was_propagating
