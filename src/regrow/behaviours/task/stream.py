"""Many tasks, a few at a time, with their results one after the other (Elixir's `Task.async_stream/5`).

    consumer                        spawner                     tasks
    --------                        -------                     -----
    iterates over the items
    ("spawn", position, item) ----> spawns, monitors, limits -> function(item)
    "take"                    ---->          <----------------- value, or end
    ("result", …)             <----
    "close"                   ----> kills the running tasks

The spawner is a separate process, so that no message of a task reaches the consumer, and so that a loop that is left
early can be closed from any process. It is linked to the consumer, and to the tasks unless they are nolink: if the
consumer does not trap exits, a task that fails ends both.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple, TypeVar

from regrow.behaviours.gen.results import MISSING, NoClause, NoReply, Ok, Stop
from regrow.behaviours.gen.user_code import is_failure
from regrow.behaviours.gen_server.client import call, cast
from regrow.behaviours.gen_server.gen_server import From, GenServer, reply
from regrow.behaviours.supervision.shutdown import begin_shutdown
from regrow.behaviours.task.job import Job, callers_of_new, send_job, spawn_job, start_supervised_job
from regrow.kernel import bifs, bounded_repr, exits, links
from regrow.kernel.alarms import Timer
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import Monitor, Pid, Process, extras
from regrow.kernel.running import current, running
from regrow.kernel.signals import Down, Exited
from regrow.kernel.timers import cancel_timer, send_after

Result = TypeVar("Result")
Outcome = tuple[Literal["ok"], Result] | tuple[Literal["exit"], Any]
OnTimeout = Literal["exit", "kill_task"]

ON_TIMEOUT: Final = ("exit", "kill_task")


class StreamOptions:
    """The options of a stream; see `Task.async_stream`.

    Raises:
        ValueError: an option has a wrong value.
    """

    def __init__(
        self,
        max_concurrency: int | None,
        ordered: bool,
        timeout: float | timedelta | None,
        on_timeout: str,
        zip_input_on_exit: bool,
    ) -> None:
        if max_concurrency is None:
            max_concurrency = os.cpu_count() or 1
        if type(max_concurrency) is not int or max_concurrency < 1:
            raise ValueError(
                f"async_stream: max_concurrency is a whole number of tasks ≥ 1, got {bounded_repr.safe_repr(max_concurrency)}"
            )
        if on_timeout not in ON_TIMEOUT:
            raise ValueError(f"async_stream: on_timeout is one of {', '.join(ON_TIMEOUT)}; got {on_timeout!r}")
        self.max_concurrency = max_concurrency
        self.ordered = ordered
        self.timeout: float | None = seconds(timeout, "async_stream(timeout=)")
        self.on_timeout = on_timeout
        self.zip_input_on_exit = zip_input_on_exit
        self.supervisor: Any = None
        self.link = True
        self.shutdown: Any = 5.0


class Stream:
    """The result of `async_stream`: an asynchronous iterable. Each iteration starts new tasks."""

    def __init__(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        options: StreamOptions,
    ) -> None:
        self.items = items
        self.function = function
        self.args = args
        self.options = options

    def __aiter__(self) -> AsyncGenerator[Any, None]:  # noqa: PYI058 (for contextlib.aclosing the type must have `aclose`)
        return self._outcomes()

    async def _outcomes(self) -> AsyncGenerator[Any, None]:
        """Keep up to `max_concurrency` tasks running, and yield one outcome after the other."""
        options = self.options
        node = current_node()
        consumer = node.caller()
        plan = StreamPlan(
            self.function,
            self.args,
            options,
            callers_of_new(consumer),
            node.guest if consumer is None else consumer.pid,
            consumer is None or consumer.trap_exit,
        )
        items = Items(self.items)
        spawner = await Spawner.start_link(plan)
        inputs: dict[int, Any] = {}
        started = taken = 0
        try:
            while True:
                while not items.over and started - taken < options.max_concurrency:
                    item = await items.next()
                    if item is MISSING:
                        break
                    if options.zip_input_on_exit:
                        inputs[started] = item
                    cast(spawner, ("spawn", started, item))
                    started += 1
                if started == taken:
                    break
                position, outcome = checked(await call(spawner, "take", None), options)
                taken += 1
                if options.zip_input_on_exit:
                    item = inputs.pop(position)
                    if outcome[0] == "exit":
                        outcome = ("exit", (item, outcome[1]))
                yield outcome
        finally:
            try:
                await close(spawner, consumer)
            finally:
                await items.close()


def checked(answer: Any, options: StreamOptions) -> tuple[int, Any]:
    """Return (position, outcome) from an answer of the spawner.

    Raises:
        CallTimeout: a task took too long, and `on_timeout` is "exit".
        BaseException: a task could not be started.
    """
    match answer:
        case ("result", position, outcome):
            return position, outcome
        case ("raise", error):
            raise error
        case _:
            place = ("Task.Supervised", "stream", [options.timeout])
            letter = f"a task of a stream was not done within {options.timeout} s"
            raise exits.CallTimeout(("timeout", place), letter)


async def close(spawner: Pid, consumer: Process | None) -> None:
    """End the spawner and the tasks that still run."""
    if consumer is not None and consumer.alive:
        links.unlink(consumer, spawner)
    try:
        await call(spawner, "close", None)
    except exits.CallExit:
        return  # the spawner has ended, and its tasks with it


class Items:
    """The items of any iterable or asynchronous iterable. It closes the iterator only if it created the iterator."""

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any]) -> None:
        self.over: bool = False
        self.plain: Iterator[Any] | None = None
        self.asynchronous: AsyncIterator[Any] | None = None
        if isinstance(items, AsyncIterable):
            self.asynchronous = aiter(items)
            self.created: Any = None if self.asynchronous is items else self.asynchronous
        else:
            self.plain = iter(items)
            self.created = None if self.plain is items else self.plain

    async def next(self) -> Any:
        """Return the next item; MISSING if there is none."""
        item: Any = MISSING
        if self.asynchronous is not None:
            item = await anext(self.asynchronous, MISSING)
        elif self.plain is not None:
            item = next(self.plain, MISSING)
        self.over = item is MISSING
        return item

    async def close(self) -> None:
        """Close the iterator, if this object created it."""
        if hasattr(self.created, "aclose"):
            await self.created.aclose()
        elif hasattr(self.created, "close"):
            self.created.close()


# The spawner


class StreamPlan(NamedTuple):
    """The function of a spawner's tasks, and the process that they work for."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: StreamOptions
    callers: tuple[Pid, ...]
    owner: Pid
    trap_exit: bool


class StreamTask:
    """A running task of a stream, with the timer of its timeout."""

    __slots__ = ("pid", "position", "timer")

    def __init__(self, position: int, pid: Pid, timer: Timer | None) -> None:
        self.position: int = position
        self.pid: Pid = pid
        self.timer: Timer | None = timer


class StreamTasks:
    """A spawner's state: the running tasks, and the results that the consumer has not taken."""

    def __init__(self, plan: StreamPlan) -> None:
        self.plan = plan
        self.running: dict[Monitor, StreamTask] = {}
        self.results: dict[int, Any] = {}
        self.next: int = 0  # the position of the next result, if they are ordered
        self.taker: From | None = None
        self.over: Any = None  # the answer to "take" when there are no more results

    def answer(self) -> None:
        """Answer the waiting consumer, if its result is there."""
        if self.taker is None:
            return
        if self.over is not None:
            answer = self.over
        else:
            position = self.next if self.plan.options.ordered else next(iter(self.results), -1)
            if position not in self.results:
                return
            answer = ("result", position, self.results.pop(position))
            self.next += 1
        taker, self.taker = self.taker, None
        reply(taker, answer)

    def done(self, ref: Monitor, outcome: Any) -> None:
        """Store the outcome of a task, and answer the waiting consumer."""
        task = self.running.pop(ref, None)
        if task is not None:
            if task.timer is not None:
                cancel_timer(task.timer)
            bifs.demonitor(ref, flush=True)
            self.results[task.position] = outcome
            self.answer()


class Spawner(GenServer[StreamTasks]):
    """The server that starts the tasks of one stream and stores their results."""

    def init(self, plan: StreamPlan, /) -> Ok[StreamTasks]:
        """Trap exits, to outlive the tasks."""
        me = running()
        me.trap_exit = True
        extras(me).quiet = True  # if it ends with a task's reason, the task has reported it
        return Ok(StreamTasks(plan))

    async def handle_call(
        self, request: Any, from_: From, tasks: StreamTasks, /
    ) -> NoReply[StreamTasks] | Stop[StreamTasks]:
        """Answer "take" with the next result when there is one; "close" kills the tasks and ends the spawner."""
        match request:
            case "take":
                tasks.taker = from_
                tasks.answer()
                return NoReply(tasks)
            case "close":
                me = running()
                endings = [begin_shutdown(me, task.pid, "brutal_kill") for task in tasks.running.values()]
                tasks.running.clear()
                for ending in endings:
                    if ending is not None:
                        await ending.reason()
                return Stop("normal", tasks, reply=None)
            case _:
                raise NoClause(request)

    async def handle_cast(self, request: Any, tasks: StreamTasks, /) -> NoReply[StreamTasks]:
        """Start a task for an item."""
        match request:
            case ("spawn", int(position), item):
                try:
                    ref, pid = await self.start_task(tasks.plan, item)
                except BaseException as error:
                    if not is_failure(running(), error):
                        raise
                    tasks.over = ("raise", exits.strip_traceback(error))
                    tasks.answer()
                    return NoReply(tasks)
                limit = tasks.plan.options.timeout
                timer = None if limit is None else send_after(current(), ("timeout", ref), limit)
                tasks.running[ref] = StreamTask(position, pid, timer)
                return NoReply(tasks)
            case _:
                raise NoClause(request)

    async def start_task(self, plan: StreamPlan, item: Any) -> tuple[Monitor, Pid]:
        """Start a task for an item, linked to the spawner or under the supervisor; return its monitor and pid."""
        job = Job(plan.owner, plan.callers, plan.function, (item, *plan.args))
        options = plan.options
        if options.supervisor is None:
            pid, ref = spawn_job(job)
            return ref, pid
        pid = await start_supervised_job(options.supervisor, options.shutdown)
        if options.link:
            bifs.link(pid)
        return send_job(job, pid), pid

    def handle_info(self, message: Any, tasks: StreamTasks, /) -> NoReply[StreamTasks] | Stop[StreamTasks]:
        """Handle the value, the end or the timeout of a task."""
        match message:
            case (Monitor() as ref, value):
                tasks.done(ref, ("ok", value))
            case Down(Monitor() as ref, _, reason):
                tasks.done(ref, ("exit", reason))
            case ("timeout", Monitor() as ref) if ref in tasks.running:
                if tasks.plan.options.on_timeout == "exit":
                    tasks.over = ("timeout",)
                    tasks.answer()
                else:
                    begin_shutdown(running(), tasks.running[ref].pid, "brutal_kill")
                    tasks.done(ref, ("exit", "timeout"))
            case Exited(_, reason) if not exits.is_word(reason, "normal") and not tasks.plan.trap_exit:
                return Stop(reason, tasks)
            case _:
                pass  # the Exited of a linked task, for which its Down comes, too; or the timer of a task that is done
        return NoReply(tasks)

    def terminate(self, reason: Any, tasks: StreamTasks, /) -> None:
        """Kill the linked tasks, when the consumer has ended."""
        if tasks.plan.options.link:
            for task in tasks.running.values():
                begin_shutdown(running(), task.pid, "brutal_kill")
