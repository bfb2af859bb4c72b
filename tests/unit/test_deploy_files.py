"""The files of ``deploy/``: what can be said of them by reading, for nothing starts containers here."""

import json
import re
import subprocess
import tomllib
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from kenpo_pipelines.settings import CHECKOUT, Settings

DEPLOY = CHECKOUT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = {name: one for name, one in SERVICES.items() if name != "postgres"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
_FILLED_IN = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")


def values(service: dict[str, Any]) -> str:
    return json.dumps(service["environment"])


def test_there_is_one_service_for_each_part() -> None:
    assert set(SERVICES) == {"postgres", "code", "daemon", "web"}
    assert all("healthcheck" in one for name, one in SERVICES.items() if name != "code")
    assert "HEALTHCHECK" in DOCKERFILE


def test_every_service_is_restarted_and_waits_for_what_it_needs() -> None:
    for one in SERVICES.values():
        assert one["restart"] == "unless-stopped"
    waits = {name: one.get("depends_on", {}) for name, one in SERVICES.items()}
    healthy = {"condition": "service_healthy"}
    assert waits == {
        "postgres": {},
        "code": {"postgres": healthy},
        "daemon": {"code": healthy},
        "web": {"code": healthy},
    }


def test_only_the_web_server_is_reachable_and_only_from_the_machine() -> None:
    assert {name: one.get("ports", []) for name, one in SERVICES.items() if "ports" in one} == {
        "web": ["127.0.0.1:3000:3000"]
    }


def test_the_application_can_write_nowhere_but_into_its_volumes() -> None:
    for one in OWN.values():
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
    named = {volume.split(":")[0] for one in SERVICES.values() for volume in one.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= named
    places = [PurePosixPath(volume.removesuffix(":ro").rsplit(":", 1)[1]) for volume in OWN["code"]["volumes"]]
    assert places[1:] == [PurePosixPath("/var/lib/kenpo"), PurePosixPath("/var/lib/kenpo/landing")]


def test_every_service_has_the_same_settings_of_dagster_and_cannot_change_them() -> None:
    for one in OWN.values():
        assert "./dagster.yaml:/var/lib/dagster/dagster.yaml:ro" in one["volumes"]


def test_secrets_come_from_the_environment_and_only_to_who_needs_them() -> None:
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    told = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))
    used = {name for one in SERVICES.values() for name, _ in _FILLED_IN.findall(json.dumps(one))}

    assert used == set(told)
    assert [told[name] for name in ("POSTGRES_PASSWORD", "KENPO_PSEUDONYM_KEY", "KENPO_ALERT_URLS")] == ["", "", ""]
    for name in ("daemon", "web"):
        assert set(SERVICES[name]["environment"]) == {"DAGSTER_POSTGRES_URL"}
    for one in SERVICES.values():
        assert not re.search(r"://\w+:(?!\$\{)", values(one)), "a password that is written down"


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "KENPO_PSEUDONYM_KEY", "KENPO_LANDING"])
def test_nothing_starts_without_a_secret_that_is_needed(name: str) -> None:
    found = [rest for one in SERVICES.values() for key, rest in _FILLED_IN.findall(json.dumps(one)) if key == name]

    assert found
    assert all(rest.startswith(":?") for rest in found)


def test_every_setting_of_the_application_is_one_that_it_knows() -> None:
    names = {name for one in OWN.values() for name in one["environment"] if name.startswith("KENPO_")}

    assert names <= {f"KENPO_{field.upper()}" for field in Settings.model_fields}


def test_the_file_with_the_secrets_is_ignored_by_git_and_by_the_build() -> None:
    assert "deploy/.env" in (CHECKOUT / ".gitignore").read_text(encoding="utf-8").splitlines()
    rules = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    assert "*" in rules
    assert not any(".env".startswith(one) or one == "deploy" for one in kept)


def test_the_image_runs_as_nobody_in_particular_from_locked_versions() -> None:
    lines = DOCKERFILE.splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]

    assert [line for line in lines if line.startswith("USER")] == ["USER kenpo"]
    assert re.search(r"useradd .*--uid 10001", DOCKERFILE)
    assert all(re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+", base) for base in bases)
    assert re.fullmatch(r"postgres:\d+\.\d+-\w+", SERVICES["postgres"]["image"])
    assert all("--constraint requirements.lock" in line for line in lines if "pip install" in line)


def test_java_is_in_the_image_only_with_spark_and_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (install,) = (line for line in DOCKERFILE.splitlines() if "--editable" in line)
    (java,) = re.findall(r"RUN case (.*?)esac", DOCKERFILE, re.DOTALL)

    assert {"spark", "kubernetes"} <= set(project["optional-dependencies"])
    assert install.endswith('".${EXTRAS:+[$EXTRAS]}"'), "pip takes no empty brackets"
    assert "--constraint requirements-spark.lock" in install
    assert DOCKERFILE.count("jre") == 1
    assert java.startswith('",$EXTRAS," in *,spark,*)')
    assert 'ARG EXTRAS=""' in DOCKERFILE.splitlines()


@pytest.mark.parametrize(
    ("extras", "java"),
    [("", False), ("kubernetes", False), ("spark", True), ("kubernetes,spark", True), ("sparkling", False)],
)
def test_the_shell_of_the_image_asks_for_java_when_spark_is_named(extras: str, java: bool) -> None:
    (condition,) = re.findall(r"RUN (case .*?esac)", DOCKERFILE, re.DOTALL)
    fetched = re.sub(r"\)\s.*;;", ") echo java ;;", condition, flags=re.DOTALL)
    told = subprocess.run(["sh", "-c", fetched], env={"EXTRAS": extras}, capture_output=True, text=True, check=True)

    assert (told.stdout == "java\n") is java


def test_what_is_copied_into_the_image_is_there_and_not_ignored() -> None:
    kept = {
        line[1:] for line in (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    copied = {
        source
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY") and "--from" not in line
        for source in line.split()[1:-1]
        if not source.startswith("--")
    }

    assert copied == kept
    assert all((CHECKOUT / source).exists() for source in copied)
    packages = {"kenpo_pipelines", "assets", "resources", "expectations", "dbt_like_sql"}
    assert packages <= copied
