"""Orders of people, in each store: pause, resume, trigger, backfill, forget."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from regrow.cron import CronJob, Overlap, cron, enqueue, every
from regrow.cron import at as at_moment
from regrow.servers.cron.ledger import orders
from regrow.servers.cron.ledger.ending import ORDERED
from regrow.servers.cron.ledger.orders import TooMany, Unknown
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import Outcome, Reason, TickRow
from regrow.servers.queue.queue import Queue
from tests.servers.cron.ledger.book import BEGIN, ME, SECOND, Book, at, job, text, texts

HOUR = 3600
Texts = Queue[str]("texts")


def pause(book: Book, note: str = "", name: str = "job") -> Any:
    return book.do(lambda tables: orders.pause(tables, name, note))


def resume(book: Book, name: str = "job") -> Any:
    return book.do(lambda tables: orders.resume(tables, name))


def trigger(book: Book, name: str = "job", traceparent: str | None = None) -> Any:
    return book.do(lambda tables: orders.trigger(tables, book.plans[name], ME, traceparent))


def backfill(book: Book, start: float, end: float, name: str = "job") -> Any:
    return book.do(lambda tables: orders.backfill(tables, name, at(start), at(end)))


def changes(book: Book) -> int:
    return book.do(lambda tables: tables.changes())


ORDERS: list[Callable[[Tables, str], Any]] = [
    lambda tables, name: orders.pause(tables, name, "why"),
    orders.resume,
    orders.order,
    lambda tables, name: orders.backfill(tables, name, 0, 1),
    orders.forget,
]


@pytest.mark.parametrize("give", ORDERS)
def test_an_order_for_an_unknown_job_names_those_that_there_are(book: Book, give: Callable[[Tables, str], Any]) -> None:
    book.register(job("b"), job("a"))
    before = changes(book)
    assert book.do(lambda tables: give(tables, "c")) == Unknown("c", ("a", "b"))
    assert changes(book) == before
    assert book.rows(None) == []


@pytest.mark.parametrize("give", ORDERS[:1] + ORDERS[2:])
def test_an_order_is_a_change_for_others(book: Book, give: Callable[[Tables, str], Any]) -> None:
    book.register(job("c"))
    before = changes(book)
    book.do(lambda tables: give(tables, "c"))
    assert changes(book) == before + 1


# Pause and resume


def test_a_pause_is_kept_and_a_second_one_replaces_the_note(book: Book) -> None:
    row = book.register(job()).rows["job"]
    book.to(5)
    assert pause(book, "db move") == book.row() == row._replace(paused_at=at(5), note="db move")
    book.to(9)
    assert pause(book, "longer") == row._replace(paused_at=at(5), note="longer")
    assert pause(book).note == ""


def test_one_row_covers_what_was_due_while_a_job_was_paused(book: Book) -> None:
    row = book.register(job()).rows["job"]
    book.decide_at(10)
    pause(book)
    book.to(55)
    resumed = resume(book)
    assert resumed == book.row() == row._replace(decided_until=at(55))
    assert book.rows() == ["10 ran running", "20..50 (4) skipped_paused"]
    assert resume(book) == resumed
    assert texts(book.decide_at(60).ticks) == ["60 skipped_overlap, because 10"]


@pytest.mark.parametrize(
    ("seconds", "rows"), [(9, []), (10, ["10 skipped_paused"]), (29, ["10..20 (2) skipped_paused"])]
)
def test_a_short_pause(book: Book, seconds: float, rows: list[str]) -> None:
    book.register(job())
    pause(book)
    book.to(seconds)
    resume(book)
    assert book.rows() == rows


def test_a_long_pause_is_counted_up_to_ten_thousand(book: Book) -> None:
    book.register(job(schedule=every(1)))
    pause(book)
    book.to(10_001)
    resume(book)
    assert book.rows() == ["1..10001 (-1) skipped_paused"]


def test_a_job_that_was_not_paused_is_not_resumed(book: Book) -> None:
    row = book.register(job()).rows["job"]
    before = changes(book)
    book.to(50)
    assert resume(book) == row
    assert (book.rows(), changes(book)) == ([], before)


def test_nothing_is_covered_at_or_before_a_change_of_the_schedule(book: Book) -> None:
    book.register(job())
    pause(book)
    book.change(changed_at=at(30))
    book.to(50)
    resume(book)
    assert book.rows() == ["40..50 (2) skipped_paused"]


def test_a_pause_over_a_change_of_the_schedule_covers_the_new_one(book: Book) -> None:
    book.register(job())
    pause(book)
    book.to(100)
    book.register(job(schedule=every(30)))
    book.to(170)
    resume(book)
    assert book.rows() == ["130..160 (2) skipped_paused"]


def test_a_resume_after_the_clock_was_set_back_decides_nothing_twice(book: Book) -> None:
    book.register(job())
    book.decide_at(50)
    pause(book)
    book.opened.move(step=-30)
    assert resume(book).decided_until == at(50)
    assert book.rows() == ["10..40 (4) coalesced, because 50", "50 ran running"]


def test_ticks_that_were_backfilled_while_a_job_was_paused_are_not_covered(book: Book) -> None:
    book.register(job())
    pause(book)
    book.to(55)
    backfill(book, 10, 30)
    resume(book)
    assert book.rows() == ["10 backfilled waiting", "20 backfilled waiting", "30..50 (3) skipped_paused"]


@pytest.mark.parametrize("schedule", ["reboot", "sunset 5"])
def test_a_job_without_ticks_by_the_clock_is_resumed(book: Book, schedule: str) -> None:
    book.register(job())
    book.change(schedule=schedule, paused_at=BEGIN)
    book.to(50)
    assert resume(book).paused_at is None
    assert book.rows() == []


# Trigger


def test_a_job_is_triggered_now(book: Book) -> None:
    book.register(job())
    pause(book)
    book.to(5)
    found = trigger(book, traceparent="00-1")
    (row,) = found.started
    assert row == TickRow("job", at(5), at(5), "triggered", "running", 1, ME, 1, started_at=at(5), traceparent="00-1")
    assert (found.ticks, book.tick(5)) == ([row], row)
    assert book.row().decided_until == BEGIN


def test_two_triggers_of_one_moment_are_two_ticks(book: Book) -> None:
    book.register(job(overlap="allow_all"))
    book.decide_at(10)
    moments = [trigger(book).started[0].scheduled_for for _ in range(2)]
    assert moments == [at(10) + 1, at(10) + 2]


@pytest.mark.parametrize(
    ("overlap", "wanted"),
    [
        ("skip", "15 skipped_overlap, because 10"),
        ("buffer_one", "15 triggered waiting"),
        ("buffer_all", "15 triggered waiting"),
        ("cancel_other", "15 triggered waiting"),
        ("allow_all", "15 triggered running"),
    ],
)
def test_the_overlap_applies_to_a_trigger(book: Book, overlap: Overlap, wanted: str) -> None:
    book.register(job(overlap=overlap))
    book.decide_at(10)
    book.to(15)
    found = trigger(book)
    assert texts(found.ticks) == [wanted]
    assert texts(found.started) == ([wanted] if "running" in wanted else [])
    assert found.cancel == ([("job", at(10))] if overlap == "cancel_other" else [])
    assert book.rows() == ["10 ran running", wanted]


def test_a_trigger_of_a_job_without_a_row(book: Book) -> None:
    book.register(job())
    book.do(lambda tables: orders.forget(tables, "job"))
    assert trigger(book) == Unknown("job", ())


def test_a_trigger_enqueues(book: Book) -> None:
    book.register(CronJob(enqueue(Texts, lambda tick: tick.key), every(10), name="job"))
    book.to(5)
    found = trigger(book)
    assert (texts(found.ticks), found.started) == (["5 triggered enqueued"], [])
    assert (book.tick(5).finished_at, book.opened.stats("texts").ready) == (at(5), 1)


def test_an_order_waits_for_a_process_with_the_job(book: Book) -> None:
    book.register(job())
    book.to(5)
    row = book.do(lambda tables: orders.order(tables, "job", "00-1"))
    assert row == TickRow("job", at(5), at(5), "triggered", "waiting", owner=ORDERED, traceparent="00-1")
    assert row == book.tick(5)
    second = book.do(lambda tables: orders.order(tables, "job"))
    assert not isinstance(second, Unknown)
    assert second.scheduled_for == at(5) + 1
    assert texts(book.look().started) == ["5 triggered running"]
    assert text(book.tick(5.000001)) == "5 skipped_overlap, because 5"


# Backfill


def at_rest(book: Book, *rows: tuple[float, Reason, Outcome | None]) -> None:
    """Register a job with these rows, decided until 100, and let time pass until 105."""
    book.register(job())
    book.insert(*(TickRow("job", at(one), at(one), reason, outcome) for one, reason, outcome in rows))
    book.change(decided_until=at(100))
    book.to(105)


def test_ticks_that_never_succeeded_are_backfilled(book: Book) -> None:
    at_rest(
        book,
        (20, "ran", "succeeded"),
        (30, "ran", "failed"),
        (40, "ran", "enqueued"),
        (50, "missed", None),
        (60, "ran", "running"),
        (70, "ran", "waiting"),
        (80, "ran", "lost"),
    )
    found = backfill(book, 10, 90)
    assert sorted(row.scheduled_for for row in found) == [at(one) for one in (10, 30, 50, 80)]
    assert book.rows() == [
        "10 backfilled waiting",
        "20 ran succeeded",
        "30 backfilled waiting",
        "40 ran enqueued",
        "50 backfilled waiting",
        "60 ran running",
        "70 ran waiting",
        "80 backfilled waiting",
    ]


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [(10, 30, [10, 20]), (10.000001, 30.000001, [20, 30]), (0, 10, []), (-1000, 11, [10]), (31, 39, [])],
)
def test_the_start_counts_and_the_end_does_not(book: Book, start: float, end: float, wanted: list[int]) -> None:
    at_rest(book)
    assert [row.scheduled_for for row in backfill(book, start, end)] == [at(one) for one in wanted]
    assert book.rows() == [f"{one} backfilled waiting" for one in wanted]


def test_a_row_that_is_backfilled_begins_anew_with_a_higher_fence(book: Book) -> None:
    at_rest(book)
    old = TickRow("job", at(50), at(51), "ran", "failed", 3, "web", 4, 0, at(52), at(53), "boom", None, 1, None, "00-1")
    book.insert(old)
    assert backfill(book, 50, 60) == [TickRow("job", at(50), at(50), "backfilled", "waiting", fence=4)]
    (row,) = book.do(lambda tables: orders.start_backfilled(tables, book.plans["job"], ME, at_once=False))
    assert (row.fence, row.attempt, row.started_at, row.error) == (5, 1, at(105), None)


def test_the_oldest_runs_first(book: Book) -> None:
    at_rest(book, (30, "missed", None))
    backfill(book, 20, 50)
    plan = book.plans["job"]
    for seconds in (20, 30, 40):
        (row,) = book.do(lambda tables: orders.start_backfilled(tables, plan, ME, at_once=False))
        assert text(row) == f"{seconds} backfilled running"
        assert book.do(lambda tables: orders.start_backfilled(tables, plan, ME, at_once=False)) == []
        book.do(lambda tables, row=row: tables.update([row._replace(outcome="succeeded")]))  # type: ignore[misc]
    assert backfill(book, 20, 50) == []


def test_all_run_at_once_if_asked(book: Book) -> None:
    at_rest(book, (30, "ran", "waiting"))
    backfill(book, 10, 50)
    started = book.do(lambda tables: orders.start_backfilled(tables, book.plans["job"], ME, at_once=True))
    assert texts(started) == [f"{one} backfilled running" for one in (10, 20, 40)]
    assert book.rows()[2] == "30 ran waiting"


def test_backfilled_ticks_that_enqueue_are_put(book: Book) -> None:
    book.register(CronJob(enqueue(Texts, lambda tick: tick.key), every(10), name="job"))
    book.to(105)
    backfill(book, 10, 30)
    started = book.do(lambda tables: orders.start_backfilled(tables, book.plans["job"], ME, at_once=True))
    assert started == []
    assert book.rows() == ["10 backfilled enqueued", "20 backfilled enqueued"]
    assert book.opened.stats("texts").ready == 2


def span(first: float, last: float, ticks: int, reason: Reason = "missed") -> TickRow:
    """Return a row for several ticks."""
    because = at(100) if reason == "coalesced" else None
    return TickRow("job", at(first), at(first), reason, because=because, ticks=ticks, until=at(last))


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (10, 100, [*(f"{one} backfilled waiting" for one in range(10, 100, 10))]),
        (10, 30, ["10 backfilled waiting", "20 backfilled waiting", "30..90 (7) missed"]),
        (40, 60, ["10..30 (3) missed", "40 backfilled waiting", "50 backfilled waiting", "60..90 (4) missed"]),
        (80, 100, ["10..70 (7) missed", "80 backfilled waiting", "90 backfilled waiting"]),
        (20, 90, ["10 missed", *(f"{one} backfilled waiting" for one in range(20, 90, 10)), "90 missed"]),
        (100, 110, ["10..90 (9) missed", "100 backfilled waiting"]),
        (0, 10, ["10..90 (9) missed"]),
    ],
)
def test_a_span_is_cut(book: Book, start: float, end: float, wanted: list[str]) -> None:
    at_rest(book)
    book.insert(span(10, 90, 9))
    backfill(book, start, end)
    assert book.rows() == wanted


def test_several_spans_are_cut_and_keep_their_reasons(book: Book) -> None:
    at_rest(book)
    book.insert(span(10, 30, 3), span(40, 60, 3, "skipped_paused"), span(70, 90, 3, "coalesced"))
    backfill(book, 20, 80)
    assert book.rows() == [
        "10 missed",
        *(f"{one} backfilled waiting" for one in range(20, 80, 10)),
        "80..90 (2) coalesced, because 100",
    ]


def test_other_spans_stay_as_they_are(book: Book) -> None:
    at_rest(book)
    book.insert(span(10, 20, 2), span(50, 60, 2), span(80, 90, 2))
    backfill(book, 50, 70)
    wanted = ["10..20 (2) missed", "50 backfilled waiting", "60 backfilled waiting", "80..90 (2) missed"]
    assert book.rows() == wanted


def test_more_than_ten_thousand_are_too_many(book: Book) -> None:
    book.register(job(schedule=every(1)))
    book.to(20_000)
    assert backfill(book, 1, 10_002) == TooMany("job")
    assert book.rows() == []


def test_ten_thousand_are_backfilled(book: Book) -> None:
    book.register(job(schedule=every(1)))
    book.to(20_000)
    assert len(backfill(book, 1, 10_001)) == 10_000


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (cron("*/5 * * * *"), 2),  # 22:15 and 22:20, in seconds 100 and 400
        (at_moment(datetime.fromtimestamp(BEGIN / SECOND + 50, UTC)), 1),
        (cron("@reboot"), 0),
        (every(300, anchor=datetime.fromtimestamp(BEGIN / SECOND, UTC)), 1),
    ],
    ids=str,
)
def test_each_kind_of_schedule(book: Book, schedule: Any, wanted: int) -> None:
    book.register(job(schedule=schedule))
    book.to(500)
    assert len(backfill(book, 0, 500)) == wanted


def test_a_schedule_of_a_newer_version_has_no_ticks(book: Book) -> None:
    book.register(job())
    book.change(schedule="sunset 5")
    assert backfill(book, 0, 100) == []


# Forget


def test_a_job_is_forgotten_with_its_ticks(book: Book) -> None:
    book.register(job(), job("other"))
    book.decide_at(25)
    assert book.do(lambda tables: orders.forget(tables, "job")) == 3
    assert book.rows() == []
    assert book.do(lambda tables: orders.forget(tables, "job")) == Unknown("job", ("other",))
    assert len(book.rows("other")) == 2
