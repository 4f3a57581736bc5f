"""`regrow queue tail` follows new jobs and changes of state."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from regrow.cli import queue_tail
from regrow.cli.queue_store import OpenStore, opened
from regrow.cli.queue_tail import Follower, last_id
from regrow.servers.queue.job import JobError
from regrow.servers.queue.ops import Ack, Cancel, Extend, Move, Nack, Pause, Retry
from tests.cli.queue_stores import HOLDER, File, Run, runner
from tests.cli.terminal import PATIENCE, REGROW, environment


@pytest.fixture
def file(tmp_path: Path) -> File:
    found = File(tmp_path / "app.db")
    found.ask()
    return found


@pytest.fixture
def seen(file: File) -> Generator[OpenStore]:
    with opened(str(file.path), None) as store:
        yield store


def words(follower: Follower) -> list[str]:
    """Return the changes of a look in words, each with its job's id."""
    wall = time.time()
    return [f"{change.job.id} {change.words(wall, reveal=False)}" for change in follower.look()]


def test_a_job_is_followed_from_put_to_done(file: File, seen: OpenStore) -> None:
    follower = Follower(seen, None)
    file.put("mail", {"to": "ann", "token": "x"})
    assert words(follower) == ['1 put: {"to": "ann", "token": "[redacted]"}']
    assert words(follower) == []
    (job,) = file.claim("mail")
    assert words(follower) == [f"1 leased by {HOLDER}, attempt 1 of 20"]
    file.ask(Extend("mail", ((1, job.token),), 60.0), Pause("mail"))
    assert words(follower) == []
    file.ask(Ack("mail", 1, job.token))
    assert words(follower) == ["1 done"]
    assert (follower.live, follower.dead) == ({}, {})


def test_a_failed_attempt_and_a_death_are_shown_with_their_errors(file: File, seen: OpenStore) -> None:
    file.put("mail", 1, max_attempts=2)
    follower = Follower(seen, "mail")
    (job,) = file.claim("mail")
    file.ask(Nack("mail", 1, job.token, "retry", 0.0, JobError(1, 0.0, "OSError", "greylisted")))
    assert words(follower) == ["1 ready, attempt 1 failed: OSError: greylisted"]
    (job,) = file.claim("mail")
    assert words(follower) == [f"1 leased by {HOLDER}, attempt 2 of 2"]
    file.ask(Nack("mail", 1, job.token, "retry", 5.0, JobError(2, 0.0, "OSError", "\x1b[2J")))
    assert words(follower) == ["1 dead, attempt 2 failed: OSError: \\x1b[2J"]
    file.ask(Retry("mail"))
    assert words(follower) == ["1 ready"]


def test_jobs_of_before_are_followed_dead_ones_too(file: File, seen: OpenStore) -> None:
    file.put("mail", 1, 2, 3)
    file.bury("mail")
    follower = Follower(seen, "mail")
    file.ask(Retry("mail"), Cancel("mail", 2))
    assert sorted(words(follower)) == ["1 ready", "2 gone; it was ready"]
    file.ask(Move("mail", "post"))
    assert sorted(words(follower)) == ["1 moved from mail", "3 moved from mail"]
    assert words(follower) == []


def test_a_second_lease_between_two_looks_is_a_change(file: File, seen: OpenStore) -> None:
    file.put("mail", 1)
    follower = Follower(seen, None)
    (job,) = file.claim("mail")
    assert len(words(follower)) == 1
    file.ask(Nack("mail", 1, job.token, "release"))
    file.claim("mail")
    assert words(follower) == [f"1 leased by {HOLDER}, attempt 1 of 20"]


def test_delayed_and_blocked_jobs_are_new_ones_in_their_state(file: File, seen: OpenStore) -> None:
    follower = Follower(seen, None)
    file.put("mail", 1, delay=930.0)
    file.put("mail", 2, 3, group="ann")
    assert words(follower) == ["1 put, delayed for 15 min: 1", "2 put: 2", "3 put, blocked: 3"]


def test_one_queue_is_followed_without_the_others(file: File, seen: OpenStore) -> None:
    file.put("other", 1)
    follower = Follower(seen, "mail")
    file.put("other", 2)
    file.put("mail", 3)
    file.claim("other")
    assert words(follower) == ["3 put: 3"]


def test_many_jobs_are_followed_a_part_at_a_time(file: File, seen: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_tail, "MOST_FOLLOWED", 3)
    monkeypatch.setattr(queue_tail, "PAGE", 2)
    file.put("mail", *range(10))
    follower = Follower(seen, "mail")
    assert (sorted(follower.live), follower.newest) == ([1, 2, 3], 10)
    file.put("mail", 10, 11, 12)
    assert words(follower) == ["11 put: 10", "12 put: 11", "13 put: 12"]
    done = file.claim("mail", 2)
    file.ask(*(Ack("mail", job.id, job.token) for job in done))
    assert words(follower) == ["1 gone; it was ready", "2 gone; it was ready"]
    assert sorted(follower.live) == [3, 4, 5]
    file.bury("mail", count=11)
    seen_dead: list[str] = []
    for _ in range(10):
        seen_dead += [change.split()[0] for change in words(follower)]
    assert seen_dead == ["3", "4", "5"], "the others had died before they were followed"
    file.put("mail", 14)
    assert words(follower) == ["14 put: 14"]
    assert (sorted(follower.live), len(follower.dead)) == ([14], 3)


@pytest.mark.parametrize("last", [0, 1, 2, 3, 4, 5, 7, 8, 9, 1_000, 123_456_789])
def test_the_last_id_is_found_by_halves(last: int) -> None:
    asked: list[int] = []

    def any_after(number: int) -> bool:
        asked.append(number)
        return number < last

    assert last_id(any_after) == last
    assert len(asked) <= 2 + 2 * last.bit_length()


def test_tail_ends_after_its_seconds(
    file: File, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Run = runner(monkeypatch, capsys, "--store", str(file.path))
    note = f"following all queues of {file.path}; Ctrl-C ends it\n"
    assert run("tail", "--seconds", "0") == (0, "", note)
    assert run("tail", "--seconds", "0.05", "--json") == (0, "", note)
    for wrong in ("-1", "nan", "inf"):
        assert run("tail", "--seconds", wrong).code == 2


def test_tail_follows_beside_another_program_until_ctrl_c(file: File, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*REGROW, "queue", "tail", "--store", str(file.path), "--json"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        printed: Any = program.stdout
        notes: Any = program.stderr
        try:
            assert notes.readline() == f"following all queues of {file.path}; Ctrl-C ends it\n"
            file.put("mail", {"to": "ann"})
            changes = [json.loads(printed.readline())]
            (job,) = file.claim("mail")
            changes.append(json.loads(printed.readline()))
            file.ask(Ack("mail", job.id, job.token))
            changes.append(json.loads(printed.readline()))
            program.send_signal(signal.SIGINT)
            assert (program.wait(PATIENCE), printed.read(), notes.read()) == (0, "", "")
        finally:
            program.kill()
    states = [(change["was"], change["state"]) for change in changes]
    assert states == [(None, "ready"), ("ready", "leased"), ("leased", "gone")]
    assert (changes[0]["payload"], changes[1]["holder"]) == ({"to": "ann"}, HOLDER)
