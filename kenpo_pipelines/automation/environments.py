"""The three environments: what runs by itself in each, when, and how often.

What lives here: the shape of ``environments.yml`` beside this module, its validation, and the view of one environment. What
does not: which environment this is (``KENPO_ENV``, read by ``kenpo_pipelines.settings``), and the schedules and sensors.
Dagster is imported where it is asked for, so that the command line can read the file without it.
"""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kenpo_pipelines import fiscal
from kenpo_pipelines.settings import Settings, SettingsError
from kenpo_pipelines.yaml_loader import SAFE_LOADER

if TYPE_CHECKING:
    import dagster as dg

MOST_BUSINESS_DAYS = 15
"""No month has fewer business days; a later one could be missing in some month."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")

Value = TypeVar("Value")


class EnvironmentsError(SettingsError):
    """``environments.yml`` is wrong; the message names the file and the field."""


def _time_of_day(value: Any) -> Any:
    """Read ``"06:00"``. Without quotes YAML would make a number of ``16:00``."""
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        raise ValueError('write a time of day in quotes, for example "06:00"')
    return dt.time.fromisoformat(value)


BusinessDay = Annotated[int, Field(ge=1, le=MOST_BUSINESS_DAYS, strict=True)]
Interval = Annotated[int, Field(ge=5, le=3600, strict=True)]
Months = Annotated[int, Field(ge=1, le=36, strict=True)]
TimeOfDay = Annotated[dt.time, BeforeValidator(_time_of_day)]
Switch = Annotated[bool, Field(strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PerEnvironment(_Strict, Generic[Value]):
    """One setting: its value in each environment, where that comes from, since when it holds and who may change it."""

    local: Value
    staging: Value
    production: Value
    origin: str = Field(min_length=1)
    since: dt.date
    owner: str = Field(min_length=1)


class _File(_Strict):
    refresh_business_day: PerEnvironment[BusinessDay]
    refresh_at: PerEnvironment[TimeOfDay]
    starts_running: PerEnvironment[Switch]
    arrivals_interval_s: PerEnvironment[Interval]
    check_sensor_interval_s: PerEnvironment[Interval]
    delivery_interval_s: PerEnvironment[Interval]
    lateness_at: PerEnvironment[TimeOfDay]
    lateness_months_back: PerEnvironment[Months]


@dataclass(frozen=True)
class Environment:
    """One environment. Intervals are seconds; times of day are those of :attr:`timezone`."""

    name: str
    refresh_business_day: int
    """The monthly refresh runs on this business day of the month after the reporting month."""
    refresh_at: dt.time
    starts_running: bool
    """Whether schedules and sensors run from the start; otherwise a person switches them on in the UI."""
    arrivals_interval_s: int
    check_sensor_interval_s: int
    delivery_interval_s: int
    lateness_at: dt.time
    lateness_months_back: int
    """How many reporting months before the running one the daily check of late branches looks at."""

    @property
    def timezone(self) -> str:
        """The time zone of the insurer."""
        return fiscal.TOKYO.key

    @property
    def schedule_status(self) -> "dg.DefaultScheduleStatus":
        """What a schedule is until somebody switches it in the UI."""
        import dagster as dg

        return dg.DefaultScheduleStatus.RUNNING if self.starts_running else dg.DefaultScheduleStatus.STOPPED

    @property
    def sensor_status(self) -> "dg.DefaultSensorStatus":
        """What a sensor is until somebody switches it in the UI."""
        import dagster as dg

        return dg.DefaultSensorStatus.RUNNING if self.starts_running else dg.DefaultSensorStatus.STOPPED


def environment(settings: Settings) -> Environment:
    """Return the environment that ``KENPO_ENV`` names; raise :class:`EnvironmentsError` naming the file and the field."""
    entries = _read(settings.environments_file)
    values = {name: getattr(getattr(entries, name), settings.env) for name in type(entries).model_fields}
    return Environment(name=settings.env, **values)


def _read(path: Path) -> _File:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EnvironmentsError(f"{path.name}: not readable as YAML: {error}") from error
    try:
        return _File.model_validate(raw)
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc'])) or '(whole)'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise EnvironmentsError(f"{path.name}: {'; '.join(faults)}") from error
