"""The server: one process, one state, one message at a time."""
