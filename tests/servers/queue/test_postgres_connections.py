"""Several connections to one PostgreSQL: claims, groups, bounds, wake-ups, and connections and programs that end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from regrow.servers.queue.errors import LeaseLost, StoreBusy, StoreError
from regrow.servers.queue.ops import Ack, Claim, Count, Extend, Nack, NewJob, Pause, Put
from regrow.servers.queue.postgres import connection as postgres_connection
from regrow.servers.queue.postgres.store import LOOK, Postgres
from regrow.servers.queue.transactional import put_in
from tests.contracts.postgres_server import url
from tests.servers.queue.postgres_stores import Here, here, path_option, woken


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Here]:
    """A schema without tables yet."""
    found = here(tmp_path)
    yield found
    found.close()


def together(*works: Callable[[], Any]) -> None:
    """Run functions in threads at once; an error of one is raised."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            barrier.wait(30.0)
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_two_processes_never_claim_the_same_job(at: Here) -> None:
    stores = [at.store() for _ in range(4)]
    at.put(stores[0], *(b"%d" % number for number in range(400)))
    found: list[int] = []

    def work(store: Postgres) -> None:
        while jobs := at.claim(store, 7):
            found.extend(job.id for job in jobs)

    together(*((lambda store=store: work(store)) for store in stores))
    assert len(found) == 400
    assert len(set(found)) == 400


def test_a_claim_steps_over_a_row_that_another_transaction_holds(at: Here) -> None:
    store = at.store()
    first, second = at.put(store, b"1", b"2")
    with at.connect() as connection:
        connection.execute("SELECT FROM regrow_jobs WHERE id = %s FOR UPDATE", (first,))
        assert [job.id for job in at.claim(store, 5)] == [second]
    assert [job.id for job in at.claim(store, 5)] == [first]


def test_puts_of_one_group_at_once_make_one_line(at: Here) -> None:
    stores = [at.store() for _ in range(4)]

    def work(store: Postgres) -> None:
        for _ in range(15):
            at.put(store, b"1", group="g")

    together(*((lambda store=store: work(store)) for store in stores))
    assert at.query("SELECT state, count(*) FROM regrow_jobs GROUP BY 1 ORDER BY 1") == [("blocked", 59), ("ready", 1)]
    order: list[int] = []
    while jobs := at.claim(stores[0], 9):
        order += [job.id for job in jobs]
        at.run(stores[1], *(Ack("q", job.id, job.token) for job in jobs))
    assert order == sorted(order)
    assert len(order) == 60


def test_puts_and_acks_of_one_group_at_once_lose_no_job(at: Here) -> None:
    stores = [at.store() for _ in range(3)]
    done: list[int] = []

    def put(store: Postgres) -> None:
        for number in range(40):
            at.put(store, b"1", group="gh"[number % 2], bound=1000 if number % 3 else None, key=f"{id(store)} {number}")

    def work(store: Postgres) -> None:
        while len(done) < 80:
            for job in at.claim(store, 3):
                assert at.run(store, Ack("q", job.id, job.token)).results == [None]
                done.append(job.id)

    together(lambda: put(stores[0]), lambda: put(stores[1]), lambda: work(stores[2]))
    assert len(set(done)) == 80
    assert stores[0].check() == []
    assert at.run(stores[0], Count("q")).results == [0]


def test_a_bound_holds_over_all_processes(at: Here) -> None:
    stores = [at.store() for _ in range(4)]
    results: list[Any] = []

    def work(store: Postgres) -> None:
        for _ in range(10):
            results.extend(at.run(store, Put("q", (NewJob(b"1"),), 17)).results)

    together(*((lambda store=store: work(store)) for store in stores))
    assert sum(result is not None for result in results) == 17
    assert at.query("SELECT live FROM regrow_queues WHERE name = 'q'") == [(17,)]


def test_equal_keys_put_at_once_are_one_job(at: Here) -> None:
    stores = [at.store() for _ in range(4)]
    ids: list[int] = []
    together(*((lambda store=store: ids.extend(at.put(store, b"1", key="k"))) for store in stores))
    assert len(set(ids)) == 1
    assert at.query("SELECT count(*) FROM regrow_jobs") == [(1,)]


def test_the_commit_of_another_process_wakes_and_a_private_one_does_not(at: Here) -> None:
    one, other = at.store(), at.store()
    assert [one.changed(), other.changed()] == [False, False]
    at.put(one, b"1")
    assert woken(other)
    assert other.changed() is False
    assert one.changed() is False
    at.now = LOOK
    assert one.changed() is True  # a look every five seconds


def test_an_ack_wakes_those_that_wait_for_room(at: Here) -> None:
    one, other = at.store(), at.store()
    at.put(one, b"1", bound=1)
    (job,) = at.claim(one)
    assert woken(other)
    at.run(one, Ack("q", job.id, job.token))
    assert woken(other)


def test_a_lease_ends_by_the_clock_of_the_server(at: Here) -> None:
    store = at.store()
    at.put(store, b"1")
    at.now = 100.0
    (job,) = at.claim(store, lease=50.0)
    assert job.lease_until == 150.0
    assert at.run(store, Extend("q", ((job.id, job.token),), 90.0)).results == [[190.0]]
    at.query("UPDATE regrow_jobs SET lease_until = clock_timestamp() - interval '1 ms'")
    (lost,) = at.run(store, Ack("q", job.id, job.token)).results
    assert isinstance(lost, LeaseLost)
    (again,) = at.claim(store)
    assert again.token > job.token
    assert again.errors[0].kind == "LeaseLost"


def test_a_lost_connection_fails_the_batch_and_a_new_open_goes_on(at: Here) -> None:
    store = at.store()
    at.put(store, b"1")
    at.query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = %s", (pid_of(store),))
    with pytest.raises(StoreError, match="connection"):
        at.put(store, b"2")
    store.open(at.clocks)
    assert at.run(store, Count("q")).results == [1]


def pid_of(store: Postgres) -> int:
    """Return the number of the server's process for the connection of a store."""
    assert store.connection is not None
    return store.connection.info.backend_pid


def test_a_lost_listener_is_replaced(at: Here) -> None:
    one, other = at.store(), at.store()
    assert other.listener is not None
    lost = other.listener.connection.info.backend_pid
    at.query("SELECT pg_terminate_backend(%s, 5000)", (lost,))
    for _ in range(20):  # the server's last words come first, then the end of the connection
        at.now += 2.0
        other.changed()
    assert other.listener is not None
    assert other.listener.connection.info.backend_pid != lost
    other.changed()
    at.put(one, b"1")
    assert woken(other)


def test_a_transaction_that_holds_a_lock_for_long_makes_the_store_busy(
    at: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "BUSY", 0.5)
    store = at.store()
    at.put(store, b"1", bound=5)
    with at.connect() as connection:
        connection.execute("SELECT FROM regrow_queues FOR UPDATE")
        with pytest.raises(StoreBusy, match="commit it sooner"):
            at.put(store, b"2", bound=5)
    assert at.put(store, b"3", bound=5)


def test_the_locks_of_one_schema_do_not_hold_up_another(at: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connection, "BUSY", 0.5)
    at.store()
    other = Here(f"other {at.schema}"[:63])
    try:
        with at.connect() as connection:
            put_in(connection, Put("q", (NewJob(b"1", group="g"),), 5), 0.0)
            assert other.put(other.store(), b"2", group="g", bound=5)
    finally:
        other.close()


def test_an_ack_waits_for_a_put_in_its_group_that_is_not_committed(at: Here) -> None:
    store = at.store()
    at.put(store, b"1", group="g")
    (job,) = at.claim(store)
    with at.connect() as connection:
        put_in(connection, Put("q", (NewJob(b"2", group="g"),)), 0.0)
        ack = threading.Thread(target=at.run, args=(store, Ack("q", job.id, job.token)))
        ack.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'advisory'"
        while ack.is_alive() and at.query(waiting, (pid_of(store),)) == [(0,)]:
            ack.join(0.01)
        connection.commit()
    ack.join()
    assert [again.payload for again in at.claim(store)] == [b"2"]
    assert store.check() == []


def test_a_program_that_is_killed_within_its_transaction_leaves_nothing(at: Here) -> None:
    store = at.store()
    code = (
        "import psycopg, sys, time\n"
        "from regrow.servers.queue.ops import NewJob, Put\n"
        "from regrow.servers.queue.transactional import put_in\n"
        "connection = psycopg.connect(sys.argv[1])\n"
        "put_in(connection, Put('q', (NewJob(b'1', group='g', key='k'),), 5), 0.0)\n"
        "print('put', flush=True)\n"
        "time.sleep(60)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code, make_conninfo(url(), options=path_option(at.schema))], stdout=subprocess.PIPE
    )
    assert program.stdout is not None
    with program.stdout as output:
        assert output.readline() == b"put\n"
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
    (id,) = at.put(store, b"2", group="g", key="k", bound=5)
    assert [job.id for job in at.claim(store, 5)] == [id]
    assert store.check() == []


def test_an_op_that_the_server_refuses_fails_alone(at: Here) -> None:
    store = at.store()
    ops = (Put("q", (NewJob(b"1"),)), Pause("q\0", "x"), Put("q", (NewJob(b"2", key="\0"),)), Put("q", (NewJob(b"3"),)))
    results = at.run(store, *ops, Claim("q", 5, 60.0, "me\0\ud800")).results
    assert [isinstance(result, StoreError) for result in results] == [False, True, True, False, False]
    assert [job.payload for job in results[4]] == [b"1", b"3"]  # type: ignore[union-attr]


def test_the_numbers_of_a_job_that_are_too_great_are_lost_leases(at: Here) -> None:
    store = at.store()
    for op in (Ack("q", 1 << 70, 1), Nack("q", 1, 1 << 70, "dead")):
        assert isinstance(at.run(store, op).results[0], LeaseLost)
    assert at.run(store, Extend("q", ((1 << 70, 1),), 5.0)).results == [[None]]
