"""Trying to work out what a public edition hides: totals, complements, rates, months, and two editions laid side by side.

The attackers here know nothing of the module's own tables. They take what is printed, write down what everybody knows, and
let integer programming (or, for tiny tables, plain enumeration) find the least and the largest value that each hidden
number can have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from kenpo_pipelines import fiscal
from kenpo_pipelines.disclosure.figures import CountFigure, FigureKey, Hidden, hidden_figures
from kenpo_pipelines.disclosure.persons import Persons, load_persons

KPI, COHORT, LEVEL = "guidance_rate_dependants", "untreated_visit_rate_10m", "committee_coverage_rate"
SMALL = range(1, 10)
Counts = dict[tuple[str, str], tuple[int, int]]
"""(branch, month) → numerator, denominator; the nation is not among them."""


@pytest.fixture(scope="module")
def persons() -> Persons:
    return load_persons()


def _figure(kpi_id: str, branch: str, month: str, n: int, d: int) -> CountFigure:
    rate = (Decimal(100 * n) / d).quantize(Decimal("0.1"), ROUND_HALF_UP) if d else Decimal(0)
    return CountFigure(FigureKey(2024, kpi_id, branch, month), Decimal(n), Decimal(d), rate, 1, True)


def _edition(counts: Counts, kpi_id: str = KPI) -> list[CountFigure]:
    """The branches' figures and the nation's, which is their sum."""
    figures = [_figure(kpi_id, branch, month, n, d) for (branch, month), (n, d) in counts.items()]
    for month in sorted({month for _, month in counts}):
        own = [pair for (_, one), pair in counts.items() if one == month]
        figures.append(_figure(kpi_id, "00", month, sum(n for n, _ in own), sum(d for _, d in own)))
    return figures


@dataclass
class Reader:
    """Somebody who has the printed figures of one KPI and fiscal year and a solver."""

    figures: list[CountFigure]
    hidden: Hidden
    grows: frozenset[str]

    def __post_init__(self) -> None:
        self.names: list[tuple[str, str, str]] = []
        self.truth: dict[tuple[str, str, str], int] = {}
        self.known: dict[tuple[str, str, str], int] = {}
        for figure in self.figures:
            for part, count in (("n", figure.numerator), ("d", figure.denominator)):
                assert count is not None
                name = (part, figure.key.branch_code, figure.key.month)
                self.names.append(name)
                self.truth[name] = int(count)
                is_shown = figure.key not in (self.hidden.figures if part == "n" else self.hidden.denominators)
                if is_shown:
                    self.known[name] = int(count)
        self._rows, self._low, self._high = [], [], []
        months = sorted({month for _, _, month in self.names})
        branches = sorted({branch for _, branch, _ in self.names} - {"00"})
        for part, month in product("nd", months):
            self._add({(part, "00", month): 1, **{(part, branch, month): -1 for branch in branches}}, 0, 0)
        for branch, month in product(["00", *branches], months):
            self._add({("d", branch, month): 1, ("n", branch, month): -1}, 0, np.inf)
        for branch, (before, now) in product(["00", *branches], pairwise(months)):
            for part in sorted(self.grows):
                self._add(self._part(part, branch, now, before), 0, np.inf)

    @staticmethod
    def _part(part: str, branch: str, now: str, before: str | None = None) -> dict[tuple[str, str, str], int]:
        parts = {("d", branch, now): 1, ("n", branch, now): -1} if part == "c" else {(part, branch, now): 1}
        if before is None:
            return parts
        return parts | {(one, branch, before): -factor for (one, _, _), factor in parts.items()}

    def _add(self, parts: Mapping[tuple[str, str, str], int], low: float, high: float) -> None:
        if all(name in self.truth for name in parts):
            self._rows.append(self._row(parts))
            self._low.append(low)
            self._high.append(high)

    def _row(self, parts: Mapping[tuple[str, str, str], int]) -> np.ndarray:
        row = np.zeros(len(self.names))
        for name, factor in parts.items():
            row[self.names.index(name)] = factor
        return row

    def bounds(self, parts: Mapping[tuple[str, str, str], int]) -> tuple[int, int]:
        """The least and the largest value of the sum in any table of whole numbers that fits what is printed."""
        fixed = np.array([self.known.get(name, -1) for name in self.names], dtype=float)
        limits = Bounds(np.where(fixed < 0, 0, fixed), np.where(fixed < 0, 5000, fixed))
        rules = LinearConstraint(np.array(self._rows), np.array(self._low), np.array(self._high))
        # Without presolve: with it HiGHS has been seen to stop one short of the true optimum.
        found = [
            milp(
                sign * self._row(parts),
                constraints=rules,
                bounds=limits,
                integrality=np.ones(len(self.names)),
                options={"presolve": False},
            )
            for sign in (1, -1)
        ]
        assert found[0].x is not None, "the reader's rules contradict the printed figures"
        return round(float(found[0].fun)), -round(float(found[1].fun))

    def secrets(self) -> Iterable[tuple[str, Mapping[tuple[str, str, str], int]]]:
        """Every number of persons from 1 to 9 that the figures hold: counts, complements, and what a month adds to them."""
        months = sorted({month for _, _, month in self.names})
        for branch in sorted({branch for _, branch, _ in self.names}):
            of_branch = [month for month in months if ("n", branch, month) in self.truth]
            for part, index in product("ndc", range(len(of_branch))):
                questions = [self._part(part, branch, of_branch[index])]
                if index and part in self.grows:
                    questions.append(self._part(part, branch, of_branch[index], of_branch[index - 1]))
                for parts in questions:
                    if sum(factor * self.truth[name] for name, factor in parts.items()) in SMALL:
                        yield f"{part} {branch} {of_branch[index]}", parts

    def fails(self) -> None:
        """Assert that no secret can be told from any other count from 1 to 9."""
        for name, parts in self.secrets():
            low, high = self.bounds(parts)
            assert low <= 1 and high >= 9, f"{name} lies between {low} and {high}"


GROWS = {KPI: frozenset("n"), COHORT: frozenset("ndc"), LEVEL: frozenset()}


def _reader(figures: list[CountFigure], hidden: Hidden) -> Reader:
    return Reader(figures, hidden, GROWS[figures[0].key.kpi_id])


@st.composite
def nations(draw: st.DrawFn, kpi_id: str = KPI, most_months: int = 4) -> list[CountFigure]:
    """A few branches, large and small, over some months; monthly numbers are often small."""
    months = draw(st.integers(1, most_months))
    step = st.one_of(st.integers(0, 12), st.integers(0, 120))
    counts: Counts = {}
    for index in range(1, draw(st.integers(2, 7)) + 1):
        n, d = 0, draw(st.one_of(st.integers(0, 40), st.integers(30, 1500)))
        for number in range(months):
            if kpi_id == LEVEL:
                n, d = draw(st.integers(0, d)), d
            elif kpi_id == COHORT:
                more = draw(step)
                d += more
                n += draw(st.integers(0, more))
                n = min(n, d)
            else:
                n = min(n + draw(step), d)
            counts[f"{index:02d}", fiscal.add_months("2024-04", number)] = (n, d)
    return _edition(counts, kpi_id)


SLOW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(nations())
def test_totals_complements_and_months_do_not_give_a_count_away(persons: Persons, figures: list[CountFigure]) -> None:
    _reader(figures, hidden_figures(figures, persons)).fails()


@SLOW
@given(nations(COHORT, most_months=3))
def test_a_cohort_is_safe_in_all_its_parts(persons: Persons, figures: list[CountFigure]) -> None:
    _reader(figures, hidden_figures(figures, persons)).fails()


@SLOW
@given(nations(LEVEL, most_months=2))
def test_a_state_at_month_end_is_safe(persons: Persons, figures: list[CountFigure]) -> None:
    _reader(figures, hidden_figures(figures, persons)).fails()


@SLOW
@given(nations())
def test_the_next_edition_hides_of_old_months_what_the_old_one_hid(
    persons: Persons, figures: list[CountFigure]
) -> None:
    """So whoever has both editions has no more than the newer one."""
    whole = hidden_figures(figures, persons)
    for month in sorted({figure.key.month for figure in figures}):
        before = hidden_figures([figure for figure in figures if figure.key.month <= month], persons)
        assert before.figures == {key for key in whole.figures if key.month <= month}
        assert before.denominators == {key for key in whole.denominators if key.month <= month}


@SLOW
@given(nations())
def test_what_is_large_and_what_is_nothing_stays(persons: Persons, figures: list[CountFigure]) -> None:
    hidden = hidden_figures(figures, persons)
    assert hidden.denominators <= hidden.figures
    if not list(_reader(figures, hidden).secrets()):
        assert hidden.figures == frozenset()


def _worlds(figures: list[CountFigure], hidden: Hidden, most: int) -> list[dict[str, int]]:
    """Every table of one month that fits what is printed, by trying all; numerators only, denominators are shown."""
    branches = [figure.key.branch_code for figure in figures if figure.key.branch_code != "00"]
    printed = {
        figure.key.branch_code: (
            None if figure.key in hidden.figures else int(figure.numerator or 0),
            figure.denominator,
        )
        for figure in figures
    }
    fitting = []
    for numbers in product(*(range(min(most, int(printed[branch][1] or 0)) + 1) for branch in branches)):
        world = dict(zip(branches, numbers, strict=True)) | {"00": sum(numbers)}
        if all(shown is None or world[branch] == shown for branch, (shown, _) in printed.items()):
            fitting.append(world)
    return fitting


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_enumeration_finds_every_small_count_possible(persons: Persons, numerators: list[int]) -> None:
    counts = {(f"{index:02d}", "2024-04"): (n, 33) for index, n in enumerate(numerators, start=1)}
    figures = _edition(counts)
    hidden = hidden_figures(figures, persons)
    worlds = _worlds(figures, hidden, 33)
    for figure in figures:
        if int(figure.numerator or 0) in SMALL:
            assert set(SMALL) <= {world[figure.key.branch_code] for world in worlds}


def _hiding(*places: tuple[str, str]) -> Hidden:
    return Hidden(frozenset(FigureKey(2024, KPI, *place) for place in places), frozenset())


def test_the_reader_finds_what_is_badly_hidden() -> None:
    """Teeth: the attacks above mean something only if they succeed against half measures."""
    april, may = "2024-04", "2024-05"
    month = _edition({("01", april): (3, 500), ("02", april): (40, 900), ("03", april): (700, 5000)})
    with pytest.raises(AssertionError, match="n 01 2024-04 lies between 3 and 3"):  # total less the others
        _reader(month, _hiding(("01", april))).fails()
    small = _edition({("01", april): (3, 500), ("02", april): (4, 900), ("03", april): (700, 5000)})
    with pytest.raises(AssertionError, match="between 0 and 7"):  # two small ones, but their sum is known
        _reader(small, _hiding(("01", april), ("02", april))).fails()
    months = _edition(
        {("01", april): (100, 500), ("01", may): (104, 500), ("02", april): (80, 900), ("02", may): (120, 900)}
    )
    with pytest.raises(AssertionError, match="n 01 2024-05 lies between 4 and 4"):  # a month less the one before
        _reader(months, _hiding(("02", may), ("00", may))).fails()
    with pytest.raises(AssertionError, match="c 01 2024-04 lies between 4 and 4"):  # persons not reached
        _reader(_edition({("01", april): (496, 500), ("02", april): (0, 900)}), _hiding()).fails()


def test_one_small_branch_takes_one_other_with_it_and_the_nation_stays(persons: Persons) -> None:
    counts = {("01", "2024-04"): (3, 500), ("02", "2024-04"): (40, 900), ("03", "2024-04"): (700, 5000)}
    hidden = hidden_figures(_edition(counts), persons)
    assert {key.branch_code for key in hidden.figures} == {"01", "02"}  # the smaller of the two is missed less
    assert hidden.denominators == frozenset()


def test_a_complement_is_a_count_of_persons_too(persons: Persons) -> None:
    counts = {("01", "2024-04"): (496, 500), ("02", "2024-04"): (300, 900), ("03", "2024-04"): (700, 5000)}
    hidden = hidden_figures(_edition(counts), persons)
    assert FigureKey(2024, KPI, "01", "2024-04") in hidden.figures
    assert len(hidden.figures) == 2


def test_the_difference_of_two_months_is_a_count_of_persons_too(persons: Persons) -> None:
    counts = {
        ("01", "2024-04"): (100, 500), ("02", "2024-04"): (100, 900), ("03", "2024-04"): (100, 900),
        ("01", "2024-05"): (104, 500), ("02", "2024-05"): (150, 900), ("03", "2024-05"): (160, 900),
    }  # fmt: skip
    hidden = hidden_figures(_edition(counts), persons)
    assert {(key.branch_code, key.month) for key in hidden.figures} == {("01", "2024-05"), ("02", "2024-05")}
    # the same figures as states at month ends are no secret: nobody is added
    assert hidden_figures(_edition(counts, LEVEL), persons).figures == frozenset()


def test_counts_of_office_work_and_offices_are_shown(persons: Persons) -> None:
    counts = {("01", "2024-04"): (3, 5), ("02", "2024-04"): (1, 9)}
    for kpi_id in ("single_bid_rate", "service_standard_attainment", "health_declaration_offices"):
        assert hidden_figures(_edition(counts, kpi_id), persons).figures == frozenset()


def test_a_rate_with_a_known_denominator_is_a_count(persons: Persons) -> None:
    # 0.7 % of 918 is 5.97 … 6.88: six persons, whether they are printed or not. Of 330,908 it may be anything near 2,300.
    def rate(branch: str, denominator: int) -> list[CountFigure]:
        known = _figure(KPI, branch, "2024-04", 100, denominator)
        own = FigureKey(2024, KPI, branch, "2024-05")
        return [
            replace(known, numerator=None, value=None),
            CountFigure(own, None, None, Decimal("0.7"), 1, True),
        ]

    hidden = hidden_figures([*rate("05", 918), *rate("13", 330_908)], persons)
    assert hidden.figures == {FigureKey(2024, KPI, "05", "2024-05")}


def test_what_the_nation_has_more_than_its_branches_belongs_to_the_lacking_one(persons: Persons) -> None:
    counts = {("01", "2024-04"): (100, 500), ("02", "2024-04"): (80, 900)}
    nation = _figure(KPI, "00", "2024-04", 184, 1900)  # the third branch, not published, has 4 of 500
    figures = [*(one for one in _edition(counts) if one.key.branch_code != "00"), nation]
    assert hidden_figures(figures, persons).figures != frozenset()


def test_a_hidden_nation_is_not_told_by_another_kpi_that_adds_it_up(persons: Persons) -> None:
    insured, dependants, both = "guidance_rate_insured", "guidance_rate_dependants", "guidance_persons"
    month = "2024-04"
    figures = [
        _figure(insured, "00", month, 90_000, 900_000),
        _figure(dependants, "00", month, 5, 90_000),
        replace(_figure(both, "00", month, 90_005, 1), denominator=None, value=Decimal(90_005), is_rate=False),
    ]
    hidden = hidden_figures(figures, persons).figures
    assert FigureKey(2024, dependants, "00", month) in hidden
    assert len(hidden) == 2


def test_a_count_that_was_restated_by_a_few_persons_is_hidden(persons: Persons) -> None:
    counts = {("01", "2024-04"): (100, 500), ("02", "2024-04"): (80, 900), ("03", "2024-04"): (90, 900)}
    old = _edition(counts)
    new = _edition({**counts, ("01", "2024-04"): (104, 500)})
    assert hidden_figures(new, persons).figures == frozenset()
    hidden = hidden_figures(new, persons, earlier=old)
    assert {key.branch_code for key in hidden.figures} >= {"01", "00"}
    low, high = _reader(new, hidden).bounds({("n", "01", "2024-04"): 1})
    assert low <= 101 and high >= 109


def test_shared_denominators_are_hidden_together(persons: Persons) -> None:
    insured, records = "checkup_rate_insured", "employer_checkup_data_rate"
    counts = {("01", "2024-04"): (4, 8), ("02", "2024-04"): (300, 900), ("03", "2024-04"): (310, 950)}
    others = {place: (0, d) for place, (_, d) in counts.items()}
    hidden = hidden_figures([*_edition(counts, insured), *_edition(others, records)], persons)
    of_first = {key.branch_code for key in hidden.denominators if key.kpi_id == insured}
    assert "01" in of_first
    assert of_first == {key.branch_code for key in hidden.denominators if key.kpi_id == records}


def test_two_figures_of_one_key_are_refused(persons: Persons) -> None:
    with pytest.raises(ValueError, match="two figures"):
        hidden_figures([_figure(KPI, "01", "2024-04", 1, 2)] * 2, persons)
