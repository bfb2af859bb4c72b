"""From the problems of a check to numbered marks at cells.

What lives here: which cells a problem is about, and the order of marks. What does not: the words of faults
(``kenpo_pipelines.submissions.faults``) and the sheets themselves (``sheets``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kenpo_pipelines.scorecards.check_report.report import Mark
from kenpo_pipelines.submissions.submission import Problem
from kenpo_pipelines.submissions.verdict import must_be_corrected

MOST_MARKS = 500
"""Places that a report lists; who has more corrects these and asks again."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a problem is: ``columns`` are positions from 1, none of them the whole row."""

    sheet: str
    row: int
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A spot and what is wrong there; several records of a registration sheet may say it of one cell."""

    spot: Spot
    problem: Problem


def places_of(problems: Iterable[Problem], spot_of: Callable[[Problem], Spot]) -> list[Place]:
    """Return the distinct places: what must be corrected first, then by sheet (as the problems come), row and column."""
    found: dict[tuple[Spot, str, str], Place] = {}
    for problem in problems:
        spot = spot_of(problem)
        found.setdefault((spot, problem.fault, problem.advice), Place(spot, problem))
    sheets = {sheet: at for at, sheet in enumerate(dict.fromkeys(one.spot.sheet for one in found.values()))}
    return sorted(
        found.values(),
        key=lambda one: (not must_be_corrected(one.problem), sheets[one.spot.sheet], one.spot.row, one.spot.columns),
    )


def numbered(places: Sequence[Place], shown: Mapping[Spot, str]) -> tuple[Mark, ...]:
    """Return the marks of the first places; ``shown`` is what a report may show of the cell at a spot."""
    return tuple(
        Mark(
            number=number,
            sheet=place.spot.sheet,
            row=place.spot.row,
            columns=place.spot.columns,
            column_name=place.problem.column_name,
            what=place.problem.value_class,
            advice=place.problem.advice,
            shown=shown.get(place.spot, ""),
            must_be_corrected=must_be_corrected(place.problem),
        )
        for number, place in enumerate(places[:MOST_MARKS], start=1)
    )
