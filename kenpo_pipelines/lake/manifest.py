"""The small object that says which version of a partition in an object store is the current one.

What lives here: its form, as it is stored. What does not: putting and getting it (``objects``). Fields may be added; what an
older release does not know it leaves out.
"""

import datetime as dt
import uuid
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kenpo_pipelines.lake.wholeness import digest_of

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, Field(pattern=r"^[^./\\\x00][^/\\\x00]*\.parquet$", max_length=255)]
"""Of a Parquet file, as it is called on this machine: no way leads out of its folder."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StoredFile(_Stored):
    """One file of a version. ``path`` is its object's, from the root of the lake; ``etag`` what the store calls its bytes."""

    name: _Name
    path: str
    size: int
    sha256: _Sha256
    etag: str = ""


class Replaced(_Stored):
    """A version that is not the current one any more, by the folder of its objects."""

    folder: str
    ceased_at: dt.datetime


class Manifest(_Stored):
    """The current version of one partition, and those before it that are still there.

    ``commit`` is different for every commit, ``version`` only for different content.
    """

    commit: str = Field(default_factory=lambda: uuid.uuid4().hex)
    version: str
    folder: str
    files: tuple[StoredFile, ...] = Field(min_length=1)
    committed_at: dt.datetime
    replaced: tuple[Replaced, ...] = ()

    @model_validator(mode="after")
    def _version_is_of_its_files(self) -> Self:
        if self.version != digest_of((one.name, one.sha256) for one in sorted(self.files, key=lambda one: one.name)):
            raise ValueError("the version is not that of the files")
        return self

    def to_bytes(self) -> bytes:
        """Return it as it is stored."""
        return self.model_dump_json(indent=1).encode()


class Memory(_Stored):
    """What is remembered of a month: from what it was made, and of which commit that is true ('' for none: a view).

    ``doubted`` is the folder of a version whose bytes a reader found damaged: then nothing is remembered.
    """

    note: str = Field(default_factory=lambda: uuid.uuid4().hex)
    """Different every time, so that equal words at another time are another object."""
    fingerprint: str = ""
    notes: object = None
    commit: str = ""
    doubted: str = ""

    def to_bytes(self) -> bytes:
        """Return it as it is stored."""
        return self.model_dump_json().encode()


def memory_in(body: bytes | None) -> Memory | None:
    """Return what an object says that is remembered; None where there is none, or it says nothing."""
    try:
        return None if body is None else Memory.model_validate_json(body)
    except ValidationError:
        return None
