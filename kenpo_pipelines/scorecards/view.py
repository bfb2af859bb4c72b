"""What a reader sees of a scorecard, whatever the medium: order, groups, labels, remarks and footnotes in Japanese.

What lives here: words and the choice of what is shown. What does not: cells, fonts, HTML. No figure is changed here;
``figure_text`` prints an exact decimal at its KPI's precision.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.scorecard_line import Outcome
from kenpo_pipelines.scorecards.rows import ScorecardRow

NONE_MARK = "―"
"""Printed where there is no figure."""

OUTCOME_MARKS: dict[Outcome, str] = {"attained": "○", "not_attained": "×", "not_evaluable": "―"}
OUTCOME_WORDS: dict[Outcome, str] = {"attained": "達成", "not_attained": "未達成", "not_evaluable": "判定不能"}
STATUS_WORDS = {"provisional": "速報", "final": "確定", "": ""}
NEARLY_ATTAINED = "概ね達成（推定）"
WARNING_MARK = "※"
FLAG_MARK = "旗"
_COMPARATOR_WORDS = {">=": "以上", "<=": "以下"}
_NO_FIGURE_TEXTS = {"", "―", "－", "-", "—"}


@dataclass(frozen=True)
class YearView:
    """The rows of one fiscal year, and the month up to which that year is shown."""

    fiscal_year: int
    label_month: str
    rows: tuple[ScorecardRow, ...]

    @property
    def sheet_name(self) -> str:
        """令和７年度."""
        return fiscal.wareki(self.fiscal_year)

    @property
    def title(self) -> str:
        """令和７年度 KPI実績（令和７年６月時点）; a closed year is titled with its last month."""
        return f"{self.sheet_name} KPI実績（{fiscal.month_label(self.label_month)}時点）"


def has_figure(row: ScorecardRow) -> bool:
    """True when the row carries a result: a number, or a word such as 実施."""
    return row.value is not None or row.value_text.strip() not in _NO_FIGURE_TEXTS


def years(rows: Sequence[ScorecardRow]) -> list[YearView]:
    """Split rows (of one as_of) by fiscal year, newest first; never empty.

    as_of's own year is shown if it has rows, earlier ones if they have figures. A branch that has reported nothing at all
    gets the newest year it has targets for: a scorecard that says so.
    """
    as_of = rows[0].as_of
    own_year = fiscal.fiscal_year_of(as_of)
    by_year = {
        year: tuple(row for row in rows if row.fiscal_year == year) for year in {row.fiscal_year for row in rows}
    }
    shown = [year for year, of_year in by_year.items() if year == own_year or any(has_figure(row) for row in of_year)]
    return [
        YearView(year, min(as_of, fiscal.year_end(year)), by_year[year])
        for year in sorted(shown or [max(by_year)], reverse=True)
    ]


def by_group(rows: Iterable[ScorecardRow]) -> dict[str, list[ScorecardRow]]:
    """Rows by KPI group, groups in the order of their first KPI."""
    groups: dict[str, list[ScorecardRow]] = {}
    for row in sorted(rows, key=lambda row: (row.kpi_order, row.kpi_id)):
        groups.setdefault(row.kpi_group, []).append(row)
    return groups


def outcome_counts(rows: Iterable[ScorecardRow]) -> dict[Outcome, int]:
    """How many KPIs attained, missed, or could not be judged."""
    counted = Counter(row.outcome for row in rows)
    return {outcome: counted[outcome] for outcome in OUTCOME_WORDS}


def outcome_label(outcome: Outcome) -> str:
    """○ 達成, × 未達成, ― 判定不能: never a colour or a mark alone."""
    return f"{OUTCOME_MARKS[outcome]} {OUTCOME_WORDS[outcome]}"


def at_precision(value: Decimal, precision: int) -> Decimal:
    """Return the value with exactly ``precision`` decimals, half-up (the mart's figures already fit)."""
    return value.quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP)


def figure_text(value: Decimal, precision: int, unit: str, suffix: str = "") -> str:
    """Return a figure as printed: 99.90%, 12,850円, 63.1%以上."""
    return f"{at_precision(value, precision):,f}{unit}{suffix}"


def target_suffix(row: ScorecardRow) -> str:
    """以上 or 以下, as it stands behind a numeric target."""
    return _COMPARATOR_WORDS.get(row.comparator, "")


def month_in_year(month: str, fiscal_year: int) -> str:
    """Name a month on the sheet of a fiscal year: ５月, and with its year where it lies outside (令和７年３月)."""
    label = fiscal.month_label(month)
    return label.partition("年")[2] if fiscal.fiscal_year_of(month) == fiscal_year else label


def figure_state(row: ScorecardRow) -> str:
    """The figure's own month and whether it can still change: ５月 速報. Empty without a figure."""
    if row.figure_as_of is None or not has_figure(row):
        return ""
    return f"{month_in_year(row.figure_as_of, row.fiscal_year)} {STATUS_WORDS[row.status]}".strip()


def remarks(row: ScorecardRow) -> list[str]:
    """The lines of 備考, most important first. Warnings (``notes``) carry ※, as their figure does."""
    lines = [line for line in row.reason_text.splitlines() if line.strip()]
    lines += [f"{WARNING_MARK} {line.strip()}" for line in row.notes.splitlines() if line.strip()]
    if row.is_nearly_attained and row.outcome == "not_attained":
        lines.append(NEARLY_ATTAINED)
    if row.target is not None and "前年度" in row.target_text:
        lines.append(f"目標は「{row.target_text}」")
    elif row.target_source == "prior_year":
        lines.append("目標は前年度実績")
    if row.target_source == "uniform":
        lines.append("目標は全国一律")
    if row.prior_as_of is not None and row.prior_as_of != fiscal.year_end(row.fiscal_year - 1):
        lines.append(f"前年度実績は{fiscal.month_label(row.prior_as_of)}時点")
    parts = ""
    if row.numerator is not None and row.denominator is not None:
        parts = f"{_plain(row.numerator)} ÷ {_plain(row.denominator)}"
    if row.source == "computed" and has_figure(row):
        lines.append(f"明細から算出 {parts}".strip())
    elif parts:
        lines.append(f"分子÷分母 {parts}")
    return lines


def _plain(value: Decimal) -> str:
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def flags(row: ScorecardRow) -> list[str]:
    """What checks found that endangers the figure, one line each."""
    return [line.strip() for line in row.flags.splitlines() if line.strip()]


def flag_numbers(rows: Iterable[ScorecardRow]) -> dict[str, int]:
    """Number the KPIs that have flags, in the order of the rows; by KPI id."""
    return {row.kpi_id: number for number, row in enumerate((row for row in rows if flags(row)), start=1)}


def rank_of(row: ScorecardRow) -> tuple[int, int] | None:
    """Return (rank, of how many branches); None without a rank, and where nobody else is there to be compared with."""
    if row.rank is None or row.ranked_branches is None or row.ranked_branches < 2:
        return None
    return row.rank, row.ranked_branches


def common_state(rows: Iterable[ScorecardRow]) -> str:
    """The figure state most rows share (the later month on a tie); empty when no row has a figure."""
    counted = Counter((figure_state(row), row.figure_as_of or "") for row in rows if figure_state(row))
    return max(counted, key=lambda key: (counted[key], key[1], key[0]))[0] if counted else ""


def footnotes(rows: Sequence[ScorecardRow]) -> list[str]:
    """What a reader must know to read the table, only as far as the rows call for it."""
    notes = [
        "対計画値は、実績÷目標×100（端数処理前の値から計算）。「以下」を目標とする指標では、100％以下が達成です。",
        "判定は、印刷された桁で実績と目標を比べたものです（同じ値は達成）。実績の月は指標ごとに異なります。",
    ]
    if any(rank_of(row) for row in rows):
        notes.append("順位は、この時点で実績のある支部の中での順位です（同じ値は同じ順位）。")
    if any(row.status == "provisional" and has_figure(row) for row in rows):
        notes.append("「速報」は、今後の報告で変わることがある値です。")
    if any(row.notes.strip() for row in rows):
        notes.append(
            f"{WARNING_MARK}の付いた実績には、備考の{WARNING_MARK}に示す注意があります（値の疑義、目標の変更など）。"
        )
    if any(flags(row) for row in rows):
        notes.append(f"{FLAG_MARK}は、提出データや実績の点検で確認が必要とされたものです。判定は変えていません。")
    if any(row.is_nearly_attained and row.outcome == "not_attained" for row in rows):
        notes.append(
            f"{NEARLY_ATTAINED}は、公表された例から推定した参考表示です。判定（未達成）を置き換えるものではありません。"
        )
    if any(row.source == "computed" and has_figure(row) for row in rows):
        notes.append("備考に「明細から算出」とある実績は提出された明細から算出した値、その他は報告された値です。")
    return notes
