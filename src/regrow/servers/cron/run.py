"""A run: the process that does the work of a tick, and what the scheduler knows of it.

the code                    what the scheduler gets
--------                    -----------------------
returns                     Performed("returned")
raises Retry or Discard     Performed with it, and the process ends normally
raises another              Performed("raised"), and the process ends with the exception: it is reported as a task's
its process is killed       Down
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from regrow.behaviours.gen.blocking_thread import BlockingThread
from regrow.kernel import exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.process_record import Pid
from regrow.kernel.running import running
from regrow.kernel.sending import send
from regrow.servers.cron.last_line import last_line, shown
from regrow.servers.cron.policies.verdict import Ending
from regrow.servers.cron.tick import Tick, run_for
from regrow.servers.queue.signals import Discard, Retry

if TYPE_CHECKING:
    from regrow.kernel.alarms import Timer
    from regrow.servers.cron.ledger.plan import Plan
    from regrow.servers.cron.rows import TickRow

RETURNED: Final = Ending("returned")


class Performed:
    """The message with the end of an attempt, to the scheduler."""

    __slots__ = ("ending", "pid")

    def __init__(self, pid: Pid, ending: Ending) -> None:
        self.pid: Pid = pid
        self.ending: Ending = ending

    def __repr__(self) -> str:
        return f"Performed({self.pid!r}, {self.ending!r})"


class Freed:
    """The message that a thread has run its code to the end."""

    __slots__ = ("thread",)

    def __init__(self, thread: RunThread) -> None:
        self.thread: RunThread = thread


class RunThread:
    """A thread for the code of one `def` after another; the scheduler owns it.

    Args:
        name: the thread's name.
        scheduler: its pid; it gets `Freed` when the code has ended, although the run's process may have ended before.
    """

    def __init__(self, name: str, scheduler: Pid) -> None:
        self.thread: BlockingThread = BlockingThread(name)
        self.scheduler = scheduler
        self.began: bool = False  # whether the code of the run that has the thread was handed to it

    async def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run code in the thread; return its result, or raise its exception."""
        future: asyncio.Future[tuple[Any, BaseException | None]] = self.thread.node.loop.create_future()

        def done(value: Any, error: BaseException | None) -> None:
            self.began = False
            send(self.scheduler, Freed(self))
            if not future.done():
                future.set_result((value, error))

        self.began = True
        self.thread.submit(_called, function, args, kwargs, done=done)
        value, error = await future
        if error is not None:
            raise error
        return value


def _called(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


class Run:
    """A tick that this process has claimed.

    Attributes:
        plan: its job.
        row: its row, as the ledger has it.
        pid: the process of the attempt; None before it starts and between two attempts.
        thread: the thread whose code is not done.
        timer: of the timeout, the kill, or the next attempt.
        ends: how the scheduler has asked the process to end: "timed_out" or "cancelled".
        ending: how the attempt ended, while its thread still runs.
        started_at: when the attempt started, in microseconds since 1970.
        began: the same by the monotonic clock.
        over: whether its end is on the way to the ledger.
    """

    __slots__ = (
        "began",
        "ending",
        "ends",
        "error",
        "over",
        "pid",
        "plan",
        "row",
        "started_at",
        "thread",
        "timer",
    )

    def __init__(self, plan: Plan, row: TickRow) -> None:
        self.plan: Plan = plan
        self.row: TickRow = row
        self.pid: Pid | None = None
        self.thread: RunThread | None = None
        self.timer: Timer | None = None
        self.ends: str | None = None
        self.ending: Ending | None = None
        self.error: str | None = None
        self.started_at: int = row.started_at or 0
        self.began: float = 0.0
        self.over: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """The tick: its job and its moment."""
        return self.row.job, self.row.scheduled_for

    def __repr__(self) -> str:
        return f"Run({self.row.job!r}, {self.row.scheduled_for}, attempt {self.row.attempt})"


class Body:
    """The body of a run's process; a report of its crash has the name of the job's function.

    Args:
        plan: the job.
        scheduler: its pid.
        thread: where a `def` runs; None for the event loop.
    """

    def __init__(self, plan: Plan, scheduler: Pid, thread: RunThread | None) -> None:
        self.plan = plan
        self.scheduler = scheduler
        self.thread = thread
        function = plan.job.function
        self.__name__: str = getattr(function, "__name__", plan.name)
        self.__qualname__: str = getattr(function, "__qualname__", plan.name)
        self.__module__ = getattr(function, "__module__", __name__)

    def __repr__(self) -> str:
        return f"<the job {self.plan.name!r}>"

    async def __call__(self, tick: Tick) -> None:
        """Run the code of a tick, for which `current()` returns it."""
        await perform(tick, self.plan, self.scheduler, self.thread)


async def perform(tick: Tick, plan: Plan, scheduler: Pid, thread: RunThread | None) -> None:
    """Run the code of a tick, and send the scheduler how it ended."""
    me = running()
    job = plan.job
    me.initial_call = job.function
    run_for(tick)
    try:
        if job.enqueues is not None:
            value = job.enqueues.put(tick, plan.ledger)
        elif thread is None:
            value = job.function(*job.args, **job.kwargs)
        else:
            value = await thread.run(job.function, tuple(job.args), dict(job.kwargs))
        if is_awaitable(value):
            await value
    except BaseException as error:
        if not me.alive or isinstance(error, GeneratorExit) or exits.is_a(error, KeyboardInterrupt, SystemExit):
            raise
        ending = ending_of(error)
        send(scheduler, Performed(me.pid, ending))
        if ending.how == "raised":
            raise
        return
    send(scheduler, Performed(me.pid, RETURNED))


def ending_of(error: BaseException) -> Ending:
    """Return how an attempt ended that raised."""
    if isinstance(error, Discard):
        return Ending("discard", last_line(error))
    if isinstance(error, Retry):
        return Ending("retry", last_line(error), error.delay)
    reason = exits.carried(error)  # `reason_of` would take the frames, which the report shows
    if exits.is_word(reason, "normal"):
        return RETURNED
    return Ending("raised", last_line(error) if error is reason else shown(reason))


def ending_by(reason: object) -> Ending:
    """Return how an attempt ended whose process has ended before its code."""
    if exits.is_word(reason, "normal"):
        return RETURNED
    return Ending("raised", shown(reason))
