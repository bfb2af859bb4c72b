"""Targets that were published, read back for judging: a published judgement keeps its target.

What lives here: reading ``frozen_targets``. What does not: which of them stands (``catalogue.frozen_targets``), writing them
(``publish``).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, Select, and_, func, select

from kenpo_pipelines.catalogue.frozen_targets import (
    FrozenTarget,
    PublishedTargets,
    TargetKey,
    exact_number,
    exact_text,
)
from kenpo_pipelines.catalogue.targets import Target
from kenpo_pipelines.serving.faults import translated
from kenpo_pipelines.serving.schema import frozen_targets


def published_targets(engine: Engine, month: str) -> PublishedTargets:
    """Return the targets published for the month itself, and by key those of the newest month before it."""
    own = select(frozen_targets).where(frozen_targets.c.as_of == month)
    return PublishedTargets(own=_fetch(engine, own), earlier=_fetch(engine, _newest_before(month)))


def earlier_targets_digest(engine: Engine, month: str) -> str:
    """Return a digest of the targets published before the month, by key the newest: what judging it reads of other months.

    The month's own are left out: with the same inputs they are what judging finds anyway.
    """
    earlier = _fetch(engine, _newest_before(month))
    content = [
        [*key, *_content(one.target), one.used_since] for key, one in sorted(earlier.items(), key=lambda item: item[0])
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:32]


def _content(target: Target) -> list[str | bool]:
    texts = [target.comparator, exact_text(target.exact), str(target.value), target.text, target.source]
    return [*texts, target.is_fixed, target.rests_on_prior_year]


def _newest_before(month: str) -> Select[Any]:
    key = [frozen_targets.c[name] for name in ("fiscal_year", "branch_code", "kpi_id")]
    newest = (
        select(*key, func.max(frozen_targets.c.as_of).label("as_of"))
        .where(frozen_targets.c.as_of < month)
        .group_by(*key)
        .subquery()
    )
    same_line = and_(*(column == newest.c[column.name] for column in (*key, frozen_targets.c.as_of)))
    return select(frozen_targets).join(newest, same_line)


def _fetch(engine: Engine, query: Select[Any]) -> Mapping[TargetKey, FrozenTarget]:
    with translated(engine, "read the published targets"), engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return {
        (row["fiscal_year"], row["branch_code"], row["kpi_id"]): FrozenTarget(
            Target(
                comparator=row["comparator"],
                value=row["target"],
                exact=exact_number(row["target_exact"]),
                text=row["target_text"],
                source=row["target_source"],
                is_fixed=row["is_fixed"],
                rests_on_prior_year=row["rests_on_prior_year"],
            ),
            row["used_since"],
        )
        for row in rows
    }
