"""A server's clients: call, cast, stop, and the same on several nodes (the outside of OTP's `gen_server`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Literal, TypeVar, overload

from regrow.behaviours.gen import request as requests
from regrow.behaviours.gen import system, typed_request
from regrow.behaviours.gen.arguments import listed
from regrow.behaviours.gen.request import Cast
from regrow.kernel import mailbox, names
from regrow.kernel.awaitables import Foreign
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.coroutine_driver import COMPILED
from regrow.kernel.current_node import CURRENT, NODES, NODES_LOCK, current_node
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import RECEIVING
from regrow.kernel.requests import ANSWERED, CallRequest
from regrow.kernel.signals import Signal

Answer = TypeVar("Answer")
From = CallRequest
_HERE: Final = CURRENT  # a constant, which compiled code reads without looking a name up
Seconds = float | timedelta | None


# The second is for those that would be taken for the third: a wrong answer is an error, and not Any.
@overload
async def call(server: Any, request: typed_request.Request[Answer], timeout: Seconds = 5.0) -> Answer: ...
@overload
async def call(server: Any, request: typed_request.Request[Any], timeout: Seconds = 5.0) -> object: ...
@overload
async def call(server: Any, request: Any, timeout: Seconds = 5.0) -> Any: ...
async def call(server: Any, request: Any, timeout: Seconds = 5.0) -> Any:
    """Ask a server and wait for its answer (`gen_server:call/3`). Works from processes and plain asyncio tasks.

    Args:
        server: a pid, a name, `Global`, `Via` or `(name, node)`.
        request: what `handle_call` gets.
        timeout: seconds; None waits for ever.

    Raises:
        NoProcess: nobody is there.
        CalleeExit: the server ended before it answered.
        CallTimeout: no answer in time. The server may still work on it; its late reply is dropped.
        CallingSelf: it is the caller itself.
        Deadlock: it waits for the caller, directly or through others; see `docs/decisions/0010-deadlocks.md`.
        NoNode: there is no node in this thread; see `regrow.from_thread`.
        TypeError: not an address, or not seconds.
        ValueError: a negative timeout, or an unknown registry.
    """
    waits = True
    if timeout != 5.0:
        timeout = seconds(timeout, "call(timeout=)")
        waits = timeout != 0.0
    node = _HERE.node or current_node()
    caller = node.scheduler.current
    if caller is None and node.adopted:
        caller = node.caller()
    made = CallRequest(node.guest if caller is None else caller.pid, request)
    target = server.process if type(server) is Pid else node.names.get(server) if type(server) is type else None
    if (
        target is not None
        and target.status == RECEIVING
        and target.node is node
        and waits
        and node.trace is None
        and node.scheduler.hand_over(target, made)
    ):
        if made.state == ANSWERED and (caller is None or caller.alive):
            return made.answer
        made.server = target
    await requests.wait(node, caller, server, made, timeout)  # type: ignore[arg-type]
    if made.state == ANSWERED:
        return made.answer
    place = ("GenServer", "call", [server, request, timeout])
    raise await requests.failed(node, made, server, timeout, place)  # type: ignore[arg-type]


def cast(server: Any, request: object) -> None:
    """Send a request that wants no answer (`gen_server:cast/2`). Never fails: what nobody is there for is dropped.

    Raises:
        NoNode: there is no node in this thread.
        TypeError: `server` is no address.
    """
    node = _HERE.node or current_node()
    target = server.process if type(server) is Pid else requests.reached(node, server)
    message = Cast(request)
    if node.trace is not None:
        caller = node.caller()
        node.trace.tell("send", node.guest if caller is None else caller.pid, server, message)
    if target is None:
        return
    if target.node is node:
        mailbox.put(target, message)
    else:
        target.node.door(Signal("send", node.guest, target.pid, message, None))


async def stop(server: Any, reason: object = "normal", timeout: float | timedelta | None = None) -> None:
    """Order a server to terminate with `reason` and wait until it has ended (`gen_server:stop/3`).

    It takes its turn behind the messages that are there already; `terminate` is called.

    Raises:
        CallExit: nobody is there, it took longer than `timeout` seconds, or it ended with another reason.
    """
    limit = seconds(timeout, "stop(timeout=)")
    stopped = system.stop(server, reason, limit, "GenServer")
    await (Foreign(stopped) if COMPILED else stopped)


def abcast(name: object, request: object, *, nodes: Sequence[object] | None = None) -> Literal["abcast"]:
    """Cast to the server of one name on several nodes of this program (`gen_server:abcast/2,3`). Never fails.

    Args:
        name: a string or a class.
        request: what each `handle_cast` gets.
        nodes: names of nodes, or the nodes themselves; None for all. Those that are not there are left out.

    Raises:
        TypeError: this is no name, or these are no nodes.
    """
    for where in _wanted_nodes(current_node(), name, nodes, "abcast"):
        cast((name, where), request)
    return "abcast"


async def multi_call(
    name: object, request: object, timeout: Seconds = None, *, nodes: Sequence[object] | None = None
) -> tuple[list[tuple[object, Any]], list[object]]:
    """Ask the servers of one name on several nodes of this program, all at once (`gen_server:multi_call/2,3,4`).

    Args:
        name: a string or a class.
        request: what each `handle_call` gets.
        timeout: seconds for all answers together; None waits for ever. What comes later is dropped.
        nodes: names of nodes, or the nodes themselves; None for all.

    Returns:
        The answers as pairs (node, answer), and the nodes without one: nobody has the name there, it ended, it did not
        answer in time, or there is no such node. Both in the order of `nodes`.

    Raises:
        TypeError: this is no name, these are no nodes, or not seconds.
    """
    limit = seconds(timeout, "multi_call(timeout=)")
    asked = _wanted_nodes(current_node(), name, nodes, "multi_call")
    made = await requests.ask_all([(name, where) for where in asked], request, limit)
    shown = [where.name if nodes is None and isinstance(where, Node) else where for where in asked]
    answers = [(where, one.answer) for where, one in zip(shown, made, strict=True) if one.state == ANSWERED]
    return answers, [where for where, one in zip(shown, made, strict=True) if one.state != ANSWERED]


def _wanted_nodes(node: Node, name: object, wanted: Sequence[object] | None, what: str) -> Sequence[object]:
    if not names.is_name(name):
        raise TypeError(f"{what}: wanted a name on each node, a string or a class; got {safe_repr(name)}")
    if wanted is not None:
        return list(listed(f"{what}(nodes=)", "nodes", wanted))
    with NODES_LOCK:
        return [node, *(other for other in NODES.values() if other is not node)]


def whereis(server: Any) -> Pid | None:
    """The pid that an address stands for now, or None (`GenServer.whereis/1`).

    Raises:
        TypeError: this is no address.
    """
    return names.find(current_node(), server)
