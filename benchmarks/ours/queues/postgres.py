"""regrow's queue in PostgreSQL."""

import os

from benchmarks.ours.queues.driver import measure
from benchmarks.queues.driving import POSTGRES
from regrow.queue import Postgres

if __name__ == "__main__":
    measure(lambda _: Postgres(os.environ[POSTGRES]))
