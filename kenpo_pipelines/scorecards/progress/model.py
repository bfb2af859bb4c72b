"""The progress report (事業実施状況) of one branch as of one month, whatever the medium.

What lives here: its shape. What does not: making one (``report``), laying it out (``workbook``, ``page``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards.progress.budgets import Amounts
from kenpo_pipelines.scorecards.progress.overrides import UnusedMark
from kenpo_pipelines.scorecards.progress.quarters import Quarters
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.serving.progress_queries import Mark, Status


@dataclass(frozen=True, slots=True)
class ShownMark:
    """The mark on a line. ``proposed`` is what the data say and ``why`` they do; ``note`` numbers the footnote of a mark that
    people gave in its place, None for a proposed one."""

    mark: Mark
    proposed: Mark
    why: str
    note: int | None = None


@dataclass(frozen=True, slots=True)
class KpiLine:
    """One KPI: its published line, what each quarter has, and its mark.

    ``quarters`` are counts (numerators) of a figure that adds up, else (``is_level``) the newest figure of each quarter, in
    ``quarter_unit`` ('' for numerators) with ``quarter_precision`` decimals.
    """

    row: ScorecardRow
    quarters: Quarters
    quarter_unit: str
    quarter_precision: int
    is_level: bool
    mark: ShownMark


@dataclass(frozen=True, slots=True)
class KpiGroup:
    """A KPI group of the scorecard and its KPIs in the order of the scorecard."""

    name: str
    lines: tuple[KpiLine, ...]


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """One activity by quarter. ``total`` is the count since April as of the month ``total_as_of`` (of a state: the state)."""

    item: str
    unit: str
    quarters: Quarters
    total: Decimal | None
    total_as_of: str
    is_level: bool
    is_unstated: bool
    """True when the source does not say what the count covers; it is taken as since April."""


@dataclass(frozen=True, slots=True)
class ActivityGroup:
    """A field (分野) of activities; its name may be empty."""

    name: str
    lines: tuple[ActivityLine, ...]


@dataclass(frozen=True, slots=True)
class InitiativeLine:
    """One initiative; amounts in yen."""

    initiative: str
    amounts: Amounts
    status: Status
    mark: ShownMark


@dataclass(frozen=True, slots=True)
class PrintedSum:
    """A sum as the source prints it; it is shown and never added up."""

    name: str
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class InitiativeGroup:
    """A field (分野) of initiatives with the sum of its lines."""

    name: str
    lines: tuple[InitiativeLine, ...]
    total: Amounts
    printed_sums: tuple[PrintedSum, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenMark:
    """A footnote: the mark that people gave in place of the proposed one, by whom and why."""

    number: int
    subject: str
    mark: Mark
    proposed: Mark
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """All of one branch. ``initiatives_as_of`` is the month that its list of initiatives describes, None for a plan (and
    without initiatives); ``total`` sums up all initiatives."""

    as_of: str
    fiscal_year: int
    branch_code: str
    branch: str
    kpi_groups: tuple[KpiGroup, ...]
    activity_groups: tuple[ActivityGroup, ...]
    initiative_groups: tuple[InitiativeGroup, ...]
    initiatives_as_of: str | None
    total: Amounts
    given_marks: tuple[GivenMark, ...]
    unused_marks: tuple[UnusedMark, ...]
    sources: tuple[str, ...]
    """Documents that activities and initiatives were taken from."""

    @property
    def title(self) -> str:
        """東京支部　令和７年度事業実施状況（令和７年６月時点）."""
        return f"{self.branch}　{fiscal.wareki(self.fiscal_year)}事業実施状況（{fiscal.month_label(self.as_of)}時点）"

    @property
    def kpi_lines(self) -> Iterator[KpiLine]:
        """KPIs of all groups."""
        return (line for group in self.kpi_groups for line in group.lines)

    @property
    def initiative_lines(self) -> Iterator[InitiativeLine]:
        """Initiatives of all fields."""
        return (line for group in self.initiative_groups for line in group.lines)

    @property
    def activity_lines(self) -> Iterator[ActivityLine]:
        """Activities of all fields."""
        return (line for group in self.activity_groups for line in group.lines)
