"""The `regrow` command: new, run, shell, test."""

from regrow.cli.command import main

__all__ = ["main"]
