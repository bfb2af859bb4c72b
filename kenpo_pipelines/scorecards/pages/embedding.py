"""Data for a page's script: JSON that is safe to stand inside an HTML element.

What lives here: writing it. What does not: what is in it, reading it (the scripts do, by ``JSON.parse``).
"""

import json
from decimal import Decimal
from typing import Any

from markupsafe import Markup

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Characters that could end the element or begin another one, and two that old scripts take for line ends."""


def embedded_json(data: Any) -> Markup:
    """Return data as JSON for ``<script type="application/json">``; equal data make equal text.

    Decimals become numbers, exact enough to place a mark on a screen; what a reader reads is text already. Raises
    ValueError for a number that is not finite.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return Markup(text)  # what was not escaped here means nothing in HTML


def _plain(value: object) -> float | int:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON here")
