"""Data Docs of a month: a page per suite of rules, from counts alone, and an index of them.

What lives here: the pages and their place. What does not: what Great Expectations makes of the outcomes (``gx_pages``) and the
outcomes themselves (``adapter``).

A page holds names of rules, what they ask for, and numbers of rows: no value of a row, not even those that a check may show as
evidence. It asks the network for nothing, and is the same for the same outcomes, so that a file changes only with them.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from filelock import FileLock
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from expectations import quiet
from expectations.completeness import Completeness
from expectations.outcome import RuleOutcome

INDEX = "index.html"
_NOTE = ".pages.json"
_UNKNOWN = "支部不明"
_BRANCH_CODE = re.compile(r"[0-9]{2}")
"""What else stands where a branch code belongs is a value of a row like any other."""
_MARKS = {True: "○ 適合", False: "× 不適合"}
_ICONS = {"✅": "○", "❌": "×", "❗": "！"}
"""What GX means by its pictures, in signs that every machine has."""


@dataclass(frozen=True)
class DataDocs:
    """The pages of one month, in a folder of their own."""

    folder: Path
    month: str

    def page(self, asset: Sequence[str]) -> Path:
        """Return where the page of an asset's rules is."""
        return self.folder / f"{'.'.join(asset)}.html"

    def write(
        self, asset: Sequence[str], outcomes: Sequence[RuleOutcome], completeness: Completeness | None = None
    ) -> Path:
        """Write the page of an asset's rules and bring the index up to date; return the page. Raises OSError as it came.

        A file whose content stays is not touched. Steps that end at the same time wait for each other.
        """
        page = self.page(asset)
        content = _page("data_docs.html.j2", **_shown("/".join(asset), self.month, outcomes, completeness))
        with self._alone():
            _replace(page, content)
            pages = self._noted() | {page.name: _summary("/".join(asset), outcomes, completeness)}
            _replace(self.folder / _NOTE, json.dumps(pages, sort_keys=True).encode())
            _replace(self.folder / INDEX, _page("data_docs_index.html.j2", month=self.month, pages=_ordered(pages)))
        return page

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            yield

    def _noted(self) -> dict[str, dict[str, Any]]:
        try:
            noted: dict[str, dict[str, Any]] = json.loads((self.folder / _NOTE).read_bytes())
        except (OSError, ValueError):
            return {}  # the first page, or a note that a full disk cut: the pages of this run fill it again
        return {name: one for name, one in noted.items() if (self.folder / name).exists()}


def _summary(asset: str, outcomes: Sequence[RuleOutcome], completeness: Completeness | None) -> dict[str, Any]:
    return {
        "asset": asset,
        "rules": len(outcomes) + (completeness is not None),
        "not_held": sum(not one.passed for one in outcomes) + (completeness is not None and not completeness.passed),
        "missing": 0 if completeness is None else len(completeness.missing),
        "rows": sum(one.failed_rows for one in outcomes if not one.passed),
    }


def _ordered(pages: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What does not hold comes first."""
    listed = [{"href": name, "verdict": _MARKS[not one["not_held"]], **one} for name, one in pages.items()]
    return sorted(listed, key=lambda one: (not one["not_held"], one["asset"]))


def _shown(
    asset: str, month: str, outcomes: Sequence[RuleOutcome], completeness: Completeness | None
) -> dict[str, Any]:
    with quiet.silence():
        from expectations.gx_pages import rendered

        sections = [_section(one) for one in rendered(asset, month, outcomes)]
    passed = all(one.passed for one in outcomes) and (completeness is None or completeness.passed)
    return {
        "asset": asset,
        "month": month,
        "verdict": _MARKS[passed],
        "icons": "○ 適合　× 不適合　！ 検査を実行できない",
        "sections": sections,
        "rules": [
            {
                "id": one.rule.id,
                "severity": str(one.rule.severity),
                "tier": str(one.rule.tier),
                "failed": one.failed_rows,
                "checked": one.checked_rows,
                "branches": _by_branch(one),
                "origin": one.rule.origin,
            }
            for one in outcomes
        ],
        "completeness": None
        if completeness is None
        else {
            "text": completeness.rule.description_ja,
            "verdict": _MARKS[completeness.passed],
            "present": len(completeness.present),
            "missing": len(completeness.missing),
            "codes": "、".join(completeness.missing),
        },
    }


def _by_branch(outcome: RuleOutcome) -> str:
    rows = Counter[str]()
    for code, number in outcome.branches:
        rows[code if _BRANCH_CODE.fullmatch(code) else _UNKNOWN] += number
    return "、".join(f"{code} {number:,}" for code, number in rows.items())


def _section(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section that GX rendered, as plain texts: its name, and its tables with their heads."""
    tables = [block for block in section["content_blocks"] if block["content_block_type"] == "table"]
    return {
        "name": section.get("section_name") or "",
        "tables": [
            {
                "head": [_text(cell) for cell in table.get("header_row", [])],
                "rows": [[_text(cell) for cell in row] for row in table["table"]],
            }
            for table in tables
        ],
    }


def _text(block: object) -> str:
    """The words of a block that GX rendered; a traceback that folds out has none here."""
    if isinstance(block, list):
        return " ".join(text for text in map(_text, block) if text)
    if not isinstance(block, Mapping):
        return "" if block is None else str(block)
    if block["content_block_type"] != "string_template":
        return ""
    template = block["string_template"]
    parameters = dict(template.get("params") or {})
    if "markdown_status_icon" in parameters:
        icon = parameters["markdown_status_icon"]
        parameters["icon"] = _ICONS.get(icon, icon)
    return Template(str(template["template"] or "")).safe_substitute(parameters).strip()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("expectations", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _page(template: str, **variables: Any) -> bytes:
    return _environment().get_template(template).render(css=_css(), **variables).encode()


@cache
def _css() -> Markup:
    return Markup(files("kenpo_pipelines.scorecards.pages").joinpath("page.css").read_text(encoding="utf-8"))


def _replace(path: Path, content: bytes) -> None:
    """Write in one step what can be made again: no waiting for the disk, as scorecards do."""
    if path.exists() and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
