"""Functions that run in separate processes, and are awaited."""
