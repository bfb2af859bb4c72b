"""What the tests of targets and judgement share: the real catalogue, short ways to write figures, targets and versions."""

from decimal import Decimal
from functools import cache
from typing import Any

from kenpo_pipelines.catalogue.dictionary import CATALOGUE_DIRECTORY
from kenpo_pipelines.catalogue.figures import Figure
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue, KpiVersion
from kenpo_pipelines.catalogue.targets import SubmittedTarget, Target, TargetQuestion, resolve_target


@cache
def catalogue() -> Catalogue:
    return load_catalogue(CATALOGUE_DIRECTORY)


def version_of(kpi_id: str, fiscal_year: int) -> KpiVersion:
    version = catalogue().version(kpi_id, fiscal_year)
    assert version is not None
    return version


def made_version(**fields: Any) -> KpiVersion:
    """A version that the catalogue does not have; the rate of a branch-set KPI unless told otherwise."""
    plain = {
        "fiscal_years": "2023-",
        "definition": "made for a test",
        "numerator": "n",
        "denominator": "d",
        "kind": "rate",
        "unit": "%",
        "precision": 1,
        "direction": "at_least",
        "accumulation": "cumulative",
        "target": {"rule": "branch_set"},
        "reporting_lag_months": [0, 1],
        "source": "made for a test",
    }
    return KpiVersion.model_validate(plain | fields)


def figure(
    value: str | None = None, *, of: tuple[str, str] | None = None, as_of: str = "2025-06", done: bool | None = None
) -> Figure:
    """``figure("57.6")``, ``figure(of=("17986", "520357"))`` or both."""
    numerator, denominator = of or (None, None)
    return Figure(
        as_of=as_of,
        value=None if value is None else Decimal(value),
        numerator=None if numerator is None else Decimal(numerator),
        denominator=None if denominator is None else Decimal(denominator),
        is_done=done,
    )


def submitted(text: str | None) -> SubmittedTarget | None:
    """``"以上 63.1"``, ``"対前年度以上"``, ``"実施"``, or None for no row."""
    if text is None:
        return None
    comparator, _, number = text.partition(" ")
    return SubmittedTarget(comparator, Decimal(number) if number else None)


def ask(
    kpi_id: str,
    fiscal_year: int,
    branch_code: str = "13",
    own: str | None = None,
    national: str | None = None,
    prior: Figure | None = None,
    june: Figure | None = None,
    contradictory: bool = False,
    version: KpiVersion | None = None,
) -> Target:
    """Resolve one target; without ``version`` the real catalogue decides."""
    first_year = catalogue().kpi_by_id[kpi_id].first_year
    return resolve_target(
        TargetQuestion(
            version=version or version_of(kpi_id, fiscal_year),
            fiscal_year=fiscal_year,
            branch_code=branch_code,
            is_first_year=fiscal_year == first_year,
            own=submitted(own),
            is_contradictory=contradictory,
            national=submitted(national),
            prior_year_end=prior,
            prior_june=june,
        )
    )
