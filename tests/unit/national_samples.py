"""A nation made up for the tests of the national overview: 47 branches, some KPIs of each kind, two years of months.

What lives here: rows of this month and the month before, series, a ledger and what is late, drawn from a fixed seed. Outcomes
and ranks are worked out plainly. What does not: published figures (``scorecard_samples``).
"""

import datetime as dt
import random
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from unit.scorecard_samples import KPIS

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards.pages.japan import PREFECTURES
from kenpo_pipelines.scorecards.pages.national_events import LateSubmission
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.serving.queries import LedgerRow
from kenpo_pipelines.serving.series import SeriesPoint

AS_OF = "2025-06"
# id: (mean of a month's rate, spread between branches, share of the branch's size that is counted, target, adds up)
_RATES: dict[str, tuple[float, float, float, str, bool]] = {
    "service_standard_attainment": (99.9, 0.08, 0.02, "100", True),
    "counter_receipt_rate": (1.9, 0.4, 0.03, "1.9", True),
    "recovery_rate": (52, 6, 900, "55.6", True),
    "checkup_rate_insured": (4.9, 0.4, 0.35, "60.2", True),
    "employer_checkup_data_rate": (0.7, 0.15, 0.35, "9.1", True),
    "checkup_rate_dependants": (2.4, 0.4, 0.1, "31.6", True),
    "guidance_rate_insured": (1.8, 0.4, 0.07, "22.4", True),
    "guidance_rate_dependants": (1.5, 0.5, 0.01, "19.9", True),
    "untreated_visit_rate_10m": (35.5, 1.6, 0.01, "36.0", True),
    "generic_share_volume": (88.5, 2.0, 700, "88.3", False),
    "committee_coverage_rate": (54, 6, 0.9, "54.5", False),
    "single_bid_rate": (14, 12, 0.00001, "15", True),
}
_COUNTS = {"health_declaration_offices": 0.002, "committee_offices": 0.006}
_WORDS = ("biosimilar_outreach", "line_monthly_posts")


def rows(as_of: str = AS_OF) -> list[ScorecardRow]:
    """All lines of the month: 協会全体 and 47 branches; 和歌山 has no figure of the counter, one KPI is the nation's alone."""
    points = {(p.branch_code, p.kpi_id): p for p in series(as_of) if p.figure_as_of == as_of}
    made: list[ScorecardRow] = []
    for kpi_id in (*_RATES, *_COUNTS):
        of_kpi = [_row(as_of, code, kpi_id, points.get((code, kpi_id))) for code in ("00", *PREFECTURES)]
        made += _ranked(of_kpi)
    made += [_word_row(as_of, code, kpi_id) for kpi_id in _WORDS for code in PREFECTURES]
    made.append(
        replace(
            _row(as_of, "00", "health_declaration_offices", points["00", "health_declaration_offices"]),
            kpi_id="website_visits", kpi="ホームページアクセス数", kpi_order=205, unit="件",
            value=Decimal(31_215_000), value_text="31215000", target=Decimal(137_000_000), target_text="137,000,000件以上",
            ratio_to_target=Decimal("22.8"), outcome="not_attained",
        )
    )  # fmt: skip
    return made


def previous_rows() -> list[ScorecardRow]:
    """The month before."""
    return rows(fiscal.add_months(AS_OF, -1))


def series(as_of: str = AS_OF) -> list[SeriesPoint]:
    """Every month from 2023-04: rates from counts that add up from April, levels and counts as they stand."""
    made = []
    for kpi_id, (mean, spread, share, _, adds_up) in _RATES.items():
        sums: dict[tuple[str, str], tuple[int, int]] = {}
        for code in PREFECTURES:
            draw = random.Random(f"{kpi_id}{code}")
            own = draw.gauss(mean, spread)
            year_numerator = year_denominator = 0
            for month in fiscal.month_range("2023-04", as_of):
                if month.endswith("-04"):
                    year_numerator = year_denominator = 0
                cases = max(1, round(_size(code) * share * 1000))
                is_plan = adds_up and share in (0.35, 0.1, 0.07, 0.01) and kpi_id != "untreated_visit_rate_10m"
                rate = min(100.0, max(0.0, draw.gauss(own, mean**0.5 * 0.12)))
                if code == "36" and kpi_id == "checkup_rate_insured" and month == AS_OF:
                    rate *= 1.8
                numerator = min(cases, round(cases * rate / 100))
                year_numerator = year_numerator + numerator if adds_up else numerator
                year_denominator = cases if is_plan or not adds_up else year_denominator + cases
                if code == "30" and kpi_id == "counter_receipt_rate" and month == AS_OF:
                    continue
                at = (month, code)
                sums[at] = (year_numerator, year_denominator)
                made.append(_point(month, code, kpi_id, sums[at], (numerator, cases)))
        for month in fiscal.month_range("2023-04", as_of):
            of_month = [pair for (when, _), pair in sums.items() if when == month]
            total = (sum(n for n, _ in of_month), sum(d for _, d in of_month))
            counted = [
                (p.month_value * p.month_cases / 100, p.month_cases)
                for p in made
                if p.kpi_id == kpi_id and p.figure_as_of == month and p.month_value is not None and p.month_cases
            ]
            pair = (round(sum(n for n, _ in counted)), round(sum(d for _, d in counted)))
            made.append(_point(month, "00", kpi_id, total, pair))
    for kpi_id, share in _COUNTS.items():
        for month in fiscal.month_range("2023-04", as_of):
            total_count = 0
            for code in PREFECTURES:
                step = sum(1 for _ in fiscal.month_range("2023-04", month))
                count = round(_size(code) * share * 1000 * (1 + 0.006 * step))
                total_count += count
                made.append(_count_point(month, code, kpi_id, count))
            made.append(_count_point(month, "00", kpi_id, total_count))
    return made


def _size(code: str) -> int:
    """Thousand members of a branch."""
    return {"13": 5200, "27": 3600, "23": 2500, "40": 1900, "01": 1800, "14": 1700, "31": 210, "32": 260}.get(
        code, 300 + 37 * int(code)
    )


def _rate(numerator: int, denominator: int) -> Decimal:
    return Decimal(numerator) * 100 / Decimal(denominator) if denominator else Decimal(0)


def _point(month: str, code: str, kpi_id: str, to_date: tuple[int, int], own: tuple[int, int]) -> SeriesPoint:
    precision = KPIS[kpi_id][3]
    return SeriesPoint(
        fiscal_year=fiscal.fiscal_year_of(month), branch_code=code, kpi_id=kpi_id, figure_as_of=month,
        value=_rate(*to_date).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP),
        numerator=Decimal(to_date[0]), denominator=Decimal(to_date[1]),
        month_value=_rate(*own), month_cases=Decimal(own[1]), source="reported", figure_known_month=month,
    )  # fmt: skip


def _count_point(month: str, code: str, kpi_id: str, count: int) -> SeriesPoint:
    return SeriesPoint(
        fiscal_year=fiscal.fiscal_year_of(month), branch_code=code, kpi_id=kpi_id, figure_as_of=month,
        value=Decimal(count), numerator=None, denominator=None, month_value=Decimal(count), month_cases=None,
        source="reported", figure_known_month=month,
    )  # fmt: skip


def _row(as_of: str, code: str, kpi_id: str, point: SeriesPoint | None) -> ScorecardRow:
    name, group, order, precision, unit, direction = KPIS[kpi_id]
    is_at_most = direction == "at_most"
    if kpi_id in _RATES:
        target = Decimal(_RATES[kpi_id][3])
    else:
        target = Decimal(round(_size(code) * _COUNTS[kpi_id] * 1150 if code != "00" else 900_000 * _COUNTS[kpi_id]))
    value = None if point is None else point.value
    is_met = value is not None and (value <= target if is_at_most else value >= target)
    return ScorecardRow(
        as_of=as_of, fiscal_year=2025, branch_code=code, branch="協会全体" if code == "00" else f"{PREFECTURES[code].name}支部",
        kpi_id=kpi_id, kpi=name, kpi_order=order, kpi_group=group, unit=unit, precision=precision,
        direction="at_most" if is_at_most else "at_least", kind="count" if kpi_id in _COUNTS else "rate",
        figure_as_of=None if value is None else as_of, figure_known_month=None if value is None else as_of,
        numerator=None if point is None else point.numerator, denominator=None if point is None else point.denominator,
        value=value, value_text="" if value is None else f"{value:f}", target=target,
        target_text=f"{target:,f}{unit}{'以下' if is_at_most else '以上'}", comparator="<=" if is_at_most else ">=",
        target_source="submitted", outcome="not_evaluable" if value is None else "attained" if is_met else "not_attained",
        reason="no_result" if value is None else "",
        reason_text="実績がまだ報告されていません" if value is None else "",
        ratio_to_target=None if value is None else (value / target * 100).quantize(Decimal("0.1"), ROUND_HALF_UP),
        is_nearly_attained=None, prior_value=None, prior_value_text="", prior_as_of=None, rank=None, ranked_branches=None,
        source="" if value is None else "reported", status="" if value is None else "provisional", notes="", flags="",
    )  # fmt: skip


def _word_row(as_of: str, code: str, kpi_id: str) -> ScorecardRow:
    is_done = random.Random(f"{kpi_id}{code}").random() < 0.7
    base = _row(as_of, code, "committee_offices", None)
    name, group, order, precision, unit, _ = KPIS[kpi_id]
    return replace(
        base, kpi_id=kpi_id, kpi=name, kpi_group=group, kpi_order=order, precision=precision, unit=unit,
        kind="qualitative", target=None, target_text="実施", comparator="done",
        value_text="実施" if is_done else "", outcome="attained" if is_done else "not_evaluable",
        figure_as_of=as_of if is_done else None, reason="" if is_done else "no_result",
    )  # fmt: skip


def _ranked(of_kpi: list[ScorecardRow]) -> list[ScorecardRow]:
    values = [line.value for line in of_kpi if line.branch_code != "00" and line.value is not None]
    is_at_most = of_kpi[0].direction == "at_most"
    return [
        line
        if line.branch_code == "00" or line.value is None
        else replace(
            line,
            rank=1 + sum(other < line.value if is_at_most else other > line.value for other in values),
            ranked_branches=len(values),
        )
        for line in of_kpi
    ]


def late() -> list[LateSubmission]:
    """Two branches late with the results, one with a file that cannot be read."""
    due = dt.date(2025, 7, 10)
    return [
        LateSubmission("2025-06", "kpi_results", "KPI実績報告", "30", "和歌山支部", due, "未提出"),
        LateSubmission(
            "2025-06",
            "kpi_results",
            "KPI実績報告",
            "39",
            "高知支部",
            due,
            "提出されたファイルを読み取れない（再提出が必要）",
        ),
        LateSubmission("2025-06", "checkup_counts", "健診実施件数", "30", "和歌山支部", due, "未提出"),
    ]


def ledger() -> list[LedgerRow]:
    """Files of the month: loaded ones, one refused."""
    return [_file(f"{code}_results.csv", rejected=int(code) % 9 == 0) for code in PREFECTURES] + [
        _file("39_高知_実績.xlsx", status="refused", fault="not_a_workbook")
    ]


def _file(name: str, *, rejected: int = 0, status: str = "loaded", fault: str = "") -> LedgerRow:
    moment = dt.datetime(2025, 7, 9, 1, 0, tzinfo=dt.UTC)
    return LedgerRow(
        dataset="kpi_results", known_month=AS_OF, file=name, file_sha256="9b" * 32, received_at=moment,
        origin="synthetic", status=status, fault=fault, detail="", rows_read=20, rows_loaded=20 - rejected,
        rows_rejected=rejected, rows_merged=0, notices="", run_id="run-1", published_at=moment, code_version="0.1.0",
        branch_codes="",
    )  # fmt: skip
