"""Chromium for the tests of pages, one per worker."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from browser.chromium import MISSING, find_chromium
from browser.made_pages import MADE_PAGES
from browser.watching import WIDE, Open, Watched, watched
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium; without one the tests fail and say how to get it."""
    path = find_chromium()
    if path is None:
        pytest.fail(MISSING, pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Where a page of ``made_pages`` lies, by its name; made when it is first asked for."""
    folder = tmp_path_factory.mktemp("pages")

    def file(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_bytes(MADE_PAGES[name]())
        return path

    return file


@pytest.fixture
def open_page(browser: Browser, page_file: Callable[[str], Path]) -> Open:
    """Open a page by name or path, under watch: ``with open_page("national") as opened: …``."""

    def opened(page: str | Path, width: int = WIDE, height: int = 900) -> AbstractContextManager[Watched]:
        return watched(browser, page if isinstance(page, Path) else page_file(page), width, height)

    return opened
