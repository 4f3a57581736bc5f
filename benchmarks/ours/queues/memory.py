"""regrow's queue in memory: the cost of everything but the disk."""

from benchmarks.ours.queues.driver import measure
from regrow.queue import Memory

if __name__ == "__main__":
    measure(lambda _: Memory())
