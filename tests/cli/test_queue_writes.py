"""`regrow queue` administers queues: retry, purge, pause, resume, move, backup, migrate, check."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from regrow.cli import queue_work
from regrow.servers.queue.sqlite.store import SQLite
from tests.cli.queue_stores import File, Run, runner
from tests.cli.terminal import Terminal


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "app.db")


@pytest.fixture
def run(file: File, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys, "--store", str(file.path))


def numbers(run: Run, queue: str) -> dict[str, int]:
    """Return the states of a queue that have jobs, with their number."""
    data = run("stats", queue, "--json").data
    return {state: data[state] for state in ("ready", "delayed", "leased", "blocked", "dead") if data[state]}


def test_retry_makes_all_dead_jobs_ready(file: File, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_work, "SLICE", 2)
    file.put("mail", *range(5))
    file.bury("mail", count=5)
    assert run("retry", "mail") == (0, "5 jobs retried\n", "")
    assert numbers(run, "mail") == {"ready": 5}
    assert run("show", "1", "--json").data["attempts"] == 0
    assert run("retry", "mail", "--json").data == {"queue": "mail", "retried": 0, "missing": []}


def test_retry_of_some_leaves_the_others(file: File, run: Run) -> None:
    file.put("mail", *range(3))
    file.bury("mail", count=3)
    assert run("retry", "mail", "3", "1", "3").out == "2 jobs retried\n"
    assert numbers(run, "mail") == {"ready": 2, "dead": 1}


def test_retry_reports_what_is_no_dead_job_of_the_queue(file: File, run: Run) -> None:
    file.put("mail", 1, 2)
    file.bury("mail")
    (other,) = file.put("other", 1)
    file.bury("other")
    done = run("retry", "mail", "1", "2", str(other), "99", "--json")
    assert (done.code, done.data) == (1, {"queue": "mail", "retried": 1, "missing": [2, other, 99]})
    assert "no dead job of mail: 2, 3, 99" in done.err
    assert numbers(run, "other") == {"dead": 1}


def test_purge_deletes_what_waits_and_no_other_jobs(file: File, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_work, "SLICE", 2)
    file.put("mail", *range(5))
    file.bury("mail")
    file.claim("mail")
    file.put("mail", 6, delay=60.0)
    file.put("mail", 7, 8, group="ann")
    file.put("other", 1)
    assert run("purge", "mail").out == "6 waiting jobs deleted\n"
    assert numbers(run, "mail") == {"leased": 1, "dead": 1}
    assert run("purge", "mail", "--dead", "--json").data == {"queue": "mail", "state": "dead", "deleted": 1}
    assert (numbers(run, "mail"), numbers(run, "other")) == ({"leased": 1}, {"ready": 1})


def test_pause_stops_claims_until_resume(file: File, run: Run) -> None:
    file.put("mail", 1)
    assert run("pause", "mail", "mail server down").out == "mail is paused: mail server down\n"
    assert file.claim("mail") == []
    assert run("stats", "mail", "--json").data["paused"] == "mail server down"
    assert run("resume", "mail").out == "mail is resumed\n"
    assert run("resume", "mail").out == "mail was not paused\n"
    assert len(file.claim("mail")) == 1
    assert run("pause", "mail", "--json").data == {"queue": "mail", "paused": ""}
    assert run("resume", "mail", "--json").data == {"queue": "mail", "paused": None, "was_paused": True}


def test_move_takes_all_jobs_but_those_that_are_performed(
    file: File, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_work, "SLICE", 2)
    file.put("Mail", *range(5))
    file.bury("Mail")
    file.claim("Mail")
    said = "4 jobs moved from Mail to SendMail; 1 more are performed now, and stay: move again when they have ended\n"
    assert run("move", "Mail", "SendMail").out == said
    assert (numbers(run, "Mail"), numbers(run, "SendMail")) == ({"leased": 1}, {"ready": 3, "dead": 1})
    assert run("move", "SendMail", "Mail", "--json").data == {"from": "SendMail", "to": "Mail", "moved": 4, "leased": 0}
    assert run("move", "Mail", "Mail").code == 2
    assert run("move", "Mail", "").code == 2


def test_backup_is_a_store_of_the_same_jobs(file: File, run: Run, tmp_path: Path) -> None:
    file.put("mail", *range(3))
    copy = tmp_path / "copy.db"
    data = run("backup", str(copy), "--json").data
    assert data == {"backup": str(copy), "bytes": copy.stat().st_size}
    assert File(copy).claim("mail", 10)[2].payload == b"2"
    again = run("backup", str(copy))
    assert again.code == 3
    assert "copy.db" in again.err
    assert run("backup", str(tmp_path / "nowhere" / "copy.db")).code == 3


def test_migrate_makes_the_tables(file: File, run: Run) -> None:
    done = run("migrate")
    assert (done.code, done.out.splitlines()[0]) == (0, f"{file.path} is up to date")
    assert run("list").out == f"{file.path} has no queues yet\n"
    assert run("migrate", "--json").data["store"] == str(file.path)


def test_migrate_shares_a_file_only_on_request(file: File, run: Run) -> None:
    with closing(sqlite3.connect(file.path)) as connection:
        connection.execute("CREATE TABLE users(name)")
    refused = run("migrate")
    assert refused.code == 3
    assert "users" in refused.err
    assert run("migrate", "--shared").code == 0
    assert run("list").code == 0


def test_check_finds_a_sound_store(file: File, run: Run) -> None:
    file.put("mail", 1)
    assert run("check").out.startswith(f"{file.path} is sound\n")
    data = run("check", "--json").data
    assert (data["ok"], data["problems"], data["store"]) == (True, [], str(file.path))


def test_check_reports_problems_with_code_3(file: File, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    file.put("mail", 1)

    def check(store: SQLite) -> list[str]:
        return ["row 1 is missing from an index \x1b[2J"]

    monkeypatch.setattr(SQLite, "check", check)
    done = run("check", "--json")
    assert (done.code, done.data["ok"], done.data["problems"]) == (3, False, ["row 1 is missing from an index \x1b[2J"])
    done = run("check")
    assert (done.code, done.out.splitlines()[0]) == (3, "row 1 is missing from an index \\x1b[2J")
    assert "has 1 problem" in done.err


def test_a_damaged_file_is_refused(file: File, run: Run) -> None:
    file.put("mail", *("x" * 500 for _ in range(100)))
    damaged = bytearray(file.path.read_bytes())
    damaged[4096 * 3 :] = b"\xa5" * len(damaged[4096 * 3 :])
    file.path.write_bytes(damaged)
    for command in ("check", "list"):
        done = run(command)
        assert (done.code, done.out) == (3, "")
        assert "StoreDamaged" in done.err


@pytest.mark.parametrize(("answer", "left"), [("y", {}), ("n", {"ready": 2}), ("", {"ready": 2})])
def test_a_terminal_is_asked(
    file: File, run: Run, tmp_path: Path, terminal: Callable[..., Terminal], answer: str, left: dict[str, int]
) -> None:
    file.put("mail", 1, 2)
    opened = terminal("queue", "purge", "mail", "--store", str(file.path), cwd=tmp_path)
    opened.expect(r"Delete 2 waiting jobs of mail\? \[y/N\]")
    opened.enter(answer)
    assert opened.exit_code() == (0 if answer == "y" else 1)
    assert numbers(run, "mail") == left


def test_yes_answers_at_a_terminal(file: File, run: Run, tmp_path: Path, terminal: Callable[..., Terminal]) -> None:
    file.put("mail", 1, 2)
    file.bury("mail")
    assert terminal("queue", "retry", "mail", "-y", "--store", str(file.path), cwd=tmp_path).exit_code() == 0
    assert terminal("queue", "purge", "mail", "--yes", "--store", str(file.path), cwd=tmp_path).exit_code() == 0
    assert numbers(run, "mail") == {}
