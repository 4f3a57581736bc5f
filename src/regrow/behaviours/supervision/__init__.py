"""Supervisors: what starts, restarts and stops children."""
