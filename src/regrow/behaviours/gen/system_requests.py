"""The server side of system requests (the mechanism of OTP's `sys`).

perform               one request; a generator, because a user's function may have to be awaited
serve                 that request and, while suspended, the ones that follow; called by the loop of a behaviour
handle_system_msg     the counterpart of `serve` for special processes, in `system.py`
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, TextIO

from regrow.behaviours.gen.debug import Debug, Hook
from regrow.behaviours.gen.results import Ok
from regrow.behaviours.gen.user_code import called, formatted, survives
from regrow.kernel import bounded_repr, exits
from regrow.kernel.ancestors import ancestors
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.requests import CallRequest, reply
from regrow.kernel.signals import Exited
from regrow.kernel.yields import Receive


class SystemRequest(CallRequest):
    """A request to the loop itself, not to the callbacks. A special process passes it to `handle_system_msg`."""

    __slots__ = ("accepted", "args", "operation")

    def __init__(self, pid: Pid, operation: str, args: tuple[Any, ...] = ()) -> None:
        super().__init__(pid, operation)
        self.operation: str = operation
        self.args: tuple[Any, ...] = args
        self.accepted: bool = False


class CallbackFailed(Exception):
    """A function that was called with a server's state raised; the server keeps its old state.

    Attributes:
        reason: ("callback_failed", callback, ("error", exception)), or ("exit", reason) in place of the last pair if
            the callback raised an `Exit`.
    """

    def __init__(self, letter: str, callback: object, error: BaseException) -> None:
        super().__init__(letter)
        left = exits.is_a(error, exits.Exit)
        self.reason: tuple[str, object, tuple[str, object]] = (
            "callback_failed",
            callback,
            ("exit" if left else "error", exits.reason_of(error)),
        )
        self.__cause__: BaseException | None = error


class Raised:
    """The answer to a system request whose client raises `error`."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException = error


OF_THE_USER: Final = frozenset({"get_state", "replace_state", "get_status", "change_code"})


class SystemHandler:
    """The state of a loop while it serves system requests. The requests change it, and the loop takes it over again.

    Each public method from `get_state` on is the operation of that name, and returns the answer.

    Attributes:
        process: the server's process.
        server: the object with the callbacks.
        parent: the pid whose end ends the server.
        state: the server's state.
        debug: the debug options that are on, or None.
        reason: the reason to end with, once `perform` or `serve` has returned True.
        suspended: whether the server serves system requests only.
    """

    def __init__(self, process: Process, server: Any, parent: Pid, state: Any, debug: Debug | None) -> None:
        self.process = process
        self.server = server
        self.parent = parent
        self.state: Any = state
        self.debug = debug
        self.reason: object = None
        self.suspended: bool = False

    def serve(self, message: SystemRequest) -> Generator[Any, Any, bool]:
        """Serve one system request and, while suspended, the ones that follow; return True if the loop must end."""
        while not (yield from self.perform(message)):
            if not self.suspended:
                return False
            following: Any = yield Receive(self.concerns, None)
            if isinstance(following, Exited):
                self.reason = following.reason
                return True
            message = following
        return True

    def perform(self, message: SystemRequest) -> Generator[Any, Any, bool]:
        """Serve one system request; return True if the loop must end."""
        if message.operation in ("stop", "terminate"):
            message.accepted = True
            self.reason = message.args[0]
            if message.operation == "terminate":
                reply(message, None)
            return True
        if message.operation == "change_code" and not self.suspended:
            reply(message, ("error", ("unknown_system_msg", ("change_code", *message.args))))
        else:
            reply(message, (yield from self.answer(message.operation, message.args)))
        if self.debug is not None and self.debug.is_idle():
            self.debug = None
        return False

    def answer(self, operation: str, args: tuple[Any, ...]) -> Generator[Any, Any, Any]:
        """Return the answer to a request.

        An exception is an answer, too, and raised in the client: the server continues.
        """
        function: Any = getattr(self, operation)
        try:
            return (yield from function(*args)) if operation in OF_THE_USER else function(*args)  # pyright: ignore[reportUnknownVariableType]
        except BaseException as error:
            if not survives(self.process, error):
                raise
            return Raised(exits.strip_traceback(error))

    def concerns(self, message: object) -> bool:
        """Whether a suspended process takes this message: a system request, or the end of its parent."""
        return type(message) is SystemRequest or (type(message) is Exited and message.pid is self.parent)

    def get_state(self) -> Generator[Any, Any, Any]:
        """Return the server's state."""
        yield from ()
        return self.state

    def replace_state(self, function: Callable[[Any], Any]) -> Generator[Any, Any, Any]:
        """Replace the state by `function(state)`, and return the new state."""
        # A service's state is the service object, which refers to its server; a new object needs that reference.
        adopt = getattr(self.server, "__regrow_adopt__", None)
        try:
            after = yield from called(self.process, function, self.state)
            if adopt is not None:
                adopt(after)
        except BaseException as error:
            if not survives(self.process, error):
                raise
            return failed("the function given to replace_state", function, error)
        self.state = after
        return after

    def suspend(self) -> None:
        """Serve system requests only, from now on."""
        self.suspended = True

    def resume(self) -> None:
        """Handle other messages again, from now on."""
        self.suspended = False

    def get_status(self) -> Generator[Any, Any, dict[str, Any]]:
        """Return the status of the server, with the state as `format_status` returns it."""
        process = self.process
        shown = yield from self.shown([] if self.debug is None else self.debug.events())
        return {
            "pid": process.pid,
            "name": process.name,
            "module": self.module(),
            "status": "suspended" if self.suspended else "running",
            "parent": self.parent,
            "ancestors": ancestors(process),
            "dictionary": {} if process.rare is None else dict(process.rare.dictionary),
            "debug": [] if self.debug is None else self.debug.options(),
            "log": shown.get("log", []),
            "state": shown.get("state"),
        }

    def module(self) -> Any:
        """Return the class of the server's callbacks."""
        return self.server.__class__

    def change_code(self, module: type, old_version: object, extra: object) -> Generator[Any, Any, Any]:
        """Convert the state with the server's `code_change`."""
        return (yield from self.changed(self.server.code_change, old_version, self.state, extra))

    def changed(self, function: Callable[..., Any], *args: Any) -> Generator[Any, Any, Any]:
        """Take over the state from the Ok that a callback returns; return "ok" or ("error", reason)."""
        try:
            result = yield from called(self.process, function, *args)
        except BaseException as error:
            if not survives(self.process, error):
                raise
            return "error", exits.reason_of(error)
        if type(result) is not Ok:
            return "error", result
        self.state = result.state  # pyright: ignore[reportUnknownMemberType]
        return "ok"

    def shown(self, logged: list[Any]) -> Generator[Any, Any, dict[str, Any]]:
        """Return state and log as `format_status` returns them."""
        status: dict[str, Any] = {"state": self.state, "message": None, "reason": "normal", "log": logged}
        return (yield from formatted(self.process, self.server, status, "state"))

    # Debugging

    def statistics(self, flag: bool | str) -> Any:
        """Start counting, stop counting, or return the counts."""
        if flag == "get":
            return None if self.debug is None else self.debug.statistics()
        if flag:
            self._debug().count()
        elif self.debug is not None:
            self.debug.counts = None
        return None

    def log(self, flag: Any) -> Any:
        """Start or stop logging events, or return or print the logged ones."""
        if flag == "get":
            return [] if self.debug is None else self.debug.events()
        if flag == "print":
            if self.debug is not None:
                self.debug.print_log(self.process)
            return None
        match flag:
            case True:
                self._debug().keep()
            case (True, size):
                self._debug().keep(size)
            case _ if self.debug is not None:
                self.debug.log = None
            case _:
                pass
        return None

    def log_to_file(self, file: Any) -> Any:
        """Write events to a file, or stop writing."""
        if file is False:
            if self.debug is not None:
                self.debug.file = None
            return None
        self._debug().write_to(file)
        return None

    def trace(self, flag: bool, stream: TextIO | None) -> None:
        """Print events, or stop printing."""
        if flag:
            self._debug().print_to(stream)
        elif self.debug is not None:
            self.debug.printing = False

    def install(self, key: object, function: Hook, state: object) -> None:
        """Install a function that is called for each event."""
        self._debug().install(key, function, state)

    def remove(self, key: object) -> None:
        """Remove an installed function, if there is one with this key."""
        if self.debug is not None:
            self.debug.remove(key)

    def no_debug(self) -> None:
        """Turn off all debug options."""
        self.debug = None

    def _debug(self) -> Debug:
        if self.debug is None:
            self.debug = Debug()
        return self.debug


class SpecialProcess(SystemHandler):
    """A special process, written by hand, while it serves system requests; `server` is its module of callbacks."""

    def module(self) -> Any:
        """Return the module of callbacks itself."""
        return self.server

    def get_state(self) -> Generator[Any, Any, Any]:
        """Return the state as the process's `system_get_state` returns it."""
        own = getattr(self.server, "system_get_state", None)
        if own is None:
            return self.state
        try:
            return (yield from called(self.process, own, self.state))
        except BaseException as error:
            if not survives(self.process, error):
                raise
            return failed("system_get_state", (self.server, "system_get_state"), error)

    def replace_state(self, function: Callable[[Any], Any]) -> Generator[Any, Any, Any]:
        """Replace the state with the process's `system_replace_state`, and return the new state."""
        own = getattr(self.server, "system_replace_state", None)
        if own is None:
            return (yield from SystemHandler.replace_state(self, function))
        try:
            shown, state = yield from called(self.process, own, function, self.state)
        except BaseException as error:
            if not survives(self.process, error):
                raise
            return failed("system_replace_state", (self.server, "system_replace_state"), error)
        self.state = state
        return shown

    def change_code(self, module: type, old_version: object, extra: object) -> Generator[Any, Any, Any]:
        """Convert the state with the process's `system_code_change`."""
        own = getattr(self.server, "system_code_change", None)
        if own is None:
            return "error", AttributeError(f"{exits.display_name(self.server)} has no system_code_change")
        return (yield from self.changed(own, self.state, module, old_version, extra))

    def shown(self, logged: list[Any]) -> Generator[Any, Any, dict[str, Any]]:
        """Return state and log, as the process's `format_status` returns them if it has one."""
        if getattr(self.server, "format_status", None) is None:
            return {"state": self.state, "log": logged}
        return (yield from SystemHandler.shown(self, logged))


def failed(who: str, callback: object, error: BaseException) -> Raised:
    """Return the answer to a request whose function raised `error`: the client raises CallbackFailed."""
    return Raised(
        CallbackFailed(f"{who} raised {bounded_repr.safe_repr(error)}", callback, exits.strip_traceback(error))
    )
