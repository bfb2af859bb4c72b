"""Made-up KPI figures and targets as the files that branches and head office would send.

What lives here: which file holds which figures, the targets that follow from last year's figures, and what goes wrong in some
files (a sheet that does not come, one that comes late, a typing error, a contradiction, a correction). What does not: figures
(``figures``). Every file's name begins with ``synthetic-``, and every row says it in its 出典.
"""

import csv
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Catalogue, Direction, Kind, TargetRuleName
from kenpo_pipelines.catalogue.rounding import half_up, plain
from kenpo_pipelines.synthetic.figure_levels import chance
from kenpo_pipelines.synthetic.figures import Figure
from kenpo_pipelines.synthetic.files import set_time

SOURCE = "合成データ（架空の数値）"
RESULT_HEADERS = ("年度", "時点", "支部コード", "支部", "KPI", "分子", "分母", "実績値", "単位", "表記", "出典")
TARGET_HEADERS = ("年度", "支部コード", "支部", "KPI", "比較", "目標値", "単位", "表記", "出典")
_SENT_ON_BUSINESS_DAY = 6

NEVER_SENT = {("2025-06", "31"), ("2025-06", "36")}
"""Month and branch whose sheet does not come."""
SENT_LATE = {("2025-05", "47"): 15, ("2025-06", "42"): 12}
"""Month and branch whose sheet comes on a later business day of the month after."""
MISTYPED = {("2025-05", "21", "checkup_rate_dependants"): Decimal("0.2")}
"""A value that is not its own numerator ÷ denominator by so much."""
OVERSTATED = {("2025-05", "24", "employer_checkup_data_rate"): 6}
"""A numerator of so many times what it is: a figure that stands out."""
CONTRADICTORY = {(2025, "38", "counter_receipt_rate")}
"""Targets registered in both directions."""
CORRECTED = {("2025-05", "09"): "0.97", ("2025-05", "33"): "1.04"}
"""Month and branch that sends figures again, with numerators of so many times the first ones."""
CORRECTED_KPIS = ("checkup_rate_insured", "guidance_rate_insured", "recovery_rate", "committee_coverage_rate")
"""Those that are sent again; a correction holds no other rows."""


@dataclass(frozen=True)
class FigureFile:
    """A file to be landed. ``folder`` is a month or a fiscal year."""

    dataset: str
    folder: str
    name: str
    rows: tuple[tuple[str, ...], ...]
    sent_at: dt.datetime

    def write(self, landing: Path) -> Path:
        """Write the file to where it belongs in landing and set the time of its arrival."""
        path = landing / self.dataset / self.folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle, lineterminator="\n").writerows(self.rows)
        set_time(path, self.sent_at)
        return path


def result_files(catalogue: Catalogue, figures: Sequence[Figure], stock: str) -> list[FigureFile]:
    """The reports: what is known by the month ``stock`` in one national file of that month, later figures by branch."""
    by_file: dict[tuple[str, str], list[Figure]] = {}
    for one in figures:
        key = (stock, "") if one.known_month <= stock else (one.known_month, one.branch_code)
        by_file.setdefault(key, []).append(_with_errors(catalogue, one))
    return [
        _report(catalogue, month, branch, rows)
        for (month, branch), rows in sorted(by_file.items())
        if (month, branch) not in NEVER_SENT
    ]


def corrections(catalogue: Catalogue, figures: Iterable[Figure]) -> list[FigureFile]:
    """The corrections that are sent once the month has been published: some figures with other numerators."""
    by_file: dict[tuple[str, str], list[Figure]] = {}
    for one in figures:
        factor = CORRECTED.get((one.known_month, one.branch_code))
        if factor and one.kpi_id in CORRECTED_KPIS:
            by_file.setdefault((one.known_month, one.branch_code), []).append(_times(catalogue, one, Fraction(factor)))
    return [_report(catalogue, month, branch, rows, "-r2", 13) for (month, branch), rows in sorted(by_file.items())]


def _report(
    catalogue: Catalogue, month: str, branch: str, rows: Iterable[Figure], again: str = "", on_day: int | None = None
) -> FigureFile:
    day = on_day or SENT_LATE.get((month, branch), _SENT_ON_BUSINESS_DAY)
    name = f"synthetic-kpi_results-{month}{f'-{branch}' if branch else ''}{again}.csv"
    cells = tuple(_result_cells(catalogue, one) for one in rows)
    return FigureFile(
        "kpi_results", month, name, (RESULT_HEADERS, *cells), _sent(fiscal.add_months(month, 1), day, branch)
    )


def _sent(month: str, business_day: int, branch: str) -> dt.datetime:
    day = fiscal.business_day_of_month(month, business_day)
    return dt.datetime.combine(day, dt.time(9, int(branch or 0)), tzinfo=fiscal.TOKYO)


def _result_cells(catalogue: Catalogue, one: Figure) -> tuple[str, ...]:
    counts = ("" if count is None else str(count) for count in (one.numerator, one.denominator))
    return (
        str(one.fiscal_year), one.as_of, one.branch_code, catalogue.branch_by_code[one.branch_code].name,
        catalogue.kpi_by_id[one.kpi_id].names.ja, *counts, one.value, one.unit, "", SOURCE,
    )  # fmt: skip


def _with_errors(catalogue: Catalogue, one: Figure) -> Figure:
    key = (one.known_month, one.branch_code, one.kpi_id)
    if (wrong_by := MISTYPED.get(key)) and one.numerator is not None:
        return replace(one, value=str(Decimal(one.value) - wrong_by))
    return _times(catalogue, one, Fraction(OVERSTATED[key])) if key in OVERSTATED else one


def _times(catalogue: Catalogue, one: Figure, factor: Fraction) -> Figure:
    """The same cell with another numerator, which stays within its denominator."""
    if one.numerator is None or one.denominator is None:
        return one
    version = catalogue.version(one.kpi_id, one.fiscal_year)
    is_rate = version is None or version.kind is Kind.RATE
    numerator = round(one.numerator * factor)
    numerator = min(numerator, one.denominator) if is_rate else numerator
    precision = max(len(one.value.partition(".")[2]), 0)
    value = half_up(Fraction(numerator, one.denominator) * (100 if is_rate else 1), precision)
    return replace(one, numerator=numerator, value=format(value, "f"))


def target_files(
    catalogue: Catalogue, figures: Sequence[Figure], years: Iterable[int], seed: int = 1
) -> list[FigureFile]:
    """The plans of the fiscal years, one national file each: targets of all KPIs in force for every branch and the nation.

    Where branches set targets, they lie a little above last year's March (now and then below it), at the printed precision.
    """
    last_march = _march_figures(figures)
    files = []
    for year in years:
        rows = [
            row
            for branch in catalogue.branches
            for kpi in catalogue.in_force(year, branch.code)
            for row in _target_rows(catalogue, kpi.id, year, branch.code, last_march, seed)
        ]
        sent_at = _sent(fiscal.first_month(year), _SENT_ON_BUSINESS_DAY, "")
        name = f"synthetic-kpi_targets-fy{year}.csv"
        files.append(FigureFile("kpi_targets", str(year), name, (TARGET_HEADERS, *rows), sent_at))
    return files


def _march_figures(figures: Iterable[Figure]) -> Mapping[tuple[int, str, str], Fraction]:
    """Last figures of fiscal years by year, branch and KPI."""
    return {
        (one.fiscal_year, one.branch_code, one.kpi_id): Fraction(one.value)
        for one in figures
        if one.as_of == fiscal.year_end(one.fiscal_year) and one.value[:1].isdigit()
    }


def _target_rows(
    catalogue: Catalogue,
    kpi_id: str,
    year: int,
    branch: str,
    last_march: Mapping[tuple[int, str, str], Fraction],
    seed: int,
) -> list[tuple[str, ...]]:
    version = catalogue.version(kpi_id, year)
    assert version is not None
    rule, is_at_most = version.target_for(branch), version.direction is Direction.AT_MOST
    side, other_side = ("以下", "以上") if is_at_most else ("以上", "以下")
    comparators, value = [side], ""
    if rule.rule is TargetRuleName.UNIFORM:
        uniform = rule.uniform_value(year)
        value = "" if uniform is None else plain(uniform)
    elif rule.rule is TargetRuleName.BRANCH_SET:
        last = last_march.get((year - 1, branch, kpi_id))
        if last is None:
            return []
        stretch = Fraction(round(chance(seed, "target", kpi_id, branch, year).gauss(1.02, 0.03), 4)).limit_denominator()
        value = plain(half_up(min(last * stretch, Fraction(99)) if version.kind is Kind.RATE else last * stretch,
                              version.precision_for(branch)))  # fmt: skip
    elif rule.rule is TargetRuleName.QUALITATIVE:
        comparators = ["実施"]
    elif rule.rule is TargetRuleName.PRIOR_YEAR_END_OR_80:
        comparators = ["80以上又は対前年度末以上"]
    else:
        comparators = [f"対前年度{side}"]
        if (year, branch, kpi_id) in CONTRADICTORY:
            comparators.append(f"対前年度{other_side}")
    branch_name, kpi_name = catalogue.branch_by_code[branch].name, catalogue.kpi_by_id[kpi_id].names.ja
    return [
        (
            str(year),
            branch,
            branch_name,
            kpi_name,
            comparator,
            value,
            version.unit_for(branch) if value else "",
            "",
            SOURCE,
        )
        for comparator in comparators
    ]
