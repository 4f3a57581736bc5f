"""An event loop whose time is a node's virtual clock, and which refuses all I/O.

asyncio's timers and tasks (`asyncio.sleep`, `asyncio.timeout`) work as on any loop. The timers are kept among the
node's, so that all fall due in one order. Sockets, threads and other programs are refused, with advice what to do
instead: the moment at which they answer does not depend on the seed, so a run could not be repeated.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, NoReturn

from regrow.kernel.alarms import Alarm
from regrow.kernel.node import Node
from regrow.kernel.virtual_clock import VirtualClock

INSTEAD = {
    "a thread": "Do the work in the process itself, or let a server stand in for the thread.",
    "a socket": "Let a server stand in for the other end, and simulate with that one.",
    "another program": "Let a server stand in for it, and simulate with that one.",
    "a signal handler": "Send a message instead of the signal.",
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
    """A simulated test used something whose result does not depend on the seed: a thread, a socket, a program."""


class Stuck(AssertionError):
    """All processes wait, and no timer or callback can wake one."""


def refuse(what: str, asked: str) -> NoReturn:
    """Refuse something that a simulation does not have.

    Raises:
        NotSimulated: always.
    """
    raise NotSimulated(
        f"{asked} needs {what}, and a simulation has none: the moment of its answer would not depend on the seed.\n"
        f"  {INSTEAD[what]}"
    )


class NoSelector:
    """A selector that watches nothing; asyncio asks it when it has nothing to do."""

    def get_map(self) -> dict[int, object]:
        """Return no sockets: none is watched."""
        return {}

    def select(self, timeout: float | None) -> list[object]:
        """Return no events.

        Raises:
            Stuck: asyncio would wait, and no event can come.
        """
        if timeout != 0:
            raise Stuck("the event loop has nothing left to do, and something is still awaited")
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """The event loop of one simulated run."""

    has_own_time = True

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.node: Node | None = None  # the node whose time this is, once it runs
        self.waiting: dict[int, Alarm] = {}  # timers by the id of asyncio's handle
        self._selector = NoSelector()

    def time(self) -> float:
        """Return the node's time in seconds."""
        return self.clock.now()

    def has_work(self) -> bool:
        """Whether asyncio has callbacks to run beside the processes."""
        return bool(self._ready)  # type: ignore[attr-defined]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Set a timer of asyncio, among the timers of the node."""
        node = self.node
        if node is None or not node.running:
            return super().call_at(when, callback, *args, context=context)
        timers = node.scheduler.timers
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        timer = Alarm(timers, None, handle, self._fire)
        handle._scheduled = True  # type: ignore[attr-defined] # noqa: SLF001 - as asyncio's `call_at` does
        self.waiting[id(handle)] = timer
        timers.start_at(timer, when)
        return handle

    def _fire(self, timer: Alarm) -> None:
        handle = timer.message
        del self.waiting[id(handle)]
        handle._scheduled = False  # noqa: SLF001 - as above
        self._ready.append(handle)  # type: ignore[attr-defined]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        timer = self.waiting.pop(id(handle), None)
        if timer is not None:
            timer.stop()

    # The methods that asyncio's base class leaves to its subclasses

    def _process_events(self, event_list: list[object]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call `call_soon`: a simulation has one thread.

        Raises:
            NotSimulated: another thread calls it.
        """
        if self.is_running() and threading.get_ident() != self._thread_id:  # type: ignore[attr-defined]
            refuse("a thread", "call_soon_threadsafe from another thread")
        return self.call_soon(callback, *args, context=context)


def refusing(name: str, what: str) -> Callable[..., NoReturn]:
    """Return a method for the loop that refuses what it is called for."""

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


# Threads, sockets and programs that are started without the loop


class OutsideGuard:
    """A guard that refuses I/O in the thread that runs a simulation."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.hooked = False  # whether the audit hook is set; it cannot be removed

    def audit(self, event: str, _args: tuple[object, ...]) -> None:
        """Refuse an audited event that would reach outside, in the thread of the simulation."""
        if self.thread is not None and event in AUDITED and threading.get_ident() == self.thread:
            refuse(AUDITED[event], event)


OUTSIDE_GUARD = OutsideGuard()
START_THREAD = threading.Thread.start


def start_no_thread(thread: threading.Thread) -> None:
    """Replace `Thread.start` while a simulation runs: before 3.12 a new thread raises no audit event."""
    if OUTSIDE_GUARD.thread == threading.get_ident():
        refuse("a thread", f"{thread!r}.start()")
    START_THREAD(thread)


@contextmanager
def no_outside_io() -> Generator[None, None, None]:
    """Refuse threads, sockets and programs that this thread starts within the block."""
    if not OUTSIDE_GUARD.hooked:
        OUTSIDE_GUARD.hooked = True
        sys.addaudithook(OUTSIDE_GUARD.audit)
    outer, OUTSIDE_GUARD.thread = OUTSIDE_GUARD.thread, threading.get_ident()
    threading.Thread.start = start_no_thread  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        OUTSIDE_GUARD.thread = outer
        if outer is None:
            threading.Thread.start = START_THREAD  # type: ignore[method-assign]
