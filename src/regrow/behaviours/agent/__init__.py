"""A state behind functions."""
