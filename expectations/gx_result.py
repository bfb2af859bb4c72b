"""What Great Expectations says of one expectation, without a value of a row.

What lives here: that result, and how it is read from GX's own. What does not: running GX (``gx_engine``, ``gx_spark``, which
import it), and what a result means (``adapter``).
"""

import re
from dataclasses import dataclass
from typing import Any

SQL_EXPECTATION = "unexpected_rows_expectation"
"""GX's name of a rule that is SQL."""

_LAST_ERROR = re.compile(r"^(?:\w+\.)*(\w+)(?::.*)?\Z", re.MULTILINE)


class Refused(Exception):
    """A rule cannot be given to GX, or GX gave up; the message carries no value of a row."""


@dataclass(frozen=True)
class GxResult:
    """What GX says of one expectation; ``fault_rows_sql`` selects the rows at fault where GX can express that."""

    success: bool
    is_raised: bool
    unexpected_rows: int | None = None
    fault_rows_sql: str | None = None
    exception_type: str = ""


def raised(exception_type: str) -> GxResult:
    """Return the result of an expectation that could not be judged."""
    return GxResult(success=False, is_raised=True, exception_type=exception_type)


def read(result: Any, engine_error: re.Pattern[str]) -> GxResult:
    """Read GX's result of one expectation. ``engine_error`` finds the type of the engine's own error in a traceback."""
    trouble = _exception_type(result.exception_info or {}, engine_error)
    if trouble is not None:
        return raised(trouble)
    details = result.result
    # Of a statistic (a sum, a maximum) the observed value is no count, and may be personal: it is not read.
    is_sql = result.expectation_config.type == SQL_EXPECTATION
    count = details.get("observed_value") if is_sql else details.get("unexpected_count")
    query = details.get("unexpected_index_query")
    return GxResult(
        success=bool(result.success),
        is_raised=False,
        unexpected_rows=int(count) if isinstance(count, int) else None,
        fault_rows_sql=query.rstrip("; \n") if isinstance(query, str) else None,
    )


def _exception_type(info: dict[str, Any], engine_error: re.Pattern[str]) -> str | None:
    """Return the type of the first exception, or None. Its text is left out: the engine quotes values in it."""
    entries = [info] if "raised_exception" in info else [entry for entry in info.values() if isinstance(entry, dict)]
    for entry in entries:
        if entry.get("raised_exception"):
            trace = str(entry.get("exception_traceback") or "").rstrip()
            found = engine_error.search(trace) or _LAST_ERROR.search(trace)
            return found[1] if found else "an exception"
    return None
