"""A request, from its making to its settling."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from regrow.kernel.current_node import CALLBACK_FRAMES
from regrow.kernel.deadlines import Deadline
from regrow.kernel.process_record import CALLING, Process
from regrow.kernel.small_set import add, discard

if TYPE_CHECKING:
    from regrow.kernel.pid import Pid


# What has become of a request.
PENDING: Final = 0
ANSWERED: Final = 1
FAILED: Final = 2  # the server ended; `answer` is the reason
CLOSED: Final = 3  # nobody waits any more
BY_MESSAGE: Final = 4  # the answer goes into the asker's mailbox


class CallRequest(Deadline):
    """A request on its way, and the address its answer goes to: the `from_` of `handle_call`.

    It is its own deadline and its own monitor, so that a call costs one object. Keep it to answer later with `reply`.

    Attributes:
        pid: who asks. A plain asyncio task asks as its node's guest.
        request: what was asked.
    """

    __slots__ = ("answer", "pid", "request", "server", "state", "waiter")

    def __init__(self, pid: Pid, request: object) -> None:
        self.bucket: dict[Deadline, None] | None = None
        self.due: float = 0.0
        self.pid: Pid = pid
        self.request: object = request
        self.state: int = PENDING
        self.answer: Any = None
        self.waiter: Any = None  # the process, or the future of a plain task, that is suspended
        self.server: Process | None = None  # whose watchers this is in while the caller is suspended

    def __repr__(self) -> str:
        return f"From({self.pid!r}, {self.request!r})"

    def __await__(self) -> Generator[Any, Any, Any]:
        yield self

    def fire(self) -> None:
        """The deadline has come: nobody waits any more."""
        self.pid.node.request_done(self, CLOSED, None)


def settle(request: CallRequest, state: int, answer: object) -> bool:
    """A request is answered, has failed or is given up. What comes after the first of these is dropped."""
    if request.state != PENDING:
        if request.state == BY_MESSAGE and state != CLOSED:
            request.pid.node.answer_by_message(request, state, answer)
        return False
    waiter = request.waiter
    if waiter is None:
        request.state = state
        request.answer = answer
    elif waiter.__class__ is Process:
        scheduler = waiter.node.scheduler
        if not scheduler.scheduled:
            scheduler.want_turn()  # what needs most stack comes first: the caller hears of it, or nothing is done
        stop_watching(request)
        request.state = state
        request.answer = answer
        request.waiter = None
        if waiter.status == CALLING and waiter.waiting is request:
            waiter.waiting = None
            scheduler.ready(waiter, None)
    else:
        if request.pid.node.scheduler.stack.value < CALLBACK_FRAMES:
            raise RecursionError  # a future that is done, and cannot schedule its callbacks, never wakes its task
        stop_watching(request)
        request.state = state
        request.answer = answer
        request.waiter = None
        if not waiter.done():
            waiter.set_result(None)
    return True


def watch_for(request: CallRequest, server: Process, timeout: float | None) -> None:
    """The caller is going to wait: it has to know if the server ends, or if the time is over."""
    if not server.alive:  # it ended while the request was handed over
        settle(request, FAILED, server.reason)
        return
    request.server = server
    server.watchers = add(server.watchers, request)
    if timeout is not None:
        request.pid.node.scheduler.timers.start(request, timeout)


def stop_watching(request: CallRequest) -> None:
    """The wait is over."""
    server = request.server
    if server is not None:
        if server.node is request.pid.node:
            unwatch(server, request)
        else:
            server.node.post(unwatch, server, request)
        request.server = None
    if request.due != 0.0:
        request.pid.node.scheduler.timers.cancel(request)


def unwatch(server: Process, request: CallRequest) -> None:
    """Nobody waits for this server's answer any more."""
    server.watchers = discard(server.watchers, request)
