"""What wakes a process: the end of a receive's time, and a future of asyncio's that is done."""

from __future__ import annotations

from regrow.kernel.pid import READY, Process
from regrow.kernel.signals import RESCAN, TIMEOUT
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
