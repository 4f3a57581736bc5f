"""One function in a process of its own, awaited."""
