"""The client functions of system requests, and the functions for special processes.

`regrow.system` documents the concept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TextIO

from regrow.behaviours.gen.debug import Debug, Event, Hook, Words, check_hook, event_words, is_size
from regrow.behaviours.gen.request import Place, ask, failed
from regrow.behaviours.gen.system_requests import Raised, SpecialProcess, SystemRequest
from regrow.behaviours.gen.user_code import Steps
from regrow.kernel import bounded_repr, exits
from regrow.kernel.addresses import Address
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import Pid
from regrow.kernel.receiving import receive
from regrow.kernel.requests import ANSWERED, FAILED, wait
from regrow.kernel.running import running
from regrow.kernel.signals import Exited

Timeout = float | timedelta | None


# Functions


async def get_state(server: Address, timeout: Timeout = 5.0) -> Any:
    """Return the state of a server (`sys:get_state/1`).

    Args:
        server: a pid or a name of any form.
        timeout: seconds to wait; None waits for ever.

    Raises:
        CallbackFailed: the `system_get_state` of a special process raised.
        CallExit: there is no such server, or no answer came within `timeout`.
    """
    return await _ask(server, "get_state", (), timeout)


async def replace_state(server: Address, function: Callable[[Any], Any], timeout: Timeout = 5.0) -> Any:
    """Replace a server's state by `function(state)`, and return the new state (`sys:replace_state/2`).

    Args:
        server: a pid or a name of any form.
        function: `def` or `async def`; it runs in the server.
        timeout: seconds to wait; None waits for ever.

    Raises:
        CallbackFailed: the function raised; the server keeps its old state.
        CallExit: there is no such server, or no answer came within `timeout`.
        TypeError: `function` is not callable.
    """
    _check_function("replace_state", function)
    return await _ask(server, "replace_state", (function,), timeout)


async def suspend(server: Address, timeout: Timeout = 5.0) -> None:
    """Suspend a server: until `resume` it serves system requests only (`sys:suspend/1`).

    Other messages wait in its mailbox. A suspended server stays suspended.

    Raises:
        CallExit: there is no such server, or no answer came within `timeout` seconds.
    """
    await _ask(server, "suspend", (), timeout)


async def resume(server: Address, timeout: Timeout = 5.0) -> None:
    """Let a suspended server handle messages again (`sys:resume/1`).

    Raises:
        CallExit: there is no such server, or no answer came within `timeout` seconds.
    """
    await _ask(server, "resume", (), timeout)


async def get_status(server: Address, timeout: Timeout = 5.0) -> dict[str, Any]:
    """Return the status of a server as a dict (`sys:get_status/1`).

    Its keys are pid, name, module, status ("running" or "suspended"), parent, ancestors, dictionary, debug (the options
    that are on), log, and state, as `format_status` returns it. State machines have further keys.

    Raises:
        CallExit: there is no such server, or no answer came within `timeout` seconds.
    """
    answer: dict[str, Any] = await _ask(server, "get_status", (), timeout)
    return answer


async def statistics(server: Address, flag: bool | str, timeout: Timeout = 5.0) -> Any:
    """Count a server's messages (True), stop counting (False), or return the counts ("get") (`sys:statistics/2`).

    Returns:
        With "get" a dict of messages_in, messages_out, start_time and current_time, in seconds of the node's clock;
        None if the server does not count.

    Raises:
        ValueError: `flag` has another value.
        CallExit: there is no such server, or no answer came within `timeout` seconds.
    """
    _check_flag("statistics", flag, flag == "get", wanted='True, False or "get"')
    return await _ask(server, "statistics", (flag,), timeout)


async def log(server: Address, flag: bool | str | tuple[bool, int], timeout: Timeout = 5.0) -> Any:
    """Log a server's last events: True keeps 10, (True, n) keeps n, False stops (`sys:log/2`).

    Returns:
        With "get" the logged events, oldest first. "print" prints them.

    Raises:
        ValueError: `flag` has another value.
        CallExit: there is no such server, or no answer came within `timeout` seconds.
    """
    known = flag in ("get", "print") or (isinstance(flag, tuple) and flag[0] is True and is_size(flag[1]))
    _check_flag("log", flag, known, wanted='True, (True, n), False, "get" or "print"')
    return await _ask(server, "log", (flag,), timeout)


async def log_to_file(server: Address, file: Any, timeout: Timeout = 5.0) -> None:
    """Write every event of a server to a file (`sys:log_to_file/2`).

    Args:
        server: a pid or a name of any form.
        file: the path, which is emptied first; False stops writing.
        timeout: seconds to wait; None waits for ever.

    Raises:
        OSError: the file cannot be written.
        CallExit: there is no such server, or no answer came within `timeout`.
    """
    await _ask(server, "log_to_file", (file,), timeout)


async def trace(server: Address, flag: bool, timeout: Timeout = 5.0, *, stream: TextIO | None = None) -> None:
    """Print every event of a server, or stop printing (`sys:trace/2`).

    Args:
        server: a pid or a name of any form.
        flag: True prints, False stops.
        timeout: seconds to wait; None waits for ever.
        stream: the stream to print to; None is standard output.

    Raises:
        ValueError: `flag` is neither True nor False.
        CallExit: there is no such server, or no answer came within `timeout`.
    """
    _check_flag("trace", flag, False, wanted="True or False")
    await _ask(server, "trace", (flag, stream), timeout, shown=(flag,))


async def install(
    server: Address, function: Hook, state: object = None, *, id: object = None, timeout: Timeout = 5.0
) -> None:
    """Call `function(state, event, name)` for every event of a server (`sys:install/2`).

    The function returns the state for its next call; "done" removes it, and so does an exception. Events are
    ("in", message), ("out", answer, from_, state), ("noreply", state), ("continue", arg) and those of the state
    machines; the name of a server without a name is its pid. Installing the same id or function again has no effect.

    Args:
        server: a pid or a name of any form.
        function: a `def` function.
        state: the state for its first call.
        id: a name for `remove`; without one the function itself is used.
        timeout: seconds to wait; None waits for ever.

    Raises:
        TypeError: `function` is no `def` function.
        CallExit: there is no such server, or no answer came within `timeout`.
    """
    check_hook("system.install", function)
    key, spec = (function, (function, state)) if id is None else (id, (id, function, state))
    await _ask(server, "install", (key, function, state), timeout, shown=(spec,))


async def remove(server: Address, function_or_id: object, timeout: Timeout = 5.0) -> None:
    """Remove an installed function, by its id or itself (`sys:remove/2`).

    Raises:
        CallExit: there is no such server, or no answer came within `timeout` seconds.
    """
    await _ask(server, "remove", (function_or_id,), timeout)


async def no_debug(server: Address, timeout: Timeout = 5.0) -> None:
    """Turn off all debug options of a server: statistics, log, trace, file and functions (`sys:no_debug/1`).

    Raises:
        CallExit: there is no such server, or no answer came within `timeout` seconds.
    """
    await _ask(server, "no_debug", (), timeout)


async def terminate(server: Address, reason: object, timeout: Timeout = 5.0) -> None:
    """Order a server to terminate with `reason`, without waiting for its end (`sys:terminate/2`). `stop` waits.

    Returns when the server has accepted the order.

    Raises:
        CallExit: there is no such server, or it did not accept within `timeout` seconds.
    """
    await _ask(server, "terminate", (reason,), timeout)


async def change_code(server: Address, module: type, old_version: object, extra: object, timeout: Timeout = 5.0) -> Any:
    """Let a suspended server convert its state for a new version, with `code_change` (`sys:change_code/4`).

    Returns:
        "ok", or ("error", reason) if the server is not suspended, or its `code_change` raised or returned no Ok; the
        state is then unchanged.

    Raises:
        CallExit: there is no such server, or no answer came within `timeout` seconds.
    """
    return await _ask(server, "change_code", (module, old_version, extra), timeout)


async def stop(server: Address, reason: object, timeout: float | None, module: str) -> None:
    """Stop a server and wait for its end, for the `stop` function of any behaviour; `module` names it in a failure."""
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
                node.trace.emit("fail", order.pid, server, (order, why))
            return
        if not order.accepted and type(why) is str and why not in ("noproc", "calling_self"):
            inner = (why, ("sys", "terminate", [server, reason, timeout]))
            error = await failed(node, order, server, timeout, place)
            raise exits.CalleeExit((inner, place)) from error.__cause__
    raise await failed(node, order, server, timeout, place)


async def _ask(
    server: Address, operation: str, args: tuple[Any, ...], timeout: Timeout, *, shown: tuple[Any, ...] | None = None
) -> Any:
    limit = 5.0 if timeout == 5.0 else seconds(timeout, f"{operation}(timeout=)")
    node = current_node()
    caller = node.caller()
    request = SystemRequest(node.guest if caller is None else caller.pid, operation, args)
    place: list[object] = [server, *(args if shown is None else shown)]
    if timeout != 5.0:
        place.append(limit)
    answer = await ask(server, request, limit, ("sys", operation, place))
    if type(answer) is Raised:
        raise answer.error
    return answer


def _check_flag(where: str, flag: object, known: bool, wanted: str) -> None:
    if not (known or isinstance(flag, bool)):
        raise ValueError(f"system.{where}: wanted {wanted}, got {bounded_repr.safe_repr(flag)}")


def _check_function(where: str, function: object) -> None:
    if not callable(function):
        raise TypeError(f"system.{where}: wanted a function, got {bounded_repr.safe_repr(function)}")


# For special processes, whose loop is written by hand


async def handle_system_msg(
    message: SystemRequest, parent: Pid, module: Any, debug: Debug | None, misc: Any
) -> tuple[Debug | None, Any]:
    """Serve a system request and, while suspended, those that follow (`sys:handle_system_msg/6`).

    Where OTP calls `system_continue`, this function returns, and the process continues.

    Args:
        message: the system request that the process has received.
        parent: the process's parent; its end ends a suspended process that traps exits.
        module: any object with some of these functions: system_terminate(reason, parent, debug, misc) cleans up;
            system_get_state(misc) returns the state; system_replace_state(function, misc) returns the new state and the
            new misc; system_code_change(misc, module, old_version, extra) returns Ok(misc); and
            format_status(status). Without them misc is the state.
        debug: the result of `debug_options`, or None.
        misc: the state of the process, of any type.

    Returns:
        The new debug and misc.

    Raises:
        Exit: the process has to end.
    """
    handler = SpecialProcess(running(), module, parent, misc, debug)
    while not await Steps(handler.perform(message)):
        if not handler.suspended:
            return handler.debug, handler.state
        following = await receive(handler.concerns)
        if isinstance(following, Exited):
            handler.reason = following.reason
            break
        message = following
    clean_up = getattr(module, "system_terminate", None)
    if clean_up is not None:
        result = clean_up(handler.reason, parent, handler.debug, handler.state)
        if is_awaitable(result):
            await result
    raise exits.Exit(handler.reason)


def handle_debug(debug: Debug | None, event: Event, words: Words = event_words) -> Debug | None:
    """Record an event of a special process, and return the debug for the next call (`sys:handle_debug/4`).

    Args:
        debug: the result of `debug_options`, `handle_system_msg` or the last `handle_debug`.
        event: a tuple. `statistics` counts ("in", …) and ("out", …).
        words: a function that formats an event as one line of text, for traces and log files.
    """
    if debug is None:
        return None
    debug.words = words
    return debug.record(running(), event)


def get_log(debug: Debug | None) -> list[Any]:
    """Return the logged events of a special process, oldest first (`sys:get_log/1`)."""
    return [] if debug is None else debug.events()


def print_log(debug: Debug | None) -> None:
    """Print the logged events of a special process, oldest first (`sys:print_log/1`)."""
    if debug is not None:
        debug.print_log(running())
