"""Payloads as bytes, and back, by the type of their queue."""
