"""Landing: the submitted files, which nobody materialises. They are where the lineage begins.

What lives here: one external asset per dataset contract.
"""

import dagster as dg

from kenpo_pipelines.submissions.contract import Contract

GROUP = "landing"


def landing_key(contract: Contract) -> dg.AssetKey:
    """Return the asset key of a dataset's landing folder."""
    return dg.AssetKey([GROUP, contract.dataset.id])


def landing_spec(contract: Contract) -> dg.AssetSpec:
    """Return the external asset of a dataset's submissions. Grain: one file."""
    dataset = contract.dataset
    folder = "YYYY-MM" if dataset.folder == "month" else "YYYY"
    return dg.AssetSpec(
        key=landing_key(contract),
        group_name=GROUP,
        owners=[dataset.owner],
        kinds={"csv", "excel"},
        description=(
            f"{dataset.name_ja}: files in `landing/{dataset.id}/{folder}/` (.csv, .csv.gz, .xlsx) as submitted. "
            "Grain: one submission file. They are only ever read."
        ),
        metadata={
            "contract": f"expectations/{dataset.id}.yml",
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(name=column.header, type=str(column.type), description=column.description)
                    for column in contract.columns
                ]
            ),
        },
    )
