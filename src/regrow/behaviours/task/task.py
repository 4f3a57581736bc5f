"""Functions that run in separate processes, and whose values are awaited later (Elixir's `Task`).

    owner                                  task
    -----                                  ----
    task = Task.async_(fetch, url)
                               ----->      fetch(url)
    … does something else …
    await task.await_()        <-----      its value

A task that fails ends its owner, because they are linked: after `await_` no error needs to be handled. An owner that
traps exits, or that starts its tasks with `TaskSupervisor.async_nolink`, gets a `CalleeExit` from `await_`, or
("exit", reason) from `yield_`.

The value comes to the owner's mailbox as (task.ref, value), followed by a `Down`; `await_` and the other functions remove
both. A server that starts tasks need not call them: its `handle_info` gets (task.ref, value) or the `Down`.

    >>> async def main():
    ...     task = Task.async_(sum, [1, 2, 3])
    ...     value = await task.await_()
    ...     doubled = [outcome async for outcome in Task.async_stream([1, 2], lambda number: number * 2)]
    ...     return value, doubled
    >>> import regrow
    >>> regrow.run(main)
    (6, [('ok', 2), ('ok', 4)])
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from types import FunctionType
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar, TypeVarTuple, overload

from regrow.behaviours.gen import child_spec
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.supervision.restart import ending
from regrow.behaviours.task.job import callers, new_job, run, spawn_job
from regrow.behaviours.task.outcome import next_outcome, take_outcome
from regrow.behaviours.task.stream import OnTimeout, Outcome, Stream, StreamOptions
from regrow.kernel import bifs, bounded_repr, exits
from regrow.kernel.clock import seconds
from regrow.kernel.process_record import Pid
from regrow.kernel.receiving import receive
from regrow.kernel.refs import Ref
from regrow.kernel.running import current
from regrow.kernel.sending import send
from regrow.kernel.signals import Down
from regrow.kernel.spawning import spawn, spawn_link
from regrow.kernel.timers import monotonic
from regrow.kernel.yields import EMPTY

Result = TypeVar("Result")
Other = TypeVar("Other")
Args = TypeVarTuple("Args")
Timeout = float | timedelta | None

ON_TIMEOUT: Final = ("nothing", "ignore", "kill_task")


class Task(Generic[Result]):
    """The handle of a task. Only its owner, the process that started it, can await the value.

    As a child of a supervisor, `(Task, function)` or `(Task, (function, *args))` runs a function once. A subclass may set
    values of the child spec, such as id and restart, as class options; a child is temporary by default.

    Attributes:
        pid: the task's process; None if it is `completed`.
        ref: the ref of its value and its `Down`.
        owner: the pid of its owner.
        mfa: (module, function, number of arguments) of its function.
    """

    __slots__ = ("mfa", "owner", "pid", "ref")
    __regrow_spec__: ClassVar[dict[str, Any]] = {"restart": "temporary"}

    def __init_subclass__(cls, **spec: Any) -> None:
        super().__init_subclass__()
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **child_spec.class_options(cls, spec)}

    def __init__(self, pid: Pid | None, ref: Ref, owner: Pid, mfa: tuple[str, str, int]) -> None:
        self.pid: Pid | None = pid
        self.ref: Ref = ref
        self.owner: Pid = owner
        self.mfa: tuple[str, str, int] = mfa

    def __repr__(self) -> str:
        module, function, arity = self.mfa
        return f"Task(pid={self.pid}, ref={self.ref}, owner={self.owner}, {module}.{function}/{arity})"

    # Starting

    @overload
    @staticmethod
    def async_(function: Callable[[*Args], Awaitable[Other]], *args: *Args) -> Task[Other]: ...
    @overload
    @staticmethod
    def async_(function: Callable[[*Args], Other], *args: *Args) -> Task[Other]: ...
    @staticmethod
    def async_(function: Callable[[*Args], Any], *args: *Args) -> Task[Any]:
        """Start a task that is linked to this process, and whose value this process will await (`Task.async/1`).

        Args:
            function: `def` or `async def`; it runs in the task's process.
            args: its arguments.

        Raises:
            TypeError: `function` is no function.
            RuntimeError: the code runs in a plain asyncio task, which has no mailbox.
        """
        job = new_job(function, args)
        pid, ref = spawn_job(job)
        return Task(pid, ref, job.owner, mfa_of(function, args))

    @staticmethod
    def completed(value: Other) -> Task[Other]:
        """Return a task that is done already with a value, without a process (`Task.completed/1`)."""
        owner = current()
        ref = Ref()
        send(owner, (ref, value))
        return Task(None, ref, owner, ("Task", "completed", 1))

    @classmethod
    async def start(cls, function: Callable[[*Args], Any], *args: *Args) -> Pid:
        """Run a function in a process without a link, and drop its value (`Task.start/1`).

        Args:
            function: `def` or `async def`.
            args: its arguments.

        Returns:
            The pid of the process.

        Raises:
            TypeError: `function` is no function.
        """
        return spawn(run, new_job(function, args))

    @classmethod
    async def start_link(cls, function: Callable[[*Args], Any], *args: *Args) -> Pid:
        """Run a function in a process that is linked to this one, and drop its value (`Task.start_link/1`).

        It is for supervisors, and for work that must not outlive this process. Arguments and errors are those of `start`.
        """
        return spawn_link(run, new_job(function, args))

    @classmethod
    def child_spec(cls, function: Any) -> ChildSpec:
        """Return the child spec of a task that runs `function`, or (function, *args), once (`Task.child_spec/1`)."""
        start = (cls.start_link, function if isinstance(function, tuple) else (function,))  # pyright: ignore[reportUnknownVariableType]
        parts: dict[str, Any] = {"id": cls, "start": start, "modules": (cls,)}
        return ChildSpec(**{**parts, **cls.__regrow_spec__})

    @staticmethod
    def callers() -> tuple[Pid, ...]:
        """Return the callers of the running task: its owner, the owner's owner …; () if this process is no task.

        Elixir keeps them as `$callers`; here they are the nearest fifty. They lead to the process for which the task
        works; the ancestors of a process lead to its supervisor.
        """
        return callers()

    # Awaiting the value

    async def await_(self, timeout: Timeout = 5.0) -> Result:
        """Wait for the value, and return it (`Task.await/2`). A second `await_` of the same task times out.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            CalleeExit: the task ended without a value; its reason is (reason, ("Task", "await", [task, timeout])).
            CallTimeout: the task took longer. It keeps running, and its value will be dropped.
            ValueError: this process is not the owner.
        """
        limit = 5.0 if timeout == 5.0 else seconds(timeout, "await_(timeout=)")
        check_owner(self)
        done = await next_outcome((self.ref,), limit, self.pid)
        if done is not None and done[1][0] == "ok":
            result: Result = done[1][1]
            return result
        place = ("Task", "await", [self, timeout])
        if done is None:
            bifs.demonitor(self.ref, flush=True)
            raise exits.CallTimeout(("timeout", place), f"{self!r} was not done within {timeout} s")
        reason = done[1][1]
        raise exits.CalleeExit((reason, place), f"{self!r} ended without a value: {bounded_repr.safe_repr(reason)}")

    @staticmethod
    async def await_many(tasks: Iterable[Task[Other]], timeout: Timeout = 5.0) -> list[Other]:
        """Wait for the values of all tasks, in their order (`Task.await_many/2`).

        Args:
            tasks: tasks that this process owns.
            timeout: seconds for all together; None waits for ever.

        Returns:
            The values.

        Raises:
            CalleeExit: a task ended without a value; the values of the others will be dropped.
            CallTimeout: the tasks took longer. They keep running, and their values will be dropped.
            ValueError: this process is not the owner of one of them.
            TypeError: one of them is no task.
        """
        every = list(tasks)
        waiting = check_owners(every)
        values: dict[Ref, Other] = {}
        place = ("Task", "await_many", [every, timeout])
        countdown = Countdown(seconds(timeout, "await_many(timeout=)"))
        while waiting:
            done = await next_outcome(waiting, countdown.left())
            if done is None:
                forget(waiting)
                raise exits.CallTimeout(
                    ("timeout", place), f"{len(waiting)} of {len(every)} tasks were not done within {timeout} s"
                )
            ref, (what, value) = done
            failed = waiting.pop(ref)
            if what == "exit":
                forget(waiting)
                raise exits.CalleeExit(
                    (value, place), f"{failed!r} ended without a value: {bounded_repr.safe_repr(value)}"
                )
            values[ref] = value
        return [values[task.ref] for task in every]

    async def yield_(self, timeout: Timeout = 5.0) -> Outcome[Result] | None:
        """Wait for the outcome (`Task.yield/2`). Unlike `await_` it does not raise, and may be called again after None.

        Args:
            timeout: seconds; None waits for ever.

        Returns:
            ("ok", value), ("exit", reason), or None if the task is not done in time.

        Raises:
            ValueError: this process is not the owner.
        """
        limit = seconds(timeout, "yield_(timeout=)")
        check_owner(self)
        done: Any = await next_outcome((self.ref,), limit, self.pid)
        return None if done is None else done[1]

    @staticmethod
    async def yield_many(
        tasks: Iterable[Task[Other]],
        timeout: Timeout = 5.0,
        *,
        limit: int | None = None,
        on_timeout: Literal["nothing", "ignore", "kill_task"] = "nothing",
    ) -> list[tuple[Task[Other], Outcome[Other] | None]]:
        """Wait for the outcomes of many tasks (`Task.yield_many/2`).

        Args:
            tasks: tasks that this process owns.
            timeout: seconds for all together; None waits for ever.
            limit: return as soon as this number of tasks are done; None waits for all.
            on_timeout: for tasks that are not done in time: "nothing" leaves them running, "ignore" calls `ignore`, and
                "kill_task" kills them.

        Returns:
            (task, outcome) of each task, in their order; the outcome is that of `yield_`.

        Raises:
            ValueError: this process is not the owner of one of them, or an option has a wrong value.
            TypeError: one of them is no task.
        """
        every = list(tasks)
        waiting = check_owners(every)
        if on_timeout not in ON_TIMEOUT:
            raise ValueError(f"yield_many: on_timeout is one of {', '.join(ON_TIMEOUT)}; got {on_timeout!r}")
        if limit is not None and (type(limit) is not int or limit < 1):
            raise ValueError(
                f"yield_many: limit is a whole number of tasks ≥ 1, or None; got {bounded_repr.safe_repr(limit)}"
            )
        outcomes: dict[Ref, Outcome[Other] | None] = {}
        countdown = Countdown(seconds(timeout, "yield_many(timeout=)"))
        while waiting and (limit is None or len(outcomes) < limit):
            done = await next_outcome(waiting, countdown.left())
            if done is None:
                for task in waiting.values():
                    outcomes[task.ref] = await _after_timeout(task, on_timeout)
                break
            ref, outcome = done
            outcomes[ref] = outcome
            del waiting[ref]
        return [(task, outcomes.get(task.ref)) for task in every]

    # Ending it

    async def shutdown(self, timeout: Timeout | Literal["brutal_kill"] = 5.0) -> Outcome[Result] | None:
        """Unlink the task, send it the exit signal "shutdown", and wait until it has ended (`Task.shutdown/2`).

        Args:
            timeout: seconds until it is killed; None waits for ever; "brutal_kill" kills it at once.

        Returns:
            ("ok", value) if it was done before, ("exit", reason) if it ended with another reason, else None.

        Raises:
            ValueError: this process is not the owner.
        """
        check_owner(self)
        if self.pid is None:
            return await self.yield_(0.0)
        ref = bifs.monitor(self.pid)
        if not isinstance(timeout, str):
            timeout = seconds(timeout, "shutdown(timeout=)")
        signal, limit = ending("infinity" if timeout is None else timeout)
        expected = "killed" if signal == "kill" else signal
        bifs.unlink(self.pid)
        bifs.exit(self.pid, signal)
        reason = await end_of(ref, limit)
        if reason is EMPTY:
            bifs.exit(self.pid, "kill")
            reason = await end_of(ref, None)
        # The task has ended, so no further message of it can come. Its value, if there is one, is before its Down.
        outcome: Any = take_outcome(self.ref)
        forget((self.ref,))
        if outcome is not None:
            return None if outcome == ("exit", expected) else outcome
        return ("exit", "noproc") if exits.is_word(reason, "noproc") else None

    def ignore(self) -> Outcome[Result] | None:
        """Unlink the task, and drop its value when it comes; the task keeps running (`Task.ignore/1`).

        Returns:
            ("ok", value) or ("exit", reason) if it is done already, else None.

        Raises:
            ValueError: this process is not the owner.
        """
        check_owner(self)
        outcome: Outcome[Result] | None = take_outcome(self.ref)
        if self.pid is not None:
            bifs.unlink(self.pid)
        bifs.demonitor(self.ref, flush=True)
        return outcome

    # Many, bounded

    @staticmethod
    def async_stream(
        items: Iterable[Any] | AsyncIterable[Any],
        function: Callable[..., Any],
        *args: Any,
        max_concurrency: int | None = None,
        ordered: bool = True,
        timeout: Timeout = 5.0,
        on_timeout: OnTimeout = "exit",
        zip_input_on_exit: bool = False,
    ) -> Stream:
        """Run `function(item, *args)` for each item in a linked task, a few at a time (`Task.async_stream/3`).

        The result is an asynchronous iterable of outcomes, ("ok", value) or ("exit", reason):

            async for outcome in Task.async_stream(urls, fetch, max_concurrency=10):

        The first task starts when the first outcome is awaited. Each iteration starts new tasks. A loop that is left
        early kills its running tasks when its iterator is closed;
        `async with contextlib.aclosing(aiter(stream)) as outcomes:` closes it at the end of the block.

        Args:
            items: an iterable or an asynchronous iterable; this process iterates over it.
            function: `def` or `async def`.
            args: its arguments after the item.
            max_concurrency: the maximum number of tasks that run or whose outcome is not taken; None for the number of
                CPUs.
            ordered: whether the outcomes are in the order of the items; else in the order in which tasks are done.
            timeout: seconds that each task may take; None is any time.
            on_timeout: for a task that takes longer: "exit" raises CallTimeout in this process, "kill_task" kills the
                task and yields ("exit", "timeout").
            zip_input_on_exit: whether to yield ("exit", (item, reason)) for a task that failed.

        Raises:
            ValueError: an option has a wrong value.
        """
        options = StreamOptions(max_concurrency, ordered, timeout, on_timeout, zip_input_on_exit)
        return Stream(items, function, args, options)


# Owners


def mfa_of(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[str, str, int]:
    """Return (module, function, number of arguments) of a task; the arguments may be large, and are not kept."""
    if type(function) is FunctionType:
        return (function.__module__, function.__qualname__, len(args))
    name = getattr(function, "__qualname__", None) or bounded_repr.safe_repr(function, 100)
    return (str(getattr(function, "__module__", None)), name, len(args))


def check_owner(task: Task[Any]) -> None:
    """Check that the running process owns a task.

    Raises:
        ValueError: another process owns it.
    """
    me = current()
    if task.owner is not me:
        raise ValueError(
            f"{task!r} must be queried from the owner but was queried from {me}. "
            "Let the owner await it and send the value on"
        )


def check_owners(tasks: Sequence[Task[Other]]) -> dict[Ref, Task[Other]]:
    """Check that the running process owns all tasks, and return them by ref.

    Raises:
        ValueError: another process owns one of them.
        TypeError: one of them is no task.
    """
    for task in tasks:
        value: object = task
        if not isinstance(value, Task):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"wanted a list of tasks, as Task.async_ returns them; got {bounded_repr.safe_repr(value)} in it"
            )
        check_owner(task)
    return {task.ref: task for task in tasks}


# Outcomes


class Countdown:
    """The time limit, in seconds, that several waits share."""

    def __init__(self, limit: float | None) -> None:
        self.ends: float | None = None if limit is None else monotonic() + limit

    def left(self) -> float | None:
        """Return the seconds that are left; None if there is no limit."""
        return None if self.ends is None else max(0.0, self.ends - monotonic())


async def end_of(ref: Ref, timeout: float | None) -> Any:
    """Wait for the Down of a monitor, and return its reason; EMPTY if it does not come within `timeout` seconds."""
    try:
        down: Down = await receive(lambda message: type(message) is Down and message.ref is ref, timeout=timeout)
    except TimeoutError:
        return EMPTY
    return down.reason


def forget(refs: Iterable[Ref]) -> None:
    """Drop the values of these tasks, also those that come later."""
    for ref in refs:
        bifs.demonitor(ref, flush=True)


async def _after_timeout(task: Task[Any], on_timeout: str) -> Any:
    if on_timeout == "kill_task":
        return await task.shutdown("brutal_kill")
    return task.ignore() if on_timeout == "ignore" else None
