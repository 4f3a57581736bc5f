"""`regrow queue` shows queues and jobs: list, stats, dead, show."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from regrow.servers.queue.job import JobError
from regrow.servers.queue.ops import Nack, Pause
from tests.cli.queue_stores import HOLDER, File, Run, runner


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "app.db")


@pytest.fixture
def run(file: File, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys, "--store", str(file.path))


def test_list_shows_each_queue_with_its_live_and_dead_jobs(file: File, run: Run) -> None:
    file.put("resize", {"path": "cat.png"}, {"path": "dog.png"})
    file.put("SendEmail", 1, 2, 3)
    file.bury("SendEmail")
    file.ask(Pause("resize", "disk full"))
    assert run("list").out == (
        "QUEUE      LIVE  DEAD  PAUSED\n"
        "SendEmail     2     1  -\n"
        "resize        2     0  disk full\n"
    )  # fmt: skip
    data = run("list", "--json").data
    assert data["store"] == str(file.path)
    assert [(one["queue"], one["live"], one["dead"], one["paused"]) for one in data["queues"]] == [
        ("SendEmail", 2, 1, None),
        ("resize", 2, 0, "disk full"),
    ]


def test_stats_count_the_jobs_by_state(file: File, run: Run) -> None:
    file.put("mail", 1, 2, 3, 4)
    file.bury("mail")
    file.claim("mail")
    file.put("mail", 5, delay=60.0)
    file.put("mail", 6, 7, group="ann")
    file.put("other", 1)
    assert run("stats", "mail").out == (
        "QUEUE  READY  DELAYED  LEASED  BLOCKED  DEAD  PAUSED\n"
        "mail       3        1       1        1     1  -\n"
    )  # fmt: skip
    wanted = {"ready": 3, "delayed": 1, "leased": 1, "blocked": 1, "dead": 1, "paused": None, "live": 6}
    assert run("stats", "mail", "--json").data == {"store": str(file.path), "queue": "mail", **wanted}
    assert [one["queue"] for one in run("stats", "--json").data["queues"]] == ["mail", "other"]
    assert run("stats").out.count("\n") == 3


def test_a_pause_without_a_note_is_shown(file: File, run: Run) -> None:
    file.put("mail", 1)
    file.ask(Pause("mail"))
    assert run("list").out.endswith("mail      1     0  yes\n")
    assert run("list", "--json").data["queues"][0]["paused"] == ""


def test_a_store_without_queues_is_shown_as_such(file: File, run: Run) -> None:
    file.ask()
    for command in ("list", "stats"):
        assert run(command) == (0, f"{file.path} has no queues yet\n", "")
        assert run(command, "--json").data == {"store": str(file.path), "queues": []}


def test_dead_shows_payload_and_last_error_the_newest_first(file: File, run: Run) -> None:
    file.put("mail", {"to": "ann"}, {"to": "bob"})
    file.bury("mail", "no such address", count=2)
    printed = run("dead", "mail").out.splitlines()
    assert printed[0].split() == ["ID", "ATTEMPTS", "DIED", "ERROR", "PAYLOAD"]
    assert [line.split()[0] for line in printed[1:]] == ["2", "1"]
    assert printed[1].endswith('  ValueError: no such address  {"to": "bob"}')
    data = run("dead", "mail", "--json").data
    assert (data["dead"], [job["payload"] for job in data["jobs"]]) == (2, [{"to": "bob"}, {"to": "ann"}])
    assert [error["message"] for error in data["jobs"][0]["errors"]] == ["no such address"]


def test_dead_pages_through_many(file: File, run: Run) -> None:
    file.put("mail", *range(25))
    file.bury("mail", count=25)
    assert run("dead", "mail").out.endswith("\n20 of 25 dead jobs; older ones: --before 6\n")
    assert [job["id"] for job in run("dead", "mail", "--before", "6", "--json").data["jobs"]] == [5, 4, 3, 2, 1]
    assert len(run("dead", "mail", "--limit", "3", "--json").data["jobs"]) == 3
    assert run("dead", "mail", "--before", "1").out == "mail has no dead jobs before 1\n"


def test_show_has_the_whole_history(file: File, run: Run) -> None:
    (number,) = file.put("mail", {"to": "ann", "text": "long " * 30}, max_attempts=3, key="welcome:ann", priority=2)
    (job,) = file.claim("mail")
    trace = "Traceback (most recent call last):\n  File mail.py"
    file.ask(Nack("mail", number, job.token, "retry", 930.0, JobError(1, 0.0, "OSError", "greylisted", trace)))
    printed = run("show", str(number)).out
    assert printed.startswith("job 1\nqueue     mail\nstate     delayed, due in 15 min\nattempts  1 of 3\nput       2")
    assert '\npayload   {\n            "to": "ann",\n' in printed
    assert "\npriority  2\n" in printed
    assert "\nkey       welcome:ann\n" in printed
    assert "attempt 1 failed" in printed
    assert "OSError: greylisted\n    Traceback (most recent call last):\n      File mail.py\n" in printed
    data = run("show", str(number), "--json").data
    assert (data["queue"], data["state"], data["attempts"], data["max_attempts"]) == ("mail", "delayed", 1, 3)
    assert data["errors"][0] | {"at": 0} == {
        "attempt": 1, "at": 0, "kind": "OSError", "message": "greylisted", "trace": trace
    }  # fmt: skip
    assert data["due_at"] == pytest.approx(time.time() + 930, abs=30)


def test_show_names_the_holder_of_a_lease(file: File, run: Run) -> None:
    (number,) = file.put("mail", 1)
    file.claim("mail", lease=600.0)
    assert f"\nstate     leased by {HOLDER}, for 10 min more\n" in run("show", str(number)).out
    data = run("show", str(number), "--json").data
    assert (data["holder"], 500 < data["lease_left"] <= 600) == (HOLDER, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stats", "mial"], "has no queue 'mial'. Its queues: mail"),
        (["dead", "mial"], "has no queue 'mial'"),
        (["retry", "mial"], "has no queue 'mial'"),
        (["purge", "mial"], "has no queue 'mial'"),
        (["pause", "mial"], "has no queue 'mial'"),
        (["resume", "mial"], "has no queue 'mial'"),
        (["move", "mial", "mail"], "has no queue 'mial'"),
        (["tail", "mial", "--seconds", "0"], "has no queue 'mial'"),
        (["show", "77"], "has no job 77. A job that is done is deleted"),
    ],
)
def test_what_is_not_there_is_reported_with_code_1(file: File, run: Run, arguments: list[str], said: str) -> None:
    file.put("mail", 1)
    for more in ([], ["--json"]):
        done = run(*arguments, *more)
        assert (done.code, done.out) == (1, "")
        assert said in done.err
    assert [one["queue"] for one in run("list", "--json").data["queues"]] == ["mail"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["show"],
        ["show", "x"],
        ["show", "0"],
        ["dead"],
        ["dead", "q", "--limit", "0"],
        ["walk"],
        ["list", "--nothing"],
    ],
)
def test_wrong_use_is_reported_with_code_2(file: File, run: Run, arguments: list[str]) -> None:
    file.put("q", 1)
    assert run(*arguments).code == 2
