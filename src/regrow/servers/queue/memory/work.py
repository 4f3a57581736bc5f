"""Other work in a commit of the memory store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NoReturn

from regrow.kernel.clock import Times
from regrow.servers.queue.errors import StoreError, work_error
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.memory.jobs import Jobs
from regrow.servers.queue.ops import Put, Within


class MemoryTransaction:
    """The commit of a memory store, as a work sees it."""

    dialect: Literal["memory"] = "memory"
    one_machine = True

    def __init__(
        self, op: Within, jobs: Jobs, put: Callable[[Put], list[Enqueued] | None], kept: dict[Any, Any]
    ) -> None:
        self.times: Times = jobs.now
        self.lease_now: float = jobs.now.monotonic
        self.kept: dict[Any, Any] = kept
        self._op = op
        self._jobs = jobs
        self._put = put
        self._new: list[tuple[str, int]] = []  # queues and ids of the jobs that the work has put

    def rows(self, statement: str, parameters: Sequence[Any] = (), /) -> NoReturn:
        """Refuse a statement.

        Raises:
            StoreError: always.
        """
        raise StoreError(f"the memory store has no statements, so it cannot execute {statement!r}; use `kept`")

    def many(self, statement: str, rows: Iterable[Sequence[Any]], /) -> NoReturn:
        """Refuse a statement.

        Raises:
            StoreError: always.
        """
        self.rows(statement)

    def put(self, put: Put, /) -> list[Enqueued] | None:
        """Put jobs; None if there is no room.

        Raises:
            StoreError: no example of the op is like it.
        """
        if (refused := self._op.refused(put)) is not None:
            raise refused
        found = self._put(put)
        self._new += [(put.queue, one.id) for one in found or () if not one.duplicate]
        return found

    def undo(self) -> None:
        """Delete the jobs that the work has put, the youngest first; what they have dropped does not come back."""
        for queue, id in reversed(self._new):
            row = self._jobs.queues[queue].rows.get(id)
            if row is not None:  # else a later put has dropped it
                self._jobs.delete(row)


def run_work(op: Within, jobs: Jobs, put: Callable[[Put], list[Enqueued] | None], kept: dict[Any, Any]) -> Any:
    """Return what the work returns, or the error that it fails with."""
    transaction = MemoryTransaction(op, jobs, put, kept)
    try:
        return op.work(transaction)
    except Exception as error:
        transaction.undo()
        return work_error(error)
