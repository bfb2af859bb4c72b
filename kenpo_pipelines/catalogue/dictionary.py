"""The KPI dictionary for people: one page of Markdown, rendered from the catalogue.

What lives here: how a definition is put into words, and the command that rewrites ``docs/kpi-dictionary.md``
(``python -m kenpo_pipelines.catalogue.dictionary``). The page's layout is ``dictionary.md.j2`` beside this module. What
does not: any fact about a KPI; those stand in ``kpis/<kpi_id>.yml``.
"""

from decimal import Decimal
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kenpo_pipelines.catalogue.base import YearSpan
from kenpo_pipelines.catalogue.computation import ComputedFrom, MeasureKind, Window
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import (
    Accumulation,
    Catalogue,
    Direction,
    Kind,
    Kpi,
    KpiVersion,
    ScopeOverride,
    TargetRule,
    TargetRuleName,
)

CATALOGUE_DIRECTORY = Path(__file__).parent
DICTIONARY_PATH = CATALOGUE_DIRECTORY.parents[1] / "docs" / "kpi-dictionary.md"

_SIGN = {Direction.AT_LEAST: "≥", Direction.AT_MOST: "≤"}
_ACCUMULATION = {
    Accumulation.CUMULATIVE: "fiscal year to date",
    Accumulation.LEVEL: "state at month end",
    Accumulation.COHORT: "cohort",
    Accumulation.YEAR_END: "year end",
    Accumulation.NONE: "–",
}
_KIND = {
    Kind.RATE: "rate (numerator ÷ denominator × 100)",
    Kind.MEAN: "mean (numerator ÷ denominator)",
    Kind.COUNT: "count",
    Kind.QUALITATIVE: "done or not done (実施／未実施)",
}


_MEASURE_KIND = {
    MeasureKind.FLOW: "added up",
    MeasureKind.LEVEL: "latest month",
    MeasureKind.COHORT: "by check-up month",
}
_WINDOW = {
    Window.YEAR_TO_DATE: "fiscal year to date",
    Window.LATEST: "latest month",
    Window.SERVICE_MONTH: "one service month",
    Window.COHORT: "check-ups of the fiscal year before, as far as their time is over",
}


def years_text(first: int, last: int | None) -> str:
    """Put a span of fiscal years into words: ``2023``, ``2023–2024``, or ``2023–`` while it is open."""
    if last is None:
        return f"{first}–"
    return str(first) if first == last else f"{first}–{last}"


def target_text(rule: TargetRule, direction: Direction, span: YearSpan) -> str:
    """Put a target rule into words; a uniform target stays in force until the next: ``≤ 20 (2023), ≤ 15 (2024–)``."""
    sign = _SIGN[direction]
    match rule.rule:
        case TargetRuleName.UNIFORM:
            return "uniform " + ", ".join(
                f"{sign} {value:,} ({years_text(year, last)})" for year, last, value in _spans_in_force(rule, span)
            )
        case TargetRuleName.BRANCH_SET:
            return f"{sign} set by each branch"
        case TargetRuleName.PRIOR_YEAR:
            return f"{sign} prior year"
        case TargetRuleName.PRIOR_YEAR_END_OR_80:
            return f"{sign} 80.0 for a branch under 80.0, otherwise {sign} prior year end"
        case TargetRuleName.QUALITATIVE:
            return "done (実施)"


def _spans_in_force(rule: TargetRule, span: YearSpan) -> list[tuple[int, int | None, Decimal]]:
    """Return (first year, last year, target) of each uniform target, ascending."""
    years = sorted(rule.values)
    lasts: list[int | None] = [later - 1 for later in years[1:]]
    return [(year, last, rule.values[year]) for year, last in zip(years, [*lasts, span.last], strict=True)]


def scope_text(version: KpiVersion, catalogue: Catalogue) -> str:
    """Say for whom the KPI is followed, branches by their Japanese names."""
    if version.scope == "nation":
        return "nation only (協会全体)"
    if version.scope == "branches":
        return ", ".join(catalogue.branch_by_code[code].name for code in version.branches)
    return "every branch and the nation"


def precision_text(version: KpiVersion, catalogue: Catalogue) -> str:
    """Return the decimals printed and judged, with the branches that differ: ``1 (東京支部 2)``."""
    others = [f"{catalogue.branch_by_code[code].name} {count}" for code, count in version.precision_by_branch.items()]
    return f"{version.precision} ({', '.join(others)})" if others else str(version.precision)


def lag_text(lag: tuple[int, int]) -> str:
    """Put the reporting lag into words: ``0–2 months``, ``1 month``."""
    least, most = lag
    return f"{least}–{most} months" if least != most else f"{least} month{'' if least == 1 else 's'}"


def national_text(override: ScopeOverride, version: KpiVersion) -> str:
    """Say how the nation's figure differs from a branch's."""
    target = target_text(override.target, version.direction, version.fiscal_years)
    return f"{_KIND[override.kind]}, unit {override.unit}, {override.precision} decimals, target {target}"


def computed_text(computed: ComputedFrom) -> str:
    """Say which measures a figure is computed from, over which months, and from which datasets' records."""
    parts = [f"`{part.measure}` ({_WINDOW[part.window]})" for part in (computed.numerator, computed.denominator)]
    lag = (
        f", {lag_text((computed.lag_months, computed.lag_months))} before the month run" if computed.lag_months else ""
    )
    datasets = ", ".join(f"[{dataset}](datasets.md#{dataset})" for dataset in computed.datasets)
    return f"{' ÷ '.join(parts)}{lag}; from {datasets}"


def _by_version(kpi: Kpi, texts: list[str]) -> str:
    """Join one text per version; years are named only where the versions differ."""
    if len(set(texts)) == 1:
        return texts[0]
    spans = [years_text(version.fiscal_years.first, version.fiscal_years.last) for version in kpi.versions]
    return "; ".join(f"{span}: {text}" for span, text in zip(spans, texts, strict=True))


def _overview_row(kpi: Kpi, catalogue: Catalogue) -> list[str]:
    versions = kpi.versions
    columns = [
        [version.unit or "–" for version in versions],
        [precision_text(version, catalogue) for version in versions],
        [_SIGN[version.direction] for version in versions],
        [_ACCUMULATION[version.accumulation] for version in versions],
    ]
    spans = ", ".join(years_text(version.fiscal_years.first, version.fiscal_years.last) for version in versions)
    targets = [target_text(version.target, version.direction, version.fiscal_years) for version in versions]
    shared = [_by_version(kpi, texts) for texts in columns]
    return [f"[{kpi.id}](#{kpi.id})", kpi.names.ja, *shared, spans, _by_version(kpi, targets)]


def render_dictionary(catalogue: Catalogue) -> str:
    """Return the page as Markdown: an overview by group, then a section per KPI with all its versions.

    Groups follow the order of their first KPI, KPIs their ``order``. The same catalogue always gives the same text.
    """
    in_order = sorted(catalogue.kpis, key=lambda kpi: kpi.order)
    first_of_group = {kpi.group: kpi.order for kpi in reversed(in_order)}
    by_group = sorted(in_order, key=lambda kpi: (first_of_group[kpi.group], kpi.order))
    # No escaping: the page is Markdown, where HTML entities would show up as they are written.
    environment = Environment(
        loader=FileSystemLoader(CATALOGUE_DIRECTORY),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"cell": lambda text: text.replace("|", "\\|"), "years": years_text}
    return environment.get_template("dictionary.md.j2").render(
        catalogue=catalogue,
        groups=[(group, list(kpis)) for group, kpis in groupby(by_group, key=lambda kpi: kpi.group)],
        overview_row=_overview_row,
        kind=_KIND,
        sign=_SIGN,
        accumulation=_ACCUMULATION,
        target_text=target_text,
        scope_text=scope_text,
        precision_text=precision_text,
        lag_text=lag_text,
        national_text=national_text,
        computed_text=computed_text,
        measure_kind=_MEASURE_KIND,
    )


def main() -> None:
    """Rewrite ``docs/kpi-dictionary.md`` from the catalogue beside this module."""
    DICTIONARY_PATH.parent.mkdir(exist_ok=True)
    DICTIONARY_PATH.write_text(render_dictionary(load_catalogue(CATALOGUE_DIRECTORY)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
