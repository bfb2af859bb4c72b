"""All files of a month, written from a serving database: which there are, what goes, and what the note beside them holds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.scorecards.publication import (
    are_scorecards_current,
    remember_scorecards,
    remembered_scorecards,
    write_scorecards,
)
from kenpo_pipelines.scorecards.rows import ScorecardError
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.serving.publish import publish_month

MonthTables = Callable[..., dict[str, list[dict[str, Any]]]]
MAY, JUNE = "2025-05", "2025-06"
BOTH_EDITIONS = {
    "comparison_2025-06.xlsx", "national_2025-06.html",
    "scorecard_2025-06_00_nation.xlsx", "scorecard_2025-06_00_nation.html",
    "scorecard_2025-06_04_miyagi.xlsx", "scorecard_2025-06_04_miyagi.html",
    "scorecard_2025-06_13_tokyo.xlsx", "scorecard_2025-06_13_tokyo.html",
}  # fmt: skip
INTERNAL = {"targets_2024_2025.xlsx", "targets_2024_2025.html"}


@pytest.fixture
def engine(tmp_path: Path, month_tables: MonthTables) -> Iterator[Engine]:
    """A database with May and June of 宮城, 東京 and 協会全体."""
    engine = connect(f"sqlite:///{tmp_path / 'kenpo.db'}")
    upgrade(engine)
    publish_month(engine, MAY, month_tables(MAY, _missed), "run-1")
    publish_month(engine, JUNE, month_tables(JUNE), "run-2")
    yield engine
    engine.dispose()


def _missed(parts: dict[str, list[dict[str, Any]]]) -> None:
    for row in parts["scorecard"]:
        row["outcome"] = "not_attained" if row["outcome"] == "attained" else "attained"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")}


def contents(paths: list[Path]) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in paths}


def test_a_month_has_workbooks_and_pages_of_both_editions(
    engine: Engine, small_catalogue: Catalogue, tmp_path: Path
) -> None:
    told: list[str] = []
    written = write_scorecards(engine, tmp_path / "out", small_catalogue, on_file=lambda name, total: told.append(name))
    folder = tmp_path / "out" / JUNE
    assert written[0] == folder / "comparison_2025-06.xlsx"
    assert names(folder) == BOTH_EDITIONS | INTERNAL
    assert names(folder / "public") == BOTH_EDITIONS
    assert set(written) == {folder / name for name in BOTH_EDITIONS | INTERNAL} | {
        folder / "public" / name for name in BOTH_EDITIONS
    }
    assert told[0] == "comparison_2025-06.xlsx"
    assert set(told) >= BOTH_EDITIONS


def test_the_page_compares_with_the_month_before(engine: Engine, small_catalogue: Catalogue, tmp_path: Path) -> None:
    write_scorecards(engine, tmp_path, small_catalogue)
    june = (tmp_path / JUNE / "scorecard_2025-06_13_tokyo.html").read_text()
    assert "令和７年５月から、2指標の判定が変わりました。" in june
    write_scorecards(engine, tmp_path, small_catalogue, as_of=MAY)
    may = (tmp_path / MAY / "scorecard_2025-05_13_tokyo.html").read_text()
    assert "比べられる前月の帳票がありません。" in may


def test_the_public_edition_says_so_and_names_no_file(
    engine: Engine, small_catalogue: Catalogue, tmp_path: Path
) -> None:
    write_scorecards(engine, tmp_path, small_catalogue)
    internal, public = (
        (tmp_path / JUNE / folder / "scorecard_2025-06_13_tokyo.html").read_text() for folder in ("", "public")
    )
    assert "公開版" in public and "公開版" not in internal
    assert "results.csv" in internal and "results.csv" not in public


def test_the_same_month_is_written_with_the_same_bytes(
    engine: Engine, small_catalogue: Catalogue, tmp_path: Path
) -> None:
    first = contents(write_scorecards(engine, tmp_path, small_catalogue))
    assert contents(write_scorecards(engine, tmp_path, small_catalogue)) == first


def test_files_that_are_not_written_any_more_go_and_those_of_people_stay(
    engine: Engine, small_catalogue: Catalogue, tmp_path: Path
) -> None:
    for folder in (tmp_path / JUNE, tmp_path / JUNE / "public"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("scorecard_2025-06_27_osaka.html", "progress_2025-06_27_osaka.xlsx", "メモ.xlsx", "scorecard.txt"):
            (folder / name).write_text("left")
    (tmp_path / JUNE / "scorecard_folder.xlsx").mkdir()
    write_scorecards(engine, tmp_path, small_catalogue)
    assert names(tmp_path / JUNE) == BOTH_EDITIONS | INTERNAL | {"メモ.xlsx", "scorecard.txt"}
    assert names(tmp_path / JUNE / "public") == BOTH_EDITIONS | {"メモ.xlsx", "scorecard.txt"}


def test_one_branch_alone_is_written_and_nothing_removed(
    engine: Engine, small_catalogue: Catalogue, tmp_path: Path
) -> None:
    write_scorecards(engine, tmp_path, small_catalogue)
    before = names(tmp_path / JUNE)
    written = write_scorecards(engine, tmp_path, small_catalogue, branch_code="04")
    assert [path.name for path in written] == ["scorecard_2025-06_04_miyagi.xlsx", "scorecard_2025-06_04_miyagi.html"]
    assert names(tmp_path / JUNE) == before
    with pytest.raises(ScorecardError, match="branch 27 has nothing published as of 2025-06"):
        write_scorecards(engine, tmp_path, small_catalogue, branch_code="27")


@pytest.mark.parametrize("name", ["scorecard_2025-06_13_tokyo.html", "public/scorecard_2025-06_13_tokyo.xlsx"])
@pytest.mark.parametrize("is_removed", [True, False])
def test_the_note_covers_every_file(
    engine: Engine, small_catalogue: Catalogue, tmp_path: Path, name: str, is_removed: bool
) -> None:
    written = write_scorecards(engine, tmp_path, small_catalogue)
    remember_scorecards(tmp_path, JUNE, "made-from-this", written)
    assert are_scorecards_current(tmp_path, JUNE, "made-from-this")
    assert not are_scorecards_current(tmp_path, JUNE, "made-from-that")
    assert sorted(remembered_scorecards(tmp_path, JUNE)) == sorted(written)
    path = tmp_path / JUNE / name
    path.unlink() if is_removed else path.write_bytes(path.read_bytes() + b" ")
    assert not are_scorecards_current(tmp_path, JUNE, "made-from-this")
