"""The threads, programs and connections that may still answer, and the real time they get before a virtual clock moves.

| what | real seconds |
|---|---|
| a function in an executor, until it returns | 3 |
| another thread that is at work, until it waits | 1 |
| another thread that waits | 0.1, if a task waits for something new |
| the thread of a process (`behaviours/gen/blocking_thread.py`) | none: while it works, the clock is held |
| a program that was started, and its pipes | 3, and 1 after each event from them |
| a connection on which this side sent last | 1 |
| a connection on which something arrived | 0.1 more, if a task waits for something new |
| a connection to this same loop | while bytes are on their way |
| a socket that listens | none: the client that connects is one of those above |

These are the longest times to wait for an answer. If none of these is there, the clock moves at once. A source that has
not answered in its time is not waited for again until its next event.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from regrow.kernel.clock import Clock

if TYPE_CHECKING:
    from selectors import SelectorKey


AT_WORK: Final = 3.0
SOON: Final = 1.0
A_MOMENT: Final = 0.1

# The file and function at which an idle thread waits. The jobs of a pool are known: see `jobs`.
IN_A_POOL: Final = ("thread.py", "_worker")
WAITING: Final = {
    ("threading.py", "wait"),
    ("threading.py", "_wait_for_tstate_lock"),
    IN_A_POOL,
    ("queue.py", "get"),
    ("selectors.py", "select"),
}

# The idents of threads whose work is known, because the clock is held while they work: `ClockMover.hold`.
HELD_THREADS: Final[set[int]] = set()

# Counters of Linux's struct tcp_info.
RECEIVED: Final = 128
SENT: Final = 200
COUNTED: Final = 208
UNKNOWN: Final = -1

MANY: Final = 1000
THREADS: Final[dict[int, threading.Thread]] = threading._active  # type: ignore[attr-defined] # counted without a lock


class Source:
    """A file descriptor that the loop listens to.

    Args:
        fd: the descriptor, which the loop owns: a copy of it would keep a connection open.
        handles: the handles that the loop runs at an event.
        now: the real time.
    """

    def __init__(self, fd: int, handles: Any, now: float) -> None:
        self.fd = fd
        self.handles = handles
        self.heard: float = 0.0  # the time of the last event
        self.until: float = now + SOON
        self.is_socket: bool = True
        self.listens: bool = False
        self.ends: tuple[Any, Any] = (None, None)  # the addresses of the socket and of its peer
        self.sent: int = UNKNOWN
        self.received: int = UNKNOWN
        try:
            found = socket.socket(fileno=fd)
        except OSError:
            self.is_socket = False
            self.until = now + AT_WORK  # a pipe, or a process
            return
        try:
            self.listens = bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        finally:
            found.detach()
        self.ends = ends_of(fd)

    def count(self) -> bool:
        """Update the numbers of bytes sent and received; return whether more were sent since the last time."""
        before = self.sent
        self.sent, self.received = counters(self.fd)
        return self.sent != before


class SleepWatch(Protocol):
    """The part of a `virtual_loop.LoopTime` that is asked here."""

    def sleeps(self) -> set[int]:
        """Return the ids of the futures that `asyncio.sleep` awaits."""
        ...


class Outside:
    """The threads, programs and connections that may still answer the processes of one loop.

    Args:
        loop: the event loop.
    """

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.real: Clock = Clock()
        self.time: SleepWatch | None = None
        self.at_work: bool = False  # whether a thread or a program was busy at the last check
        self.is_open: bool = False  # whether a peer could send something, at the last check
        self.jobs: dict[Any, float] = {}  # functions in executors: future -> the time until which to wait
        self.programs: dict[Any, float] = {}  # transport -> the time until which to wait
        self.sources: dict[int, Source] = {}
        self.ours: dict[tuple[Any, Any], int] = {}  # connections that the loop has listened to, by their ends
        self.busy: dict[int, float] = {}  # busy threads: ident -> the time until which to wait
        self.strangers: set[int] = set()  # threads that were running before the node began
        self.known: int = 1  # the number of these threads
        self.seen: dict[int, Any] = {}  # the futures that tasks were waiting for when the clock moved last
        self.new_since: float = 0.0

    def begin(self, time: SleepWatch) -> None:
        """Begin to watch, for a node in virtual time."""
        self.time = time
        self.end()
        self.strangers = {thread.ident or 0 for thread in threading.enumerate()}
        self.known = len(self.strangers)

    def end(self) -> None:
        """Forget everything, since the node has ended."""
        self.sources.clear()
        self.ours.clear()
        self.busy.clear()
        self.jobs.clear()
        self.programs.clear()
        self.seen.clear()

    def begin_job(self, future: Any) -> None:
        """Note that an executor has got a function to run."""
        self.jobs[future] = self.real.now() + AT_WORK
        future.add_done_callback(self.end_job)

    def end_job(self, future: Any) -> None:
        """Forget a function that has returned."""
        self.jobs.pop(future, None)

    def begin_program(self, transport: Any) -> None:
        """Note that a program has been started."""
        self.programs[transport] = self.real.now() + AT_WORK

    def begun(self) -> float:
        """Return the time until which functions in executors, and programs, may still answer."""
        if self.programs:
            self.programs = {one: until for one, until in self.programs.items() if one.get_returncode() is None}
        self.at_work = bool(self.jobs or self.programs)
        return max(*self.jobs.values(), *self.programs.values(), 0.0, 0.0)

    def unseen(self) -> float:
        """Return the real seconds that an answer may take, for a loop that does not show its descriptors.

        0 means that no answer is expected. `patience` is for the other loops.
        """
        now = self.real.now()
        until = max(self.begun(), self.threads(now))
        if self.newly(now):
            until = max(until, self.new_since + A_MOMENT)
        if until <= now:
            self.new_since = 0.0
            self.seen = self.waits()
        return max(0.0, until - now)

    def heard(self, events: list[tuple[SelectorKey, int]]) -> None:
        """Note the events that a `select` has returned."""
        now = self.real.now()
        for key, _ in events:
            source = self.sources.get(key.fd)
            if source is not None:
                source.heard = now
                if source.is_socket:
                    source.until = 0.0
                    source.count()
                else:
                    source.until = now + SOON

    def listen(self, fd: int) -> None:
        """Note a descriptor of the loop, which may be one end of a connection from the loop to itself."""
        ends = ends_of(fd)
        if ends[0] is not None:
            if len(self.ours) >= MANY:
                self.ours = {one: other for one, other in self.ours.items() if ends_of(other) == one}
            self.ours[ends] = fd

    def patience(self, descriptors: Any) -> float:
        """Return the real seconds that an answer may take from now on; 0 if none is expected."""
        now = self.real.now()
        self.is_open = False
        until = max(self.begun(), self.threads(now))
        if len(descriptors) > 1:
            until = max(until, self.descriptors(descriptors, now))
        if until <= now:
            self.new_since = 0.0
            self.seen = self.waits()
        return max(0.0, until - now)

    def may_answer(self, descriptors: Any, awaiting: int) -> bool:
        """Return whether an answer may still come, at any time, while `awaiting` processes await asyncio."""
        self.patience(descriptors)
        signals = getattr(self.loop, "_signal_handlers", None)
        return self.at_work or bool(awaiting and (self.is_open or signals))

    def threads(self, now: float) -> float:
        """Return the time until which busy threads may still answer."""
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] (a documented function)
        busy: dict[int, float] = {}
        until = 0.0
        for thread in threading.enumerate():
            ident = thread.ident or 0
            frame = frames.get(ident)
            if ident in self.strangers or ident in HELD_THREADS or frame is None:
                continue
            place = (frame.f_code.co_filename.rpartition(os.sep)[2], frame.f_code.co_name)
            if place not in WAITING:
                patience = AT_WORK if place[1] == "_do_waitpid" else SOON  # a program has been started
                busy[ident] = self.busy.get(ident, now + patience)
            elif place != IN_A_POOL and self.newly(now):  # it may have work in its queue, and not have woken up yet
                until = self.new_since + A_MOMENT
        self.busy = busy
        self.at_work = self.at_work or bool(busy)
        return max(until, *busy.values(), 0.0)

    def descriptors(self, descriptors: Any, now: float) -> float:
        """Return the time until which the loop's descriptors may still bring an event."""
        own = getattr(self.loop, "_ssock", None)
        own_fd = -1 if own is None else own.fileno()
        found: dict[int, Source] = {}
        for fd, key in descriptors.items():
            if fd != own_fd:
                source = self.sources.get(fd)
                if source is None or not same(source.handles, key.data):
                    source = Source(fd, key.data, now)
                source.handles = key.data
                found[fd] = source
        self.sources = found
        until = 0.0
        for source in found.values():
            if source.listens:
                continue
            other = source.ends[::-1]
            peer = self.ours.get(other, -1)
            if peer in {-1, source.fd} or ends_of(peer) != other:
                self.is_open = True
                self.at_work = self.at_work or not source.is_socket
                until = max(until, self.of(source, now))
            else:
                until = max(until, self.between(source, peer, now))
        return until

    def between(self, source: Source, peer: int, now: float) -> float:
        """Return the time until which bytes may be on their way between two ends that both belong to this loop."""
        more = source.count()
        if (source.received, source.sent) == counters(peer):
            return 0.0
        if more:
            source.until = now + SOON
        return source.until

    def of(self, source: Source, now: float) -> float:
        """Return the time until which one source may still bring an event."""
        if not source.is_socket:
            return source.until
        if source.count():
            source.until = now + SOON
        moment = max(source.heard, 0.0 if source.sent >= 0 else self.newly(now)) + A_MOMENT
        if moment > max(now, source.until) and self.newly(now):
            return moment
        return source.until

    def newly(self, now: float) -> float:
        """Return since when a task waits for something that is new since the clock moved last; 0.0 if none does."""
        if not self.new_since and any(self.seen.get(number) is not one for number, one in self.waits().items()):
            self.new_since = now
        return self.new_since

    def waits(self) -> dict[int, Any]:
        """Return the futures that the loop's tasks wait for, by id, without other tasks and without timers."""
        sleeps: set[int] = set() if self.time is None else self.time.sleeps()
        found: dict[int, Any] = {}
        for task in asyncio.all_tasks(self.loop):
            waiter = getattr(task, "_fut_waiter", None)
            if waiter is not None and not hasattr(waiter, "_fut_waiter") and id(waiter) not in sleeps:
                found[id(waiter)] = waiter
        return found


def same(before: Any, now: Any) -> bool:
    """Return whether one of the handles of a descriptor is unchanged."""
    return any(one is not None and one is other for one, other in zip(before, now, strict=True))


def ends_of(fd: int) -> tuple[Any, Any]:
    """Return the address of a connection and that of its peer; `(None, None)` if it is no connection."""
    try:
        found = socket.socket(fileno=fd)
    except OSError:
        return None, None
    try:
        return found.getsockname(), found.getpeername()
    except OSError:
        return None, None
    finally:
        found.detach()


def counters(fd: int) -> tuple[int, int]:
    """Return the numbers of bytes that a connection has sent and received, or UNKNOWN for each."""
    if sys.platform != "linux":
        return UNKNOWN, UNKNOWN
    try:
        found = socket.socket(fileno=fd)
    except OSError:
        return UNKNOWN, UNKNOWN
    try:
        info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, COUNTED)
    except OSError:  # not a TCP socket
        info = b""
    finally:
        found.detach()
    if len(info) < COUNTED:
        return UNKNOWN, UNKNOWN
    return struct.unpack_from("Q", info, SENT)[0], struct.unpack_from("Q", info, RECEIVED)[0]
