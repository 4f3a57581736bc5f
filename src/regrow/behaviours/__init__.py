"""Servers and their keepers, as applications of the kernel and of `request.py`."""
