"""The exceptions of a start that fails.

This module stays interpreted when the loops are compiled: an interpreted class cannot inherit from a compiled
exception.
"""

from __future__ import annotations

from typing import Any

from regrow.kernel import bounded_repr, exits
from regrow.kernel.explained_reasons import letter_of
from regrow.kernel.process_record import Pid
from regrow.kernel.tracebacks import because


class StartError(Exception):
    """A process could not be started.

    Attributes:
        reason: the reason that `init` passed to `Stop` or `Error`, or the exception that it raised.
        who: the class, name or description of what was to be started.
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
    """Return a reason as text: a supervisor's reasons are explained, other values are shown as they are."""
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
    """The name of the new process is taken by another process.

    Attributes:
        pid: the process that has the name.
    """

    def __init__(self, pid: Pid, name: object = None) -> None:
        super().__init__(("already_started", pid), name)
        self.pid = pid

    def __str__(self) -> str:
        return f"{exits.display_name(self.who)} is running already, as {self.pid}"


class Ignored(Exception):
    """The `init` of a process returned IGNORE: the process is not needed now. A supervisor treats it as no error."""
