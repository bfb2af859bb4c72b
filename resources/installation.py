"""The Dagster resource that gives assets the installation: catalogue, contracts, models, lake, engine, database, folders.

What lives here: opening things once per process. What does not: any environment variable (``kenpo_pipelines.settings``).
"""

import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine as Database

from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.lake import Lake, open_lake
from kenpo_pipelines.models import ModelProject, load_project
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.faults import patient
from kenpo_pipelines.serving.migrate import upgrade
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.contract import Contract, check_against_catalogue, load_contracts
from kenpo_pipelines.submissions.listing import Listing, list_landing
from kenpo_pipelines.version import code_version
from resources.duckdb_engine import DuckDBEngine
from resources.engine import Engine


@dataclass(frozen=True)
class Installation:
    """Where everything is, as a plain resource. Paths are absolute.

    It is no ConfigurableResource on purpose: Dagster shows and stores the configuration of those, ``database_url`` may hold a
    password, and ``pseudonym_key`` is a secret.
    """

    landing_dir: str
    lake_dir: str
    outputs_dir: str
    data_docs_dir: str
    catalogue_dir: str
    contracts_dir: str
    models_dir: str
    database_url: str = field(repr=False)
    code_version: str
    landing_url: str | None = None
    """The object store of which the landing folder is a mirror; carries no secret."""
    lake_url: str | None = None
    """The object store in which the lake is, of which its folder holds copies; carries no secret."""
    lake_keep_hours: float = 24
    locks_dir: str = ""
    """Where the locks of months are; '' for the lake's folder."""
    cores: int = 2
    """How many readers of files, and threads of DuckDB, a run has."""
    engine_memory: str = "2GB"
    engine_name: str = "duckdb"
    spark_master: str = "local[*]"
    """Where Spark is, when it is the engine; carries no secret."""
    spark_log: str = os.devnull
    """The file that a Spark of this process prints into."""
    pseudonym_key: SecretStr | None = field(default=None, repr=False)
    """Replaces personal identifiers while files are read; needed as soon as there are files with any."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "Installation":
        """Build the resource from the settings of this process."""
        return cls(
            landing_dir=str(settings.landing_dir),
            lake_dir=str(settings.lake_dir),
            outputs_dir=str(settings.outputs_dir),
            data_docs_dir=str(settings.data_docs_dir),
            catalogue_dir=str(settings.catalogue_dir),
            contracts_dir=str(settings.contracts_dir),
            models_dir=str(settings.models_dir),
            database_url=settings.sql_url,
            code_version=code_version(settings.project_dir),
            landing_url=settings.landing_url,
            cores=settings.cores,
            engine_memory=settings.engine_memory,
            engine_name=settings.engine,
            spark_master=settings.spark_master,
            spark_log=str(settings.spark_log_file),
            lake_url=settings.lake_store,
            lake_keep_hours=settings.lake_keep_hours,
            locks_dir=str(settings.locks_dir),
            pseudonym_key=settings.pseudonym_key,
        )

    @property
    def landing(self) -> Path:
        """The landing folder."""
        return Path(self.landing_dir)

    def listing(self) -> Listing:
        """What has landed, in the object store where there is one; raise LandingError when it cannot be asked."""
        if self.landing_url is None:
            return list_landing(self.landing, self.contracts)
        from kenpo_pipelines.submissions.landing_store import LandingStore

        return LandingStore(self.landing_url).listing(self.contracts)

    def fetch_landed(self, month: str, contract: Contract | None = None) -> None:
        """Make the landing folder equal to the object store, where there is one, in what the month's run reads of the dataset
        (None: of all). Call it before the landing folder is looked at; raise LandingError."""
        if self.landing_url is None:
            return
        from kenpo_pipelines.submissions.landing_mirror import mirror
        from kenpo_pipelines.submissions.landing_store import LandingStore

        contracts = self.contracts.values() if contract is None else [contract]
        mirror(LandingStore(self.landing_url), self.landing, contracts, month)

    @property
    def outputs(self) -> Path:
        """The folder for scorecards."""
        return Path(self.outputs_dir)

    @property
    def data_docs(self) -> Path:
        """The folder for the pages of checks."""
        return Path(self.data_docs_dir)

    @property
    def catalogue(self) -> Catalogue:
        """The KPI catalogue."""
        return _catalogue(self.catalogue_dir)

    @property
    def contracts(self) -> dict[str, Contract]:
        """Dataset contracts by dataset id, checked against the catalogue."""
        return _contracts(self.contracts_dir, self.catalogue_dir)

    @property
    def project(self) -> ModelProject:
        """The SQL models."""
        return _project(self.models_dir)

    @property
    def lake(self) -> Lake:
        """The lake."""
        return open_lake(Path(self.lake_dir), self.lake_url, self.lake_keep_hours)

    @property
    def engine(self) -> Engine:
        """The engine that runs SQL models over the lake."""
        if self.engine_name == DuckDBEngine.name:
            return DuckDBEngine(self.lake, self.project, threads=self.cores, memory=self.engine_memory)
        from resources.spark_connection import SparkMaster
        from resources.spark_engine import SparkEngine

        return SparkEngine(self.lake, self.project, SparkMaster(self.spark_master, Path(self.spark_log)))

    def database(self) -> Database:
        """Connect to the serving database, its schema migrated to this version."""
        return _database(self.database_url)


# One installation per process as a rule; a few in tests. Files are read once: a code location is reloaded to see changes.
@lru_cache(maxsize=8)
def _catalogue(directory: str) -> Catalogue:
    return load_catalogue(Path(directory))


@lru_cache(maxsize=8)
def _contracts(directory: str, catalogue_dir: str) -> dict[str, Contract]:
    contracts = load_contracts(Path(directory))
    for contract in contracts.values():
        check_against_catalogue(contract, _catalogue(catalogue_dir))
    return contracts


@lru_cache(maxsize=8)
def _project(directory: str) -> ModelProject:
    return load_project(Path(directory))


@lru_cache(maxsize=8)
def _database(url: str) -> Database:
    engine = connect(url)
    patient(upgrade)(engine)
    return engine
