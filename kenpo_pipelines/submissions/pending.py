"""Which months have submissions that the lake has not seen yet.

What lives here: comparing landing with the ledger partitions. What does not: running anything.
"""

from collections.abc import Mapping
from pathlib import Path

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.landing import landed_files, landed_months
from kenpo_pipelines.submissions.partitions import LEDGER


def pending_months(lake: Lake, landing: Path, contracts: Mapping[str, Contract], before: str) -> list[str]:
    """Return the months before ``before`` whose files in landing differ from what was ingested, ascending.

    A figure as of a month counts everything known by then, so these have to be run first; files that were taken away count as
    a difference, too. Only monthly datasets are looked at: every run reads all of a yearly dataset.
    """
    monthly = [contract for contract in contracts.values() if contract.dataset.folder == "month"]
    return sorted(
        {
            month
            for contract in monthly
            for month in {*landed_months(landing, contract), *lake.months(LEDGER, contract.dataset.id)}
            if month < before and _landed(landing, contract, month) != _ingested(lake, contract, month)
        }
    )


def _landed(landing: Path, contract: Contract, month: str) -> set[tuple[str, str]]:
    return {(landed.path.name, landed.received_at) for landed in landed_files(landing, contract, month)}


def _ingested(lake: Lake, contract: Contract, month: str) -> set[tuple[str, str]]:
    if month not in lake.months(LEDGER, contract.dataset.id):
        return set()
    rows = lake.read(LEDGER, contract.dataset.id, month).to_pylist()
    return {(row["file"], row["received_at"]) for row in rows}
