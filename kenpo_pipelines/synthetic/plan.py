"""What is asked for, and how many rows that makes by dataset, branch and month.

What lives here: the choice of months, seed and size, and volumes derived from the profile. What does not: rows.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.synthetic.profile import Profile

DATASETS = (
    "untreated_persons",
    "claims",
    "benefit_decisions",
    "receipt_audits",
    "recoverables",
    "checkup_counts",
    "guidance_counts",
)
"""In the order of writing: the visits of untreated persons are among the claims."""
ENCODINGS = ("cp932", "utf-8")


class SynthRefused(ValueError):
    """What was asked for cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """One run of the generator."""

    profile: Profile
    month: str
    first: str
    claims: int
    seed: int
    dirty_pct: Decimal
    encoding: str
    held_back: str | None = None
    _allocations: dict[int, dict[str, int]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.first > self.month:
            raise SynthRefused(f"--from {self.first} is after --month {self.month}")
        if self.first < fiscal.FIRST_MONTH:
            raise SynthRefused(f"--from {self.first}: the first month that can be run is {fiscal.FIRST_MONTH}")
        if self.claims < len(self.branches) * self.profile.volumes["claims"].least_rows:
            least = len(self.branches) * self.profile.volumes["claims"].least_rows
            raise SynthRefused(f"--claims {self.claims}: at least {least} are needed, so that every branch has some")
        if not 0 <= self.dirty_pct <= 20:
            raise SynthRefused(f"--dirty {self.dirty_pct}: a share of rows from 0 to 20 per cent")
        if self.encoding not in ENCODINGS:
            raise SynthRefused(f"--encoding {self.encoding}: choose {' or '.join(ENCODINGS)}")
        if self.held_back is not None and self.held_back not in self.branches:
            raise SynthRefused(f"--held-back {self.held_back}: give a branch code from 01 to 47")

    @property
    def branches(self) -> tuple[str, ...]:
        """Branch codes, ascending."""
        return tuple(self.profile.weights)

    @property
    def months(self) -> tuple[str, ...]:
        """Folders to be written, ascending."""
        return tuple(fiscal.month_range(self.first, self.month))

    @property
    def share_of_nation(self) -> Decimal:
        """Size of the run against the nation's."""
        return Decimal(self.claims) / self.profile.volumes["claims"].rows

    def claims_of(self, branch: str, folder: str) -> int:
        """Receipts of a branch and month; those of the last month add up to what was asked for."""
        season = self.profile.season("claims", folder) / self.profile.season("claims", self.month)
        return self._allocated(round(self.claims * season))[branch]

    def _allocated(self, total: int) -> dict[str, int]:
        if total not in self._allocations:
            self._allocations[total] = allocate(total, self.profile.weights)
        return self._allocations[total]

    def rows(self, dataset: str, branch: str, season: Decimal = Decimal(1)) -> int:
        """Rows of a branch and month before anything is added to them; ``season`` is a factor around 1."""
        volume = self.profile.members if dataset == "members" else self.profile.volumes[dataset]
        share = max(self.share_of_nation, volume.least_share)
        rows = Decimal(volume.rows) * share * self.profile.weights[branch] * season
        return max(volume.least_rows, int(rows.to_integral_value(ROUND_HALF_EVEN)))

    def untreated_of(self, branch: str, checkup_month: str) -> int:
        """Untreated persons with a check-up in the month."""
        return self.rows("untreated_persons", branch, 12 * self.profile.season("checkups", checkup_month))


def allocate(total: int, weights: dict[str, Decimal]) -> dict[str, int]:
    """Divide a whole number by weights with the sum 1: largest remainders, so that the parts add up to it."""
    exact = {name: total * weight for name, weight in weights.items()}
    parts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (parts[name] - exact[name], name))
    for name in by_remainder[: total - sum(parts.values())]:
        parts[name] += 1
    return parts
