"""The settings of a Cron, and what outlives its scheduler."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from regrow.kernel.addresses import Name
from regrow.kernel.process_record import Pid
from regrow.servers.cron.job import CronJob

_COUNT: Final = itertools.count(1)
_TOKENS: Final[dict[int, str]] = {}  # of the operating system's process, by its number: a fork has another


class Settings:
    """The checked arguments of a Cron.

    Attributes:
        jobs: by name, in the order of the list.
        ledger: the ledger's name.
        zone: of expressions without one.
        seed: of the jitter.
        keep: rows of a job that the ledger keeps.
        max_threads: the most threads for `def` jobs.
        broker: the name of the broker whose store has the ledger.
        private: whether this Cron has started the broker for itself.
    """

    def __init__(
        self,
        jobs: Mapping[str, CronJob],
        *,
        ledger: str,
        zone: ZoneInfo,
        seed: str,
        keep: int,
        max_threads: int,
        broker: Name,
        private: bool,
    ) -> None:
        self.jobs: Mapping[str, CronJob] = jobs
        self.ledger: str = ledger
        self.zone: ZoneInfo = zone
        self.seed: str = seed
        self.keep: int = keep
        self.max_threads: int = max_threads
        self.broker: Name = broker
        self.private: bool = private


class Seat:
    """The place of one scheduler after another, which the supervisor of a Cron keeps.

    Attributes:
        owner: the name of the last scheduler in the rows of the ledger.
        scheduler: its pid.
        tasks: the pid of the task supervisor.
    """

    def __init__(self) -> None:
        self.owner: str | None = None
        self.scheduler: Pid | None = None
        self.tasks: Pid | None = None


def token() -> str:
    """Return a text that no other process of any machine has, with this program's name in it: web-1/4711-5f3a90."""
    pid = os.getpid()
    if pid not in _TOKENS:
        _TOKENS[pid] = f"{socket.gethostname()}/{pid}-{os.urandom(3).hex()}"
    return _TOKENS[pid]


def new_owner() -> str:
    """Return the name of a scheduler in the rows of a ledger."""
    return f"{token()}.{next(_COUNT)}"
