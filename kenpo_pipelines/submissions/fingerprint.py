"""Fingerprints of what ingestion reads: equal ones promise an equal result, so that nothing has to be read again.

What lives here: digests over names, sizes, times, contract, catalogue, reading code and key; a file's bytes are not looked at.
What does not: remembering them (``reuse``, the lake).
"""

import hashlib
import hmac
import json
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.landing import LandedFile, landed_files


@cache  # every dataset asks, and what was imported does not change when its file does
def reading_digest() -> str:
    """Return a digest of the code that reads submissions: another one may read the same file in another way."""
    package = Path(__file__).parent
    return _digest(
        *(f"{path.relative_to(package)} {_sha256(path.read_bytes())}" for path in sorted(package.rglob("*.py")))
    )


def catalogue_digest(catalogue: Catalogue, contract: Contract) -> str:
    """Return a digest of what the dataset's reading takes from the catalogue: of records the branches and years alone."""
    is_record_level = contract.dataset.record_level
    return _digest(catalogue.model_dump_json(include={"branches", "fiscal_years"} if is_record_level else None))


def key_id(key: SecretStr | None) -> str:
    """Return what tells one key from another without revealing it; '' for none."""
    if key is None:
        return ""
    return hmac.new(key.get_secret_value().encode(), b"kenpo key id", hashlib.sha256).hexdigest()[:16]


def ingest_fingerprint(
    landing: Path, contract: Contract, catalogue_digest: str, key_id: str, month: str, code_digest: str
) -> str:
    """Return the fingerprint of one dataset's ingestion for one month: every file the run sees, and the contract.

    By when the dataset is due is left out: no row depends on it.
    """
    files = [_file(landed) for landed in landed_files(landing, contract, month)]
    own_key = key_id if contract.has_personal_columns else ""
    shape = contract.model_dump_json(exclude={"dataset": {"due"}})
    return _digest(shape, catalogue_digest, own_key, month, code_digest, *files)


def file_fingerprint(
    landed: LandedFile, contract: Contract, catalogue_digest: str, key_id: str, code_digest: str
) -> str:
    """Return the fingerprint of one file's reading; rules on loaded rows and the due date are no part of that."""
    shape = contract.model_dump_json(exclude={"rules": True, "completeness": True, "dataset": {"due"}})
    own_key = key_id if contract.has_personal_columns else ""
    return _digest(shape, catalogue_digest, own_key, code_digest, _file(landed))


def _file(landed: LandedFile) -> str:
    return json.dumps([landed.folder, landed.name, landed.status.st_mode, landed.size, landed.status.st_mtime_ns])


def _digest(*parts: str) -> str:
    return _sha256(json.dumps(parts).encode())[:32]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
