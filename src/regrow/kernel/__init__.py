"""Processes and the signals between them; nothing here knows of servers or supervisors."""
