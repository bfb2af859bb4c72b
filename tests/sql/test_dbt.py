"""dbt's own opinion of the SQL models: it accepts the folder, and sees the same graph as the project's loader."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kenpo_pipelines.models import ModelProject, Relation, load_project
from kenpo_pipelines.settings import CHECKOUT

MODELS_DIR = CHECKOUT / "dbt_like_sql"


def dbt_parse(project_dir: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Run ``dbt parse`` of this environment, everything it writes below ``output``."""
    command = [Path(sys.executable).with_name("dbt"), "parse", "--no-partial-parse"]
    command += ["--project-dir", project_dir, "--profiles-dir", project_dir]
    command += ["--target-path", output / "target", "--log-path", output / "logs"]
    environment = os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "HOME": str(output)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def copied_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder, so that dbt cannot write into the checkout."""
    folder = tmp_path_factory.mktemp("dbt") / "models"
    shutil.copytree(MODELS_DIR, folder, ignore=shutil.ignore_patterns("target", "logs", ".user.yml"))
    return folder


@pytest.fixture(scope="module")
def manifest(copied_models: Path) -> dict[str, Any]:
    """What dbt understood of the folder."""
    done = dbt_parse(copied_models, copied_models.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    loaded: dict[str, Any] = json.loads((copied_models.parent / "target" / "manifest.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def project() -> ModelProject:
    return load_project(MODELS_DIR)


def relation_of(unique_id: str, manifest: dict[str, Any]) -> Relation:
    if unique_id.startswith("source."):
        source = manifest["sources"][unique_id]
        return Relation(source["source_name"], source["name"])
    node = manifest["nodes"][unique_id]
    return Relation(Path(node["original_file_path"]).parent.name, node["name"])


def models_of(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def test_dbt_sees_the_same_graph(manifest: dict[str, Any], project: ModelProject) -> None:
    """Judgement, a source of the pipeline's models, is a model to dbt: it stands between the same two."""
    dbt_graph = {
        name: {relation_of(parent, manifest) for parent in node["depends_on"]["nodes"]}
        for name, node in models_of(manifest).items()
    }
    expected = {model.name: {*model.inputs, *model.history} for model in project.models}

    assert dbt_graph == expected | {"kpi_judgements": {Relation("kpis", "judgement_inputs")}}
    assert relation_of("model.kenpo.kpi_judgements", manifest) in expected["mart_scorecard"]


def test_dbt_writes_partitions_of_the_columns_that_are_promised(
    manifest: dict[str, Any], project: ModelProject
) -> None:
    nodes = models_of(manifest)
    for model in project.models:
        assert nodes[model.name]["config"]["materialized"] == ("view" if model.is_view else "partition")
        assert nodes[model.name]["config"]["contract"]["enforced"]
    assert nodes["kpi_judgements"]["config"]["materialized"] == "partition"


def test_dbt_sees_the_same_sources(manifest: dict[str, Any], project: ModelProject) -> None:
    found = {relation_of(unique_id, manifest) for unique_id in manifest["sources"]}

    assert found == {source.relation for source in project.sources}


def test_dbt_reads_the_same_columns_descriptions_and_owners(manifest: dict[str, Any], project: ModelProject) -> None:
    nodes = models_of(manifest)
    for model in project.models:
        node = nodes[model.name]
        assert {column["name"]: column["data_type"] for column in node["columns"].values()} == {
            column.name: column.data_type for column in model.columns
        }
        assert " ".join(node["description"].split()) == model.description
        assert node["config"]["meta"]["owner"] == model.owner


def test_dbt_puts_each_model_into_the_schema_of_its_layer(manifest: dict[str, Any], project: ModelProject) -> None:
    nodes = models_of(manifest)

    assert {model.name: nodes[model.name]["schema"] for model in project.models} == {
        model.name: model.layer for model in project.models
    }


def test_dbt_knows_the_tests_that_become_checks(manifest: dict[str, Any], project: ModelProject) -> None:
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    on_columns = sum(
        len(column.get("data_tests", [])) for model in project.models for column in model.properties["columns"]
    )
    on_models = sum(len(model.properties.get("data_tests", [])) for model in project.models)

    assert len(tests) == on_columns + on_models
    assert {node["name"] for node in tests if "mart_scorecard_outcome" in node["name"]} >= {
        "not_null_mart_scorecard_outcome"
    }


def test_dbt_refuses_what_it_should(copied_models: Path, tmp_path: Path) -> None:
    broken = tmp_path / "models"
    shutil.copytree(copied_models, broken)
    model = broken / "marts" / "mart_scorecard.sql"
    model.write_text(model.read_text(encoding="utf-8").replace("judgement_inputs", "judgment_inputs"), encoding="utf-8")

    done = dbt_parse(broken, tmp_path)

    assert done.returncode != 0
    assert "judgment_inputs" in done.stdout + done.stderr
