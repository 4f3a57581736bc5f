"""`regrow queue` finds its store, or reports why not; looking changes and creates nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from regrow.cli.exit_codes import QUEUE_TABLE
from regrow.cli.queue_store import times
from regrow.servers.queue.ops import NewJob, Put
from regrow.servers.queue.sqlite.store import SQLite
from tests.cli.queue_stores import File, Run, runner
from tests.cli.terminal import regrow

LOOKS = [
    ["list"],
    ["stats"],
    ["dead", "q"],
    ["show", "1"],
    ["tail", "--seconds", "0"],
    ["check"],
    ["backup", "copy.db"],
]
CHANGES = [["retry", "q"], ["purge", "q"], ["pause", "q"], ["resume", "q"], ["move", "q", "r"]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


@pytest.mark.parametrize("command", [*LOOKS, *CHANGES], ids=lambda command: command[0])
def test_a_missing_file_is_not_created(run: Run, tmp_path: Path, command: list[str]) -> None:
    done = run(*command, "--store", "app.db")
    assert (done.code, done.out) == (1, "")
    assert "there is no store app.db" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [*LOOKS, *CHANGES], ids=lambda command: command[0])
def test_an_empty_file_stays_empty(run: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "app.db").touch()
    done = run(*command, "--store", "app.db")
    assert (done.code, done.out) == (1, "")
    assert "app.db has no queues: it is empty" in done.err
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [("app.db", 0)]


def test_the_project_names_the_store(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.regrow]\nstore = "var/app.db"\n', encoding="utf-8")
    (tmp_path / "var").mkdir()
    File(tmp_path / "var" / "app.db").put("mail", 1)
    below = tmp_path / "src"
    below.mkdir()
    monkeypatch.chdir(below)
    assert [one["queue"] for one in run("list", "--json").data["queues"]] == ["mail"]
    monkeypatch.chdir("/")
    assert [one["queue"] for one in run("list", "--json", "--project", str(tmp_path)).data["queues"]] == ["mail"]


def test_the_option_goes_before_the_project(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.regrow]\nstore = "nowhere.db"\n', encoding="utf-8")
    File(tmp_path / "app.db").put("mail", 1)
    assert run("list").code == 1
    assert run("list", "--store", "app.db").code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no store is named. Give one with --store FILE"),
        ("", "no store is named"),
        ("[tool.regrow]\nstore = 7\n", "store = 7 in [tool.regrow]. Wanted the path of a file, or a URL, as text"),
        ('[tool.regrow]\nstore = ""\n', "Wanted the path of a file"),
        ('[tool.regrow]\nstore = "mysql://db/app"\n', "a URL that begins with postgresql://"),
    ],
)
def test_a_store_that_is_not_named_is_wrong_use(run: Run, tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    done = run("list")
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize("store", ["", ":memory:", "file:app.db?mode=rw", "redis://:hunter2@db", "sqlite:///app.db"])
def test_other_kinds_of_stores_are_wrong_use(run: Run, tmp_path: Path, store: str) -> None:
    done = run("list", "--store", store)
    assert (done.code, done.out) == (2, "")
    assert "wanted the path of a SQLite file, or a URL that begins with postgresql://" in done.err
    assert "hunter2" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_program_is_refused_and_not_changed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE users(name)")
    before = path.read_bytes()
    done = run("list", "--store", "app.db")
    assert (done.code, done.out) == (3, "")
    assert "StoreForeign" in done.err
    assert "users" in done.err
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"no database, but long enough to look like one\n" * 100)
    assert run("list", "--store", "app.db").code == 3
    assert run("list", "--store", str(tmp_path)).code == 3


def test_a_store_of_a_newer_version_is_refused(run: Run, tmp_path: Path) -> None:
    File(tmp_path / "app.db").put("mail", 1)
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection, connection:
        connection.execute("UPDATE regrow_queue_meta SET value=99 WHERE key='schema'")
    done = run("list", "--store", "app.db")
    assert (done.code, done.out) == (3, "")
    assert "StoreNewer" in done.err
    assert "99" in done.err


def test_the_file_of_a_program_with_other_tables_needs_no_option(run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        connection.execute("CREATE TABLE users(name)")
    store = SQLite(tmp_path / "app.db", shared=True)
    store.open(times)
    store.run([Put("mail", (NewJob(b"1"),))], times)
    assert run("list", "--store", "app.db").out.endswith("mail      1     0  -\n"), "beside the open one"
    store.close()
    assert run("list", "--store", "app.db").out.endswith("mail      1     0  -\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write any file")
def test_a_file_that_cannot_be_written_is_refused(run: Run, tmp_path: Path) -> None:
    File(tmp_path / "app.db").put("mail", 1)
    (tmp_path / "app.db").chmod(0o400)
    done = run("list", "--store", "app.db")
    assert done.code == 3
    assert "StoreReadOnly" in done.err


def test_control_characters_of_a_path_are_escaped(run: Run) -> None:
    done = run("list", "--store", "a\x1b[2Jb.db")
    assert "\x1b" not in done.err
    assert "a\\x1b[2Jb.db" in done.err


def test_the_command_runs_as_a_program(tmp_path: Path) -> None:
    File(tmp_path / "app.db").put("mail", {"to": "ann"})
    done = regrow("queue", "list", "--store", "app.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "QUEUE  LIVE  DEAD  PAUSED\nmail      1     0  -\n")
    done = regrow("queue", "show", "9", "--store", "app.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("regrow: app.db has no job 9")
    assert "    3  the store was refused: " in regrow("queue", "--help", cwd=tmp_path).stdout


def test_the_documentation_lists_the_exit_codes_of_the_help() -> None:
    page = (Path(__file__).parents[2] / "docs" / "command.md").read_text(encoding="utf-8").replace("`", "")
    rows = [row.split("  ") for row in QUEUE_TABLE.splitlines() if row.startswith("  ")]
    assert [row for row in rows if f"| {row[1]} | {row[2]} |" not in page] == []
    assert len(rows) == 4
