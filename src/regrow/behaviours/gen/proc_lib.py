"""Spawning with a crash report, and starting with an acknowledgement. `regrow.proc_lib` documents the concept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Literal, NoReturn, cast, overload

from regrow.behaviours.gen import starting, system
from regrow.behaviours.gen.reports import process_crashed
from regrow.behaviours.gen.results import MISSING
from regrow.behaviours.gen.start_request import StartRequest
from regrow.behaviours.gen.starting import Failed
from regrow.kernel import bounded_repr, exits, links
from regrow.kernel.addresses import Address
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.mailbox import remove_down, take_exits
from regrow.kernel.process_record import Monitor, Pid, Process
from regrow.kernel.running import running, running_alive
from regrow.kernel.running import unwind as _unwind
from regrow.kernel.tracebacks import Raised

Timeout = float | timedelta | None

# The process that has to acknowledge its start, and the request to settle. A process that it spawns inherits a copy of
# the context; the pid tells that this one has no start to acknowledge.
STARTERS: ContextVar[tuple[Pid, StartRequest] | None] = ContextVar("regrow_starters", default=None)


# Spawning


def spawn(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process that runs `function(*args)`, and return its pid (`proc_lib:spawn/3`).

    Args:
        function: an `async def` or `def` function. It begins to run when the scheduler reaches the new process.
        args: its arguments.

    Raises:
        TypeError: `function` is not callable.
    """
    return _spawned(function, args, link=False).pid


def spawn_link(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process that runs `function(*args)`, linked to the caller, and return its pid (`proc_lib:spawn_link/3`).

    A plain asyncio task has no links: for its call the new process is linked to the node's init process.

    Raises:
        TypeError: `function` is not callable.
    """
    return _spawned(function, args, link=True).pid


def spawn_monitor(function: Callable[..., Any], *args: Any) -> tuple[Pid, Monitor]:
    """Start a process that runs `function(*args)`, monitored by the caller; return its pid and the monitor's ref.

    Raises:
        TypeError: `function` is not callable.
        RuntimeError: the caller is a plain asyncio task, which has no mailbox.
    """
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
    """Start a process that runs `function(*args)`, with options (`proc_lib:spawn_opt/4`).

    OTP's other options concern memory and priority, which processes of regrow do not have.

    Args:
        function: an `async def` or `def` function.
        args: its arguments.
        link: link the process to the caller.
        monitor: let the caller monitor the process.

    Returns:
        The pid; with `monitor` the pair of pid and the monitor's ref.

    Raises:
        TypeError: `function` is not callable.
        RuntimeError: `monitor` is set and the caller is a plain asyncio task, which has no mailbox.
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
    """Run the process's function, and report its end if it is abnormal. Hibernation enters here again."""
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
    """Start a process, wait for its acknowledgement and return the acknowledged value (`proc_lib:start/4`).

    Args:
        function: runs in the process, and calls `init_ack` or `init_fail`.
        args: its arguments.
        timeout: seconds until the process is killed; None waits for ever.

    Raises:
        StartError: the process called `init_fail`, ended without an acknowledgement (with the reason of its end), or
            took longer than `timeout` ("timeout").
        Ignored: the process acknowledged with IGNORE.
        TypeError: `function` is not callable.
    """
    value, _ = await _started(function, args, timeout, link=False, monitor=False)
    return value


async def start_link(function: Callable[..., Any], *args: Any, timeout: Timeout = None) -> Any:
    """Start a process that is linked to the caller, and return the acknowledged value (`proc_lib:start_link/4`).

    The link exists before the function runs. Arguments and errors are those of `start`.
    """
    value, _ = await _started(function, args, timeout, link=True, monitor=False)
    return value


async def start_monitor(
    function: Callable[..., Any], *args: Any, timeout: Timeout = None, link: bool = False
) -> tuple[Any, Monitor]:
    """Start a process that the caller monitors; return the acknowledged value and the ref (`proc_lib:start_monitor/5`).

    The monitor exists before the function runs. A failed start is reported by the exception alone: no `Down` is sent.

    Args:
        function: runs in the process, and calls `init_ack` or `init_fail`.
        args: its arguments.
        timeout: seconds until the process is killed; None waits for ever.
        link: link the process to the caller, too.

    Raises:
        RuntimeError: the caller is a plain asyncio task, which has no mailbox.
        StartError: the start failed; see `start`.
        Ignored: the process acknowledged with IGNORE.
        TypeError: `function` is not callable.
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
            if ref is not None and not links.demonitor(caller, ref):
                remove_down(caller, ref)
        raise


def init_ack(value: Any = MISSING) -> None:
    """Acknowledge the start of this process: `start` returns `value`, by default the pid (`proc_lib:init_ack/1`).

    Only the first acknowledgement counts. In a process that was not started by this module it has no effect.
    """
    process = running()
    starter = _starter(process)
    if starter is not None:
        starting.init_ack(process, starter, process.pid if value is MISSING else value)


def init_fail(reason: object, error: BaseException | None = None) -> NoReturn:
    """Report to the starter that this process could not start, and end the process (`proc_lib:init_fail/2`).

    Args:
        reason: the reason of the `StartError` that the starter gets.
        error: the exception, such as `Exit(…)`, that ends this process; by default `Exit(reason)`.
    """
    process = running()
    starter = _starter(process)
    if starter is not None:
        starting.init_ack(process, starter, Failed(reason))
    raise exits.Exit(reason) if error is None else error


def _starter(process: Process) -> StartRequest | None:
    found = STARTERS.get()
    return found[1] if found is not None and found[0] is process.pid else None


# Stopping


async def stop(process: Address, reason: object = "normal", timeout: Timeout = None) -> None:
    """Order a process to terminate with `reason`, and wait until it has ended (`proc_lib:stop/3`).

    The process must be a server, or serve system requests with `system.handle_system_msg`.

    Args:
        process: a pid or a name.
        reason: the reason to end with.
        timeout: seconds to wait; None waits for ever.

    Raises:
        CallExit: there is no such process, it took longer than `timeout`, or it ended with another reason.
    """
    await system.stop(process, reason, seconds(timeout, "stop(timeout=)"), "proc_lib")


# Inspecting


def initial_call(pid: Pid) -> tuple[str, str, list[str]] | None:
    """Return the initial call of a process: module, function, names of the parameters (`proc_lib:initial_call/1`).

    For a server that is its `init`. For a dead process it is None.

    Raises:
        TypeError: `pid` is no pid.
    """
    process = _process(pid)
    function: Any = None if process is None else process.initial_call
    if function is None:
        return None
    name = getattr(function, "__qualname__", None) or repr(function)
    return getattr(function, "__module__", None) or "", name, _parameters(function)


def translate_initial_call(pid: Pid) -> tuple[str, str, int] | None:
    """Return the initial call of a process: module, function, arity (`proc_lib:translate_initial_call/1`).

    For a dead process it is None.

    Raises:
        TypeError: `pid` is no pid.
    """
    found = initial_call(pid)
    return None if found is None else (found[0], found[1], len(found[2]))


def get_label(pid: Pid) -> object:
    """Return the label that a process has set with `set_label` (`proc_lib:get_label/1`).

    None if it has set none, or is dead.

    Raises:
        TypeError: `pid` is no pid.
    """
    process = _process(pid)
    return None if process is None or process.rare is None else process.rare.label


def _parameters(function: Any) -> list[str]:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some builtins have no signature
        return []
    return names[1:] if names[:1] == ["self"] else names  # the initial call of a server is its unbound `init`


def _process(pid: Pid) -> Process | None:
    if type(pid) is not Pid:
        raise TypeError(f"wanted a pid, got {bounded_repr.safe_repr(pid)}")
    return pid.process


def _check_function(function: object) -> None:
    if not callable(function):
        raise TypeError(f"wanted a function to run, got {bounded_repr.safe_repr(function)}")
