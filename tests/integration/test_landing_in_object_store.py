"""Landing in an object store: a real S3 server in this process, the driver that talks to a real one, and the mirror of it."""

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import dagster as dg
import pytest
import s3fs
from doc_blocks import commands
from kenpo_home import KEY, result, results, settings_of, target, targets
from kenpo_home import environment as clean_environment
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from pydantic import ValidationError
from s3_server import Server, running
from short_memory import forgetful
from typer.testing import CliRunner

from kenpo_pipelines import object_store
from kenpo_pipelines.automation.arrivals import arrivals_sensor
from kenpo_pipelines.automation.environments import environment
from kenpo_pipelines.cli import app
from kenpo_pipelines.demo import DemoRefused, place_examples
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import scorecard_rows
from kenpo_pipelines.settings import CHECKOUT, Settings, SettingsError, load
from kenpo_pipelines.submissions.ingest import ingest
from kenpo_pipelines.submissions.landing import LandingError, landed_files
from kenpo_pipelines.submissions.landing_store import LandingStore, LandingUnreachable
from kenpo_pipelines.submissions.pending import pending_months
from resources.faults import Fault, fault_of
from resources.installation import Installation

JUNE, JULY = "2025-06", "2025-07"
RESULTS = f"kpi_results/{JUNE}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@dataclass
class Bucket:
    """The bucket of one test, filled past this project as a transfer would, and an installation that lands in it."""

    name: str
    client: Any
    home: Path

    @property
    def url(self) -> str:
        return f"s3://{self.name}/incoming"

    @property
    def store(self) -> LandingStore:
        return LandingStore(self.url)

    @property
    def settings(self) -> Settings:
        return settings_of(self.home).model_copy(update={"landing_url": self.url})

    @property
    def installation(self) -> Installation:
        return Installation.from_settings(self.settings)

    def put(self, path: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"incoming/{path}", Body=data)

    def plant(self, path: str, data: bytes) -> None:
        """Put an object under a name that the server's own front door does not let in."""
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(self.name, f"incoming/{path}", data)

    def delete(self, path: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=f"incoming/{path}")

    def keys(self) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def mirrored(self) -> dict[str, bytes]:
        """What the mirror holds but for its locks."""
        root = self.installation.landing
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.suffix != ".lock"
        }


@pytest.fixture
def bucket(server: Server, tmp_path: Path) -> Bucket:
    client = boto3.client("s3", endpoint_url=server.url)
    name = f"landing-{os.urandom(4).hex()}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    return Bucket(name, client, tmp_path)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the objects that are fetched while the test runs."""
    names: list[str] = []
    fetch = LandingStore.fetch

    def told(store: LandingStore, place: tuple[str, str], name: str, target: Path) -> int:
        names.append(name)
        return fetch(store, place, name, target)

    monkeypatch.setattr(LandingStore, "fetch", told)
    return names


def test_the_mirror_is_made_equal_and_fetches_only_what_changed(bucket: Bucket, fetched: list[str]) -> None:
    bucket.put(f"{RESULTS}/a.csv", b"one")
    bucket.put(f"{RESULTS}/支部.csv", b"two")
    bucket.put("kpi_targets/2024/t.csv", b"plan")
    bucket.put("kpi_targets/2025/t.csv", b"plan of 2025")
    bucket.put(f"kpi_results/{JULY}/other.csv", b"of another month")

    bucket.installation.fetch_landed(JUNE)
    first = bucket.mirrored()
    bucket.put(f"{RESULTS}/a.csv", b"changed")
    bucket.put(f"{RESULTS}/new.csv.gz", b"packed")
    bucket.delete(f"{RESULTS}/支部.csv")
    bucket.delete("kpi_targets/2024/t.csv")
    bucket.installation.fetch_landed(JUNE)

    assert first == {
        f"{RESULTS}/a.csv": b"one",
        f"{RESULTS}/支部.csv": b"two",
        "kpi_targets/2024/t.csv": b"plan",
        "kpi_targets/2025/t.csv": b"plan of 2025",
    }
    assert bucket.mirrored() == {
        f"{RESULTS}/a.csv": b"changed",
        f"{RESULTS}/new.csv.gz": b"packed",
        "kpi_targets/2025/t.csv": b"plan of 2025",
    }
    assert sorted(fetched) == ["a.csv", "a.csv", "new.csv.gz", "t.csv", "t.csv", "支部.csv"]


@pytest.mark.parametrize("linked", ["kpi_results", RESULTS])
def test_the_mirror_is_not_written_through_a_link(bucket: Bucket, tmp_path: Path, linked: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = bucket.settings.landing_dir / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    bucket.put(f"{RESULTS}/a.csv", b"one")

    with pytest.raises(LandingError, match="リンク"):
        bucket.installation.fetch_landed(JUNE)

    assert list(elsewhere.iterdir()) == []


def test_a_dataset_is_fetched_alone_where_one_is_asked_for(bucket: Bucket, fetched: list[str]) -> None:
    bucket.put(f"{RESULTS}/a.csv", b"one")
    bucket.put(f"claims/{JUNE}/b.csv", b"two")

    bucket.installation.fetch_landed(JUNE, bucket.installation.contracts["claims"])

    assert fetched == ["b.csv"]


def test_a_file_arrived_when_its_object_was_written(bucket: Bucket) -> None:
    bucket.put(f"{RESULTS}/a.csv", b"one")
    one = bucket.installation
    written = bucket.client.head_object(Bucket=bucket.name, Key=f"incoming/{RESULTS}/a.csv")["LastModified"]

    one.fetch_landed(JUNE)
    (landed,) = landed_files(one.landing, one.contracts["kpi_results"], JUNE)

    assert landed.received_at == written.isoformat(timespec="microseconds")
    assert [file.received_at for file in one.listing().files["kpi_results", JUNE]] == [landed.received_at]


def test_what_was_fetched_is_read_and_then_no_longer_pending(bucket: Bucket) -> None:
    bucket.put(f"{RESULTS}/a.csv", results(result("13", "20.1")))
    one = bucket.installation

    def pending() -> list[str]:
        return pending_months(one.lake, one.listing(), one.contracts, before=JULY)

    assert pending() == [JUNE]
    one.fetch_landed(JUNE)
    done = ingest(one.lake, one.landing, one.contracts["kpi_results"], one.catalogue, JUNE)
    assert (done.total("rows_loaded"), pending()) == (1, [])
    bucket.put(f"{RESULTS}/b.csv", results(result("04", "20.1")))
    assert pending() == [JUNE]


def test_names_that_no_file_can_have_are_refused_and_named(bucket: Bucket) -> None:
    bucket.put(f"{RESULTS}/good.csv", b"x")
    for name in ("..", "a\nb.csv", "back\\slash.csv", "長" * 90 + ".csv"):
        bucket.plant(f"{RESULTS}/{name}", b"x")
    bucket.plant(f"{RESULTS}//double.csv", b"x")
    bucket.plant("kpi_results/../../../tmp/escaped.csv", b"x")

    bucket.installation.fetch_landed(JUNE)

    assert list(bucket.mirrored()) == [f"{RESULTS}/good.csv"]
    assert bucket.installation.listing().unread == tuple(
        sorted(
            [
                f"{RESULTS}/..",
                f"{RESULTS}//double.csv",
                f"{RESULTS}/a\\x0ab.csv",
                f"{RESULTS}/back\\x5cslash.csv",
                f"{RESULTS}/{'長' * 90}.csv",
                "kpi_results/../../../tmp/escaped.csv",
            ]
        )
    )


def test_objects_that_no_run_reads_are_named_and_hidden_ones_are_not(bucket: Bucket) -> None:
    for path in (
        "stray.csv",
        "kpi_results/stray.csv",
        "kpi_results/2025-6/a.csv",
        "kpi_targets/2025-06/a.csv",
        f"dental_checks/{JUNE}/a.csv",
        f"{RESULTS}/sub/folder/a.csv",
        f"{RESULTS}/.hidden",
        f"{RESULTS}/~$open.xlsx",
        f"{RESULTS}/",
    ):
        bucket.put(path, b"")

    assert bucket.installation.listing().unread == (
        f"dental_checks/{JUNE}",
        "kpi_results/2025-06/sub",
        "kpi_results/2025-6",
        "kpi_results/stray.csv",
        "kpi_targets/2025-06",
        "stray.csv",
    )
    assert bucket.installation.listing().files == {}


def test_an_upload_in_parts_is_not_there_before_it_is_complete(bucket: Bucket) -> None:
    key = f"incoming/{RESULTS}/big.csv"
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
    part = bucket.client.upload_part(Bucket=bucket.name, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 100)

    assert bucket.installation.listing().files == {}
    bucket.client.complete_multipart_upload(
        Bucket=bucket.name,
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
    )
    assert [one.size for one in bucket.installation.listing().files["kpi_results", JUNE]] == [100]


@pytest.mark.parametrize("dies", ["before the rename", "before it is whole"])
def test_a_mirror_that_is_killed_is_healed_by_the_next(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    for number in range(3):
        bucket.put(f"{RESULTS}/{number}.csv", b"x" * 1000)
    one = bucket.installation
    one.fetch_landed(JULY)  # what the child needs of threads and connections is made after the fork

    child = os.fork()
    if child == 0:

        def die(*_: object, **__: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        s3fs.S3FileSystem.clear_instance_cache()
        if dies == "before the rename":
            monkeypatch.setattr(os, "replace", die)
        else:
            monkeypatch.setattr(os, "fsync", die)
        one.fetch_landed(JUNE)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    left = [path.name for path in (one.landing / RESULTS).iterdir()]
    assert left and all(name.startswith(".tmp-") for name in left)
    assert landed_files(one.landing, one.contracts["kpi_results"], JUNE) == []

    one.fetch_landed(JUNE)

    assert bucket.mirrored() == {f"{RESULTS}/{number}.csv": b"x" * 1000 for number in range(3)}


def test_an_object_replaced_while_it_is_fetched_is_a_passing_fault(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(f"{RESULTS}/a.csv", b"one")
    folder = LandingStore.folder

    def replaced(store: LandingStore, place: tuple[str, str]) -> Any:
        found = folder(store, place)
        if place == ("kpi_results", JUNE):
            bucket.put(f"{RESULTS}/a.csv", b"another")
        return found

    with monkeypatch.context() as patch, pytest.raises(LandingUnreachable, match=r"a\.csv が読み取り中に置き換えられ"):
        patch.setattr(LandingStore, "folder", replaced)
        bucket.installation.fetch_landed(JUNE)
    assert bucket.mirrored() == {}
    bucket.installation.fetch_landed(JUNE)
    assert bucket.mirrored() == {f"{RESULTS}/a.csv": b"another"}


def test_a_server_that_comes_back_is_asked_again(
    bucket: Bucket, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(f"{RESULTS}/a.csv", b"one")
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            server.start()

    monkeypatch.setattr(object_store, "_sleep", wait)
    server.stop()

    bucket.installation.fetch_landed(JUNE)

    assert list(bucket.mirrored()) == [f"{RESULTS}/a.csv"]
    assert waited == [0.5, 1.0]


def test_a_server_that_stays_away_is_a_passing_fault_told_without_secrets(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:geheim@127.0.0.1:1")
    waited: list[float] = []
    monkeypatch.setattr(object_store, "_sleep", waited.append)

    with pytest.raises(LandingUnreachable) as told:
        bucket.installation.listing()

    s3fs.S3FileSystem.clear_instance_cache()
    assert fault_of(told.value) == Fault(is_passing=True, text=str(told.value))
    assert len(waited) == 3
    assert str(told.value) == (
        f"提出先 {bucket.url} につながりません（HTTPClientError）。時間をおいて、もう一度実行してください"
    )


def test_a_missing_bucket_is_permanent_and_takes_nothing_away(bucket: Bucket) -> None:
    bucket.put(f"{RESULTS}/a.csv", b"one")
    bucket.installation.fetch_landed(JUNE)
    before = bucket.mirrored()
    bucket.delete(f"{RESULTS}/a.csv")
    bucket.client.delete_bucket(Bucket=bucket.name)

    for look in (bucket.installation.listing, lambda: bucket.installation.fetch_landed(JUNE)):
        with pytest.raises(LandingError, match="が見つかりません（FileNotFoundError）。KENPO_LANDING_URL と") as told:
            look()
        assert not isinstance(told.value, LandingUnreachable)
    assert bucket.mirrored() == before


def test_denied_access_is_permanent(bucket: Bucket, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_sleep", lambda seconds: pytest.fail("a permanent fault is not tried again"))

    def answer(calls_without_check: bytes) -> None:
        urlopen(
            Request(f"{server.url}/moto-api/reset-auth", calls_without_check, {"Content-Type": "text/plain"})
        ).close()

    answer(b"0")
    try:
        with pytest.raises(LandingError, match=r"が使えません（PermissionError）") as told:
            bucket.installation.listing()
    finally:
        answer(b"inf")
    assert fault_of(told.value) == Fault(is_passing=False, text=str(told.value))
    assert "very-secret-key" not in str(told.value) and "test-key" not in str(told.value)


def test_put_gives_names_as_a_folder_does_and_overwrites_nothing(bucket: Bucket, tmp_path: Path) -> None:
    contract = bucket.installation.contracts["kpi_results"]
    file = tmp_path / "results.csv"

    def put(data: bytes) -> tuple[str, bool]:
        file.write_bytes(data)
        return bucket.store.put(file, contract, JUNE)

    assert [put(b"one"), put(b"two"), put(b"one"), put(b"six")] == [
        (f"{bucket.url}/{RESULTS}/results.csv", True),
        (f"{bucket.url}/{RESULTS}/results.r2.csv", True),
        (f"{bucket.url}/{RESULTS}/results.csv", False),
        (f"{bucket.url}/{RESULTS}/results.r3.csv", True),
    ]
    bucket.installation.fetch_landed(JUNE)
    assert list(bucket.mirrored().values()) == [b"one", b"two", b"six"]


def test_two_who_submit_one_name_at_once_both_find_a_place(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "results.csv"
    file.write_bytes(b"mine")
    folder = LandingStore.folder

    def taken_meanwhile(store: LandingStore, place: tuple[str, str]) -> Any:
        found = folder(store, place)
        bucket.put(f"{RESULTS}/results.csv", b"theirs")
        return found

    monkeypatch.setattr(LandingStore, "folder", taken_meanwhile)
    url, is_new = bucket.store.put(file, bucket.installation.contracts["kpi_results"], JUNE)

    assert (url, is_new) == (f"{bucket.url}/{RESULTS}/results.r2.csv", True)
    assert bucket.keys() == [f"incoming/{RESULTS}/results.csv", f"incoming/{RESULTS}/results.r2.csv"]


@pytest.mark.parametrize("name", [".hidden.csv", "~$open.xlsx", "a.txt", "a\nb.csv"])
def test_put_refuses_what_a_folder_refuses(bucket: Bucket, tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"x")

    with pytest.raises(LandingError):
        bucket.store.put(file, bucket.installation.contracts["kpi_results"], JUNE, name)
    assert bucket.keys() == []


def test_the_sensor_watches_the_store(bucket: Bucket) -> None:
    """What arrives in the store makes a run, and no look fetches anything."""
    with dg.DagsterInstance.ephemeral() as instance:
        cursor: str | None = None
        sensor = arrivals_sensor(environment(bucket.settings))

        def tick() -> list[str | None]:
            nonlocal cursor
            found = sensor(
                dg.build_sensor_context(
                    instance=instance, cursor=cursor, resources={"installation": bucket.installation}
                )
            )
            assert isinstance(found, dg.SensorResult)
            cursor = found.cursor
            return [request.partition_key for request in found.run_requests or ()]

        for number in range(3):
            bucket.put(f"{RESULTS}/{number}.csv", b"x")
        bucket.put("kpi_targets/2025/t.csv", targets(target("13", "14.3")))
        assert (tick(), tick(), tick()) == ([], [JUNE], [])
        bucket.delete(f"{RESULTS}/0.csv")
        assert (tick(), tick()) == ([], [JUNE])
        assert bucket.mirrored() == {}


def test_a_tick_that_finds_nobody_keeps_what_it_remembers(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(store: LandingStore, contracts: Mapping[str, Any]) -> Any:
        raise LandingUnreachable("つながりません")

    monkeypatch.setattr(LandingStore, "listing", away)
    with dg.DagsterInstance.ephemeral() as instance:
        found = arrivals_sensor(environment(bucket.settings))(
            dg.build_sensor_context(instance=instance, cursor="kept", resources={"installation": bucket.installation})
        )

    assert isinstance(found, dg.SkipReason)
    assert found.skip_message == "つながりません"


def test_the_howto_is_true(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands, typed one after the other: the object is there under its name, and its figure is published."""
    howto = CHECKOUT / "docs" / "howto" / "land-in-an-object-store.md"
    for name, value in {"HOME": forgetful(bucket.home), "PSEUDONYM_KEY": KEY, "LANDING_URL": bucket.url}.items():
        monkeypatch.setenv(f"KENPO_{name}", str(value))
    for name in ("DATABASE_URL", "LAKE_URL"):
        monkeypatch.delenv(f"KENPO_{name}", raising=False)
    monkeypatch.chdir(bucket.home)
    Path("correction.csv").write_bytes(results(result("13", "20.1")))

    typed = [words[1:] for words in commands(howto) if words[0] == "kenpo"]
    told = [CliRunner().invoke(app, words) for words in typed]

    assert [(words[0], done.exit_code) for words, done in zip(typed, told, strict=True)] == [("submit", 0), ("run", 0)]
    assert f"（{bucket.url}/{RESULTS}/correction.csv）" in told[0].output
    assert "1 files, 1 rows read = 1 loaded + 0 rejected" in told[1].output
    assert list(bucket.mirrored()) == [f"{RESULTS}/correction.csv"]
    assert not (bucket.home / "landing").exists()
    rows = scorecard_rows(connect(bucket.settings.sql_url), JUNE, 2025, "13", "guidance_rate_insured")
    assert [row.value_text for row in rows] == ["20.1%"]


@pytest.mark.parametrize(
    "url",
    [
        "s3://user:geheim@bucket/prefix",
        "s3://geheim@bucket",
        "s3://bucket/x?sig=geheim",
        "s3://bucket#geheim",
        "simplecache::s3://geheim",
        "/srv/geheim",
        "geheim",
        "s3:///geheim",
        "file://",
        "http://[geheim",
    ],
)
def test_a_url_with_a_secret_or_without_a_place_is_refused_and_not_repeated(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KENPO_LANDING_URL", url)

    with pytest.raises(SettingsError, match=r"^KENPO_LANDING_URL: write it as s3://bucket/prefix") as told:
        load()
    with pytest.raises(ValidationError) as refused:
        Settings(landing_url=url)

    assert "geheim" not in "".join(traceback.format_exception(told.value)) + str(refused.value)


def test_a_local_installation_loads_no_driver(tmp_path: Path) -> None:
    """Neither the command line nor a look into a landing folder imports fsspec, s3fs or what they need."""
    code = (
        "import sys; from kenpo_pipelines.cli import app; from kenpo_pipelines.settings import load; "
        "from resources.installation import Installation; one = Installation.from_settings(load()); "
        "one.listing(); one.fetch_landed('2025-06'); "
        "print([name for name in ('fsspec', 's3fs', 'botocore', 'aiohttp') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_demonstration_puts_nothing_into_a_store(bucket: Bucket) -> None:
    with pytest.raises(DemoRefused, match="KENPO_LANDING_URL"):
        place_examples(bucket.settings, bucket.installation.contracts)
    assert bucket.keys() == []
