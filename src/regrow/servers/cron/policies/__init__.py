"""The policies of jobs: tables, and pure functions that read them."""
