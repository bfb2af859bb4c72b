"""Which version of the project made a figure: the release, and a digest of the rules that decide numbers.

What lives here: reading files and hashing them. Called when something is written, never at import.
"""

import hashlib
from importlib.metadata import version
from pathlib import Path

_RULES = (
    "kenpo_pipelines/catalogue/**/*.yml",
    "expectations/*.yml",
    "dbt_like_sql/**/*.sql",
    "kenpo_pipelines/catalogue/*.py",
)


def code_version(project_dir: Path) -> str:
    """Return for example ``0.1.0+3f2a9c1b``: the release and 8 digits over catalogue, contracts, SQL and judgement."""
    digest = hashlib.sha256()
    for pattern in _RULES:
        for path in sorted(project_dir.glob(pattern)):
            digest.update(str(path.relative_to(project_dir)).encode())
            digest.update(path.read_bytes())
    return f"{version('kenpo-pipelines')}+{digest.hexdigest()[:8]}"
