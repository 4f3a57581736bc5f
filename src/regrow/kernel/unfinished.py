"""What the kernel's own bookkeeping had begun when an exception came in between, and goes on with in the next turn.

Such an exception is the RecursionError of a caller that stands deep in the stack, a MemoryError, or what the handler of
a signal has raised. Of two things that belong together the one that can fail comes first; where it cannot, what is left
is noted before it is begun, and done here, where the stack is as short as it can be:

    Scheduler.dying         processes whose end has still to be told
    Scheduler.broken_off    a step's end: the process, what it has yielded or raised, and whether it has raised that
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regrow.kernel import links
from regrow.kernel.process_record import RUNNING
from regrow.kernel.user_errors import failed, swallow
from regrow.kernel.yields import Throw

if TYPE_CHECKING:
    from regrow.kernel.process_record import Host, Runner


def go_on(scheduler: Runner) -> None:
    """Do the rest of each: the ends of steps, then the burials."""
    left = scheduler.broken_off
    scheduler.broken_off = []
    for process, what, ended in left:
        try:
            if ended:
                scheduler.ended(process, what)
            elif process.status == RUNNING:
                scheduler.handle_yield(process, what)
        except BaseException as error:  # no stack is shorter: it is not the kernel's, but of what was yielded
            swallow(error)
            if process.status == RUNNING:
                scheduler.ready(process, Throw(error))
    if scheduler.dying:
        bury_rest(scheduler.dying[0].node)


def bury_rest(node: Host) -> None:
    """Go on where burials were broken off."""
    dying = node.scheduler.dying
    for process in tuple(dying):
        process.alive = False
        process.pid.process = None
    while dying:
        process = dying[0]
        try:
            links.bury_all(node)
        except BaseException as error:
            if dying and dying[0] is process:
                dying.popleft()  # the others must not wait for it
            failed(node.loop, f"{process.pid} could not be buried", error)
