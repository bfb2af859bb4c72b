"""How much of the machine a run may take: KENPO_CORES and KENPO_ENGINE_MEMORY, and what they reach."""

from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from kenpo_pipelines.settings import CHECKOUT, SettingsError, load
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.copies import Entry, read_all
from kenpo_pipelines.submissions.landing import LandedFile, landed_files
from resources.installation import Installation


def of_engine(name: str) -> Any:
    with Installation.from_settings(load()).engine.session() as session:
        ((value,),) = session.fetch(f"select current_setting('{name}')")
    return value


def test_an_engine_is_bounded_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KENPO_HOME", str(tmp_path))
    assert of_engine("threads") == 2
    assert of_engine("memory_limit") == "1.8 GiB"


def test_the_engine_takes_what_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KENPO_HOME", str(tmp_path))
    monkeypatch.setenv("KENPO_CORES", "5")
    monkeypatch.setenv("KENPO_ENGINE_MEMORY", "512MiB")
    assert of_engine("threads") == 5
    assert of_engine("memory_limit") == "512.0 MiB"


@pytest.mark.parametrize(
    ("name", "value"), [("CORES", "0"), ("CORES", "all"), ("ENGINE_MEMORY", "2"), ("ENGINE_MEMORY", "80%")]
)
def test_sizes_that_mean_nothing_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"KENPO_{name}", value)
    with pytest.raises(SettingsError, match=f"KENPO_{name}='{value}'"):
        load()


def test_as_many_files_are_read_at_a_time_as_there_are_readers(tmp_path: Path) -> None:
    folder = tmp_path / "claims" / "2025-06"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"claims_{number}.csv").write_bytes(b"x" * (number + 1))
    landed = landed_files(tmp_path, load_contracts(CHECKOUT / "expectations")["claims"], "2025-06")
    together = Barrier(3, timeout=20)

    def read(one: LandedFile) -> Entry:
        together.wait()  # broken unless three are here at once
        return {"file": one.name, "status": "loaded"}

    def no_copies(*_: Any) -> Entry:
        raise AssertionError("all of them differ")

    entries = read_all(landed, read, no_copies, readers=3)
    assert [one["file"] for one in entries] == [one.name for one in landed]
    assert len(entries) == 3
