"""The READMEs are true: their commands exist, their links lead somewhere, and the sequence "for real" works in its order.

The English and the Japanese README hold the same sequence, so running it once proves both.
"""

import csv
import io
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import typer
from doc_blocks import commands, written_files
from short_memory import forgetful
from typer.testing import CliRunner

from kenpo_pipelines.cli import app
from kenpo_pipelines.settings import CHECKOUT, Settings

READMES = ("README.md", "README.ja.md")
NEVER_RUN = ("demo", "ui")
"""The demo has a test of its own; the UI does not end."""

_LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)#]+)\)")
_INLINE_COMMAND = re.compile(r"`(?:\.venv/bin/)?kenpo (?P<words>[^`]+)`")
_OPTION = re.compile(r"--[a-z][a-z-]*")
_IMAGES = "docs/images/"
_DATABASE = "kenpo.db"


def sequence(readme: str) -> list[list[str]]:
    """The commands from ``make install`` on: the part that is run for real."""
    lines = commands(CHECKOUT / readme)
    return lines[next(number for number, words in enumerate(lines) if words[:2] == ["make", "install"]) :]


def commands_of_the_program() -> dict[str, set[str]]:
    """Every subcommand with its options."""
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    return {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in group.commands.items()
    }


@pytest.mark.parametrize("readme", READMES)
def test_commands_and_options_exist(readme: str) -> None:
    known = commands_of_the_program()
    inline = [
        match["words"].split() for match in _INLINE_COMMAND.finditer((CHECKOUT / readme).read_text(encoding="utf-8"))
    ]
    in_blocks = [words[1:] for words in commands(CHECKOUT / readme) if words[0] == "kenpo"]
    assert len(inline) >= len(known)
    assert len(in_blocks) >= len(known)

    for name, *rest in inline + in_blocks:
        assert name in known, f"kenpo {name}"
        unknown = set(_OPTION.findall(" ".join(rest))) - known[name] - {"--help"}
        assert not unknown, f"kenpo {name} has no {unknown}"


@pytest.mark.parametrize("readme", READMES)
def test_every_command_and_option_is_in_the_table(readme: str) -> None:
    table = [
        line for line in (CHECKOUT / readme).read_text(encoding="utf-8").splitlines() if line.startswith("| `kenpo ")
    ]
    told = {line.split("`")[1].split()[1]: set(_OPTION.findall(line.split("`")[1])) for line in table}

    wanted = {
        name: {option for option in options if option.startswith("--")}
        for name, options in commands_of_the_program().items()
    }
    assert told == wanted


@pytest.mark.parametrize("readme", READMES)
def test_make_targets_exist(readme: str) -> None:
    targets = re.findall(r"^(\w+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    used = [words[1] for words in commands(CHECKOUT / readme) if words[0] == "make"]

    assert {"demo", "test", "install"} <= set(used)
    assert set(used) <= set(targets)


def documents() -> list[Path]:
    found = [CHECKOUT / name for name in (*READMES, "CHANGELOG.md")]
    return [*found, *sorted(path for path in (CHECKOUT / "docs").rglob("*.md") if path.name != "kpi-dictionary.md")]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_linked_files_exist(document: Path) -> None:
    targets = [match["target"] for match in _LINK.finditer(document.read_text(encoding="utf-8"))]

    missing = [target for target in targets if not (document.parent / target).exists()]

    assert missing == []


@pytest.mark.parametrize("readme", READMES)
def test_readme_shows_pages_and_the_lineage(readme: str) -> None:
    targets = {match["target"] for match in _LINK.finditer((CHECKOUT / readme).read_text(encoding="utf-8"))}

    assert {f"{_IMAGES}{name}.png" for name in ("branch-page", "national-page", "lineage")} <= targets


def test_both_readmes_give_the_same_sequence() -> None:
    assert sequence("README.md") == sequence("README.ja.md")
    assert written_files(CHECKOUT / "README.md") == written_files(CHECKOUT / "README.ja.md")


@dataclass(frozen=True)
class Done:
    """The sequence as it was run: what each command printed, and where."""

    home: Path
    printed: list[tuple[list[str], str]]

    def output_of(self, *words: str) -> list[str]:
        return [output for line, output in self.printed if line[: len(words)] == list(words)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    work = tmp_path_factory.mktemp("readme")
    work.joinpath("examples").symlink_to(CHECKOUT / "examples")
    for name, text in written_files(CHECKOUT / "README.md").items():
        work.joinpath(name).write_text(text, encoding="utf-8")
    printed: list[tuple[list[str], str]] = []
    settings: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        for name in ("KENPO_DATABASE_URL", "KENPO_LAKE_URL", "KENPO_PROJECT_DIR"):
            patch.delenv(name, raising=False)
        patch.setenv("KENPO_HOME", str(forgetful(work / "home")))
        patch.setenv("KENPO_PSEUDONYM_KEY", "0" * 64)
        for program, *words in sequence("README.md"):
            if program == "export":
                settings += [word.partition("=")[0] for word in words]
            if program != "kenpo" or words[0] in NEVER_RUN:
                continue
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, f"kenpo {' '.join(words)}: {result.output}{result.exception or ''}"
            printed.append((words, result.output))
            if words[0] == "run":
                printed.append((["before"], tokyo_dependants()))
        printed.append((["after"], tokyo_dependants()))
        names = {f"KENPO_{name.upper()}" for name in Settings.model_fields}
        assert {name for name in settings if name.startswith("KENPO_")} <= names
        yield Done(work / "home", printed)


def tokyo_dependants() -> str:
    """What is published for 被扶養者の特定健診実施率 of 東京, as CSV."""
    words = ["kpi", "--branch", "東京", "--kpi", "checkup_rate_dependants", "--format", "csv"]
    return CliRunner().invoke(app, words).output


def test_sequence_runs_to_its_end(done: Done) -> None:
    run = [words for words, _ in done.printed if words[0] not in ("before", "after")]

    assert run == [words for program, *words in sequence("README.md") if program == "kenpo" and words[0] != "ui"]
    assert sorted(path.name for path in done.home.joinpath("outputs").iterdir()) == ["2025-06", "2025-07"]


def test_first_file_is_fit_and_read_as_the_readme_says(done: Done) -> None:
    checked = done.output_of("check-file")[0]

    assert "提出できます" in checked
    assert "152行のうち148行" in checked


def test_correction_replaces_one_figure_and_keeps_the_old_one(done: Done) -> None:
    before, after = (next(csv.DictReader(io.StringIO(done.output_of(when)[0]))) for when in ("before", "after"))
    with sqlite3.connect(done.home / _DATABASE) as database:
        history = database.execute(
            "select as_of, branch_code, kpi_id, value_text, change from kpi_facts_history"
        ).fetchall()

    assert (before["value"], after["value"]) == ("3.4", "3.5")
    assert {name for name in before if before[name] != after[name]} == {"value", "ratio_to_target"}
    assert history == [("2025-06", "13", "checkup_rate_dependants", "3.4%", "updated")]


def test_scorecard_prints_the_paths_of_the_branch(done: Done) -> None:
    path, page = (Path(line) for line in done.output_of("scorecard")[0].strip().splitlines()[-2:])

    assert (path.name, page.name) == ("scorecard_2025-06_13_tokyo.xlsx", "scorecard_2025-06_13_tokyo.html")
    assert page.is_file()
    assert path.is_file()
