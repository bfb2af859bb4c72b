"""Talking to an object store through fsspec: which of its faults pass, trying again with back-off, when an object was written.

What lives here: what landing and the lake have in common. What does not: what they put there, and how they tell a fault.
Credentials and endpoint come from the environment, as the store's own driver takes them (``AWS_…`` for s3). fsspec and the
driver are imported when a store is first asked.
"""

import datetime as dt
import errno
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Result = TypeVar("Result")

_ATTEMPTS = 4
_LONGEST_WAIT_S = 8
_PATIENCE_S = 60
"""No attempt begins later than this after the first. Each has the driver's own time limits."""

_OF_THIS_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_PERMANENT = (
    *(errno.EACCES, errno.EINVAL, errno.EMSGSIZE, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOSYS, errno.ENOTEMPTY),
    *(errno.EPERM, getattr(errno, "EREMCHG", errno.ENOENT)),
)
"""How the s3 driver numbers answers that stay as they are until somebody acts."""

_PASSING_CODES = {"BadDigest", "IncompleteBody", "RequestTimeout", "SlowDown", "XAmzContentSHA256Mismatch"} | {
    "NoSuchUpload"  # the end of an upload in parts was asked for again, because its answer was lost
}
"""What s3 answers to a request that was hurt on its way, whatever number the driver gives it."""

_PASSING = frozenset(
    {
        *("botocore.ConnectionError", "botocore.HTTPClientError", "botocore.IncompleteReadError"),
        *("botocore.ResponseStreamingError", "aiobotocore.AioReadTimeoutError", "aiohttp.ClientError"),
    }
)
"""Errors of the s3 driver's libraries that are no OSError, by library and class; they are imported by the driver alone."""


_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
"""Under which name a driver tells when an object was written: s3, azure, google, local, memory."""


def open_store(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL and the path in it. Raises ImportError or ValueError for a kind that is not known.

    Nothing of the store is asked, and nothing it will tell is kept.
    """
    import fsspec

    system, root = fsspec.url_to_fs(url, use_listings_cache=False)
    if hasattr(system, "retries"):
        # The s3 driver would try five times, where it reads five times five, and the library below it each time five times:
        # who asks a store that never answers would wait for half an hour. The library's tries and ours are enough.
        system.retries = 1
    return system, str(root)


def patiently(work: Callable[[], Result]) -> Result:
    """Do the work, again with back-off after a passing fault; raise the last one as it comes."""
    import tenacity

    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_after_delay(_PATIENCE_S),
        wait=tenacity.wait_exponential(multiplier=0.5, max=_LONGEST_WAIT_S),
        retry=tenacity.retry_if_exception(is_passing),
        sleep=_sleep,
        reraise=True,
    )
    return attempts(work)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def is_passing(error: BaseException) -> bool:
    """True for faults of the network and the server; False for what stays until somebody acts."""
    if code_of(error) in _PASSING_CODES:
        return True
    if isinstance(error, FileNotFoundError | PermissionError | FileExistsError) or is_of_this_machine(error):
        return False
    if isinstance(error, OSError):
        return error.errno not in _PERMANENT
    return any(f"{one.__module__.partition('.')[0]}.{one.__name__}" in _PASSING for one in type(error).__mro__)


def is_of_this_machine(error: BaseException) -> bool:
    """True when the disk to which an object is fetched is full or may not be written."""
    return isinstance(error, OSError) and error.errno in _OF_THIS_MACHINE


def written_at(info: Mapping[str, Any]) -> dt.datetime | None:
    """Return when an object was written, in UTC, by what a listing tells of it; None where the driver does not say."""
    told = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    if isinstance(told, str):
        told = dt.datetime.fromisoformat(told)
    if isinstance(told, int | float):
        told = dt.datetime.fromtimestamp(told, dt.UTC)
    if not isinstance(told, dt.datetime):
        return None
    return told if told.tzinfo else told.replace(tzinfo=dt.UTC)


def code_of(error: BaseException) -> str:
    """Return the store's own name of the fault ('NoSuchBucket'), '' where the driver keeps none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""
