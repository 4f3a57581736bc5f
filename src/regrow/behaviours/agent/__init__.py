"""A process that holds a state."""
