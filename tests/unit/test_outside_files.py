"""What others put into landing or hand to a command: links, devices, pipes, odd names. Nothing is followed, nothing waits."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from record_files import MONTH, Place, checkups
from submission_files import RESULT_HEADER, contracts, csv_text, result_row
from typer.testing import CliRunner

from expectations.markdown import markdown_table
from kenpo_pipelines.cli import app
from kenpo_pipelines.submissions import outside
from kenpo_pipelines.submissions.faults import FAULTS, FileFault
from kenpo_pipelines.submissions.landing import LandingError, landed_files, put, unread_paths
from kenpo_pipelines.submissions.outside import is_fit, open_file, shown_name
from kenpo_pipelines.submissions.texts import visible

DATASET = "checkup_counts"
SECRET = b"root:x:0:0"
HOSTILE = ["a\nb.csv", "a\x1b[31m.csv", "a\u202ecsv.exe.csv", "a\u200b.csv", "a\x7f.csv", "a\u2028.csv", "a\x85.csv"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A landing folder with one sound file of 東京, and a secret outside of it."""
    (tmp_path / "secret.csv").write_bytes(SECRET)
    made = Place(tmp_path)
    made.land(DATASET, "13.csv", checkups("13"))
    return made


@pytest.fixture
def folder(place: Place) -> Path:
    return place.landing / DATASET / MONTH


@pytest.fixture
def things(folder: Path) -> Iterator[dict[str, str]]:
    """Everything that is no file, and the fault that each is told with."""
    (folder / "link.csv").symlink_to(folder.parents[2] / "secret.csv")
    (folder / "to-folder.csv").symlink_to(folder.parents[2])
    (folder / "dangling.csv").symlink_to("nowhere")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "to-sound.csv").symlink_to("13.csv")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    os.mkfifo(folder / "pipe.xlsx")
    faults = dict.fromkeys(["link.csv", "to-folder.csv", "dangling.csv", "loop.csv", "to-sound.csv"], "link")
    faults |= dict.fromkeys(["folder.csv", "pipe.csv", "pipe.xlsx", "socket.csv"], "not_a_file")
    if os.geteuid() == 0:
        os.mknod(folder / "zero.csv", stat.S_IFCHR | 0o600, os.makedev(1, 5))
        faults["zero.csv"] = "not_a_file"
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket must be short
    server = socket.socket(socket.AF_UNIX)
    try:
        server.bind("socket.csv")
        os.chdir(here)
        yield faults
    finally:
        os.chdir(here)
        server.close()


def entries_of(done: Any) -> dict[str, tuple[str, str]]:
    return {one["file"]: (one["status"], one["fault"]) for one in done.ledger}


def test_each_is_refused_and_named_and_the_sound_file_is_read(place: Place, things: dict[str, str]) -> None:
    done = place.ingest(DATASET)
    expected = {name: ("refused", fault) for name, fault in things.items()}
    assert entries_of(done) == expected | {"13.csv": ("loaded", "")}
    assert done.rows_in_lake == 1 and done.is_accounted_for
    assert all(FAULTS[fault].advice in one["detail"] for one in done.ledger if (fault := one["fault"]))
    assert {one["file_sha256"] for one in done.ledger if one["fault"]} == {outside.NOTHING_READ}


@pytest.mark.parametrize("dataset", ["untreated_persons", "kpi_results", "kpi_targets"])
def test_every_kind_of_dataset_refuses_them(place: Place, dataset: str) -> None:
    to = "2025" if dataset == "kpi_targets" else MONTH
    for name in ("link.csv", "link.xlsx", "link.csv.gz"):
        path = place.landing / dataset / to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(place.landing.parent / "secret.csv")
    os.mkfifo(path.with_name("pipe.csv"))
    assert set(entries_of(place.ingest(dataset)).values()) == {("refused", "link"), ("refused", "not_a_file")}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_unfit_name_is_refused_and_shown_escaped(place: Place, folder: Path, name: str) -> None:
    (folder / name).write_bytes(checkups("04"))
    entries = entries_of(place.ingest(DATASET))
    assert entries == {"13.csv": ("loaded", ""), shown_name(name): ("refused", "unfit_name")}
    assert all(map(is_fit, entries)) and name not in entries


def test_a_name_that_is_no_text_is_refused(place: Place, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.csv")).write_bytes(checkups("04"))
    assert entries_of(place.ingest(DATASET))["\\xff\\xfe.csv"] == ("refused", "unfit_name")


def test_two_names_are_never_shown_alike() -> None:
    names = [
        *HOSTILE,
        "a\\x0ab.csv",
        "a\udc80.csv",
        "a\x80.csv",
        "a\\x80.csv",
        "a\U000e0001.csv",
        "a\\.csv",
        "日本　語.csv",
    ]
    assert len({shown_name(name) for name in names}) == len(names)
    assert shown_name("a\nb") == "a\\x0ab" and shown_name("支部 13（再）.csv") == "支部 13（再）.csv"
    assert all(shown_name(name).encode() and is_fit(shown_name(name)) for name in names)


def test_long_names_and_other_cases_are_read(place: Place, folder: Path) -> None:
    (folder / f"{'長' * 82}.CSV").write_bytes(checkups("04"))
    (folder / "05.Csv").write_bytes(checkups("05"))
    assert place.ingest(DATASET).rows_in_lake == 3


def test_a_hard_link_is_the_file_that_it_is(place: Place, folder: Path) -> None:
    """It names bytes that are in landing; backups made of links would otherwise refuse every submission."""
    (folder / "copy.csv").hardlink_to(folder / "13.csv")
    faults = sorted(fault for _, fault in entries_of(place.ingest(DATASET)).values())
    assert faults == ["", "same_file_again"]


def test_a_month_that_is_a_link_is_told_and_not_followed(place: Place, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "04.csv").write_bytes(checkups("04"))
    other = place.landing / "guidance_counts"
    other.mkdir()
    (other / MONTH).symlink_to(elsewhere)
    assert entries_of(place.ingest("guidance_counts")) == {MONTH: ("refused", "link")}
    (place.landing / "claims").symlink_to(elsewhere)
    assert landed_files(place.landing, contracts()["claims"], MONTH) == []
    (place.landing / "stray\x1b.csv").write_bytes(b"x")
    assert unread_paths(place.landing, contracts()) == ["claims", "stray\\x1b.csv"]


def test_a_file_that_vanishes_is_told_and_stops_no_other(
    place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = place.land(DATASET, "04.csv", checkups("04"))
    real = outside.entries

    def listed(of: Path) -> list[outside.Entry]:
        found = real(of)
        if of == folder:
            gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr("kenpo_pipelines.submissions.landing.entries", listed)
    assert entries_of(place.ingest(DATASET)) == {"04.csv": ("refused", "vanished"), "13.csv": ("loaded", "")}


@pytest.mark.parametrize(
    ("number", "fault"), [(errno.EACCES, "not_permitted"), (errno.ELOOP, "link"), (errno.EIO, ""), (errno.ESTALE, "")]
)
def test_what_may_pass_is_no_fault_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, fault: str
) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(FileFault if fault else OSError) as raised:
        open_file(folder / "13.csv")
    assert getattr(raised.value, "code", "") == fault


def test_a_file_without_permission_is_told(place: Place, folder: Path) -> None:
    """As root everything may be read, so another user reads."""
    path = place.land(DATASET, "04.csv", checkups("04"))
    path.chmod(0)
    if os.geteuid() != 0:
        assert entries_of(place.ingest(DATASET))["04.csv"] == ("refused", "not_permitted")
        return
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os.setresuid(65534, 65534, 65534)
        try:
            open_file(Path("04.csv"))
            os._exit(1)
        except FileFault as told:
            os._exit(0 if told.code == "not_permitted" else 2)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_written_while_it_is_read_is_refused(
    place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kenpo_pipelines.submissions.streaming import reading

    real = reading._read

    def slow(task: Any) -> Any:
        done = real(task)
        with task.path.open("ab") as handle:
            handle.write(b"04,x,1,1\r\n")
        return done

    monkeypatch.setattr(reading, "_read", slow)
    done = place.ingest(DATASET)
    assert entries_of(done) == {"13.csv": ("refused", "changed_meanwhile")} and done.rows_in_lake == 0


def test_a_time_that_no_calendar_has_stops_nothing(place: Place, folder: Path) -> None:
    for name, moment in (("04.csv", 400_000_000_000), ("05.csv", -5_000_000_000)):
        (folder / name).write_bytes(checkups(name[:2]))
        os.utime(folder / name, (moment, moment))
    assert place.ingest(DATASET).rows_in_lake == 3


@pytest.mark.parametrize("name", ["../up.csv", "a/b.csv", "..", "a\nb.csv", "a\x1b.csv"])
def test_nothing_is_put_outside_of_its_folder(place: Place, tmp_path: Path, name: str) -> None:
    with pytest.raises(LandingError):
        put(tmp_path / "secret.csv", place.landing, contracts()[DATASET], MONTH, name)
    assert {path.name for path in tmp_path.iterdir()} == {"landing", "secret.csv"}


def test_nothing_is_put_through_a_link(place: Place, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (place.landing / "claims").symlink_to(elsewhere)
    with pytest.raises(LandingError, match="リンク"):
        put(tmp_path / "secret.csv", place.landing, contracts()["claims"], MONTH)
    assert list(elsewhere.rglob("*.csv")) == []
    (place.landing / DATASET / MONTH / "secret.csv").symlink_to(tmp_path / "made.csv")
    path, is_new = put(tmp_path / "secret.csv", place.landing, contracts()[DATASET], MONTH)
    assert (path.name, is_new) == ("secret.r2.csv", True) and not (tmp_path / "made.csv").exists()


def _kenpo(home: Path, *arguments: str | Path) -> Any:
    environment = {"KENPO_HOME": str(home), "KENPO_PSEUDONYM_KEY": "0" * 64}
    return CliRunner().invoke(app, [str(one) for one in arguments], env=environment, catch_exceptions=False)


@pytest.mark.parametrize("command", ["submit", "check-file"])
def test_the_commands_refuse_them_too(place: Place, tmp_path: Path, things: dict[str, str], command: str) -> None:
    folder = place.landing / DATASET / MONTH
    names = [name for name in things if (folder / name).exists() and not (folder / name).is_dir()]
    assert {"pipe.csv", "link.csv"} <= set(names)
    for name in names:
        for chosen in ([], ["--dataset", DATASET]):
            done = _kenpo(tmp_path / "home", command, folder / name, *chosen)
            assert done.exit_code == 1
            assert FAULTS[things[name]].value_class in done.output and "root:x" not in done.output
    assert not list(tmp_path.glob("home/landing/**/*.csv"))


def test_the_commands_show_names_escaped(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\u202e.csv"
    path.write_bytes(checkups("13"))
    for command in ("submit", "check-file"):
        done = _kenpo(tmp_path / "home", command, path, "--month", MONTH)
        assert done.exit_code == 1 and "\\x1b[31m\\u202e.csv" in done.output
        assert "\x1b" not in done.output and "\u202e" not in done.output


@pytest.mark.parametrize(
    "chosen",
    [
        ["--month", "../../x"],
        ["--month", "2025-06/../.."],
        ["--month", "２０２５"],
        ["--month", "2025-06\n"],
        ["--dataset", "../claims"],
        ["--branch", "../13"],
    ],
    ids=str,
)
def test_options_do_not_lead_out_of_landing(place: Place, tmp_path: Path, chosen: list[str]) -> None:
    before = {path for path in tmp_path.rglob("*")}
    done = _kenpo(tmp_path / "home", "submit", place.landing / DATASET / MONTH / "13.csv", *chosen)
    assert done.exit_code == 2
    assert {path for path in tmp_path.rglob("*") if "home" not in path.parts} == before


def test_a_file_without_anything_to_load_is_refused_and_says_so(tmp_path: Path) -> None:
    """Its rows are of years that nobody follows: nothing to correct, and nothing to submit."""
    path = tmp_path / "old.csv"
    path.write_text(csv_text([RESULT_HEADER, result_row(年度="2015", 時点="2015-05")]), encoding="utf-8")
    for command in ("check-file", "submit"):
        done = _kenpo(tmp_path / "home", command, path)
        assert done.exit_code == 1 and "取り込める行が1行もありません" in done.output
    path.write_text(csv_text([RESULT_HEADER]), encoding="utf-8")
    done = _kenpo(tmp_path / "home", "check-file", path)
    assert done.exit_code == 1 and "本部へ連絡" in done.output


def test_a_table_that_is_shown_fetches_nothing() -> None:
    """Names stand in the UI's tables, where brackets would make pictures that a browser fetches."""
    shown = markdown_table(["file"], [["![x](//evil.example/p.png)<img src=x>`|`"]])
    assert "![x]" not in shown and "<img" not in shown and shown.count("\n") == 2


def test_a_header_is_told_without_what_hides_text() -> None:
    assert visible("目標\u202e値\x9b31m\n（％）") == "目標値31m\n（％）"
