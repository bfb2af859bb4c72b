"""The watch itself: what must not happen on a page is noticed, and measures tell good from bad."""

from pathlib import Path

import pytest
from browser.watching import NARROW, Open, overflow_px, printed, violations

SOUND = (
    '<!DOCTYPE html><html lang="ja"><head><title>試験</title>{head}</head>'
    "<body><main><h1>見出し</h1>{body}</main></body></html>"
)


def page(folder: Path, body: str = "", head: str = "") -> Path:
    path = folder / "page.html"
    path.write_text(f'<meta charset="utf-8">{SOUND.format(head=head, body=body)}', encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("body", "noticed"),
    [
        ('<img alt="" src="https://example.invalid/a.png">', "request: https://example.invalid/a.png"),
        ('<img alt="" src="other.png">', "other.png"),
        ("<script>fetch('http://127.0.0.1:9/')</script>", "request: http://127.0.0.1:9/"),
        ("<script>alert('hello')</script>", "dialog: hello"),
        ("<script>console.error('wrong')</script>", "console error: wrong"),
        ("<script>throw new Error('broken')</script>", "error: broken"),
    ],
)
def test_what_must_not_happen_is_noticed(open_page: Open, tmp_path: Path, body: str, noticed: str) -> None:
    with pytest.raises(AssertionError) as raised, open_page(page(tmp_path, body)) as opened:
        opened.page.wait_for_timeout(100)
    assert noticed in str(raised.value)


def test_a_sound_page_passes(open_page: Open, tmp_path: Path) -> None:
    picture = '<img alt="点" src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7">'
    with open_page(page(tmp_path, picture), width=NARROW) as opened:
        assert violations(opened.page) == []
        assert overflow_px(opened.page) <= 0


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ('<img src="data:,">', "image-alt"),
        ('<p style="color: #bbb; background: #fff">薄い文字</p>', "color-contrast"),
        ('<button type="button"></button>', "button-name"),
    ],
)
def test_barriers_are_found(open_page: Open, tmp_path: Path, body: str, rule: str) -> None:
    with open_page(page(tmp_path, body)) as opened:
        assert [one.split()[0] for one in violations(opened.page)] == [rule]


def test_a_body_wider_than_the_phone_is_measured(open_page: Open, tmp_path: Path) -> None:
    head = '<meta name="viewport" content="width=device-width">'
    with open_page(page(tmp_path, '<div style="width: 500px">広い</div>', head), width=NARROW) as opened:
        assert overflow_px(opened.page) >= 140


@pytest.mark.parametrize(
    ("css", "is_a4", "sheets"),
    [
        ("@page { size: A4 landscape }", True, 1),
        ("@page { size: A4 } p { break-before: page }", True, 2),
        ("@page { size: A3 }", False, 1),
    ],
)
def test_paper_is_measured(open_page: Open, tmp_path: Path, css: str, is_a4: bool, sheets: int) -> None:
    with open_page(page(tmp_path, "<p>本文</p>", f"<style>{css}</style>")) as opened:
        paper = printed(opened.page)
    assert (paper.is_a4, paper.sheets, paper.title) == (is_a4, sheets, "試験")
