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

from collections.abc import Coroutine
from typing import Any, Final, Protocol

from regrow.kernel import mailbox
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exits import display_name
from regrow.kernel.process_record import CALLING, Pid, Process
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


class Call(Protocol):
    """A request as this module sees it: `requests.CallRequest`, which is made above this module."""

    pid: Pid
    request: object
    server: Process | Pid | None
    answer: Any


def closing_call(caller: Process, request: Call) -> tuple[Any, CallCycle] | None:
    """Return the call that closes a cycle and has to fail, with its failure; None if `caller` waits in no cycle.

    It is `request`, or a call that was made while `caller` ran it. It is removed from its server's mailbox.
    """
    cycle = cycle_of(caller, request)
    if not cycle or not all(only_server_can_answer(call) for call in cycle):
        return None
    at = next((at for at, call in enumerate(cycle) if is_unread(call)), 0)
    last = cycle[at]
    cycle = [*cycle[at:], *cycle[:at]]
    pids: list[Pid] = [call.pid for call in cycle]
    if type(last.server) is Process:
        mailbox.remove(last.server, lambda message: message is last)
    return last, CallCycle(("deadlock", pids), _letter(cycle))


def cycle_of(caller: Process, request: Call) -> list[Call]:
    """Return the requests through which `caller` would wait for itself, `request` first; [] if there is no cycle.

    The caller is not suspended yet, so the walk is also bounded by the number of processes: other processes may already
    wait in a cycle that does not contain the caller.
    """
    node = caller.node
    server = request.server
    left = len(node.processes)
    while server is not caller:
        if type(server) is not Process or server.node is not node or server.status != CALLING or left == 0:
            return []
        server = server.waiting.server
        left -= 1
    cycle = [request]
    server = request.server
    while type(server) is Process and server is not caller:
        cycle.append(server.waiting)
        server = server.waiting.server
    return cycle


def only_server_can_answer(request: Call) -> bool:
    """Return whether only its server can answer a request: it is unread, or the loop of a behaviour is handling it now."""
    server = request.server
    if type(server) is not Process or request.answer is DEFERRED:
        return False
    body: object = server.body
    return not isinstance(body, Coroutine) or is_unread(request)


def is_unread(request: Call) -> bool:
    """Return whether a request is still in its server's mailbox."""
    server = request.server
    return type(server) is Process and any(message is request for message in mailbox.messages(server))


def _letter(cycle: list[Call]) -> str:
    last, *others = cycle
    lines = [f"{_who(last.pid)} asked {_server(last)} {_asked(last)}, which waits for it already, and would for ever:"]
    lines += [f"  {_who(call.pid)} waits until {_server(call)} has answered {_asked(call)}" for call in others]
    return "\n".join([*lines, f"  {ADVICE}"])


def _who(pid: Pid) -> str:
    name = None if pid.process is None else pid.process.name
    return repr(pid) if name is None else f"{pid!r} {display_name(name)}"


def _server(request: Call) -> str:
    server = request.server
    return _who(server.pid) if type(server) is Process else "another node"


def _asked(request: Call) -> str:
    return "that it is up" if request.request is None else safe_repr(request.request, 200)
