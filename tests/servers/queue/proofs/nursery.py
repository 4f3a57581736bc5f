"""A process that forks one child for each order, so that a test can kill many; see `killed.py`.

An order is a line of JSON on standard input. A child runs a client's batches on a store and writes each entry of the
ledger as a line of JSON to standard output. It ends by SIGKILL: by itself before a counted event of its disk, or by the
test. Its parent writes a line with its pid, and another one with its end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from random import Random
from typing import Any

from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Store
from tests.servers.queue.proofs.broken import BROKEN
from tests.servers.queue.proofs.disk import Disk
from tests.servers.queue.proofs.power import connects
from tests.servers.queue.proofs.workload import Client, Clock, RealClock


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                work(order)
            finally:
                os._exit(0)
        tell({"pid": child})
        _, status = os.waitpid(child, 0)
        tell({"ended": status})


def tell(value: Any) -> None:
    # The line before it may have been cut by a kill.
    os.write(1, b"\n" + json.dumps(value).encode() + b"\n")


def work(order: dict[str, Any]) -> None:
    """Run batches until the end of the order, or a kill."""
    path, kill_at, broken = order["path"], order["kill_at"], BROKEN[order["broken"]]

    def before(event: int) -> None:
        if event == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    disk = Disk("nursery", path, before=before) if kill_at is not None else None
    clock = RealClock() if order["suffix"] else Clock(order["wall"], order["monotonic"])
    random = Random(order["seed"])
    if disk is None and not order["broken"]:
        store: Store = SQLite(path)
    else:
        store = broken.make(path, connects(broken.rewrite, None if disk is None else disk.name))
    store.open(clock)
    client = Client(random, order["size"], tell, names=f"{order['seed']}-", suffix=order["suffix"])
    for _ in range(order["steps"]):
        client.step(store, clock)
        clock.advance(random.choice((0.0, 0.1, 2.0, 8.0)))
    store.close()


if __name__ == "__main__":
    main()
