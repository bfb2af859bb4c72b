"""Jobs: what a run materialises.

What lives here: the monthly job. What does not: when it runs.
"""

from functools import cache
from typing import Any

import dagster as dg

MONTHLY_REFRESH = "monthly_refresh"


@cache
def monthly_refresh() -> Any:
    """Return the job that materialises one month, all layers, with all checks (Dagster exports no name for its type)."""
    return dg.define_asset_job(
        MONTHLY_REFRESH,
        selection=dg.AssetSelection.all(),
        # a run that Dagster starts again because its process died is started whole: each step keeps what is current
        tags={"dagster/retry_strategy": "ALL_STEPS"},
        description="One reporting month from landing to scorecards, with every check.",
    )
