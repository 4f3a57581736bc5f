"""The client functions of servers: call, cast, stop, multi_call, abcast (OTP's `gen_server`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Literal, TypeVar, overload

from regrow.behaviours.gen import request as gen_request
from regrow.behaviours.gen import system, typed_request
from regrow.behaviours.gen.arguments import listed
from regrow.behaviours.gen.request import Cast
from regrow.kernel import mailbox, names, requests
from regrow.kernel.addresses import Address, LocalName, NodeName
from regrow.kernel.awaitables import Foreign
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.coroutine_driver import COMPILED
from regrow.kernel.current_node import CURRENT, NODES, NODES_LOCK, current_node
from regrow.kernel.process_record import RECEIVING, Host, Pid
from regrow.kernel.requests import ANSWERED, CallRequest
from regrow.kernel.signals import SendSignal

Answer = TypeVar("Answer")
From = CallRequest
_HERE: Final = CURRENT  # a Final of this module: compiled code reads it without a dictionary look-up
Seconds = float | timedelta | None


# Without the second overload, a `Request[int]` that is used as a str would match the third, and be Any instead of an
# error.
@overload
async def call(server: Address, request: typed_request.Request[Answer], timeout: Seconds = 5.0) -> Answer: ...
@overload
async def call(server: Address, request: typed_request.Request[Any], timeout: Seconds = 5.0) -> object: ...
@overload
async def call(server: Address, request: Any, timeout: Seconds = 5.0) -> Any: ...
async def call(server: Any, request: Any, timeout: Seconds = 5.0) -> Any:
    """Send a request to a server, wait for its answer and return it (`gen_server:call/3`).

    The caller may be a process or a plain asyncio task.

    Args:
        server: a pid, a name, `Global`, `Via` or `(name, node)`.
        request: the first argument of the server's `handle_call`.
        timeout: seconds to wait for the answer; None waits for ever.

    Raises:
        NoProcess: there is no such process.
        CalleeExit: the server ended before it answered.
        CallTimeout: no answer came in time. The server may still work on the request; its late reply is dropped.
        CallingSelf: the server is the caller itself.
        Deadlock: the server waits for the caller, directly or through others; see `docs/decisions/0010-deadlocks.md`.
        NoNode: there is no node in this thread; see `regrow.from_thread`.
        TypeError: `server` is no address, or `timeout` no number of seconds.
        ValueError: `timeout` is negative, or the registry is unknown.
    """
    # hot: doubles `requests.wait`, up to the hand-over. An idle server on this node is found and run without the two
    # function calls in between; tests/kernel/test_costs.py counts the steps.
    waits = True
    if timeout != 5.0:
        timeout = seconds(timeout, "call(timeout=)")
        waits = timeout != 0.0
    node = _HERE.node or current_node()
    caller = node.scheduler.current
    if caller is None and node.adopted:
        caller = node.caller()
    sent = CallRequest(node.guest if caller is None else caller.pid, request)
    target = server.process if type(server) is Pid else node.names.get(server) if type(server) is type else None
    if (
        target is not None
        and target.status == RECEIVING
        and target.node is node
        and waits
        and node.trace is None
        and node.scheduler.hand_over(target, sent)
    ):
        if sent.state == ANSWERED and (caller is None or caller.alive):
            return sent.answer
        sent.server = target
    await requests.wait(node, caller, server, sent, timeout)  # type: ignore[arg-type]
    if sent.state == ANSWERED:
        return sent.answer
    place = ("GenServer", "call", [server, request, timeout])
    raise await gen_request.failed(node, sent, server, timeout, place)  # type: ignore[arg-type]


def cast(server: Address, request: object) -> None:
    """Send a request that has no answer (`gen_server:cast/2`). If there is no such process, it is dropped.

    Args:
        server: a pid, a name, `Global`, `Via` or `(name, node)`.
        request: the first argument of the server's `handle_cast`.

    Raises:
        NoNode: there is no node in this thread.
        TypeError: `server` is no address.
    """
    node = _HERE.node or current_node()
    pid: Pid | None = server if type(server) is Pid else gen_request.find_for_cast(node, server)
    message = Cast(request)
    if node.trace is not None:
        caller = node.caller()
        node.trace.emit("send", node.guest if caller is None else caller.pid, server, message)
    if pid is None:
        return
    target = pid.process
    if target is not None and target.node is node:
        mailbox.put(target, message)
    elif pid.node is not node:
        pid.node.deliver(SendSignal(node.guest, pid, message))


async def stop(server: Address, reason: object = "normal", timeout: float | timedelta | None = None) -> None:
    """Order a server to terminate with `reason` and wait until it has ended (`gen_server:stop/3`).

    The server first handles the messages that are in its mailbox; its `terminate` is called.

    Args:
        server: a pid, a name, `Global`, `Via` or `(name, node)`.
        reason: the reason to end with.
        timeout: seconds to wait for the end; None waits for ever.

    Raises:
        CallExit: there is no such process, it took longer than `timeout`, or it ended with another reason.
    """
    limit = seconds(timeout, "stop(timeout=)")
    stopped = system.stop(server, reason, limit, "GenServer")
    await (Foreign(stopped) if COMPILED else stopped)


def abcast(name: LocalName, request: object, *, nodes: Sequence[NodeName] | None = None) -> Literal["abcast"]:
    """Send a cast to the servers of one name on several nodes of this program (`gen_server:abcast/2,3`).

    Args:
        name: a string or a class.
        request: the first argument of each server's `handle_cast`.
        nodes: names of nodes, or the nodes themselves; None for all. Nodes that do not exist are left out.

    Raises:
        TypeError: `name` is no name, or `nodes` is no list of nodes.
    """
    for where in _wanted_nodes(current_node(), name, nodes, "abcast"):
        cast((name, where), request)
    return "abcast"


async def multi_call(
    name: LocalName, request: object, timeout: Seconds = None, *, nodes: Sequence[NodeName] | None = None
) -> tuple[list[tuple[NodeName, Any]], list[NodeName]]:
    """Call the servers of one name on several nodes of this program, concurrently (`gen_server:multi_call/2,3,4`).

    Args:
        name: a string or a class.
        request: the first argument of each server's `handle_call`.
        timeout: seconds for all answers together; None waits for ever. Later answers are dropped.
        nodes: names of nodes, or the nodes themselves; None for all.

    Returns:
        The answers as pairs (node, answer), and the nodes without an answer: there is no such node, no process has the
        name there, it ended, or it did not answer in time. Both are in the order of `nodes`.

    Raises:
        TypeError: `name` is no name, `nodes` is no list of nodes, or `timeout` no number of seconds.
    """
    limit = seconds(timeout, "multi_call(timeout=)")
    wanted = _wanted_nodes(current_node(), name, nodes, "multi_call")
    settled = await gen_request.ask_all([(name, where) for where in wanted], request, limit)
    shown = [where.name if nodes is None and isinstance(where, Host) else where for where in wanted]
    answers = [(where, sent.answer) for where, sent in zip(shown, settled, strict=True) if sent.state == ANSWERED]
    return answers, [where for where, sent in zip(shown, settled, strict=True) if sent.state != ANSWERED]


def _wanted_nodes(node: Host, name: object, wanted: Sequence[NodeName] | None, what: str) -> Sequence[NodeName]:
    if not names.is_name(name):
        raise TypeError(f"{what}: wanted a name on each node, a string or a class; got {safe_repr(name)}")
    if wanted is not None:
        return list(listed(f"{what}(nodes=)", "nodes", wanted))
    with NODES_LOCK:
        return [node, *(other for other in NODES.values() if other is not node)]


def whereis(server: Address | None) -> Pid | None:
    """Return the pid that an address stands for now; None if no process has the name (`GenServer.whereis/1`).

    Raises:
        TypeError: `server` is no address.
    """
    return names.find(current_node(), server)
