"""How a start can fail.

This module stays interpreted when the loops are compiled: a compiled exception would not know those who inherit from it.
"""

from __future__ import annotations

from typing import Any

from regrow.kernel import bounded_repr, exits
from regrow.kernel.explained_reasons import letter_of
from regrow.kernel.pid import Pid
from regrow.kernel.tracebacks import because


class StartError(Exception):
    """A process could not be started.

    Attributes:
        reason: why, as `init` said it: what it gave to `Stop` or `Error`, or what it raised.
    """

    def __init__(self, reason: object, who: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.who = who
        because(self, reason)

    def __str__(self) -> str:
        return f"{_called(self.who)} did not start: {_why(self.reason)}"


def _called(who: object) -> str:
    if isinstance(who, type):
        return who.__name__
    return "the process" if who is None else str(who)


def _why(reason: Any) -> str:
    """The reasons of supervisors in words; the others are the user's own."""
    letter = letter_of(reason)
    if letter:
        return letter
    match reason:
        case ("shutdown", ("failed_to_start_child", id, inner)):
            return f"its child {_called(id)} did not start: {_why(inner)}"
        case ("EXIT", inner):
            return bounded_repr.safe_repr(inner)
        case _:
            return bounded_repr.safe_repr(reason)


class AlreadyStarted(StartError):
    """Another process has the name.

    Attributes:
        pid: that process.
    """

    def __init__(self, pid: Pid, name: object = None) -> None:
        super().__init__(("already_started", pid), name)
        self.pid = pid

    def __str__(self) -> str:
        return f"{exits.display_name(self.who)} is running already, as {self.pid}"


class Ignored(Exception):
    """`init` returned IGNORE: the process did not want to run, which is no error."""
