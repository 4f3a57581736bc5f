"""Killed coroutines that still release what they hold: a cancelled task with a time limit.

A killed process is dead at once for all other processes. A user's coroutine in it is cancelled at its await and not
closed, because closing would skip every asynchronous release. Until its `finally` and `__aexit__` are done, the
coroutine is a remnant. It may send and await asyncio; a wait for a message or an answer is refused with another
CancelledError. After 5 s a remnant is reported with the line at which it waits, and cancelled again; after one more
second it is closed.
"""

from __future__ import annotations

from asyncio import CancelledError, Future
from typing import TYPE_CHECKING, Any, Final

from regrow.kernel.awaitables import Settled
from regrow.kernel.deadlines import Deadline
from regrow.kernel.process_record import AWAITING, Process, RemnantTable, extras
from regrow.kernel.wakeups import await_future, close_body
from regrow.kernel.yields import Throw

if TYPE_CHECKING:
    from regrow.kernel.process_record import Host, RemnantTable

PATIENCE: Final = 5.0
LAST_CHANCE: Final = 1.0
MOST_CANCELS: Final = 3


class RemnantDeadline(Deadline):
    """The time limit of one remnant."""

    __slots__ = ("process", "remnants")

    def __init__(self, remnants: Remnants, process: Process) -> None:
        super().__init__()
        self.remnants: Remnants = remnants
        self.process: Process = process

    def fire(self) -> None:
        """Report the remnant, cancel it again, and close it in the end."""
        self.remnants.overdue(self.process)


class Remnants(RemnantTable):
    """The remnants of one node."""

    def __init__(self, node: Host) -> None:
        self.node = node
        self.kept = {}
        self.waiting: Future[None] | None = None  # completed when no remnant is left, for a node that stops

    def cancelled(self) -> CancelledError:
        """Return a new exception to throw into a remnant."""
        return CancelledError()

    def begin(self, process: Process) -> None:
        """Make a remnant of a dead process whose coroutine has not ended."""
        if process not in self.kept:
            deadline = RemnantDeadline(self, process)
            self.node.scheduler.timers.start(deadline, PATIENCE)
            self.kept[process] = deadline

    def keep(self, process: Process, wish: Any) -> None:
        """Let a dead process that has yielded `wish` wait for asyncio, and refuse it everything else."""
        scheduler = self.node.scheduler
        first = process not in self.kept
        self.begin(process)
        if getattr(wish, "_asyncio_future_blocking", None) is not None:
            await_future(process, wish)
            if first and process.task is not None:
                process.task.cancel()
        elif wish is None and not first:
            scheduler.yield_turn(process)
        else:
            self.cancel(process)

    def cancel(self, process: Process) -> None:
        """Throw one more CancelledError into a remnant, or close one that has swallowed too many."""
        kept = extras(process)
        kept.cancels += 1
        if kept.cancels > MOST_CANCELS:
            close_body(process)
            self.done(process)
        elif process.status == AWAITING and process.task is not None:
            process.task.cancel()
        else:
            self.node.scheduler.ready_first(process, Throw(self.cancelled()))

    def overdue(self, process: Process) -> None:
        """Cancel or close a remnant that still runs 5 s or more after its process was killed."""
        if process not in self.kept:
            return
        if extras(process).cancels >= MOST_CANCELS:
            close_body(process)
            self.done(process)
            return
        if extras(process).cancels < MOST_CANCELS - 1:
            self.node.report_remnant(process)
            extras(process).cancels = MOST_CANCELS - 1
        self.node.scheduler.timers.start(self.kept[process], LAST_CHANCE)
        self.cancel(process)

    def done(self, process: Process) -> None:
        """Forget a remnant that has ended, and end its task."""
        process.body = None
        deadline = self.kept.pop(process, None)
        if deadline is not None:
            self.node.scheduler.timers.cancel(deadline)
        if process.task is not None:
            process.task.end("killed")
        if not self.kept and self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)

    async def all_done(self) -> None:
        """Wait for all remnants; each has a time limit."""
        if self.kept:
            self.waiting = self.node.loop.create_future()
            await Settled(self.waiting)
