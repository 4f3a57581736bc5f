"""Mutants of the cron server: its claim, its leases, its policies, and the times of its ticks."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.places import (
    CALENDAR,
    CATCHING_UP,
    DECIDING,
    JITTER,
    LEAVING,
    ORDERING,
    OVERLAPPING,
    PLANNING,
    REGISTERING,
    RUNS,
    SQL_TABLES,
    TIMING,
    VERDICTS,
    ZONES,
)

CRONS: Final = [
    Mutant(
        "a tick that another process has decided is run again",
        DECIDING,
        "    if len(inserted) < len(found.ticks):\n        found.ticks[:] = inserted\n",
        "",
    ),
    Mutant(
        "what was decided is decided again", DECIDING, "    after = row.decided_until\n", "    after = row.changed_at\n"
    ),
    Mutant("a job with an older schedule runs", DECIDING, "if row.revision != plan.revision:", "if False:"),
    Mutant("a paused job runs", DECIDING, "if row.paused_at is None and (decisions", "if (decisions"),
    Mutant("a tick runs before its jitter is over", DECIDING, " and plan.due(newest) > now:", " and False:"),
    Mutant(
        "the second of two waiting ticks starts as well", DECIDING, "waiting = waiting[:1]", "waiting = waiting[:2]"
    ),
    Mutant("a claim keeps the fence of the last", DECIDING, "fence=row.fence + 1", "fence=row.fence"),
    Mutant("the end of a run that was taken away is written", LEAVING, " and row.fence == fence", ""),
    Mutant(
        "a run of a process that is gone is tried without attempts", LEAVING, "row.attempt < plan.job.attempts", "True"
    ),
    Mutant("a process whose lease is over keeps its runs", LEAVING, "row.lease_until <= now or", "False or"),
    Mutant("a lease of the boot before holds", LEAVING, "(tables.one_machine and row.leased_at > now)", "False"),
    Mutant(
        "a process that is gone keeps its lease",
        LEAVING,
        "elif is_over(row, tables) or gone(row):",
        "elif is_over(row, tables):",
    ),
    Mutant(
        "a claim whose answer was lost is never started",
        LEAVING,
        "started = [] if was_over else unknown",
        "started = []",
    ),
    Mutant(
        "an order of the command is not subject to the overlap",
        LEAVING,
        "if row.owner == ORDERED and plan.enqueues is None]",
        "if False]",
    ),
    Mutant(
        "a changed schedule fires in the past", REGISTERING, "changed_at=now, decided_until=now,", "changed_at=now,"
    ),
    Mutant(
        "a job that comes back catches up",
        REGISTERING,
        "max(now, old.decided_until) if back else old.decided_until",
        "old.decided_until",
    ),
    Mutant("a clock that was ahead silences its jobs", REGISTERING, "now if wrong else max(now", "max(now"),
    Mutant("two processes follow one step of the clock", REGISTERING, "if row.anchor == plan.anchor:", "if True:"),
    Mutant(
        "the ticks of a pause are caught up",
        ORDERING,
        "decided_until=max(now, row.decided_until))",
        "decided_until=row.decided_until)",
    ),
    Mutant("a backfill runs what has succeeded", ORDERING, "if tick not in done]", "]"),
    Mutant(
        "a late tick runs although it is to be skipped",
        CATCHING_UP,
        '"skip": Reasons("ran", "missed",',
        '"skip": Reasons("ran", "caught_up",',
    ),
    Mutant(
        "a tick of half a minute ago is late", CATCHING_UP, "ON_TIME: Final = 60_000_000", "ON_TIME: Final = 20_000_000"
    ),
    Mutant(
        "a second tick waits",
        OVERLAPPING,
        '            if waiting:\n                return Arrival("skip"',
        '            if False:\n                return Arrival("skip"',
    ),
    Mutant("a thousand and one wait", OVERLAPPING, "len(waiting) >= MOST_WAITING", "len(waiting) > MOST_WAITING"),
    Mutant(
        "ticks that are caught up run at once",
        OVERLAPPING,
        '    if reason in IN_ORDER:\n        return Arrival("wait", reason)\n',
        "",
    ),
    Mutant("a cancelled run is tried again", VERDICTS, '"cancelled": (False,', '"cancelled": (True,'),
    Mutant("one attempt too many", VERDICTS, "attempt >= attempts", "attempt > attempts"),
    Mutant("the jitter is longer than the interval", JITTER, "min(jitter, following - tick)", "jitter"),
    Mutant("a fixed job runs twice in autumn", CALENDAR, "low if fields.wildcard else max(low, part.floor)", "low"),
    Mutant("a fixed job is lost in spring", CALENDAR, "if second <= part.start and (tick", "if False and (tick"),
    Mutant("a lost day is a gap", CALENDAR, "not 0 < size < GAP", "not 0 < size"),
    Mutant(
        "local times that come again are passed over",
        CALENDAR,
        "if stretch_at(zone, part.end).offset >= part.offset:",
        "if True:",
    ),
    Mutant("a change of the clock is found a second late", ZONES, "    return high\n", "    return high + 1\n"),
    Mutant("a nap lasts until the next tick", TIMING, "at = now + NAP if naps(state.clock) else None", "at = None"),
    Mutant("a step of the wall clock is not noticed", TIMING, "if -STEP < by < STEP:", "if True:"),
    Mutant("the jobs of the start run again", TIMING, "if not jobs or state.start_key in over:", "if not jobs:"),
    Mutant("a store that fails is asked each second", TIMING, "max(1.0, 2 * before)", "max(1.0, before)"),
    Mutant(
        "ticks are claimed before the lease is renewed",
        TIMING,
        "state.waiting.insert(0 if state.changes >= 0 else 1, Work(",
        "state.waiting.append(Work(",
    ),
    Mutant("an end under a lease that is over is dropped", TIMING, " if not run.over]:", "]:"),
    Mutant("a paused job is due", PLANNING, " or row.paused_at is not None or", " or"),
    Mutant("old rows stay", PLANNING, "if count >= PRUNE_EVERY:", "if False:"),
    Mutant(
        "a thread is given away while its code runs",
        RUNS,
        "            run.ending = ending\n",
        "            run.ending = ending\n            state.idle_threads.append(run.thread)\n",
    ),
    Mutant("a run that does not end is not killed", RUNS, 'bifs.exit(run.pid, "kill")\n    else:', "pass\n    else:"),
    Mutant(
        "rows of SQL keep a tick twice",
        SQL_TABLES,
        "ON CONFLICT DO NOTHING",
        "ON CONFLICT (ledger, job, scheduled_for) DO UPDATE SET due = excluded.due",
    ),
]
