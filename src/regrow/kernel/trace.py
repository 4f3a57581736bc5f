"""Named points in the kernel that listeners are called at; without a listener each costs one comparison.

    point      who          whom        what              when
    -----      ---          ----        ----              ----
    spawn      pid          parent                        a process was made
    start      pid          starter     what it acks      it is up, or Ignore or Failed: it is not
    register   pid          name                          it took a name
    link       pid          pid                           two processes were linked
    send       sender       address     message           a message, a Cast or a Request was sent
    reply      server       caller      request, answer   a request was answered; by a plain task: None
    fail       caller       address     request, reason   a call failed
    signal     source       pid         reason            a process got an exit signal
    exit       pid          reason                        it ended
    down       ended pid    watcher     reason            a monitor fired
    restart    supervisor   pid         child's id        a child was started again

While there is a listener, no call is handed over directly: all are sent, as to a busy server. Each event is reported
once, when it happens. `regrow.trace` records the events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.process_record import Tracer
from regrow.kernel.report import exc_info, log
from regrow.kernel.running import unless_dead
from regrow.kernel.user_errors import swallow

if TYPE_CHECKING:
    from regrow.kernel.process_record import Host, Process

LOG = logging.getLogger("regrow.trace")

Listener = Callable[[str, object, object, object], None]


class Trace(Tracer):
    """The listeners of one node. The attribute `trace` of a node without listeners is None.

    Attributes:
        listeners: the functions that are called at each point.
        dead: processes that were killed while they ran, and whose code has not ended. A process that catches the
            exception that unwinds it, and continues, is unwound again at the next point: the dead send nothing. This
            is kept here to save a check: every send reads the trace of its node anyway.
    """

    def __init__(self) -> None:
        self.listeners = {}
        self.dead = {}

    def emit(self, point: str, who: object, whom: object = None, what: object = None) -> None:
        """Call every listener. One that raises is removed: an observer must not change what it observes."""
        if self.dead:
            self.refuse_the_dead()
        for listener in tuple(self.listeners):
            try:
                listener(point, who, whom, what)
            except BaseException as error:
                self.listeners.pop(listener, None)
                words = "%s listened at %s, raised, and was removed"
                log(LOG, logging.ERROR, words, safe_repr(listener), point, exc_info=exc_info(error))
                swallow(error)

    def refuse_the_dead(self) -> None:
        """Unwind a dead process that continues. What it does to release resources while it unwinds still counts."""
        for process in self.dead:
            if process.node.scheduler.current is process:
                unless_dead(process)


def watch_the_dead(process: Process) -> None:
    """Watch a process that was killed while it runs."""
    if process.node.trace is None:
        process.node.trace = Trace()
    process.node.trace.dead[process] = None


def watch_no_more(process: Process) -> None:
    """Stop watching a dead process, since its code has ended."""
    trace = process.node.trace
    if trace is not None and trace.dead.pop(process, trace) is None and not trace.dead and not trace.listeners:
        process.node.trace = None


def listen(node: Host, listener: Listener) -> None:
    """Call `listener` at every point of a node from now on."""
    if node.trace is None:
        node.trace = Trace()
    node.trace.listeners[listener] = None


def unlisten(node: Host, listener: Listener) -> None:
    """Remove a listener. After the last one, tracing costs the node nothing again."""
    if node.trace is not None:
        node.trace.listeners.pop(listener, None)
        if not node.trace.listeners and not node.trace.dead:
            node.trace = None
