"""The tables of a ledger, in every store: each method, and a random sequence in memory and in the store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar, get_args

import pytest

from regrow.servers.cron.ledger.opening import existing_tables, tables_of
from regrow.servers.cron.ledger.sql import VERSION_KEY
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import OUTCOMES, REASONS, JobRow, Outcome, ProcessRow, Reason, TickRow
from regrow.servers.queue.errors import StoreError, StoreNewer
from regrow.servers.queue.job import Stats
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import NewJob, Put, Transaction, Within
from tests.contracts.queue_store import STORES, Opened, needs

T = TypeVar("T")

MOMENT = 1_793_000_000_000_000
LATEST = 253_402_300_799_999_999  # the last microsecond of the year 9999
FULL_TICK = TickRow(
    "a",
    MOMENT,
    MOMENT + 1,
    "ran",
    "failed",
    2,
    "host/1",
    3,
    1,
    MOMENT + 2,
    MOMENT + 3,
    "é",
    5,
    -1,
    7,
    "00-1",
)


def do(opened: Opened, work: Callable[[Tables], T], ledger: str = "cron") -> T:
    """Return what a work on the tables returns."""
    found: T = opened.do(Within(lambda tx: work(tables_of(tx, ledger)), puts=(Put("q", (NewJob(b"1"),)),)))
    return found


def job(name: str, **changes: Any) -> JobRow:
    """Return the row of a job."""
    return JobRow(name, "every 1000000", 0, MOMENT, 1, MOMENT, None, "", MOMENT)._replace(**changes)


def tick(name: str, after: int = 0, reason: Reason = "ran", outcome: Outcome | None = None, **changes: Any) -> TickRow:
    """Return the row of a tick, so many microseconds after `MOMENT`."""
    return TickRow(name, MOMENT + after, MOMENT + after, reason, outcome)._replace(**changes)


def moments(rows: list[TickRow]) -> list[tuple[str, int]]:
    """Return which ticks there are, in order."""
    return [(row.job, row.scheduled_for - MOMENT) for row in rows]


# The transaction


def test_the_times_are_those_of_the_transaction(opened: Opened) -> None:
    wall, lease_now, one_machine, dialect = opened.do(
        Within(lambda tx: ((tables := tables_of(tx, "cron")).wall, tables.lease_now, tables.one_machine, tx.dialect))
    )
    assert wall == opened.clock.wall
    assert lease_now == pytest.approx(opened.clock.wall if dialect == "postgres" else opened.clock.monotonic)
    assert one_machine is (dialect != "postgres")


def test_a_put_is_in_the_same_transaction(opened: Opened) -> None:
    def work(tables: Tables) -> None:
        tables.insert([tick("a")])
        assert tables.put(Put("q", (NewJob(b"1"),)))

    do(opened, work)
    assert opened.stats() == Stats(ready=1)


def test_tables_are_not_made_by_those_who_only_read(opened: Opened) -> None:
    def look(tx: Transaction) -> bool:
        return existing_tables(tx, "cron") is None

    assert [opened.do(Within(look)), opened.do(Within(look))] == [True, True]
    do(opened, lambda tables: tables.put_jobs([job("a")]))
    assert opened.do(Within(look)) is False
    assert do(opened, lambda tables: tables.jobs()) == {"a": job("a")}


def test_rows_stay_after_the_store_is_opened_again(opened: Opened) -> None:
    needs(opened, "durable")
    do(opened, lambda tables: tables.insert([FULL_TICK]))
    opened.reopen()
    assert opened.do(Within(lambda tx: existing_tables(tx, "cron") is None)) is False
    assert do(opened, lambda tables: tables.tick("a", MOMENT)) == FULL_TICK
    assert opened.store.check() == []


def test_tables_of_a_work_that_failed_are_made_again(opened: Opened) -> None:
    def fails(tables: Tables) -> None:
        raise KeyError

    with pytest.raises(StoreError):
        do(opened, fails)
    assert do(opened, lambda tables: tables.insert([FULL_TICK])) == [FULL_TICK]


def test_newer_and_older_tables_are_refused(opened: Opened) -> None:
    needs(opened, "durable")

    def set_version(version: str) -> None:
        statement = "UPDATE regrow_queue_meta SET value = ? WHERE key = ?"
        opened.do(Within(lambda tx: tx.rows(statement, (version, VERSION_KEY))))
        opened.reopen()

    do(opened, lambda tables: tables.changed())
    set_version("99")
    with pytest.raises(StoreNewer, match="version 99"):
        do(opened, lambda tables: tables.jobs())
    with pytest.raises(StoreNewer, match="version 99"):
        opened.do(Within(lambda tx: existing_tables(tx, "cron")))
    set_version("-1")
    with pytest.raises(StoreError, match="version -1"):
        opened.do(Within(lambda tx: existing_tables(tx, "cron")))


def test_two_processes_have_the_same_rows(opened: Opened) -> None:
    needs(opened, "shared")
    other = opened.beside()
    assert do(opened, lambda tables: tables.insert([tick("a")])) == [tick("a")]
    assert do(other, lambda tables: tables.insert([tick("a"), tick("a", 1)])) == [tick("a", 1)]
    assert do(opened, lambda tables: moments(tables.history("a", 9))) == [("a", 1), ("a", 0)]
    other.store.close()


def test_two_processes_may_make_the_tables_at_once(opened: Opened) -> None:
    needs(opened, "shared")
    other = opened.beside()
    found: list[Any] = []

    def second() -> None:
        found.extend(other.results(Within(lambda tx: tables_of(tx, "two").insert([tick("a")]), lock="two")))

    def first(tables: Tables) -> None:
        tables.insert([tick("a")])
        thread.start()
        thread.join(0.2)  # the other one comes as far as the locks allow

    thread = threading.Thread(target=second)
    do(opened, first, "one")
    thread.join(20.0)
    other.store.close()
    assert found == [[tick("a")]]
    assert do(opened, lambda tables: tables.history("a", 9), "two") == [tick("a")]


def test_ledgers_of_one_store_are_apart(opened: Opened) -> None:
    def fill(tables: Tables) -> None:
        tables.put_jobs([job("a")])
        tables.insert([tick("a", outcome="running")])
        tables.put_process(ProcessRow("host/1", "host", 1, 2, 3.5, 4.5))
        tables.changed()

    def look(tables: Tables) -> list[Any]:
        seen = [tables.jobs(), tables.tick("a", MOMENT), tables.open(), tables.history(None, 9), tables.last()]
        return [*seen, tables.history("a", 9), tables.done("a", 0, LATEST), tables.processes(), tables.changes()]

    do(opened, fill, "one")
    assert not any(do(opened, look, "two"))
    assert all(do(opened, look, "one"))
    do(opened, fill, "two")
    do(opened, lambda tables: tables.forget("a"), "one")
    do(opened, lambda tables: tables.delete_process("host/1"), "one")
    assert all(do(opened, look, "two"))


def test_changes_are_counted(opened: Opened) -> None:
    assert do(opened, lambda tables: tables.changes()) == 0
    for _ in range(12):
        do(opened, lambda tables: tables.changed())
    assert do(opened, lambda tables: tables.changes()) == 12


# Jobs


def test_jobs_are_inserted_replaced_and_found(opened: Opened) -> None:
    first = job("b", anchor=LATEST, paused_at=MOMENT, note="why é")
    do(opened, lambda tables: tables.put_jobs([first, job("B"), job("a:1"), job("a"), job("a-1")]))
    assert list(do(opened, lambda tables: tables.jobs())) == ["B", "a", "a-1", "a:1", "b"]
    assert do(opened, lambda tables: tables.jobs(["b"])) == {"b": first}
    changed = job("b", revision=2, schedule="at 5", changed_at=1, decided_until=2, seen_at=3)
    do(opened, lambda tables: tables.put_jobs([changed]))
    assert do(opened, lambda tables: tables.jobs(["b", "b", "unknown", "a"])) == {"a": job("a"), "b": changed}
    assert do(opened, lambda tables: tables.jobs([])) == {}
    do(opened, lambda tables: tables.put_jobs([]))


def test_a_job_is_forgotten_with_its_ticks(opened: Opened) -> None:
    do(opened, lambda tables: tables.put_jobs([job("a"), job("b")]))
    do(opened, lambda tables: tables.insert([tick("a", outcome="running"), tick("a", 1), tick("b", outcome="waiting")]))
    assert do(opened, lambda tables: tables.forget("a")) == 3
    assert do(opened, lambda tables: tables.forget("a")) == 0
    assert do(opened, lambda tables: tables.jobs()) == {"b": job("b")}
    assert do(opened, lambda tables: moments(tables.history(None, 9))) == [("b", 0)]
    assert do(opened, lambda tables: moments(tables.open())) == [("b", 0)]


@pytest.mark.parametrize("count", [2, 64, 65, 700])
def test_many_names_are_found(opened: Opened, count: int) -> None:
    names = [f"job-{place:04}" for place in range(1000)]
    do(opened, lambda tables: tables.put_jobs([job(name) for name in names]))
    do(opened, lambda tables: tables.insert([tick(name, outcome="waiting") for name in names]))
    wanted = names[count - 1 :: -1]
    assert list(do(opened, lambda tables: tables.jobs(wanted))) == names[:count]
    assert [row.job for row in do(opened, lambda tables: tables.open(wanted))] == names[:count]


# Ticks


def test_a_tick_is_stored_as_it_is(opened: Opened) -> None:
    rows = [FULL_TICK, TickRow("a", LATEST, LATEST, "missed"), TickRow("a", -5, -5, "missed", until=LATEST)]
    assert do(opened, lambda tables: tables.insert(rows)) == rows
    assert [do(opened, lambda tables, row=row: tables.tick("a", row.scheduled_for)) for row in rows] == rows  # type: ignore[misc]
    found = do(opened, lambda tables: tables.tick("a", MOMENT))
    assert isinstance(found, TickRow)
    assert do(opened, lambda tables: tables.tick("a", MOMENT + 1)) is None
    assert do(opened, lambda tables: tables.tick("b", MOMENT)) is None


def test_every_reason_and_outcome_is_stored(opened: Opened) -> None:
    assert (get_args(Reason), get_args(Outcome)) == (REASONS, OUTCOMES)
    rows = [tick("a", place, reason) for place, reason in enumerate(REASONS)]
    rows += [tick("b", place, "ran", outcome) for place, outcome in enumerate(OUTCOMES)]
    assert do(opened, lambda tables: tables.insert(rows)) == rows
    assert do(opened, lambda tables: tables.history("a", 20)) == rows[8::-1]


def test_other_reasons_and_outcomes_are_refused(opened: Opened) -> None:
    needs(opened, "durable")
    for wrong in (tick("a", reason="late"), tick("a", outcome="asleep")):  # type: ignore[arg-type]
        with pytest.raises(StoreError):
            do(opened, lambda tables, row=wrong: tables.insert([row]))  # type: ignore[misc]


def test_an_insert_returns_the_new_rows_and_keeps_the_old(opened: Opened) -> None:
    do(opened, lambda tables: tables.insert([tick("a", 1, "missed")]))
    rows = [tick("a"), tick("a", 1), tick("a", reason="missed"), tick("b")]
    assert do(opened, lambda tables: tables.insert(rows)) == [rows[0], rows[3]]
    assert do(opened, lambda tables: tables.tick("a", MOMENT + 1)) == tick("a", 1, "missed")
    assert do(opened, lambda tables: tables.tick("a", MOMENT)) == tick("a")
    assert do(opened, lambda tables: tables.insert([])) == []


def test_thousands_of_rows_are_inserted_and_updated(opened: Opened) -> None:
    rows = [tick(f"job-{place % 7}", place, outcome="running") for place in range(1234)]
    do(opened, lambda tables: tables.insert(rows[::100]))
    assert do(opened, lambda tables: tables.insert(rows)) == [row for row in rows if row not in rows[::100]]
    do(opened, lambda tables: tables.update([row._replace(outcome="succeeded") for row in rows]))
    assert do(opened, lambda tables: tables.open()) == []
    assert len(do(opened, lambda tables: tables.done("job-1", MOMENT, MOMENT + 2000))) == 177


def test_an_update_replaces_rows_that_exist(opened: Opened) -> None:
    do(opened, lambda tables: tables.insert([tick("a"), tick("a", 1)]))
    do(opened, lambda tables: tables.update([FULL_TICK, tick("a", 2), tick("b")]))
    assert do(opened, lambda tables: tables.history(None, 9)) == [tick("a", 1), FULL_TICK]
    do(opened, lambda tables: tables.update([]))


def test_rows_that_wait_or_run_are_open(opened: Opened) -> None:
    rows = [tick("b", 2, outcome="running"), tick("b", 1, outcome="waiting"), tick("a", 3, outcome="waiting")]
    do(opened, lambda tables: tables.insert([*rows, tick("a"), tick("c", outcome="enqueued")]))
    assert do(opened, lambda tables: moments(tables.open())) == [("a", 3), ("b", 1), ("b", 2)]
    assert do(opened, lambda tables: moments(tables.open(["b", "c", "b"]))) == [("b", 1), ("b", 2)]
    assert do(opened, lambda tables: tables.open([])) == []
    do(opened, lambda tables: tables.update([rows[0]._replace(outcome="lost"), rows[2]._replace(outcome="running")]))
    assert do(opened, lambda tables: moments(tables.open())) == [("a", 3), ("b", 1)]


def test_a_history_is_the_newest_first(opened: Opened) -> None:
    do(opened, lambda tables: tables.insert([tick("b", 2), tick("a", 1), tick("b", 1), tick("a", 3)]))
    assert do(opened, lambda tables: moments(tables.history(None, 3))) == [("a", 3), ("b", 2), ("a", 1)]
    assert do(opened, lambda tables: moments(tables.history("b", 1))) == [("b", 2)]
    assert do(opened, lambda tables: tables.history("c", 1)) == []


def test_the_last_row_of_a_job_is_the_newest_that_has_an_outcome(opened: Opened) -> None:
    do(opened, lambda tables: tables.put_jobs([job("b"), job("a"), job("c")]))
    rows = [tick("b", 1, outcome="failed"), tick("b", 2), tick("a", 3, outcome="running"), tick("a", 2, outcome="lost")]
    do(opened, lambda tables: tables.insert([*rows, tick("c"), tick("unknown", outcome="failed")]))
    found = do(opened, lambda tables: tables.last())
    assert (list(found), found) == (["a", "b"], {"a": rows[2], "b": rows[0]})


def test_done_ticks_are_those_that_need_no_backfill(opened: Opened) -> None:
    do(opened, lambda tables: tables.insert([tick("a", place, outcome=word) for place, word in enumerate(OUTCOMES)]))
    do(opened, lambda tables: tables.insert([tick("a", 8), tick("b", 9, outcome="succeeded")]))
    words = [OUTCOMES[at - MOMENT] for at in sorted(do(opened, lambda tables: tables.done("a", 0, LATEST)))]
    assert words == ["waiting", "running", "enqueued", "succeeded"]
    assert do(opened, lambda tables: tables.done("a", MOMENT + 1, MOMENT + 3)) == {MOMENT + 1, MOMENT + 2}


def test_old_rows_are_deleted_and_open_ones_stay(opened: Opened) -> None:
    rows = [tick("a", place, outcome="waiting" if place in {1, 4} else "failed") for place in range(6)]
    do(opened, lambda tables: tables.insert([*rows, tick("a", 6), tick("b")]))
    for keep, left in ((9, [6, 5, 4, 3, 2, 1, 0]), (7, [6, 5, 4, 3, 2, 1, 0]), (4, [6, 5, 4, 3, 1]), (0, [4, 1])):
        do(opened, lambda tables, keep=keep: tables.prune("a", keep))  # type: ignore[misc]
        assert do(opened, lambda tables: moments(tables.history("a", 9))) == [("a", after) for after in left]
    assert do(opened, lambda tables: moments(tables.open())) == [("a", 1), ("a", 4)]
    assert do(opened, lambda tables: moments(tables.history("b", 9))) == [("b", 0)]
    assert do(opened, lambda tables: tables.insert([tick("a", 2)])) == [tick("a", 2)]


# Processes


def test_processes_are_inserted_replaced_and_deleted(opened: Opened) -> None:
    row = ProcessRow("host/1", "host", 4_194_304, LATEST, 1_793_000_000.123456, 2.5)
    do(opened, lambda tables: tables.put_process(row))
    do(opened, lambda tables: tables.put_process(row._replace(owner="a")))
    do(opened, lambda tables: tables.put_process(row._replace(owner="a", lease_until=9.5)))
    assert do(opened, lambda tables: tables.processes()) == [row._replace(owner="a", lease_until=9.5), row]
    do(opened, lambda tables: tables.delete_process("a"))
    do(opened, lambda tables: tables.delete_process("unknown"))
    assert do(opened, lambda tables: tables.processes()) == [row]


# Texts


def test_texts_that_postgresql_refuses_are_cleaned(opened: Opened) -> None:
    wrong, right = "a\0b\ud800ü", "a\N{REPLACEMENT CHARACTER}b?ü"
    row = tick("a", error=wrong, owner=wrong, traceparent=wrong)
    assert do(opened, lambda tables: len(tables.insert([row]))) == 1
    assert do(opened, lambda tables: tables.tick("a", MOMENT)) == tick("a", error=right, owner=right, traceparent=right)
    do(opened, lambda tables: tables.update([row._replace(error="\0")]))
    found = do(opened, lambda tables: tables.tick("a", MOMENT))
    assert found is not None
    assert (found.error, found.owner) == ("\N{REPLACEMENT CHARACTER}", right)
    do(opened, lambda tables: tables.put_jobs([job("a", note=wrong)]))
    assert do(opened, lambda tables: tables.jobs()["a"].note) == right
    do(opened, lambda tables: tables.put_process(ProcessRow(wrong, wrong, 1, 2, 3.0, 4.0)))
    assert [row[:2] for row in do(opened, lambda tables: tables.processes())] == [(right, right)]
    do(opened, lambda tables: tables.delete_process(wrong))
    assert do(opened, lambda tables: tables.processes()) == []


# The model


def random_tick(chance: Random) -> TickRow:
    """Return a row of one of few ticks."""
    row = tick(chance.choice("abcd"), chance.randrange(30), chance.choice(REASONS), chance.choice([*OUTCOMES, None]))
    return row._replace(attempt=chance.randrange(3), fence=chance.randrange(3), error=chance.choice([None, "e", "\0"]))


def random_work(chance: Random) -> Callable[[Tables], Any]:
    """Return a work with random arguments."""
    rows = [random_tick(chance) for _ in range(chance.randrange(60))]
    name, number, names = chance.choice("abcd"), chance.randrange(30), chance.sample("abcde", 2)
    jobs = [job(chance.choice("abcd"), revision=number, note="n\0") for _ in range(2)]
    works: list[Callable[[Tables], Any]] = [
        lambda tables: tables.insert(rows),
        lambda tables: tables.update(rows),
        lambda tables: tables.put_jobs(jobs),
        lambda tables: list(tables.jobs(names).items()),
        lambda tables: tables.open(names),
        lambda tables: tables.tick(name, MOMENT + number),
        lambda tables: tables.history(name, number),
        lambda tables: list(tables.last().items()),
        lambda tables: tables.done(name, MOMENT + 5, MOMENT + number),
        lambda tables: tables.prune(name, number),
    ]
    if chance.random() < 0.1:
        return lambda tables: tables.forget(name)
    return chance.choice(works)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_sequence_has_the_results_of_the_store_in_memory(opened: Opened, seed: int) -> None:
    needs(opened, "durable")
    model = Opened(Memory(), STORES["memory"], opened.folder, opened.clock)
    chance = Random(seed)
    for _ in range(25):
        works = [random_work(chance) for _ in range(10)]

        def every(tables: Tables, works: list[Callable[[Tables], Any]] = works) -> list[Any]:
            seen = [work(tables) for work in works]
            return [*seen, tables.open(), tables.history(None, 200), list(tables.jobs().items())]

        assert do(opened, every) == do(model, every)
