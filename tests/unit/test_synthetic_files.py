"""What the generator writes: reproducible bytes, every kind of dirt, headers of the contracts, rows that read as was meant."""

import csv
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from pydantic import SecretStr
from synthetic_runs import catalogue, contracts, plan, write

from kenpo_pipelines.submissions.streaming.reading import read_record_file
from kenpo_pipelines.synthetic import dirt
from kenpo_pipelines.synthetic.generate import FILES, TRUTH, Written
from kenpo_pipelines.synthetic.plan import DATASETS, SynthRefused
from kenpo_pipelines.synthetic.styles import STYLES
from kenpo_pipelines.synthetic.transcoding import CodecTranscoder, LibcTranscoder

DIRTY = plan(dirty_pct=Decimal(4), held_back="31", claims=8_000)


@dataclass(frozen=True)
class Run:
    out: Path
    written: Written

    def path(self, dataset: str, month: str, branch: str) -> Path:
        (found,) = self.out.glob(f"{dataset}/{month}/synthetic-{dataset}-{branch}.*")
        return found


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("clean") / "out"
    return Run(out, write(out, plan()))


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("dirty") / "out"
    return Run(out, write(out, DIRTY))


def digests(out: Path) -> dict[str, str]:
    """Content and time of every file."""
    return {
        path.relative_to(out).as_posix(): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {times(path)}"
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def times(path: Path) -> str:
    return str(path.stat().st_mtime) if path.name.startswith("synthetic-") else ""


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a plain file."""
    with path.open(encoding="cp932", newline="") as handle:
        return list(csv.DictReader(handle))


def test_same_seed_writes_the_same_bytes_and_times(dirty: Run, tmp_path: Path) -> None:
    write(tmp_path / "again", DIRTY)

    assert digests(tmp_path / "again") == digests(dirty.out)


def test_another_seed_writes_other_rows(clean: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other, plan(seed=8))

    for dataset in DATASETS:
        name = f"{dataset}/2025-09/synthetic-{dataset}-13.csv"
        assert (other / name).read_bytes() != (clean.out / name).read_bytes(), dataset


def test_months_do_not_depend_on_where_the_run_begins(clean: Run, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    write(alone, plan(first="2025-09"))

    for dataset in ("benefit_decisions", "receipt_audits", "checkup_counts", "guidance_counts"):
        name = f"{dataset}/2025-09/synthetic-{dataset}-13.csv"
        assert (alone / name).read_bytes() == (clean.out / name).read_bytes(), dataset


@pytest.mark.parametrize("dataset", DATASETS)
def test_plain_file_has_the_contracts_headers_and_choices(clean: Run, dataset: str) -> None:
    columns = contracts()[dataset].columns
    rows = rows_of(clean.path(dataset, "2025-09", "13"))

    assert list(rows[0]) == [column.header for column in columns]
    assert {row["支部コード"] for row in rows} == {"13"}
    for column in columns:
        if column.values:
            assert {row[column.header] for row in rows} - {""} <= set(column.values)


def test_claims_are_as_many_as_asked_for(clean: Run) -> None:
    counts = {branch: len(rows_of(clean.path("claims", "2025-09", branch))) for branch in ("02", "05", "13", "31")}

    assert sum(counts.values()) == 5_000
    assert counts == {"02": 300, "05": 500, "13": 4_000, "31": 200}


def test_claims_arrive_late_and_returned_applications_exist(clean: Run) -> None:
    months = [row["診療年月"] for row in rows_of(clean.path("claims", "2025-09", "13"))]
    applications = rows_of(clean.path("benefit_decisions", "2025-09", "13"))

    assert months.count("2025-08") > 0.8 * len(months)
    assert {"2025-06", "2025-07", "2025-08"} <= set(months)
    assert 0.04 < sum(bool(row["返戻日"]) for row in applications) / len(applications) < 0.12
    assert {row["決定日"][:7] for row in applications} >= {"2025-08", "2025-09"}


def test_untreated_persons_of_the_year_before_are_in_the_first_folder(clean: Run) -> None:
    first = {row["健診受診年月"] for row in rows_of(clean.path("untreated_persons", "2025-08", "13"))}
    second = {row["健診受診年月"] for row in rows_of(clean.path("untreated_persons", "2025-09", "13"))}

    assert min(first) == "2024-04"
    assert max(first) == "2025-07"
    assert second == {"2025-07", "2025-08"}


def test_every_kind_of_dirt_and_every_style_occurs(dirty: Run) -> None:
    kinds = {kind for kind in dirty.written.kinds if not kind.startswith("file: ")}

    assert kinds == {*dirt.READABLE, *dirt.REJECTED, dirt.RAGGED, dirt.REPEATED, dirt.CONTRADICTORY}
    assert set(dirty.written.kinds) - kinds == {f"file: {style}" for style in STYLES}


def test_clean_run_is_plain(clean: Run) -> None:
    assert set(clean.written.kinds) == {"file: plain"}
    assert {one.use for one in clean.written.files} == {"used"}
    assert {path.suffix for path in clean.out.rglob("synthetic-*")} == {".csv"}


def test_rejected_rows_stay_under_the_share_that_is_held_back(dirty: Run) -> None:
    used = [one for one in dirty.written.files if one.use == "used"]
    held_back = [one for one in dirty.written.files if one.use == "held_back"]

    assert all(100 * one.rows_rejected < one.rows for one in used)
    assert sum(one.rows_rejected for one in used) > 50
    assert [(one.dataset, one.month, one.branch_code) for one in held_back] == [("benefit_decisions", "2025-09", "31")]
    assert 100 * held_back[0].rows_rejected > held_back[0].rows


def reading() -> Iterator[tuple[str, str]]:
    yield from ((dataset, month) for dataset in DATASETS for month in DIRTY.months)


@pytest.mark.parametrize(("dataset", "month"), reading())
def test_files_read_as_they_were_meant(dirty: Run, dataset: str, month: str, tmp_path: Path) -> None:
    for one in dirty.written.files:
        if (one.dataset, one.month) != (dataset, month):
            continue
        raw, quarantine = tmp_path / "raw.parquet", tmp_path / "quarantine.parquet"
        provenance = {"known_month": month, "file": one.file, "received_at": "", "origin": "synthetic"}
        path = dirty.out / dataset / month / one.file
        read = read_record_file(
            path, contracts()[dataset], catalogue(), month, SecretStr("0" * 64), raw, quarantine, provenance
        )
        assert read.status == "loaded", (one.file, read.fault)
        assert (read.rows_read, read.rows_rejected) == (one.rows, one.rows_rejected), one.file


def test_styles_are_what_they_are_called(dirty: Run) -> None:
    paths = [path for path in dirty.out.rglob("synthetic-*") if "-before" not in path.name]
    heads = {path: path.read_bytes()[:400] for path in paths}

    assert any(head.startswith(b"\xef\xbb\xbf") for head in heads.values())
    assert any(path.read_bytes().endswith(b"\r\n\x1a") for path in paths)
    assert any(head.startswith(b"branch_code,") for head in heads.values())
    assert any("㈱けんぽ～".encode("cp932") in path.read_bytes() for path in paths)
    assert any("※".encode("cp932") in path.read_bytes()[-120:] for path in paths)
    packed = next(path for path in paths if path.name.endswith(".csv.gz"))
    assert "支部コード" in gzip.decompress(packed.read_bytes()).decode("cp932")
    sheet = openpyxl.load_workbook(next(path for path in paths if path.suffix == ".xlsx")).active
    assert sheet is not None
    assert "令和７年" in str(sheet.cell(1, 1).value)
    assert sheet.cell(3, 1).value == "支部コード"
    assert isinstance(sheet.cell(4, 1).value, int)


def test_replaced_file_is_older_and_copy_has_the_same_bytes(dirty: Run) -> None:
    uses = {one.use: one for one in dirty.written.files if one.dataset == "benefit_decisions"}
    folder = dirty.out / "benefit_decisions" / "2025-09"
    newer = dirty.path("benefit_decisions", "2025-09", "05")
    copy = folder / uses["copy"].file
    (original,) = [path for path in folder.glob("synthetic-benefit_decisions-02.*")]

    assert (folder / uses["replaced"].file).stat().st_mtime < newer.stat().st_mtime
    assert copy.read_bytes() == original.read_bytes()
    assert copy.stat().st_mtime > original.stat().st_mtime


def test_utf8_files_say_the_same(clean: Run, tmp_path: Path) -> None:
    write(tmp_path / "utf8", plan(encoding="utf-8"))

    name = "claims/2025-09/synthetic-claims-13.csv"
    assert (tmp_path / "utf8" / name).read_text("utf-8") == (clean.out / name).read_text("cp932")
    assert (tmp_path / "utf8" / TRUTH).read_bytes() == (clean.out / TRUTH).read_bytes()


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(SynthRefused, match="something else"):
        write(tmp_path, plan())

    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_folder_of_an_earlier_run_is_replaced(clean: Run, tmp_path: Path) -> None:
    write(tmp_path / "out", plan(first="2025-07", month="2025-08"))
    write(tmp_path / "out", plan())

    assert digests(tmp_path / "out") == digests(clean.out)


def test_files_are_listed(clean: Run) -> None:
    with (clean.out / FILES).open(encoding="utf-8", newline="") as handle:
        listed = {f"{row['dataset']}/{row['month']}/{row['file']}" for row in csv.DictReader(handle)}

    assert listed == {path.relative_to(clean.out).as_posix() for path in clean.out.rglob("synthetic-*")}


def test_libc_and_python_agree_on_cp932_however_blocks_are_cut() -> None:
    text = "支部コード,①㈱～－―,医科入院外,ﾃｽﾄ,～\r\n" * 3
    expected, data = text.encode("cp932"), text.encode()

    for size in (1, 2, 3, 5, 64, len(data)):
        for converter in (LibcTranscoder("cp932"), CodecTranscoder("cp932")):
            blocks = (data[at : at + size] for at in range(0, len(data), size))
            assert b"".join(map(converter.convert, blocks)) == expected


def test_a_character_that_cp932_lacks_is_an_error() -> None:
    with pytest.raises(UnicodeError):
        LibcTranscoder("cp932").convert("𠮷".encode())
