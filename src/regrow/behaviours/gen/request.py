"""One request, one answer: monitor, deadline, late reply (OTP's `gen.erl`).

    caller                                   server
    ------                                   ------
    ask(server, request)   --Request-->      handed over at once if it is idle, else by its mailbox
    looks at the Request   <--answer--       reply(from_, value)
    or waits for the answer, for the server's end, or for the time to be over

A Request is message, address, monitor and deadline in one object. Nobody can tell from outside whether it was handed
over or queued: it never overtakes another message, and the first of answer, end and deadline settles it; what comes
later is dropped.
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

Place = tuple[str, str, list[object]]  # module, function, arguments: where a failed request was made

ERRORS: dict[object, type[CallExit]] = {"noproc": NoProcess, "calling_self": CallingSelf, "timeout": CallTimeout}


class RemoteWaiter:
    """Stands for a caller on another node until it waits: its answer comes through its own thread, never at once."""

    def done(self) -> bool:
        """There is nothing to wake yet."""
        return True


REMOTE_WAITER = RemoteWaiter()


class UnknownRequestAnswer:
    """Why a request failed whose server goes on: it has no such message, and says so to whoever asked."""

    __slots__ = ("letter", "reason")

    def __init__(self, reason: object, letter: str) -> None:
        self.reason: object = reason
        self.letter: str = letter


class Cast:
    """A request that wants no answer, as it lies in a mailbox (OTP's `{'$gen_cast', request}`)."""

    __slots__ = ("request",)
    __match_args__: Final = ("request",)

    def __init__(self, request: object) -> None:
        self.request: object = request

    def __repr__(self) -> str:
        return f"Cast({self.request!r})"


def reply(from_: CallRequest, value: object) -> None:
    """Answer a call, from any process, now or later (`gen_server:reply/2`). An answer nobody waits for is dropped."""
    node = from_.pid.node
    there = CURRENT.node
    if node.trace is not None or (there is not None and there.trace is not None):
        tell_reply(node, there, from_, value)
    node.settle(from_, ANSWERED, value)


def reply_here(here: Node, from_: CallRequest, value: object) -> None:
    """`reply`, from a process of the node `here`; that of a caller of the same node takes three calls fewer."""
    if from_.pid.node is here and here.trace is None:
        requests.settle(from_, ANSWERED, value)
    else:
        reply(from_, value)


def reached(node: Node, address: object) -> Process | None:
    """Whom a cast reaches, or nobody: whatever a table of names raises, a cast does not fail (`catch Mod:send(…)`).

    Raises:
        TypeError: this is no address.
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
    except ValueError:  # there is no such registry, and so nobody
        return None
    try:
        pid = names.find(node, address)
    except BaseException as error:
        if via is None or not is_failure(node.caller(), error):
            raise
        return None
    return None if pid is None else pid.process


def tell_reply(node: Node, there: Node | None, from_: CallRequest, value: object) -> None:
    """Tell those who look at the asker's node, in its own thread, and those who look at the node of who replies."""
    who = who_runs()
    if there is not None and there.trace is not None:
        there.trace.tell("reply", who, from_.pid, (from_, value))
    if node is not there:
        node.post(_tell_reply, node, who, from_, value)


def _tell_reply(node: Node, who: Pid | None, from_: CallRequest, value: object) -> None:
    if node.trace is not None:
        node.trace.tell("reply", who, from_.pid, (from_, value))


def who_runs() -> Pid | None:
    """The process that runs in this thread, for those who look at what it does; None in a plain asyncio task."""
    caller = None if CURRENT.node is None else CURRENT.node.caller()
    return None if caller is None else caller.pid


async def wait(node: Node, caller: Process | None, server: object, made: CallRequest, timeout: float | None) -> None:
    """Deliver `made` to a server that was not, or did not answer when, handed over, and wait until it is settled.

    Raises:
        ValueError: there is no such registry.
        TypeError: `server` is no address.
    """
    if caller is not None and not caller.alive:
        await unwind()
    if made.state != PENDING:
        return
    if made.server is None:
        if not try_hand_over(node, caller, server, made, timeout) and not deliver(node, caller, server, made):
            return
        if caller is not None and not caller.alive:  # by what the server did with it
            await unwind()
        if made.state != PENDING:
            return
    if timeout == 0.0:
        requests.settle(made, CLOSED, None)
        return
    target = made.server
    assert target is not None
    task: object = asyncio.current_task(node.loop)
    itself = caller is not None and caller.task is task  # and not a task of asyncio's that it runs eagerly
    if target.status == CALLING and itself and caller is not None:
        fail_closing_call(caller, made)
        if made.state != PENDING:
            return
    if target.node is node:
        made.server = None
        requests.watch_for(made, target, timeout)
    elif timeout is not None:
        node.scheduler.timers.start(made, timeout)
    if made.state != PENDING:
        return
    if itself:
        await made
        return
    future: asyncio.Future[None] = node.loop.create_future()
    made.waiter = future
    try:
        await (Settled(future) if COMPILED else future)
    finally:
        node.abandon(made)


def try_hand_over(node: Node, caller: Process | None, server: object, made: CallRequest, timeout: float | None) -> bool:
    """Let a server that sits idle take the request at once, whatever its address; see `Scheduler.hand_over`."""
    if timeout == 0.0 or node.trace is not None:
        return False
    pid = names.find(node, server)
    target = None if pid is None else pid.process
    if target is None or target.status != RECEIVING or target.node is not node or target is caller:
        return False
    if not node.scheduler.hand_over(target, made):
        return False
    made.server = target
    return True


def deliver(node: Node, caller: Process | None, server: object, made: CallRequest) -> bool:
    """Put the request into the server's mailbox; false if it is settled already, for nobody is there."""
    elsewhere = names.unknown_node(node, server)
    if elsewhere is not None:
        requests.settle(made, FAILED, ("nodedown", elsewhere))
        return False
    pid = names.find(node, server)
    target = None if pid is None else pid.process
    if target is None:
        requests.settle(made, FAILED, "noproc")
    elif target is caller:
        requests.settle(made, FAILED, "calling_self")
    else:
        if node.trace is not None:
            node.trace.tell("send", made.pid, target.pid, made)
        made.server = target
        if target.node is node:
            put(target, made)
            return True
        if made.waiter is None:  # a request that is answered by message has its waiter already
            made.waiter = REMOTE_WAITER
        if not target.node.post(_admit, target.pid, made):
            made.server = None
            requests.settle(made, FAILED, ("nodedown", target.node.name))
            return False
        return True
    return False


def _admit(pid: Pid, made: CallRequest) -> None:
    """A request from another node has come in through the door."""
    target = pid.process
    if target is None:
        made.pid.node.settle(made, FAILED, "noproc")
    else:
        target.watchers = small_set.add(target.watchers, made)
        put(target, made)


async def ask(server: object, made: CallRequest, timeout: float | None, place: Place) -> Any:
    """Send a request, wait for its answer and return it; `place` is the call as its failure will name it.

    Raises:
        CallExit: nobody is there, the server ended, no answer came in time, or it is the caller itself.
    """
    node = made.pid.node
    await wait(node, node.caller(), server, made, timeout)
    if made.state == ANSWERED:
        return made.answer
    raise await failed(node, made, server, timeout, place)


async def failed(node: Node, made: CallRequest, server: object, timeout: float | None, place: Place) -> CallExit:
    """What is raised in a caller whose request came to nothing, once others had their turn, if this one is over."""
    if not node.scheduler.has_time():
        await OTHERS
    return failure(node, made, server, timeout, place)


async def ask_all(servers: Sequence[object], request: object, timeout: float | None) -> list[CallRequest]:
    """Send the same request to many and wait for all answers together; gives what has become of each."""
    node = current_node()
    caller = node.caller()
    made = [new_request(node, request) for _ in servers]
    ends = None if timeout is None else node.clock.now() + timeout
    try:
        for server, one in zip(servers, made, strict=True):
            deliver(node, caller, server, one)
        for server, one in zip(servers, made, strict=True):
            await wait(node, caller, server, one, None if ends is None else max(0.0, ends - node.clock.now()))
    finally:
        for one in made:
            node.abandon(one)
    if not node.scheduler.has_time():
        await OTHERS
    return made


def failure(node: Node, made: CallRequest, server: object, timeout: float | None, place: Place) -> CallExit:
    """What is raised in a caller whose request came to nothing."""
    why: Any = "timeout" if made.state == CLOSED else made.answer
    if node.trace is not None:
        node.trace.tell(
            "fail",
            made.pid,
            server,
            (made, why.reason if type(why) is UnknownRequestAnswer or type(why) is CallCycle else why),
        )
    if type(why) is UnknownRequestAnswer:
        return UnknownRequest((why.reason, place), why.letter)
    if type(why) is CallCycle:
        return Deadlock((why.reason, place), why.letter)
    kind = ERRORS.get(why, CalleeExit) if type(why) is str else CalleeExit
    who = display_name(server)
    asked = safe_repr(made.request, 200)
    if kind is CallTimeout:
        letter = _timeout_letter(node, server, asked, timeout)
    elif kind is NoProcess:
        whose = f"{who} is not alive, or nobody has that name now"
        if server is None:
            whose = "the server is None, which whereis() gives when nobody has the name"
        letter = f"no process: {whose}. It was asked {asked}"
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
    """A request of whoever runs now."""
    caller = node.caller()
    return CallRequest(node.guest if caller is None else caller.pid, request)
