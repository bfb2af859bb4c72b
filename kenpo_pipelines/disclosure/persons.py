"""Which KPIs count persons: ``persons.yml``, read and checked.

What lives here: the shape of an entry and reading them. What does not: counts (``figures``).
"""

from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kenpo_pipelines.yaml_loader import SAFE_LOADER

PERSONS_FILE = Path(__file__).with_name("persons.yml")


class PersonsError(ValueError):
    """persons.yml is wrong; the message names the entry."""


class CountedKpi(BaseModel):
    """What one KPI counts; see the head of ``persons.yml`` for the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    counts: Literal["persons", "office_work", "offices", "amounts", "quantities", "none"]
    grows: Literal["numerator", "both", "neither"] | None = None
    denominator_of: str | None = None
    sum_of: tuple[str, ...] = ()
    why: str = Field(min_length=1)

    @model_validator(mode="after")
    def _persons_say_how_they_grow(self) -> "CountedKpi":
        if (self.counts == "persons") != (self.grows is not None):
            raise ValueError("grows is said of persons, and only of them")
        return self


_UNDECIDED = CountedKpi(counts="persons", grows="both", why="nobody has decided yet: rather hidden than shown")


class Persons(BaseModel):
    """All entries by KPI id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: str = Field(min_length=1)
    origin: str = Field(min_length=1)
    kpis: dict[str, CountedKpi]

    @model_validator(mode="after")
    def _names_are_entries(self) -> "Persons":
        for kpi_id, one in self.kpis.items():
            for other in (*one.sum_of, *([one.denominator_of] if one.denominator_of else [])):
                if other not in self.kpis or not self.of(other).counts == "persons":
                    raise ValueError(f"{kpi_id}: {other} is no KPI that counts persons")
        return self

    def of(self, kpi_id: str) -> CountedKpi:
        """Return the KPI's entry; one that nobody has decided about is taken to count persons, in numerator and denominator."""
        return self.kpis.get(kpi_id, _UNDECIDED)

    def counts_persons(self, kpi_id: str) -> bool:
        """True when the KPI's counts from 1 to 9 are hidden."""
        return self.of(kpi_id).counts == "persons"

    def family(self, kpi_id: str) -> str:
        """Return a name shared by KPIs whose counts of persons say something about each other's; an undecided one is alone."""
        return self.family_of.get(kpi_id, kpi_id)

    @cached_property
    def family_of(self) -> dict[str, str]:
        """KPIs that count persons by their entry → the name of their family."""
        family = {kpi_id: kpi_id for kpi_id, one in self.kpis.items() if one.counts == "persons"}
        for kpi_id, one in self.kpis.items():
            for other in (*one.sum_of, *([one.denominator_of] if one.denominator_of else [])):
                old, new = family[kpi_id], family[other]
                family = {name: new if of == old else of for name, of in family.items()}
        return family


def load_persons(path: Path = PERSONS_FILE) -> Persons:
    """Read and check the file. Raises :class:`PersonsError` with what is wrong."""
    try:
        return Persons.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER))
    except (ValidationError, yaml.YAMLError) as error:
        raise PersonsError(f"{path.name}: {error}") from error
