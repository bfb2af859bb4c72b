"""How large a KPI's synthetic figures are and how branches differ (``figures.yml`` beside this module).

What lives here: the shape of that file, its validation, and the level of a KPI for a branch and fiscal year. What does not:
figures of months (``figures``).
"""

import math
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from kenpo_pipelines.catalogue.model import NATION
from kenpo_pipelines.synthetic.draws import seed_of
from kenpo_pipelines.synthetic.profile import Exact, Profile, ProfileError

FILE = Path(__file__).with_name("figures.yml")
Pattern = Literal["flow", "collected", "planned", "cohort", "level", "count", "total", "done"]
_MIDDLE_YEAR = 2024
"""The fiscal year that the levels are of; others drift away from it."""
_FLAT = (1,) * 12
_CONFIRMATIONS = (0, 0, 0, 0, 0, 0, 5, 55, 28, 8, 3, 1)
"""被扶養者資格の再確認 is asked for in October; its share of the year by month, April to March."""


class FigureLevel(BaseModel):
    """One KPI. ``even`` from 0 to 1 lets branches differ less in size than in members (a small branch has tenders, too)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pattern: Pattern
    cases: int = 0
    level: Exact | None = None
    rate: str | None = None
    head_count: str | None = None
    season: str | None = None
    spread: Exact = Decimal(0)
    drift: Exact = Decimal(0)
    noise: Exact = Decimal(0)
    even: Exact = Decimal(0)

    @model_validator(mode="after")
    def _has_a_size_and_a_level(self) -> "FigureLevel":
        if self.pattern != "done" and not (self.cases or self.head_count):
            raise ValueError("cases or head_count is missing")
        if self.pattern not in ("count", "total") and (self.level is None) == (self.rate is None):
            raise ValueError("either level or rate is given")
        return self

    def size(self, profile: Profile, branch: str) -> int:
        """Cases of the branch (of the nation for 00): in a year, or at a month's end."""
        if self.head_count:
            return profile.head_count(self.head_count, branch)
        if branch == NATION:
            return self.cases
        weight = float(profile.weights[branch])
        share = (1 - float(self.even)) * weight + float(self.even) / len(profile.weights)
        return max(1, round(self.cases * share))

    def centre(self, profile: Profile, branch: str) -> tuple[float, bool]:
        """The level of the middle year before the branch's own way, and whether the documents print it for the branch."""
        if self.rate is None:
            return float(self.level or 0), False
        known = profile.rates[self.rate]
        return float(known.of(branch)), branch in known.branches

    def months(self, profile: Profile) -> tuple[int, ...]:
        """Weights of April to March."""
        if self.season == "confirmations":
            return _CONFIRMATIONS
        return profile.seasons[self.season] if self.season else _FLAT


def load_levels(file: Path = FILE) -> dict[str, FigureLevel]:
    """Read the levels by KPI; raise :class:`ProfileError` naming the field when the file is wrong."""
    try:
        return TypeAdapter(dict[str, FigureLevel]).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise ProfileError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def chance(*parts: object) -> Random:
    """Draws that belong to these parts alone, whatever else is drawn."""
    return Random(seed_of(*parts))


def moved(centre: float, by: float, *, is_share: bool) -> float:
    """Move a level: a share in per cent by log odds, so that it stays one; anything else by its logarithm."""
    if not is_share:
        return centre * math.exp(by)
    part = min(max(centre / 100, 1e-6), 1 - 1e-6)
    return 100 / (1 + math.exp(-(math.log(part / (1 - part)) + by)))


def branch_level(
    one: FigureLevel, profile: Profile, kpi_id: str, branch: str, fiscal_year: int, seed: int, *, is_share: bool
) -> float:
    """The level around which a branch's months of the fiscal year lie: per cent for shares, else the KPI's unit."""
    centre, is_printed = one.centre(profile, branch)
    own = 0.0 if is_printed or branch == NATION else chance(seed, kpi_id, branch).gauss(0, float(one.spread))
    year = chance(seed, kpi_id, branch, fiscal_year).gauss(0, abs(float(one.drift)) * 0.7)
    return moved(centre, own + float(one.drift) * (fiscal_year - _MIDDLE_YEAR) + year, is_share=is_share)
