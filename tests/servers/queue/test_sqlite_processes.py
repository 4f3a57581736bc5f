"""Two stores on one file, as two processes have them, and one process after another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from regrow.servers.queue.errors import LeaseLost
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Ack, Count, NewJob, Pause, Put
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.sqlite.store import SQLite
from tests.contracts.queue_store import START, Clock, Opened
from tests.servers.queue.sqlite_stores import ONE_PUT, opened_at, rows, user


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def test_each_opening_counts_and_its_tokens_are_greater_than_all_before(path: Path) -> None:
    opened = opened_at(path)
    (id,) = opened.put(b"1")
    first = opened.take()
    assert first.token == 1 << 32
    opened.move(31.0)
    assert opened.take().token == first.token + 1
    # A power cut forgets the claims: the row is as it was before them.
    with user(path) as connection:
        connection.execute(
            "UPDATE regrow_jobs SET state='ready', attempts=0, token=0, leased_at=NULL, lease_until=NULL"
        )
    opened.reopen()
    again = opened.take()
    assert again.id == id
    assert again.token == 2 << 32
    with pytest.raises(LeaseLost):
        opened.do(Ack("q", id, first.token))
    opened.store.close()


def test_the_token_rises_also_when_an_earlier_process_claims_after_a_later_one(path: Path) -> None:
    first, second = opened_at(path), opened_at(path)
    first.put(b"1")
    token = second.take().token
    first.move(31.0)
    assert first.take().token == token + 1
    first.store.close()
    second.store.close()


def test_leases_of_another_boot_are_void_at_the_next_opening(path: Path) -> None:
    opened = opened_at(path)
    opened.put(b"1", b"2", max_attempts=1)
    with user(path) as connection:
        connection.execute("UPDATE regrow_jobs SET max_attempts=3 WHERE id=2")
    first, second = opened.claim(2, lease=1e6)
    opened.store.close()
    rebooted = opened_at(path, Clock(START.wall + 60.0, 5.0))
    assert rebooted.states(first.id, second.id) == "dead ready"
    record = rebooted.show(first.id)
    assert record is not None
    assert [(error.kind, error.attempt) for error in record.errors] == [("LeaseLost", 1)]
    assert "host:1:<worker>" in record.errors[0].message
    assert rebooted.stats() == Stats(ready=1, dead=1)
    assert rebooted.store.check() == []
    rebooted.store.close()


def test_valid_leases_of_another_process_are_not_void_at_an_opening(path: Path) -> None:
    first = opened_at(path)
    first.put(b"1")
    job = first.take()
    second = Opened(SQLite(path, thread=False), first.kind, path.parent, first.clock)
    assert second.stats() == Stats(leased=1)
    assert second.do(Ack("q", job.id, job.token)) is None
    first.store.close()
    second.store.close()


def test_a_rate_gives_tokens_after_a_reboot(path: Path) -> None:
    opened = opened_at(path)
    opened.put(b"1", b"2")
    rate = Rate(1, per=10.0)
    assert len(opened.claim(2, rate=rate)) == 1
    opened.store.close()
    rebooted = opened_at(path, Clock(START.wall + 60.0, 5.0))
    assert rebooted.claim(2, rate=rate) == []
    rebooted.move(10.0)
    assert len(rebooted.claim(2, rate=rate)) == 1
    rebooted.store.close()


def test_the_counters_are_counted_again_at_an_opening(path: Path) -> None:
    opened = opened_at(path)
    opened.put(b"1", b"2", group="g")
    opened.put(b"3", delay=60.0)
    opened.put(b"4", queue="other")
    opened.take()
    opened.store.close()
    with user(path) as connection:
        connection.execute("UPDATE regrow_queues SET live=77, dead=77")
        connection.execute("DELETE FROM regrow_queues WHERE name='other'")
    opened = opened_at(path, opened.clock)
    assert opened.stats() == Stats(leased=1, blocked=1, delayed=1)
    assert opened.stats("other") == Stats(ready=1)
    assert opened.do(Count("q")) == 3
    assert opened.store.check() == []
    opened.store.close()


def test_changed_notices_the_commits_of_others_alone(path: Path) -> None:
    first, second = opened_at(path), opened_at(path)
    assert first.store.changed() is True  # the other has opened
    assert first.store.changed() is False
    first.do(ONE_PUT)
    first.do(Count("q"))
    assert first.store.changed() is False
    second.do(Count("q"))
    assert first.store.changed() is False
    second.do(ONE_PUT)
    assert first.store.changed() is True
    assert first.store.changed() is False
    first.store.close()
    second.store.close()


def test_bound_and_pause_hold_for_all_processes(path: Path) -> None:
    first, second = opened_at(path), opened_at(path)
    assert first.do(Put("q", (NewJob(b"1"), NewJob(b"2")), 2)) is not None
    assert second.do(Put("q", (NewJob(b"3"),), 2)) is None
    first.do(Pause("q", "why"))
    assert second.claim() == []
    assert second.stats() == Stats(ready=2, paused="why")
    first.store.close()
    second.store.close()


def test_many_processes_put_and_claim_each_job_once(path: Path) -> None:
    opened_at(path).store.close()
    code = f"""
import os, sys, time
from regrow.servers.queue.ops import Ack, Claim, NewJob, Put
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Times

def clocks():
    return Times(time.time(), time.monotonic())

store = SQLite({str(path)!r}, busy=60.0, synchronous="NORMAL")
store.open(clocks)
for number in range(30):
    put, claimed = store.run([Put("q", (NewJob(b"%d:%d" % (os.getpid(), number)),)), Claim("q", 1, 60.0, "me")], clocks).results
    for job in claimed:
        print(job.id, job.payload.decode())
        store.run([Ack("q", job.id, job.token)], clocks)
store.close()
"""
    children = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]
    lines = [line for child in children for line in child.communicate(timeout=60.0)[0].splitlines()]
    assert [child.returncode for child in children] == [0, 0]
    assert len(lines) == len(set(lines)) == 60
    assert rows(path, "SELECT count(*) FROM regrow_jobs") == [(0,)]
    opened = opened_at(path)
    assert opened.store.check() == []
    opened.store.close()
