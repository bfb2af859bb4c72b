"""Made-up KPI figures of 47 branches, month by month, as branches report them: rows of kpi_results.

What lives here: what each pattern of ``figures.yml`` makes of a branch's fiscal year, and which cells are missing or ―. What
does not: levels (``figure_levels``), targets and files (``figure_files``), records (``generate``): these figures stand on
none. Draws are by seed, KPI, branch and year: the same figure whatever else is asked for.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Catalogue, Kind, KpiVersion
from kenpo_pipelines.catalogue.rounding import half_up
from kenpo_pipelines.synthetic.figure_levels import FigureLevel, branch_level, chance, moved
from kenpo_pipelines.synthetic.profile import Profile

_COHORT_MONTHS = 10
_MISSING_PCT, _DASH_PCT, _LATE_PCT = 0.8, 0.3, 4.0
"""Cells that are never reported, that say ―, and that arrive a month after the others."""


@dataclass(frozen=True)
class Figure:
    """One cell of a report. ``known_month`` is the folder it arrives in; ``value`` a number, 実施, 未実施 or ―."""

    fiscal_year: int
    as_of: str
    branch_code: str
    kpi_id: str
    numerator: int | None
    denominator: int | None
    value: str
    unit: str
    known_month: str


def figures(
    catalogue: Catalogue, profile: Profile, levels: Mapping[str, FigureLevel], first: str, last: str, seed: int = 1
) -> Iterator[Figure]:
    """Yield every figure that has arrived by the reporting month ``last``, by KPI, fiscal year, branch and month.

    Figures begin with ``first``, an April; of the fiscal year before a KPI's first the March is reported, as its baseline. What
    all branches follow head office reports for the nation, too: the sum of all, in which no cell is missing.
    """
    for kpi_id, one in levels.items():
        kpi = catalogue.kpi_by_id[kpi_id]
        for fiscal_year in range(fiscal.fiscal_year_of(first) - 1, fiscal.fiscal_year_of(last) + 1):
            is_baseline = fiscal_year == kpi.first_year - 1
            version = kpi.versions[0] if is_baseline else kpi.version(fiscal_year)
            if version is None:
                continue
            for figure in _of_all(version, profile, one, kpi_id, fiscal_year, seed):
                is_wanted = figure.as_of == fiscal.year_end(fiscal_year) if is_baseline else figure.as_of >= first
                if is_wanted and figure.known_month <= last:
                    yield figure


def _of_all(
    version: KpiVersion, profile: Profile, one: FigureLevel, kpi_id: str, fiscal_year: int, seed: int
) -> Iterator[Figure]:
    """One KPI and fiscal year: the branches that follow it, and the nation."""
    own = [NATION] if version.scope == "nation" else [code for code in profile.weights if version.covers(code)]
    all_counts = []
    for branch in own:
        draw = chance(seed, "months", kpi_id, branch, fiscal_year)
        counts = _PATTERNS[one.pattern](_Year(version, profile, one, kpi_id, branch, fiscal_year, seed, draw))
        all_counts.append(counts)
        yield from _reported(version, kpi_id, branch, fiscal_year, counts, draw)
    if version.scope == "all" and version.kind_for(NATION) is not Kind.QUALITATIVE:
        nation = [_sum(of_month) for of_month in zip(*all_counts, strict=True)]
        yield from _reported(version, kpi_id, NATION, fiscal_year, nation, None)


def _sum(counts: Sequence[tuple[int, int | None]]) -> tuple[int, int | None]:
    denominators = [denominator for _, denominator in counts if denominator is not None]
    return sum(numerator for numerator, _ in counts), sum(denominators) if denominators else None


def _reported(
    version: KpiVersion, kpi_id: str, branch: str, fiscal_year: int, counts: "Counts", draw: Random | None
) -> Iterator[Figure]:
    """The cells of a fiscal year, April to March; with ``draw`` some are missing, say ― or arrive a month later."""
    for month, (numerator, denominator) in zip(_months(fiscal_year), counts, strict=True):
        if version.ended_in and month > version.ended_in:
            return
        fate = 100.0 if draw is None else draw.uniform(0, 100)
        is_march = month == fiscal.year_end(fiscal_year)
        if denominator == 0 or (fate < _MISSING_PCT and not is_march):
            continue
        late = 1 if _MISSING_PCT + _DASH_PCT <= fate < _MISSING_PCT + _DASH_PCT + _LATE_PCT else 0
        is_dash = _MISSING_PCT <= fate < _MISSING_PCT + _DASH_PCT and not is_march
        known = fiscal.add_months(month, version.reporting_lag_months[0] + late)
        value = "―" if is_dash else _printed(version, branch, numerator, denominator)
        shown = not is_dash and version.kind in (Kind.RATE, Kind.MEAN)
        yield Figure(
            fiscal_year, month, branch, kpi_id, numerator if shown else None, denominator if shown else None,
            value, version.unit_for(branch), known,
        )  # fmt: skip


def _months(fiscal_year: int) -> Iterator[str]:
    return fiscal.month_range(fiscal.first_month(fiscal_year), fiscal.year_end(fiscal_year))


def _printed(version: KpiVersion, branch: str, numerator: int, denominator: int | None) -> str:
    if version.kind_for(branch) is Kind.QUALITATIVE:
        return "実施" if numerator else "未実施"
    if denominator is None:
        return str(numerator)
    value = Fraction(numerator, denominator) * (100 if version.kind is Kind.RATE else 1)
    return format(half_up(value, version.precision_for(branch)), "f")


@dataclass(frozen=True)
class _Year:
    version: KpiVersion
    profile: Profile
    one: FigureLevel
    kpi_id: str
    branch: str
    fiscal_year: int
    seed: int
    draw: Random

    @property
    def is_share(self) -> bool:
        return self.version.kind is Kind.RATE or self.version.kind is Kind.QUALITATIVE

    @property
    def size(self) -> int:
        return self.one.size(self.profile, self.branch)

    @property
    def level(self) -> float:
        return self.level_of(self.fiscal_year)

    def level_of(self, fiscal_year: int) -> float:
        return branch_level(
            self.one, self.profile, self.kpi_id, self.branch, fiscal_year, self.seed, is_share=self.is_share
        )

    def month_level(self, level: float) -> float:
        return moved(level, self.draw.gauss(0, float(self.one.noise)), is_share=self.is_share)

    def shares(self) -> list[float]:
        """Shares of the year's total by month; every branch has its own way through the year, and months of chance."""
        own = chance(self.seed, "season", self.kpi_id, self.branch)
        weights = [
            weight * math.exp(own.gauss(0, 0.06) + self.draw.gauss(0, float(self.one.noise)))
            for weight in self.one.months(self.profile)
        ]
        return [weight / sum(weights) for weight in weights]

    def reached(self, cases: int, level: float) -> int:
        """How many of the cases: by chance around the level for shares of cases, their sum for means."""
        if not self.is_share:
            return round(cases * self.month_level(level))
        part = self.month_level(level) / 100
        return min(max(round(self.draw.gauss(cases * part, math.sqrt(cases * part * (1 - part)))), 0), cases)


Counts = list[tuple[int, int | None]]


def _flow(year: _Year) -> Counts:
    numerator, denominator = 0, 0
    made: Counts = []
    for share in year.shares():
        cases = round(year.draw.gauss(year.size * share, math.sqrt(year.size * share)))
        denominator += max(cases, 0)
        numerator += year.reached(max(cases, 0), year.level)
        made.append((numerator, denominator))
    return made


def _collected(year: _Year) -> Counts:
    """Debts of the year so far, of which the older ones are mostly paid: about half of March's rate in April."""
    denominator = 0
    made: Counts = []
    before = 0
    for index, share in enumerate(year.shares()):
        denominator += max(round(year.size * share * math.exp(year.draw.gauss(0, 0.25))), 1)
        grown = year.level * (0.45 + 0.55 * math.sqrt((index + 1) / 12))
        before = min(max(round(denominator * year.month_level(grown) / 100), before), denominator)
        made.append((before, denominator))
    return made


def _planned(year: _Year) -> Counts:
    head_count = round(year.size * (1 + 0.012 * (year.fiscal_year - 2025)))
    total, reached = head_count * year.level / 100, 0.0
    made: Counts = []
    for share in year.shares():
        expected = total * share
        reached += max(year.draw.gauss(expected, math.sqrt(expected)), 0)
        made.append((min(round(reached), head_count), head_count))
    return made


def _cohort(year: _Year) -> Counts:
    """In April those checked from April to June of the year before; all of them from February on."""
    numerator, denominator = 0, 0
    made: Counts = []
    shares = year.shares()
    for index in range(12):
        newly = shares[: 12 - _COHORT_MONTHS + 1] if index == 0 else shares[index + 2 : index + 3]
        cases = round(year.size * sum(newly))
        denominator += cases
        numerator += year.reached(cases, year.level) if cases else 0
        made.append((numerator, denominator))
    return made


def _level(year: _Year) -> Counts:
    """From half-way between last year's level and this one's to half-way to the next one's, as if it moved evenly."""
    made: Counts = []
    for index in range(12):
        at = year.level + (year.level_of(year.fiscal_year + 1) - year.level) * (index + 1) / 12
        part = year.month_level(at) / 100
        made.append((round(year.size * part), year.size))
    return made


def _count(year: _Year) -> Counts:
    own = chance(year.seed, year.kpi_id, year.branch).gauss(0, float(year.one.spread))
    pace = float(year.one.drift) * (1 + chance(year.seed, "pace", year.kpi_id, year.branch).gauss(0, 0.5))
    return [
        (round(year.size * math.exp(own + pace * (year.fiscal_year - 2024 + index / 12) + _stray(year))), None)
        for index in range(12)
    ]


def _stray(year: _Year) -> float:
    return year.draw.gauss(0, float(year.one.noise))


def _total(year: _Year) -> Counts:
    whole = year.size * math.exp(float(year.one.drift) * (year.fiscal_year - 2025))
    reached = 0.0
    made: Counts = []
    for share in year.shares():
        reached += whole * share
        made.append((round(reached), None))
    return made


def _done(year: _Year) -> Counts:
    """Who has not begun in April begins some month later, or never."""
    starts = 0 if year.draw.uniform(0, 100) < year.level else year.draw.randint(1, 14)
    return [(int(index >= starts), None) for index in range(12)]


_PATTERNS = {
    "flow": _flow,
    "collected": _collected,
    "planned": _planned,
    "cohort": _cohort,
    "level": _level,
    "count": _count,
    "total": _total,
    "done": _done,
}
