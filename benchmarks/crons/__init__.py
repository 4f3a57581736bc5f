"""How late jobs are that are due in one second: `python -m benchmarks.crons`."""
