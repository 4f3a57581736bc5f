"""Ticks that put into the durable queue, in the transaction that decides them, in each store."""

from __future__ import annotations

from typing import Any

from regrow.cron import CronJob, Tick, enqueue, every
from regrow.queue import Queue
from regrow.servers.cron.rows import TickRow
from tests.servers.cron.ledger.book import ME, Book, at, job, texts

Texts = Queue[str]("texts")


def key(tick: Tick) -> str:
    return tick.key


def enqueuing(name: str = "job", payload: Any = key, queue: Queue[str] = Texts, **policies: Any) -> CronJob:
    """Return a job that enqueues every ten seconds."""
    return CronJob(enqueue(queue, payload), every(10), name=name, **policies)


def payloads(book: Book, queue: str = "texts") -> list[bytes]:
    """Return the payloads that the queue has, by the order of their puts."""
    return [claimed.payload for claimed in book.opened.claim(100, queue=queue)]


def test_a_tick_is_put_and_its_row_says_so(book: Book) -> None:
    book.register(enqueuing())
    found = book.decide_at(12)
    assert (found.started, texts(found.ticks)) == ([], ["10 ran enqueued"])
    row = book.tick(10)
    assert (row.owner, row.attempt, row.fence, row.started_at, row.finished_at) == (ME, 1, 0, at(12), at(12))
    assert payloads(book) == [b'"job@2023-11-14T22:13:30Z"']


def test_the_overlap_does_not_apply_and_the_catch_up_does(book: Book) -> None:
    book.register(enqueuing("once"), enqueuing("all", catch_up="run_all"), enqueuing("skip", catch_up="skip"))
    book.decide_at(35)
    assert book.rows("once") == ["10..20 (2) coalesced, because 30", "30 ran enqueued"]
    assert book.rows("all") == ["10 caught_up enqueued", "20 caught_up enqueued", "30 ran enqueued"]
    assert book.rows("skip") == ["10..20 (2) missed", "30 ran enqueued"]
    assert len(payloads(book)) == 5


def test_a_tick_that_has_a_row_is_not_put_again(book: Book) -> None:
    book.register(enqueuing())
    book.decide_at(10)
    book.change(decided_until=at(0))
    assert book.decide().ticks == []
    assert len(payloads(book)) == 1


def fails(tick: Tick) -> str:
    """Fail for each tick but the first."""
    if tick.scheduled_for.second == 30:
        return "fine"
    raise SystemExit(3)


def test_a_payload_that_fails_fails_its_own_tick(book: Book) -> None:
    book.register(enqueuing("bad", fails, catch_up="run_all"), enqueuing("good"), job("other"))
    book.decide_at(25)
    assert book.rows("bad") == ["10 caught_up enqueued", "20 ran failed"]
    assert book.tick(20, "bad").error is not None
    assert "PayloadFailed: the payload for 'texts': SystemExit: 3" in str(book.tick(20, "bad").error)
    assert book.rows("good")[-1] == "20 ran enqueued"
    assert book.rows("other")[-1] == "20 ran running"
    assert len(payloads(book)) == 2


def test_a_queue_without_room_fails_the_tick(book: Book) -> None:
    small = Queue[str]("small", bound=1)
    book.register(enqueuing("one", "a", small), enqueuing("two", "b", small))
    book.decide_at(10)
    assert (book.rows("one"), book.rows("two")) == (["10 ran enqueued"], ["10 ran failed"])
    assert book.tick(10, "two").error == "Full: the queue 'small' has no room"
    assert payloads(book, "small") == [b'"a"']


def test_what_waits_is_put(book: Book) -> None:
    book.register(enqueuing())
    rows = [TickRow("job", at(one), at(one), "backfilled", "waiting") for one in (1, 2)]
    book.insert(*rows, TickRow("job", at(3), at(3), "triggered", "waiting", owner="ordered"))
    assert book.look().started == []
    assert book.rows() == ["1 backfilled enqueued", "2 backfilled enqueued", "3 triggered enqueued"]
    assert book.tick(3).owner == ME
    assert len(payloads(book)) == 3


def test_a_tick_for_a_queue_in_another_store_is_a_run(book: Book) -> None:
    book.register(enqueuing())
    book.plans["job"].enqueues = None  # the queue is in another store
    (row,) = book.decide_at(10).started
    assert (row.outcome, row.owner) == ("running", ME)
    assert texts(book.finish(row, outcome="enqueued").started) == []
    assert book.rows() == ["10 ran enqueued"]
    assert payloads(book) == []
