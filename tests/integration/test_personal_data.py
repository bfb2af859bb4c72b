"""Personal data reach nothing: marked symbols and numbers are planted in every dataset, and everything is searched for them.

They stand in valid rows, in rows faulty in other cells and in themselves, in columns where they do not belong, in ragged rows
and in files that cannot be read. Searched are the lake (every cell of every Parquet file), the database, Dagster's storage with
its event log, logs, workbooks (unpacked) and everything that a command prints.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import duckdb
import pytest
from kenpo_home import environment, kenpo, land, workbook, write
from typer.testing import CliRunner

from kenpo_pipelines.cli import app
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import load_contracts

MONTH = "2025-06"
MARK = re.compile(rb"77[0-9]{3}19801|88[0-9]{3}42801|KOJIN[0-9]+")
"""Every planted symbol, number and word looks like this, and nothing else does."""
CONTRACTS = load_contracts(CHECKOUT / "expectations")

VALID: dict[str, dict[str, str]] = {
    "benefit_decisions": {
        "支部コード": "13",
        "受付番号": "A{n}",
        "給付種別": "傷病手当金",
        "受付区分": "郵送",
        "受付日": "2025-06-02",
        "返戻日": "",
        "再受付日": "",
        "決定日": "2025-06-06",
        "振込日": "2025-06-10",
        "決定区分": "支給",
        "支給額": "120000",
    },
    "claims": {
        "支部コード": "13",
        "レセプト管理番号": "R{n}",
        "診療年月": "2025-04",
        "審査年月": "2025-06",
        "点数表": "調剤",
        "決定点数": "1200",
        "後発数量": "10",
        "後発あり先発数量": "2",
        "後発薬剤料": "500",
        "後発あり先発薬剤料": "700",
        "高血圧受診フラグ": "1",
        "糖尿病受診フラグ": "0",
        "脂質異常受診フラグ": "0",
    },
    "receipt_audits": {
        "支部コード": "13",
        "再審査申出番号": "S{n}",
        "点検種別": "内容点検",
        "レセプト管理番号": "R{n}",
        "申出年月": "2025-05",
        "結果年月": "2025-06",
        "結果": "査定",
        "査定額": "3000",
    },
    "recoverables": {
        "支部コード": "13",
        "債権番号": "D{n}",
        "債権種別": "業務上",
        "区分": "調定",
        "発生日": "2025-06-03",
        "金額": "9000",
        "回収方法": "",
    },
    "checkup_counts": {"支部コード": "13", "区分": "生活習慣病予防健診", "対象者数": "1000", "実施者数": "100"},
    "guidance_counts": {
        "支部コード": "13",
        "対象": "被保険者",
        "実施主体": "支部職員",
        "対象者数": "500",
        "初回面談": "60",
        "実績評価": "50",
    },
    "untreated_persons": {
        "支部コード": "13",
        "健診受診年月": "2024-08",
        "血圧該当": "1",
        "血糖該当": "0",
        "脂質該当": "0",
    },
    "kpi_results": {
        "年度": "2025",
        "時点": "2025-05",
        "支部コード": "13",
        "KPI": "line_monthly_posts",
        "分子": "",
        "分母": "",
        "実績値": "実施",
        "単位": "",
    },
    "initiatives": {
        "年度": "2025",
        "時点": "2025-05",
        "支部": "東京支部",
        "分野": "健診事業関連予算",
        "取組名": "取組{n}",
        "予算額": "4070000",
        "執行（予定）額": "",
        "ステータス": "未着手",
        "前年度予算額": "",
        "単位": "円",
    },
    "activity_counts": {
        "年度": "2025",
        "時点": "2025-05",
        "支部": "東京支部",
        "種別": "activity",
        "分野": "",
        "項目": "取組{n}",
        "件数": "5",
        "単位": "件",
    },
    "progress_marks": {
        "年度": "2025",
        "時点": "2025-05",
        "支部コード": "13",
        "対象": "line_monthly_posts",
        "評価": "○",
        "記入者": "企画総務グループ",
        "理由": "計画どおり",
    },
}
FAULTY_CELLS: dict[str, tuple[str, ...]] = {
    "benefit_decisions": ("受付日", "支給額", "給付種別", "支部コード"),
    "claims": ("決定点数", "診療年月", "点数表", "後発数量", "高血圧受診フラグ"),
    "receipt_audits": ("申出年月", "結果", "査定額"),
    "recoverables": ("発生日", "金額", "区分"),
    "checkup_counts": ("区分", "実施者数"),
    "guidance_counts": ("対象", "実績評価"),
    "untreated_persons": ("健診受診年月", "血圧該当"),
    "kpi_results": ("時点", "KPI", "実績値"),
    "initiatives": ("時点", "支部", "予算額", "ステータス"),
    "activity_counts": ("時点", "支部", "件数"),
    "progress_marks": ("時点", "支部コード", "評価"),
}
"""Columns into which a person is typed by mistake, one row each (as words: a bare number in an amount is an amount)."""
FIGURES = ("kpi_results", "initiatives", "activity_counts", "progress_marks")
"""Datasets without records: read cell by cell, and shown to who submits them."""
_PERSON = ("記号", "番号", "枝番")


def symbol(n: int) -> str:
    return f"77{n % 1000:03d}19801"


def number(n: int) -> str:
    return f"88{n % 1000:03d}42801"


def rows_of(dataset: str) -> list[dict[str, str]]:
    """100 valid rows, then one faulty row for each column, all with marked persons."""
    rows = []
    for n in range(100):
        row = {header: text.format(n=n) for header, text in VALID[dataset].items()}
        if dataset in ("checkup_counts", "guidance_counts") and n:
            row["支部コード"] = f"{n:02d}"
            if n > 47 or n == 13:
                continue
        if n and dataset in FIGURES:
            break
        rows.append(row | {"記号": symbol(n), "番号": number(n), "枝番": "00"})
    for place, header in enumerate(FAULTY_CELLS[dataset], start=200):
        faulty = {name: text.format(n=place) for name, text in VALID[dataset].items()}
        rows.append(
            faulty
            | {"記号": symbol(place), "番号": number(place), "枝番": "00", header: f"{number(place)}番KOJIN{place}"}
        )
    broken_person = {name: text.format(n=300) for name, text in VALID[dataset].items()}
    rows.append(broken_person | {"記号": "KOJIN1" * 12, "番号": "KOJIN\a2", "枝番": number(3)})
    rows.append(broken_person | {"記号": symbol(4), "番号": "", "枝番": number(4)})
    return rows


def as_csv(rows: Iterable[Mapping[str, str]], tail: str = "") -> bytes:
    rows = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return (out.getvalue() + tail).encode("cp932")


@cache
def files_of(dataset: str) -> dict[str, bytes]:
    rows = rows_of(dataset)
    header = list(rows[0])
    ragged = as_csv(rows, tail=f"{symbol(400)},{number(400)}\r\n")
    undecodable = as_csv(rows) + symbol(401).encode() + b"\xff\xfe," * 5 + b"\r\n"
    open_quote = as_csv(rows) + f'"{symbol(402)},{number(402)}\r\n'.encode()
    no_header = f"{symbol(403)},{number(403)},KOJIN403\r\n".encode() * 3
    return {
        "clean.csv": as_csv(rows[:1]),
        "faulty.csv": as_csv(rows),
        "ragged.csv": ragged,
        "undecodable.csv": undecodable,
        "open_quote.csv": open_quote,
        "no_header.csv": no_header,
        "book.xlsx": workbook(header, *([row[name].replace("\a", "") for name in header] for row in rows)),
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("personal") / "home"


def in_this_process(home: Path, *arguments: str | Path, expected: tuple[int, ...] = (0, 1)) -> str:
    """What the command prints. Its exit code says what it thinks of the file, which is not looked at here."""
    done = CliRunner().invoke(app, [str(one) for one in arguments], env=environment(home))
    assert done.exit_code in expected, done.output
    return done.output + repr(done.exception)


@pytest.fixture(scope="module")
def printed(home: Path) -> dict[str, str]:
    """What every command printed: a month is checked, submitted, run, shown and run again after a failure."""
    said = {}
    desk = home.parent / "desk"
    for dataset in VALID:
        chosen = ("--dataset", dataset, "--month", MONTH)
        for name, data in files_of(dataset).items():
            path = write(desk / dataset / name, data)
            for kind in ("html", "xlsx"):
                report = home / "reports" / f"{dataset}_{name}.{kind}"
                report.parent.mkdir(parents=True, exist_ok=True)
                said[f"check-file {dataset} {name}"] = in_this_process(
                    home, "check-file", path, *chosen, "--report", report
                )
        said[f"submit {dataset}"] = in_this_process(home, "submit", desk / dataset / "faulty.csv", *chosen)
        land(home, dataset, MONTH, files_of(dataset))
    run = ["run", "--month", MONTH]
    done = kenpo(home, *run)  # in a process of its own: what libraries say past this one's streams is heard, too
    said[" ".join(run)] = done.stdout + done.stderr
    assert done.returncode == 0, done.stderr[-2000:]
    for arguments in ([*run, "--force"], ["kpi"], ["scorecard"]):
        said[" ".join(arguments)] = in_this_process(home, *arguments, expected=(0,))
    keyless = kenpo(home, "run", "--month", MONTH, KENPO_PSEUDONYM_KEY="")
    said["run without a key"] = keyless.stdout + keyless.stderr
    assert keyless.returncode == 1
    return said


def parquet_cells(path: Path) -> bytes:
    """Every cell of the file as text, one after another."""
    with duckdb.connect() as connection:
        described = connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
        names = ", ".join(f'"{one[0]}"::varchar' for one in described)
        rows = connection.execute(f"select {names} from read_parquet(?)", [str(path)]).fetchall()
    return repr(rows).encode()


def content(path: Path) -> bytes:
    if path.suffix == ".parquet":
        return parquet_cells(path) + path.read_bytes()
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            return b"".join(archive.read(name) for name in archive.namelist())
    return path.read_bytes()


def stored(home: Path) -> Iterator[Path]:
    """Every file of the home folder but the submissions themselves."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and "landing" not in path.relative_to(home).parts:
            yield path


def test_the_marks_can_be_found(home: Path, printed: dict[str, str]) -> None:
    """The search finds them where they rightly are, and the run has read persons at all."""
    assert all(MARK.search(content(home / "landing" / dataset / MONTH / "book.xlsx")) for dataset in VALID)
    raw = [path for path in stored(home) if "raw" in path.parts and path.suffix == ".parquet"]
    with duckdb.connect() as connection:
        for dataset in ("benefit_decisions", "claims", "untreated_persons"):
            files = [str(path) for path in raw if dataset in path.parts]
            counted = connection.execute(
                "select count(*), count(member_key), min(octet_length(member_key)) from read_parquet(?)", [files]
            ).fetchone()
            assert counted is not None and counted[0] >= 100
            assert counted[0] == counted[1] and counted[2] == 16
    assert any("dagster" in path.parts for path in stored(home))
    pages = [path for path in stored(home) if "data_docs" in path.parts and path.suffix == ".html"]
    assert len(pages) > len(VALID)
    assert len([path for path in stored(home) if path.suffix == ".xlsx"]) > 10


def test_every_dataset_with_a_contract_is_planted() -> None:
    assert set(CONTRACTS) - {"kpi_targets"} <= set(VALID)
    personal = {name for name, one in CONTRACTS.items() if one.has_personal_columns}
    assert personal == {"benefit_decisions", "claims", "untreated_persons"}


def test_nothing_stored_holds_a_person(home: Path, printed: dict[str, str]) -> None:
    found = {str(path.relative_to(home)): MARK.findall(content(path))[:3] for path in stored(home)}
    assert {name: marks for name, marks in found.items() if marks} == {}


def test_nothing_printed_holds_a_person(printed: dict[str, str]) -> None:
    found = {name: MARK.findall(text.encode())[:3] for name, text in printed.items()}
    # datasets of figures have no personal columns: check-file may show their submitter the cell that cannot be read
    assert {name: marks for name, marks in found.items() if marks and not any(one in name for one in FIGURES)} == {}


def test_names_of_stored_files_hold_no_person(home: Path, printed: dict[str, str]) -> None:
    assert [path for path in stored(home) if MARK.search(str(path).encode())] == []
