"""A keeper of tasks: they are started on demand, and end with it (Elixir's `Task.Supervisor`).

owner                          supervisor                       task
-----                          ----------                       ----
async_nolink(sup, f)  ---->    spawns and keeps      ---->      waits for its job
monitors it, sends the job     ------------------------->       runs f
await task.await_()   <----    -------------------------        its value, or its end

async_          supervised, and linked to the owner: a failure of the one takes the other along
async_nolink    supervised, and monitored by the owner alone
start_child     supervised, and nobody waits for a value; may be restarted

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
from regrow.kernel.pid import Pid
from regrow.kernel.running import current

Result = TypeVar("Result")
Args = TypeVarTuple("Args")
Shutdown = float | timedelta | Literal["brutal_kill", "infinity"]


class TaskSupervisor:
    """Keeps tasks. All its functions are class methods: `TaskSupervisor.async_nolink(supervisor, fetch, url)`."""

    @classmethod
    async def start_link(
        cls,
        *,
        strategy: Literal["one_for_one"] = "one_for_one",
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        name: object = None,
    ) -> Pid:
        """Start one, linked and without tasks (`Task.Supervisor.start_link/1`).

        Args:
            strategy: "one_for_one" is the only one.
            max_children: so many tasks at the same time; None is any number.
            max_restarts: more restarts than this …
            max_seconds: … within so many seconds, and it gives up. Only tasks of `start_child` may be restarted.
            name: a string, a class, Global or Via.

        Raises:
            InvalidFlags: an option that it cannot have.
            AlreadyStarted: the name is taken.
        """
        init = DynamicSupervisor.init(
            strategy=strategy, max_children=max_children, max_restarts=max_restarts, max_seconds=max_seconds
        )
        return await start_supervisor(DynamicSupervisorServer, cls, init, name)

    @classmethod
    def child_spec(cls, options: Mapping[str, Any] | None = None, **more: Any) -> ChildSpec:
        """It as a child: `TaskSupervisor.child_spec(name="tasks")`, or `(TaskSupervisor, {"name": "tasks"})`.

        Its name is its id; of a Global or a Via, the key (`Task.Supervisor.child_spec/1`).

        Raises:
            InvalidFlags: an option that it cannot have; here and not when it is started.
        """
        spec = DynamicSupervisor.child_spec(options, **more)
        return spec.replace(
            id=cls if spec.id is DynamicSupervisor else spec.id,
            start=partial(cls.start_link, **{**(options or {}), **more}),
            modules=(cls,),
        )

    # Tasks whose value is wanted

    @overload
    @staticmethod
    async def async_(
        supervisor: Any, function: Callable[[*Args], Awaitable[Result]], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Result]: ...
    @overload
    @staticmethod
    async def async_(
        supervisor: Any, function: Callable[[*Args], Result], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Result]: ...
    @staticmethod
    async def async_(
        supervisor: Any, function: Callable[[*Args], Any], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Any]:
        """Start a supervised task that is linked to this process, too (`Task.Supervisor.async/3`).

        Args:
            supervisor: its pid or name.
            function: `def` or `async def`.
            args: its arguments.
            shutdown: seconds that it may take to end when the supervisor does, "brutal_kill" or "infinity".

        Raises:
            RuntimeError: the supervisor has as many tasks as it may have, or the code runs in a plain asyncio task.
            CallExit: the supervisor is not there.
            TypeError: this is no function.
        """
        return await _asynchronous(supervisor, function, args, shutdown, link=True)

    @overload
    @staticmethod
    async def async_nolink(
        supervisor: Any, function: Callable[[*Args], Awaitable[Result]], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Result]: ...
    @overload
    @staticmethod
    async def async_nolink(
        supervisor: Any, function: Callable[[*Args], Result], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Result]: ...
    @staticmethod
    async def async_nolink(
        supervisor: Any, function: Callable[[*Args], Any], *args: *Args, shutdown: Shutdown = 5.0
    ) -> Task[Any]:
        """Start a supervised task that is only monitored: its failure is an answer (`Task.Supervisor.async_nolink/3`).

        Arguments and errors as those of `async_`.
        """
        return await _asynchronous(supervisor, function, args, shutdown, link=False)

    @staticmethod
    def async_stream(
        supervisor: Any,
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
        """As `Task.async_stream`, with supervised tasks (`Task.Supervisor.async_stream/4`).

        Raises:
            ValueError: an option that it cannot have.
        """
        options = StreamOptions(max_concurrency, ordered, timeout, on_timeout, zip_input_on_exit)
        return _stream(supervisor, Stream(items, function, args, options), shutdown, link=True)

    @staticmethod
    def async_stream_nolink(
        supervisor: Any,
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
        """As `async_stream`; a task that fails gives ("exit", reason) for its item (`Task.Supervisor.async_stream_nolink/4`).

        Raises:
            ValueError: an option that it cannot have.
        """
        options = StreamOptions(max_concurrency, ordered, timeout, on_timeout, zip_input_on_exit)
        return _stream(supervisor, Stream(items, function, args, options), shutdown, link=False)

    # Tasks whose value nobody wants

    @staticmethod
    async def start_child(
        supervisor: Any,
        function: Callable[[*Args], Any],
        *args: *Args,
        restart: RestartType = "temporary",
        shutdown: Shutdown = 5.0,
    ) -> Pid:
        """Let the supervisor run a function in a process of its own (`Task.Supervisor.start_child/3`).

        Args:
            supervisor: its pid or name.
            function: `def` or `async def`.
            args: its arguments.
            restart: "temporary" runs it once, "transient" until it ends normally, "permanent" again and again.
            shutdown: seconds that it may take to end when the supervisor does, "brutal_kill" or "infinity".

        Raises:
            ChildError: "max_children".
            CallExit: the supervisor is not there.
            InvalidChild: another restart or shutdown.
            TypeError: this is no function.
        """
        spec = supervised(run, new_job(function, args), restart, shutdown)
        pid: Pid = await DynamicSupervisor.start_child(supervisor, spec)
        return pid

    @staticmethod
    async def terminate_child(supervisor: Any, pid: Pid) -> None:
        """Stop a task; returns when it has ended (`Task.Supervisor.terminate_child/2`).

        Raises:
            ChildError: "not_found".
        """
        await DynamicSupervisor.terminate_child(supervisor, pid)

    @staticmethod
    async def children(supervisor: Any) -> list[Pid]:
        """The pids of all tasks that run (`Task.Supervisor.children/1`)."""
        return [child.pid for child in await DynamicSupervisor.which_children(supervisor) if isinstance(child.pid, Pid)]


async def _asynchronous(
    supervisor: Any, function: Callable[..., Any], args: tuple[Any, ...], shutdown: Shutdown, *, link: bool
) -> Task[Any]:
    owner = current()
    job = new_job(function, args)
    pid = await start_supervised_job(supervisor, shutdown)
    if link:
        bifs.link(pid)
    return Task(pid, send_job(job, pid), owner, mfa_of(function, args))


def _stream(supervisor: Any, stream: Stream, shutdown: Shutdown, *, link: bool) -> Stream:
    options = stream.options
    options.supervisor, options.shutdown, options.link = supervisor, shutdown, link
    supervised(run, None, "temporary", shutdown)  # a wrong shutdown is told here
    return stream
