"""The conditions under which a virtual clock moves by itself.

The clock jumps to the next timer once nothing can run without that: no process is runnable, and the event loop has no
callback ready. A process that awaits asyncio may be woken by another process, which waits for the clock, or from
outside, by a socket or a thread. If nothing outside can answer, the clock jumps at once; otherwise it first waits for
an answer, in real seconds.

A loop of asyncio calls `ClockMover` when it has no callback ready: see `virtual_loop.py`. For other loops, and in a
simulation, `ClockMover` schedules itself in every round of the loop until enough rounds have been quiet.
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

QUIET_ROUNDS: Final = 3  # rounds of the loop before a jump, so that asyncio's ready callbacks run first
MOST_ROUNDS: Final = 10_000  # the limit if callbacks are always ready: a busy loop does not stop the clock for ever
AWAITED_ROUNDS: Final = 50  # for a loop that does not show its ready callbacks, while a process awaits asyncio
UNSEEN_ROUNDS: Final = 8  # for a loop that does not show its ready callbacks, while no process awaits asyncio
STEP: Final = 0.005  # real seconds between two checks for an answer from outside
SHORTEST: Final = 0.001  # the shortest time, in real seconds, that a loop waits
ALL_QUIET: Final = 1 << 30  # a value of `quiet`: there is no timer, and nothing has run since that was found


class ClockMover:
    """Moves the clock of one node."""

    def __init__(self, scheduler: Runner) -> None:
        self.scheduler = scheduler
        self.in_hand: Any = callbacks_of(scheduler.loop)
        self.wanted: bool = False
        self.quiet: int = 0  # rounds of the loop since the last turn
        self.held: int = 0  # the number of threads that work for a process
        self.asked = False  # the loop calls this object when it has no callback ready
        self.outside: Any = None  # an `Outside`, if it is known what may still answer
        # Counts real seconds, even while the instance's `call_later` counts virtual ones.
        self.later: Any = partial(type(scheduler.loop).call_later, scheduler.loop)

    def hold(self) -> None:
        """Stop the clock while a thread works for a process, until `let_go`."""
        self.held += 1

    def let_go(self) -> None:
        """Release the clock, since a thread has finished its work for a process."""
        self.held -= 1
        self.want()

    def want(self) -> None:
        """Begin to count quiet rounds, since no process is runnable now; the clock moves if that stays so."""
        if not self.wanted and not self.asked:
            self.scheduler.loop.call_soon(self.look)
            self.wanted = True
            self.quiet = 0

    def look(self) -> None:
        """Count one more quiet round of the loop, and move the clock after enough of them."""
        scheduler = self.scheduler
        if scheduler.closed or self.held or not self.idle():
            self.wanted = False  # `want` is called again when the turn is over, or when the thread has finished
            return
        self.quiet += 1
        if self.quiet <= self.rounds():
            scheduler.loop.call_soon(self.look)
        elif scheduler.awaiting and (wait := self.outside_wait()) > 0.0:
            self.later(min(wait, STEP), self.look_again)
        else:
            self.move()

    def rounds(self) -> int:
        """Return how many quiet rounds precede a jump: 0 if asyncio has no callback ready and no process awaits it."""
        in_hand = self.in_hand
        if in_hand is None and not self.scheduler.yielded:
            return AWAITED_ROUNDS if self.scheduler.awaiting else UNSEEN_ROUNDS
        if self.scheduler.yielded:
            return MOST_ROUNDS
        return MOST_ROUNDS if in_hand else QUIET_ROUNDS if self.scheduler.awaiting else 0

    def look_again(self) -> None:
        """Check again whether an answer from outside is still possible, after a short real time."""
        wait = self.outside_wait()
        if self.quiet > QUIET_ROUNDS and wait > 0.0:  # `quiet` is this high only if nothing has run meanwhile
            self.later(min(wait, STEP), self.look_again)
        else:
            self.quiet = 0  # a thread that has just finished posts its result in the next rounds
            self.look()

    def move(self) -> None:
        """Move the clock, or report that there is no timer to move it to, if that stays so."""
        self.wanted = False
        if self.jump() or (self.scheduler.awaiting and not hasattr(self.scheduler.loop, "_selector")):
            return  # a loop without a visible selector may listen to anything
        if self.last_wait() is not None:
            if self.stuck_after() > 0.0:
                self.later(self.stuck_after(), self.silence)
            else:
                self.silence()

    def jump(self) -> bool:
        """Move the clock to its next timer; return false if there is none, or if the clock does not move by itself."""
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

    # Called by a loop

    def free(self) -> bool:
        """Return whether the clock may move: no process can run, no thread works for one, and it moves by itself."""
        scheduler = self.scheduler
        clock = scheduler.clock
        if scheduler.closed or self.held or not isinstance(clock, VirtualClock):
            return False
        return clock.jump and not scheduler.queue and (not scheduler.scheduled or bool(scheduler.yielded))

    def idle(self) -> bool:
        """Return whether no process can run, except those that have yielded for one round of the loop."""
        scheduler = self.scheduler
        return not scheduler.queue and (not scheduler.scheduled or bool(scheduler.yielded))

    def spins(self) -> bool:
        """Count a round in which the loop has a callback ready; return whether it only spins and the clock may move."""
        if self.quiet < ALL_QUIET:
            self.quiet += 1
        return MOST_ROUNDS < self.quiet < ALL_QUIET and self.free()

    def last_wait(self) -> float | None:
        """Return the real seconds until `clock.stuck` is called, as there is no timer; None if it is not called again."""
        clock = self.scheduler.clock
        if not isinstance(clock, VirtualClock) or clock.stuck is None or not clock.jump or self.quiet > ALL_QUIET:
            return None
        self.quiet = ALL_QUIET
        return max(clock.stuck_after, SHORTEST)

    def silence(self) -> None:
        """Call `clock.stuck`, unless something has happened since `last_wait`."""
        clock = self.scheduler.clock
        if self.quiet == ALL_QUIET and isinstance(clock, VirtualClock) and clock.stuck is not None:
            self.quiet += 1
            self.scheduler.loop.call_soon(clock.stuck)

    def stuck_after(self) -> float:
        """Return the real seconds after which the processes count as stuck."""
        clock = self.scheduler.clock
        return clock.stuck_after if isinstance(clock, VirtualClock) else 0.0

    def outside_wait(self) -> float:
        """Return the real seconds that an answer may take, for a loop that does not show what it listens to."""
        outside = self.outside
        return 0.0 if outside is None else float(outside.unseen())


def callbacks_of(loop: Any) -> Any:
    """Return the queue of an event loop's ready callbacks, or None if the loop does not show it.

    uvloop keeps the queue in a C attribute that Python code cannot read, but the garbage collector has to know it.
    """
    ready: Any = getattr(loop, "_ready", None)
    if ready is None:
        queues: list[Any] = [one for one in gc.get_referents(loop) if type(one) is deque]
        ready = queues[0] if len(queues) == 1 else None
    return ready
