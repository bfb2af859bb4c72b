"""Charts by Altair: how they look, and how they become pictures.

What lives here: the theme and drawing as SVG, here and now, by Vega without a browser; so nobody needs a script or a network to
see them. What does not: what a chart shows; the run charts of branches (``run_chart``), of which a month needs a thousand
(decision 028); the overview's charts, which its reader chooses (decision 029).
"""

import hashlib
import re
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup, escape

FONTS = "'Hiragino Sans', 'Yu Gothic', Meiryo, 'Noto Sans JP', 'Noto Sans CJK JP', sans-serif"
"""The reader's own: this machine may have no Japanese one, so charts leave room for labels by themselves (``minExtent``)."""

QUIET, GRID = "#52606d", "#dde3e9"

_OWN_NAMES = re.compile(r'(?<=id=")(?=clip|gradient)|(?<=url\(#)(?=clip|gradient)')

_THEME: dict[str, Any] = {
    "background": "white",
    "font": FONTS,
    "view": {"stroke": None},
    "axis": {
        "labelColor": QUIET,
        "titleColor": QUIET,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "gridColor": GRID,
        "domainColor": "#b8c2cc",
        "tickColor": "#b8c2cc",
    },
    "legend": {"labelFontSize": 11, "titleFontSize": 11, "orient": "top", "title": None},
    "line": {"strokeWidth": 2},
}


def svg(chart: alt.TopLevelMixin, *, description: str) -> Markup:
    """Return the chart as an SVG element; ``description`` is what a reader hears who does not see it."""
    drawn = vl_convert.vegalite_to_svg(_specification(chart))
    # Vega numbers its clips from 0 in every picture; on a page of several they would be each other's.
    drawn = _OWN_NAMES.sub(f"c{hashlib.sha256(drawn.encode()).hexdigest()[:8]}-", drawn)
    _, opening, rest = drawn.partition("<svg ")
    return Markup(f'{opening}role="img" aria-label="{escape(description)}" {rest}')


def _specification(chart: alt.TopLevelMixin) -> dict[str, Any]:
    specification = chart.to_dict()
    specification["config"] = {
        **_THEME,
        **{k: v for k, v in specification.get("config", {}).items() if k not in _THEME},
    }
    return specification
