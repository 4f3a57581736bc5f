"""A request, from its making to its settling: `CallRequest`, and all that is done with one.

    caller                                     server
    ------                                     ------
    new_request
    wait
      try_hand_over         --request-->       its loop runs at once, if it is idle (`Scheduler.hand_over`)
      deliver               --request-->       else the request goes into its mailbox
      watch_for                                the request is a watcher of the server, and has a deadline
                            <--reply---        settle(ANSWERED)
                            <--death---        settle(FAILED), see `links.notify_death`
      deadline                                 settle(CLOSED)
      cancelled                                abandon

The first of these settles the request; later ones are dropped. A request is message, address, monitor and deadline in
one object. No process can see whether it was handed over or queued, since it never overtakes another message.

A request to another node travels as a `CallSignal`, its answer as a `ReplySignal`, and the end of the wait as an
`AbandonSignal`; its fields are changed in the caller's thread only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any, Final

from regrow.kernel import deadlock, names
from regrow.kernel.awaitables import Settled
from regrow.kernel.coroutine_driver import COMPILED
from regrow.kernel.current_node import CURRENT
from regrow.kernel.deadlines import Deadline
from regrow.kernel.mailbox import put
from regrow.kernel.peer import Peer
from regrow.kernel.process_record import CALLING, RECEIVING, Host, Pid, Process, is_guest
from regrow.kernel.running import unwind
from regrow.kernel.signals import AbandonSignal, CallSignal, ReplySignal
from regrow.kernel.small_set import add, discard
from regrow.kernel.user_errors import CALLBACK_FRAMES

# The states of a request.
PENDING: Final = 0
ANSWERED: Final = 1
FAILED: Final = 2  # the server ended; `answer` is the reason
CLOSED: Final = 3  # the caller no longer waits
BY_MESSAGE: Final = 4  # the caller sent it by hand, and the answer goes into its mailbox


class CallRequest(Deadline):
    """A request on its way, and the address its answer goes to: the `from_` of `handle_call`.

    It is its own deadline and its own monitor, so that a call costs one object. Keep it to answer later with `reply`.

    Attributes:
        pid: the caller. A plain asyncio task calls as its node's guest.
        request: the request as it was given to `call`.
    """

    __slots__ = ("answer", "pid", "request", "server", "state", "waiter")

    def __init__(self, pid: Pid, request: object) -> None:
        self.bucket = None
        self.due = 0.0
        self.pid: Pid = pid
        self.request: object = request
        self.state: int = PENDING
        self.answer: Any = None
        self.waiter: Any = None  # the suspended process, or the future of a plain task
        # While the caller waits, the process whose watchers this is in; of a server on another node, its pid.
        self.server: Process | Pid | None = None

    def __repr__(self) -> str:
        return f"From({self.pid!r}, {self.request!r})"

    def __await__(self) -> Generator[Any, Any, Any]:
        yield self

    def fire(self) -> None:
        """The deadline has come: the caller no longer waits."""
        settle(self, CLOSED, None)


class RemoteWaiter:
    """The waiter of a request to another node until its caller waits.

    It keeps the server's loop from answering such a request in place, which is for the caller's thread alone.
    """

    def done(self) -> bool:
        """There is nothing to wake yet."""
        return True


REMOTE_WAITER: Final = RemoteWaiter()


def new_request(node: Host, request: object) -> CallRequest:
    """Make a request of the running process, or of a plain task."""
    caller = node.caller()
    return CallRequest(node.guest if caller is None else caller.pid, request)


# Sending and waiting


async def wait(node: Host, caller: Process | None, server: object, request: CallRequest, timeout: float | None) -> None:
    """Send a request, unless it was handed over already, and wait until it is settled.

    Raises:
        ValueError: there is no such registry.
        TypeError: `server` is no address.
    """
    if caller is not None and not caller.alive:
        await unwind()
    if request.state != PENDING:
        return
    if request.server is None:
        if not try_hand_over(node, caller, server, request, timeout) and not deliver(node, caller, server, request):
            return
        if caller is not None and not caller.alive:  # the server killed it while it handled the request
            await unwind()
        if request.state != PENDING:
            return
    if timeout == 0.0:
        settle(request, CLOSED, None)
        return
    target = request.server
    task: object = asyncio.current_task(node.loop)
    itself = caller is not None and caller.task is task  # false in an asyncio task that the process runs eagerly
    if type(target) is Process:
        if target.status == CALLING and itself and caller is not None:
            closing = deadlock.closing_call(caller, request)
            if closing is not None:
                settle(closing[0], FAILED, closing[1])
            if request.state != PENDING:
                return
        request.server = None
        watch_for(request, target, timeout)
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
        abandon(request)


def try_hand_over(
    node: Host, caller: Process | None, server: object, request: CallRequest, timeout: float | None
) -> bool:
    """Let an idle server take the request at once, whatever its address; see `Scheduler.hand_over`."""
    # hot: `client.call` repeats this for a pid or a class, which saves two calls for each call of an idle server
    # ("call" in the benchmarks; `tests/kernel/test_costs.py`, "a call to an idle server is one step").
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


def deliver(node: Host, caller: Process | None, server: object, request: CallRequest) -> bool:
    """Put a request into the server's mailbox; false if there is no server, and the request has failed."""
    elsewhere = names.unknown_node(node, server)
    if elsewhere is not None:
        settle(request, FAILED, ("nodedown", elsewhere))
        return False
    pid = names.find(node, server)
    if pid is not None and pid.node is not node:
        return deliver_elsewhere(node, pid, request)
    target = None if pid is None else pid.process
    if target is None:
        settle(request, FAILED, "noproc")
        return False
    if target is caller:
        settle(request, FAILED, "calling_self")
        return False
    if node.trace is not None:
        node.trace.emit("send", request.pid, target.pid, request)
    request.server = target
    put(target, request)
    return True


def deliver_elsewhere(node: Host, server: Pid, request: CallRequest) -> bool:
    """Send a request to a server of another node; false if that node is down, and the request has failed."""
    if node.trace is not None:
        node.trace.emit("send", request.pid, server, request)
    request.server = server
    if request.waiter is None:  # a request that is answered by message has its waiter already
        request.waiter = REMOTE_WAITER
    if not server.node.deliver(CallSignal(request.pid, server, request)):
        request.server = None
        settle(request, FAILED, ("nodedown", server.node.name))
        return False
    return True


def watch_for(request: CallRequest, server: Process, timeout: float | None) -> None:
    """Let a server's end, and the end of the time, settle a request."""
    if not server.alive:  # it ended while the request was handed over
        settle(request, FAILED, server.reason)
        return
    request.server = server
    server.watchers = add(server.watchers, request)
    if timeout is not None:
        server.node.scheduler.timers.start(request, timeout)


def stop_watching(request: CallRequest) -> None:
    """Undo `watch_for`: remove the watcher and the deadline."""
    server = request.server
    if type(server) is Process:
        server.watchers = discard(server.watchers, request)
        request.server = None
    elif type(server) is Pid:
        server.node.deliver(AbandonSignal(request.pid, server, request))
        request.server = None
    if request.due != 0.0:
        node = request.pid.node
        assert isinstance(node, Host)  # a deadline is set by the caller's own node
        node.scheduler.timers.cancel(request)


# Settling


def reply(request: CallRequest, value: object) -> None:
    """Answer a call, from any process, now or later (`gen_server:reply/2`). An answer to no waiting caller is dropped."""
    node = request.pid.node
    here = CURRENT.node
    if (isinstance(node, Host) and node.trace is not None) or (here is not None and here.trace is not None):
        trace_reply(node, here, request, value)
    answer(request, ANSWERED, value)


def reply_here(here: Host, request: CallRequest, value: object) -> None:
    """Answer a call from a process of the node `here`."""
    # hot: repeats `reply` for a caller of the same node, which saves three calls for each queued call ("100 clients" in
    # the benchmarks; `tests/kernel/test_costs.py`, "many clients of a server find it idle again").
    if request.pid.node is here and here.trace is None:
        settle(request, ANSWERED, value)
    else:
        reply(request, value)


def answer(request: CallRequest, state: int, value: object) -> None:
    """Settle a request in its caller's thread, whatever thread this is."""
    node = request.pid.node
    if node.is_here():
        settle(request, state, value)
    else:
        node.deliver(ReplySignal(request.pid, request, state, value))


def settle(request: CallRequest, state: int, answer: object) -> bool:
    """Give a request its outcome, and wake its caller; false if it has an outcome already. In the caller's thread only.

    What can fail for lack of stack comes first: either the caller wakes with the outcome, or nothing has changed.
    """
    if request.state != PENDING:
        if request.state == BY_MESSAGE and state == ANSWERED and request.pid.process is not None:
            put(request.pid.process, (request, answer))
        return False
    waiter = request.waiter
    if waiter is None:
        request.state = state
        request.answer = answer
    elif waiter.__class__ is Process:
        scheduler = waiter.node.scheduler
        if not scheduler.scheduled:
            scheduler.want_turn()
        stop_watching(request)
        request.state = state
        request.answer = answer
        request.waiter = None
        if waiter.status == CALLING and waiter.waiting is request:
            waiter.waiting = None
            scheduler.ready(waiter, None)
    else:
        node = request.pid.node
        assert isinstance(node, Host)  # a request is settled by its caller's own node
        if node.scheduler.stack.value < CALLBACK_FRAMES:
            raise RecursionError  # a future that is done, and cannot schedule its callbacks, never wakes its task
        stop_watching(request)
        request.state = state
        request.answer = answer
        request.waiter = None
        if not waiter.done():
            waiter.set_result(None)
    return True


def abandon(request: CallRequest) -> None:
    """Close a request whose caller no longer waits."""
    if request.state == PENDING:
        request.state = CLOSED
        request.waiter = None
        stop_watching(request)


def is_waiting(request: CallRequest) -> bool:
    """Return whether the caller still waits for the answer; of a caller on another node, as far as is known here."""
    pid = request.pid
    if request.state == BY_MESSAGE:
        return pid.process is not None
    if request.state != PENDING:
        return False
    return pid.node.is_up() and (pid.process is not None or is_guest(pid))


def mark_deferred(request: CallRequest) -> None:
    """Note that a server went on without an answer: from now on any process may answer, at any time."""
    if request.state == PENDING and request.pid.node is CURRENT.node:  # the fields belong to the caller's thread
        request.answer = deadlock.DEFERRED


# Tracing


def trace_reply(node: Peer, here: Host | None, request: CallRequest, value: object) -> None:
    """Report a reply to the listeners of the replying process's node, and of the caller's node, in its own thread."""
    who = running_pid()
    if here is not None and here.trace is not None:
        here.trace.emit("reply", who, request.pid, (request, value))
    if node is not here and isinstance(node, Host):
        node.post(trace_reply_there, node, who, request, value)


def trace_reply_there(node: Host, who: Pid | None, request: CallRequest, value: object) -> None:
    """Report a reply to the listeners of the caller's node."""
    if node.trace is not None:
        node.trace.emit("reply", who, request.pid, (request, value))


def running_pid() -> Pid | None:
    """Return the pid of the process that runs in this thread; None in a plain asyncio task."""
    caller = None if CURRENT.node is None else CURRENT.node.caller()
    return None if caller is None else caller.pid
