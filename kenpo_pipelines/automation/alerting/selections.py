"""Selections: which alerts are muted and which take a further route, from ``alerts.yml``.

What lives here: the shape of the file, its validation, and what it says of one alert. What does not: where a route leads (the
tags in ``KENPO_ALERT_URLS``), and what an alert is.
"""

import datetime as dt
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kenpo_pipelines.serving.outbox import Alert
from kenpo_pipelines.yaml_loader import SAFE_LOADER

Text = Annotated[str, Field(min_length=1)]
Glob = Annotated[str, Field(min_length=1)]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class SelectionError(ValueError):
    """``alerts.yml`` is wrong; the message names the file, the entry and the field."""


class Selection(BaseModel):
    """One entry: the alerts it is about, and what becomes of them.

    ``asset``, ``check``, ``dataset`` and ``kind`` are patterns (``raw/*``); what is left out fits every alert, and an alert
    without an asset or a check fits no pattern but ``*``. Exactly one of ``mute`` and ``route``. A mute may end (``until``, the
    last day on which it holds), so that it cannot be forgotten.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    asset: Glob = "*"
    check: Glob = "*"
    dataset: Glob = "*"
    kind: Glob = "*"
    severity: tuple[Literal["critical", "warning", "info"], ...] = ()
    environment: tuple[Literal["local", "staging", "production"], ...] = ()
    mute: Literal[True] | None = None
    until: dt.date | None = None
    route: tuple[Tag, ...] = ()
    origin: Text
    date: dt.date
    owner: Text

    @model_validator(mode="after")
    def _fields_fit_together(self) -> "Selection":
        if (self.mute is None) == (not self.route):
            raise ValueError("give either mute: true or route: [tags]")
        if self.until is not None and self.mute is None:
            raise ValueError("until belongs to mute")
        return self

    def fits(self, alert: Alert, environment: str, today: dt.date) -> bool:
        """True when the entry is about the alert, here and today."""
        asset, _, check = alert.subject.partition(":") if alert.kind.startswith("check_") else ("", "", "")
        return (
            (not self.environment or environment in self.environment)
            and (not self.severity or alert.severity in self.severity)
            and (self.until is None or today <= self.until)
            and fnmatchcase(asset, self.asset)
            and fnmatchcase(check, self.check)
            and fnmatchcase(alert.dataset, self.dataset)
            and fnmatchcase(alert.kind, self.kind)
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    selections: tuple[Selection, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "_File":
        ids = [one.id for one in self.selections]
        if repeated := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"ids occur twice: {', '.join(repeated)}")
        return self


def load_selections(path: Path) -> tuple[Selection, ...]:
    """Return the entries of the file in their order; raise :class:`SelectionError` naming the file, the entry and the field."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SelectionError(f"{path.name}: not readable as YAML: {error}") from error
    try:
        return _File.model_validate(raw).selections
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc'])) or '(whole)'}: {re.sub('^Value error, ', '', fault['msg'])}"
            for fault in error.errors()
        )
        raise SelectionError(f"{path.name}: {'; '.join(faults)}") from error
