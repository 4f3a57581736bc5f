"""Other schedulers with the same jobs."""
