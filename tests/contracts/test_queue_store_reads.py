"""Reads, in every store: counts, peeks, dead letters, records, and what a writer looks for while callers wait."""

from __future__ import annotations

import pytest

from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Count, Look, Pause, Peek, Purge, ReadDead, ReadStats, Record, Show
from tests.contracts.queue_store import Opened


def test_the_live_jobs_are_counted(opened: Opened) -> None:
    opened.bury(b"1")
    opened.put(b"2", b"3", group="g")
    opened.put(b"4", delay=60.0)
    opened.take()
    opened.put(b"5")
    assert opened.do(Count("q")) == 4
    assert opened.stats() == Stats(ready=1, delayed=1, leased=1, blocked=1, dead=1)


def test_the_stats_of_all_queues_are_by_name(opened: Opened) -> None:
    opened.put(b"1", queue="a")
    opened.put(b"1", delay=60.0, queue="b")
    opened.do(Pause("c", "why"))
    found = opened.do(ReadStats())
    assert found == {"a": Stats(ready=1), "b": Stats(delayed=1), "c": Stats(paused="why")}
    assert opened.do(ReadStats("a")) == {"a": Stats(ready=1)}
    assert opened.do(ReadStats("nowhere")) == {"nowhere": Stats()}


def test_a_peek_shows_the_next_ready_jobs_and_claims_none(opened: Opened) -> None:
    opened.put(b"later", delay=60.0)
    opened.put(b"2", b"3")
    opened.put(b"1", priority=-1)
    assert opened.do(Peek("q")) == [b"1"]
    assert opened.do(Peek("q", 2)) == [b"1", b"2"]
    assert opened.do(Peek("q", 9)) == [b"1", b"2", b"3"]
    assert opened.do(Peek("nowhere", 9)) == []
    assert [job.payload for job in opened.claim(9)] == [b"1", b"2", b"3"]
    assert opened.do(Peek("q", 9)) == []


def test_the_dead_are_read_from_the_newest_id_on_in_pages(opened: Opened) -> None:
    ids = opened.bury(*(b"%d" % number for number in range(7)))
    opened.bury(b"other", queue="other")
    opened.put(b"live")
    pages: list[list[int]] = []
    before: int | None = None
    while page := opened.do(ReadDead("q", 3, before)):
        pages.append([record.id for record in page])
        before = page[-1].id
    assert pages == [ids[6:3:-1], ids[3:0:-1], [ids[0]]]
    assert opened.do(ReadDead("nowhere")) == []
    opened.do(Purge("q", "dead", 6))
    (record,) = opened.do(ReadDead("q"))
    assert (record.state, record.attempts, record.queue) == ("dead", 1, "q")
    assert record.died_at == pytest.approx(opened.clock.wall)
    (error,) = record.errors
    assert (error.attempt, error.kind, error.message, error.trace) == (1, "ValueError", "broken", "trace")


def test_a_job_is_shown_by_its_id(opened: Opened) -> None:
    (id,) = opened.put(b"1", key="k", group="g", priority=0, max_attempts=4, traceparent="00-a-b-01", delay=60.0)
    (record,) = opened.do(Show("q", id))
    assert record == Record(
        id=id,
        queue="q",
        state="delayed",
        payload=b"1",
        priority=0,
        attempts=0,
        max_attempts=4,
        created_at=record.created_at,
        due_at=record.due_at,
        token=0,
        lease_until=None,
        holder=None,
        group="g",
        key="k",
        errors=(),
        traceparent="00-a-b-01",
        died_at=None,
    )
    assert record.created_at == pytest.approx(opened.clock.wall)
    assert record.due_at == pytest.approx(opened.clock.wall + 60.0)
    assert opened.do(Show(None, id)) == [record]
    assert opened.do(Show("other", id)) == []
    assert opened.do(Show(None, 999)) == []


def test_jobs_are_shown_in_pages_by_id(opened: Opened) -> None:
    a = opened.put(b"1", b"2", queue="a")
    b = opened.put(b"3", delay=60.0, queue="b")
    c = opened.bury(b"4", b"5", queue="a")
    assert [record.id for record in opened.do(Show())] == a + b + c
    assert [record.id for record in opened.do(Show(None, None, 0, 2))] == a
    assert [record.id for record in opened.do(Show(None, None, a[1], 2))] == [b[0], c[0]]
    assert [record.id for record in opened.do(Show("a", None, a[0]))] == [a[1], *c]
    assert opened.do(Show("nowhere")) == []


def test_a_look_finds_queues_with_a_job_or_with_room(opened: Opened) -> None:
    for name in ("ready", "paused", "full"):
        opened.put(b"1", queue=name)
    opened.put(b"1", queue="delayed", delay=60.0)
    opened.do(Pause("paused"))
    names = frozenset({"ready", "paused", "delayed", "nowhere"})
    assert opened.do(Look(names)) == {"ready"}
    assert opened.do(Look(frozenset({"nowhere"}))) == frozenset()
    assert opened.do(Look(frozenset(), frozenset({("full", 1), ("ready", 2), ("nowhere", 1)}))) == {"ready", "nowhere"}
    assert opened.do(Look(frozenset({"delayed"}), frozenset({("full", 2)}))) == {"full"}
