"""The clients of system requests, and a special process's way to serve them. `regrow.system` is the page of the concept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TextIO

from regrow.behaviours.gen.debug import Debug, Event, Hook, Words, check_hook, event_words, is_size
from regrow.behaviours.gen.request import Place, ask, failed, wait
from regrow.behaviours.gen.system_requests import Raised, SpecialProcess, SystemRequest
from regrow.behaviours.gen.user_code import Steps
from regrow.kernel import bounded_repr, exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.pid import Pid
from regrow.kernel.receiving import receive
from regrow.kernel.requests import ANSWERED, FAILED
from regrow.kernel.running import running
from regrow.kernel.signals import Exited

Timeout = float | timedelta | None


# Functions


async def get_state(server: Any, timeout: Timeout = 5.0) -> Any:
    """The state of a server (`sys:get_state/1`).

    Raises:
        CallbackFailed: a hand-written process's own `system_get_state` raised.
        CallExit: nobody is there, or no answer came within `timeout` seconds.
    """
    return await _ask(server, "get_state", (), timeout)


async def replace_state(server: Any, function: Callable[[Any], Any], timeout: Timeout = 5.0) -> Any:
    """Replace a server's state by `function(state)`, in the server; returns the new state (`sys:replace_state/2`).

    Raises:
        CallbackFailed: the function raised; the old state stays.
        CallExit: nobody is there, or no answer came within `timeout` seconds.
        TypeError: this is no function.
    """
    _check_function("replace_state", function)
    return await _ask(server, "replace_state", (function,), timeout)


async def suspend(server: Any, timeout: Timeout = 5.0) -> None:
    """Let a server serve nothing but system requests until `resume` (`sys:suspend/1`). Twice is once."""
    await _ask(server, "suspend", (), timeout)


async def resume(server: Any, timeout: Timeout = 5.0) -> None:
    """Let a suspended server go on (`sys:resume/1`)."""
    await _ask(server, "resume", (), timeout)


async def get_status(server: Any, timeout: Timeout = 5.0) -> dict[str, Any]:
    """What a server says of itself, by name (`sys:get_status/1`).

    It has pid, name, module, status ("running" or "suspended"), parent, ancestors, dictionary, debug (the options that
    are on), log and state, as `format_status` shows it; state machines have more.
    """
    answer: dict[str, Any] = await _ask(server, "get_status", (), timeout)
    return answer


async def statistics(server: Any, flag: bool | str, timeout: Timeout = 5.0) -> Any:
    """Count messages from now on (True), stop counting (False), or get the counts ("get") (`sys:statistics/2`).

    Returns:
        With "get" a dict of messages_in, messages_out, start_time and current_time, in seconds of the node's clock; None
        if nothing is counted.

    Raises:
        ValueError: another flag.
    """
    _check_flag("statistics", flag, flag == "get", wanted='True, False or "get"')
    return await _ask(server, "statistics", (flag,), timeout)


async def log(server: Any, flag: bool | str | tuple[bool, int], timeout: Timeout = 5.0) -> Any:
    """Keep the last events, True for 10 or (True, n); False to stop; "get" or "print" them (`sys:log/2`).

    Raises:
        ValueError: another flag.
    """
    known = flag in ("get", "print") or (isinstance(flag, tuple) and flag[0] is True and is_size(flag[1]))
    _check_flag("log", flag, known, wanted='True, (True, n), False, "get" or "print"')
    return await _ask(server, "log", (flag,), timeout)


async def log_to_file(server: Any, file: Any, timeout: Timeout = 5.0) -> None:
    """Write every event of a server into a file, which begins empty; False to stop (`sys:log_to_file/2`).

    Raises:
        OSError: it cannot be written.
    """
    await _ask(server, "log_to_file", (file,), timeout)


async def trace(server: Any, flag: bool, timeout: Timeout = 5.0, *, stream: TextIO | None = None) -> None:
    """Print every event of a server, or no longer (`sys:trace/2`).

    Args:
        server: its pid or name.
        flag: whether to print.
        timeout: seconds to wait.
        stream: where to; None is standard output.

    Raises:
        ValueError: another flag.
    """
    _check_flag("trace", flag, False, wanted="True or False")
    await _ask(server, "trace", (flag, stream), timeout, shown=(flag,))


async def install(
    server: Any, function: Hook, state: object = None, *, id: object = None, timeout: Timeout = 5.0
) -> None:
    """Let `function(state, event, name)` see every event; what it returns is its next state, "done" removes it.

    Events are ("in", message), ("out", answer, from_, state), ("noreply", state) and those in `debug.py`; the name is
    the pid of a server that has none. Who is installed already, under its id or as itself, stays as it is
    (`sys:install/2`).

    Raises:
        TypeError: this is no `def` function.
    """
    check_hook("system.install", function)
    key, spec = (function, (function, state)) if id is None else (id, (id, function, state))
    await _ask(server, "install", (key, function, state), timeout, shown=(spec,))


async def remove(server: Any, function_or_id: object, timeout: Timeout = 5.0) -> None:
    """Take an installed function away (`sys:remove/2`)."""
    await _ask(server, "remove", (function_or_id,), timeout)


async def no_debug(server: Any, timeout: Timeout = 5.0) -> None:
    """Let nothing look at a server's events any more: neither counts, log, trace, file nor functions (`sys:no_debug/1`)."""
    await _ask(server, "no_debug", (), timeout)


async def terminate(server: Any, reason: object, timeout: Timeout = 5.0) -> None:
    """Order a server to terminate with `reason`; it has heard, and will (`sys:terminate/2`). To wait for its end: `stop`.

    Raises:
        CallExit: nobody is there, or it did not hear within `timeout` seconds.
    """
    await _ask(server, "terminate", (reason,), timeout)


async def change_code(server: Any, module: type, old_version: object, extra: object, timeout: Timeout = 5.0) -> Any:
    """Let a suspended server turn its state into that of a new version, with `code_change` (`sys:change_code/4`).

    Returns:
        "ok", or ("error", reason) if the server is not suspended, or its `code_change` raised or returned no Ok; then
        all stays as it was.
    """
    return await _ask(server, "change_code", (module, old_version, extra), timeout)


async def stop(server: Any, reason: object, timeout: float | None, module: str) -> None:
    """What all `stop` functions do; `module` is whose, for the failure."""
    node = current_node()
    caller = node.caller()
    order = SystemRequest(node.guest if caller is None else caller.pid, "stop", (reason,))
    place: Place = (module, "stop", [server, reason, timeout])
    await wait(node, caller, server, order, timeout)
    if order.state == ANSWERED:
        return
    if order.state == FAILED:
        why: Any = order.answer
        if order.accepted and exits.same(why, reason):
            if node.trace is not None:
                node.trace.tell("fail", order.pid, server, (order, why))
            return
        if not order.accepted and type(why) is str and why not in ("noproc", "calling_self"):
            inner = (why, ("sys", "terminate", [server, reason, timeout]))
            error = await failed(node, order, server, timeout, place)
            raise exits.CalleeExit((inner, place)) from error.__cause__
    raise await failed(node, order, server, timeout, place)


async def _ask(
    server: Any, operation: str, args: tuple[Any, ...], timeout: Timeout, *, shown: tuple[Any, ...] | None = None
) -> Any:
    limit = 5.0 if timeout == 5.0 else seconds(timeout, f"{operation}(timeout=)")
    node = current_node()
    caller = node.caller()
    made = SystemRequest(node.guest if caller is None else caller.pid, operation, args)
    place: list[object] = [server, *(args if shown is None else shown)]
    if timeout != 5.0:
        place.append(limit)
    answer = await ask(server, made, limit, ("sys", operation, place))
    if type(answer) is Raised:
        raise answer.error
    return answer


def _check_flag(where: str, flag: object, known: bool, wanted: str) -> None:
    if not (known or isinstance(flag, bool)):
        raise ValueError(f"system.{where}: wanted {wanted}, got {bounded_repr.safe_repr(flag)}")


def _check_function(where: str, function: object) -> None:
    if not callable(function):
        raise TypeError(f"system.{where}: wanted a function, got {bounded_repr.safe_repr(function)}")


# For processes that are written by hand


async def handle_system_msg(
    message: SystemRequest, parent: Pid, module: Any, debug: Debug | None, misc: Any
) -> tuple[Debug | None, Any]:
    """Serve a system request and, while suspended, those that follow (`sys:handle_system_msg/6`).

    Where OTP calls `system_continue`, this returns, and the process goes on.

    Args:
        message: what the process has received.
        parent: who started it, and takes it along if this process traps exits and is suspended.
        module: has, as far as they are wanted, system_terminate(reason, parent, debug, misc), which cleans up;
            system_get_state(misc), which gives the state; system_replace_state(function, misc), which gives the new
            state and the new misc; system_code_change(misc, module, old_version, extra), which gives Ok(misc); and
            format_status(status). Any object may be it. Without them misc is the state.
        debug: what `debug_options` gave, or None.
        misc: all that the process knows.

    Returns:
        debug and misc, with which the process goes on.

    Raises:
        Exit: the process is to end.
    """
    held = SpecialProcess(running(), module, parent, misc, debug)
    while not await Steps(held.perform(message)):
        if not held.suspended:
            return held.debug, held.state
        following = await receive(held.concerns)
        if isinstance(following, Exited):
            held.reason = following.reason
            break
        message = following
    clean_up = getattr(module, "system_terminate", None)
    if clean_up is not None:
        result = clean_up(held.reason, parent, held.debug, held.state)
        if is_awaitable(result):
            await result
    raise exits.Exit(held.reason)


def handle_debug(debug: Debug | None, event: Event, words: Words = event_words) -> Debug | None:
    """Let those who look at this process see an event; give what is returned to the next one (`sys:handle_debug/4`).

    Args:
        debug: what `debug_options`, `handle_system_msg` or the last `handle_debug` gave.
        event: a tuple. ("in", …) and ("out", …) are counted by `statistics`.
        words: makes a line of an event, for traces and logs.
    """
    if debug is None:
        return None
    debug.words = words
    return debug.saw(running(), event)


def get_log(debug: Debug | None) -> list[Any]:
    """The events that are kept, oldest first (`sys:get_log/1`)."""
    return [] if debug is None else debug.events()


def print_log(debug: Debug | None) -> None:
    """Print them (`sys:print_log/1`)."""
    if debug is not None:
        debug.print_log(running())
