"""The national overview in a reader's hands: sorting, filtering, choosing, and all of it by keyboard."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import made_pages
from browser.watching import Open
from playwright.sync_api import Browser, Page, expect

from kenpo_pipelines.scorecards.pages.japan import PREFECTURES

KPI = "checkup_rate_insured"
LOW_IS_GOOD = "single_bid_rate"


@pytest.fixture
def page(open_page: Open) -> Iterator[Page]:
    with open_page("national") as opened:
        yield opened.page


def shown_codes(page: Page) -> list[str]:
    """Branches of the heat table that are shown, from top to bottom."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('#heat tbody.branches tr')].filter(one => !one.hidden).map(one => one.dataset.code)"
    )
    return found


def values(kpi_id: str) -> dict[str, object]:
    """The branches' figures."""
    return {row.branch_code: row.value for row in made_pages.rows() if row.kpi_id == kpi_id and row.branch_code != "00"}


def sort_by(page: Page, kpi_id: str) -> None:
    page.locator(f"#heat th[data-sort='{kpi_id}'] button").click()


def test_it_begins_in_code_order_under_the_nation(page: Page) -> None:
    assert shown_codes(page) == list(PREFECTURES)
    assert page.locator("#heat tbody.nation tr").get_attribute("data-code") == "00"


@pytest.mark.parametrize(("kpi_id", "is_best_first_high"), [(KPI, True), (LOW_IS_GOOD, False)])
def test_a_click_sorts_by_the_figure_the_best_first_and_another_turns_it(
    page: Page, kpi_id: str, is_best_first_high: bool
) -> None:
    figures = values(kpi_id)
    sort_by(page, kpi_id)
    order = shown_codes(page)
    assert [figures[code] for code in order] == sorted(figures.values(), reverse=is_best_first_high)
    head = page.locator(f"#heat th[data-sort='{kpi_id}']")
    expect(head).to_have_attribute("aria-sort", "descending" if is_best_first_high else "ascending")
    sort_by(page, kpi_id)
    assert [figures[code] for code in shown_codes(page)] == sorted(figures.values(), reverse=not is_best_first_high)
    sort_by(page, "code")
    assert shown_codes(page) == list(PREFECTURES)


def test_a_branch_without_a_figure_comes_last_both_ways(page: Page) -> None:
    for _ in range(2):
        sort_by(page, "counter_receipt_rate")
        assert shown_codes(page)[-1] == "30"


def test_filters_narrow_and_are_taken_back(page: Page) -> None:
    page.locator("#find").fill("大")
    assert shown_codes(page) == ["27", "44"]
    expect(page.locator("#heat-count")).to_contain_text("2支部")
    page.locator("#clear").click()
    region = PREFECTURES["47"].region
    page.locator("#region").select_option(region)
    assert shown_codes(page) == [code for code, place in PREFECTURES.items() if place.region == region] != []
    page.locator("#clear").click()
    assert shown_codes(page) == list(PREFECTURES)


def test_filtering_by_outcome_shows_those_judged_so(page: Page) -> None:
    missed = {r.branch_code for r in made_pages.rows() if r.kpi_id == LOW_IS_GOOD and r.outcome == "not_attained"} - {
        "00"
    }
    page.locator("#kpi").select_option(LOW_IS_GOOD)
    page.locator("#outcome").select_option(label="× 未達成")
    assert set(shown_codes(page)) == missed


def test_filtering_by_group_hides_other_columns(page: Page) -> None:
    page.locator("#group").select_option("組織・運営体制")
    shown = page.locator("#heat thead tr.heads th:visible")
    assert [one.get_attribute("data-kpi") for one in shown.all()] == [LOW_IS_GOOD]


def test_choosing_a_kpi_and_a_branch_moves_every_picture(page: Page) -> None:
    page.locator("#kpi").select_option(KPI)
    expect(page.locator("#chosen-title")).to_contain_text("生活習慣病予防健診実施率")
    assert page.locator("#ranking tbody tr").count() == 47
    assert "生活習慣病予防健診実施率" in str(page.locator("#funnel svg").get_attribute("aria-label"))
    page.locator("#map button", has_text="秋田").click()
    expect(page.locator("#branch")).to_have_value("05")
    expect(page.locator("#control-branch h4")).to_have_text("秋田支部")
    assert page.locator("#control-branch svg").count() == 1


def test_the_ranking_is_that_of_the_scorecards(page: Page) -> None:
    page.locator("#kpi").select_option(LOW_IS_GOOD)
    told = [int(text) for text in page.locator("#ranking tbody tr td:first-child").all_inner_texts()]
    ranks = sorted(row.rank for row in made_pages.rows() if row.kpi_id == LOW_IS_GOOD and row.rank is not None)
    assert told == ranks


def test_the_table_is_walked_with_arrows_and_chooses_with_enter(page: Page) -> None:
    """One Tab stop for the whole table; from 協会全体's first cell right, down, to the ends, and Enter."""
    page.locator("#heat td[tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    focused = "document.activeElement"
    assert page.evaluate(f"{focused}.parentElement.dataset.code") == "02"
    assert page.evaluate(f"{focused}.cellIndex") == 2
    said = page.locator("#cell-words").inner_text()
    assert "青森支部" in said and "目標" in said
    page.keyboard.press("Control+End")
    assert page.evaluate(f"{focused}.parentElement.dataset.code") == "47"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{focused}.parentElement.dataset.code") == "47"
    page.keyboard.press("Enter")
    expect(page.locator("#branch")).to_have_value("47")
    assert page.locator("#heat td[tabindex='0']").count() == 1


def test_sorting_and_the_map_work_by_keyboard_and_keep_their_place(page: Page) -> None:
    button = page.locator(f"#heat th[data-sort='{KPI}'] button")
    button.focus()
    page.keyboard.press("Enter")
    figures = values(KPI)
    assert figures[shown_codes(page)[0]] == max(figures.values())  # type: ignore[type-var]
    expect(button).to_be_focused()
    tile = page.locator("#map button", has_text="沖縄")
    tile.focus()
    page.keyboard.press("Space")
    expect(page.locator("#branch")).to_have_value("47")
    expect(page.locator("#map button", has_text="沖縄")).to_be_focused()
    expect(page.locator("#map button", has_text="沖縄")).to_have_attribute("aria-pressed", "true")


def test_without_scripts_the_tables_are_read(browser: Browser, page_file: Callable[[str], Path]) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    plain = context.new_page()
    plain.goto(page_file("national").as_uri())
    assert plain.locator("#heat tbody.branches tr").count() == 47
    assert plain.locator("noscript").inner_text().strip()
    context.close()
