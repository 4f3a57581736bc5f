"""Other work in a commit, in every store: its result, its errors, its puts and its lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from regrow.servers.queue.errors import Full, StoreError
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Claim, Count, NewJob, Pause, Put, ReadStats, Transaction, Within
from regrow.servers.queue.store import Times
from tests.contracts.queue_store import Opened, needs

ONE = (NewJob(b"1"),)
EXAMPLE = Put("q", ONE)
MAKE = "CREATE TABLE IF NOT EXISTS regrow_test (name TEXT PRIMARY KEY, value BIGINT)"
READ = "SELECT name, value FROM regrow_test ORDER BY name"


def kept(tx: Transaction) -> dict[str, int]:
    """Return what the tests' works keep in memory."""
    found: dict[str, int] = tx.kept.setdefault("test", {})
    return found


def write(name: str, value: int = 1) -> Callable[[Transaction], str]:
    """Return a work that writes a row."""

    def work(tx: Transaction) -> str:
        if tx.dialect == "memory":
            kept(tx)[name] = value
        else:
            tx.rows(MAKE)
            tx.many("INSERT INTO regrow_test (name, value) VALUES (?, ?)", [(name, value)])
        return name

    return work


def read(tx: Transaction) -> list[tuple[Any, ...]]:
    """Return the rows that works have written."""
    if tx.dialect == "memory":
        return sorted(kept(tx).items())
    tx.rows(MAKE)
    return tx.rows(READ)


def put_then(error: Exception | None, put: Put = EXAMPLE) -> Callable[[Transaction], Any]:
    """Return a work that puts, and raises an error if there is one."""

    def work(tx: Transaction) -> Any:
        found = tx.put(put)
        if error is not None:
            raise error
        return found

    return work


# Results and errors


def test_the_result_is_what_the_work_returns(opened: Opened) -> None:
    assert opened.results(Within(write("a")), Within(read), Count("q")) == ["a", [("a", 1)], 0]
    assert opened.do(Within(read)) == [("a", 1)]


def test_a_work_stays_after_the_store_is_opened_again(opened: Opened) -> None:
    needs(opened, "durable")
    opened.do(Within(write("a", 2**62)))
    opened.reopen()
    assert opened.do(Within(read)) == [("a", 2**62)]


def test_a_commit_with_other_work_is_synced_where_commits_are(opened: Opened) -> None:
    assert opened.run(Within(read)).synced is opened.run(Put("q", ONE)).synced


def test_other_work_comes_after_puts_and_before_claims_in_the_order_of_the_administration(opened: Opened) -> None:
    claim, put, pause, again = opened.results(
        Claim("q", 1, 30.0, "me"), Within(put_then(None), puts=(EXAMPLE,)), Pause("q"), Put("q", ONE)
    )
    assert (claim, pause) == ([], None)
    assert again[0].id < put[0].id


def test_an_exception_undoes_and_fails_the_work_alone(opened: Opened) -> None:
    def fails(tx: Transaction) -> None:
        if tx.dialect != "memory":
            write("b")(tx)
        raise KeyError("broken")

    first, failed, put, last = opened.results(Within(write("a")), Within(fails), Put("q", ONE), Within(read))
    assert (first, len(put), last) == ("a", 1, [("a", 1)])
    assert type(failed) is StoreError
    assert isinstance(failed.__cause__, KeyError)
    assert "KeyError: 'broken'" in str(failed)
    assert opened.stats() == Stats(ready=1)


def test_an_error_of_the_queue_is_the_result_as_it_is(opened: Opened) -> None:
    error = Full("no room")
    assert opened.results(Within(put_then(error), puts=(EXAMPLE,)))[0] is error


def test_a_statement_that_is_refused_fails_the_work_alone(opened: Opened) -> None:
    needs(opened, "durable")
    opened.do(Within(write("a")))

    def again(tx: Transaction) -> None:
        write("b")(tx)
        write("a")(tx)

    twice, unknown, wrong, put = opened.results(
        Within(again),
        Within(lambda tx: tx.rows("SELECT * FROM regrow_unknown")),
        Within(lambda tx: tx.rows(READ, (1, 2, 3))),
        Put("q", ONE),
    )
    assert [type(error) for error in (twice, unknown, wrong)] == [StoreError] * 3
    assert len(put) == 1
    assert opened.do(Within(read)) == [("a", 1)]
    assert opened.store.check() == []


def test_a_note_of_a_work_that_was_undone_is_gone(opened: Opened) -> None:
    needs(opened, "durable")

    def notes(tx: Transaction) -> None:
        tx.kept["made"] = True
        raise KeyError

    def reads(tx: Transaction) -> Any:
        return tx.kept.get("made")

    def keeps(tx: Transaction) -> None:
        tx.kept["made"] = True

    opened.results(Within(notes))
    assert opened.do(Within(reads)) is None
    opened.do(Within(keeps))
    assert opened.do(Within(reads)) is True
    opened.store.close()
    opened.store.open(opened.clock)
    assert opened.do(Within(reads)) is None


def test_the_store_in_memory_has_no_statements(opened: Opened) -> None:
    if "durable" in opened.kind.traits:
        pytest.skip("the store has statements")
    one, many = opened.results(Within(lambda tx: tx.rows(READ)), Within(lambda tx: tx.many(READ, [()])))
    assert "no statements" in str(one)
    assert "no statements" in str(many)


# Statements


def test_marks_and_names_in_texts_stay(opened: Opened) -> None:
    needs(opened, "durable")

    def work(tx: Transaction) -> list[tuple[Any, ...]]:
        write("a?")(tx)
        return tx.rows(
            """SELECT t.name, 'FROM regrow_test ? 5%', ? FROM regrow_test t JOIN regrow_test ON regrow_test.name = t.name
               WHERE t.name LIKE '%?' AND regrow_test.value % 2 = ?""",
            ("b", 1),
        )

    assert opened.do(Within(work)) == [("a?", "FROM regrow_test ? 5%", "b")]


def test_a_statement_without_rows_returns_none(opened: Opened) -> None:
    needs(opened, "durable")
    assert opened.do(Within(lambda tx: tx.rows(MAKE))) == []


# Times


def test_a_work_sees_the_time_of_its_commit(opened: Opened) -> None:
    opened.move(100.0, step=7.0)
    times, lease_now, one_machine, dialect = opened.do(
        Within(lambda tx: (tx.times, tx.lease_now, tx.one_machine, tx.dialect))
    )
    assert times == Times(opened.clock.wall, opened.clock.monotonic)
    assert lease_now == pytest.approx(opened.clock.wall if dialect == "postgres" else opened.clock.monotonic)
    assert one_machine is (dialect != "postgres")


# Puts


def test_a_put_of_a_work_is_a_job_after_the_commit(opened: Opened) -> None:
    done = opened.run(Within(put_then(None), puts=(EXAMPLE,)))
    results: list[Any] = list(done.results)
    assert done.woke == {"q"}
    assert opened.take().id == results[0][0].id


def test_a_put_of_a_work_that_fails_is_undone(opened: Opened) -> None:
    keyed = Put("q", (NewJob(b"1", key="k", group="g"), NewJob(b"2", group="g"), NewJob(b"3", delay=9.0)), 10)
    failed, read = opened.results(Within(put_then(KeyError(), keyed), puts=(keyed,)), ReadStats("q"))
    assert isinstance(failed, StoreError)
    assert read == {"q": Stats()}
    assert opened.claim() == []
    assert len(opened.do(keyed)) == 3
    assert opened.do(Count("q")) == 3
    assert opened.store.check() == []


def test_a_put_of_a_work_respects_keys_groups_and_bounds(opened: Opened) -> None:
    put = Put("q", (NewJob(b"1", key="k"), NewJob(b"2", group="g"), NewJob(b"3", group="g")), 3)
    first, second = opened.results(*[Within(put_then(None, put), puts=(put,))] * 2)
    assert [one.duplicate for one in first] == [False, False, False]
    assert second is None
    assert opened.stats() == Stats(ready=2, blocked=1)
    assert opened.do(Put("q", ONE, 3)) is None
    assert opened.do(Put("q", (NewJob(b"1", key="k"),), 3))[0].duplicate
    assert opened.store.check() == []


def test_puts_before_and_in_a_work_count_together(opened: Opened) -> None:
    bounded = Put("q", ONE, 2)
    results = opened.results(bounded, *[Within(put_then(None, bounded), puts=(bounded,))] * 2)
    assert [result is None for result in results] == [False, False, True]
    assert opened.do(bounded) is None


@pytest.mark.parametrize("put", [Put("other", ONE), Put("q", ONE, 5), Put("q", (NewJob(b"1", group="g"),))])
def test_a_put_without_an_example_fails_the_work(opened: Opened, put: Put) -> None:
    (failed,) = opened.results(Within(put_then(None, put), puts=(EXAMPLE,)))
    assert "wanted an example" in str(failed)
    assert opened.stats(put.queue) == Stats()


def test_a_put_that_the_store_cannot_keep_fails_the_work_alone(opened: Opened) -> None:
    needs(opened, "durable")
    wrong = Put("q", (NewJob(b"0"), NewJob(b"1", priority=2**70)))

    def work(tx: Transaction) -> None:
        try:
            tx.put(wrong)
        except Exception as error:
            raise ValueError from error

    failed, put = opened.results(Within(work, puts=(wrong,)), Put("q", ONE))
    assert isinstance(failed, StoreError)
    assert len(put) == 1
    assert opened.stats() == Stats(ready=1)
    assert opened.store.check() == []


def test_a_bound_holds_in_works_alone(opened: Opened) -> None:
    bounded = Put("q", ONE, 1)
    work = Within(put_then(None, bounded), puts=(bounded,))
    assert opened.do(work) is not None
    assert opened.do(work) is None
    assert opened.do(Count("q")) == 1


def test_a_work_that_hides_an_error_of_its_put_fails(opened: Opened) -> None:
    needs(opened, "durable")
    wrong = Put("q", (NewJob(b"0"), NewJob(b"1", priority=2**70)))

    def work(tx: Transaction) -> None:
        with suppress(Exception):
            tx.put(wrong)

    (failed,) = opened.results(Within(work, puts=(wrong,)))
    assert isinstance(failed, StoreError)
    assert opened.stats() == Stats()


# Locks and repetitions


def test_works_with_one_lock_do_not_overlap(opened: Opened) -> None:
    needs(opened, "shared")
    other = opened.beside()
    inside = threading.Event()
    overlaps: list[bool] = []
    order: list[str] = []

    def first(tx: Transaction) -> None:
        thread.start()
        overlaps.append(inside.wait(0.2))
        order.append("first")

    def second(tx: Transaction) -> None:
        inside.set()
        order.append("second")

    thread = threading.Thread(target=other.do, args=(Within(second, lock="one"),))
    opened.do(Within(first, lock="one"))
    thread.join(20.0)
    other.store.close()
    assert overlaps == [False]
    assert order == ["first", "second"]


def test_a_work_runs_again_when_another_op_cannot_be_stored(opened: Opened) -> None:
    runs: list[int] = []

    def work(tx: Transaction) -> str:
        runs.append(1)
        return write("a")(tx)

    results = opened.results(Within(work, lock="one"), Pause("q", "\0" * 3), Within(read, lock="two"))
    assert (results[0], results[2]) == ("a", [("a", 1)])
    assert len(runs) == (2 if isinstance(results[1], StoreError) else 1)


def test_a_work_runs_again_after_another_transaction_was_in_its_way(opened: Opened) -> None:
    runs: list[int] = []

    def work(tx: Transaction) -> str:
        if tx.dialect != "postgres":
            pytest.skip("no other transaction is in its way")
        runs.append(1)
        name = write("a")(tx)
        if len(runs) == 1:
            try:
                tx.rows("DO $$ BEGIN RAISE serialization_failure; END $$")
            except Exception as error:
                raise ValueError("the work hides why") from error
        return name

    results = opened.results(Put("q", ONE), Within(work), Within(read))
    assert (len(results[0]), results[1:]) == (1, ["a", [("a", 1)]])
    assert len(runs) == 2
    assert opened.stats() == Stats(ready=1)


def test_a_work_that_hides_a_refused_statement_fails(opened: Opened) -> None:
    def work(tx: Transaction) -> None:
        if tx.dialect != "postgres":
            pytest.skip("a statement that is refused leaves the transaction as it is")
        write("b")(tx)
        with suppress(Exception):
            tx.rows("SELECT * FROM regrow_unknown")

    failed, put, rows = opened.results(Within(work), Put("q", ONE), Within(read))
    assert "regrow_unknown" in str(failed)
    assert (len(put), rows) == (1, [])


def test_a_lost_connection_fails_the_whole_commit(opened: Opened) -> None:
    def work(tx: Transaction) -> None:
        if tx.dialect != "postgres":
            pytest.skip("the store has no server")
        with suppress(Exception):
            tx.rows("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreError, match=r"lost|terminat"):
        opened.results(Put("q", ONE), Within(work))
    opened.store.open(opened.clock)
    assert opened.stats() == Stats()
