"""The command ``kenpo`` as people and scripts meet it: what it prints, where, and with which exit code.

One home with two published months is made by one real ``kenpo backfill``; commands that start no run are called in this
process, a few through the installed program.
"""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from kenpo_home import (
    KEY,
    RESULT_HEADER,
    encrypted,
    environment,
    kenpo,
    land,
    output_files,
    result,
    results,
    scorecard_files,
    target,
    targets,
    tree,
    truncated_gzip,
    workbook,
    write,
)
from typer.testing import CliRunner, Result

from kenpo_pipelines import fiscal
from kenpo_pipelines.cli import app

COMMANDS = ("demo", "submit", "check-file", "run", "backfill", "kpi", "scorecard", "ui")
COLUMNS = (
    "fiscal_year,as_of,branch_code,branch,kpi_id,kpi,numerator,denominator,value,unit,target,comparator,outcome,"
    "ratio_to_target,rank,source,status"
)
Invoke = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder that does not exist yet."""
    return tmp_path / "home"


def invoker(home: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    def invoke(*arguments: str | Path, **changes: str) -> Result:
        with monkeypatch.context() as patch:
            for name in [name for name in environment(home) if name.startswith("KENPO_")]:
                patch.delenv(name, raising=False)
            return CliRunner().invoke(
                app, [str(one) for one in arguments], env=environment(home, **changes), catch_exceptions=False
            )

    return invoke


@pytest.fixture
def invoke(home: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Call the command in this process; what is no refusal but a bug comes out as an exception."""
    return invoker(home, monkeypatch)


# --- help and wrong use ---


def test_help_shows_every_command_of_the_contract(home: Path) -> None:
    done = kenpo(home, "--help")

    assert done.returncode == 0
    assert all(f" {command} " in done.stdout for command in COMMANDS)
    assert not home.exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(invoke: Invoke, command: str) -> None:
    done = invoke(command, "--help")

    assert done.exit_code == 0
    assert f"Example: kenpo {command}" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run"], "--month"),
        (["run", "--month", "2025-13"], "YYYY-MM"),
        (["run", "--month", "202506"], "YYYY-MM"),
        (["run", "--month", "2023-03"], "2023-04"),
        (["run", "--month", fiscal.add_months(fiscal.current_month(), 1)], "not begun"),
        (["backfill", "--from", "2025-06", "--to", "2025-05"], "after --to"),
        (["backfill", "--from", "2025-06"], "--to"),
        (["kpi", "--format", "excel"], "table, csv or json"),
        (["kpi", "--as-of", "June"], "YYYY-MM"),
        (["kpi", "--branch", "48"], "no such branch"),
        (["kpi", "--kpi", "happiness"], "no such KPI"),
        (["scorecard", "--branch", "大東京支部"], "no such branch"),
        (["scorecard", "--as-of", "2025"], "YYYY-MM"),
        (["submit", "nowhere.csv"], "nowhere.csv"),
        (["check-file"], "file"),
        (["launch"], "launch"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_told_with_exit_code_2(invoke: Invoke, arguments: list[str], told: str) -> None:
    done = invoke(*arguments)

    assert done.exit_code == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("KENPO_ENGINE", "abacus", "KENPO_ENGINE='abacus'"),
        ("KENPO_LAKE_URL", f"s3://{KEY}@bucket/lake", "KENPO_LAKE_URL: write it as s3://bucket/prefix"),
        ("KENPO_DATABASE_URL", "nonsense", "KENPO_DATABASE_URL is not a database URL"),
        ("KENPO_PSEUDONYM_KEY", "", "KENPO_PSEUDONYM_KEY is not set"),
    ],
)
def test_a_wrong_setting_is_told_with_its_name(
    invoke: Invoke, home: Path, variable: str, value: str, told: str
) -> None:
    arguments = ["kpi"] if variable == "KENPO_DATABASE_URL" else ["run", "--month", "2025-06"]

    done = invoke(*arguments, **{variable: value})

    assert done.exit_code == 1
    assert told in done.stderr
    assert KEY not in done.output
    assert not home.exists()


def test_without_the_key_nothing_runs_and_the_way_to_one_is_told(home: Path) -> None:
    done = kenpo(home, "backfill", "--from", "2025-05", "--to", "2025-06", KENPO_PSEUDONYM_KEY="")

    assert done.returncode == 1
    assert "openssl rand -hex 32" in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not home.exists()


# --- check-file and submit ---

GOOD = results(result("13", "57.6"), result("13", "8.0", kpi="single_bid_rate"))
BAD: dict[str, tuple[str, bytes, str]] = {
    "typing error in a figure": ("typo.csv", results(result("13", "57.6"), result("04", "1.03&")), "number_with_typo"),
    "words for a figure": ("words.csv", results(result("13", "44支部が達成")), "word"),
    "unknown branch": ("branch.csv", results(result("48", "57.6")), "unknown_branch"),
    "unknown KPI": ("kpi.csv", results(result("13", "57.6", kpi="幸福度")), "unknown_kpi"),
    "contradictory rows": ("twice.csv", results(result("13", "57.6"), result("13", "57.7")), "contradictory_rows"),
    "workbook with a typing error": ("typo.xlsx", workbook(RESULT_HEADER, result("13", "1.03&")), "number_with_typo"),
    "encrypted workbook": ("secret.xlsx", encrypted(workbook(RESULT_HEADER, result("13", "57.6"))), "encrypted"),
    "truncated archive": ("cut.csv.gz", truncated_gzip(GOOD), "truncated"),
    "columns missing": ("columns.csv", "年度,支部コード,KPI\n2025,13,single_bid_rate\n".encode(), "wrong_columns"),
    "no rows": ("empty.csv", results(), "no_rows"),
    "nothing": ("nothing.csv", b"", "empty_file"),
    "another kind of file": ("letter.pdf", b"%PDF-1.7", "unsupported_extension"),
}  # fmt: skip


def test_a_good_file_passes_and_nothing_is_written(invoke: Invoke, home: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "sent" / "東京.csv", GOOD)
    before = tree(tmp_path)

    done = invoke("check-file", file)

    assert done.exit_code == 0
    assert "○ 東京.csv は提出できます" in done.stdout
    assert done.stderr == ""
    assert tree(tmp_path) == before
    assert not home.exists()


@pytest.mark.parametrize(("name", "data", "fault"), BAD.values(), ids=BAD)
def test_what_check_file_refuses_submit_refuses_and_neither_writes_anything(
    invoke: Invoke, home: Path, tmp_path: Path, name: str, data: bytes, fault: str
) -> None:
    from kenpo_pipelines.submissions.faults import FAULTS

    file = write(tmp_path / "sent" / name, data)
    before = tree(tmp_path)
    kinds = [FAULTS[code] for code in FAULTS if code.startswith(fault) or code == "number_with_words"]

    checked = invoke("check-file", file, "--dataset", "kpi_results")
    submitted = invoke("submit", file, "--dataset", "kpi_results", "--month", "2025-06")

    assert (checked.exit_code, submitted.exit_code) == (1, 1)
    for done in (checked, submitted):
        assert f"× {name}" in done.output
        assert any(kind.value_class in done.output for kind in kinds)
    assert tree(tmp_path) == before
    assert not home.exists()


def test_check_file_names_sheet_row_and_column_and_what_to_do(invoke: Invoke, tmp_path: Path) -> None:
    rows = [result("13", "57.6"), result("13", "1.03&", kpi="single_bid_rate")]
    plain = invoke("check-file", write(tmp_path / "報告.csv", results(*rows)))
    book = invoke("check-file", write(tmp_path / "報告.xlsx", workbook(RESULT_HEADER, *rows)))

    assert (
        "報告.csv 3行目「実績値」列：数値に余分な記号が付いた値です（入力値：1.03&）。余分な記号を取り" in plain.stdout
    )
    assert "報告.xlsx シート「Sheet」 3行目「実績値」列：数値に余分な記号が付いた値です" in book.stdout
    assert "2行のうち1行を読み取りました（受け付けられない行：1行）" in plain.stdout


def test_a_file_whose_headers_tell_nothing_is_refused_with_the_datasets_to_choose_from(
    invoke: Invoke, tmp_path: Path
) -> None:
    done = invoke("check-file", write(tmp_path / "memo.csv", "日付,メモ\n4月1日,朝礼\n".encode()))

    assert done.exit_code == 1
    assert "--dataset" in done.stderr
    assert "kpi_results" in done.stderr
    assert "kpi_targets" in done.stderr


def test_an_unknown_dataset_is_wrong_use(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("check-file", write(tmp_path / "a.csv", GOOD), "--dataset", "kpi_result")

    assert done.exit_code == 2
    assert "kpi_results" in done.stderr


def landed(home: Path) -> dict[str, bytes]:
    root = home / "landing"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_submit_puts_each_file_into_the_folder_of_its_dataset(invoke: Invoke, home: Path, tmp_path: Path) -> None:
    plan = targets(target("13", "14.3"))
    files = [write(tmp_path / "sent" / "東京 6月.csv", GOOD), write(tmp_path / "sent" / "目標.csv", plan)]

    done = invoke("submit", *files, "--month", "2025-06")

    assert done.exit_code == 0
    assert landed(home) == {"kpi_results/2025-06/東京 6月.csv": GOOD, "kpi_targets/2025/目標.csv": plan}
    assert str(home / "landing" / "kpi_results" / "2025-06" / "東京 6月.csv") in done.stdout


def test_a_yearly_file_goes_into_the_folder_of_its_year_without_being_told(
    invoke: Invoke, home: Path, tmp_path: Path
) -> None:
    done = invoke("submit", write(tmp_path / "目標.csv", targets(target("13", "14.3"))))

    assert done.exit_code == 0
    assert list(landed(home)) == ["kpi_targets/2025/目標.csv"]


def test_the_same_bytes_again_are_told_and_kept_once(invoke: Invoke, home: Path, tmp_path: Path) -> None:
    invoke("submit", write(tmp_path / "東京.csv", GOOD), "--month", "2025-06")
    before = tree(home)

    again = invoke("submit", tmp_path / "東京.csv", "--month", "2025-06")
    renamed = invoke("submit", write(tmp_path / "東京（再）.csv", GOOD), "--month", "2025-06")

    for done in (again, renamed):
        assert done.exit_code == 0
        assert "提出済みです" in done.stdout
        assert str(home / "landing" / "kpi_results" / "2025-06" / "東京.csv") in done.stdout
    assert tree(home) == before


def test_a_resubmission_with_other_content_is_kept_beside_the_first(invoke: Invoke, home: Path, tmp_path: Path) -> None:
    contents = [results(result("13", value)) for value in ("57.6", "57.7", "57.8")]
    for data in contents:
        assert invoke("submit", write(tmp_path / "東京.csv", data), "--month", "2025-06").exit_code == 0

    assert landed(home) == {
        "kpi_results/2025-06/東京.csv": contents[0],
        "kpi_results/2025-06/東京.r2.csv": contents[1],
        "kpi_results/2025-06/東京.r3.csv": contents[2],
    }


def test_a_branch_may_submit_its_own_rows_only(invoke: Invoke, home: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "二支部.csv", results(result("13", "57.6"), result("04", "33.3")))

    other = invoke("submit", file, "--month", "2025-06", "--branch", "13")
    unknown = invoke("submit", file, "--month", "2025-06", "--branch", "99")

    assert other.exit_code == 1
    assert "東京支部の提出に、ほかの支部の行があります：宮城支部" in other.stderr
    assert unknown.exit_code != 0
    assert "99" in unknown.stderr
    assert not home.exists()
    own = write(tmp_path / "東京.csv", GOOD)
    assert invoke("submit", own, "--month", "2025-06", "--branch", "13").exit_code == 0


def test_of_several_files_the_good_ones_are_put_and_the_exit_code_tells_of_the_bad(
    invoke: Invoke, home: Path, tmp_path: Path
) -> None:
    bad = write(tmp_path / "悪.csv", results(result("13", "1.03&")))

    done = invoke("submit", bad, write(tmp_path / "良.csv", GOOD), "--month", "2025-06")

    assert done.exit_code == 1
    assert "× 悪.csv は提出していません" in done.stderr
    assert list(landed(home)) == ["kpi_results/2025-06/良.csv"]


@pytest.mark.parametrize("month", ["2025-6", "2023-03", fiscal.add_months(fiscal.current_month(), 1)])
def test_a_monthly_file_is_not_put_where_no_run_would_read_it(
    invoke: Invoke, home: Path, tmp_path: Path, month: str
) -> None:
    rows = results(result("13", "57.6", as_of="2022-05", **{"年度": "2022"}, kpi="single_bid_rate"))
    file = write(tmp_path / "東京.csv", rows if month < "2023-04" else GOOD)

    done = invoke("submit", file, "--month", month)

    assert done.exit_code == 2
    assert month in done.stderr
    assert not home.exists()


def test_a_year_is_no_month_for_a_monthly_file(invoke: Invoke, home: Path, tmp_path: Path) -> None:
    done = invoke("submit", write(tmp_path / "東京.csv", GOOD), "--month", "2025")

    assert done.exit_code == 1
    assert "KPI実績報告は月ごとに提出します。--month 2025-06 のように" in done.stderr
    assert not home.exists()


@pytest.mark.parametrize("arguments", [["run", "--month", "2025-06"], ["submit", "東京.csv"], ["kpi"]], ids=" ".join)
def test_a_home_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "東京.csv", GOOD)
    home = write(tmp_path / "a-file", b"")

    done = invoker(home, monkeypatch)(*arguments)

    assert done.exit_code == 1
    assert str(home) in done.stderr
    assert done.stdout.count("\n") <= 1
    assert home.read_bytes() == b""


# --- what a run publishes ---


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where 2025-05 and 2025-06 were run by the installed command; what it said is in ``said.txt``."""
    home = tmp_path_factory.mktemp("published")
    land(
        home,
        "kpi_targets",
        "2025",
        {
            "目標.csv": targets(
                target("13", "14.3"), target("04", "15.0"), target("13", "30.0", "checkup_rate_dependants")
            )
        },
    )
    counts = {"分子": "17986", "分母": "520357"}
    may = [
        result("13", "2.1", as_of="2025-04"),
        result("13", "3.5", "checkup_rate_dependants", **counts),
        result("04", "16.1", as_of="2025-05"),
        result("13", "実施", "line_monthly_posts", **{"単位": "", "表記": ""}),
    ]
    june = [result("13", "14.3", as_of="2025-06"), result("13", "2.2", as_of="2025-04")]
    land(home, "kpi_results", "2025-05", {"五月.csv": results(*may)})
    land(home, "kpi_results", "2025-06", {"六月.csv": results(*june)})
    done = kenpo(home, "backfill", "--from", "2025-05", "--to", "2025-06")
    assert done.returncode == 0, done.stderr
    (home / "said.txt").write_text(done.stderr, encoding="utf-8")
    assert done.stdout == ""
    return home


@pytest.fixture
def ask(published: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    return invoker(published, monkeypatch)


def rows_of(done: Result) -> list[dict[str, str]]:
    assert done.exit_code == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def figures(done: Result, kpi: str = "guidance_rate_insured") -> dict[str, tuple[str, str]]:
    """(own month, value) by branch."""
    return {row["branch_code"]: (row["as_of"], row["value"]) for row in rows_of(done) if row["kpi_id"] == kpi}


def test_a_run_says_what_it_did_month_by_month_without_noise(published: Path) -> None:
    said = (published / "said.txt").read_text(encoding="utf-8")

    assert "✓ 2025-05  2 files, 7 rows read = 7 loaded + 0 rejected" in said
    assert "✓ 2025-06  2 files, 5 rows read = 5 loaded + 0 rejected" in said
    silent = (
        "activity_counts, benefit_decisions, checkup_counts, claims, guidance_counts, initiatives, receipt_audits, "
        "recoverables, untreated_persons"
    )
    assert said.count(f"  ! nothing was submitted: {silent}\n") == 2
    assert said.count("nothing was submitted") == 2
    for noise in ("DEBUG", "Warning", "Traceback", "dagster"):
        assert noise not in said
    assert "RUN_SUCCESS" in (published / "logs" / "kenpo.log").read_text(encoding="utf-8")


def test_csv_has_the_columns_of_the_contract_and_nothing_else_is_on_stdout(published: Path) -> None:
    done = kenpo(published, "kpi", "--branch", "13", "--format", "csv")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == COLUMNS
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert all(None not in row and None not in row.values() for row in rows)
    assert {row["branch"] for row in rows} == {"東京支部"}
    by_kpi = {row["kpi_id"]: row for row in rows}
    assert by_kpi["checkup_rate_dependants"] == {
        "fiscal_year": "2025",
        "as_of": "2025-05",
        "branch_code": "13",
        "branch": "東京支部",
        "kpi_id": "checkup_rate_dependants",
        "kpi": "被扶養者の特定健診実施率",
        "numerator": "17986",
        "denominator": "520357",
        "value": "3.5",
        "unit": "%",
        "target": "30.0",
        "comparator": ">=",
        "outcome": "not_attained",
        "ratio_to_target": "11.5",
        "rank": "1",
        "source": "reported",
        "status": "provisional",
    }
    assert by_kpi["guidance_rate_insured"]["outcome"] == "attained", "a tie is attained"
    assert (by_kpi["line_monthly_posts"]["value"], by_kpi["line_monthly_posts"]["outcome"]) == ("実施", "attained")
    silent = by_kpi["single_bid_rate"]
    assert (silent["as_of"], silent["value"], silent["outcome"], silent["source"]) == ("", "", "not_evaluable", "")


def test_every_kpi_in_force_has_a_row_for_every_branch_present_and_for_the_nation(ask: Invoke) -> None:
    rows = rows_of(ask("kpi", "--format", "csv"))
    kpis = {code: [row["kpi_id"] for row in rows if row["branch_code"] == code] for code in ("00", "04", "13")}

    assert {row["branch_code"] for row in rows} == {"00", "04", "13"}
    assert kpis["04"] == kpis["13"]
    assert set(kpis["13"]) < set(kpis["00"])
    assert all(len(set(names)) == len(names) for names in kpis.values())
    assert {row["outcome"] for row in rows} == {"attained", "not_attained", "not_evaluable"}
    assert {row["source"] for row in rows} <= {"reported", "computed", ""}


def test_as_of_shows_what_was_known_by_then(ask: Invoke) -> None:
    assert figures(ask("kpi", "--as-of", "2025-05", "--format", "csv")) == {
        "00": ("", ""),
        "04": ("2025-05", "16.1"),
        "13": ("2025-04", "2.1"),
    }
    newest = {"00": ("", ""), "04": ("2025-05", "16.1"), "13": ("2025-06", "14.3")}
    assert figures(ask("kpi", "--format", "csv")) == newest
    assert figures(ask("kpi", "--as-of", "2025-06", "--format", "csv")) == newest
    assert figures(ask("kpi", "--as-of", "2025-09", "--format", "csv")) == newest, "the newest month run before it"


def test_a_choice_of_year_branch_and_kpi(ask: Invoke) -> None:
    by_name = rows_of(
        ask("kpi", "--branch", "東京支部", "--kpi", "特定保健指導の実施率（被保険者）", "--format", "csv")
    )
    by_code = rows_of(ask("kpi", "--branch", "13", "--kpi", "guidance_rate_insured", "--format", "csv"))

    assert by_name == by_code
    assert [(row["branch_code"], row["kpi_id"]) for row in by_code] == [("13", "guidance_rate_insured")]
    assert {row["fiscal_year"] for row in rows_of(ask("kpi", "--fiscal-year", "2024", "--format", "csv"))} == {"2024"}


def test_json_tells_the_same_as_csv(ask: Invoke) -> None:
    as_csv = rows_of(ask("kpi", "--format", "csv"))
    as_json = json.loads(ask("kpi", "--format", "json").stdout)

    assert [list(row) for row in as_json] == [[*COLUMNS.split(","), "flags"]] * len(as_csv)
    for ours, theirs in zip(as_json, as_csv, strict=True):
        assert isinstance(ours.pop("flags"), list)
        for name, value in ours.items():
            if isinstance(value, int | float):
                assert float(theirs[name]) == value, name
            else:
                assert theirs[name] == (value or ""), name


def test_the_table_has_words_for_outcomes(published: Path) -> None:
    wide = kenpo(published, "kpi", "--branch", "13").stdout
    narrow = kenpo(published, "kpi", "--branch", "13", COLUMNS="80").stdout

    for table in (wide, narrow):
        assert "東京支部　令和７年度" in table
        assert "○ 達成" in table
        assert "× 未達成" in table
        assert "14.3" in table
    assert "対計画値" in wide
    assert max(map(len, narrow.splitlines())) <= 80


@pytest.mark.parametrize(
    "arguments",
    [["--as-of", "2025-04"], ["--fiscal-year", "2031"], ["--branch", "01"], ["--kpi", "postal_rate"]],
    ids=" ".join,
)
def test_what_is_not_published_is_told_with_the_months_that_are(ask: Invoke, arguments: list[str]) -> None:
    done = ask("kpi", *arguments, "--format", "csv")

    assert done.exit_code == 1
    assert done.stdout == ""
    assert "2025-05, 2025-06" in done.stderr


def test_nothing_published_at_all_is_told(invoke: Invoke) -> None:
    kpi, cards = invoke("kpi"), invoke("scorecard")

    assert (kpi.exit_code, kpi.stdout) == (1, "")
    assert "kenpo run" in kpi.stderr
    assert (cards.exit_code, cards.stdout) == (1, "")
    assert "kenpo run" in cards.stderr


def test_scorecard_prints_the_paths_it_wrote_and_writes_the_same_bytes_as_the_run(published: Path, ask: Invoke) -> None:
    before = output_files(published)
    shutil.rmtree(published / "outputs" / "2025-06")

    done = ask("scorecard")

    assert done.exit_code == 0
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert all(path.is_file() and path.is_absolute() for path in paths)
    assert paths[0].name == "comparison_2025-06.xlsx"
    assert {str(path.relative_to(published)) for path in paths} == scorecard_files(
        "2025-06", "00_nation", "04_miyagi", "13_tokyo"
    )
    assert output_files(published) == before


def test_scorecard_of_an_earlier_month_and_one_branch(published: Path, ask: Invoke) -> None:
    before = output_files(published)

    done = ask("scorecard", "--as-of", "2025-05", "--branch", "宮城支部")

    own = published / "outputs" / "2025-05" / "scorecard_2025-05_04_miyagi.xlsx"
    assert done.stdout.splitlines() == [str(own), str(own.with_suffix(".html"))]
    assert output_files(published) == before


def test_scorecard_of_a_branch_without_figures_is_refused(ask: Invoke) -> None:
    done = ask("scorecard", "--branch", "01")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "01" in done.stderr
