"""What the analytical rules must find, worked out one figure at a time in fractions: slow, and nothing shared with the SQL.

What lives here: the rules as their descriptions say them, on a pandas table of figures. What does not: making figures
(``figure_world``).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any

import pandas as pd

Place = tuple[str, str, str, str]
"""Rule, KPI, month, branch."""

Line = dict[str, Any]
"""One figure with its numbers as fractions."""

NATION = "00"
HEAD_COUNTS = {
    *("checkup_rate_insured", "employer_checkup_data_rate", "checkup_rate_dependants"),
    *("guidance_rate_insured", "guidance_rate_dependants"),
}
"""KPIs whose denominator is one head count all year."""


def robust_z(value: Fraction, others: Sequence[Fraction], floor_pct: Fraction) -> Fraction | None:
    """0.6745 · |value − median| ÷ the largest of MAD, 0.84536 · mean deviation and so much of the median; None for 0."""
    middle = Fraction(median(others))
    distances = [abs(one - middle) for one in others]
    mean_deviation = Fraction("0.84536") * sum(distances) / len(distances)
    deviation = max(Fraction(median(distances)), mean_deviation, abs(middle) * floor_pct / 100)
    return None if deviation == 0 else Fraction("0.6745") * abs(value - middle) / deviation


def in_millionths(value: Fraction) -> Fraction:
    """The value at six decimals, half-up, as figures are compared."""
    scaled = abs(value) * 10**6
    rounded = Fraction(int(scaled + Fraction(1, 2)), 10**6)
    return rounded if value >= 0 else -rounded


class Figures:
    """The figures of a world, found by series, by KPI and month, and by branch and month."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.series: dict[tuple[str, ...], list[Line]] = defaultdict(list)
        self.of_kpi: dict[tuple[str, str], list[Line]] = defaultdict(list)
        self.of_branch: dict[tuple[str, str], list[Line]] = defaultdict(list)
        for line in sorted(lines, key=lambda one: one["period"]):
            self.series[_series(line)].append(line)
            if line["branch_code"] != NATION:
                self.of_kpi[line["kpi_id"], line["as_of"]].append(line)
                self.of_branch[line["branch_code"], line["as_of"]].append(line)


def findings(
    figures: list[dict[str, Any]], kpis: pd.DataFrame, limits: dict[str, Fraction], branches: int = 47
) -> set[Place]:
    """Return what every rule but the one on guidance counts finds among the figures."""
    table = pd.DataFrame(figures).merge(kpis, on=["fiscal_year", "branch_code", "kpi_id"])
    lines = [_line(row) for row in table.to_dict("records") if row["kind"] != "qualitative"]
    world = Figures([line for line in lines if line["figure"] is not None])
    for line in world.lines:
        line["before"] = _month_before(line, world)
        line["month"], line["cases"] = _own_month(line)
    found: set[Place] = set()
    for line in world.lines:
        if line["branch_code"] != NATION:
            found |= _against_months(line, world, limits)
            found |= _against_branches(line, world, limits)
            found |= _copied(line, world, limits)
        else:
            found |= _against_sum(line, world, limits, branches)
        if line["kind"] == "rate" and line["n"] is not None and line["d"] is not None and line["n"] > line["d"]:
            found.add(("part_above_whole", *_place(line)))
    return found


def _line(row: dict[str, Any]) -> Line:
    n, d, v = (
        None if row.get(name) is None or pd.isna(row[name]) else Fraction(row[name])
        for name in ("numerator", "denominator", "value")
    )
    figure = v
    if v is None and n is not None and d:
        figure = n / d * (100 if row["kind"] == "rate" else 1)
    shown = None if figure is None else in_millionths(figure)
    return row | {"n": n, "d": d, "v": v, "figure": shown, "period": pd.Period(row["as_of"], "M")}


def _place(line: Line) -> tuple[str, str, str]:
    return line["kpi_id"], line["as_of"], line["branch_code"]


def _series(line: Line) -> tuple[str, ...]:
    return line["kpi_id"], line["branch_code"], line["source"]


def _month_before(line: Line, world: Figures) -> Line | None:
    if line["period"].month == 4:
        return {"n": Fraction(0), "d": Fraction(0), "v": Fraction(0)}
    return next(
        (one for one in world.series[_series(line)] if one["period"] == line["period"] - 1),
        None,
    )


def _own_month(line: Line) -> tuple[Fraction | None, Fraction | None]:
    """What the month adds, and over how many cases."""
    if line["accumulation"] != "cumulative":
        return line["figure"], line["d"]
    before = line["before"]
    if before is None:
        return None, None
    if line["kind"] == "count":
        both = (line["v"], before["v"])
        return (None if None in both else in_millionths(both[0] - both[1])), None
    if None in (line["n"], line["d"], before["n"]):
        return None, None
    factor = 100 if line["kind"] == "rate" else 1
    if line["kpi_id"] in HEAD_COUNTS:
        return in_millionths((line["n"] - before["n"]) / line["d"] * factor), line["d"]
    if before["d"] is None or line["d"] <= before["d"]:
        return None, None
    cases = line["d"] - before["d"]
    return in_millionths((line["n"] - before["n"]) / cases * factor), Fraction(int(cases))


def _is_large(cases: Fraction | None, limits: dict[str, Fraction]) -> bool:
    return cases is None or cases >= limits["least_denominator"]


def _is_off(
    line: Line, value: Fraction, cases: Fraction | None, others: Sequence[Fraction], limits: dict[str, Fraction]
) -> bool:
    """The distance from the median is one of cases enough."""
    distance = abs(value - Fraction(median(others)))
    if line["kind"] == "count":
        return distance >= limits["least_cases_off"]
    if cases is None:
        return True
    return distance * int(cases) / (100 if line["kind"] == "rate" else 1) >= limits["least_cases_off"]


def _against_months(line: Line, world: Figures, limits: dict[str, Fraction]) -> set[Place]:
    found: set[Place] = set()
    own = world.series[_series(line)]
    if line["month"] is not None and _is_large(line["cases"], limits):
        comparable = [
            one
            for one in own
            if 0 < (line["period"] - one["period"]).n <= limits["own_months_most"]
            and one["month"] is not None
            and _is_large(one["cases"], limits)
        ]
        earlier = [one["month"] for one in comparable]
        usual_pct = limits["month_cases_least_pct"]
        cases = [one["cases"] for one in comparable if one["cases"] is not None]
        is_usual = not cases or line["cases"] is None or line["cases"] * 100 >= usual_pct * median(cases)
        if len(earlier) >= limits["own_months_least"] and is_usual:
            z = robust_z(line["month"], earlier, limits["deviation_floor_pct"])
            if (
                z is not None
                and z > limits["own_months_z"]
                and _is_off(line, line["month"], line["cases"], earlier, limits)
            ):
                found.add(("own_months", *_place(line)))
    in_year = [one for one in own if one["fiscal_year"] == line["fiscal_year"]]
    for before, after in pairwise(in_year):
        if after is not line:
            continue
        sums = [one["n"] if one["n"] is not None else one["v"] for one in (before, after)]
        is_sum = line["accumulation"] == "cumulative" and (line["kind"] == "count" or line["n"] is not None)
        if is_sum and None not in sums:
            fall = sums[0] - sums[1]
            if fall >= limits["least_cases_off"] and fall * 100 > limits["fall_pct"] * sums[0]:
                found.add(("falls", *_place(line)))
        is_steady = line["kpi_id"] in HEAD_COUNTS or line["accumulation"] == "level"
        is_known = is_steady and None not in (before["d"], after["d"]) and before["d"] >= limits["least_denominator"]
        if is_known and abs(after["d"] - before["d"]) * 100 > limits["denominator_jump_pct"] * before["d"]:
            found.add(("denominator_jump", *_place(line)))
    return found


def _against_branches(line: Line, world: Figures, limits: dict[str, Fraction]) -> set[Place]:
    if line["kind"] == "count" or not _is_large(line["d"], limits):
        return set()
    values = [one["figure"] for one in world.of_kpi[line["kpi_id"], line["as_of"]] if _is_large(one["d"], limits)]
    if len(values) < limits["branches_least"]:
        return set()
    z = robust_z(line["figure"], values, limits["deviation_floor_pct"])
    is_far = z is not None and z > limits["branches_z"] and _is_off(line, line["figure"], line["d"], values, limits)
    return {("branches", *_place(line))} if is_far else set()


def _counts(line: Line) -> tuple[Fraction | None, Fraction | None]:
    return (line["v"], line["v"]) if line["kind"] == "count" else (line["n"], line["d"])


def _copied(line: Line, world: Figures, limits: dict[str, Fraction]) -> set[Place]:
    found: set[Place] = set()
    twins = [
        one["branch_code"]
        for one in world.of_kpi[line["kpi_id"], line["as_of"]]
        if one is not line and None not in (line["n"], line["d"]) and (one["n"], one["d"]) == (line["n"], line["d"])
    ]
    if twins and line["d"] >= limits["copied_least_denominator"] and line["n"] >= limits["copied_least_numerator"]:
        found.add(("copied_cell", *_place(line)))
    shared: Counter[str] = Counter()
    partners = set()
    for mine in world.of_branch[line["branch_code"], line["as_of"]]:
        counts = _counts(mine)
        if None in counts or min(counts) < limits["copied_row_least_count"]:
            continue
        others = [one for one in world.of_kpi[mine["kpi_id"], mine["as_of"]] if one is not mine]
        same = {one["branch_code"] for one in others if _counts(one) == counts}
        shared.update(same)
        partners |= same if mine is line else set()
    if any(shared[other] >= limits["copied_row_cells"] for other in partners):
        found.add(("copied_row", *_place(line)))
    return found


def _against_sum(line: Line, world: Figures, limits: dict[str, Fraction], branches: int) -> set[Place]:
    if line["source"] != "reported":
        return set()
    parts = [one for one in world.of_kpi[line["kpi_id"], line["as_of"]] if one["kind"] == line["kind"]]
    for name in ("v",) if line["kind"] == "count" else ("n", "d"):
        told = [one[name] for one in parts if one[name] is not None]
        if line[name] is None or not told:
            continue
        off, bearable = sum(told) - line[name], limits["sum_tolerance_pct"] * line[name]
        if off * 100 > bearable or (len(told) == branches and -off * 100 > bearable):
            return {("sum_of_branches", *_place(line))}
    return set()
