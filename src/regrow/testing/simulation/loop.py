"""An event loop whose time is a node's virtual clock, and from which nothing outside can be reached.

What asyncio itself schedules (`asyncio.sleep`, `asyncio.timeout`, tasks) runs as on any loop, and its timers wait among
the node's, so that they fall due in one order. What would let the outside in is refused, with what to do instead: a
socket, a thread or another program answers when it likes, and no seed brings that back.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, NoReturn

from regrow.kernel.clock import VirtualClock
from regrow.kernel.deadlines import Alarm
from regrow.kernel.node import Node

INSTEAD = {
    "a thread": "Do the work in the process itself, or let a server stand in for whatever does it.",
    "a socket": "Let a server stand in for the other end, and simulate with that one.",
    "another program": "Let a server stand in for it, and simulate with that one.",
    "a signal handler": "Send a message where the signal would have come.",
}

AUDITED = {
    "_thread.start_new_thread": "a thread",
    "os.exec": "another program",
    "os.fork": "another program",
    "os.forkpty": "another program",
    "os.posix_spawn": "another program",
    "os.spawn": "another program",
    "os.system": "another program",
    "socket.__new__": "a socket",
    "socket.bind": "a socket",
    "socket.connect": "a socket",
    "socket.getaddrinfo": "a socket",
    "subprocess.Popen": "another program",
}


class NotSimulated(RuntimeError):
    """Something was asked for whose answer no seed can bring back."""


class Stuck(AssertionError):
    """Everyone waits, and nothing is left that could wake anyone."""


def refuse(what: str, asked: str) -> NoReturn:
    """Say that there is none of this here.

    Raises:
        NotSimulated: always.
    """
    raise NotSimulated(
        f"{asked} asks for {what}, and a simulation has none: its answer would come when it likes, under any seed.\n"
        f"  {INSTEAD[what]}"
    )


class NoSelector:
    """What asyncio asks when it has nothing to do: nothing will ever come from outside."""

    def get_map(self) -> dict[int, object]:
        """No socket is watched."""
        return {}

    def select(self, timeout: float | None) -> list[object]:
        """Nothing has come.

        Raises:
            Stuck: asyncio would have waited for it.
        """
        if timeout != 0:
            raise Stuck("the event loop has nothing left to do, and something is still awaited")
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """The loop of one simulated run."""

    has_own_time = True

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.node: Node | None = None  # whose time this is, once it is up
        self.waiting: dict[int, Alarm] = {}  # by the id of asyncio's handle
        self._selector = NoSelector()

    def time(self) -> float:
        """The node's time."""
        return self.clock.now()

    def has_work(self) -> bool:
        """Whether asyncio has callbacks to run beside the processes."""
        return bool(self._ready)  # type: ignore[attr-defined]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """A timer of asyncio's, among the node's."""
        node = self.node
        if node is None or not node.running:
            return super().call_at(when, callback, *args, context=context)
        timers = node.scheduler.timers
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        timer = Alarm(timers, None, handle, self._fire)
        handle._scheduled = True  # type: ignore[attr-defined] # noqa: SLF001 - asyncio's own, as `call_at` does
        self.waiting[id(handle)] = timer
        timers.start_at(timer, when)
        return handle

    def _fire(self, timer: Alarm) -> None:
        handle = timer.message
        del self.waiting[id(handle)]
        handle._scheduled = False  # noqa: SLF001 - the same
        self._ready.append(handle)  # type: ignore[attr-defined]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        timer = self.waiting.pop(id(handle), None)
        if timer is not None:
            timer.stop()

    # What asyncio's base class leaves to its loops

    def _process_events(self, event_list: list[object]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """The same as `call_soon`: there is one thread.

        Raises:
            NotSimulated: there is another.
        """
        if self.is_running() and threading.get_ident() != self._thread_id:  # type: ignore[attr-defined]
            refuse("a thread", "call_soon_threadsafe from another thread")
        return self.call_soon(callback, *args, context=context)


def refusing(name: str, what: str) -> Callable[..., NoReturn]:
    """A method of the loop that is not there in a simulation."""

    def refused(*_args: Any, **_options: Any) -> NoReturn:
        refuse(what, f"the event loop's {name}()")

    return refused


OUTSIDE = {
    "a thread": "run_in_executor",
    "a socket": """add_reader add_writer _add_reader _add_writer create_connection create_server create_unix_connection
        create_unix_server create_datagram_endpoint connect_accepted_socket getaddrinfo getnameinfo sock_accept
        sock_connect sock_recv sock_recv_into sock_recvfrom sock_sendall sock_sendto""",
    "another program": "subprocess_exec subprocess_shell connect_read_pipe connect_write_pipe",
    "a signal handler": "add_signal_handler",
}
for _outside, _methods in OUTSIDE.items():
    for _method in _methods.split():
        setattr(SimulatedLoop, _method, refusing(_method, _outside))


# What does not ask the loop


class OutsideGuard:
    """Which thread is in a simulation, if one is."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.heard = False  # the interpreter tells of what is done; that cannot be taken back

    def hear(self, event: str, _args: tuple[object, ...]) -> None:
        """Refuse what would reach outside, when the simulation's own thread asks for it."""
        if self.thread is not None and event in AUDITED and threading.get_ident() == self.thread:
            refuse(AUDITED[event], event)


OUTSIDE_GUARD = OutsideGuard()
START_THREAD = threading.Thread.start


def start_no_thread(thread: threading.Thread) -> None:
    """`Thread.start` while a simulation runs: before 3.12 the interpreter does not tell of new threads."""
    if OUTSIDE_GUARD.thread == threading.get_ident():
        refuse("a thread", f"{thread!r}.start()")
    START_THREAD(thread)


@contextmanager
def no_outside_io() -> Generator[None, None, None]:
    """No thread, socket or program can be started by this thread inside the block."""
    if not OUTSIDE_GUARD.heard:
        OUTSIDE_GUARD.heard = True
        sys.addaudithook(OUTSIDE_GUARD.hear)
    outer, OUTSIDE_GUARD.thread = OUTSIDE_GUARD.thread, threading.get_ident()
    threading.Thread.start = start_no_thread  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        OUTSIDE_GUARD.thread = outer
        if outer is None:
            threading.Thread.start = START_THREAD  # type: ignore[method-assign]
