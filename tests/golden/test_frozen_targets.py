"""A published judgement keeps its target: stories worked by hand, and any sequence of publications against a second opinion."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from target_stories import CHECKUPS, GENERICS, PRECISION, RECOVERY, TENDERS, SecondOpinion, Story

from kenpo_pipelines.catalogue.frozen_targets import exact_number
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.serving.published_targets import earlier_targets_digest
from kenpo_pipelines.serving.restatement_queries import restatements

MAY, JUNE, JULY, AUGUST = "2025-05", "2025-06", "2025-07", "2025-08"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('targets') / 'kenpo.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


def emptied(engine: Engine) -> Engine:
    """The database without any publication; the catalogue's tables stay."""
    tables = (
        "restatement_files",
        "kpi_restatements",
        "frozen_targets",
        "kpi_facts_history",
        "kpi_facts",
        "kpi_targets",
    )
    with engine.begin() as connection:
        for table in (*tables, "publications"):
            connection.execute(text(f"DELETE FROM {table}"))
    return engine


@pytest.fixture
def story(database: Engine) -> Story:
    return Story(emptied(database))


def said(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["target_text"], line["outcome"], line["ratio_to_target"]


# ---- worked by hand


def test_a_restated_prior_year_changes_no_target_of_the_year_and_is_told_beside_it(story: Story) -> None:
    # prior year 5,395 ÷ 10,000 = 53.95 %; the figure 54.00 % attains it: 54 ÷ 53.95 × 100 = 100.09… → 100.1
    story.prior[RECOVERY] = ("5395", "10000")
    story.figures = {(MAY, RECOVERY): ("5400", "10000"), (JUNE, RECOVERY): ("5400", "10000")}
    first = story.publish(MAY)[RECOVERY]
    assert said(first) == ("対前年度以上（53.95%以上）", "attained", Decimal("100.1"))
    assert (first["notes"], first["target_used_since"]) == ("", MAY)

    # the prior year is restated to 5,410 ÷ 10,000 = 54.10 %: by it the figure would be missed
    story.prior[RECOVERY] = ("5410", "10000")
    note = (
        "目標は令和７年５月の公表に用いた「対前年度以上（53.95%以上）」のままです"
        "（前年度実績は後に訂正され、今の実績によれば「対前年度以上（54.10%以上）」です）"
    )
    for month in (JUNE, MAY):  # a later month of the year, and the month itself made again
        again = story.publish(month)[RECOVERY]
        assert said(again) == ("対前年度以上（53.95%以上）", "attained", Decimal("100.1"))
        assert (again["notes"], again["prior_value_text"], again["target_used_since"]) == (note, "54.10%", MAY)
    assert restatements(story.engine) == [], "nothing that was published has changed"


def test_a_month_that_was_not_published_before_takes_the_restated_prior_year(story: Story) -> None:
    story.prior[RECOVERY] = ("5395", "10000")
    story.publish(MAY)  # no figure: nothing was judged, and nothing is frozen
    story.prior[RECOVERY] = ("5410", "10000")
    story.figures[JUNE, RECOVERY] = ("5400", "10000")
    assert said(story.publish(JUNE)[RECOVERY]) == ("対前年度以上（54.10%以上）", "not_attained", Decimal("99.8"))


def test_the_ratio_keeps_the_unrounded_target(story: Story) -> None:
    # prior year 2 ÷ 3 = 66.666… %, printed 66.67. The figure 66.70 % ÷ 66.666… % = 100.05 → 100.1; ÷ 66.67 % = 100.04… → 100.0
    story.prior[RECOVERY] = ("2", "3")
    story.figures[MAY, RECOVERY] = ("6670", "10000")
    assert said(story.publish(MAY)[RECOVERY])[2] == Decimal("100.1")
    story.prior[RECOVERY] = ("6667", "10000")  # printed alike, 66.67
    again = story.publish(MAY)[RECOVERY]
    assert (again["ratio_to_target"], again["notes"]) == (Decimal("100.1"), "")
    assert exact_number(again["target_exact"]) == Fraction(200, 3)


def test_a_registered_target_stays_for_what_was_published_and_holds_from_then_on(story: Story) -> None:
    story.registered[CHECKUPS] = "63.1"
    story.figures = {(month, CHECKUPS): ("640", "1000") for month in (MAY, JUNE, JULY)}
    assert said(story.publish(MAY)[CHECKUPS]) == ("63.1%以上", "attained", Decimal("101.4"))  # 64 ÷ 63.1

    story.registered[CHECKUPS] = "65.0"
    later = story.publish(JUNE)[CHECKUPS]
    assert said(later) == ("65.0%以上", "not_attained", Decimal("98.5"))  # 64 ÷ 65
    assert later["notes"] == "目標は令和７年５月の公表に用いた「63.1%以上」から変わりました"
    assert story.publish(JULY)[CHECKUPS]["notes"] == "", "told in the month that changed it"
    again = story.publish(MAY)[CHECKUPS]
    assert said(again) == ("63.1%以上", "attained", Decimal("101.4"))
    assert (
        again["notes"]
        == "目標は令和７年５月の公表に用いた「63.1%以上」のままです（登録は後に「65.0%以上」に変わりました）"
    )

    del story.registered[CHECKUPS]
    assert story.publish(MAY)[CHECKUPS]["notes"].endswith("（登録は後になくなりました）")
    assert story.publish(AUGUST)[CHECKUPS]["reason"] == "no_result"


def test_a_new_registration_stands_before_a_frozen_prior_year_in_later_months(story: Story) -> None:
    story.prior[RECOVERY] = ("5395", "10000")
    story.figures = {(month, RECOVERY): ("5400", "10000") for month in (MAY, JUNE)}
    story.publish(MAY)
    story.registered[RECOVERY] = "55"
    later = story.publish(JUNE)[RECOVERY]
    assert said(later) == ("55.00%以上", "not_attained", Decimal("98.2"))
    assert later["notes"] == "目標は令和７年５月の公表に用いた「対前年度以上（53.95%以上）」から変わりました"


def test_the_80_per_cent_of_the_generics_rest_on_the_prior_year(story: Story) -> None:
    story.june[GENERICS], story.prior[GENERICS] = ("799", "1000"), ("812", "1000")
    story.figures = {(month, GENERICS): ("805", "1000") for month in (MAY, JUNE)}
    assert said(story.publish(MAY)[GENERICS])[:2] == ("80.0%以上", "attained")
    story.june[GENERICS] = ("801", "1000")  # restated: now the prior year's end, 81.2 %, would be the target
    again = story.publish(JUNE)[GENERICS]
    assert said(again)[:2] == ("80.0%以上", "attained")
    assert "今の実績によれば「対前年度末以上（81.2%以上）」です" in again["notes"]
    story.june.clear()
    assert story.publish(JUNE)[GENERICS]["notes"].endswith("（前年度実績はその後なくなりました）")


def test_a_withdrawn_figure_comes_back_to_its_old_target(story: Story) -> None:
    story.registered[CHECKUPS] = "63.1"
    story.figures[MAY, CHECKUPS] = ("640", "1000")
    story.publish(MAY)
    del story.figures[MAY, CHECKUPS]
    story.registered[CHECKUPS] = "65.0"
    assert said(story.publish(MAY)[CHECKUPS])[:2] == ("63.1%以上", "not_evaluable")
    story.figures[MAY, CHECKUPS] = ("641", "1000")
    assert said(story.publish(MAY)[CHECKUPS])[:2] == ("63.1%以上", "attained")


def test_an_operator_renews_the_targets_of_a_month_and_that_is_a_restatement(story: Story) -> None:
    story.registered[CHECKUPS], story.prior[RECOVERY] = "63.1", ("5395", "10000")
    for month in (MAY, JUNE):
        story.figures |= {(month, CHECKUPS): ("640", "1000"), (month, RECOVERY): ("5400", "10000")}
    story.publish(MAY)
    story.registered[CHECKUPS], story.prior[RECOVERY] = "65.0", ("5410", "10000")
    story.publish(MAY)
    renewed = story.publish(MAY, renew_targets=True)
    assert said(renewed[CHECKUPS])[:2] == ("65.0%以上", "not_attained")
    assert said(renewed[RECOVERY])[:2] == ("対前年度以上（54.10%以上）", "not_attained")
    assert {renewed[kpi]["notes"] for kpi in (CHECKUPS, RECOVERY)} == {""}
    told = {one.kpi_id: one for one in restatements(story.engine)}
    assert set(told) == {CHECKUPS, RECOVERY}
    assert {one.causes for one in told.values()} == {"target_renewal"}
    one = told[CHECKUPS]
    assert (one.old_target_text, one.new_target_text) == ("63.1%以上", "65.0%以上")
    assert (one.old_outcome, one.new_outcome, one.old_value_text) == ("attained", "not_attained", one.new_value_text)
    # what was renewed is what is published now: the month keeps it, and the year's later months take the prior year from it
    assert said(story.publish(MAY)[CHECKUPS])[0] == "65.0%以上"
    story.prior[RECOVERY] = ("5500", "10000")
    assert said(story.publish(JUNE)[RECOVERY])[0] == "対前年度以上（54.10%以上）"


def test_a_target_that_is_renewed_to_what_it_was_is_in_use_since_it_was_first_used(story: Story) -> None:
    story.registered[RECOVERY] = "55"
    story.figures = {(month, RECOVERY): ("5600", "10000") for month in (MAY, JUNE, JULY)}
    story.publish(MAY)
    assert story.publish(JUNE)[RECOVERY]["target_used_since"] == JUNE, "a registered target holds for its own scorecard"
    assert story.publish(JUNE, renew_targets=True)[RECOVERY]["target_used_since"] == JUNE
    del story.registered[RECOVERY]
    story.prior[RECOVERY] = ("55", "100")
    assert story.publish(JULY, renew_targets=True)[RECOVERY]["target_used_since"] == JUNE


def test_what_a_month_reads_of_others_is_in_its_fingerprint_and_its_own_targets_are_not(story: Story) -> None:
    story.prior[RECOVERY], story.figures[MAY, RECOVERY] = ("5395", "10000"), ("5400", "10000")
    before = earlier_targets_digest(story.engine, JUNE)
    story.publish(JUNE)
    assert earlier_targets_digest(story.engine, JUNE) == before
    story.publish(MAY)
    after = earlier_targets_digest(story.engine, JUNE)
    assert after != before
    story.prior[RECOVERY] = ("5410", "10000")
    story.publish(MAY)
    assert earlier_targets_digest(story.engine, JUNE) == after, "the target that was kept"


# ---- any sequence

RATES = st.sampled_from([("5395", "10000"), ("54", "100"), ("2", "3"), ("801", "1000"), ("799", "1000"), ("1", "7")])
KPIS = st.sampled_from(sorted(PRECISION))
MONTHS = st.sampled_from([MAY, JUNE, JULY])
EVENTS = st.one_of(
    st.tuples(st.just("figure"), MONTHS, KPIS, st.none() | RATES),
    st.tuples(st.just("prior"), KPIS, st.none() | RATES),
    st.tuples(st.just("june"), st.just(GENERICS), st.none() | RATES),
    st.tuples(st.just("register"), KPIS, st.none() | st.sampled_from(["15", "53.95", "63.1", "80"])),
    st.tuples(st.just("publish"), MONTHS, st.sampled_from([False, False, False, True])),
)


def happen(story: Story, event: tuple[Any, ...]) -> None:
    kind, *rest = event
    if kind == "figure":
        story.figures[rest[0], rest[1]] = rest[2]
        return
    book: dict[str, Any] = {"prior": story.prior, "june": story.june, "register": story.registered}[kind]
    book.pop(rest[0], None)
    if rest[1] is not None:
        book[rest[0]] = rest[1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENTS, min_size=5, max_size=25))
def test_every_judgement_of_any_sequence_has_the_target_that_the_second_opinion_gives(
    database: Engine, events: list[tuple[Any, ...]]
) -> None:
    story, opinion = Story(emptied(database)), SecondOpinion()
    story.figures = {(month, kpi): ("64", "100") for month in (MAY, JUNE, JULY) for kpi in (RECOVERY, TENDERS)}
    story.prior[RECOVERY] = ("5395", "10000")
    for event in [*events, ("publish", JUNE, False), ("publish", JULY, False)]:
        if event[0] != "publish":
            happen(story, event)
            continue
        _, month, renew = event
        expected = opinion.judge(story, month, renew_targets=renew)
        found = story.publish(month, renew_targets=renew)
        for kpi, line in expected.items():
            judged = found[kpi]
            told = (judged["outcome"], judged["ratio_to_target"], judged["target_used_since"])
            assert told == (line["outcome"], line["ratio"], line["since"]), (month, kpi)
            if line["since"] is not None:
                assert exact_number(judged["target_exact"]) == line["exact"], (month, kpi)
