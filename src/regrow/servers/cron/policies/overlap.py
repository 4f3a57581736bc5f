"""Overlap: what becomes of a tick while a run of the same job, in any process, is not done.

    overlap          one runs                                            none runs
    -------          --------                                            ---------
    "skip"           skip                                                run
    "buffer_one"     wait; skip if one waits already                     run
    "buffer_all"     wait, in order; skip if a thousand wait             run
    "cancel_other"   cancel it, and wait; one that waits is skipped      run
    "allow_all"      run                                                 run

A tick that was caught up or backfilled runs after those before it, whatever the overlap is, except with "allow_all". A
tick that is due while such ones wait is behind them, and there the table holds for those that are behind them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from regrow.servers.cron.rows import Reason, TickRow

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"]

OVERLAPS: Final[tuple[Overlap, ...]] = ("skip", "buffer_one", "buffer_all", "cancel_other", "allow_all")
MOST_WAITING: Final = 1_000  # ticks of a job with "buffer_all"
IN_ORDER: Final = frozenset({"caught_up", "backfilled"})


class Arrival(NamedTuple):
    """The fate of a tick, and of others for its sake.

    Attributes:
        what: "run", "wait" or "skip".
        reason: why it is skipped, or why it runs.
        because: the tick for whose sake it is skipped.
        dropped: ticks that wait, and are skipped now.
        cancelled: runs that are cancelled now.
    """

    what: Literal["run", "wait", "skip"]
    reason: Reason
    because: int | None = None
    dropped: tuple[TickRow, ...] = ()
    cancelled: tuple[TickRow, ...] = ()


def arrive(overlap: Overlap, reason: Reason, opened: Sequence[TickRow]) -> Arrival:
    """Return what becomes of a tick that is due.

    Args:
        overlap: the job's policy.
        reason: why the tick would run.
        opened: the job's rows that wait or run, the oldest first.
    """
    if not opened or overlap == "allow_all":
        return Arrival("run", reason)
    if reason in IN_ORDER:
        return Arrival("wait", reason)
    waiting = [row for row in opened if row.outcome == "waiting"]
    behind = [row for row in waiting if row.reason not in IN_ORDER]
    if len(behind) < len(waiting):
        return _behind_those(overlap, reason, behind)
    running = [row for row in opened if row.outcome == "running"]
    match overlap:
        case "skip":
            return Arrival("skip", "skipped_overlap", (running or waiting)[0].scheduled_for)
        case "buffer_one":
            if waiting:
                return Arrival("skip", "skipped_overlap", waiting[0].scheduled_for)
            return Arrival("wait", reason)
        case "buffer_all":
            if len(waiting) >= MOST_WAITING:
                return Arrival("skip", "skipped_buffer_full", waiting[-1].scheduled_for)
            return Arrival("wait", reason)
        case "cancel_other":
            asked = tuple(row for row in running if not row.cancel)
            return Arrival("wait" if running else "run", reason, None, tuple(waiting), asked)


def _behind_those(overlap: Overlap, reason: Reason, behind: Sequence[TickRow]) -> Arrival:
    """Return what becomes of a tick that is due while ticks wait that were caught up or backfilled.

    Args:
        overlap: the job's policy.
        reason: why the tick would run.
        behind: the rows that wait behind those already.
    """
    if overlap == "cancel_other":
        return Arrival("wait", reason, None, tuple(behind))
    if overlap == "buffer_all":
        full = len(behind) >= MOST_WAITING
        return Arrival("skip", "skipped_buffer_full", behind[-1].scheduled_for) if full else Arrival("wait", reason)
    return Arrival("skip", "skipped_overlap", behind[-1].scheduled_for) if behind else Arrival("wait", reason)
