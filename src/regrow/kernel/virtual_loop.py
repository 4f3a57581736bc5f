"""An event loop in a node's virtual time: asyncio's timers wait among the node's, and its `time()` is the node's clock.

While the node is up, `call_later`, `call_at` and `time` of its loop are replaced by those of this module. `asyncio.sleep`,
`asyncio.timeout`, `wait_for` and every library on asyncio call these three, so that all timers of a program fall due in
one order. Timers that asyncio had set before continue on the virtual clock; those that are left when the node ends
continue in real time.

For a loop with a selector, `select` is replaced, too: the loop calls it with a timeout when it has no callback ready,
and then the clock may move. uvloop calls no Python code there, so `ClockMover` checks in every round of the loop.

This module stays interpreted when the kernel is compiled: it replaces attributes of a loop.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from regrow.kernel.alarms import Alarm
from regrow.kernel.outside_work import THREADS, Outside

if TYPE_CHECKING:
    from regrow.kernel.process_record import Runner
    from regrow.kernel.virtual_time import ClockMover

REPLACED = (
    "time",
    "call_later",
    "call_at",
    "run_in_executor",
    "subprocess_exec",
    "subprocess_shell",
    "_timer_handle_cancelled",
)


class LoopTime:
    """The time of one event loop, which a node in virtual time may control.

    Args:
        loop: asyncio's, or uvloop's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: Any = loop
        self.own: dict[str, Any] = {name: getattr(loop, name, None) for name in REPLACED}
        self.ahead: float = (
            0.0  # seconds by which the loop's time is ahead of real time: those that passed on virtual clocks
        )
        self.shift: float = 0.0  # the loop's time when the virtual clock shows 0
        self.scheduler: Runner | None = None
        self.waiting: dict[int, Alarm] = {}  # by the id of asyncio's handle
        self.selecting: Selecting | None = None
        self.outside: Outside = Outside(loop)
        for name in REPLACED:
            setattr(loop, name, getattr(self, name))

    def take(self, scheduler: Runner) -> None:
        """Make a node's clock the loop's clock from here on.

        Both show the same time, so that sums of seconds are the same floats on both. If asyncio has timers already,
        the loop keeps its own time and runs at the clock's pace: code may hold deadlines in the loop's time.
        """
        scheduled: list[asyncio.TimerHandle] | None = getattr(self.loop, "_scheduled", None)
        before = [handle for handle in sorted(scheduled or ()) if not handle.cancelled()]
        self.shift = self.time() - scheduler.clock.now() if before else 0.0
        self.scheduler = scheduler
        self.outside.begin(self)
        scheduler.jumps.outside = self.outside
        if scheduled is not None:
            scheduled.clear()
            self.loop._timer_cancelled_count = 0
        for handle in before:
            self.wait(handle)
        selector = getattr(self.loop, "_selector", None)
        if hasattr(selector, "get_map"):
            self.selecting = Selecting(selector, scheduler.jumps, self.outside)

    def give_back(self) -> None:
        """Let the loop's time continue in real seconds, since the node has ended."""
        if self.scheduler is None:
            return
        self.ahead = self.time() - self.own["time"]()
        self.scheduler = None
        self.outside.end()
        if self.selecting is not None:
            self.selecting.end()
            self.selecting = None
        alarms, self.waiting = list(self.waiting.values()), {}
        for alarm in alarms:
            alarm.stop()
            handle = alarm.message
            if hasattr(self.loop, "_scheduled"):
                heapq.heappush(self.loop._scheduled, handle)
            elif not self.loop.is_closed():
                self.own["call_later"](max(0.0, handle.when() - self.time()), run, handle)

    # Replacements of the loop's methods

    def time(self) -> float:
        """Return the loop's time in seconds."""
        if self.scheduler is None:
            return float(self.own["time"]()) + self.ahead
        return self.scheduler.clock.now() + self.shift

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Replace `loop.call_later`, in virtual time while the node is up."""
        if delay is None:  # pyright: ignore[reportUnnecessaryComparison] (asyncio's loops check it)
            raise TypeError("delay must not be None")
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Replace `loop.call_at`, in virtual time while the node is up."""
        if when is None:  # pyright: ignore[reportUnnecessaryComparison] (asyncio's loops check it)
            raise TypeError("when cannot be None")
        if self.scheduler is None:
            if hasattr(self.loop, "_scheduled"):
                handle: asyncio.TimerHandle = self.own["call_at"](when, callback, *args, context=context)
            else:
                handle = self.own["call_later"](max(0.0, when - self.time()), callback, *args, context=context)
            return handle
        if self.loop.is_closed():
            raise RuntimeError("Event loop is closed")
        handle = asyncio.TimerHandle(when, callback, args, self.loop, context)
        handle._scheduled = True  # type: ignore[attr-defined] # asyncio's own, as its `call_at` does
        self.wait(handle)
        return handle

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *args: Any) -> Any:
        """Replace `loop.run_in_executor`, and note the job: the clock waits for it."""
        future = self.own["run_in_executor"](executor, function, *args)
        if self.scheduler is not None:
            self.outside.begin_job(future)
        return future

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """Replace `loop.subprocess_exec`, and note the program: the clock waits for its output."""
        return self.started(await self.own["subprocess_exec"](*args, **options))

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        """Replace `loop.subprocess_shell`, and note the program: the clock waits for its output."""
        return self.started(await self.own["subprocess_shell"](*args, **options))

    def started(self, program: tuple[Any, Any]) -> tuple[Any, Any]:
        """Note that a program was started, and return its `(transport, protocol)`."""
        if self.scheduler is not None:
            self.outside.begin_program(program[0])
        return program

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        alarm = self.waiting.pop(id(handle), None)
        if alarm is not None:
            alarm.stop()
        elif hasattr(self.loop, "_scheduled"):
            self.own["_timer_handle_cancelled"](handle)

    # Among the node's timers

    def wait(self, handle: asyncio.TimerHandle) -> None:
        """Put one of asyncio's timers among the node's timers."""
        assert self.scheduler is not None
        timers = self.scheduler.timers
        alarm = self.waiting[id(handle)] = Alarm(timers, None, handle, self.fire)
        timers.start_at(alarm, handle.when() - self.shift)

    def fire(self, alarm: Alarm) -> None:
        """Let asyncio call a timer that has fallen due, in the loop's next round."""
        handle = alarm.message
        del self.waiting[id(handle)]
        handle._scheduled = False
        ready = getattr(self.loop, "_ready", None)
        if ready is None:
            self.loop.call_soon(run, handle)
        else:
            ready.append(handle)

    def sleeps(self) -> set[int]:
        """Return the ids of the futures that asyncio's timers complete: those that `asyncio.sleep` awaits."""
        return {id(alarm.message._args[0]) for alarm in self.waiting.values() if is_sleep(alarm.message)}


class Selecting:
    """Wraps an event loop's selector: a `select` with a timeout means that the loop has no callback ready.

    Args:
        selector: the loop's.
        jumps: moves the clock.
        outside: the threads, programs and connections that may still answer.
    """

    def __init__(self, selector: Any, jumps: ClockMover, outside: Outside) -> None:
        self.selector = selector
        self.outside = outside
        self.own: Callable[[float | None], list[Any]] = selector.select
        self.jumps = jumps
        self.own_register: Callable[..., Any] = selector.register
        self.descriptors: Any = selector.get_map()  # a view, which follows the selector
        jumps.asked = True
        selector.select = self.select
        selector.register = self.register
        for fd in self.descriptors:
            outside.listen(fd)

    def end(self) -> None:
        """Give the selector back to the loop, unchanged."""
        del self.selector.select, self.selector.register
        self.jumps.asked = False

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        """Replace `selector.register`, and note the descriptor."""
        key = self.own_register(fileobj, events, data)
        self.outside.listen(key.fd)
        return key

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return the selector's events; if there are none and all processes wait, move the clock."""
        jumps = self.jumps
        outside = self.outside
        events = self.own(0)
        if events:
            outside.heard(events)
        elif timeout is not None and timeout <= 0:
            if jumps.spins():
                jumps.jump()
        elif (wait := self.wait(timeout)) is None or wait > 0:
            events = self.own(wait)
            outside.heard(events)
            if not events and wait is not None:
                jumps.silence()
        return events

    def wait(self, timeout: float | None) -> float | None:
        """Return the real seconds to wait for events, None for no limit; 0 if the clock moved or an event is there."""
        jumps = self.jumps
        outside = self.outside
        if not jumps.free():
            return timeout
        descriptors = self.descriptors
        if len(descriptors) > 1 or outside.jobs or outside.programs or len(THREADS) > outside.known:
            wait = outside.patience(descriptors)
            if wait > 0 or self.own(0):  # a thread that was busy may have finished since the first `select`
                return wait
        if jumps.jump():
            return 0.0
        if outside.may_answer(descriptors, jumps.scheduler.awaiting):
            return timeout
        return jumps.last_wait()


def run(handle: asyncio.Handle) -> None:
    """Run a handle's callback, unless the handle was cancelled after it fell due."""
    if not handle.cancelled():
        handle._run()


def is_sleep(handle: asyncio.TimerHandle) -> bool:
    """Return whether a timer only completes a future."""
    callback: Any = handle._callback  # type: ignore[attr-defined]
    return getattr(callback, "__name__", "") == "_set_result_unless_cancelled"


def time_of(loop: Any) -> LoopTime | None:
    """Return the `LoopTime` of a loop, made if needed; None for a loop whose methods cannot be replaced."""
    if getattr(loop, "has_own_time", False) or not hasattr(loop, "__dict__"):
        return None
    own: dict[str, Any] = loop.__dict__
    found = getattr(own.get("time"), "__self__", None)
    return found if isinstance(found, LoopTime) else LoopTime(loop)
