"""Templates to pages: one frame, text from submissions always escaped, nothing fetched from anywhere.

What lives here: the Jinja environment and the frame's variables. What does not: what a page says.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kenpo_pipelines.scorecards.provenance import Provenance

_PACKAGE = "kenpo_pipelines.scorecards"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(_PACKAGE, "pages"),
        autoescape=True,  # by name endings it would leave .html.j2 out
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, *, title: str, provenance: Provenance, **variables: Any) -> bytes:
    """Return the page as UTF-8. ``template`` extends ``layout.html.j2``; what it names must be given.

    Everything is escaped but ``Markup``, which only this package's own charts may be.
    """
    page = _environment().get_template(template)
    return page.render(title=title, provenance=provenance, css=_asset("page.css"), **variables).encode()


def script(name: str) -> Markup:
    """Return one of this package's scripts for a ``<script>`` element."""
    return _asset(name)


@cache
def _asset(name: str) -> Markup:
    return Markup(files(f"{_PACKAGE}.pages").joinpath(name).read_text(encoding="utf-8"))
