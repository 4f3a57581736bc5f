"""The cost of durable queues: regrow's beside others, all measured in one run.

    settings.py    what is measured: clients, waiting jobs, processes
    peers.py       the queues, what each promises, and whether it is as durable as regrow's
    driving.py     the clients: put, take and acknowledge for a while, on one or two processes
    syncs.py       the syncs of each cycle, counted with strace
    postgres.py    a PostgreSQL server for the measurement
    table.py       the ratios and the figures as tables

The drivers are small: `benchmarks/ours/queues.py`, and one module for each other queue in `benchmarks/others/queues`.
`make bench-queue` runs it, and `make bench` after everything else; it writes its part of docs/benchmarks.md.
"""
