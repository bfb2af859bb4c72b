"""Months that were made from what has changed since: they were run before, and read earlier months that were run again.

What lives here: which months those are, and the version of what a month reads of earlier ones. What does not: running them
(``kenpo_pipelines.automation.later_months``, the command line).
"""

import hashlib
import json
from collections.abc import Iterator

from kenpo_pipelines.lake import LakeError
from resources.installation import Installation
from resources.steps import MART, model_fingerprint


def outdated_months(installation: Installation, first: str) -> Iterator[str]:
    """Yield the months from ``first`` on, ascending, that were run before and whose models would come out differently now.

    Each is looked at when it is asked for: reading links, sizes and times of the partitions of the months before it.
    """
    for month in installation.lake.months(MART.layer, MART.name):
        if month >= first and not _are_models_current(installation, month):
            yield month


def _are_models_current(installation: Installation, month: str) -> bool:
    lake = installation.lake
    try:
        with lake.one_look():
            return all(
                lake.is_current(model.layer, model.name, month, model_fingerprint(installation, model, month))
                for model in installation.project.models
            )
    except LakeError:
        return False


def version_of_earlier_months(installation: Installation, month: str) -> str:
    """Return a digest of the partitions of earlier months that the month's models read, and of the models themselves."""
    lake = installation.lake
    read = sorted({relation for model in installation.project.models for relation in model.history})
    with lake.one_look():
        versions = [
            [one.sql_name, known, lake.version(one.layer, one.name, known)]
            for one in read
            for known in lake.months(one.layer, one.name)
            if known < month
        ]
    models = [[model.relation.sql_name, model.code_version] for model in installation.project.models]
    return hashlib.sha256(json.dumps([versions, models]).encode()).hexdigest()[:16]
