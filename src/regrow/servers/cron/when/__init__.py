"""Schedules: pure functions from a moment to the next tick, without a clock and without a store."""
