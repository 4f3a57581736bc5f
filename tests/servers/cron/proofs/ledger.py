"""The rows of a ledger that programs have written."""

from __future__ import annotations

from typing import Any

from regrow.kernel.clock import Clock
from regrow.servers.cron.ledger.opening import tables_of
from regrow.servers.cron.rows import TickRow
from regrow.servers.queue.ops import Within


def ticks(store: Any) -> list[TickRow]:
    """Return all rows of the ledger."""
    clock = Clock()
    store.open(clock.times)
    found: list[TickRow]
    (found,) = store.run([Within(lambda tx: tables_of(tx, "cron").history(None, 100_000))], clock.times).results
    store.close()
    assert isinstance(found, list)
    return found
