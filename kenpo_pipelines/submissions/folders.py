"""Names of landing folders: what a dataset's folder must be called.

What lives here: that one check. What does not: which files lie there (``landing``).
"""

import re

from kenpo_pipelines import fiscal
from kenpo_pipelines.submissions.contract import Contract


class FolderError(ValueError):
    """The landing folder's name does not fit the dataset (a month ``YYYY-MM``, or a fiscal year ``YYYY``)."""


def check_folder(contract: Contract, folder: str) -> None:
    """Raise :class:`FolderError` unless the folder's name is what the dataset needs."""
    if contract.dataset.folder == "fiscal_year":
        if re.fullmatch(r"20\d{2}", folder) is None:
            raise FolderError(f"{contract.dataset.id} is filed by fiscal year (for example 2025), not {folder!r}")
        return
    try:
        fiscal.split_month(folder)
    except fiscal.NotAMonth as error:
        raise FolderError(f"{contract.dataset.id} is filed by month (for example 2025-06), not {folder!r}") from error
