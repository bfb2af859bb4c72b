"""A plugin of dbt-duckdb: what a model selects becomes a partition of dbt's lake, committed as the pipeline commits its own.

What lives here: which lakes dbt may use, writing and committing. What does not: which models (``dbt_project.yml``), when
(``dbt_macros/partition.sql``). Only dbt imports it.
"""

from pathlib import Path

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import TargetConfig
from dbt_common.exceptions import DbtRuntimeError
from duckdb import DuckDBPyConnection

from kenpo_pipelines import settings
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.lake.base import COMPRESSION, ROW_GROUP


class Plugin(BasePlugin):
    """Known to dbt-duckdb by this name."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Keep the connection: what is to be written is a view or a table in it. Raises DbtRuntimeError: see _check_lakes."""
        assert self.creds is not None
        _check_lakes(self.creds.external_root)
        self._connection = conn

    def store(self, target_config: TargetConfig) -> None:
        """Replace the partition ``<lake>/<layer>/<name>/month=YYYY-MM`` by the rows of a relation. Raises LakeError.

        If the rows cannot be had, the old partition stays. The file has the format of the pipeline's engine.
        """
        assert target_config.location is not None
        folder = Path(target_config.location.path).absolute()
        name, layer, month = folder.parent.name, folder.parent.parent.name, folder.name.removeprefix("month=")
        with (
            Lake(folder.parents[2]).replace(layer, name, month) as staging,
            self._connection.cursor() as cursor,
        ):
            path = str(staging / "part-0.parquet").replace("'", "''")
            cursor.execute(
                f"copy (select * from {target_config.relation}) to '{path}' "
                f"(format parquet, compression {COMPRESSION}, row_group_size {ROW_GROUP})"
            )


def _check_lakes(own: str) -> None:
    """Raise DbtRuntimeError where the pipeline's lake, or dbt's own, is none that dbt can read and write, or both are one."""
    try:
        installed = settings.load()
    except settings.SettingsError as error:
        raise DbtRuntimeError(str(error)) from error
    if installed.lake_store is not None or "://" in own:
        raise DbtRuntimeError("dbt reads and writes lakes in folders only, not in an object store")
    if Path(own).resolve() == installed.lake_dir.resolve():
        raise DbtRuntimeError("KENPO_DBT_LAKE is the pipeline's lake; give dbt a folder of its own")
