"""Supervisors: processes that start, restart and stop children (OTP's `supervisor`, Elixir's `DynamicSupervisor`)."""
