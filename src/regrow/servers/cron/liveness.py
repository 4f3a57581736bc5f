"""Whether the program of a row in the ledger still runs, and whether this program is one of several."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import Final

from regrow.kernel.clock import Clock
from regrow.kernel.process_record import Pid
from regrow.kernel.sending import send
from regrow.kernel.virtual_clock import VirtualClock
from regrow.servers.cron.rows import ProcessRow
from regrow.servers.cron.settings import token

LOG: Final = logging.getLogger("regrow")
ALIVE: Final[set[str]] = set()  # owners whose schedulers run in this program
MASTERS: Final = ("uvicorn", "gunicorn", "hypercorn", "granian")


class Alive:
    """The mark of a scheduler that runs; the kernel calls `release` when it ends, also by a kill."""

    def __init__(self, owner: str, clock: Clock, pid: Pid, wake: object) -> None:
        self.owner = owner
        self.clock = clock
        self.pid = pid
        self.wake = wake
        ALIVE.add(owner)
        if isinstance(clock, VirtualClock):
            clock.on_step.add(self.stepped)

    def stepped(self) -> None:
        """Wake the scheduler, since the wall clock of a test was stepped."""
        send(self.pid, self.wake)

    def release(self, _: Pid) -> None:
        """Forget that the scheduler runs."""
        ALIVE.discard(self.owner)
        if isinstance(self.clock, VirtualClock):
            self.clock.on_step.discard(self.stepped)


def started_at(pid: int) -> int:
    """Return when a process of this machine started, in units of the operating system; 0 if that is unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(stat.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def has_ended(row: ProcessRow, *, one_machine: bool) -> bool:
    """Whether the scheduler of a row has surely ended, though its lease is not over."""
    if row.owner.startswith(f"{token()}."):
        return row.owner not in ALIVE
    if not one_machine or row.host != socket.gethostname():
        return False
    try:
        os.kill(row.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    now = started_at(row.pid)
    return row.started_at != 0 and now not in {0, row.started_at}


def one_of_several() -> str | None:
    """Return why this program seems to be one of several workers; None if it does not."""
    count = os.environ.get("WEB_CONCURRENCY", "")
    if count.isdecimal() and int(count) > 1:
        return f"WEB_CONCURRENCY is {count}"
    try:
        command = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    for word in command[:4]:
        name = Path(word).name
        if name in MASTERS and "--reload" not in command:
            return f"the parent process is {name}"
    return None
