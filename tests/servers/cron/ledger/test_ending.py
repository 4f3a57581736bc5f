"""The ends of runs, and the end of a process that stops in order, in each store."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.cron import Overlap
from regrow.servers.cron.ledger.ending import attempt_again, finish
from regrow.servers.cron.rows import OUTCOMES, Outcome
from tests.servers.cron.ledger.book import ME, OTHER, Book, at, end_of, job, plans_of, texts

ENDS: list[Outcome] = [one for one in OUTCOMES if one not in {"waiting", "running", "enqueued"}]


def begun(book: Book, *seconds: float, overlap: Overlap = "buffer_all", **policies: Any) -> Any:
    """Register a job, decide its ticks at these moments, and return the row that runs."""
    book.register(job(overlap=overlap, **policies))
    for one in seconds:
        book.decide_at(one)
    return book.tick(seconds[0])


@pytest.mark.parametrize("outcome", ENDS)
def test_the_end_of_a_run_is_written(book: Book, outcome: Outcome) -> None:
    row = begun(book, 10)
    book.to(15.5)
    found = book.finish(row._replace(started_at=at(11)), outcome=outcome, error="ValueError: no rows")
    assert (found.started, found.lost) == ([], [])
    assert book.tick(10) == row._replace(
        outcome=outcome, error="ValueError: no rows", started_at=at(11), finished_at=at(15.5)
    )


def test_the_end_of_a_run_starts_the_oldest_that_waits(book: Book) -> None:
    row = begun(book, 10, 20, 30)
    (next_one,) = book.finish(row).started
    assert (next_one.scheduled_for, next_one.owner, next_one.fence, next_one.attempt) == (at(20), ME, 1, 1)
    assert next_one == book.tick(20)
    assert next_one.started_at == at(30)
    assert book.rows() == ["10 ran succeeded", "20 ran running", "30 ran waiting"]
    assert texts(book.finish(next_one).started) == ["30 ran running"]
    assert book.finish(book.tick(30)).started == []


def test_with_allow_all_each_that_waits_starts(book: Book) -> None:
    row = begun(book, 10, 20, 30)
    book.plans = plans_of(job(overlap="allow_all"))
    assert texts(book.finish(row).started) == ["20 ran running", "30 ran running"]


def test_while_another_one_runs_none_is_started(book: Book) -> None:
    first = begun(book, 10, 20, overlap="allow_all")
    book.register(job(overlap="buffer_all"))
    assert texts(book.decide_at(30).ticks) == ["30 ran waiting"]
    assert book.finish(first).started == []
    assert texts(book.finish(book.tick(20)).started) == ["30 ran running"]


def test_the_ends_of_several_runs_are_one_transaction(book: Book) -> None:
    book.register(*(job(name, overlap="buffer_one") for name in "ba"))
    book.decide_at(10)
    book.decide_at(20)
    found = book.finish(book.tick(10, "b"), book.tick(10, "a"))
    assert [row.job for row in found.started] == ["b", "a"]
    assert book.rows("a") == book.rows("b") == ["10 ran succeeded", "20 ran running"]


@pytest.mark.parametrize("change", [{"owner": OTHER}, {"fence": 2}, {"outcome": "lost"}])
def test_a_run_that_was_taken_away_writes_nothing(book: Book, change: dict[str, Any]) -> None:
    row = begun(book, 10)
    taken = row._replace(**change)
    book.do(lambda tables: tables.update([taken]))
    assert book.finish(row) == ([], [("job", at(10))])
    assert book.tick(10) == taken


def test_a_run_without_a_row_is_lost(book: Book) -> None:
    row = begun(book, 10)
    book.do(lambda tables: tables.forget("job"))
    assert book.finish(row).lost == [("job", at(10))]
    assert book.rows() == []


def test_a_run_of_another_process_is_not_ended(book: Book) -> None:
    row = begun(book, 10)
    assert book.finish(row, owner=OTHER).lost == [("job", at(10))]
    assert book.rows() == ["10 ran running"]


def test_a_commit_without_an_answer_may_be_made_again(book: Book) -> None:
    row = begun(book, 10, 20, 30)
    first = book.finish(row, outcome="failed", error="boom")
    book.to(35)
    again = book.finish(row, outcome="failed", error="boom")
    assert (texts(first.started), again.started, again.lost) == (["20 ran running"], [], [])
    assert book.tick(10).finished_at == at(30)
    assert book.rows()[1:] == ["20 ran running", "30 ran waiting"]


@pytest.mark.parametrize(("outcome", "fence"), [("succeeded", 0), ("failed", 1)])
def test_another_end_of_a_run_that_has_ended_is_lost(book: Book, outcome: Outcome, fence: int) -> None:
    row = begun(book, 10)
    book.finish(row, outcome="failed")
    assert book.finish(row._replace(fence=row.fence + fence), outcome=outcome).lost == [("job", at(10))]
    assert book.rows() == ["10 ran failed"]


@pytest.mark.parametrize("why", ["stops", "newer"])
def test_a_process_that_may_not_start_leaves_what_waits(book: Book, why: str) -> None:
    row = begun(book, 10, 20)
    plans, keep = ({}, ()) if why == "stops" else (book.plans, {"job"})
    found = book.do(lambda tables: finish(tables, [end_of(row)], plans, ME, keep))
    assert found == ([], [])
    assert book.rows() == ["10 ran succeeded", "20 ran waiting"]


# Attempts


def test_an_attempt_begins_again(book: Book) -> None:
    row = begun(book, 10)
    book.to(70)
    again = book.do(lambda tables: attempt_again(tables, "job", at(10), row.fence, ME, 2, "ValueError: no rows"))
    assert again == book.tick(10) == row._replace(attempt=2, error="ValueError: no rows")
    assert again is not None
    assert again.started_at == at(10)


@pytest.mark.parametrize("change", [{"owner": OTHER}, {"fence": 2}, {"outcome": "succeeded"}])
def test_no_attempt_begins_again_for_a_run_that_was_taken_away(book: Book, change: dict[str, Any]) -> None:
    row = begun(book, 10)
    taken = row._replace(**change)
    book.do(lambda tables: tables.update([taken]))
    assert book.do(lambda tables: attempt_again(tables, "job", at(10), row.fence, ME, 2, None)) is None
    assert book.do(lambda tables: attempt_again(tables, "job", at(20), row.fence, ME, 2, None)) is None
    assert book.tick(10) == taken


# A process that stops


def test_a_process_that_stops_ends_its_runs_and_leaves_what_waits(book: Book) -> None:
    row = begun(book, 10, 20)
    book.leave(row)
    assert book.rows() == ["10 ran cancelled", "20 ran waiting"]
    assert book.processes() == {}


def test_a_claim_that_was_not_started_waits_for_the_next_process(book: Book) -> None:
    row = begun(book, 10)
    book.leave()
    waiting = book.tick(10)
    assert waiting == row._replace(outcome="waiting", owner=None, attempt=0, started_at=None)
    book.register(job(), owner=OTHER)
    assert book.tick(10)[:7] == row._replace(owner=OTHER)[:7]
    assert (book.tick(10).attempt, book.tick(10).fence) == (1, 2)


def test_a_second_attempt_that_was_not_started_keeps_the_start_of_the_first(book: Book) -> None:
    row = begun(book, 10)
    book.do(lambda tables: attempt_again(tables, "job", at(10), row.fence, ME, 2, "boom"))
    book.leave()
    waiting = book.tick(10)
    assert (waiting.outcome, waiting.attempt, waiting.started_at) == ("waiting", 1, at(10))


def test_a_claim_that_was_to_be_cancelled_does_not_wait(book: Book) -> None:
    begun(book, 10, 20, overlap="cancel_other")
    book.leave()
    assert book.rows() == ["10 ran cancelled", "20 ran waiting"]
    assert book.tick(10).finished_at == at(20)


def test_runs_of_others_go_on(book: Book) -> None:
    begun(book, 10)
    book.register(job("other"), owner=OTHER)
    book.leave(owner=OTHER)
    assert book.rows() == ["10 ran running"]
    assert list(book.processes()) == [ME]


def test_alone_nothing_waits_any_more(book: Book) -> None:
    book.register(*(job(name, overlap="buffer_all") for name in "ab"))
    book.decide_at(10)
    book.decide_at(20)
    book.to(25)
    book.leave(book.tick(10, "a"), alone=True)
    for name in "ab":
        assert book.rows(name) == ["10 ran cancelled", "20 ran cancelled"]
        assert [book.tick(seconds, name).finished_at for seconds in (10, 20)] == [at(25), at(25)]
