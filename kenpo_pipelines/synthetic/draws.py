"""Chance as SQL: the same seed, branch, month and row give the same draw, whatever else is written.

What lives here: numbers from hashes, and choices by weight. What does not: what is drawn.
A hash has four draws of 16 bits each: a draw is a whole number from 0 to 65535.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal

RANGE = 65_536


def seed_of(*parts: object) -> int:
    """Return a start for hashes that belongs to these parts alone."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7])


def hashed(row: str, *parts: object) -> str:
    """Return SQL for the hash of a row number: a UBIGINT with four draws."""
    return f"hash(CAST({row} AS UBIGINT) + {seed_of(*parts)}::UBIGINT)"


def draw(hash_name: str, position: int) -> str:
    """Return SQL for one of the four draws of a hash (position 0 to 3)."""
    return f"(({hash_name} >> {16 * position}) & 65535)"


def below(value: str, pct: Decimal) -> str:
    """Return SQL that is true in ``pct`` per cent of the draws."""
    return f"({value} < {int(pct * RANGE / 100)})"


def pick(value: str, weights: Mapping[str, int] | Mapping[int, int]) -> str:
    """Return SQL for one of the values, by weight; texts are quoted, whole numbers are not."""
    items = list(weights.items())
    total, reached, branches = sum(weight for _, weight in items), 0, []
    for key, weight in items[:-1]:
        reached += weight
        branches.append(f"WHEN {value} < {reached * RANGE // total} THEN {literal(key)}")
    last = literal(items[-1][0])
    return f"CASE {' '.join(branches)} ELSE {last} END" if branches else last


def lookup(name: str, values: Mapping[str, object]) -> str:
    """Return SQL for the value that belongs to the text in column ``name``."""
    return f"CASE {name} {' '.join(f'WHEN {literal(key)} THEN {literal(one)}' for key, one in values.items())} END"


def literal(value: object) -> str:
    """Return a value as SQL: text in quotes, numbers as they are."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def mostly_low(value: str, least: str, span: str) -> str:
    """Return SQL for a whole number from ``least`` on, whose mean lies a quarter of ``span`` above it."""
    u = f"CAST({value} AS BIGINT)"
    return f"({least} + ((({u} * {u} // {RANGE}) * {u} // {RANGE}) * ({span}) // {RANGE}))"
