"""The statements of a SQLite store: which sync, which lock, how many, and by which index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regrow.servers.queue.errors import LeaseLost, StoreError
from regrow.servers.queue.job import Enqueued, JobError, Stats
from regrow.servers.queue.ops import (
    Ack,
    Claim,
    Count,
    Extend,
    Look,
    Nack,
    NewJob,
    Op,
    Pause,
    Peek,
    Put,
    ReadStats,
)
from regrow.servers.queue.sqlite import admin as sqlite_admin
from regrow.servers.queue.sqlite import batch as sqlite_batch
from regrow.servers.queue.sqlite import put as sqlite_put
from regrow.servers.queue.sqlite import reads as sqlite_reads
from regrow.servers.queue.sqlite.batch import CHUNK, PUT_CHUNK, PUT_ONE
from regrow.servers.queue.sqlite.store import SQLite
from tests.contracts.queue_store import Clock, Opened
from tests.servers.queue.sqlite_stores import ONE_PUT, Traced, opened_at, user

CLAIM = Claim("q", 1, 30.0, "me")


@pytest.fixture
def traced(tmp_path: Path) -> list[Traced]:
    return []


@pytest.fixture
def opened(tmp_path: Path, traced: list[Traced]) -> Opened:
    def connect(path: str) -> Traced:
        traced.append(Traced(path))
        return traced[-1]

    return opened_at(tmp_path / "app.db", connect=connect)


def mode(traced: list[Traced]) -> int:
    """The connection's `synchronous`: 1 is NORMAL, 2 is FULL."""
    (found,) = traced[-1].connection.execute("PRAGMA synchronous").fetchone()
    return int(found)


@pytest.mark.parametrize(
    ("ops", "synced"),
    [
        ([CLAIM], False),
        ([Extend("q", ((1, 1),), 30.0)], False),
        ([CLAIM, Count("q")], False),
        ([], False),
        ([ONE_PUT], True),
        ([CLAIM, ONE_PUT], True),
        ([Ack("q", 1, 1)], True),
        ([Nack("q", 1, 1, "retry")], True),
        ([Pause("q")], True),
    ],
)
def test_commits_of_claims_and_extensions_alone_are_not_synced(
    opened: Opened, traced: list[Traced], ops: list[Op], synced: bool
) -> None:
    for before in (ONE_PUT, CLAIM):
        opened.run(before)
        traced[-1].statements.clear()
        done = opened.run(*ops)
        assert done.synced is synced
        assert mode(traced) == (2 if synced else 1)
        statements = traced[-1].statements
        if any("synchronous" in sql for sql in statements):
            assert statements.index("BEGIN IMMEDIATE") > 0  # inside a transaction the pragma has no effect
            assert "synchronous" in statements[0]
    opened.store.close()


def test_a_store_for_caches_never_syncs(tmp_path: Path) -> None:
    traced: list[Traced] = []

    def connect(path: str) -> Traced:
        traced.append(Traced(path))
        return traced[-1]

    opened = opened_at(tmp_path / "app.db", connect=connect, synchronous="NORMAL")
    assert opened.run(ONE_PUT).synced is False
    assert mode(traced) == 1
    opened.store.close()


def test_reads_alone_take_no_lock_and_see_one_state(opened: Opened, tmp_path: Path) -> None:
    opened.put(b"1")
    with user(tmp_path / "app.db") as connection:
        connection.execute("BEGIN IMMEDIATE")
        results = opened.results(Count("q"), ReadStats(), Peek("q"), Look(frozenset({"q"})))
        connection.execute("ROLLBACK")
    assert results == [1, {"q": Stats(ready=1)}, [b"1"], frozenset({"q"})]
    opened.store.close()


def test_plain_puts_are_few_statements(opened: Opened, traced: list[Traced]) -> None:
    traced[-1].statements.clear()
    results = opened.results(*[ONE_PUT] * (2 * CHUNK + 3), Put("r", (NewJob(b"1"), NewJob(b"2", delay=5.0))))
    statements = traced[-1].statements
    assert statements.count(PUT_CHUNK) == 2
    assert statements.count(PUT_ONE) == 1  # one executemany
    assert [put.id for puts in results for put in puts] == list(range(1, 2 * CHUNK + 6))
    assert opened.stats() == Stats(ready=2 * CHUNK + 3)
    assert opened.stats("r") == Stats(ready=1, delayed=1)
    opened.store.close()


def test_a_value_that_cannot_be_stored_fails_its_request_alone(opened: Opened) -> None:
    bad: list[Any] = [
        Put("q", (NewJob(b"ok"), NewJob(b"", priority=2**70))),
        Put("q", (NewJob(b"ok"), NewJob(None))),  # type: ignore[arg-type]
        Put("q", (NewJob(b"ok"), NewJob(b"", traceparent="\udc80"))),
        Put("q\udc80", (NewJob(b"ok"),)),
        Put("q", (NewJob(b"ok", key="k"), NewJob(b"", key="l", delay=float("nan")))),
        Put("q", (NewJob(b"ok", group="g"), NewJob(b"", group="g", max_attempts=object()))),  # type: ignore[arg-type]
        Claim("q\udc80", 1, 30.0, "me"),
        Claim("r", 1, 30.0, "\udc80"),
        Pause("q\udc80"),
        Count("q\udc80"),
    ]
    opened.put(b"r", queue="r")
    results = opened.results(ONE_PUT, *bad, ONE_PUT, Count("q"))
    assert [type(result) for result in results[1:-2]] == [StoreError] * len(bad)
    assert all("cannot be stored" in str(result) for result in results[1:-2])
    assert isinstance(results[0][0], Enqueued)
    assert results[-1] == 2
    assert opened.stats() == Stats(ready=2)
    assert opened.stats("r") == Stats(ready=1)
    assert opened.store.check() == []
    opened.store.close()


def test_acks_of_impossible_ids_and_of_one_job_twice_are_lost_leases(opened: Opened) -> None:
    opened.put(*[b"1"] * 100)
    jobs = opened.claim(100)
    acks = [Ack("q", job.id, job.token) for job in jobs]
    ids: list[Any] = [-1, 2**63, 2**70, "1", None, 1.5]
    odd = [Ack("q", id, 1) for id in ids]
    results = opened.results(*acks, acks[0], *odd, Ack("r", jobs[0].id, jobs[0].token))
    assert results[:100] == [None] * 100
    assert [type(result) for result in results[100:]] == [LeaseLost] * (len(odd) + 2)
    assert opened.stats() == Stats()
    opened.store.close()


def test_a_lease_without_a_number_fails_and_changes_nothing(opened: Opened) -> None:
    opened.put(b"1", b"2")
    job = opened.take()
    extend, claim = opened.results(Extend("q", ((job.id, job.token),), float("nan")), Claim("q", 1, float("nan"), "me"))
    assert isinstance(extend, StoreError)
    assert isinstance(claim, StoreError)
    opened.move(30.0)
    assert len(opened.claim(5)) == 2
    opened.store.close()


def test_an_op_of_another_kind_is_a_type_error(opened: Opened) -> None:
    with pytest.raises(TypeError, match="wanted an op"):
        opened.run(ONE_PUT, "put")  # type: ignore[arg-type]
    assert opened.do(Count("q")) == 0
    opened.store.close()


def test_a_history_that_another_program_wrote_is_no_error(opened: Opened, tmp_path: Path) -> None:
    opened.put(*[b"1"] * 5)
    histories = ["no json", "7", '{"attempt": 1}', '[1, {"attempt": 1, "at": 2, "kind": "K", "message": "m"}]', "[]"]
    with user(tmp_path / "app.db") as connection:
        connection.executemany(
            "UPDATE regrow_jobs SET errors=? WHERE id=?", [(h, i + 1) for i, h in enumerate(histories)]
        )
    assert [job.errors for job in opened.claim(5)] == [(), (), (), (JobError(1, 2.0, "K", "m"),), ()]
    opened.store.close()


HOT = {
    name: sql
    for module in (sqlite_batch, sqlite_put, sqlite_reads, sqlite_admin)
    for name, sql in vars(module).items()
    if isinstance(sql, str)
    and sql.startswith(("SELECT", "UPDATE", "DELETE"))
    and "regrow_jobs" in sql
    and not name.startswith("_")
}
# The statements that look at more rows than they return, or return all: one that moves a queue, and one that reads all.
SCANS = {"MOVED", "TAIL"}


@pytest.mark.parametrize("name", sorted(HOT.keys() - SCANS))
def test_a_statement_finds_its_rows_by_an_index(opened: Opened, tmp_path: Path, name: str) -> None:
    opened.put(b"1")
    with user(tmp_path / "app.db") as connection:
        connection.execute("ANALYZE")
        sql = HOT[name]
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).fetchall()
    steps = [detail for *_, detail in plan]
    assert not [step for step in steps if step.startswith("SCAN regrow_jobs") and "INDEX" not in step]
    assert not [step for step in steps if "TEMP B-TREE" in step and name != "ACTIVE"]
    opened.store.close()


def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db")
    with pytest.raises(StoreError, match="is not open"):
        store.run([ONE_PUT], Clock())
    store.close()
    assert repr(store) == f"SQLite({str(tmp_path / 'app.db')!r})"
    assert (store.threaded, store.poll) == (True, 0.02)
