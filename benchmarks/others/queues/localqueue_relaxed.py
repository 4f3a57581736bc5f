"""localqueue in its default mode: after a power cut the last commits may be gone."""

from localqueue import DurabilityMode

from benchmarks.others.queues.localqueue_ import LocalQueue
from benchmarks.queues.driving import main

if __name__ == "__main__":
    main(LocalQueue(DurabilityMode.RELAXED))
