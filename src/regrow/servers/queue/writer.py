"""The writer: the one process that uses a store. It commits all requests that wait as one transaction.

    callers                 writer                                 its thread
    -------                 ------                                 ----------
    put, get, ack  --Ask--> collects them; "flush" comes after
                            all that is runnable has run
                            one batch, in flight      --->         store.run: one transaction
                   --Ask--> collects the next batch
                   <------  replies                   <---         committed

A request whose caller has gone by the flush is left out. A claim without a job, and a put without room, are parked
until one of these:

    a commit of this writer made jobs ready, or room    `Done.woke`, `Done.freed`
    time makes a job ready: `Done.due`                  a timer of the node; an empty `Extend` sweeps the store
    another process has written                         the thread asks `store.changed` while a request is parked
    the deadline of the request                         a timer of the node

What a failed commit means for the requests:

    StoreFull, StoreBusy   the batch gets the error, and the writer goes on
    any other error        every request gets the error, and the writer ends; the next one opens the store anew

If the next one cannot open it, since the server is away, it answers each request with the reason, and tries again after
0.1 to 5 s: a store that is away for a minute must not end the application. The first start fails instead.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from regrow.behaviours.gen.blocking_thread import BlockingThread
from regrow.behaviours.gen.results import Error, NoReply, Ok, Reply, Stop
from regrow.behaviours.gen_server.gen_server import From, GenServer, reply
from regrow.kernel import bifs
from regrow.kernel.process_record import Process, extras
from regrow.kernel.receiving import receive
from regrow.kernel.running import running
from regrow.kernel.sending import send, send_after_runnable
from regrow.kernel.timers import cancel_timer, send_after
from regrow.servers.queue import queue_events
from regrow.servers.queue.claiming import GiveBack
from regrow.servers.queue.errors import QueueError, StoreBusy, StoreError, StoreFull
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Claim, Claimed, Extend, Look, Nack, Op, Prune, Put, ReadStats
from regrow.servers.queue.parked import Entry
from regrow.servers.queue.requests import Ask, Maintain
from regrow.servers.queue.store import Done, Store
from regrow.servers.queue.store_use import Closing, comes_back, use_of
from regrow.servers.queue.writer_state import FIRST_PAUSE, Committed, Due, Expired, Opened, State

LOG: Final = logging.getLogger("regrow")
MOST_OPS: Final = 1_000  # in one transaction
MOST_BYTES: Final = 4 << 20  # of payload in one transaction
LONGEST_LOOK: Final = 5.0  # seconds: a step of the wall clock is noticed after this time
MOST_AGAIN: Final = 100  # jobs that parked claims are tried again for at once: ten thousand would hold up the loop
PRUNE_EVERY: Final = 60.0  # seconds
RETRY_AFTER: Final = 1.0  # seconds until the next look after a commit that failed

LONGEST_PAUSE: Final = 5.0  # seconds before the store is opened again

FLUSH: Final = "flush"
DUE: Final = "due"
CHANGED: Final = "changed"
POLL: Final = "poll"
PRUNE: Final = "prune"
REOPEN: Final = "reopen"
SWEEP: Final = Extend("", (), 0.0)  # changes nothing; each commit but those of reads alone sweeps the store


class Writer(GenServer[State]):
    """The server of one store. Its argument is (store, broker's name, seconds that dead jobs are kept, restarted)."""

    async def init(self, arg: tuple[Store, object, float | None, bool], /) -> Ok[State] | Error:
        """Open the store, which waits for the end of an earlier writer's thread."""
        store, broker, keep_dead, restarted = arg
        process = running()
        bifs.trap_exit(True)
        state = State(store, process, broker, keep_dead)
        try:
            if store.threaded:
                idle = partial(self.poll, state) if state.polls else None
                last = partial(use_of(store).close, store, process.pid)
                state.thread = BlockingThread(f"queue {process.pid}", idle=idle, last=last)
                await state.thread.run(self.open, state)
            else:
                extras(process).tables[Closing(store)] = None  # the end of the process calls its `release`
                self.open(state)
        except StoreError as error:
            if not restarted or not comes_back(error):
                return Error(error)
            self.away(state, error)
        if keep_dead is not None:
            send_after(process.pid, PRUNE, 0)
        return Ok(state)

    @staticmethod
    def open(state: State) -> None:
        """Open the store. In the thread, if there is one."""
        use_of(state.store).open(state.store, state.clocks, state.process.pid, state.thread)

    def reopen(self, state: State) -> None:
        """Try to open the store that could not be opened."""

        def done(_: Any, error: BaseException | None) -> None:
            send(state.process.pid, Opened(error))

        if state.thread is not None:
            state.thread.submit(self.open, state, done=done)
            return
        try:
            self.open(state)
        except StoreError as error:
            done(None, error)
        else:
            done(None, None)

    def away(self, state: State, error: BaseException) -> None:
        """Answer requests with this error until the store is open; try to open it after a pause."""
        queue_events.store_error(state.broker, error)
        if state.closed is None:
            LOG.warning("The store %r could not be opened again, which is tried until it is: %s", state.store, error)
        state.closed = error
        send_after(state.process.pid, REOPEN, state.pause)
        state.pause = min(LONGEST_PAUSE, 2 * state.pause)

    def opened(self, state: State, error: BaseException | None) -> Any:
        """Go on with the store, or without it for one more pause."""
        if error is None:
            LOG.warning("The store %r is open again", state.store)
            state.closed, state.pause = None, FIRST_PAUSE
            if state.keep_dead is not None:
                self.own(state, Prune(state.keep_dead))
        elif comes_back(error):
            self.away(state, error)
        else:
            return Stop(error, state)
        return NoReply(state)

    async def terminate(self, reason: Any, state: State, /) -> None:
        """Commit what has been asked for, and wait until the store is closed."""
        thread = state.thread
        if thread is None:
            return
        if state.in_flight:
            self.committed(state, await receive(Committed))
        while batch := self.next_batch(state):
            result, error = None, None
            try:
                result = await thread.run(state.store.run, [entry.op for entry in batch], state.clocks)
            except Exception as problem:
                error = problem
            self.committed(state, Committed(batch, result, error, 0.0))
        thread.release()
        await thread.joined()

    def handle_call(self, request: Any, from_: From, state: State, /) -> Any:
        """Collect an `Ask`, or do a `Maintain` in the thread."""
        if state.closed is not None:
            return Reply(state.closed, state)
        if type(request) is Ask:
            self.ask(state, Entry(request.op, from_, state.clock.now(), request.timeout))
            return NoReply(state)
        if type(request) is Maintain:
            return self.maintain(state, request, from_)
        return Reply(QueueError(f"a queue's writer was asked for {request!r}, which it does not know"), state)

    def handle_cast(self, request: Any, state: State, /) -> Any:
        """Release the jobs of a caller that has gone with the answer to its claim."""
        if type(request) is GiveBack:
            self.give_back(state, request.jobs)
            return NoReply(state)
        return super().handle_cast(request, state)

    def handle_info(self, message: Any, state: State, /) -> Any:
        """Flush, take a batch back, or try parked requests again."""
        if type(message) is Committed:
            return self.committed(state, message)
        if type(message) is Opened:
            return self.opened(state, message.error)
        if message is FLUSH:
            state.flush_asked = False
            self.flush(state)
        elif type(message) is Expired:
            if state.parked.remove(message.entry):
                self.answer(message.entry, [] if type(message.entry.op) is Claim else None)
        elif message is POLL:
            self.poll_here(state)
        elif message is DUE:
            state.due = None
            if state.parked:
                self.again(state, state.parked.take_limited())
                self.own(state, SWEEP)
        elif message is CHANGED:
            wanting, full = state.parked.wanted()
            if wanting or full:
                self.own(state, Look(wanting, full))
        elif message is REOPEN:
            self.reopen(state)
        elif message is PRUNE:
            assert state.keep_dead is not None
            self.own(state, Prune(state.keep_dead))
        else:
            return super().handle_info(message, state)
        return NoReply(state)

    # Collecting

    def ask(self, state: State, entry: Entry) -> None:
        """Take a request: into the next batch, or behind those that wait for the same."""
        line = state.parked.line(entry)
        if line:
            if entry.may_wait(state.clock.now()):
                self.park(state, entry)
                return
            self.again(state, state.parked.take_line(entry))  # they came first
        state.waiting.append(entry)
        if type(entry.op) is Put and entry.op.queue in state.parked.claims:
            # One commit stores the jobs and hands them out.
            state.waiting += state.parked.take_claims(entry.op.queue, len(entry.op.jobs))
        self.want_flush(state)

    def own(self, state: State, op: Op) -> None:
        """Add a request of the writer itself to the next batch; without a store there is none."""
        if state.closed is not None:
            return
        state.waiting.append(Entry(op, None, state.clock.now(), 0.0))
        self.want_flush(state)

    def again(self, state: State, entries: list[Entry]) -> None:
        """Put entries that were parked into the next batch, before those that came later."""
        if entries:
            state.waiting[:0] = entries
            self.want_flush(state)

    def want_flush(self, state: State) -> None:
        """Ask for a flush when all that is runnable has run: a flush at once would commit half of the callers."""
        if not state.in_flight and not state.flush_asked:
            state.flush_asked = True
            send_after_runnable(state.process, FLUSH)

    def park(self, state: State, entry: Entry) -> None:
        """Let an entry wait for a job or for room."""
        if entry.deadline is not None:
            entry.timer = send_after(state.process.pid, Expired(entry), entry.deadline, abs=True)
        first = not state.parked
        state.parked.park(entry)
        if first and state.polls:
            self.poll_soon(state)

    # The batch

    def flush(self, state: State) -> None:
        """Send the next batch to the store."""
        if state.in_flight:
            return
        batch = self.next_batch(state)
        if not batch:
            return
        state.in_flight = True
        began = state.clock.now()
        ops = [entry.op for entry in batch]

        def done(result: Any, error: BaseException | None) -> None:
            send(state.process.pid, Committed(batch, result, error, state.clock.now() - began))

        if state.thread is not None:
            state.thread.submit(state.store.run, ops, state.clocks, done=done)
            return
        result: Done | None = None
        raised: BaseException | None = None
        try:
            result = state.store.run(ops, state.clocks)
        except Exception as error:
            raised = error
        done(result, raised)

    def next_batch(self, state: State) -> list[Entry]:
        """Remove and return the first of those that wait, without those whose callers have gone."""
        waiting = state.waiting
        batch: list[Entry] = []
        size = taken = 0
        for entry in waiting:
            if len(batch) == MOST_OPS or (batch and size + entry.size > MOST_BYTES):
                break
            taken += 1
            if entry.from_ is None or entry.wanted:
                batch.append(entry)
                size += entry.size
        state.waiting = waiting[taken:]
        return batch

    def committed(self, state: State, message: Committed) -> Any:
        """Answer the batch, park what had no job or no room, and send the next."""
        state.in_flight = False
        done = message.result
        if done is None:
            return self.failed(state, message)
        now = state.clock.now()
        drained: set[str] = set()  # queues without a job that a claim of this batch could have had
        served: set[str] = set()  # queues in which a claim got all that it wanted: there may be more
        for entry, result in zip(message.batch, done.results, strict=True):
            op = entry.op
            if type(op) is Claim and not isinstance(result, QueueError):
                (drained if len(result) < op.count else served).add(op.queue)
            if entry.from_ is None:
                self.own_done(state, op, result)
            elif not result and entry.may_wait(now):
                if entry.wanted:
                    self.park(state, entry)
                    queue_events.full(state.broker, entry)
            elif type(op) is Claim and not entry.wanted:
                self.give_back(state, result)
            else:
                self.answer(entry, result)
                if type(op) is Put:
                    self.put_done(state, entry, result, now)
        queue_events.commit(state.broker, len(message.batch), message.took, done)
        if queue_events.size_is_due(state.sized_at, now):
            state.sized_at = now
            self.own(state, ReadStats())
        for queue in (done.woke | served) - drained:
            self.again(state, state.parked.take_claims(queue, MOST_AGAIN))
        for queue in done.freed:
            self.again(state, state.parked.take_puts(queue))
        if state.parked and done.due is not None:
            self.set_due(state, now + min(done.due, LONGEST_LOOK))
        if state.waiting:
            self.want_flush(state)
        return NoReply(state)

    def failed(self, state: State, message: Committed) -> Any:
        """Answer the batch with the error of its commit; end with it, unless the store goes on."""
        error = message.error
        if error is not None:
            queue_events.store_error(state.broker, error)
        if isinstance(error, StoreFull | StoreBusy):
            for entry in message.batch:
                self.answer(entry, error)
            if state.parked:
                self.set_due(state, state.clock.now() + RETRY_AFTER)
            if state.waiting:
                self.want_flush(state)
            return NoReply(state)
        if not isinstance(error, QueueError):
            problem = StoreError(f"the store {state.store!r} failed: {type(error).__name__}: {error}")
            problem.__cause__ = error
            error = problem
        for entry in [*message.batch, *state.waiting, *state.parked.take_all()]:
            self.answer(entry, error)
        state.waiting = []
        return Stop(error, state)

    def answer(self, entry: Entry, result: Any) -> None:
        """Send a caller its answer."""
        if entry.from_ is not None:
            reply(entry.from_, result)

    @staticmethod
    def put_done(state: State, entry: Entry, result: Any, now: float) -> None:
        """Emit what became of a put."""
        if result is None:
            queue_events.full(state.broker, entry)
        elif not isinstance(result, QueueError):
            queue_events.put(state.broker, entry, result, now)

    def give_back(self, state: State, result: Any) -> None:
        """Release the jobs of a caller that has gone while its claim was committed."""
        if not isinstance(result, QueueError):
            claimed: Sequence[Claimed] = result
            for job in claimed:
                self.own(state, Nack(job.queue, job.id, job.token, "release"))

    def own_done(self, state: State, op: Op, result: Any) -> None:
        """Go on after a request of the writer itself."""
        if type(op) is Look and not isinstance(result, QueueError):
            queues: frozenset[str] = result
            for queue in queues:
                self.again(state, state.parked.take_claims(queue, MOST_AGAIN))
                self.again(state, state.parked.take_puts(queue))
        elif type(op) is ReadStats and not isinstance(result, QueueError):
            self.emit_sizes(state, result)
        elif type(op) is Prune:
            if result == op.limit:
                self.own(state, op)
            else:
                send_after(state.process.pid, PRUNE, PRUNE_EVERY)

    @staticmethod
    def emit_sizes(state: State, stats: dict[str, Stats]) -> None:
        """Emit the sizes of the queues, and that of the write-ahead log, which the thread reads."""

        def done(found: Any, error: BaseException | None) -> None:
            queue_events.sizes(state.broker, stats, 0 if error is not None else found.get("wal_bytes", 0))

        if state.thread is not None:
            state.thread.submit(state.store.diagnostics, done=done)
        else:
            done(state.store.diagnostics(), None)

    # Waiting

    def set_due(self, state: State, when: float) -> None:
        """Look at the store at a time, unless an earlier look is set."""
        if state.due is not None:
            if state.due.at <= when:
                return
            cancel_timer(state.due.timer)
        state.due = Due(when, send_after(state.process.pid, DUE, when, abs=True))

    def poll_soon(self, state: State) -> None:
        """Begin to ask whether another process has written, since a request is parked now."""
        if state.thread is not None:
            state.thread.wake()
        elif state.store.poll is not None:
            send_after(state.process.pid, POLL, state.store.poll)

    def poll_here(self, state: State) -> None:
        """Ask whether another process has written, for a store without a thread, while a request is parked."""
        if state.parked and (wait := self.poll(state)) is not None:
            send_after(state.process.pid, POLL, wait)

    @staticmethod
    def poll(state: State) -> float | None:
        """Ask whether another process has written; return the seconds until the next time. In the thread, if there is one.

        Now and then it reports a change that may be none: the writer then drops requests whose callers have gone.
        """
        if not state.parked:
            return None
        now = state.clock.now()
        try:
            changed = state.store.changed()
        except StoreError:
            changed = True  # the next commit meets the error, and the writer ends with it
        if changed or now >= state.look_at:
            state.look_at = now + LONGEST_LOOK
            state.process.node.post(send_changed, state.process)
        return state.store.poll

    def maintain(self, state: State, request: Maintain, from_: From) -> Any:
        """Copy, check or describe the store, in a second thread: commits go on."""
        function = getattr(state.store, request.what)
        args = (request.path,) if request.what == "backup" else ()

        def done(value: Any, error: BaseException | None) -> None:
            if error is not None and not isinstance(error, QueueError):
                error = StoreError(f"the {request.what} of {state.store!r} failed: {type(error).__name__}: {error}")
            reply(from_, value if error is None else error)

        if not state.store.threaded:
            try:
                done(function(*args), None)
            except Exception as error:
                done(None, error)
            return NoReply(state)
        thread = BlockingThread(f"queue {request.what} {state.process.pid}")
        thread.submit(function, *args, done=done)
        thread.submit(bool, done=lambda _, __: thread.release())
        return NoReply(state)


def send_changed(process: Process) -> None:
    """Send the writer word that another process may have written; posted by its thread."""
    if process.alive:
        send(process.pid, CHANGED)
