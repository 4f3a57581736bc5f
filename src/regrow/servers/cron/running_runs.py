"""The runs of a scheduler: started, ended in time, tried again, cancelled, lost.

    claimed  --->  starts  --->  Performed or Down  --->  verdict  --->  its outcome, in the next transaction
      |                                                      |
      | a `def` waits for a thread                           +--->  another attempt, after a delay
      v
    in line

A thread cannot be killed. A run that was ended while its code goes on in a thread is not done before the code is: its
tick still counts as running, and the next attempt waits.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from regrow.behaviours.supervision.children import ChildError
from regrow.behaviours.task.task_supervisor import TaskSupervisor
from regrow.kernel import bifs
from regrow.kernel.exits import CallExit
from regrow.kernel.process_record import Pid
from regrow.kernel.receiving import receive
from regrow.kernel.signals import Down
from regrow.kernel.timers import cancel_timer, send_after
from regrow.kernel.yields import TIMEOUT
from regrow.servers.cron import events
from regrow.servers.cron.ledger.ending import End, Key, attempt_again
from regrow.servers.cron.policies.verdict import Ending, Verdict, verdict
from regrow.servers.cron.rows import TickRow
from regrow.servers.cron.run import Body, Freed, Performed, Run, RunThread, ending_by
from regrow.servers.cron.state import State, Work
from regrow.servers.cron.tick import tick_of
from regrow.servers.queue.outcome import Backoff

LOG: Final = logging.getLogger("regrow")
SECOND: Final = 1_000_000
GRACE: Final = 1.0  # seconds after a kill


class Overdue:
    """The message that a run has had its time, or the time that it got for its end."""

    __slots__ = ("attempt", "kill", "run")

    def __init__(self, run: Run, attempt: int, *, kill: bool) -> None:
        self.run: Run = run
        self.attempt: int = attempt
        self.kill: bool = kill


class Again:
    """The message that the next attempt of a run is due."""

    __slots__ = ("run",)

    def __init__(self, run: Run) -> None:
        self.run: Run = run


def claimed(state: State, rows: list[TickRow]) -> None:
    """Note runs that this process has claimed; `start` starts them."""
    for row in rows:
        plan = state.plans.get(row.job)
        if plan is None:
            continue
        run = Run(plan, row)
        state.runs[run.key] = run
        state.to_start.append(run)


async def start(state: State) -> None:
    """Start what was claimed: a process each, and a thread for a `def` as far as there are any."""
    runs, state.to_start = state.to_start, []
    for run in runs:
        if state.runs.get(run.key) is not run or run.over:
            continue  # it was lost or cancelled before it started
        if run.plan.job.threaded:
            run.thread = take_thread(state, run)
            if run.thread is None:
                state.line.append(run)
                continue
        await _start(state, run)


async def _start(state: State, run: Run) -> None:
    """Start the process of an attempt."""
    now = state.clock.times()
    run.began = now.monotonic
    if run.row.attempt == 1:
        run.started_at = round(now.wall * SECOND)
        run.row = run.row._replace(started_at=run.started_at)
    run.ends = run.ending = None
    job = run.plan.job
    tick = tick_of(run.row, run.plan.shown_zone)
    assert state.seat.tasks is not None
    try:
        run.pid = await TaskSupervisor.start_child(
            state.seat.tasks, Body(run.plan, state.process.pid, run.thread), tick, shutdown=job.shutdown
        )
    except (ChildError, CallExit) as error:
        leave_thread(state, run)
        ended(state, run, Ending("raised", f"the run could not be started: {error}"))
        return
    state.by_pid[run.pid] = run
    bifs.monitor(run.pid)
    events.started(state.ledger, state.owner, run, now)
    if job.timeout is not None:
        run.timer = send_after(state.process.pid, Overdue(run, run.row.attempt, kill=False), job.timeout)


# Threads


def take_thread(state: State, run: Run) -> RunThread | None:
    """Return a thread for a run; None if all are busy."""
    if state.idle_threads:
        thread = state.idle_threads.pop()
    elif state.threads < state.settings.max_threads:
        state.threads += 1
        thread = RunThread(f"cron {state.ledger} {state.process.pid}", state.process.pid)
    else:
        return None
    state.users[thread] = run
    return thread


def leave_thread(state: State, run: Run) -> None:
    """Take back the thread of a run that has not used it."""
    thread, run.thread = run.thread, None
    if thread is not None and state.users.pop(thread, None) is not None:
        state.idle_threads.append(thread)


def freed(state: State, thread: RunThread) -> None:
    """Go on after the code in a thread has ended: with the end of its run, and with the next in line."""
    run = state.users.pop(thread, None)
    if run is not None:
        run.thread = None
        if run.ending is not None and run.pid is None and state.runs.get(run.key) is run:
            ending, run.ending = run.ending, None
            settle(state, run, ending)
    state.idle_threads.append(thread)
    while state.line and (state.idle_threads or state.threads < state.settings.max_threads):
        waiting = state.line.popleft()
        if state.runs.get(waiting.key) is waiting and not waiting.over:
            state.to_start.append(waiting)
            break


# The end of an attempt


def performed(state: State, pid: Pid, ending: Ending) -> None:
    """Take the end of an attempt from its process."""
    run = state.by_pid.pop(pid, None)
    if run is not None:
        ended(state, run, ending)


def down(state: State, message: Down) -> None:
    """Take the end of a process that has sent no end of its attempt."""
    run = state.by_pid.pop(message.pid, None) if isinstance(message.pid, Pid) else None
    if run is not None:
        ended(state, run, ending_by(message.reason))


def ended(state: State, run: Run, ending: Ending) -> None:
    """Settle an attempt whose process has ended, or wait for its thread."""
    run.pid = None
    if run.timer is not None:
        cancel_timer(run.timer)
        run.timer = None
    if run.ends is not None and ending.how != "returned":
        limit = run.plan.job.timeout
        text = f"TimeoutError: it ran for longer than its timeout of {limit:g} s" if run.ends == "timed_out" else None
        ending = Ending("timed_out" if run.ends == "timed_out" else "cancelled", text)
    if run.thread is not None and run.thread in state.users:
        if not run.thread.began:
            leave_thread(state, run)
        else:
            run.ending = ending
            LOG.warning(
                "The run of %s has ended, but its code goes on in a thread, which cannot be killed", run.row.job
            )
            if state.stopped:
                settle(state, run, ending)
            return
    settle(state, run, ending)


def settle(state: State, run: Run, ending: Ending) -> None:
    """Write the outcome of a run in the next transaction, or try it again later."""
    job = run.plan.job
    found = verdict(ending, run.row.attempt, job.attempts, lambda attempt: delay_after(run, attempt))
    if ending.how == "returned" and job.enqueues is not None:
        found = Verdict("enqueued")
    duration = state.clock.now() - run.began
    events.ended(state.ledger, state.owner, run, ending, found.outcome or "retry", duration)
    run.error = ending.error
    if found.outcome is None and not state.stopped:
        run.timer = send_after(state.process.pid, Again(run), found.delay)
        return
    finish(state, run, found.outcome or "failed", ending.error)


def delay_after(run: Run, attempt: int) -> float:
    """Return the seconds until the next attempt, by the job's backoff."""
    backoff = run.plan.job.backoff
    try:
        if isinstance(backoff, Backoff):
            return backoff.of_job(attempt, run.row.scheduled_for)
        return max(0.0, float(backoff(attempt)))
    except Exception as problem:  # the user's function: the tick must not be lost by it
        LOG.error("job %r: its backoff failed, so the default one is used", run.row.job, exc_info=problem)
        return Backoff().of_job(attempt, run.row.scheduled_for)


def finish(state: State, run: Run, outcome: Any, error: str | None) -> None:
    """Hand the outcome of a run to the next transaction."""
    run.over = True
    row = run.row
    state.ends.append(End(row.job, row.scheduled_for, row.fence, outcome, error, run.started_at))


def again(state: State, run: Run) -> None:
    """Begin the next attempt of a run."""
    run.timer = None
    if state.runs.get(run.key) is not run or run.over:
        return
    row, error = run.row, run.error

    def apply(tables: Any) -> TickRow | None:
        return attempt_again(tables, row.job, row.scheduled_for, row.fence, state.owner, row.attempt + 1, error)

    def done(found: TickRow | None) -> None:
        if state.runs.get(run.key) is not run or run.over:
            return
        if found is None:
            lose(state, run.key)
            return
        run.row = found
        if run.ends == "cancelled":
            settle(state, run, Ending("cancelled"))
        else:
            state.to_start.append(run)

    state.waiting.append(Work(apply, done))


# Ended from outside


def overdue(state: State, message: Overdue) -> None:
    """End a run that has had its time."""
    run = message.run
    if run.pid is None or run.row.attempt != message.attempt or state.by_pid.get(run.pid) is not run:
        return
    run.timer = None
    if message.kill:
        bifs.exit(run.pid, "kill")
    else:
        cancel(state, run, "timed_out")


def cancel(state: State, run: Run, why: str) -> None:
    """End a run: its process gets "shutdown", and is killed after the job's `shutdown` seconds."""
    if run.over:
        return
    if run.pid is None:
        if run.ending is not None:
            return  # its code goes on in a thread
        if run.timer is not None:  # it waits for its next attempt
            cancel_timer(run.timer)
            run.timer = None
        if run in state.line:
            state.line.remove(run)
        leave_thread(state, run)
        settle(state, run, Ending("cancelled"))
        return
    if run.ends is not None:
        run.ends = "cancelled" if why == "cancelled" else run.ends
        return
    run.ends = why
    if run.timer is not None:
        cancel_timer(run.timer)
    bifs.exit(run.pid, "shutdown")
    limit = run.plan.job.shutdown_seconds
    if limit is not None:
        run.timer = send_after(state.process.pid, Overdue(run, run.row.attempt, kill=True), limit)


def lose(state: State, key: Key) -> None:
    """Kill a run that another process has taken, or whose lease is over; it writes nothing."""
    run = state.runs.pop(key, None)
    if run is None:
        return
    run.over = True
    LOG.warning("The run %s of %s was taken away: its lease is over", run.row.scheduled_for, run.row.job)
    events.lost(state.ledger, state.owner, run.row)
    if run.timer is not None:
        cancel_timer(run.timer)
        run.timer = None
    if run.pid is not None:
        state.by_pid.pop(run.pid, None)
        bifs.exit(run.pid, "kill")
        run.pid = None
    if run.thread is not None and not run.thread.began:
        leave_thread(state, run)


async def end_all(state: State) -> None:
    """End all runs, each within its `shutdown`."""
    for run in list(state.runs.values()):
        if run.began:  # a tick that was claimed and not started waits for the next process
            cancel(state, run, "cancelled")
    limits = [run.plan.job.shutdown_seconds for run in state.by_pid.values()]
    finite = [limit for limit in limits if limit is not None]
    ends = None if len(finite) < len(limits) else state.clock.now() + max(finite, default=0.0) + GRACE
    while state.by_pid:
        left = None if ends is None else max(0.0, ends - state.clock.now())
        message = await receive((Performed, Down, Overdue, Freed), timeout=left)
        if message is TIMEOUT:
            break
        if type(message) is Performed:
            performed(state, message.pid, message.ending)
        elif type(message) is Down:
            down(state, message)
        elif type(message) is Overdue:
            overdue(state, message)
        elif type(message) is Freed:
            freed(state, message.thread)
    for run in state.runs.values():
        if not run.over and run.began:
            finish(state, run, "cancelled", run.error)
