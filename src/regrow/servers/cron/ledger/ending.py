"""The ends of runs and of their owners, and what follows in the same transaction: the next tick that waits.

a run has ended            its row, if its owner and fence are still those of the claim, gets its outcome
an attempt begins anew     its row counts it
a process is gone          each of its runs is claimed for one more attempt, or lost
a lease                    is the process's: one row is renewed for all its runs
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from regrow.servers.cron.ledger.deciding import Decided, admit, by_job, claimed, micros_of, start_next
from regrow.servers.cron.ledger.plan import Plan
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import JobRow, Outcome, ProcessRow, TickRow

LEASE: Final = 60.0  # seconds
FORGOTTEN: Final = 3_600_000_000  # µs after which a job that no process has in its code has lost its runs
ORDERED: Final = "ordered"  # the owner of a tick that the command has triggered, until a process takes it
KEPT: Final = 3_600.0  # seconds for which the row of a process that is gone shows that it is

Key = tuple[str, int]  # a tick: its job and its moment
Gone = Callable[[ProcessRow], bool]


class End(NamedTuple):
    """The end of a run: which claim it was, and what became of it."""

    job: str
    scheduled_for: int
    fence: int
    outcome: Outcome
    error: str | None
    started_at: int


class Ended(NamedTuple):
    """The consequences of the ends of runs: the ticks that this process has claimed, and the runs that others have taken."""

    started: list[TickRow]
    lost: list[Key]


class Looked(NamedTuple):
    """The findings of a look at the ledger.

    Attributes:
        changes: the number of changes by now.
        rows: the jobs of the code as they are now; None if nothing has changed since the last look.
        started: the ticks that this process has claimed.
        lost: this process's runs that others have taken.
        cancel: this process's runs that are to be cancelled.
        alive: the other processes of the ledger with a lease.
        over: those whose end was not in order, for an hour.
    """

    changes: int
    rows: dict[str, JobRow] | None
    started: list[TickRow]
    lost: list[Key]
    cancel: list[Key]
    alive: list[ProcessRow]
    over: list[ProcessRow]


def finish(tables: Tables, ends: Sequence[End], plans: Mapping[str, Plan], owner: str, keep: Collection[str]) -> Ended:
    """Write the ends of runs, and claim the ticks that waited for them.

    Args:
        tables: the ledger.
        ends: of this process's runs.
        plans: the jobs whose ticks this process may start; empty while it stops.
        owner: this process.
        keep: the jobs whose ticks are not started, since their schedule has a newer version.
    """
    now = micros_of(tables.wall)
    rows = {(row.job, row.scheduled_for): row for row in tables.open(list({end.job for end in ends}))}
    lost: list[Key] = []
    changed: dict[Key, TickRow] = {}
    for end in ends:
        key = (end.job, end.scheduled_for)
        row = rows.get(key)
        if not is_of(row, owner, end.fence):
            before = tables.tick(*key)  # the commit of an earlier try may have succeeded without an answer
            if before is None or before.outcome != end.outcome or before.owner != owner or before.fence != end.fence:
                lost.append(key)
            continue
        assert row is not None
        changed[key] = rows[key] = row._replace(
            outcome=end.outcome, error=end.error, started_at=end.started_at, finished_at=now
        )
    tables.update(changed.values())
    started: list[TickRow] = []
    still = by_job(row for row in rows.values() if row.outcome in {"waiting", "running"})
    for name in dict.fromkeys(end.job for end in ends):
        if name in plans and name not in keep and name in still:
            started += start_next(tables, plans[name], still[name], now, owner)
    return Ended(started, lost)


def is_of(row: TickRow | None, owner: str, fence: int) -> bool:
    """Whether a row is a run of this claim."""
    return row is not None and row.outcome == "running" and row.owner == owner and row.fence == fence


def attempt_again(
    tables: Tables, job: str, scheduled_for: int, fence: int, owner: str, attempt: int, error: str | None
) -> TickRow | None:
    """Begin an attempt of a run; return its row, None if another process has taken it."""
    row = tables.tick(job, scheduled_for)
    if not is_of(row, owner, fence):
        return None
    assert row is not None
    again = row._replace(attempt=attempt, error=error)
    tables.update([again])
    return again


def leave(tables: Tables, owner: str, ends: Sequence[End], *, alone: bool) -> None:
    """End a process that stops: write the ends of its runs, and delete its row.

    A tick that it has claimed and not started waits for the next process, unless it was to be cancelled.

    Args:
        tables: the ledger.
        owner: the process.
        ends: of all its runs.
        alone: whether no other process can run what waits, since the store is in memory: it is cancelled.
    """
    finish(tables, ends, {}, owner, ())
    now = micros_of(tables.wall)
    for row in tables.open():
        mine = row.outcome == "running" and row.owner == owner
        if (mine and (alone or row.cancel)) or (alone and row.outcome == "waiting"):
            tables.update([row._replace(outcome="cancelled", finished_at=now)])
        elif mine:
            started = None if row.attempt == 1 else row.started_at
            tables.update([row._replace(outcome="waiting", attempt=row.attempt - 1, owner=None, started_at=started)])
    tables.delete_process(owner)


# Leases


def renewed(row: ProcessRow, now: float) -> ProcessRow:
    """Return the row of a process with a new lease."""
    return row._replace(leased_at=now, lease_until=now + LEASE)


def is_over(row: ProcessRow, tables: Tables) -> bool:
    """Whether the lease of a process is over; on one machine also if it began before the clock did."""
    now = tables.lease_now
    return row.lease_until <= now or (tables.one_machine and row.leased_at > now)


def bury(tables: Tables, me: ProcessRow, gone: Gone) -> tuple[list[ProcessRow], list[ProcessRow]]:
    """End the leases of processes that are gone; return the others that live, and those that are over.

    The row of a process that is over stays for an hour: a process that waits for its end, to run what is due at a start,
    sees by it that the end was not in order.
    """
    alive: list[ProcessRow] = []
    over: list[ProcessRow] = []
    for row in tables.processes():
        if row.owner == me.owner:
            continue
        if row.lease_until == 0.0:
            if abs(tables.lease_now - row.leased_at) > KEPT:
                tables.delete_process(row.owner)
            else:
                over.append(row)
        elif is_over(row, tables) or gone(row):
            ended = row._replace(leased_at=tables.lease_now, lease_until=0.0)
            tables.put_process(ended)
            over.append(ended)
        else:
            alive.append(row)
    return alive, over


def take_over(
    tables: Tables,
    plans: Mapping[str, Plan],
    opened: list[TickRow],
    alive: Collection[str],
    owner: str,
    given_up: Collection[Key] = (),
) -> list[TickRow]:
    """Claim the runs of processes that are gone, or end them; return what this process has claimed.

    Args:
        tables: the ledger.
        plans: the jobs whose ticks this process may start.
        opened: all rows that wait or run; changed rows are replaced in it.
        alive: the owners with a lease.
        owner: this process.
        given_up: the ticks that it has claimed and does not run any more, since its lease was over.
    """
    now = micros_of(tables.wall)
    started: list[TickRow] = []
    changed: list[TickRow] = []
    for place, row in enumerate(opened):
        mine = row.owner == owner
        if row.outcome != "running" or row.owner in alive or (mine and row[:2] not in given_up):
            continue
        plan = plans.get(row.job)
        if plan is None and not _forgotten(tables, row.job, now):
            continue  # a process that has the job in its code decides about it
        if row.cancel:
            new = row._replace(outcome="cancelled", finished_at=now)
        elif plan is not None and row.attempt < plan.job.attempts:
            new = claimed(row, owner, now)
            started.append(new)
        else:
            error = "its lease was over" if mine else f"its process {row.owner} has ended"
            new = row._replace(outcome="lost", finished_at=now, error=error)
        opened[place] = new
        changed.append(new)
    tables.update(changed)
    return started


def _forgotten(tables: Tables, name: str, now: int) -> bool:
    row = tables.jobs([name]).get(name)
    return row is None or now - row.seen_at > FORGOTTEN


def start_waiting(tables: Tables, plans: Mapping[str, Plan], opened: list[TickRow], owner: str) -> Decided:
    """Claim what waits and may run, after the command has triggered or a process has ended."""
    now = micros_of(tables.wall)
    found = Decided({}, [], [], [], [])
    for name, rows in by_job(row for row in opened if row.outcome in {"waiting", "running"}).items():
        plan = plans.get(name)
        if plan is None:
            continue
        ordered = [row for row in rows if row.owner == ORDERED and plan.enqueues is None]
        rest = [row for row in rows if row not in ordered]
        for row in ordered:
            order = Decided({}, [], [], found.cancel, [])
            admit(tables, plan, row._replace(owner=None, outcome=None), rest, now, owner, order)
            tables.update(order.ticks)
            found.started.extend(one for one in order.ticks if one.outcome == "running")
        found.started.extend(start_next(tables, plan, rest, now, owner))
    return found


def look(
    tables: Tables, plans: Mapping[str, Plan], me: ProcessRow, gone: Gone, held: Mapping[Key, int], seen: int
) -> Looked:
    """Renew the lease, take over from processes that are gone, and read what others have changed.

    Args:
        tables: the ledger.
        plans: the jobs whose ticks this process may start.
        me: the row of this process.
        gone: tells whether the program of a row has ended.
        held: the fences of the runs that this process has, by tick.
        seen: the number of changes at the last look.
    """
    mine = next((row for row in tables.processes() if row.owner == me.owner), None)
    was_over = mine is None or is_over(mine, tables)
    tables.put_process(renewed(me, tables.lease_now))
    alive, over = bury(tables, me, gone)
    opened = tables.open()
    lost, cancel, unknown = _own(opened, me.owner, held)
    given_up = {row[:2] for row in unknown} if was_over else ()
    owners = {row.owner for row in alive}
    started = [] if was_over else unknown
    started += take_over(tables, plans, opened, owners, me.owner, given_up)
    waited = start_waiting(tables, plans, opened, me.owner)
    changes = tables.changes()
    return Looked(
        changes,
        None if changes == seen else tables.jobs(list(plans)),
        started + waited.started,
        lost,
        list(dict.fromkeys([*cancel, *(key for key in waited.cancel if key in held)])),
        alive,
        over,
    )


def _own(opened: Iterable[TickRow], owner: str, held: Mapping[Key, int]) -> tuple[list[Key], list[Key], list[TickRow]]:
    """Compare this process's rows with its runs; return the runs that were taken, those to cancel, and rows without a run.

    A row without a run is a claim whose commit succeeded without an answer, so that it has not started yet; or, if the
    lease of this process was over, a run that it has killed.
    """
    rows = {(row.job, row.scheduled_for): row for row in opened if row.owner == owner and row.outcome == "running"}
    lost = [key for key, fence in held.items() if key not in rows or rows[key].fence != fence]
    cancel = [key for key, row in rows.items() if row.cancel]
    return lost, cancel, [row for key, row in rows.items() if key not in held]
