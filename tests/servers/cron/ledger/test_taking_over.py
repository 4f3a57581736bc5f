"""Leases, runs of processes that are gone, and a look at what others have written, in each store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow.cron import every
from regrow.servers.cron.ledger.ending import LEASE, ORDERED, bury
from regrow.servers.cron.rows import JobRow, ProcessRow, TickRow
from tests.servers.cron.ledger.book import BEGIN, ME, OTHER, Book, at, job, never, plans_of, process_row, texts

HOUR = 3600.0


def always(_: ProcessRow) -> bool:
    """Say that each process has ended."""
    return True


def run_elsewhere(book: Book, **policies: Any) -> TickRow:
    """Let another process run a tick of a job that this process has, too."""
    book.register(job(**policies), owner=OTHER)
    book.register(job(**policies))
    book.to(10)
    found = book.decide(owner=OTHER)
    return found.started[0]


def buried(book: Book, gone: Callable[[ProcessRow], bool] = never) -> tuple[list[str], list[str]]:
    """Return the owners that live, and those that are over."""
    alive, over = book.do(lambda tables: bury(tables, process_row(ME), gone))
    return [row.owner for row in alive], [row.owner for row in over]


# Leases


def test_a_lease_is_over_after_a_minute(book: Book) -> None:
    book.register(job(), owner=OTHER)
    book.to(LEASE - 0.001)
    assert buried(book) == ([OTHER], [])
    book.to(LEASE)
    assert buried(book) == ([], [OTHER])
    assert buried(book) == ([], [OTHER])


def test_a_look_renews_the_lease(book: Book) -> None:
    book.register(job())
    book.to(30)
    assert book.processes() == {ME: pytest.approx(30.0)}
    book.look()
    assert book.processes() == {ME: pytest.approx(60.0)}
    assert book.row().seen_at == BEGIN


def test_a_process_that_is_gone_has_no_lease(book: Book) -> None:
    book.register(job(), owner=OTHER)
    assert buried(book, always) == ([], [OTHER])
    assert buried(book) == ([], [OTHER])
    book.look(owner=OTHER, plans={})
    assert buried(book) == ([OTHER], [])  # it was not gone after all


def test_this_process_buries_others_only(book: Book) -> None:
    book.register(job())
    book.to(1000)
    assert buried(book, always) == ([], [])


def test_a_process_that_is_over_is_known_for_an_hour(book: Book) -> None:
    book.register(job(), owner=OTHER)
    buried(book, always)
    book.to(HOUR)
    assert buried(book) == ([], [OTHER])
    book.to(HOUR + 1)
    assert buried(book) == ([], [])
    assert book.processes() == {}


def test_a_lease_of_before_the_clock_began_is_over_on_one_machine(book: Book) -> None:
    one_machine, now = book.do(lambda tables: (tables.one_machine, tables.lease_now))
    row = process_row(OTHER)._replace(leased_at=now + 100, lease_until=now + 160)
    book.do(lambda tables: tables.put_process(row))
    assert buried(book) == (([], [OTHER]) if one_machine else ([OTHER], []))


def test_a_step_of_the_wall_clock_takes_no_lease_on_one_machine(book: Book) -> None:
    book.register(job(), owner=OTHER)
    if not book.do(lambda tables: tables.one_machine):
        pytest.skip("the clock is the server's")
    book.opened.move(step=10_000)
    assert buried(book) == ([OTHER], [])


# Runs of processes that are gone


def test_a_run_with_attempts_left_is_claimed(book: Book) -> None:
    row = run_elsewhere(book, attempts=2)
    book.to(70)
    (found,) = book.look(gone=always).started
    assert found == row._replace(owner=ME, fence=2, attempt=2)
    assert found == book.tick(10)
    assert found.started_at == at(10)


def test_a_run_without_attempts_left_is_lost(book: Book) -> None:
    row = run_elsewhere(book)
    book.to(15)
    assert book.look(gone=always).started == []
    error = f"its process {OTHER} has ended"
    assert book.tick(10) == row._replace(outcome="lost", finished_at=at(15), error=error)


def test_a_run_that_was_to_be_cancelled_is_cancelled(book: Book) -> None:
    row = run_elsewhere(book, attempts=5)
    book.do(lambda tables: tables.update([row._replace(cancel=1)]))
    book.look(gone=always)
    assert book.rows() == ["10 ran cancelled"]
    assert book.tick(10).finished_at == at(10)


def test_while_its_process_lives_a_run_is_left_alone(book: Book) -> None:
    row = run_elsewhere(book, attempts=5)
    book.to(LEASE - 0.5)
    assert book.look().started == []
    assert book.tick(10) == row


def test_the_tick_that_waits_starts_when_the_run_is_lost(book: Book) -> None:
    run_elsewhere(book, overlap="buffer_one")
    book.decide_at(20)
    assert book.rows() == ["10 ran running", "20 ran waiting"]
    found = book.look(gone=always)
    assert texts(found.started) == ["20 ran running"]
    assert book.tick(20).owner == ME
    assert book.rows() == ["10 ran lost", "20 ran running"]


def test_a_start_takes_over_as_well(book: Book) -> None:
    book.register(job(attempts=2, overlap="buffer_one"))
    book.decide_at(10)
    book.decide_at(20)
    found = book.register(job(attempts=2, overlap="buffer_one"), owner=OTHER, before=ME)
    assert texts(found.started) == ["10 ran running"]
    assert (book.tick(10).owner, book.tick(10).attempt, book.tick(20).outcome) == (OTHER, 2, "waiting")
    assert list(book.processes()) == [OTHER]


def test_a_job_of_another_program_is_left_to_it(book: Book) -> None:
    row = run_elsewhere(book)
    book.to(3600)
    book.look(gone=always, plans=plans_of(job("mine")))
    assert book.tick(10) == row


def test_a_job_that_no_program_has_had_for_an_hour_is_lost(book: Book) -> None:
    run_elsewhere(book)
    book.to(3601)
    book.look(gone=always, plans=plans_of(job("mine")))
    assert book.rows() == ["10 ran lost"]


def test_a_run_of_a_job_without_a_row_is_lost(book: Book) -> None:
    book.register(job("mine"))
    book.insert(TickRow("away", at(1), at(1), "ran", "running", 1, OTHER, 1, started_at=at(1)))
    book.look(gone=always)
    assert book.rows("away") == ["1 ran lost"]


# A look at the ledger


def test_a_look_reads_the_jobs_only_after_a_change(book: Book) -> None:
    book.register(job("a"))
    seen = book.look().changes
    assert book.look(seen=seen).rows is None
    book.register(job("b"), owner=OTHER)
    found = book.look(seen=seen)
    assert found.rows is not None
    assert (list(found.rows), found.changes) == (["a"], seen + 1)
    assert [row.owner for row in found.alive] == [OTHER]
    assert isinstance(found.rows["a"], JobRow)


def test_a_look_finds_runs_that_were_taken(book: Book) -> None:
    book.register(job(overlap="allow_all"))
    rows = [book.decide_at(seconds).started[0] for seconds in (10, 20, 30, 40, 50)]
    kept, foreign, fenced, ended, deleted = rows
    book.do(
        lambda tables: tables.update(
            [foreign._replace(owner=OTHER), fenced._replace(fence=2), ended._replace(outcome="lost")]
        )
    )
    book.register(job(), owner=OTHER)
    lost = [one._replace(scheduled_for=one.scheduled_for + 1) if one is deleted else one for one in rows]
    found = book.look(*lost)
    assert found.lost == [(one.job, one.scheduled_for) for one in lost if one is not kept]


def test_a_look_finds_runs_that_are_to_be_cancelled(book: Book) -> None:
    book.register(job())
    (row,) = book.decide_at(10).started
    book.do(lambda tables: tables.update([row._replace(cancel=1)]))
    found = book.look(row)
    assert (found.cancel, found.lost, found.started) == ([("job", at(10))], [], [])
    found = book.look()  # the commit of the claim had no answer: it ends as soon as it starts
    assert (found.cancel, found.started) == ([("job", at(10))], [row._replace(cancel=1)])


def test_a_look_starts_a_claim_whose_commit_had_no_answer(book: Book) -> None:
    book.register(job())
    (row,) = book.decide_at(10).started
    found = book.look()
    assert (found.started, found.lost) == ([row], [])
    assert book.tick(10) == row


@pytest.mark.parametrize(("attempts", "wanted"), [(1, "10 ran lost"), (2, "10 ran running")])
@pytest.mark.parametrize("over", ["by time", "buried"])
def test_a_run_whose_lease_was_over_is_not_started_anew(book: Book, over: str, attempts: int, wanted: str) -> None:
    book.register(job(attempts=attempts))
    (row,) = book.decide_at(10).started
    if over == "buried":
        book.register(job("other"), owner=OTHER, gone=always)
    else:
        book.to(LEASE + 1)
    found = book.look()  # this process has killed its runs meanwhile
    assert book.rows() == [wanted]
    assert [(one.attempt, one.fence) for one in found.started] == ([] if attempts == 1 else [(2, 2)])
    if attempts == 1:
        assert book.tick(10).error == "its lease was over"
    assert book.look(*found.started).started == []
    assert row.attempt == 1


def test_a_run_that_goes_on_after_its_lease_was_over_is_kept(book: Book) -> None:
    book.register(job())
    (row,) = book.decide_at(10).started
    book.register(job("other"), owner=OTHER, gone=always)
    found = book.look(row)
    assert (found.lost, found.started) == ([], [])
    assert book.tick(10) == row


# What waits


def ordered(seconds: float, name: str = "job") -> TickRow:
    """Return a tick that the command has triggered."""
    return TickRow(name, at(seconds), at(seconds), "triggered", "waiting", owner=ORDERED)


def test_an_order_is_taken_by_a_look(book: Book) -> None:
    book.register(job())
    book.insert(ordered(5), ordered(6, "unknown"))
    book.to(7)
    (found,) = book.look().started
    assert found == ordered(5)._replace(outcome="running", owner=ME, fence=1, attempt=1, started_at=at(7))
    assert found == book.tick(5)
    assert book.rows("unknown") == ["6 triggered waiting"]


@pytest.mark.parametrize(
    ("overlap", "wanted", "cancelled"),
    [
        ("skip", ["10 ran running", "15 triggered skipped_overlap, because 10"], False),
        ("buffer_one", ["10 ran running", "15 triggered waiting"], False),
        ("buffer_all", ["10 ran running", "15 triggered waiting"], False),
        ("cancel_other", ["10 ran running", "15 triggered waiting"], True),
        ("allow_all", ["10 ran running", "15 triggered running"], False),
    ],
)
def test_the_overlap_applies_to_orders(book: Book, overlap: Any, wanted: list[str], cancelled: bool) -> None:
    book.register(job(overlap=overlap))
    (row,) = book.decide_at(10).started
    book.insert(ordered(15))
    found = book.look(row)
    assert book.rows() == [one.replace("triggered skipped", "skipped") for one in wanted]
    assert found.cancel == ([("job", at(10))] if cancelled else [])
    assert book.tick(10).cancel == int(cancelled)
    assert book.look(row, *found.started).started == []


def test_a_look_starts_one_of_several_that_wait(book: Book) -> None:
    book.register(job(overlap="buffer_all"))
    rows = [TickRow("job", at(one), at(one), "backfilled", "waiting") for one in (1, 2, 3)]
    book.insert(*rows, TickRow("away", at(1), at(1), "backfilled", "waiting"))
    assert texts(book.look().started) == ["1 backfilled running"]
    assert book.rows("away") == ["1 backfilled waiting"]


def test_what_waits_starts_with_the_policies_of_the_code(book: Book) -> None:
    book.register(job(schedule=every(7), overlap="allow_all"))
    book.insert(*(TickRow("job", at(one), at(one), "backfilled", "waiting") for one in (1, 2)))
    assert texts(book.look().started) == ["1 backfilled running", "2 backfilled running"]
