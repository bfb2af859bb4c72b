"""The page 新旧対照: targets of two fiscal years side by side, every branch on one page.

What lives here: what the template is given. What does not: what became of a target (``target_comparison``), the words
(``target_words``), the layout (``target_comparison.html.j2``).
"""

from dataclasses import dataclass

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import target_words, view
from kenpo_pipelines.scorecards.pages.rendering import render
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow
from kenpo_pipelines.scorecards.target_comparison import BranchTargets, TargetComparison, TargetLine


@dataclass(frozen=True)
class _Line:
    """One row of a table as it is read."""

    name: str
    change: str
    change_words: list[str]
    old: str
    new: str
    difference: str
    result: str
    outcome: str
    outcome_words: str
    distance: str
    comparable: str
    remarks: list[str]


@dataclass(frozen=True)
class _Branch:
    """One branch's section: ``anchor`` is its place on the page."""

    anchor: str
    name: str
    counts: list[tuple[str, str, int]]
    columns: list[int]
    notices: list[str]
    groups: dict[str, list[_Line]]


def target_comparison_page(comparison: TargetComparison, provenance: Provenance) -> bytes:
    """Return the page as UTF-8 HTML.

    Raises :class:`ScorecardError` when the comparison is of another month than the provenance, or of no branch.
    """
    if comparison.as_of != provenance.as_of:
        raise ScorecardError(f"targets are as of {comparison.as_of}, the provenance as of {provenance.as_of}")
    if not comparison.branches:
        raise ScorecardError(f"no branch has published targets of {comparison.old_year} or {comparison.new_year}")
    old_year, new_year = fiscal.wareki(comparison.old_year), fiscal.wareki(comparison.new_year)
    branches = [_branch(one, comparison) for one in comparison.branches]
    return render(
        "target_comparison.html.j2",
        title=comparison.title,
        provenance=provenance,
        old_year=old_year,
        new_year=new_year,
        phone_labels=[
            f"{old_year}目標",
            f"{new_year}目標",
            "目標の増減",
            f"{old_year}実績",
            f"{old_year}判定",
            "新しい目標と実績の差",
            "比較可否",
        ],
        none_mark=view.NONE_MARK,
        index_heads=target_words.INDEX_HEADS,
        branches=branches,
        has_notices=any(branch.notices for branch in branches),
        left_out=target_words.left_out(comparison),
        footnotes=target_words.footnotes(comparison),
    )


def _branch(branch: BranchTargets, comparison: TargetComparison) -> _Branch:
    return _Branch(
        anchor=f"b{branch.branch_code}",
        name=branch.branch,
        counts=[(str(one), target_words.CHANGE_WORDS[one], count) for one, count in branch.counts.items()],
        columns=target_words.index_counts(branch),
        notices=target_words.notices(branch, comparison),
        groups={group: [_line(line, branch, comparison) for line in lines] for group, lines in branch.by_group.items()},
    )


def _line(line: TargetLine, branch: BranchTargets, comparison: TargetComparison) -> _Line:
    outcome = line.old.outcome if line.last is not None and line.old is not None else None
    return _Line(
        name=line.kpi.names.ja,
        change=str(line.change),
        change_words=target_words.change_lines(line),
        old=_target(line.old),
        new=_target(line.new),
        difference=target_words.difference_text(line.difference, line.shown),
        result=line.last.text if line.last is not None else view.NONE_MARK,
        outcome=outcome or "",
        outcome_words=view.outcome_label(outcome) if outcome else "",
        distance=target_words.difference_text(line.distance, line.shown),
        comparable=target_words.comparability_text(line.comparability),
        remarks=target_words.remarks(line, branch, comparison),
    )


def _target(row: ScorecardRow | None) -> str:
    if row is None:
        return view.NONE_MARK
    if row.target is not None:
        return view.figure_text(row.target, row.precision, row.unit, view.target_suffix(row))
    return row.target_text.strip() or view.NONE_MARK
