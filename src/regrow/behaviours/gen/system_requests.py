"""A process while it serves system requests (the inside of OTP's `sys`): what it is asked, and what it answers.

perform                 one request; its steps, for a function of the user's may have to be awaited
serve                   that one and, while suspended, those that follow, for a loop of ours
handle_system_msg       the same, in `system.py`, for a process that is written by hand
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, TextIO

from regrow.behaviours.gen.debug import Debug, Hook
from regrow.behaviours.gen.request import reply
from regrow.behaviours.gen.results import Ok
from regrow.behaviours.gen.user_code import called, formatted, survives
from regrow.kernel import bounded_repr, exits
from regrow.kernel.ancestors import ancestors
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.signals import Exited
from regrow.kernel.yields import Receive


class SystemRequest(CallRequest):
    """A request to the loop itself, not to the callbacks; to a hand-written process a message for `handle_system_msg`."""

    __slots__ = ("accepted", "args", "operation")

    def __init__(self, pid: Pid, operation: str, args: tuple[Any, ...] = ()) -> None:
        super().__init__(pid, operation)
        self.operation: str = operation
        self.args: tuple[Any, ...] = args
        self.accepted: bool = False


class CallbackFailed(Exception):
    """A function that was to work on a server's state raised; the server goes on with the old state.

    Attributes:
        reason: ("callback_failed", what raised, ("error", exception)), or "exit" with the reason of an `Exit`.
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
    """An answer: what is to be raised where it was asked."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException = error


OF_THE_USER: Final = frozenset({"get_state", "replace_state", "get_status", "change_code"})


class SystemHandler:
    """A loop while it serves system requests: its parts, which they may change."""

    def __init__(self, process: Process, server: Any, parent: Pid, state: Any, debug: Debug | None) -> None:
        self.process = process
        self.server = server
        self.parent = parent
        self.state: Any = state
        self.debug = debug
        self.reason: object = None
        self.suspended: bool = False

    def serve(self, message: SystemRequest) -> Generator[Any, Any, bool]:
        """Serve one system request and, while suspended, those that follow; true if the loop must end."""
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
        """Do what one request asks for; true if the loop must end."""
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
        """What a request is answered with. What goes wrong is its sender's affair: this process goes on."""
        function: Any = getattr(self, operation)
        try:
            return (yield from function(*args)) if operation in OF_THE_USER else function(*args)  # pyright: ignore[reportUnknownVariableType]
        except BaseException as error:
            if not survives(self.process, error):
                raise
            return Raised(exits.strip_traceback(error))

    def concerns(self, message: object) -> bool:
        """Whether a suspended process takes this out of its mailbox."""
        return type(message) is SystemRequest or (type(message) is Exited and message.pid is self.parent)

    def get_state(self) -> Generator[Any, Any, Any]:
        """The state, as it is."""
        yield from ()
        return self.state

    def replace_state(self, function: Callable[[Any], Any]) -> Generator[Any, Any, Any]:
        """The state that a function makes of it."""
        # Of a service, whose state is an object that knows its server.
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
        """Serve nothing else from now on."""
        self.suspended = True

    def resume(self) -> None:
        """Go on."""
        self.suspended = False

    def get_status(self) -> Generator[Any, Any, dict[str, Any]]:
        """All that is known, the state as the server wants it shown."""
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
        """Whose callbacks these are."""
        return self.server.__class__

    def change_code(self, module: type, old_version: object, extra: object) -> Generator[Any, Any, Any]:
        """The state as `code_change` makes it."""
        return (yield from self.changed(self.server.code_change, old_version, self.state, extra))

    def changed(self, function: Callable[..., Any], *args: Any) -> Generator[Any, Any, Any]:
        """Take over the state that a callback gives, if it does."""
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
        """State and log as the server wants them shown."""
        status: dict[str, Any] = {"state": self.state, "message": None, "reason": "normal", "log": logged}
        return (yield from formatted(self.process, self.server, status, "state"))

    # Debugging

    def statistics(self, flag: bool | str) -> Any:
        """Count, stop counting, or tell the counts."""
        if flag == "get":
            return None if self.debug is None else self.debug.statistics()
        if flag:
            self._debug().count()
        elif self.debug is not None:
            self.debug.counts = None
        return None

    def log(self, flag: Any) -> Any:
        """Keep events, stop, tell or print them."""
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
        """Write events to a file, or no longer."""
        if file is False:
            if self.debug is not None:
                self.debug.file = None
            return None
        self._debug().write_to(file)
        return None

    def trace(self, flag: bool, stream: TextIO | None) -> None:
        """Print events, or no longer."""
        if flag:
            self._debug().print_to(stream)
        elif self.debug is not None:
            self.debug.printing = False

    def install(self, key: object, function: Hook, state: object) -> None:
        """Add a function that sees events."""
        self._debug().install(key, function, state)

    def remove(self, key: object) -> None:
        """Take it away."""
        if self.debug is not None:
            self.debug.remove(key)

    def no_debug(self) -> None:
        """Let nothing look any more."""
        self.debug = None

    def _debug(self) -> Debug:
        if self.debug is None:
            self.debug = Debug()
        return self.debug


class SpecialProcess(SystemHandler):
    """A hand-written process while it serves system requests; `server` is the module with its callbacks."""

    def module(self) -> Any:
        """The module itself."""
        return self.server

    def get_state(self) -> Generator[Any, Any, Any]:
        """The state as the process shows it."""
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
        """The state as the process replaces it."""
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
        """What the process has of its own for it."""
        own = getattr(self.server, "system_code_change", None)
        if own is None:
            return "error", AttributeError(f"{exits.display_name(self.server)} has no system_code_change")
        return (yield from self.changed(own, self.state, module, old_version, extra))

    def shown(self, logged: list[Any]) -> Generator[Any, Any, dict[str, Any]]:
        """State and log as the process wants them shown, if it has a word for it."""
        if getattr(self.server, "format_status", None) is None:
            return {"state": self.state, "log": logged}
        return (yield from SystemHandler.shown(self, logged))


def failed(who: str, callback: object, error: BaseException) -> Raised:
    """The answer to whoever wanted what has raised."""
    return Raised(
        CallbackFailed(f"{who} raised {bounded_repr.safe_repr(error)}", callback, exits.strip_traceback(error))
    )
