"""The request of a starter, which the new process acknowledges."""

from __future__ import annotations

from regrow.kernel.process_record import Pid
from regrow.kernel.requests import CallRequest


class StartRequest(CallRequest):
    """The request of a starter that waits for the acknowledgement of a new process.

    Attributes:
        parent: the parent of the new process.
        given_up: the starter was cancelled.
    """

    __slots__ = ("given_up", "parent")

    parent: Pid
    given_up: bool

    def __init__(self, starter: Pid, parent: Pid) -> None:
        super().__init__(starter, None)
        self.parent = parent
        self.given_up = False
