"""The write lock of a SQLite store: how long it waits, for which connections, and what it says."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from regrow.servers.queue.errors import StoreBusy
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Claim, Claimed, Count, NewJob, Put, ReadStats
from regrow.servers.queue.sqlite import lock as sqlite_lock
from regrow.servers.queue.sqlite.lock import WriteLock, pauses
from regrow.servers.queue.sqlite.store import SQLite
from tests.contracts.queue_store import Clock
from tests.servers.queue.sqlite_stores import ONE_PUT, opened_at, traced, user


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def held(path: Path) -> int:
    """Hold the lock as another process does; closing the descriptor gives it back."""
    descriptor = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_free(path: Path) -> bool:
    descriptor = os.open(f"{path}-lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def comes_free(path: Path) -> bool:
    """Let the thread that waits in `flock` get the lock; return whether it gives it back."""
    for thread in threading.enumerate():
        if thread.name == "regrow-queue-lock":
            thread.join(10.0)
    return is_free(path)


def open_files(path: Path) -> int:
    """The number of this process's descriptors of the lock's file."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return links.count(Path(f"{path}-lock"))


def test_a_store_waits_for_the_lock_of_another_process(path: Path) -> None:
    opened = opened_at(path)
    descriptor = held(path)
    threading.Timer(0.05, os.close, (descriptor,)).start()
    opened.do(ONE_PUT)
    assert opened.do(Count("q")) == 1
    assert is_free(path)
    opened.store.close()


def test_a_lock_that_another_process_keeps_is_store_busy_and_the_store_goes_on(path: Path) -> None:
    opened = opened_at(path, busy=0.02)
    descriptor = held(path)
    for _ in range(2):
        with pytest.raises(
            StoreBusy, match=r"the store of another process has kept the write lock for more than 0\.02 s"
        ):
            opened.run(ONE_PUT)
    assert opened.do(ReadStats("q"))["q"] == Stats()  # a read needs no lock
    os.close(descriptor)
    assert opened.do(ONE_PUT) is not None
    assert opened.do(Count("q")) == 1
    opened.store.close()


def test_a_wait_that_was_given_up_does_not_keep_the_lock(path: Path) -> None:
    opened = opened_at(path, busy=0.02)
    descriptor = held(path)
    with pytest.raises(StoreBusy):
        opened.run(ONE_PUT)
    os.close(descriptor)
    assert comes_free(path)
    opened.store.close()


def test_a_store_that_is_closed_while_it_waits_does_not_keep_the_lock(path: Path) -> None:
    opened = opened_at(path, busy=0.02)
    descriptor = held(path)
    with pytest.raises(StoreBusy):
        opened.run(ONE_PUT)
    before = open_files(path)
    opened.store.close()
    os.close(descriptor)
    assert comes_free(path)
    assert open_files(path) == before - 2  # the test's, and the store's


def test_an_interrupted_wait_does_not_keep_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = WriteLock(str(path))
    lock.open()
    descriptor = held(path)

    def interrupt(_event: object, _seconds: float) -> bool:
        raise KeyboardInterrupt

    def does_not_begin(_thread: threading.Thread) -> None:
        pass

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupt)
        patch.setattr(threading.Thread, "start", does_not_begin)
        with pytest.raises(KeyboardInterrupt):
            lock.acquire(5.0)
    assert lock.waiter is not None
    os.close(descriptor)
    lock.waiter.run()  # its thread, which has only now begun
    assert is_free(path)
    lock.close()


def test_a_users_open_transaction_is_store_busy_and_the_error_names_put_in(path: Path) -> None:
    opened = opened_at(path, shared=True, busy=0.02)
    with user(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match=r"another connection .* awaits the queue: commit first, .* put_in"):
            opened.run(ONE_PUT)
        assert is_free(path)
        assert opened.do(Count("q")) == 0
        connection.execute("COMMIT")
    opened.do(ONE_PUT)
    assert opened.do(Count("q")) == 1
    opened.store.close()


def test_a_store_waits_for_a_users_transaction(path: Path) -> None:
    opened = opened_at(path, shared=True)
    begun = threading.Event()

    def commit_later() -> None:
        with user(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            begun.set()
            time.sleep(0.05)
            connection.execute("COMMIT")

    thread = threading.Thread(target=commit_later)
    thread.start()
    assert begun.wait(10.0)
    opened.do(ONE_PUT)
    thread.join()
    opened.store.close()


def test_a_busy_file_is_store_busy_at_open(path: Path) -> None:
    opened_at(path).store.close()
    descriptor = held(path)
    with pytest.raises(StoreBusy):
        SQLite(path, busy=0.02).open(Clock())
    os.close(descriptor)
    opened_at(path).store.close()


def test_a_file_without_log_that_another_program_has_locked_is_store_busy_at_open(path: Path) -> None:
    with user(path) as connection:
        connection.execute("CREATE TABLE users(name)")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy):
            SQLite(path, shared=True, busy=0.02).open(Clock())
    opened_at(path, shared=True).store.close()


def test_without_flock_the_retries_alone_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_lock, "fcntl", None)
    opened, other = opened_at(path), opened_at(path)
    assert not path.with_name("app.db-lock").exists()
    for _ in range(3):
        opened.do(ONE_PUT)
        other.do(ONE_PUT)
    assert opened.do(Count("q")) == 6
    opened.store.close()
    other.store.close()


def test_pauses_grow_from_a_fifth_of_a_millisecond_to_two_and_end_in_time() -> None:
    found = list(pauses(5.0))
    assert found[0] == 0.0002
    assert max(found) == 0.002
    assert sum(found) == pytest.approx(5.0)
    assert list(pauses(0.0)) == []


def test_the_time_of_a_commit_is_read_after_the_lock_is_held(path: Path) -> None:
    clock = Clock()
    passes = [0.0]

    def wait_for_the_lock(sql: str) -> None:
        if sql == "BEGIN IMMEDIATE":
            clock.monotonic += passes[0]
            clock.wall += passes[0]

    opened = opened_at(path, clock, connect=traced(wait_for_the_lock))
    opened.put(b"1")
    passes[0] = 40.0
    before = clock()
    done = opened.run(Claim("q", 1, 30.0, "me"), Put("q", (NewJob(b"2", delay=1.0),)))
    results: list[Any] = list(done.results)
    ((job,), (put,)) = results
    assert job.lease_until == before.monotonic + 70.0
    assert done.lock_wait == 40.0
    passes[0] = 0.0
    record = opened.show(put.id)
    assert record is not None
    assert record.due_at == before.wall + 41.0
    opened.store.close()


def test_the_time_of_an_opening_is_read_after_the_lock_is_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened_at(path)
    first.put(b"1", b"2", b"3", b"4")
    jobs: list[Claimed] = []
    store = SQLite(path, thread=False)
    acquire = WriteLock.acquire
    nested: list[bool] = []

    def claim_meanwhile(lock: WriteLock, busy: float) -> bool:
        if not nested:
            nested.append(True)
            first.move(100.0)
            jobs.extend(first.claim(lease=1_000.0))
            nested.clear()
        return acquire(lock, busy)

    with monkeypatch.context() as patch:
        patch.setattr(WriteLock, "acquire", claim_meanwhile)
        store.open(first.clock)
    assert jobs
    for job in jobs:
        assert first.state(job.id) == "leased"
    first.store.close()
    store.close()
