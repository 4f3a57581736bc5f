"""Timers as users hold them: what `send_after` and the other functions of `timers.py` return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow.kernel.deadlines import Deadline, Timers
from regrow.kernel.process_record import Process


class Timer(Deadline):
    """A message or an action at a time, as `send_after` and similar functions return it.

    Attributes:
        address: the receiver; a name is looked up when the timer fires. None for a function.
        message: the message, the reason of an exit signal, or a function and its arguments.
    """

    __slots__ = ("message", "owner")

    def __init__(self, owner: Process | None, message: Any) -> None:
        self.due = 0.0
        self.bucket = None
        self.owner: Process | None = owner  # whose death ends the timer
        self.message: Any = message

    def order(self, number: int) -> int:
        """Come before the waits that end at the same instant."""
        return number

    def __repr__(self) -> str:
        return f"Timer({self.address!r}, {self.message!r})"

    def __copy__(self) -> Timer:
        return self

    def __deepcopy__(self, memo: object) -> Timer:
        return self

    @property
    def address(self) -> Any:
        """The address that the message goes to."""
        assert self.owner is not None
        return self.owner.pid

    def kept_by(self) -> Timers:
        """Return the deadlines among which this timer waits."""
        assert self.owner is not None
        return self.owner.node.scheduler.timers

    def left(self) -> float | None:
        """Return the seconds until it fires; None if it will not."""
        return None if self.due == 0.0 else max(0.0, self.due - self.kept_by().now())

    def stop(self) -> None:
        """Cancel the timer, if it has not fired."""
        self.kept_by().cancel(self)


class Alarm(Timer):
    """A timer with an action: the functions that return no plain `Message` make one."""

    __slots__ = ("action", "timers", "whom")

    def __init__(self, timers: Timers, address: object, message: Any, action: Callable[[Alarm], None]) -> None:
        super().__init__(None, message)
        self.timers: Timers = timers
        self.whom: object = address
        self.action: Callable[[Alarm], None] = action

    @property
    def address(self) -> Any:
        """The address that was given when the timer was set."""
        return self.whom

    def kept_by(self) -> Timers:
        """Return the deadlines among which this timer waits."""
        return self.timers

    def fire(self) -> None:
        """Run the action of the timer."""
        self.action(self)


class Interval(Alarm):
    """A timer that starts again when it fires, at its next time: it does not drift."""

    __slots__ = ("at", "interval")

    def __init__(
        self, timers: Timers, address: object, message: Any, action: Callable[[Alarm], None], interval: float
    ) -> None:
        super().__init__(timers, address, message, action)
        self.interval: float = interval
        self.at: float = timers.now() + interval

    def fire(self) -> None:
        """Run the action, and wait for the next time."""
        self.at += self.interval
        self.timers.start_at(self, self.at)
        self.action(self)


class Repeated(Interval):
    """An interval that waits for the end of its action before it starts again, at once if it is late."""

    __slots__ = ("busy",)

    def __init__(
        self, timers: Timers, address: object, message: Any, action: Callable[[Alarm], None], interval: float
    ) -> None:
        super().__init__(timers, address, message, action, interval)
        self.busy: bool = False  # whether the action is running

    def fire(self) -> None:
        """Begin the action, which calls `over` at its end."""
        self.at += self.interval
        self.busy = True
        self.action(self)

    def over(self) -> None:
        """Note that the action has ended, and wait for the next time."""
        if self.busy and (self.owner is None or self.owner.alive):
            self.timers.start_at(self, self.at)
        self.busy = False

    def left(self) -> float | None:
        """Return the seconds until it begins again; None if it will not."""
        return max(0.0, self.at - self.timers.now()) if self.busy else super().left()

    def stop(self) -> None:
        """Let a running action end, and do not begin it again."""
        self.busy = False
        super().stop()
