"""When the files of a month are whole: one look compared with what the looks before it remembered, without Dagster."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.landing_watch import YEARLY, Look, Memory, look
from kenpo_pipelines.automation.schedules import priority_of
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import Contract, load_contracts
from kenpo_pipelines.submissions.listing import Listed, Listing

NOW = 1_760_000_000 * 10**9
MINUTE = 60 * 10**9
RESULTS, CLAIMS, TARGETS = ("kpi_results", "2025-06"), ("claims", "2025-06"), ("kpi_targets", "2025")


@pytest.fixture(scope="module")
def contracts() -> Mapping[str, Contract]:
    return load_contracts(CHECKOUT / "expectations")


class Watch:
    """Look after look, each with the memory of the last; every month that is due counts as seen to."""

    def __init__(self, contracts: Mapping[str, Contract], known_months: Sequence[str] = ()) -> None:
        self.contracts, self.known_months = contracts, known_months
        self.cursor: str | None = None
        self.now = NOW

    def __call__(self, files: Mapping[tuple[str, str], Sequence[Listed]], settle: bool = True) -> Look:
        self.now += MINUTE
        memory = Memory.parse(self.cursor)
        listing = Listing({place: tuple(found) for place, found in files.items()}, ())
        found = look(listing, self.contracts, memory, self.known_months, self.now)
        self.cursor = memory.after(found, found.due if settle else ()).model_dump_json()
        return found


@pytest.fixture
def watch(contracts: Mapping[str, Contract]) -> Watch:
    return Watch(contracts)


def listed(name: str = "a.csv", size: int = 10, modified_ns: int = NOW) -> Listed:
    return Listed(name, size, modified_ns)


def test_a_month_is_due_when_two_looks_found_it_alike_and_then_no_more(watch: Watch) -> None:
    files = {RESULTS: [listed()], CLAIMS: [listed("b.csv")]}

    first, second, third = watch(files), watch(files), watch(files)

    assert (first.due, set(first.waiting)) == ((YEARLY,), {"2025-06"})
    assert (second.due, second.waiting) == (("2025-06",), {})
    assert (third.due, third.waiting) == ((), {})


@pytest.mark.parametrize(
    "change", [{"size": 11}, {"modified_ns": NOW + 1}, {"name": "c.csv"}], ids=lambda change: next(iter(change))
)
def test_size_time_and_name_each_make_a_month_new(watch: Watch, change: dict[str, Any]) -> None:
    for _ in range(2):
        watch({RESULTS: [listed()]})
    changed = {RESULTS: [listed(**change)]}

    assert "2025-06" in watch(changed).waiting
    assert watch(changed).due == ("2025-06",)


def test_a_growing_file_holds_its_month_back_and_is_named(watch: Watch) -> None:
    whole = listed("whole.csv", modified_ns=NOW - MINUTE)
    for size in (10, 20, 30):
        found = watch({RESULTS: [listed("grows.csv", size, NOW + size), whole], CLAIMS: [listed("b.csv")]})
        assert "2025-06" not in found.due
    assert found.waiting == {"2025-06": ("kpi_results/2025-06 (grows.csv, whole.csv)",)}

    assert watch({RESULTS: [listed("grows.csv", 30, NOW + 30), whole], CLAIMS: [listed("b.csv")]}).due == ("2025-06",)


def test_one_month_does_not_hold_back_another(watch: Watch) -> None:
    july = ("kpi_results", "2025-07")
    watch({RESULTS: [listed()], july: [listed(size=1)]})

    found = watch({RESULTS: [listed()], july: [listed(size=2)]})

    assert (found.due, set(found.waiting)) == (("2025-06",), {"2025-07"})


def test_a_yearly_file_on_its_way_holds_back_every_month_for_every_run_reads_it(watch: Watch) -> None:
    watch({RESULTS: [listed()], TARGETS: [listed("t.xlsx", 1)]})

    found = watch({RESULTS: [listed()], TARGETS: [listed("t.xlsx", 2)]})
    assert found.due == ()
    assert found.waiting["2025-06"] == found.waiting[YEARLY] == ("kpi_targets/2025 (t.xlsx)",)

    assert watch({RESULTS: [listed()], TARGETS: [listed("t.xlsx", 2)]}).due == ("2025-06", YEARLY)


@pytest.mark.parametrize("unfinished", [listed("e.csv", 0), listed("r.csv.filepart"), listed("R.CSV.PART")])
def test_an_empty_or_half_named_file_is_on_its_way_for_an_hour(watch: Watch, unfinished: Listed) -> None:
    files = {RESULTS: [listed(), unfinished]}
    looks = [watch(files) for _ in range(59)]

    assert not any("2025-06" in found.due for found in looks)
    assert looks[-1].waiting == {"2025-06": (f"kpi_results/2025-06 ({unfinished.name})",)}
    assert watch(files).due == ("2025-06",)


def test_files_taken_away_make_the_month_new_once(contracts: Mapping[str, Contract]) -> None:
    watch = Watch(contracts, known_months=["2025-06"])
    for _ in range(2):
        watch({RESULTS: [listed()], TARGETS: [listed("t.xlsx")]})

    gone, due, after = watch({}), watch({}), watch({})

    assert gone.waiting == {"2025-06": ("kpi_results/2025-06", "kpi_targets/2025"), YEARLY: ("kpi_targets/2025",)}
    assert due.due == ("2025-06", YEARLY)
    assert (after.due, after.waiting) == ((), {})


def test_a_month_that_is_not_settled_stays_due(watch: Watch) -> None:
    files = {RESULTS: [listed()]}
    watch(files)

    assert watch(files, settle=False).due == watch(files, settle=False).due == ("2025-06",)


def test_months_that_cannot_be_run_are_named_and_never_due(watch: Watch) -> None:
    early, late = ("kpi_results", "2023-03"), ("claims", fiscal.add_months(fiscal.current_month(), 1))
    for _ in range(3):
        found = watch({early: [listed()], late: [listed()], TARGETS: [listed()]})

    assert found.outside == ("claims/" + late[1], "kpi_results/2023-03")
    assert set(Memory.parse(watch.cursor).handled) == {YEARLY}


def test_the_cursor_is_as_large_as_the_folders_are_many_and_not_the_files(watch: Watch) -> None:
    months = list(fiscal.month_range("2023-04", "2026-03"))
    files = {("kpi_results", month): [listed(f"{n:04}.csv") for n in range(500)] for month in months}
    for _ in range(2):
        watch(files)

    assert watch.cursor is not None
    assert len(watch.cursor) < 100 * len(months)


@pytest.mark.parametrize("cursor", [None, "", "no json", '{"version": 2}', '{"version": 1, "seen": 3}'])
def test_a_lost_or_foreign_cursor_is_an_empty_memory(cursor: str | None) -> None:
    assert Memory.parse(cursor) == Memory()


def test_long_names_are_shortened_and_many_are_counted(watch: Watch) -> None:
    files = [listed(f"{number}{'長' * 80}.csv") for number in range(500)]

    (told,) = watch({RESULTS: files}).waiting["2025-06"]

    assert told.endswith("… and 497 more)")
    assert len(told) < 250


def test_an_earlier_month_has_the_higher_priority() -> None:
    assert [priority_of(month) for month in ("2023-04", "2023-05", "2024-04", "2026-03")] == [0, -1, -12, -35]
