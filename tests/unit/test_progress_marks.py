"""Marks: what the data propose, what people gave, and which of the two stands."""

from decimal import Decimal
from typing import Any

import pytest
from progress_samples import initiative, mark, point, report_of, tokyo_rows
from submission_files import catalogue

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Accumulation
from kenpo_pipelines.scorecards import ScorecardRow
from kenpo_pipelines.scorecards.progress.marking import mark_rules, propose_for_initiative, propose_for_kpi

RULES = mark_rules()
CHECKUPS = "checkup_rate_dependants"  # 東京: 3.4 of 33.6 in May


def row(kpi_id: str, **changes: Any) -> ScorecardRow:
    (found,) = [row for row in tokyo_rows(**{kpi_id: changes}) if row.kpi_id == kpi_id]
    return found


def last_year(march: str, may: str) -> dict[str, Decimal]:
    """A year of figures: up to May what is given, then March's."""
    months = list(fiscal.month_range("2024-04", "2025-03"))
    return {month: Decimal(may if month <= "2024-05" else march) for month in months}


@pytest.mark.parametrize(
    ("may", "march", "proposed", "told"),
    [
        ("3.0", "32.7", "○", "3.1%"),  # 33.6 × 3.0 ÷ 32.7 = 3.08…, printed 3.1; 3.4 is above
        ("3.3", "32.7", "○", "3.4%"),  # 33.6 × 3.3 ÷ 32.7 = 3.39…: a tie at the printed precision
        ("3.4", "32.7", "△", "3.5%"),
    ],
)
def test_a_kpi_that_builds_up_is_held_against_the_path_of_last_year(
    may: str, march: str, proposed: str, told: str
) -> None:
    proposal = propose_for_kpi(row(CHECKUPS), Accumulation.CUMULATIVE, last_year(march, may), RULES)
    assert proposal.mark == proposed
    assert told in proposal.why


def test_nothing_done_where_something_should_be_is_not_done() -> None:
    none_yet = row(CHECKUPS, value=Decimal("0.0"), value_text="0.0")
    assert propose_for_kpi(none_yet, Accumulation.CUMULATIVE, last_year("32.7", "3.0"), RULES).mark == "×"
    assert propose_for_kpi(none_yet, Accumulation.CUMULATIVE, last_year("32.7", "0.0"), RULES).mark == "○"


@pytest.mark.parametrize(
    ("kpi_id", "changes", "accumulation", "proposed"),
    [
        ("counter_receipt_rate", {"outcome": "not_attained"}, Accumulation.CUMULATIVE, "△"),  # 2.1 of at most 1.9
        ("service_standard_days", {}, Accumulation.CUMULATIVE, "○"),  # 6.18 of at most 7
        ("untreated_visit_rate_10m", {}, Accumulation.COHORT, "○"),
        ("health_declaration_offices", {}, Accumulation.LEVEL, "△"),  # 3,048 of 3,120
        (CHECKUPS, {}, Accumulation.CUMULATIVE, "―"),  # builds up, and last year's months are lacking
        ("recovery_rate", {}, Accumulation.CUMULATIVE, "―"),
        ("claims_assessment_rate", {}, Accumulation.CUMULATIVE, "△"),  # does not build up: against the target
        ("checkup_rate_insured", {}, Accumulation.CUMULATIVE, "―"),  # no figure yet
        ("generic_share_volume", {}, Accumulation.YEAR_END, "―"),
        ("health_declaration_offices", {"figure_as_of": "2026-03"}, Accumulation.LEVEL, "×"),
        (CHECKUPS, {"figure_as_of": "2026-03"}, Accumulation.CUMULATIVE, "×"),
        ("line_monthly_posts", {}, Accumulation.NONE, "○"),
        ("line_monthly_posts", {"value_text": "未実施", "outcome": "not_attained"}, Accumulation.NONE, "―"),
        ("counter_receipt_rate", {"outcome": "not_evaluable"}, Accumulation.CUMULATIVE, "―"),
    ],
)
def test_what_is_proposed_without_last_years_months(
    kpi_id: str, changes: dict[str, Any], accumulation: Accumulation, proposed: str
) -> None:
    assert propose_for_kpi(row(kpi_id, **changes), accumulation, {}, RULES).mark == proposed


def test_a_figure_of_the_years_end_is_not_due_before() -> None:
    generic = row(
        "generic_share_volume", value=Decimal("88.0"), value_text="88.0", figure_as_of="2025-05", outcome="not_attained"
    )
    assert propose_for_kpi(generic, Accumulation.YEAR_END, {}, RULES).mark == "―"


@pytest.mark.parametrize(
    ("status", "executed", "month", "proposed"),
    [
        ("契約済み", 500, "2025-06", "○"),
        ("契約済み", None, "2026-03", "○"),
        ("―", 500, "2025-06", "○"),
        ("―", None, "2025-06", "―"),
        ("", None, "2025-06", "―"),
        ("未着手", None, "2025-04", "―"),
        ("未着手", None, "2025-09", "―"),
        ("未着手", None, "2025-10", "△"),
        ("未着手", None, "2026-01", "△"),
        ("未着手", None, "2026-02", "△"),
        ("未着手", None, "2026-03", "×"),
        ("調達中", None, "2025-12", "○"),
        ("調達中", None, "2026-01", "△"),
        ("調達中", None, "2026-03", "△"),
        ("契約済み", None, None, "―"),  # a plan
    ],
)
def test_what_is_proposed_for_an_initiative(
    status: str, executed: int | None, month: str | None, proposed: str
) -> None:
    line = initiative(status=status, executed_yen=None if executed is None else Decimal(executed), figure_as_of=month)
    assert propose_for_initiative(line, RULES).mark == proposed


def test_every_rule_says_where_it_comes_from_and_names_kpis_that_exist() -> None:
    assert set(RULES.builds_up.kpis) <= set(catalogue().kpi_by_id)
    for setting in (RULES.builds_up, RULES.not_started, RULES.in_procurement):
        assert setting.owner.startswith("team:")
        assert setting.source
        assert setting.note


def test_the_rules_of_the_project_judge_a_whole_report() -> None:
    months = list(fiscal.month_range("2024-04", "2025-03"))
    series = [point(CHECKUPS, month, "3.0" if month <= "2024-05" else "32.7", year=2024) for month in months]
    by_kpi = {line.row.kpi_id: line.mark.mark for line in report_of(series=series).kpi_lines}
    assert by_kpi[CHECKUPS] == "○"
    assert {line.row.kpi_id: line.mark.mark for line in report_of().kpi_lines}[CHECKUPS] == "―"


# --- marks that people gave ---


def test_a_given_mark_stands_with_author_and_reason_and_the_proposed_one_is_told() -> None:
    report = report_of(
        initiatives=[initiative()], marks=[mark(), mark("事業者健診データ取得率", mark="×", reason="委託先がない")]
    )
    (line,) = report.initiative_lines
    assert (line.mark.mark, line.mark.proposed, line.mark.note) == ("△", "―", 2)
    first, second = report.given_marks
    assert (first.number, first.subject, first.mark, first.author) == (
        1,
        "事業者健診データ取得率",
        "×",
        "企画総務グループ長",
    )
    assert (second.subject, second.proposed, second.reason) == ("広報誌", "―", "委託先の決定が遅れているため")


@pytest.mark.parametrize(
    "subject", ["employer_checkup_data_rate", "事業者健診データ取得率", " 事業者健診データ 取得率 "]
)
def test_a_kpi_is_meant_by_id_or_name(subject: str) -> None:
    report = report_of(marks=[mark(subject)])
    assert [line.row.kpi_id for line in report.kpi_lines if line.mark.note] == ["employer_checkup_data_rate"]
    assert report.unused_marks == ()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([mark("知らない取組")], "対象が見つかりません"),
        ([mark("事務経費")], "同じ名前の取組が複数の分野にあります"),
        ([mark("postal_rate")], "対象が見つかりません"),  # a KPI that is not on the report
        ([mark("計")], "対象が見つかりません"),  # a printed sum is no initiative
        ([mark(), mark(" 広報誌", mark="×")], "同じ対象に異なる評価があります"),
        ([mark("広報誌", area="保健事業")], "対象が見つかりません"),
    ],
)
def test_a_mark_whose_subject_cannot_be_told_is_named_and_not_used(given: list[Any], why: str) -> None:
    lines = [
        initiative(), initiative("事務経費", area="健診①"), initiative("事務経費", area="健診②"), initiative("計", is_sum=True),
    ]  # fmt: skip
    report = report_of(initiatives=lines, marks=given)
    assert report.given_marks == ()
    assert len(report.unused_marks) == len(given)
    assert all(why in one.why for one in report.unused_marks)


def test_the_field_tells_initiatives_of_one_name_apart() -> None:
    lines = [initiative("事務経費", area="健診①", line_order=1), initiative("事務経費", area="健診②", line_order=2)]
    report = report_of(initiatives=lines, marks=[mark("事務経費", area="健診②")])
    assert [line.mark.note for line in report.initiative_lines] == [None, 1]


def test_what_was_said_about_another_month_or_branch_says_nothing_here() -> None:
    given = [mark(marked_as_of="2025-05"), mark(branch_code="20")]
    report = report_of(initiatives=[initiative()], marks=given)
    assert (report.given_marks, report.unused_marks) == ((), ())


def test_the_same_mark_given_twice_is_used_once() -> None:
    report = report_of(initiatives=[initiative()], marks=[mark(), mark(" 広報誌")])
    assert len(report.given_marks) == 1
