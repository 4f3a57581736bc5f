"""Servers: one process, one state, one message at a time (OTP's `gen_server`)."""
