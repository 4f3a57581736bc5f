"""The engine of `gen_event`: the handlers in one process, and what becomes of each.

    what a callback did                      the handler            `terminate` gets          its supervisor is sent
    -------------------                      -----------            ----------------          ----------------------
    returned Ok or Reply                     stays
    RemoveHandler()                          goes                   "remove_handler"          "normal"
    SwapHandler(arg, state, new, …)          gives way to new       arg                       ("swapped", new, pid)
      … and the `init` of new failed         new does not come                                "crash", of new
    anything else: value                     goes                   ("error", value)          value
    raised                                   goes                   ("error", ("EXIT", why))  ("EXIT", why)
    delete_handler(…, arg)                   goes                   arg                       "normal"
    its supervisor ended                     goes                   ("stop", reason)
    the manager ends                         goes                   "stop"                    "shutdown"

The public face is `gen_event.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final

from regrow.behaviours.gen import reports, request
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
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.signals import Exited
from regrow.kernel.tracebacks import Raised
from regrow.kernel.yields import RECEIVE, Token

REMOVED: Final = "remove_handler"
CRASH: Final = "crash"


class RemoveHandler:
    """From a handler's callback: remove it. `reply` is the answer of `handle_call`."""

    __slots__ = ("reply",)
    __match_args__: Final = ("reply",)

    def __init__(self, reply: Any = None) -> None:
        self.reply: Any = reply

    def __repr__(self) -> str:
        return shown("RemoveHandler", self.reply)


class SwapHandler:
    """From a handler's callback: let another handler come instead.

    Args:
        arg1: the reason that this handler's `terminate` gets.
        state: the state that it gets.
        handler2: the other one, a class or (class, id).
        arg2: its `init` gets (arg2, what `terminate` returned).
        reply: the answer of `handle_call`.
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
    """An event as it lies in the manager's mailbox."""

    __slots__ = ("event",)

    def __init__(self, event: Any) -> None:
        self.event: Any = event

    def __repr__(self) -> str:
        return f"Notify({self.event!r})"


class Command:
    """A request to the manager itself."""

    __slots__ = ("args", "name")

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        self.name: str = name
        self.args: tuple[Any, ...] = args

    def __repr__(self) -> str:
        return shown(self.name, *self.args)


Answered = Generator[Any, Any, Any]  # a step of the manager: it may wait for an async callback, and gives an answer


NO_ID: Final = Token("NO_ID")


class Installed:
    """A handler in its manager: its object, its id (NO_ID without one), its state and who supervises it."""

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
        """Its id as `system.get_state` shows it: OTP's false without one."""
        return False if self.id is NO_ID else self.id

    @property
    def name(self) -> Any:
        """As it was added: a class, or (class, id)."""
        return self.module if self.id is NO_ID else (self.module, self.id)

    def make(self, arg: Any) -> Any:
        """Make the object, and call its `init`."""
        if not isinstance(self.module, type) or not hasattr(self.module, "handle_event"):
            raise TypeError(
                f"wanted a subclass of GenEvent, or (class, id), as a handler; got {bounded_repr.safe_repr(self.name)}"
            )
        self.callbacks = self.module()
        return self.callbacks.init(arg)

    def status(self, process: Process, message: object, reason: object) -> Answered:
        """What the handler shows of itself."""
        status: dict[str, Any] = {"state": self.state, "message": message, "reason": reason, "log": []}
        return (yield from formatted(process, self.callbacks, status, "state"))


def parted(handler: Any) -> tuple[Any, Any]:
    """The class and the id of a handler; without an id, NO_ID."""
    match handler:
        case (module, id):
            return class_of(module) or module, id
        case _:
            return class_of(handler) or handler, NO_ID


class Manager:
    """One event manager as it runs."""

    def __init__(self, process: Process, parent: Pid, debug: Debug | None) -> None:
        self.process = process
        self.parent = parent
        self.handlers: list[Installed] = []
        self.raised: Raised | None = None  # by the callback that has just failed, until its handler is let go
        self.debug = debug

    def run(self) -> Generator[Any, Any, Any]:
        """Wait, let the handlers handle, until an end. Ends with an exception, always."""
        ending: BaseException = exits.Exit()
        try:
            while True:
                goes_on = self.process.node.scheduler.goes_on(self.process)
                message = mailbox.take(self.process) if goes_on else (yield RECEIVE)
                kind = type(message)  # pyright: ignore[reportUnknownVariableType]
                if kind is SystemRequest:
                    yield from self.hold(message)
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
        """Answer a request."""
        asked: Any = message.request
        if type(asked) is HandlerCall:
            answer = yield from self.call(asked.handler, asked.request)
        else:
            answer = yield from COMMANDS[asked.name](self, *asked.args)
        request.reply(message, answer)

    def hold(self, message: SystemRequest) -> Generator[Any, Any, None]:
        """Serve system requests."""
        held = HeldManager(self)
        if (yield from held.serve(message)):
            raise exits.Exit(held.reason)
        self.debug = held.debug

    # Handlers come and go

    def add_handler(self, handler: Any, arg: Any, supervisor: Pid | None = None) -> Answered:
        """Add a handler, before all others; "ok", or what kept it from coming in."""
        if supervisor is not None:
            links.link(self.process, supervisor)
        made = Installed(handler, supervisor)
        answer = yield from self.init(made, arg)
        if is_ok(answer):
            self.handlers.insert(0, made)
        return answer

    def init(self, made: Installed, arg: Any) -> Answered:
        """Let a new handler begin."""
        result = yield from self.attempt(made.make, arg)
        if type(result) is Ok:
            made.state = result.state  # pyright: ignore[reportUnknownMemberType]
            return "ok"
        self.raised = None
        return ("error", result.reason) if type(result) is Error else result

    def delete_handler(self, handler: Any, arg: Any) -> Answered:
        """Remove a handler; what its `terminate` returned."""
        found = self.find(handler)
        if found is None:
            return "error", "module_not_found"
        self.handlers.remove(found)
        return (yield from self.terminate(found, arg, "delete", "normal"))

    def swap_handler(self, old: Any, arg1: Any, new: Any, arg2: Any, supervisor: Pid | None = None) -> Answered:
        """Let a handler take another one's place; its supervisor stays, unless there is a new one."""
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
        """All handlers, the newest first."""
        yield from ()
        return [handler.name for handler in self.handlers]

    def find(self, handler: Any) -> Installed | None:
        """The newest handler of this name."""
        module, id = parted(handler)
        for found in self.handlers:
            if found.module is module and equal(found.id, id):
                return found
        return None

    # What they are asked

    def sync_notify(self, event: Any) -> Answered:
        """Give an event to all, and say when it is done."""
        yield from self.notify("handle_event", event)
        return "ok"

    def notify(self, callback: str, event: Any) -> Generator[Any, Any, None]:
        """Give an event or a message to all handlers."""
        for handler in list(self.handlers):
            result = yield from self.attempt(getattr(handler.callbacks, callback), event, handler.state)
            if type(result) is Ok:
                handler.state = result.state  # pyright: ignore[reportUnknownMemberType]
            else:
                yield from self.let_go(handler, callback, result, event)

    def call(self, name: Any, asked: Any) -> Answered:
        """Ask one handler."""
        handler = self.find(name)
        if handler is None:
            return "error", "bad_module"
        result = yield from self.attempt(handler.callbacks.handle_call, asked, handler.state)
        if type(result) is Reply:
            handler.state = result.state  # pyright: ignore[reportUnknownMemberType]
            return result.value
        yield from self.let_go(handler, "handle_call", result, asked)
        return result.reply if type(result) in (RemoveHandler, SwapHandler) else ("error", result)

    def let_go(self, handler: Installed, callback: str, result: Any, event: Any) -> Generator[Any, Any, None]:
        """A callback has not said that its handler stays."""
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
        """A handler gives way to another one, which has its place and its supervisor, unless its `init` fails."""
        handler.state = result.state
        swapped = ("swapped", result.handler2, handler.supervisor)
        left = yield from self.terminate(handler, result.arg1, "swapped", swapped)
        made = Installed(result.handler2, handler.supervisor)
        answer = yield from self.init(made, (result.arg2, left))
        place = self.handlers.index(handler)
        if is_ok(answer):
            self.handlers[place] = made
        else:
            del self.handlers[place]
            failed = {"message": event, "state": ("error", answer), "reason": CRASH}
            if reports.is_wanted(self.process, reports.MANAGERS):
                reports.handler_terminated(self.process, made.name, failed, None)
            self.tell_supervisor(made, CRASH)

    def ended(self, message: Exited) -> Generator[Any, Any, None]:
        """A linked process has ended: the parent, the supervisor of some handlers, or another."""
        if message.pid is self.parent:
            raise exits.Exit(message.reason)
        for handler in [one for one in self.handlers if one.supervisor is message.pid]:
            self.handlers.remove(handler)
            about = ("parent_terminated", (message.pid, message.reason))
            yield from self.terminate(handler, ("stop", message.reason), about, "shutdown")
        yield from self.notify("handle_info", message)

    # Callbacks

    def attempt(self, function: Callable[..., Any], *args: Any) -> Answered:
        """What a callback returns, or ("EXIT", reason) if it raises."""
        try:
            result: Any = function(*args)  # and not `called`: a generator more would be a tenth of an event
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
        """Let a handler clean up, report what was abnormal, tell its supervisor; what `terminate` returned."""
        result = yield from self.attempt(handler.callbacks.terminate, arg, handler.state)
        if not is_expected(reason) and reports.is_wanted(self.process, reports.MANAGERS):
            shown = yield from handler.status(self.process, last, reason)
            reports.handler_terminated(self.process, handler.name, shown, raised, letter)
        self.raised = None
        self.tell_supervisor(handler, reason)
        return result

    def tell_supervisor(self, handler: Installed, reason: Any) -> None:
        """Send the process that supervises a handler why that has gone."""
        supervisor = None if handler.supervisor is None else handler.supervisor.process
        if supervisor is not None:
            mailbox.put(supervisor, ("gen_event_EXIT", handler.name, reason))

    def end(self, error: BaseException) -> Generator[Any, Any, Any]:
        """Stop all handlers, and leave with the reason. The supervisors of handlers are not taken along."""
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
    """Whether a handler has come in; what its `init` returned may be anything, and is not asked whether it is equal."""
    return type(answer) is str and answer == "ok"


def is_expected(reason: Any) -> bool:
    """Whether a handler has gone in one of the ways that nobody reports; the reason may be what a callback returned."""
    if type(reason) is tuple and len(reason) == 3:  # pyright: ignore[reportUnknownArgumentType]
        return type(reason[0]) is str and reason[0] == "swapped"  # pyright: ignore[reportUnknownArgumentType]
    return type(reason) is str and reason in ("normal", "shutdown")  # pyright: ignore[reportUnknownArgumentType]


class HeldManager(SystemHandler):
    """A manager while it serves system requests; its state is a list of (class, id or False, state)."""

    def __init__(self, manager: Manager) -> None:
        super().__init__(manager.process, manager, manager.parent, None, manager.debug)
        self.manager = manager

    def get_state(self) -> Answered:
        """The states of all handlers."""
        yield from ()
        return [(one.module, one.shown_id, one.state) for one in self.manager.handlers]

    def replace_state(self, function: Any) -> Answered:
        """What a function makes of each triple; where it raises, or changes more than the state, all stays."""
        for one in self.manager.handlers:
            try:
                module, id, state = yield from called(self.process, function, (one.module, one.shown_id, one.state))
            except BaseException as refused:  # as `gen_event` has it: this handler keeps its state, and no one is told
                if not survives(self.process, refused):
                    raise
                exits.strip_traceback(refused)
                continue
            if module is one.module and equal(id, one.shown_id):
                one.state = state
        return (yield from self.get_state())

    def shown(self, logged: list[Any]) -> Answered:
        """The states as the handlers want them shown."""
        states: list[tuple[Any, Any, Any]] = []
        for one in self.manager.handlers:
            shown = yield from one.status(self.process, None, "normal")
            states.append((one.module, one.shown_id, shown["state"]))
        return {"log": logged, "state": states}

    def change_code(self, module: type, old_version: Any, extra: Any) -> Answered:
        """Let the handlers of a class turn their states into those of its new version."""
        changed: list[tuple[Installed, Any]] = []
        for one in self.manager.handlers:
            if one.module is module:
                try:
                    result = yield from called(self.process, one.callbacks.code_change, old_version, one.state, extra)
                except BaseException as error:
                    if not survives(self.process, error):
                        raise
                    return "error", exits.reason_of(error)
                if type(result) is not Ok:
                    return "error", result
                changed.append((one, result.state))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        for one, state in changed:
            one.state = state
        return "ok"
