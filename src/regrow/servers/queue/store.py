"""The contract of stores: `tests/contracts/queue_store.py` tests each one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from regrow.kernel.clock import Times as Times
from regrow.servers.queue.errors import QueueError
from regrow.servers.queue.ops import Op
from regrow.servers.queue.ops import Transaction as Transaction

Clocks = Callable[[], Times]


@dataclass(frozen=True, slots=True)
class Done:
    """The results and effects of one commit.

    Attributes:
        results: one for each op, in their order: a value, or the QueueError that failed this op alone.
        woke: queues in which jobs have become ready.
        freed: queues that have fewer live jobs than before.
        due: seconds until the store has work by itself: a delayed job falls due, a lease ends, a rate has its next
            token; None if nothing is to come.
        synced: whether the commit was synced.
        lock_wait: seconds that the store waited for its write lock.
    """

    results: list[Any | QueueError]
    woke: frozenset[str] = frozenset()
    freed: frozenset[str] = frozenset()
    due: float | None = None
    synced: bool = False
    lock_wait: float = 0.0


class Store(Protocol):
    """Where jobs are kept. One writer calls it, never twice at the same time, in one thread; `backup` and `check` in others."""

    @property
    def threaded(self) -> bool:
        """Whether the writer calls the store in a thread, because it blocks."""
        ...

    @property
    def poll(self) -> float | None:
        """The seconds between two calls of `changed` while a caller waits; None if no other process can write."""
        ...

    def open(self, clocks: Clocks, /) -> None:
        """Open the store, migrate it, and void the leases of another boot.

        Raises:
            StoreError: the store is refused. Nothing was written.
        """

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        """Apply the ops in one transaction, which is durable when this returns.

        Leases that are over are freed first, and delayed jobs that are due become ready; then acks and nacks, puts,
        administration and other work, claims and reads are applied. `clocks` is called after the write lock is held. With reads alone
        there is no lock.

        Raises:
            StoreFull, StoreBusy: nothing of it was stored, and the store goes on.
            StoreError: nothing of it was acknowledged; the store must be closed and opened again.
        """
        ...

    def changed(self) -> bool:
        """Return whether another process has committed since the last call."""
        ...

    # Any thread may call the next three while another one commits.

    def backup(self, path: str, /) -> None:
        """Write a consistent copy to a new file, while others go on.

        Raises:
            StoreError: the file exists, cannot be written, or the store has no backup.
        """

    def check(self) -> list[str]:
        """Return the problems of the whole store, as lines of text; empty if there are none."""
        ...

    def diagnostics(self) -> dict[str, Any]:
        """Return facts about the store for a person: kind, path, sizes, versions."""
        ...

    def close(self) -> None:
        """Close the store; it may be opened again."""
