"""The process of an event manager: its handlers, and the consequences of each callback's result.

    a callback, or an event                  the handler            `terminate` gets          its supervisor is sent
    -----------------------                  -----------            ----------------          ----------------------
    returned Ok or Reply                     stays
    returned RemoveHandler()                 is removed             "remove_handler"          "normal"
    returned SwapHandler(arg, state, new, …) is replaced by new     arg                       ("swapped", new, pid)
      … and the `init` of new failed         is removed                                       "crash", for new
    returned any other value                 is removed             ("error", value)          value
    raised                                   is removed             ("error", ("EXIT", why))  ("EXIT", why)
    delete_handler(…, arg)                   is removed             arg                       "normal"
    its supervisor ended                     is removed             ("stop", reason)
    the manager ends                         is removed             "stop"                    "shutdown"

`gen_event.py` has the client functions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final

from regrow.behaviours.gen import reports
from regrow.behaviours.gen.child_spec import class_of
from regrow.behaviours.gen.debug import Debug
from regrow.behaviours.gen.request_ids import HandlerCall
from regrow.behaviours.gen.results import Error, Ok, Reply, shown
from regrow.behaviours.gen.starting import Terminated
from regrow.behaviours.gen.system_requests import SystemHandler, SystemRequest
from regrow.behaviours.gen.user_code import called, formatted, is_failure, survives
from regrow.kernel import bounded_repr, exits, links, mailbox
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.coroutine_steps import enter_task
from regrow.kernel.explained_reasons import Letter, returned
from regrow.kernel.keys import equal
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.requests import CallRequest, reply
from regrow.kernel.signals import Exited
from regrow.kernel.tracebacks import Raised
from regrow.kernel.yields import RECEIVE, Token

REMOVED: Final = "remove_handler"
CRASH: Final = "crash"


class RemoveHandler:
    """The result of a handler's callback that removes the handler (OTP's `remove_handler`).

    Args:
        reply: from `handle_call`, the answer to the call.
    """

    __slots__ = ("reply",)
    __match_args__: Final = ("reply",)

    def __init__(self, reply: Any = None) -> None:
        self.reply: Any = reply

    def __repr__(self) -> str:
        return shown("RemoveHandler", self.reply)


class SwapHandler:
    """The result of a handler's callback that replaces the handler by another one (OTP's `swap_handler`).

    Args:
        arg1: the first argument of this handler's `terminate`.
        state: the second argument of this handler's `terminate`.
        handler2: the new handler, a class or (class, id).
        arg2: the new handler's `init` gets (arg2, the result of `terminate`).
        reply: from `handle_call`, the answer to the call.
    """

    __slots__ = ("arg1", "arg2", "handler2", "reply", "state")
    __match_args__: Final = ("arg1", "state", "handler2", "arg2", "reply")

    def __init__(self, arg1: Any, state: Any, handler2: Any, arg2: Any, *, reply: Any = None) -> None:
        self.arg1: Any = arg1
        self.state: Any = state
        self.handler2: Any = handler2
        self.arg2: Any = arg2
        self.reply: Any = reply

    def __repr__(self) -> str:
        return shown("SwapHandler", self.arg1, self.state, self.handler2, self.arg2, self.reply)


class Notify:
    """The message of `notify`, with its event."""

    __slots__ = ("event",)

    def __init__(self, event: Any) -> None:
        self.event: Any = event

    def __repr__(self) -> str:
        return f"Notify({self.event!r})"


class Command:
    """A request to the manager itself, not to one handler."""

    __slots__ = ("args", "name")

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        self.name: str = name
        self.args: tuple[Any, ...] = args

    def __repr__(self) -> str:
        return shown(self.name, *self.args)


Answered = Generator[Any, Any, Any]  # a step of the manager, which may wait for an async callback; returns an answer


NO_ID: Final = Token("NO_ID")


class Installed:
    """A handler in its manager: its object, its id (NO_ID without one), its state and its supervisor's pid."""

    __slots__ = ("callbacks", "id", "module", "state", "supervisor")

    module: Any
    id: Any

    def __init__(self, handler: Any, supervisor: Pid | None) -> None:
        self.module, self.id = parted(handler)
        self.supervisor: Pid | None = supervisor
        self.callbacks: Any = None
        self.state: Any = None

    @property
    def shown_id(self) -> Any:
        """The id as `system.get_state` shows it: False without an id, as in OTP."""
        return False if self.id is NO_ID else self.id

    @property
    def name(self) -> Any:
        """The handler as it was added: a class, or (class, id)."""
        return self.module if self.id is NO_ID else (self.module, self.id)

    def make(self, arg: Any) -> Any:
        """Create the handler's object, call its `init` and return the result.

        Raises:
            TypeError: the handler is no subclass of GenEvent.
        """
        if not isinstance(self.module, type) or not hasattr(self.module, "handle_event"):
            raise TypeError(
                f"wanted a subclass of GenEvent, or (class, id), as a handler; got {bounded_repr.safe_repr(self.name)}"
            )
        self.callbacks = self.module()
        return self.callbacks.init(arg)

    def status(self, process: Process, message: object, reason: object) -> Answered:
        """Return the status of the handler, as its `format_status` returns it."""
        status: dict[str, Any] = {"state": self.state, "message": message, "reason": reason, "log": []}
        return (yield from formatted(process, self.callbacks, status, "state"))


def parted(handler: Any) -> tuple[Any, Any]:
    """Return the class and the id of a handler; NO_ID without an id."""
    match handler:
        case (module, id):
            return class_of(module) or module, id
        case _:
            return class_of(handler) or handler, NO_ID


class Manager:
    """A running event manager: its handlers, newest first."""

    def __init__(self, process: Process, parent: Pid, debug: Debug | None) -> None:
        self.process = process
        self.parent = parent
        self.handlers: list[Installed] = []
        self.raised: Raised | None = None  # from the callback that has just failed, until its handler is removed
        self.debug = debug

    def run(self) -> Generator[Any, Any, Any]:
        """Take messages, and call the handlers. Ends with an exception, always."""
        ending: BaseException = exits.Exit()
        try:
            while True:
                goes_on = self.process.node.scheduler.server_keeps_turn(self.process)
                message = mailbox.take(self.process) if goes_on else (yield RECEIVE)
                kind = type(message)  # pyright: ignore[reportUnknownVariableType]
                if kind is SystemRequest:
                    yield from self.serve_system(message)
                    continue
                if self.debug is not None:
                    self.debug = self.debug.record_in(self.process, message)
                if kind is Notify:
                    yield from self.notify("handle_event", message.event)
                elif kind is CallRequest and type(message.request) in (Command, HandlerCall):
                    yield from self.serve(message)
                elif kind is Exited:
                    yield from self.ended(message)
                else:
                    yield from self.notify("handle_info", message)
        except BaseException as error:
            if not self.process.alive:
                raise
            ending = error
        return (yield from self.end(ending))

    def serve(self, message: CallRequest) -> Generator[Any, Any, None]:
        """Answer a request to the manager or to one handler."""
        wanted: Any = message.request
        if type(wanted) is HandlerCall:
            answer = yield from self.call(wanted.handler, wanted.request)
        else:
            answer = yield from COMMANDS[wanted.name](self, *wanted.args)
        reply(message, answer)

    def serve_system(self, message: SystemRequest) -> Generator[Any, Any, None]:
        """Serve a system request and, while suspended, the ones that follow; raise Exit if the manager must end."""
        system_handler = ManagerSystemHandler(self)
        if (yield from system_handler.serve(message)):
            raise exits.Exit(system_handler.reason)
        self.debug = system_handler.debug

    # Adding and removing handlers

    def add_handler(self, handler: Any, arg: Any, supervisor: Pid | None = None) -> Answered:
        """Add a handler, before all others; return "ok", or the error or result of its `init`."""
        if supervisor is not None:
            links.link(self.process, supervisor)
        new = Installed(handler, supervisor)
        answer = yield from self.init(new, arg)
        if is_ok(answer):
            self.handlers.insert(0, new)
        return answer

    def init(self, new: Installed, arg: Any) -> Answered:
        """Call the `init` of a new handler; return "ok", ("error", reason), or the invalid result."""
        result = yield from self.attempt(new.make, arg)
        if type(result) is Ok:
            new.state = result.state  # pyright: ignore[reportUnknownMemberType]
            return "ok"
        self.raised = None
        return ("error", result.reason) if type(result) is Error else result

    def delete_handler(self, handler: Any, arg: Any) -> Answered:
        """Remove a handler, and return the result of its `terminate`."""
        found = self.find(handler)
        if found is None:
            return "error", "module_not_found"
        self.handlers.remove(found)
        return (yield from self.terminate(found, arg, "delete", "normal"))

    def swap_handler(self, old: Any, arg1: Any, new: Any, arg2: Any, supervisor: Pid | None = None) -> Answered:
        """Replace a handler by another one, which keeps its supervisor, unless `supervisor` names another."""
        found = self.find(old)
        left: Any = "error"
        if found is not None:
            self.handlers.remove(found)
            swapped = ("swapped", new, supervisor or found.supervisor)
            left = yield from self.terminate(found, arg1, "swapped", swapped)
            supervisor = supervisor or found.supervisor
        answer = yield from self.add_handler(new, (arg2, left), supervisor)
        return "ok" if is_ok(answer) else ("error", answer)

    def which_handlers(self) -> Answered:
        """Return all handlers, the newest first."""
        yield from ()
        return [handler.name for handler in self.handlers]

    def find(self, handler: Any) -> Installed | None:
        """Return the newest handler with this class and id; None if there is none."""
        module, id = parted(handler)
        for found in self.handlers:
            if found.module is module and equal(found.id, id):
                return found
        return None

    # Calling handlers

    def sync_notify(self, event: Any) -> Answered:
        """Call all handlers with an event, and return "ok"."""
        yield from self.notify("handle_event", event)
        return "ok"

    def notify(self, callback: str, event: Any) -> Generator[Any, Any, None]:
        """Call all handlers with an event or a message, and apply their results."""
        for handler in list(self.handlers):
            result = yield from self.attempt(getattr(handler.callbacks, callback), event, handler.state)
            if type(result) is Ok:
                handler.state = result.state  # pyright: ignore[reportUnknownMemberType]
            else:
                yield from self.replace_or_remove(handler, callback, result, event)

    def call(self, name: Any, wanted: Any) -> Answered:
        """Call one handler with a request, and return its answer."""
        handler = self.find(name)
        if handler is None:
            return "error", "bad_module"
        result = yield from self.attempt(handler.callbacks.handle_call, wanted, handler.state)
        if type(result) is Reply:
            handler.state = result.state  # pyright: ignore[reportUnknownMemberType]
            return result.value
        yield from self.replace_or_remove(handler, "handle_call", result, wanted)
        return result.reply if type(result) in (RemoveHandler, SwapHandler) else ("error", result)

    def replace_or_remove(
        self, handler: Installed, callback: str, result: Any, event: Any
    ) -> Generator[Any, Any, None]:
        """Replace or remove a handler, by the result of its callback."""
        if type(result) is SwapHandler:
            yield from self.swap(handler, result, event)
            return
        self.handlers.remove(handler)
        if type(result) is RemoveHandler:
            yield from self.terminate(handler, REMOVED, "remove", "normal")
        else:
            raised = self.raised
            letter: Letter | None = None
            if raised is None:
                letter = returned(handler.callbacks, callback, result, WANTED[callback])
            yield from self.terminate(handler, ("error", result), event, result, raised, letter)

    def swap(self, handler: Installed, result: SwapHandler, event: Any) -> Generator[Any, Any, None]:
        """Replace a handler by another one, in its place and with its supervisor; only remove it if `init` fails."""
        handler.state = result.state
        swapped = ("swapped", result.handler2, handler.supervisor)
        left = yield from self.terminate(handler, result.arg1, "swapped", swapped)
        new = Installed(result.handler2, handler.supervisor)
        answer = yield from self.init(new, (result.arg2, left))
        place = self.handlers.index(handler)
        if is_ok(answer):
            self.handlers[place] = new
        else:
            del self.handlers[place]
            failed = {"message": event, "state": ("error", answer), "reason": CRASH}
            if reports.is_wanted(self.process, reports.MANAGERS):
                reports.handler_terminated(self.process, new.name, failed, None)
            self.notify_supervisor(new, CRASH)

    def ended(self, message: Exited) -> Generator[Any, Any, None]:
        """Handle the end of a linked process: the parent, the supervisor of some handlers, or another process."""
        if message.pid is self.parent:
            raise exits.Exit(message.reason)
        for handler in [handler for handler in self.handlers if handler.supervisor is message.pid]:
            self.handlers.remove(handler)
            about = ("parent_terminated", (message.pid, message.reason))
            yield from self.terminate(handler, ("stop", message.reason), about, "shutdown")
        yield from self.notify("handle_info", message)

    # Callbacks

    def attempt(self, function: Callable[..., Any], *args: Any) -> Answered:
        """Return the result of a callback, or ("EXIT", reason) if it raises."""
        try:
            result: Any = function(*args)  # hot: inlines `called`; one more generator costs a tenth of an event
            if is_awaitable(result):
                result = yield from enter_task(self.process, result)
        except BaseException as error:
            if not is_failure(self.process, error):
                raise
            self.raised = Raised(error)
            return "EXIT", exits.reason_of(error)
        return result

    def terminate(
        self,
        handler: Installed,
        arg: Any,
        last: Any,
        reason: Any,
        raised: Raised | None = None,
        letter: Letter | None = None,
    ) -> Answered:
        """Call a handler's `terminate`, report an abnormal removal, notify its supervisor; return the result."""
        result = yield from self.attempt(handler.callbacks.terminate, arg, handler.state)
        if not is_expected(reason) and reports.is_wanted(self.process, reports.MANAGERS):
            shown = yield from handler.status(self.process, last, reason)
            reports.handler_terminated(self.process, handler.name, shown, raised, letter)
        self.raised = None
        self.notify_supervisor(handler, reason)
        return result

    def notify_supervisor(self, handler: Installed, reason: Any) -> None:
        """Send the reason of a handler's removal to the process that supervises the handler."""
        supervisor = None if handler.supervisor is None else handler.supervisor.process
        if supervisor is not None:
            mailbox.put(supervisor, ("gen_event_EXIT", handler.name, reason))

    def end(self, error: BaseException) -> Generator[Any, Any, Any]:
        """Terminate all handlers, and raise Terminated with the reason.

        The supervisors of handlers are unlinked first, so that the manager's end does not reach them as an exit signal.
        """
        raised = Raised(error)
        reason = exits.reason_of(error)
        for handler in self.handlers:
            yield from self.terminate(handler, "stop", "stop", "shutdown")
            if handler.supervisor is not None and handler.supervisor is not self.parent:
                links.unlink(self.process, handler.supervisor)
        reports.process_crashed(self.process, reason, raised, again=False)
        if exits.is_a(error, KeyboardInterrupt, SystemExit):
            raise error
        raise Terminated(reason) from None


STAYS: Final = "Ok(state), RemoveHandler() or SwapHandler(…)"
WANTED: Final = {
    "handle_event": STAYS,
    "handle_info": STAYS,
    "handle_call": "Reply(value, state), RemoveHandler(reply) or SwapHandler(…, reply=…)",
}
COMMANDS: Final[dict[str, Callable[..., Answered]]] = {
    "add_handler": Manager.add_handler,
    "add_sup_handler": Manager.add_handler,
    "delete_handler": Manager.delete_handler,
    "swap_handler": Manager.swap_handler,
    "swap_sup_handler": Manager.swap_handler,
    "which_handlers": Manager.which_handlers,
    "sync_notify": Manager.sync_notify,
}


def is_ok(answer: Any) -> bool:
    """Whether `init` succeeded. The answer may be any object, so its `__eq__` is not called."""
    return type(answer) is str and answer == "ok"


def is_expected(reason: Any) -> bool:
    """Whether the reason of a handler's removal is normal, and not reported. It may be any result of a callback."""
    if type(reason) is tuple and len(reason) == 3:  # pyright: ignore[reportUnknownArgumentType]
        return type(reason[0]) is str and reason[0] == "swapped"  # pyright: ignore[reportUnknownArgumentType]
    return type(reason) is str and reason in ("normal", "shutdown")  # pyright: ignore[reportUnknownArgumentType]


class ManagerSystemHandler(SystemHandler):
    """The system handler of a manager; its state is a list of (class, id or False, handler state)."""

    def __init__(self, manager: Manager) -> None:
        super().__init__(manager.process, manager, manager.parent, None, manager.debug)
        self.manager = manager

    def get_state(self) -> Answered:
        """Return the states of all handlers."""
        yield from ()
        return [(handler.module, handler.shown_id, handler.state) for handler in self.manager.handlers]

    def replace_state(self, function: Any) -> Answered:
        """Replace each handler's state by `function(triple)`; keep it if that raises, or changes class or id."""
        for handler in self.manager.handlers:
            triple = (handler.module, handler.shown_id, handler.state)
            try:
                module, id, state = yield from called(self.process, function, triple)
            except BaseException as error:  # as in OTP's `gen_event`, the client gets no error
                if not survives(self.process, error):
                    raise
                exits.strip_traceback(error)
                continue
            if module is handler.module and equal(id, handler.shown_id):
                handler.state = state
        return (yield from self.get_state())

    def shown(self, logged: list[Any]) -> Answered:
        """Return the log, and the handlers' states as their `format_status` returns them."""
        states: list[tuple[Any, Any, Any]] = []
        for handler in self.manager.handlers:
            shown = yield from handler.status(self.process, None, "normal")
            states.append((handler.module, handler.shown_id, shown["state"]))
        return {"log": logged, "state": states}

    def change_code(self, module: type, old_version: Any, extra: Any) -> Answered:
        """Convert the states of a class's handlers with their `code_change`; keep all of them if one fails."""
        changed: list[tuple[Installed, Any]] = []
        for handler in self.manager.handlers:
            if handler.module is module:
                convert = handler.callbacks.code_change
                try:
                    result = yield from called(self.process, convert, old_version, handler.state, extra)
                except BaseException as error:
                    if not survives(self.process, error):
                        raise
                    return "error", exits.reason_of(error)
                if type(result) is not Ok:
                    return "error", result
                changed.append((handler, result.state))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        for handler, state in changed:
            handler.state = state
        return "ok"
