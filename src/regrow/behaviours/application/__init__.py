"""Applications: supervision trees that start and stop as one unit."""
