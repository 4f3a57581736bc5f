"""What went wrong, as data: the message of one `logging` record, put into words only at an edge (`ops/logs.py`)."""

from __future__ import annotations

import logging
from typing import Any

from regrow.kernel.exits import safe_repr
from regrow.kernel.pid import Pid, Process
from regrow.kernel.signals import Request

PLAIN = logging.getLogger("regrow.process")


class Report:
    """A fact with named parts. `str()` of it is one plain line; `ops/logs.py` tells it in full.

    Attributes:
        kind: what happened, in OTP's words.
        fields: the parts, by name.
    """

    def __init__(self, kind: str, **fields: Any) -> None:
        self.kind = kind
        self.fields = fields

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __str__(self) -> str:
        return f"{self.kind}: " + ", ".join(f"{name} {safe_repr(value, 200)}" for name, value in self.fields.items())

    def __repr__(self) -> str:
        return f"Report({self.kind!r}, {', '.join(self.fields)})"


def who(process: Process) -> object:
    """How a process is called in a report: by its name, else its pid."""
    return process.pid if process.name is None else process.name


def client_of(message: object) -> Pid | None:
    """Who waits for the answer to a message."""
    return message.pid if isinstance(message, Request) else None


def process_raised(process: Process, error: BaseException) -> None:
    """A process that is no server has ended with an exception: one record on the logger `regrow.process`."""
    if process.rare is not None and process.rare.quiet:
        return
    PLAIN.error(
        Report(
            "process raised an exception",
            pid=process.pid,
            name=process.name,
            label=None if process.rare is None else process.rare.label,
            initial_call=process.initial_call,
            ancestors=list(process.ancestors),
            reason=error,
        )
    )
