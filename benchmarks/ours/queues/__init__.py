"""regrow's queue on each of its stores, as a driver of `benchmarks.queues`."""
