"""What gets a process going: the end of a receive's time, a future of asyncio's that is done, who is about to wait for it."""

from __future__ import annotations

from regrow.kernel.pid import READY, Process
from regrow.kernel.signals import RESCAN, TIMEOUT, Launch
from regrow.kernel.timers import Deadline


class Patience(Deadline):
    """The time limit of one `receive`."""

    __slots__ = ("process",)

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process

    def fire(self) -> None:
        """Nothing came in time; mail that came before it, and is still to be looked at, goes first."""
        process = self.process
        process.deadline = None
        if process.status == READY and process.value is RESCAN:
            process.waiting.timeout = 0.0
        else:
            process.node.scheduler.wake(process, TIMEOUT)


class Awakening:
    """The callback of a future that a process awaits."""

    __slots__ = ("process",)

    def __init__(self, process: Process) -> None:
        self.process = process

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Awakening) and other.process is self.process

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, future: object) -> None:
        """The future is done."""
        self.process.node.scheduler.future_done(self.process, future)


def begin_now(process: Process) -> None:
    """Hand over to a process that has not begun, and that the running one is about to wait for.

    Only the next or the last of the queue: to take another out of it would cost the more the longer it is.
    """
    scheduler = process.node.scheduler
    queue = scheduler.queue
    launch = process.value
    if scheduler.schedule is not None or process.status != READY or type(launch) is not Launch or not queue:
        return
    if queue[-1] is process:
        queue.pop()
        process.value = None
        if not scheduler.hand_over(process, launch):
            process.value = launch
            queue.append(process)
    elif queue[0] is process:
        queue.popleft()
        process.value = None
        if not scheduler.hand_over(process, launch):
            process.value = launch
            queue.appendleft(process)
