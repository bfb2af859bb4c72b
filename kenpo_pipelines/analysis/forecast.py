"""Where a figure will stand in March, with its range, and in which words that is said to readers.

What lives here: two plain methods, one for figures that add up over the year, one for states at month ends. Both give a
prediction interval of Student's t, which is wide where little is known. What does not: which KPI is of which sort, and
targets (``expected``). No forecast is a promise: when nothing honest can be said the answer is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache

from kenpo_pipelines import fiscal
from kenpo_pipelines.analysis.arithmetic import DIGITS, half_up

CONFIDENCE = Decimal("0.80")
"""Share of Marches that should come to lie inside the range, if the years are like those before."""
LEAST_YEARS = 2
"""Earlier years with the same month and March. One year shows a growth and not how much growths differ."""
LEAST_CHANGES = 6
"""Changes from one month to the next. Fewer give a range that is mostly Student's t."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The figure expected for ``month`` (a March): low ≤ value ≤ high, in the figure's own unit and decimals.

    ``confidence`` is a share (0.80). ``method`` and ``basis`` are Japanese for readers: how it was made, and from what.
    """

    month: str
    value: Decimal
    low: Decimal
    high: Decimal
    confidence: Decimal
    method: str
    basis: str


def march_forecast(
    values: Mapping[str, Decimal],
    fiscal_year: int,
    *,
    accumulates: bool,
    places: int,
    only_grows: bool = False,
    floor: Decimal | None = None,
    ceiling: Decimal | None = None,
) -> Forecast | None:
    """Return the forecast for March of ``fiscal_year``, rounded half-up to ``places`` decimals, or None.

    ``values`` are figures by month, of this fiscal year up to now and of the years before. ``accumulates``: fiscal year to
    date (the share of the year that earlier years had reached in this month is what counts); otherwise a state at month end
    (its changes count). ``only_grows``: nothing lies below the value reached, as of counts over a fixed head count. ``floor``
    and ``ceiling`` are what the figure cannot pass (0, 100).

    None when this year has no figure yet or March is there already; when it adds up and is still 0, or fewer than
    ``LEAST_YEARS`` earlier years have the same month (above 0) and March; when it is a state and there are fewer than
    ``LEAST_CHANGES`` changes between neighbouring months.
    """
    march = fiscal.year_end(fiscal_year)
    months = [month for month in sorted(values) if fiscal.fiscal_year_of(month) == fiscal_year]
    if not months or months[-1] == march:
        return None
    last = months[-1]
    with localcontext(prec=DIGITS):
        made = _by_growth(values, last) if accumulates else _by_changes(values, last, march)
        if made is None:
            return None
        centre, low, high, method, basis = made
        bottoms = [bound for bound in (floor, values[last] if only_grows else None) if bound is not None]

        def held(number: Decimal) -> Decimal:
            inside = max([number, *bottoms])
            return half_up(inside if ceiling is None else min(inside, ceiling), places)

        return Forecast(march, held(centre), held(low), held(high), CONFIDENCE, method, basis)


_Made = tuple[Decimal, Decimal, Decimal, str, str]


def _by_growth(values: Mapping[str, Decimal], last: str) -> _Made | None:
    """The value reached × the growth from this month to March of earlier years; interval of the logarithms."""
    growths = _log_growths(values, last)
    if values[last] <= 0 or len(growths) < LEAST_YEARS:
        return None
    # Two years may agree by chance in one month. Their months before and after tell how alike they really are.
    near = [_log_growths(values, fiscal.add_months(last, step)) for step in (-1, 0, 1)]
    spread = max(_standard_deviation(list(one.values())) for one in near if len(one) >= LEAST_YEARS)
    count = len(growths)
    middle = _mean(list(growths.values()))
    margin = _quantile(count - 1) * spread * (1 + Decimal(1) / count).sqrt()
    reached = values[last]
    years = "・".join(fiscal.wareki(year) for year in sorted(growths))
    return (
        reached * middle.exp(),
        reached * (middle - margin).exp(),
        reached * (middle + margin).exp(),
        f"これまでの実績に、過去{count}年の同じ月から３月までの伸び（平均）を掛けたもの。"
        f"幅は、年による伸びの違いから求めた{_percent()}の予測区間（t分布）。",
        f"過去{count}年（{years}）の同じ月からの伸び",
    )


def _log_growths(values: Mapping[str, Decimal], month: str) -> dict[int, Decimal]:
    """ln(March ÷ the same month) of the fiscal years before that of ``month``, by fiscal year."""
    growths = {}
    own_year = fiscal.fiscal_year_of(month)
    for year in {fiscal.fiscal_year_of(one) for one in values}:
        then = values.get(fiscal.add_months(month, 12 * (year - own_year)), Decimal())
        march = values.get(fiscal.year_end(year), Decimal())
        if year < own_year and then > 0 and march > 0:
            growths[year] = (march / then).ln()
    return growths


def _by_changes(values: Mapping[str, Decimal], last: str, march: str) -> _Made | None:
    """The last value + mean change × months left (a random walk with drift, whose drift is estimated, too)."""
    changes = [
        values[following] - values[month]
        for month in sorted(values)
        if (following := fiscal.add_months(month, 1)) in values and following <= last
    ]
    count = len(changes)
    if count < LEAST_CHANGES:
        return None
    left = len(list(fiscal.month_range(last, march))) - 1
    centre = values[last] + left * _mean(changes)
    margin = _quantile(count - 1) * _standard_deviation(changes) * (left + Decimal(left * left) / count).sqrt()
    return (
        centre,
        centre - margin,
        centre + margin,
        f"直近の値に、月ごとの変化の平均を残り{left}か月分加えたもの。"
        f"幅は、月ごとの変化のばらつきから求めた{_percent()}の予測区間（t分布）。",
        f"これまでの月ごとの変化{count}回分",
    )


def _mean(numbers: Sequence[Decimal]) -> Decimal:
    return sum(numbers, Decimal()) / len(numbers)


def _standard_deviation(numbers: Sequence[Decimal]) -> Decimal:
    """Of a sample (n − 1)."""
    centre = _mean(numbers)
    return (sum(((number - centre) ** 2 for number in numbers), Decimal()) / (len(numbers) - 1)).sqrt()


@cache
def _quantile(freedom: int) -> Decimal:
    """Student's t that leaves (1 − confidence)/2 above it."""
    from scipy.stats import t  # type: ignore[import-untyped]

    return Decimal(repr(float(t.ppf(float((1 + CONFIDENCE) / 2), freedom))))


def _percent() -> str:
    return f"{CONFIDENCE:.0%}".replace("%", "％")
