"""Reading many files of one month: the same bytes once, several at a time, the largest first.

What lives here: which files are copies of another, and the order of work. What does not: reading one file.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.landing import LandedFile
from kenpo_pipelines.submissions.outside import sha256

Entry = dict[str, Any]
"""One row of the ledger."""


def read_all(
    landed: Sequence[LandedFile],
    read: Callable[[LandedFile], Entry],
    refuse_copy: Callable[[LandedFile, LandedFile, str], Entry],
    *,
    readers: int,
) -> list[Entry]:
    """Return the ledger entry of every file, in the order given, read by so many ``readers`` at a time.

    Files of one folder with the same bytes are read once: the one received first (then by name) that can be read; the
    others are told to ``refuse_copy`` with it and the digest. What ``read`` raises ends the work and is raised.
    """
    entries: dict[LandedFile, Entry] = {}

    def work(copies: Sequence[LandedFile]) -> dict[LandedFile, Entry]:
        done: dict[LandedFile, Entry] = {}
        first: LandedFile | None = None
        for one in copies:
            if first is not None:
                done[one] = refuse_copy(one, first, done[first]["file_sha256"])
                continue
            done[one] = read(one)
            if done[one]["status"] == "loaded":
                first = one
        return done

    groups = sorted(_same_bytes(landed), key=lambda group: (-group[0].size, group[0]))
    if readers == 1:
        for group in groups:
            entries |= work(group)
    else:
        with ThreadPoolExecutor(max_workers=readers, thread_name_prefix="read") as pool:
            futures = [pool.submit(work, group) for group in groups]
            try:
                for future in as_completed(futures):
                    entries |= future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [entries[one] for one in landed]


def _same_bytes(landed: Iterable[LandedFile]) -> list[list[LandedFile]]:
    """Group the files by content; only files of equal size are looked into."""
    by_size: dict[tuple[str, int], list[LandedFile]] = defaultdict(list)
    for one in landed:
        by_size[one.folder, one.size].append(one)
    groups: list[list[LandedFile]] = []
    for alike in by_size.values():
        by_content: dict[str, list[LandedFile]] = defaultdict(list)
        for one in alike:
            by_content[_content(one) if len(alike) > 1 else ""].append(one)
        groups += by_content.values()
    return [sorted(group, key=lambda one: (one.received_at, one.name)) for group in groups]


def _content(landed: LandedFile) -> str:
    """Return the file's digest; of one that cannot be read its name, which no other has."""
    try:
        return sha256(landed.path)
    except FileFault:
        return landed.path.name
