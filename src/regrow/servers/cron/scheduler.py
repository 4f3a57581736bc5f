"""The scheduler: it sleeps until a tick is due, decides in the store what runs, and starts the runs.

    scheduler                        the store's writer              a run
    ---------                        ------------------              -----
    wakes when a tick is due
    decide          --- Within --->  one transaction
    starts          <--- claimed --
    perform         ------------------------------------------->     the job's code
                    <------------------------------------------      Performed
    finish          --- Within --->  one transaction: the outcome, and the next tick that waits

One transaction is under way at a time; what comes meanwhile is one transaction after it. While the store fails, nothing
runs that was not claimed; runs go on until the lease is over.

The wall clock is read at each wake. A nap is 30 s at most, since a timer of the monotonic clock sees neither a step of
the wall clock nor the time in suspend.
"""

from __future__ import annotations

import heapq
import logging
import os
import socket
from functools import partial
from typing import Any, Final

from regrow.behaviours.gen.request_ids import RequestId, Responded, receive_response, send_request
from regrow.behaviours.gen.results import Error, NoReply, Ok
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.gen_server.gen_server import From, GenServer
from regrow.kernel import bifs
from regrow.kernel.clock import Clock
from regrow.kernel.exits import CallExit
from regrow.kernel.process_record import extras
from regrow.kernel.running import running
from regrow.kernel.signals import Down
from regrow.kernel.timers import cancel_timer, send_after
from regrow.servers.cron import answering, events, planning, running_runs
from regrow.servers.cron.ledger.deciding import Decided, decide
from regrow.servers.cron.ledger.ending import LEASE, Ended, Looked, finish, leave, look
from regrow.servers.cron.ledger.opening import tables_of
from regrow.servers.cron.ledger.registering import Registered, boot, register, seen, stepped_back
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.liveness import Alive, has_ended, one_of_several, started_at
from regrow.servers.cron.rows import JobRow, ProcessRow
from regrow.servers.cron.run import Freed, Performed
from regrow.servers.cron.settings import Seat, Settings, new_owner
from regrow.servers.cron.state import State, Work
from regrow.servers.cron.stores import find_stores
from regrow.servers.queue.errors import QueueError, StoreError
from regrow.servers.queue.ops import Within
from regrow.servers.queue.requests import Ask, Maintain

LOG: Final = logging.getLogger("regrow")
NAP: Final = 30.0  # seconds until the wall clock is read again
LOOK: Final = 5.0  # seconds until the ledger is read for what others have written
STEP: Final = 1.0  # seconds; less than it is slewing
SEEN_EVERY: Final = 600.0  # seconds after which the ledger notes again which jobs the code has
LONGEST_PAUSE: Final = 30.0  # seconds until a store that fails is asked again
PATIENCE: Final = 30.0  # seconds for the store to answer at the start and at the end
SECOND: Final = 1_000_000

WAKE: Final = "wake"
RETRY: Final = "retry"
BOOT: Final = "regrow.cron"  # the key in the node's registries of the ledgers whose start is over


class Scheduler(GenServer[State]):
    """The server of a Cron. Its argument is (settings, seat)."""

    async def init(self, arg: tuple[Settings, Seat], /) -> Ok[State] | Error:
        """Register the jobs of the code in the ledger."""
        settings, seat = arg
        process = running()
        bifs.trap_exit(True)
        pid = os.getpid()
        owner = new_owner()
        me = ProcessRow(owner, socket.gethostname(), pid, started_at(pid), 0.0, 0.0)
        state = State(settings, seat, process, me)
        before, seat.owner, seat.scheduler = seat.owner, owner, process.pid
        extras(process).tables[Alive(owner, state.clock, process.pid, WAKE)] = None
        state.offset = state.clock.wall() - state.clock.now()
        await find_stores(state)
        work = Work(partial(register_in, state, before), partial(self.registered, state))
        try:
            about = await asked(settings, Maintain("diagnostics"))
            state.shared = about.get("kind") != "memory"
            (found,) = await asked(settings, Ask(self.within(state, [work])))
        except (StoreError, CallExit) as error:
            if before is None:
                return Error(error if isinstance(error, StoreError) else no_broker(settings))
            LOG.warning("The cron server %r has no ledger, which is tried until it has: %s", state.ledger, error)
            state.shared = True
            state.waiting.append(work)
            self.fail(state, error)
            return Ok(state)
        self.warn_of_several(state)
        work.done(found)
        await self.go_on(state)
        return Ok(state)

    @staticmethod
    def warn_of_several(state: State) -> None:
        """Log a warning if several workers would run every job, each for itself."""
        if not state.shared and state.plans and (why := one_of_several()) is not None:
            LOG.warning(
                "The cron server %r keeps its ledger in memory, and %s: each of the workers runs every job. With "
                "Cron(store=…), a SQLite file or a PostgreSQL database, one of them runs each tick",
                state.ledger,
                why,
            )

    async def handle_call(self, request: Any, from_: From, state: State, /) -> Any:
        """Answer a request of `Cron`'s functions when its transaction is committed."""
        if not answering.answer(state, request, from_):
            return super().handle_call(request, from_, state)
        await self.go_on(state)
        return NoReply(state)

    async def handle_info(self, message: Any, state: State, /) -> Any:
        """Handle the end of a transaction or of a run, or a timer."""
        if type(message) is Performed:
            running_runs.performed(state, message.pid, message.ending)
        elif type(message) is Down:
            running_runs.down(state, message)
        elif type(message) is Freed:
            running_runs.freed(state, message.thread)
        elif type(message) is Responded:
            self.responded(state, message.request_id)
        elif message is WAKE:
            if state.wake is not None:
                cancel_timer(state.wake)
                state.wake = None
        elif message is RETRY:
            state.pause = -state.pause
        elif type(message) is running_runs.Overdue:
            running_runs.overdue(state, message)
        elif type(message) is running_runs.Again:
            running_runs.again(state, message.run)
        else:
            return super().handle_info(message, state)
        await self.go_on(state)
        return NoReply(state)

    async def go_on(self, state: State) -> None:
        """Do what is to be done now, and set the timer for the rest."""
        now = state.clock.wall()
        if state.brokers:
            await find_stores(state)
        self.watch_clock(state, now)
        self.decide_due(state, round(now * SECOND))
        self.look_at(state)
        if state.ends and state.in_flight is None and state.pause <= 0:
            self.finish_runs(state)  # what ends while a transaction is under way is one work of the next
        self.flush(state)
        if state.to_start:
            await running_runs.start(state)
        self.set_wake(state)

    # Transactions

    def within(self, state: State, works: list[Work]) -> Within:
        """Return the op that applies works in one transaction."""
        applies = [work.apply for work in works]
        return Within(partial(apply_all, state.ledger, applies), f"cron {state.ledger}", state.puts)

    def flush(self, state: State) -> None:
        """Send what waits as one transaction, unless one is under way or the store has failed just now."""
        if state.in_flight is not None or not state.waiting or state.pause > 0:
            return
        works, state.waiting = state.waiting, []
        sent = send_request(state.settings.broker, Ask(self.within(state, works)))
        assert isinstance(sent, RequestId)
        state.in_flight = sent, works

    def responded(self, state: State, request: RequestId) -> None:
        """Go on after a transaction."""
        if state.in_flight is None or state.in_flight[0] is not request:
            return
        works = state.in_flight[1]
        state.in_flight = None
        what, answer = request.response
        if what == "reply" and not isinstance(answer, QueueError):
            if state.pause:
                LOG.warning("The cron server %r has its ledger again", state.ledger)
            state.pause = 0.0
            for work, result in zip(works, answer, strict=True):
                work.done(result)
            return
        error = answer if isinstance(answer, QueueError) else StoreError(f"the broker has ended: {answer!r}")
        kept = [work for work in works if work.failed is None]
        state.waiting[:0] = kept
        for work in works:
            if work.failed is not None:
                work.failed(error)
        self.fail(state, error)

    def fail(self, state: State, error: Exception) -> None:
        """Ask the store again after a pause; end the runs whose lease is over meanwhile."""
        before = abs(state.pause)
        state.pause = min(LONGEST_PAUSE, max(1.0, 2 * before))
        if not before:
            LOG.warning(
                "The cron server %r cannot use its ledger, which is tried until it can: %s", state.ledger, error
            )
        events.store_failed(state.ledger, state.owner, error, state.pause)
        send_after(state.process.pid, RETRY, state.pause)

    # The start

    def registered(self, state: State, found: Registered) -> None:
        """Note the jobs as the ledger has them, and start what this process has taken over."""
        state.lease_ends = state.clock.now() + LEASE
        state.changes = found.changes
        for change in found.changed:
            LOG.info("The job %r has another schedule: %s, before %s", change.job, change.new, change.old)
            events.changed(state.ledger, state.owner, change)
        planning.take_rows(state, found.rows)
        running_runs.claimed(state, found.started)
        if state.shared:
            planning.prune_all(state)
        jobs = [plan for plan in state.plans.values() if plan.at_boot]
        over: set[Any] = state.process.node.registries.setdefault(BOOT, set())
        if not jobs or state.start_key in over:
            over.add(state.start_key)
        elif found.others:
            state.boot = found.others
        else:
            self.boot(state)

    def boot(self, state: State) -> None:
        """Run the jobs of the start."""
        state.boot = None
        state.process.node.registries[BOOT].add(state.start_key)
        jobs = [plan for name, plan in state.active().items() if plan.at_boot and not is_paused(state.rows.get(name))]
        state.waiting.append(Work(lambda tables: boot(tables, jobs, state.owner), partial(planning.decided, state)))

    def watch_boot(self, state: State, found: Looked) -> None:
        """Run the jobs of the start if the processes from before have ended without an order; else leave them."""
        if state.boot is None:
            return
        over = {row.owner for row in found.over}
        alive = {row.owner: row.leased_at for row in found.alive}
        for owner, leased_at in state.boot.items():
            if owner in alive and alive[owner] == leased_at:
                return  # not known yet
            if owner not in over:  # it has renewed its lease, or ended in order: the program was running
                state.boot = None
                state.process.node.registries[BOOT].add(state.start_key)
                return
        self.boot(state)

    # Decisions

    def decide_due(self, state: State, now: int) -> None:
        """Ask for a decision about all jobs that are due."""
        heap = state.heap
        if state.deciding or state.stopped or not heap or heap[0][0] > now:
            return
        names: dict[str, int] = {}
        while heap and heap[0][0] <= now:
            due, place, name = heapq.heappop(heap)
            if state.due.get(name) == due:
                del state.due[name]
                names[name] = place
        if not names:
            return
        plans = [state.plans[name] for name in sorted(names, key=names.__getitem__)]
        state.deciding = True

        def failed(_: Exception) -> None:
            state.deciding = False
            for plan in plans:
                planning.schedule(state, plan.name)

        def done(found: Decided) -> None:
            state.deciding = False
            for plan in plans:
                if plan.name not in found.rows:  # it was forgotten while it is in the code: a new start registers it
                    state.rows.pop(plan.name, None)
            planning.decided(state, found)

        def apply(tables: Tables) -> Decided:
            return decide(tables, plans, state.owner)

        state.waiting.append(Work(apply, done, failed))

    def finish_runs(self, state: State) -> None:
        """Write the ends of runs."""
        ends, state.ends = state.ends, []
        plans = state.active()

        def apply(tables: Tables) -> Ended:
            return finish(tables, ends, plans, state.owner, state.stale)

        def done(found: Ended) -> None:
            for key in found.lost:
                running_runs.lose(state, key)
            for end in ends:
                state.runs.pop((end.job, end.scheduled_for), None)
            running_runs.claimed(state, found.started)

        state.waiting.append(Work(apply, done))

    # The clock, and other processes

    def watch_clock(self, state: State, wall: float) -> None:
        """Notice a step of the wall clock."""
        offset = wall - state.clock.now()
        by = offset - state.offset
        if -STEP < by < STEP:
            return
        state.offset = offset
        LOG.info("The wall clock was stepped by %.3f s", by)
        events.clock_stepped(state.ledger, state.owner, by)
        if by < 0:
            plans = list(state.active().values())
            step = round(by * SECOND)

            def done(rows: dict[str, JobRow]) -> None:
                planning.take_rows(state, rows)

            state.waiting.append(Work(lambda tables: stepped_back(tables, plans, step), done))

    def look_at(self, state: State) -> None:
        """Renew the lease and look for what others have written, when it is time; end runs whose lease is over."""
        now = state.clock.now()
        if state.shared and state.runs and now >= state.lease_ends:
            for key in [key for key, run in state.runs.items() if not run.over]:  # an end can still be written
                running_runs.lose(state, key)
        if not state.shared or state.looking or state.stopped or now < state.looked_at + LOOK:
            return
        if state.in_flight is not None or state.pause > 0:
            return  # the transaction under way may claim runs, which the look would take for claims without an answer
        state.looking = True
        plans, held, changes = state.active(), state.held(), state.changes

        def apply(tables: Tables) -> Looked:
            def gone(row: ProcessRow) -> bool:
                return has_ended(row, one_machine=tables.one_machine)

            return look(tables, plans, state.me, gone, held, changes)

        def done(found: Looked) -> None:
            state.looking = False
            state.lease_ends = now + LEASE
            self.looked(state, found)

        def failed(_: Exception) -> None:
            state.looking = False

        state.looked_at = now
        # It comes first, since nothing is to be claimed under a lease that is over; before it only the registration.
        state.waiting.insert(0 if state.changes >= 0 else 1, Work(apply, done, failed))
        if now >= state.seen_at + SEEN_EVERY:
            state.seen_at = now
            names = list(state.plans)
            state.waiting.append(Work(lambda tables: seen(tables, names), lambda _: None, lambda _: None))

    def looked(self, state: State, found: Looked) -> None:
        """Take over, cancel and give up runs as the ledger says."""
        state.changes = found.changes
        if found.rows is not None:
            planning.take_rows(state, found.rows)
        for key in found.lost:
            if (run := state.runs.get(key)) is not None and not run.over:
                running_runs.lose(state, key)
        running_runs.claimed(state, found.started)
        for key in found.cancel:
            if (run := state.runs.get(key)) is not None:
                running_runs.cancel(state, run, "cancelled")
        self.watch_boot(state, found)

    def set_wake(self, state: State) -> None:
        """Set the timer for the next thing to do."""
        now = state.clock.now()
        at = now + NAP if naps(state.clock) else None
        heap = state.heap
        while heap and state.due.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        if heap and not state.deciding and state.pause <= 0:
            due = now + max(0.0, heap[0][0] / SECOND - state.clock.wall())
            at = due if at is None else min(at, due)
        if state.shared and not state.stopped and state.in_flight is None and state.pause <= 0:
            look_at = state.looked_at + LOOK if not state.looking else now + LOOK
            at = look_at if at is None else min(at, look_at)
        if at is None or (state.wake is not None and now < state.wake_at <= at):
            return  # a wake that comes too early costs less than a timer that is set anew at each message
        if state.wake is not None:
            cancel_timer(state.wake)
        state.wake_at = at
        state.wake = send_after(state.process.pid, WAKE, max(at, now), abs=True)

    # The end

    async def terminate(self, reason: Any, state: State, /) -> None:
        """End the runs, each within its `shutdown`, and write what became of them."""
        state.stopped = True
        await running_runs.end_all(state)
        works = [*await self.unfinished(state), *state.waiting]
        ends, state.ends = state.ends, []
        alone = not state.shared

        def apply(tables: Tables) -> None:
            leave(tables, state.owner, ends, alone=alone)

        op = Within(partial(apply_all, state.ledger, [*(work.apply for work in works), apply]), f"cron {state.ledger}")
        try:
            await asked(state.settings, Ask(op))
        except (StoreError, CallExit) as error:
            LOG.warning("The cron server %r has ended, and its ledger was not written: %s", state.ledger, error)

    async def unfinished(self, state: State) -> list[Work]:
        """Wait for the transaction under way; return the works of it that have to be done again, since it failed."""
        if state.in_flight is None:
            return []
        request, works = state.in_flight
        state.in_flight = None
        what, answer = await answer_of(request)
        if what != "reply" or isinstance(answer, QueueError):
            return [work for work in works if work.failed is None]
        for work, result in zip(works, answer, strict=True):
            work.done(result)
        return []


async def answer_of(request: RequestId) -> tuple[str, Any]:
    """Wait for the answer to a transaction; return ("reply", answer), or another word and the reason."""
    response: Any = await receive_response(request, PATIENCE)
    return (response, None) if type(response) is str else response


def no_broker(settings: Settings) -> StoreError:
    """Return the error of a Cron that uses the store of a broker that does not run."""
    advice = ""
    if isinstance(settings.broker, str):
        advice = f". The path of a file has a folder or a suffix in it: './{settings.broker}'"
    return StoreError(
        f"Cron(store={settings.broker!r}): no broker of this name runs. Start it before the Cron, as a child that stands "
        f"before it{advice}"
    )


def naps(clock: Clock) -> bool:
    """Whether the wall clock has to be read again and again: a virtual clock says when it was stepped."""
    return not clock.virtual


def is_paused(row: JobRow | None) -> bool:
    """Whether a job is paused, or not in the ledger."""
    return row is None or row.paused_at is not None


def apply_all(ledger: str, applies: list[Any], transaction: Any) -> list[Any]:
    """Apply works to the ledger within a transaction of its store; return their results."""
    tables = tables_of(transaction, ledger)
    return [apply(tables) for apply in applies]


def register_in(state: State, before: str | None, tables: Tables) -> Registered:
    """Register a scheduler in the ledger."""

    def gone(row: ProcessRow) -> bool:
        return has_ended(row, one_machine=tables.one_machine)

    return register(tables, state.plans, state.me, before, gone)


async def asked(settings: Settings, request: Any) -> Any:
    """Ask the store's writer, and return the answer.

    Raises:
        StoreError: the store could not do it.
        CallExit: the writer does not run.
    """
    answer = await call(settings.broker, request, PATIENCE)
    if isinstance(answer, QueueError):
        raise answer
    return answer
