"""Record-level datasets as Dagster ingests them: what is shown, what is checked, what is never told."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from kenpo_home import KEY, as_csv, land, settings_of

from assets.ingestion import ingestion_assets
from expectations.suite import load_suites
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions import record_ingest
from kenpo_pipelines.submissions.listing import list_landing
from kenpo_pipelines.submissions.pending import pending_months
from resources.installation import Installation

MONTH = "2025-06"
DATASET = "untreated_persons"
HEADER = ["支部コード", "記号", "番号", "枝番", "健診受診年月", "血圧該当", "血糖該当", "脂質該当"]
SYMBOL = "9900412"

Run = Callable[..., dg.ExecuteInProcessResult]


def persons(branch: str, count: int, bad: int = 0) -> bytes:
    months = ["x" if number < bad else "2024-05" for number in range(count)]
    return as_csv(HEADER, *([branch, SYMBOL, str(n + 1), "", month, "1", "0", "0"] for n, month in enumerate(months)))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    land(tmp_path, DATASET, MONTH, {"13.csv": persons("13", 200, bad=120), "04.csv": persons("04", 5)})
    return tmp_path


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


@pytest.fixture
def run(home: Path, instance: dg.DagsterInstance) -> Run:
    """Ingest the month of one dataset."""

    def run(settings: Settings | None = None, dataset: str = DATASET, **tags: str) -> dg.ExecuteInProcessResult:
        installation = Installation.from_settings(settings or settings_of(home))
        contract = installation.contracts[dataset]
        suite = load_suites((settings or settings_of(home)).contracts_dir)[dataset]
        return dg.materialize(
            [ingestion_assets(contract, suite)],
            partition_key=MONTH,
            resources={"installation": installation},
            instance=instance,
            tags=tags,
            raise_on_error=False,
        )

    return run


def metadata(result: dg.ExecuteInProcessResult, layer: str) -> dict[str, Any]:
    (event,) = [
        one for one in result.get_asset_materialization_events() if one.asset_key and one.asset_key.path[0] == layer
    ]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    return next(one for one in result.get_asset_check_evaluations() if one.check_name == name)


def everything_told(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(str(entry) for entry in instance.all_logs(result.run_id))


def test_a_month_is_accounted_for_and_its_persons_are_not_shown(run: Run, instance: dg.DagsterInstance) -> None:
    result = run()
    assert result.success
    assert check(result, "rows_accounted_for").passed
    counted = check(result, "rows_accounted_for").metadata
    assert {name: value.value for name, value in counted.items() if name.startswith("rows_")} == {
        "rows_read": 205,
        "rows_loaded": 85,
        "rows_rejected": 120,
        "rows_merged": 0,
        "rows_in_lake": 85,
        "rows_in_quarantine": 120,
    }
    raw, ledger = metadata(result, "raw"), metadata(result, "ledger")
    assert raw["dagster/partition_row_count"] == 85
    assert "preview" not in raw
    assert "| 04 | 5 | 5 | 0 |" in ledger["rows_by_branch"]
    assert "| 13 | 200 | 80 | 120 |" in ledger["rows_by_branch"]
    told = everything_told(instance, result)
    assert SYMBOL not in told
    assert KEY not in told


def test_many_faults_are_counted_and_the_first_are_shown(run: Run) -> None:
    rejected = check(run(), "rows_readable")
    assert not rejected.passed
    assert rejected.severity is dg.AssetCheckSeverity.WARN
    assert (rejected.metadata["rows_rejected"].value, rejected.metadata["faults_counted"].value) == (120, 120)
    (group,) = str(rejected.metadata["faults_by_kind"].value).splitlines()[2:]
    assert group.endswith("| 健診受診年月 | 13 | 120 |")
    assert len(str(rejected.metadata["faults"].value).splitlines()) == 102
    assert rejected.description is not None
    assert "120 of 205 rows — 13.csv 2行目 健診受診年月" in rejected.description


def test_lineage_says_what_the_key_of_a_person_is_made_of(home: Path) -> None:
    contracts = Installation.from_settings(settings_of(home)).contracts
    suites = load_suites(settings_of(home).contracts_dir)
    assets = ingestion_assets(contracts[DATASET], suites[DATASET])
    spec = next(one for one in assets.specs if one.key.path[0] == "raw")
    lineage = spec.metadata["dagster/column_lineage"].deps_by_column
    assert {dep.column_name for dep in lineage["member_key"]} == {"記号", "番号", "枝番"}
    assert {"symbol", "number", "suffix"}.isdisjoint(lineage)
    assert spec.kinds == {"python", "parquet", "duckdb"}


def test_nothing_is_read_again_without_a_change_unless_it_is_forced(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = record_ingest.read_record_file

    def counted(path: Path, *arguments: Any) -> Any:
        read.append(path.name)
        return real(path, *arguments)

    monkeypatch.setattr(record_ingest, "read_record_file", counted)
    first = run()
    assert sorted(read) == ["04.csv", "13.csv"]
    read.clear()
    again = run()
    assert read == []
    for layer in ("raw", "quarantine", "ledger", "findings"):
        assert metadata(again, layer) == metadata(first, layer) | {"kept": True}
    assert {one.check_name: one.passed for one in again.get_asset_check_evaluations()} == {
        one.check_name: one.passed for one in first.get_asset_check_evaluations()
    }
    land(home, DATASET, MONTH, {"04.csv": persons("04", 6)})
    assert run().success
    assert read == ["04.csv"]
    read.clear()
    assert run(**{"kenpo/force": "true"}).success
    assert sorted(read) == ["04.csv", "13.csv"]


def test_an_account_that_does_not_add_up_stops_the_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    real = record_ingest.read_record_file

    def one_more(*arguments: Any) -> Any:
        done = real(*arguments)
        return replace(done, rows_read=done.rows_read + 1, rows_rejected=done.rows_rejected + 1)

    with monkeypatch.context() as patched:
        patched.setattr(record_ingest, "read_record_file", one_more)
        result = run()
    accounted = check(result, "rows_accounted_for")
    assert not accounted.passed
    assert accounted.severity is dg.AssetCheckSeverity.ERROR
    assert accounted.blocking
    assert check(run(), "rows_accounted_for").passed  # what was not accounted for is not believed


@pytest.mark.parametrize("dataset", [DATASET, "claims", "benefit_decisions"])
def test_a_missing_key_is_named_with_what_to_do(
    run: Run, home: Path, instance: dg.DagsterInstance, dataset: str
) -> None:
    land(home, dataset, MONTH, {"a.csv": b"x"})
    keyless = settings_of(home).model_copy(update={"pseudonym_key": None})
    result = run(keyless, dataset)
    assert not result.success
    told = everything_told(instance, result)
    assert f"{dataset} holds personal data: KENPO_PSEUDONYM_KEY is not set" in told
    assert "openssl rand -hex 32" in told
    assert Lake(home / "lake").months("raw", dataset) == []


def test_the_key_is_not_shown_by_the_installation(home: Path) -> None:
    installation = Installation.from_settings(settings_of(home))
    assert installation.pseudonym_key is not None
    assert KEY not in repr(installation)
    assert "pseudonym_key" not in repr(installation)
    assert KEY not in str(installation.pseudonym_key)


def test_a_copy_is_told_and_loads_nothing(run: Run, home: Path) -> None:
    land(home, DATASET, MONTH, {"04 (1).csv": persons("04", 5)})
    os.utime(home / "landing" / DATASET / MONTH / "04.csv", (1_700_000_000, 1_700_000_000))
    result = run()
    refused = check(result, "files_readable")
    assert not refused.passed
    assert refused.severity is dg.AssetCheckSeverity.WARN
    assert refused.description is not None
    assert refused.description.startswith("04 (1).csv: 同じ内容のファイルです。先に受け付けた「04.csv」と")
    assert metadata(result, "raw")["dagster/partition_row_count"] == 85


def test_months_with_records_not_ingested_yet_are_pending(run: Run, home: Path) -> None:
    settings = settings_of(home)
    contracts = Installation.from_settings(settings).contracts
    lake = Lake(settings.lake_dir)

    def pending() -> list[str]:
        return pending_months(lake, list_landing(settings.landing_dir, contracts), contracts, before="2025-07")

    assert pending() == [MONTH]
    run()
    assert pending() == []
    land(home, DATASET, MONTH, {"13.r2.csv": persons("13", 3)})
    assert pending() == [MONTH]
    run()
    assert pending() == []
    (settings.landing_dir / DATASET / MONTH / "13.r2.csv").unlink()
    assert pending() == [MONTH]
    for path in (settings.landing_dir / DATASET / MONTH).iterdir():
        path.unlink()
    assert pending() == [MONTH]
