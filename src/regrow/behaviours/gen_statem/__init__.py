"""The state machine: states, events, timeouts."""
