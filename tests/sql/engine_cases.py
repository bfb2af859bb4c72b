"""What every engine keeps: a model reads the partitions it may read, keeps its contract, and writes the same rows every time.

What lives here: the cases. What does not: the engine, which a subclass gives as the fixture ``engine_of``.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from traceback import TracebackException

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sql.small_project import COUNTS, SUMS, schema, stg_visits, visit_sums, write, write_project

from kenpo_pipelines.lake import DamagedPartition, FolderLake, Lake, LakeError, MissingPartition
from kenpo_pipelines.models import Relation
from resources.engine import Engine, ModelContractError, ModelFailed
from resources.session import SessionError

RAW = pa.schema([("branch", pa.string()), ("visits", pa.int32()), ("known_month", pa.string())])
Change = Callable[[Path], object]
Engines = Callable[[Path, Lake], Engine]
"""Gives an engine for the models of a folder over a lake."""


def land(lake: Lake, month: str, *visits: tuple[str, int]) -> None:
    lake.write("raw", "visits", month, pa.Table.from_pylist([row(*one, month) for one in visits], schema=RAW))


def row(branch: str, visits: int, month: str) -> dict[str, object]:
    return {"branch": branch, "visits": visits, "known_month": month}


def told(error: BaseException) -> str:
    """All that a log keeps of an error: its words, and those of its causes."""
    return "".join(TracebackException.from_exception(error).format())


def run(engine: Engine, month: str) -> list[int]:
    return [engine.run_model(model, month) for model in engine.project.models]


def sums(lake: Lake, month: str) -> dict[str, int]:
    return {one["branch"]: one["visits"] for one in lake.read("kpis", "visit_sums", month).to_pylist()}


@dataclass(frozen=True)
class Written:
    """A partition: its rows in order; of each file size, writer, and sizes of columns by row group; its version."""

    rows: str
    files: list[tuple[int, str, list[list[int]]]]
    version: str


def as_written(lake: Lake, layer: str, name: str, month: str = "2025-06") -> Written:
    files = []
    for path in lake.files(layer, name, month):
        about = pq.read_metadata(path)
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        sizes = [[group.column(one).total_compressed_size for one in range(group.num_columns)] for group in groups]
        files.append((path.stat().st_size, about.created_by, sizes))
    rows = hashlib.sha256(str(lake.read(layer, name, month).to_pylist()).encode()).hexdigest()
    return Written(rows, files, lake.version(layer, name, month))


def sums_sql(select: str) -> Change:
    return lambda folder: write(folder / "kpis" / "visit_sums.sql", select)


GROUPED = "from {{ ref('stg_visits') }} group by branch"


BROKEN_CONTRACTS: dict[str, tuple[Change, str]] = {
    "a column too few": (sums_sql(f"select branch, cast(sum(visits) as bigint) as visits {GROUPED}"), "as_of"),
    "a column too many": (sums_sql(SUMS.replace("branch, cast", "branch, 1 as extra, cast")), "extra"),
    "another name": (sums_sql(SUMS.replace("as_of", "month")), "month"),
    "another type": (sums_sql(SUMS.replace("as bigint", "as double")), "double"),
    "another order": (
        sums_sql(f"select branch, '2025-06' as as_of, cast(sum(visits) as bigint) as visits {GROUPED}"),
        "visits",
    ),
    "a promise of another type": (
        lambda folder: schema(
            folder / "kpis" / "schema.yml",
            [visit_sums(columns=[{"name": "branch", "data_type": "integer"}, *visit_sums()["columns"][1:]])],
        ),
        "integer",
    ),
}


class LakeReplacedWhileRead(FolderLake):
    """Names files that are gone by the time they are opened, as often as it is told to."""

    times_gone = 0

    def files(self, layer: str, name: str, month: str) -> list[Path]:
        found = super().files(layer, name, month)
        if not self.times_gone:
            return found
        self.times_gone -= 1
        return [path.with_name("gone.parquet") for path in found]


BUSY = """\
select stg_visits.branch, stg_visits.visits, stg_visits.known_month from {{ ref('stg_visits') }} as stg_visits
where stg_visits.visits > 1
"""


TOTALS = """\
select branch, cast(sum(visits) as bigint) as visits, '{{ var("month") }}' as as_of from {{ ref('busy') }} group by all
"""


VIEW = {"materialized": "view", "meta": {"owner": "team:planning"}}


def add_view(folder: Path, **changes: object) -> None:
    """staging: stg_visits → busy (view) → busier (view of the view); kpis: visit_sums of busier."""
    busy = stg_visits(config=VIEW, **changes) | {"name": "busy"}
    write(folder / "staging" / "busy.sql", BUSY)
    write(folder / "staging" / "busier.sql", "select * from {{ ref('busy') }} -- as it is")
    schema(folder / "staging" / "schema.yml", [stg_visits(), busy, busy | {"name": "busier"}])
    write(folder / "kpis" / "visit_sums.sql", TOTALS.replace("busy", "busier"))


KINDS = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.int64()),
        ("small", pa.int32()),
        ("amount", pa.decimal128(28, 10)),
        ("day", pa.date32()),
        ("moment", pa.timestamp("us")),
        ("key", pa.binary()),
        ("is_open", pa.bool_()),
        ("ratio", pa.float64()),
        ("parts", pa.list_(pa.struct([("code", pa.string()), ("rows", pa.int64())]))),
    ]
)
VALUES = [
    {
        "text": "東京支部（１３）",
        "number": 9_007_199_254_740_993,
        "small": -1,
        "amount": Decimal("123456789012345678.0123456789"),
        "day": dt.date(1899, 12, 31),
        "moment": dt.datetime(2025, 6, 30, 23, 59, 59, 999_999),
        "key": b"\x00\xff'",
        "is_open": True,
        "ratio": 0.1,
        "parts": [{"code": "13", "rows": 2}],
    },
    dict.fromkeys(KINDS.names),
]


class EngineContract:
    """A subclass whose name begins with Test runs these cases on its engine."""

    has_repeatable_bytes = True
    """Whether the engine promises the same bytes for the same inputs, and not only the same rows in files of the same sizes."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return write_project(tmp_path / "models")

    @pytest.fixture
    def lake(self, tmp_path: Path) -> Lake:
        return Lake(tmp_path / "lake")

    def test_a_model_reads_the_month_it_runs_for_and_writes_its_partition(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        land(lake, "2025-05", ("13", 7))
        land(lake, "2025-06", ("13", 5), ("04", 2))
        engine = engine_of(folder, lake)

        assert engine.run_model(engine.project.model("stg_visits"), "2025-06") == 2
        assert lake.months("staging", "stg_visits") == ["2025-06"]
        # the model does not say in which order
        assert sorted(lake.read("staging", "stg_visits", "2025-06").to_pylist(), key=str) == [
            row("04", 2, "2025-06"),
            row("13", 5, "2025-06"),
        ]

    def test_history_reads_every_month_up_to_the_one_run_and_none_after_it(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        land(lake, "2025-04", ("13", 1))
        land(lake, "2025-06", ("13", 20), ("04", 300))
        land(lake, "2025-07", ("13", 4000))
        engine = engine_of(folder, lake)
        staging = engine.project.model("stg_visits")
        for month in ("2025-04", "2025-06", "2025-07"):
            engine.run_model(staging, month)

        engine.run_model(engine.project.model("visit_sums"), "2025-06")

        assert sums(lake, "2025-06") == {"04": 300, "13": 21}
        assert set(lake.read("kpis", "visit_sums", "2025-06")["as_of"].to_pylist()) == {"2025-06"}

    def test_a_month_run_again_after_later_ones_still_does_not_see_them(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        engine = engine_of(folder, lake)
        for month, visits in (("2025-05", 1), ("2025-06", 20)):
            land(lake, month, ("13", visits))
            run(engine, month)
        before = lake.version("kpis", "visit_sums", "2025-05")

        run(engine, "2025-05")

        assert lake.version("kpis", "visit_sums", "2025-05") == before
        assert sums(lake, "2025-05") == {"13": 1}

    def test_the_same_inputs_give_the_same_files(self, engine_of: Engines, folder: Path, tmp_path: Path) -> None:
        found = []
        for name in ("one", "two"):
            lake = Lake(tmp_path / name)
            land(lake, "2025-06", *[(f"{branch:02d}", visits) for branch in range(1, 48) for visits in range(500)])
            engine = engine_of(folder, lake)
            for _ in range(2):
                run(engine, "2025-06")
                found.append([as_written(lake, model.layer, model.name) for model in engine.project.models])

        for again in found[1:]:
            # in this order, so that a difference names what it is in
            assert [one.rows for one in again] == [one.rows for one in found[0]]
            assert [one.files for one in again] == [one.files for one in found[0]]
            assert again == found[0] or not self.has_repeatable_bytes

    def test_a_month_without_rows_gives_a_partition_without_rows_and_with_all_columns(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        land(lake, "2025-06")
        engine = engine_of(folder, lake)

        assert run(engine, "2025-06") == [0, 0]
        table = lake.read("kpis", "visit_sums", "2025-06")
        assert table.num_rows == 0
        assert {field.name: str(field.type) for field in table.schema} == {
            "branch": "string",
            "visits": "int64",
            "as_of": "string",
        }

    def test_an_input_that_was_not_run_is_named(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        engine = engine_of(folder, lake)
        with pytest.raises(MissingPartition, match=r"raw/visits has no partition 2025-06"):
            engine.run_model(engine.project.model("stg_visits"), "2025-06")

        land(lake, "2025-07", ("13", 1))
        engine.run_model(engine.project.model("stg_visits"), "2025-07")
        with pytest.raises(MissingPartition, match="staging/stg_visits has no partition up to 2025-06"):
            engine.run_model(engine.project.model("visit_sums"), "2025-06")

    @pytest.mark.parametrize(("damage", "named"), BROKEN_CONTRACTS.values(), ids=BROKEN_CONTRACTS)
    def test_a_result_that_breaks_its_contract_is_refused_and_the_old_partition_stands(
        self, engine_of: Engines, folder: Path, lake: Lake, damage: Change, named: str
    ) -> None:
        land(lake, "2025-06", ("13", 5))
        run(engine_of(folder, lake), "2025-06")
        before = lake.version("kpis", "visit_sums", "2025-06")
        land(lake, "2025-06", ("13", 6))
        damage(folder)
        engine = engine_of(folder, lake)
        engine.run_model(engine.project.model("stg_visits"), "2025-06")

        with pytest.raises(
            ModelContractError, match=rf"visit_sums\.sql: .*kpis/schema\.yml: promised .*found .*{named}|{named}"
        ):
            engine.run_model(engine.project.model("visit_sums"), "2025-06")

        assert lake.version("kpis", "visit_sums", "2025-06") == before
        assert sums(lake, "2025-06") == {"13": 5}

    def test_an_error_while_the_model_runs_leaves_the_old_partition(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        land(lake, "2025-06", ("13", 5))
        run(engine_of(folder, lake), "2025-06")
        write(
            folder / "staging" / "stg_visits.sql",
            "select branch, cast(branch || 'x' as integer) as visits, known_month from {{ source('raw', 'visits') }}",
        )
        engine = engine_of(folder, lake)

        with pytest.raises(
            ModelFailed, match=r"^staging\.stg_visits month 2025-06: the engine stopped with \w+\."
        ) as caught:
            engine.run_model(engine.project.model("stg_visits"), "2025-06")

        assert "13x" not in told(caught.value)
        assert lake.read("staging", "stg_visits", "2025-06").to_pylist() == [row("13", 5, "2025-06")]
        assert list(lake.root.rglob(".tmp-*")) == []

    def test_a_model_may_end_in_a_comment(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        write(folder / "staging" / "stg_visits.sql", COUNTS + "-- branches without visits send nothing")
        land(lake, "2025-06", ("13", 5))

        assert run(engine_of(folder, lake), "2025-06") == [1, 1]

    def test_a_lake_below_a_folder_with_an_apostrophe_is_read_and_written(
        self, engine_of: Engines, folder: Path, tmp_path: Path
    ) -> None:
        lake = Lake(tmp_path / "it's 支部 [1] {a,b} *?" / "month=2024-01")
        land(lake, "2025-06", ("13", 5))

        assert run(engine_of(folder, lake), "2025-06") == [1, 1]
        assert sums(lake, "2025-06") == {"13": 5}

    def test_decimals_stay_exact(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        kinds = [{"name": "value", "data_type": "DECIMAL(28, 10)", "description": "value"}]
        write(
            folder / "staging" / "stg_visits.sql",
            "select cast('123456789012345678.0123456789' as decimal(28,10)) as value",
        )
        write(folder / "kpis" / "visit_sums.sql", "select * from {{ ref('stg_visits') }}")
        schema(folder / "staging" / "schema.yml", [stg_visits(columns=kinds)])
        schema(folder / "kpis" / "schema.yml", [visit_sums(columns=kinds)])

        assert run(engine_of(folder, lake), "2025-06") == [1, 1]
        table = lake.read("kpis", "visit_sums", "2025-06")
        assert str(table["value"].type) == "decimal128(28, 10)"
        assert str(table["value"][0].as_py()) == "123456789012345678.0123456789"

    def test_a_preview_shows_at_most_the_rows_asked_for(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        land(lake, "2025-06", ("13", 5), ("04", 2), ("05", 1))

        header, rows = engine_of(folder, lake).preview(Relation("raw", "visits"), "2025-06", 2)

        assert header == ["branch", "visits", "known_month"]
        assert rows == [("13", 5, "2025-06"), ("04", 2, "2025-06")]

    def test_a_partition_replaced_while_it_is_read_is_read_anew(
        self, engine_of: Engines, folder: Path, tmp_path: Path
    ) -> None:
        lake = LakeReplacedWhileRead(tmp_path / "lake")
        land(lake, "2025-06", ("13", 5))
        engine = engine_of(folder, lake)
        staging = engine.project.model("stg_visits")
        lake.times_gone = 2

        assert engine.run_model(staging, "2025-06") == 1

        lake.times_gone = 3
        with pytest.raises(LakeError, match=r"^staging\.stg_visits month 2025-06: "):
            engine.run_model(staging, "2025-06")
        assert lake.read("staging", "stg_visits", "2025-06").num_rows == 1

    # --- views ---

    def test_a_view_writes_nothing_and_is_read_through_its_inputs(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        add_view(folder)
        land(lake, "2025-06", ("13", 5), ("04", 1), ("13", 2))
        engine = engine_of(folder, lake)

        assert [model.name for model in engine.project.models if model.is_view] == ["busy", "busier"]
        assert run(engine, "2025-06") == [3, 2, 2, 1]

        assert lake.months("staging", "busy") == []
        assert not lake.dataset_dir("staging", "busier").exists()
        assert sums(lake, "2025-06") == {"13": 7}
        view = Relation("staging", "busier")
        assert engine.rows(view, "2025-06") == 2
        header, rows = engine.preview(view, "2025-06", 2)
        assert header == ["branch", "visits", "known_month"]
        assert sorted(rows, key=str) == [("13", 2, "2025-06"), ("13", 5, "2025-06")]

    def test_a_view_keeps_its_contract(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        add_view(folder, columns=stg_visits()["columns"][:2])
        land(lake, "2025-06", ("13", 5))
        engine = engine_of(folder, lake)
        engine.run_model(engine.project.model("stg_visits"), "2025-06")

        with pytest.raises(ModelContractError, match=r"busy\.sql: .*known_month"):
            engine.run_model(engine.project.model("busy"), "2025-06")

    def test_the_version_of_a_view_follows_its_inputs_and_its_sql(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        add_view(folder)
        view = Relation("staging", "busier")

        def version(month: str = "2025-06") -> str:
            engine = engine_of(folder, lake)
            engine.run_model(engine.project.model("stg_visits"), month)
            return engine.version(view, month)

        land(lake, "2025-05", ("13", 5))
        land(lake, "2025-06", ("13", 5))
        first = version()
        assert version() == first
        assert version("2025-05") != first
        land(lake, "2025-06", ("13", 6))
        assert version() != first
        land(lake, "2025-06", ("13", 5))
        assert version() == first
        write(folder / "staging" / "busy.sql", BUSY.replace("> 1", "> 2"))
        assert version() != first

    def test_a_view_over_a_month_that_was_not_run_names_it(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        add_view(folder)
        engine = engine_of(folder, lake)

        with pytest.raises(MissingPartition, match="staging/stg_visits has no partition 2025-06"):
            engine.version(Relation("staging", "busy"), "2025-06")
        with pytest.raises(MissingPartition, match="staging/stg_visits has no partition 2025-06"):
            engine.run_model(engine.project.model("busy"), "2025-06")

    # --- the month and the history of one model ---

    def test_a_model_may_read_the_month_and_the_history_of_another(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        write(
            folder / "kpis" / "visit_sums.sql",
            "select month.branch, cast(month.visits as bigint) as visits, cast(count(*) as varchar) as as_of "
            "from {{ ref('stg_visits') }} as month join {{ history('stg_visits') }} as known "
            "on month.branch = known.branch group by all",
        )
        engine = engine_of(folder, lake)
        for month, visits in (("2025-05", 1), ("2025-06", 20)):
            land(lake, month, ("13", visits))
            run(engine, month)

        (found,) = lake.read("kpis", "visit_sums", "2025-06").to_pylist()
        assert found == {"branch": "13", "visits": 20, "as_of": "2"}

    @pytest.mark.parametrize("old", [["2025-03", "2025-05"], ["2025-05"]], ids=["the first", "one between"])
    def test_earlier_months_of_another_version_are_named_with_the_command_that_makes_them_anew(
        self, engine_of: Engines, folder: Path, lake: Lake, old: list[str]
    ) -> None:
        write(folder / "kpis" / "visit_sums.sql", SUMS.replace("'{{ var(\"month\") }}'", "max(known_month)"))
        engine = engine_of(folder, lake)
        for month in ("2025-03", "2025-05", "2025-06"):
            land(lake, month, ("13", 5))
            engine.run_model(engine.project.model("stg_visits"), month)
        for month in old:
            lake.write(
                "staging", "stg_visits", month, pa.table({"branch": ["13"], "visits": pa.array([1], pa.int32())})
            )

        told = f"staging.stg_visits was made by another version .* in {', '.join(old)}: kenpo backfill --from {old[0]} --to"
        with pytest.raises(LakeError, match=told):
            engine.run_model(engine.project.model("visit_sums"), "2025-06")

    # --- fingerprints ---

    def test_a_fingerprint_stands_for_inputs_history_sql_macros_promises_month_and_code(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        for month in ("2025-04", "2025-05", "2025-06"):
            land(lake, month, ("13", 5))

        def fingerprint(month: str = "2025-06", *code: str) -> str:
            engine = engine_of(folder, lake)
            for one in ("2025-04", "2025-05", "2025-06"):
                engine.run_model(engine.project.model("stg_visits"), one)
            return engine.fingerprint(engine.project.model("visit_sums"), month, code)

        first = fingerprint()
        assert fingerprint() == first
        found = {first, fingerprint("2025-05"), fingerprint("2025-06", "engine 2")}
        land(lake, "2025-04", ("13", 6))
        found.add(fingerprint())
        land(lake, "2025-04", ("13", 5))
        assert fingerprint() == first
        write(folder / "kpis" / "visit_sums.sql", SUMS.replace("order by branch", "order by branch desc"))
        found.add(fingerprint())
        write(folder / "kpis" / "visit_sums.sql", SUMS)
        schema(folder / "kpis" / "schema.yml", [visit_sums(data_tests=[{"unique": {"column_name": "branch"}}])])
        found.add(fingerprint())
        schema(folder / "kpis" / "schema.yml", [visit_sums(description="Told in other words")])
        assert fingerprint() == first
        write(folder / "macros" / "new.sql", "{% macro nothing() %}{% endmacro %}\n")
        found.add(fingerprint())

        assert len(found) == 7

    def test_a_later_month_is_no_part_of_a_fingerprint(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        engine = engine_of(folder, lake)
        model = engine.project.model("visit_sums")
        land(lake, "2025-06", ("13", 5))
        run(engine, "2025-06")
        before = engine.fingerprint(model, "2025-06")
        land(lake, "2025-07", ("13", 6))
        run(engine, "2025-07")

        assert engine.fingerprint(model, "2025-06") == before

    def test_a_damaged_earlier_month_is_named_and_not_read(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        engine = engine_of(folder, lake)
        for month in ("2025-05", "2025-06"):
            land(lake, month, ("13", 7))
            engine.run_model(engine.project.model("stg_visits"), month)
        (path,) = lake.files("staging", "stg_visits", "2025-05")
        data = bytearray(path.read_bytes())
        data[10] ^= 1
        path.write_bytes(data)

        with pytest.raises(DamagedPartition, match=r"staging/stg_visits month 2025-05 .* `kenpo run --month 2025-05`"):
            engine.run_model(engine.project.model("visit_sums"), "2025-06")

        assert lake.months("kpis", "visit_sums") == []
        run(engine, "2025-05")
        run(engine, "2025-06")
        assert sums(lake, "2025-06") == {"13": 14}

    # --- sessions ---

    def test_values_of_all_kinds_come_as_they_were_written(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        lake.write("raw", "visits", "2025-06", pa.Table.from_pylist(VALUES, schema=KINDS))
        with engine_of(folder, lake).session() as session:
            relation = session.attach(Relation("raw", "visits"), ["2025-06"])
            plain = [name for name in KINDS.names if name != "parts"]

            assert session.columns(relation) == tuple(KINDS.names)
            assert session.fetch(f"select {', '.join(plain)} from {relation} order by text") == [
                tuple(VALUES[0][name] for name in plain),
                (None,) * len(plain),
            ]

    def test_a_relation_of_several_months_takes_a_name_and_gives_it_back(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        land(lake, "2025-05", ("13", 7))
        land(lake, "2025-06", ("13", 5), ("04", 2))
        with engine_of(folder, lake).session() as session:
            relation = session.attach(Relation("raw", "visits"), ["2025-05", "2025-06"])
            session.name_view("checked", f"(select branch, visits from {relation} where branch = '13')")

            assert session.columns("checked") == ("branch", "visits")
            assert session.fetch("select sum(visits), count(*) from checked") == [(12, 2)]

            session.name_view("checked", relation)
            assert session.fetch("select count(*) from checked") == [(3,)]
            session.drop_view("checked")
            session.drop_view("checked")
            with pytest.raises(SessionError) as caught:
                session.columns("checked")
            assert caught.value.is_about_sql

    def test_two_sessions_do_not_see_each_other(self, engine_of: Engines, folder: Path, lake: Lake) -> None:
        land(lake, "2025-05", ("13", 7))
        land(lake, "2025-06", ("13", 5))
        engine = engine_of(folder, lake)
        visits = Relation("raw", "visits")
        with engine.session() as one, engine.session() as other:
            may, june = one.attach(visits, ["2025-05"]), other.attach(visits, ["2025-06"])

            assert one.fetch(f"select visits from {may}") == [(7,)]
            assert other.fetch(f"select visits from {june}") == [(5,)]

    def test_sql_that_makes_no_sense_is_told_and_values_are_not(
        self, engine_of: Engines, folder: Path, lake: Lake
    ) -> None:
        land(lake, "2025-06", ("secret", 7))
        with engine_of(folder, lake).session() as session:
            relation = session.attach(Relation("raw", "visits"), ["2025-06"])
            for wrong in (f"select nothing from {relation}", f"select from where {relation}"):
                with pytest.raises(SessionError) as caught:
                    session.fetch(wrong)
                assert caught.value.is_about_sql
                assert str(caught.value).startswith(f"{caught.value.kind}: ")
            with pytest.raises(SessionError, match=r"^BinderException: .*nothing"):
                session.columns(f"(select nothing from {relation})")
            with pytest.raises(SessionError) as caught:
                session.fetch(f"select cast(branch as integer) from {relation}")

        assert not caught.value.is_about_sql
        assert str(caught.value) == caught.value.kind
        assert "secret" not in told(caught.value)
