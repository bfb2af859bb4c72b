"""新旧対照 in words: labels, differences and remarks, whatever the medium.

What lives here: what a reader sees of a line beside its figures. What does not: what became of a target
(``target_comparison``), cells and HTML.
"""

from decimal import Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.targets import REASON_TEXT
from kenpo_pipelines.scorecards import view
from kenpo_pipelines.scorecards.public_edition import HIDDEN_MARK
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.scorecards.target_comparison import (
    BranchTargets,
    Change,
    Comparability,
    TargetComparison,
    TargetLine,
)

CHANGE_WORDS: dict[Change, str] = {
    Change.NEW: "新規",
    Change.CHANGED: "変更",
    Change.KEPT: "継続",
    Change.ENDED: "終了",
    Change.UNKNOWN: "目標不明",
}
STRICTER, LOOSER = "より厳しい", "より緩い"
INDEX_HEADS = ("新規", "変更", f"うち\n{STRICTER}", f"うち\n{LOOSER}", "継続", "終了", "目標不明")
"""Heads of the counts by branch, see :func:`index_counts`."""
_TOLD_OTHERWISE = frozenset(REASON_TEXT.values())
_REGISTERED = "登録された目標: "
"""Begins the note that lists contradictory targets; the target's own cell shows them."""
_POINTS = {"%": "ポイント"}


def unit_of_difference(unit: str) -> str:
    """Percentages differ by points, everything else by its own unit."""
    return _POINTS.get(unit, unit)


def difference_text(difference: Decimal | None, row: ScorecardRow | None) -> str:
    """+2.3ポイント, −1,000円, ±0; ― for none."""
    if difference is None or row is None:
        return view.NONE_MARK
    if difference == 0:
        return "±0"
    amount = view.figure_text(abs(difference), row.precision, unit_of_difference(row.unit))
    return f"{'+' if difference > 0 else '−'}{amount}"


def change_lines(line: TargetLine) -> list[str]:
    """変更, and below it より厳しい or より緩い where the numbers say so."""
    word = CHANGE_WORDS[line.change]
    return [word] if line.is_stricter is None else [word, STRICTER if line.is_stricter else LOOSER]


def comparability_text(comparability: Comparability) -> str:
    """可, 不可, ― where there is nothing to compare with."""
    if comparability.is_comparable is None:
        return view.NONE_MARK
    return "可" if comparability.is_comparable else "不可"


def remarks(line: TargetLine, branch: BranchTargets, comparison: TargetComparison) -> list[str]:
    """The lines of 備考: what begins, ends or was redefined, how the target is set, what is missing."""
    found = []
    if line.relative:
        found.append(f"{'前身' if line.change is Change.NEW else '後継'}：{line.relative}")
    if line.ended_in is not None:
        found.append(f"{fiscal.month_label(line.ended_in)}で終了")
    if line.comparability.is_comparable is False:
        found.append(line.comparability.reason or "定義が異なります")
    if line.becomes_prior_year is not None:
        how = "数値から前年度実績へ" if line.becomes_prior_year else "前年度実績から数値へ"
        found.append(f"目標の定め方が変わりました（{how}）")
    elif line.is_prior_year_rule:
        found.append(f"前年度実績が目標{_undetermined(line, comparison)}")
    years = (comparison.old_year, line.old, branch.has_old), (comparison.new_year, line.new, branch.has_new)
    absent = Change.NEW, Change.ENDED
    for (year, row, is_published), other in zip(years, absent, strict=True):
        if line.change is not other and is_published:
            found += _missing(row, fiscal.wareki(year), line)
    month = line.last.month if line.last is not None else None
    if month is not None and month != fiscal.year_end(comparison.old_year):
        found.append(f"実績は{fiscal.month_label(month)}時点")
    return found


def _missing(row: ScorecardRow | None, year: str, line: TargetLine) -> list[str]:
    """What a year's target lacks, and what the judgement noted about it."""
    if row is None:
        return [f"{year}の目標は公表されていません"]
    noted = [one.strip() for one in row.notes.splitlines() if "目標" in one and one.strip() not in _TOLD_OTHERWISE]
    told = [f"{view.WARNING_MARK} {year}：{one}" for one in noted if not one.startswith(_REGISTERED)]
    if row.target is not None or row.comparator == "done":
        return told
    if row.comparator == "":
        return [f"{year}の登録された目標が矛盾しています", *told]
    if not row.target_text.strip():
        return [f"{year}の目標が登録されていません", *told]
    is_told_here = line.change is Change.NEW and _is_open(row)
    return [f"{year}の値は未定（前年度実績なし）", *told] if is_told_here else told


def _is_open(row: ScorecardRow) -> bool:
    """True where the year has a rule and no number yet; one that the public edition hides is no open one."""
    has_number = row.target is not None or row.comparator in ("", "done")
    return not has_number and row.target_text.strip() != HIDDEN_MARK


def _undetermined(line: TargetLine, comparison: TargetComparison) -> str:
    """Of which years the result of the year before, and so the target's value, is not known."""
    years = (comparison.old_year, line.old), (comparison.new_year, line.new)
    open_years = [fiscal.wareki(year) for year, row in years if row is not None and _is_open(row)]
    if not open_years:
        return ""
    return f"（{'両年度とも' if len(open_years) > 1 else open_years[0] + 'は'}未定）"


def notices(branch: BranchTargets, comparison: TargetComparison) -> list[str]:
    """What stands above the table where a whole year is missing."""
    years = ((comparison.old_year, branch.has_old), (comparison.new_year, branch.has_new))
    return [
        f"{fiscal.wareki(year)}の目標と実績は、{branch.branch}の分が公表されていません。"
        for year, is_there in years
        if not is_there
    ]


def index_counts(branch: BranchTargets) -> list[int]:
    """How many KPIs of the branch stand under each of :data:`INDEX_HEADS`."""
    counts = branch.counts
    directions = [sum(line.is_stricter is one for line in branch.lines) for one in (True, False)]
    rest = [counts[Change.KEPT], counts[Change.ENDED], counts[Change.UNKNOWN]]
    return [counts[Change.NEW], counts[Change.CHANGED], *directions, *rest]


def left_out(comparison: TargetComparison) -> str:
    """Which branches have no table; nothing where all have one."""
    if not comparison.left_out:
        return ""
    return f"どちらの年度も公表されていないため、表がありません：{'、'.join(comparison.left_out)}"


def footnotes(comparison: TargetComparison) -> list[str]:
    """How to read the table."""
    old, new = fiscal.wareki(comparison.old_year), fiscal.wareki(comparison.new_year)
    return [
        f"区分は{old}から{new}への変化です。新規・終了はKPIそのもの、変更・継続は目標についてのものです。"
        "どちらかの年度の目標が登録されていないか矛盾しているKPIは、目標不明としました。",
        "前年度実績を目標とする指標は、どちらかの年度の値が未定のあいだ、定め方が同じなら継続としました。",
        f"増減は{new}の目標－{old}の目標です。実績との差は{new}の目標－{old}の年度末の実績です。どちらも印刷された桁の値で引きました。",
        "「以下」を目標とする指標では、目標が小さくなるほど厳しくなります。前年度の目標や実績より低い目標も誤りではありません。",
        "比較可否は、前年度の値（新規は前身、終了は後継のKPIの値）と比べてよいかを示します。定義が異なる値は比べられません。",
    ]
