"""Published figures as a table of counts, with everything that a reader can calculate from them, and what of them to hide.

What lives here: which counts there are, how they hang together, and which are secret: numerators, denominators, what is
between them (persons not reached), and what a month adds to each. What does not: choosing what else to hide
(``suppression``), scorecards.

A reader knows: the nation is the sum of its branches, where it is; some KPIs share a denominator or add up to another; a
count of the fiscal year to date does not go back; a numerator is no larger than its denominator; a rate with its
denominator gives the numerator. A figure is hidden with its rate, outcome and rank; its denominator stays, unless it is
small itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from math import ceil, floor, log10
from typing import NamedTuple

from kenpo_pipelines.disclosure.persons import Persons
from kenpo_pipelines.disclosure.suppression import hidden_cells
from kenpo_pipelines.disclosure.tables import SMALL, Cell, Secret, Sum, Table, secret_of

NATION = "00"


class FigureKey(NamedTuple):
    """Grain of a figure: fiscal_year × kpi_id × branch_code × month (its own, not that of a scorecard)."""

    fiscal_year: int
    kpi_id: str
    branch_code: str
    month: str


@dataclass(frozen=True, slots=True)
class CountFigure:
    """One figure as published: counts where they are known, and the value in the KPI's unit, rounded to ``precision``.

    ``is_rate``: the value is a percentage of numerator ÷ denominator; otherwise it is the count itself.
    """

    key: FigureKey
    numerator: Decimal | None
    denominator: Decimal | None
    value: Decimal | None
    precision: int
    is_rate: bool


class CountCell(NamedTuple):
    """A printed count: ``part`` is n or d; ``of`` is the KPI, of a shared denominator the one that lends its name."""

    month: str
    part: str
    of: str
    branch_code: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the public edition hides: figures whose numerator (so rate, outcome, rank, too), and whose denominator is hidden.

    ``figures`` holds the keys of all figures that are hidden in any part.
    """

    figures: frozenset[FigureKey]
    denominators: frozenset[FigureKey]


def hidden_figures(figures: Iterable[CountFigure], persons: Persons, earlier: Iterable[CountFigure] = ()) -> Hidden:
    """Return what to hide of the figures; see ``suppression`` for what that guarantees.

    ``figures`` are all of an edition, one per key, of every month that it shows or that an edition before it showed:
    what is hidden of a month depends on that month and those before. ``earlier`` are figures of former editions that
    have been restated since: a count that changed by 1 … 9 persons is hidden too, for the two editions side by side
    would tell the difference.

    Raises ``ValueError`` for a key that occurs twice.
    """
    by_table: dict[tuple[int, str], dict[FigureKey, CountFigure]] = defaultdict(dict)
    for figure in figures:
        if persons.counts_persons(figure.key.kpi_id):
            table = by_table[figure.key.fiscal_year, persons.family(figure.key.kpi_id)]
            if figure.key in table:
                raise ValueError(f"two figures for {tuple(figure.key)}")
            table[figure.key] = figure
    former = {figure.key: figure for figure in earlier}
    hidden: set[FigureKey] = set()
    denominators: set[FigureKey] = set()
    for table in by_table.values():
        of_table, of_denominators = _hidden_of(table, persons, former)
        hidden |= of_table
        denominators |= of_denominators
    return Hidden(frozenset(hidden), frozenset(denominators))


def _hidden_of(
    figures: Mapping[FigureKey, CountFigure], persons: Persons, former: Mapping[FigureKey, CountFigure]
) -> tuple[set[FigureKey], set[FigureKey]]:
    counts = _Counts(figures, persons)
    hidden = set(counts.forced)
    denominators: set[FigureKey] = set()
    table = counts.table(former)
    if table.secrets:
        months = sorted({cell.month for cell in counts.cells})
        found = hidden_cells(table, lambda cell: cell.month, months, counts.cost)
        for key in figures:
            if counts.denominator_cell.get(key) in found:
                denominators.add(key)
                hidden.add(key)
            if counts.numerator_cell.get(key) in found:
                hidden.add(key)
    return hidden, denominators


class _Counts:
    """The figures of one family of KPIs and one fiscal year, as cells."""

    def __init__(self, figures: Mapping[FigureKey, CountFigure], persons: Persons) -> None:
        self.cells: dict[CountCell, int] = {}
        self.numerator_cell: dict[FigureKey, CountCell] = {}
        self.denominator_cell: dict[FigureKey, CountCell] = {}
        self.forced: set[FigureKey] = set()
        """Figures without whole counts whose rate or weighted count points into 1 … 9."""
        self._persons = persons
        self._figures = figures
        known: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
        for key, figure in sorted(figures.items(), key=lambda item: (item[0].month, item[0].kpi_id)):
            if figure.denominator is not None and figure.denominator == int(figure.denominator):
                self._add_denominator(key, int(figure.denominator))
                known[self._lender(key.kpi_id), key.branch_code][key.month] = figure.denominator
        for key, figure in figures.items():
            by_month = known[self._lender(key.kpi_id), key.branch_code]
            # The newest up to the month, else the first after it: later months must not change what is known of this one.
            upto = [month for month in by_month if month <= key.month]
            month = max(upto) if upto else min(by_month, default="")
            self._add_numerator(figure, by_month.get(month))

    def _lender(self, kpi_id: str) -> str:
        return self._persons.of(kpi_id).denominator_of or kpi_id

    def _add_denominator(self, key: FigureKey, count: int) -> None:
        cell = CountCell(key.month, "d", self._lender(key.kpi_id), key.branch_code)
        if self.cells.setdefault(cell, count) != count:  # two KPIs that should share it do not: then each has its own
            cell = cell._replace(of=f"{key.kpi_id} (own)")
            self.cells[cell] = count
        self.denominator_cell[key] = cell

    def _add_numerator(self, figure: CountFigure, denominator: Decimal | None) -> None:
        count = figure.numerator
        if count is None and not figure.is_rate:
            count = figure.value
        if count is None and figure.value is not None and denominator is not None:
            # A rate gives its numerator as closely as it is rounded.
            half = Decimal(1).scaleb(-figure.precision) / 2
            low, high = ((figure.value + step) * denominator / 100 for step in (-half, half))
            least, most = max(ceil(low), 0), min(floor(high), int(denominator))
            if _points_into_small(least, most) or _points_into_small(int(denominator) - most, int(denominator) - least):
                self.forced.add(figure.key)
            if most - least >= len(SMALL):
                return
            count = (figure.value * denominator / 100).to_integral_value()
        if count is None:
            return
        if count != int(count) or count < 0:
            if 0 < count < SMALL[-1] + 1:
                self.forced.add(figure.key)
            return
        cell = CountCell(figure.key.month, "n", figure.key.kpi_id, figure.key.branch_code)
        self.cells[cell] = int(count)
        self.numerator_cell[figure.key] = cell

    def cost(self, cell: CountCell) -> float:
        """How much a cell would be missed: large ones more than small ones, the nation and denominators most."""
        return (
            (1 + log10(1 + self.cells[cell]))
            * (20 if cell.branch_code == NATION else 1)
            * (5 if cell.part == "d" else 1)
        )

    def table(self, former: Mapping[FigureKey, CountFigure]) -> Table:
        """Return the cells with what is known and what is secret about them."""
        calculated = list(self._calculated())
        # A count that went back, or a numerator above its denominator, is an error nobody can build on.
        floors = [parts for parts in calculated if len(parts) > 1 and self._value(parts) >= 0]
        sums = list(self._nations())
        # Where branches are lacking, what the nation has more is theirs.
        strangers = [parts for parts in sums if self._value(parts) != 0]
        zeros = [parts for parts in (*sums, *self._totals()) if self._value(parts) == 0]
        secrets = [one for parts in (*calculated, *strangers) if (one := secret_of(self.cells, parts))]
        return Table(self.cells, zeros, floors, [*secrets, *self._restated(former)])

    def _calculated(self) -> Iterable[dict[Cell, int]]:
        """Yield what persons are counted by: cells, denominators less numerators, and what a month adds to each."""
        lines: dict[tuple[str, str], list[FigureKey]] = defaultdict(list)
        for key in sorted(self._figures):
            lines[key.kpi_id, key.branch_code].append(key)
        for (kpi_id, _), keys in lines.items():
            grows = self._persons.of(kpi_id).grows
            for key in keys:
                yield from self._counted(key, {"n", "d", "c"})
            growing = {"numerator": {"n"}, "both": {"n", "d", "c"}}.get(grows or "", set())
            for part in sorted(growing):
                having = [parts for key in keys for parts in self._counted(key, {part})]
                for before, now in pairwise(having):
                    yield {**now, **{cell: -factor for cell, factor in before.items()}}

    def _counted(self, key: FigureKey, parts: set[str]) -> Iterable[dict[Cell, int]]:
        numerator, denominator = self.numerator_cell.get(key), self.denominator_cell.get(key)
        if numerator is not None and "n" in parts:
            yield {numerator: 1}
        if denominator is not None and "d" in parts:
            yield {denominator: 1}
        if numerator is not None and denominator is not None and "c" in parts:
            yield {denominator: 1, numerator: -1}

    def _value(self, parts: Sum) -> int:
        return sum(factor * self.cells[cell] for cell, factor in parts.items())

    def _nations(self) -> Iterable[Sum]:
        lines: dict[tuple[str, str, str], dict[Cell, int]] = defaultdict(dict)
        for cell in self.cells:
            lines[cell.month, cell.part, cell.of][cell] = 1 if cell.branch_code == NATION else -1
        for (month, part, of), parts in lines.items():
            if len(parts) > 1 and CountCell(month, part, of, NATION) in parts:
                yield parts

    def _totals(self) -> Iterable[Sum]:
        for key, cell in self.numerator_cell.items():
            addends = [cell._replace(of=other) for other in self._persons.of(key.kpi_id).sum_of]
            if addends and all(one in self.cells for one in addends):
                yield {cell: 1, **dict.fromkeys(addends, -1)}

    def _restated(self, former: Mapping[FigureKey, CountFigure]) -> Iterable[Secret]:
        """Numerators that an earlier edition showed 1 … 9 persons away from now."""
        for key, figure in former.items():
            cell = self.numerator_cell.get(key)
            if cell is None or figure.numerator is None:
                continue
            before, now = int(figure.numerator), self.cells[cell]
            # What the month before it has reached is not undone, and stays known.
            reached = max((self.cells[one] for one in self._months_before(key)), default=0)
            if now - before in SMALL:
                yield Secret({cell: 1}, min(max(before + SMALL[0], reached), now), before + SMALL[-1])
            elif before - now in SMALL:
                yield Secret({cell: 1}, min(max(before - SMALL[-1], reached), now), before - SMALL[0])

    def _months_before(self, key: FigureKey) -> list[CountCell]:
        return [cell for other, cell in self.numerator_cell.items() if other[:3] == key[:3] and other.month < key.month]


def _points_into_small(least: int, most: int) -> bool:
    """True when a count between these is, or may be, 1 … 9 and is narrower than that."""
    return most >= SMALL[0] and least <= SMALL[-1] and not (least <= SMALL[0] and most >= SMALL[-1])
