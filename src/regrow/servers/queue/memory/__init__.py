"""The store in memory: the model of the others, in dicts and heaps."""
