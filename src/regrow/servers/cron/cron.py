"""The cron server: a supervisor of the store's broker, and of the scheduler with its runs.

Cron                    one_for_one
├── broker              the store of the ledger; not there if the store is that of another broker
└── schedule            one_for_all: no other process waits for the runs, so they end with the scheduler
    ├── tasks           a TaskSupervisor: a separate process for each run
    └── scheduler       registered under the name of the Cron
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.start_errors import AlreadyStarted, StartError
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.supervision.supervisor import Supervisor
from regrow.behaviours.task.task_supervisor import TaskSupervisor
from regrow.kernel.addresses import Address, Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.names import Global, Via, check_name
from regrow.kernel.process_record import Pid
from regrow.servers.cron.job import CronJob, by_name, one_of
from regrow.servers.cron.job_info import JobInfo
from regrow.servers.cron.scheduler import Scheduler
from regrow.servers.cron.settings import Seat, Settings
from regrow.servers.cron.state import BackfillJob, ListJobs, PauseJob, ReadHistory, ResumeJob, TriggerJob
from regrow.servers.cron.tick import Tick
from regrow.servers.cron.when.moments import micros
from regrow.servers.cron.when.schedules import aware
from regrow.servers.cron.when.zones import zone_of
from regrow.servers.queue import checks
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.errors import QueueError
from regrow.servers.queue.memory.store import Memory

KEEP: Final = 1_000  # rows of a job
MAX_THREADS: Final = 32
STOP: Final = 15.0  # seconds that a scheduler has after the longest `shutdown` of its jobs
MAX_RESTARTS: Final = 10  # of the scheduler, in a minute
MAX_SECONDS: Final = 60.0
CRONS: Final = "regrow.cron.seats"  # the key in the node's registries of the Crons by the pid of their supervisor
POSTGRES: Final = ("postgresql://", "postgres://")
_NUMBERS: Final = count(1)  # in the names of private brokers


class Cron:
    """The functions of cron servers: `Cron.child_spec(jobs, name="cron", store="app.db")` in a supervisor's children."""

    @classmethod
    async def start_link(
        cls,
        jobs: Iterable[CronJob],
        *,
        name: Name | None = None,
        store: Any = None,
        ledger: str = "cron",
        tz: str | ZoneInfo = "UTC",
        seed: str = "",
        keep: int = KEEP,
        max_threads: int = MAX_THREADS,
    ) -> Pid:
        """Start a cron server, linked to the caller.

        Args:
            jobs: a list of `CronJob`; `collect` makes one of decorated functions.
            name: the name by which the functions of this class find it.
            store: where the ledger is. None: in memory, for as long as the supervisor lives. A path: a SQLite file. A
                text that begins with postgresql://: a database. A `SQLite`, `Postgres` or `Memory` of `regrow.queue`.
                Or the name of a running `Broker`: both share its store and its commits.
            ledger: separates the cron servers of one store; programs with one ledger run each tick once.
            tz: the time zone of expressions without one.
            seed: of the jitter; programs with one seed agree about it.
            keep: the rows of a job that the ledger keeps.
            max_threads: the most threads for `def` jobs.

        Raises:
            StartError: the store was refused; `reason` is the StoreError, which says why.
            AlreadyStarted: the name is taken.
            DuplicateJob: two jobs have one name.
            UnknownZone: this machine does not know the zone.
            TypeError: an argument has a wrong type.
            ValueError: an argument is out of its range.
        """
        spec = cls._checked(jobs, name, store, ledger, tz, seed, keep, max_threads)
        return await cls._start(*spec, name)

    @classmethod
    def child_spec(cls, jobs: Iterable[CronJob], **options: Any) -> ChildSpec:
        """Return the child spec of a cron server: its id is `Cron`, or `(Cron, name)` if it has a name.

        Args:
            jobs: the first argument of `start_link`.
            options: the other arguments of `start_link`.

        Raises:
            DuplicateJob: two jobs have one name.
            UnknownZone: this machine does not know the zone.
            TypeError: an option is unknown, or an argument has a wrong type.
            ValueError: an argument is out of its range.
        """
        known = {"name", "store", "ledger", "tz", "seed", "keep", "max_threads"}
        if unknown := options.keys() - known:
            raise TypeError(f"Cron.child_spec: unknown options {sorted(unknown)}; see Cron.start_link")
        name = options.get("name")
        given = {
            "store": None,
            "ledger": "cron",
            "tz": "UTC",
            "seed": "",
            "keep": KEEP,
            "max_threads": MAX_THREADS,
            **options,
        }
        given.pop("name", None)
        listed = tuple(by_name(jobs).values())
        # Checked now, where the mistake stands; a store in memory is the child's, and outlives a restart.
        settings, chosen = cls._checked(listed, name, **given)

        async def start() -> Pid:
            return await cls._start(settings, chosen, name)

        return ChildSpec(cls if name is None else (cls, name), start, type="supervisor", modules=(cls,))

    @staticmethod
    def _checked(
        jobs: Any, name: Any, store: Any, ledger: Any, tz: Any, seed: Any, keep: Any, max_threads: Any
    ) -> tuple[Settings, Any]:
        """Return the settings of a Cron and the store of its private broker, None if it uses another's."""
        found = by_name(jobs)
        check_name(name)
        own, broker = chosen_store(store)
        checks.text(ledger, "Cron(ledger=)")
        checks.text(seed, "Cron(seed=)", empty=True)
        settings = Settings(
            found,
            ledger=ledger,
            zone=zone_of(tz, "Cron(tz=)"),
            seed=seed,
            keep=checks.integer(keep, "Cron(keep=)"),
            max_threads=checks.integer(max_threads, "Cron(max_threads=)"),
            broker=broker,
            private=own is not None,
        )
        return settings, own

    @staticmethod
    async def _start(settings: Settings, store: Any, name: Name | None) -> Pid:
        seat = Seat()
        longest = max((limit_of(job) for job in settings.jobs.values()), default=0.0)
        children: list[ChildSpec] = []
        if store is not None:
            children.append(Broker.child_spec(store, name=settings.broker))

        async def start_tasks() -> Pid:
            seat.tasks = await TaskSupervisor.start_link()
            return seat.tasks

        async def start_scheduler() -> Any:
            return await Scheduler.start_link((settings, seat), name=name)

        inner = [
            ChildSpec("tasks", start_tasks, type="supervisor", modules=(TaskSupervisor,)),
            ChildSpec("scheduler", start_scheduler, shutdown=longest + STOP, modules=(Scheduler,)),
        ]

        async def start_inner() -> Pid:
            return await Supervisor.start_link(
                inner, strategy="one_for_all", max_restarts=MAX_RESTARTS, max_seconds=MAX_SECONDS
            )

        children.append(ChildSpec("schedule", start_inner, type="supervisor", modules=(Supervisor,)))
        try:
            pid = await Supervisor.start_link(children, max_restarts=MAX_RESTARTS, max_seconds=MAX_SECONDS)
        except StartError as error:
            raise reason_of(error, name) from error
        seats: dict[Pid, Seat] = current_node().registries.setdefault(CRONS, {})
        for other in [one for one in seats if one.process is None]:
            del seats[other]
        seats[pid] = seat
        return pid

    # Functions of a running one

    @staticmethod
    async def jobs(cron: Address) -> list[JobInfo]:
        """Return the jobs, those of the code first.

        Args:
            cron: the name of the Cron, or its pid.

        Raises:
            StoreError: the store could not be read.
            NoProcess: the Cron does not run.
        """
        found: list[JobInfo] = await asked(cron, ListJobs())
        return found

    @staticmethod
    async def history(cron: Address, job: str | None = None, *, limit: int = 100) -> list[Tick]:
        """Return the newest ticks of a job, or of all, the newest first.

        Args:
            cron: the name of the Cron, or its pid.
            job: the job's name; None for all jobs.
            limit: the most ticks.

        Raises:
            UnknownJob: there is no such job; the error lists the names.
            StoreError: the store could not be read.
            NoProcess: the Cron does not run.
        """
        found: list[Tick] = await asked(cron, ReadHistory(job, checks.integer(limit, "Cron.history(limit=)")))
        return found

    @staticmethod
    async def pause(cron: Address, job: str, *, note: str = "") -> None:
        """Pause a job, also across restarts. What runs or waits goes on; a second pause replaces the note.

        Args:
            cron: the name of the Cron, or its pid.
            job: the job's name.
            note: why, for the list of jobs.

        Raises:
            UnknownJob: there is no such job; the error lists the names.
            StoreError: the store could not be written.
            NoProcess: the Cron does not run.
        """
        await asked(cron, PauseJob(job, checks.text(note, "Cron.pause(note=)", empty=True)))

    @staticmethod
    async def resume(cron: Address, job: str) -> None:
        """End the pause of a job. The ticks that were due meanwhile do not run; `backfill` runs them.

        Args:
            cron: the name of the Cron, or its pid.
            job: the job's name.

        Raises:
            UnknownJob: there is no such job; the error lists the names.
            StoreError: the store could not be written.
            NoProcess: the Cron does not run.
        """
        await asked(cron, ResumeJob(job))

    @staticmethod
    async def trigger(cron: Address, job: str, *, traceparent: str | None = None) -> Tick:
        """Run a job now, also while it is paused; its overlap applies. Returns the tick, whose moment is now.

        Args:
            cron: the name of the Cron, or its pid.
            job: the job's name.
            traceparent: the trace of the caller, in W3C's form; the tick keeps it, and `current()` has it in the run.

        Raises:
            UnknownJob: there is no such job; the error lists the names.
            StoreError: the store could not be written.
            TypeError, ValueError: the traceparent is no text that a store can keep.
            NoProcess: the Cron does not run.
        """
        if traceparent is not None:
            traceparent = checks.text(traceparent, "Cron.trigger(traceparent=)")
        found: Tick = await asked(cron, TriggerJob(job, traceparent))
        return found

    @staticmethod
    async def backfill(cron: Address, job: str, start: datetime, end: datetime, *, overlap: str = "buffer_all") -> int:
        """Run the ticks of `start ≤ t < end` that never succeeded, the oldest first; return how many.

        Args:
            cron: the name of the Cron, or its pid.
            job: the job's name.
            start: a date with a time zone.
            end: a date with a time zone that is not in the future.
            overlap: "buffer_all" runs one after another, "allow_all" all at once.

        Raises:
            UnknownJob: there is no such job; the error lists the names.
            ValueError: the period is empty, in the future or longer than 10,000 ticks, or a date has no time zone.
            StoreError: the store could not be written.
            NoProcess: the Cron does not run.
        """
        first, last = micros(aware(start, "backfill(start)")), micros(aware(end, "backfill(end)"))
        one_of(overlap, ("buffer_all", "allow_all"), "backfill(overlap=)")
        now = round(current_node().clock.wall() * 1_000_000)
        if last <= first:
            raise ValueError(f"backfill: wanted an end after the start {start}, got {end}")
        if last > now:
            raise ValueError(f"backfill: wanted an end that is not in the future, got {end}")
        found: int = await asked(cron, BackfillJob(job, first, last, overlap == "allow_all"))
        return found


def chosen_store(store: Any) -> tuple[Any, Name]:
    """Return the store of a private broker, or None, and the name of the broker.

    Raises:
        TypeError: it is no store.
        ValueError: it is a URL of another kind of store.
    """
    if store is None:
        return Memory(), f"regrow.cron.{next(_NUMBERS)}"
    if isinstance(store, str) and store.startswith(POSTGRES):
        from regrow.servers.queue.postgres.store import Postgres  # start-up: only for PostgreSQL

        return Postgres(store), f"regrow.cron.{next(_NUMBERS)}"
    path: Any = store
    if isinstance(store, os.PathLike) or (isinstance(store, str) and is_path(store)):
        from regrow.servers.queue.sqlite.store import SQLite  # start-up: only for SQLite

        return SQLite(path, shared=True), f"regrow.cron.{next(_NUMBERS)}"
    if all(hasattr(store, name) for name in ("open", "run", "close", "threaded")):
        return store, f"regrow.cron.{next(_NUMBERS)}"
    if isinstance(store, str | type | Global | Via):
        check_name(store)
        return None, store
    raise TypeError(
        "Cron(store=): wanted None, the path of a SQLite file, a text that begins with postgresql://, a store of "
        f"regrow.queue, or the name of a Broker; got {safe_repr(store)}"
    )


def is_path(text: str) -> bool:
    """Whether a text is the path of a file, and not the name of a broker: it has a folder or a suffix in it."""
    return os.sep in text or "." in text or "/" in text


def limit_of(job: CronJob) -> float:
    """Return the seconds that the runs of a job may take to end."""
    limit = job.shutdown_seconds
    return 3600.0 if limit is None else limit


def reason_of(error: StartError, name: Name | None) -> BaseException:
    """Return the error that says why a Cron did not start."""
    reason: Any = error.reason
    while True:
        match reason:
            case ("shutdown", ("failed_to_start_child", _, inner)):
                reason = inner
            case StartError():
                reason = reason.reason
            case ("already_started", Pid() as pid):
                return AlreadyStarted(pid, name)
            case QueueError():
                return StartError(reason, Cron)
            case _:
                return error


def address_of(cron: Address) -> Address:
    """Return the address of a scheduler; that of a Cron by its pid is in the node's registries."""
    if isinstance(cron, Pid):
        seats: dict[Pid, Seat] = current_node().registries.get(CRONS, {})
        seat = seats.get(cron)
        if seat is not None and seat.scheduler is not None:
            return seat.scheduler
    return cron


async def asked(cron: Address, request: Any) -> Any:
    """Return a scheduler's answer to a request, or raise the error in it."""
    answer = await call(address_of(cron), request, None)
    if isinstance(answer, Exception):
        raise answer
    return answer
