"""The rest of the kernel's work that an exception interrupted; it is done at the start of the next turn.

Such an exception is a RecursionError, because the caller is deep in the stack, a MemoryError, or one that a signal
handler raised. Of two actions that belong together, the one that can fail comes first. Where that is not possible, the
work is noted before it begins and finished here, where the stack is as short as it can be:

    Scheduler.dying         processes whose end has not been reported to all watchers yet
    Scheduler.broken_off    ends of steps: the process, what it yielded or raised, and whether it raised that
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
    """Finish the interrupted ends of steps, then the interrupted burials."""
    left = scheduler.broken_off
    scheduler.broken_off = []
    for process, what, ended in left:
        try:
            if ended:
                scheduler.ended(process, what)
            elif process.status == RUNNING:
                scheduler.handle_yield(process, what)
        except BaseException as error:  # the stack is short here: the yielded object raised it, and not the kernel
            swallow(error)
            if process.status == RUNNING:
                scheduler.ready(process, Throw(error))
    if scheduler.dying:
        bury_rest(scheduler.dying[0].node)


def bury_rest(node: Host) -> None:
    """Finish the burials that were interrupted."""
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
                dying.popleft()  # the burials of the others continue without it
            failed(node.loop, f"{process.pid} could not be buried", error)
