"""Restatements: which changes of a publication are told, with which causes, and that none is lost; on SQLite and PostgreSQL."""

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import Engine, text

from kenpo_pipelines import restatement_report
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.scorecards import restatement_words
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.serving.publish import publish_month
from kenpo_pipelines.serving.queries import publication_state
from kenpo_pipelines.serving.restatement_queries import Restatement, restatements
from kenpo_pipelines.serving.restatements import feeds_of
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.terminal import restatement_table

MAY, JUNE = "2025-05", "2025-06"
CHECKUPS, TENDERS = "checkup_rate_insured", "single_bid_rate"
FEEDS = {(2025, CHECKUPS): ("checkup_counts",)}
MonthTables = Callable[..., dict[str, list[dict[str, Any]]]]
Parts = dict[str, list[dict[str, Any]]]


@dataclass
class Months:
    """Publishes months one after another, an hour apart, each time with the submissions that there are then."""

    engine: Engine
    tables: MonthTables
    clock: dt.datetime = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)
    code_version: str = "1+a"
    ledger: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Submissions by landing folder."""

    def submit(
        self, folder: str, file: str, dataset: str = "kpi_results", branches: str = "13", **columns: Any
    ) -> None:
        row = {
            **{"dataset": dataset, "known_month": folder, "file": file, "branch_codes": branches},
            **{"file_sha256": file.encode().hex().ljust(64, "0")[:64], "received_at": "2025-07-01T09:00:00Z"},
            **{"origin": "submission", "status": "loaded", "fault": "", "detail": "", "notices": ""},
            **{"rows_read": 9, "rows_loaded": 9, "rows_rejected": 0, "rows_merged": 0},
        }
        self.remove(folder, file)
        self.ledger.setdefault(folder, []).append(row | columns)

    def remove(self, folder: str, file: str) -> None:
        self.ledger[folder] = [row for row in self.ledger.get(folder, []) if row["file"] != file]

    def publish(self, month: str, **lines: dict[str, Any]) -> int:
        """Publish the month; ``lines`` change Tokyo's lines of 2025, by KPI (``nation=``: the nation's CHECKUPS)."""

        def change(parts: Parts) -> None:
            for row in parts["scorecard"]:
                if row["fiscal_year"] == 2025 and row["branch_code"] == "13" and row["kpi_id"] in lines:
                    row.update(lines[row["kpi_id"]])
                if (row["fiscal_year"], row["branch_code"], row["kpi_id"]) == (2025, "00", CHECKUPS):
                    row.update(lines.get("nation", {}))
            parts["ledger"] = [*self.ledger.get(month, []), *self.ledger.get("2025", [])]
            parts["quarantine"] = []

        self.clock += dt.timedelta(hours=1)
        return publish_month(
            self.engine,
            month,
            self.tables(month, change),
            f"run of {self.clock:%H}",
            published_at=self.clock,
            code_version=self.code_version,
            feeds=FEEDS,
            folders=[("kpi_targets", "2025")],
        ).restatements

    @property
    def told(self) -> list[Restatement]:
        return restatements(self.engine)


@pytest.fixture
def months(serving_engine: Engine, month_tables: MonthTables) -> Months:
    return Months(serving_engine, month_tables)


VALUE = {"value": Decimal("57.7"), "value_text": "57.7%", "numerator": Decimal(577)}
REPORTED, COMPUTED = VALUE | {"source": "reported"}, VALUE | {"source": "computed"}


def named(one: Restatement) -> list[tuple[str, str, str]]:
    return [(file.known_month, file.file, file.change) for file in one.files]


# ---- what is a restatement


def test_a_first_publication_and_an_unchanged_one_restate_nothing(months: Months) -> None:
    assert (months.publish(JUNE), months.publish(JUNE), months.told) == (0, 0, [])


def test_a_changed_value_is_told_with_all_that_stood_there_and_stands_there_now(months: Months) -> None:
    months.publish(JUNE)
    assert months.publish(JUNE, **{TENDERS: VALUE | {"outcome": "not_attained", "figure_as_of": "2025-04"}}) == 1
    (one,) = months.told
    assert (one.as_of, one.fiscal_year, one.branch, one.kpi_id) == (JUNE, 2025, "東京支部", TENDERS)
    assert (one.old_value, one.old_value_text, one.old_numerator, one.old_denominator) == (
        Decimal("57.6"),
        "57.6",
        576,
        1000,
    )
    assert (one.new_value, one.new_value_text, one.new_numerator, one.new_denominator) == (
        Decimal("57.7"),
        "57.7%",
        577,
        1000,
    )
    assert (one.old_figure_as_of, one.new_figure_as_of) == (JUNE, "2025-04")
    assert (one.old_outcome, one.new_outcome) == ("attained", "not_attained")
    assert (one.old_run_id, one.new_run_id) == ("run of 01", "run of 02")
    assert (one.old_published_at.hour, one.restated_at.hour) == (1, 2)
    assert months.publish(JUNE, **{TENDERS: VALUE | {"outcome": "not_attained", "figure_as_of": "2025-04"}}) == 0


@pytest.mark.parametrize(
    "change",
    [{"rank": 2}, {"notes": "疑義"}, {"flags": "旗"}, {"prior_value_text": "1"}, {"ratio_to_target": Decimal(1)}],
    ids=lambda change: next(iter(change)),
)
def test_what_is_no_part_of_a_published_value_is_no_restatement(months: Months, change: dict[str, Any]) -> None:
    months.publish(JUNE)
    assert months.publish(JUNE, **{TENDERS: change}) == 0


@pytest.mark.parametrize(
    "change",
    [{"target_text": "60.0%以上"}, {"outcome": "not_attained"}, {"numerator": Decimal(575)}, {"value_text": "57.6%"}],
)
def test_every_part_of_a_published_value_is(months: Months, change: dict[str, Any]) -> None:
    months.publish(JUNE)
    assert months.publish(JUNE, **{TENDERS: change}) == 1


def test_a_line_that_disappears_is_told_and_so_is_its_return_but_not_its_first_appearance(
    months: Months, month_tables: MonthTables
) -> None:
    def without_tokyo(parts: Parts) -> None:
        parts["scorecard"] = [row for row in parts["scorecard"] if row["branch_code"] != "13"]

    def publish(number: int, change: Callable[[Parts], None] | None = None) -> int:
        when = dt.datetime(2025, 7, number, tzinfo=dt.UTC)
        tables = month_tables(JUNE, change)
        return publish_month(months.engine, JUNE, tables, f"run-{number}", published_at=when).restatements

    assert publish(1, without_tokyo) == 0
    assert publish(2) == 0, "Tokyo appears: four lines, none of them published before"
    assert publish(3, without_tokyo) == 4
    gone = months.told[0]
    assert (gone.old_value_text, gone.new_value_text, gone.new_value, gone.new_outcome) == ("57.6", "", None, "")
    assert publish(4) == 4
    back = months.told[0]
    assert (back.old_outcome, back.new_outcome, back.new_value_text) == ("", "attained", "57.6")
    assert restatement_words.parts(back)[-1] == restatement_words.Part("判定", "（掲載なし）", "達成")


# ---- causes


def test_a_submission_of_the_month_is_the_cause(months: Months) -> None:
    months.submit(JUNE, "六月.csv")
    months.publish(JUNE)
    months.submit(JUNE, "六月.r2.csv")
    months.publish(JUNE, **{TENDERS: REPORTED})
    (one,) = months.told
    assert (one.causes, one.cause_text) == ("submission", "提出ファイルの変更（追加1件）")
    assert named(one) == [(JUNE, "六月.r2.csv", "appeared")]
    assert restatement_words.cause_lines(one)[1] == f"kpi_results {JUNE} 六月.r2.csv（追加）"


def test_a_submission_that_an_earlier_months_run_has_read_is_the_cause(months: Months) -> None:
    months.submit(MAY, "五月.csv")
    months.submit(JUNE, "六月.csv")
    months.publish(MAY)
    months.publish(JUNE)
    months.submit(MAY, "五月.csv", file_sha256="f" * 64)
    assert months.publish(MAY) == 0
    assert months.publish(JUNE, **{TENDERS: REPORTED}) == 1
    (one,) = months.told
    assert sorted(named(one)) == [(MAY, "五月.csv", "appeared"), (MAY, "五月.csv", "removed")]
    assert one.cause_text == "提出ファイルの変更（追加1件・取消1件）"


def test_only_what_feeds_the_figure_of_the_branch_is_named(months: Months) -> None:
    months.publish(JUNE)
    months.submit(JUNE, "宮城.csv", branches="04")
    months.submit(JUNE, "健診.csv", dataset="checkup_counts", branches="04,13")
    months.submit(JUNE, "レセプト.csv", dataset="claims")
    months.submit("2025-07", "七月.csv")
    months.submit("2025", "目標.csv", dataset="kpi_targets")
    months.submit(JUNE, "読めない.csv", branches="", status="refused", fault="x", rows_read=0, rows_loaded=0)
    national = VALUE | {"source": "computed"}
    months.publish(JUNE, **{CHECKUPS: COMPUTED, TENDERS: REPORTED}, nation=national)
    by_line = {(one.branch_code, one.kpi_id): one for one in months.told}
    assert named(by_line["13", CHECKUPS]) == [(JUNE, "健診.csv", "appeared")]
    assert named(by_line["00", CHECKUPS]) == [(JUNE, "健診.csv", "appeared"), (JUNE, "宮城.csv", "appeared")]
    assert (named(by_line["13", TENDERS]), by_line["13", TENDERS].causes) == ([], "unknown")


def test_a_file_that_came_and_went_in_between_or_was_there_all_the_time_is_no_cause(months: Months) -> None:
    months.submit(MAY, "前から.csv")
    months.publish(MAY)
    months.publish(JUNE)
    months.submit(MAY, "一時.csv")
    months.publish(MAY)
    months.remove(MAY, "一時.csv")
    months.publish(MAY)
    months.publish(JUNE, **{TENDERS: REPORTED})
    (one,) = months.told
    assert (one.causes, one.files) == ("unknown", ())
    assert one.cause_text == "原因となる変更の記録はありません"


def test_a_registration_of_targets_is_the_cause_of_a_target_for_its_branch_or_for_all(months: Months) -> None:
    months.publish(JUNE)
    months.submit("2025", "目標.csv", dataset="kpi_targets", branches="00")
    months.submit("2025", "宮城.csv", dataset="kpi_targets", branches="04")
    months.submit(JUNE, "六月.csv")
    # no figure was held against it, so that nothing was frozen
    nothing = {
        "value": None,
        "value_text": "",
        "outcome": "not_evaluable",
        "reason": "no_result",
        "ratio_to_target": None,
    }
    months.publish(JUNE, **{TENDERS: nothing})
    months.submit("2025", "目標.r2.csv", dataset="kpi_targets", branches="00")
    months.publish(JUNE, **{TENDERS: nothing | {"target": Decimal("15.0"), "target_text": "15.0%以下"}})
    one = months.told[0]
    assert (one.old_target_text, one.new_target_text, one.causes) == ("55.0%以上", "15.0%以下", "target_registration")
    assert (one.cause_text, named(one)) == ("目標の登録の変更（追加1件）", [("2025", "目標.r2.csv", "appeared")])


def test_another_version_of_the_rules_is_a_cause_and_so_is_a_file_that_is_read_otherwise(months: Months) -> None:
    months.submit(JUNE, "六月.csv")
    months.publish(JUNE)
    months.code_version = "1+b"
    months.submit(JUNE, "六月.csv", rows_loaded=8, rows_rejected=1)
    months.publish(JUNE, **{TENDERS: REPORTED})
    (one,) = months.told
    assert one.causes == "reading,code"
    assert one.cause_text == "提出ファイルの読み取りの変更（1件）\nプログラム・定義の変更（1+a → 1+b）"
    assert (one.old_code_version, one.new_code_version, named(one)) == ("1+a", "1+b", [(JUNE, "六月.csv", "reread")])


def test_a_target_that_was_frozen_and_is_another_now_was_renewed(months: Months) -> None:
    months.publish(JUNE)
    months.publish(
        JUNE, **{TENDERS: {"target": Decimal("60.0"), "target_text": "60.0%以上", "outcome": "not_attained"}}
    )
    (one,) = months.told
    assert (one.causes, one.old_target_text, one.new_target_text) == ("target_renewal", "55.0%以上", "60.0%以上")


def test_record_level_datasets_of_the_catalogue_feed_their_kpis() -> None:
    feeds = feeds_of(load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue"))
    assert set(feeds[2025, "claims_assessment_rate"]) == {"claims", "receipt_audits"}
    assert (2025, "single_bid_rate") not in feeds


# ---- as they are read


def test_restatements_come_newest_first_by_what_was_asked_for(months: Months) -> None:
    months.publish(MAY)
    months.publish(JUNE)
    state = publication_state(months.engine, JUNE)
    months.publish(MAY, **{TENDERS: VALUE})
    assert publication_state(months.engine, JUNE) != state, "June's workbooks show it"
    months.publish(JUNE, **{TENDERS: VALUE, CHECKUPS: VALUE})
    engine = months.engine
    order = [(one.as_of, one.kpi_id) for one in restatements(engine)]
    assert order == [(JUNE, CHECKUPS), (JUNE, TENDERS), (MAY, TENDERS)]
    assert [one.as_of for one in restatements(engine, up_to=MAY)] == [MAY]
    assert [one.kpi_id for one in restatements(engine, as_of=JUNE, kpi=CHECKUPS)] == [CHECKUPS]
    assert restatements(engine, fiscal_year=2024) == restatements(engine, branch="04") == []


def test_people_and_scripts_read_the_same(months: Months) -> None:
    months.publish(JUNE)
    months.submit(JUNE, "六月.csv")
    months.publish(JUNE, **{TENDERS: REPORTED | {"outcome": "not_attained"}})
    (line,) = csv.DictReader(io.StringIO(restatement_report.to_csv(months.told)))
    assert (line["old_value"], line["new_value"], line["old_numerator"], line["restated_at"]) == (
        *("57.6", "57.7", "576"),
        "2025-07-01T02:00:00+00:00",
    )
    assert (line["causes"], line["files"]) == ("submission", f"kpi_results {JUNE} 六月.csv（追加）")
    (record,) = json.loads(restatement_report.to_json(months.told))
    assert (record["new_value"], record["old_numerator"], record["causes"]) == (57.7, 576, ["submission"])
    assert record["files"][0]["file_sha256"] == "六月.csv".encode().hex().ljust(64, "0")[:64]
    console = Console(width=100, file=io.StringIO(), highlight=False)
    console.print(restatement_table(months.told))
    printed = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(len(row) <= 100 for row in printed)
    whole = "\n".join(printed)
    for words in (
        JUNE,
        "東京支部",
        "実績 57.6",
        "実績 57.7%",
        "判定 達成",
        "判定 未達成",
        "2025-07-01",
        "11:00:00",
        "追加1件",
    ):
        assert words in whole, words


# ---- nothing is lost


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('restatements') / 'kenpo.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


LINES = st.fixed_dictionaries(
    {
        "value_text": st.sampled_from(["", "1.0", "2.0", "3.0"]),
        "numerator": st.sampled_from([None, Decimal(1), Decimal(2)]),
        "target_text": st.sampled_from(["", "55.0%以上", "60.0%以上"]),
        "notes": st.sampled_from(["", "疑義"]),
    }
)
STATES = st.lists(st.dictionaries(st.integers(0, 3), LINES), min_size=2, max_size=6)
SHOWN = ("value", "value_text", "numerator", "denominator", "figure_as_of", "target_text", "outcome")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=STATES)
def test_replayed_backwards_restatements_give_every_value_that_was_published(
    database: Engine, month_tables: MonthTables, states: list[dict[int, dict[str, Any]]]
) -> None:
    """Of one month, lines come, change and go in any order; from what stands at the end every earlier state is found again."""
    with database.begin() as connection:
        for table in (
            "kpi_restatements",
            "kpi_facts_history",
            "frozen_targets",
            "kpi_facts",
            "kpi_targets",
            "publications",
        ):
            connection.execute(text(f"DELETE FROM {table}"))
    published: list[dict[tuple[str, str], dict[str, Any]]] = []
    for number, state in enumerate(states):
        tables = month_tables(
            JUNE, lambda parts, state=state: parts.update(scorecard=_lines(parts["scorecard"], state))
        )
        moment = dt.datetime(2025, 7, 1, tzinfo=dt.UTC) + dt.timedelta(hours=number)
        publish_month(database, JUNE, tables, f"run-{number}", published_at=moment)
        lines = zip(tables["kpi_facts"], tables["kpi_targets"], strict=True)
        published.append(
            {
                (fact["branch_code"], fact["kpi_id"]): {name: (target | fact)[name] for name in SHOWN}
                for fact, target in lines
            }
        )
    standing = dict(published[-1])
    told = restatements(database)
    for number in reversed(range(len(states))):
        seen_before = {key for earlier in published[: number + 1] for key in earlier}
        assert {key: line for key, line in standing.items() if key in seen_before} == published[number], number
        for one in (one for one in told if one.new_run_id == f"run-{number}"):
            old = {name: getattr(one, f"old_{name}") for name in SHOWN}
            new = {name: getattr(one, f"new_{name}") for name in SHOWN}
            assert new == standing.pop(
                (one.branch_code, one.kpi_id),
                dict.fromkeys(SHOWN) | {"value_text": "", "target_text": "", "outcome": ""},
            )
            if one.old_outcome:
                standing[one.branch_code, one.kpi_id] = old


def _lines(scorecard: list[dict[str, Any]], state: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The first lines of 2025 as the state has them: no line where it has none."""
    rows = [row for row in scorecard if row["fiscal_year"] == 2025]
    made = []
    for number, change in sorted(state.items()):
        has_value = change["value_text"] != ""
        made.append(
            {
                **rows[number],
                **change,
                "value": Decimal(change["value_text"]) if has_value else None,
                "outcome": "attained" if has_value else "not_evaluable",
                "reason": "" if has_value else "no_result",
                "target": Decimal(change["target_text"][:4]) if change["target_text"] else None,
            }
        )
    return made
