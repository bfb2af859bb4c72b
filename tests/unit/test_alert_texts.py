"""What alerts say: which results and runs are news, in what words, and what never stands in them."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kenpo_pipelines.automation.alerting.check_failures import Evaluation, check_news
from kenpo_pipelines.automation.alerting.message import message_of
from kenpo_pipelines.automation.alerting.names import Names
from kenpo_pipelines.automation.alerting.run_ends import CANCELED, FAILED, SUCCEEDED, RunEnd
from kenpo_pipelines.automation.alerting.run_failures import RunOutcome, cleaned, reasons_of, run_news
from kenpo_pipelines.serving.outbox import Alert, Notice

UI = "https://kenpo.example.jp"
NAMES = Names(
    {"claims": "レセプト情報"},
    {"00": "協会全体", **{f"{code:02}": f"支部{code}" for code in range(1, 48)}},
    {"claims_assessment_rate": "査定率", "generic_share_value": "後発医薬品割合"},
)


def evaluation(at: float, passed: bool = False, run: str = "run-1", **facts: Any) -> Evaluation:
    told = {
        "dataset": "claims",
        "branches": ["13"],
        "failed_rows": 3,
        "checked_rows": 1203,
        "unit": "行",
        "protects": ["claims_assessment_rate"],
        "what_to_do": "支部に確認してください。",
        "not_held": [
            {
                "rule": "whole",
                "what": "点数は整数",
                "failed": 3,
                "branches": [["13", 3]],
                "is_broken": False,
                "unit": "行",
            }
        ],
    }
    return Evaluation(
        ("raw", "claims"), "logical", "2025-06", passed, "warning", run, at, {} if passed else told | facts
    )


def kinds(*evaluations: Evaluation, states: dict[str, str] | None = None) -> tuple[list[str], dict[str, str]]:
    alerts, changed = check_news(evaluations, states or {}, NAMES, UI)
    return [one.kind for one in alerts], changed


def test_a_check_that_holds_is_no_news_until_it_failed() -> None:
    assert kinds(evaluation(1, passed=True)) == ([], {})


def test_a_failure_is_news_once_until_it_changes_or_ends() -> None:
    same = [evaluation(at, run=f"run-{at}") for at in (1, 2)]
    assert kinds(*same)[0] == ["check_failed"]
    other = evaluation(3, failed_rows=4)
    assert kinds(*same, other)[0] == ["check_failed", "check_failed"]
    assert kinds(*same, evaluation(3, passed=True), evaluation(4, passed=True), evaluation(5))[0] == [
        "check_failed",
        "check_recovered",
        "check_failed",
    ]


def test_a_failure_is_another_one_by_severity_rules_branches_and_counts_only() -> None:
    first = evaluation(1)
    for same in (replace(first, at=2, run_id="other"), evaluation(2, checked_rows=9999, what_to_do="別の言葉")):
        assert kinds(first, same)[0] == ["check_failed"]
    rule = first.facts["not_held"][0]
    for other in (
        replace(first, at=2, severity="critical"),
        evaluation(2, branches=["04", "13"]),
        evaluation(2, failed_rows=4),
        evaluation(2, not_held=[rule | {"rule": "other"}]),
        evaluation(2, not_held=[rule | {"branches": [["13", 2], ["04", 1]]}]),
    ):
        assert kinds(first, other)[0] == ["check_failed", "check_failed"]


def test_results_that_are_read_again_are_no_news_in_any_order() -> None:
    told = [evaluation(1), evaluation(2, failed_rows=4), evaluation(3, passed=True)]
    _, states = kinds(*told)
    assert kinds(*told, states=states) == ([], {})
    assert kinds(*reversed(told), states=states) == ([], {})
    assert kinds(*told, evaluation(4), states=states)[0] == ["check_failed"]


def test_another_month_is_another_matter() -> None:
    assert kinds(evaluation(1), replace(evaluation(2), month="2025-07"))[0] == ["check_failed", "check_failed"]


def test_the_words_of_a_failure_name_what_a_reader_must_know() -> None:
    (alert,), _ = check_news([evaluation(1)], {}, NAMES, UI)
    assert alert.title == "レセプト情報（raw/claims）：数値のつじつまの検査が不合格"
    assert alert.lines == (
        "内容：点数は整数 ― 3行",
        "支部：13 支部13（3）",
        "件数：1,203行中 3行",
        "影響するKPI：「査定率」",
        "対応：支部に確認してください。",
    )
    assert (alert.severity, alert.month, alert.dataset, alert.group) == ("warning", "2025-06", "claims", "run-1")
    assert alert.link == f"{UI}/runs/run-1"
    assert alert.branches == ("13 支部13",)


def test_many_branches_and_all_kpis_stay_short() -> None:
    codes = [f"{code:02}" for code in range(1, 21)]
    (alert,), _ = check_news([evaluation(1, branches=codes, not_held=[], protects=["all"])], {}, NAMES, UI)
    assert alert.lines[0].startswith("支部：01 支部1、") and alert.lines[0].endswith("10 支部10 ほか10支部")
    assert "影響するKPI：すべてのKPI" in alert.lines
    everyone = [f"{code:02}" for code in range(1, 48)]
    (alert,), _ = check_news([evaluation(1, branches=everyone, not_held=[])], {}, NAMES, UI)
    assert alert.lines[0] == "支部：全支部"


def test_a_check_without_facts_of_ours_is_told_by_its_name() -> None:
    plain = Evaluation(("other", "table"), "freshness", None, False, "critical", "run-1", 1.0)
    (alert,), _ = check_news([plain], {}, NAMES, UI)
    assert alert.title == "other/table：検査 freshnessが不合格"
    assert alert.lines == ("対応：実行の記録を開いて内容を確かめてください。",)


def outcome(at: float, how: str = FAILED, run: str = "", **fields: Any) -> RunOutcome:
    return RunOutcome(RunEnd(int(at), run or f"run-{at}", how, at), "monthly_refresh", "2025-06", **fields)


def test_every_failed_run_is_news_and_the_first_success_after_it() -> None:
    runs = [outcome(1, SUCCEEDED), outcome(2), outcome(3), outcome(4, SUCCEEDED), outcome(5, SUCCEEDED)]
    alerts, states = run_news(runs, {}, UI)
    assert [(one.kind, one.group) for one in alerts] == [
        ("run_failed", "run-2"),
        ("run_failed", "run-3"),
        ("run_recovered", "run-4"),
    ]
    assert run_news(runs, states, UI) == ([], {})


def test_runs_of_no_month_are_remembered_by_their_job() -> None:
    lost = replace(outcome(1), month=None, job="lateness_check")
    (alert,), states = run_news([lost], {}, UI)
    assert alert.title == "処理 lateness_checkが失敗しました"
    assert list(states) == ["run:lateness_check"]


@pytest.mark.parametrize(
    ("run", "severity", "title", "advice"),
    [
        (outcome(1), "critical", "2025年6月分の処理が失敗しました", "docs/runbooks/failed-run.md"),
        (outcome(1, CANCELED), "warning", "2025年6月分の処理が途中で止められました", "止まったところから"),
        (outcome(1, will_be_retried=True), "warning", "2025年6月分の処理が失敗しました", "自動でもう一度"),
    ],
)
def test_a_run_is_told_with_its_severity_and_what_to_do(
    run: RunOutcome, severity: str, title: str, advice: str
) -> None:
    (alert,), _ = run_news([run], {}, UI)
    assert (alert.severity, alert.title) == (severity, title)
    assert advice in alert.lines[-1]


@dataclass(frozen=True)
class Error:
    """Dagster's record of an exception."""

    cls_name: str
    message: str
    cause: "Error | None" = None


PERSON = "記号0113 symbol 01130012"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Error("ValueError", f"ValueError: {PERSON}"), "ValueError"),
        (Error("ConversionException", f"duckdb.ConversionException: '{PERSON}'"), "ConversionException"),
        (
            Error(
                "Failure",
                f"Failure: {PERSON}",
                Error("OSError", f"OSError: [Errno 28] No space left on device: '/{PERSON}'"),
            ),
            "OSError：No space left on device",
        ),
        (
            Error(
                "X", PERSON, Error("LakeError", "a.b.LakeError: 2025-06 cannot be read\nmore", Error("OSError", PERSON))
            ),
            "LakeError：2025-06 cannot be read",
        ),
        (
            Error("PassingFault", "PassingFault: no answer from postgresql://kenpo:himitsu@db/kenpo 12345678"),
            "PassingFault：no answer from postgresql://…@db/kenpo …",
        ),
        (None, "原因の記録がありません（プロセスが止められた可能性があります）"),
    ],
)
def test_only_the_projects_own_errors_are_quoted(error: Error | None, told: str) -> None:
    (reason,) = reasons_of([("publish", error)])
    assert (reason.step, reason.text) == ("publish", told)


def test_a_step_that_a_check_blocked_says_so() -> None:
    (reason,) = reasons_of([("staging_models", Error("DagsterAssetCheckFailedError", "1 blocking asset check failed"))])
    assert reason.is_blocked and "必須の検査" in reason.text


def test_messages_are_cleaned_and_cut() -> None:
    assert cleaned("\n\n a\x00b https://u:p@h/x 1234567 \nnext") == "a b https://…@h/x …"
    assert len(cleaned("あ" * 1000)) == 241


def notice(*alerts: Alert, repeated: bool = False) -> Notice:
    return Notice(12, "json-1", "run-1", alerts, 1, repeated, tuple(range(len(alerts))))


def some_alerts() -> list[Alert]:
    failures = [evaluation(1), replace(evaluation(1), check="structural_rows", severity="critical")]
    alerts, _ = check_news(failures, {}, NAMES, UI)
    return alerts


def test_a_message_says_in_its_title_what_and_how_bad() -> None:
    message = message_of(notice(*some_alerts()), "production")
    assert message.title == "[協会けんぽKPI・本番] 2025年6月分：データ検査で重大1件・注意1件（支部：13 支部13）"
    assert message.severity == "critical"
    one = message_of(notice(some_alerts()[0]), "staging")
    assert one.title == (
        "[協会けんぽKPI・検証] 【注意】2025年6月分：レセプト情報（raw/claims）：数値のつじつまの検査が不合格（支部：13 支部13）"
    )


def test_a_message_puts_the_worst_first_and_ends_with_link_and_number() -> None:
    failed_run, _ = run_news([outcome(1, run="run-1")], {}, UI)
    recovered, _ = check_news([evaluation(2, passed=True)], check_news([evaluation(1)], {}, NAMES, UI)[1], NAMES, UI)
    message = message_of(notice(*some_alerts(), *failed_run, *recovered), "local")
    headings = [line for line in message.text.splitlines() if line.startswith(("■", "1."))]
    assert headings == [
        "■ 重大 2件",
        "1. 2025年6月分の処理が失敗しました",
        "■ 注意 1件",
        "1. レセプト情報（raw/claims）：数値のつじつまの検査が不合格",
        "■ 回復 1件",
        "1. レセプト情報（raw/claims）：数値のつじつまの検査に合格するようになりました",
    ]
    assert message.text.endswith(f"実行の記録：{UI}/runs/run-1\n通知番号：12　環境：手元")
    assert f'<a href="{UI}/runs/run-1">' in message.html
    assert "処理が失敗、データ検査で重大1件・注意1件、検査の回復1件" in message.title


def test_a_repetition_says_so_and_keeps_its_number() -> None:
    message = message_of(notice(*some_alerts(), repeated=True), "production")
    assert message.title.startswith("【再送】[協会けんぽKPI・本番]")
    assert "通知番号：12" in message.text and "一度送られた可能性" in message.text


def test_names_from_outside_stay_text_in_html() -> None:
    alert = replace(some_alerts()[0], title="<b>x</b>", lines=("<script>",), link="")
    message = message_of(notice(alert), "production")
    assert "<script>" not in message.html and "&lt;script&gt;" in message.html


def test_a_message_of_very_many_alerts_is_cut_and_says_so() -> None:
    moment = dt.datetime(2025, 7, 10, tzinfo=dt.UTC)
    many = [
        Alert(f"k{number}", "branches_late", "warning", "late", "2025-06", "", "13", f"遅れ{number}", (), "", moment)
        for number in range(100)
    ]
    message = message_of(notice(*many), "production")
    assert message.title == "[協会けんぽKPI・本番] 2025年6月分：提出の遅れ100件"
    assert "60. 遅れ59" in message.text and "遅れ60" not in message.text
    assert "ほか40件は実行の記録にあります。" in message.text
