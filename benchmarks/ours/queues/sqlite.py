"""regrow's queue in an SQLite file, as it is by default."""

from benchmarks.ours.queues.driver import measure
from regrow.queue import SQLite

if __name__ == "__main__":
    measure(lambda where: SQLite(f"{where}/queue.db"))
