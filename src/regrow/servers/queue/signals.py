"""The outcomes that a worker's code raises in place of an error: `Retry`, `Snooze`, `Discard`."""

from __future__ import annotations

from typing import Any

from regrow.servers.queue.checks import duration
from regrow.servers.queue.job import Seconds


class Retry(Exception):
    """Raised by a worker: the attempt failed, and the next one comes after `delay`.

    At the last attempt the job goes to the dead letters, as after any other exception.

    Args:
        message: the text that the job's history keeps.
        delay: seconds; None for the queue's backoff.

    Raises:
        ValueError: the delay is negative.
        TypeError: the delay is no number of seconds.
    """

    def __init__(self, message: str = "", *, delay: Seconds | None = None) -> None:
        super().__init__(message)
        self.message: str = message
        self.delay: float | None = None if delay is None else duration(delay, "Retry(delay=)")

    def __reduce__(self) -> Any:
        return _retry, (self.message, self.delay)


class Snooze(Exception):
    """Raised by a worker: the job is performed later, and this attempt does not count.

    Args:
        delay: seconds.
        message: a text for a person; the job's history does not keep it.

    Raises:
        ValueError: the delay is negative.
        TypeError: the delay is no number of seconds.
    """

    def __init__(self, delay: Seconds, message: str = "") -> None:
        self.delay: float = duration(delay, "Snooze(delay)")
        self.message: str = message
        super().__init__(message or f"for {self.delay:g} s")

    def __reduce__(self) -> Any:
        return type(self), (self.delay, self.message)


class Discard(Exception):
    """Raised by a worker: no further attempt will help, so the job goes to the dead letters now.

    Args:
        message: the text that the job's history keeps.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message: str = message


def _retry(message: str, delay: float | None) -> Retry:
    return Retry(message, delay=delay)
