"""The dispatcher of one worker class: it claims jobs, starts a process for each, and settles them.

    writer                       dispatcher                         process of a job
    ------                       ----------                         ----------------
              <-- Ask(Claim) --  as many as it has free slots
    jobs      ---------------->  starts                   ------->  perform(job)
              <-- Ask(Extend) -  every third of a lease
                                 exit, after `timeout`    ------->
              <-- Ask(Ack) ----                           <-------  Performed(settlement), or its end

The dispatcher waits for nothing: its requests are answered by messages, so that heartbeats go on while a commit is
slow, or the writer starts again. A settlement that fails is tried again until the job's lease is over.

The processes of the jobs are linked to the dispatcher, which learns of each end by that. If it ends itself, it kills
them, also those that trap exits: no job goes on without heartbeats.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from regrow.behaviours.gen.request_ids import RequestId, Responded, receive_response, send_request
from regrow.behaviours.gen.results import NoReply, Ok
from regrow.behaviours.gen_server.gen_server import From, GenServer, reply
from regrow.kernel import bifs, links, requests
from regrow.kernel.process_record import extras
from regrow.kernel.running import running
from regrow.kernel.sending import send
from regrow.kernel.signals import Exited
from regrow.kernel.spawning import spawn_link
from regrow.kernel.timers import cancel_timer, send_after
from regrow.servers.queue import queue_events
from regrow.servers.queue.errors import LeaseLost, PayloadError, QueueError
from regrow.servers.queue.job import JobError
from regrow.servers.queue.names import holder
from regrow.servers.queue.ops import Ack, Claimed, Extend, Nack
from regrow.servers.queue.performing import JobThread, Performed, Settlement, attempt_error, ended, perform
from regrow.servers.queue.requests import Ask

if TYPE_CHECKING:
    from regrow.kernel.addresses import Name
    from regrow.kernel.alarms import Timer
    from regrow.kernel.process_record import Pid, Process
    from regrow.servers.queue.job import Job
    from regrow.servers.queue.workspec import WorkSpec

FIRST_PAUSE: Final = 0.1  # seconds before a failed request is sent again; doubled up to the longest
LONGEST_PAUSE: Final = 5.0
UNTIL_KILL: Final = 5.0  # seconds that a job has after its timeout
RELEASE: Final = 5.0  # seconds that the store has to take back the jobs of a dispatcher that ends

CLAIM: Final = "claim"
BEAT: Final = "beat"


class Work:
    """A job that this dispatcher holds.

    Attributes:
        claimed: the job as the store has it.
        job: the job as the worker gets it; None if its payload does not decode.
        pid: the process that performs it.
        lease_until: the end of its lease, in monotonic seconds.
        timer: the next step of its timeout.
        thread: the thread in which its code runs.
        settlement: how its lease is to end; None while its code runs.
        tries: how often the store was asked for it.
        began: the monotonic time of its start.
    """

    __slots__ = ("began", "claimed", "job", "lease_until", "pid", "settlement", "thread", "timer", "tries")

    def __init__(self, claimed: Claimed, began: float) -> None:
        self.claimed: Claimed = claimed
        self.job: Job[Any] | None = None
        self.pid: Pid | None = None
        self.lease_until: float = claimed.lease_until
        self.timer: Timer | None = None
        self.thread: JobThread | None = None
        self.settlement: Settlement | None = None
        self.tries: int = 0
        self.began: float = began


class Again:
    """The message to settle a job once more."""

    __slots__ = ("work",)

    def __init__(self, work: Work) -> None:
        self.work: Work = work


class Overdue:
    """The message that a job has had its time; at the second one it is killed."""

    __slots__ = ("second", "work")

    def __init__(self, work: Work, second: bool) -> None:
        self.work: Work = work
        self.second: bool = second


class State:
    """The state of a dispatcher."""

    def __init__(self, spec: WorkSpec, broker: Name, process: Process) -> None:
        self.spec = spec
        self.broker = broker
        self.process = process
        self.now: Callable[[], float] = process.node.clock.now
        self.holder: str = holder()
        lease = spec.settings.lease
        self.lease: float = lease.total_seconds() if isinstance(lease, timedelta) else lease
        self.code: Callable[[Any], Any] = spec.make()
        self.works: dict[tuple[int, int], Work] = {}  # by id and token: running, or not settled
        self.pids: dict[Pid, Work] = {}  # whose code runs
        self.orphans: set[JobThread] = set()  # they still run the code of a job whose process has ended
        self.idle_threads: list[JobThread] = []
        self.answers: dict[RequestId, Callable[[State, Any], None]] = {}
        self.claim: RequestId | None = None
        self.claim_pause: float = 0.0
        self.beating = False
        self.draining: From | None = None
        self.stopped = False  # no more claims
        extras(process).tables[self] = None  # the end of the dispatcher calls `release`

    def __repr__(self) -> str:
        return f"State({self.spec.name!r}, {len(self.pids)} jobs run, {len(self.works)} are held)"

    def release(self, pid: Pid) -> None:
        """Kill the jobs when the dispatcher has ended; an exit signal would not end one that traps exits."""
        for job in self.pids:
            if job.process is not None:
                links.exit_signal(job.process, pid, "kill", False)


class Dispatcher(GenServer[State]):
    """The server that performs the jobs of one worker. Its argument is (spec, broker's name, the broker's dispatchers)."""

    def init(self, arg: tuple[WorkSpec, Name, dict[str, Pid]], /) -> Ok[State]:
        """Make the worker's object, and claim its first jobs."""
        spec, broker, dispatchers = arg
        bifs.trap_exit(True)
        state = State(spec, broker, running())
        dispatchers[spec.name] = state.process.pid
        self.claim(state)
        return Ok(state)

    def handle_call(self, request: Any, from_: From, state: State, /) -> Any:
        """Answer "drain" when no job is left; claim no more from now on."""
        if request == "drain":
            state.stopped = True
            if state.claim is not None:  # the writer gives back what it gets for this claim from now on
                requests.abandon(state.claim.call)
            state.draining = from_
            self.drained(state)
            return NoReply(state)
        return super().handle_call(request, from_, state)

    def handle_info(self, message: Any, state: State, /) -> Any:
        """Handle an answer of the writer, the end of a job, or a timer."""
        if type(message) is Responded:
            handler = state.answers.pop(message.request_id, None)
            if handler is not None:
                what, value = message.request_id.response
                handler(state, value if what == "reply" else QueueError(f"the broker {state.broker!r}: {value!r}"))
        elif type(message) is Performed:
            work = state.pids.pop(message.pid, None)
            if work is not None:
                self.settle(state, work, message.settlement)
        elif type(message) is Exited:
            work = state.pids.pop(message.pid, None)
            if work is not None and work.job is not None:
                self.leave_thread(state, work)
                self.settle(state, work, ended(state.spec, work.job, message.reason))
        elif type(message) is Again:
            self.send_settlement(state, message.work)
        elif type(message) is Overdue:
            self.overdue(state, message)
        elif message is CLAIM:
            self.claim(state)
        elif message is BEAT:
            self.beat(state)
        else:
            return super().handle_info(message, state)
        return NoReply(state)

    # Claims

    def claim(self, state: State) -> None:
        """Ask for as many jobs as there are free slots, unless a request is under way."""
        free = state.spec.concurrency - len(state.pids) - len(state.orphans)
        if state.stopped or state.claim is not None or free <= 0:
            return
        op = state.spec.settings.claim(free, state.holder)
        state.claim = self.ask(state, Ask(op, None), self.claimed)

    def ask(self, state: State, request: Ask, handler: Callable[[State, Any], None]) -> RequestId:
        """Send the writer a request; `handler` gets its answer."""
        sent = send_request(state.broker, request)
        assert isinstance(sent, RequestId)
        state.answers[sent] = handler
        return sent

    def claimed(self, state: State, answer: Any) -> None:
        """Start the jobs that the writer has claimed, or ask again after a pause."""
        state.claim = None
        if state.stopped:
            for work in self.take(state, answer):
                self.settle(state, work, Settlement("release"))
            return
        if isinstance(answer, QueueError):
            state.claim_pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * state.claim_pause))
            send_after(state.process.pid, CLAIM, state.claim_pause)
            return
        state.claim_pause = 0.0
        for work in self.take(state, answer):
            self.begin(state, work)
        self.claim(state)

    @staticmethod
    def take(state: State, answer: Any) -> list[Work]:
        """Note the jobs in the writer's answer to a claim as held."""
        found: list[Work] = []
        for claimed in () if isinstance(answer, QueueError) else answer:
            work = state.works[claimed.id, claimed.token] = Work(claimed, state.now())
            queue_events.job_start(state.broker, claimed, state.process.node.clock.times())
            found.append(work)
        return found

    def begin(self, state: State, work: Work) -> None:
        """Start the process of a job; one whose payload does not decode is buried."""
        claimed = work.claimed
        try:
            job = work.job = state.spec.job_of(claimed)
        except PayloadError as error:
            self.settle(state, work, Settlement("dead", 0.0, attempt_error(claimed.attempt, error)))
            return
        if state.spec.threaded:
            work.thread = self.take_thread(state)
        work.pid = spawn_link(perform, state.spec, state.code, job, state.process.pid, work.thread)
        state.pids[work.pid] = work
        if state.spec.timeout is not None:
            work.timer = send_after(state.process.pid, Overdue(work, False), state.spec.timeout)
        if not state.beating:
            state.beating = True
            send_after(state.process.pid, BEAT, state.lease / 3)

    def take_thread(self, state: State) -> JobThread:
        """Return a thread for the code of one job."""
        if state.idle_threads:
            return state.idle_threads.pop()

        def free(thread: JobThread) -> None:
            state.idle_threads.append(thread)
            if thread in state.orphans:
                state.orphans.discard(thread)
                send(state.process.pid, CLAIM)

        return JobThread(f"queue {state.spec.name} {state.process.pid}", free)

    @staticmethod
    def leave_thread(state: State, work: Work) -> None:
        """Keep the slot of a job whose process has ended while its code goes on in a thread."""
        if work.thread is not None and work.thread.runs:
            state.orphans.add(work.thread)
        elif work.thread is not None and work.thread not in state.idle_threads:
            state.idle_threads.append(work.thread)  # the process has ended before it used the thread

    # The end of a job

    def settle(self, state: State, work: Work, settlement: Settlement) -> None:
        """Ask the store to end the lease of a job as its attempt has ended, and claim the next job meanwhile."""
        if work.timer is not None:
            cancel_timer(work.timer)
            work.timer = None
        work.settlement = settlement
        self.send_settlement(state, work)
        self.claim(state)

    def send_settlement(self, state: State, work: Work) -> None:
        """Send the ack or the nack of a job to the writer."""

        def answered(state: State, answer: Any) -> None:
            self.settled(state, work, answer)

        self.ask(state, Ask(ending(work)), answered)

    def settled(self, state: State, work: Work, answer: Any) -> None:
        """Forget a job whose lease has ended; try again later if the store could not end it."""
        lost = isinstance(answer, LeaseLost)
        if isinstance(answer, QueueError) and not lost:
            if state.now() < work.lease_until:
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**work.tries)
                work.tries += 1
                send_after(state.process.pid, Again(work), pause)
                return
            lost = True
        assert work.settlement is not None
        if lost:
            self.forget_lost(state, work)
        else:
            del state.works[work.claimed.id, work.claimed.token]
            queue_events.job_stop(state.broker, work.claimed, work.settlement, answer, state.now() - work.began)
        self.drained(state)

    def overdue(self, state: State, message: Overdue) -> None:
        """End a job that has had its time: first with TimeoutError, then by a kill."""
        work = message.work
        if work.pid not in state.pids:
            return
        if message.second:
            bifs.exit(work.pid, "kill")
            return
        assert work.pid is not None
        limit = state.spec.timeout
        bifs.exit(work.pid, TimeoutError(f"the job ran for longer than its timeout of {limit} s"))
        work.timer = send_after(state.process.pid, Overdue(work, True), UNTIL_KILL)

    # Heartbeats

    def beat(self, state: State) -> None:
        """Extend the leases of all jobs that are held, also while draining."""
        state.beating = bool(state.works)
        if not state.works:
            return
        send_after(state.process.pid, BEAT, state.lease / 3)
        leases = tuple(state.works)

        def answered(state: State, answer: Any) -> None:
            if isinstance(answer, QueueError):
                self.end_lost(state)
                return
            for lease, until in zip(leases, answer, strict=True):
                work = state.works.get(lease)
                if work is None:
                    continue
                if until is None:
                    self.lose(state, work)
                else:
                    work.lease_until = until

        self.ask(state, Ask(Extend(state.spec.name, leases, state.lease)), answered)

    def end_lost(self, state: State) -> None:
        """End the jobs whose leases are over, since the store could not extend them."""
        now = state.now()
        for work in [one for one in state.works.values() if one.lease_until <= now]:
            self.lose(state, work)

    def lose(self, state: State, work: Work) -> None:
        """End a job whose lease is lost: another holder may have it."""
        if work.settlement is not None:
            return  # the answer to its settlement will say so
        assert work.pid is not None
        self.forget_lost(state, work)
        state.pids.pop(work.pid, None)
        bifs.exit(work.pid, "kill")
        self.leave_thread(state, work)
        self.claim(state)
        self.drained(state)

    @staticmethod
    def forget_lost(state: State, work: Work) -> None:
        """Forget a job whose lease is over: the store has freed it, or will."""
        state.works.pop((work.claimed.id, work.claimed.token), None)
        queue_events.lease_lost(state.broker, work.claimed)
        error = JobError(work.claimed.attempt, 0.0, "LeaseLost", "the lease was over before the job was settled")
        queue_events.job_exception(state.broker, work.claimed, error, state.now() - work.began)

    # The end of the dispatcher

    def drained(self, state: State) -> None:
        """Answer the request to drain when no job is left."""
        if state.draining is not None and not state.works:
            reply(state.draining, "drained")
            state.draining = None

    async def terminate(self, reason: Any, state: State, /) -> None:
        """Kill the jobs that still run and give them back, and settle the others."""
        state.stopped = True
        if state.claim is not None:  # its answer may have come, and wait in the mailbox
            requests.abandon(state.claim.call)
            match await receive_response(state.claim, 0.0):
                case ("reply", answer):
                    self.take(state, answer)
                case _:
                    pass
        asked: list[tuple[Work, RequestId]] = []
        for work in list(state.works.values()):
            if work.settlement is None:
                if work.pid is not None:
                    bifs.exit(work.pid, "kill")
                work.settlement = Settlement("release")
            sent = send_request(state.broker, Ask(ending(work)))
            assert isinstance(sent, RequestId)
            asked.append((work, sent))
        ends = state.now() + RELEASE
        for work, sent in asked:
            match await receive_response(sent, max(0.0, ends - state.now())):
                case ("reply", answer) if not isinstance(answer, QueueError):
                    settlement = work.settlement or Settlement("release")
                    queue_events.job_stop(state.broker, work.claimed, settlement, answer, state.now() - work.began)
                case _:
                    self.forget_lost(state, work)


def ending(work: Work) -> Ack | Nack:
    """Return the op that ends the lease of a job as its settlement says."""
    job, settlement = work.claimed, work.settlement
    assert settlement is not None
    if settlement.verdict is None:
        return Ack(job.queue, job.id, job.token)
    return Nack(job.queue, job.id, job.token, settlement.verdict, settlement.delay, settlement.error)
