"""The start of a process, and a wall clock that was set back, in each store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regrow.cron import EPOCH, CronJob, cron, enqueue, every
from regrow.cron import at as at_moment
from regrow.servers.cron.ledger.registering import Changed, boot, seen, stepped_back
from regrow.servers.cron.rows import JobRow
from regrow.servers.queue.queue import Queue
from tests.servers.cron.ledger.book import BEGIN, ME, OTHER, SECOND, Book, at, job, texts

HOUR = 3600
NIGHT = "30 2 * * *"
Texts = Queue[str]("texts")


def test_a_new_job_is_due_after_now(book: Book) -> None:
    book.to(5)
    found = book.register(job(), job("night", cron(NIGHT)))
    assert found.rows == {
        "job": JobRow("job", "every 10000000", at(5), at(5), 1, at(5), None, "", at(5)),
        "night": JobRow("night", f"cron {NIGHT} UTC", at(5), at(5), 1, at(5), None, "", at(5)),
    }
    assert (found.changed, found.started, found.others, book.row()) == ([], [], {}, found.rows["job"])
    assert (book.plans["job"].anchor, book.plans["job"].revision) == (at(5), 1)
    assert texts(book.decide_at(16).ticks) == ["15 ran running"]
    assert book.processes() == {ME: pytest.approx(49.0)}


def test_after_a_downtime_the_table_of_catch_up_decides(book: Book) -> None:
    first = book.register(job())
    book.decide_at(10)
    book.finish(book.tick(10))
    book.leave()
    book.to(300)
    found = book.register(job(), owner=OTHER)
    assert found.changed == []
    assert found.rows["job"] == first.rows["job"]._replace(decided_until=at(10), seen_at=at(300))
    assert found.changes == first.changes + 1
    assert texts(book.decide(owner=OTHER).ticks) == ["20..290 (28) coalesced, because 300", "300 ran running"]


@pytest.mark.parametrize(
    ("old", "new", "texts_of_both"),
    [
        (every(10), every(20), ("every 10000000", "every 20000000")),
        (every(10), every(10, anchor=EPOCH), ("every 10000000", "every 10000000 from 0")),
        (cron(NIGHT), cron(NIGHT, tz="Asia/Tokyo"), (f"cron {NIGHT} UTC", f"cron {NIGHT} Asia/Tokyo")),
    ],
)
def test_a_schedule_that_has_changed_is_due_after_now(
    book: Book, old: Any, new: Any, texts_of_both: tuple[str, str]
) -> None:
    book.register(job(schedule=old))
    book.to(5)
    book.change(note="why", paused_at=at(1))
    book.to(86_400)
    found = book.register(job(schedule=new))
    moment = at(86_400)
    assert found.changed == [Changed("job", *texts_of_both)]
    assert found.rows["job"] == JobRow("job", texts_of_both[1], moment, moment, 2, moment, at(1), "why", moment)
    assert book.plans["job"].revision == 2
    book.change(paused_at=None)
    assert book.decide().ticks == []


def test_policies_are_not_part_of_the_schedule(book: Book) -> None:
    book.register(job())
    book.to(25)
    found = book.register(job(overlap="allow_all", jitter=1, catch_up="skip", attempts=9))
    assert (found.changed, found.rows["job"].revision, found.rows["job"].decided_until) == ([], 1, BEGIN)


def test_a_change_that_is_taken_back_is_a_change(book: Book) -> None:
    for revision, seconds in enumerate([10, 7, 10], 1):
        assert book.register(job(schedule=every(seconds))).rows["job"].revision == revision


def test_a_job_that_was_away_misses_nothing(book: Book) -> None:
    book.register(job(), job("other"))
    book.to(2 * HOUR)
    book.register(job("other"))
    book.to(2 * HOUR + 5)
    found = book.register(job(), job("other"))
    assert found.rows["job"].decided_until == at(2 * HOUR + 5)
    assert found.rows["other"].decided_until == BEGIN
    assert found.changed == []


def test_an_hour_away_is_a_downtime(book: Book) -> None:
    book.register(job(), job("other"))
    book.to(HOUR)
    book.register(job("other"))
    assert book.register(job(), job("other")).rows["job"].decided_until == BEGIN


def test_a_job_that_was_away_is_not_decided_twice(book: Book) -> None:
    book.register(job(), job("other"))
    book.to(2 * HOUR)
    book.register(job("other"))
    book.change(decided_until=at(3 * HOUR))  # the clock was an hour ahead
    assert book.register(job(), job("other")).rows["job"].decided_until == at(3 * HOUR)


def test_a_job_that_is_paused_keeps_its_span(book: Book) -> None:
    book.register(job(), job("other"))
    book.change(paused_at=at(5))
    book.to(2 * HOUR)
    book.register(job("other"))
    assert book.register(job(), job("other")).rows["job"].decided_until == BEGIN


def test_all_jobs_after_a_long_downtime(book: Book) -> None:
    book.register(job(), job("other"))
    book.to(7 * 86_400)
    found = book.register(job(), job("other"))
    assert {row.decided_until for row in found.rows.values()} == {BEGIN}


@pytest.mark.parametrize(("ahead", "until"), [(3 * HOUR - 0.001, 3 * HOUR - 0.001), (3 * HOUR, 0), (365 * 86_400, 0)])
def test_a_job_that_was_decided_far_ahead(book: Book, ahead: float, until: float) -> None:
    book.register(job())
    book.change(decided_until=at(ahead))
    assert book.register(job()).rows["job"].decided_until == at(until)


def test_a_moment_that_was_past_at_the_first_start_has_one_row(book: Book) -> None:
    moment = datetime.fromtimestamp(BEGIN / SECOND, UTC)
    for _ in range(2):
        book.register(job(schedule=at_moment(moment)))
    assert book.rows() == ["0 missed"]
    book.register(job(schedule=at_moment(moment - timedelta(seconds=5))))
    assert book.rows() == ["-5 missed", "0 missed"]
    book.register(job(schedule=at_moment(moment + timedelta(seconds=5))))
    assert texts(book.decide_at(5).ticks) == ["5 ran running"]


def test_the_other_processes_and_the_beginning_of_their_leases(book: Book) -> None:
    book.register(job())
    lease = book.do(lambda tables: tables.processes()[0].leased_at)
    book.to(20)
    assert book.register(job(), owner=OTHER).others == {ME: pytest.approx(lease)}
    book.to(70)
    found = book.register(job(), owner="host/3-c.1", before=OTHER)
    assert found.others == {}
    assert set(book.processes()) == {ME, "host/3-c.1"}


def test_what_waits_is_started(book: Book) -> None:
    book.register(job(overlap="buffer_all"))
    for seconds in (10, 20, 30):
        book.decide_at(seconds)
    book.leave(book.tick(10))
    found = book.register(job(overlap="buffer_all"), owner=OTHER)
    assert texts(found.started) == ["20 ran running"]
    assert book.rows() == ["10 ran cancelled", "20 ran running", "30 ran waiting"]


def test_the_moment_when_a_job_was_last_in_the_code(book: Book) -> None:
    book.register(job("a"), job("b"))
    book.to(50)
    book.do(lambda tables: seen(tables, ["b", "unknown"]))
    assert (book.row("a").seen_at, book.row("b").seen_at) == (BEGIN, at(50))


# The jobs of a start


def test_the_jobs_of_a_start_run_now(book: Book) -> None:
    book.register(job("b", cron("@reboot")), job("a", cron("@reboot")))
    book.to(3)
    found = book.do(lambda tables: boot(tables, list(book.plans.values()), ME))
    assert [(row.job, row.due, row.attempt, row.owner) for row in found.started] == [
        ("b", at(3), 1, ME),
        ("a", at(3), 1, ME),
    ]
    assert book.rows("a") == ["3 ran running"]
    assert book.decide_at(1000).ticks == []


def test_the_overlap_applies_to_the_jobs_of_a_start(book: Book) -> None:
    book.register(job("skip", cron("@reboot")), job("wait", cron("@reboot"), overlap="buffer_one"))
    for seconds in (3, 4):
        book.to(seconds)
        book.do(lambda tables: boot(tables, list(book.plans.values()), ME))
    assert book.rows("skip") == ["3 ran running", "4 skipped_overlap, because 3"]
    assert book.rows("wait") == ["3 ran running", "4 ran waiting"]


def test_a_start_enqueues(book: Book) -> None:
    book.register(CronJob(enqueue(Texts, lambda tick: tick.key), cron("@reboot"), name="job"))
    found = book.do(lambda tables: boot(tables, list(book.plans.values()), ME))
    assert (book.rows(), found.started) == (["0 ran enqueued"], [])
    assert book.opened.stats("texts").ready == 1


# A wall clock that was set back


def back(book: Book, by: float) -> dict[str, JobRow]:
    """Set the wall clock back, follow it, and return the rows that have changed."""
    book.opened.move(step=-by)
    found = book.do(lambda tables: stepped_back(tables, book.plans.values(), round(-by * SECOND)))
    for name, row in found.items():
        book.plans[name].anchor = row.anchor
        assert row == book.row(name)
    return found


@pytest.mark.parametrize("by", [1.5, 300, 86_400])
def test_an_interval_keeps_its_pace(book: Book, by: float) -> None:
    book.register(job(overlap="allow_all"))
    book.decide_at(10)
    book.opened.move(4)
    found = back(book, by)
    assert found["job"].decided_until == at(10 - by) + 1
    book.opened.move(5.9)
    assert book.decide().ticks == []
    book.opened.move(0.2)  # ten seconds and a tenth after the tick before
    (row,) = book.decide().started
    assert row.scheduled_for == at(20 - by) + 1


def test_no_tick_of_an_interval_has_the_moment_of_an_earlier_one(book: Book) -> None:
    book.register(job(overlap="allow_all"))
    moments: list[int] = []
    for _ in range(5):
        book.opened.move(10.001)
        moments += [row.scheduled_for for row in book.decide().started]
        back(book, 10)
    assert len(set(moments)) == len(moments) == 5
    assert len(book.rows()) == 5


def test_of_two_processes_one_follows_the_step(book: Book) -> None:
    book.register(job())
    step = -100 * SECOND
    changes = book.look().changes
    for _ in range(2):
        book.do(lambda tables: stepped_back(tables, book.plans.values(), step))
    assert book.row().anchor == BEGIN + step + 1
    assert book.look().changes == changes + 1


@pytest.mark.parametrize("schedule", [cron("0 * * * *"), every(HOUR, anchor=EPOCH)], ids=str)
@pytest.mark.parametrize(("by", "reset"), [(600, False), (3 * HOUR - 1, False), (3 * HOUR, True), (40 * HOUR, True)])
def test_ticks_by_the_wall_clock_are_passed_over_up_to_three_hours(
    book: Book, schedule: Any, by: float, reset: bool
) -> None:
    book.register(job(schedule=schedule))
    book.decide_at(2 * HOUR)
    decided = book.row().decided_until
    found = back(book, by)
    if reset:
        assert found["job"].decided_until == at(2 * HOUR - by)
    else:
        assert (found, book.row().decided_until) == ({}, decided)
    assert book.row().anchor == BEGIN


def test_a_job_that_is_decided_until_the_past_is_left_alone(book: Book) -> None:
    book.register(job(schedule=cron("0 0 1 1 *")))
    book.to(100 * HOUR)
    assert back(book, 4 * HOUR) == {}


def test_after_a_correction_no_tick_runs_twice(book: Book) -> None:
    book.register(job(schedule=cron("0 * * * *"), overlap="allow_all", catch_up="run_all"))
    book.decide_at(5 * HOUR)
    before = book.rows()
    assert len(before) == 5
    back(book, 4 * HOUR)
    book.opened.move(4 * HOUR)
    assert book.decide().ticks == []
    assert book.rows() == before


def test_a_job_without_a_row_is_passed_over(book: Book) -> None:
    book.register(job())
    book.do(lambda tables: tables.forget("job"))
    assert back(book, 5 * HOUR) == {}
