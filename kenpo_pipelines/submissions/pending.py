"""Which months have submissions that the lake has not seen yet.

What lives here: comparing what has landed with the ledger partitions. What does not: looking at landing (``listing``), running
anything.
"""

from collections.abc import Mapping

from kenpo_pipelines.lake import Lake, LakeError
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.listing import Listing
from kenpo_pipelines.submissions.partitions import LEDGER


def pending_months(lake: Lake, listing: Listing, contracts: Mapping[str, Contract], before: str) -> list[str]:
    """Return the months before ``before`` whose files in landing differ from what was ingested, ascending.

    A figure as of a month counts everything known by then, so these have to be run first; files that were taken away count as
    a difference, too. Only monthly datasets are looked at: every run reads all of a yearly dataset.
    """
    monthly = [contract for contract in contracts.values() if contract.dataset.folder == "month"]
    with lake.one_look():
        return sorted(
            {
                month
                for contract in monthly
                for month in {*listing.folders(contract), *lake.months(LEDGER, contract.dataset.id)}
                if month < before and not is_ingested(lake, listing, contract, month)
            }
        )


def is_ingested(lake: Lake, listing: Listing, contract: Contract, month: str) -> bool:
    """True when the month's ledger in the lake names exactly the dataset's files that a run of the month would read now.

    Files count by folder, name and time of arrival. A month that was never run is ingested when there is nothing to read; one
    whose ledger cannot be read is not.
    """
    landed = {
        (folder, one.name, one.received_at)
        for folder, files in listing.read_by(contract, month).items()
        for one in files
    }
    if month not in lake.months(LEDGER, contract.dataset.id):
        return not landed
    try:
        ledger = lake.read(LEDGER, contract.dataset.id, month)
    except LakeError:
        return False  # damaged: a run makes it anew
    rows = ledger.select(["known_month", "file", "received_at"]).to_pylist()
    return landed == {(row["known_month"], row["file"], row["received_at"]) for row in rows}
