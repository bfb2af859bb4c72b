"""What is asked of every page: silent without a network, no barriers, fit for phone and paper, small, and text stays text."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import hostile
from browser.made_pages import HOSTILE_PAGES, MADE_PAGES
from browser.watching import NARROW, OF_THE_WIDTH, Open, overflow_px, printed, violations

READ_ONLY = [name for name in MADE_PAGES if name not in HOSTILE_PAGES]
_LARGEST = 2 * 1024 * 1024


@pytest.mark.parametrize("name", READ_ONLY)
def test_it_opens_silently_and_has_no_barriers(open_page: Open, name: str) -> None:
    with open_page(name) as opened:
        assert violations(opened.page) == []
        headings = opened.page.locator("h1").all_inner_texts()
        assert len(headings) == 1 and headings[0].strip()
        assert opened.page.title().strip()


@pytest.mark.parametrize("name", MADE_PAGES)
def test_a_phone_needs_no_scrolling_sideways(open_page: Open, name: str) -> None:
    with open_page(name, width=NARROW, height=740) as opened:
        assert overflow_px(opened.page) <= 0
        if name not in HOSTILE_PAGES:
            assert violations(opened.page, only=OF_THE_WIDTH) == []


@pytest.mark.parametrize("name", READ_ONLY)
def test_it_prints_on_a4(open_page: Open, name: str) -> None:
    with open_page(name) as opened:
        paper = printed(opened.page)
        assert paper.is_a4
        assert 1 <= paper.sheets <= 40
        assert paper.title == opened.page.title()


@pytest.mark.parametrize("name", MADE_PAGES)
def test_it_is_small_and_stands_alone(page_file: Callable[[str], Path], name: str) -> None:
    text = page_file(name).read_text(encoding="utf-8")
    assert len(text.encode()) <= _LARGEST
    named = re.findall(r'(?:src|href)="(?!#|data:)([^"]*)"', text)
    assert [one for one in named if not one.endswith((".html", ".xlsx"))] == []


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_text_of_submissions_stays_text(open_page: Open, name: str) -> None:
    with open_page(name) as opened:
        opened.page.wait_for_timeout(100)
        said = opened.page.evaluate("document.body.textContent")
        assert opened.page.locator("img[src=x], [onerror]").count() == 0
        for text in hostile.TEXTS:
            assert text.replace("\u202e", "") in said.replace("\u202e", ""), text


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_a_turning_mark_turns_no_other_text(open_page: Open, name: str) -> None:
    """U+202E would turn everything after it in its line: its element keeps it in, or it is taken out."""
    with open_page(name) as opened:
        loose = opened.page.evaluate(
            """() => [...document.querySelectorAll('body *')].filter(one =>
                [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.includes('\\u202e'))
                && !one.closest('script, style, svg')
                && getComputedStyle(one).display.startsWith('inline')
                && !getComputedStyle(one).unicodeBidi.includes('isolate')).length"""
        )
        assert loose == 0
