"""regrow's queue in PostgreSQL."""

import os

from benchmarks.ours.queues.driver import measure
from benchmarks.queues.driving import POSTGRES
from regrow.servers.queue.postgres_store import Postgres

if __name__ == "__main__":
    measure(lambda _: Postgres(os.environ[POSTGRES]))
