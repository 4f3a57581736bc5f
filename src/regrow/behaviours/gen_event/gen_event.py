"""The class `GenEvent`, and the functions of an event manager's clients. `regrow.gen_event` is the page of the concept."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from regrow.behaviours.gen import request as requests
from regrow.behaviours.gen import request_ids, starting, system
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.debug import Debug, debug_options
from regrow.behaviours.gen.reports import unexpected_info
from regrow.behaviours.gen.request_ids import (
    RequestId,
    RequestIds,
)
from regrow.behaviours.gen.results import Error, Ok, Reply
from regrow.behaviours.gen.starting import StartRequest, init_ack
from regrow.behaviours.gen_event.manager import Command, Manager, Notify, RemoveHandler, SwapHandler
from regrow.kernel import bifs, mailbox, names
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import display_name
from regrow.kernel.pid import Monitor, Pid
from regrow.kernel.process_record import Process
from regrow.kernel.running import running_alive
from regrow.kernel.signals import Signal

State = TypeVar("State")
Handler = Any  # a class, or (class, id)
Seconds = float | timedelta | None

EventReturn = Ok[State] | RemoveHandler | SwapHandler | Awaitable[Ok[State] | RemoveHandler | SwapHandler]
CallReturn = Reply[State] | RemoveHandler | SwapHandler | Awaitable[Reply[State] | RemoveHandler | SwapHandler]


# Managers


async def start_link(
    name: object = None, *, timeout: Seconds = None, debug: object = (), hibernate_after: Seconds = None
) -> Pid:
    """Start a manager without handlers, linked to this process (`gen_event:start_link/2`).

    Args:
        name: a string, a class, `Global(key)` or `Via(registry, key)`.
        timeout: seconds that it may take to start; then it is killed.
        debug: debug options of `regrow.system`.
        hibernate_after: seconds; accepted as OTP has it, but nothing is saved here by hibernating.

    Raises:
        AlreadyStarted: the name is taken.
        StartError: it took too long; the reason is "timeout".
        TypeError: this can be no name.
    """
    return await _start(name, True, timeout, debug, hibernate_after)


async def start(
    name: object = None, *, timeout: Seconds = None, debug: object = (), hibernate_after: Seconds = None
) -> Pid:
    """The same, without a link (`gen_event:start/2`)."""
    return await _start(name, False, timeout, debug, hibernate_after)


async def start_monitor(
    name: object = None, *, timeout: Seconds = None, debug: object = (), hibernate_after: Seconds = None
) -> tuple[Pid, Monitor]:
    """The same, monitored: the pid, and the ref of the `Down` that will come (`gen_event:start_monitor/2`)."""
    pid = await _start(name, False, timeout, debug, hibernate_after)
    return pid, bifs.monitor(pid)


def child_spec(name: object = None) -> ChildSpec:
    """How a supervisor starts a manager, under its name as id."""
    return ChildSpec(id="gen_event" if name is None else name, start=(start_link, (name,)), modules=("dynamic",))


async def _start(name: object, link: bool, timeout: Seconds, debug: object, hibernate_after: Seconds) -> Pid:
    limit = seconds(timeout, "start_link(timeout=)")
    seconds(hibernate_after, "start_link(hibernate_after=)")
    options = debug_options(debug)

    return await starting.start(
        begin, options, "the event manager", initial_call=start_link, name=name, link=link, timeout=limit
    )


def begin(process: Process, starter: StartRequest, debug: Debug | None) -> Generator[Any, Any, Any]:
    """A manager's first step: it traps exits, and is up."""
    process.trap_exit = True
    init_ack(process, starter, None)
    return Manager(process, starter.parent, debug).run()


async def stop(manager: Any, reason: object = "normal", timeout: float | timedelta | None = None) -> None:
    """Order a manager to terminate, and wait until it has ended; its handlers are told "stop" (`gen_event:stop/3`).

    Raises:
        CallExit: nobody is there, it took longer than `timeout` seconds, or it ended with another reason.
    """
    await system.stop(manager, reason, seconds(timeout, "stop(timeout=)"), "gen_event")


# Handlers


async def add_handler(manager: Any, handler: Handler, arg: Any = None) -> Any:
    """Add a handler (`gen_event:add_handler/3`). The same may be added several times.

    Args:
        manager: a pid, a name, `Global`, `Via` or `(name, node)`.
        handler: a class, or (class, id) to tell several of one class apart.
        arg: what its `init` gets.

    Returns:
        "ok", ("error", reason) if `init` returned Error(reason), ("EXIT", reason) if it raised; else what it returned.

    Raises:
        CallExit: the manager is not there.
    """
    return await _rpc(manager, "add_handler", handler, arg)


async def add_sup_handler(manager: Any, handler: Handler, arg: Any = None) -> Any:
    """The same, supervised by this process (`gen_event:add_sup_handler/3`).

    Manager and process are linked. If this process ends, the handler is removed, with `("stop", reason)`; if the handler
    goes, this process is sent ("gen_event_EXIT", handler, reason), with "normal", "shutdown", ("swapped", handler, pid)
    or why it failed as the reason.
    """
    return await _rpc(manager, "add_sup_handler", handler, arg, running_alive().pid)


async def delete_handler(manager: Any, handler: Handler, arg: Any = None) -> Any:
    """Remove a handler; `arg` is the reason that its `terminate` gets (`gen_event:delete_handler/3`).

    Returns:
        What `terminate` returned, ("EXIT", reason) if it raised, ("error", "module_not_found") if there is no such handler.

    Raises:
        CallExit: the manager is not there.
    """
    return await _rpc(manager, "delete_handler", handler, arg)


async def swap_handler(manager: Any, old: tuple[Handler, Any], new: tuple[Handler, Any]) -> Any:
    """Replace a handler by another one, which takes over what the first one leaves (`gen_event:swap_handler/3`).

    Args:
        manager: which.
        old: the handler and the reason that its `terminate` gets.
        new: the handler and an argument: its `init` gets the pair of that and of what `terminate` returned, or "error"
            if there was no such handler. Whoever supervised the old one supervises the new one.

    Returns:
        "ok", or ("error", what `init` returned).

    Raises:
        CallExit: the manager is not there.
    """
    return await _rpc(manager, "swap_handler", *old, *new)


async def swap_sup_handler(manager: Any, old: tuple[Handler, Any], new: tuple[Handler, Any]) -> Any:
    """The same, and this process supervises the new one (`gen_event:swap_sup_handler/3`)."""
    return await _rpc(manager, "swap_sup_handler", *old, *new, running_alive().pid)


async def which_handlers(manager: Any) -> list[Handler]:
    """The handlers, the one that was added last first (`gen_event:which_handlers/1`).

    Raises:
        CallExit: the manager is not there.
    """
    handlers: list[Handler] = await _rpc(manager, "which_handlers")
    return handlers


async def _rpc(manager: Any, command: str, *args: Any) -> Any:
    made = requests.new_request(current_node(), Command(command, args))
    return await requests.ask(manager, made, None, ("gen_event", command, [manager, *args]))


# Events


def notify(manager: Any, event: Any) -> None:
    """Give an event to all handlers, and go on (`gen_event:notify/2`). For a manager that has gone it is dropped.

    So it is for a `Global` or `Via` name that nobody has, and for one of another node, as in OTP.

    Raises:
        TypeError: `manager` is no address.
        ValueError: nobody has this name; OTP's badarg.
    """
    node = current_node()
    target = requests.reached(node, manager)
    if target is None:
        if names.is_name(manager):
            raise ValueError(f"notify: nobody has the name {display_name(manager)}")
        return
    if target.node is node:
        mailbox.put(target, Notify(event))
    else:
        target.node.door(Signal("send", node.guest, target.pid, Notify(event), None))


async def sync_notify(manager: Any, event: Any) -> str:
    """Give an event to all handlers, and wait until all have run; answers "ok" (`gen_event:sync_notify/2`).

    Raises:
        CallExit: the manager is not there.
    """
    done: str = await _rpc(manager, "sync_notify", event)
    return done


async def call(manager: Any, handler: Handler, request: Any, timeout: float | timedelta | None = 5.0) -> Any:
    """Ask one handler and wait for its answer (`gen_event:call/4`).

    Returns:
        What it replied; ("error", "bad_module") if there is no such handler; ("error", ("EXIT", reason)) if it raised,
        and ("error", value) if it returned what it must not. Then it is removed.

    Raises:
        CallExit: the manager is not there, or no answer came within `timeout` seconds.
    """
    made = requests.new_request(current_node(), request_ids.HandlerCall(handler, request))
    shown: list[object] = [manager, handler, request] if timeout == 5.0 else [manager, handler, request, timeout]
    return await requests.ask(manager, made, seconds(timeout, "call(timeout=)"), ("gen_event", "call", shown))


@overload
def send_request(manager: Any, handler: Handler, request: Any) -> RequestId: ...
@overload
def send_request(manager: Any, handler: Handler, request: Any, label: Any, collection: RequestIds) -> RequestIds: ...
def send_request(
    manager: Any, handler: Handler, request: Any, label: Any = None, collection: RequestIds | None = None
) -> RequestId | RequestIds:
    """Ask one handler and go on; the answer comes as a message (`gen_event:send_request/3,5`). See `request_ids.py`."""
    made = request_ids.HandlerCall(handler, request)
    if collection is None:
        return request_ids.send_request(manager, made)
    return request_ids.send_request(manager, made, label, collection)


# Callbacks


class GenEvent(Generic[State]):
    """The base of all handlers; `State` is what your callbacks are given and return."""

    def init(self, arg: Any, /) -> Ok[State] | Error | Awaitable[Ok[State] | Error]:
        """Make the state."""
        raise NotImplementedError(f"the handler {type(self).__name__} has no init")

    def handle_event(self, event: Any, state: State, /) -> EventReturn[State]:
        """Take an event."""
        raise NotImplementedError(f"the handler {type(self).__name__} has no handle_event")

    def handle_call(self, request: Any, state: State, /) -> CallReturn[State]:
        """Answer a `call`."""
        raise NotImplementedError(f"the handler {type(self).__name__} has no handle_call")

    def handle_info(self, message: Any, state: State, /) -> EventReturn[State]:
        """Take any other message. Without one of its own a handler logs it and goes on."""
        unexpected_info(type(self), message)
        return Ok(state)

    def terminate(self, reason: Any, state: State, /) -> Any:
        """Clean up. What it returns goes to `delete_handler`, or to the handler that comes instead."""
        return "ok"

    def code_change(self, old_version: Any, state: State, extra: Any, /) -> Any:
        """Turn the state of an older version into this one's: return `Ok(state)`."""
        raise NotImplementedError("code_change")

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """What `system.get_status` and reports show: `status` has state, message, reason and log."""
        return status
