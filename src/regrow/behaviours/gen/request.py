"""A call's request and its answer: hand-over, delivery, deadline, failure (OTP's `gen.erl`).

    caller                                   server
    ------                                   ------
    ask(server, request)   --CallRequest-->  handed over at once if the server is idle, else put into its mailbox
    reads the answer       <--answer--       reply(from_, value)
    or waits until the answer comes, the server ends, or the deadline passes

A CallRequest is message, return address, monitor and deadline in one object. The two ways cannot be distinguished
from outside: a request never overtakes another message. The first of answer, end and deadline settles the request, and
later ones are dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from regrow.behaviours.gen.deadlock import CallCycle, fail_closing_call
from regrow.behaviours.gen.user_code import is_failure
from regrow.kernel import names, requests, small_set
from regrow.kernel.awaitables import OTHERS, Settled
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.coroutine_driver import COMPILED
from regrow.kernel.current_node import CURRENT, current_node
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
from regrow.kernel.mailbox import put
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import CALLING, RECEIVING, Process
from regrow.kernel.requests import ANSWERED, CLOSED, FAILED, PENDING, CallRequest
from regrow.kernel.running import unwind

Place = tuple[str, str, list[object]]  # the call as the reason of its failure names it: module, function, arguments

ERRORS: dict[object, type[CallExit]] = {"noproc": NoProcess, "calling_self": CallingSelf, "timeout": CallTimeout}


class RemoteWaiter:
    """The waiter of a caller on another node until it waits: it keeps the server from answering directly.

    A server answers a request without a waiter by writing into it, which only the caller's own thread may do.
    """

    def done(self) -> bool:
        """Return True: there is nothing to wake yet."""
        return True


REMOTE_WAITER = RemoteWaiter()


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


def reply(from_: CallRequest, value: object) -> None:
    """Answer a call, from any process, now or later (`gen_server:reply/2`). A late answer is dropped."""
    node = from_.pid.node
    there = CURRENT.node
    if node.trace is not None or (there is not None and there.trace is not None):
        tell_reply(node, there, from_, value)
    node.settle(from_, ANSWERED, value)


def reply_here(here: Node, from_: CallRequest, value: object) -> None:
    """Answer a call from a process of the node `here`.

    For a caller on the same node this saves three calls of `reply`.
    """
    if from_.pid.node is here and here.trace is None:
        requests.settle(from_, ANSWERED, value)
    else:
        reply(from_, value)


def reached(node: Node, address: object) -> Process | None:
    """Return the process that a cast to `address` reaches, or None. A registry that raises does not fail the cast.

    OTP's `gen_server:cast/2` has `catch Mod:send(…)` for this.

    Raises:
        TypeError: `address` is no address.
    """
    if names.is_name(address):
        named: Process | None = node.names.get(address)
        return named
    if type(address) is Pid:
        return address.process
    via = names.via_in(address)
    try:
        if type(via) is names.Via:
            via.table(node)
    except ValueError:  # there is no such registry, so no process has the name
        return None
    try:
        pid = names.find(node, address)
    except BaseException as error:
        if via is None or not is_failure(node.caller(), error):
            raise
        return None
    return None if pid is None else pid.process


def tell_reply(node: Node, there: Node | None, from_: CallRequest, value: object) -> None:
    """Trace a reply on the node of the replying process, and on the caller's node, in that node's thread."""
    who = who_runs()
    if there is not None and there.trace is not None:
        there.trace.tell("reply", who, from_.pid, (from_, value))
    if node is not there:
        node.post(_tell_reply, node, who, from_, value)


def _tell_reply(node: Node, who: Pid | None, from_: CallRequest, value: object) -> None:
    if node.trace is not None:
        node.trace.tell("reply", who, from_.pid, (from_, value))


def who_runs() -> Pid | None:
    """Return the pid of the process that runs in this thread, for the trace; None in a plain asyncio task."""
    caller = None if CURRENT.node is None else CURRENT.node.caller()
    return None if caller is None else caller.pid


async def wait(node: Node, caller: Process | None, server: object, request: CallRequest, timeout: float | None) -> None:
    """Deliver `request` if it was not handed over, and wait until it is settled.

    Raises:
        ValueError: there is no such registry.
        TypeError: `server` is no address.
    """
    # A caller that was killed by its own request, or before it, must not run on: `unwind` never returns.
    if caller is not None and not caller.alive:
        await unwind()
    if request.state != PENDING:
        return
    if request.server is None:
        if not try_hand_over(node, caller, server, request, timeout) and not deliver(node, caller, server, request):
            return
        if caller is not None and not caller.alive:  # the server killed the caller while it handled the request
            await unwind()
        if request.state != PENDING:
            return
    if timeout == 0.0:
        requests.settle(request, CLOSED, None)
        return
    target = request.server
    assert target is not None
    task: object = asyncio.current_task(node.loop)
    itself = caller is not None and caller.task is task  # False for an eager asyncio task that the process has started
    if target.status == CALLING and itself and caller is not None:
        fail_closing_call(caller, request)
        if request.state != PENDING:
            return
    if target.node is node:
        request.server = None
        requests.watch_for(request, target, timeout)
    elif timeout is not None:
        node.scheduler.timers.start(request, timeout)
    if request.state != PENDING:
        return
    if itself:
        await request
        return
    future: asyncio.Future[None] = node.loop.create_future()
    request.waiter = future
    try:
        await (Settled(future) if COMPILED else future)
    finally:
        node.abandon(request)


def try_hand_over(
    node: Node, caller: Process | None, server: object, request: CallRequest, timeout: float | None
) -> bool:
    """Hand the request over to the server if it is idle, for any kind of address; see `Scheduler.hand_over`.

    Returns:
        False if the request has to be delivered to the mailbox.
    """
    if timeout == 0.0 or node.trace is not None:
        return False
    pid = names.find(node, server)
    target = None if pid is None else pid.process
    if target is None or target.status != RECEIVING or target.node is not node or target is caller:
        return False
    if not node.scheduler.hand_over(target, request):
        return False
    request.server = target
    return True


def deliver(node: Node, caller: Process | None, server: object, request: CallRequest) -> bool:
    """Put the request into the server's mailbox; return False if it failed at once because there is no such server."""
    elsewhere = names.unknown_node(node, server)
    if elsewhere is not None:
        requests.settle(request, FAILED, ("nodedown", elsewhere))
        return False
    pid = names.find(node, server)
    target = None if pid is None else pid.process
    if target is None:
        requests.settle(request, FAILED, "noproc")
    elif target is caller:
        requests.settle(request, FAILED, "calling_self")
    else:
        if node.trace is not None:
            node.trace.tell("send", request.pid, target.pid, request)
        request.server = target
        if target.node is node:
            put(target, request)
            return True
        if request.waiter is None:  # a request that is answered by message already has a waiter
            request.waiter = REMOTE_WAITER
        if not target.node.post(_admit, target.pid, request):
            request.server = None
            requests.settle(request, FAILED, ("nodedown", target.node.name))
            return False
        return True
    return False


def _admit(pid: Pid, request: CallRequest) -> None:
    """Put a request from another node into the mailbox of a process of this node; runs in this node's thread."""
    target = pid.process
    if target is None:
        request.pid.node.settle(request, FAILED, "noproc")
    else:
        target.watchers = small_set.add(target.watchers, request)
        put(target, request)


async def ask(server: object, request: CallRequest, timeout: float | None, place: Place) -> Any:
    """Send a request, wait for its answer and return it; `place` is the call as the reason of a failure names it.

    Raises:
        CallExit: there is no such server, it ended, no answer came within `timeout` seconds, or it is the caller
            itself.
    """
    node = request.pid.node
    await wait(node, node.caller(), server, request, timeout)
    if request.state == ANSWERED:
        return request.answer
    raise await failed(node, request, server, timeout, place)


async def failed(node: Node, request: CallRequest, server: object, timeout: float | None, place: Place) -> CallExit:
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
            node.abandon(call)
    if not node.scheduler.has_time():
        await OTHERS
    return sent


def failure(node: Node, request: CallRequest, server: object, timeout: float | None, place: Place) -> CallExit:
    """Return the exception for a caller whose request failed: the kind by its reason, with a letter for the reader."""
    why: Any = "timeout" if request.state == CLOSED else request.answer
    if node.trace is not None:
        node.trace.tell(
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


def _timeout_letter(node: Node, server: object, asked: str, timeout: float | None) -> str:
    pid = names.find(node, server)
    process = None if pid is None else pid.process
    lines = [f"{display_name(server)} did not answer {asked} within {timeout} s."]
    if process is not None and process.node is node:
        waiting = len(process.mailbox or ())
        doing = "is waiting for messages" if process.status == RECEIVING else "is busy"
        lines.append(f"It {doing}, and {waiting} messages are in its mailbox.")
    lines.append("Give it longer with timeout=, or answer later from a task with reply(from_, value).")
    return "\n  ".join(lines)


def new_request(node: Node, request: object) -> CallRequest:
    """Return a new request from the running process, or from the node's guest in a plain asyncio task."""
    caller = node.caller()
    return CallRequest(node.guest if caller is None else caller.pid, request)
