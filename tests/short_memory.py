"""A home whose Dagster forgets its events when its process ends: half the time of a month, where nobody asks for them."""

import json
from pathlib import Path

_DAGSTER = {
    "telemetry": {"enabled": False},
    "event_log_storage": {
        "module": "dagster._core.storage.event_log.in_memory",
        "class": "InMemoryEventLogStorage",
    },
}


def forgetful(home: Path) -> Path:
    """Write Dagster's settings of the home, before anything is run there; return the home."""
    file = home / "dagster" / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(_DAGSTER), encoding="utf-8")  # JSON is YAML
    return home
