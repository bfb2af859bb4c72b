"""alerts.yml: what it mutes and routes, and how it is refused."""

import datetime as dt
from pathlib import Path

import pytest

from kenpo_pipelines.automation.alerting.selections import SelectionError, load_selections
from kenpo_pipelines.automation.alerting.telling import Teller
from kenpo_pipelines.serving.outbox import Alert
from kenpo_pipelines.settings import CHECKOUT

TODAY = dt.date(2025, 7, 10)
WHY = "origin: test, date: 2025-07-01, owner: 'team:test'"


def alert(subject: str = "raw/claims:logical", severity: str = "warning", kind: str = "check_failed") -> Alert:
    dataset = subject.partition(":")[0].rpartition("/")[2]
    moment = dt.datetime(2025, 7, 10, tzinfo=dt.UTC)
    return Alert("k", kind, severity, "run", "2025-06", dataset, subject, "t", ("l",), "", moment)


def selected(tmp_path: Path, entry: str, one: Alert, environment: str = "production") -> tuple[str, tuple[str, ...]]:
    file = tmp_path / "alerts.yml"
    file.write_text(f"selections:\n  - {{id: a, {entry}, {WHY}}}\n", encoding="utf-8")
    (found,) = Teller((), load_selections(file), environment).selected([one], TODAY)
    return found.muted_by, found.routes


@pytest.mark.parametrize(
    ("entry", "muted_by"),
    [
        ("mute: true", "a"),
        ("asset: raw/*, mute: true", "a"),
        ("asset: staging/*, mute: true", ""),
        ("check: logic*, mute: true", "a"),
        ("check: structural, mute: true", ""),
        ("dataset: claims, mute: true", "a"),
        ("kind: check_recovered, mute: true", ""),
        ("severity: [critical], mute: true", ""),
        ("severity: [critical, warning], mute: true", "a"),
        ("environment: [local, staging], mute: true", ""),
        ("environment: [production], mute: true", "a"),
        ("mute: true, until: 2025-07-10", "a"),
        ("mute: true, until: 2025-07-09", ""),
        ("route: [planning]", ""),
    ],
)
def test_a_mute_holds_for_what_all_its_patterns_fit_until_its_last_day(
    tmp_path: Path, entry: str, muted_by: str
) -> None:
    assert selected(tmp_path, entry, alert())[0] == muted_by


def test_a_route_adds_tags(tmp_path: Path) -> None:
    assert selected(tmp_path, "route: [planning, submissions]", alert()) == ("", ("planning", "submissions"))


def test_a_pattern_of_checks_fits_no_run(tmp_path: Path) -> None:
    run = alert("monthly_refresh", "critical", "run_failed")
    assert selected(tmp_path, "asset: raw/*, mute: true", run)[0] == ""
    assert selected(tmp_path, "kind: run_*, mute: true", run)[0] == "a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("selections: [{id: a, mute: true}]", "selections.0.origin"),
        (f"selections: [{{id: a, {WHY}}}]", "either mute: true or route"),
        (f"selections: [{{id: a, mute: true, route: [b], {WHY}}}]", "either mute: true or route"),
        (f"selections: [{{id: a, mute: false, {WHY}}}]", "selections.0.mute"),
        (f"selections: [{{id: a, route: [b], until: 2025-07-01, {WHY}}}]", "until belongs to mute"),
        (f"selections: [{{id: a, route: [b c], {WHY}}}]", "selections.0.route.0"),
        (f"selections: [{{id: a, severity: [high], mute: true, {WHY}}}]", "selections.0.severity.0"),
        (f"selections: [{{id: a, environment: [prod], mute: true, {WHY}}}]", "selections.0.environment.0"),
        (f"selections: [{{id: a, mute: true, {WHY}}}, {{id: a, mute: true, {WHY}}}]", "ids occur twice: a"),
        ("selections: {", "not readable as YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_field(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "alerts.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SelectionError, match=r"^alerts\.yml: ") as refused:
        load_selections(file)
    assert said in str(refused.value)


def test_the_projects_own_file_mutes_missing_branches_and_routes_what_cannot_be_read() -> None:
    own = load_selections(CHECKOUT / "kenpo_pipelines" / "automation" / "alerts.yml")
    teller = Teller((), own, "production")
    missing, refused, logical = teller.selected(
        [alert("raw/claims:completeness"), alert("ledger/claims:files_readable", "critical"), alert()], TODAY
    )
    assert missing.muted_by == "branches_missing_are_told_by_the_lateness_check"
    assert (refused.muted_by, refused.routes) == ("", ("submissions",))
    assert (logical.muted_by, logical.routes) == ("", ())
