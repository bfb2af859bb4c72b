"""Tests that a machine cannot run are named at the end of the run, with the way to get them; in CI the run does not begin."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from spark import java

from kenpo_pipelines.settings import CHECKOUT

_CODE_OF_NO_TESTS, _CODE_OF_WRONG_USE = 5, 4


def a_java(folder: Path, version: str) -> Path:
    """A JAVA_HOME whose ``java`` only tells its version, as OpenJDK does."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n", encoding="ascii")
    program.chmod(0o755)
    return folder


def pytest_without_java(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "JAVA"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", *arguments],
        cwd=CHECKOUT,
        env=environment | {"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    java.java_release.cache_clear()
    yield
    java.java_release.cache_clear()  # who tells what was left out asks for the Java that there is


def test_without_java_the_run_ends_with_the_files_their_number_and_what_to_get(tmp_path: Path) -> None:
    ended = pytest_without_java(tmp_path, "tests/spark")
    files = sorted((CHECKOUT / "tests" / "spark").glob("test_*.py"))

    assert files
    assert ended.returncode == _CODE_OF_NO_TESTS, ended.stdout + ended.stderr
    assert f"in {len(files)} files, were not run" in ended.stdout
    assert "sudo apt-get install -y --no-install-recommends default-jre-headless" in ended.stdout
    for path in files:
        assert f"tests/spark/{path.name} (" in ended.stdout
    assert "skipped" not in ended.stdout


def test_in_ci_the_run_does_not_begin(tmp_path: Path) -> None:
    ended = pytest_without_java(tmp_path, "tests/spark", "--nothing-left-out")

    assert ended.returncode == _CODE_OF_WRONG_USE
    assert "were not run" in ended.stderr
    assert "--nothing-left-out" in (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")


def test_who_asked_for_other_tests_hears_nothing(tmp_path: Path) -> None:
    ended = pytest_without_java(tmp_path, "tests/unit/test_tests_left_out.py", "-k", "counted", "--nothing-left-out")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "were not run" not in ended.stdout + ended.stderr


def test_functions_are_counted_without_importing_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import not_there\n\ndef test_one(): ...\n\nclass TestMore:\n    def test_two(self): ...\n    def other(self): ...\n"
    (tmp_path / "test_some.py").write_text(text, encoding="utf-8")
    (tmp_path / "java.py").write_text("def test_no(): ...", encoding="utf-8")
    monkeypatch.setattr(java, "HERE", tmp_path)

    assert java.test_files() == {tmp_path / "test_some.py": 2}


@pytest.mark.parametrize(("version", "release"), [("17.0.15", 17), ("21", 21), ("25-ea", 25)])
def test_a_java_that_is_new_enough_is_taken_from_java_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, release: int
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path, version)))

    assert java.find_java() == str(tmp_path / "bin" / "java")
    assert java.java_release() == release
    assert java.missing() != java.GET_JAVA


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.21", "16"])
def test_an_older_java_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path, version)))

    assert java.missing() == java.GET_JAVA


def test_java_home_without_a_java_is_not_made_up_for_from_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark would start the one that JAVA_HOME names, and no other."""
    monkeypatch.setenv("PATH", str(a_java(tmp_path / "on-path", "17.0.1") / "bin"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "empty"))
    assert java.missing() == java.GET_JAVA

    java.java_release.cache_clear()
    monkeypatch.delenv("JAVA_HOME")
    assert java.java_release() == 17


def test_with_java_alone_spark_is_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path, "17.0.1")))
    monkeypatch.setattr(java, "find_spec", lambda name: None)

    assert java.missing() == java.GET_SPARK
