"""Making the progress report of one branch from what is published.

What lives here: choosing and putting together. What does not: rules of marks (``marking``), sums (``budgets``), layout.
"""

from collections.abc import Iterable, Mapping, Sequence

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Catalogue, KpiVersion
from kenpo_pipelines.scorecards import view
from kenpo_pipelines.scorecards.progress.activities import activity_groups
from kenpo_pipelines.scorecards.progress.budgets import Amounts, total
from kenpo_pipelines.scorecards.progress.kpi_lines import quarters_of
from kenpo_pipelines.scorecards.progress.marking import (
    MarkRules,
    Proposal,
    mark_rules,
    propose_for_initiative,
    propose_for_kpi,
)
from kenpo_pipelines.scorecards.progress.model import (
    GivenMark,
    InitiativeGroup,
    InitiativeLine,
    KpiGroup,
    KpiLine,
    PrintedSum,
    ProgressReport,
    ShownMark,
)
from kenpo_pipelines.scorecards.progress.overrides import match_marks
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow, read_rows
from kenpo_pipelines.serving.progress_queries import ActivityRow, InitiativeRow, MarkRow
from kenpo_pipelines.serving.series import SeriesPoint


def progress_report(
    rows: Iterable[ScorecardRow | Mapping[str, object] | object],
    initiatives: Iterable[InitiativeRow],
    activities: Iterable[ActivityRow],
    marks: Iterable[MarkRow],
    series: Iterable[SeriesPoint],
    catalogue: Catalogue,
    rules: MarkRules | None = None,
) -> ProgressReport:
    """Return the report of the branch and month that ``rows`` (its published lines of one as_of) are of.

    Only lines of as_of's own fiscal year are used. Of the others, those of the branch count; of the marks, those given for the
    report of just this month: what people said about June says nothing about September. ``rules`` None means the project's own.
    Raises :class:`ScorecardError` when there are no rows, or rows of more than one branch or as_of.
    """
    of_branch = read_rows(rows)
    as_of, branch_code = of_branch[0].as_of, of_branch[0].branch_code
    if others := {row.branch_code for row in of_branch} - {branch_code}:
        raise ScorecardError(f"rows of more than one branch: {', '.join(sorted({branch_code, *others}))}")
    fiscal_year = fiscal.fiscal_year_of(as_of)
    own_rows = [row for row in of_branch if row.fiscal_year == fiscal_year]
    own_initiatives = sorted(
        (row for row in initiatives if row.branch_code == branch_code), key=lambda row: row.line_order
    )
    own_activities = [row for row in activities if row.branch_code == branch_code]
    given = [row for row in marks if row.branch_code == branch_code and row.marked_as_of == as_of]
    matched = match_marks(given, {row.kpi_id for row in own_rows}, own_initiatives, catalogue)
    notes = _Notes()
    chosen = rules or mark_rules()
    points = [point for point in series if point.branch_code == branch_code]
    kpi_groups = tuple(
        KpiGroup(
            name,
            tuple(_kpi_line(row, catalogue, points, chosen, matched.of_kpis.get(row.kpi_id), notes) for row in lines),
        )
        for name, lines in view.by_group(own_rows).items()
    )
    groups = _initiative_groups(own_initiatives, chosen, matched.of_initiatives, notes)
    documents = [*(row.source_document for row in own_initiatives), *(row.source_document for row in own_activities)]
    return ProgressReport(
        as_of=as_of,
        fiscal_year=fiscal_year,
        branch_code=branch_code,
        branch=of_branch[0].branch,
        kpi_groups=kpi_groups,
        activity_groups=activity_groups(own_activities),
        initiative_groups=groups,
        initiatives_as_of=own_initiatives[0].figure_as_of if own_initiatives else None,
        total=total(line.amounts for group in groups for line in group.lines),
        given_marks=tuple(notes.given),
        unused_marks=matched.unused,
        sources=tuple(dict.fromkeys(document for document in documents if document)),
    )


class _Notes:
    """Footnotes of marks that people gave, numbered in the order in which a reader meets them."""

    def __init__(self) -> None:
        self.given: list[GivenMark] = []

    def shown(self, subject: str, proposal: Proposal, given: MarkRow | None) -> ShownMark:
        """Return the mark to show: the given one with a footnote of its own, else the proposed one."""
        if given is None:
            return ShownMark(proposal.mark, proposal.mark, proposal.why)
        number = len(self.given) + 1
        self.given.append(GivenMark(number, subject, given.mark, proposal.mark, given.author, given.reason))
        return ShownMark(given.mark, proposal.mark, proposal.why, number)


def _kpi_line(
    row: ScorecardRow,
    catalogue: Catalogue,
    points: Sequence[SeriesPoint],
    rules: MarkRules,
    given: MarkRow | None,
    notes: _Notes,
) -> KpiLine:
    own = [point for point in points if point.kpi_id == row.kpi_id]
    version = _version(catalogue, row)
    this_year = [point for point in own if point.fiscal_year == row.fiscal_year]
    last_year = {point.figure_as_of: point.value for point in own if point.fiscal_year == row.fiscal_year - 1}
    quarters, unit, precision, is_level = quarters_of(row, version, this_year)
    proposal = propose_for_kpi(row, version.accumulation, last_year, rules)
    return KpiLine(row, quarters, unit, precision, is_level, notes.shown(row.kpi, proposal, given))


def _version(catalogue: Catalogue, row: ScorecardRow) -> KpiVersion:
    kpi = catalogue.kpi_by_id.get(row.kpi_id)
    version = kpi.version(row.fiscal_year) if kpi is not None else None
    if version is None:
        raise ScorecardError(f"{row.kpi_id} is not in the catalogue of fiscal year {row.fiscal_year}")
    return version


def _initiative_groups(
    rows: Sequence[InitiativeRow], rules: MarkRules, given: Mapping[tuple[str, str], MarkRow], notes: _Notes
) -> tuple[InitiativeGroup, ...]:
    by_area: dict[str, list[InitiativeRow]] = {}
    for row in rows:
        by_area.setdefault(row.area, []).append(row)
    groups = []
    for area, of_area in by_area.items():
        lines = tuple(
            InitiativeLine(
                row.initiative,
                _amounts(row),
                row.status,
                notes.shown(row.initiative, propose_for_initiative(row, rules), given.get((row.area, row.initiative))),
            )
            for row in of_area
            if not row.is_sum
        )
        printed = tuple(PrintedSum(row.initiative, _amounts(row)) for row in of_area if row.is_sum)
        groups.append(InitiativeGroup(area, lines, total(line.amounts for line in lines), printed))
    return tuple(groups)


def _amounts(row: InitiativeRow) -> Amounts:
    return Amounts(row.budget_yen, row.executed_yen, row.prior_budget_yen)
