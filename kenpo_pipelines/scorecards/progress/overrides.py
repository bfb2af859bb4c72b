"""Marks that people gave, matched with the KPIs and initiatives of a report.

What lives here: which subject (対象) a submitted mark means. What does not: reading the file (``submissions``), proposing.
A mark whose subject cannot be told, or that contradicts another one, is not used and is named as such.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.serving.progress_queries import InitiativeRow, MarkRow
from kenpo_pipelines.submissions.names import Names
from kenpo_pipelines.submissions.texts import squeeze

Place = tuple[str, str]
"""An initiative: (分野, 取組名)."""


@dataclass(frozen=True, slots=True)
class UnusedMark:
    """A submitted mark that stands on no line, and why, in Japanese."""

    mark: MarkRow
    why: str


@dataclass(frozen=True, slots=True)
class Overrides:
    """The submitted marks by what they mean."""

    of_kpis: dict[str, MarkRow]
    of_initiatives: dict[Place, MarkRow]
    unused: tuple[UnusedMark, ...]


def match_marks(
    marks: Iterable[MarkRow], kpi_ids: Collection[str], initiatives: Iterable[InitiativeRow], catalogue: Catalogue
) -> Overrides:
    """Match the marks of one branch and one report with its lines.

    KPIs are meant by id or name, initiatives by name and, where the mark has one, 分野.
    """
    names = Names(catalogue)
    lines = [row for row in initiatives if not row.is_sum]
    found: dict[str | Place, list[MarkRow]] = {}
    unused: list[UnusedMark] = []
    for mark in marks:
        kpi = None if mark.area else names.kpi(mark.subject)
        places: list[str | Place] = [kpi.id] if kpi is not None and kpi.id in kpi_ids else [*_places(mark, lines)]
        if len(places) == 1:
            found.setdefault(places[0], []).append(mark)
        else:
            why = (
                "同じ名前の取組が複数の分野にあります（「分野」で区別してください）"
                if places
                else "対象が見つかりません"
            )
            unused.append(UnusedMark(mark, why))
    of_kpis: dict[str, MarkRow] = {}
    of_initiatives: dict[Place, MarkRow] = {}
    for place, given in found.items():
        if len({one.mark for one in given}) > 1:
            unused += [UnusedMark(one, "同じ対象に異なる評価があります") for one in given]
        elif isinstance(place, str):
            of_kpis[place] = given[0]
        else:
            of_initiatives[place] = given[0]
    return Overrides(of_kpis, of_initiatives, tuple(unused))


def _places(mark: MarkRow, lines: Iterable[InitiativeRow]) -> list[Place]:
    subject, area = squeeze(mark.subject), squeeze(mark.area)
    return [
        (line.area, line.initiative)
        for line in lines
        if squeeze(line.initiative) == subject and (not area or squeeze(line.area) == area)
    ]
