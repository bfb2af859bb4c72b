"""Outcomes as Dagster check results: names, severities, blocking, tables, and a run in which Dagster takes them."""

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from expectations.advice import advice
from expectations.checks import check_results, check_specs, run_checks
from expectations.outcome import RuleOutcome
from expectations.suite import Rule, Suite, load_suites
from resources.duckdb_engine import DuckDBSession

SUITE = load_suites(Path(__file__).resolve().parents[2] / "expectations")["kpi_targets"]
KEY = dg.AssetKey(["raw", "kpi_targets"])
BRANCHES = {"05": "秋田支部", "13": "東京支部"}
COLUMNS = """'2025-04' AS known_month, 'a.csv' AS file, 'abc' AS file_sha256, '2025-04-01T00:00:00Z' AS received_at,
    'published' AS origin, '' AS sheet, 2025 AS fiscal_year, 'k' AS kpi_id, CAST(NULL AS DECIMAL(28, 10)) AS target_value,
    '%' AS unit, 'plan' AS source_document, 'at_most' AS kpi_direction"""
CONTRADICTORY = f"""(SELECT {COLUMNS}, * FROM
(VALUES (1, '05', '対前年度以下', '以下|とする'), (2, '05', '対前年度以上', '前年度以上'))
    AS t(row_number, branch_code, comparator, printed))"""
EMPTY = f"(SELECT * FROM {CONTRADICTORY} LIMIT 0)"


def results(relation: str, submissions_received: int = 1) -> dict[str, dg.AssetCheckResult]:
    with duckdb.connect() as connection:
        found = run_checks(
            KEY,
            DuckDBSession(connection),
            relation,
            SUITE,
            submissions_received=submissions_received,
            branches=BRANCHES,
        )
    return {str(result.check_name): result for result in found}


def text(result: dg.AssetCheckResult, key: str) -> Any:
    return result.metadata[key].value


def test_specs_are_grouped_by_tier_and_only_the_dataset_blocks() -> None:
    specs = check_specs(KEY, SUITE, partitions_def=dg.StaticPartitionsDefinition(["2025-04"]))
    assert {spec.name: spec.blocking for spec in specs} == {
        "structural": True,
        "structural_rows": False,
        "logical": False,
        "completeness": False,
    }
    assert all(spec.asset_key == KEY and spec.partitions_def is not None for spec in specs)


def test_every_spec_has_its_result() -> None:
    names = [spec.name for spec in check_specs(KEY, SUITE)]
    for relation in (CONTRADICTORY, EMPTY, "(SELECT 1 AS other)", "no_such_table"):
        assert list(results(relation)) == names


def test_contradictory_targets_show_both_texts() -> None:
    found = results(CONTRADICTORY)
    logical = found["logical"]
    assert (logical.passed, logical.severity) == (False, dg.AssetCheckSeverity.WARN)
    table = text(logical, "evidence_targets_agree")
    assert "| 対前年度以下 |" in table and "| 前年度以上 |" in table
    assert "| 以下\\|とする |" in table
    assert (text(logical, "failed_rows"), text(logical, "checked_rows"), text(logical, "rules_failed")) == (3, 2, 2)
    assert "同じ年度・支部・KPIの目標が互いに矛盾しない — 2 of 2 rows" in str(logical.description)
    assert found["structural"].passed and found["structural_rows"].passed
    completeness = found["completeness"]
    assert (completeness.passed, text(completeness, "missing_codes")) == (False, ["13"])
    assert "13 東京支部" in text(completeness, "missing_names")


def test_files_without_a_loaded_row_are_an_error_and_a_month_without_files_a_warning() -> None:
    lost = results(EMPTY, submissions_received=2)
    assert (lost["structural"].passed, lost["structural"].severity) == (False, dg.AssetCheckSeverity.ERROR)
    quiet_month = results(EMPTY, submissions_received=0)
    assert {name: result.passed for name, result in quiet_month.items()} == {
        "structural": True,
        "structural_rows": True,
        "logical": True,
        "completeness": False,
    }
    assert quiet_month["completeness"].severity is dg.AssetCheckSeverity.WARN
    assert str(quiet_month["completeness"].description).startswith("nothing was submitted")


def test_a_column_less_table_fails_the_blocking_check() -> None:
    found = results("(SELECT 1 AS other)")
    assert not found["structural"].passed
    assert "column missing: known_month" in text(found["structural"], "rules")
    assert "not judged" in text(found["logical"], "rules")


def test_metadata_is_plain_python() -> None:
    for relation in (CONTRADICTORY, "no_such_table"):
        for result in results(relation).values():
            assert type(result.passed) is bool
            for value in result.metadata.values():
                assert type(value.value) in (str, int, bool, list)


@pytest.mark.parametrize(
    ("tier", "severity", "scope", "name"),
    [
        ("structural", "critical", "dataset", "structural"),
        ("structural", "critical", "rows", "structural_rows"),
        ("structural", "warning", "rows", "structural_warning"),
        ("logical", "critical", "rows", "logical_critical"),
        ("analytical", "warning", "rows", "analytical"),
    ],
)
def test_names_say_tier_and_severity(tier: str, severity: str, scope: str, name: str) -> None:
    rule = Rule.model_validate(
        {
            "id": "a",
            "tier": tier,
            "severity": severity,
            "scope": scope,
            "unexpected_rows": "SELECT * FROM {batch}",
            "description": "d",
            "description_ja": "d",
            "origin": "o",
            "owner": "team:o",
            "since": dt.date(2025, 4, 1),
            "protects": ("postal_rate",),
        }
    )
    (spec,) = check_specs(KEY, Suite(dataset="d", rules=(rule,)))
    (result,) = check_results(KEY, [RuleOutcome(rule, passed=False, is_broken=True, message="why | <b>")])
    assert spec.name == result.check_name == name
    assert spec.blocking is (name == "structural")
    assert result.severity is (dg.AssetCheckSeverity.ERROR if severity == "critical" else dg.AssetCheckSeverity.WARN)
    assert "| check broken |" in text(result, "rules") and "why \\| &lt;b>" in text(result, "rules")
    assert text(result, "protects") == ["postal_rate"]


def test_dagster_takes_the_results_and_stops_below_a_blocking_failure() -> None:
    partitions = dg.StaticPartitionsDefinition(["2025-04"])

    def run(relation: str) -> tuple[bool, set[str], set[str | None]]:
        @dg.asset(key=KEY, check_specs=check_specs(KEY, SUITE, partitions_def=partitions), partitions_def=partitions)
        def raw_targets() -> dg.MaterializeResult:  # type: ignore[type-arg]
            return dg.MaterializeResult(check_results=list(results(relation).values()))

        @dg.asset(deps=[KEY], partitions_def=partitions)
        def below() -> None: ...

        outcome = dg.materialize([raw_targets, below], partition_key="2025-04", raise_on_error=False)
        built = {str(event.step_key) for event in outcome.get_asset_materialization_events()}
        return outcome.success, built, {check.partition for check in outcome.get_asset_check_evaluations()}

    assert run(CONTRADICTORY) == (True, {"raw__kpi_targets", "below"}, {"2025-04"})
    assert run("(SELECT 1 AS other)") == (False, {"raw__kpi_targets"}, {"2025-04"})


def test_specs_are_made_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    check_specs(KEY, SUITE, partitions_def=dg.StaticPartitionsDefinition(["2025-04"]))
    assert [str(warning.message) for warning in recwarn] == []


def _rule(**fields: Any) -> Rule:
    base = {
        "id": "a",
        "tier": "logical",
        "severity": "warning",
        "unexpected_rows": "SELECT * FROM {batch}",
        "description": "d",
        "description_ja": "点数は整数である",
        "origin": "o",
        "owner": "team:o",
        "since": dt.date(2025, 4, 1),
        "protects": ("postal_rate",),
    }
    return Rule.model_validate(base | fields)


def test_a_result_carries_the_facts_of_an_alert_and_no_value_of_a_row() -> None:
    failed = RuleOutcome(
        _rule(evidence=("printed",)),
        passed=False,
        checked_rows=40,
        failed_rows=3,
        evidence=({"printed": "以下とする"},),
        branches=(("", 1), ("13", 2)),
    )
    held = RuleOutcome(_rule(id="b", protects="all"), passed=True, checked_rows=40)
    (result,) = check_results(KEY, [failed, held])
    names = ("dataset", "branches", "checked_rows", "failed_rows", "unit", "protects", "what_to_do", "not_held")
    facts = {name: text(result, name) for name in names}
    assert facts == {
        "dataset": "kpi_targets",
        "branches": ["13"],
        "checked_rows": 40,
        "failed_rows": 3,
        "unit": "行",
        "protects": ["postal_rate"],
        "what_to_do": advice(failed, is_submission=True),
        "not_held": [
            {
                "rule": "a",
                "what": "点数は整数である",
                "failed": 3,
                "branches": [["", 1], ["13", 2]],
                "is_broken": False,
                "unit": "行",
            }
        ],
    }
    (result,) = check_results(KEY, [held])
    assert [text(result, name) for name in ("branches", "protects", "what_to_do", "not_held")] == [[], ["all"], "", []]


def test_missing_branches_are_facts_of_an_alert() -> None:
    missing = results(CONTRADICTORY)["completeness"]
    assert [text(missing, name) for name in ("branches", "checked_rows", "failed_rows", "unit")] == [
        ["13"],
        2,
        1,
        "支部",
    ]
    assert "提出を依頼" in text(missing, "what_to_do")


@pytest.mark.parametrize(
    ("fields", "outcome", "is_submission", "said"),
    [
        ({}, {"is_broken": True}, True, "検査そのものが実行できません"),
        ({}, {"failed_rows": 1}, True, "該当する数値を支部に確認"),
        ({"severity": "critical"}, {"failed_rows": 1}, True, "訂正したファイルの再提出"),
        ({"tier": "analytical"}, {"failed_rows": 1}, True, "前月や他支部との差"),
        ({"advice_ja": "電話する。"}, {"failed_rows": 1}, True, "電話する。"),
        ({"advice_ja": "電話する。"}, {"is_broken": True}, True, "検査そのものが"),
        ({}, {"is_evaluated": False, "checked_rows": 5}, True, "必要な列がない"),
        ({}, {"is_evaluated": False}, True, "取り込まれた行がない"),
        ({}, {"failed_rows": 1}, False, "集計の途中の表が決まりを満たしません"),
        ({"tier": "structural", "severity": "critical", "scope": "dataset"}, {}, False, "この先の集計は止まっています"),
    ],
)
def test_advice_fits_the_kind_of_failure(
    fields: dict[str, Any], outcome: dict[str, Any], is_submission: bool, said: str
) -> None:
    assert said in advice(RuleOutcome(_rule(**fields), passed=False, **outcome), is_submission=is_submission)
