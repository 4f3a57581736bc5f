"""Behaviours: a folder for each, and `gen`, the code that they share."""
