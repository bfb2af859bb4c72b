"""Rules out of dbt: the generic tests of a ``schema.yml`` as rules, so that models are judged as dbt would judge them.

What lives here: reading ``data_tests:``. What does not: running dbt; the models themselves (``kenpo_pipelines.models``).

Understood: ``not_null``, ``unique``, ``accepted_values`` on columns, and our generic test ``unique_combination_of_columns``
on models; ``config.severity`` (warn, error); ``meta.protects`` (KPI ids or all) on the test, its column or its model; and
``meta.scope: dataset`` on a test whose failure spoils the whole model, so that it blocks what is built from it. A generic
test of our own on a model, ``dbt_macros/<test>.sql``, is judged by its own SQL, rendered with the model and the test's
arguments: what it selects is at fault; ``meta`` of the test says its ``tier``, ``description``, ``description_ja`` and
``evidence`` (columns that it selects and that may be shown). Any other test, and any other ``config`` that changes what a
test means, is refused: a check that silently does not run is worse than none. A model gets two rules more, for GX would raise
or pass without them: its documented columns exist (critical) and it has rows (a warning; ``meta.has_rows: error`` or ``none``
on the model says otherwise).
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from expectations.suite import (
    BATCH,
    COLUMNS,
    GATES,
    ROW_COUNT,
    Rule,
    Scope,
    Severity,
    Suite,
    SuiteError,
    Tier,
    read_yaml,
    with_context,
)
from kenpo_pipelines import fiscal

FIRST_DAY = dt.date.fromisoformat(f"{fiscal.FIRST_MONTH}-01")
"""dbt has no place to say since when a test holds: it holds for every month there is."""

SHOWABLE = ("known_month", "fiscal_year", "month", "as_of", "branch_code", "kpi_id", "measure_id")
"""Columns of a model's grain that may be shown of failing rows: they name a figure, never a person."""

_IN_JA = {
    "not_null": "{column} は空でない",
    "unique": "{column} に重複がない",
    "accepted_values": "{column} は決められた値である",
    "unique_combination_of_columns": "{column} の組に重複がない",
}
_NEUTRAL_CONFIG = {"severity", "meta", "enabled", "tags", "store_failures"}
_OWN_TEST = re.compile(
    r"{%-?\s*test (?P<name>\w+)\(model(?P<arguments>(?:, \w+)*)\)\s*-?%}(?P<sql>.*){%-?\s*endtest\s*-?%}", re.DOTALL
)
"""A generic test of our own: its name, the arguments beside the model, its SQL."""

_OWN_META = ("tier", "description", "description_ja", "evidence")


def suite_from_dbt(path: Path) -> dict[str, Suite]:
    """Return a suite per model of a dbt ``schema.yml``; raise :class:`SuiteError` naming file, model and test."""
    suites: dict[str, Suite] = {}
    own_tests = _own_tests(path.parent.parent / "dbt_macros")
    for model in read_yaml(path).get("models") or []:
        where = f"{path.parent.name}/{path.name}: model {model.get('name')}"
        rules = [*_own_rules(model, where), *_test_rules(model, where, own_tests)]
        raw = {"dataset": model.get("name"), "rules": rules}
        suites[str(model.get("name"))] = with_context(where, Suite, raw)
    return suites


def _own_rules(model: Mapping[str, Any], where: str) -> Iterator[Rule]:
    has_rows = _meta(model).get("has_rows", "warn")
    if has_rows != "none":
        yield _rule(
            where,
            {},
            model,
            {},
            id="has_rows",
            severity=_severity(has_rows, where),
            expectation=ROW_COUNT,
            kwargs={"min_value": 1},
            description="the model has rows",
            description_ja="行がある",
        )
    if names := [column["name"] for column in model.get("columns") or []]:
        yield _rule(
            where,
            {},
            model,
            {},
            id="has_columns",
            severity=Severity.CRITICAL,
            expectation=COLUMNS,
            kwargs={"column_set": names, "exact_match": False},
            description="every documented column exists",
            description_ja="記載された列がそろっている",
        )


@dataclass(frozen=True)
class _OwnTest:
    """A generic test of our own, as its file has it."""

    file: str
    arguments: tuple[str, ...]
    template: str

    def sql(self, arguments: Mapping[str, Any], where: str) -> str:
        """Return its SQL, the model in it being :data:`BATCH`; raise SuiteError when the arguments are not its own."""
        if {*arguments} != {*self.arguments}:
            given, wanted = (", ".join(names) or "none" for names in (arguments, self.arguments))
            raise SuiteError(f"{where}: arguments: {given}; wanted: {wanted}")
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # SQL, not HTML
        try:
            return environment.from_string(self.template).render(model=BATCH, **arguments).strip()
        except jinja2.TemplateError as error:
            raise SuiteError(f"{self.file}: {error}") from error


def _own_tests(folder: Path) -> dict[str, _OwnTest]:
    """Return our own generic tests by name, but for the one that is known by its name. The files are dbt's."""
    found = {}
    for path in sorted(folder.glob("*.sql")):
        match = _OWN_TEST.search(path.read_text(encoding="utf-8"))
        if match and match["name"] not in _IN_JA:
            arguments = tuple(match["arguments"].replace(",", " ").split())
            found[match["name"]] = _OwnTest(path.name, arguments, match["sql"])
    return found


def _test_rules(model: Mapping[str, Any], where: str, own_tests: Mapping[str, _OwnTest]) -> Iterator[Rule]:
    for column in model.get("columns") or []:
        for test in column.get("data_tests") or []:
            yield _from_test(test, model, column, f"{where}: column {column.get('name')}", {})
    for test in model.get("data_tests") or []:
        yield _from_test(test, model, {}, where, own_tests)


def _from_test(
    test: Any, model: Mapping[str, Any], column: Mapping[str, Any], where: str, own_tests: Mapping[str, _OwnTest]
) -> Rule:
    name, body = (test, {}) if isinstance(test, str) else next(iter(test.items()))
    where = f"{where}: test {name}"
    body = body or {}
    config = body.get("config") or {}
    if unknown := set(config) - _NEUTRAL_CONFIG:
        raise SuiteError(f"{where}: config.{', config.'.join(sorted(unknown))}: not supported")
    severity = _severity(config.get("severity", "error"), where)
    if name in own_tests:
        told = {key: value for key, value in _meta(body).items() if key in _OWN_META}
        given = body.get("arguments") or {}
        sql = own_tests[name].sql(given, where)
        rule_id = "_".join([name, *map(str, given.values())])
        return _rule(where, body, model, column, id=rule_id, severity=severity, unexpected_rows=sql, **told)
    arguments = {**body, **(body.get("arguments") or {})}
    expectation, kwargs, subject = _expectation(name, arguments, column, where)
    return _rule(
        where,
        body,
        model,
        column,
        id="_".join([name, *subject]).lower(),
        severity=severity,
        expectation=expectation,
        kwargs=kwargs,
        description=f"dbt test {name} on {', '.join(subject)}",
        description_ja=_IN_JA[name].format(column="・".join(subject)),
    )


def _expectation(
    name: str, arguments: Mapping[str, Any], column: Mapping[str, Any], where: str
) -> tuple[str, dict[str, Any], list[str]]:
    """Return the GX expectation of a dbt test, its arguments, and the columns it is about."""
    if name == "unique_combination_of_columns" and not column:
        names = list(arguments.get("combination_of_columns") or [])
        if len(names) < 2:
            raise SuiteError(f"{where}: combination_of_columns: needs two columns or more")
        return "expect_compound_columns_to_be_unique", {"column_list": names}, names
    if name in ("not_null", "unique", "accepted_values") and column:
        target = {"column": column["name"]}
        if name == "not_null":
            return "expect_column_values_to_not_be_null", target, [column["name"]]
        if name == "unique":
            return "expect_column_values_to_be_unique", target, [column["name"]]
        values = arguments.get("values")
        if not values:
            raise SuiteError(f"{where}: values: must list what is accepted")
        return "expect_column_values_to_be_in_set", {**target, "value_set": list(values)}, [column["name"]]
    raise SuiteError(f"{where}: not a test that is known here")


def _rule(
    where: str, test: Mapping[str, Any], model: Mapping[str, Any], column: Mapping[str, Any], **fields: Any
) -> Rule:
    """Complete a rule with what dbt says elsewhere: protects, owner, and which columns may be shown."""
    known = [entry["name"] for entry in model.get("columns") or []]
    protects = next((m["protects"] for m in map(_meta, (test, column, model)) if "protects" in m), "all")
    is_gate = fields.get("expectation") in GATES
    raw = {
        "tier": Tier.STRUCTURAL,
        "scope": Scope.DATASET if is_gate else _meta(test).get("scope", Scope.ROWS),
        "evidence": [name for name in SHOWABLE if name in known],
        "origin": f"dbt schema.yml, model {model.get('name')}",
        "owner": _meta(model).get("owner", "team:data-engineering"),
        "since": FIRST_DAY,
        "protects": protects,
        **fields,
    }
    return with_context(f"{where}: rule {fields['id']}", Rule, raw)


def _meta(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config.meta`` and ``meta`` of a node of the file; dbt accepts both places."""
    return {**(node.get("meta") or {}), **((node.get("config") or {}).get("meta") or {})}


def _severity(word: Any, where: str) -> Severity:
    words = {"error": Severity.CRITICAL, "warn": Severity.WARNING}
    if str(word).lower() not in words:
        raise SuiteError(f"{where}: severity: {word!r} is neither error nor warn")
    return words[str(word).lower()]
