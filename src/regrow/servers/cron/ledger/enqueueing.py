"""A tick that puts a job into the durable queue, in the transaction that decides the tick."""

from __future__ import annotations

from regrow.servers.cron.last_line import last_line
from regrow.servers.cron.ledger.plan import Plan
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import TickRow
from regrow.servers.cron.tick import tick_of
from regrow.servers.queue.errors import QueueError


def enqueued(tables: Tables, plan: Plan, row: TickRow) -> TickRow:
    """Put the job of a tick; return the tick's row, which says whether it could be put.

    A payload that cannot be made fails its own tick: the others of the transaction hold.
    """
    try:
        stored = tables.put(plan.enqueues.put_of(tick_of(row, plan.shown_zone)))
    except QueueError as error:
        return row._replace(outcome="failed", error=last_line(error))
    except Exception as error:
        if not plan.enqueues.is_own(error):
            raise
        return row._replace(outcome="failed", error=last_line(error))
    if stored is None:
        return row._replace(outcome="failed", error=f"Full: the queue {plan.enqueues.queue_name!r} has no room")
    return row._replace(outcome="enqueued")
