"""Without Spark the project stays light: importing it, and loading all of its definitions, imports no pyspark."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LATER = ("expectations.gx_", "kenpo_pipelines.serving.migrations", "resources.dbt_partitions")
"""Modules imported when a check runs (Great Expectations imports pyspark where it is installed), by Alembic, by dbt."""

IMPORT_ALL = """\
import importlib, pkgutil, sys
import assets, expectations, kenpo_pipelines, resources

for package in (assets, expectations, kenpo_pipelines, resources):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.startswith(LATER):
            importlib.import_module(found.name)
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.settings import load

build_definitions(load())
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("pyspark", "py4j")))
"""


def test_no_module_of_the_project_imports_pyspark(tmp_path: Path) -> None:
    code = IMPORT_ALL.replace("LATER", repr(LATER))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=CHECKOUT,
        env={"PATH": "/usr/bin:/bin", "KENPO_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "[]"
