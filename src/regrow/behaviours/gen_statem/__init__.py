"""State machines: states, events, transitions, timeouts (OTP's `gen_statem`)."""
