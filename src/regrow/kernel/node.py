"""A node: one event loop with its process table, its start and its stop.

A program usually has one node. Several nodes run in separate threads; each is the `Peer` of the others, and takes
their signals in `deliver`. A cluster adds peers that are in other programs: see `peer.py`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from types import TracebackType
from typing import Any, Final, Self, cast

from regrow.kernel import bounded_repr, exits, inbox, incoming, links, names, node_shutdown, report, requests
from regrow.kernel.ancestors import descend
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import Clock
from regrow.kernel.coroutine_driver import driven_by
from regrow.kernel.current_node import CURRENT, NODES, NODES_LOCK
from regrow.kernel.mailbox import put_back
from regrow.kernel.peer import Signal
from regrow.kernel.process_record import ENDED, RUNNING, Host, Pid, Process, extras
from regrow.kernel.remnants import Remnants
from regrow.kernel.requests import CallRequest
from regrow.kernel.schedule import Schedule, Shuffle
from regrow.kernel.scheduler import Scheduler
from regrow.kernel.signals import Exited
from regrow.kernel.trace import watch_no_more
from regrow.kernel.tracebacks import Raised
from regrow.kernel.user_errors import INTERRUPTS, room
from regrow.kernel.virtual_clock import VirtualClock
from regrow.kernel.virtual_loop import LoopTime, time_of
from regrow.kernel.yields import RECEIVE, Launch, Receive

LOG = logging.getLogger("regrow")

# What ends a body whose process is dead already: the kernel, or the code that it unwinds.
UNWINDING: Final = (exits.KilledWhileRunning, exits.Continuation, asyncio.CancelledError, GeneratorExit, exits.Exit)


class EndWatch(CallRequest):
    """A plain task's monitor of a process: a future that is completed with the reason of the end."""

    __slots__ = ()

    def __init__(self, guest: Pid, gone: asyncio.Future[object]) -> None:
        super().__init__(guest, None)
        self.waiter = ReasonFuture(self, gone)


class ReasonFuture:
    """The waiter of an `EndWatch`, in the form that `requests.settle` expects of a future."""

    __slots__ = ("gone", "request")

    def __init__(self, request: CallRequest, gone: asyncio.Future[object]) -> None:
        self.request: CallRequest = request
        self.gone: asyncio.Future[object] = gone

    def done(self) -> bool:
        """Return whether the future is completed."""
        return self.gone.done()

    def set_result(self, _: None) -> None:
        """Complete the future: the process has ended."""
        self.gone.set_result(self.request.answer)


class Node(Host):
    """One event loop with its processes: `async with regrow.Node() as node: ...` on a running event loop.

    What is started inside by a plain asyncio task is linked to the node's first process, which ends it, in reverse
    order, when the block is left.

    Args:
        name: by which other nodes of the program know it, in `(name, node)`.
        seed: makes the order in which processes run a reproducible shuffle. For tests.
        hand_over: whether a call to an idle server runs its step at once. None: yes, and by a coin under a seed. Nothing
            that a program may rely on differs; for tests.
        clock: a `VirtualClock` in tests.
    """

    loop_time: LoopTime | None = None  # in virtual time

    def __init__(
        self,
        name: str = "nonode@nohost",
        *,
        seed: int | None = None,
        hand_over: bool | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(name, Clock() if clock is None else clock)
        self.seed = seed
        self.schedule: Schedule | None = None if seed is None else Shuffle(seed)
        self.hand_over = hand_over
        self.last_pid: int = 0

    def __repr__(self) -> str:
        return f"Node({self.name!r}, {len(self.processes)} processes)"

    # Start and stop

    async def __aenter__(self) -> Self:
        self.start()
        self.block = asyncio.current_task()
        return self

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Coroutine[Any, Any, None]:
        if error is not None:
            self.gate.why = f"its block was left, by {bounded_repr.safe_repr(error)}"
        return node_shutdown.leave(self, error)

    def fail(self, error: BaseException) -> None:
        """Cancel the block in which this node is up, and raise `error` from it: the program cannot continue."""
        if self.failure is None and self.running:
            self.failure = error
            if self.leaving:
                return
            if self.block is not None:
                self.cancelled = self.block.cancel()
            else:  # the node was started without a block
                self.begin_end("shutdown")

    def start(self) -> None:
        """Make this the node of the running event loop and its thread.

        Raises:
            RuntimeError: the node has run before, or the thread has one already.
        """
        if self.last_pid:
            raise RuntimeError(f"{self!r} has run before: make a new one")
        self.loop = asyncio.get_running_loop()
        if CURRENT.node is not None:
            if CURRENT.node.loop.is_running():
                raise RuntimeError(f"this thread has a node already, {CURRENT.node!r}: one loop has one node")
            inbox.lost(CURRENT.node)
        with NODES_LOCK:
            while self.number in NODES:
                self.number += 1
            NODES[self.number] = self
        self.thread = threading.get_ident()
        self.scheduler = Scheduler(self.loop, self.clock, self.schedule, self.hand_over)
        self.remnants = Remnants(self)
        if isinstance(self.clock, VirtualClock):
            self.clock.moved = self.scheduler.timers.fire_due
            self.loop_time = time_of(self.loop)
            if self.loop_time is not None:
                self.loop_time.take(self.scheduler)
        CURRENT.node = self
        INTERRUPTS.handler = self.interrupted
        CURRENT.ended = ""
        self.running = True
        self.guest = Pid(self, 0)
        self.init = self.add(init_loop, copy_context())
        extras(self.init).quiet = True

    def stop(self, reason: object = "shutdown") -> Coroutine[Any, Any, None]:
        """End every process: first the links of the first process, newest first, then the others.

        Each process has the time that `kernel/node_shutdown.py` gives it. Several callers wait for one and the same end. A
        process of this node does not wait, for it is ended, too (`init:stop/0`).

        Raises:
            CancelledError: the caller was cancelled. What was left has been killed, and the node has ended.
        """
        return node_shutdown.stop(self, reason)

    def begin_end(self, reason: object) -> None:
        """Start the task that ends this node, unless it runs already."""
        if self.end_task is None:
            if type(reason) is not str or reason != "shutdown":
                self.gate.why += f", with {bounded_repr.safe_repr(reason)}"
            self.end_task = self.loop.create_task(node_shutdown.run(self, reason))

    def end(self, pid: Pid, reason: object) -> Coroutine[Any, Any, None]:
        """Send `reason` to a process linked to the first one, and wait until it has ended."""
        if self.controller is not None and self.controller.has_master(pid):
            ends: Coroutine[Any, Any, None] = self.controller.end(pid, reason)
            return ends
        return node_shutdown.end(self, pid, self.init.pid, reason)

    def ended(self, process: Process, timeout: float | None = None) -> asyncio.Future[object]:
        """Return a future, for plain tasks, of the reason of a process's end; its result is None after `timeout` seconds."""
        gone: asyncio.Future[object] = self.loop.create_future()
        watch = EndWatch(self.guest, gone)
        requests.watch_for(watch, process, timeout)
        return gone

    def give_back_loop(self) -> None:
        """Give the event loop its own time back, if this node replaced it."""
        if self.loop_time is not None:
            self.loop_time.give_back()

    def close(self) -> None:
        """Release the loop and the thread."""
        inbox.close(self)

    def is_up(self) -> bool:
        """Return whether this node runs. If its loop was closed without a stop, the node ends now."""
        if self.running and self.loop.is_closed():
            inbox.lost(self)
        return self.running

    # The process table

    def add(self, loop: Callable[[Process], Generator[Any, Any, Any]], context: Context) -> Process:
        """Make a process that runs the loop of a behaviour; its first step is in its turn."""
        process = self.new_process(context)
        process.body = loop(process)
        self.scheduler.ready(process, None)
        return process

    def launch(self, function: Callable[..., Any], args: tuple[Any, ...], parent: Process | None) -> Process:
        """Make a process that runs a user's function."""
        if not self.scheduler.scheduled:
            self.scheduler.want_turn()  # first: where that cannot be had there is no new process
        process = self.new_process(copy_context(), function)
        if parent is not None:
            descend(process, parent)
        self.scheduler.ready(process, Launch(function, args))
        return process

    def new_process(self, context: Context, initial_call: object = None) -> Process:
        """Make a process that has no body yet."""
        self.last_pid += 1
        pid = Pid(self, self.last_pid)
        process = Process(self, pid, context)
        process.initial_call = initial_call
        pid.process = process
        self.processes[pid] = process
        if self.trace is not None:
            self.trace.emit("spawn", pid, self.scheduler.current and self.scheduler.current.pid)
        return process

    def remove(self, process: Process) -> None:
        """Remove a process that has ended from every table."""
        if self.told:
            self.told.pop(process, None)
        if process.name is not None or process.rare is not None:
            names.release(process)
        self.processes.pop(process.pid, None)  # last: until then a burial that was broken off does this again

    def returned(self, process: Process) -> None:
        """End a process whose body has returned."""
        if not self.scheduler.scheduled:
            self.scheduler.want_turn()
        process.status = ENDED
        process.body = None
        if process.alive:
            links.die(process, "normal")
        if process.task is None and self.trace is None and not self.remnants.kept:
            return  # as of a `def`: the rest is for a coroutine of the user's
        self._body_over(process, "normal")

    def crashed(self, process: Process, error: BaseException) -> None:
        """End a process whose body has raised, and report the exception if it is a crash."""
        self.scheduler.want_turn()  # first: what follows is done in full, or not begun
        process.status = ENDED
        process.body = None
        if process.alive and exits.is_a(error, exits.Exit):  # as the ends of servers are
            reason = exits.reason_of(error)
            links.die(process, reason)
            self._body_over(process, reason)
            return
        if exits.is_a(error, exits.Continuation) and process.alive:
            later = cast("exits.Continuation", error)
            process.body = cast("Generator[Any, Any, Any]", hibernating(process, later.function, later.args))
            self.scheduler.ready(process, None)
        elif process.alive:
            raised = None if exits.is_a(error, exits.CallExit) else Raised(error)
            reason = exits.reason_of(error)
            if raised is not None:
                report.process_raised(process, raised)
            links.die(process, reason)
            self._body_over(process, reason)
        else:
            if not exits.is_a(error, *UNWINDING):
                words = "%s, already dead, raised %s while it was unwound"
                report.log(LOG, logging.DEBUG, words, process.pid, bounded_repr.safe_repr(error))
            exits.strip_traceback(error)  # it was thrown by frames that hold it: nothing else would break the cycle
            self._body_over(process, "killed")
        self.interrupted(error)

    def _body_over(self, process: Process, reason: object) -> None:
        if self.trace is not None:
            watch_no_more(process)
        if process in self.remnants.kept:
            self.remnants.done(process)
        elif process.task is not None:
            process.task.end(reason)

    def interrupted(self, error: BaseException) -> None:
        """End the program in order at KeyboardInterrupt and SystemExit: they leave the node's block, or the event loop."""

        def leave() -> None:
            raise error

        if not exits.is_a(error, KeyboardInterrupt, SystemExit):
            return
        if self.block is not None:
            self.fail(error)
        else:
            self.loop.call_soon(leave)

    def told_by_parent(self, process: Process) -> None:
        """Note that a process that traps exits has an exit signal from its parent, which tells most of them to end.

        A supervisor that waits for a child's start would handle the signal too late, so the start is cancelled.
        """
        self.told[process] = None
        attempt = self.attempts.get(process) if self.attempts else None
        if attempt is not None:
            attempt.told_to_end()

    def report_remnant(self, process: Process) -> None:
        """Log that a killed process has not ended."""
        where = process.task.get_stack() if process.task is not None else []
        line = f"{where[-1].f_code.co_filename}:{where[-1].f_lineno}" if where else "an unknown line"
        words = "%s was killed and still runs, at %s. It is cancelled once more, then closed"
        report.log(LOG, logging.WARNING, words, process.pid, line)

    # Who am I

    def caller(self) -> Process | None:
        """Return the process that runs now; None in a plain asyncio task."""
        current = self.scheduler.current
        if current is None and self.adopted:
            return self.adopted.get(asyncio.current_task(self.loop))
        return current

    def wake_adopted(self, process: Process, value: object) -> None:
        """Wake the asyncio task that is a process."""
        future = process.waiting
        if future is None:
            return  # it was woken in the same round of the loop, by a message or the timeout, and checks for both
        room()
        process.status = RUNNING
        process.waiting = None
        if not future.done():
            future.set_result(value)

    def end_adopted(self, process: Process) -> None:
        """Cancel the asyncio task of an adopted process that was ended."""
        task = extras(process).adopted
        if self.adopted.pop(task, None) is not None and task is not asyncio.current_task(self.loop):
            task.cancel()  # a running one is unwound by its next call: see `exit_if_killed` and `unwind`

    # Other threads and other nodes

    def post(self, function: Callable[..., Any], *args: Any) -> bool:
        """Run a function on this node's loop, from any thread; return False if the node is down."""
        return inbox.post(self, function, args)

    def find_node(self, name: object) -> Host | None:
        """Return the node of this program with this name, or None."""
        if name == self.name or name is self:
            return self
        with NODES_LOCK:
            for other in NODES.values():
                if other.name == name or other is name:
                    return other
        return None

    def deliver(self, signal: Signal) -> bool:
        """Take a signal from another node; false if this node is down. It is handled in this node's own thread."""
        return self.post(incoming.receive, signal)

    def is_here(self) -> bool:
        """Return whether the running code is in the thread of this node."""
        return threading.get_ident() == self.thread


async def hibernating(process: Process, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Wait for a message with an empty stack, then run `function(*args)`."""
    if process.mailbox is None:
        put_back(process, await Receive(None, None), 0)
    body = function(*args)
    if is_awaitable(body):
        await driven_by(process, body)


def init_loop(process: Process) -> Generator[Any, Any, Any]:
    """Run the node's first process, the parent of what plain tasks start. It traps exits, so it outlives its links."""
    process.trap_exit = True
    while True:
        message = yield RECEIVE
        if type(message) is Exited:
            words = "%s, started by a plain task, has ended: %s"
            report.log(LOG, logging.DEBUG, words, message.pid, bounded_repr.safe_repr(message.reason))
