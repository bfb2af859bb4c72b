"""Settings of one installation: the only place that reads environment variables (``KENPO_*``).

What lives here: where things are (landing, lake, database, Dagster, outputs) and the secrets' names. What does not: any
rule of the domain. Nothing is read at import; call :func:`load`.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parent.parent
"""The project's checkout: it is an application run from there, so its YAML and SQL are read from there."""

_MEMORY = re.compile(r"[1-9]\d*(MB|GB|MiB|GiB)")
_SPARK_MASTER = re.compile(r"local(\[(\*|[1-9]\d*)\])?|(spark|sc)://[^/;\s]+(/;\S*)?/?")


class SettingsError(Exception):
    """A KENPO_* variable is missing or wrong; the message names it and says what to do."""


class Settings(BaseSettings):
    """One installation, as its environment describes it."""

    model_config = SettingsConfigDict(
        env_prefix="KENPO_", extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    home: Path = Path(".kenpo")
    project_dir: Path = CHECKOUT
    database_url: str | None = None
    lake_url: str | None = None
    """Where the lake is: a folder (``file://`` may be written before it), or an object store (``s3://bucket/prefix``)."""
    lake_keep_hours: float = Field(default=24, ge=1)
    """For how long an object store keeps a version of a partition that was replaced, for who is reading it."""
    engine: Literal["duckdb", "spark"] = "duckdb"
    """What runs the SQL models and judges their results."""
    cores: int = Field(default=2, ge=1)
    """How many cores of this machine a run uses: files are read by as many readers, DuckDB has as many threads."""
    engine_memory: str = "2GB"
    """What DuckDB may hold in memory while it runs models; more goes to temporary files."""
    spark_master: str = "local[*]"
    """Where Spark is: ``local[*]`` (in this process), ``spark://host:port``, or a Spark Connect server ``sc://host:port``."""
    pseudonym_key: SecretStr | None = None
    env: Literal["local", "staging", "production"] = "local"
    """Which schedules and sensors start by themselves: ``automation/environments.yml``."""
    landing_url: str | None = None
    """An object store (``s3://bucket/prefix``) in which files land; then the landing folder is a mirror of it."""
    alert_urls: SecretStr | None = None
    """Where alerts go: Apprise's own text form ``tag,tag=url``, one per line or separated by spaces. URLs hold passwords."""
    ui_url: str = "http://127.0.0.1:3000"
    """Under which address people open the UI: links in alerts begin with it."""

    @field_validator("landing_url")
    @classmethod
    def _landing_url_is_plain(cls, url: str | None) -> str | None:
        return None if url is None else _plain(url, "files that land in KENPO_HOME/landing need no URL")

    @field_validator("lake_url")
    @classmethod
    def _lake_url_is_plain(cls, url: str | None) -> str | None:
        if url is None or "://" not in url:
            return url
        return _plain(url, "a lake in KENPO_HOME/lake needs no URL")

    @field_validator("engine_memory")
    @classmethod
    def _engine_memory_has_a_unit(cls, size: str) -> str:
        if not _MEMORY.fullmatch(size):
            raise ValueError("write it as 2GB or 512MB")
        return size

    @field_validator("spark_master")
    @classmethod
    def _spark_master_is_known(cls, url: str) -> str:
        """The URL is shown in messages and logs, so nothing in it may be a secret."""
        if not _SPARK_MASTER.fullmatch(url):
            raise ValueError("write it as local[*], local[2], spark://host:7077 or sc://host:15002")
        if "token=" in url or "@" in url:
            raise ValueError("write it without a token, which comes from SPARK_CONNECT_AUTHENTICATE_TOKEN")
        return url

    @property
    def home_dir(self) -> Path:
        """The home folder, absolute."""
        return self.home.expanduser().absolute()

    @property
    def landing_dir(self) -> Path:
        """Where runs find submissions: ``<dataset>/<YYYY-MM or YYYY>/<file>``.

        Of an object store it is a mirror, in a folder of its own: what it holds besides is removed.
        """
        if self.landing_url is None:
            return self.home_dir / "landing"
        return self.home_dir / "landing-mirror" / hashlib.sha256(self.landing_url.encode()).hexdigest()[:12]

    @property
    def lake_store(self) -> str | None:
        """URL of the object store in which the lake is; None where it is a folder."""
        is_store = self.lake_url is not None and "://" in self.lake_url and not self.lake_url.startswith("file://")
        return self.lake_url if is_store else None

    @property
    def lake_dir(self) -> Path:
        """Root of the lake; of one in an object store the copies of its partitions on this machine."""
        if self.lake_url is None:
            return self.home_dir / "lake"
        if self.lake_store is not None:
            return self.home_dir / "lake-cache" / hashlib.sha256(self.lake_store.encode()).hexdigest()[:12]
        return Path(self.lake_url.removeprefix("file://")).absolute()

    @property
    def locks_dir(self) -> Path:
        """Where the locks of months are: in the lake, so that who shares it shares them; with an object store in the home."""
        return self.lake_dir / ".locks" if self.lake_store is None else self.home_dir / "locks"

    @property
    def sql_url(self) -> str:
        """SQLAlchemy URL of the serving database; SQLite under the home folder by default."""
        return self.database_url or f"sqlite:///{self.sqlite_file}"

    @property
    def sqlite_file(self) -> Path:
        """The serving database where no other is named."""
        return self.home_dir / "kenpo.db"

    @property
    def dagster_dir(self) -> Path:
        """DAGSTER_HOME of this installation."""
        return self.home_dir / "dagster"

    @property
    def outputs_dir(self) -> Path:
        """Where scorecards are written: ``<as_of>/<file>``."""
        return self.home_dir / "outputs"

    @property
    def data_docs_dir(self) -> Path:
        """Where the pages of checks are written: ``<month>/index.html``. Apart from the scorecards, which are handed out."""
        return self.home_dir / "data_docs"

    @property
    def log_file(self) -> Path:
        """The log of the command line: everything that people need not see."""
        return self.home_dir / "logs" / "kenpo.log"

    @property
    def spark_log_file(self) -> Path:
        """The log of a Spark that this process starts."""
        return self.home_dir / "logs" / "spark.log"

    @property
    def catalogue_dir(self) -> Path:
        """The KPI catalogue's YAML files."""
        return self.project_dir / "kenpo_pipelines" / "catalogue"

    @property
    def contracts_dir(self) -> Path:
        """The dataset contracts, one YAML each."""
        return self.project_dir / "expectations"

    @property
    def models_dir(self) -> Path:
        """The SQL models (a dbt project)."""
        return self.project_dir / "dbt_like_sql"

    @property
    def environments_file(self) -> Path:
        """What runs by itself in each environment, and when."""
        return self.project_dir / "kenpo_pipelines" / "automation" / "environments.yml"

    @property
    def alerts_file(self) -> Path:
        """Which alerts are muted and which take a further route."""
        return self.project_dir / "kenpo_pipelines" / "automation" / "alerts.yml"

    def require_pseudonym_key(self) -> SecretStr:
        """Return the key that replaces personal identifiers; raise :class:`SettingsError` when it is not set."""
        return required_key(self.pseudonym_key)


def _plain(url: str, without: str) -> str:
    """Return the URL of a store without its last slashes. It is shown in messages and logs: nothing in it may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError("write it as s3://bucket/prefix") from error
    if "@" in parts.netloc or parts.query or parts.fragment or "::" in url:
        raise ValueError(
            "write it as s3://bucket/prefix, without user, password or parameters; credentials and the endpoint come "
            "from the environment of the store's driver (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL …)"
        )
    if not (parts.path.strip("/") if parts.scheme == "file" else parts.scheme and parts.netloc):
        raise ValueError(f"write it as s3://bucket/prefix; {without}")
    return url.rstrip("/")


def required_key(key: SecretStr | None) -> SecretStr:
    """Return the key that replaces personal identifiers; raise :class:`SettingsError` when there is none."""
    if key is None or not key.get_secret_value():
        raise SettingsError(
            "KENPO_PSEUDONYM_KEY is not set. It keys the hash that replaces symbol, number and suffix while files are "
            "read, and must stay the same for years: make one with `openssl rand -hex 32`, keep it outside the data "
            "and export it. (`kenpo demo` makes a throw-away key of its own.)"
        )
    return key


def load() -> Settings:
    """Read the environment; raise :class:`SettingsError` naming the variable when a value is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "KENPO_" + "_".join(str(part) for part in first["loc"]).upper()
        shown = (
            "" if name.endswith(("_URL", "_URLS", "_KEY", "_MASTER")) else f"={os.environ.get(name)!r}"
        )  # may hold a secret
        raise SettingsError(f"{name}{shown}: {first['msg'].removeprefix('Value error, ')}") from None
