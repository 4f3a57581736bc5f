"""Trees that start and stop as one."""
