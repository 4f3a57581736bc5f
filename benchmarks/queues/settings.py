"""The settings of a measurement: how many clients, waiting jobs and processes, and for how long."""

from __future__ import annotations

from typing import NamedTuple

PAYLOAD = "x" * 200
WAITING = 100_000
CLIENTS = 100


class Setting(NamedTuple):
    """One measurement.

    Attributes:
        clients: how many put, take and acknowledge at the same time, in each process.
        waiting: the jobs that wait before the measurement begins.
        processes: the OS processes that share the queue.
        seconds: how long; not used if `cycles` is given.
        cycles: the cycles of each client; 0 for as many as fit into the time.
    """

    clients: int = 1
    waiting: int = 0
    processes: int = 1
    seconds: float = 0.0
    cycles: int = 0

    @classmethod
    def read(cls, text: str) -> Setting:
        """Read what `str` has written."""
        clients, waiting, processes, seconds, cycles = text.split(":")
        return cls(int(clients), int(waiting), int(processes), float(seconds), int(cycles))

    def __str__(self) -> str:
        return ":".join(str(part) for part in self)


class Column(NamedTuple):
    """One column of the table: its title, and its setting without the time."""

    title: str
    setting: Setting


COLUMNS = [
    Column("1 client", Setting(1)),
    Column("100 clients", Setting(CLIENTS)),
    Column("1 client, 100,000 waiting", Setting(1, WAITING)),
    Column("100 clients, 100,000 waiting", Setting(CLIENTS, WAITING)),
    Column("2 processes, 1 client each", Setting(1, 0, 2)),
    Column("2 processes, 50 clients each", Setting(CLIENTS // 2, 0, 2)),
]

# The columns that are measured again on a disk with a steady sync, and the beginning of their keys in the results.
STEADY = [COLUMNS[0], COLUMNS[1], COLUMNS[5]]
STEADILY = "steady: "
