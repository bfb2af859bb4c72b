"""A real server of S3 (moto's) in this process, which a test may stop, slow down or have fail, and which counts requests."""

import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
import s3fs
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request

ACCESS_KEY, SECRET_KEY, REGION = "test-key", "very-secret-key", "ap-northeast-1"


@dataclass(frozen=True)
class Fault:
    """What a request meets instead of an answer, or before it: a status with S3's own word, a connection that breaks in
    mid-answer (before it, where the answer is only a status: what was asked for is done, and nobody hears of it), a wait."""

    status: int = 0
    code: str = ""
    breaks: bool = False
    wait_s: float = 0


Meddle = Callable[[str, str], Fault | None]
"""From method and path (with its query) to a fault; None lets the request through."""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: a month is a thousand requests."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Let nobody wait for the rest of an answer that breaks off, or for one that does not begin."""
        self.close_connection = True


@dataclass
class Server:
    """It can be stopped and started again on its port; what it holds outlives that."""

    port: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)
    meddle: Meddle | None = None
    _server: BaseWSGIServer | None = None

    def start(self) -> None:
        self._server = make_server("127.0.0.1", self.port, self._answer, threaded=True, request_handler=_Quiet)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def meddling(self, meddle: Meddle) -> Iterator[None]:
        self.meddle = meddle
        try:
            yield
        finally:
            self.meddle = None

    def _answer(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        asked = (request.method, f"{request.path}{query}")
        if not request.path.startswith("/moto-api"):
            self.requests.append(asked)
        fault = self.meddle(*asked) if self.meddle else None
        if fault is None:
            return self._app(environ, start)
        time.sleep(fault.wait_s)
        if fault.status:
            body = f"<Error><Code>{fault.code}</Code><Message>{fault.code} {SECRET_KEY}</Message></Error>".encode()
            start(f"{fault.status} fault", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        return _halved(self._app(environ, start)) if fault.breaks else self._app(environ, start)

    _app = DomainDispatcherApplication(create_backend_app)


def _halved(body: Any) -> Iterator[bytes]:
    whole = b"".join(body)
    if half := whole[: len(whole) // 2]:
        yield half  # the first of it sends the status, too
    raise ConnectionResetError("as asked for")


@dataclass
class Bucket:
    """The bucket of one test, and what lies in it, past the project."""

    name: str
    client: Any

    def names(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.name, Key=key)["Body"].read())

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def content(self) -> dict[str, str]:
        """The etag of every object: equal ones mean that nothing was put that differs."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {one["Key"]: one["ETag"] for page in pages for one in page.get("Contents", [])}

    def age(self, key: str, hours: float) -> None:
        """Have an object been written that many hours earlier."""
        self._stored(key).last_modified -= dt.timedelta(hours=hours)

    def date(self, key: str, moment: dt.datetime) -> None:
        """Have an object been written then."""
        self._stored(key).last_modified = moment.astimezone(dt.UTC).replace(tzinfo=None)

    def _stored(self, key: str) -> Any:
        return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[self.name].keys[key]


@contextmanager
def running(**changes: str) -> Iterator[Server]:
    """Start a server and have the environment name it, with credentials that are easily found again."""
    server = Server()
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_MAX_ATTEMPTS": "1",
            **changes,
        }.items():
            patch.setenv(name, value)
        yield server
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def new_bucket(server: Server, kind: str) -> Bucket:
    client = boto3.client("s3", endpoint_url=server.url)
    name = f"{kind}-{os.urandom(4).hex()}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return Bucket(name, client)
