"""A call's request and its answer: hand-over, delivery, deadline, failure (OTP's `gen.erl`).

    caller                                   server
    ------                                   ------
    ask(server, request)   --CallRequest-->  handed over at once if the server is idle, else put into its mailbox
    reads the answer       <--answer--       reply(from_, value)
    or waits until the answer comes, the server ends, or the deadline passes

A request never overtakes another message, so that hand-over and mailbox cannot be distinguished from outside. The first
of answer, end and deadline settles the request, and later ones are dropped. `kernel/requests.py` does this; here are
the client functions of all behaviours, and the errors for requests that fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from regrow.behaviours.gen.user_code import is_failure
from regrow.kernel import names, requests
from regrow.kernel.awaitables import OTHERS
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.deadlock import CallCycle
from regrow.kernel.exits import (
    CalleeExit,
    CallExit,
    CallingSelf,
    CallTimeout,
    Deadlock,
    NoProcess,
    UnknownRequest,
    display_name,
)
from regrow.kernel.explained_reasons import in_words
from regrow.kernel.mailbox import messages
from regrow.kernel.process_record import RECEIVING, Host, Pid, Process
from regrow.kernel.requests import ANSWERED, CLOSED, CallRequest, deliver, new_request, wait

Place = tuple[str, str, list[object]]  # the call as the reason of its failure names it: module, function, arguments

ERRORS: dict[object, type[CallExit]] = {"noproc": NoProcess, "calling_self": CallingSelf, "timeout": CallTimeout}


class UnknownRequestAnswer:
    """The failure of a request that the server does not know: reason and letter, raised in the caller.

    The server continues.
    """

    __slots__ = ("letter", "reason")

    def __init__(self, reason: object, letter: str) -> None:
        self.reason: object = reason
        self.letter: str = letter


class Cast:
    """The message of a cast, a request without an answer (OTP's `{'$gen_cast', request}`)."""

    __slots__ = ("request",)
    __match_args__: Final = ("request",)

    def __init__(self, request: object) -> None:
        self.request: object = request

    def __repr__(self) -> str:
        return f"Cast({self.request!r})"


def find_for_cast(node: Host, address: object) -> Pid | None:
    """Return the pid that a cast to `address` reaches, or None. A registry that raises does not fail the cast.

    OTP's `gen_server:cast/2` has `catch Mod:send(…)` for this.

    Raises:
        TypeError: `address` is no address.
    """
    if names.is_name(address):
        named: Process | None = node.names.get(address)
        return None if named is None else named.pid
    if type(address) is Pid:
        return address
    via = names.via_in(address)
    try:
        if type(via) is names.Via:
            via.table(node)
    except ValueError:  # there is no such registry, so no process has the name
        return None
    try:
        return names.find(node, address)
    except BaseException as error:
        if via is None or not is_failure(node.caller(), error):
            raise
        return None


async def ask(server: object, request: CallRequest, timeout: float | None, place: Place) -> Any:
    """Send a request, wait for its answer and return it; `place` is the call as the reason of a failure names it.

    Raises:
        CallExit: there is no such server, it ended, no answer came within `timeout` seconds, or it is the caller
            itself.
    """
    node = current_node()
    await wait(node, node.caller(), server, request, timeout)
    if request.state == ANSWERED:
        return request.answer
    raise await failed(node, request, server, timeout, place)


async def failed(node: Host, request: CallRequest, server: object, timeout: float | None, place: Place) -> CallExit:
    """Return the exception for a caller whose request failed, after yielding if the caller's turn is used up."""
    if not node.scheduler.has_time():
        await OTHERS
    return failure(node, request, server, timeout, place)


async def ask_all(servers: Sequence[object], request: object, timeout: float | None) -> list[CallRequest]:
    """Send one request to several servers, wait for all answers together, and return the settled requests."""
    node = current_node()
    caller = node.caller()
    sent = [new_request(node, request) for _ in servers]
    ends = None if timeout is None else node.clock.now() + timeout
    try:
        for server, call in zip(servers, sent, strict=True):
            deliver(node, caller, server, call)
        for server, call in zip(servers, sent, strict=True):
            await wait(node, caller, server, call, None if ends is None else max(0.0, ends - node.clock.now()))
    finally:
        for call in sent:
            requests.abandon(call)
    if not node.scheduler.has_time():
        await OTHERS
    return sent


def failure(node: Host, request: CallRequest, server: object, timeout: float | None, place: Place) -> CallExit:
    """Return the exception for a caller whose request failed: the kind by its reason, with a letter for the reader."""
    why: Any = "timeout" if request.state == CLOSED else request.answer
    if node.trace is not None:
        node.trace.emit(
            "fail",
            request.pid,
            server,
            (request, why.reason if type(why) is UnknownRequestAnswer or type(why) is CallCycle else why),
        )
    if type(why) is UnknownRequestAnswer:
        return UnknownRequest((why.reason, place), why.letter)
    if type(why) is CallCycle:
        return Deadlock((why.reason, place), why.letter)
    kind = ERRORS.get(why, CalleeExit) if type(why) is str else CalleeExit
    who = display_name(server)
    asked = safe_repr(request.request, 200)
    if kind is CallTimeout:
        letter = _timeout_letter(node, server, asked, timeout)
    elif kind is NoProcess:
        missing = f"{who} is not alive, or no process has that name now"
        if server is None:
            missing = "the server is None, which whereis() returns when no process has the name"
        letter = f"no process: {missing}. It was asked {asked}"
    elif kind is CallingSelf:
        letter = f"{who} asked itself {asked}, and would wait for its own answer for ever. Call the function instead"
    else:
        letter = f"{who} ended before it answered {asked}: {in_words(why)}"
    return kind((why, place), letter)


def _timeout_letter(node: Host, server: object, asked: str, timeout: float | None) -> str:
    pid = names.find(node, server)
    process = None if pid is None else pid.process
    lines = [f"{display_name(server)} did not answer {asked} within {timeout} s."]
    if process is not None and process.node is node:
        waiting = len(messages(process))
        doing = "is waiting for messages" if process.status == RECEIVING else "is busy"
        lines.append(f"It {doing}, and {waiting} messages are in its mailbox.")
    lines.append("Give it longer with timeout=, or answer later from a task with reply(from_, value).")
    return "\n  ".join(lines)
