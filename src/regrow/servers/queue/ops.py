"""The requests to a store, as data: a store in a thread, in a file or in a server applies them.

    op        its result                                            lock    synced
    --        ----------                                            ----    ------
    Put       list[Enqueued], or None: no room                      write   yes
    Claim     list[Claimed], at most `count`, maybe empty           write   no
    Ack       None                                                  write   yes
    Nack      the state that the job went to                        write   yes
    Extend    list of the new ends of the leases; None for a lost   write   no
    Admin     see each                                              write   yes
    Within    what its work returns                                 write   yes
    Read      see each                                              none    no

A `LeaseLost`, or another QueueError, in place of a result fails that op alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from regrow.kernel.clock import Times
from regrow.servers.queue.errors import StoreError
from regrow.servers.queue.job import Enqueued, JobError, KeyStates, Stats
from regrow.servers.queue.rate import Rate

Verdict = Literal["retry", "snooze", "release", "dead"]
State = Literal["ready", "delayed", "blocked", "leased", "dead", "done"]
Policy = Literal["wait", "drop_oldest"]


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is put; `delay`, `at` and `key_for` are in seconds of the wall clock, the first and last from the commit."""

    payload: bytes
    delay: float = 0.0
    at: float | None = None
    priority: int = 0
    group: str | None = None
    key: str | None = None
    key_for: float | None = None
    key_states: KeyStates = "live"
    max_attempts: int = 20
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Store jobs, all or none, in this order.

    Attributes:
        queue: its name.
        jobs: at least one.
        bound: the most live jobs of the queue; None for no limit. Duplicates take no room.
        full: "wait": the result is None if they do not all fit. "drop_oldest": the oldest ready jobs make room; the
            result is None only if that does not suffice.
    """

    queue: str
    jobs: tuple[NewJob, ...]
    bound: int | None = None
    full: Policy = "wait"


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim up to `count` ready jobs for `lease` seconds, by priority and id, unless the queue is paused."""

    queue: str
    count: int
    lease: float
    holder: str  # host:pid:<process>, for the history of a lost lease
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed job as the store has it; `created_at` and `due_at` are Unix seconds, `lease_until` is monotonic."""

    id: int
    queue: str
    payload: bytes
    attempt: int
    max_attempts: int
    token: int
    lease_until: float
    priority: int
    group: str | None
    key: str | None
    created_at: float
    due_at: float
    errors: tuple[JobError, ...]
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Ack:
    """Delete a job that is done; LeaseLost if its lease is over. With key_states "all" an empty row keeps the key."""

    queue: str
    id: int
    token: int


@dataclass(frozen=True, slots=True)
class Nack:
    """End a lease without success. The result is the state that the job went to; LeaseLost if its lease is over.

    Attributes:
        verdict: "retry": the attempt failed; delayed by `delay` seconds, or dead at the last attempt. "snooze": later,
            and the attempt does not count. "release": as before the claim. "dead": to the dead letters now.
        delay: seconds, for "retry" and "snooze"; 0 makes the job ready.
        error: added to the history; the store sets its `at` to the time of the commit.
    """

    queue: str
    id: int
    token: int
    verdict: Verdict
    delay: float = 0.0
    error: JobError | None = None


@dataclass(frozen=True, slots=True)
class Extend:
    """Set the end of leases to `lease` seconds from the commit; `leases` are pairs (id, token)."""

    queue: str
    leases: tuple[tuple[int, int], ...]
    lease: float


# Administration


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop claims from a queue, in all processes. The result is None."""

    queue: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Resume:
    """End a pause. The result is None."""

    queue: str


@dataclass(frozen=True, slots=True)
class Purge:
    """Delete up to `limit` jobs; "waiting" is ready, delayed and blocked. The result is their number."""

    queue: str
    state: Literal["waiting", "dead"] = "waiting"
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Retry:
    """Make dead jobs live again, with attempts 0: those of `ids`, or up to `limit` if `ids` is empty; their number."""

    queue: str
    ids: tuple[int, ...] = ()
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Cancel:
    """Delete a job that is ready, delayed or blocked. The result is whether it was."""

    queue: str
    id: int


@dataclass(frozen=True, slots=True)
class Prune:
    """Delete up to `limit` dead jobs of all queues that died more than `older` seconds ago. The result is their number."""

    older: float
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Move:
    """Move up to `limit` jobs of all states but leased to another queue. The result is their number."""

    queue: str
    to: str
    limit: int = 10_000


# Other work in the transaction


class Transaction(Protocol):
    """The transaction of a batch, as the work of a `Within` sees it; it is over when the work returns."""

    @property
    def dialect(self) -> Literal["memory", "sqlite", "postgres"]:
        """The kind of store."""
        ...

    @property
    def times(self) -> Times:
        """Both times of this machine, read after the locks were held."""
        ...

    @property
    def lease_now(self) -> float:
        """The time by which leases end: the monotonic time; for PostgreSQL the server's clock, in Unix seconds."""
        ...

    @property
    def one_machine(self) -> bool:
        """Whether all programs that use the store are on this machine."""
        ...

    @property
    def kept(self) -> dict[Any, Any]:
        """The notes of works, from one transaction to the next.

        In memory these are their rows. Other stores empty it when they open, and when a work or its transaction is
        undone, so a note that tables exist is true.
        """
        ...

    def rows(self, statement: str, parameters: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        """Execute a statement, and return its rows; `?` is a parameter.

        In PostgreSQL a name that begins with `regrow_` and follows FROM, INTO, JOIN, UPDATE, TABLE, EXISTS or ON is a table of
        the store's schema. The memory store has no statements.
        """
        ...

    def many(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Execute a statement once for each sequence of parameters."""
        ...

    def put(self, put: Put, /) -> list[Enqueued] | None:
        """Put jobs in the transaction; None if there is no room.

        Raises:
            StoreError: no example in `Within.puts` has its queue, its groups and a bound if it has one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Within:
    """Run other work in the transaction of the batch, such as that of a cron's ledger. The result is what it returns.

    An exception of the work undoes the work, and is the result: a QueueError as it is, others as the cause of a
    StoreError. In memory its puts alone are undone, so the work checks everything before it changes what it keeps.

    Attributes:
        work: called with the transaction, in the writer's thread. It changes nothing but the store, since it is called
            again when the transaction is tried again.
        lock: works with the same lock never overlap, in any process; "" takes none.
        puts: examples of the puts that the work may make: their queues, groups and bounds are locked before.
    """

    work: Callable[[Transaction], Any]
    lock: str = ""
    puts: tuple[Put, ...] = ()

    def refused(self, put: Put) -> StoreError | None:
        """Return the error of a put for which no example has locked what it needs; None if one has."""
        examples = [example for example in self.puts if example.queue == put.queue]
        groups = {job.group for example in examples for job in example.jobs}
        if not examples:
            missing = f"queue {put.queue!r}"
        elif put.bound is not None and all(example.bound is None for example in examples):
            missing = f"queue {put.queue!r} with a bound"
        elif unknown := {job.group for job in put.jobs if job.group is not None} - groups:
            missing = f"queue {put.queue!r} with the group {min(unknown)!r}"
        else:
            return None
        return StoreError(f"Within(puts=): wanted an example of each put of the work, got none for the {missing}")


# Reads, which take no write lock


@dataclass(frozen=True, slots=True)
class Count:
    """Count the live jobs of a queue. The result is an int."""

    queue: str


@dataclass(frozen=True, slots=True)
class ReadStats:
    """Count the jobs by state, of one queue or of all. The result is dict[str, Stats]; an unknown queue has zeros."""

    queue: str | None = None


@dataclass(frozen=True, slots=True)
class Peek:
    """Read the payloads of the next ready jobs. The result is list[bytes]."""

    queue: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class ReadDead:
    """Read the dead jobs of a queue, the newest id first, with ids below `before`. The result is list[Record]."""

    queue: str
    count: int = 100
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """Read one job, or, with `after`, up to `count` jobs of all states with greater ids. The result is list[Record].

    Attributes:
        queue: its name; None for all.
        id: the job's number; None with `after`.
    """

    queue: str | None = None
    id: int | None = None
    after: int = 0
    count: int = 100


@dataclass(frozen=True, slots=True)
class Look:
    """Find which of these queues have a job to claim, and which have room. The result is frozenset[str].

    Attributes:
        wanting: names of queues from which a caller waits for a job.
        full: pairs (queue, bound) for which a caller waits for room.
    """

    wanting: frozenset[str] = frozenset()
    full: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Record:
    """All that a store knows of a job; times are Unix seconds, `lease_until` is monotonic. `died_at` is of dead jobs."""

    id: int
    queue: str
    state: State
    payload: bytes
    priority: int
    attempts: int
    max_attempts: int
    created_at: float
    due_at: float
    token: int
    lease_until: float | None
    holder: str | None
    group: str | None
    key: str | None
    errors: tuple[JobError, ...]
    traceparent: str | None
    died_at: float | None


Admin = Pause | Resume | Purge | Retry | Cancel | Prune | Move
Read = Count | ReadStats | Peek | ReadDead | Show | Look
Op = Put | Claim | Ack | Nack | Extend | Admin | Within | Read

READS = (Count, ReadStats, Peek, ReadDead, Show, Look)
UNSYNCED = (*READS, Claim, Extend)  # a commit of these alone needs no sync

__all__ = [
    "Ack",
    "Admin",
    "Cancel",
    "Claim",
    "Claimed",
    "Count",
    "Enqueued",
    "Extend",
    "Look",
    "Move",
    "Nack",
    "NewJob",
    "Op",
    "Pause",
    "Peek",
    "Policy",
    "Prune",
    "Purge",
    "Put",
    "READS",
    "Read",
    "ReadDead",
    "ReadStats",
    "Record",
    "Resume",
    "Retry",
    "Show",
    "State",
    "Stats",
    "Transaction",
    "UNSYNCED",
    "Verdict",
    "Within",
]
