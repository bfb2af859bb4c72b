"""Who is late: what is expected by a day, what counts as having come, and what of it is news."""

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenpo_pipelines.automation.lateness import (
    Arrived,
    Expected,
    Late,
    Reason,
    arrived,
    expected_by,
    expected_of,
    late_branches,
    late_lines,
    who_is_late,
)
from kenpo_pipelines.automation.lateness_check import ARRIVED, LATE, Arrival, News, alerts_of, news
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.accounts import SAME_FILE_AGAIN
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.partitions import (
    LEDGER,
    LEDGER_SCHEMA,
    QUARANTINE,
    QUARANTINE_SCHEMA,
    RAW,
    raw_schema,
)

CONTRACTS = load_contracts(CHECKOUT / "expectations")
BRANCHES = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue").branches
CODES = [branch.code for branch in BRANCHES if branch.code != "00"]
CLAIMS, RESULTS, TARGETS = CONTRACTS["claims"], CONTRACTS["kpi_results"], CONTRACTS["kpi_targets"]
JUNE, DUE = "2025-06", dt.date(2025, 7, 10)


def file(
    dataset: str, folder: str, name: str = "a.csv", fault: str = "", **branches: tuple[int, int]
) -> dict[str, Any]:
    """A line of the ledger. ``branches``: b13=(rows loaded, rows rejected)."""
    counts = [
        {"branch_code": name[1:], "rows_read": good + bad, "rows_loaded": good, "rows_rejected": bad}
        for name, (good, bad) in branches.items()
    ]
    status = "refused" if fault else "loaded"
    return {
        "dataset": dataset, "known_month": folder, "file": name, "status": status, "fault": fault, "branches": counts,
    }  # fmt: skip


def write(
    lake: Lake,
    dataset: str,
    month: str,
    files: Sequence[dict[str, Any]],
    raw: Iterable[dict[str, Any]] = (),
    quarantine: Iterable[dict[str, Any]] = (),
) -> None:
    lake.write(LEDGER, dataset, month, pa.Table.from_pylist(list(files), schema=LEDGER_SCHEMA))
    lake.write(RAW, dataset, month, pa.Table.from_pylist(list(raw), schema=raw_schema(CONTRACTS[dataset])))
    lake.write(QUARANTINE, dataset, month, pa.Table.from_pylist(list(quarantine), schema=QUARANTINE_SCHEMA))


def late_with(lake: Lake, today: dt.date, months_back: int = 3) -> list[Late]:
    return late_branches(lake, CONTRACTS, BRANCHES, expected_by(lake, CONTRACTS, today, months_back), today)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


# What is expected


def test_nothing_is_expected_of_an_installation_that_has_read_nothing(lake: Lake) -> None:
    assert expected_by(lake, CONTRACTS, dt.date(2025, 7, 31), 3) == []


def test_a_dataset_is_followed_from_its_first_loaded_file_on(lake: Lake) -> None:
    write(lake, "claims", "2025-04", [])
    write(lake, "claims", "2025-05", [file("claims", "2025-05", fault="no_header")])
    write(lake, "claims", JUNE, [file("claims", JUNE, b13=(5, 0))])

    expected = expected_by(lake, CONTRACTS, dt.date(2025, 9, 1), 36)

    assert expected == [Expected(JUNE, "claims", DUE), Expected("2025-07", "claims", dt.date(2025, 8, 13))]


def test_months_further_back_than_chosen_are_left_alone(lake: Lake) -> None:
    write(lake, "claims", "2023-04", [file("claims", "2023-04", b13=(5, 0))])

    periods = [one.period for one in expected_by(lake, CONTRACTS, dt.date(2025, 7, 31), 3)]

    assert periods == ["2025-04", "2025-05", JUNE]


def test_on_its_due_date_nothing_is_late_the_day_after_it_is(lake: Lake) -> None:
    write(lake, "claims", JUNE, [file("claims", JUNE, b13=(5, 0))])

    assert late_with(lake, DUE) == []
    assert {one.branch_code for one in late_with(lake, DUE + dt.timedelta(days=1))} == set(CODES) - {"13"}


def test_targets_are_expected_for_the_fiscal_year_that_begins(lake: Lake) -> None:
    write(lake, "kpi_targets", "2025-02", [file("kpi_targets", "2024")])

    assert expected_by(lake, CONTRACTS, dt.date(2025, 4, 10), 3) == []
    assert expected_by(lake, CONTRACTS, dt.date(2025, 4, 11), 3) == [
        Expected("2025", "kpi_targets", dt.date(2025, 4, 10))
    ]
    assert expected_by(lake, CONTRACTS, dt.date(2025, 7, 11), 3) == []


def test_a_period_of_the_other_kind_is_no_period_of_the_dataset(lake: Lake) -> None:
    write(lake, "claims", JUNE, [file("claims", JUNE, b13=(5, 0))])
    write(lake, "kpi_targets", JUNE, [file("kpi_targets", "2025")])

    assert expected_of(lake, CLAIMS, ["2025"]) == []
    assert expected_of(lake, TARGETS, [JUNE]) == []


def test_nobody_was_late_before_the_due_date_held(lake: Lake) -> None:
    write(lake, "claims", "2023-02", [file("claims", "2023-02", b13=(5, 0))])

    assert [one.period for one in expected_of(lake, CLAIMS, ["2023-02", "2023-03"])] == ["2023-03"]


# What has come


def test_a_national_file_counts_for_the_branches_in_it(lake: Lake) -> None:
    write(lake, "claims", JUNE, [file("claims", JUNE, **{f"b{code}": (9, 0) for code in CODES if code != "31"})])

    late = late_with(lake, DUE + dt.timedelta(days=1))

    assert late == [Late(JUNE, "claims", "31", DUE, Reason.NOT_SUBMITTED)]


def test_rows_without_a_branch_and_of_the_nation_count_for_nobody(lake: Lake) -> None:
    write(lake, "claims", JUNE, [file("claims", JUNE, b=(0, 3), b13=(5, 0))])
    rows = [{"branch_code": "00"}, {"branch_code": "05"}, {"branch_code": None}]
    write(lake, "kpi_results", JUNE, [file("kpi_results", JUNE)], raw=[{"known_month": JUNE, **row} for row in rows])

    assert arrived(lake, CLAIMS, JUNE, BRANCHES) == Arrived(counted=frozenset({"13"}))
    assert arrived(lake, RESULTS, JUNE, BRANCHES) == Arrived(counted=frozenset({"05"}))


def test_a_branch_whose_rows_are_all_in_quarantine_has_sent_nothing_usable(lake: Lake) -> None:
    write(lake, "claims", JUNE, [file("claims", JUNE, b13=(5, 1), b14=(0, 7))])
    write(
        lake, "kpi_results", JUNE, [file("kpi_results", JUNE)],
        raw=[{"known_month": JUNE, "branch_code": "13"}],
        quarantine=[{"known_month": JUNE, "branch_code": code} for code in ("13", "14", None)],
    )  # fmt: skip

    for contract in (CLAIMS, RESULTS):
        assert arrived(lake, contract, JUNE, BRANCHES) == Arrived(frozenset({"13"}), unusable=frozenset({"14"}))


def test_a_branch_that_is_held_back_has_sent_nothing_usable(lake: Lake) -> None:
    write(lake, "claims", JUNE, [file("claims", JUNE, b13=(5, 0), b14=(90, 10), b15=(5, 0))])
    standing = [
        {"dataset": "claims", "branch_code": "13", "status": "superseded"},
        {"dataset": "claims", "branch_code": "13", "status": "used"},
        {"dataset": "claims", "branch_code": "14", "status": "held_back"},
        {"dataset": "recoverables", "branch_code": "15", "status": "held_back"},
    ]
    lake.write("staging", "stg_submissions", JUNE, pa.Table.from_pylist(standing))

    assert arrived(lake, CLAIMS, JUNE, BRANCHES) == Arrived(frozenset({"13", "15"}), unusable=frozenset({"14"}))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("claims_東京支部.csv", "13"),
        ("東京都_2025-06.xlsx", "13"),
        ("京都.csv", "26"),
        ("claims-Kyoto-2025-06.csv", "26"),
        ("claims_31_2025-06.csv", None),  # digits may be anything: nothing is guessed from them
        ("鳥取と島根.csv", None),
        ("premiere.csv", None),  # mie is no word of it
        ("全国.csv", None),
    ],
)
def test_the_branch_of_an_unreadable_file_is_known_where_its_name_names_one(
    lake: Lake, name: str, code: str | None
) -> None:
    write(lake, "claims", JUNE, [file("claims", JUNE, name, fault="not_a_workbook")])

    assert arrived(lake, CLAIMS, JUNE, BRANCHES).unreadable == (frozenset() if code is None else frozenset({code}))


def test_a_copy_of_a_file_is_no_unreadable_file(lake: Lake) -> None:
    write(lake, "claims", JUNE, [file("claims", JUNE, "東京.csv", fault=SAME_FILE_AGAIN)])

    assert arrived(lake, CLAIMS, JUNE, BRANCHES) == Arrived()


def test_of_a_yearly_dataset_the_newest_month_and_the_fiscal_year_count(lake: Lake) -> None:
    write(
        lake, "kpi_targets", "2025-04", [file("kpi_targets", "2025")], raw=[{"fiscal_year": 2025, "branch_code": "01"}]
    )
    rows = [(2025, "01"), (2025, "02"), (2024, "03")]
    write(
        lake, "kpi_targets", JUNE,
        [file("kpi_targets", "2025"), file("kpi_targets", "2025", "秋田.xlsx", fault="no_sheet"),
         file("kpi_targets", "2024", "青森.xlsx", fault="no_sheet")],
        raw=[{"fiscal_year": year, "branch_code": code} for year, code in rows],
        quarantine=[{"known_month": "2025", "branch_code": "04"}, {"known_month": "2024", "branch_code": "06"}],
    )  # fmt: skip

    assert arrived(lake, TARGETS, "2025", BRANCHES) == Arrived(
        frozenset({"01", "02"}), unusable=frozenset({"04"}), unreadable=frozenset({"05"})
    )


def test_of_a_month_that_was_never_run_nothing_has_come(lake: Lake) -> None:
    assert arrived(lake, CLAIMS, JUNE, BRANCHES) == Arrived()
    assert arrived(lake, TARGETS, "2025", BRANCHES) == Arrived()


def test_the_reason_is_the_strongest_that_is_known() -> None:
    known = Arrived(frozenset({"01"}), unusable=frozenset({"02"}), unreadable=frozenset({"02", "03"}))

    late = who_is_late(Expected(JUNE, "claims", DUE), known, ["04", "03", "02", "01"], DUE + dt.timedelta(days=1))

    assert [(one.branch_code, one.reason) for one in late] == [
        ("02", Reason.UNUSABLE),
        ("03", Reason.UNREADABLE),
        ("04", Reason.NOT_SUBMITTED),
    ]


# How it is shown


def test_the_list_names_branches_or_those_that_are_not_meant() -> None:
    late = [Late(JUNE, "claims", code, DUE, Reason.NOT_SUBMITTED) for code in CODES]
    late += [Late(JUNE, "kpi_results", code, DUE, Reason.NOT_SUBMITTED) for code in CODES if code not in ("05", "13")]
    late += [Late(JUNE, "recoverables", code, DUE, Reason.UNUSABLE) for code in ("31", "13")]

    claims, results, recoverables = late_lines(late, CONTRACTS, BRANCHES)

    assert (claims.period, claims.dataset, claims.branches, claims.count) == (
        "2025年6月分",
        "レセプト",
        "全47支部",
        47,
    )
    assert (results.branches, results.count) == ("05秋田 13東京 を除く全支部", 45)
    assert (recoverables.branches, recoverables.count) == ("13東京 31鳥取", 2)
    assert recoverables.reason == "提出された行に誤りがあり、集計に使えない（訂正が必要）"


# What is news


def test_alerts_are_one_per_branch_and_month_and_those_of_a_day_are_one_group() -> None:
    day = dt.date(2025, 7, 11)
    late = [
        Late(JUNE, "claims", "13", DUE, Reason.NOT_SUBMITTED),
        Late(JUNE, "recoverables", "13", DUE, Reason.UNREADABLE),
        Late("2025-05", "claims", "13", DUE, Reason.NOT_SUBMITTED),
        Late("2025", "kpi_targets", "31", DUE, Reason.NOT_SUBMITTED),
    ]
    found = News(tuple(late), (Arrival(JUNE, "claims", "31"),))

    alerts = alerts_of(
        found, CONTRACTS, BRANCHES, today=day, now=dt.datetime.now(dt.UTC), link="http://ui/runs/1", unread=[JUNE]
    )

    assert [(one.month, one.subject, one.dataset, one.kind, one.severity, one.group) for one in alerts] == [
        (None, "31", "kpi_targets", "branches_late", "warning", "late:2025-07-11"),
        ("2025-05", "13", "claims", "branches_late", "warning", "late:2025-07-11"),
        (JUNE, "13", "", "branches_late", "warning", "late:2025-07-11"),
        (JUNE, "31", "claims", "branch_arrived", "info", "arrived:2025-07-11"),
    ]
    assert [one.title for one in alerts] == [
        "鳥取支部：2025年度の提出がそろっていません",
        "東京支部：2025年5月分の提出がそろっていません",
        "東京支部：2025年6月分の提出がそろっていません",
        "鳥取支部：2025年6月分の遅れていた提出が届きました",
    ]
    assert alerts[2].lines == (
        "レセプト：期限 2025-07-10、未提出",
        "返納金債権：期限 2025-07-10、提出されたファイルを読み取れない（再提出が必要）",
        "この月には、まだ取り込まれていないファイルがあります。取り込みが済むと、届いたものは次の確認で除かれます。",
        "支部に連絡し、届いたファイルは kenpo submit で提出してください。その月は計算し直されます。",
    )
    assert alerts[3].lines == ("レセプト：届きました",)
    assert len({one.key for one in alerts}) == 4
    assert {one.link for one in alerts} == {"http://ui/runs/1"}


def test_what_is_not_looked_at_any_more_is_no_news() -> None:
    told = {"lateness/2025-03/13/claims": LATE, "lateness/2025-03/14/claims": ARRIVED}

    assert news([], [], told) == News((), ())


COMING = st.lists(st.sets(st.sampled_from(["13", "14", "15"])), min_size=1, max_size=12)
"""Day by day, the branches of which something counts."""


@settings(deadline=None)
@given(COMING, st.integers(0, 11), st.sets(st.integers(0, 11)))
def test_each_lateness_and_each_arrival_is_told_once(days: list[set[str]], due: int, lost: set[int]) -> None:
    """Every morning looks at what has come; on ``lost`` mornings the process died before anything was remembered."""
    first = dt.date(2025, 7, 1)
    expected = Expected(JUNE, "claims", first + dt.timedelta(days=due))
    told: dict[str, str] = {}
    heard: list[tuple[str, str]] = []
    late: list[Late] = []
    for number, here in enumerate(days):
        if number in lost:
            continue
        today = first + dt.timedelta(days=number)
        late = who_is_late(expected, Arrived(frozenset(here)), ["13", "14", "15"], today)
        for _ in range(2):  # whoever looks twice hears nothing twice
            found = news(late, [expected], told)
            heard += [(one.branch_code, LATE) for one in found.late]
            heard += [(one.branch_code, ARRIVED) for one in found.arrived]
            told |= found.states
    for code in ("13", "14", "15"):
        own = [state for branch, state in heard if branch == code]
        assert own == [LATE, ARRIVED] * (len(own) // 2) + [LATE] * (len(own) % 2)
        assert (len(own) % 2 == 1) == (code in {one.branch_code for one in late})
