"""One file of a record-level dataset into the new version of its partitions: read once, linked as long as it stays the same.

What lives here: the choice between reading and reuse. What does not: reading (``streaming``), other datasets (``ingest``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.accounts import ledger_entry
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.fingerprint import catalogue_digest, file_fingerprint, key_id, reading_digest
from kenpo_pipelines.submissions.landing import LandedFile
from kenpo_pipelines.submissions.partitions import QUARANTINE, RAW, parquet_name
from kenpo_pipelines.submissions.reuse import Reuse
from kenpo_pipelines.submissions.streaming import read_record_file


class ReadingBroke(Exception):
    """Reading a file with personal data failed by a fault of the program. The message holds nothing of the file; the
    traceback says where."""


class RecordReader:
    """Reads the record-level files of one dataset and month. ``folders`` are those of the new version, by layer."""

    def __init__(
        self, contract: Contract, catalogue: Catalogue, key: SecretStr | None, reuse: Reuse, folders: Mapping[str, Path]
    ) -> None:
        self._contract = contract
        self._catalogue = catalogue
        self._key = key if contract.has_personal_columns else None
        self._reuse = reuse
        self._folders = folders
        self._digests = (catalogue_digest(catalogue, contract), key_id(self._key), reading_digest())
        self._read: dict[str, tuple[Mapping[str, Any], str]] = {}

    def read(self, landed: LandedFile) -> dict[str, Any]:
        """Return the file's ledger entry; its Parquet files are in the new version then. Safe in several threads."""
        fingerprint = file_fingerprint(landed, self._contract, *self._digests)
        entry = self._reuse.link(fingerprint, self._folders) or self._read_file(landed)
        self._read[fingerprint] = (entry, _name(landed, entry["file_sha256"]))
        return entry

    def remember(self) -> None:
        """Remember what was read or linked; call it when every partition is committed."""
        self._reuse.remember(self._read)

    def _read_file(self, landed: LandedFile) -> dict[str, Any]:
        reading = {layer: folder / _name(landed, "") for layer, folder in self._folders.items()}
        provenance = {
            "known_month": landed.folder,
            "file": landed.name,
            "received_at": landed.received_at,
            "origin": landed.origin,
        }
        try:
            read = read_record_file(
                landed.path,
                self._contract,
                self._catalogue,
                landed.folder,
                self._key,
                reading[RAW],
                reading[QUARANTINE],
                provenance,
            )
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 (raised again below, without what its text may quote)
            broken = error
        else:
            for path in reading.values():
                if path.exists():  # its name is that of the content, which is known now
                    path.rename(path.with_name(_name(landed, read.file_sha256)))
            return ledger_entry(landed, read)
        if not self._contract.has_personal_columns:
            raise broken
        where = f"{landed.dataset}/{landed.folder}/{landed.name}"
        raise ReadingBroke(f"{where}: {type(broken).__name__} while reading").with_traceback(broken.__traceback__)


def _name(landed: LandedFile, digest: str) -> str:
    return parquet_name(landed.folder, landed.name, digest)
