"""Deadlock detection: the call that closes a cycle of waiting calls fails, because none of them would be answered.

    A ---call---> B ---call---> C ---call---> A        each waits for the next one's answer

A caller that is about to wait for a process that itself waits in a call follows the waits from server to server, until
they come back to the caller or end. A process that waits for a message, for an asyncio future or for another node ends
the search. A plain asyncio task has no mailbox, so it cannot be called, and is never part of a cycle.

With direct hand-over, A and B are on the stack below C when C calls A, and suspend only after C does. Then A finds the
cycle, but the same call fails in the same process: C's call is the only one of the cycle that is still unread in a
mailbox, because the others were made earlier and are being handled.

A cycle is no deadlock if a process outside it may answer: once a server has returned NoReply for a request, or has
postponed it, any process may answer that request. See `docs/decisions/0010-deadlocks.md`.
"""

from __future__ import annotations

from typing import Final

from regrow.kernel import requests
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import CURRENT
from regrow.kernel.exits import display_name
from regrow.kernel.node_shutdown import runs_a_function
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import CALLING, Process
from regrow.kernel.requests import FAILED, PENDING, CallRequest
from regrow.kernel.yields import Token

DEFERRED: Final = Token("DEFERRED")  # stands in `answer` while a request is pending that any process may answer

ADVICE: Final = (
    "Make one of these requests a cast, ask after the callback, in handle_continue, or answer later, from a task, "
    "with reply(from_, value)."
)


class CallCycle:
    """The failure of a request that would have waited for itself: OTP-style reason, and the letter for the reader."""

    __slots__ = ("letter", "reason")

    def __init__(self, reason: object, letter: str) -> None:
        self.reason: object = reason
        self.letter: str = letter


def mark_deferred(request: CallRequest) -> None:
    """Record that a callback returned without answering the request: any process may answer it from now on."""
    if request.state == PENDING and request.pid.node is CURRENT.node:  # only the caller's own thread may write to it
        request.answer = DEFERRED


def fail_closing_call(caller: Process, request: CallRequest) -> None:
    """Fail the call that closes a cycle, if `caller` would wait for itself: `request`, or a call made while it ran."""
    cycle = cycle_of(caller, request)
    if not cycle or not all(only_server_can_answer(call) for call in cycle):
        return
    at = next((at for at, call in enumerate(cycle) if is_unread(call)), 0)
    last = cycle[at]
    cycle = [*cycle[at:], *cycle[:at]]
    pids: list[Pid] = [call.pid for call in cycle]
    take_back(last)
    requests.settle(last, FAILED, CallCycle(("deadlock", pids), _letter(cycle)))


def cycle_of(caller: Process, request: CallRequest) -> list[CallRequest]:
    """Return the requests through which `caller` would wait for itself, `request` first; [] if there is no cycle.

    The caller is not suspended yet, so the walk is also bounded by the number of processes: other processes may already
    wait in a cycle that does not contain the caller.
    """
    node = caller.node
    server = request.server
    left = len(node.processes)
    while server is not caller:
        if server is None or server.node is not node or server.status != CALLING or left == 0:
            return []
        server = server.waiting.server
        left -= 1
    cycle = [request]
    server = request.server
    while server is not None and server is not caller:
        cycle.append(server.waiting)
        server = server.waiting.server
    return cycle


def only_server_can_answer(request: CallRequest) -> bool:
    """Whether only its server can answer a request: it is unread, or the loop of a behaviour is handling it now."""
    server = request.server
    if server is None or request.answer is DEFERRED:
        return False
    return not runs_a_function(server) or is_unread(request)


def is_unread(request: CallRequest) -> bool:
    """Whether a request is still in its server's mailbox."""
    server = request.server
    return server is not None and any(message is request for message in server.mailbox or ())


def take_back(request: CallRequest) -> None:
    """Remove a request from its server's mailbox, because its caller no longer waits for the answer."""
    server = request.server
    if server is None or server.mailbox is None:
        return
    for position, message in enumerate(server.mailbox):
        if message is request:
            del server.mailbox[position]
            break
    if not server.mailbox:
        server.mailbox = None


def _letter(cycle: list[CallRequest]) -> str:
    last, *others = cycle
    lines = [f"{_who(last.pid)} asked {_server(last)} {_asked(last)}, which waits for it already, and would for ever:"]
    lines += [f"  {_who(call.pid)} waits until {_server(call)} has answered {_asked(call)}" for call in others]
    return "\n".join([*lines, f"  {ADVICE}"])


def _who(pid: Pid) -> str:
    name = None if pid.process is None else pid.process.name
    return repr(pid) if name is None else f"{pid!r} {display_name(name)}"


def _server(request: CallRequest) -> str:
    return "no server" if request.server is None else _who(request.server.pid)


def _asked(request: CallRequest) -> str:
    return "that it is up" if request.request is None else safe_repr(request.request, 200)
