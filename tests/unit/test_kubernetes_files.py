"""The files of ``deploy/kubernetes``: accepted by Dagster, by its launcher and by the classes of Kubernetes; no secret in them.

The chart's own schema is in no package registry; ``helm template`` checks it where there is a helm.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import kubernetes.client as k8s
import pytest
import yaml
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from dagster_postgres.utils import pg_url_from_config
from kubernetes_api import NAMESPACE, instance_settings, kubeconfig, kubernetes_api

from kenpo_pipelines.settings import CHECKOUT, Settings

FOLDER = CHECKOUT / "deploy" / "kubernetes"
TEXT = (FOLDER / "values.yaml").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load(TEXT)
SETTINGS_TEXT = (FOLDER / "settings.yaml").read_text(encoding="utf-8")
CONFIG_MAP, CLAIM = yaml.safe_load_all(SETTINGS_TEXT)
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ALONE: dict[str, Any] = yaml.safe_load((CHECKOUT / "deploy" / "dagster.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (CHECKOUT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
SERVERS = {"web": VALUES["dagsterWebserver"], "daemon": VALUES["dagsterDaemon"], "code": CODE}
IMAGE = f"{CODE['image']['repository']}:{CODE['image']['tag']}"


@dg.job
def a_job() -> None:
    pass


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The job that the launcher asks Kubernetes for when a run is started, as it is sent."""
    home = tmp_path_factory.mktemp("dagster")
    settings = instance_settings(VALUES)
    with kubernetes_api() as (address, created), pytest.MonkeyPatch.context() as patch:
        settings["run_launcher"]["config"] |= {
            "load_incluster_config": False,
            "kubeconfig_file": str(kubeconfig(home, address)),
        }
        (home / "dagster.yaml").write_text(json.dumps(settings), encoding="utf-8")
        patch.setenv("DAGSTER_HOME", str(home))
        with dg.DagsterInstance.get() as instance:
            origin = dg.reconstructable(a_job).get_python_origin()
            origin = origin._replace(repository_origin=origin.repository_origin._replace(container_image=IMAGE))
            run = dg.DagsterRun(job_name="a_job", job_code_origin=origin)
            instance.add_run(run)
            instance.run_launcher.launch_run(SimpleNamespace(dagster_run=run))
    (sent,) = created
    yield sent


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["template"]["spec"]


def in_bytes(size: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]+)", size).groups()
    return int(number) * {"GB": 10**9, "MB": 10**6, "Gi": 2**30, "Mi": 2**20, "GiB": 2**30, "MiB": 2**20}[unit]


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod_of(job)["containers"]
    return container


def test_dagster_takes_the_settings_and_the_launcher_makes_a_job_of_a_run(job: dict[str, Any]) -> None:
    assert job["path"].startswith(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")
    assert job["kind"] == "Job"
    assert container_of(job)["image"] == IMAGE
    assert container_of(job)["args"][:3] == ["dagster", "api", "execute_run"]
    assert pod_of(job)["restartPolicy"] == "Never"


def test_a_run_that_hangs_is_ended_as_soon_as_on_one_machine(job: dict[str, Any]) -> None:
    assert job["spec"]["activeDeadlineSeconds"] == ALONE["run_monitoring"]["max_runtime_seconds"]
    assert job["spec"]["backoffLimit"] == 0, "Dagster starts a run again, not Kubernetes"


def test_a_run_can_do_nothing_but_its_work(job: dict[str, Any]) -> None:
    pod, container = pod_of(job), container_of(job)

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"].keys() >= {"cpu", "memory", "ephemeral-storage"}


def test_a_run_asks_for_what_it_uses(job: dict[str, Any]) -> None:
    data, resources = CONFIG_MAP["data"], container_of(job)["resources"]
    asked, most = (in_bytes(resources[name]["memory"]) for name in ("requests", "limits"))

    assert resources["requests"]["cpu"] == data["KENPO_CORES"]
    assert in_bytes(data["KENPO_ENGINE_MEMORY"]) < asked <= most


def test_a_run_gets_its_secrets_by_reference(job: dict[str, Any]) -> None:
    container = container_of(job)
    named = {one["secretRef"]["name"] for one in container["envFrom"] if "secretRef" in one}
    by_key = {
        one["name"]: one["valueFrom"]["secretKeyRef"]["name"]
        for one in container["env"]
        if "valueFrom" in one and "secretKeyRef" in one["valueFrom"]
    }

    assert named == {"kenpo-secrets", "kenpo-object-store"}
    assert by_key == {"DAGSTER_PG_PASSWORD": VALUES["global"]["postgresqlSecretName"]}
    assert {"configMapRef": {"name": CONFIG_MAP["metadata"]["name"]}} in container["envFrom"]


def test_a_run_can_write_its_home_and_what_people_find_is_kept(job: dict[str, Any]) -> None:
    mounts = {one["mountPath"]: one["name"] for one in container_of(job)["volumeMounts"]}
    volumes = {one["name"]: one for one in pod_of(job)["volumes"]}
    home = CONFIG_MAP["data"]["KENPO_HOME"]
    settings = Settings(home=Path(home))

    assert {home, "/tmp", VALUES["global"]["dagsterHome"]} <= set(mounts)
    for folder in (settings.outputs_dir, settings.data_docs_dir):
        claim = volumes[mounts[str(folder)]]["persistentVolumeClaim"]["claimName"]
        assert claim == CLAIM["metadata"]["name"]
    assert set(mounts.values()) <= set(volumes)
    assert "ReadWriteMany" in CLAIM["spec"]["accessModes"]


def test_limits_and_retention_are_those_of_one_machine() -> None:
    made = instance_settings(VALUES)
    monitoring = dict(ALONE["run_monitoring"])
    monitoring.pop("max_runtime_seconds")  # the job's own deadline here
    monitoring["start_timeout_seconds"] = made["run_monitoring"]["start_timeout_seconds"]  # nodes have to come first

    assert made["run_monitoring"] == monitoring
    assert {
        name: made[name] for name in ("concurrency", "retention", "run_retries", "telemetry", "code_servers", "nux")
    } == {name: ALONE[name] for name in ("concurrency", "retention", "run_retries", "telemetry", "code_servers", "nux")}
    assert VALUES["computeLogManager"]["type"] == ALONE["compute_logs"]["class"]
    coordinator = VALUES["dagsterDaemon"]["runCoordinator"]
    assert coordinator["config"]["queuedRunCoordinator"] == {}, "refused beside concurrency"
    assert coordinator["enabled"] is True
    assert VALUES["concurrency"]["enabled"] is True, "the chart writes nothing of it otherwise"


def test_the_database_of_dagster_is_spoken_to_by_the_driver_that_it_needs() -> None:
    server = VALUES["postgresql"]
    db = {
        "username": server["postgresqlUsername"],
        "password": "p",
        "hostname": server["postgresqlHost"],
        "db_name": server["postgresqlDatabase"],
        "port": server["service"]["port"],
        "params": server["postgresqlParams"],
        "scheme": server["postgresqlScheme"],
    }

    assert pg_url_from_config({"postgres_db": db}) == (
        "postgresql+psycopg2://kenpo:p@postgresql.example.jp:5432/dagster?sslmode=require"
    )
    compose = yaml.safe_load((CHECKOUT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    assert f"postgres:{server['image']['tag']}" == compose["services"]["postgres"]["image"]


@pytest.mark.parametrize("name", SERVERS)
def test_kubernetes_knows_everything_that_is_said_of_a_server(name: str) -> None:
    said = SERVERS[name]
    container = {key: said[key] for key in ("resources", "securityContext", "volumeMounts")} | {"name": name}
    pod = {"containers": [container], "securityContext": said["podSecurityContext"], "volumes": said["volumes"]}
    made = k8s_model_from_dict(k8s.V1PodSpec, k8s_snake_case_dict(k8s.V1PodSpec, pod))

    uid = re.search(r"useradd .*--uid (\d+)", DOCKERFILE)
    assert uid is not None
    assert made.security_context.run_as_non_root is True
    assert made.security_context.run_as_user == made.security_context.fs_group == int(uid[1])
    assert made.containers[0].security_context.read_only_root_filesystem is True
    assert made.containers[0].resources.limits["memory"]
    assert {mount.name for mount in made.containers[0].volume_mounts} <= {volume.name for volume in made.volumes}


def test_settings_and_claim_are_objects_that_kubernetes_knows() -> None:
    for model, said in ((k8s.V1ConfigMap, CONFIG_MAP), (k8s.V1PersistentVolumeClaim, CLAIM)):
        k8s_model_from_dict(model, k8s_snake_case_dict(model, said))
    assert all(isinstance(value, str) for value in CONFIG_MAP["data"].values())


def test_every_setting_is_one_that_the_application_knows_and_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    data = CONFIG_MAP["data"]
    named = {name for name in data if name.startswith("KENPO_")}

    assert named <= {f"KENPO_{field.upper()}" for field in Settings.model_fields}
    for name in named:
        monkeypatch.setenv(name, data[name])
    assert Settings().env == "production"
    assert data["KENPO_UI_URL"].startswith("https://")


def test_one_image_for_all_with_a_tag_that_stays() -> None:
    assert {json.dumps(one["image"], sort_keys=True) for one in SERVERS.values()} == {
        json.dumps(CODE["image"], sort_keys=True)
    }
    assert CODE["image"]["tag"] != "latest"
    assert "image" not in LAUNCHER, "a run takes the image of its code location"
    assert CODE["includeConfigInLaunchedRuns"]["enabled"] is False
    assert VALUES["global"]["dagsterHome"] in re.findall(r"DAGSTER_HOME=(\S+)", DOCKERFILE)
    assert CONFIG_MAP["data"]["KENPO_HOME"] in re.findall(r"KENPO_HOME=(\S+)", DOCKERFILE)


def test_the_code_server_is_started_as_in_the_image() -> None:
    (command,) = (json.loads(line.removeprefix("CMD ")) for line in DOCKERFILE.splitlines() if line.startswith("CMD "))
    location = CODE["dagsterApiGrpcArgs"].index("--location-name") + 1

    assert (
        CODE["dagsterApiGrpcArgs"][: location - 1]
        == command[command.index("--module-name") : command.index("--location-name")]
    )
    assert CODE["dagsterApiGrpcArgs"][location] == CODE["name"], "the chart names the location so in its workspace"
    assert str(CODE["port"]) == command[command.index("--port") + 1]


def test_no_secret_is_written_down_and_only_who_needs_one_gets_it() -> None:
    secret = {name for name in Settings.model_fields if name in ("database_url", "pseudonym_key", "alert_urls")}

    assert not {f"KENPO_{name.upper()}" for name in secret} & set(CONFIG_MAP["data"])
    assert "postgresqlPassword" not in VALUES["postgresql"]
    assert VALUES["generatePostgresqlPasswordSecret"] is False
    assert not re.search(r"://[^\s/@]+:[^\s/@]+@", TEXT + SETTINGS_TEXT), "a password that is written down"
    for name in ("web", "daemon"):
        assert not {"env", "envSecrets", "envConfigMaps"} & set(SERVERS[name])
    referred = {one["name"] for one in CODE["envSecrets"]} | {VALUES["global"]["postgresqlSecretName"]}
    assert referred == set(re.findall(r"create secret generic (\S+)", README))
    for name in secret:
        assert f"KENPO_{name.upper()}" in README


def test_nobody_from_outside_reaches_the_ui_but_through_a_proxy() -> None:
    assert VALUES["ingress"]["enabled"] is False
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"


def test_the_web_server_listens_where_its_user_may_and_is_asked_there() -> None:
    """The chart starts it on the port of its service, and its user may take none of the first 1024."""
    web = VALUES["dagsterWebserver"]
    port = web["service"]["port"]

    assert web["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert port >= 1024
    assert web["readinessProbe"]["httpGet"] == {"path": "/server_info", "port": port}
    probe = {"containers": [{"name": "web", "readinessProbe": web["readinessProbe"]}]}
    made = k8s_model_from_dict(k8s.V1PodSpec, k8s_snake_case_dict(k8s.V1PodSpec, probe))
    assert made.containers[0].readiness_probe.http_get.port == port
    assert f"port-forward service/kenpo-{web['nameOverride']} {port}" in README


@pytest.mark.parametrize("word", ["exec deploy/", "rollout status deploy/", "port-forward service/"])
def test_the_readme_names_what_the_chart_makes(word: str) -> None:
    release = "kenpo"
    made = {
        f"{release}-{VALUES['dagsterWebserver']['nameOverride']}",
        f"{release}-dagster-daemon",
        f"{release}-dagster-user-deployments-{CODE['name']}",
    }
    named = set(re.findall(re.escape(word) + r"(\S+)", README))

    assert f"helm install {release} dagster/dagster" in README
    assert named
    assert named <= made


def test_the_readme_names_the_version_of_the_chart_that_goes_with_the_lock() -> None:
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    (locked,) = re.findall(r"^dagster==(\S+)$", lock, re.MULTILINE)

    assert set(re.findall(r"--version (\S+)", README)) == {locked}
    assert dt.timedelta(seconds=LAUNCHER["runK8sConfig"]["jobSpecConfig"]["ttlSecondsAfterFinished"]) == dt.timedelta(
        days=1
    )
