"""What the tests of targets and judgement share: the real catalogue, and short ways to write cases."""

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


def rows(table: str) -> list[list[str]]:
    """Split a table of cases: a line each, cells parted by ``|``, ``-`` for nothing; lines with ``#`` are workings."""
    lines = [line.strip() for line in table.strip().splitlines()]
    cases = [[cell.strip() for cell in line.split("|")] for line in lines if line and not line.startswith("#")]
    return [["" if cell == "-" else cell for cell in case] for case in cases]


def read_figure(text: str) -> Figure | None:
    """Read ``57.6``, ``2/3``, ``3.4 of 2/3``, ``実施``, ``未実施``, perhaps with ``@2026-03``; "" is None."""
    if not text:
        return None
    text, _, as_of = text.partition("@")
    text, as_of = text.strip(), as_of.strip() or "2025-06"
    if text in ("実施", "未実施"):
        return figure(as_of=as_of, done=text == "実施")
    value, _, counts = text.rpartition(" of ") if " of " in text or "/" in text else (text, "", "")
    numerator, slash, denominator = counts.partition("/")
    return figure(value or None, of=(numerator, denominator) if slash else None, as_of=as_of)


def read_known(text: str) -> dict[str, Any]:
    """Read what is known of a target: ``以上 63.1`` (the branch's own row), ``nation 以下 20``, ``prior 2/3``,
    ``june 79.94``, ``contradictory``; several parted by ``;``.
    """
    known: dict[str, Any] = {}
    for part in filter(None, (one.strip() for one in text.split(";"))):
        word, _, rest = part.partition(" ")
        if word == "contradictory":
            known[word] = True
        elif word in ("prior", "june"):
            known[word] = read_figure(rest)
        elif word == "nation":
            known["national"] = rest
        else:
            known["own"] = part
    return known
