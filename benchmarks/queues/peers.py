"""The queues that are measured, and what each promises."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field

from benchmarks.contestants import Contestant
from benchmarks.queues.settings import COLUMNS, Setting

SQLITE = "regrow on SQLite"
PURE = "regrow on SQLite, pure Python"
MEMORY = "regrow in memory"
POSTGRESQL = "regrow on PostgreSQL"
FLOOR = "one commit an operation, `sqlite3`"

YES = "yes"


@dataclass(frozen=True)
class Peer:
    """A queue.

    Attributes:
        name: its row in the tables.
        module: its driver.
        durable: "yes", or what it does not promise that regrow does.
        store: where it keeps its jobs.
        shared: whether two processes may use it.
        environment: for its program.
    """

    name: str
    module: str
    durable: str = YES
    store: str = "SQLite"
    shared: bool = True
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def command(self) -> list[str]:
        """The program, which takes a setting."""
        return [sys.executable, "-m", f"benchmarks.{self.module}"]

    def takes(self, setting: Setting) -> bool:
        """Return whether it can be measured with this setting."""
        return setting.processes == 1 or self.shared

    def contestant(self, environment: dict[str, str]) -> Contestant:
        """Return the contestant."""
        cases = {column.title for column in COLUMNS if self.takes(column.setting)}
        return Contestant(self.name, self.command, cases, {**self.environment, **environment})


PEERS = [
    Peer(SQLITE, "ours.queues.sqlite"),
    Peer(PURE, "ours.queues.sqlite", environment={"REGROW_PURE": "1"}),
    Peer(FLOOR, "others.queues.sqlite3_"),
    Peer("aiosqlite, one commit an operation", "others.queues.aiosqlite_"),
    Peer("localqueue, `DURABLE`", "others.queues.localqueue_"),
    Peer("persist-queue, `SQLiteAckQueue`", "others.queues.persist_queue_", shared=False),
    Peer("DBOS", "others.queues.dbos_", shared=False),
    Peer("huey, `fsync=True`", "others.queues.huey_", "**no**: no ack; a job that was taken is lost with its worker"),
    Peer("localqueue, its default", "others.queues.localqueue_relaxed", "**no**: a power cut loses the last commits"),
    Peer(MEMORY, "ours.queues.memory", "**no**: nothing is stored", "memory", shared=False),
    Peer(POSTGRESQL, "ours.queues.postgres", store="PostgreSQL"),
    Peer("procrastinate", "others.queues.procrastinate_", store="PostgreSQL"),
]


def installed(*, server: bool, compiled: bool) -> list[Peer]:
    """Return the queues that can be measured, and print what is left out."""
    found: list[Peer] = []
    for peer in PEERS:
        if (peer.store == "PostgreSQL" and not server) or (peer.name == PURE and not compiled):
            continue
        probe = subprocess.run(peer.command, capture_output=True, text=True, check=False, env=environment(peer))
        if probe.returncode == 0:
            found.append(peer)
        else:
            print(f"{peer.name} is left out: {(probe.stderr.splitlines() or ['?'])[-1]}", file=sys.stderr)
    return found


def environment(peer: Peer) -> dict[str, str]:
    """Return the environment of a queue's program."""
    return {**os.environ, **peer.environment}
