"""From a checked file to its report: the steps, for a person's own file and for one that has landed.

What lives here: their order, and what is told of a file that cannot be read. What does not: the check itself
(``kenpo_pipelines.submissions.submit``), layouts (``page``, ``workbook``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards.check_report.marks import MOST_MARKS, Spot, numbered, places_of
from kenpo_pipelines.scorecards.check_report.report import CheckReport, Verdict
from kenpo_pipelines.scorecards.check_report.sheets import Room, report_sheets, shown_at
from kenpo_pipelines.scorecards.check_report.shown import shown_name
from kenpo_pipelines.scorecards.check_report.sources import Source, sources_of_figures, sources_of_records
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault, detail
from kenpo_pipelines.submissions.files import grids_of
from kenpo_pipelines.submissions.limits import MOST_IN_MEMORY
from kenpo_pipelines.submissions.messages import describe_nothing
from kenpo_pipelines.submissions.outside import open_file, sha256
from kenpo_pipelines.submissions.outside import shown_name as safe_name
from kenpo_pipelines.submissions.submission import Checked, Problem
from kenpo_pipelines.submissions.verdict import is_refused

_LACKS_COLUMNS = frozenset({"wrong_columns", "duplicate_columns"})
_CHANGED = "changed_meanwhile"


def report_of_check(
    path: Path, contract: Contract, checked: Checked, period: str, room: Room, *, is_landed: bool = False
) -> CheckReport:
    """Return the report of a file that was just checked for ``period`` (``YYYY-MM`` or ``YYYY``).

    The file is read once more for what its cells say, and only when it could be read; one that was exchanged meanwhile is
    reported as such. Raises OSError for a fault of the system that may pass.
    """
    report = CheckReport(
        file=shown_name(safe_name(path.name)),
        dataset=contract.dataset.name_ja,
        period=period_text(period),
        verdict=Verdict.UNREADABLE,
        hides_values=contract.has_personal_columns,
        is_landed=is_landed,
        origin=_origin(path),
    )
    if checked.status == "refused":
        columns = tuple((column.header, column.required) for column in contract.columns)
        needed = columns if checked.fault in _LACKS_COLUMNS else ()
        return replace(report, reason=checked.detail, needed_columns=needed)
    try:
        sources = _sources(path, contract, checked, room)
    except FileFault:
        return replace(report, reason=detail(_CHANGED))
    return _filled(report, contract, checked, sources, room)


def report_of_unknown(path: Path, reason: str) -> CheckReport:
    """Return the report of a file of which not even the dataset can be told; ``reason`` says why, and what to do."""
    name = safe_name(path.name)
    return CheckReport(
        file=shown_name(name),
        dataset="",
        period="",
        verdict=Verdict.UNREADABLE,
        reason=reason.removeprefix(f"{name}："),
        origin=_origin(path),
    )


def period_text(period: str) -> str:
    """Return 2025年6月分 for ``2025-06``, 令和７年度（2025年度） for ``2025``."""
    label = fiscal.period_label(period)
    return label if "-" in period else f"{fiscal.wareki(int(period))}（{label}）"


def _sources(path: Path, contract: Contract, checked: Checked, room: Room) -> dict[str, Source]:
    """Return the sheets; raise :class:`FileFault` ``changed_meanwhile`` when the bytes are others than those checked."""
    if contract.dataset.record_level:
        context = 0 if contract.has_personal_columns else min(room.context, 1)
        sources = sources_of_records(path, contract, checked.problems, context)
        digest = sha256(path)
    else:
        with open_file(path) as handle:
            data = handle.read(MOST_IN_MEMORY + 1)
        sources = sources_of_figures(grids_of(path.name, data), contract)
        digest = sha256(path)
    if digest != checked.file_sha256:
        raise FileFault(_CHANGED)
    return sources


def _filled(
    report: CheckReport, contract: Contract, checked: Checked, sources: dict[str, Source], room: Room
) -> CheckReport:
    def spot_of(problem: Problem) -> Spot:
        source = sources.get(problem.sheet)
        return source.spot(problem) if source else Spot(problem.sheet, problem.row_number, ())

    places = places_of(checked.problems, spot_of)
    shown = {
        one.spot: shown_at(sources[one.spot.sheet], contract, one.spot)
        for one in places[:MOST_MARKS]
        if one.spot.sheet in sources
    }
    names = _shown_names(sources)
    marks = tuple(replace(mark, sheet=names.get(mark.sheet, "")) for mark in numbered(places, shown))
    named = [replace(source, sheet=names[name]) for name, source in sources.items()]
    return replace(
        report,
        verdict=Verdict.TO_CORRECT if is_refused(checked) else Verdict.FINE,
        reason=describe_nothing(checked),
        rows_read=checked.rows_read,
        rows_loaded=checked.rows_loaded,
        rows_rejected=checked.rows_rejected,
        marks=marks,
        marks_unlisted=max(len(places) - MOST_MARKS, 0) + checked.rows_unlisted,
        sheets=report_sheets(named, contract, marks, room),
        notices=tuple(_notice(text, names) for text in checked.notices),
    )


def _shown_names(sheets: Iterable[str]) -> dict[str, str]:
    """Return the sheets' names as they may be shown, each another one."""
    names: dict[str, str] = {}
    for sheet in sheets:
        name = shown_name(sheet)
        again = sum(other == name or other.startswith(f"{name}（") for other in names.values())
        names[sheet] = f"{name}（{again + 1}）" if name != sheet and again else name
    return names


def _notice(text: str, names: Mapping[str, str]) -> str:
    for sheet, name in names.items():
        text = text.replace(f"「{sheet}」", f"「{name}」")
    return text


def _origin(path: Path) -> str:
    word = path.name.partition("-")[0]
    return word if word in ("published", "synthetic") else "submission"
