"""Rules within a row and between rows, privacy of problems, and the account of rows."""

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submission_files import (
    MARKER,
    RESULT_HEADER,
    catalogue,
    contracts,
    csv_text,
    faults,
    read_bytes,
    read_results,
    read_targets,
    result_row,
    target_row,
)

from kenpo_pipelines.submissions.contract import Contract, ContractError, check_against_catalogue, load_contracts
from kenpo_pipelines.submissions.faults import FAULTS
from kenpo_pipelines.submissions.messages import describe

_TOKYO = {"支部コード": "13", "支部": "東京支部"}
_AKITA = {"支部コード": "05", "支部": "秋田支部"}
_NATION = {"支部コード": "00", "支部": "協会全体"}


@pytest.mark.parametrize(
    ("changes", "fault", "column"),
    [
        ({"支部コード": "48", "支部": ""}, "unknown_branch", "支部コード"),
        ({"支部コード": "東京"}, "not_a_branch_code", "支部コード"),
        ({"支部コード": ""}, "missing_value", "支部コード"),
        ({"支部": "千葉支部"}, "branch_mismatch", "支部"),
        ({"支部": "どこか"}, "branch_mismatch", "支部"),
        ({"KPI": "存在しない指標"}, "unknown_kpi", "KPI"),
        ({"年度": "2019", "時点": "2019-05"}, "unknown_fiscal_year", "年度"),
        ({"年度": "ことし"}, "not_a_fiscal_year", "年度"),
        ({"KPI": "postal_rate"}, "kpi_not_in_force", "KPI"),
        ({"年度": "2023", "時点": "2024-03", "KPI": "generic_share_value", **_NATION}, "kpi_not_in_force", "KPI"),
        ({"KPI": "website_visits", "実績値": "1", "単位": "件"}, "kpi_not_for_branch", "KPI"),
        ({"KPI": "sbp130_share_male"}, "kpi_not_for_branch", "KPI"),
        ({"時点": "2024-12"}, "month_outside_fiscal_year", "時点"),
        ({"時点": "2025-07"}, "month_after_folder", "時点"),
        ({"時点": "5月"}, "month_without_year", "時点"),
        ({"単位": "件"}, "unit_disagrees", "単位"),
        ({"実績値": "2.1件", "単位": ""}, "unit_disagrees", "実績値"),
        ({"実績値": "2.1件"}, "unit_disagrees", "実績値"),
        ({"実績値": "-2.1"}, "below_minimum", "実績値"),
        ({"実績値": "△2.1"}, "below_minimum", "実績値"),
        ({"分子": "-1"}, "below_minimum", "分子"),
        ({"分母": "98.5%"}, "unexpected_percent", "分母"),
        ({"分子": "6853", "実績値": ""}, "denominator_missing", "分母"),
        ({"KPI": "service_standard_days", "分子": "70", "実績値": "", "単位": "日"}, "denominator_missing", "分母"),
        ({"実績値": "1.03&"}, "number_with_typo", "実績値"),
        ({"実績値": "44支部が達成"}, "number_with_words", "実績値"),
        ({"実績値": "2.1 ※５月実施分まで"}, "number_with_note", "実績値"),
        ({"実績値": "63.1以上"}, "number_with_words", "実績値"),
        ({"実績値": "実施"}, "word_for_number", "実績値"),
        ({"KPI": "biosimilar_outreach", "実績値": "1", "単位": ""}, "qualitative_number", "実績値"),
        ({"KPI": "biosimilar_outreach", "実績値": "２件", "単位": ""}, "qualitative_number", "実績値"),
        ({"KPI": "biosimilar_outreach", "実績値": "△", "単位": ""}, "qualitative_word", "実績値"),
    ],
)
def test_a_row_against_the_rules_is_rejected_with_its_column(
    tmp_path: Path, changes: dict[str, str], fault: str, column: str
) -> None:
    submission = read_results(tmp_path, result_row(**changes), result_row(KPI="guidance_rate_dependants"))
    assert [(problem.fault, problem.column_name, problem.row_number) for problem in submission.problems] == [
        (fault, column, 2)
    ]
    assert (submission.rows_read, submission.rows_loaded, submission.rows_rejected) == (2, 1, 1)
    assert submission.problems[0].value_class == FAULTS[fault].value_class
    assert "{" not in submission.problems[0].advice


@pytest.mark.parametrize(
    ("changes", "value", "word", "is_done"),
    [
        ({"実績値": "2.1％"}, "2.1", None, None),
        ({"実績値": "2.1％", "単位": "％"}, "2.1", None, None),
        ({"実績値": "103.5"}, "103.5", None, None),
        ({"分子": "20", "分母": "10"}, "2.1", None, None),
        ({"KPI": " 特定保健指導の実施率(被保険者)　"}, "2.1", None, None),
        ({"KPI": "被保険者の特定保健指導の実施率"}, "2.1", None, None),
        ({"支部": "東京"}, "2.1", None, None),
        ({"支部": ""}, "2.1", None, None),
        ({"時点": "2025-05-31", "年度": "令和７年度"}, "2.1", None, None),
        ({"KPI": "committee_offices", "実績値": "12,978社", "単位": "事業所"}, "12978", None, None),
        ({"KPI": "committee_offices", "実績値": "12978", "単位": ""}, "12978", None, None),
        ({"実績値": "―"}, None, "―", None),
        ({"実績値": "集計中"}, None, "集計中", None),
        ({"実績値": "【新設】"}, None, "【新設】", None),
        ({"実績値": ""}, None, None, None),
        ({"実績値": "", "分子": "6853", "分母": "330908"}, None, None, None),
        ({"実績値": "集計中", "分子": "6853"}, None, "集計中", None),
        ({"分子": "6853"}, "2.1", None, None),
        ({"KPI": "committee_offices", "実績値": "", "分子": "3", "単位": ""}, None, None, None),
        ({"KPI": "biosimilar_outreach", "実績値": "○", "単位": ""}, None, "実施", True),
        ({"KPI": "biosimilar_outreach", "実績値": "未実施", "単位": ""}, None, "未実施", False),
        ({"KPI": "biosimilar_outreach", "実績値": "－", "単位": ""}, None, "－", None),
        (
            {"年度": "2023", "時点": "2024-03", "KPI": "policy_statements", "実績値": "41支部", "単位": "", **_NATION},
            "41",
            None,
            None,
        ),
        (
            {"年度": "2023", "時点": "2024-03", "KPI": "policy_statements", "実績値": "実施", "単位": ""},
            None,
            "実施",
            True,
        ),
        ({"年度": "2022", "時点": "2023-03", "KPI": "single_bid_rate"}, "2.1", None, None),
    ],
)
def test_what_a_good_row_may_say(
    tmp_path: Path, changes: dict[str, str], value: str | None, word: str | None, is_done: bool | None
) -> None:
    submission = read_results(tmp_path, result_row(**changes))
    assert submission.problems == ()
    (row,) = submission.rows
    assert (row["value"], row["value_word"], row["is_done"]) == (
        None if value is None else Decimal(value),
        word,
        is_done,
    )


def test_every_fault_of_a_row_is_told_and_the_row_counts_once(tmp_path: Path) -> None:
    submission = read_results(tmp_path, result_row(時点="5月", 支部="千葉", 分子="x", 実績値="1.03&"))
    assert faults(submission) == ["month_without_year", "branch_mismatch", "word_for_number", "number_with_typo"]
    assert submission.rows_rejected == 1


def test_exact_duplicates_are_counted_and_stay(tmp_path: Path) -> None:
    submission = read_results(tmp_path, result_row(), result_row(実績値="2.10％", 単位=""), result_row(支部コード="13"))
    assert (submission.rows_read, submission.rows_loaded, submission.rows_merged) == (3, 3, 2)
    assert submission.notices == ("同じ内容の行が重複していました（2行）。1行として扱います。",)


def test_none_words_of_one_key_are_duplicates(tmp_path: Path) -> None:
    assert read_results(tmp_path, result_row(実績値="―"), result_row(実績値="集計中")).rows_merged == 1


@pytest.mark.parametrize(
    ("first", "second", "column"),
    [({}, {"実績値": "2.2"}, "実績値"), ({}, {"実績値": "―"}, "実績値"), ({"分子": "1"}, {"分子": "2"}, "分子")],
)
def test_contradictory_results_reject_every_row_of_the_key(
    tmp_path: Path, first: dict[str, str], second: dict[str, str], column: str
) -> None:
    other = result_row(KPI="guidance_rate_dependants")
    submission = read_results(tmp_path, result_row(**first), other, result_row(**second), result_row(**first))
    assert [(p.fault, p.row_number, p.column_name) for p in submission.problems] == [
        ("contradictory_rows", number, column) for number in (2, 4, 5)
    ]
    assert (submission.rows_read, submission.rows_loaded, submission.rows_merged) == (4, 1, 0)
    assert "2行目、4行目、5行目" in submission.problems[0].advice


def test_many_contradictory_rows_are_named_by_the_first_ten(tmp_path: Path) -> None:
    submission = read_results(tmp_path, *[result_row(実績値=str(number)) for number in range(12)])
    assert {problem.advice.count("行目") for problem in submission.problems} == {10}
    assert "11行目 ほか2行にあり" in submission.problems[0].advice


def test_contradictory_done_and_not_done_reject_both(tmp_path: Path) -> None:
    rows = [result_row(KPI="biosimilar_outreach", 実績値=word, 単位="") for word in ("実施", "未実施")]
    submission = read_results(tmp_path, *rows)
    assert [(p.fault, p.column_name) for p in submission.problems] == [("contradictory_rows", "実績値")] * 2


@pytest.mark.parametrize(
    ("changes", "comparator", "value"),
    [
        ({}, "以上", "14.3"),
        ({"目標値": "14.3％以上"}, "以上", "14.3"),
        ({"比較": "≧"}, "以上", "14.3"),
        ({"比較": "以上とする"}, "以上", "14.3"),
        ({"比較": "前年度以上", "目標値": ""}, "対前年度以上", None),
        ({"比較": "前年度以上", "目標値": "対前年度以上"}, "対前年度以上", None),
        ({"比較": "対前年度以上", "目標値": "12.6％"}, "対前年度以上", "12.6"),
        ({"比較": "対前年度以上", "目標値": "―"}, "対前年度以上", None),
        ({"KPI": "counter_receipt_rate", "比較": "前年度以下", "目標値": "1.9％以下"}, "対前年度以下", "1.9"),
        ({"KPI": "counter_receipt_rate", "比較": "対前年度以上", "目標値": ""}, "対前年度以上", None),
        ({"KPI": "service_standard_days", "比較": "以下", "目標値": "７日以内", "単位": "日"}, "以下", "7"),
        (
            {"KPI": "generic_share_volume", "比較": "80％以上または対前年度末以上", "目標値": "80"},
            "80以上又は対前年度末以上",
            "80",
        ),
        ({"KPI": "biosimilar_outreach", "比較": "実施する", "目標値": "", "単位": ""}, "実施", None),
        ({"KPI": "line_monthly_posts", "比較": "以上", "目標値": "2", "単位": "回／月"}, "以上", "2"),
        (
            {"年度": "2026", "KPI": "health_declaration_offices", "目標値": "110,000", "単位": "事業所", **_NATION},
            "以上",
            "110000",
        ),
        ({"年度": "2029", "KPI": "sbp130_share_male", "比較": "以下", "目標値": "47.4", **_AKITA}, "以下", "47.4"),
    ],
)
def test_targets_and_their_spellings(
    tmp_path: Path, changes: dict[str, str], comparator: str, value: str | None
) -> None:
    submission = read_targets(tmp_path, target_row(**changes))
    assert submission.problems == ()
    (row,) = submission.rows
    assert (row["comparator"], row["target_value"]) == (comparator, None if value is None else Decimal(value))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"比較": "程度"}, "unknown_choice"),
        ({"比較": ""}, "missing_value"),
        ({"目標値": ""}, "target_missing"),
        ({"目標値": "―"}, "target_missing"),
        ({"目標値": "14.3以下"}, "comparators_disagree"),
        ({"目標値": "対前年度以上"}, "comparators_disagree"),
        ({"目標値": "1.03&"}, "number_with_typo"),
        ({"目標値": "14.3人"}, "unit_disagrees"),
        ({"単位": "件"}, "unit_disagrees"),
        ({"目標値": "-1"}, "below_minimum"),
        ({"比較": "実施", "目標値": ""}, "comparator_unfit"),
        ({"KPI": "biosimilar_outreach", "比較": "実施", "目標値": "1", "単位": ""}, "target_unexpected"),
        ({"年度": "2022", "KPI": "single_bid_rate", "比較": "以下", "目標値": "20"}, "kpi_not_in_force"),
        ({"年度": "2024", "KPI": "counter_receipt_rate"}, "kpi_not_in_force"),
        ({"KPI": "website_visits", "単位": "件"}, "kpi_not_for_branch"),
    ],
)
def test_targets_against_the_rules_are_rejected(tmp_path: Path, changes: dict[str, str], fault: str) -> None:
    submission = read_targets(tmp_path, target_row(**changes))
    assert faults(submission) == [fault]
    assert (submission.rows_read, submission.rows_rejected) == (1, 1)


def test_contradictory_targets_are_all_loaded(tmp_path: Path) -> None:
    rows = [
        target_row(**_AKITA, KPI="counter_receipt_rate", 比較=word, 目標値="")
        for word in ("前年度以下", "前年度以上", "前年度以下")
    ]
    submission = read_targets(tmp_path, *rows)
    assert [row["comparator"] for row in submission.rows] == ["対前年度以下", "対前年度以上", "対前年度以下"]
    assert (submission.problems, submission.rows_merged) == ((), 1)


# --- privacy and messages ---

_PLANTED = {
    "年度": MARKER,
    "時点": MARKER,
    "支部コード": MARKER,
    "支部": MARKER,
    "KPI": MARKER,
    "分子": MARKER,
    "実績値": f"5{MARKER}",
}


def test_no_cell_reaches_a_problem_except_what_a_person_is_shown(tmp_path: Path) -> None:
    submission = read_results(
        tmp_path, result_row(**_PLANTED), *[result_row(**{name: text}) for name, text in _PLANTED.items()]
    )
    assert submission.rows_rejected == 1 + len(_PLANTED)
    for problem in submission.problems:
        stored = {
            field.name: getattr(problem, field.name) for field in dataclasses.fields(problem) if field.name != "shown"
        }
        assert MARKER not in repr(problem)
        assert MARKER not in repr(stored)
        assert MARKER in problem.shown
    assert MARKER not in repr(submission)


def test_a_description_says_where_what_and_what_to_do(tmp_path: Path) -> None:
    (problem,) = read_results(tmp_path, result_row(実績値="1.03&")).problems
    assert describe(problem) == (
        "東京.csv 2行目「実績値」列：数値に余分な記号が付いた値です（入力値：1.03&）。"
        "余分な記号を取り、正しい数値だけを入力してください。"
    )


def test_what_is_shown_is_one_short_line(tmp_path: Path) -> None:
    (problem,) = read_results(tmp_path, result_row(実績値="1.03&\n" + "x" * 100)).problems
    assert "\n" not in problem.shown and len(problem.shown) == 40


def test_personal_columns_are_never_read_row_by_row() -> None:
    raw = contracts()["kpi_results"].model_dump()
    raw["columns"] = [*raw["columns"][:-1], {**raw["columns"][-1], "personal": True, "type": "identifier"}]
    with pytest.raises(ValueError, match="record_level"):
        Contract.model_validate(raw)


# --- the account of rows ---

_CELLS = {
    "年度": ["2025", "2024", "x", ""],
    "時点": ["2025-05", "2025-04", "5月"],
    "支部コード": ["13", "5", "99", ""],
    "KPI": ["guidance_rate_insured", "biosimilar_outreach", "?"],
    "実績値": ["2.1", "2.2", "―", "実施", "1.03&", ""],
    "単位": ["%", "", "件"],
}
_ROWS = st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in _CELLS.items()}).map(
    lambda cells: result_row(**cells, 支部="")
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROWS, min_size=1, max_size=8))
def test_every_row_read_is_loaded_or_rejected_never_both(tmp_path: Path, rows: list[list[str]]) -> None:
    submission = read_bytes(tmp_path, csv_text([RESULT_HEADER, *rows]).encode("cp932"))
    assert submission.rows_read == len(rows) == submission.rows_loaded + submission.rows_rejected
    loaded = {row["row_number"] for row in submission.rows}
    rejected = {problem.row_number for problem in submission.problems}
    assert loaded | rejected == set(range(2, len(rows) + 2))
    assert not loaded & rejected
    assert submission.rows_merged <= max(submission.rows_loaded - 1, 0)
    keys = {tuple(row[name] for name in contracts()["kpi_results"].dataset.key) for row in submission.rows}
    assert submission.rows_loaded - submission.rows_merged == len(keys)


# --- contracts ---

_GOOD = """
dataset: {id: demo, name_ja: 例, owner: "team:x", description: d, grain: g, folder: month, feeds: [single_bid_rate],
          key: [branch_code], contradictions: keep}
columns:
  - {name: branch_code, header: 支部コード, type: branch_code, required: true, description: d}
  - {name: counted, header: 件数, type: integer, description: d}
layouts: [{layout: table}]
rules: {anything: goes}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: integer", "type: number", r"demo\.yml: columns\.counted\.type"),
        ("id: demo", "id: other", r"demo\.yml: dataset\.id"),
        ("folder: month", "folder: week", r"demo\.yml: dataset\.folder"),
        ("key: [branch_code]", "key: [nothing]", r"demo\.yml: .*dataset\.key: no column nothing"),
        ("header: 件数", "header: 支部コード", r"demo\.yml: .*支部コード is a header of both"),
        ("type: integer", "type: choice", r"demo\.yml: columns\.counted: .*values"),
        ("type: integer", "type: integer, min: 0.5", r"demo\.yml: columns\.counted\.min: .*quotes"),
        ("type: integer", "type: kpi_value", r"demo\.yml: .*kpi_value needs columns"),
        ("type: integer", "type: month, within: branch_code", r"demo\.yml: .*counted\.within"),
        ("required: true", "required: false", r"demo\.yml: .*at least one must be required"),
        ("layouts: [{layout: table}]", "layouts: [{layout: pivot}]", r"demo\.yml: layouts\.0"),
        ("rules: {", "rule: {", r"demo\.yml: rule:"),
        ("dataset: {", "dataset: [", r"demo\.yml: not readable as YAML"),
    ],
)
def test_a_wrong_contract_names_its_file_and_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "demo.yml"
    path.write_text(_GOOD, encoding="utf-8")
    assert load_contracts(tmp_path)["demo"].dataset.feeds == ("single_bid_rate",)
    assert old in _GOOD
    path.write_text(_GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContractError, match=message):
        load_contracts(tmp_path)


def test_contracts_name_only_kpis_of_the_catalogue(tmp_path: Path) -> None:
    for contract in contracts().values():
        check_against_catalogue(contract, catalogue())
    path = tmp_path / "demo.yml"
    path.write_text(_GOOD.replace("[single_bid_rate]", "[no_such_kpi]"), encoding="utf-8")
    with pytest.raises(ContractError, match=r"demo\.yml: dataset\.feeds: .*no_such_kpi"):
        check_against_catalogue(load_contracts(tmp_path)["demo"], catalogue())
