"""A page in Chromium under watch, and what is asked of every page.

What lives here: opening a file with nothing else reachable, noticing what must not happen (requests, errors, dialogs), and
measures of a page (accessibility, width, print). What does not: which pages there are (``made_pages``).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

WIDE, NARROW = 1280, 360
_PATIENCE_MS = 10_000
_WCAG_AA = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
OF_THE_WIDTH = ("target-size", "scrollable-region-focusable", "meta-viewport")
"""Rules whose answer may differ on a narrow screen; the others were asked on a wide one, which is slow for a large page."""
_A4_POINTS = {(595, 842), (842, 595)}


@dataclass
class Watched:
    """An open page. ``faults`` are requests to anything but the page itself, errors of its console and scripts, and dialogs."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note from now on what must not happen."""
        self.page.on("request", lambda request: self._asked_for(request.url))
        self.page.on("websocket", lambda socket: self.faults.append(f"websocket: {socket.url}"))
        self.page.on("console", lambda said: self._said(said.type, said.text))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", self._refuse)

    def _asked_for(self, url: str) -> None:
        own = url.partition("#")[0] == self.url
        if not own and not url.startswith(("data:", "blob:")):
            self.faults.append(f"request: {url}")

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(f"console {kind}: {text}")

    def _refuse(self, dialog: object) -> None:
        self.faults.append(f"dialog: {getattr(dialog, 'message', '')}")
        dialog.dismiss()  # type: ignore[attr-defined]


Open = Callable[..., AbstractContextManager[Watched]]
"""What the fixture ``open_page`` is: a page's name or path, and a width and height of the window."""


@contextmanager
def watched(browser: Browser, path: Path, width: int = WIDE, height: int = 900) -> Iterator[Watched]:
    """Open a file offline. Left without another failure, it fails when anything happened that must not."""
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True, locale="ja-JP")
    context.set_default_timeout(_PATIENCE_MS)
    try:
        opened = Watched(context.new_page(), path.resolve().as_uri())
        opened.listen()
        opened.page.goto(opened.url, wait_until="load")
        yield opened
        if opened.faults:
            raise AssertionError("\n".join(opened.faults))
    finally:
        context.close()


def violations(page: Page, *, only: Sequence[str] = ()) -> list[str]:
    """Return what breaks the rules of WCAG 2.2 A and AA: rule, what is wrong, and the first elements; ``only`` names rules."""
    options = {"runOnly": {"type": "rule", "values": list(only)} if only else _WCAG_AA, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response
    assert isinstance(found, dict) and found["passes"], "axe has judged nothing"
    return [
        f"{one['id']} ({one['help']}) × {len(one['nodes'])}: {'; '.join(node['html'][:200] for node in one['nodes'][:3])}"
        for one in found["violations"]
    ]


def overflow_px(page: Page) -> int:
    """Return by how much the body is wider than the window: 0 where nobody has to scroll sideways."""
    return int(
        page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - window.innerWidth")
    )


@dataclass(frozen=True)
class Printed:
    """A page on paper: its number of sheets, their sizes in points, and the document's title."""

    sheets: int
    sizes: frozenset[tuple[int, int]]
    title: str

    @property
    def is_a4(self) -> bool:
        """True when every sheet is A4, upright or across."""
        return bool(self.sizes) and self.sizes <= _A4_POINTS


def printed(page: Page) -> Printed:
    """Print the page as its own style sheet wants it, and read the PDF's plain parts."""
    data = page.pdf(prefer_css_page_size=True, print_background=True)
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    boxes = re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", data)
    title = re.search(rb"/Title <([0-9A-Fa-f]+)>|/Title \((.*?)(?<!\\)\)\n", data, re.DOTALL)
    assert title is not None, "a PDF without a title"
    raw = bytes.fromhex(title[1].decode()) if title[1] else re.sub(rb"\\(.)", rb"\1", title[2], flags=re.DOTALL)
    return Printed(
        sheets=len(re.findall(rb"/Type /Page\n", data)),
        sizes=frozenset((round(float(width)), round(float(height))) for width, height in boxes),
        title=raw.removeprefix(b"\xfe\xff").decode("utf-16-be") if raw.startswith(b"\xfe\xff") else raw.decode(),
    )
