"""The profile: how large the synthetic submissions are, and what they are like (``profile.yml`` beside this module).

What lives here: its shape, its validation, and look-ups by branch. What does not: any number of its own.
"""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

FILE = Path(__file__).with_name("profile.yml")


class ProfileError(ValueError):
    """The profile is wrong; the message names the field."""


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError(f"write {value} in quotes, so that it stays an exact decimal")
    return value


Exact = Annotated[Decimal, BeforeValidator(_exact)]
Shares = dict[str, int]
"""Values and their weights; only the proportions matter."""
Lags = dict[int, int]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BranchWeights(_Strict):
    """Share of each branch, with the sum 1."""

    basis: str
    weights: dict[str, Exact]

    @model_validator(mode="after")
    def _sum_is_one(self) -> "BranchWeights":
        if sum(self.weights.values()) != 1:
            raise ValueError(f"weights: the sum is {sum(self.weights.values())}, not 1")
        return self


class Volume(_Strict):
    """Rows of the nation in a month at full size, and how small a dataset may become in a small run."""

    rows: int
    least_share: Exact
    least_rows: int
    basis: str


class ByBranch(_Strict):
    """A figure of the nation, and of the branches that print their own."""

    nation: Exact
    basis: str
    branches: dict[str, Exact] = {}

    def of(self, branch: str) -> Decimal:
        """The branch's own figure, else the nation's."""
        return self.branches.get(branch, self.nation)


class HeadCount(_Strict):
    """Persons due: of the nation, and of the branches that print their own."""

    nation: int
    basis: str
    branches: dict[str, int] = {}


class ClaimType(_Strict):
    """Receipts of one fee schedule."""

    share: int
    points: tuple[int, int]
    drugs_pct: Exact

    @property
    def mean_points(self) -> int:
        """Mean of points drawn as least + span · u³."""
        return self.points[0] + (self.points[1] - self.points[0]) // 4


class ClaimsProfile(_Strict):
    """What receipts are like."""

    types: dict[str, ClaimType]
    service_lag_months: Lags
    reviewed_month_before_pct: Exact
    treats_pct: dict[str, Exact]
    treated_types: tuple[str, ...]
    brand_price_factor: Exact


class BenefitsProfile(_Strict):
    """What applications for cash benefits are like."""

    types: Shares
    typical_yen: dict[str, int]
    decisions: Shares
    days: Lags
    late_days: Lags
    returned_pct: Exact
    stopped_days: Lags
    received_on_any_day_pct: Exact
    electronic_from: dt.date
    electronic_pct: Exact
    reported_month_later_pct: Exact
    corrected_pct: Exact


class AuditsProfile(_Strict):
    """What re-examination requests are like."""

    audit_types: Shares
    outcomes: Shares
    cut_elsewhere_pct: Exact
    cut_share: Exact
    open_pct: Exact
    result_month_before_pct: Exact
    corrected_pct: Exact


class RecoverablesProfile(_Strict):
    """What debts and their events are like."""

    debt_types: Shares
    typical_yen: dict[str, int]
    methods: Shares
    in_parts_pct: Exact
    cancelled_pct: Exact
    collected_after_months: Lags
    reported_month_later_pct: Exact
    sent_again_pct: Exact


class UntreatedProfile(_Strict):
    """What untreated persons are like, and when they see a doctor."""

    over_pct: dict[str, Exact]
    second_checkup_pct: Exact
    known_after_months: Lags
    visit_after_months: Lags
    visit_too_late_pct: Exact
    visit_for_another_pct: Exact
    visit_for_none_pct: Exact
    reported_after_months: Lags


class GuidanceProfile(_Strict):
    """Who gives guidance."""

    providers: Shares
    interviews_per_evaluation: Exact


class DirtProfile(_Strict):
    """How dirty rows divide into readable and rejected ones."""

    rejected_share_of_dirty: Exact
    most_of_hold_back: Exact


class Profile(_Strict):
    """All of it."""

    branch_weights: BranchWeights
    volumes: dict[str, Volume]
    members: Volume
    head_counts: dict[str, HeadCount]
    rates: dict[str, ByBranch]
    seasons: dict[str, Annotated[tuple[int, ...], Field(min_length=12, max_length=12)]]
    claims: ClaimsProfile
    benefit_decisions: BenefitsProfile
    receipt_audits: AuditsProfile
    recoverables: RecoverablesProfile
    untreated_persons: UntreatedProfile
    guidance_counts: GuidanceProfile
    dirt: DirtProfile

    @property
    def weights(self) -> dict[str, Decimal]:
        """Share of each branch, by code, ascending."""
        return dict(sorted(self.branch_weights.weights.items()))

    def rate(self, name: str, branch: str) -> Decimal:
        """A rate in per cent (an amount in yen) of the branch."""
        return self.rates[name].of(branch)

    def head_count(self, name: str, branch: str) -> int:
        """Persons due: the branch's printed number, else its share of the nation's."""
        count = self.head_counts[name]
        return count.branches.get(branch) or round(count.nation * self.weights[branch])

    def season(self, name: str, month: str) -> Decimal:
        """The month's share of the year's total."""
        season = self.seasons[name]
        return Decimal(season[(int(month[5:]) - 4) % 12]) / sum(season)


def load_profile(file: Path = FILE) -> Profile:
    """Read the profile; raise :class:`ProfileError` naming the field when it is wrong."""
    try:
        return Profile.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise ProfileError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
