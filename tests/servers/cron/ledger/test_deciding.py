"""Decisions about ticks that are due, in each store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from time import process_time
from typing import Any, get_args

import pytest

from regrow.cron import CatchUp, Overlap, cron, every
from regrow.cron import at as at_moment
from regrow.servers.cron.ledger.deciding import Decided, decide, decisions_of
from regrow.servers.cron.policies.jitter import due
from regrow.servers.cron.rows import JobRow, TickRow
from tests.servers.cron.ledger.book import BEGIN, ME, OTHER, SECOND, Book, at, job, plans_of, text, texts

CATCH_UPS: tuple[CatchUp, ...] = get_args(CatchUp)
OVERLAPS: tuple[Overlap, ...] = get_args(Overlap)
CELLS = list(product(CATCH_UPS, OVERLAPS))


def cells(seconds: float, **policies: Any) -> list[Any]:
    """Return a job for each cell of the two tables."""
    return [job(f"{c}/{o}", every(seconds), catch_up=c, overlap=o, **policies) for c, o in CELLS]


def one_after_another(rows: list[str], overlap: Overlap) -> list[str]:
    """Return the rows of several ticks that run: the first runs, and the others wait for it unless all may run."""
    first, *others = [row for row in rows if "missed" not in row]
    then = " running" if overlap == "allow_all" else " waiting"
    return [*(row for row in rows if "missed" in row), f"{first} running", *(f"{row}{then}" for row in others)]


# Catch-up, with each overlap


def test_the_newest_is_on_time(book: Book) -> None:
    book.register(*cells(10))
    found = book.decide_at(45)
    for catch_up, overlap in CELLS:
        wanted = {
            "skip": ["10..30 (3) missed", "40 ran running"],
            "run_once": ["10..30 (3) coalesced, because 40", "40 ran running"],
            "run_all": one_after_another(["10 caught_up", "20 caught_up", "30 caught_up", "40 ran"], overlap),
        }
        assert book.rows(f"{catch_up}/{overlap}") == wanted[catch_up]
        assert book.row(f"{catch_up}/{overlap}").decided_until == at(40)
    assert [row.job for row in found.started if text(row) != "40 ran running" or "run_all" not in row.job] == [
        f"{catch_up}/{overlap}"
        for catch_up, overlap in CELLS
        for _ in range(3 if (catch_up, overlap) == ("run_all", "allow_all") else 1)
    ]
    assert all((row.owner, row.fence, row.attempt, row.started_at) == (ME, 1, 1, at(45)) for row in found.started)


def test_the_newest_is_late(book: Book) -> None:
    book.register(*cells(100))
    book.decide_at(375)
    for catch_up, overlap in CELLS:
        wanted = {
            "skip": ["100..300 (3) missed"],
            "run_once": ["100..200 (2) coalesced, because 300", "300 caught_up running"],
            "run_all": one_after_another(["100 caught_up", "200 caught_up", "300 caught_up"], overlap),
        }
        assert book.rows(f"{catch_up}/{overlap}") == wanted[catch_up]


def test_older_ones_are_outside_of_the_window(book: Book) -> None:
    book.register(*cells(100, catch_up_window=250))
    book.decide_at(1075)
    for catch_up, overlap in CELLS:
        wanted = {
            "skip": ["100..1000 (10) missed"],
            "run_once": ["100..800 (8) missed", "900 coalesced, because 1000", "1000 caught_up running"],
            "run_all": one_after_another(["100..800 (8) missed", "900 caught_up", "1000 caught_up"], overlap),
        }
        assert book.rows(f"{catch_up}/{overlap}") == wanted[catch_up]


def test_all_are_outside_of_the_window(book: Book) -> None:
    book.register(*cells(100, catch_up_window=0))
    book.decide_at(1075)
    for catch_up, overlap in CELLS:
        assert book.rows(f"{catch_up}/{overlap}") == ["100..1000 (10) missed"]
        assert book.row(f"{catch_up}/{overlap}").decided_until == at(1000)


@pytest.mark.parametrize(
    ("seconds", "rows"),
    [
        (160, ["100 ran running"]),  # at most a minute late
        (160.000_001, ["100 caught_up running"]),
        (179.999_999, ["100 caught_up running"]),
        (180, ["100 missed"]),  # as old as the window
        (199.999_999, ["100 missed"]),
        (200, ["100 missed", "200 ran running"]),
    ],
)
def test_the_edges_of_on_time_and_of_the_window(book: Book, seconds: float, rows: list[str]) -> None:
    book.register(job(schedule=every(100), catch_up_window=80))
    book.decide_at(seconds)
    assert book.rows() == rows


def test_an_on_time_tick_needs_no_window(book: Book) -> None:
    book.register(job(catch_up_window=0))
    book.decide_at(25)
    assert book.rows() == ["10 missed", "20 ran running"]


def test_a_tick_is_due_at_its_moment_and_not_before(book: Book) -> None:
    book.register(job())
    assert book.decide_at(9.999_999).ticks == []
    assert texts(book.decide_at(10).ticks) == ["10 ran running"]
    assert book.decide().ticks == []


@pytest.mark.parametrize("schedule", [every(1), cron("* * * * * *")], ids=str)
def test_a_week_of_seconds_is_few_rows(book: Book, schedule: Any) -> None:
    book.register(job(schedule=schedule))
    begun = process_time()
    book.decide_at(7 * 86_400)
    assert process_time() - begun < 5.0
    week, day = 7 * 86_400, 86_400
    assert book.rows() == [
        f"1..{week - day} (-1) missed",
        f"{week - day + 1}..{week - 1} (-1) coalesced, because {week}",
        f"{week} ran running",
    ]


def test_many_ticks_are_counted_up_to_ten_thousand(book: Book) -> None:
    book.register(job("less", every(1), catch_up="skip"), job("more", every(1), catch_up="skip"))
    book.decide_at(10_001, "less")
    book.decide_at(10_002, "more")
    assert book.rows("less") == ["1..10000 (10000) missed", "10001 ran running"]
    assert book.rows("more") == ["1..10001 (-1) missed", "10002 ran running"]


def test_of_too_many_to_catch_up_the_oldest_are_missed(book: Book) -> None:
    book.register(job(schedule=every(1), catch_up="run_all"))
    found = book.decide_at(10_004)
    rows = book.rows()
    assert rows[:3] == ["1..3 (3) missed", "4 caught_up running", "5 caught_up waiting"]
    assert rows[-2:] == ["10003 caught_up waiting", "10004 ran waiting"]
    assert len(rows) == len(found.ticks) == 10_002
    assert texts(found.started) == ["4 caught_up running"]


# Overlap


def test_the_table_of_overlap(book: Book) -> None:
    book.register(*(job(overlap, overlap=overlap) for overlap in OVERLAPS))
    found = [book.decide_at(seconds) for seconds in (10, 20, 30)]
    assert [book.rows(overlap) for overlap in OVERLAPS] == [
        ["10 ran running", "20 skipped_overlap, because 10", "30 skipped_overlap, because 10"],
        ["10 ran running", "20 ran waiting", "30 skipped_overlap, because 20"],
        ["10 ran running", "20 ran waiting", "30 ran waiting"],
        ["10 ran running", "20 skipped_overlap, because 30", "30 ran waiting"],
        ["10 ran running", "20 ran running", "30 ran running"],
    ]
    assert [one.cancel for one in found] == [[], [("cancel_other", at(10))], []]
    assert [book.tick(10, overlap).cancel for overlap in OVERLAPS] == [0, 0, 0, 1, 0]
    assert [row.job for row in found[1].started] == ["allow_all"]


def test_a_thousand_wait_and_no_more(book: Book) -> None:
    book.register(job(schedule=every(1), overlap="buffer_all"))
    book.decide_at(1)
    waiting = [book.tick(1)._replace(scheduled_for=at(2) + n, outcome="waiting", owner=None) for n in range(1000)]
    book.insert(*waiting[:-1])
    assert texts(book.decide_at(3).ticks)[-1] == "3 ran waiting"
    assert texts(book.decide_at(4).ticks) == ["4 skipped_buffer_full, because 3"]


def test_an_on_time_tick_stands_behind_those_that_are_caught_up(book: Book) -> None:
    book.register(job(catch_up="run_all"))
    book.decide_at(35)
    book.decide_at(40)
    assert book.rows() == [
        "10 caught_up running",
        "20 caught_up waiting",
        "30 ran waiting",
        "40 skipped_overlap, because 30",
    ]


# Jobs that are left alone


def test_jobs_are_started_in_the_order_of_the_list(book: Book) -> None:
    book.register(*(job(name) for name in "cab"))
    assert [row.job for row in book.decide_at(10).started] == ["c", "a", "b"]


def test_a_job_that_is_not_in_the_ledger(book: Book) -> None:
    book.register(job("a"))
    book.plans |= plans_of(job("b"))
    found = book.decide_at(10)
    assert (list(found.rows), texts(found.ticks)) == (["a"], ["10 ran running"])


def test_an_older_schedule_gets_nothing(book: Book) -> None:
    book.register(job())
    book.register(job(schedule=every(7)), owner=OTHER)
    assert book.decide_at(10)[1:] == Decided({}, [], [], [], ["job"])[1:]
    assert book.rows() == []


def test_a_job_that_is_paused_gets_nothing(book: Book) -> None:
    book.register(job())
    book.change(paused_at=at(5))
    found = book.decide_at(10)
    assert (found.ticks, found.stale, found.rows["job"].decided_until) == ([], [], BEGIN)


def test_the_anchor_is_that_of_the_ledger(book: Book) -> None:
    book.register(job())
    book.change(anchor=at(3))
    assert texts(book.decide_at(20).ticks) == ["13 ran running"]
    assert book.plans["job"].anchor == at(3)


@pytest.mark.parametrize(("seconds", "rows"), [(-5, ["-5 missed"]), (0, ["0 missed"]), (5, ["5 ran running"])])
def test_a_moment_in_the_past_is_missed(book: Book, seconds: float, rows: list[str]) -> None:
    moment = datetime.fromtimestamp(BEGIN / SECOND, UTC) + timedelta(seconds=seconds)
    book.register(job(schedule=at_moment(moment)))
    book.decide_at(10)
    assert book.rows() == rows
    book.decide_at(100)
    assert book.rows() == rows


# Jitter


def test_a_tick_is_due_with_its_jitter(book: Book) -> None:
    book.register(job(schedule=every(100), jitter=60))
    moment = due(at(100), 60 * SECOND, at(200), seed="", ledger="cron", job="job")
    assert at(100) < moment < at(160)
    assert book.decide_at((moment - 2 - BEGIN) / SECOND).ticks == []
    (row,) = book.decide_at((moment - BEGIN) / SECOND).started
    assert (row.scheduled_for, row.due) == (at(100), moment)


def test_lateness_begins_at_the_end_of_the_jitter(book: Book) -> None:
    book.register(job(schedule=every(1000), jitter=900))
    moment = due(at(1000), 900 * SECOND, at(2000), seed="", ledger="cron", job="job")
    late = (moment - BEGIN) / SECOND + 59
    assert late > 1060
    assert texts(book.decide_at(late).ticks) == ["1000 ran running"]


def test_a_tick_whose_jitter_is_not_over_is_left_for_later(book: Book) -> None:
    book.register(job(schedule=every(10), jitter=10))
    plan = book.plans["job"]
    moment = plan.due(at(50))
    assert moment > at(50) + 2
    found = book.decide_at((moment - 2 - BEGIN) / SECOND)
    assert texts(found.ticks) == ["10..30 (3) coalesced, because 40", "40 ran running"]
    assert book.row().decided_until == at(40)


# Ticks that are decided already


def test_a_tick_that_has_a_row_is_not_run_again(book: Book) -> None:
    book.register(job(overlap="allow_all"))
    book.decide_at(10)
    book.change(decided_until=BEGIN)
    found = book.decide()
    assert (found.ticks, found.started) == ([], [])
    assert book.row().decided_until == at(10)


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_a_tick_that_has_a_row_changes_no_other(book: Book, overlap: Overlap) -> None:
    book.register(job(overlap=overlap))
    for seconds in (10, 20, 30):
        book.decide_at(seconds)
    before = book.rows(), book.tick(10)
    running = book.tick(10)._replace(cancel=0)
    book.do(lambda tables: tables.update([running]))
    book.change(decided_until=at(10))
    found = book.decide()
    assert (found.ticks, found.started, found.cancel) == ([], [], [])
    assert book.rows() == before[0]
    assert book.tick(10).cancel == 0


@pytest.mark.parametrize(
    ("catch_up", "filled", "wanted"),
    [
        ("run_once", [10, 20], ["30..40 (2) coalesced, because 50"]),
        ("run_once", [10, 20, 30], ["40 coalesced, because 50"]),
        ("run_once", [10, 20, 30, 40], []),
        ("run_once", [20], ["10..40 (4) coalesced, because 50"]),
        ("skip", [10], ["20..40 (3) missed"]),
    ],
)
def test_ticks_that_were_backfilled_are_not_missed(
    book: Book, catch_up: CatchUp, filled: list[int], wanted: list[str]
) -> None:
    book.register(job(catch_up=catch_up, overlap="allow_all"))
    book.insert(*(TickRow("job", at(one), at(one), "backfilled", "succeeded") for one in filled))
    found = book.decide_at(55)
    assert sorted(texts(found.ticks)) == sorted([*wanted, "50 ran running"])
    assert sorted(book.rows()) == sorted(
        [*wanted, "50 ran running", *(f"{one} backfilled succeeded" for one in filled)]
    )


def test_two_processes_decide_a_tick_once(book: Book) -> None:
    book.register(job())
    assert len(book.decide_at(10).started) == 1
    plans = list(plans_of(job()).values())
    plans[0].anchor = BEGIN
    found = book.do(lambda tables: decide(tables, plans, OTHER))
    assert (found.ticks, list(found.rows)) == ([], ["job"])
    assert book.tick(10).owner == ME


def test_decisions_have_no_clock_and_no_store() -> None:
    (plan,) = plans_of(job()).values()
    plan.anchor = BEGIN
    row = JobRow("job", plan.text, BEGIN, BEGIN, 1, BEGIN, None, "", BEGIN)
    assert texts(decisions_of(plan, row, at(25))) == ["10 coalesced, because 20", "20 ran"]
    assert decisions_of(plan, row, at(-1000)) == []
