"""The measurements of regrow."""
