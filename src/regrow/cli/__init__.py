"""The `regrow` command with its subcommands new, run, shell and test."""

from regrow.cli.command import main

__all__ = ["main"]
