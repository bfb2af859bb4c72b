"""Mutated files through both readers, compared with a slow reading: none crashes, hangs, loses a row or loads another value.

These seeds are always the same; those of ``test_files_of_this_code`` change with the code that reads. ``make fuzz`` reads ten
thousand and more.
"""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

import comparing
from campaign import found_in
from comparing import finding
from mutated_files import make
from slow_reading import Cell, Doubt, csv_lines, meaning
from submission_files import contracts

from kenpo_pipelines.submissions import numerals

FILES, AT_ONCE = 750, 50
STARTS = range(1_000_000, 1_000_000 + FILES, AT_ONCE)


@pytest.mark.parametrize("first", STARTS)
def test_nothing_is_found(first: int) -> None:
    found, _ = found_in(range(first, first + AT_ONCE))
    assert found == []


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(seed=st.integers(0, 2**63))
def test_a_seed_makes_one_file(seed: int) -> None:
    once, again = make(seed), make(seed)
    assert (once.name, once.done, once.encoding) == (again.name, again.done, again.encoding)
    assert once.data == again.data or once.name.endswith(
        (".gz", ".xlsx")
    )  # these hold the time at which they were packed


def test_the_fuzzing_finds_a_planted_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that drops △, one that reads one number too many, one that breaks: each is found among a few files."""
    real = numerals._scaled
    planted = {
        "another value": lambda body: real(body) + 1,
        "a crash": lambda body: 1 / 0,
    }
    for name, scaled in planted.items():
        with monkeypatch.context() as patch:
            patch.setattr(numerals, "_scaled", scaled)
            found = []
            for seed in range(60):
                folder = tmp_path / f"{name} {seed}"
                folder.mkdir()
                found.append(finding(make(seed), folder))
        assert any(found), name


def test_the_fuzzing_finds_a_lost_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = comparing._read

    def one_less(*arguments: object) -> object:
        status, fault, counts, rows = real(*arguments)  # type: ignore[arg-type]
        return status, fault, counts, rows[1:]

    monkeypatch.setattr(comparing, "_read", one_less)
    found = []
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found.append(finding(make(seed), folder))
    assert any("rows read" in told for told in found)


def test_the_slow_reading_knows_what_cells_say() -> None:
    """By hand: the second opinion is worth something."""
    amount = contracts()["benefit_decisions"].column_by_name["amount_yen"]
    for text, value in (("１，２３４円", 1234), ("△5", -5), ("1億2,000万", 120_000_000), ("", None), ("集計中", None)):
        assert meaning(amount, Cell(text)) == value
    for text in ("1,23", "①", "12人", "1e5", "x", "1.2.3", "٣"):
        with pytest.raises(Doubt):
            meaning(amount, Cell(text))
    lines = csv_lines('a,b\r\n"x\r\ny",1\r\n\r\n2,"q""q"\r\n')
    assert [(one.number, [cell.text for cell in one.cells]) for one in lines] == [
        (1, ["a", "b"]),
        (2, ["x\ny", "1"]),
        (5, ["2", 'q"q']),
    ]
