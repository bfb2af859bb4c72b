"""The check report of a file that has landed, made in a process of its own: ``python -m …check_report.landed JOB``.

What lives here: that process. Whoever starts it can end it after some seconds and go on, whatever the file does to a reader.
It is given no key and no address of a database: neither is needed to say what is wrong with a file.
"""

import datetime as dt
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.scorecards.check_report.making import report_of_check
from kenpo_pipelines.scorecards.check_report.writing import provenance_of, room_for, write_report
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.submit import check

CHANGED = 3
"""Exit code: the file is not, or no longer, the one that is meant."""


@dataclass(frozen=True)
class Job:
    """Which file, by its SHA-256, was submitted where, and where the report goes."""

    file: str
    sha256: str
    dataset: str
    folder: str
    contracts_dir: str
    catalogue_dir: str
    code_version: str
    out: str

    def to_text(self) -> str:
        """Return the job as an argument."""
        return json.dumps(asdict(self))


def write(job: Job) -> int:
    """Check the file and write its report; return the exit code: 0 or ``CHANGED``."""
    path, out = Path(job.file), Path(job.out)
    contract = load_contracts(Path(job.contracts_dir))[job.dataset]
    checked = check(path, contract, load_catalogue(Path(job.catalogue_dir)), job.folder)
    if checked.file_sha256 != job.sha256:
        return CHANGED
    report = report_of_check(path, contract, checked, job.folder, room_for(out), is_landed=True)
    write_report(out, report, provenance_of(report, job.code_version, dt.datetime.now(dt.UTC)))
    return 0


if __name__ == "__main__":
    sys.exit(write(Job(**json.loads(sys.argv[1]))))
