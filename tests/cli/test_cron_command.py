"""`regrow cron`: each subcommand, on a store that a cron server has written, as text and as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from regrow import Node, Supervisor, VirtualClock, process
from regrow.cli.queue_store import times
from regrow.cron import Cron, CronJob, cron, every
from regrow.servers.cron.ledger.opening import tables_of
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import ProcessRow
from regrow.servers.queue.ops import Transaction, Within
from regrow.servers.queue.sqlite.store import SQLite
from tests.cli.queue_stores import Run, runner

BEGIN = datetime(2024, 10, 24, tzinfo=UTC)


async def report() -> None:
    await process.sleep(12.1)


async def clean() -> None:
    raise ValueError("no rows, password=hunter2, \x1b[31mred")


async def fill(path: Path) -> None:
    """Let a cron server run for some hours of virtual time."""
    clock = VirtualClock()
    clock.set_wall(BEGIN)
    async with Node(clock=clock), process.adopt():
        jobs = [
            CronJob(report, cron("30 2 * * *", tz="Europe/Berlin"), overlap="skip"),
            CronJob(clean, every(3600)),
            CronJob(report, cron("*/30 * * * *"), name="paused-job"),
        ]
        server = await Cron.start_link(jobs, store=SQLite(path, thread=False))
        await Cron.pause(server, "paused-job", note="db move")
        await process.sleep(3 * 3600 + 1)
        await Supervisor.stop(server)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a store that a cron server has written."""
    path = tmp_path_factory.mktemp("cron") / "app.db"
    asyncio.run(fill(path))
    return path.read_bytes()


@pytest.fixture
def store(filled: bytes, tmp_path: Path) -> Path:
    """Return a store for one test."""
    path = tmp_path / "app.db"
    path.write_bytes(filled)
    return path


@pytest.fixture
def run(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys, "--store", str(store), command="cron")


def in_ledger(store: Path, work: Callable[[Tables], Any]) -> Any:
    """Return what a work on the ledger returns."""

    def within(transaction: Transaction) -> Any:
        return work(tables_of(transaction, "cron"))

    opened = SQLite(store)
    opened.open(times)
    (found,) = opened.run([Within(within)], times).results
    opened.close()
    return found


def test_the_list_of_jobs(run: Run) -> None:
    lines = run("list").out.splitlines()
    assert lines[0].split() == ["NAME", "SCHEDULE", "NEXT", "LEFT", "LAST", "PASSED", "STATE"]
    assert lines[1].startswith("clean       every 1 h ")
    assert "Thu 03:00:00 failed" in lines[1]
    assert lines[2].startswith("paused-job  */30 * * * * UTC ")
    assert lines[2].endswith('paused: "db move"')
    assert lines[3].startswith("report      30 2 * * * Europe/Berlin ")
    assert "Thu 02:30:00 succeeded" in lines[3]
    data = run("list", "--json").data
    assert [job["name"] for job in data["jobs"]] == ["clean", "paused-job", "report"]
    assert data["jobs"][1]["note"] == "db move"
    assert data["jobs"][2]["last"]["key"] == "report@2024-10-24T00:30:00Z"


def test_the_history_of_a_job(run: Run) -> None:
    lines = run("history", "report").out.splitlines()
    assert lines[0].split("  ")[0] == "SCHEDULED FOR"
    assert lines[1].startswith("Thu 2024-10-24 02:30 CEST  ran     succeeded  12.1 s        1  ")
    (tick,) = run("history", "report", "--json").data["ticks"]
    assert (tick["reason"], tick["outcome"], tick["scheduled_for"]) == ("ran", "succeeded", "2024-10-24T02:30:00+02:00")
    assert run("history", "paused-job").out == "no tick was decided yet\n"
    assert len(run("history", "--limit", "2", "--json").data["ticks"]) == 2
    assert run("history").out.startswith("JOB ")


def test_errors_show_no_secrets_and_no_control_characters(run: Run) -> None:
    for done in (run("history", "clean"), run("history", "clean", "--json")):
        assert "hunter2" not in done.out
        assert "\x1b" not in done.out
        assert "[redacted]" in done.out


def test_pause_and_resume(run: Run) -> None:
    assert run("pause", "clean", "--note", "disk full").out == "clean is paused: disk full\n"
    assert run("list", "--json").data["jobs"][0]["note"] == "disk full"
    assert run("resume", "clean").out == "clean is resumed\n"
    assert run("resume", "clean").out == "clean was not paused\n"
    assert run("resume", "clean", "--json").data == {
        "ledger": "cron",
        "job": "clean",
        "paused": False,
        "was_paused": False,
    }
    (newest, *_) = run("history", "clean", "--json").data["ticks"]
    assert newest["reason"] == "skipped_paused"


def test_run(run: Run, store: Path) -> None:
    assert run("run", "clean").out == "clean runs when a program with it starts: none is running now\n"
    wall, now = times()
    assert wall > 0
    in_ledger(store, lambda tables: tables.put_process(ProcessRow("web-1/1-a.1", "web-1", 1, 0, now, now + 60)))
    done = run("run", "clean", "--json").data
    assert (done["running"], done["tick"]["reason"], done["tick"]["outcome"]) == (True, "triggered", "waiting")
    assert run("run", "clean").out == "clean runs within 5 s\n"
    assert run("list", "--json").data["jobs"][0]["waiting"] == 3


def test_backfill(run: Run) -> None:
    assert run("backfill", "clean", "2024-10-24T00:00", "2024-10-24T03:00:01").out == "3 ticks of clean will run\n"
    assert run("backfill", "clean", "2024-10-24", "2024-10-24T03:00:01").out == "0 ticks of clean will run\n"
    # a date without an offset is in the job's zone
    assert run("backfill", "report", "2024-10-22T02:30", "2024-10-23T02:30").out == "1 tick of report will run\n"
    (first, *_) = [tick for tick in run("history", "report", "--json").data["ticks"] if tick["reason"] == "backfilled"]
    assert first["key"] == "report@2024-10-22T00:30:00Z"


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        (["2024-10-24", "2024-10-24"], "an END after START"),
        (["2024-10-24", "2999-10-24"], "not in the future"),
        (["yesterday", "2024-10-24"], "START: wanted a date such as"),
        (["2024-10-24", "noon"], "END: wanted a date such as"),
    ],
)
def test_dates_that_are_no_period(run: Run, dates: list[str], text: str) -> None:
    done = run("backfill", "clean", *dates)
    assert (done.code, done.out) == (2, "")
    assert text in done.err


def test_forget(run: Run) -> None:
    assert run("forget", "clean", "--yes").out == "clean is forgotten, with 3 ticks\n"
    assert [job["name"] for job in run("list", "--json").data["jobs"]] == ["paused-job", "report"]


@pytest.mark.parametrize("command", ["history", "run", "pause", "resume", "forget"])
def test_an_unknown_job(run: Run, command: str) -> None:
    done = run(command, "claen")
    assert (done.code, done.out) == (1, "")
    assert "has no cron job 'claen'. Its jobs: clean, paused-job, report" in done.err
    done = run("backfill", "claen", "2024-10-24", "2024-10-25")
    assert done.code == 1


def test_a_store_without_a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    path = tmp_path / "queue.db"
    store = SQLite(path)
    store.open(times)
    store.close()
    empty = runner(monkeypatch, capsys, "--store", str(path), command="cron")
    done = empty("list")
    assert done.code == 1
    assert "has no cron jobs in the ledger cron: no Cron has started on it" in done.err
    missing = runner(monkeypatch, capsys, "--store", str(tmp_path / "none.db"), command="cron")
    assert missing("list").code == 1
    assert not (tmp_path / "none.db").exists()
    text = tmp_path / "text.db"
    text.write_text("no database" * 1000)
    assert runner(monkeypatch, capsys, "--store", str(text), command="cron")("list").code == 3


def test_another_ledger(run: Run) -> None:
    done = run("list", "--ledger", "other")
    assert done.code == 1
    assert "ledger other" in done.err


def test_explain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    explain = runner(monkeypatch, capsys, command="cron")
    done = explain("explain", "30 2 * * *", "--tz", "Europe/Berlin", "--after", "2024-10-26", "--count", "2")
    assert done.out == (
        "At 02:30 every day, Europe/Berlin\n"
        "  Sat 2024-10-26 02:30 CEST\n"
        "  Sun 2024-10-27 02:30 CEST   clocks go back at 03:00: 02:30 comes twice, runs the first time\n"
    )
    data = explain("explain", "30 2 * * *", "--tz", "Europe/Berlin", "--after", "2024-03-31", "--json").data
    assert data["fires"][0] == {
        "when": "2024-03-31T03:00:00+02:00",
        "note": "clocks go forward: 02:30 does not exist, runs at 03:00",
    }
    for wrong, text in (
        (["22-2 * * * *"], "write 22-59,0-2"),
        (["* * * * *", "--tz", "Mars/Base"], "Mars/Base"),
        (["* * * * *", "--after", "noon"], "--after: wanted a date"),
    ):
        done = explain("explain", *wrong)
        assert done.code == 2
        assert text in done.err
