"""The requests that a writer answers; queues and dispatchers send them with `call`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regrow.servers.queue.ops import Op


@dataclass(frozen=True, slots=True)
class Ask:
    """Apply an op. The answer is its result, or a QueueError as a value, which the caller raises.

    Attributes:
        op: a Claim without a job, and a Put without room, wait in the writer.
        timeout: seconds that they wait; 0 does not wait, None waits for ever. When they end without success, the answer
            of a Claim is an empty list, and that of a Put is None.
    """

    op: Op
    timeout: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Maintain:
    """Ask the store: "backup" to a path (None), "check" (list[str]), "diagnostics" (dict)."""

    what: Literal["backup", "check", "diagnostics"]
    path: str = ""
