"""Servers that programs would otherwise install beside themselves: the job queue."""
