"""Where a scorecard's figures come from: what the last sheet tells, and what the banner on every sheet warns of.

What lives here: the facts the caller hands over, and their Japanese names. What does not: finding them out (assets ask
the ledger and the run), and laying them out (``provenance_sheet``).
"""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Literal

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards.rows import ScorecardError

Origin = Literal["published", "submission", "synthetic"]
ORIGIN_LABELS: dict[str, str] = {"published": "公表値", "submission": "提出データ", "synthetic": "合成データ"}
STATUS_LABELS: dict[str, str] = {"loaded": "取込済み", "refused": "受付不可"}
_MANY_FILES = 10


@dataclass(frozen=True)
class SubmissionSource:
    """One input file, as the submission ledger knows it. Counts are rows; ``received_at`` is ISO 8601 in UTC."""

    dataset: str
    known_month: str
    file: str
    file_sha256: str
    received_at: str
    origin: Origin
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    status: Literal["loaded", "refused"] = "loaded"
    files: int = 1
    """More than one where one line stands for a month's files of a dataset."""


@dataclass(frozen=True)
class Provenance:
    """One run's account of itself.

    ``written_at`` is when the run says it wrote (never asked from the clock here, so that the same input makes the same
    bytes) and must know its time zone. ``publish_month`` is the reporting month published to the database. ``origins``
    are the kinds of the figures shown; those of the loaded submissions are added, so synthetic input cannot go unnamed.
    """

    as_of: str
    publish_month: str
    run_id: str
    written_at: dt.datetime
    code_version: str
    submissions: tuple[SubmissionSource, ...]
    origins: tuple[Origin, ...] = ()
    edition: str = ""
    """What every sheet and page says about itself beside the kind of data: that it is the public edition."""

    def __post_init__(self) -> None:
        if self.written_at.tzinfo is None or self.written_at.utcoffset() is None:
            raise ScorecardError("provenance: written_at has no time zone; give an aware datetime")
        unknown = sorted(set(self.all_origins) - set(ORIGIN_LABELS))
        if unknown:
            raise ScorecardError(f"provenance: origins {unknown}; expected {', '.join(ORIGIN_LABELS)}")
        fiscal.split_month(self.as_of)
        fiscal.split_month(self.publish_month)

    @property
    def all_origins(self) -> tuple[str, ...]:
        """Every kind of data involved, each once, in a fixed order."""
        present = {*self.origins, *(source.origin for source in self.submissions if source.status == "loaded")}
        known = [origin for origin in ORIGIN_LABELS if origin in present]
        return (*known, *sorted(present.difference(ORIGIN_LABELS)))

    @property
    def is_synthetic(self) -> bool:
        """True as soon as any input is synthetic."""
        return "synthetic" in self.all_origins

    @property
    def data_label(self) -> str:
        """What the data are, in Japanese: 公表値, 提出データ, 合成データ, several joined by ・, or that there are none."""
        return "・".join(ORIGIN_LABELS[origin] for origin in self.all_origins) or "取り込んだデータなし"

    @property
    def banner(self) -> str:
        """The line below every sheet's title."""
        edition = f"　{self.edition}" if self.edition else ""
        if not self.is_synthetic:
            return f"データの種類：{self.data_label}{edition}"
        mixed = "を含みます" if len(self.all_origins) > 1 else "です"
        return f"【合成データ】　この帳票は合成データ{mixed}。実在の支部の実績ではありません。{edition}"

    @property
    def written_at_label(self) -> str:
        """The time of writing in Tokyo, to the second: 2025年7月10日 09:12:33（日本時間）."""
        return time_label(self.written_at)

    def sorted_submissions(self) -> list[SubmissionSource]:
        """The inputs in a fixed order, whatever order they came in."""
        return sorted(self.submissions, key=lambda s: (s.dataset, s.known_month, s.file, s.file_sha256))

    def listed_submissions(self, most: int) -> list[SubmissionSource]:
        """The inputs as a reader wants them: a month's many files of one dataset in one line, refused ones each.

        Where there are more than ``most`` lines, those of years and of the newest months.
        """
        lines = _joined(self.sorted_submissions())
        newest = sorted(lines, key=lambda s: s.known_month, reverse=True)
        kept = set(sorted(newest, key=lambda s: len(s.known_month) > 4)[:most])
        return [line for line in lines if line in kept]


def _joined(submissions: list[SubmissionSource]) -> list[SubmissionSource]:
    """One line for the loaded files of a dataset, month and origin where they are many."""
    groups: dict[tuple[str, ...], list[SubmissionSource]] = defaultdict(list)
    for one in submissions:
        own = one.file if one.status == "refused" else ""
        groups[one.dataset, one.known_month, one.origin, own].append(one)
    lines = []
    for group in groups.values():
        lines += group if len(group) <= _MANY_FILES else [_sum(group)]
    return lines


def _sum(group: list[SubmissionSource]) -> SubmissionSource:
    return replace(
        group[0],
        file=f"{len(group)}件のファイル",
        file_sha256="（ファイルごとの値は submission_ledger にあります）",
        received_at=max(one.received_at for one in group),
        rows_read=sum(one.rows_read for one in group),
        rows_loaded=sum(one.rows_loaded for one in group),
        rows_rejected=sum(one.rows_rejected for one in group),
        files=len(group),
    )


def time_label(moment: dt.datetime) -> str:
    """Return an aware moment as a reader in Japan writes it."""
    local = moment.astimezone(fiscal.TOKYO)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M:%S}（日本時間）"
