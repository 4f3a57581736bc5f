"""Named points in the kernel at which anyone may listen; they cost one comparison when nobody does.

    point      who          whom        what              when
    -----      ---          ----        ----              ----
    spawn      pid          parent                        a process was made
    start      pid          starter     what it acks      it is up; or Ignore, or Failed: it is not
    register   pid          name                          it took a name
    link       pid          pid                           two processes were linked
    send       sender       address     message           a message, a Cast or a Request was sent
    reply      server       asker       request, answer   a request was answered; by a plain task: None
    fail       asker        address     request, reason   a call came to nothing
    signal     source       pid         reason            a process got an exit signal
    exit       pid          reason                        it ended
    down       who ended    watcher     reason            a monitor fired
    restart    supervisor   pid         child's id        a child was started again

While somebody listens no call is handed over directly: all are sent, as it is with a server that is busy. What is told
of is never held up, and never told twice. `regrow.trace` records it.
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
    """Those who listen to one node. The node holds None in its place while there are none.

    Attributes:
        listeners: what is called at each point.
        dead: processes that were ended while they ran, and whose code has not come to its end. Where they catch what
            unwinds them, and go on, they are unwound again at the next point: the dead send nothing. It stands here
            because every send asks for the trace of its node anyway.
    """

    def __init__(self) -> None:
        self.listeners: dict[Listener, None] = {}
        self.dead: dict[Process, None] = {}

    def emit(self, point: str, who: object, whom: object = None, what: object = None) -> None:
        """Tell every listener what has happened. One that raises is dropped: looking must not change what is seen."""
        if self.dead:
            self.refuse_the_dead()
        for listener in tuple(self.listeners):
            try:
                listener(point, who, whom, what)
            except BaseException as error:
                self.listeners.pop(listener, None)
                words = "%s listened at %s, raised, and listens no more"
                log(LOG, logging.ERROR, words, safe_repr(listener), point, exc_info=exc_info(error))
                swallow(error)

    def refuse_the_dead(self) -> None:
        """Unwind again a process that is dead and goes on. What it does while it is unwound, to release, does count."""
        for process in self.dead:
            if process.node.scheduler.current is process:
                unless_dead(process)


def watch_the_dead(process: Process) -> None:
    """A process was ended while it runs."""
    if process.node.trace is None:
        process.node.trace = Trace()
    process.node.trace.dead[process] = None


def watch_no_more(process: Process) -> None:
    """The code of a dead process has come to its end."""
    trace = process.node.trace
    if trace is not None and trace.dead.pop(process, trace) is None and not trace.dead and not trace.listeners:
        process.node.trace = None


def listen(node: Host, listener: Listener) -> None:
    """Let a function hear of all that happens on a node, from now on."""
    if node.trace is None:
        node.trace = Trace()
    node.trace.listeners[listener] = None


def unlisten(node: Host, listener: Listener) -> None:
    """Let it go. With the last one the node has nobody to tell, and nothing to do for it."""
    if node.trace is not None:
        node.trace.listeners.pop(listener, None)
        if not node.trace.listeners and not node.trace.dead:
            node.trace = None
