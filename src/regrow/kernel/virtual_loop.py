"""An event loop in a node's virtual time: asyncio's timers wait among the node's, and its `time()` is the node's clock.

While the node is up, `call_later`, `call_at` and `time` of its loop are replaced by those of this module. `asyncio.sleep`,
`asyncio.timeout`, `wait_for` and every library on asyncio ask these three, so that all timers of a program fall due in one
order. What asyncio had set before goes on from there, and what is left when the node ends goes on in real time.

A loop that waits in a selector is asked there: it selects with a timeout when it has nothing in hand, and that is the
moment in which the clock may move. uvloop does not ask Python code; there `ClockMover` looks on, round by round.

This module stays interpreted when the kernel is compiled: what it replaces are attributes of a loop.
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
    """The time of one event loop, which a node in virtual time may have taken over.

    Args:
        loop: asyncio's, or uvloop's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: Any = loop
        self.own: dict[str, Any] = {name: getattr(loop, name, None) for name in REPLACED}
        self.ahead: float = (
            0.0  # seconds by which the loop's time is ahead of its own: what has passed on virtual clocks
        )
        self.shift: float = 0.0  # the loop's time when the virtual clock shows 0
        self.scheduler: Runner | None = None
        self.waiting: dict[int, Alarm] = {}  # by the id of asyncio's handle
        self.selecting: Selecting | None = None
        self.outside: Outside = Outside(loop)
        for name in REPLACED:
            setattr(loop, name, getattr(self, name))

    def take(self, scheduler: Runner) -> None:
        """A node's clock is the loop's from here on.

        The two show the same, so that sums of seconds are the same floats on both; unless there are timers already,
        and so perhaps deadlines that were noted in the loop's time.
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
        """The node has ended: time is the machine's, and goes on from here."""
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

    # What the loop is asked

    def time(self) -> float:
        """The loop's time, in seconds."""
        if self.scheduler is None:
            return float(self.own["time"]()) + self.ahead
        return self.scheduler.clock.now() + self.shift

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As the loop's own."""
        if delay is None:  # pyright: ignore[reportUnnecessaryComparison] (asyncio's loops ask it)
            raise TypeError("delay must not be None")
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As the loop's own."""
        if when is None:  # pyright: ignore[reportUnnecessaryComparison] (asyncio's loops ask it)
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
        """As the loop's own."""
        future = self.own["run_in_executor"](executor, function, *args)
        if self.scheduler is not None:
            self.outside.begin_job(future)
        return future

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """As the loop's own."""
        return self.started(await self.own["subprocess_exec"](*args, **options))

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        """As the loop's own."""
        return self.started(await self.own["subprocess_shell"](*args, **options))

    def started(self, program: tuple[Any, Any]) -> tuple[Any, Any]:
        """A program has been started: its transport and its protocol."""
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
        """Let a timer of asyncio's wait among the node's."""
        assert self.scheduler is not None
        timers = self.scheduler.timers
        alarm = self.waiting[id(handle)] = Alarm(timers, None, handle, self.fire)
        timers.start_at(alarm, handle.when() - self.shift)

    def fire(self, alarm: Alarm) -> None:
        """It has fallen due: asyncio calls it in its next round."""
        handle = alarm.message
        del self.waiting[id(handle)]
        handle._scheduled = False
        ready = getattr(self.loop, "_ready", None)
        if ready is None:
            self.loop.call_soon(run, handle)
        else:
            ready.append(handle)

    def sleeps(self) -> set[int]:
        """The ids of the futures that a timer of asyncio's completes: what `asyncio.sleep` awaits."""
        return {id(alarm.message._args[0]) for alarm in self.waiting.values() if is_sleep(alarm.message)}


class Selecting:
    """Stands between an event loop and its selector: to select with a timeout is to have nothing in hand.

    Args:
        selector: the loop's.
        jumps: what moves the clock.
        outside: what may still answer.
    """

    def __init__(self, selector: Any, jumps: ClockMover, outside: Outside) -> None:
        self.selector = selector
        self.outside = outside
        self.own: Callable[[float | None], list[Any]] = selector.select
        self.jumps = jumps
        self.own_register: Callable[..., Any] = selector.register
        self.descriptors: Any = selector.get_map()  # it goes with the selector
        jumps.asked = True
        selector.select = self.select
        selector.register = self.register
        for fd in self.descriptors:
            outside.listen(fd)

    def end(self) -> None:
        """The loop has its selector for itself."""
        del self.selector.select, self.selector.register
        self.jumps.asked = False

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        """As the selector's own."""
        key = self.own_register(fileobj, events, data)
        self.outside.listen(key.fd)
        return key

    def select(self, timeout: float | None = None) -> list[Any]:
        """What has come; or the clock moves, if nothing comes and all wait."""
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
        """The real seconds to wait for the outside, or None for ever; 0 if the clock has moved, or something has come."""
        jumps = self.jumps
        outside = self.outside
        if not jumps.free():
            return timeout
        descriptors = self.descriptors
        if len(descriptors) > 1 or outside.jobs or outside.programs or len(THREADS) > outside.known:
            wait = outside.patience(descriptors)
            if wait > 0 or self.own(0):  # what was at work may have come to its end meanwhile
                return wait
        if jumps.jump():
            return 0.0
        if outside.may_answer(descriptors, jumps.scheduler.awaiting):
            return timeout
        return jumps.last_wait()


def run(handle: asyncio.Handle) -> None:
    """Call what a handle is for, unless it was cancelled in its last moment."""
    if not handle.cancelled():
        handle._run()


def is_sleep(handle: asyncio.TimerHandle) -> bool:
    """Whether a timer does nothing but complete a future."""
    callback: Any = handle._callback  # type: ignore[attr-defined]
    return getattr(callback, "__name__", "") == "_set_result_unless_cancelled"


def time_of(loop: Any) -> LoopTime | None:
    """The time of a loop, which may be taken over; None of one that has its own ways."""
    if getattr(loop, "has_own_time", False) or not hasattr(loop, "__dict__"):
        return None
    own: dict[str, Any] = loop.__dict__
    found = getattr(own.get("time"), "__self__", None)
    return found if isinstance(found, LoopTime) else LoopTime(loop)
