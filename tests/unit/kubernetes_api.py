"""A Kubernetes API on loopback that takes what it is sent: enough of one to see the job that Dagster's launcher makes.

What lives here: the server, its kubeconfig, and what the chart makes of ``values.yaml`` in ``dagster.yaml``. What does not: any
opinion of the values.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NAMESPACE, RELEASE = "kenpo", "kenpo-dagster"


@contextmanager
def kubernetes_api() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the server's address and the objects that were created so far, as they were sent."""
    created: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            created.append(json.loads(body) | {"path": self.path})
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", created
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def kubeconfig(folder: Path, address: str) -> Path:
    """Write the configuration of a client of that server; JSON is YAML."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": address}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "nobody"}}],
        "current-context": "here",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def instance_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Return what the chart writes into ``dagster.yaml`` for the values used here, without the storages."""
    daemon, launcher = values["dagsterDaemon"], values["runLauncher"]["config"]["k8sRunLauncher"]
    concurrency = {name: part for name, part in values["concurrency"].items() if name != "enabled"}
    retention = {name: part for name, part in values["retention"].items() if name != "enabled"}
    # only names of the chart's own are put into Dagster's spelling; those of Kubernetes are passed on as they are
    config = {_snake(name): part for name, part in launcher.items()} | {
        "env_config_maps": [one["name"] for one in launcher["envConfigMaps"]],
        "env_secrets": [one["name"] for one in launcher["envSecrets"]],
        "run_k8s_config": {_snake(name): part for name, part in launcher["runK8sConfig"].items()},
        "job_namespace": NAMESPACE,
        "service_account_name": RELEASE,
        "dagster_home": values["global"]["dagsterHome"],
        "instance_config_map": f"{RELEASE}-instance",
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
    }
    # what the chart fills in by itself: none of it may be what is refused beside "concurrency"
    asked = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    coordinator = {"dequeue_use_threads": True, "dequeue_num_workers": 4} | _keys(asked)
    return {
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": daemon["runCoordinator"]["type"],
            "config": coordinator,
        },
        "sensors": {"use_threads": True, "num_workers": 4},
        "schedules": {"use_threads": True, "num_workers": 4},
        "run_launcher": {"module": "dagster_k8s", "class": values["runLauncher"]["type"], "config": config},
        "concurrency": _keys(concurrency),
        "retention": _keys(retention),
        "run_monitoring": _keys(daemon["runMonitoring"]),
        "run_retries": _keys(daemon["runRetries"]),
        "telemetry": values["telemetry"],
        **values["additionalInstanceConfig"],
    }


def _keys(part: Any) -> Any:
    if isinstance(part, dict):
        # the value of a tag's limit is Dagster's own object, which spells it so
        return {_snake(key): one if key == "value" else _keys(one) for key, one in part.items()}
    return [_keys(one) for one in part] if isinstance(part, list) else part


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)
