"""Judging a month: applies targets and judgement to every line that the model ``judgement_inputs`` lists.

What lives here: from rows to rows. The rules are in ``targets``, ``frozen_targets`` and ``judgement``; what is asked comes
from SQL.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.figures import Figure
from kenpo_pipelines.catalogue.frozen_targets import (
    NOTHING_PUBLISHED,
    PublishedTargets,
    StandingTarget,
    exact_text,
    standing_target,
)
from kenpo_pipelines.catalogue.judgement import Judgement, disagreement_note, judge
from kenpo_pipelines.catalogue.model import Catalogue, Kind, KpiVersion
from kenpo_pipelines.catalogue.rounding import half_up, printed
from kenpo_pipelines.catalogue.targets import (
    Reason,
    SubmittedTarget,
    Target,
    TargetQuestion,
    resolve_target,
)

SCHEMA = pa.schema(
    [
        ("fiscal_year", pa.int32()),
        ("branch_code", pa.string()),
        ("kpi_id", pa.string()),
        ("value", pa.decimal128(28, 10)),
        ("value_text", pa.string()),
        ("target", pa.decimal128(28, 10)),
        ("target_text", pa.string()),
        ("comparator", pa.string()),
        ("target_source", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("reason_text", pa.string()),
        ("ratio_to_target", pa.decimal128(18, 1)),
        ("is_nearly_attained", pa.bool_()),
        ("prior_value", pa.decimal128(28, 10)),
        ("prior_value_text", pa.string()),
        ("prior_as_of", pa.string()),
        ("status", pa.string()),
        ("notes", pa.string()),
        ("target_exact", pa.string()),
        ("target_is_fixed", pa.bool_()),
        ("target_rests_on_prior_year", pa.bool_()),
        ("target_used_since", pa.string()),
    ]
)
"""Grain: one judged KPI, fiscal_year × branch_code × kpi_id. The last four columns are for publishing the target: a figure was
held against it where ``target_used_since`` is given."""


def judge_month(
    rows: Iterable[Mapping[str, Any]],
    catalogue: Catalogue,
    month: str,
    published: PublishedTargets = NOTHING_PUBLISHED,
) -> pa.Table:
    """Return one judgement per row of ``judgement_inputs``, in the same order. Shape: :data:`SCHEMA`."""
    return pa.Table.from_pylist([_judge_row(row, catalogue, month, published) for row in rows], schema=SCHEMA)


def _judge_row(row: Mapping[str, Any], catalogue: Catalogue, month: str, published: PublishedTargets) -> dict[str, Any]:
    fiscal_year, branch_code, kpi_id = row["fiscal_year"], row["branch_code"], row["kpi_id"]
    version = catalogue.version(kpi_id, fiscal_year)
    assert version is not None, f"{kpi_id} is not in force in {fiscal_year}: judgement_inputs is wrong"
    has_prior = version.is_comparable_with_previous or fiscal_year - 1 in version.fiscal_years
    prior = _figure(row, "prior_") if has_prior else None
    today = resolve_target(
        TargetQuestion(
            version=version,
            fiscal_year=fiscal_year,
            branch_code=branch_code,
            is_first_year=fiscal_year == catalogue.kpi_by_id[kpi_id].first_year,
            own=_submitted(row["own_comparator"], row["own_target_value"]),
            is_contradictory=bool(row["is_contradictory"]),
            national=_national(row),
            prior_year_end=prior,
            prior_june=_figure(row, "prior_june_") if has_prior else None,
        )
    )
    if today.reason is Reason.CONTRADICTORY_TARGETS:
        today = replace(today, text=row["registered_as"], notes=(f"登録された目標: {row['registered_as']}",))
    standing = standing_target(today, (fiscal_year, branch_code, kpi_id), published, version)
    target = standing.target
    figure = None if row["gap"] else _figure(row, "", as_of="figure_as_of")
    judgement = judge(
        figure,
        target,
        version,
        fiscal_year,
        branch_code,
        catalogue.planned_tenders_of(fiscal_year, branch_code),
        why_no_figure=Reason.INCOMPLETE_SUBMISSION if row["gap"] else Reason.NO_RESULT,
    )
    return {
        "fiscal_year": fiscal_year,
        "branch_code": branch_code,
        "kpi_id": kpi_id,
        **_judgement_columns(judgement, target, _record_notes(row, figure, version, branch_code)),
        **_prior_columns(prior, version, branch_code),
        "status": _status(figure, version, fiscal_year, month),
        **_frozen_columns(standing, judgement, month),
    }


def _judgement_columns(judgement: Judgement, target: Target, record_notes: Iterable[str]) -> dict[str, Any]:
    told = judgement.reason_text
    notes = [note for note in (*record_notes, *target.notes, *judgement.notes) if note != told]
    return {
        "value": judgement.value,
        "value_text": judgement.value_text,
        "target": target.value,
        "target_text": target.text,
        "comparator": target.comparator,
        "target_source": target.source,
        "outcome": str(judgement.outcome),
        "reason": str(judgement.reason or ""),
        "reason_text": told,
        "ratio_to_target": judgement.ratio_to_target_pct,
        "is_nearly_attained": judgement.is_nearly_attained,
        "notes": "\n".join(notes),
    }


def _frozen_columns(standing: StandingTarget, judgement: Judgement, month: str) -> dict[str, Any]:
    target = standing.target
    is_used = bool(judgement.value_text) and target.reason is None
    return {
        "target_exact": exact_text(target.exact),
        "target_is_fixed": target.is_fixed,
        "target_rests_on_prior_year": target.rests_on_prior_year,
        "target_used_since": (standing.used_since or month) if is_used else None,
    }


def _record_notes(row: Mapping[str, Any], figure: Figure | None, version: KpiVersion, branch_code: str) -> list[str]:
    """What to know of a figure computed from records: what it lacks, and a reported figure that says otherwise."""
    reported = Figure(
        as_of=row["figure_as_of"] or "",
        value=row["reported_value"],
        numerator=row["reported_numerator"],
        denominator=row["reported_denominator"],
    )
    disagreement = disagreement_note(
        figure,
        reported,
        version.kind_for(branch_code),
        version.precision_for(branch_code),
        version.unit_for(branch_code),
    )
    return [note for note in (row["gap"], row["note"], disagreement) if note]


def _figure(row: Mapping[str, Any], prefix: str, as_of: str | None = None) -> Figure | None:
    own_month = row[as_of or f"{prefix}as_of"]
    if own_month is None:
        return None
    return Figure(
        as_of=own_month,
        value=row[f"{prefix}value"],
        numerator=row[f"{prefix}numerator"],
        denominator=row[f"{prefix}denominator"],
        is_done=row.get(f"{prefix}is_done"),
    )


def _submitted(comparator: str | None, value: Any) -> SubmittedTarget | None:
    return None if comparator is None else SubmittedTarget(comparator, value)


def _national(row: Mapping[str, Any]) -> SubmittedTarget | None:
    if row["national_is_contradictory"]:
        return None
    return _submitted(row["national_comparator"], row["national_target_value"])


def _prior_columns(prior: Figure | None, version: KpiVersion, branch_code: str) -> dict[str, Any]:
    """The prior year's result for reference, at this year's precision."""
    kind, precision = version.kind_for(branch_code), version.precision_for(branch_code)
    value, text = None, ""
    if prior is not None and kind is Kind.QUALITATIVE:
        text = {True: "実施", False: "未実施", None: ""}[prior.is_done]
    elif prior is not None and (exact := prior.exact(kind, precision)) is not None:
        value = half_up(exact, precision)
        text = printed(value, precision, version.unit_for(branch_code))
    as_of = prior.as_of if prior is not None and text else None
    return {"prior_value": value, "prior_value_text": text, "prior_as_of": as_of}


def _status(figure: Figure | None, version: KpiVersion, fiscal_year: int, month: str) -> str:
    """確定 once the figure is the year's last and the longest reporting lag has passed, 速報 before.

    The year's last month is March, or the one in which the KPI ended.
    """
    if figure is None:
        return ""
    last_month = min(fiscal.year_end(fiscal_year), version.ended_in or fiscal.year_end(fiscal_year))
    settled_from = fiscal.add_months(last_month, version.reporting_lag_months[1])
    is_final = figure.as_of >= last_month and month >= settled_from
    return "final" if is_final else "provisional"
