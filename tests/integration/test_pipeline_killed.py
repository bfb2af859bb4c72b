"""A month's run killed at fifty random moments and run again each time: the installation is as if nothing had happened.

An undisturbed run tells when each of its steps and assets comes. Moments are drawn over its whole duration, one in every step
and the others anywhere, and are found again in the runs to be killed by the event before them, whatever the speed of the
machine. What a killed run has done the next one keeps, so one life of an installation, from landing to workbooks, holds several
deaths. Some lives begin with nothing, the others with the month published from other submissions.
"""

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from month_server import BEGUN, MonthServer
from month_stories import MONTH, State, Story

KILLS = 50
DEATHS_IN_A_LIFE = 13
MOST_LIVES = 12
SEED = 20250710
PHASES = {"start", "ingest", "reference", "models", "judge", "publish", "scorecards"}


@dataclass(frozen=True)
class Moment:
    """So many seconds after an event of the undisturbed run, or after a later one in a run that has less to do."""

    place: int
    wait_s: float


def moments(story: Story, rng: random.Random, phases: Collection[str], count: int) -> list[Moment]:
    """Draw moments: one in every step of these phases (the start is one), the others over the whole run."""
    undisturbed = story.undisturbed
    times = [at for at, _ in undisturbed.events]
    steps = [event for event in undisturbed.events if event[1] == BEGUN or event[1].startswith("step ")]
    ends = [*(at for at, _ in steps[1:]), undisturbed.seconds]
    spans = [(begin, end, phase(told)) for (begin, told), end in zip(steps, ends, strict=True)]
    drawn = [rng.uniform(begin, end) for begin, end, name in spans if name in phases]
    drawn += [rng.uniform(0, undisturbed.seconds) for _ in range(count - len(drawn))]
    rng.shuffle(drawn)
    places = [max(place for place, at in enumerate(times) if at <= moment) for moment in drawn]
    return [Moment(place, moment - times[place]) for place, moment in zip(places, drawn, strict=True)]


def phase(told: str) -> str:
    """The phase of the step that was told to begin."""
    step = told.removeprefix("step ")
    if step in ("reference", "publish", "scorecards"):
        return step
    if step.endswith("_models"):
        return "models"
    return {BEGUN: "start", "ingest": "ingest", "judged": "judge"}[step.partition("_")[0]]


def test_the_undisturbed_runs_are_worth_killing(stories: Sequence[Story]) -> None:
    first, again = stories
    assert {phase(event) for _, event in first.undisturbed.events if not event.startswith("asset ")} == PHASES
    assert len(first.after.lake) > 60
    assert len(first.after.database["kpi_facts"]) > 50
    assert len(first.after.workbooks) > 20
    assert again.after.lake != first.after.lake
    assert len(again.after.database["kpi_facts_history"]) == 2
    assert again.after.names != first.after.names


def test_runs_killed_at_fifty_moments_and_run_again_end_where_an_undisturbed_run_does(
    month_server: MonthServer, stories: Sequence[Story]
) -> None:
    rng = random.Random(SEED)
    plans = {story.template: moments(story, rng, PHASES, KILLS // len(stories)) for story in stories}
    hits: Counter[str] = Counter()
    for life in range(MOST_LIVES):
        if hits.total() >= KILLS and set(hits) == PHASES:
            break
        story = stories[life % len(stories)]  # the first one has every phase
        plan = plans[story.template]
        missed = KILLS - hits.total()
        chosen = plan[:DEATHS_IN_A_LIFE] or moments(story, rng, PHASES - set(hits), min(missed, DEATHS_IN_A_LIFE))
        del plan[:DEATHS_IN_A_LIFE]
        if not chosen:
            continue
        hits += live(month_server, story, sorted(chosen, key=lambda one: (one.place, one.wait_s)))
    print(f"{hits.total()} runs killed: {dict(hits)}")  # noqa: T201 (told with -rP)
    assert hits.total() >= KILLS
    assert set(hits) == PHASES


def live(server: MonthServer, story: Story, moments: Sequence[Moment]) -> Counter[str]:
    """Run the month from the story's beginning, killed at each of the moments, and then to its end; return what was hit."""
    home = story.home
    story.begin_again()
    runs_before = server.statuses(home) if (home / "dagster").exists() else []
    events = [told for _, told in story.undisturbed.events]
    hits: Counter[str] = Counter()
    for moment in moments:
        run = server.begin(home, MONTH)
        server.until(run, events[moment.place :], then=moment.wait_s)
        died = server.end(run, kill=True)
        assert died.exitcode <= 0, died.said
        if not died.is_killed:
            break  # it was faster than the undisturbed one and has come to its end
        hits[phase(died.last_step or BEGUN)] += 1
        story.look_at(State.of(home))
    run = server.begin(home, MONTH)
    ended = server.end(run)
    assert ended.exitcode == 0, ended.said

    found = State.of(home)
    assert found.lake == story.after.lake
    assert found.database == story.after.database
    assert found.workbooks == story.after.workbooks
    assert found.names == story.after.names
    statuses = server.statuses(home)[len(runs_before) :]
    assert set(statuses) <= {"FAILURE", "SUCCESS"}, "no dead run is shown as running"
    assert len(statuses) <= hits.total() + 1
    return hits
