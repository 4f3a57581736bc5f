"""The class `GenEvent`, and the client functions of event managers. `regrow.gen_event` documents the concept."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from regrow.behaviours.gen import request as gen_request
from regrow.behaviours.gen import request_ids, starting, system
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.debug import Debug, DebugOptions, debug_options
from regrow.behaviours.gen.reports import unexpected_info
from regrow.behaviours.gen.request_ids import (
    RequestId,
    RequestIds,
)
from regrow.behaviours.gen.results import Error, Ok, Reply
from regrow.behaviours.gen.start_request import StartRequest
from regrow.behaviours.gen.starting import init_ack
from regrow.behaviours.gen_event.manager import Command, Manager, Notify, RemoveHandler, SwapHandler
from regrow.kernel import bifs, mailbox, names, requests
from regrow.kernel.addresses import Address, Name
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import display_name
from regrow.kernel.process_record import Monitor, Pid, Process
from regrow.kernel.running import running_alive
from regrow.kernel.signals import SendSignal

State = TypeVar("State")
Handler = type[Any] | tuple[type[Any], Any]  # a class, or (class, id)
Seconds = float | timedelta | None

EventReturn = Ok[State] | RemoveHandler | SwapHandler | Awaitable[Ok[State] | RemoveHandler | SwapHandler]
CallReturn = Reply[State] | RemoveHandler | SwapHandler | Awaitable[Reply[State] | RemoveHandler | SwapHandler]


# Managers


async def start_link(
    name: Name | None = None, *, timeout: Seconds = None, debug: DebugOptions = (), hibernate_after: Seconds = None
) -> Pid:
    """Start a manager without handlers, linked to the caller, and return its pid (`gen_event:start_link/2`).

    Args:
        name: a string, a class, `Global(key)` or `Via(registry, key)`; None for no name.
        timeout: seconds that the start may take, after which the manager is killed; None for any time.
        debug: debug options of `regrow.system`.
        hibernate_after: seconds; accepted for compatibility with OTP, without effect.

    Raises:
        AlreadyStarted: the name is taken.
        StartError: the start took too long; the reason is "timeout".
        TypeError: `name` cannot be a name, or another argument has a wrong type.
    """
    return await _start(name, True, timeout, debug, hibernate_after)


async def start(
    name: Name | None = None, *, timeout: Seconds = None, debug: DebugOptions = (), hibernate_after: Seconds = None
) -> Pid:
    """Start a manager without handlers and without a link, and return its pid (`gen_event:start/2`).

    Arguments and errors are those of `start_link`.
    """
    return await _start(name, False, timeout, debug, hibernate_after)


async def start_monitor(
    name: Name | None = None, *, timeout: Seconds = None, debug: DebugOptions = (), hibernate_after: Seconds = None
) -> tuple[Pid, Monitor]:
    """Start a manager that the caller monitors; return its pid and the monitor's ref (`gen_event:start_monitor/2`).

    Arguments and errors are those of `start_link`. In a plain asyncio task, which has no mailbox, it raises
    RuntimeError.
    """
    pid = await _start(name, False, timeout, debug, hibernate_after)
    return pid, bifs.monitor(pid)


def child_spec(name: Name | None = None) -> ChildSpec:
    """Return the child spec of a manager: its id is its name, or "gen_event" without a name.

    Args:
        name: the argument of `start_link`.
    """
    return ChildSpec(id="gen_event" if name is None else name, start=(start_link, (name,)), modules=("dynamic",))


async def _start(name: Name | None, link: bool, timeout: Seconds, debug: DebugOptions, hibernate_after: Seconds) -> Pid:
    limit = seconds(timeout, "start_link(timeout=)")
    seconds(hibernate_after, "start_link(hibernate_after=)")
    options = debug_options(debug)

    return await starting.start(
        begin, options, "the event manager", initial_call=start_link, name=name, link=link, timeout=limit
    )


def begin(process: Process, starter: StartRequest, debug: Debug | None) -> Generator[Any, Any, Any]:
    """Run the first step of a manager: trap exits, acknowledge the start, and return the generator of the loop."""
    process.trap_exit = True
    init_ack(process, starter, None)
    return Manager(process, starter.parent, debug).run()


async def stop(manager: Address, reason: object = "normal", timeout: float | timedelta | None = None) -> None:
    """Order a manager to terminate with `reason`, and wait until it has ended (`gen_event:stop/3`).

    The `terminate` of each handler is called with "stop".

    Args:
        manager: a pid, a name, `Global`, `Via` or `(name, node)`.
        reason: the reason to end with.
        timeout: seconds to wait for the end; None waits for ever.

    Raises:
        CallExit: there is no such process, it took longer than `timeout`, or it ended with another reason.
    """
    await system.stop(manager, reason, seconds(timeout, "stop(timeout=)"), "gen_event")


# Handlers


async def add_handler(manager: Address, handler: Handler, arg: Any = None) -> Any:
    """Add a handler to a manager (`gen_event:add_handler/3`). One handler may be added several times.

    Args:
        manager: a pid, a name, `Global`, `Via` or `(name, node)`.
        handler: a class, or (class, id) to distinguish several handlers of one class.
        arg: the argument of the handler's `init`.

    Returns:
        "ok"; ("error", reason) if `init` returned Error(reason); ("EXIT", reason) if it raised; any other result of
        `init` as it is.

    Raises:
        CallExit: there is no such manager.
    """
    return await _rpc(manager, "add_handler", handler, arg)


async def add_sup_handler(manager: Address, handler: Handler, arg: Any = None) -> Any:
    """Add a handler that the calling process supervises (`gen_event:add_sup_handler/3`).

    Manager and caller are linked. When the caller ends, the handler is removed: its `terminate` gets ("stop", reason).
    When the handler is removed, the caller is sent ("gen_event_EXIT", handler, reason); the reason is "normal",
    "shutdown", ("swapped", handler, pid), or the reason of its failure.

    Arguments, results and errors are those of `add_handler`.
    """
    return await _rpc(manager, "add_sup_handler", handler, arg, running_alive().pid)


async def delete_handler(manager: Address, handler: Handler, arg: Any = None) -> Any:
    """Remove a handler, and return the result of its `terminate` (`gen_event:delete_handler/3`).

    Args:
        manager: a pid, a name, `Global`, `Via` or `(name, node)`.
        handler: a class, or (class, id).
        arg: the first argument of its `terminate`.

    Returns:
        The result of `terminate`; ("EXIT", reason) if it raised; ("error", "module_not_found") if there is no such
        handler.

    Raises:
        CallExit: there is no such manager.
    """
    return await _rpc(manager, "delete_handler", handler, arg)


async def swap_handler(manager: Address, old: tuple[Handler, Any], new: tuple[Handler, Any]) -> Any:
    """Replace a handler by another one (`gen_event:swap_handler/3`).

    Args:
        manager: a pid, a name, `Global`, `Via` or `(name, node)`.
        old: (handler, the first argument of its `terminate`).
        new: (handler, argument). Its `init` gets (argument, the result of `terminate`), or (argument, "error") if there
            was no such handler. The supervisor of the old handler supervises the new one.

    Returns:
        "ok", or ("error", the result of `init`).

    Raises:
        CallExit: there is no such manager.
    """
    return await _rpc(manager, "swap_handler", *old, *new)


async def swap_sup_handler(manager: Address, old: tuple[Handler, Any], new: tuple[Handler, Any]) -> Any:
    """Replace a handler by another one, which the calling process supervises (`gen_event:swap_sup_handler/3`).

    Arguments, results and errors are those of `swap_handler`; see `add_sup_handler` for the supervision.
    """
    return await _rpc(manager, "swap_sup_handler", *old, *new, running_alive().pid)


async def which_handlers(manager: Address) -> list[Handler]:
    """Return the handlers, each a class or (class, id), the last added one first (`gen_event:which_handlers/1`).

    Raises:
        CallExit: there is no such manager.
    """
    handlers: list[Handler] = await _rpc(manager, "which_handlers")
    return handlers


async def _rpc(manager: Address, command: str, *args: Any) -> Any:
    sent = requests.new_request(current_node(), Command(command, args))
    return await gen_request.ask(manager, sent, None, ("gen_event", command, [manager, *args]))


# Events


def notify(manager: Address, event: Any) -> None:
    """Send an event to all handlers, without waiting (`gen_event:notify/2`).

    The event is dropped if the manager has ended, or if no process has its `Global`, `Via` or (name, node) name.

    Raises:
        TypeError: `manager` is no address.
        ValueError: no process has this local name (OTP's badarg).
    """
    node = current_node()
    pid = gen_request.find_for_cast(node, manager)
    if pid is None:
        if names.is_name(manager):
            raise ValueError(f"notify: no process has the name {display_name(manager)}")
        return
    target = pid.process
    if target is not None and target.node is node:
        mailbox.put(target, Notify(event))
    elif pid.node is not node:
        pid.node.deliver(SendSignal(node.guest, pid, Notify(event)))


async def sync_notify(manager: Address, event: Any) -> str:
    """Send an event to all handlers, wait until all have handled it, and return "ok" (`gen_event:sync_notify/2`).

    Raises:
        CallExit: there is no such manager.
    """
    done: str = await _rpc(manager, "sync_notify", event)
    return done


async def call(manager: Address, handler: Handler, request: Any, timeout: float | timedelta | None = 5.0) -> Any:
    """Send a request to one handler, wait for its answer and return it (`gen_event:call/4`).

    Args:
        manager: a pid, a name, `Global`, `Via` or `(name, node)`.
        handler: a class, or (class, id).
        request: the first argument of its `handle_call`.
        timeout: seconds to wait for the answer; None waits for ever.

    Returns:
        The handler's reply; ("error", "bad_module") if there is no such handler. A handler that fails is removed: the
        result is ("error", ("EXIT", reason)) if it raised, and ("error", value) if it returned an invalid value.

    Raises:
        CallExit: there is no such manager, or no answer came within `timeout`.
    """
    sent = requests.new_request(current_node(), request_ids.HandlerCall(handler, request))
    shown: list[object] = [manager, handler, request] if timeout == 5.0 else [manager, handler, request, timeout]
    return await gen_request.ask(manager, sent, seconds(timeout, "call(timeout=)"), ("gen_event", "call", shown))


@overload
def send_request(manager: Address, handler: Handler, request: Any) -> RequestId: ...
@overload
def send_request(
    manager: Address, handler: Handler, request: Any, label: Any, collection: RequestIds
) -> RequestIds: ...
def send_request(
    manager: Address, handler: Handler, request: Any, label: Any = None, collection: RequestIds | None = None
) -> RequestId | RequestIds:
    """Send a request to one handler; the answer comes as a message (`gen_event:send_request/3,5`).

    Args:
        manager: a pid, a name, `Global`, `Via` or `(name, node)`.
        handler: a class, or (class, id).
        request: the first argument of its `handle_call`.
        label: any value, by which the answer is recognised in `collection`.
        collection: a collection to which the request is added.

    Returns:
        The RequestId; with `collection` a collection with the request in it. `receive_response`, `wait_response` and
        `check_response` take either.

    Raises:
        RuntimeError: the caller is a plain asyncio task, which has no mailbox.
        TypeError: `manager` is no address.
    """
    handler_call = request_ids.HandlerCall(handler, request)
    if collection is None:
        return request_ids.send_request(manager, handler_call)
    return request_ids.send_request(manager, handler_call, label, collection)


# Callbacks


class GenEvent(Generic[State]):
    """The base class of all handlers; `State` is the type of the state that the callbacks take and return."""

    def init(self, arg: Any, /) -> Ok[State] | Error | Awaitable[Ok[State] | Error]:
        """Return the handler's first state: Ok(state), or Error(reason) to refuse."""
        raise NotImplementedError(f"the handler {type(self).__name__} has no init")

    def handle_event(self, event: Any, state: State, /) -> EventReturn[State]:
        """Handle an event: return Ok(state), RemoveHandler() or SwapHandler(…)."""
        raise NotImplementedError(f"the handler {type(self).__name__} has no handle_event")

    def handle_call(self, request: Any, state: State, /) -> CallReturn[State]:
        """Handle a `call`: return Reply(value, state), RemoveHandler(reply) or SwapHandler(…, reply=…)."""
        raise NotImplementedError(f"the handler {type(self).__name__} has no handle_call")

    def handle_info(self, message: Any, state: State, /) -> EventReturn[State]:
        """Handle any other message: return Ok(state), RemoveHandler() or SwapHandler(…). The default logs it."""
        unexpected_info(type(self), message)
        return Ok(state)

    def terminate(self, reason: Any, state: State, /) -> Any:
        """Clean up before the handler is removed.

        The result goes to `delete_handler`, or to the handler that replaces it.
        """
        return "ok"

    def code_change(self, old_version: Any, state: State, extra: Any, /) -> Any:
        """Convert the state of an older version: return `Ok(state)`. Called by `system.change_code`."""
        raise NotImplementedError("code_change")

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """Return the status for `system.get_status` and reports: a dict of state, message, reason and log."""
        return status
