"""Spawning with a report, and starting with an acknowledgement. `regrow.proc_lib` is the page of the concept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Literal, NoReturn, cast, overload

from regrow.behaviours.gen import starting, system
from regrow.behaviours.gen.reports import process_crashed
from regrow.behaviours.gen.results import MISSING
from regrow.behaviours.gen.starting import Failed, StartRequest
from regrow.kernel import bounded_repr, exits, links
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.mailbox import take_exits
from regrow.kernel.pid import Monitor, Pid
from regrow.kernel.process_record import Process
from regrow.kernel.running import running, running_alive
from regrow.kernel.running import unwind as _unwind
from regrow.kernel.tracebacks import Raised

Timeout = float | timedelta | None

# Who waits for the word of which process. What that process spawns has a copy of this, and owes nobody a word.
STARTERS: ContextVar[tuple[Pid, StartRequest] | None] = ContextVar("regrow_starters", default=None)


# Spawning


def spawn(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process that runs `function(*args)`, `async def` or `def` (`proc_lib:spawn/3`). It runs in its turn.

    Raises:
        TypeError: this is no function.
    """
    return _spawned(function, args, link=False).pid


def spawn_link(function: Callable[..., Any], *args: Any) -> Pid:
    """The same, linked to this process (`proc_lib:spawn_link/3`); from a plain task, to the node's first process."""
    return _spawned(function, args, link=True).pid


def spawn_monitor(function: Callable[..., Any], *args: Any) -> tuple[Pid, Monitor]:
    """The same, monitored."""
    return spawn_opt(function, *args, monitor=True)


@overload
def spawn_opt(function: Callable[..., Any], *args: Any, link: bool = False, monitor: Literal[False] = False) -> Pid: ...
@overload
def spawn_opt(
    function: Callable[..., Any], *args: Any, link: bool = False, monitor: Literal[True]
) -> tuple[Pid, Monitor]: ...
def spawn_opt(
    function: Callable[..., Any], *args: Any, link: bool = False, monitor: bool = False
) -> Pid | tuple[Pid, Monitor]:
    """The same, linked and monitored as wanted; gives pid and ref if it is monitored (`proc_lib:spawn_opt/4`).

    The other options of OTP's concern memory and priority, and have no sense here.
    """
    if not monitor:
        return _spawned(function, args, link=link).pid
    caller = running_alive()
    pid = _spawned(function, args, link=link).pid
    return pid, links.monitor(caller, pid, pid)


def _spawned(function: Callable[..., Any], args: tuple[Any, ...], *, link: bool) -> Process:
    _check_function(function)
    node = current_node()
    caller = node.caller()
    if caller is not None and not caller.alive:
        running_alive()
    process = node.launch(_life, (None, function, args), node.init if caller is None else caller)
    process.initial_call = function
    if link:
        links.link(node.init if caller is None else caller, process.pid)
    return process


async def _life(starter: StartRequest | None, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """What a process does from its beginning, or its awakening, to its end."""
    process = running()
    if starter is not None:
        STARTERS.set((process.pid, starter))
    try:
        result: Any = function(*args)
        if is_awaitable(result):
            await result
    except exits.Continuation as later:
        raise exits.Continuation(_life, (starter, later.function, later.args)) from None
    except BaseException as error:
        if not process.alive or exits.is_a(error, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        raised = Raised(error)
        reason = exits.reason_of(error)
        exits.strip_traceback(error)
        process_crashed(process, reason, raised, again=False)
        raise starting.Terminated(reason) from None


# Starting


async def start(function: Callable[..., Any], *args: Any, timeout: Timeout = None) -> Any:
    """Start a process and wait until it has said that it is up; gives what it said (`proc_lib:start/4`).

    Args:
        function: runs in the process, and calls `init_ack` or `init_fail`.
        args: its arguments.
        timeout: seconds that it may take; then it is killed.

    Raises:
        StartError: it failed, ended before it said anything (with the reason of its end), or took too long ("timeout").
        Ignored: it said IGNORE: it is not wanted now.
        TypeError: this is no function.
    """
    value, _ = await _started(function, args, timeout, link=False, monitor=False)
    return value


async def start_link(function: Callable[..., Any], *args: Any, timeout: Timeout = None) -> Any:
    """The same, linked to this process from its beginning (`proc_lib:start_link/4`)."""
    value, _ = await _started(function, args, timeout, link=True, monitor=False)
    return value


async def start_monitor(
    function: Callable[..., Any], *args: Any, timeout: Timeout = None, link: bool = False
) -> tuple[Any, Monitor]:
    """The same, monitored from its beginning: what it said, and the ref of the `Down` that will come.

    Where it fails, no `Down` comes: it is told once, by what is raised (`proc_lib:start_monitor/5`).
    """
    value, ref = await _started(function, args, timeout, link=link, monitor=True)
    assert ref is not None
    return value, ref


async def _started(
    function: Callable[..., Any], args: tuple[Any, ...], timeout: Timeout, *, link: bool, monitor: bool
) -> tuple[Any, Monitor | None]:
    _check_function(function)
    limit = seconds(timeout, "start(timeout=)")
    node = current_node()
    caller = running_alive() if monitor else node.caller()
    if caller is not None and not caller.alive:
        await _unwind()
    process, starter = starting.new_process(node, caller, function, None, link)
    process.body = cast("Generator[Any, Any, Any]", _life(starter, function, args))
    process.as_task = True
    ref = links.monitor(caller, process.pid, process.pid) if monitor and caller is not None else None
    who = getattr(function, "__qualname__", function)
    try:
        return await starting.begin_and_await_ack(node, caller, process, starter, who, limit), ref
    except BaseException:
        if caller is not None and caller.alive:
            take_exits(caller, (process.pid,))
            _forget(caller, ref)
        raise


def _forget(caller: Process, ref: Monitor | None) -> None:
    """Take back a monitor, and its message if that has come."""
    if ref is not None and not links.demonitor(caller, ref) and caller.mailbox is not None:
        left = [message for message in caller.mailbox if getattr(message, "ref", None) is not ref]
        caller.mailbox.clear()
        caller.mailbox.extend(left)
        if not left:
            caller.mailbox = None


def init_ack(value: Any = MISSING) -> None:
    """Tell whoever started this process that it is up: the start gives `value`, else the pid (`proc_lib:init_ack/1`).

    A second word is dropped, and so is one that nobody waits for.
    """
    process = running()
    starter = _starter(process)
    if starter is not None:
        starting.init_ack(process, starter, process.pid if value is MISSING else value)


def init_fail(reason: object, error: BaseException | None = None) -> NoReturn:
    """Tell whoever started this process that it is not up, and end it (`proc_lib:init_fail/2`).

    Args:
        reason: of the `StartError` that the start raises.
        error: what this process ends with: an exception, or `Exit(…)`; without one, with `reason`.
    """
    process = running()
    starter = _starter(process)
    if starter is not None:
        starting.init_ack(process, starter, Failed(reason))
    raise exits.Exit(reason) if error is None else error


def _starter(process: Process) -> StartRequest | None:
    found = STARTERS.get()
    return found[1] if found is not None and found[0] is process.pid else None


# Living


async def stop(process: Any, reason: object = "normal", timeout: Timeout = None) -> None:
    """Order a process to terminate with `reason`, and wait until it has (`proc_lib:stop/3`).

    It must be a server, or serve system requests with `system.handle_system_msg`.

    Raises:
        CallExit: nobody is there, it took longer than `timeout` seconds, or it ended with another reason.
    """
    await system.stop(process, reason, seconds(timeout, "stop(timeout=)"), "proc_lib")


# Looking


def initial_call(pid: Pid) -> tuple[str, str, list[str]] | None:
    """What a process began with: module, function and the names of its parameters (`proc_lib:initial_call/1`).

    Of a server that is its `init`. None of a process that is dead.
    """
    process = _process(pid)
    function: Any = None if process is None else process.initial_call
    if function is None:
        return None
    name = getattr(function, "__qualname__", None) or repr(function)
    return getattr(function, "__module__", None) or "", name, _parameters(function)


def translate_initial_call(pid: Pid) -> tuple[str, str, int] | None:
    """The same, with the number of parameters alone (`proc_lib:translate_initial_call/1`)."""
    found = initial_call(pid)
    return None if found is None else (found[0], found[1], len(found[2]))


def get_label(pid: Pid) -> object:
    """How a process describes itself, with `set_label`; None if it does not, or is dead (`proc_lib:get_label/1`)."""
    process = _process(pid)
    return None if process is None or process.rare is None else process.rare.label


def _parameters(function: Any) -> list[str]:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a builtin may not tell
        return []
    return names[1:] if names[:1] == ["self"] else names  # a server's init is noted unbound


def _process(pid: Pid) -> Process | None:
    if type(pid) is not Pid:
        raise TypeError(f"wanted a pid, got {bounded_repr.safe_repr(pid)}")
    return pid.process


def _check_function(function: object) -> None:
    if not callable(function):
        raise TypeError(f"wanted a function to run, got {bounded_repr.safe_repr(function)}")
