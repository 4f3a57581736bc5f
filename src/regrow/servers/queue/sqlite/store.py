"""The default store: jobs in a file of SQLite, which several processes may share."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from regrow.servers.queue.errors import QueueError, StoreBusy, StoreError, StoreForeign, StoreFull, StoreNewer
from regrow.servers.queue.ops import (
    READS,
    UNSYNCED,
    Ack,
    Cancel,
    Claim,
    Extend,
    Move,
    Nack,
    Op,
    Pause,
    Prune,
    Purge,
    Put,
    Resume,
    Retry,
    Within,
)
from regrow.servers.queue.sqlite.admin import administer
from regrow.servers.queue.sqlite.batch import TIMERS, Batch, split
from regrow.servers.queue.sqlite.check import facts, problems
from regrow.servers.queue.sqlite.connection import (
    OLDEST,
    Connect,
    Connection,
    code_of,
    connect,
    is_of_one_op,
    look,
    store_error,
)
from regrow.servers.queue.sqlite.files import exists, keep_copy, refuse_place, size_of
from regrow.servers.queue.sqlite.lock import WriteLock, by_store, retried
from regrow.servers.queue.sqlite.reads import read
from regrow.servers.queue.sqlite.schema import (
    RECOUNT,
    SET_META,
    check_quickly,
    create,
    meta,
    migrate,
    version_of,
)
from regrow.servers.queue.sqlite.work import run_work
from regrow.servers.queue.store import Clocks, Done, Times

T = TypeVar("T")

LEASED = (Ack, Nack, Extend)
OPS: Final = frozenset({Put, Claim, *LEASED, Pause, Resume, Purge, Retry, Cancel, Prune, Move, Within, *READS})
LOG_LIMIT: Final = 64 << 20  # bytes: the log shrinks to this when it begins again


class SQLite:
    """A store in a file of SQLite, on a disk of this machine. It is the default of `Broker`.

    Several processes may open one file. Beside it are `<file>-wal` and `<file>-shm`, which belong to SQLite and to the
    data, and `<file>-lock`, which is empty.

    Args:
        path: the file, which is made if it is not there; its folder must be.
        shared: the tables are beside those of the user's program, whose names do not begin with `regrow_`. The file
            gets SQLite's write-ahead log (`journal_mode=WAL`).
        busy: seconds to wait for the write lock before `StoreBusy`.
        synchronous: "FULL" syncs each commit with a put, an ack or administration in it. "NORMAL" syncs none: a power
            cut may forget the last commits, so it is for caches.
        thread: whether the broker calls the store in a thread. Without one it works under virtual time.
        connect: makes the connection to a path, in autocommit mode and without a busy handler; None for `sqlite3`.

    Raises:
        ValueError: an option has no such value, or the path is no file's.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        shared: bool = False,
        busy: float = 5.0,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        thread: bool = True,
        connect: Connect | None = None,
    ) -> None:
        name = os.fspath(path)
        if name in {"", ":memory:"}:
            raise ValueError(f"SQLite(path): wanted the path of a file, got {path!r}. A store in memory is Memory()")
        if synchronous not in {"FULL", "NORMAL"}:
            raise ValueError(f"SQLite(synchronous=): wanted 'FULL' or 'NORMAL', got {synchronous!r}")
        if not busy >= 0:
            raise ValueError(f"SQLite(busy=): wanted seconds ≥ 0, got {busy!r}")
        self.path: Final = str(Path(name).resolve())
        self.shared: Final = shared
        self.busy: Final = float(busy)
        self.synchronous: Final = synchronous
        self.threaded: bool = thread
        self.poll: float | None = 0.02
        self._connect: Final = connect
        self._lock: Final = WriteLock(self.path)
        self._connection: Connection | None = None
        self._synced: bool | None = None  # whether the connection syncs its commits
        self._opens = 0
        self._version = 0  # SQLite's data_version: it changes when another connection commits
        self._broken: BaseException | None = None  # after it, what SQLite has in memory may not be what is on the disk
        self._kept: dict[Any, Any] = {}  # what works note for this connection
        self._limited: dict[str, float] = {}  # queues whose claims wait for their rate, and when it has a token

    def __repr__(self) -> str:
        return f"SQLite({self.path!r})"

    # Opening and closing

    def open(self, clocks: Clocks, /) -> None:
        """Open the file, make or migrate the tables, and void the leases of another boot.

        Raises:
            StoreError: the store is refused. Nothing was written.
        """
        if sqlite3.sqlite_version_info < OLDEST and self._connect is None:
            wanted = ".".join(map(str, OLDEST))
            raise StoreError(f"{self.path}: wanted SQLite {wanted} or newer, this Python has {sqlite3.sqlite_version}")
        try:
            refuse_place(self.path)
            if self._connect is None and size_of(f"{self.path}-wal") > 0:
                self._look()
            self._open(clocks)
        except BaseException as error:
            self.close()
            if isinstance(error, Exception) and not isinstance(error, QueueError):
                raise store_error(error, self.path) from error
            raise

    def _open(self, clocks: Clocks) -> None:
        connection = self._connection = (self._connect or connect)(self.path)
        self._waiting(lambda: self._refuse(connection))
        self._lock.open()
        mode = self._waiting(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        if mode != "wal":
            raise StoreError(f"{self.path}: SQLite refused the write-ahead log, and left {mode!r}")
        connection.execute(f"PRAGMA journal_size_limit={LOG_LIMIT}")
        version = self._transaction(clocks, lambda _: self._made())
        migrate(connection, version, lambda step: self._transaction(clocks, lambda _: step()))
        self._opens = self._transaction(clocks, self._enter)
        self._version = self._data_version()

    def _look(self) -> None:
        """Refuse a file with a log by reading alone: a connection that may write moves the log into the file at its end."""
        connection = look(self.path)
        try:
            self._waiting(lambda: version_of(connection, self.path, shared=self.shared))
        except (StoreForeign, StoreNewer):
            raise
        except Exception as error:
            # A program was killed while it wrote: a connection that only reads cannot recover the file.
            if code_of(error) == sqlite3.SQLITE_NOTADB:
                raise
        finally:
            connection.close()

    def _waiting(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns, when no other connection is in its way."""
        result: T = retried(attempt, self.busy, self.path)
        return result

    def _refuse(self, connection: Connection) -> None:
        """Refuse a file that is not for this store; only read."""
        version_of(connection, self.path, shared=self.shared)
        check_quickly(connection, self.path)

    def _made(self) -> int:
        """Make the tables if they are not there; return their version."""
        version = version_of(self._open_connection, self.path, shared=self.shared)
        if version is None:
            create(self._open_connection)
            version = version_of(self._open_connection, self.path, shared=self.shared)
        assert version is not None
        return version

    def _enter(self, times: Times) -> int:
        """Count this opening, count the jobs, and void the leases of another boot."""
        connection = self._open_connection
        opens = int(meta(connection, "opens") or 0) + 1
        connection.execute(SET_META, ("opens", opens))
        for statement in RECOUNT:
            connection.execute(statement)
        batch = Batch(connection, self.path, times, opens, 0)
        batch.void_of_another_boot()
        batch.count()
        return opens

    def close(self) -> None:
        """Close the file; it may be opened again."""
        connection, self._connection = self._connection, None
        self._synced = self._broken = None
        self._kept.clear()
        self._limited = {}
        try:
            if connection is not None:
                connection.close()
        finally:
            self._lock.close()

    @property
    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise StoreError(f"{self.path}: the store is not open")
        if self._broken is not None:
            raise StoreError(f"{self.path}: the store failed, and has to be opened again") from self._broken
        return self._connection

    # Transactions

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        """Apply the ops in one transaction, which is durable when this returns.

        When the disk is full, the acks among the ops are tried again alone. If they succeed, their results stand in
        `Done.results`, and each other op has a `StoreFull` as its result.

        Raises:
            StoreFull, StoreBusy: nothing of it was stored, and the store goes on.
            StoreError: nothing of it was acknowledged; the store must be closed and opened again.
        """
        for op in ops:
            if type(op) not in OPS:
                raise TypeError(f"wanted an op of ops.py, got {op!r}")
        try:
            if ops and all(isinstance(op, READS) for op in ops):
                return self._read(ops, clocks)
            try:
                return self._write(ops, clocks)
            except Exception as error:
                if code_of(error) != sqlite3.SQLITE_FULL:
                    raise
                return self._acks_alone(ops, clocks, store_error(error, self.path))
        except QueueError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StoreError:
        """Return the error of the queue for one of SQLite; after most of them the store must be opened again."""
        found = store_error(error, self.path)
        if not isinstance(found, StoreFull | StoreBusy):
            self._broken = error
        return found

    def _write(self, ops: Sequence[Op], clocks: Clocks) -> Done:
        synced = self.synchronous == "FULL" and not all(isinstance(op, UNSYNCED) for op in ops)
        asked = clocks().monotonic
        with self._writing(synced):
            times = clocks()
            batch = Batch(self._open_connection, self.path, times, self._opens, len(ops))
            self._apply(batch, ops)
            freed = batch.count()
            due = self._due(batch)
        return Done(batch.results, frozenset(batch.woke), freed, due, synced, times.monotonic - asked)

    def _apply(self, batch: Batch, ops: Sequence[Op]) -> None:
        """Apply the ops of a batch in the order that wastes least."""
        batch.sweep()
        self._rates_have_tokens(batch)
        leases: list[Any] = []
        puts: list[Any] = []
        admin: list[Any] = []
        claims: list[Any] = []
        reads: list[Any] = []
        for place, op in enumerate(ops):
            if isinstance(op, Put):
                puts.append((place, op))
            elif isinstance(op, LEASED):
                leases.append((place, op))
            elif isinstance(op, Claim):
                claims.append((place, op))
            elif isinstance(op, READS):
                reads.append((place, op))
            else:
                admin.append((place, op))
        if leases:
            batch.leases(leases)
        if puts:
            batch.puts(puts)
        for place, op in admin:
            if isinstance(op, Within):
                run_work(batch, place, op, self._kept)
            else:
                batch.alone(place, lambda op=op: administer(batch, op))  # type: ignore[misc]
        if claims:
            batch.claims(claims)
        if reads:
            batch.count()
            batch_read(batch, reads)

    def _acks_alone(self, ops: Sequence[Op], clocks: Clocks, full: StoreError) -> Done:
        """Make room by the log's end, and apply the acks of a batch that did not fit."""
        acks = split(ops, (Ack,))
        if not acks:
            raise full
        connection = self._open_connection
        with suppress_full():
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with self._writing(self.synchronous == "FULL"):
            batch = Batch(connection, self.path, clocks(), self._opens, len(ops))
            batch.results[:] = [None if isinstance(op, Ack) else StoreFull(*full.args) for op in ops]
            batch.leases(acks)
            freed = batch.count()
            due = self._due(batch)
        return Done(batch.results, frozenset(batch.woke), freed, due, self.synchronous == "FULL")

    def _transaction(self, clocks: Clocks, work: Callable[[Times], T]) -> T:
        """Run work in a synced transaction."""
        with self._writing(synced=True):
            return work(clocks())

    @contextmanager
    def _writing(self, synced: bool) -> Generator[None]:
        """Hold the write lock and a transaction, which is committed at the end."""
        connection = self._open_connection
        if synced is not self._synced:
            connection.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            self._synced = synced
        if not self._lock.acquire(self.busy):
            raise StoreBusy(by_store(self.path, self.busy))
        try:
            self._waiting(lambda: connection.execute("BEGIN IMMEDIATE"))
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                self._kept.clear()  # the tables that works have made may be gone
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        finally:
            self._lock.release()

    def _read(self, ops: Sequence[Op], clocks: Clocks) -> Done:
        """Apply reads, all on one state of the file."""

        def answer(connection: Connection) -> Done:
            batch = Batch(connection, self.path, clocks(), self._opens, len(ops))
            batch_read(batch, list(enumerate(ops)))
            return Done(batch.results, due=self._due(batch))

        return self._snapshot(answer)

    def _rates_have_tokens(self, batch: Batch) -> None:
        """Note the queues whose claims waited for a token that has come."""
        for queue, at in list(self._limited.items()):
            if at <= batch.now:
                del self._limited[queue]
                batch.woke.add(queue)

    def _due(self, batch: Batch) -> float | None:
        """Return the seconds until there is work by time alone."""
        if batch.more:
            return 0.0
        due_at, lease_until = batch.execute(TIMERS).fetchone()
        for queue in batch.rated:
            self._limited.pop(queue, None)
        self._limited.update(batch.limited)
        waits = [at - batch.now for at in self._limited.values()]
        if due_at is not None:
            waits.append(due_at - batch.wall)
        if lease_until is not None:
            waits.append(lease_until - batch.now)
        return max(0.0, min(waits)) if waits else None

    # Others

    def _data_version(self) -> int:
        (version,) = self._open_connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def changed(self) -> bool:
        """Return whether another connection has committed since the last call."""
        try:
            version = self._waiting(self._data_version)
        except QueueError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        changed, self._version = version != self._version, version
        return changed

    def backup(self, path: str, /) -> None:
        """Write a consistent copy to a new file, while other processes go on.

        Raises:
            StoreError: the file exists, or cannot be written.
        """
        target = Path(path).absolute()
        partial = target.with_name(f"{target.name}.partial")
        if target.exists():
            raise exists(target)
        if not target.parent.is_dir():
            raise StoreError(f"{path}: the folder {str(target.parent)!r} is not there; make it first")
        try:
            partial.unlink(missing_ok=True)  # of a backup that was killed
            with self._beside() as connection:
                self._waiting(lambda: connection.execute("VACUUM INTO ?", (str(partial),)).fetchall())
            keep_copy(partial, target)
        except Exception as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            if isinstance(error, QueueError):
                raise
            raise store_error(error, str(target)) from error

    def check(self) -> list[str]:
        """Return the problems of the whole store, as lines of text; empty if there are none.

        Raises:
            StoreDamaged: the file is so damaged that SQLite cannot read on.
        """
        return self._snapshot(problems)

    def diagnostics(self) -> dict[str, Any]:
        """Return facts about the store for a person: kind, path, sizes, versions.

        `wal_bytes` are those of SQLite's log. They grow while a program keeps a read transaction open.
        """
        found = self._snapshot(lambda connection: facts(connection, self.path))
        return {**found, "synchronous": self.synchronous, "shared": self.shared}

    def _snapshot(self, ask: Callable[[Connection], T]) -> T:
        """Return what is asked of one state of the file."""
        try:
            with self._beside() as connection:
                connection.execute("BEGIN")
                return self._waiting(lambda: ask(connection))
        except QueueError:
            raise
        except Exception as error:
            raise store_error(error, self.path) from error

    @contextmanager
    def _beside(self) -> Generator[Connection]:
        """Open a second connection: another thread may be in the middle of a commit on the first."""
        assert self._open_connection is not None  # raises StoreError
        connection = (self._connect or connect)(self.path)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def suppress_full() -> Generator[None]:
    """Ignore that a disk is full: what follows finds out whether there is room now."""
    try:
        yield
    except Exception as error:
        if code_of(error) != sqlite3.SQLITE_FULL:
            raise


def batch_read(batch: Batch, ops: Sequence[tuple[int, Any]]) -> None:
    """Apply reads; one whose values SQLite cannot take fails alone."""
    for place, op in ops:
        try:
            batch.results[place] = read(batch.connection, op)
        except Exception as error:
            if not is_of_one_op(error):
                raise
            batch.results[place] = batch.failed(error)
