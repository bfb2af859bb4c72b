"""The SQL models and the judgement against a slow second opinion, line by line, on generated submissions.

The lake and the engine run directly, without Dagster. Then the same machinery on stories that are small enough to be
worked by hand: late reports, resubmissions, national sums, ranks.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from oracle import NATION, Key, Line, Oracle
from reference_partitions import reference_tables, write_reference
from worlds import ALL, MONTHS, RESULT_HEADER, TARGET_HEADER, World, generate, result, target

from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import load_project
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.ingest import ingest
from kenpo_pipelines.submissions.partitions import FINDINGS_SCHEMA
from resources.duckdb_engine import DuckDBEngine

SEEDS = (1, 2, 3)


class Pipeline:
    """The pipeline below one folder: its landing, a copy of the catalogue, its lake."""

    def __init__(self, home: Path) -> None:
        self.landing, self.catalogue_dir = home / "landing", home / "catalogue"
        shutil.copytree(CHECKOUT / "kenpo_pipelines" / "catalogue", self.catalogue_dir)
        self.lake = Lake(home / "lake")
        self.project = load_project(CHECKOUT / "dbt_like_sql")
        self.engine = DuckDBEngine(self.lake, self.project)
        self.contracts = load_contracts(CHECKOUT / "expectations")

    def run(self, month: str) -> dict[Key, dict[str, Any]]:
        """Run one month from landing to the mart and return the scorecard by fiscal year, branch and KPI."""
        catalogue = load_catalogue(self.catalogue_dir)
        for contract in self.contracts.values():
            done = ingest(self.lake, self.landing, contract, catalogue, month)
            assert done.total("rows_rejected") == 0, "the generator is to write what is accepted"
            # no rule finds anything in what is generated here
            self.lake.write("findings", contract.dataset.id, month, FINDINGS_SCHEMA.empty_table())
        write_reference(self.lake, month, reference_tables(catalogue, self.contracts.values()))
        for model in [model for model in self.project.models if model.layer != "marts"]:
            self.engine.run_model(model, month)
        rows = self.lake.read("kpis", "judgement_inputs", month).to_pylist()
        self.lake.write("judged", "kpi_judgements", month, judge_month(rows, catalogue, month))
        for model in self.project.of_layer("marts"):
            self.engine.run_model(model, month)
        mart = self.lake.read("marts", "mart_scorecard", month).to_pylist()
        assert {row["as_of"] for row in mart} == {month}
        return {(row["fiscal_year"], row["branch_code"], row["kpi_id"]): row for row in mart}

    def version(self, month: str) -> str:
        """Digest of the month's scorecard."""
        return self.lake.version("marts", "mart_scorecard", month)


def as_line(row: dict[str, Any]) -> Line:
    """A row of the mart in the oracle's terms."""
    numbers = {"value", "target", "ratio_to_target", "prior_value"}
    return Line(
        **{
            one.name: Fraction(row[one.name]) if one.name in numbers and row[one.name] is not None else row[one.name]
            for one in fields(Line)
        }
    )


@dataclass(frozen=True)
class Compared:
    """One generated world: what was found and what the oracle expects, by month."""

    found: dict[str, dict[Key, dict[str, Any]]]
    expected: dict[str, dict[Key, Line]]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Compared]]:
    compared = {}
    for seed in SEEDS:
        pipeline = Pipeline(tmp_path_factory.mktemp(f"world-{seed}"))
        generate(seed, pipeline.landing, pipeline.catalogue_dir)
        oracle = Oracle(pipeline.landing, pipeline.catalogue_dir)
        compared[seed] = Compared(
            found={month: pipeline.run(month) for month in MONTHS},
            expected={month: oracle.scorecard(month) for month in MONTHS},
        )
    yield compared


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_line_is_as_the_oracle_says(worlds: dict[int, Compared], seed: int, month: str) -> None:
    found, expected = worlds[seed].found[month], worlds[seed].expected[month]
    assert set(found) == set(expected)
    wrong = {
        key: [
            (one.name, getattr(line, one.name), getattr(expected[key], one.name))
            for one in fields(Line)
            if getattr(line, one.name) != getattr(expected[key], one.name)
        ]
        for key, line in ((key, as_line(row)) for key, row in found.items())
        if line != expected[key]
    }
    assert not wrong, f"{len(wrong)} of {len(found)} lines, (field, found, expected): {list(wrong.items())[:5]}"


def test_the_worlds_are_rich_enough_to_mean_something(worlds: dict[int, Compared]) -> None:
    lines = [
        (month, key, line)
        for compared in worlds.values()
        for month, scorecard in compared.expected.items()
        for key, line in scorecard.items()
    ]
    assert {line.outcome for _, _, line in lines} == {"attained", "not_attained", "not_evaluable"}
    assert {line.reason for _, _, line in lines} == {
        *("", "contradictory_targets", "target_unfit", "no_target", "new_kpi", "no_prior_result", "no_prior_june"),
        *("no_result", "plan_unknown", "small_tender_exception"),
    }
    assert {line.status for _, _, line in lines} == {"", "provisional", "final"}
    assert {line.is_nearly_attained for _, _, line in lines} == {None, True, False}
    added_up = {key[2] for _, key, line in lines if line.source == "computed"}
    assert added_up >= {"checkup_rate_insured", "health_declaration_offices", "policy_statements", "single_bid_rate"}
    missing = [key for _, key, line in lines if key[1] == NATION and key[2] in added_up and line.value is None]
    assert missing, "national sums that are not complete"
    late = [
        key for month, key, line in lines if line.figure_known_month and line.figure_as_of < line.figure_known_month
    ]
    assert late, "figures that were reported after their own month"
    for kpi_id in ("checkup_rate_insured", "single_bid_rate"):  # more is better, less is better
        ranks = [(month, key[0], line.figure_as_of, line.rank) for month, key, line in lines if key[2] == kpi_id]
        ties = [rank for rank in ranks if rank[3] is not None and ranks.count(rank) > len(SEEDS)]
        assert ties, f"ties in the ranks of {kpi_id}"


# ---- stories worked by hand


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path)


def submit(pipeline: Pipeline, month: str, name: str, *rows: list[str]) -> None:
    World(0, pipeline.landing, clock=1_700_000_000 + 60 * len(list(pipeline.landing.rglob("*.csv")))).write(
        "kpi_results", month, name, RESULT_HEADER, rows
    )


def register(pipeline: Pipeline, *rows: list[str]) -> None:
    World(0, pipeline.landing).write("kpi_targets", "2025", "targets.csv", TARGET_HEADER, rows)


def seen(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["figure_as_of"], row["figure_known_month"], row["value_text"], row["outcome"]


RECOVERY = (2025, "13", "recovery_rate")


def test_a_late_report_changes_later_scorecards_only(pipeline: Pipeline) -> None:
    register(pipeline, target(2025, "13", "recovery_rate", "対前年度以上", "50"))
    submit(pipeline, "2025-05", "may.csv", result("2025-04", "13", "recovery_rate", "", "", "49.99"))
    assert seen(pipeline.run("2025-05")[RECOVERY]) == ("2025-04", "2025-05", "49.99%", "not_attained")
    before = pipeline.version("2025-05")
    # in June the branch corrects April; in July it withdraws it; in August it reports it again
    submit(pipeline, "2025-06", "june.csv", result("2025-04", "13", "recovery_rate", "", "", "50.00"))
    submit(pipeline, "2025-07", "july.csv", result("2025-04", "13", "recovery_rate", "", "", "―"))
    submit(pipeline, "2025-08", "august.csv", result("2025-04", "13", "recovery_rate", "5001", "10000", ""))
    assert seen(pipeline.run("2025-06")[RECOVERY]) == ("2025-04", "2025-06", "50.00%", "attained")
    assert seen(pipeline.run("2025-07")[RECOVERY]) == (None, None, "", "not_evaluable")
    assert seen(pipeline.run("2025-08")[RECOVERY]) == ("2025-04", "2025-08", "50.01%", "attained")
    # the earlier months run again, after all of that is known, are what they were, to the byte
    assert seen(pipeline.run("2025-06")[RECOVERY]) == ("2025-04", "2025-06", "50.00%", "attained")
    assert seen(pipeline.run("2025-05")[RECOVERY]) == ("2025-04", "2025-05", "49.99%", "not_attained")
    assert pipeline.version("2025-05") == before


def test_a_late_prior_year_end_leaves_earlier_targets_alone(pipeline: Pipeline) -> None:
    year_end, april = ("2025-03", "53.95"), ("2025-04", "54.00")
    rows = [result(as_of, "13", "recovery_rate", "", "", value) for as_of, value in (year_end, april)]
    submit(pipeline, "2025-04", "april.csv", *rows)
    pipeline.run("2025-04")
    submit(pipeline, "2025-05", "may.csv", result("2025-03", "13", "recovery_rate", "", "", "54.01"))
    pipeline.run("2025-05")
    again = pipeline.run("2025-04")[RECOVERY]
    assert (again["target_text"], again["outcome"]) == ("対前年度以上（53.95%以上）", "attained")


def test_the_newest_figure_counts_whenever_it_arrived(pipeline: Pipeline) -> None:
    # April's figure arrives after May's: as of July the newest month is still May
    submit(pipeline, "2025-06", "a.csv", result("2025-05", "13", "recovery_rate", "", "", "32.07"))
    submit(pipeline, "2025-07", "b.csv", result("2025-04", "13", "recovery_rate", "", "", "31.00"))
    pipeline.run("2025-06")
    assert seen(pipeline.run("2025-07")[RECOVERY])[:3] == ("2025-05", "2025-06", "32.07%")


def test_a_resubmission_of_the_same_month_replaces_the_first(pipeline: Pipeline) -> None:
    submit(pipeline, "2025-06", "b-first.csv", result("2025-05", "13", "recovery_rate", "", "", "32.07"))
    submit(pipeline, "2025-06", "a-second.csv", result("2025-05", "13", "recovery_rate", "", "", "33.00"))
    assert pipeline.run("2025-06")[RECOVERY]["value_text"] == "33.00%"


def test_the_nation_is_the_sum_of_47_branches_or_nothing(pipeline: Pipeline) -> None:
    # 46 branches with 1 of 2 and 沖縄 with 90 of 100: Σ ÷ Σ = 136 ÷ 192 = 70.833…; the mean of rates would be 50.85
    rows = [result("2025-04", branch, "recovery_rate", 1, 2, "") for branch in ALL[:-1]]
    submit(pipeline, "2025-05", "46.csv", *rows)
    nation = (2025, NATION, "recovery_rate")
    assert pipeline.run("2025-05")[nation]["value"] is None
    submit(pipeline, "2025-06", "47.csv", result("2025-04", "47", "recovery_rate", 90, 100, ""))
    row = pipeline.run("2025-06")[nation]
    assert (row["value_text"], row["numerator"], row["denominator"]) == ("70.83%", 136, 192)
    assert (row["source"], row["figure_known_month"], row["rank"]) == ("computed", "2025-06", None)
    # one branch takes its figure back: no sum any more, and none in the month before it was complete
    submit(pipeline, "2025-07", "back.csv", result("2025-04", "01", "recovery_rate", "", "", "集計中"))
    assert pipeline.run("2025-07")[nation]["value"] is None
    assert pipeline.run("2025-05")[nation]["value"] is None
    # what head office reports itself stands before any sum
    submit(pipeline, "2025-08", "again.csv", result("2025-04", "01", "recovery_rate", 1, 2, ""))
    submit(pipeline, "2025-08", "nation.csv", result("2025-04", NATION, "recovery_rate", "", "", "69.99"))
    row = pipeline.run("2025-08")[nation]
    assert (row["value_text"], row["source"]) == ("69.99%", "reported")


def test_a_percentage_without_counts_cannot_be_added_up(pipeline: Pipeline) -> None:
    rows = [result("2025-04", branch, "recovery_rate", 1, 2, "") for branch in ALL[:-1]]
    submit(pipeline, "2025-05", "all.csv", *rows, result("2025-04", "47", "recovery_rate", "", "", "50"))
    assert pipeline.run("2025-05")[2025, NATION, "recovery_rate"]["value"] is None


def test_counts_and_answers_are_added_up_too(pipeline: Pipeline) -> None:
    offices = [result("2024-03", branch, "health_declaration_offices", "", "", 1000) for branch in ALL]
    silent = ("03", "10", "20", "30", "40", "47")
    answers = [
        result("2024-03", branch, "policy_statements", "", "", "未実施" if branch in silent else "実施")
        for branch in ALL
    ]
    submit(pipeline, "2024-03", "all.csv", *offices, *answers)
    found = pipeline.run("2024-03")
    row = found[2023, NATION, "health_declaration_offices"]
    assert (row["value_text"], row["source"]) == ("47,000事業所", "computed")
    row = found[2023, NATION, "policy_statements"]
    assert (row["value_text"], row["target_text"], row["outcome"]) == ("41支部", "47支部以上", "not_attained")


def test_ranks_share_ties_and_follow_the_direction(pipeline: Pipeline) -> None:
    values = {"01": "60.04", "02": "60.0", "03": "59.9", "04": "61.0", "05": "60.0"}  # 60.04 prints as 60.0
    more = [result("2025-04", branch, "checkup_rate_insured", "", "", value) for branch, value in values.items()]
    less = [result("2025-04", branch, "counter_receipt_rate", "", "", value) for branch, value in values.items()]
    # another month is another ranking; the nation has no rank
    other = result("2025-05", "06", "checkup_rate_insured", "", "", "99.0")
    nation = result("2025-04", NATION, "checkup_rate_insured", "", "", "62.0")
    submit(pipeline, "2025-05", "a.csv", *more, *less, other, nation)
    found = pipeline.run("2025-05")

    def ranks(kpi_id: str) -> dict[str, tuple[int, int] | None]:
        return {
            b: (r["rank"], r["ranked_branches"]) for (_, b, kpi), r in found.items() if kpi == kpi_id and r["value"]
        }

    assert ranks("checkup_rate_insured") == {
        **{"04": (1, 5), "01": (2, 5), "02": (2, 5), "05": (2, 5), "03": (5, 5)},
        **{"06": (1, 1), NATION: (None, None)},
    }
    assert ranks("counter_receipt_rate") == {"03": (1, 5), "01": (2, 5), "02": (2, 5), "05": (2, 5), "04": (5, 5)}
