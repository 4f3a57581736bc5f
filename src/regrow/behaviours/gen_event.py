"""An event manager: one process, and handlers in it that each get every event (OTP's `gen_event`).

    your class                        this module
    ----------                        -----------
    init(arg)                 <-----  add_handler(manager, Handler, arg)
      Ok(state)               ----->  "ok"
    handle_event(event, state)
                              <-----  notify(manager, event), sync_notify(manager, event)
      Ok(state)               ----->  the next handler's turn
    handle_call(request, state)
                              <-----  call(manager, Handler, request)
      Reply(value, state)     ----->  call returns value
    handle_info(message, state)
                              <-----  whatever was sent otherwise
    terminate(reason, state)  <-----  delete_handler(manager, Handler, reason), stop(manager), a failure

Every return:

    init                        Ok(state[, HIBERNATE])   Error(reason)
    handle_event, handle_info   Ok(state[, HIBERNATE])   RemoveHandler()   SwapHandler(arg1, state, handler2, arg2)
    handle_call                 Reply(value, state[, HIBERNATE])   RemoveHandler(reply)
                                SwapHandler(arg1, state, handler2, arg2, reply=value)

A handler is called by its class or, to have several of one class, by (class, id). The one that was added last comes
first. One that raises, or returns anything else, is removed and told `("error", why)`; the manager and the others live.
Whoever adds a handler with `add_sup_handler` is linked to the manager: when it ends, the handler is removed, and when
the handler goes, it is sent ("gen_event_EXIT", handler, reason).

    >>> class Sum(GenEvent[int]):
    ...     def init(self, total):
    ...         return Ok(total)
    ...
    ...     def handle_event(self, event, total):
    ...         return Ok(total + event)
    ...
    ...     def handle_call(self, request, total):
    ...         return Reply(total, total)
    >>> async def main():
    ...     manager = await start_link()
    ...     await add_handler(manager, Sum, 40)
    ...     notify(manager, 1)
    ...     await sync_notify(manager, 1)
    ...     return await call(manager, Sum, "total")
    >>> import regrow
    >>> regrow.run(main)
    42
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from regrow.behaviours import request as requests
from regrow.behaviours import request_ids, starting, system
from regrow.behaviours.child_spec import ChildSpec
from regrow.behaviours.event_manager import Command, Manager, Notify
from regrow.behaviours.event_manager import RemoveHandler as RemoveHandler
from regrow.behaviours.event_manager import SwapHandler as SwapHandler
from regrow.behaviours.gen_server import whereis as whereis
from regrow.behaviours.reports import unexpected_info
from regrow.behaviours.request_ids import RequestId as RequestId
from regrow.behaviours.request_ids import RequestIds as RequestIds
from regrow.behaviours.request_ids import check_response as check_response
from regrow.behaviours.request_ids import receive_response as receive_response
from regrow.behaviours.request_ids import reqids_add as reqids_add
from regrow.behaviours.request_ids import reqids_new as reqids_new
from regrow.behaviours.request_ids import reqids_size as reqids_size
from regrow.behaviours.request_ids import reqids_to_list as reqids_to_list
from regrow.behaviours.request_ids import wait_response as wait_response
from regrow.behaviours.results import Error, Ok, Reply
from regrow.behaviours.starting import Starter, init_ack
from regrow.kernel import mailbox, names, process
from regrow.kernel.clock import seconds
from regrow.kernel.current import living
from regrow.kernel.exits import called
from regrow.kernel.node import here
from regrow.kernel.pid import Monitor, Pid, Process
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
    return pid, process.monitor(pid)


def child_spec(name: object = None) -> ChildSpec:
    """How a supervisor starts a manager, under its name as id."""
    return ChildSpec(id="gen_event" if name is None else name, start=(start_link, (name,)), modules=("dynamic",))


async def _start(name: object, link: bool, timeout: Seconds, debug: object, hibernate_after: Seconds) -> Pid:
    limit = seconds(timeout, "start_link(timeout=)")
    seconds(hibernate_after, "start_link(hibernate_after=)")
    options = system.debug_options(debug)

    return await starting.start(
        begin, options, "the event manager", initial_call=start_link, name=name, link=link, timeout=limit
    )


def begin(process: Process, starter: Starter, debug: system.Debug | None) -> Generator[Any, Any, Any]:
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
    return await _rpc(manager, "add_sup_handler", handler, arg, living().pid)


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
    return await _rpc(manager, "swap_sup_handler", *old, *new, living().pid)


async def which_handlers(manager: Any) -> list[Handler]:
    """The handlers, the one that was added last first (`gen_event:which_handlers/1`).

    Raises:
        CallExit: the manager is not there.
    """
    handlers: list[Handler] = await _rpc(manager, "which_handlers")
    return handlers


async def _rpc(manager: Any, command: str, *args: Any) -> Any:
    made = requests.outgoing(here(), Command(command, args))
    return await requests.ask(manager, made, None, ("gen_event", command, [manager, *args]))


# Events


def notify(manager: Any, event: Any) -> None:
    """Give an event to all handlers, and go on (`gen_event:notify/2`). For a manager that has gone it is dropped.

    So it is for a `Global` or `Via` name that nobody has, and for one of another node, as in OTP.

    Raises:
        TypeError: `manager` is no address.
        ValueError: nobody has this name; OTP's badarg.
    """
    node = here()
    target = requests.reached(node, manager)
    if target is None:
        if names.is_name(manager):
            raise ValueError(f"notify: nobody has the name {called(manager)}")
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
    made = requests.outgoing(here(), request_ids.HandlerCall(handler, request))
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
