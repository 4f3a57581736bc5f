"""Whether the queue into which a job puts is in the store of the ledger.

the queue's broker              the put
------------------              -------
is that of the ledger           in the ledger's transaction
has the same file or database   in the ledger's transaction
has another store               by a run, with a key against a second put
does not run here               in the ledger's transaction, unless the ledger is in memory
"""

from __future__ import annotations

from typing import Any, Final

from regrow.behaviours.gen_server.client import call
from regrow.kernel import bifs
from regrow.kernel.addresses import Name
from regrow.kernel.exits import CallExit
from regrow.servers.cron.state import State
from regrow.servers.queue.errors import QueueError
from regrow.servers.queue.requests import Maintain

PATIENCE: Final = 5.0  # seconds for a broker to answer
PLACES: Final = {"sqlite": ("path",), "postgres": ("host", "port", "database", "schema")}


async def find_stores(state: State) -> None:
    """Find out where the queues are whose brokers have started or ended since the last time."""
    if state.brokers and all(bifs.whereis(name) == pid for name, pid in state.brokers.items()):
        return
    for plan in state.plans.values():
        enqueues = plan.job.enqueues
        if enqueues is None:
            continue
        name = enqueues.broker
        pid = bifs.whereis(name)
        if name in state.brokers and state.brokers[name] == pid:
            continue
        together = await in_one_store(state, name, running=pid is not None)
        for other in state.plans.values():
            if other.job.enqueues is not None and other.job.enqueues.broker == name:
                other.enqueues = other.job.enqueues if together else None
        state.brokers[name] = pid
    state.puts = tuple(plan.enqueues.example for plan in state.plans.values() if plan.enqueues is not None)


async def in_one_store(state: State, broker: Name, *, running: bool) -> bool:
    """Whether a broker and the ledger have one store."""
    if broker == state.settings.broker:
        return True
    own = await place_of(state.settings.broker)
    if not running:
        return own is not None
    return own is not None and own == await place_of(broker)


async def place_of(broker: Name) -> Any:
    """Return where the store of a broker is; None if it is in memory, or the broker does not answer."""
    try:
        facts = await call(broker, Maintain("diagnostics"), PATIENCE)
    except CallExit:
        return None
    if isinstance(facts, QueueError):
        return None
    kind = str(facts.get("kind")).lower()
    return (kind, *(facts.get(name) for name in PLACES[kind])) if kind in PLACES else None
