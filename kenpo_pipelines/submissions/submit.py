"""Checking a file and putting it into landing, for the person who sends it.

What lives here: the steps between a path and landing. What does not: reading (``reading``), the decision (``verdict``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault, detail
from kenpo_pipelines.submissions.landing import LandingError, folder_for, put
from kenpo_pipelines.submissions.landing_store import LandingStore
from kenpo_pipelines.submissions.outside import shown_name
from kenpo_pipelines.submissions.reading import detect_dataset, read_submission
from kenpo_pipelines.submissions.streaming import check_record_file, first_grids
from kenpo_pipelines.submissions.submission import Checked
from kenpo_pipelines.submissions.verdict import is_refused


@dataclass(frozen=True)
class Submitted:
    """What became of one file. ``place`` (a path, or an object's URL) is empty when it was refused; ``is_new`` is False when
    landing already had it."""

    submission: Checked
    place: str = ""
    is_new: bool = False


def recognise(file: Path, dataset: str | None, contracts: Mapping[str, Contract]) -> tuple[Contract | None, str]:
    """Return the contract of a file, or None and the reason in Japanese."""
    name = dataset or detect_dataset(file, contracts)
    if name is not None:
        return contracts[name], ""
    try:
        first_grids(file)
    except FileFault as fault:
        return None, f"{shown_name(file.name)}：{detail(fault.code, fault.expected)}"
    known = "、".join(f"{contract.dataset.name_ja}（{name}）" for name, contract in contracts.items())
    return None, f"{shown_name(file.name)}：見出しからデータの種類が分かりません。--dataset で指定してください：{known}"


def check(file: Path, contract: Contract, catalogue: Catalogue, month: str | None = None) -> Checked:
    """Read a file as the pipeline would, for the month (default: the running one; yearly datasets: YYYY or a month in it).

    Raises :class:`LandingError` when a monthly dataset is given a year.
    """
    read = check_record_file if contract.dataset.record_level else read_submission
    return read(file, contract, catalogue, period_of(contract, month))


def period_of(contract: Contract, month: str | None) -> str:
    """Return the landing folder for which a file is checked: ``YYYY-MM``, of yearly datasets ``YYYY``; raises as ``check``."""
    is_monthly = contract.dataset.folder == "month"
    if is_monthly and month is not None and "-" not in month:
        raise LandingError(
            f"{contract.dataset.name_ja}は月ごとに提出します。--month 2025-06 のように月を指定してください"
        )
    chosen = month or fiscal.current_month()
    return chosen if is_monthly or "-" not in chosen else str(fiscal.fiscal_year_of(chosen))


def submit_file(
    file: Path,
    landing: Path | LandingStore,
    contract: Contract,
    catalogue: Catalogue,
    month: str | None,
    branch: str | None,
) -> Submitted:
    """Check a file and put it into landing (a folder, or an object store) unless it is refused.

    Raises :class:`LandingError` when the folder cannot be told or reached, or the file holds rows of another branch.
    """
    submission = check(file, contract, catalogue, month)
    if is_refused(submission):
        return Submitted(submission)
    _check_branch(submission, branch, catalogue)
    folder = folder_for(contract, month, set(submission.fiscal_years))
    if isinstance(landing, LandingStore):
        place, is_new = landing.put(file, contract, folder)
    else:
        path, is_new = put(file, landing, contract, folder)
        place = str(path)
    return Submitted(submission, place, is_new)


def _check_branch(submission: Checked, branch: str | None, catalogue: Catalogue) -> None:
    if branch is None:
        return
    others = sorted(code for code in submission.branch_codes - {branch} if code in catalogue.branch_by_code)
    if others:
        names = "、".join(catalogue.branch_by_code[code].name for code in others)
        raise LandingError(f"{catalogue.branch_by_code[branch].name}の提出に、ほかの支部の行があります：{names}")
