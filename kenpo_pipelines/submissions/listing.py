"""What has landed, by names, sizes and times: one look at a landing folder or an object store, nothing opened.

What lives here: the shape of a listing, and the listing of a folder. What does not: an object store (``landing_store``), what
the files hold (``reading``), what has become of them (``pending``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.landing import arrival, landed_folders, unread_paths

Place = tuple[str, str]
"""Dataset and folder (``YYYY-MM``, of yearly datasets ``YYYY``)."""


@dataclass(frozen=True)
class Listed:
    """One submission file: its name as it may be shown, size in bytes, modification time in nanoseconds since 1970."""

    name: str
    size: int
    modified_ns: int

    @property
    def received_at(self) -> str:
        """When it arrived, ISO 8601 in UTC, as the ledger has it."""
        return arrival(self.modified_ns)


@dataclass(frozen=True)
class Listing:
    """All submissions by place, those of a place by name; and places that no run will ever read, relative to landing."""

    files: Mapping[Place, tuple[Listed, ...]]
    unread: tuple[str, ...]

    def folders(self, contract: Contract) -> list[str]:
        """Return the folders of the dataset that hold files, ascending."""
        return sorted(folder for dataset, folder in self.files if dataset == contract.dataset.id)

    def read_by(self, contract: Contract, month: str) -> dict[str, tuple[Listed, ...]]:
        """Return by folder the dataset's files that the run of the month reads: the month's own, of yearly datasets all."""
        is_monthly = contract.dataset.folder == "month"
        folders = [month] if is_monthly else self.folders(contract)
        return {folder: self.files.get((contract.dataset.id, folder), ()) for folder in folders}


def list_landing(landing: Path, contracts: Mapping[str, Contract]) -> Listing:
    """Return what the landing folder holds. Some 20,000 files take a fraction of a second: each is looked up, none opened."""
    files = {
        (dataset, folder): tuple(Listed(one.name, one.size, one.status.st_mtime_ns) for one in landed)
        for dataset, contract in contracts.items()
        for folder, landed in landed_folders(landing, contract).items()
    }
    return Listing(files, tuple(unread_paths(landing, contracts)))
