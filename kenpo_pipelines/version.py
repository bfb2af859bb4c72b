"""Which version of the project made a figure: the release, a digest of the rules that decide numbers, digests of code.

What lives here: reading files and hashing them. Called when something is made or asked for, never at import.
"""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from kenpo_pipelines.settings import CHECKOUT

_RULES = (
    "kenpo_pipelines/catalogue/**/*.yml",
    "expectations/*.yml",
    "dbt_like_sql/**/*.sql",
    "kenpo_pipelines/catalogue/*.py",
)


def code_version(project_dir: Path) -> str:
    """Return for example ``0.1.0+3f2a9c1b``: the release and 8 digits over catalogue, contracts, SQL and judgement."""
    return f"{version('kenpo-pipelines')}+{_digest(project_dir, _RULES)[:8]}"


@cache
def code_digest(*patterns: str) -> str:
    """Return a digest of the project's own files of these patterns (``resources/engine.py``, ``expectations/*.py``).

    Asked for once per process: what was imported does not change when its file does.
    """
    return _digest(CHECKOUT, patterns)[:16]


def _digest(directory: Path, patterns: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(directory.glob(pattern)):
            digest.update(str(path.relative_to(directory)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
