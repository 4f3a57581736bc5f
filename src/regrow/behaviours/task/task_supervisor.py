"""A supervisor of tasks, which are started on demand (Elixir's `Task.Supervisor`).

owner                          supervisor                       task
-----                          ----------                       ----
async_nolink(sup, f)  ---->    spawns and supervises ---->      waits for its job
monitors it, sends the job     ------------------------->       runs f
await task.await_()   <----    -------------------------        its value, or its end

async_          supervised, and linked to the owner: if one of both fails, the other ends, too
async_nolink    supervised, and monitored by the owner
start_child     supervised, and its value is dropped; it may be restarted

>>> async def main():
...     tasks = await TaskSupervisor.start_link()
...     failing = await TaskSupervisor.async_nolink(tasks, lambda: 1 // 0)
...     working = await TaskSupervisor.async_nolink(tasks, lambda: 42)
...     what, reason = await failing.yield_()
...     return what, type(reason).__name__, await working.await_()
>>> import regrow
>>> regrow.run(main)
('exit', 'ZeroDivisionError', 42)
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeVar, TypeVarTuple, overload

from regrow.behaviours.gen.child_spec import ChildSpec, RestartType
from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor, DynamicSupervisorServer
from regrow.behaviours.supervision.supervisor_server import start_supervisor
from regrow.behaviours.task.job import new_job, run, send_job, start_supervised_job, supervised
from regrow.behaviours.task.stream import OnTimeout, Stream, StreamOptions
from regrow.behaviours.task.task import Task, Timeout, mfa_of
from regrow.kernel import bifs
from regrow.kernel.addresses import Address, Name
from regrow.kernel.process_record import Pid
from regrow.kernel.running import current

Result = TypeVar("Result")
Args = TypeVarTuple("Args")
Shutdown = float | timedelta | Literal["brutal_kill", "infinity"]


class TaskSupervisor:
    """Functions for supervisors of tasks: `TaskSupervisor.async_nolink(supervisor, fetch, url)`."""

    @classmethod
    async def start_link(
        cls,
        *,
        strategy: Literal["one_for_one"] = "one_for_one",
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        name: Name | None = None,
    ) -> Pid:
        """Start a supervisor without tasks, linked to this process (`Task.Supervisor.start_link/1`).

        Args:
            strategy: "one_for_one", the only strategy.
            max_children: the maximum number of tasks at the same time; None for no limit.
            max_restarts: the supervisor ends after more restarts than this within `max_seconds`. Only tasks of
                `start_child` are restarted.
            max_seconds: seconds.
            name: a string, a class, `Global(key)`, `Via(registry, key)`, or None for no name.

        Returns:
            The supervisor's pid.

        Raises:
            InvalidFlags: an option has a wrong value.
            AlreadyStarted: the name is taken.
        """
        init = DynamicSupervisor.init(
            strategy=strategy, max_children=max_children, max_restarts=max_restarts, max_seconds=max_seconds
        )
        return await start_supervisor(DynamicSupervisorServer, cls, init, name)

    @classmethod
    def child_spec(cls, options: Mapping[str, Any] | None = None, **more: Any) -> ChildSpec:
        """Return the child spec of a task supervisor: `TaskSupervisor.child_spec(name="tasks")`.

        A supervisor also takes `(TaskSupervisor, {"name": "tasks"})`. The id is the name; for a Global or a Via, its key
        (`Task.Supervisor.child_spec/1`).

        Args:
            options: the arguments of `start_link`, as a mapping.
            more: the arguments of `start_link`.

        Raises:
            InvalidFlags: an option has a wrong value; it is raised here, and not when the child is started.
        """
        spec = DynamicSupervisor.child_spec(options, **more)
        return spec.replace(
            id=cls if spec.id is DynamicSupervisor else spec.id,
            start=partial(cls.start_link, **{**(options or {}), **more}),
            modules=(cls,),
        )

    # Tasks whose value is awaited

    @overload
    @staticmethod
    async def async_(
        supervisor: Address, function: Callable[[*Args], Awaitable[Result]], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Result]: ...
    @overload
    @staticmethod
    async def async_(
        supervisor: Address, function: Callable[[*Args], Result], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Result]: ...
    @staticmethod
    async def async_(
        supervisor: Address, function: Callable[[*Args], Any], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Any]:
        """Start a supervised task that is also linked to this process (`Task.Supervisor.async/3`).

        Args:
            supervisor: its pid or name.
            function: `def` or `async def`; it runs in the task's process.
            args: its arguments.
            shutdown: seconds that the task may take to end when the supervisor ends, "brutal_kill" or "infinity".

        Returns:
            The handle of the task, which this process owns.

        Raises:
            RuntimeError: the supervisor has its maximum number of tasks, or the code runs in a plain asyncio task.
            CallExit: the supervisor does not run.
            TypeError: `function` is no function.
        """
        return await _asynchronous(supervisor, function, args, shutdown, link=True)

    @overload
    @staticmethod
    async def async_nolink(
        supervisor: Address, function: Callable[[*Args], Awaitable[Result]], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Result]: ...
    @overload
    @staticmethod
    async def async_nolink(
        supervisor: Address, function: Callable[[*Args], Result], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Result]: ...
    @staticmethod
    async def async_nolink(
        supervisor: Address, function: Callable[[*Args], Any], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Any]:
        """Start a supervised task that this process only monitors (`Task.Supervisor.async_nolink/3`).

        A failure of the task does not end this process: `yield_` returns ("exit", reason). Arguments and errors are those
        of `async_`.
        """
        return await _asynchronous(supervisor, function, args, shutdown, link=False)

    @staticmethod
    def async_stream(
        supervisor: Address,
        items: Iterable[Any] | AsyncIterable[Any],
        function: Callable[..., Any],
        *args: Any,
        max_concurrency: int | None = None,
        ordered: bool = True,
        timeout: Timeout = 5.0,
        on_timeout: OnTimeout = "exit",
        zip_input_on_exit: bool = False,
        shutdown: Shutdown = 5.0,
    ) -> Stream:
        """Run `function(item, *args)` for each item in a supervised, linked task (`Task.Supervisor.async_stream/4`).

        Args:
            supervisor: its pid or name.
            items: an iterable or an asynchronous iterable.
            function: `def` or `async def`.
            args: its arguments after the item.
            max_concurrency: see `Task.async_stream`, as for the options below.
            ordered: whether the outcomes are in the order of the items.
            timeout: seconds that each task may take; None is any time.
            on_timeout: "exit" or "kill_task".
            zip_input_on_exit: whether to yield ("exit", (item, reason)) for a task that failed.
            shutdown: seconds that a task may take to end when the supervisor ends, "brutal_kill" or "infinity".

        Raises:
            ValueError: an option has a wrong value.
        """
        options = StreamOptions(max_concurrency, ordered, timeout, on_timeout, zip_input_on_exit)
        return _stream(supervisor, Stream(items, function, args, options), shutdown, link=True)

    @staticmethod
    def async_stream_nolink(
        supervisor: Address,
        items: Iterable[Any] | AsyncIterable[Any],
        function: Callable[..., Any],
        *args: Any,
        max_concurrency: int | None = None,
        ordered: bool = True,
        timeout: Timeout = 5.0,
        on_timeout: OnTimeout = "exit",
        zip_input_on_exit: bool = False,
        shutdown: Shutdown = 5.0,
    ) -> Stream:
        """Run `function(item, *args)` for each item in a supervised task without a link.

        A task that fails does not end this process: its outcome is ("exit", reason). Arguments and errors are those of
        `async_stream` (`Task.Supervisor.async_stream_nolink/4`).
        """
        options = StreamOptions(max_concurrency, ordered, timeout, on_timeout, zip_input_on_exit)
        return _stream(supervisor, Stream(items, function, args, options), shutdown, link=False)

    # Tasks whose value is dropped

    @staticmethod
    async def start_child(
        supervisor: Address,
        function: Callable[[*Args], Any],
        *args: *Args,
        restart: RestartType = "temporary",
        shutdown: Shutdown = 5.0,
    ) -> Pid:
        """Start a supervised process that runs a function, and drop its value (`Task.Supervisor.start_child/3`).

        Args:
            supervisor: its pid or name.
            function: `def` or `async def`.
            args: its arguments.
            restart: "temporary" runs it once, "transient" until it ends normally, "permanent" again and again.
            shutdown: seconds that it may take to end when the supervisor ends, "brutal_kill" or "infinity".

        Returns:
            The pid of the process.

        Raises:
            ChildError: the supervisor has its maximum number of tasks; the reason is "max_children".
            CallExit: the supervisor does not run.
            InvalidChild: a wrong value for `restart` or `shutdown`.
            TypeError: `function` is no function.
        """
        spec = supervised(run, new_job(function, args), restart, shutdown)
        pid: Pid = await DynamicSupervisor.start_child(supervisor, spec)
        return pid

    @staticmethod
    async def terminate_child(supervisor: Address, pid: Pid) -> None:
        """Stop a task, and wait until it has ended (`Task.Supervisor.terminate_child/2`).

        Raises:
            ChildError: the supervisor has no such task; the reason is "not_found".
            CallExit: the supervisor does not run.
        """
        await DynamicSupervisor.terminate_child(supervisor, pid)

    @staticmethod
    async def children(supervisor: Address) -> list[Pid]:
        """Return the pids of all running tasks (`Task.Supervisor.children/1`)."""
        return [child.pid for child in await DynamicSupervisor.which_children(supervisor) if isinstance(child.pid, Pid)]


async def _asynchronous(
    supervisor: Address, function: Callable[..., Any], args: tuple[Any, ...], shutdown: Shutdown, *, link: bool
) -> Task[Any]:
    owner = current()
    job = new_job(function, args)
    pid = await start_supervised_job(supervisor, shutdown)
    if link:
        bifs.link(pid)
    return Task(pid, send_job(job, pid), owner, mfa_of(function, args))


def _stream(supervisor: Address, stream: Stream, shutdown: Shutdown, *, link: bool) -> Stream:
    options = stream.options
    options.supervisor, options.shutdown, options.link = supervisor, shutdown, link
    supervised(run, None, "temporary", shutdown)  # raises if `shutdown` is wrong
    return stream
