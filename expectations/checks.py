"""Verdicts as Dagster asset checks: one check per group of rules, with everything a reader needs in its metadata.

What lives here: names, severities and tables. What does not: reaching verdicts (``adapter``, ``completeness``), and what alerts
are made of (``alert_facts``).

A group is a tier and a severity. The usual severity of a tier carries the tier's plain name: ``structural`` is critical and,
where it concerns the dataset as a whole, blocks; ``structural_rows`` is critical for the rows it names and does not block;
``logical`` and ``analytical`` warn. Others say what they are: ``structural_warning``, ``logical_critical``.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from expectations.adapter import validate
from expectations.advice import advice, advice_on_missing
from expectations.alert_facts import NotHeld, alert_facts
from expectations.completeness import Completeness, check_completeness
from expectations.data_docs import DataDocs
from expectations.markdown import markdown_table
from expectations.outcome import RuleOutcome
from expectations.suite import CompletenessRule, Rule, Severity, Suite, Tier
from resources.session import Session

COMPLETENESS = "completeness"
DATA_DOCS = "data_docs"
"""Metadata of a check result: the page on which all rules of its asset stand with their counts."""
IS_SILENCE = "is_silence"
"""Metadata of a check result, true when it did not hold because no file came at all."""

SUBMITTED_LAYER = "raw"
"""Layer whose rows are those that branches sent."""

ROWS_IN_SENTENCE = 4
"""Rows at fault that the check's one-line description quotes; its metadata has more."""

LONGEST_QUOTE = 32


def check_name(rule: Rule) -> str:
    """Return the name of the check that the rule is told under."""
    if rule.tier is Tier.STRUCTURAL:
        if rule.severity is Severity.WARNING:
            return "structural_warning"
        return "structural" if rule.is_blocking else "structural_rows"
    return str(rule.tier) if rule.severity is Severity.WARNING else f"{rule.tier}_critical"


def check_specs(
    asset_key: dg.AssetKey, suite: Suite, *, partitions_def: dg.PartitionsDefinition[Any] | None = None
) -> list[dg.AssetCheckSpec]:
    """Return one spec per group of the suite's rules, completeness last.

    Pass the asset's own partitions definition: without it Dagster records a check's results under no partition.
    """
    with warnings.catch_warnings():
        # partitions_def of a spec is marked as a preview; the minor version of Dagster is held for such reasons.
        warnings.simplefilter("ignore", category=dg.PreviewWarning)
        return _specs(asset_key, suite, partitions_def)


def _specs(
    asset_key: dg.AssetKey, suite: Suite, partitions_def: dg.PartitionsDefinition[Any] | None
) -> list[dg.AssetCheckSpec]:
    specs = [
        dg.AssetCheckSpec(
            name=name,
            asset=asset_key,
            description="; ".join(f"{rule.id}: {rule.description}" for rule in rules),
            blocking=rules[0].is_blocking,
            metadata={"rules": dg.MetadataValue.md(_rules_table(rules)), "owners": _joined(r.owner for r in rules)},
            partitions_def=partitions_def,
        )
        for name, rules in _grouped(suite.rules).items()
    ]
    if suite.completeness is not None:
        rule = suite.completeness
        metadata = {"origin": rule.origin, "protects": _protects([rule]), "owners": rule.owner}
        specs.append(
            dg.AssetCheckSpec(
                name=COMPLETENESS,
                asset=asset_key,
                description=f"{rule.id}: {rule.description}",
                metadata=metadata,
                partitions_def=partitions_def,
            )
        )
    return specs


def check_results(
    asset_key: dg.AssetKey,
    outcomes: Sequence[RuleOutcome],
    completeness: Completeness | None = None,
    docs: DataDocs | None = None,
) -> list[dg.AssetCheckResult]:
    """Return one result per group of the outcomes, completeness last; write their page of ``docs`` and link it from each."""
    links = _links(docs, asset_key, outcomes, completeness) if docs and (outcomes or completeness) else {}
    by_rule = {outcome.rule.id: outcome for outcome in outcomes}
    groups = _grouped([outcome.rule for outcome in outcomes])
    results = [
        _group_result(asset_key, name, [by_rule[rule.id] for rule in rules], links) for name, rules in groups.items()
    ]
    return results if completeness is None else [*results, _completeness_result(asset_key, completeness, links)]


def judge(
    session: Session,
    relation: str,
    suite: Suite,
    *,
    submissions_received: int,
    rows_expected: bool | None = None,
    branches: Mapping[str, str] | None = None,
) -> tuple[list[RuleOutcome], Completeness | None]:
    """Judge a relation by its suite: an outcome per rule, and completeness where the suite asks for it.

    ``submissions_received`` counts the files that landed for this partition, refused ones included. ``rows_expected`` says
    whether an empty relation is a critical fault (default: when there were submissions); where it is not, the rules pass
    with nothing to judge, and completeness warns. ``branches`` (code → name, without the nation) is needed where the suite
    asks for completeness.
    """
    is_row_expected = submissions_received > 0 if rows_expected is None else rows_expected
    outcomes = validate(session, relation, suite.rules, rows_expected=is_row_expected)
    completeness = None
    if suite.completeness is not None:
        completeness = check_completeness(
            session, relation, suite.completeness, branches or {}, submissions_received=submissions_received
        )
    return outcomes, completeness


def is_silence(metadata: Mapping[str, Any]) -> bool:
    """True for the metadata of a check that did not hold because no file came at all."""
    told = metadata.get(IS_SILENCE)
    return isinstance(told, dg.BoolMetadataValue) and bool(told.value)


def run_checks(
    asset_key: dg.AssetKey,
    session: Session,
    relation: str,
    suite: Suite,
    *,
    submissions_received: int,
    rows_expected: bool | None = None,
    branches: Mapping[str, str] | None = None,
    docs: DataDocs | None = None,
) -> list[dg.AssetCheckResult]:
    """Judge a relation as :func:`judge` does: a result for each of :func:`check_specs`, its page in ``docs``."""
    judged = judge(
        session,
        relation,
        suite,
        submissions_received=submissions_received,
        rows_expected=rows_expected,
        branches=branches,
    )
    return check_results(asset_key, *judged, docs)


def _grouped(rules: Iterable[Rule]) -> dict[str, list[Rule]]:
    groups: dict[str, list[Rule]] = {}
    for rule in rules:
        groups.setdefault(check_name(rule), []).append(rule)
    return groups


def _links(
    docs: DataDocs, asset_key: dg.AssetKey, outcomes: Sequence[RuleOutcome], completeness: Completeness | None
) -> dict[str, Any]:
    """Write the page. One that cannot be written stops nothing: what it says stands in the results, too."""
    try:
        return {DATA_DOCS: dg.MetadataValue.path(docs.write(asset_key.path, outcomes, completeness))}
    except OSError as error:
        return {DATA_DOCS: f"the page could not be written: {error.strerror}"}


def _group_result(
    asset_key: dg.AssetKey, name: str, outcomes: list[RuleOutcome], links: Mapping[str, Any]
) -> dg.AssetCheckResult:
    failed = [outcome for outcome in outcomes if not outcome.passed]
    metadata: dict[str, Any] = {
        **links,
        "rules": dg.MetadataValue.md(_outcome_table(outcomes)),
        "rules_judged": sum(outcome.is_evaluated for outcome in outcomes),
        "rules_failed": len(failed),
        "rules_broken": sum(outcome.is_broken for outcome in outcomes),
        **alert_facts(
            asset_key,
            checked_rows=max((outcome.checked_rows for outcome in outcomes), default=0),
            failed_rows=sum(outcome.failed_rows for outcome in failed),
            branches=(code for outcome in failed for code, _ in outcome.branches),
            protects=_endangered(failed) if failed else _protected(outcome.rule for outcome in outcomes),
            what_to_do=(advice(one, is_submission=asset_key.path[0] == SUBMITTED_LAYER) for one in failed),
            not_held=[
                NotHeld(one.rule.id, one.rule.description_ja, one.failed_rows, one.branches, is_broken=one.is_broken)
                for one in failed
            ],
        ),
    }
    for outcome in outcomes:
        if outcome.evidence:
            metadata[f"evidence_{outcome.rule.id}"] = dg.MetadataValue.md(_evidence_table(outcome))
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=asset_key,
        check_name=name,
        severity=_severity(outcomes[0].rule.severity),
        description=" / ".join(_sentence(outcome) for outcome in failed) or None,
        metadata=metadata,
    )


def _completeness_result(
    asset_key: dg.AssetKey, completeness: Completeness, links: Mapping[str, Any]
) -> dg.AssetCheckResult:
    missing = completeness.missing
    return dg.AssetCheckResult(
        passed=completeness.passed,
        asset_key=asset_key,
        check_name=COMPLETENESS,
        severity=_severity(completeness.rule.severity),
        description=completeness.message,
        metadata={
            **links,
            "branches_present": len(completeness.present),
            "branches_missing": len(missing),
            "missing": dg.MetadataValue.md(markdown_table(["code", "branch"], missing.items()) if missing else "—"),
            "missing_names": completeness.missing_text or "—",
            "missing_codes": list(missing),
            "submissions_received": int(completeness.submissions_received),
            "is_broken": completeness.is_broken,
            IS_SILENCE: completeness.is_silence,
            "origin": completeness.rule.origin,
            **alert_facts(
                asset_key,
                checked_rows=len(completeness.present) + len(missing),
                failed_rows=len(missing),
                branches=missing,
                protects=_protected([completeness.rule]),
                what_to_do=[] if completeness.passed else [advice_on_missing(completeness)],
                not_held=[]
                if completeness.passed
                else [
                    NotHeld(
                        completeness.rule.id,
                        completeness.rule.description_ja,
                        len(missing),
                        is_broken=completeness.is_broken,
                        unit="支部",
                    )
                ],
                unit="支部",
            ),
        },
    )


def _sentence(outcome: RuleOutcome) -> str:
    """One line of what is wrong: rule, count, the first rows at fault, and what a person should know besides."""
    rows = f"{outcome.failed_rows} of {outcome.checked_rows} rows" if outcome.failed_rows else ""
    shown = [_quoted(row) for row in outcome.evidence[:ROWS_IN_SENTENCE]]
    return f"{outcome.rule.id}: {_joined([outcome.rule.description_ja, rows, *shown, outcome.message], ' — ')}"


def _quoted(row: Mapping[str, str]) -> str:
    """The short values of a row at fault; long texts are in the metadata."""
    return ", ".join(f"{name} {value}" for name, value in row.items() if value and len(value) <= LONGEST_QUOTE)


def _state(outcome: RuleOutcome) -> str:
    if outcome.is_broken:
        return "check broken"
    if not outcome.is_evaluated:
        return "nothing to judge" if outcome.passed else "not judged"
    return "passed" if outcome.passed else "failed"


def _rules_table(rules: Iterable[Rule]) -> str:
    header = ["rule", "description", "説明", "protects", "origin", "owner", "since"]
    rows = [
        [r.id, r.description, r.description_ja, _protects([r]), r.origin, r.owner, r.since.isoformat()] for r in rules
    ]
    return markdown_table(header, rows)


def _outcome_table(outcomes: Iterable[RuleOutcome]) -> str:
    header = ["rule", "result", "failed rows", "checked rows", "message", "説明", "protects", "origin"]
    rows = [
        [
            outcome.rule.id,
            _state(outcome),
            str(outcome.failed_rows),
            str(outcome.checked_rows),
            outcome.message,
            outcome.rule.description_ja,
            _protects([outcome.rule]),
            outcome.rule.origin,
        ]
        for outcome in outcomes
    ]
    return markdown_table(header, rows)


def _evidence_table(outcome: RuleOutcome) -> str:
    header = list(outcome.evidence[0])
    table = markdown_table(header, ([row[name] for name in header] for row in outcome.evidence))
    hidden = outcome.failed_rows - len(outcome.evidence)
    return f"{table}\n\n… and {hidden} more rows" if hidden > 0 else table


def _protected(rules: Iterable[Rule | CompletenessRule]) -> list[str]:
    names = {name for rule in rules for name in ([rule.protects] if rule.protects == "all" else rule.protects)}
    return ["all"] if "all" in names else sorted(names)


def _endangered(failed: Sequence[RuleOutcome]) -> list[str]:
    """KPIs that the rows at fault name; where they name none, those that their rule protects."""
    named = {place.kpi_id for outcome in failed for place in outcome.places if place.kpi_id}
    others = _protected(outcome.rule for outcome in failed if not any(place.kpi_id for place in outcome.places))
    return others if others == ["all"] else sorted({*named, *others})


def _protects(rules: Iterable[Rule | CompletenessRule]) -> str:
    return ", ".join(_protected(rules))


def _joined(texts: Iterable[str], separator: str = ", ") -> str:
    return separator.join(dict.fromkeys(text for text in texts if text))


def _severity(severity: Severity) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if severity is Severity.CRITICAL else dg.AssetCheckSeverity.WARN
