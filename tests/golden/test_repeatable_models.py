"""Models give the same bytes whenever they are run, on as many threads as there are, at a size where threads share the work."""

import duckdb
import pyarrow.parquet as pq
import pytest
from record_lake import RecordLake, audit, claim, debt, decision, untreated

from resources.duckdb_engine import DuckDBEngine

MONTH = "2025-06"
BRANCHES = ("01", "13", "27")
COPIES = 130_000
"""Of one row of each branch; with three branches a partition has more than three groups of rows."""

_MANY = {
    "claims": "claim_no || '-' || n as claim_no, md5(cast(n % 40000 as varchar))[:16]::blob as member_key, "
    "100 + n % 17 as points, n % 5 = 0 as treats_glucose, n % 7 = 0 as treats_lipid",
    "benefit_decisions": "application_no || '-' || n as application_no, received_on - cast(n % 20 as integer) as received_on",
    "receipt_audits": "request_no || '-' || n as request_no, assessed_yen + n % 100 as assessed_yen",
    "recoverables": "debt_no || '-' || n // 3 as debt_no, event_on - cast(n % 9 as integer) as event_on, "
    "amount_yen + n % 100 as amount_yen",
    "untreated_persons": "md5(cast(n % 40000 as varchar))[:16]::blob as member_key, "
    "case n // 40000 when 0 then '2025-01' when 1 then '2024-12' when 2 then '2024-11' else '2024-10' end as checkup_month",
}
"""What tells the copies of a row apart; many share a person, a debt or a day."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> RecordLake:
    world = RecordLake(tmp_path_factory.mktemp("repeatable"), BRANCHES)
    for number, branch in enumerate(BRANCHES):
        world.land(MONTH, "claims", claim(branch, number, "2025-05", treats_blood_pressure=True))
        world.land(MONTH, "benefit_decisions", decision(branch, number, "2025-05-01", "2025-05-22"))
        world.land(MONTH, "receipt_audits", audit(branch, number, "2025-05", 1_000))
        world.land(MONTH, "recoverables", debt(branch, number, "調定", "2025-05-20", 10_000))
        world.land(MONTH, "untreated_persons", untreated(branch, number, "2025-01", "glucose"))
    world.prepare(MONTH)
    for dataset, changes in _MANY.items():
        (few,) = world.lake.files("raw", dataset, MONTH)
        with world.lake.replace("raw", dataset, MONTH) as folder, duckdb.connect() as connection:
            connection.execute(
                f"copy (select few.* replace ({changes}) from read_parquet('{few}') as few, range({COPIES}) as copies (n) "
                f"order by file, n) to '{folder}/part-0.parquet' (row_group_size 122880)"
            )
    return world


def versions(world: RecordLake, threads: int) -> dict[str, str]:
    engine = DuckDBEngine(world.lake, world.engine.project, threads=threads)
    for model in engine.project.models:
        if model.layer != "marts":
            engine.run_model(model, MONTH)
    return {
        f"{one.layer}/{one.name}": world.lake.version(one.layer, one.name, MONTH)
        for one in world.engine.project.models
        if not one.is_view and one.layer != "marts"
    }


def test_every_model_gives_the_same_bytes_on_one_two_and_four_threads(world: RecordLake) -> None:
    expected = versions(world, 1)
    groups = {
        name: pq.read_metadata(world.lake.files("facts", name, MONTH)[0]).num_row_groups
        for name in ("fact_condition_visits", "fact_benefit_decisions", "fact_receipt_audits", "fact_recovery_events")
    }
    assert {name: count for name, count in groups.items() if count < 3} == {}
    for threads in (2, 4, 4):
        assert versions(world, threads) == expected
