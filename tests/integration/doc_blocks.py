"""Reads the project's own documents: fenced blocks with the line that says what they are, commands, tables.

What lives here: parsing Markdown and applying the file blocks of a howto. What does not: what must come
out (the tests).
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LABEL = re.compile(r"(?P<action>New file|Add at the end of|Change in|File) `(?P<path>[^`]+)`:")
_HEREDOC = re.compile(r"^cat > (?P<name>\S+) <<'EOF'\n(?P<text>.*?)^EOF\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block. ``action`` and ``path`` come from the line before it, empty when that line names no file."""

    language: str
    text: str
    action: str = ""
    path: str = ""


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks in the order of the document."""
    content = document.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(content):
        label = _LABEL.fullmatch(content[: match.start()].rstrip().rpartition("\n")[2])
        action, path = (label["action"], label["path"]) if label else ("", "")
        found.append(Block(match["language"], match["text"], action, path))
    return found


def commands(document: Path) -> list[list[str]]:
    """Return the commands of all ``sh`` blocks as words, without what the shell does itself (cat, comments)."""
    words = []
    for block in blocks(document):
        if block.language == "sh":
            lines = _HEREDOC.sub("", block.text).splitlines()
            words += [shlex.split(line, comments=True) for line in lines if line.strip() and not line.startswith("#")]
    return words


def written_files(document: Path) -> dict[str, str]:
    """Return the files that the ``sh`` blocks write by a here-document, by name."""
    return {
        match["name"]: match["text"]
        for block in blocks(document)
        if block.language == "sh"
        for match in _HEREDOC.finditer(block.text)
    }


def apply_to_project(block: Block, project: Path) -> None:
    """Do to the project's copy what the block says; a file to change must hold the old lines exactly once."""
    target = project / block.path
    if block.action == "New file":
        assert not target.exists(), f"{block.path} is not new"
        target.write_text(block.text, encoding="utf-8")
        return
    content = target.read_text(encoding="utf-8")
    if block.action == "Add at the end of":
        target.write_text(content.rstrip("\n") + "\n" + block.text, encoding="utf-8")
        return
    lines = block.text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    assert content.count(old) == 1, f"{block.path} does not hold these lines once:\n{old}"
    target.write_text(content.replace(old, new), encoding="utf-8")


def tables(document: Path, first_column: str) -> list[dict[str, str]]:
    """Return the rows of all tables whose first column has that header."""
    rows, header = [], []
    for line in document.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            header = []
        elif not header:
            header = cells
        elif header[0] == first_column and not set(line) <= set("|- "):
            rows.append(dict(zip(header, cells, strict=True)))
    return rows
