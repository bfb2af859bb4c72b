"""What Great Expectations needs on every engine; like ``gx_engine`` it imports GX, so import it inside functions.

What lives here: the one context of the process, and rules as GX's expectations. What does not: where the rows are
(``gx_engine``: DuckDB, ``gx_spark``: Spark).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from expectations.gx_result import SQL_EXPECTATION, GxResult, Refused, raised
from expectations.suite import Rule

NAME = "checked"
"""Name of everything that GX wants a name for."""

COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Result format: no value of a row."""


@lru_cache(maxsize=1)
def context() -> Any:
    """Return the one context of the process, without files, telemetry or progress bars: making it takes a while."""
    made = gx.get_context(mode="ephemeral")
    made.enable_analytics(False)
    made.variables.progress_bars = ProgressBarsConfig(globally=False)
    return made


def suite_of(
    rules: Mapping[int, Rule], arguments: Callable[[Rule], dict[str, Any]]
) -> tuple[gx.ExpectationSuite, dict[int, GxResult]]:
    """Return the rules as one suite, whose results :func:`position` puts in order, and the results of those that are no part.

    ``arguments`` are those that GX is to have; it may raise :class:`Refused`. Not in the suite are expectations that GX does
    not know, or whose arguments it does not take.
    """
    built, refused = [], {}
    for place, rule in rules.items():
        try:
            configuration = ExpectationConfiguration(
                type=rule.expectation or SQL_EXPECTATION, kwargs=arguments(rule), meta={"position": place}
            )
            built.append(configuration.to_domain_obj())
        except Refused as error:
            refused[place] = raised(str(error))
        except (GreatExpectationsError, ValueError, TypeError) as error:
            refused[place] = raised(type(error).__name__)
    return gx.ExpectationSuite(name=NAME, expectations=built), refused


def position(result: Any) -> int:
    """Return the position of the rule that a result of GX is about."""
    return int(result.expectation_config.meta["position"])
