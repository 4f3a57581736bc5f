"""Event managers: one process, and handlers that are added and removed (OTP's `gen_event`)."""
