"""Rows and provenance: what is accepted, what is refused and with which words."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from scorecard_samples import provenance, row, rows_tokyo

from kenpo_pipelines.scorecards import ScorecardError, ScorecardRow, SubmissionSource
from kenpo_pipelines.scorecards.rows import read_rows

GOOD = dataclasses.asdict(row("checkup_rate_insured", "63.1", "57.2", figure_as_of="2025-05"))


def test_a_mapping_makes_the_same_row_and_further_columns_are_ignored() -> None:
    made = ScorecardRow.from_mapping({**GOOD, "run_id": "x"})
    assert dataclasses.asdict(made) == GOOD


def test_missing_columns_are_named_together() -> None:
    mapping = {key: value for key, value in GOOD.items() if key not in ("rank", "unit")}
    with pytest.raises(ScorecardError, match="without the columns unit, rank"):
        ScorecardRow.from_mapping(mapping)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("value", 57.2, "value is a float"),
        ("value", Decimal("NaN"), "value is NaN, not a number"),
        ("rank", 2.0, "rank is a float"),
        ("rank", True, "rank is a bool"),
        ("branch", None, "branch is null"),
        ("outcome", "met", "outcome is 'met'; expected one of 'attained', 'not_attained', 'not_evaluable'"),
        ("fiscal_year", "2025", "fiscal_year is a str"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(column: str, value: Any, message: str) -> None:
    with pytest.raises(ScorecardError, match=message) as caught:
        ScorecardRow.from_mapping({**GOOD, column: value})
    assert "2025/13/checkup_rate_insured" in str(caught.value) or column == "fiscal_year"


def test_a_whole_number_may_stand_for_a_decimal() -> None:
    assert ScorecardRow.from_mapping({**GOOD, "numerator": 12}).numerator == Decimal(12)


def test_rows_come_out_newest_year_first_in_branch_and_kpi_order() -> None:
    rows = rows_tokyo()
    assert read_rows(reversed(rows)) == read_rows([dataclasses.asdict(line) for line in rows])
    ordered = read_rows(reversed(rows))
    assert [line.fiscal_year for line in ordered] == sorted((line.fiscal_year for line in rows), reverse=True)
    assert ordered[0].kpi_id == "service_standard_attainment"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        ([GOOD, {**GOOD, "as_of": "2025-05", "kpi_id": "x"}], "more than one as_of: 2025-05, 2025-06"),
        ([GOOD, GOOD], "two rows for fiscal year 2025, branch 13, KPI checkup_rate_insured"),
        ([{**GOOD, "fiscal_year": 2026}], "fiscal year 2026 lies after 2025-06"),
        (["x"], "a str is not a row"),
    ],
)
def test_sets_that_make_no_scorecard_are_refused(rows: list[Any], message: str) -> None:
    with pytest.raises(ScorecardError, match=message):
        read_rows(rows)


def test_provenance_wants_a_time_zone_and_known_origins() -> None:
    with pytest.raises(ScorecardError, match="no time zone"):
        provenance(written_at=dt.datetime(2025, 7, 10))
    assert provenance(submissions=()).banner == "データの種類：取り込んだデータなし"
    with pytest.raises(ScorecardError, match="invented"):
        provenance(origins=("invented",))


def test_the_time_is_shown_in_tokyo_whatever_zone_it_came_in() -> None:
    moment = dt.datetime(2025, 7, 9, 23, 30, tzinfo=dt.UTC)
    assert provenance(written_at=moment).written_at_label == "2025年7月10日 08:30:00（日本時間）"


def test_one_synthetic_input_is_enough_to_be_called_synthetic() -> None:
    synthetic = SubmissionSource("kpi_results", "2025-06", "a.csv", "0", "", "synthetic", 1, 1, 0)
    mixed = provenance(submissions=(*provenance().submissions, synthetic))
    assert mixed.is_synthetic
    assert mixed.data_label == "公表値・合成データ"
    assert "合成データを含みます" in mixed.banner
    refused = dataclasses.replace(synthetic, status="refused", rows_loaded=0)
    assert not provenance(submissions=(*provenance().submissions, refused)).is_synthetic
    assert provenance().banner == "データの種類：公表値"
