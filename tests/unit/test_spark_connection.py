"""Spark that cannot be had: what is told, and that it passes or not. Nothing here needs Java or pyspark."""

import socket
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from kenpo_pipelines.settings import SettingsError, load
from resources import spark_connection
from resources.faults import fault_of
from resources.spark_connection import SparkMaster, SparkUnreachable, connected


@pytest.fixture
def master(tmp_path: Path) -> Callable[[str], SparkMaster]:
    return lambda url: SparkMaster(url, tmp_path / "spark.log")


@pytest.fixture(autouse=True)
def pyspark_is_there_and_not_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_connection, "version", lambda name: "4.3.0")
    monkeypatch.setattr(spark_connection, "_running", lambda: None)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("url", ["spark://127.0.0.1:{port}", "sc://127.0.0.1:{port}/;use_ssl=true"])
def test_a_master_that_does_not_answer_is_told_soon_and_passes(master: Callable[[str], SparkMaster], url: str) -> None:
    begun = time.monotonic()
    with pytest.raises(SparkUnreachable, match=r"^nothing answers at KENPO_SPARK_MASTER=s.*127\.0\.0\.1") as caught:
        connected(master(url.format(port=free_port())))

    assert time.monotonic() - begun < 10
    fault = fault_of(caught.value)
    assert fault is not None
    assert fault.is_passing


def test_one_of_several_masters_is_enough(
    master: Callable[[str], SparkMaster], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(spark_connection, "_start", lambda one: started.append(one.url))
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"spark://127.0.0.1:{free_port()},127.0.0.1:{server.getsockname()[1]}"
        connected(master(url))
    spark_connection.disconnect()

    assert started == [url]


def test_without_pyspark_it_says_how_to_get_it(
    master: Callable[[str], SparkMaster], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(spark_connection, "version", missing)
    with pytest.raises(SettingsError, match=r"pip install 'kenpo-pipelines\[spark\]'.*Java 17") as caught:
        connected(master("local[2]"))
    fault = fault_of(caught.value)
    assert fault is not None
    assert not fault.is_passing


def test_without_java_it_says_how_to_get_it(
    master: Callable[[str], SparkMaster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SettingsError, match=r"needs Java 17 or newer, which was not found.*sc://"):
        connected(master("local[2]"))


@pytest.mark.parametrize(
    "url",
    ["local", "local[*]", "local[2]", "spark://a:7077", "spark://a:7077,b:7077", "sc://a", "sc://a:1/;use_ssl=true"],
)
def test_masters_are_known_by_their_form(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("KENPO_ENGINE", "spark")
    monkeypatch.setenv("KENPO_SPARK_MASTER", url)
    assert (load().engine, load().spark_master) == ("spark", url)


@pytest.mark.parametrize(
    "url", ["yarn", "local[0]", "local[x]", "spark://", "http://a:1", "spark://a:7077/x", "sc://a b"]
)
def test_other_masters_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("KENPO_SPARK_MASTER", url)
    with pytest.raises(SettingsError, match=r"KENPO_SPARK_MASTER.*write it as local\[\*\], local\[2\], spark://host"):
        load()


def test_a_token_is_no_part_of_the_url_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENPO_SPARK_MASTER", "sc://a:15002/;token=hush")
    with pytest.raises(SettingsError, match="SPARK_CONNECT_AUTHENTICATE_TOKEN") as caught:
        load()
    assert "hush" not in str(caught.value)
