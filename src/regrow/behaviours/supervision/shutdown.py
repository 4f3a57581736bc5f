"""How a keeper ends the processes of its children: a watch on each, a signal, a limit, and the kill that follows it.

    keeper                                child
    ------                                -----
    unlinks and watches it, then signals
      "shutdown"            ----->        ends, or traps exits and takes its time
      "kill"                ----->        … which is over
    hears of its end        <-----

The watch is its own deadline: children that are told together are also killed each in its own time.
"""

from __future__ import annotations

from typing import Any

from regrow.behaviours.supervision import restart
from regrow.kernel import links, requests
from regrow.kernel.mailbox import take_exits
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.requests import FAILED, CallRequest


class ChildShutdown(CallRequest):
    """One child on its way to its end, as its keeper watches it."""

    __slots__ = ("child",)

    def __init__(self, keeper: Process, child: Process) -> None:
        super().__init__(keeper.pid, None)
        self.child: Process = child

    def fire(self) -> None:
        """Its time is over."""
        links.exit_signal(self.child, self.pid, "kill", False)

    async def reason(self) -> object:
        """Wait for the end; gives its reason."""
        if self.state == FAILED:
            requests.stop_watching(self)
        else:
            await self
        return self.answer


def begin_shutdown(keeper: Process, pid: Pid, shutdown: Any) -> ChildShutdown | None:
    """Tell a linked process to end in the way of its spec; None if it has gone already."""
    child = pid.process
    links.unlink(keeper, pid)
    if child is None:
        return None
    ending = ChildShutdown(keeper, child)
    signal, limit = restart.ending(shutdown)
    requests.watch_for(ending, child, limit or None)
    links.exit_signal(child, keeper.pid, signal, False)
    if limit == 0.0:
        ending.fire()
    return ending


async def shut_down(keeper: Process, pid: Pid, shutdown: Any) -> object:
    """Tell a linked process to end, wait as long as it may take, then kill it; gives the reason of its end."""
    ending = begin_shutdown(keeper, pid, shutdown)
    if ending is None:
        return take_exits(keeper, (pid,)).get(pid, "noproc")
    return await ending.reason()
