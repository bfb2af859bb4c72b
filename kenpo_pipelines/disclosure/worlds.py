"""Other tables that might be the true one: the cheapest to make possible, by integer programming.

What lives here: the search. What does not: believing it; whoever uses a world checks it with :meth:`Table.fits`.
"""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from kenpo_pipelines.disclosure.tables import SMALL, Cell, Secret, Table

_FAR = 6 * SMALL[-1]
"""No cell is moved farther: secrets are moved by at most eight, and a search that is kept near is fast and exact."""

_WHOLE = 1e-6


class Search:
    """Worlds of one table in which only ``hidden`` cells, and at a cost ``free`` ones, differ from the truth."""

    def __init__(self, table: Table, hidden: Set[Cell], free: Set[Cell]) -> None:
        self._table = table
        self._cells = sorted({*hidden, *free}, key=repr)
        self._place = {cell: index for index, cell in enumerate(self._cells)}
        rows, least, most = [], [], []
        for sums, is_zero in ((table.zeros, True), (table.floors, False)):
            for one in sums:
                if not self._place.keys().isdisjoint(one):
                    rows.append(self._row(one))
                    least.append(0 if is_zero else -table.value(one))
                    most.append(0 if is_zero else np.inf)
        self._rows = np.array(rows).reshape(len(rows), 2 * len(self._cells))
        self._least, self._most = np.array(least, dtype=float), np.array(most, dtype=float)
        down = [min(table.cells[cell], _FAR) for cell in self._cells]
        self._room = np.array([_FAR] * len(self._cells) + down, dtype=float)

    def cheapest(self, secret: Secret, sign: int, costs: Mapping[Cell, float]) -> dict[Cell, int] | None:
        """Return the changed cells of a world in which the secret is ``low`` or less (sign 1), ``high`` or more (−1).

        Of all such worlds one whose changes cost least, ``costs`` being those of a cell's change by one person (0 where
        none is given, as for hidden cells); None when there is none within reach.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp  # type: ignore[import-untyped]

        value = self._table.value(secret.parts)
        aim = self._row(secret.parts)
        goal = (-np.inf, secret.low - value) if sign == 1 else (secret.high - value, np.inf)
        price = np.array([costs.get(cell, 0) for cell in self._cells])
        constraints = LinearConstraint(
            np.vstack([self._rows, aim]), np.append(self._least, goal[0]), np.append(self._most, goal[1])
        )
        # Sums over branches and over months have whole corners nearly always; asking for whole numbers takes much longer, and
        # HiGHS's presolve has been seen to lose whole solutions that are there.
        for integrality, presolve in ((0, True), (1, True), (1, False)):
            found = milp(
                np.concatenate([price, price]),
                constraints=constraints,
                bounds=Bounds(np.zeros_like(self._room), self._room),
                integrality=np.full_like(self._room, integrality),
                options={"presolve": presolve},
            )
            if found.x is not None and np.abs(found.x - np.rint(found.x)).max() < _WHOLE:
                break
        else:
            return None
        ups, downs = np.rint(found.x).astype(int).reshape(2, -1)
        return {
            cell: self._table.cells[cell] + int(up - down)
            for cell, up, down in zip(self._cells, ups, downs, strict=True)
            if up != down
        }

    def _row(self, parts: Any) -> Any:
        """The change of a sum by the rises (first half) and falls (second half) of the cells."""
        row = np.zeros(len(self._cells))
        for cell, factor in parts.items():
            if cell in self._place:
                row[self._place[cell]] = factor
        return np.concatenate([row, -row])
