"""The three environments: what stands in the file, who is told what when it is wrong, what starts by itself."""

import datetime as dt
import shutil
from pathlib import Path

import dagster as dg
import pytest
import yaml

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.environments import MOST_BUSINESS_DAYS, EnvironmentsError, environment
from kenpo_pipelines.settings import CHECKOUT, Settings, SettingsError, load

NAMES = ("local", "staging", "production")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "kenpo_pipelines" / "automation"
    folder.mkdir(parents=True)
    shutil.copy(CHECKOUT / "kenpo_pipelines" / "automation" / "environments.yml", folder)
    return tmp_path


def change(project: Path, setting: str, **values: object) -> Settings:
    file = project / "kenpo_pipelines" / "automation" / "environments.yml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    raw[setting] = {key: value for key, value in (raw.get(setting, {}) | values).items() if value is not None}
    file.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    return Settings(project_dir=project)


@pytest.mark.parametrize("name", NAMES)
def test_each_environment_refreshes_on_the_tenth_business_day_at_six(name: str) -> None:
    here = environment(Settings(env=name))

    assert (here.name, here.refresh_business_day, here.refresh_at) == (name, 10, dt.time(6))
    assert (here.lateness_at, here.timezone) == (dt.time(9), "Asia/Tokyo")


def test_schedules_and_sensors_start_by_themselves_everywhere_but_on_a_workstation() -> None:
    status = {name: environment(Settings(env=name)) for name in NAMES}

    assert {name: one.schedule_status for name, one in status.items()} == {
        "local": dg.DefaultScheduleStatus.STOPPED,
        "staging": dg.DefaultScheduleStatus.RUNNING,
        "production": dg.DefaultScheduleStatus.RUNNING,
    }
    assert [one.sensor_status.value for one in status.values()] == ["STOPPED", "RUNNING", "RUNNING"]


def test_an_unknown_environment_is_refused_with_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENPO_ENV", "prod")

    with pytest.raises(SettingsError) as refused:
        load()

    assert "KENPO_ENV='prod'" in str(refused.value)
    assert all(f"'{name}'" in str(refused.value) for name in NAMES)


def test_environments_differ_where_the_file_says_so(project: Path) -> None:
    settings = change(project, "refresh_business_day", staging=8)

    assert environment(settings).refresh_business_day == 10
    assert environment(settings.model_copy(update={"env": "staging"})).refresh_business_day == 8


@pytest.mark.parametrize(
    ("setting", "values", "told"),
    [
        ("refresh_business_day", {"production": 23}, "refresh_business_day.production: Input should be less than"),
        (
            "refresh_business_day",
            {"production": "10"},
            "refresh_business_day.production: Input should be a valid integer",
        ),
        ("refresh_at", {"local": 360}, 'refresh_at.local: write a time of day in quotes, for example "06:00"'),
        ("refresh_at", {"local": "25:00"}, 'refresh_at.local: write a time of day in quotes, for example "06:00"'),
        ("starts_running", {"staging": "yes"}, "starts_running.staging: Input should be a valid boolean"),
        ("arrivals_interval_s", {"staging": 0}, "arrivals_interval_s.staging: Input should be greater than"),
        ("lateness_months_back", {"staging": 0}, "lateness_months_back.staging: Input should be greater than"),
        ("lateness_at", {"production": None}, "lateness_at.production: Field required"),
        ("lateness_at", {"origin": ""}, "lateness_at.origin: String should have at least 1 character"),
        ("lateness_at", {"owner": None}, "lateness_at.owner: Field required"),
        ("lateness_at", {"since": "soon"}, "lateness_at.since: Input should be a valid date"),
        ("lateness_at", {"test": "09:00"}, "lateness_at.test: Extra inputs are not permitted"),
        ("colour", {"local": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_value_is_told_with_file_and_field(
    project: Path, setting: str, values: dict[str, object], told: str
) -> None:
    with pytest.raises(EnvironmentsError) as refused:
        environment(change(project, setting, **values))

    assert str(refused.value).startswith("environments.yml: ")
    assert told in str(refused.value)


@pytest.mark.parametrize("text", ["refresh_at: [", "", "- a list"])
def test_a_file_that_is_no_mapping_is_told(project: Path, text: str) -> None:
    file = project / "kenpo_pipelines" / "automation" / "environments.yml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(EnvironmentsError, match=r"environments\.yml: "):
        environment(Settings(project_dir=project))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentsError, match=r"environments\.yml: not readable"):
        environment(Settings(project_dir=tmp_path))


def test_no_month_has_fewer_business_days_than_can_be_chosen() -> None:
    for month in fiscal.month_range("2023-01", "2035-12"):
        assert fiscal.business_day_of_month(month, MOST_BUSINESS_DAYS)
