"""The demonstration on real input: the published figures of 協会けんぽ as if they were submitted month by month.

What lives here: which example file goes into which landing folder. What does not: running (``running``).
"""

import secrets
import tempfile
from pathlib import Path

from pydantic import SecretStr

from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.landing import put

MONTHS = ("2024-03", "2024-11", "2025-06")
"""Reporting months: end of fiscal year 2023, 鳥取 in November 2024, 東京 in June 2025."""

_TARGET_FOLDER = "2025"
_AS_OF_COLUMN = 1


class DemoRefused(Exception):
    """The home folder holds submissions of somebody else; the demonstration must not mix with them."""


def with_throw_away_key(settings: Settings) -> Settings:
    """Return the settings with a pseudonym key that lives as long as this process."""
    return settings.model_copy(update={"pseudonym_key": SecretStr(secrets.token_hex(32))})


def place_examples(settings: Settings, contracts: dict[str, Contract]) -> list[Path]:
    """Put the examples into landing and return their paths; doing it again changes nothing.

    The results file covers years of reports: each reporting month gets the rows whose as-of month came after the one before.
    Raises :class:`DemoRefused` when landing holds files that are not the demonstration's, or is not a folder of this home.
    """
    if settings.landing_url is not None:
        raise DemoRefused(
            "KENPO_LANDING_URL names an object store, and the demonstration puts nothing there. "
            "Leave it out: env -u KENPO_LANDING_URL KENPO_HOME=/tmp/kenpo-demo kenpo demo"
        )
    foreign = [
        path
        for path in settings.landing_dir.glob("*/*/*")
        if path.is_file() and not path.name.startswith(("published-", "."))
    ]
    if foreign:
        raise DemoRefused(
            f"{settings.landing_dir} holds submissions of its own ({foreign[0].name} …). "
            "Choose another home for the demonstration: KENPO_HOME=/tmp/kenpo-demo kenpo demo"
        )
    examples = settings.project_dir / "examples" / "published"
    placed = [
        put(examples / name, settings.landing_dir, contracts["kpi_targets"], _TARGET_FOLDER, f"published-{name}")[0]
        for name in ("kpi_registration_sheet_fy2025.xlsx", "kpi_targets.csv")
    ]
    lines = (examples / "kpi_results.csv").read_text(encoding="utf-8-sig").splitlines(keepends=True)
    placed += [
        put(examples / f"{name}.csv", settings.landing_dir, contracts[name], MONTHS[-1], f"published-{name}.csv")[0]
        for name in ("initiatives", "activity_counts")
    ]
    previous = ""
    with tempfile.TemporaryDirectory() as folder:
        for month in MONTHS:
            part = Path(folder) / f"published-kpi_results-{month}.csv"
            chosen = [line for line in lines[1:] if previous < line.split(",")[_AS_OF_COLUMN] <= month]
            part.write_text(lines[0] + "".join(chosen), encoding="utf-8")
            path, _ = put(part, settings.landing_dir, contracts["kpi_results"], month)
            placed.append(path)
            previous = month
    return placed
