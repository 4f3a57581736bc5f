"""The event manager: handlers that come and go."""
