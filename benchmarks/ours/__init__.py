"""regrow, measured."""
