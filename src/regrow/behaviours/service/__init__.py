"""Servers whose messages are typed methods."""
