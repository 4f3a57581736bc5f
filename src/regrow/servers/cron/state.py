"""The state of a scheduler, and the requests that it answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regrow.behaviours.gen.request_ids import RequestId
from regrow.kernel.addresses import Name
from regrow.kernel.clock import Clock
from regrow.kernel.process_record import Pid, Process
from regrow.servers.cron.ledger.ending import LEASE, End, Key
from regrow.servers.cron.ledger.plan import Plan
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import JobRow, ProcessRow
from regrow.servers.cron.run import Run, RunThread
from regrow.servers.cron.settings import Seat, Settings
from regrow.servers.queue.ops import Put

if TYPE_CHECKING:
    from regrow.kernel.alarms import Timer


class Work:
    """A part of a transaction.

    Args:
        apply: works on the ledger; it may run in a thread, and again if the transaction is tried again.
        done: gets its result.
        failed: gets the error of the store; None if the work is tried again instead.
    """

    __slots__ = ("apply", "done", "failed")

    def __init__(
        self,
        apply: Callable[[Tables], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        self.apply: Callable[[Tables], Any] = apply
        self.done: Callable[[Any], None] = done
        self.failed: Callable[[Exception], None] | None = failed


class State:
    """The state of a scheduler."""

    def __init__(self, settings: Settings, seat: Seat, process: Process, me: ProcessRow) -> None:
        self.settings = settings
        self.ledger: str = settings.ledger
        self.seat = seat
        self.process = process
        self.clock: Clock = process.node.clock
        self.me = me
        self.owner: str = me.owner
        self.plans: dict[str, Plan] = {
            name: Plan(job, settings.zone, settings.ledger, settings.seed) for name, job in settings.jobs.items()
        }
        self.places: dict[str, int] = {name: place for place, name in enumerate(self.plans)}
        self.rows: dict[str, JobRow] = {}
        self.stale: set[str] = set()  # jobs whose schedule has a newer version
        # When each job is due: a heap of (moment, place in the list, name); an entry counts if `due` agrees.
        self.heap: list[tuple[int, int, str]] = []
        self.due: dict[str, int] = {}
        self.deciding: bool = False
        self.runs: dict[Key, Run] = {}
        self.by_pid: dict[Pid, Run] = {}
        self.line: deque[Run] = deque()  # runs that wait for a thread
        self.threads: int = 0
        self.idle_threads: list[RunThread] = []
        self.users: dict[RunThread, Run] = {}
        self.to_start: list[Run] = []
        self.ends: list[End] = []
        self.waiting: list[Work] = []
        self.in_flight: tuple[RequestId, list[Work]] | None = None
        self.pause: float = 0.0  # seconds until the store is asked again; 0 while it works
        self.shared: bool = False  # whether other processes may write the ledger
        self.changes: int = -1
        self.boot: dict[str, float] | None = None  # other processes, on whose lease the jobs of the start depend
        self.lease_ends: float = self.clock.now() + LEASE
        self.seen_at: float = self.clock.now()
        self.looked_at: float = self.clock.now()
        self.looking: bool = False
        self.offset: float = 0.0  # the wall clock minus the monotonic one
        self.wake: Timer | None = None
        self.wake_at: float = 0.0
        self.inserted: dict[str, int] = {}  # rows since the last pruning
        self.stopped: bool = False
        self.puts: tuple[Put, ...] = ()  # examples of those that the ledger's transactions make
        self.brokers: dict[Name, Pid | None] = {}  # of the queues into which jobs put, as they were last asked

    def __repr__(self) -> str:
        return f"State({self.ledger!r}, {len(self.plans)} jobs, {len(self.runs)} runs)"

    @property
    def start_key(self) -> tuple[str, Name]:
        """The key under which the node notes that the jobs of the start have run."""
        return self.ledger, self.settings.broker

    def held(self) -> dict[Key, int]:
        """Return the fences of the runs that this process has."""
        return {key: run.row.fence for key, run in self.runs.items()}

    def active(self) -> dict[str, Plan]:
        """Return the jobs whose ticks this process may start."""
        if self.stopped:
            return {}
        if not self.stale:
            return self.plans
        return {name: plan for name, plan in self.plans.items() if name not in self.stale}


# Requests


@dataclass(frozen=True, slots=True)
class ListJobs:
    """Return the jobs, a list[JobInfo]."""


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Return a list[Tick], the newest first."""

    job: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class PauseJob:
    """Pause a job, with a note."""

    job: str
    note: str


@dataclass(frozen=True, slots=True)
class ResumeJob:
    """End the pause of a job."""

    job: str


@dataclass(frozen=True, slots=True)
class TriggerJob:
    """Run a job now; return its Tick."""

    job: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class BackfillJob:
    """Run the ticks of a time that is past; return how many."""

    job: str
    start: int
    end: int
    at_once: bool
