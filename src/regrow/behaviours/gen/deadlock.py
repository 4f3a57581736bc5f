"""Who waits for whom: a circle of calls in which nobody would ever be answered, found by the call that closes it.

    A ---call---> B ---call---> C ---call---> A        each waits for the next one's answer

Whoever is about to wait for a process that itself waits in a call follows the waits, from one to the next, until they
come back to it or end. They do not come back through what waits for anything else: a message, a future of asyncio's,
another node. A plain asyncio task can be asked by nobody, and is in no circle.

With direct hand-over A and B stand on the stack below C when C asks A, and wait only when C does. Then it is A that
sees the circle, but it is the same call that fails in the same process: the only one of the circle which still lies
unread in a mailbox, for all the others were made before, and are being handled.

No circle holds if somebody outside it may answer: a request whose server returned NoReply, or postponed it, may be
answered by anyone from then on. See `docs/decisions/0010-deadlocks.md`.
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

DEFERRED: Final = Token("DEFERRED")  # the answer of a request that is still to be answered, perhaps by another process

ADVICE: Final = (
    "Make one of these requests a cast, ask after the callback, in handle_continue, or answer later, from a task, "
    "with reply(from_, value)."
)


class CallCycle:
    """Why a request failed that would have waited for itself."""

    __slots__ = ("letter", "reason")

    def __init__(self, reason: object, letter: str) -> None:
        self.reason: object = reason
        self.letter: str = letter


def mark_deferred(request: CallRequest) -> None:
    """A server goes on without having answered: from now on the answer may come from anyone, at any time."""
    if request.state == PENDING and request.pid.node is CURRENT.node:  # another node's is for its own thread alone
        request.answer = DEFERRED


def fail_closing_call(caller: Process, made: CallRequest) -> None:
    """Fail the call that closed a circle, if `caller` now waits for itself: `made`, or one made while it ran."""
    circle = cycle_of(caller, made)
    if not circle or not all(only_server_can_answer(one) for one in circle):
        return
    at = next((at for at, one in enumerate(circle) if is_unread(one)), 0)
    last = circle[at]
    circle = [*circle[at:], *circle[:at]]
    pids: list[Pid] = [one.pid for one in circle]
    take_back(last)
    requests.settle(last, FAILED, CallCycle(("deadlock", pids), _letter(circle)))


def cycle_of(caller: Process, made: CallRequest) -> list[CallRequest]:
    """The requests through which `caller` would wait for itself, its own one first; none, if it would not."""
    node = caller.node
    server = made.server
    left = len(node.processes)
    while server is not caller:
        if server is None or server.node is not node or server.status != CALLING or left == 0:
            return []
        server = server.waiting.server
        left -= 1
    circle = [made]
    server = made.server
    while server is not None and server is not caller:
        circle.append(server.waiting)
        server = server.waiting.server
    return circle


def only_server_can_answer(request: CallRequest) -> bool:
    """Whether nobody but its server can answer a request: it is unread, or a loop of ours is handling it now."""
    server = request.server
    if server is None or request.answer is DEFERRED:
        return False
    return not runs_a_function(server) or is_unread(request)


def is_unread(request: CallRequest) -> bool:
    """Whether a request still lies in its server's mailbox."""
    server = request.server
    return server is not None and any(message is request for message in server.mailbox or ())


def take_back(request: CallRequest) -> None:
    """Take a request out of its server's mailbox: nobody waits for the answer any more."""
    server = request.server
    if server is None or server.mailbox is None:
        return
    for position, message in enumerate(server.mailbox):
        if message is request:
            del server.mailbox[position]
            break
    if not server.mailbox:
        server.mailbox = None


def _letter(circle: list[CallRequest]) -> str:
    last, *others = circle
    lines = [f"{_who(last.pid)} asked {_server(last)} {_asked(last)}, which waits for it already, and would for ever:"]
    lines += [f"  {_who(one.pid)} waits until {_server(one)} has answered {_asked(one)}" for one in others]
    return "\n".join([*lines, f"  {ADVICE}"])


def _who(pid: Pid) -> str:
    name = None if pid.process is None else pid.process.name
    return repr(pid) if name is None else f"{pid!r} {display_name(name)}"


def _server(request: CallRequest) -> str:
    return "nobody" if request.server is None else _who(request.server.pid)


def _asked(request: CallRequest) -> str:
    return "that it is up" if request.request is None else safe_repr(request.request, 200)
