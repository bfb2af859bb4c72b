"""dbt as a person runs it: the commands of the howto in a process of their own, and what became of each model and test.

What lives here: copying the models, running, reading dbt's artefacts. What does not: what must come out (the tests).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.suite import Severity
from kenpo_pipelines.settings import CHECKOUT

MODELS = CHECKOUT / "dbt_like_sql"
HOWTO = CHECKOUT / "docs" / "howto" / "use-dbt.md"


@dataclass(frozen=True)
class Build:
    """What one dbt command did: its exit code, what it said, and the outcome of each node by dbt's id."""

    code: int
    said: str
    outcomes: Mapping[str, str]
    nodes: Mapping[str, Any]

    def models(self, outcome: str) -> set[str]:
        return {self.nodes[one]["name"] for one in self.outcomes if self._is(one, "model", outcome)}

    def failing_tests(self) -> set[tuple[str, str, Severity]]:
        """Model, rule and severity of the tests that found something, in the words of the pipeline's checks."""
        severities = {"fail": Severity.CRITICAL, "warn": Severity.WARNING}
        return {
            (self.nodes[one]["attached_node"].rpartition(".")[2], rule_of(self.nodes[one]), severity)
            for outcome, severity in severities.items()
            for one in self.outcomes
            if self._is(one, "test", outcome)
        }

    def _is(self, node: str, kind: str, outcome: str) -> bool:
        return self.nodes[node]["resource_type"] == kind and self.outcomes[node] == outcome


def rule_of(test: Mapping[str, Any]) -> str:
    """The id that the pipeline gives the rule of a dbt test."""
    kwargs = {key: value for key, value in test["test_metadata"]["kwargs"].items() if key != "model"}
    if test["test_metadata"]["name"] == "accepted_values":
        del kwargs["values"]
    subject = [word for value in kwargs.values() for word in (value if isinstance(value, list) else [value])]
    return "_".join([test["test_metadata"]["name"], *subject]).lower()


def build(command: str, folder: Path, **environment: str | Path) -> Build:
    """Run a command of the howto as a person would, in a folder with ``dbt_like_sql``, without this process's settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KENPO_", "DBT_"))}
    own = {
        **{
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": folder,
            "DBT_LOG_PATH": folder / "logs",
        },
        **{"DBT_TARGET_PATH": folder / "target", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_USE_COLORS": "false"},
    }
    results = folder / "target" / "run_results.json"
    results.unlink(missing_ok=True)
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=clean | {name: str(value) for name, value in (own | environment).items()},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    found = json.loads(results.read_bytes())["results"] if results.exists() else []
    outcomes = {one["unique_id"]: one["status"] for one in found}
    nodes = json.loads((folder / "target" / "manifest.json").read_bytes())["nodes"]
    return Build(done.returncode, said, {one: outcome for one, outcome in outcomes.items() if one in nodes}, nodes)


def howto_commands(month: str) -> list[str]:
    """The howto's dbt commands for a month."""
    lines = re.findall(r"^dbt .*$", HOWTO.read_text(encoding="utf-8"), re.MULTILINE)
    return [line.replace("2025-06", month) for line in lines]


def without_tests(command: str) -> str:
    """The same models, in half the time."""
    return command.replace("dbt build", "dbt run")


def copied_models(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("target", "logs", ".user.yml", "__pycache__")
    return Path(shutil.copytree(MODELS, folder / "dbt_like_sql", ignore=ignored))


def dbt_command(month: str, *words: str) -> str:
    return " ".join([howto_commands(month)[0], *words])
