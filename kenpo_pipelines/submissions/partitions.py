"""The partitions that ingestion writes: layers, columns, names of files.

What lives here: schemas of raw, quarantine, ledger and findings, and what a submission's Parquet file is called. What does not:
reading (``reading``, ``streaming``), writing (``ingest``) and finding (``expectations``).
"""

import hashlib

import pyarrow as pa

from kenpo_pipelines.submissions.columns import StoredColumn
from kenpo_pipelines.submissions.contract import Contract

RAW, QUARANTINE, LEDGER, FINDINGS = "raw", "quarantine", "ledger", "findings"
"""Lake layers of the submissions, one dataset each."""

EMPTY_FILE = "empty.parquet"
"""Stands in every partition, with columns and no rows, so that an engine knows the columns of a month without rows."""

_TYPES = {
    "string": pa.string(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "decimal": pa.decimal128(28, 10),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "blob": pa.binary(),
}
_PROVENANCE = [
    ("known_month", pa.string()),
    ("file", pa.string()),
    ("file_sha256", pa.string()),
    ("received_at", pa.string()),
    ("origin", pa.string()),
    ("sheet", pa.string()),
    ("row_number", pa.int32()),
]
QUARANTINE_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("known_month", pa.string()),
        ("branch_code", pa.string()),
        ("file", pa.string()),
        ("file_sha256", pa.string()),
        ("sheet", pa.string()),
        ("row_number", pa.int32()),
        ("column_name", pa.string()),
        ("kpi_id", pa.string()),
        ("fault", pa.string()),
        ("value_class", pa.string()),
        ("advice", pa.string()),
    ]
)
"""Grain: one fault of one row. ``known_month`` is the landing folder; the value itself is never kept."""

LEDGER_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("known_month", pa.string()),
        ("file", pa.string()),
        ("file_sha256", pa.string()),
        ("received_at", pa.string()),
        ("origin", pa.string()),
        ("status", pa.string()),
        ("fault", pa.string()),
        ("detail", pa.string()),
        ("rows_read", pa.int64()),
        ("rows_loaded", pa.int64()),
        ("rows_rejected", pa.int64()),
        ("rows_merged", pa.int64()),
        ("notices", pa.string()),
        (
            "branches",
            pa.list_(
                pa.struct(
                    [
                        ("branch_code", pa.string()),
                        ("rows_read", pa.int64()),
                        ("rows_loaded", pa.int64()),
                        ("rows_rejected", pa.int64()),
                    ]
                )
            ),
        ),
        ("branch_codes", pa.string()),
    ]
)
"""Grain: one submission file. ``known_month`` is the landing folder (YYYY-MM or YYYY). ``branches`` accounts for the rows of a
record-level file by branch ('' where the row does not tell it); it is empty for other datasets. ``branch_codes`` names the
branches of the rows of any file, joined by commas."""

FINDINGS_SCHEMA = pa.schema(
    [
        ("known_month", pa.string()),
        ("dataset", pa.string()),
        ("rule", pa.string()),
        ("branch_code", pa.string()),
        ("kpi_id", pa.string()),
        ("fiscal_year", pa.int32()),
        ("as_of", pa.string()),
        ("file", pa.string()),
        ("tier", pa.string()),
        ("severity", pa.string()),
        ("scope", pa.string()),
        ("failed_rows", pa.int64()),
        ("checked_rows", pa.int64()),
        ("protects", pa.string()),
        ("text_ja", pa.string()),
    ]
)
"""Grain: what one rule found about one branch, KPI, figure and file of a month: known_month × dataset × rule × branch_code ×
kpi_id × fiscal_year × as_of × file, '' (no fiscal year) where the rows at fault do not tell. ``known_month`` is the month run;
``protects`` lists KPI ids with commas, or is all; ``text_ja`` says what should hold."""


def raw_schema(contract: Contract) -> pa.Schema:
    """Return the columns of the dataset's raw layer: provenance, then the contract's."""
    return pa.schema(_PROVENANCE + [(column.name, _arrow_type(column)) for column in contract.stored_columns])


def _arrow_type(column: StoredColumn) -> pa.DataType:
    return _TYPES[column.storage] if column.decimals is None else pa.decimal128(18, column.decimals)


def parquet_name(folder: str, file: str, file_sha256: str) -> str:
    """Return the name of a submission's Parquet file, the same whenever the same bytes land under the same name."""
    return f"{hashlib.sha256(f'{folder}/{file}/{file_sha256}'.encode()).hexdigest()[:16]}.parquet"
