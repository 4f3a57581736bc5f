"""Looking into a server and holding it (OTP's `sys`).

System requests take their turn in the mailbox, but a suspended server serves them and nothing else. They reach every
behaviour: each loop hands them to `Held.serve`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

from regrow.behaviours.request import Place, ask, reply
from regrow.behaviours.results import Ok, Reply
from regrow.kernel import exits
from regrow.kernel.clock import seconds
from regrow.kernel.node import here
from regrow.kernel.pid import Pid, Process
from regrow.kernel.signals import FAILED, Exited, Receive, Request

Timeout = float | timedelta | None
Hook = Callable[[Any, Any, Pid], Any]


class SystemRequest(Request):
    """A request to the loop itself, not to the callbacks."""

    __slots__ = ("accepted", "args", "operation")

    def __init__(self, pid: Pid, operation: str, args: tuple[Any, ...] = ()) -> None:
        super().__init__(pid, operation)
        self.operation = operation
        self.args = args
        self.accepted = False


class CallbackFailed(Exception):
    """A function that was to work on a server's state raised; the server goes on with the old state."""


class Raised:
    """An answer: the function raised."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


# Functions


async def get_state(server: Any, timeout: Timeout = 5.0) -> Any:
    """The state of a server (`sys:get_state/1`).

    Raises:
        CallExit: nobody is there, or no answer came within `timeout` seconds.
    """
    return await _ask(server, "get_state", (), timeout)


async def replace_state(server: Any, function: Callable[[Any], Any], timeout: Timeout = 5.0) -> Any:
    """Replace a server's state by `function(state)`, in the server; returns the new state (`sys:replace_state/2`).

    Raises:
        CallbackFailed: the function raised; the old state stays.
        CallExit: nobody is there, or no answer came within `timeout` seconds.
    """
    answer = await _ask(server, "replace_state", (function,), timeout)
    if isinstance(answer, Raised):
        raise CallbackFailed(f"the function given to replace_state raised {answer.error!r}") from answer.error
    return answer


async def suspend(server: Any, timeout: Timeout = 5.0) -> None:
    """Let a server serve nothing but system requests until `resume` (`sys:suspend/1`). Twice is once."""
    await _ask(server, "suspend", (), timeout)


async def resume(server: Any, timeout: Timeout = 5.0) -> None:
    """Let a suspended server go on (`sys:resume/1`)."""
    await _ask(server, "resume", (), timeout)


async def get_status(server: Any, timeout: Timeout = 5.0) -> dict[str, Any]:
    """What a server says of itself: pid, name, module, status, parent, log, state … (`sys:get_status/1`).

    The state stands as `format_status` shows it.
    """
    answer: dict[str, Any] = await _ask(server, "get_status", (), timeout)
    return answer


async def statistics(server: Any, flag: bool | str, timeout: Timeout = 5.0) -> Any:
    """Count messages from now on (True), stop counting (False), or get the counts ("get"; None if off)."""
    return await _ask(server, "statistics", (flag,), timeout)


async def log(server: Any, flag: bool | str | tuple[bool, int], timeout: Timeout = 5.0) -> Any:
    """Keep the last events, True for 10 or (True, n); False to stop; "get" to read them (`sys:log/2`)."""
    return await _ask(server, "log", (flag,), timeout)


async def trace(server: Any, flag: bool, timeout: Timeout = 5.0) -> None:
    """Print every event of a server, or no longer (`sys:trace/2`)."""
    await _ask(server, "trace", (flag,), timeout)


async def install(
    server: Any, function: Hook, state: object = None, *, id: object = None, timeout: Timeout = 5.0
) -> None:
    """Let `function(state, event, pid)` see every event; what it returns is its next state, "done" removes it.

    Events are ("in", message), ("out", answer, from_, state) and ("noreply", state) (`sys:install/2`).
    """
    await _ask(server, "install", (function if id is None else id, function, state), timeout)


async def remove(server: Any, function_or_id: object, timeout: Timeout = 5.0) -> None:
    """Take an installed function away (`sys:remove/2`)."""
    await _ask(server, "remove", (function_or_id,), timeout)


async def terminate(server: Any, reason: object, timeout: Timeout = None) -> None:
    """Order a server to terminate, and wait until it has ended (`sys:terminate/2`)."""
    await stop(server, reason, seconds(timeout, "terminate(timeout=)"), "sys")


async def change_code(server: Any, module: type, old_version: object, extra: object, timeout: Timeout = 5.0) -> Any:
    """Let `module` turn a suspended server's state into that of its new version (`sys:change_code/4`).

    Returns:
        "ok", or ("error", reason) if its `code_change` raised or returned no Ok; then all stays as it was.
    """
    return await _ask(server, "change_code", (module, old_version, extra), timeout)


async def stop(server: Any, reason: object, timeout: float | None, module: str) -> None:
    """What all `stop` functions do; `module` is whose, for the failure."""
    node = here()
    caller = node.caller()
    order = SystemRequest(node.guest if caller is None else caller.pid, "terminate", (reason,))
    place: Place = (module, "stop", [server, reason, timeout])
    try:
        await ask(server, order, timeout, place)
    except exits.CallExit as error:
        if order.state != FAILED:
            raise
        why: Any = error.reason[0]
        if order.accepted and (why is reason or why == reason):
            return
        if not order.accepted and type(why) is str and why not in ("noproc", "calling_self"):
            inner = (why, ("sys", "terminate", [server, reason, timeout]))
            raise exits.CalleeExit((inner, place)) from None
        raise


async def _ask(server: Any, operation: str, args: tuple[Any, ...], timeout: Timeout) -> Any:
    limit = 5.0 if timeout == 5.0 else seconds(timeout, f"{operation}(timeout=)")
    node = here()
    caller = node.caller()
    made = SystemRequest(node.guest if caller is None else caller.pid, operation, args)
    shown: list[object] = [server, *args] if timeout == 5.0 else [server, *args, limit]
    return await ask(server, made, limit, ("sys", operation, shown))


# In the loop


class Held:
    """A loop while it serves system requests: its parts, which they may change."""

    def __init__(self, process: Process, server: Any, parent: Pid, state: Any, debug: Debug | None) -> None:
        self.process = process
        self.server = server
        self.parent = parent
        self.state = state
        self.debug = debug
        self.reason: object = None
        self.suspended = False

    def serve(self, message: SystemRequest) -> Generator[Any, Any, bool]:
        """Serve one system request and, while suspended, those that follow; true if the loop must end."""
        while True:
            if message.request == "terminate":
                message.accepted = True
                self.reason = message.args[0]
                return True
            answer: Any = getattr(self, message.operation)(*message.args)
            reply(message, answer)
            if not self.suspended:
                return False
            following: Any = yield Receive(self._concerns, None)
            if isinstance(following, Exited):
                self.reason = following.reason
                return True
            message = following

    def _concerns(self, message: object) -> bool:
        return isinstance(message, SystemRequest) or (isinstance(message, Exited) and message.pid is self.parent)

    def get_state(self) -> Any:
        """The state, as it is."""
        return self.state

    def replace_state(self, function: Callable[[Any], Any]) -> Any:
        """The state that a function makes of it."""
        try:
            self.state = function(self.state)
        except Exception as error:
            return Raised(exits.without_frames(error))
        return self.state

    def suspend(self) -> None:
        """Serve nothing else from now on."""
        self.suspended = True

    def resume(self) -> None:
        """Go on."""
        self.suspended = False

    def get_status(self) -> dict[str, Any]:
        """All that is known, the state as the server wants it shown."""
        process = self.process
        logged = [] if self.debug is None or self.debug.log is None else list(self.debug.log)
        shown = self.shown(logged)
        return {
            "pid": process.pid,
            "name": process.name,
            "module": type(self.server),
            "status": "suspended" if self.suspended else "running",
            "parent": self.parent,
            "ancestors": list(process.ancestors),
            "dictionary": {} if process.rare is None else dict(process.rare.dictionary),
            "log": shown.get("log", []),
            "state": shown.get("state"),
        }

    def change_code(self, module: type, old_version: object, extra: object) -> Any:
        """The state as `code_change` makes it."""
        try:
            result = self.server.code_change(old_version, self.state, extra)
        except Exception as error:
            return "error", exits.without_frames(error)
        if result.__class__ is not Ok:
            return "error", result
        self.state = result.state
        return "ok"

    def shown(self, logged: list[Any]) -> dict[str, Any]:
        """State and log as the server wants them shown."""
        status: dict[str, Any] = {"state": self.state, "message": None, "reason": "normal", "log": logged}
        try:
            found: dict[str, Any] = self.server.format_status(dict(status))
        except Exception as error:  # whoever looks must not end what is looked at
            return {**status, "state": f"<format_status raised {type(error).__name__}>"}
        return found

    def statistics(self, flag: bool | str) -> Any:
        """Count, stop counting, or tell the counts."""
        if flag == "get":
            return None if self.debug is None or self.debug.counts is None else dict(self.debug.counts)
        self._debug().counts = {"messages_in": 0, "messages_out": 0} if flag else None
        return self._settle(None)

    def log(self, flag: Any) -> Any:
        """Keep events, stop, or tell them."""
        if flag == "get":
            return [] if self.debug is None or self.debug.log is None else list(self.debug.log)
        match flag:
            case (kept, int(size)):
                self._debug().log = deque(maxlen=size) if kept else None
            case _:
                self._debug().log = deque(maxlen=10) if flag else None
        return self._settle(None)

    def trace(self, flag: bool) -> None:
        """Print events."""
        self._debug().printing = flag
        self._settle(None)

    def install(self, key: object, function: Hook, state: object) -> None:
        """Add a function that sees events."""
        self._debug().hooks[key] = (function, state)

    def remove(self, key: object) -> None:
        """Take it away."""
        self._debug().hooks.pop(key, None)
        self._settle(None)

    def _debug(self) -> Debug:
        if self.debug is None:
            self.debug = Debug()
        return self.debug

    def _settle(self, answer: Any) -> Any:
        if self.debug is not None and self.debug.is_idle():
            self.debug = None
        return answer


class Debug:
    """What looks at the events of one server; the loop has None in its place while nothing does."""

    def __init__(self) -> None:
        self.counts: dict[str, int] | None = None
        self.log: deque[Any] | None = None
        self.printing = False
        self.hooks: dict[object, tuple[Hook, Any]] = {}

    def is_idle(self) -> bool:
        """Whether nothing looks any more."""
        return self.counts is None and self.log is None and not self.printing and not self.hooks

    def saw_in(self, process: Process, message: object) -> Debug | None:
        """A message was taken."""
        return self.saw(process, ("in", message))

    def saw_out(self, process: Process, message: object, result: Any) -> Debug | None:
        """A callback has returned."""
        if result.__class__ is Reply:
            return self.saw(process, ("out", result.value, message, result.state))
        return self.saw(process, ("noreply", result.state))

    def saw(self, process: Process, event: tuple[Any, ...]) -> Debug | None:
        """Something has happened; ("in", …) and ("out", …) are counted. None when nothing looks any more."""
        if self.counts is not None and event[0] in ("in", "out"):
            self.counts["messages_in" if event[0] == "in" else "messages_out"] += 1
        if self.log is not None:
            self.log.append(event)
        if self.printing:
            print(f"*DBG* {process.name or process.pid} {exits.safe_repr(event)}")  # noqa: T201 (this is what sys:trace does)
        for key, (function, state) in list(self.hooks.items()):
            try:
                after = function(state, event, process.pid)
            except Exception:
                after = "done"
            if after == "done":
                self.hooks.pop(key, None)
            else:
                self.hooks[key] = (function, after)
        return None if self.is_idle() else self


def debug_options(options: Any) -> Debug | None:
    """The `debug` argument of `start_link`: any of "statistics", "log", "trace", ("log", n), ("install", function, state).

    Raises:
        ValueError: something else.
    """
    if not options:
        return None
    debug = Debug()
    for option in options:
        match option:
            case "statistics":
                debug.counts = {"messages_in": 0, "messages_out": 0}
            case "log":
                debug.log = deque(maxlen=10)
            case ("log", int(size)):
                debug.log = deque(maxlen=size)
            case "trace":
                debug.printing = True
            case ("install", function, state):
                debug.hooks[function] = (function, state)
            case _:
                raise ValueError(
                    f'debug: wanted "statistics", "log", ("log", n), "trace" or ("install", f, s); got {option!r}'
                )
    return debug
