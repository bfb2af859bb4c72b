"""The Java that Spark's tests need: the system's, 17 or newer. None is downloaded.

What lives here: finding it the way Spark does (``JAVA_HOME`` before ``PATH``), whether the tests in this folder can run, and
what to say when they cannot. ``python tests/spark/java.py`` fails and says how to get Java; ``make test`` asks it whether to
install Spark.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OLDEST = 17
"""Spark 4 needs it."""

GET_JAVA = (
    f"Java {OLDEST} or newer is needed: sudo apt-get install -y --no-install-recommends default-jre-headless "
    "(Debian 12 or newer; JAVA_HOME, where set, says which Java is meant)"
)
GET_SPARK = "Spark is not installed: make spark"
HERE = Path(__file__).resolve().parent
_VERSION = re.compile(r'version "(\d+)')


def find_java() -> str | None:
    """Return the path of the ``java`` that Spark would start; None without one."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java") if not home else shutil.which("java", path=str(Path(home) / "bin"))


@cache
def java_release() -> int | None:
    """Return the release (17, 21 …) of that Java; None without one, or when it does not say."""
    java = find_java()
    if java is None:
        return None
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = _VERSION.search(told.stderr + told.stdout)
    return int(found[1]) if found else None


def missing() -> str | None:
    """Return what has to be got before the tests in this folder can run; None when all is there."""
    release = java_release()
    if release is None or release < OLDEST:
        return GET_JAVA
    return GET_SPARK if find_spec("pyspark") is None else None


def test_files() -> dict[Path, int]:
    """Return the test files of this folder with the number of test functions in each.

    They are read, not imported: what they import may be missing. A function that is run with several parameters counts once.
    """
    return {path: _functions(path) for path in sorted(HERE.glob("test_*.py"))}


def _functions(path: Path) -> int:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return sum(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in nodes)


def left_out() -> list[str]:
    """Return the lines that tell which tests do not run here and how to get them; none when all run."""
    reason, files = missing(), test_files()
    if reason is None or not files:
        return []
    tests = sum(files.values())
    return [
        f"{tests} test functions of Spark, in {len(files)} files, were not run. {reason}; then make test.",
        *(f"  tests/spark/{path.name} ({count})" for path, count in files.items()),
    ]


if __name__ == "__main__":
    release = java_release()
    sys.exit(GET_JAVA if release is None or release < OLDEST else None)
