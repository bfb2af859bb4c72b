"""What a reader sees of a progress report, whatever the medium: heads, texts of figures, footnotes, in Japanese.

What lives here: words. What does not: cells, HTML, arithmetic.
"""

from collections import Counter
from decimal import Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import view
from kenpo_pipelines.scorecards.progress import quarters
from kenpo_pipelines.scorecards.progress.marking import MARK_WORDS, mark_rules
from kenpo_pipelines.scorecards.progress.model import ActivityLine, GivenMark, ProgressReport, ShownMark
from kenpo_pipelines.scorecards.progress.quarters import Quarter
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.serving.progress_queries import Mark

OVER_BUDGET = "予算超過"
UNTOLD = "内訳なし"
QUARTER_HEADS = quarters.HEADS


def kpi_heads(report: ProgressReport) -> list[str]:
    """Heads of the KPI table."""
    year = fiscal.wareki(report.fiscal_year)
    prior = fiscal.wareki(report.fiscal_year - 1)
    return ["KPI指標", f"{year}目標", f"{year}実績", f"（参考）\n{prior}実績", *QUARTER_HEADS, "進捗"]


def activity_heads(report: ProgressReport) -> list[str]:
    """Heads of the table of activities."""
    return ["取組", *QUARTER_HEADS, f"{fiscal.wareki(report.fiscal_year)}計"]


def initiative_heads(report: ProgressReport) -> list[str]:
    """Heads of the table of initiatives; amounts are in yen."""
    year, prior = (fiscal.wareki(report.fiscal_year - back) for back in (0, 1))
    return [
        "取組",
        f"{year}\n予算額（円）",
        "執行（予定）額（円）",
        "執行率",
        "ステータス",
        f"{prior}\n予算額（円）",
        "進捗",
    ]


def month_word(month: str) -> str:
    """2025-06 → ６月."""
    return fiscal.month_label(month).partition("年")[2]


def figure_text(row: ScorecardRow) -> str:
    """The result: 2.1%, ※ before one in doubt, or ―."""
    if not view.has_figure(row):
        return view.NONE_MARK
    doubt = view.WARNING_MARK if row.notes.strip() else ""
    text = view.figure_text(row.value, row.precision, row.unit) if row.value is not None else row.value_text
    return f"{doubt}{text}"


def figure_words(row: ScorecardRow) -> str:
    """The result with its month: 2.1%（５月時点）, or ―."""
    return f"{figure_text(row)}{month_aside(row.figure_as_of, row.fiscal_year)}"


def month_aside(month: str | None, fiscal_year: int) -> str:
    """（５月時点）; with its year where the month lies outside of the fiscal year; '' without a month."""
    return f"（{view.month_in_year(month, fiscal_year)}時点）" if month else ""


def target_words(row: ScorecardRow) -> str:
    """The target as printed: 63.1%以上, 実施, or ―."""
    if row.target is None:
        return row.target_text.strip() or view.NONE_MARK
    return view.figure_text(row.target, row.precision, row.unit, view.target_suffix(row))


def prior_words(row: ScorecardRow) -> str:
    """The result of the year before, with its month where that is not March."""
    if row.prior_value is None:
        return row.prior_value_text.strip() or view.NONE_MARK
    return f"{view.figure_text(row.prior_value, row.precision, row.unit)}{prior_aside(row)}"


def prior_aside(row: ScorecardRow) -> str:
    """（12月時点）, the month of the prior figure where it is not March; else ''."""
    if row.prior_as_of is None or row.prior_as_of == fiscal.year_end(row.fiscal_year - 1):
        return ""
    return f"（{month_word(row.prior_as_of)}時点）"


def quarter_text(quarter: Quarter, unit: str, precision: int) -> str:
    """A quarter's number: 388件, ― without one."""
    if quarter.is_untold:
        return UNTOLD
    return view.NONE_MARK if quarter.value is None else view.figure_text(quarter.value, precision, unit)


def until_aside(quarter: Quarter, *, is_level: bool) -> str:
    """（５月分まで） where the quarter is not told to its end, of a state （５月時点）; else ''."""
    if not quarter.until:
        return ""
    return f"（{month_word(quarter.until)}{'時点' if is_level else '分まで'}）"


def yen(amount: Decimal | None) -> str:
    """12,573,000, or ― where none is told."""
    return view.NONE_MARK if amount is None else f"{amount:,.0f}"


def percent(rate: Decimal | None) -> str:
    """103.2%, or ―."""
    return view.NONE_MARK if rate is None else f"{rate:.1f}%"


def mark_label(mark: Mark) -> str:
    """○ 計画どおり: never a mark alone."""
    return f"{mark} {MARK_WORDS[mark]}"


def note_label(mark: ShownMark) -> str:
    """注1, the number of the footnote of a mark that people gave; '' for a proposed one."""
    return f"注{mark.note}" if mark.note is not None else ""


def why_words(mark: ShownMark) -> str:
    """Why a line has its mark; for one that people gave, where their reason stands and what the data proposed."""
    if mark.note is None:
        return mark.why
    return f"提出された評価（{note_label(mark)}）。算定では{mark.proposed}：{mark.why}"


def mark_counts(report: ProgressReport) -> dict[Mark, tuple[int, int]]:
    """By mark, how many KPIs and how many initiatives have it."""
    of_kpis = Counter(line.mark.mark for line in report.kpi_lines)
    of_initiatives = Counter(line.mark.mark for line in report.initiative_lines)
    return {mark: (of_kpis[mark], of_initiatives[mark]) for mark in MARK_WORDS}


def given_mark_words(given: GivenMark) -> str:
    """The footnote of a mark that people gave: what it replaces, why and by whom."""
    change = (
        f"{given.mark}（算定では{given.proposed}）" if given.mark != given.proposed else f"{given.mark}（算定と同じ）"
    )
    return f"注{given.number}　{given.subject}：{change}　理由：{given.reason}（記入：{given.author}）"


def initiatives_caption(report: ProgressReport) -> str:
    """What the amounts are as of."""
    if report.initiatives_as_of is None:
        return "事業計画（執行前）"
    return f"{fiscal.month_label(report.initiatives_as_of)}時点"


def kpi_footnotes(report: ProgressReport) -> list[str]:
    """What a reader must know to read the KPI table."""
    notes = [
        "進捗は、○ 計画どおり、△ 遅れまたは一部、× 未達または未実施、― 時期未到来。実績と計画から規則により算定した案で、"
        "「注」の付いたものは提出された評価です。",
        "四半期の欄は、年度累計で数える率では四半期の件数（分子）、そのほかの指標では四半期の最新の値です。",
    ]
    if any(quarter.until for line in report.kpi_lines for quarter in line.quarters):
        notes.append("「（５月分まで）」などは、その四半期のうち報告のある月までの値です。")
    if any(quarter.is_untold for line in report.kpi_lines for quarter in line.quarters):
        notes.append(_UNTOLD_NOTE)
    if any(line.row.notes.strip() for line in report.kpi_lines):
        notes.append(f"{view.WARNING_MARK}の付いた実績には、支部の実績表（scorecard）の備考に示す注意があります。")
    return notes


_UNTOLD_NOTE = f"「{UNTOLD}」は、前の四半期末の累計が報告されていないため、四半期の件数に分けられないものです。"


def activity_footnotes(report: ProgressReport) -> list[str]:
    """What a reader must know to read the table of activities."""
    lines = list(report.activity_lines)
    notes = [
        "件数は、累計で報告されたものを四半期に分けています。総数、対象者数、枠は、足し合わせずにその時点の数を示します。"
    ]
    if any(line.is_unstated for line in lines):
        notes.append("＊は、何か月分の件数かが資料に書かれていないもので、４月からの累計として扱っています。")
    if any(quarter.is_untold for line in lines for quarter in line.quarters):
        notes.append(_UNTOLD_NOTE)
    return notes


def initiative_footnotes(report: ProgressReport) -> list[str]:
    """What a reader must know to read the table of initiatives."""
    notes = ["空欄（―）は金額の記載がないもので、0円ではありません。計は、記載のある金額の合計です。"]
    if report.initiatives_as_of is not None:
        notes.append(_initiative_rule())
    if report.total.executed_yen is not None:
        notes.append("執行率は、執行（予定）額÷予算額×100。計の執行率は、執行（予定）額の計÷予算額の計です。")
    over = [line.initiative for line in report.initiative_lines if line.amounts.is_over_budget]
    if over:
        notes.append(f"「{OVER_BUDGET}」は、執行（予定）額が予算額を超えている取組です（{'、'.join(over)}）。")
    if any(group.printed_sums for group in report.initiative_groups):
        notes.append(
            "「資料の計」は、資料に印刷された計で、合計には加えていません。前年度の計は、終了した取組を含むことがあります。"
        )
    return notes


def _initiative_rule() -> str:
    """By which rule the marks of initiatives are proposed, from the settings."""
    rules = mark_rules()
    late, missed, slow = (
        _full_width(number)
        for number in (rules.not_started.late_from, rules.not_started.missed_from, rules.in_procurement.late_from)
    )
    return (
        f"進捗の算定：契約済みと執行のあるものは○。調達中は○（{slow}月からは△）。"
        f"未着手は―（{late}月からは△、{missed}月は×）。"
    )


def _full_width(month: int) -> str:
    return month_word(f"2025-{month:02d}").removesuffix("月")


def unused_mark_words(report: ProgressReport) -> list[str]:
    """Marks that were submitted and stand on no line."""
    return [
        f"使っていない評価：{one.mark.subject}（{one.mark.mark}、記入：{one.mark.author}）　{one.why}"
        for one in report.unused_marks
    ]


def activity_name(line: ActivityLine) -> str:
    """The activity, with ＊ where its source does not say what the count covers."""
    return f"{line.item}＊" if line.is_unstated else line.item


def total_aside(line: ActivityLine) -> str:
    """（５月まで）, of a state （４月時点）; '' without a count."""
    if line.total is None or not line.total_as_of:
        return ""
    return f"（{month_word(line.total_as_of)}{'時点' if line.is_level else 'まで'}）"


def total_text(line: ActivityLine) -> str:
    """The count since April, or the state: 282件, ― without one."""
    return view.NONE_MARK if line.total is None else view.figure_text(line.total, 0, line.unit)
