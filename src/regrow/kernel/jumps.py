"""When a virtual clock moves by itself.

It jumps to the next timer once nothing can run without that: no process is runnable, and the event loop has gone round
without making one so. A process that awaits a future of asyncio's may be woken by another process, which
waits for the clock, or from outside, by a socket or a thread. Where nothing outside is open the clock jumps at once;
else it gives the outside a moment of real time first.
"""

from __future__ import annotations

import gc
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from regrow.kernel.clock import VirtualClock

if TYPE_CHECKING:
    from regrow.kernel.scheduler import Scheduler

QUIET_ROUNDS: Final = 3  # of the loop: what asyncio has in hand comes first
MOST_ROUNDS: Final = 50  # if asyncio always has: a task that spins does not stop the clock
UNSEEN_ROUNDS: Final = 8  # of a loop that cannot be asked what it has in hand, where no process waits for asyncio
GRACE: Final = 0.1  # real seconds, where a socket or a thread may have something to say


class Jumps:
    """Moves the clock of one node."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.in_hand = callbacks_of(scheduler.loop)
        self.wanted = False
        self.quiet = 0  # rounds of the loop since the last turn
        self.held = 0  # by so many threads that work for a process

    def hold(self) -> None:
        """A thread works for a process: no time passes until it lets go."""
        self.held += 1

    def let_go(self) -> None:
        """It is done."""
        self.held -= 1
        self.want()

    def want(self) -> None:
        """All is done for now; the clock may move if it stays so."""
        if not self.wanted:
            self.scheduler.loop.call_soon(self.look)
            self.wanted = True
            self.quiet = 0

    def look(self) -> None:
        """One round of the loop is over."""
        scheduler = self.scheduler
        if scheduler.closed or scheduler.queue or scheduler.scheduled or self.held:
            self.wanted = False  # it is asked for again when the turn is over, or the thread is done
            return
        self.quiet += 1
        if self.quiet <= self.rounds():
            scheduler.loop.call_soon(self.look)
        elif scheduler.awaiting and self.outside_is_open():
            scheduler.loop.call_later(GRACE, self.last_look)
        else:
            self.jump()

    def rounds(self) -> int:
        """So many quiet rounds go before a jump: none where asyncio has nothing in hand and no process waits for it."""
        in_hand = self.in_hand
        if in_hand is None and not self.scheduler.awaiting:
            return UNSEEN_ROUNDS
        return MOST_ROUNDS if in_hand is None or in_hand else QUIET_ROUNDS if self.scheduler.awaiting else 0

    def last_look(self) -> None:
        """The outside has had its moment."""
        if self.quiet <= QUIET_ROUNDS:  # something has run meanwhile
            self.look()
        else:
            self.jump()

    def jump(self) -> None:
        """Move the clock to its next timer, or tell that there is none."""
        self.wanted = False
        clock = self.scheduler.clock
        if self.scheduler.closed or not isinstance(clock, VirtualClock) or not clock.jump:
            return
        due = self.scheduler.timers.next_due()
        if due < float("inf"):
            if self.scheduler.schedule is None:
                clock.move_to(due)
            else:
                self.scheduler.schedule.jump(clock, due)
        elif clock.stuck is not None:
            clock.stuck()

    def outside_is_open(self) -> bool:
        """Whether a socket, a thread or a timer of asyncio's may wake somebody; a loop that cannot be asked may."""
        loop: Any = self.scheduler.loop
        selector = getattr(loop, "_selector", None)
        if selector is None or getattr(loop, "_default_executor", None) is not None:
            return True
        readers = len(selector.get_map() or ())
        timers = any(not handle.cancelled() for handle in getattr(loop, "_scheduled", ()))
        return readers > 1 or timers  # the one is the loop's own pipe to itself


def callbacks_of(loop: Any) -> Any:
    """What an event loop calls next; None of one that cannot be asked.

    uvloop keeps it where Python code cannot look, but has to tell the garbage collector, as everybody has.
    """
    ready: Any = getattr(loop, "_ready", None)
    if ready is None:
        queues: list[Any] = [one for one in gc.get_referents(loop) if type(one) is deque]
        ready = queues[0] if len(queues) == 1 else None
    return ready
