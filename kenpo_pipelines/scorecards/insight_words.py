"""Insights in words, for whatever medium: changes from last month, outlooks, forecasts, and notes on how they were made.

What lives here: Japanese labels of what ``insight`` found. What does not: labels of the judged row (``view``), layout.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import view
from kenpo_pipelines.scorecards.insight import KpiInsight, Outlook

OUTLOOK_WORDS: dict[Outlook, str] = {
    "reaches": "届く見込み",
    "open": "どちらもあり得る",
    "misses": "届かない見込み",
    "": "見込みなし",
}


def change_label(one: KpiInsight) -> str:
    """前月 × when the scorecard before judged otherwise; empty when it did not, or when there is none."""
    if one.previous is None or not one.is_changed:
        return ""
    return f"前月 {view.OUTCOME_MARKS[one.previous.outcome]}"


def changed(found: Iterable[KpiInsight]) -> list[KpiInsight]:
    """Those whose judgement changed, newly missed ones first, then newly attained, then those no longer judged."""
    order = ("not_attained", "attained", "not_evaluable")
    return sorted((one for one in found if one.is_changed), key=lambda one: order.index(one.row.outcome))


def has_previous(found: Sequence[KpiInsight]) -> bool:
    """True when there is a scorecard before, of the same fiscal year, to compare with."""
    return any(one.previous is not None for one in found)


def figure(one: KpiInsight, value: Decimal | None) -> str:
    """Print a decimal at the KPI's precision with its unit; ― for None."""
    return view.NONE_MARK if value is None else view.figure_text(value, one.row.precision, one.row.unit)


def forecast_range(one: KpiInsight) -> str:
    """61.0～66.2: the range of the forecast, in the KPI's unit; empty without one."""
    if one.forecast is None:
        return ""
    low, high = (view.figure_text(end, one.row.precision, "") for end in (one.forecast.low, one.forecast.high))
    return f"{low}～{high}"


def outlook_label(one: KpiInsight) -> str:
    """61.9%（57.0～66.2） どちらもあり得る; ― without a forecast."""
    if one.forecast is None:
        return view.NONE_MARK
    word = OUTLOOK_WORDS[one.outlook] if one.outlook else ""
    return f"{figure(one, one.forecast.value)}（{forecast_range(one)}） {word}".strip()


def remaining_label(one: KpiInsight) -> str:
    """あと12,345人, 到達, or ― where the target is not planned in heads."""
    if one.remaining is None:
        return view.NONE_MARK
    return f"あと{one.remaining:,}人" if one.remaining else "到達"


def summary(one: KpiInsight) -> str:
    """One sentence that says what a run chart shows: its caption, and what a reader hears who does not see it."""
    row = one.row
    parts = []
    if row.value is not None and row.figure_as_of is not None:
        month = view.month_in_year(row.figure_as_of, row.fiscal_year)
        beside = []
        if one.same_month_last_year is not None:
            beside.append(f"前年同月{figure(one, one.same_month_last_year.value)}")
        if one.expected_now is not None:
            beside.append(f"目安{figure(one, one.expected_now)}")
        aside = f"（{'、'.join(beside)}）" if beside else ""
        parts.append(f"{month}{figure(one, row.value)}{aside}")
    if one.forecast is not None:
        parts.append(f"３月見込み{figure(one, one.forecast.value)}（{forecast_range(one)}）")
    return "、".join(parts) or "今年度の実績はまだありません"


def chart_description(one: KpiInsight) -> str:
    """What the run chart shows, for those who hear it."""
    row = one.row
    target = "" if row.target is None else f"、目標{view.figure_text(row.target, row.precision, row.unit)}"
    years = "、".join(fiscal.wareki(year) for year in sorted(one.points, reverse=True))
    outlook = f"（{OUTLOOK_WORDS[one.outlook]}）" if one.outlook else ""
    return f"{row.kpi}の推移（{years}、単位{row.unit}）。{summary(one)}{outlook}{target}。"


def no_chart_reason(one: KpiInsight) -> str:
    """Why there is no chart, for a KPI with fewer than two figures."""
    if one.row.kind == "qualitative":
        return "数値の実績がない指標です"
    return "月ごとの実績が２つ未満のため、推移を描けません"


def change_line(found: Sequence[KpiInsight]) -> str:
    """前月（令和７年５月）から：健康宣言事業所数 ○→×. Empty when there is no scorecard before to compare with."""
    months = [one.previous.as_of for one in found if one.previous is not None]
    if not months:
        return ""
    told = "、".join(
        f"{one.row.kpi} {view.OUTCOME_MARKS[one.previous.outcome]}→{view.OUTCOME_MARKS[one.row.outcome]}"
        for one in changed(found)
        if one.previous is not None
    )
    return f"前月（{fiscal.month_label(max(months))}）から：{told or '判定の変わった指標はありません'}"


def table_footnotes(found: Sequence[KpiInsight]) -> list[str]:
    """What a reader must know about deviation scores and missing persons, as far as there are any."""
    notes = []
    if any(one.deviation is not None for one in found):
        notes.append(
            "偏差値は、同じ月の実績がある支部の中での位置です（平均が50、よい方向が上。印刷された桁の実績から計算）。件数の指標と、比べられる支部が10未満の指標にはありません。"
        )
    counted = [one for one in found if one.remaining is not None]
    if counted:
        is_assumed = any(one.is_rounding_assumed for one in counted)
        assumed = "公表資料で端数処理を確認できない支部・年度では、切り上げと仮定しています。" if is_assumed else ""
        notes.append(f"残り件数は、目標の計画人数（支部の端数処理による）にまだ足りない人数です。{assumed}")
    return notes


def series_footnotes(found: Sequence[KpiInsight]) -> list[str]:
    """What a reader must know about the expected path and the forecasts, as far as there are any."""
    notes = []
    if any(one.expected for one in found):
        notes.append(
            "目安は、前年度の月ごとの進み方で３月に目標へ届く道筋です（目標×前年度のその月の値÷前年度３月の値）。"
        )
    if any(one.forecast is not None for one in found):
        notes.append(
            "３月見込みは、過去の年の伸び、または月ごとの変化から計算した値と、その予測区間（80％）です。約束された値ではありません。"
        )
    return notes
