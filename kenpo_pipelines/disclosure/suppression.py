"""What to hide: small counts of persons, and as much else as keeps them from being worked out.

What lives here: the choice, month after month, and its proof. What does not: which numbers are counts of persons
(``figures``).

The guarantee. For each secret (``tables.Secret``) there are two worlds of whole numbers, one in which it is 1 or less
and one in which it is 9 or more, that agree with every shown cell, with every sum a reader knows and with counts that
cannot be negative or go back. So nothing that is shown tells more about it than ＊ itself does: 1 to 9. The worlds are
checked by plain arithmetic (:meth:`Table.fits`) before a decision is returned; the solver that finds them need not be
trusted. The guarantee speaks of what follows from the figures. It does not cover what a reader knows from elsewhere, nor
guesses about how this module chooses.
"""

from collections.abc import Callable, Hashable, Sequence, Set

from kenpo_pipelines.disclosure.tables import Cell, Secret, Table, World
from kenpo_pipelines.disclosure.worlds import Search


class CannotProtect(ValueError):
    """Everything that may be hidden is hidden, and a small count can still be worked out from what was shown before."""


def hidden_cells(
    table: Table,
    step_of: Callable[[Cell], Hashable],
    steps: Sequence[Hashable],
    cost_of: Callable[[Cell], float],
) -> frozenset[Cell]:
    """Return the cells to hide.

    ``steps`` are the months in order, ``step_of`` gives a cell's month: what is hidden of a month depends on this month
    and those before, never on later ones. So the edition of the next month hides of old months what the old edition hid,
    and two editions laid side by side tell no more than the newer one. ``cost_of`` (above 0) says how much a cell would
    be missed: of all ways to make a secret safe the cheapest is taken.

    Raises :class:`CannotProtect` when what earlier months showed gives a secret away, or the solver finds no way.
    """
    hidden: set[Cell] = set()
    worlds: list[World] = []
    # A world stays good when more is hidden; a new month may contradict it, and then another one is looked for.
    for number, step in enumerate(steps):
        if not table.secrets:
            break
        known = _upto(table, set(steps[: number + 1]), step_of)
        free = {cell for cell in known.cells if step_of(cell) == step}
        worlds = [world for world in worlds if known.fits(world, hidden)]
        search = Search(known, hidden, free)
        for secret in known.secrets:
            for sign in (1, -1):
                if any(_reaches(known, secret, world, sign) for world in worlds):
                    continue
                world = search.cheapest(secret, sign, {cell: cost_of(cell) for cell in free - hidden})
                if world is None:
                    raise CannotProtect(f"{dict(secret.parts)} can be worked out from what was shown before")
                hidden |= world.keys()
                worlds.append(world)
    proof = frozenset(hidden)
    proven = [world for world in worlds if table.fits(world, proof)]
    for secret in table.secrets:
        if not all(any(_reaches(table, secret, world, sign) for world in proven) for sign in (1, -1)):
            raise CannotProtect(f"there is no proof that {dict(secret.parts)} cannot be worked out")
    return proof


def _upto(table: Table, steps: Set[Hashable], step_of: Callable[[Cell], Hashable]) -> Table:
    cells = {cell: count for cell, count in table.cells.items() if step_of(cell) in steps}
    return Table(
        cells,
        [one for one in table.zeros if one.keys() <= cells.keys()],
        [one for one in table.floors if one.keys() <= cells.keys()],
        [one for one in table.secrets if one.parts.keys() <= cells.keys()],
    )


def _reaches(table: Table, secret: Secret, world: World, sign: int) -> bool:
    value = table.value(secret.parts, world)
    return value <= secret.low if sign == 1 else value >= secret.high
