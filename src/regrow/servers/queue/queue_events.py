"""The telemetry events of the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regrow.servers.queue.ops import Claimed
    from regrow.servers.queue.performing import Settlement


def job_start(broker: object, job: Claimed) -> None:
    """The code of a job begins."""


def job_stop(broker: object, job: Claimed, settlement: Settlement | None, answer: Any, duration: float) -> None:
    """The lease of a job has ended."""


def lease_lost(broker: object, job: Claimed) -> None:
    """The lease of a job is over before its end."""
