"""A second opinion on scorecards: slow, obvious, and sharing nothing with the pipeline but its input files.

What lives here: landing CSVs and the catalogue's YAML, read raw, to the lines of a scorecard. What does not:
anything fast, any import of ``kenpo_pipelines``. Everything is a fraction until it is rounded once; a month knows what
lay in the landing folders up to it.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

NATION = "00"
DONE = {"実施": True, "未実施": False}


@dataclass
class Line:
    """What a line of the scorecard must say. Numbers are fractions, already rounded where they are printed."""

    figure_as_of: str | None = None
    figure_known_month: str | None = None
    source: str = ""
    value: Fraction | None = None
    target: Fraction | None = None
    outcome: str = ""
    reason: str = ""
    ratio_to_target: Fraction | None = None
    is_nearly_attained: bool | None = None
    prior_value: Fraction | None = None
    status: str = ""
    rank: int | None = None
    ranked_branches: int | None = None


Key = tuple[int, str, str]
"""fiscal year, branch code, KPI."""


class Oracle:
    """Knows the landing folder and the catalogue's files; answers for one month at a time."""

    def __init__(self, landing: Path, catalogue: Path) -> None:
        self.results = _read_all(landing / "kpi_results")
        self.targets = _read_all(landing / "kpi_targets")
        files = sorted((catalogue / "kpis").glob("*.yml"))
        self.kpis = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in files}
        years = yaml.safe_load((catalogue / "fiscal_years.yml").read_text(encoding="utf-8"))
        self.judged_years = [year["fiscal_year"] for year in years if year["is_judged"]]
        codes = [branch["code"] for branch in yaml.safe_load((catalogue / "branches.yml").read_text(encoding="utf-8"))]
        self.branches = [code for code in codes if code != NATION]
        plans = yaml.safe_load((catalogue / "planned_tenders.yml").read_text(encoding="utf-8")) or []
        self.plans = {(plan["fiscal_year"], plan["branch_code"]): plan["tenders"] for plan in plans}

    # -- the catalogue

    def version(self, kpi_id: str, fiscal_year: int) -> dict[str, Any] | None:
        for version in self.kpis[kpi_id]["versions"]:
            first, last = _span(version)
            if first <= fiscal_year <= last:
                return version
        return None

    def follows(self, kpi_id: str, fiscal_year: int, branch: str) -> bool:
        version = self.version(kpi_id, fiscal_year)
        if version is None:
            return False
        scope = version.get("scope", "all")
        if scope == "nation":
            return branch == NATION
        if scope == "branches":
            return branch in version["branches"]
        return True

    def part(self, kpi_id: str, fiscal_year: int, branch: str, name: str) -> Any:
        """Kind, precision or target of a branch's figure; the nation's may be another."""
        version = self.version(kpi_id, fiscal_year)
        assert version is not None
        if branch == NATION and "national" in version:
            return version["national"][name]
        if name == "precision":
            return version.get("precision_by_branch", {}).get(branch, version["precision"])
        return version[name]

    # -- what a month knows

    def figures(self, month: str) -> dict[tuple[str, str, str], dict[str, Any]]:
        """(as_of, branch, KPI) → figure, the nation's sums included."""
        known = self.results[self.results["folder"] <= month]
        newest = known.sort_values(["folder", "mtime", "file"]).groupby(["時点", "支部コード", "KPI"]).last()
        found = {}
        for (as_of, branch, kpi_id), row in newest.iterrows():
            numerator, denominator, value = (_number(row[column]) for column in ("分子", "分母", "実績値"))
            done = DONE.get(row["実績値"])
            if value is None and done is None and (numerator is None or denominator is None):
                continue  # ― or 集計中: the report withdraws the figure
            found[as_of, branch, kpi_id] = {
                **{"as_of": as_of, "known": row["folder"], "source": "reported"},
                **{"numerator": numerator, "denominator": denominator, "value": value, "done": done},
            }
        for as_of in {key[0] for key in found}:
            for kpi_id in self.kpis:
                if (as_of, NATION, kpi_id) not in found and (total := self.sum(found, as_of, kpi_id)) is not None:
                    found[as_of, NATION, kpi_id] = total
        return found

    def sum(self, found: dict[Any, dict[str, Any]], as_of: str, kpi_id: str) -> dict[str, Any] | None:
        """Σ numerators and Σ denominators, Σ of counts, or how many branches did it: of all 47, or not at all."""
        fiscal_year = _fiscal_year(as_of)
        if not self.follows(kpi_id, fiscal_year, NATION):
            return None
        of_branches = [found.get((as_of, branch, kpi_id)) for branch in self.branches]
        figures = [figure for figure in of_branches if figure is not None]
        if len(figures) < 47:
            return None
        kind = self.part(kpi_id, fiscal_year, self.branches[0], "kind")
        national_kind = self.part(kpi_id, fiscal_year, NATION, "kind")
        total: dict[str, Any] = dict.fromkeys(("numerator", "denominator", "value", "done"))
        total |= {"as_of": as_of, "known": max(figure["known"] for figure in figures), "source": "computed"}
        if kind in ("rate", "mean") and national_kind == kind:
            if any(figure["numerator"] is None or figure["denominator"] is None for figure in figures):
                return None
            total["numerator"] = sum(figure["numerator"] for figure in figures)
            total["denominator"] = sum(figure["denominator"] for figure in figures)
        elif kind == "count" and national_kind == "count":
            if any(figure["value"] is None for figure in figures):
                return None
            total["value"] = sum(figure["value"] for figure in figures)
        elif kind == "qualitative" and national_kind == "count":
            if any(figure["done"] is None for figure in figures):
                return None
            total["value"] = Fraction(sum(figure["done"] for figure in figures))
        else:
            return None
        return total

    @cached_property
    def registered(self) -> dict[Key, list[tuple[str, Fraction | None]]]:
        """What the newest file registers for each target: comparator and number, every different row of it."""
        found: dict[Key, list[tuple[str, Fraction | None]]] = {}
        for (year, branch, kpi_id), rows in self.targets.groupby(["年度", "支部コード", "KPI"]):
            newest = rows.sort_values(["mtime", "file"]).iloc[-1]
            last = rows[(rows["mtime"] == newest["mtime"]) & (rows["file"] == newest["file"])]
            found[int(year), branch, kpi_id] = [(row["比較"], _number(row["目標値"])) for _, row in last.iterrows()]
        return found

    # -- the scorecard

    def scorecard(self, month: str) -> dict[Key, Line]:
        figures, registered = self.figures(month), self.registered
        lines: dict[Key, Line] = {}
        for fiscal_year in [year for year in self.judged_years if year <= _fiscal_year(month)]:
            present = {NATION}
            present |= {branch for as_of, branch, _ in figures if _fiscal_year(as_of) == fiscal_year}
            present |= {branch for year, branch, _ in registered if year == fiscal_year}
            for branch in present:
                for kpi_id in self.kpis:
                    if self.follows(kpi_id, fiscal_year, branch):
                        lines[fiscal_year, branch, kpi_id] = self.line(
                            month, fiscal_year, branch, kpi_id, figures, registered
                        )
        self.rank(lines)
        return lines

    def rank(self, lines: dict[Key, Line]) -> None:
        """Among the branches whose figure is of the same month; ties share a rank."""
        fields: dict[tuple[int, str, str | None], list[Line]] = {}
        for (fiscal_year, branch, kpi_id), line in lines.items():
            if branch != NATION and line.value is not None:
                fields.setdefault((fiscal_year, kpi_id, line.figure_as_of), []).append(line)
        for (fiscal_year, kpi_id, _), competitors in fields.items():
            version = self.version(kpi_id, fiscal_year)
            assert version is not None
            values = [line.value for line in competitors if line.value is not None]
            for line in competitors:
                assert line.value is not None
                more_is_better = version["direction"] == "at_least"
                better = [one for one in values if (one > line.value if more_is_better else one < line.value)]
                line.rank, line.ranked_branches = 1 + len(better), len(values)

    def line(
        self,
        month: str,
        fiscal_year: int,
        branch: str,
        kpi_id: str,
        figures: dict[Any, Any],
        registered: dict[Any, Any],
    ) -> Line:
        line = Line()
        version = self.version(kpi_id, fiscal_year)
        assert version is not None
        own_months = sorted(
            as_of
            for as_of, code, kpi in figures
            if (code, kpi) == (branch, kpi_id) and _fiscal_year(as_of) == fiscal_year and as_of <= month
        )
        figure = figures[own_months[-1], branch, kpi_id] if own_months else None
        prior = figures.get((f"{fiscal_year}-03", branch, kpi_id))
        june = figures.get((f"{fiscal_year - 1}-06", branch, kpi_id))
        if (
            not version.get("is_comparable_with_previous", True)
            and self.version(kpi_id, fiscal_year - 1) is not version
        ):
            prior = june = None  # the KPI was redefined
        if figure is not None:
            line.figure_as_of, line.figure_known_month = figure["as_of"], figure["known"]
            line.source = figure["source"]
            last_month = min(f"{fiscal_year + 1}-03", str(version.get("ended_in", "9999-12")))
            settled = _months_later(last_month, version["reporting_lag_months"][1])
            is_final = figure["as_of"] >= last_month and month >= settled
            line.status = "final" if is_final else "provisional"
        kind = self.part(kpi_id, fiscal_year, branch, "kind")
        precision = self.part(kpi_id, fiscal_year, branch, "precision")
        if kind != "qualitative" and (exact_prior := _exact(prior, kind, precision)) is not None:
            line.prior_value = _rounded(exact_prior, precision)
        target, is_fixed, problem = self.target(fiscal_year, branch, kpi_id, registered, prior, june)
        if kind == "qualitative":
            done = figure["done"] if figure else None
            if problem == "contradictory_targets" or (problem and done is not None):
                line.outcome, line.reason = "not_evaluable", problem
            elif done is None:
                line.outcome, line.reason = "not_evaluable", "no_result"
            else:
                line.outcome = "attained" if done else "not_attained"
            return line
        exact = _exact(figure, kind, precision)
        if exact is not None:
            line.value = _rounded(exact, precision)
        if target is not None:
            line.target = _rounded(target, precision)
        if problem == "contradictory_targets" or (exact is not None and problem):
            line.outcome, line.reason = "not_evaluable", problem
        elif exact is None:
            line.outcome, line.reason = "not_evaluable", "no_result"
        else:
            assert figure is not None
            assert target is not None
            plan = self.plans.get((fiscal_year, branch))
            self.judge(line, version, figure, exact, target, is_fixed, plan, fiscal_year)
        return line

    def judge(
        self,
        line: Line,
        version: dict[str, Any],
        figure: dict[str, Any],
        exact: Fraction,
        target: Fraction,
        is_fixed: bool,
        plan: int | None,
        fiscal_year: int,
    ) -> None:
        assert line.value is not None
        assert line.target is not None
        if target != 0:
            line.ratio_to_target = _rounded(exact / target * 100, 1)
        more_is_better = version["direction"] == "at_least"
        if line.value >= line.target if more_is_better else line.value <= line.target:
            line.outcome = "attained"
            return
        line.outcome = "not_attained"
        exception = version.get("small_tender_exception")
        counts = (figure["numerator"], figure["denominator"])
        if exception and None not in counts and counts[0] <= exception["max_numerator"]:
            if plan is None and figure["as_of"] == f"{fiscal_year + 1}-03":
                plan = counts[1]
            if plan is None and counts[1] <= exception["max_planned"]:
                line.outcome, line.reason = "not_evaluable", "plan_unknown"
                return
            if plan is not None and plan <= exception["max_planned"]:
                line.outcome, line.reason = "attained", "small_tender_exception"
                return
        if is_fixed and more_is_better and "near_attainment" in version and target != 0:
            line.is_nearly_attained = exact / target * 100 >= Fraction(version["near_attainment"]["min_ratio_pct"])

    def target(
        self, fiscal_year: int, branch: str, kpi_id: str, registered: dict[Any, Any], prior: Any, june: Any
    ) -> tuple[Fraction | None, bool, str]:
        """The number, whether it was set (and not a prior year's), or why there is none."""
        version = self.version(kpi_id, fiscal_year)
        assert version is not None
        kind = self.part(kpi_id, fiscal_year, branch, "kind")
        precision = self.part(kpi_id, fiscal_year, branch, "precision")
        rule = self.part(kpi_id, fiscal_year, branch, "target")
        rows = registered.get((fiscal_year, branch, kpi_id), [])
        if _contradict(rows):
            return None, False, "contradictory_targets"
        comparator, number = max(rows, key=lambda row: row[1] is not None) if rows else ("", None)
        good = "以上" if version["direction"] == "at_least" else "以下"
        if comparator and (kind == "qualitative") != (comparator == "実施"):
            return None, False, "target_unfit"
        if kind == "qualitative":
            return None, False, ""
        if comparator and not comparator.endswith(good):
            return None, False, "contradictory_targets"
        is_generics_row = comparator == "80以上又は対前年度末以上"
        if comparator and number is not None and not is_generics_row:
            return number, comparator in ("以上", "以下"), ""
        if rule["rule"] == "branch_set" and not comparator:
            return None, False, "no_target"
        if rule["rule"] == "uniform" and not comparator:
            nations = registered.get((fiscal_year, NATION, kpi_id), [])
            right_way = "以上" if version["direction"] == "at_least" else "以下"
            fixed = [value for word, value in nations if word == right_way and value is not None]
            if fixed and not _contradict(nations) and kind == version["kind"]:
                return fixed[0], True, ""
            years = [year for year in rule["values"] if year <= fiscal_year]
            return Fraction(rule["values"][max(years)]), True, ""
        if rule["rule"] == "prior_year_end_or_80" or is_generics_row:
            in_june = _exact(june, kind, precision)
            if in_june is not None and _rounded(in_june, precision) < 80:
                return Fraction(80), True, ""
            if in_june is None and (not comparator or is_generics_row):
                return None, False, "no_prior_june"
        last_year = _exact(prior, kind, precision)
        if last_year is None:
            is_first = fiscal_year == _span(self.kpis[kpi_id]["versions"][0])[0]
            return None, False, "new_kpi" if is_first else "no_prior_result"
        return last_year, False, ""


def _contradict(rows: list[tuple[str, Fraction | None]]) -> bool:
    sides = {"実施" if word == "実施" else word[-2:] for word, _ in rows}
    numbers = {number for _, number in rows if number is not None}
    has_fixed = any(word in ("以上", "以下") for word, _ in rows)
    has_open_prior = any(word not in ("以上", "以下") and number is None for word, number in rows)
    return len(sides) > 1 or len(numbers) > 1 or (has_fixed and has_open_prior)


def _read_all(folder: Path) -> pd.DataFrame:
    tables = []
    for path in sorted(folder.glob("*/*.csv")):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        tables.append(table.assign(folder=path.parent.name, file=path.name, mtime=path.stat().st_mtime))
    return pd.concat(tables, ignore_index=True)


def _number(text: str) -> Fraction | None:
    return Fraction(text) if text[:1].isdigit() else None


def _exact(figure: dict[str, Any] | None, kind: str, precision: int) -> Fraction | None:
    """The quotient of the counts, unless the reported value contradicts it or there are none."""
    if figure is None:
        return None
    quotient = None
    if kind in ("rate", "mean") and figure["numerator"] is not None and figure["denominator"]:
        quotient = figure["numerator"] / figure["denominator"] * (100 if kind == "rate" else 1)
    value: Fraction | None = figure["value"]
    if value is None or (quotient is not None and _rounded(quotient, precision) == _rounded(value, precision)):
        return quotient
    return value


def _rounded(number: Fraction, places: int) -> Fraction:
    """Half-up for what is never negative."""
    return Fraction((number * 10**places + Fraction(1, 2)).__floor__(), 10**places)


def _span(version: dict[str, Any]) -> tuple[int, int]:
    first, dash, last = str(version["fiscal_years"]).partition("-")
    return int(first), int(last) if last else (9999 if dash else int(first))


def _fiscal_year(month: str) -> int:
    return int(month[:4]) - (month[5:] < "04")


def _months_later(month: str, count: int) -> str:
    return str(pd.Period(month, "M") + count)
