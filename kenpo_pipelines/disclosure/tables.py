"""A table of counts as linear arithmetic: what is printed, what a reader knows about it, and what must stay unknown.

What lives here: the shape, and whether a world (a table that might be the true one) fits what is known. What does not:
where the rows come from (``figures``) and searching for worlds (``worlds``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Cell = Any
"""Whatever names a cell; hashable."""
Sum = Mapping[Cell, int]
"""A sum of cells with whole coefficients: {nation: 1, branch: -1, …}."""
World = Mapping[Cell, int]
"""Values of the hidden cells, as they might be; the shown cells keep theirs."""

SMALL = range(1, 10)
"""Counts of persons that a public edition hides; 0 may be shown."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A number that must not be worked out: a reader must find every value from ``low`` to ``high`` possible.

    ``parts`` is the number as a sum of printed cells (a count; a denominator less its numerator; a month less the one
    before).
    """

    parts: Sum
    low: int
    high: int


@dataclass(frozen=True)
class Table:
    """Printed counts, whole and not negative, with what everybody knows about them.

    ``zeros`` are sums that are 0 (nation less branches), ``floors`` sums that are not negative (denominator less numerator, a
    month less the one before). Both hold of the true ``cells``; the cells themselves are known to be not negative.
    """

    cells: Mapping[Cell, int]
    zeros: Sequence[Sum] = field(default=())
    floors: Sequence[Sum] = field(default=())
    secrets: Sequence[Secret] = field(default=())

    def value(self, parts: Sum, world: World | None = None) -> int:
        """Return the sum's value in the world, or as it is."""
        changed = world or {}
        return sum(factor * changed.get(cell, self.cells[cell]) for cell, factor in parts.items())

    def fits(self, world: World, hidden: frozenset[Cell] | set[Cell]) -> bool:
        """True when the world changes hidden cells only and contradicts nothing that is known: plain whole numbers."""
        changed = [(cell, count - self.cells[cell]) for cell, count in world.items() if count != self.cells[cell]]
        if any(cell not in hidden or world[cell] < 0 for cell, _ in changed):
            return False
        rows_of, least = self._rows
        changes: dict[int, int] = {}
        for cell, change in changed:
            for row, factor in rows_of.get(cell, ()):
                changes[row] = changes.get(row, 0) + factor * change
        zeros = len(self.zeros)
        return all(not change if row < zeros else change >= least[row - zeros] for row, change in changes.items())

    @cached_property
    def _rows(self) -> tuple[dict[Cell, list[tuple[int, int]]], list[int]]:
        """By cell the sums it is in (zeros first, then floors) with its factor; and how far each floor may fall."""
        rows_of: dict[Cell, list[tuple[int, int]]] = {}
        for row, parts in enumerate((*self.zeros, *self.floors)):
            for cell, factor in parts.items():
                rows_of.setdefault(cell, []).append((row, factor))
        return rows_of, [-self.value(parts) for parts in self.floors]


def secret_of(table_cells: Mapping[Cell, int], parts: Sum) -> Secret | None:
    """Return the secret that a sum is when it is 1 … 9 persons (or, as a correction, −9 … −1); None otherwise."""
    value = sum(factor * table_cells[cell] for cell, factor in parts.items())
    if value in SMALL:
        return Secret(parts, SMALL[0], SMALL[-1])
    return Secret(parts, -SMALL[-1], -SMALL[0]) if -value in SMALL else None
