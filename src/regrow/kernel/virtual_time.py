"""When a virtual clock moves by itself.

It jumps to the next timer once nothing can run without that: no process is runnable, and the event loop has nothing in
hand. What waits for asyncio may be woken by another process, which waits for the clock, or from outside, by a socket or
a thread. Where nothing is to be expected of the outside the clock jumps at once; else it gives that its time first, in
real seconds.

A loop of asyncio's asks when it has nothing in hand: see `virtual_loop.py`. Of others, and in a simulation, it is found out
by going round with them.
"""

from __future__ import annotations

import gc
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from regrow.kernel.clock import FOREVER
from regrow.kernel.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from regrow.kernel.process_record import Runner

QUIET_ROUNDS: Final = 3  # of the loop: what asyncio has in hand comes first
MOST_ROUNDS: Final = 10_000  # if asyncio always has: what spins does not stop the clock for ever
AWAITED_ROUNDS: Final = 50  # of a loop that cannot be asked what it has in hand, where a process waits for asyncio
UNSEEN_ROUNDS: Final = 8  # of a loop that cannot be asked what it has in hand, where no process waits for asyncio
STEP: Final = 0.005  # real seconds between two looks, where something outside may have something to say
SHORTEST: Final = 0.001  # real seconds that a loop waits
ALL_QUIET: Final = 1 << 30  # for `quiet`: there is no timer, and nothing has run since


class ClockMover:
    """Moves the clock of one node."""

    def __init__(self, scheduler: Runner) -> None:
        self.scheduler = scheduler
        self.in_hand: Any = callbacks_of(scheduler.loop)
        self.wanted: bool = False
        self.quiet: int = 0  # rounds of the loop since the last turn
        self.held: int = 0  # by so many threads that work for a process
        self.asked = False  # the loop asks by itself
        self.outside: Any = None  # an `Outside`: what may still answer, where that is known
        # In real seconds, also where the loop's own is the node's.
        self.later: Any = partial(type(scheduler.loop).call_later, scheduler.loop)

    def hold(self) -> None:
        """A thread works for a process: no time passes until it lets go."""
        self.held += 1

    def let_go(self) -> None:
        """It is done."""
        self.held -= 1
        self.want()

    def want(self) -> None:
        """All is done for now; the clock may move if it stays so."""
        if not self.wanted and not self.asked:
            self.scheduler.loop.call_soon(self.look)
            self.wanted = True
            self.quiet = 0

    def look(self) -> None:
        """One round of the loop is over."""
        scheduler = self.scheduler
        if scheduler.closed or self.held or not self.idle():
            self.wanted = False  # it is asked for again when the turn is over, or the thread is done
            return
        self.quiet += 1
        if self.quiet <= self.rounds():
            scheduler.loop.call_soon(self.look)
        elif scheduler.awaiting and (wait := self.outside_wait()) > 0.0:
            self.later(min(wait, STEP), self.look_again)
        else:
            self.move()

    def rounds(self) -> int:
        """So many quiet rounds go before a jump: none where asyncio has nothing in hand and no process waits for it."""
        in_hand = self.in_hand
        if in_hand is None and not self.scheduler.yielded:
            return AWAITED_ROUNDS if self.scheduler.awaiting else UNSEEN_ROUNDS
        if self.scheduler.yielded:
            return MOST_ROUNDS
        return MOST_ROUNDS if in_hand else QUIET_ROUNDS if self.scheduler.awaiting else 0

    def look_again(self) -> None:
        """The outside has had a moment."""
        wait = self.outside_wait()
        if self.quiet > QUIET_ROUNDS and wait > 0.0:  # and nothing has run meanwhile
            self.later(min(wait, STEP), self.look_again)
        else:
            self.quiet = 0  # what a thread has done at last comes in the next rounds
            self.look()

    def move(self) -> None:
        """Move the clock, or tell that there is no timer to move it to, if that stays so."""
        self.wanted = False
        if self.jump() or (self.scheduler.awaiting and not hasattr(self.scheduler.loop, "_selector")):
            return  # a loop that cannot be asked may listen to anything
        if self.last_wait() is not None:
            if self.stuck_after() > 0.0:
                self.later(self.stuck_after(), self.silence)
            else:
                self.silence()

    def jump(self) -> bool:
        """Move the clock to its next timer; false if there is none, or it does not move by itself."""
        clock = self.scheduler.clock
        if self.scheduler.closed or not isinstance(clock, VirtualClock) or not clock.jump:
            return False
        due = self.scheduler.timers.next_due()
        if due == FOREVER:
            return False
        if self.scheduler.schedule is None:
            clock.move_to(due)
        else:
            self.scheduler.schedule.jump(clock, due)
        return True

    # What a loop asks

    def free(self) -> bool:
        """Whether the clock may move: no process can run, no thread works for one, and it moves by itself."""
        scheduler = self.scheduler
        clock = scheduler.clock
        if scheduler.closed or self.held or not isinstance(clock, VirtualClock):
            return False
        return clock.jump and not scheduler.queue and (not scheduler.scheduled or bool(scheduler.yielded))

    def idle(self) -> bool:
        """Whether no process can run, other than those that have given way for a round of the loop."""
        scheduler = self.scheduler
        return not scheduler.queue and (not scheduler.scheduled or bool(scheduler.yielded))

    def spins(self) -> bool:
        """Another round of the loop in which it has something in hand; whether it does nothing but go round."""
        if self.quiet < ALL_QUIET:
            self.quiet += 1
        return MOST_ROUNDS < self.quiet < ALL_QUIET and self.free()

    def last_wait(self) -> float | None:
        """There is no timer: the real seconds until `clock.stuck` is called; None if it is not, or has been already."""
        clock = self.scheduler.clock
        if not isinstance(clock, VirtualClock) or clock.stuck is None or not clock.jump or self.quiet > ALL_QUIET:
            return None
        self.quiet = ALL_QUIET
        return max(clock.stuck_after, SHORTEST)

    def silence(self) -> None:
        """Nothing has come in that time."""
        clock = self.scheduler.clock
        if self.quiet == ALL_QUIET and isinstance(clock, VirtualClock) and clock.stuck is not None:
            self.quiet += 1
            self.scheduler.loop.call_soon(clock.stuck)

    def stuck_after(self) -> float:
        """The real seconds until all are given up."""
        clock = self.scheduler.clock
        return clock.stuck_after if isinstance(clock, VirtualClock) else 0.0

    def outside_wait(self) -> float:
        """The real seconds that the outside may take, where the loop cannot be asked what it listens to."""
        outside = self.outside
        return 0.0 if outside is None else float(outside.unseen())


def callbacks_of(loop: Any) -> Any:
    """What an event loop calls next; None of one that cannot be asked.

    uvloop keeps it where Python code cannot look, but has to tell the garbage collector, as everybody has.
    """
    ready: Any = getattr(loop, "_ready", None)
    if ready is None:
        queues: list[Any] = [one for one in gc.get_referents(loop) if type(one) is deque]
        ready = queues[0] if len(queues) == 1 else None
    return ready
