"""Pages that are read rather than worked with: links lead to what they name, folds open by keyboard, hidden stays hidden."""

import pytest
from browser.made_pages import MADE_PAGES, branch_facts
from browser.watching import Open
from playwright.sync_api import expect

READ = [name for name in MADE_PAGES if name != "national" and not name.endswith("_hostile")]


@pytest.mark.parametrize("name", READ)
def test_every_link_within_the_page_leads_somewhere(open_page: Open, name: str) -> None:
    with open_page(name) as opened:
        lost = opened.page.evaluate(
            "[...document.querySelectorAll('a[href^=\"#\"]')].map(one => one.getAttribute('href').slice(1))"
            ".filter(id => id && !document.getElementById(decodeURIComponent(id)))"
        )
        assert lost == []
        ids = opened.page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", READ)
def test_the_first_tab_skips_to_the_text(open_page: Open, name: str) -> None:
    with open_page(name) as opened:
        opened.page.keyboard.press("Tab")
        skip = opened.page.locator("a.skip")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()


def test_every_kpi_of_the_branch_has_its_line_and_a_chart_that_is_told_in_words(open_page: Open) -> None:
    facts = branch_facts()
    with open_page("branch") as opened:
        said = opened.page.evaluate("document.body.textContent")
        assert all(row.kpi in said for row in facts.rows)
        charts = opened.page.locator("figure svg[role=img]")
        told = [str(one.get_attribute("aria-label") or "") for one in charts.all()]
        assert len(told) >= 10 and all(len(text) > 10 for text in told)
        for unit in opened.page.locator("figure svg").all_text_contents():
            assert any(sign in unit for sign in ("%", "％", "日", "円", "事業所", "社")), unit


def test_numbers_behind_a_chart_open_by_keyboard(open_page: Open) -> None:
    with open_page("branch") as opened:
        first = opened.page.locator("figure details").first
        first.locator("summary").focus()
        opened.page.keyboard.press("Enter")
        expect(first.locator("table")).to_be_visible()


def test_branches_of_the_comparison_of_targets_open_and_close(open_page: Open) -> None:
    with open_page("targets") as opened:
        tables = opened.page.locator("main details")
        assert tables.count() >= 3
        opened.page.locator("#open-all").press("Enter")
        assert opened.page.locator("main details[open]").count() == tables.count()
        opened.page.locator("#close-all").click()
        assert opened.page.locator("main details[open]").count() == 0
        opened.page.locator(".index a").nth(1).click()
        expect(opened.page.locator("main details").nth(1)).to_have_attribute("open", "")


def test_a_faulty_cell_is_reached_from_the_list(open_page: Open) -> None:
    with open_page("check_report") as opened:
        links = opened.page.locator("#list ~ * a[href^='#s'], tr[id^=p] a[href^='#s']")
        assert links.count() >= 3
        links.first.click()
        target = str(links.first.get_attribute("href")).removeprefix("#")
        expect(opened.page.locator(f"[id='{target}']")).to_be_in_viewport()
        assert opened.page.get_by_text("1.03&").count() >= 1


def test_budgets_beyond_their_execution_and_a_given_mark_are_told(open_page: Open) -> None:
    with open_page("progress") as opened:
        said = opened.page.evaluate("document.body.textContent")
        assert "110.0" in said  # 1,100 of 1,000 yen
        assert "委託先の決定が遅れているため" in said and "企画総務グループ長" in said


def test_the_public_edition_hides_a_small_count_and_says_so(open_page: Open) -> None:
    with open_page("public") as opened:
        said = opened.page.evaluate("document.body.textContent")
        line = opened.page.locator("tbody tr", has_text="特定保健指導の実施率（被扶養者）").first.inner_text()
        assert "＊" in line and "あと" not in line
        assert "918" not in line  # the denominator would give the numerator away
        assert "公開版" in said
