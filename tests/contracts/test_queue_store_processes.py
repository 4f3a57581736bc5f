"""Stores that survive their process, and stores that several processes share; others skip these tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regrow.servers.queue.errors import LeaseLost
from regrow.servers.queue.job import Enqueued, Stats
from regrow.servers.queue.ops import Ack, Claim, Count, Look, Nack, NewJob, Pause, Put, Resume
from regrow.servers.queue.rate import Rate
from tests.contracts.queue_store import Opened, needs


@pytest.fixture
def beside(opened: Opened) -> Iterator[Opened]:
    """Return a second store object of the same jobs."""
    needs(opened, "shared")
    found = opened.beside()
    yield found
    found.store.close()


# Durable


def test_jobs_of_all_states_survive(opened: Opened) -> None:
    needs(opened, "durable")
    (dead,) = opened.bury(b"dead")
    (done,) = opened.put(b"done", key="k", key_states="all")
    job = opened.take()
    opened.do(Ack("q", job.id, job.token))
    opened.put(b"leased", b"blocked", group="g")
    leased = opened.take(lease=1e6)
    opened.put(b"delayed", delay=60.0, max_attempts=3)
    opened.put(b"ready", priority=-1)
    opened.do(Pause("q", "why"))
    before = [opened.show(id) for id in range(1, 10)]
    opened.reopen()
    assert [opened.show(id) for id in range(1, 10)] == before
    assert opened.stats() == Stats(ready=1, delayed=1, leased=1, blocked=1, dead=1, paused="why")
    assert opened.states(dead, done) == "dead done"
    assert opened.do(Count("q")) == 4
    assert opened.do(Put("q", (NewJob(b"2", key="k"),))) == [Enqueued(done, duplicate=True)]
    assert opened.do(Ack("q", leased.id, leased.token)) is None
    assert opened.store.check() == []


def test_ids_and_tokens_grow_across_opens(opened: Opened) -> None:
    needs(opened, "durable")
    ids: list[int] = []
    tokens: list[int] = []
    (kept,) = opened.put(b"kept", priority=-1)
    for _ in range(3):
        ids += opened.put(b"1")
        job = opened.take()
        assert job.id == kept
        tokens.append(job.token)
        opened.do(Nack("q", job.id, job.token, "release"))
        opened.do(Pause("q"))
        opened.do(Resume("q"))
        opened.reopen()
    assert ids == sorted(set(ids))
    assert tokens == sorted(set(tokens))


def test_an_id_is_not_used_again_after_the_last_job_is_gone(opened: Opened) -> None:
    needs(opened, "durable")
    (first,) = opened.put(b"1")
    job = opened.take()
    opened.do(Ack("q", job.id, job.token))
    opened.reopen()
    assert opened.put(b"2") > [first]


def test_a_rate_goes_on_after_an_open(opened: Opened) -> None:
    needs(opened, "durable")
    opened.put(*[b"x"] * 9)
    assert len(opened.claim(9, rate=Rate(3, per=60.0))) == 3
    opened.reopen()
    assert opened.claim(9, rate=Rate(3, per=60.0)) == []


def test_commits_that_promise_something_are_synced(opened: Opened) -> None:
    needs(opened, "durable")
    put = opened.run(Put("q", (NewJob(b"1"), NewJob(b"2"))))
    one, two = opened.claim(2)
    ack = opened.run(Ack("q", one.id, one.token))
    nack = opened.run(Nack("q", two.id, two.token, "retry"))
    pause = opened.run(Pause("q"))
    assert [done.synced for done in (put, ack, nack, pause)] == [True] * 4


# Shared


def test_two_processes_share_jobs_and_leases(opened: Opened, beside: Opened) -> None:
    opened.put(b"1", b"2")
    here, there = opened.take(), beside.take()
    assert [here.payload, there.payload] == [b"1", b"2"]
    assert opened.claim() == beside.claim() == []
    assert beside.do(Ack("q", here.id, here.token)) is None
    with pytest.raises(LeaseLost):
        opened.do(Ack("q", here.id, here.token))
    assert opened.stats() == beside.stats() == Stats(leased=1)


def test_an_open_leaves_the_leases_of_others(opened: Opened) -> None:
    needs(opened, "shared")
    opened.put(b"1")
    job = opened.take(lease=30.0)
    second = opened.beside()
    try:
        assert second.claim() == []
        assert opened.do(Ack("q", job.id, job.token)) is None
    finally:
        second.store.close()


def test_a_lease_that_is_over_goes_to_the_other_process(opened: Opened, beside: Opened) -> None:
    opened.put(b"1")
    old = opened.take(lease=10.0)
    opened.move(10.0)
    beside.move()
    new = beside.take()
    assert new.id == old.id
    assert new.token > old.token
    with pytest.raises(LeaseLost):
        opened.do(Ack("q", old.id, old.token))
    assert beside.do(Ack("q", new.id, new.token)) is None


def test_two_processes_have_one_bound_one_key_one_pause_and_one_rate(opened: Opened, beside: Opened) -> None:
    assert opened.do(Put("q", (NewJob(b"1", key="k"),), 2)) is not None
    assert beside.do(Put("q", (NewJob(b"2", key="k"),), 2))[0].duplicate
    assert beside.do(Put("q", (NewJob(b"2"),), 2)) is not None
    assert opened.do(Put("q", (NewJob(b"3"),), 2)) is None
    beside.do(Pause("q", "why"))
    assert opened.claim() == []
    opened.do(Resume("q"))
    assert len(beside.claim(9, rate=Rate(1, per=60.0))) == 1
    assert opened.claim(9, rate=Rate(1, per=60.0)) == []


def test_two_processes_have_one_line_for_a_group(opened: Opened, beside: Opened) -> None:
    opened.put(b"1", group="g")
    beside.put(b"2", group="g")
    job = beside.take()
    assert job.payload == b"1"
    assert opened.claim() == []
    beside.do(Ack("q", job.id, job.token))
    assert opened.take().payload == b"2"


def test_the_commits_of_another_process_are_noticed_once(opened: Opened, beside: Opened) -> None:
    assert opened.store.poll is not None
    opened.store.changed()
    assert opened.store.changed() is False
    beside.put(b"1")
    assert opened.notices()
    assert opened.store.changed() is False
    assert opened.do(Look(frozenset({"q"}))) == {"q"}
    opened.run(Claim("q", 1, 30.0, "me"))
    opened.put(b"2")
    assert opened.store.changed() is False


def test_a_check_beside_commits_of_another_thread_disturbs_none(opened: Opened, tmp_path: Path) -> None:
    """A broker checks, describes and copies its store in a second thread."""
    needs(opened, "shared")
    found: list[Any] = []
    stop = threading.Event()

    def look() -> None:
        count = 0
        while not stop.is_set():
            try:
                found.extend(opened.store.check())
                opened.store.diagnostics()
                if "backup" in opened.kind.traits:
                    opened.store.backup(str(tmp_path / f"copy-{count}"))
            except Exception as error:
                found.append(error)
            count += 1
        found.append(count)

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(60):
        opened.put(str(number).encode())
        job = opened.take()
        opened.results(Ack("q", job.id, job.token))
    stop.set()
    thread.join()
    assert found == [found[-1]]
    assert found[-1] > 0
    assert opened.results(Count("q")) == [0]
