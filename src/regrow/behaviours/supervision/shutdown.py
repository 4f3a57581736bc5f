"""The shutdown of a child: its supervisor watches it, sends an exit signal, and kills it when its time is over.

    supervisor                            child
    ----------                            -----
    unlinks and watches it, then sends
      "shutdown"            ----->        ends, or traps exits and cleans up
      "kill"                ----->        ends, if its time is over
    gets its reason         <-----

The watch is also the deadline, so that children that are shut down together each have the time of their spec.
"""

from __future__ import annotations

from typing import Any

from regrow.behaviours.supervision import restart
from regrow.kernel import links, requests
from regrow.kernel.mailbox import take_exits
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.requests import FAILED, CallRequest


class ChildShutdown(CallRequest):
    """The watch of a supervisor on a child that is being shut down."""

    __slots__ = ("child",)

    def __init__(self, supervisor: Process, child: Process) -> None:
        super().__init__(supervisor.pid, None)
        self.child: Process = child

    def fire(self) -> None:
        """Kill the child, because its time is over."""
        links.exit_signal(self.child, self.pid, "kill", False)

    async def reason(self) -> object:
        """Wait for the child's end, and return its reason."""
        if self.state == FAILED:
            requests.stop_watching(self)
        else:
            await self
        return self.answer


def begin_shutdown(supervisor: Process, pid: Pid, shutdown: Any) -> ChildShutdown | None:
    """Unlink a child and send it the exit signal of its `shutdown`; return the watch, or None if it has ended."""
    child = pid.process
    links.unlink(supervisor, pid)
    if child is None:
        return None
    ending = ChildShutdown(supervisor, child)
    signal, limit = restart.ending(shutdown)
    requests.watch_for(ending, child, limit or None)
    links.exit_signal(child, supervisor.pid, signal, False)
    if limit == 0.0:
        ending.fire()
    return ending


async def shut_down(supervisor: Process, pid: Pid, shutdown: Any) -> object:
    """Shut down a child by its `shutdown`, wait for its end and return the reason."""
    ending = begin_shutdown(supervisor, pid, shutdown)
    if ending is None:
        return take_exits(supervisor, (pid,)).get(pid, "noproc")
    return await ending.reason()
