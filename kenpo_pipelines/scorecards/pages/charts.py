"""Charts: how all of them look, and how they become pictures.

What lives here: the theme, the colours, Japanese fonts, and drawing as SVG for pages or PNG for Dagster's UI. What does not:
what a chart shows; and the run charts of branches (``run_chart``), of which a month needs a thousand (decision 028). Altair's
charts are drawn here and now, by Vega without a browser, so a page needs no script and no network to show them, and prints as
it looks.
"""

import hashlib
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup, escape

FONTS = "'Hiragino Sans', 'Yu Gothic', Meiryo, 'Noto Sans JP', 'Noto Sans CJK JP', IPAexGothic, sans-serif"
"""The reader's fonts; the last but one is the one that this machine surely has."""

THIS_YEAR, LAST_YEAR, TARGET, FORECAST = "#1b4b72", "#7b8794", "#b44d12", "#3d7fb5"
INK, QUIET, GRID = "#1f2933", "#52606d", "#dde3e9"

_OWN_NAMES = re.compile(r'(?<=id=")(?=clip|gradient)|(?<=url\(#)(?=clip|gradient)')

_THEME: dict[str, Any] = {
    "background": None,
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


def png(chart: alt.TopLevelMixin, scale: float = 1.5) -> bytes:
    """Return the chart as a PNG on white."""
    return vl_convert.vegalite_to_png({**_specification(chart), "background": "white"}, scale=scale)


def _specification(chart: alt.TopLevelMixin) -> dict[str, Any]:
    _register_fonts()
    specification = chart.to_dict()
    specification["config"] = {
        **_THEME,
        **{k: v for k, v in specification.get("config", {}).items() if k not in _THEME},
    }
    return specification


@cache
def _register_fonts() -> None:
    """Let Vega measure and draw Japanese where the machine has no font for it (IPAexGothic, from a package)."""
    found = importlib.util.find_spec("matplotlib_fontja")
    assert found is not None and found.origin is not None
    vl_convert.register_font_directory(str(Path(found.origin).parent / "fonts"))
