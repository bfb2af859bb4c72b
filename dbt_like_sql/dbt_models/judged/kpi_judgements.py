"""Judgement as a dbt model: the pipeline's own code, so that dbt builds everything from what was read to the marts.

What lives here: what judging reads. What does not: any rule (``kenpo_pipelines.catalogue``). The pipeline's assets do the same
with the same functions.
"""

from typing import Any

import pyarrow as pa

from kenpo_pipelines import settings
from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.serving.published_targets import published_targets
from resources.installation import Installation


def model(dbt: Any, session: Any) -> pa.Table:
    """Return one judgement per row of ``judgement_inputs``; targets of published scorecards stand as they were published."""
    dbt.config(materialized="partition")
    month = dbt.config.meta_get("month")
    installation = Installation.from_settings(settings.load())
    rows = dbt.ref("judgement_inputs").to_arrow_table().to_pylist()
    return judge_month(rows, installation.catalogue, month, published_targets(installation.database(), month))
